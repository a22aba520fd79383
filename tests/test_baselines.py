"""Baselines by carrier phases: a sky laid by hand whose truth is known, and RTKLIB's own float baseline."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from displacement_material import filed, watch
from rinex_tools import convbin
from simulated import played

from hncors.coordinates import Coordinates
from hncors.coordinates_against import Against
from hncors.geodesy import enu_axes, to_enu, to_geodetic
from hncors.gpstime import iso
from hncors.identity import Places
from hncors.measure.baseline import Baselines, neighbours
from hncors.measure.blame import Ends, blame
from hncors.measure.marks import MARK_MS, Marks
from hncors.measure.troposphere import mapping
from hncors.registry import Station

CHANGSHA_M = np.array([-2_193_478.0, 5_180_074.0, 2_996_092.0])
RADIUS_M, PERIOD_S = 26_560_000.0, 43_082.0  # of GPS


class Sky:
    """Stations, satellites in circles, clocks, air and multipath; `away_m` is how far antennas are off."""

    def __init__(self, stations: int, satellites: int = 60, seed: int = 1) -> None:
        self.r = np.random.default_rng(seed)
        east, north, _ = enu_axes(to_geodetic(CHANGSHA_M))
        spots = self.r.uniform(-80_000, 80_000, (stations, 2))
        self.known_m = CHANGSHA_M + spots @ np.stack((east, north))
        self.axes = enu_axes(to_geodetic(self.known_m))
        self.away_m = np.zeros((stations, 3))
        self.tilt = self.r.uniform(0, 2 * np.pi, satellites)
        self.phase = self.r.uniform(0, 2 * np.pi, satellites)
        self.ambiguity_m = self.r.uniform(-1e3, 1e3, (stations, satellites))
        self.arc = np.zeros((stations, satellites), np.int32)
        self.air_m = 0.02 * self.r.standard_normal(stations)
        self.wave = self.r.uniform(0, 2 * np.pi, (stations, satellites))
        self.marks, self.number = Marks(stations), 0
        self.pairs = Baselines(*neighbours(self.known_m), stations)

    def mark(self) -> None:
        """Half a minute on."""
        time_s = self.number * MARK_MS / 1000
        angle = self.phase + 2 * np.pi * time_s / PERIOD_S
        flat = np.stack((np.cos(angle), np.sin(angle) * np.cos(0.96), np.sin(angle) * np.sin(0.96)))
        turn = np.stack((np.cos(self.tilt), np.sin(self.tilt)))
        x = turn[0] * flat[0] - turn[1] * flat[1]
        y = turn[1] * flat[0] + turn[0] * flat[1]
        satellite_m = RADIUS_M * np.stack((x, y, flat[2]), axis=1)
        true_m = self.known_m + np.einsum("ni,nij->nj", self.away_m, self.axes)
        line = satellite_m - self.known_m[:, None]
        way = np.linalg.norm(line, axis=2)
        enu = np.einsum("nij,nsj->nsi", self.axes, line / way[..., None])
        left = np.linalg.norm(satellite_m - true_m[:, None], axis=2) - way
        self.air_m += 0.01 * np.sqrt(MARK_MS / 3.6e6) * self.r.standard_normal(len(self.air_m))
        left += self.air_m[:, None] * mapping(enu[..., 2]) + self.ambiguity_m
        left += 0.01 * np.sin(self.wave + 2 * np.pi * time_s / 900)
        left += 0.004 * self.r.standard_normal(way.shape)
        left += 3e5 * self.r.standard_normal((len(way), 1))  # receivers' clocks: anything
        here = self.marks
        here.left_m[:], count = np.nan, way.shape[1]
        here.left_m[:, 1 : count + 1] = np.where(enu[..., 2] > 0.2, left, np.nan)
        here.arc[:, 1 : count + 1] = self.arc
        here.enu[:, 1 : count + 1] = np.concatenate((enu, mapping(enu[..., 2])[..., None]), axis=2)
        here.time_ms[:] = time_ms = (self.number + 1) * MARK_MS
        self.number += 1
        self.pairs.add(here, time_ms, np.arange(len(self.pairs.first)))

    def solved(self) -> np.ndarray:
        """What is left of each pair's truth, in metres."""
        self.pairs.solve(np.arange(len(self.pairs.first)), self.number * MARK_MS)
        truth = self.away_m[self.pairs.first] - self.away_m[self.pairs.second]
        return self.pairs.enu_m - truth


