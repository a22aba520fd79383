"""Risks and the factors that follow from them: one table, so that nothing is decided elsewhere.

All are probabilities for one epoch of one station. The model is that of the EU-U.S. working group C's
"ARAIM Technical Subgroup Milestone 3 Report" (2016), annex A: a hypothesis for every satellite and every
system, each with a prior; what no hypothesis stands for is taken off the budget. Epochs that follow each
other share most of their errors, so an hour holds far fewer independent chances than epochs.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from hncors.observation import F64
from hncors.signals import GNSS

MISLEADING = 1e-7
"""Position error above the protection level, and nobody told."""
SHARE = np.array([0.25, 0.25, 0.5])  # of it, east, north, up
FALSE_ALERT = 1e-6
"""An alert without a fault: half by the sum of squared residuals, half by the separations together."""
NOT_MONITORED = 2e-8
"""Of MISLEADING, for what no hypothesis stands for: several independent faults at a time that also hide from
the test of all residuals."""

# That a satellite, or its whole system, is at fault at a moment. GPS: what the report assumes of it. The
# others are cautious figures of ours.
SATELLITE_PRIOR = np.array([{"G": 1e-5, "E": 3e-5, "C": 3e-5}.get(g, 1e-4) for g in GNSS])
SYSTEM_PRIOR = np.array([{"G": 1e-8, "E": 1e-4, "C": 1e-4}.get(g, 2e-4) for g in GNSS])
SYSTEM_FLOOR = 1e-4
"""What the prior of a system counts as at least where its fault can be seen: one of GPS, should there be one,
is then bounded as well as those of the others."""

BOUND = np.array([{"G": 1.2, "J": 1.2, "R": 1.2, "C": 2.8}.get(g, 1.6) for g in GNSS])
"""What sigmas of range_noise.py are multiplied with where errors are bounded: they are fitted to be right in
the mean, as weights should be, and bound BeiDou's errors not at all. By docs/residuals.md, rounded up; at
least 1.2. An epoch takes the largest of its systems."""

_NORMAL = NormalDist()
MOST_DOF = 120


def tail_factor(risk: float) -> float:
    """How many sigmas a normal variable exceeds, to one side, with this probability; 0 from one half on."""
    return -_NORMAL.inv_cdf(risk) if risk < 0.5 else 0.0


@lru_cache(maxsize=256)
def factors(satellites: int) -> tuple[float, F64, F64, F64]:
    """Factors for an epoch of so many satellites, the risk shared alike among all hypotheses.

    Of the threshold of separations, by components without fault (3,), of missed detection by component and
    system for its satellites (3, systems) and for the system itself (3, systems).
    """
    modes = satellites + len(GNSS) + 1
    budget = (MISLEADING - NOT_MONITORED) * SHARE / modes
    threshold = tail_factor(FALSE_ALERT / 2 / (3 * modes) / 2)
    fault_free = np.array([tail_factor(b / 2) for b in budget])
    by_satellite = np.array([[tail_factor(b / p) for p in SATELLITE_PRIOR] for b in budget])
    by_system = np.array(
        [[tail_factor(b / p) for p in np.maximum(SYSTEM_PRIOR, SYSTEM_FLOOR)] for b in budget]
    )
    return threshold, fault_free, by_satellite, by_system


def chi_squared_tail(x: float, dof: int) -> float:
    """Probability that a chi-squared variable of `dof` exceeds x (Abramowitz and Stegun, 26.4.4, 26.4.5)."""
    half = x / 2
    if dof % 2:
        total = math.erfc(math.sqrt(half))
        term = math.exp(-half) * math.sqrt(half) / math.gamma(1.5)
        for n in range((dof - 1) // 2):
            total += term
            term *= half / (n + 1.5)
        return total
    total, term = 0.0, math.exp(-half)
    for n in range(dof // 2):
        total += term
        term *= half / (n + 1)
    return total


@lru_cache(maxsize=1)
def residual_limits() -> F64:
    """By redundancy: what the weighted sum of squares exceeds with half of FALSE_ALERT; inf at 0."""
    limits = [math.inf]
    for dof in range(1, MOST_DOF + 1):
        low, high = 0.0, 1000.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if chi_squared_tail(middle, dof) > FALSE_ALERT / 2 else (low, middle)
        limits.append(high)
    return np.array(limits)
