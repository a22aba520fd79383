"""Residuals in sigmas, what bounds them, and that protection levels count with no less."""

import re
from pathlib import Path

import numpy as np
import pytest

from hncors.measure import risk
from hncors.measure.overbound import factor, normalised
from hncors.signals import GNSS

PAGE = Path(__file__).parents[1] / "docs/residuals.md"


def test_errors_of_the_models_size_have_a_variance_of_one():
    r = np.random.default_rng(3)
    group = np.repeat(np.arange(4000), 5)
    sigma = r.uniform(0.5, 4.0, len(group))
    clock = r.normal(0, 100, 4000)[group]
    found = normalised(group, clock + r.normal(size=len(group)) * sigma, sigma)
    known = ~np.isnan(found)  # some are nearly all of their group
    assert known.mean() > 0.99
    assert found[known].mean() == pytest.approx(0.0, abs=0.03)
    assert found[known].std() == pytest.approx(1.0, abs=0.02)


def test_it_is_the_error_against_the_clock_of_the_others():
    # Three of one sigma, 0, 0 and 3: the third is 3 off the mean of the others, of which the sigma is
    # sqrt(1 + 1/2); each of the first is 1.5 off.
    found = normalised(np.zeros(3, np.int64), np.array([10.0, 10.0, 13.0]), np.ones(3))
    assert found == pytest.approx(np.array([-1.5, -1.5, 3.0]) / 1.5**0.5)


def test_whose_clock_is_its_own_tells_nothing():
    group = np.array([0, 1, 1, 2, 2])
    sigma = np.array([1.0, 1.0, 1.0, 1.0, 50.0])
    found = normalised(group, np.array([5.0, 1.0, np.nan, 1.0, 2.0]), sigma)
    assert np.isnan(found).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_a_normal_distribution_is_bounded_by_itself(scale):
    # Values at exactly the quantiles of a folded normal distribution (Abramowitz and Stegun, table 26.1).
    from statistics import NormalDist

    n = 20_000
    value = [NormalDist().inv_cdf(0.5 + (k + 0.5) / n / 2) * scale for k in range(n)]
    assert factor(np.array(value)) == pytest.approx(scale, rel=1e-9)


def test_one_wild_value_needs_a_wider_bound():
    value = np.concatenate([np.full(99, 0.1), [6.0]])
    # Of a hundred values the largest stands for a share of 0.005, which is 2.807 sigmas to both sides.
    assert factor(value) == pytest.approx(6.0 / 2.807, rel=1e-3)
    assert factor(-value) == factor(value)
    assert np.isnan(factor(np.ones(9)))


def test_protection_levels_count_with_what_bounds_recordings():
    """Each factor of docs/residuals.md is at most what is in use, which is what it says it is."""
    rows = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if "°" in line]
    rows = [[cell.strip() for cell in row] for row in rows if len(row) == 12 and row[0].strip() != "all"]
    assert {row[0][0] for row in rows} >= set("GREC")
    for row in rows:
        used = risk.BOUND[GNSS.index(row[0][0])]
        assert float(row[11]) == pytest.approx(used)
        for cell in (row[7], row[10]):
            assert not re.search(r"\*", cell), row
            assert not cell or float(cell) <= used