def test_a_station_that_is_off_is_measured_to_centimetres() -> None:
    sky = Sky(6)
    sky.away_m[2] = (0.3, -0.2, 0.1)
    sky.away_m[4] = (0.5, 0.3, -0.2)
    for n in range(200):
        sky.mark()
        if n in (40, 80, 199):
            left = sky.solved()
            assert len(left) == 15
            assert (np.abs(left) < 4.0 * sky.pairs.sigma_m).all()
    assert np.abs(left).max() < 0.06
    assert sky.pairs.sigma_m.max() < 0.06


def test_slips_and_arcs_that_begin_anew_take_no_part() -> None:
    """One a quarter of an hour a station, half of which no lock time tells; then a receiver is restarted."""
    sky = Sky(5, seed=2)
    for n in range(150):
        if n % 6 == 3:
            station, satellite = n // 6 % 5, int(sky.r.integers(60))
            sky.ambiguity_m[station, satellite] += sky.r.choice([-1, 1]) * sky.r.uniform(0.1, 5.0)
            sky.arc[station, satellite] += n % 12 == 3
        sky.mark()
    assert (np.abs(sky.solved()) < 4.0 * sky.pairs.sigma_m).all()
    assert sky.pairs.sigma_m.max() < 0.08
    sky.arc[3] += 1  # all of its arcs: it was off
    sky.ambiguity_m[3] = sky.r.uniform(-1e3, 1e3, 60)
    sky.away_m[3] = (1.0, 0.0, 0.0)
    for _ in range(80):
        sky.mark()
    assert (np.abs(sky.solved()) < 4.0 * sky.pairs.sigma_m).all()
    assert sky.pairs.sigma_m.max() < 0.15


def test_who_is_off_is_told_where_many_are() -> None:
    """Ten stations each with its five neighbours on a ring; four of them are off, two side by side."""
    count, r = 10, np.random.default_rng(3)
    off = np.zeros((count, 3))
    off[[1, 2, 5, 8], 0] = 0.3, 3.0, -1.0, 0.7
    pairs = np.array([(n, m) for n in range(count) for m in range(n) if 0 < (n - m) % 10 <= 3 or n - m >= 7])
    both = np.concatenate((pairs, pairs[:, ::-1]))
    both = both[np.argsort(both[:, 0], kind="stable")]
    told = off[both[:, 0]] - off[both[:, 1]] + 0.005 * r.standard_normal((len(both), 3))
    found = blame(Ends(both[:, 0], count), both[:, 1], told, np.tile([0.06, 0.15], (count, 1)))
    assert np.abs(found - off).max() < 0.02


def test_what_two_pairs_say_is_no_word_about_a_station() -> None:
    whose, whom = np.array([0, 0, 1, 2]), np.array([1, 2, 0, 0])
    told = np.array([[1.0, 0, 0], [1.0, 0, 0], [-1.0, 0, 0], [-1.0, 0, 0]])
    assert np.isnan(blame(Ends(whose, 3), whom, told, np.full((3, 2), 0.1))).all()


def test_neighbours_are_those_whose_place_is_known() -> None:
    place = CHANGSHA_M + np.arange(9)[:, None] * np.array([30_000.0, 0, 0])
    place[4] = np.nan
    place[8] += 1e6
    first, second = neighbours(place)
    assert (first < second).all()
    assert set(first.tolist()) | set(second.tolist()) == {0, 1, 2, 3, 5, 6, 7}
    assert all(len(side) == 0 for side in neighbours(place[:1]))


