"""Moves of antennas: steps made by hand, noise whose correlation is known, and simulated stations."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from displacement_material import filed, watch

from hncors.coordinates import Coordinates, _lengths
from hncors.frames import motion
from hncors.geodesy import to_enu, to_geodetic
from hncors.identity import Places
from hncors.measure.days import BLOCKS, robust, trend
from hncors.measure.minutes import MINUTE_MS, Minutes
from hncors.measure.moves import Move, Moves
from hncors.measure.slow import Slow
from hncors.measure.steps import Phases, Steps
from hncors.measure.together import Sight
from hncors.registry import Station

C_M_S = 299_792_458.0


class Antenna:
    """Phases less ways of an antenna at the origin: the clock, ambiguities, and less where it went."""

    def __init__(self, satellites: int = 24, noise_m: float = 0.003) -> None:
        self.r = np.random.default_rng(3)
        elevation = np.arcsin(self.r.uniform(np.sin(np.radians(12)), 0.98, satellites))
        azimuth = self.r.uniform(0, 2 * np.pi, satellites)
        self.enu = np.stack(
            (np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation))
        )
        self.ambiguity_m = self.r.uniform(-1e3, 1e3, satellites)
        self.noise_m = noise_m
        self.steps = Steps(1)
        self.sets = np.zeros(satellites, np.int64)

    def step(self, second: int, place_m: tuple[float, ...]) -> np.ndarray:
        count = self.enu.shape[1]
        clock_m = 1e-7 * C_M_S * second + 1e-3 * C_M_S  # 30 m/s, and a jump would do as well
        left = clock_m + self.ambiguity_m - np.array(place_m) @ self.enu
        left += self.noise_m * self.r.standard_normal(count)
        here = np.array([[6_371_000.0], [0.0], [0.0]])  # where east, north and up are y, z and x
        axes = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])[..., None]
        sight = Sight(axes, np.zeros((count, 1)), self.enu[..., None])
        good = np.ones((count, 1), bool)
        phases = Phases(here, sight, left[:, None], self.sets[:, None].copy(), good, good)
        number = np.arange(1, count + 1)
        found = self.steps.add(np.zeros(1, np.int64), np.array([1000 * second]), number, phases)
        return found.enu_m[0]


def test_a_step_is_measured_whatever_the_clock_does() -> None:
    antenna = Antenna(noise_m=0.0)
    assert np.isnan(antenna.step(0, (0, 0, 0))).all()
    assert antenna.step(1, (0, 0, 0)) == pytest.approx([0, 0, 0], abs=1e-6)
    assert antenna.step(2, (0.1, -0.2, 0.3)) == pytest.approx([0.1, -0.2, 0.3], abs=1e-6)
    assert antenna.step(3, (0.1, -0.2, 0.3)) == pytest.approx([0, 0, 0], abs=1e-6)


def test_slips_new_sets_and_gaps_have_no_part() -> None:
    antenna = Antenna()
    antenna.step(0, (0, 0, 0))
    antenna.ambiguity_m[3] += 0.107  # (1, 1) of L1 and L2: what the geometry-free phase hardly shows
    antenna.ambiguity_m[9] -= 5.0
    assert np.abs(antenna.step(1, (0, 0, 0))).max() < 0.015
    antenna.sets[:8] += 7_200_000  # a new ephemeris is metres from the old
    antenna.ambiguity_m[:8] += 2.0
    assert np.abs(antenna.step(2, (0, 0, 0))).max() < 0.02
    assert np.isnan(antenna.step(100, (0, 0, 0))).all()


def test_contradicting_satellites_are_no_step() -> None:
    antenna = Antenna(satellites=9)
    antenna.step(0, (0, 0, 0))
    antenna.ambiguity_m += antenna.r.uniform(-3, 3, 9)
    assert np.isnan(antenna.step(1, (0, 0, 0))).all()


def test_a_path_tells_a_move_and_no_drift() -> None:
    """1.4 mm/s is what broadcast orbits do at the worst of five real stations."""
    r = np.random.default_rng(1)
    moves, told = Moves(1), []
    noise = 0.004 * r.standard_normal((2001, 3))
    for second in range(2000):
        step = np.array([[0.0014, 0.0, 0.0]]) + noise[second + 1] - noise[second]
        step[0, 1] += 0.06 if second == 1500 else 0.0
        told += [(second, one.enu_m) for one in moves.add(np.array([0]), step, np.array([1000]))]
    assert [second for second, _ in told] == [1502]
    assert told[0][1] == pytest.approx((0.0, 0.06, 0.0), abs=0.02)


def test_what_neighbours_do_too_is_not_a_stations_own() -> None:
    """All drift by centimetres a minute; one goes 1.2 m in an hour besides."""
    count, r = 8, np.random.default_rng(2)
    minutes, slow = Minutes(count), Slow(count)
    place = 6_371_000.0 + np.arange(count)[:, None] * np.array([30_000.0, 0.0, 0.0])
    path, all_ = np.zeros((count, 3)), np.arange(count)
    found = []
    for minute in range(1, 240):
        path += np.array([0.06, -0.03, 0.02]) + 0.002 * r.standard_normal((count, 3))
        path[5, 0] += 1.2 / 60 if 120 <= minute < 180 else 0.0
        time_ms = np.full(count, minute * MINUTE_MS + 59_000)
        minutes.add(all_, time_ms, np.zeros((count, 3)), path, np.zeros(count, np.int64))
        over = minutes.ended((minute + 1) * MINUTE_MS + 31_000, place)
        assert over is not None
        found += [(minute, one) for one in slow.add(over.step_m)]
    assert {one.row for _, one in found} == {5}
    assert 120 < found[0][0] <= 185


def test_sigmas_of_daily_means_count_correlation() -> None:
    """Medians of first-order autoregressive noise, whose variance is known: 95 of 100 within two sigmas."""
    r = np.random.default_rng(4)
    stations, alike = 400, 0.7
    noise = r.standard_normal((stations, BLOCKS, 6))
    for n in range(1, BLOCKS):
        noise[:, n] = alike * noise[:, n - 1] + np.sqrt(1 - alike**2) * noise[:, n]
    means = robust(0.3 * noise, 72)
    within = np.abs(means.mean_m) < 2 * means.sigma_m
    assert 0.90 < within.mean() < 0.99
    plain = 0.3 * 1.2533 / np.sqrt(BLOCKS)
    assert np.median(means.sigma_m) > 1.8 * plain


def test_a_median_does_not_follow_a_few_bad_blocks() -> None:
    r = np.random.default_rng(5)
    blocks = 0.05 * r.standard_normal((1, BLOCKS, 6))
    blocks[:, 20:40] += 30.0
    assert np.abs(robust(blocks, 72).mean_m).max() < 0.05
    blocks[:, 40:120] = np.nan
    assert np.isnan(robust(blocks, 72).mean_m).all()


def test_trends_and_their_sigmas() -> None:
    r = np.random.default_rng(6)
    days = np.arange(60.0)
    values = 0.02 * r.standard_normal((300, 60, 6)) + (0.001 * days)[None, :, None]
    rate, sigma, count = trend(values, np.full_like(values, 0.02))
    assert count.tolist() == [60] * 300
    assert np.median(rate) == pytest.approx(0.001, abs=2e-5)
    assert 0.9 < (np.abs(rate - 0.001) < 2 * sigma).mean() < 0.99
    values[:, :54] = np.nan
    assert np.isnan(trend(values, np.full_like(values, 0.02))[0]).all()


SMALL = """
name = "small"
start = "2026-03-01T06:00:00"
seconds = 90
seed = 5
[network]
count = 5
"""


def test_a_simulated_antenna_that_is_kicked_is_told_in_three_epochs() -> None:
    fault = '[[faults]]\nkind="moved_antenna"\nbegin_s=60\nstations=["XTAN"]\nparameters={east_m=0.1}\n'
    _, told = watch(SMALL + fault)
    assert [(one.second, one.station, one.kind) for one in told] == [(62.0, "XTAN", "antenna_moved")]
    assert told[0].detail["east_m"] == pytest.approx(0.1, abs=0.01)
    assert told[0].detail["up_m"] == pytest.approx(0.0, abs=0.02)


def test_a_registered_place_that_is_wrong_by_thirty_metres_is_told_in_ten_epochs() -> None:
    def wrong(one, year):
        station = filed(one, year)
        if one.id == "HYNG":
            x, y, z = one.ecef_m
            station = replace(station, ecef_m=(x + 20.0, y - 20.0, z + 10.0))
        return station

    network, told = watch(SMALL.replace("90", "40"), wrong)
    assert [(one.station, one.kind) for one in told if one.kind.startswith("pos")] == [
        ("HYNG", "position_off_registry")
    ]
    about = next(one for one in told if one.kind.startswith("pos"))
    assert about.second <= 15 and about.detail["distance_m"] == pytest.approx(30.0, abs=5.0)
    assert network.coordinates.off.tolist() == [id == "HYNG" for id in network.coordinates.ids]


def test_a_frame_that_was_mixed_up_is_said() -> None:
    """What is 0.74 m off in Hunan when CGCS2000 is filed as a place of today, and the other way round."""
    filed_m = (-2_193_478.0, 5_180_074.0, 2_996_092.0)
    at_ms = 1_479_000_000_000  # November 2026
    as_today = Station("A", "tcp://h:1", ecef_m=filed_m, frame="ITRF2020", epoch=2026.9)
    as_old = replace(as_today, frame="CGCS2000", epoch=2000.0)
    went = motion(filed_m, "CGCS2000", 2000.0)
    enu = to_enu(went.at(2026.9) - np.array(filed_m), to_geodetic(filed_m))
    assert "CGCS2000 2000, not of ITRF2020" in Places([as_today]).frame_doubt("A", enu, at_ms)
    assert "of today, not of CGCS2000 2000" in Places([as_old]).frame_doubt("A", -enu, at_ms)
    assert Places([as_today]).frame_doubt("A", -enu, at_ms) == ""


def test_a_station_that_stays_keeps_its_path_and_one_filed_anew_begins_its_means_again() -> None:
    near, far = (-2_193_478.0, 5_180_074.0, 2_996_092.0), (-2_193_478.0, 5_180_075.0, 2_996_092.0)
    a, b = (Station(name, "tcp://h:1", ecef_m=near, frame="ITRF2020", epoch=2026.9) for name in "AB")
    its = Coordinates(Places([a, b]), ["A", "B"])
    its.moves.path_m[:] = [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    its.days.days_m[:] = 0.5
    its.off[:] = True
    after = its.rearranged(np.array([1, -1, 0]), Places([a, replace(b, ecef_m=far)]), ["B", "C", "A"])
    assert after.moves.path_m[:, 0].tolist() == [2.0, 0.0, 1.0]
    assert after.off.tolist() == [False, False, True]
    assert np.isnan(after.days.days_m[0]).all() and (after.days.days_m[2] == 0.5).all()


def test_frames_are_turned_where_memory_cannot_be_made_executable() -> None:
    """The unit says MemoryDenyWriteExecute: pyproj has to work without, and without a writable home."""
    code = "from hncors.frames import motion; print(motion((-2.2e6, 5.2e6, 3.0e6), 'CGCS2000', 2000.0).by)"
    service = (Path(__file__).parents[1] / "systemd/hncors.service").read_text(encoding="utf-8")
    assert "MemoryDenyWriteExecute=yes" in service
    # PR_SET_MDWE is 65, PR_MDWE_REFUSE_EXEC_GAIN 1 (Linux 6.3, linux/prctl.h); older kernels refuse it.
    deny = "import ctypes; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)"
    told = subprocess.run(
        [sys.executable, "-c", f"{deny}\n{code}"],
        env={"HOME": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == "EURA", told.stderr


def test_days_tell_of_wrong_places_changes_and_trends() -> None:
    """Offsets made by hand: errors common to all of 0.4 m, each one's own of 0.05 m that last an hour, so
    that a day's median is good to 1.25 x 0.05 m x sqrt(1.85 / 0.15 / 144) = 18 mm, five of which are 9 cm.

    Of eight stations number 3 is filed 0.3 m off, 5 goes by 0.3 m on the third day, 6 by 1 cm each day.
    """
    r = np.random.default_rng(8)
    count, start_min = 8, 1440 * 17_000
    place = np.array([-2_193_478.0, 5_180_074.0, 2_996_092.0])
    stations = [
        Station(
            f"S{n}", "tcp://h:1", ecef_m=tuple((place + 1e4 * n).tolist()), frame="ITRF2020", epoch=2026.9
        )
        for n in range(count)
    ]
    its = Coordinates(Places(stations), [one.id for one in stations])
    own, told = np.zeros((count, 3)), []
    for tens in range(144 * 10 + 1):
        own = 0.85 * own + np.sqrt(1 - 0.85**2) * 0.05 * r.standard_normal((count, 3))
        day = tens // 144
        offset = own + 0.4 * np.sin(2 * np.pi * tens / 144 + np.arange(3))
        offset[3, 0] += 0.3
        offset[5, 1] += 0.3 if day >= 2 else 0.0
        offset[6, 0] += 0.01 * tens / 144
        relative = offset - np.median(offset, axis=0)
        minute = start_min + 10 * tens
        block = its.days.add(minute, offset, relative)
        if block is not None:
            told += [(tens / 144, one) for one in its._block(block, 60_000 * minute)]
    kinds = {(one.station, one.kind, one.detail["by"]) for _, one in told}
    assert (3, "position_off_registry", "day_neighbours") in kinds
    assert {station for station, kind, _ in kinds if kind == "position_changed"} == {5}
    assert {station for station, kind, _ in kinds if kind == "position_drift"} <= {5, 6}
    assert {station for station, _, _ in kinds} <= {3, 5, 6}
    first = next(at for at, one in told if one.station == 3)
    assert 0.5 <= first <= 1.0  # of a day: half of one is needed
    assert next(at for at, one in told if one.kind == "position_changed") == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(
    ("enu_m", "told"),
    [
        ((60.0, 80.0, 0.0), {"distance_m": 100.0, "east_m": 60.0, "north_m": 80.0, "up_m": 0.0}),
        ((60.0, 80.1, 0.0), {"distance_m": 100.0}),
        ((-64290.098, 51159.864, -535.23), {"distance_m": 82000.0}),
    ],
)
def test_what_is_far_off_tells_no_direction(enu_m: tuple[float, ...], told: dict[str, float]) -> None:
    assert _lengths(np.array(enu_m)) == told


def test_a_move_that_goes_on_is_told_when_it_begins() -> None:
    its, move = Coordinates(Places([]), ["A", "B"]), Move(0, (1.0, 0.0, 0.0), 10.0)
    told = [(at_s, len([*its._by_phases(0, move, at_s * 1000)])) for at_s in (100, 103, 150, 209, 270, 300)]
    assert told == [(100, 1), (103, 0), (150, 0), (209, 0), (270, 1), (300, 0)]
    assert len([*its._by_phases(1, move, 104_000)]) == 1
