"""Pairs of neighbouring stations for the ionosphere's index, against every distance computed by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hncors.measure.disturbance import FARTHEST_M, NEAREST_M, NEIGHBOURS, nearest


def one_by_one(places: list[tuple[float, ...]]) -> set[tuple[int, int]]:
    """The nearest of each that are neither too near nor too far, found by looking at all."""
    found = set()
    for row, place in enumerate(places):
        apart = [(math.dist(place, other), number) for number, other in enumerate(places)]
        near = sorted(one for one in apart if NEAREST_M <= one[0] <= FARTHEST_M)
        found |= {(min(row, other), max(row, other)) for _, other in near[:NEIGHBOURS]}
    return found


@pytest.mark.parametrize(
    ("count", "wide_m"), [(1, 1e3), (2, 5e4), (4, 2e4), (60, 8e4), (300, 3e5), (300, 3e6)]
)
def test_neighbours_are_those_that_all_distances_give(count: int, wide_m: float) -> None:
    """Round the origin, so that cubes have borders and signs; seeds 0 to 4."""
    for seed in range(5):
        place_m = np.random.default_rng(seed).uniform(-wide_m / 2, wide_m / 2, (count, 3))
        first, second, apart_m = nearest(place_m)
        places = [tuple(one) for one in place_m.tolist()]
        pairs = list(zip(first.tolist(), second.tolist(), strict=True))
        assert set(pairs) == one_by_one(places)
        assert pairs == sorted(set(pairs))
        assert apart_m.tolist() == pytest.approx([math.dist(places[a], places[b]) for a, b in pairs])


def test_stations_side_by_side_are_no_neighbours() -> None:
    place_m = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [0.0, 6e3, 0.0], [0.0, 200e3, 0.0]])
    first, second, _ = nearest(place_m)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 2), (1, 2)]


def test_no_stations_have_no_neighbours() -> None:
    assert [len(one) for one in nearest(np.empty((0, 3)))] == [0, 0, 0]
