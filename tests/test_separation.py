"""Solution separation against the plain way: whole design matrices with their clocks, solved again and again.

Quantiles are compared with printed tables (NIST/SEMATECH e-Handbook, 1.3.6.7.4: upper critical values of the
chi-squared distribution).
"""

from __future__ import annotations

import numpy as np
import pytest

from hncors.measure import risk
from hncors.measure.position import BEIDOU_2, Groups
from hncors.measure.separation import SYSTEMS, separate
from hncors.signals import BEIDOU, GNSS

G, E, C = GNSS.index("G"), GNSS.index("E"), BEIDOU


def sky(seed: int, clocks: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Directions spread over the sky above ten degrees, and sigmas of one to three metres."""
    r = np.random.default_rng(seed)
    elevation = np.arcsin(r.uniform(0.17, 1.0, len(clocks)))
    azimuth = r.uniform(0.0, 2 * np.pi, len(clocks))
    enu = np.stack(
        (np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)), axis=1
    )
    return enu, r.uniform(1.0, 3.0, len(clocks))


def plain(enu: np.ndarray, clocks: np.ndarray, sigma: np.ndarray, y: np.ndarray):
    """Solution, covariance of the place and residuals by the whole design matrix."""
    names = np.unique(clocks)
    a = np.concatenate((-enu, (clocks[:, None] == names).astype(float)), axis=1)
    w = np.diag(1 / sigma**2)
    covariance = np.linalg.inv(a.T @ w @ a)
    x = covariance @ a.T @ w @ y
    return x[:3], covariance[:3, :3], y - a @ x


CLOCKS = [
    [G] * 8 + [E] * 7 + [C] * 5 + [BEIDOU_2] * 4,
    [G] * 9,
    [G] * 7 + [E] * 3,
    [E] * 6 + [C] * 2 + [BEIDOU_2] * 3,
]


@pytest.mark.parametrize("number", range(len(CLOCKS)))
def test_leaving_out_is_what_solving_again_says(number: int) -> None:
    clocks = np.array(CLOCKS[number])
    enu, sigma = sky(number, CLOCKS[number])
    y = np.random.default_rng(100 + number).normal(0, 1, len(clocks)) * sigma
    y[2] += 9.0
    x, covariance, residual = plain(enu, clocks, sigma, y)
    groups = Groups.of(np.zeros(len(clocks), np.int64), clocks, 1)
    redundancy = np.array([len(clocks) - 3 - len(set(clocks.tolist()))])
    found = separate(groups, enu.T, sigma, residual, redundancy)
    assert found.squares[0] == pytest.approx((residual**2 / sigma**2).sum())
    threshold, fault_free, by_satellite, by_system = risk.factors(len(clocks))
    system_of = np.where(clocks == BEIDOU_2, BEIDOU, clocks)
    bound = risk.BOUND[system_of].max()
    fault_free, by_satellite, by_system = (one * bound for one in (fault_free, by_satellite, by_system))
    levels = [fault_free * np.sqrt(np.diag(covariance))]
    for k in range(len(clocks)):
        rest = np.arange(len(clocks)) != k
        other, spread, _ = plain(enu[rest], clocks[rest], sigma[rest], y[rest])
        moved = np.sqrt(np.diag(spread - covariance))
        assert np.allclose(np.abs(other - x), found.satellite[k] * moved, atol=1e-9)
        levels.append(threshold * moved + by_satellite[:, system_of[k]] * np.sqrt(np.diag(spread)))
    for system in range(SYSTEMS):
        rest = system_of != system
        if rest.all():
            assert found.system[0, system] == 0.0
            continue
        if rest.sum() - len(set(clocks[rest].tolist())) < 3:  # not determined without it
            assert found.system[0, system] == 0.0
            if risk.SYSTEM_PRIOR[system] > risk.NOT_MONITORED:
                levels.append(np.full(3, np.inf))
            continue
        other, spread, _ = plain(enu[rest], clocks[rest], sigma[rest], y[rest])
        moved = np.sqrt(np.diag(spread - covariance))
        assert found.system[0, system] == pytest.approx(np.max(np.abs(other - x) / moved))
        levels.append(threshold * moved + by_system[:, system] * np.sqrt(np.diag(spread)))
    assert np.allclose(found.level_m[0], np.max(levels, axis=0))
    limit_passed = found.squares[0] <= found.limit[0]
    assert found.passed[0] == (
        limit_passed and found.satellite.max() <= threshold and found.system.max() <= threshold
    )


def test_chi_squared_as_printed() -> None:
    for dof, at_one_permille in (
        (1, 10.828),
        (2, 13.816),
        (10, 29.588),
        (31, 61.098),
        (60, 99.607),
        (100, 149.449),
    ):
        assert risk.chi_squared_tail(at_one_permille, dof) == pytest.approx(0.001, rel=2e-3)


def test_factors_are_those_of_the_normal_distribution() -> None:
    # Q(3.090) = 0.001, Q(4.265) = 1e-5 (the same handbook, 1.3.6.7.1, and its continuation by erfc)
    assert risk.tail_factor(1e-3) == pytest.approx(3.090, abs=1e-3)
    assert risk.tail_factor(1e-5) == pytest.approx(4.265, abs=1e-3)
    assert risk.tail_factor(0.7) == 0.0


def test_many_epochs_at_once_are_each_as_alone() -> None:
    parts = []
    for number, clocks in enumerate(CLOCKS):
        enu, sigma = sky(number, clocks)
        residual = plain(
            enu, np.array(clocks), sigma, np.random.default_rng(number).normal(0, 2, len(clocks))
        )[2]
        parts.append((np.array(clocks), enu, sigma, residual, len(clocks) - 3 - len(set(clocks))))
    epoch = np.repeat([0, 2, 3, 5], [len(p[0]) for p in parts])  # 1 and 4 have nothing
    clock, enu, sigma, residual = (np.concatenate([p[n] for p in parts]) for n in range(4))
    redundancy = np.full(6, -3)
    redundancy[[0, 2, 3, 5]] = [p[4] for p in parts]
    found = separate(Groups.of(epoch, clock, 6), enu.T, sigma, residual, redundancy)
    for row, part in zip((0, 2, 3, 5), parts, strict=True):
        alone = separate(
            Groups.of(np.zeros(len(part[0]), np.int64), part[0], 1),
            part[1].T,
            *part[2:4],
            np.array([part[4]]),
        )
        assert np.allclose(found.level_m[row], alone.level_m[0])
        assert np.array_equal(found.passed[row], alone.passed[0])
    assert np.isnan(found.level_m[[1, 4]]).all()


def test_false_alerts_at_the_design_rate() -> None:
    """With a rate raised to where chance shows it, by the same tests: 4,000 epochs without fault."""
    clocks = np.array(CLOCKS[0] * 4000)
    epochs = 4000
    r = np.random.default_rng(5)
    enu, sigma = sky(3, CLOCKS[0])
    y = r.normal(0, 1, (epochs, len(CLOCKS[0]))) * sigma
    one = np.array(CLOCKS[0])
    a = np.concatenate((-enu, (one[:, None] == np.unique(one)).astype(float)), axis=1)
    w = np.diag(1 / sigma**2)
    hat = a @ np.linalg.inv(a.T @ w @ a) @ a.T @ w
    residual = y - y @ hat.T
    groups = Groups.of(np.arange(epochs).repeat(len(one)), clocks, epochs)
    dof = len(one) - 3 - 4
    found = separate(
        groups, np.tile(enu.T, epochs), np.tile(sigma, epochs), residual.ravel(), np.full(epochs, dof)
    )
    assert found.passed.all()
    # the sum of squares itself: its printed 1 permille value for 17 is 40.790
    share = (found.squares > 40.790).mean()
    assert 0.0002 < share < 0.0025
    # each satellite's statistic is a standard normal variable
    assert np.abs(np.mean(found.satellite > 1.959964) - 0.05) < 0.005
