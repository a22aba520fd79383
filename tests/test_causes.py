"""Whose a fault is: columns laid by hand, and simulated provinces of which the truth is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from causes_trials import CAUSES, Run, Station, fault, run

from hncors.causes_gathering import Gathering
from hncors.causes_stations import Stations
from hncors.identity import Places
from hncors.measure.apart import Rows, take_apart
from hncors.measure.attribution import FIRST, SATELLITE, SECOND, UNKNOWN, whose
from hncors.measure.between import LEARNT, Between
from hncors.measure.exclusion import ALERT
from hncors.measure.holding import Hold
from hncors.measure.position import CLOCKS
from hncors.measure.spread import is_orbit
from hncors.network import Network
from hncors.reading import date
from hncors.replaying import play, untimed
from hncors.signals import GNSS
from hncors.view.cause_metrics import cause_families

GALILEO, BEIDOU = GNSS.index("E"), GNSS.index("C")


def laid(stations: int, off_m: dict[tuple[int, int], float], clock_m: float = 0.0) -> Rows:
    """Galileo 1 to 5 and BeiDou 21 to 26 at every station, exact but for `off_m` by station and slot."""
    rows = [
        (station, gnss, gnss * 64 + number, clock_m * (station + 1) + 10.0 * gnss)
        for station in range(stations)
        for gnss, numbers in ((GALILEO, range(1, 6)), (BEIDOU, range(21, 27)))
        for number in numbers
    ]
    station, clock, slot, base_m = (np.array(column) for column in zip(*rows, strict=True))
    more = np.array([off_m.get((s, n), 0.0) for s, n in zip(station, slot, strict=True)])
    return Rows(station, clock, slot, base_m + more, np.full(len(rows), 0.5), np.full(len(rows), 0.7))


def test_a_satellite_that_all_see_is_suspect_and_leaves_nothing_in_the_clocks() -> None:
    slot = BEIDOU * 64 + 24
    view = take_apart(laid(4, {(s, slot): 30.0 for s in range(4)}, clock_m=150_000.0), 4)
    assert np.flatnonzero(view.suspect).tolist() == [slot]
    assert view.effect_m[slot] == pytest.approx(30.0, abs=1e-3)
    others = np.delete(view.effect_m, slot)
    assert np.nanmax(np.abs(others)) == pytest.approx(0.0, abs=1e-3)
    expected = 150_000.0 * np.arange(1, 5) + 10.0 * BEIDOU
    assert view.clock_m[:, BEIDOU] == pytest.approx(expected, abs=1e-3)
    assert (view.stations[slot], view.seeing[slot]) == (4, 4)


def test_a_range_that_one_station_has_wrong_is_no_satellites() -> None:
    view = take_apart(laid(5, {(2, BEIDOU * 64 + 24): 300.0}), 5)
    assert not view.suspect.any()
    row = np.flatnonzero(np.abs(view.left_m) > 1.0)
    assert len(row) == 1 and view.left_m[row[0]] == pytest.approx(300.0, abs=1e-3)


def test_of_a_satellite_that_two_stations_see_nothing_is_said() -> None:
    slot = GALILEO * 64 + 3
    view = take_apart(laid(2, {(s, slot): 500.0 for s in range(2)}), 2)
    assert not view.suspect.any() and np.isnan(view.effect_m).all()
    assert view.stations[slot] == 2


def test_of_two_satellites_of_a_system_nobody_knows_which_is_wrong() -> None:
    rows = laid(4, {})
    rows = rows.select((rows.clock == BEIDOU) | (rows.slot % 64 <= 2))
    assert np.isnan(take_apart(rows, 4).clock_m[:, GALILEO]).all()


def test_a_station_that_jumps_with_all_it_sees_is_no_satellites() -> None:
    jumped = {
        (1, g * 64 + n): 299_792.458 for g, r in ((GALILEO, range(1, 6)), (BEIDOU, range(21, 27))) for n in r
    }
    assert not take_apart(laid(4, jumped), 4).suspect.any()


@pytest.mark.parametrize(("f1", "f2"), [(1575.42, 1227.60), (1575.42, 1176.45), (1561.098, 1268.52)])
def test_the_delays_tell_whose_an_error_is(f1: float, f2: float) -> None:
    # The ionosphere-free combination and the delay of the first signal, as in any textbook.
    c1 = f1**2 / (f1**2 - f2**2)

    def seen(first_m: float, second_m: float) -> tuple[float, float]:
        range_m = (f1**2 * first_m - f2**2 * second_m) / (f1**2 - f2**2)
        return range_m, (second_m - first_m) * f2**2 / (f1**2 - f2**2)

    for size in (8.0, -20.0):
        assert whose(*seen(size, 0.0), c1, 0.5) == FIRST
        assert whose(*seen(0.0, size), c1, 0.5) == SECOND
        assert whose(*seen(size, size), c1, 0.5) == SATELLITE
    assert whose(*seen(2.0, 2.0), c1, 5.0) == UNKNOWN
    assert whose(20.0, np.nan, c1, 0.5) == UNKNOWN


def test_a_fault_is_one_after_three_looks_and_over_after_ten_seconds() -> None:
    hold, on = Hold(1), []
    over = [1, 1, 0, 1, 1, 1, 0, 0] + [0] * 12
    for second, one in enumerate(over):
        hold.look(np.array([one == 1]), np.array([one == 1]), np.array([True]), 1000 * second)
        on.append(bool(hold.on[0]))
    assert on == [False] * 5 + [True] * 10 + [False] * 5
    assert hold.began_ms[0] == 3000


def test_what_is_not_judged_stays_for_a_minute() -> None:
    hold, yes, no = Hold(1, sure=1), np.array([True]), np.array([False])
    hold.look(yes, yes, yes, 0)
    assert [bool(hold.look(no, no, no, 1000 * s) and hold.on[0]) for s in (1, 59, 60)] == [True, True, False]


def test_a_system_that_steps_is_told_against_the_others_and_not_learnt() -> None:
    between, limit = Between(1), np.full((1, CLOCKS), 3.0)
    usual = np.full((1, CLOCKS), np.nan)
    usual[0, [0, 2, 5]] = 5.0, -40.0, 17.0
    none = np.zeros((1, CLOCKS), bool)
    for look in range(LEARNT + 1):
        off = between.look(usual + 1000.0 * look, limit, none)  # a receiver's clock that runs away
    assert off[0, [0, 2, 5]] == pytest.approx([0.0, 0.0, 0.0])
    stepped = usual.copy()
    stepped[0, 2] += 7.0
    for _ in range(100):
        off = between.look(stepped, limit, none)
    assert off[0, [0, 2, 5]] == pytest.approx([0.0, 7.0, 0.0])


def test_of_two_systems_nobody_knows_which_stepped() -> None:
    between, clocks = Between(1), np.full((1, CLOCKS), np.nan)
    clocks[0, :2] = 0.0, 3.0
    for _ in range(LEARNT + 5):
        off = between.look(clocks, np.full((1, CLOCKS), 3.0), np.zeros((1, CLOCKS), bool))
    assert np.isnan(off).all()


def test_an_orbit_differs_by_where_stations_stand_and_a_clock_does_not() -> None:
    r = np.random.default_rng(4)
    station_m = np.array([-2_180_000.0, 5_180_000.0, 2_990_000.0]) + r.uniform(-150_000, 150_000, (12, 3))
    satellite_m = np.array([-9_000_000.0, 24_000_000.0, 12_000_000.0])
    noise_m = r.normal(0.0, 0.5, 12)

    def way_m(place_m: np.ndarray) -> np.ndarray:
        return np.linalg.norm(place_m - station_m, axis=1)

    along = np.array([0.8, 0.0, 0.6]) * 1500.0
    orbit_m = way_m(satellite_m) - way_m(satellite_m + along) + noise_m
    assert is_orbit(station_m, orbit_m, np.full(12, 0.25))
    assert not is_orbit(station_m, 80.0 + noise_m, np.full(12, 0.25))
    assert not is_orbit(station_m[:5], orbit_m[:5], np.full(5, 0.25))


def test_free_clocks_put_back_by_a_millisecond_are_no_fault() -> None:
    stations = Stations(["A"] * 4, Places())
    jumps = [(-1.0, False, -1), (1.0, True, 5000), (0.3, False, 5000), (2.0004, False, -1)]
    for row, (milliseconds, steered, _) in enumerate(jumps):
        stations.jumped(row, 5000, milliseconds, steered)
    assert stations._jumped_ms.tolist() == [at_ms for _, _, at_ms in jumps]


def test_stations_that_are_gone_do_not_stop_the_time_of_the_others() -> None:
    its = Gathering(5)
    its.newest_ms[:] = 1000, 2000, 3000, 900_000, 901_000
    its._block[:] = 1, 2, 3, 900, 901
    its._number = 901
    assert its.now_ms() == 901_000
    assert its.current(its.now_ms()).tolist() == [False, False, False, True, True]


# --- simulated provinces ---------------------------------------------------------------------------


@cache
def played(seconds: int, faults: str, count: int = 6) -> Run:
    return run(f"seconds = {seconds}\nseed = 3\n[network]\ncount = {count}\nephemeris_s = 2\n" + faults)


def test_a_satellite_and_a_station_at_once_are_told_apart_and_alarms_inhibited() -> None:
    made = played(
        24,
        fault("satellite_clock", 10, satellites=["C23"], step_m=60)
        + fault("moved_antenna", 10, stations=["HYNG"], east_m=20),
    )
    told = {(one.station, one.kind): one for one in made.told}
    assert set(told) == {("", "satellite_fault"), ("HYNG", "station_fault")}
    satellite, station = told["", "satellite_fault"], told["HYNG", "station_fault"]
    assert satellite.detail["satellite"] == "C23" and satellite.detail["what"] == "clock"
    # A clock ahead sends early: ranges are as much too short.
    assert satellite.detail["range_m"] == pytest.approx(-60.0, abs=2.0)
    assert (satellite.detail["seen_by"], satellite.detail["of"]) == (6, 6)
    assert station.detail["cause"] == "moved" and station.detail["offset_m"] == pytest.approx(20.0, abs=2.0)
    assert {satellite.second, station.second} == {12}  # the third look at 1 Hz
    # All leave the satellite out; all but the one that is wrong by itself need not be looked at.
    assert made.alarms[20] == 6 and made.inhibited[20] == 5
    assert made.network.causes.inhibited.sum(axis=0).tolist() == [5, 0, 0, 0]
    families = {family.name: family for family in cause_families(made.network)}
    faults = dict(
        zip(families["hncors_network_faults"].labels, families["hncors_network_faults"].values, strict=True)
    )
    assert faults == {("satellite",): 1, ("signal",): 0, ("system",): 0, ("sky",): 0, ("station",): 1}
    assert families["hncors_station_fault"].labels == [("HYNG", "moved")]
    inhibited = families["hncors_station_inhibited"].labels
    assert len(inhibited) == 5 and ("HYNG", "satellite") not in inhibited
    words = satellite.detail["text"] + satellite.detail["text_zh"]
    assert "C23 range -60" in words and "卫星故障" in words and "6 of 6" in words


def test_a_signal_of_one_satellite_is_named() -> None:
    made = played(18, fault("signal_bias", 10, signals=["C6I"], satellites=["C23"], step_m=8))
    assert [(one.kind, one.detail["satellite"], one.detail["signal"]) for one in made.told] == [
        ("signal_fault", "C23", "B3I")
    ]
    assert made.told[0].detail["signal_m"] == pytest.approx(8.0, abs=1.0)


def test_a_signal_of_a_whole_system_is_named_and_what_ends_is_over() -> None:
    made = played(62, fault("signal_bias", 36, 46, signals=["E1C"], step_m=6))
    assert [(one.second, one.kind, one.detail["gnss"], one.detail["signal"]) for one in made.told] == [
        (38, "signal_fault", "E", "E1"),
        (55, "signal_fault_over", "E", "E1"),
    ]


def test_of_two_stations_the_network_says_nothing_of_satellites() -> None:
    made = played(18, fault("satellite_clock", 10, satellites=["C23"], step_m=60), count=2)
    assert made.told == [] and made.inhibited[17] == 0
    families = {family.name: family for family in cause_families(made.network)}
    verdicts = dict(
        zip(
            families["hncors_network_satellites"].labels,
            families["hncors_network_satellites"].values,
            strict=True,
        )
    )
    assert verdicts["C", "judged"] == 0 and verdicts["C", "unknown"] > 5


def test_positions_that_walk_off_are_told_from_an_antenna_that_moved() -> None:
    made = played(30, fault("spoofing", 10, stations=["CSHA"], east_m_s=4, gain_db=3))
    assert [(one.station, one.detail["cause"]) for one in made.told] == [("CSHA", "walks_off")]


def test_an_alert_without_a_wider_cause_is_the_stations() -> None:
    made = played(18, "")
    assert made.told == []
    its = made.network.causes
    for second in range(1, 8):
        its.gathering.newest_ms += 1000
        its.gathering.trust[3] = ALERT
        told = its.judge(made.network.last_tick_ns + second * 10**9, made.network.quality)
        assert [event.detail["cause"] for event in told] == (["ranges"] if second == 6 else [])


@pytest.mark.parametrize("name", ["alloy-bds3-33s", "hiroshima-7systems-60s"])
def test_real_errors_of_orbits_clocks_and_air_name_nothing(recordings: Path, name: str) -> None:
    # One station's stream as that of three: with all its own errors in each verdict.
    data = (recordings / "streams" / f"{name}.rtcm3").read_bytes()
    dating = date(data)
    network = Network([Station(id) for id in "ABC"], reference_ms=dating.reference_ms)
    kinds = {
        event.kind
        for tick in play(network, [untimed(id, data, dating) for id in "ABC"])
        for event in tick.events
    }
    assert network.causes.judged.satellites.sum() > 25
    assert not kinds & set(CAUSES)
