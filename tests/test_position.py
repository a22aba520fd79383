"""Positions: against known places and RTKLIB's best figures, and against ranges laid out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hncors
from hncors.geodesy import EARTH_ROTATION_RAD_S, to_ecef, to_enu
from hncors.measure.position import BEIDOU_2, Fixes, Groups, clocks, lines, locate, solve
from hncors.reading import blocks
from hncors.rtcm3.block import decode
from hncors.rtcm3.station import ReferencePoint
from hncors.signals import BEIDOU, C_M_S, GALILEO, GPS, QZSS

# 3-D rms in metres of the best of four solutions of rnx2rtkp (2.4.3 b34 and RTKLIB-EX 2.5.1; single, all
# systems, l1+l2, mask 10 degrees, Saastamoinen; broadcast ionosphere and ionosphere-free), and the epochs it
# solves. The reference is what the station broadcasts, of hiroshima the coordinates its owner publishes.
BEST = {
    "alloy-bds3-33s": (1.52, 33),
    "hiroshima-7systems-60s": (0.94, 60),
    "stromlo-polarx5-8min": (1.57, 502),
    "trio-poland-20s": (2.10, 19),
}
HIROSHIMA = (np.radians(34.4401061), np.radians(132.4147804), 233.362)


@pytest.mark.parametrize("name", BEST)
def test_recorded_stations_are_nearer_than_rtklib_puts_them(recordings: Path, name: str) -> None:
    rms_m, epochs = BEST[name]
    path = recordings / "streams" / f"{name}.rtcm3"
    found = hncors.replay(path).positions
    solved = found["status"] == "ok"
    place = np.stack(
        [np.radians(found["latitude_deg"]), np.radians(found["longitude_deg"]), found["height_m"]], axis=1
    )
    reference_m = to_ecef(HIROSHIMA) if name.startswith("hiroshima") else broadcast_m(path)
    away_m = np.linalg.norm(to_ecef(place[solved]) - reference_m, axis=1)
    assert solved.sum() >= epochs
    assert np.sqrt(np.mean(away_m**2)) < rms_m


def broadcast_m(path: Path) -> np.ndarray:
    """The reference point of 1005 or 1006."""
    records = [record for frames in blocks(path.read_bytes()) for _, record in decode(frames).records]
    point = next(one for one in records if isinstance(one, ReferencePoint))
    return np.array([point.x_m, point.y_m, point.z_m])


def sky(count: int, seed: int) -> np.ndarray:
    """Satellites spread over the sky of a place at 28 N, 113 E, 20,000 to 36,000 km away."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = rng.uniform(0, 2 * np.pi, count), np.arcsin(rng.uniform(0.2, 1.0, count))
    east_north_up = np.stack(
        (np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)), axis=1
    )
    geodetic = np.array([np.radians(28.0), np.radians(113.0), 60.0])
    axes = np.array([to_enu(axis, geodetic) for axis in np.eye(3)])
    return to_ecef(geodetic) + rng.uniform(20e6, 36e6, count)[:, None] * (east_north_up @ axes.T)


PLACE = to_ecef((np.radians(28.0), np.radians(113.0), 60.0))


def turned_range_m(satellite_m: np.ndarray, place_m: np.ndarray) -> np.ndarray:
    """The way of light written out: the frame turns under it, and what it takes is the range itself."""
    way = np.linalg.norm(satellite_m - place_m, axis=1)
    for _ in range(5):
        angle = EARTH_ROTATION_RAD_S * way / C_M_S
        x = satellite_m[:, 0] * np.cos(angle) + satellite_m[:, 1] * np.sin(angle)
        y = satellite_m[:, 1] * np.cos(angle) - satellite_m[:, 0] * np.sin(angle)
        way = np.linalg.norm(np.stack((x, y, satellite_m[:, 2]), axis=1) - place_m, axis=1)
    return way


