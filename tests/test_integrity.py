"""Integrity along the whole line: simulated satellites that fail at known times, and recorded real ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from causes_trials import CAUSES
from simulated import played
from test_position import BEST, HIROSHIMA, broadcast_m

import hncors
from hncors import positioning
from hncors.geodesy import to_ecef, to_enu, to_geodetic
from hncors.gpstime import to_unix_ns
from hncors.measure.exclusion import ALERT, EXCLUDED, NOT_POSSIBLE, OK, doubted
from hncors.network import Chunk, Network
from hncors.signals import BDS3_FIRST_SATELLITE, GNSS
from hncors.view.integrity_metrics import integrity_families

HEAD = "seconds = 40\nseed = 3\n[network]\ncount = 3\nephemeris_s = 5\n[truth]\ncells_every_s = 10\n"
BEGIN, END = 20, 30


class Station(NamedTuple):
    id: str
    ecef_m: tuple[float, float, float] | None = None
    gga: bool = False
    rate_hz: float | None = 1.0


@cache
def everywhere(system: str) -> str:
    """A satellite of a system that is high above all three stations."""
    made = played(HEAD.replace("seconds = 40", "seconds = 12"))
    network = Network([Station(name) for name in made.parts])
    for second in range(12):
        now_ns = to_unix_ns(made.begin_ms + 1000 * second) + 300_000_000
        for name, parts in made.parts.items():
            network.feed(Chunk(name, parts[second][0], now_ns))
        its = network.tick(now_ns + 10_000_000).positions.ranges
    high = (its.elevation_rad > np.radians(25)) & its.use & (its.gnss == GNSS.index(system))
    if system == "C":
        high &= its.satellite >= BDS3_FIRST_SATELLITE
    names, counts = np.unique(its.satellite[high], return_counts=True)
    return f"{system}{names[counts == 3][0]:02d}"


def fault(kind: str, satellite: str) -> str:
    return f'[[faults]]\nkind = "{kind}"\nsatellites = ["{satellite}"]\nbegin_s = {BEGIN}\nend_s = {END}\n'


def run(faults: str) -> tuple[Network, dict[int, list[tuple[int, set[str]]]]]:
    """By second: state and what is left out, of each station with a position."""
    made = played(HEAD + faults)
    names = list(made.parts)
    network = Network([Station(name, made.station(name)["ecef_m"]) for name in names])
    told: dict[int, list[tuple[int, set[str]]]] = {}
    for second in range(40):
        now_ns = to_unix_ns(made.begin_ms + 1000 * second) + 300_000_000
        for name in names:
            network.feed(Chunk(name, made.parts[name][second][0], now_ns))
        tick = network.tick(now_ns + 10_000_000)
        its = tick.positions.ranges
        for row in range(len(tick.epochs.station)):
            if np.isnan(tick.positions.place_m[row, 0]) and tick.positions.trust[row] != ALERT:
                continue
            out = its.out & (its.epoch == row)
            names_out = {f"{GNSS[g]}{s:02d}" for g, s in zip(its.gnss[out], its.satellite[out], strict=True)}
            at = (int(tick.epochs.time_ms[row]) - made.begin_ms) // 1000
            told.setdefault(at, []).append((int(tick.positions.trust[row]), names_out))
    return network, told


def test_a_satellite_clock_sixty_metres_off_is_left_out_at_once_and_comes_back() -> None:
    network, told = run(fault("satellite_clock", everywhere("C")) + "parameters = { step_m = 60 }\n")
    assert {second for second in told if second >= 8} == set(range(8, 40))
    for second, rows in told.items():
        assert len(rows) == 3
        expected = (EXCLUDED, {everywhere("C")}) if BEGIN <= second < END else (OK, set())
        assert all(row == expected for row in rows), second
    assert (network.misleading.epochs == 0).all() and (network.misleading.judged >= 30).all()
    metrics = {family.name: family for family in integrity_families(network)}
    levels = metrics["hncors_protection_level_meters"]
    assert len(levels.values) == 6 and all(1.0 < value < 60.0 for value in levels.values)
    state = metrics["hncors_integrity_state"]
    now = dict(zip(state.labels, state.values, strict=True))
    assert sum(now.values()) == 3 and all(now[stream.id, "ok"] for stream in network.streams)


def test_ephemerides_two_kilometres_off_are_left_out_by_every_station() -> None:
    _, told = run(fault("satellite_ephemeris", everywhere("E")) + "parameters = { along_m = 2000 }\n")
    hit = [row for second in range(BEGIN + 6, END) for row in told[second]]  # all have been sent by then
    assert hit == [(EXCLUDED, {everywhere("E")})] * 12
    assert not any(row[0] == ALERT for rows in told.values() for row in rows)


def test_a_place_off_the_ground_is_no_position_and_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positioning, "LOWEST_M", 7.0e6)  # what was ground lies below it
    network, told = run("")
    assert not told and (network.misleading.states[:, NOT_POSSIBLE] >= 39).all()
    assert network.misleading.states[:, [OK, EXCLUDED]].sum() == 0
    assert (network.misleading.judged == 0).all()


SHORT = [name for name in BEST if "stromlo" not in name]


@pytest.mark.parametrize("name", SHORT)
def test_recorded_errors_stay_below_their_levels_and_nothing_alerts(recordings: Path, name: str) -> None:
    path = recordings / "streams" / f"{name}.rtcm3"
    result = hncors.replay(path)
    found = result.positions
    assert not {kind.removesuffix("_over") for kind in result.events["kind"]} & set(CAUSES)
    solved = found["status"] == "ok"
    assert "integrity_fault" not in found["status"]
    place = np.stack(
        [np.radians(found["latitude_deg"]), np.radians(found["longitude_deg"]), found["height_m"]], axis=1
    )[solved]
    true_m = to_ecef(HIROSHIMA) if name.startswith("hiroshima") else broadcast_m(path)
    enu = to_enu(to_ecef(place) - true_m, to_geodetic(true_m))
    assert (np.hypot(enu[:, 0], enu[:, 1]) < found["hpl_m"][solved]).all()
    assert (np.abs(enu[:, 2]) < found["vpl_m"][solved]).all()


def test_an_exclusion_right_after_an_alert_is_not_believed() -> None:
    states, times = [ALERT, EXCLUDED, OK, EXCLUDED, EXCLUDED], [0, 4000, 5000, 10_000, 10_001]
    last, held = np.array([-(1 << 60)]), []
    for state, time_ms in zip(states, times, strict=True):
        found, last = doubted(np.array([state]), np.array([time_ms]), last)
        held.append(int(found[0]))
    assert held == [ALERT, ALERT, OK, ALERT, EXCLUDED]
