"""Epochs solved and tested at once, against the plain code by rows, which test_position.py and
test_separation.py hold against whole design matrices."""

from __future__ import annotations

import numpy as np
import pytest
from integrity_trials import PLACE_M, Sky, axes, ranges, sky

from hncors.measure.exclusion import Equations
from hncors.measure.grid import Grid
from hncors.measure.position import BEIDOU_2, lines, solve
from hncors.measure.separation import separate
from hncors.measure.together import Sight, Verdict, judge
from hncors.signals import BEIDOU

SKIES = [
    {"G": 9, "E": 7, "C": 8, "C2": 4},
    {"G": 9},
    {"G": 7, "J": 1, "E": 3},
    {"E": 2, "C": 3, "C2": 2},
    {"G": 4},
]


def as_grid(one: Sky, column: np.ndarray) -> np.ndarray:
    """Columns by row, (..., rows), as (..., satellites, epochs)."""
    return np.swapaxes(column.reshape(*column.shape[:-1], one.groups.epochs, -1), -1, -2).copy()


def judged(one: Sky, equations: Equations, start: np.ndarray, use: np.ndarray, some: np.ndarray) -> Verdict:
    """By `judge`, of some of the epochs; clocks follow each other by their numbers in these skies."""
    clock = one.clock[: len(one.clock) // one.groups.epochs]
    gnss = np.where(clock == BEIDOU_2, BEIDOU, clock)
    grid = Grid.of(gnss, np.where(clock == BEIDOU_2, 6, 25))
    to = lines(one.groups, start, one.satellite_m)
    turned = np.broadcast_to(axes()[..., None], (3, 3, int(some.sum())))
    sight = Sight(
        turned, as_grid(one, to.distance_m)[:, some], as_grid(one, axes() @ to.direction)[..., some]
    )
    range_m, variance = as_grid(one, equations.range_m), as_grid(one, equations.sigma_m) ** 2
    return judge(
        grid, sight, start.T[:, some], range_m[:, some], variance[:, some],
        as_grid(one, use)[:, some], bounds=True,
    )  # fmt: skip


def case(number: int, epochs: int = 40) -> tuple[Sky, Equations, np.ndarray, np.ndarray]:
    """A sky, faults in every third epoch, and a tenth of the ranges not in use."""
    one, r = sky(epochs, SKIES[number], number), np.random.default_rng(number)
    fault = np.where(one.groups.epoch % 3 == 0, r.choice([0.0, 0.0, 40.0], len(one.clock)), 0.0)
    equations, _, _ = ranges(one, fault, r)
    start = np.tile(PLACE_M, (epochs, 1)) + r.normal(0.0, 4.0, (epochs, 3))
    enu = axes() @ lines(one.groups, start, one.satellite_m).direction
    return one, equations._replace(enu=enu), start, r.random(len(one.clock)) > 0.1 * (number < 3)


@pytest.mark.parametrize("number", range(len(SKIES)))
def test_at_once_is_as_by_rows(number: int) -> None:
    one, equations, start, use = case(number)
    left = equations.without(~use)
    fixes = solve(one.groups, lines(one.groups, start, one.satellite_m), left.range_m, left.sigma_m, start)
    sigma = np.where(fixes.use, left.sigma_m, np.nan)
    plain = separate(one.groups, equations.enu, sigma, fixes.residual_m, fixes.redundancy)
    found = judged(one, equations, start, use, np.ones(one.groups.epochs, bool))
    near = {"rtol": 1e-9, "atol": 1e-7, "equal_nan": True}
    assert np.allclose(found.place_m.T, fixes.place_m, **near)
    assert np.allclose(np.moveaxis(found.covariance_m2, -1, 0), fixes.covariance_m2, **near)
    assert np.allclose(found.pdop, fixes.pdop, **near)
    assert np.allclose(found.clock_m.T, fixes.clock_m, **near)
    for name in ("used", "systems", "redundancy"):
        assert np.array_equal(getattr(found, name), getattr(fixes, name)), name
    assert np.array_equal(found.use, as_grid(one, fixes.use))
    assert np.allclose(np.where(found.use, found.residual_m, np.nan), as_grid(one, fixes.residual_m), **near)
    solved = ~np.isnan(fixes.place_m[:, 0])
    assert solved.any() and np.array_equal(found.passed[solved], plain.passed[solved])
    assert np.allclose(found.level_m.T, plain.level_m, **near)
    failed = np.flatnonzero(solved & ~plain.passed)
    statistic = as_grid(one, plain.satellite)
    # With one range more than unknowns all are alike, but for rounding.
    assert np.allclose(statistic[found.worst[failed], failed], statistic[:, failed].max(axis=0), rtol=1e-6)


def test_who_else_is_there_makes_no_difference_to_the_last_digit() -> None:
    one, equations, start, use = case(0, 60)
    every = judged(one, equations, start, use, np.ones(60, bool))
    for some in (np.arange(60) < 2, np.arange(60) % 7 == 3, np.arange(60) > 40):
        part = judged(one, equations, start, use, some)
        for name, whole, values in zip(Verdict._fields, every, part, strict=True):
            assert np.array_equal(whole[..., some], values, equal_nan=values.dtype.kind == "f"), name