SMALL = """
seconds = 3600
seed = 21
[network]
count = 6
interval_s = 30
ephemeris_s = 600
station_s = 600
"""
AWAY_M = np.array([0.25, -0.15, 0.0])
CONFIGURATION = """
pos1-posmode   =static
pos1-elmask    =10
pos1-ionoopt   =dual-freq
pos1-tropopt   =saas
pos1-navsys    =9
pos2-armode    =off
out-solformat  =xyz
out-timesys    =gpst
out-timeform   =tow
"""


@pytest.mark.peer("convbin", "rnx2rtkp")
def test_a_baseline_is_where_rtklib_puts_it(tmp_path: Path) -> None:
    """A register that is wrong by 0.29 m: found within an hour, and by RTKLIB's float baseline.

    b34 solves GPS and Galileo (BeiDou-3's own signals it does not know), with ambiguities that stay real.
    """
    text = 'name = "test"\nstart = "2026-03-01T18:00:00"\n' + SMALL
    wrong = {}

    def file(one, year):
        station = filed(one, year)
        if one.id == "ZHZH":
            x, y, z = (np.array(one.ecef_m) - AWAY_M @ enu_axes(to_geodetic(one.ecef_m))).tolist()
            station = replace(station, ecef_m=(x, y, z))
        wrong[one.id] = np.array(station.ecef_m)
        return station

    network, told = watch(text, file)
    assert [(one.station, one.kind, one.detail["by"]) for one in told if one.kind.startswith("position")] == [
        ("ZHZH", "position_off_registry", "baselines")
    ]
    its = network.coordinates
    rover, base = its.ids.index("ZHZH"), its.ids.index("XTAN")
    made = played(SMALL)
    date = iso(made.begin_ms)
    for name in ("ZHZH", "XTAN"):
        folder = tmp_path / name
        folder.mkdir()
        convbin(made.stream(name), folder, date, "-ro", "-GALINAV")
    (tmp_path / "conf").write_text(CONFIGURATION)
    place = [repr(axis) for axis in made.station("XTAN")["ecef_m"]]
    command = ["rnx2rtkp", "-k", "conf", "-r", *place, "-e", "ZHZH/out.obs", "XTAN/out.obs", "ZHZH/out.nav"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    last = done.stdout.splitlines()[-1].split()
    rtklib = to_enu(np.array(last[2:5], np.float64) - wrong["ZHZH"], to_geodetic(wrong["ZHZH"]))
    pairs = its.against.pairs
    pair = np.flatnonzero((pairs.first == min(rover, base)) & (pairs.second == max(rover, base)))
    ours = pairs.enu_m[pair[0]] * (1.0 if pairs.first[pair[0]] == rover else -1.0)
    assert ours[:2] == pytest.approx(AWAY_M[:2], abs=0.01)
    assert rtklib[:2] == pytest.approx(AWAY_M[:2], abs=0.02)
    assert ours == pytest.approx(rtklib, abs=0.03)


def test_pairs_that_stay_keep_what_they_know_and_a_place_filed_anew_begins_again() -> None:
    places = CHANGSHA_M + np.arange(6)[:, None] * np.array([30_000.0, 0, 0])
    stations = [
        Station(f"S{n}", "tcp://h:1", ecef_m=tuple(one), frame="ITRF2020", epoch=2026.9)
        for n, one in enumerate(places.tolist())
    ]
    its = Coordinates(Places(stations), [one.id for one in stations])
    against = its.against
    assert isinstance(against, Against)
    against.pairs.normal[:, 0, 0] = against.pairs.first * 10.0 + against.pairs.second
    against.pairs.time_ms[:] = 5
    x, y, z = places[3]
    moved = replace(stations[3], ecef_m=(x + 1.0, y, z))
    after = its.rearranged(
        np.array([1, 2, 3, 4, -1]),
        Places([*stations[1:3], moved, stations[4], replace(stations[0], id="NEW")]),
        ["S1", "S2", "S3", "S4", "NEW"],
    ).against.pairs
    kept = dict(
        zip(zip(after.first.tolist(), after.second.tolist(), strict=True), after.normal[:, 0, 0], strict=True)
    )
    assert kept[0, 1] == 12.0 and kept[0, 3] == 14.0
    assert kept[0, 2] == 0.0 and kept[2, 3] == 0.0 and kept[0, 4] == 0.0
