"""The network's ephemerides: who told what, which set is in use, and why others are not.

Sets are of an orbit like GPS'; one is moved by its mean anomaly, of which 1e-6 rad are 27 m along the way.
What should come of it is in the tables of faults (E01 to E05, R21) and the interface documents.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_orbit import made
from watching import T0, chunk, epochs, network, play
from wire import epoch, framed

import hncors
from hncors import gpstime
from hncors.gpstime import WEEK_MS
from hncors.measure import ephemeris_store as store
from hncors.measure.ephemeris_store import INACCURATE, NONE, OK, STALE, UNHEALTHY, Store
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import GNSS, NUMBER

HOUR_MS = 3_600_000
NOW = gpstime.from_iso("2026-03-10T12:30:00")
TOE = gpstime.from_iso("2026-03-10T12:00:00")
MINUTE_MS = 60_000


def gps(toe_ms: int = TOE, along_m: float = 0.0, **changes: float) -> Ephemeris:
    """G07 on one orbit whatever the toe, or ahead of itself on it."""
    one = made(1019, 7, TOE, 1)
    values = dict(one.values)
    axis_m = values["sqrt_a_sqrt_m"] ** 2
    motion = np.sqrt(3.986005e14) / axis_m**1.5 + values["delta_n_rad_s"]
    later_s = (toe_ms - TOE) / 1000
    values["m0_rad"] += motion * later_s + along_m / axis_m
    values["omega0_rad"] += values["omega_dot_rad_s"] * later_s
    values["i0_rad"] += values["i_dot_rad_s"] * later_s
    values["af0_s"] += values["af1_s_s"] * later_s
    week, tow_ms = divmod(toe_ms, WEEK_MS)
    values |= {
        "week": week % 1024,
        "toe_s": tow_ms / 1000,
        "toc_s": tow_ms / 1000,
        "iode": toe_ms // HOUR_MS % 256,
    }
    return Ephemeris("G", 7, 1019, values | changes)


def used_toe(one: Store) -> int:
    row = one.table.row[0, 7, 0]
    return int(one.table.toe_ms[row]) if row >= 0 else -1


def kinds(news: list[store.News]) -> dict[tuple[int, str], int]:
    return dict(Counter((one.station, one.kind) for one in news))


def test_e01_the_newest_set_decides_health() -> None:
    one = Store()
    one.add(gps(), NOW, 0)
    assert one.update(NOW) == [] and one.table.why[0, 7, 0] == OK
    one.add(gps(TOE + 2 * HOUR_MS, health=63), NOW, 0)
    one.add(gps(), NOW, 1)  # another station still tells the old one
    one.update(NOW + 1000)
    assert one.table.why[0, 7, 0] == UNHEALTHY
    assert used_toe(one) == TOE + 2 * HOUR_MS


def test_sets_are_held_against_each_other_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of stations that go over to a new set one by one: GLONASS' arcs are dear to integrate."""
    compared, states = [], store.states

    def counted(sets, *others):
        compared.append(len(sets))
        return states(sets, *others)

    monkeypatch.setattr(store, "states", counted)
    one = Store()
    for station in range(200):
        one.add(gps(), NOW, station)
    one.update(NOW)
    for station in range(200):
        one.add(gps(TOE + 2 * HOUR_MS), NOW, station)
        one.update(NOW + 100 * station)
    assert compared == [2]
    assert used_toe(one) == TOE + 2 * HOUR_MS
    one.add(gps(TOE + 2 * HOUR_MS, along_m=100), NOW + 30_000, 7)  # a third, which contradicts both
    assert kinds(one.update(NOW + 30_000)) == {(7, "ephemeris_outvoted"): 1}
    one.add(gps(TOE + 2 * HOUR_MS), NOW + MINUTE_MS, 7)
    one.update(NOW + MINUTE_MS)
    assert compared == [2, 3, 3]


def test_e02_sets_grow_old() -> None:
    one = Store()
    one.add(gps(), NOW, 0)
    one.update(TOE + 2 * HOUR_MS)
    assert one.table.why[0, 7, 0] == OK
    one.update(TOE + 2 * HOUR_MS + 1)
    assert one.table.why[0, 7, 0] == STALE and used_toe(one) == -1
    assert one.table.why[0, 8, 0] == NONE


def test_e02_a_station_that_repeats_sets_of_weeks_ago_is_named() -> None:
    one = Store()
    one.add(gps(), NOW, 0)
    for _ in range(3):
        one.add(gps(TOE - 3 * WEEK_MS), NOW, 1)
    assert kinds(one.update(NOW)) == {(1, "ephemeris_stale"): 3}
    assert used_toe(one) == TOE


