"""Every kind of fault does what the truth says it does, from its beginning to its end and nowhere else."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from simulated import Simulated, played, scenario, wavelength_m
from test_simulate_reception import series

from hncors.geodesy import to_enu, to_geodetic
from hncors.rtcm3 import ephemeris, station
from hncors.rtcm3.framing import Framer
from hncors.simulate.faults import KINDS, LINK_KINDS, WRITABLE
from hncors.simulate.province import Province

HEAD = "seconds = 30\n[network]\ncount = 2\nephemeris_s = 5\nstation_s = 5\n[truth]\ncells_every_s = 1\n"
BEGIN, END = 10, 20


@cache
def with_fault(kind: str, more: str = 'stations = ["ZHZH"]', head: str = HEAD) -> tuple[Simulated, Province]:
    text = f'{head}\n[[faults]]\nkind = "{kind}"\nbegin_s = {BEGIN}\nend_s = {END}\n{more}\n'
    return played(text), Province(scenario(text))


@cache
def without() -> Simulated:
    return played(HEAD)


def frames(data: bytes) -> list[bytes]:
    """Payloads of the valid frames."""
    framer = Framer()
    return [frame[3:-3] for frame in framer.feed(data) + framer.idle()]


def number(payload: bytes) -> int:
    return int.from_bytes(payload[:2], "big") >> 4


def cells(made: Simulated, name: str, second: int) -> dict[tuple[str, str], dict[str, Any]]:
    """What a station observes in a second."""
    time_ms = made.begin_ms + 1000 * second
    return {key: row for key, rows in series(made, name).items() for row in rows if row["gps_ms"] == time_ms}


def difference(kind: str, more: str, column: str, second: int) -> dict[tuple[str, str], float]:
    """How a column differs from that of the same run without the fault."""
    made, _ = with_fault(kind, more)
    this, usual = cells(made, "ZHZH", second), cells(without(), "ZHZH", second)
    return {key: this[key][column] - usual[key][column] for key in this.keys() & usual.keys()}


@pytest.mark.parametrize("kind", [kind for kind in WRITABLE if KINDS[kind].acts == "link"] + ["stall"])
def test_a_broken_link_lets_nothing_through(kind: str) -> None:
    made, province = with_fault(kind)
    streams = made.parts
    silent = [second for second, (data, _) in enumerate(streams["ZHZH"]) if not data]
    assert silent == list(range(BEGIN, END))
    assert all(data for data, _ in streams["CSHA"])
    if kind != "stall":
        (action,) = province.actions
        assert (action.mountpoint, action.kind) == ("ZHZH", LINK_KINDS.get(kind, kind))
        assert (action.begin_ms, action.end_ms) == tuple(province.start_ms + 1000 * s for s in (BEGIN, END))
        assert dict(action.parameters) == ({"status": 503} if kind == "refuse" else {})


def test_link_kinds_are_the_caster_s() -> None:
    from hncors.daemon import link_faults

    for kind in WRITABLE:
        if KINDS[kind].acts == "link":
            assert LINK_KINDS.get(kind, kind) in link_faults.KINDS


def test_garbage_holds_no_frame() -> None:
    made, _ = with_fault("garbage")
    data = [one for one, _ in made.parts["ZHZH"]]
    assert all(len(one) == 1000 and b"\xd3" not in one for one in data[BEGIN:END])
    assert all(number(payload) for one in data[:BEGIN] + data[END:] for payload in frames(one))


def test_a_drip_comes_byte_by_byte_and_in_order() -> None:
    made, _ = with_fault("drip", 'stations = ["ZHZH"]\nparameters = { bytes_per_s = 70 }')
    usual = without().parts["ZHZH"]
    data = [one for one, _ in made.parts["ZHZH"]]
    assert [len(one) for one in data[BEGIN:END]] == [70] * (END - BEGIN)
    assert b"".join(one for one, _ in usual[BEGIN:]).startswith(b"".join(data[BEGIN:END]))
    assert data[END] == usual[END][0]


def test_corruption_changes_bytes_at_its_rate() -> None:
    made, _ = with_fault("corruption", 'stations = ["ZHZH"]\nparameters = { probability = 0.01 }')
    usual, hurt = (one.parts["ZHZH"] for one in (without(), made))
    one, other = (np.frombuffer(b"".join(d for d, _ in s[BEGIN:END]), np.uint8) for s in (usual, hurt))
    assert len(one) == len(other)
    assert (one != other).mean() == pytest.approx(0.01, rel=0.25)  # 30,000 bytes: 6 % of one sigma
    assert [d for d, _ in usual[:BEGIN]] == [d for d, _ in hurt[:BEGIN]]


def test_late_data_and_nothing_overtakes_it() -> None:
    made, _ = with_fault("late_data", 'stations = ["ZHZH"]\nparameters = { delay_s = 5 }')
    arrivals = [second + delay for second, (_, delay) in enumerate(made.parts["ZHZH"])]
    assert arrivals == sorted(arrivals)
    assert all(5.2 < arrivals[second] - second < 6 for second in range(BEGIN, END))
    assert all(arrivals[second] - second < 1 for second in (*range(BEGIN), *range(END + 5, 30)))
    assert arrivals[END] == arrivals[END - 1]  # with the last late one


def test_a_missing_constellation() -> None:
    made, _ = with_fault("missing_constellation", 'stations = ["ZHZH"]\nsystems = "CJ"')
    for second, systems in ((BEGIN - 1, "GREJC"), (BEGIN, "GRE"), (END - 1, "GRE"), (END, "GREJC")):
        assert {satellite[0] for satellite, _ in cells(made, "ZHZH", second)} == set(systems)
        assert len({satellite[0] for satellite, _ in cells(made, "CSHA", second)}) == 5


def points(made: Simulated) -> list[tuple[int, np.ndarray]]:
    """Second and place of every 1005 and 1006 of ZHZH."""
    out = []
    for second, (data, _) in enumerate(made.parts["ZHZH"]):
        for payload in frames(data):
            if number(payload) in (1005, 1006):
                point = station.decode(number(payload), payload)
                out.append((second, np.array([point.x_m, point.y_m, point.z_m])))
    return out


def test_a_wrong_reference_point_is_only_announced() -> None:
    more = 'stations = ["ZHZH"]\nparameters = { east_m = 250, north_m = -40, up_m = 3 }'
    made, province = with_fault("wrong_reference_point", more)
    true = np.array(province.stations[1].ecef_m)
    offsets = [(second, to_enu(place - true, to_geodetic(true))) for second, place in points(made)]
    wrong = [offset for second, offset in offsets if BEGIN <= second < END]
    assert len(wrong) == 2
    assert np.abs(np.array(wrong) - [250, -40, 3]).max() < 1e-3
    assert max(np.abs(offset).max() for second, offset in offsets if not BEGIN <= second < END) < 1e-4
    assert set(difference("wrong_reference_point", more, "pseudorange_m", BEGIN + 1).values()) == {0.0}


def lines(made: Simulated, second: int) -> dict[str, np.ndarray]:
    """Unit vectors to satellites in east, north, up of ZHZH."""
    sky = made.records("satellites")[second]
    true = np.array(made.station("ZHZH")["ecef_m"])
    offset = to_enu(
        np.array(sky["position_m"]) - true, np.broadcast_to(to_geodetic(true), (len(sky["satellite"]), 3))
    )
    return dict(zip(sky["satellite"], offset / np.linalg.norm(offset, axis=1)[:, None], strict=True))


def test_a_moved_antenna_moves_its_ranges_and_not_its_announcement() -> None:
    more = 'stations = ["ZHZH"]\nparameters = { east_m = 12, north_m = -9, up_m = 2 }'
    made, province = with_fault("moved_antenna", more)
    toward = lines(made, BEGIN + 5)
    for column in ("pseudorange_m", "phase_range_m"):
        changes = difference("moved_antenna", more, column, BEGIN + 5)
        assert len(changes) > 150
        for (satellite, _), change in changes.items():
            # The line turns by 15 m / 20,000 km, and the air above it is another by a few millimetres.
            assert change == pytest.approx(-toward[satellite] @ [12, -9, 2], abs=0.01)
    assert set(difference("moved_antenna", more, "pseudorange_m", BEGIN - 1).values()) == {0.0}
    true = np.array(province.stations[1].ecef_m)
    assert max(np.abs(place - true).max() for _, place in points(made)) < 1e-4
    record = next(one for one in made.records("epoch") if one["gps_ms"] == made.begin_ms + 1000 * BEGIN)
    assert record["offset_m"][1] == [12, -9, 2]
    assert record["faults"] == ["moved_antenna-1"]


def test_spoofing_pulls_place_and_clock_off() -> None:
    more = 'stations = ["ZHZH"]\nparameters = { east_m_s = 2, north_m_s = 1, clock_m_s = 3, gain_db = 5 }'
    made, _ = with_fault("spoofing", more)
    toward = lines(made, BEGIN + 5)
    change = difference("spoofing", more, "pseudorange_m", BEGIN + 5)
    rate = difference("spoofing", more, "range_rate_m_s", BEGIN + 5)
    for (satellite, _), value in change.items():
        pull = 3 - toward[satellite] @ [2, 1, 0]
        # Stronger signals have less noise (up to half a metre of it at 5 degrees).
        assert value == pytest.approx(5 * pull, abs=1.5)
    mean = np.mean([change[key] / 5 + toward[key[0]] @ [2, 1, 0] for key in change])
    assert mean == pytest.approx(3, abs=0.03)
    record = made.records("epoch")[BEGIN + 5]
    assert (record["offset_m"][1], record["forged_clock_m"]) == ([10, 5, 0], [0, 15])
    assert all(abs(rate[s, c] - 3 + toward[s] @ [2, 1, 0]) < 0.2 for s, c in rate)
    assert np.median(list(difference("spoofing", more, "cn0_dbhz", BEGIN).values())) == pytest.approx(
        5, abs=0.01
    )


def test_jamming_lowers_some_systems_and_takes_what_is_weak() -> None:
    change = difference(
        "jamming", 'stations = ["ZHZH"]\nsystems = "G"\nparameters = { loss_db = 15 }', "cn0_dbhz", 15
    )
    lost = [value for (s, _), value in change.items() if s[0] == "G"]
    others = [value for (s, _), value in change.items() if s[0] != "G"]
    # C/N0 has 0.4 dB of noise, which is another when more signals slip.
    assert np.mean(lost) == pytest.approx(-15, abs=0.4)
    assert np.mean(others) == pytest.approx(0, abs=0.2)
    strong, _ = with_fault("jamming", 'stations = ["ZHZH"]\nparameters = { loss_db = 45 }')
    assert cells(strong, "ZHZH", 15) == {}
    assert cells(strong, "CSHA", 15).keys() == cells(without(), "CSHA", 15).keys()
    after = cells(strong, "ZHZH", END)
    assert len(after) > 200
    assert {row["lock_ms"] for row in after.values()} == {0}


def test_a_clone_has_the_observations_of_another() -> None:
    made, _ = with_fault("clone", 'stations = ["ZHZH"]\nof = "CSHA"')
    assert cells(made, "ZHZH", BEGIN) == cells(made, "CSHA", BEGIN)
    assert cells(made, "ZHZH", END) != cells(made, "CSHA", END)
    streams = made.parts
    own, other = (
        [p for p in frames(streams[n][BEGIN + 1][0]) if number(p) % 10 == 7] for n in ("ZHZH", "CSHA")
    )
    assert [p[:1] + p[3:] for p in own] == [p[:1] + p[3:] for p in other]  # but for the number of the station
    assert own != other


def test_a_replay_repeats_the_past() -> None:
    made, _ = with_fault("replay", 'stations = ["ZHZH"]\nparameters = { ago_s = 8 }')
    data = [one for one, _ in made.parts["ZHZH"]]
    assert data[BEGIN : BEGIN + 8] == data[BEGIN - 8 : BEGIN]
    # Then what it would have sent, had it not repeated.
    usual = [one for one, _ in without().parts["ZHZH"]]
    assert data[BEGIN + 8 : END] == usual[BEGIN : END - 8]
    assert data[END:] == usual[END:]


def test_a_restarted_receiver_has_new_locks_and_a_new_clock() -> None:
    made, _ = with_fault("receiver_restart")
    streams = made.parts
    assert [second for second, (data, _) in enumerate(streams["ZHZH"]) if not data] == list(range(BEGIN, END))
    first = [number(payload) for payload in frames(streams["ZHZH"][END][0])]
    assert {1033, 1013, 1230, 1019, 1020, 1042, 1044, 1045, 1046} <= set(first)  # everything at once
    rows = cells(made, "ZHZH", END)
    assert {row["lock_ms"] for row in rows.values()} == {0}
    assert 0.2 < np.mean([row["half_cycle"] for row in rows.values()]) < 0.4  # 0.3 of 240: sigma 0.03
    clock = [record["clock_s"][1] for record in made.records("epoch")]
    assert abs(clock[END] - clock[BEGIN - 1]) > 1e-9


def test_half_cycles_are_corrected_by_half_a_cycle_or_not_at_all() -> None:
    made, _ = with_fault("receiver_restart")
    steps = set()
    for (satellite, signal), rows in series(made, "ZHZH").items():
        if (satellite[0], signal[0]) in (("C", "1"), ("C", "5"), ("C", "8")):
            continue
        for before, now in pairwise(rows):
            weak = min(before["cn0_dbhz"], now["cn0_dbhz"]) < 38  # their rates have too much noise
            if before["half_cycle"] and not now["half_cycle"] and not weak:
                step = now["phase_range_m"] - before["phase_range_m"]
                step -= (now["range_rate_m_s"] + before["range_rate_m_s"]) / 2
                cycles = step / wavelength_m(satellite, signal)
                assert cycles == pytest.approx(round(2 * cycles) / 2, abs=0.15)
                steps.add(round(2 * cycles) / 2)
    assert steps == {0.0, -0.5}


def test_a_clock_jump_moves_code_and_phase() -> None:
    more = 'stations = ["ZHZH"]\nparameters = { jump_ms = 0.25 }'
    for column in ("pseudorange_m", "phase_range_m"):
        changes = difference("clock_jump", more, column, END + 5).items()  # it stays
        # Satellites move by up to 0.25 m in 0.25 ms.
        assert all(abs(change - 299_792.458 / 4) < 0.3 for _, change in changes)
        assert len(changes) > 200
    assert set(difference("clock_jump", more, "pseudorange_m", BEGIN - 1).values()) == {0.0}


def test_cycle_slips() -> None:
    made, _ = with_fault("cycle_slips", 'stations = ["ZHZH"]\nparameters = { per_hour = 600 }')
    slips = {
        name: sum(row["lock_ms"] == 0 for rows in series(made, name).values() for row in rows[1:])
        for name in ("ZHZH", "CSHA")
    }
    # 240 cells for 10 s at 600 an hour: 400, of which a few fall together.
    assert slips["ZHZH"] == pytest.approx(400, rel=0.2)
    assert slips["CSHA"] < 10


def visible(prefix: str) -> str:
    """A satellite that all three stations have."""
    return next(satellite for satellite, _ in cells(without(), "CSHA", 0) if satellite.startswith(prefix))


def test_a_satellite_clock_that_drifts() -> None:
    name = visible("E")
    more = f'satellites = ["{name}"]\nparameters = {{ step_m = 10, drift_m_s = 2 }}'
    for column, expected in (("pseudorange_m", -20.0), ("range_rate_m_s", -2.0)):
        for (satellite, _), change in difference("satellite_clock", more, column, BEGIN + 5).items():
            assert change == pytest.approx(expected if satellite == name else 0.0, abs=1e-4)


@pytest.mark.parametrize("system", "GREJC")
def test_a_wrong_ephemeris_is_wrong_along_the_orbit(system: str) -> None:
    from hncors.measure.orbit import states

    name = visible(system if system != "C" else "C3")
    made, province = with_fault(
        "satellite_ephemeris", f'satellites = ["{name}"]\nparameters = {{ along_m = 2000 }}'
    )
    fresh = Province(province.scenario)
    row = fresh.broadcast.row(name)
    time_ms = fresh.start_ms + 1000 * (BEGIN + 5)  # behind BeiDou's full hour, 18:00:14
    fresh.broadcast.advance(time_ms)
    right, wrong = (
        [ephemeris.decode(number(f[3:-3]), f[3:-3]) for f in fresh.broadcast.frames(row, faults)]
        for faults in ((), fresh.faults)
    )
    assert len(right) == (2 if system == "E" else 1)
    for one, other in zip(right, wrong, strict=True):
        at = (np.array([time_ms]), np.array([0.0]))
        true, told = states([one], *at), states([other], *at)
        apart = (told.position_m - true.position_m)[0]
        turning = np.array([-7.292e-5 * true.position_m[0, 1], 7.292e-5 * true.position_m[0, 0], 0])
        along = true.velocity_m_s[0] + turning  # in inertial space
        along /= np.linalg.norm(along)
        if system == "R":  # as sent: along the velocity in the turning frame
            along = true.velocity_m_s[0] / np.linalg.norm(true.velocity_m_s[0])
        # Faster near the perigee, and climbing or falling, by about the eccentricity.
        eccentricity = one.values.get("eccentricity", 0.02)
        assert apart @ along == pytest.approx(2000, rel=0.01 + 1.5 * eccentricity)
        assert np.linalg.norm(apart - (apart @ along) * along) < 2000 * (0.01 + 1.5 * eccentricity)
    streams = made.parts["CSHA"]
    payloads = {second: frames(data) for second, (data, _) in enumerate(streams)}
    bad = {ephemeris.encode(one) for one in wrong}
    told = [second for second, some in payloads.items() if bad & set(some)]
    assert told
    assert BEGIN <= min(told) <= max(told) < END


def test_an_unhealthy_satellite_says_so() -> None:
    names = [visible(system) for system in "GREJC"]
    made, _ = with_fault("satellite_unhealthy", f"satellites = {names}")
    told: dict[str, set[tuple[bool, bool]]] = {}  # satellite: (while the fault is on, unhealthy)
    for second, (data, _) in enumerate(made.parts["CSHA"]):
        for payload in frames(data):
            if number(payload) in ephemeris.MESSAGES:
                one = ephemeris.decode(number(payload), payload)
                keys = ("health", "bn", "e5a_health", "e1_health", "e5b_health")
                health = [one.values[key] != 0 for key in keys if key in one.values]
                assert len(set(health)) == 1
                name = f"{one.gnss}{one.satellite:02d}"
                told.setdefault(name, set()).add((BEGIN <= second < END, health[0]))
    assert all(told[name] == {(False, False), (True, True)} for name in names)
    assert all(told[name] == {(False, False), (True, False)} for name in told.keys() - set(names))


def test_a_lost_satellite_is_silent_for_all() -> None:
    name = visible("C")
    made, _ = with_fault("satellite_lost", f'satellites = ["{name}"]')
    for station_name in ("CSHA", "ZHZH"):
        tracked = [
            second for second in range(30) if any(s == name for s, _ in cells_of(made, station_name)[second])
        ]
        assert tracked == [*range(BEGIN), *range(END, 30)]


def cells_of(made: Simulated, name: str) -> list[list[tuple[str, str]]]:
    records = made.records("cells", name)
    return [list(zip(one["satellite"], one["signal"], strict=True)) for one in records]


def test_a_storm_delays_code_and_lets_signals_flicker() -> None:
    more = "parameters = { factor = 3, s4 = 0.8 }"
    made, _ = with_fault("ionospheric_storm", more)
    tecu = [record["tecu"][1] for record in made.records("epoch")]
    assert tecu[BEGIN] / tecu[BEGIN - 1] == pytest.approx(3)
    change = difference("ionospheric_storm", more, "pseudorange_m", BEGIN + 1)
    l1 = [value for (_, signal), value in change.items() if signal == "1C"]
    # 16 TECU more overhead are 2.6 m on L1, and up to 2.6 times that at 5 degrees.
    assert min(l1) > 2.2 and max(l1) < 8.5
    flicker = np.std(list(difference("ionospheric_storm", more, "cn0_dbhz", BEGIN + 1).values()))
    assert flicker == pytest.approx(0.8 * 6, rel=0.3)


def test_stations_that_nobody_filed_are_in_the_truth() -> None:
    made = played('seconds = 2\n[network]\ncount = 2\n[[stations]]\nid = "ZHZH"\nfiled = false\n')
    (fault,) = made.records("fault")
    assert (fault["kind"], fault["stations"]) == ("unfiled", ["ZHZH"])
    assert made.station("ZHZH")["filed"] is False
    assert made.stream("ZHZH")


def test_ranges_that_no_message_can_hold_are_not_sent() -> None:
    """100 ms early: satellites nearer than 29,979 km, all but those in high orbits, come before they go."""
    jumps = '[[faults]]\nkind = "clock_jump"\nstations = ["CSHA"]\nparameters = { jump_ms = -50 }\n' * 2
    made = played("seconds = 3\n[network]\ncount = 2\n[truth]\ncells_every_s = 1\n" + jumps)
    assert {satellite[0] for satellite, _ in cells_of(made, "CSHA")[0]} == {"C", "J"}
    assert len(cells_of(made, "ZHZH")[0]) > 200
    assert {number(payload) for payload in frames(made.stream("CSHA"))} >= {1117, 1127}


@pytest.mark.parametrize("msm", [4, 5, 7])
def test_the_worst_that_a_scenario_can_ask_for_still_makes_messages(msm: int) -> None:
    """What a field cannot hold is lost by the receiver; nothing raises, and all that is sent can be read."""
    made = played(f"""
        start = "2026-03-02T05:00:00"
        seconds = 40
        [network]
        count = 2
        msm = {msm}
        interval_s = 2
        [sky]
        tec_day_tecu = 200
        wet_delay_m = 0.6
        multipath = 10
        noise = 10
        slips_per_hour = 1000
        [[faults]]
        kind = "ionospheric_storm"
        begin_s = 8
        end_s = 30
        parameters = {{ factor = 5, gradient_mm_km = 500, front_km = 1000, s4 = 1.2 }}
        [[faults]]
        kind = "satellite_clock"
        satellites = ["G01", "C34"]
        parameters = {{ step_m = -3e6, drift_m_s = 1e4 }}
        [[faults]]
        kind = "spoofing"
        stations = ["ZHZH"]
        parameters = {{ up_m_s = 100, clock_m_s = -1000, gain_db = 20 }}
        [[faults]]
        kind = "clock_jump"
        stations = ["CSHA"]
        begin_s = 20
        parameters = {{ jump_ms = 50 }}
    """)
    for name in ("CSHA", "ZHZH"):
        framer = Framer()
        numbers = {number(frame[3:-3]) for frame in framer.feed(made.stream(name))}
        assert {1070 + msm, 1080 + msm, 1090 + msm, 1110 + msm, 1120 + msm} <= numbers
        assert (framer.junk, framer.pending) == (0, 0)
        assert all("G01" not in one["satellite"] for one in made.records("cells", name))