def solved(groups: Groups, satellite: np.ndarray, ranges: np.ndarray, sigma: np.ndarray) -> Fixes:
    """From nothing: first plain, then by the sigmas."""
    start = locate(groups, satellite.T, ranges, np.ones(len(ranges), bool), np.zeros((groups.epochs, 3)))
    start = np.nan_to_num(start)
    return solve(groups, lines(groups, start, satellite.T), ranges, sigma, start)


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), tuple(PLACE + 3e5)])
def test_exact_ranges_give_the_place_and_every_clock(start: tuple[float, ...]) -> None:
    satellite = sky(14, 1)
    gnss = np.array([GPS] * 6 + [GALILEO] * 4 + [BEIDOU] * 4)
    number = np.array([*range(1, 11), 3, 8, 25, 44])
    clock = clocks(gnss, number)
    assert clock.tolist() == [GPS] * 6 + [GALILEO] * 4 + [BEIDOU_2] * 2 + [BEIDOU] * 2
    offset = np.zeros(8)
    offset[[GPS, GALILEO, BEIDOU, BEIDOU_2]] = 3e5, 3e5 + 12.0, 3e5 - 40.0, 3e5 - 41.5
    ranges = turned_range_m(satellite, PLACE) + offset[clock]
    groups = Groups.of(np.zeros(14, np.int64), clock, 1)
    near = locate(groups, satellite.T, ranges, np.ones(14, bool), np.array([start]))
    found = solve(groups, lines(groups, near, satellite.T), ranges, np.ones(14), near)
    # What the scalar form of the earth's turn leaves out is the square of 1e-5 times the way: 2 mm.
    assert np.linalg.norm(found.place_m[0] - PLACE) < 0.01
    assert found.clock_m[0, [GPS, GALILEO, BEIDOU, BEIDOU_2]] == pytest.approx(
        offset[[GPS, GALILEO, BEIDOU, BEIDOU_2]], abs=0.01
    )
    assert np.isnan(found.clock_m[0, [1, 3, 4, 6]]).all()
    assert found.used[0] == 14 and found.redundancy[0] == 14 - 3 - 4
    assert np.abs(found.residual_m).max() < 0.005


def test_e07_many_epochs_are_solved_as_each_alone() -> None:
    """Four ranges of two systems are too few, as are three and none; the others are as if alone."""
    rng = np.random.default_rng(2)
    sizes = (9, 4, 3, 7, 0, 12)  # of two systems each; three ranges and none are too few
    epoch = np.repeat(np.arange(6), sizes)
    clock = np.concatenate([np.sort(rng.integers(0, 2, n)) * 2 for n in sizes])
    satellite = sky(len(epoch), 3)
    ranges = turned_range_m(satellite, PLACE) + rng.normal(0, 3, len(epoch)) + 1e4 * clock
    sigma = rng.uniform(0.5, 3.0, len(epoch))
    together = solved(Groups.of(epoch, clock, 6), satellite, ranges, sigma)
    for number in range(6):
        rows = epoch == number
        groups = Groups.of(np.zeros(int(rows.sum()), np.int64), clock[rows], 1)
        alone = solved(groups, satellite[rows], ranges[rows], sigma[rows])
        for name in ("place_m", "covariance_m2", "pdop", "clock_m"):
            assert getattr(together, name)[number] == pytest.approx(getattr(alone, name)[0], nan_ok=True)
    assert np.isnan(together.place_m[[2, 4]]).all()


def test_a_solution_is_that_of_the_full_design() -> None:
    """numpy's own least squares with a column for each clock: place, covariance, PDOP, residuals."""
    rng = np.random.default_rng(4)
    clock = np.repeat([0, 2, 5], (5, 4, 1))  # the last system has one satellite
    satellite, sigma = sky(10, 5), rng.uniform(0.5, 3.0, 10)
    ranges = turned_range_m(satellite, PLACE) + rng.normal(0, 2, 10)
    groups, start = Groups.of(np.zeros(10, np.int64), clock, 1), PLACE[None] + 3.0
    found = solve(groups, lines(groups, start, satellite.T), ranges, sigma, start)
    line = satellite - start[0]
    design = np.concatenate(
        (-line / np.linalg.norm(line, axis=1)[:, None], (clock[:, None] == [0, 2, 5]).astype(float)), axis=1
    )
    weight = 1 / sigma**2
    cofactor = np.linalg.inv(design.T @ (design * weight[:, None]))
    assert found.covariance_m2[0] == pytest.approx(cofactor[:3, :3], rel=1e-9)
    assert found.pdop[0] == pytest.approx(np.sqrt(np.trace(np.linalg.inv(design.T @ design)[:3, :3])))
    # At the minimum no unknown can take anything more off the residuals.
    assert np.abs(design.T @ (found.residual_m * weight)).max() < 1e-3
    assert found.used[0] == 9 and found.systems[0] == 0b101


def test_e07_satellites_in_a_plane_give_no_place() -> None:
    satellite = sky(8, 6)
    satellite[:] = PLACE + np.linspace(1.0, 2.0, 8)[:, None] * (satellite[0] - PLACE)
    groups = Groups.of(np.zeros(8, np.int64), np.zeros(8, np.int64), 1)
    found = solved(groups, satellite, turned_range_m(satellite, PLACE), np.ones(8))
    assert np.isnan(found.place_m).all() and np.isnan(found.pdop).all() and not found.use.any()


def test_clocks_are_shared_only_where_satellites_are_short() -> None:
    gnss, number = np.array([GPS, GPS, QZSS, BEIDOU, BEIDOU]), np.array([3, 5, 2, 8, 25])
    assert clocks(gnss, number).tolist() == [GPS, GPS, QZSS, BEIDOU_2, BEIDOU]
    assert clocks(gnss, number, np.ones(5, bool)).tolist() == [GPS] * 3 + [BEIDOU] * 2