def test_e03_i_nav_and_f_nav_stand_beside_each_other() -> None:
    one = Store()
    for message in (1045, 1046):
        made_set = made(message, 11, TOE, 2)
        delays = {"bgd_e5a_s": 1e-9 if message == 1045 else 4e-9, "bgd_e5b_s": 2e-9, "sisa_index": 107}
        one.add(Ephemeris("E", 11, message, {**made_set.values, **delays}), NOW, 0)
    one.update(NOW)
    galileo = GNSS.index("E")
    i_nav, f_nav = one.table.row[galileo, 11]
    e1 = NUMBER[galileo]["1C"]
    # The delay comes out of the very set the clock is of: I/NAV has BGD(E1, E5b), F/NAV BGD(E1, E5a).
    assert one.table.delay_m[i_nav, e1] == pytest.approx(2e-9 * 299_792_458)
    assert one.table.delay_m[f_nav, e1] == pytest.approx(1e-9 * 299_792_458)


def test_e04_a_set_that_promises_nothing_is_not_used() -> None:
    one = Store()
    one.add(gps(ura_index=15), NOW, 0)
    one.update(NOW)
    assert one.table.why[0, 7, 0] == INACCURATE


def test_e05_most_stations_decide_and_the_other_is_named() -> None:
    one = Store()
    for station, along_m in enumerate((0.0, 0.0, 500.0, 0.0)):
        one.add(gps(along_m=along_m), NOW, station)
    assert kinds(one.update(NOW)) == {(2, "ephemeris_outvoted"): 1}
    one.add(gps(along_m=500.0), NOW + 1000, 2)  # told again, counted again
    assert kinds(one.update(NOW + 1000)) == {(2, "ephemeris_outvoted"): 1}
    right = store.states([gps()], np.array([NOW]), np.zeros(1)).position_m
    row = one.table.row[0, 7, 0]
    there = one.table.orbits.at(np.array([row]), np.array([NOW]), np.zeros(1)).position_m
    assert np.linalg.norm(there - right) < 0.001


def test_e05_one_wrong_set_that_came_first_is_outvoted_later() -> None:
    one = Store()
    one.add(gps(along_m=500.0), NOW, 2)
    one.update(NOW)
    for station in (0, 1):
        one.add(gps(), NOW + 1000, station)
    assert kinds(one.update(NOW + 1000)) == {(2, "ephemeris_outvoted"): 1}


def test_r21_a_set_that_contradicts_the_one_before_is_rejected() -> None:
    """What is on the air agrees within metres at the hand-over; 100 m is no such thing."""
    one = Store()
    one.add(gps(), NOW, 0)
    one.update(NOW)
    later = TOE + 2 * HOUR_MS
    one.add(gps(later, along_m=5.0), later - HOUR_MS, 0)
    assert one.update(later - HOUR_MS) == [] and used_toe(one) == later
    garbage = later + 2 * HOUR_MS
    one.add(gps(garbage, along_m=100.0), garbage - HOUR_MS, 0)
    assert kinds(one.update(garbage - HOUR_MS)) == {(0, "ephemeris_rejected"): 1}
    assert used_toe(one) == later
    one.update(later + 2 * HOUR_MS + 1)  # the old one says nothing any more
    assert used_toe(one) == garbage


def test_r21_a_second_station_confirms_a_jump() -> None:
    """A satellite that was moved is elsewhere for everybody."""
    one = Store()
    for station in (0, 1):
        one.add(gps(), NOW, station)
    one.update(NOW)
    moved = gps(TOE + 2 * HOUR_MS, along_m=3000.0)
    one.add(moved, NOW, 0)
    assert kinds(one.update(NOW)) == {(0, "ephemeris_rejected"): 1} and used_toe(one) == TOE
    one.add(moved, NOW, 1)
    one.update(NOW)
    assert used_toe(one) == TOE + 2 * HOUR_MS


def test_r21_a_clock_that_jumps_is_rejected_like_a_place() -> None:
    one = Store()
    one.add(gps(), NOW, 0)
    one.update(NOW)
    one.add(gps(TOE + 2 * HOUR_MS, af0_s=gps()["af0_s"] + 1e-6), NOW, 0)
    assert kinds(one.update(NOW)) == {(0, "ephemeris_rejected"): 1} and used_toe(one) == TOE


def test_sets_that_wait_serve_until_a_station_tells_one() -> None:
    one = Store()
    for hours in (-2, 0, 2):
        one.add(gps(TOE + hours * HOUR_MS), TOE + hours * HOUR_MS)
    one.update(NOW)
    assert used_toe(one) == TOE  # the nearest
    one.add(gps(TOE - HOUR_MS), NOW, 0)
    one.update(NOW + 1000)
    assert used_toe(one) == TOE - HOUR_MS


def test_numbers_that_receivers_fill_in_differently_make_no_new_set() -> None:
    one = Store()
    for station, changes in enumerate(({}, {"l2p_off": 1}, {"l2_codes": 1}, {"fit_flag": 1})):
        one.add(gps(**changes), NOW, station)
    one.update(NOW)
    assert len(one._known) == 1 and one._used[14].stations == {0, 1, 2, 3}


def test_stations_that_go_take_their_votes_with_them() -> None:
    one = Store()
    for station, along_m in enumerate((0.0, 0.0, 500.0)):
        one.add(gps(along_m=along_m), NOW, station)
    one.update(NOW)
    one.renumber(np.array([-1, 0, 1]))
    assert one._used[14].stations == {0}


def test_r22_floods_of_sets_stay_bounded_and_move_nobody() -> None:
    one = Store()
    for station in (0, 1):
        one.add(gps(), NOW, station)
    one.update(NOW)
    for n in range(500):
        one.add(gps(along_m=100.0 + n), NOW + n, 2)
        if n % 50 == 0:
            one.update(NOW + n)
    one.update(NOW + 500)
    assert used_toe(one) == TOE and one._used[14].stations == {0, 1}
    assert len(one._known) <= store.KEPT and len(one._held[14]) <= store.KEPT


@pytest.mark.parametrize("seed", range(2))
def test_what_is_said_again_says_what_it_would_say_anew(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets as decoding gives them, the same object when it comes again, against adding every one of them."""
    monkeypatch.setattr(store, "KEPT", 3)  # sets are forgotten, and told again
    chance = np.random.default_rng(seed)
    hourly = [gps(TOE + hour * HOUR_MS) for hour in range(13)]
    others = [gps(TOE + HOUR_MS * n, along_m=1000.0 * n) for n in range(1, 7)]
    others += [gps(TOE, health=1), gps(TOE - 24 * HOUR_MS)]
    short, long, spared, now_ms = Store(), Store(), 0, NOW
    for _ in range(300):
        now_ms += int(chance.integers(0, 120_000))
        for station in range(8):
            told = hourly[(now_ms - TOE) // HOUR_MS]
            if chance.random() < 0.4:
                told = others[chance.integers(len(others))]
            near_ms = now_ms + int(chance.choice([0, 10_000, -5 * HOUR_MS], p=[0.9, 0.05, 0.05]))
            if short.again(told, near_ms, station):
                spared += 1
            else:
                short.add(told, near_ms, station)
            long.add(told, near_ms, station)
        assert kinds(short.update(now_ms)) == kinds(long.update(now_ms))
        assert used_toe(short) == used_toe(long) and short.table.why[0, 7, 0] == long.table.why[0, 7, 0]
    assert spared > 500


def test_the_network_counts_and_tells_what_it_does_not_use() -> None:
    """Through the line: frames of 1019 whose toe is weeks before the epochs they come with."""
    net = network(rate_hz=1.0)
    old = made(1019, 7, T0 - 3 * WEEK_MS, 1)
    ticks = list(
        play(
            net,
            [
                chunk(T0 + 1000 * n, b"".join([framed(ephemeris.encode(old)), *epoch(T0 + 1000 * n)]))
                for n in range(4)
            ],
        )
    )
    assert net.streams[0].errors["ephemeris_stale"] == 4
    told = [event for tick in ticks for event in tick.events if event.kind == "ephemeris_stale"]
    assert [event.detail for event in told] == [{"satellite": "G07"}]
    assert len(epochs(ticks)) >= 3


def test_e06_a_station_borrows_the_ephemerides_of_others(recordings: Path, tmp_path: Path) -> None:
    """The recording without its ephemerides beside the recording itself: both are solved alike."""
    from hncors.reading import blocks

    data = (recordings / "streams/hiroshima-7systems-60s.rtcm3").read_bytes()
    frames = [frame for some in blocks(data) for frame in some]
    bare = [frame for frame in frames if frame[3] << 4 | frame[4] >> 4 not in ephemeris.MESSAGES]
    (tmp_path / "WITH.rtcm3").write_bytes(b"".join(frames))
    (tmp_path / "BARE.rtcm3").write_bytes(b"".join(bare))
    found = hncors.replay([tmp_path / "WITH.rtcm3", tmp_path / "BARE.rtcm3"]).positions
    heights = {
        name: found["height_m"][(found["station"] == name) & (found["status"] == "ok")]
        for name in ("WITH", "BARE")
    }
    assert len(heights["WITH"]) >= 60 and len(heights["BARE"]) >= 60
    assert np.median(heights["WITH"]) == pytest.approx(np.median(heights["BARE"]), abs=0.01)


def test_late_data_do_not_turn_the_time_back() -> None:
    one = Store()
    one.add(gps(), NOW, 0)
    one.add(gps(TOE + 2 * HOUR_MS), NOW, 1)
    one.update(NOW)
    before = one.table
    one.update(NOW - 18_000)  # a receiver that takes UTC for GPS time
    one.update(NOW + 1_000)
    assert one.table is before  # nothing was chosen anew
    one.update(NOW - HOUR_MS)
    assert one.table is not before
