"""E16 to E18: what nature allows, the ionosphere over a place, forged signals.

What rules see is laid by hand (whole provinces are in test_detection); sums, rates and weights are held
against numbers worked out here.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_evidence_rules import HERE, STRANGE, look

from hncors.measure.position import CLOCKS
from hncors.positioning import NO_POSITIONS, Positions, unsolved
from hncors.signals import C_M_S
from hncors.supervise.clock_breaks import ClockBreaks
from hncors.supervise.foreign_air import Excess, _centred, _fitted, _plane
from hncors.supervise.plausibility import Plausible
from hncors.supervise.policy import Policy

SOUND = Plausible(cn0_spread_db=5.0, sine_spread=0.8, code_noise_m=0.25, backed=5)


@pytest.mark.parametrize(
    ("shown", "what"),
    [
        ({}, None),
        ({"below": 2}, None),  # one or two may be a satellite's bad ephemeris
        ({"below": 3}, "below_horizon"),
        ({"contradicts_s": 599.0}, None),
        ({"contradicts_s": 600.0}, "ranges"),
        ({"contradicts_s": 6000.0, "backed": 2}, None),  # then it may be the ephemerides
        ({"code_noise_m": 0.031}, None),
        ({"code_noise_m": 0.029}, "code_noise"),
        ({"code_noise_m": 0.001, "smoothed": True}, None),
        ({"code_noise_m": float("nan"), "cn0_spread_db": float("nan")}, None),  # not known is not odd
        ({"cn0_spread_db": 1.1}, None),
        ({"cn0_spread_db": 0.0}, "cn0"),
        ({"cn0_spread_db": 0.0, "sine_spread": 0.4}, None),  # all satellites at one height
    ],
)
def test_rule_e16(shown: dict[str, float], what: str | None) -> None:
    lead = look("E16", STRANGE._replace(plausible=SOUND._replace(**shown)))
    assert (lead.inputs["what"] if lead else None) == what
    assert lead is None or lead.strength == "strong"


def test_rule_e16_leaves_computed_and_silent_streams_alone() -> None:
    odd = STRANGE._replace(plausible=SOUND._replace(below=9))
    assert look("E16", odd) is not None
    assert look("E16", odd._replace(computed=True)) is None
    assert look("E16", odd._replace(live=False)) is None
    assert look("E16", odd._replace(plausible=None)) is None


@pytest.mark.parametrize(
    ("air", "found"),
    [
        (Excess(1.2, 0.4, 6, worst=True), True),
        (Excess(-1.2, 0.4, 6, worst=True), True),
        (Excess(0.9, 0.4, 6, worst=True), False),  # within the policy's
        (Excess(1.2, 1.3, 6, worst=True), False),  # within what others scatter by
        (Excess(1.2, 0.4, 6, worst=False), False),  # a neighbour has more: it is that one
    ],
)
def test_rule_e17(air: Excess, found: bool) -> None:
    lead = look("E17", STRANGE._replace(air=air))
    assert (lead is not None) == found
    assert look("E17", STRANGE._replace(air=air), disturbed=True) is None
    assert look("E17", STRANGE._replace(air=air, computed=True)) is None


def test_a_plane_through_neighbours_is_met_exactly() -> None:
    at = np.array([[0.3, 0.1], [-0.2, 0.4], [-0.5, -0.6], [0.7, -0.2], [0.1, 0.9]])
    values = 12.5 + at @ np.array([3.0, -7.0])
    assert _plane(at) @ values == pytest.approx(12.5)


def test_the_excess_is_found_from_changes_and_what_grows_is_told_apart() -> None:
    """Twelve windows of eight satellites: 2 TECU overhead that grow, and a receiver that drifts."""
    chance = np.random.default_rng(4)
    way = chance.uniform(1.1, 2.2, (13, 8))
    sums = np.zeros((12, 2, 7))
    for window in range(12):
        x, z = (way[window + 1] - way[window])[None], way[window + 1][None]
        y = 2.0 * x + 0.05 * z + 0.7 + chance.normal(0, 0.01, x.shape)
        there = np.ones(x.shape, bool)
        there[0, window % 8] = False
        x, y, z = (_centred(one, there) for one in (x, y, z))
        columns = (x * x, x * z, z * z, x * y, z * y, y * y, there)
        sums[window, 0] = [float(one.sum()) for one in columns]
    excess, sigma = _fitted(sums)[0].tolist()
    assert excess == pytest.approx(2.0, abs=0.02) and 0 < sigma < 0.01
    assert np.isnan(_fitted(sums)[1]).all()  # of whom nothing is known
    assert np.isnan(_fitted(sums[:5])[0]).all()  # too short


# --- E18 -----------------------------------------------------------------------------------------


def test_rule_e18_needs_both_signs() -> None:
    forged = HERE._replace(departs_m=80.0, clock_broke_s=300.0)
    lead = look("E18", forged)
    assert lead is not None and lead.strength == "strong" and lead.inputs["distance"] == "80 m"
    assert look("E18", forged._replace(departs_m=0.0)) is None
    assert look("E18", forged._replace(clock_broke_s=None)) is None
    assert look("E18", forged._replace(clock_broke_s=1201.0)) is None  # too long ago to belong together
    assert look("E18", forged, disturbed=True) is None
    assert look("E18", forged._replace(live=False)) is None
    assert look("E18", STRANGE._replace(departs_m=80.0, clock_broke_s=300.0)) is None  # nobody filed it


def clocks(*metres: float) -> Positions:
    """An epoch of each of some streams: the clock of GPS, and that of Galileo 8 m behind."""
    clock_m = np.full((len(metres), CLOCKS), np.nan)
    clock_m[:, 0] = metres
    clock_m[:, 2] = np.array(metres) - 8.0
    made = unsolved(
        np.zeros(len(metres), np.int64), np.zeros((len(metres), *NO_POSITIONS.unusable.shape[1:]))
    )
    return made._replace(clock_m=clock_m)


def broke(rate_after_m_s: float, *, gap_s: int = 0, step_m: float = 0.0, begin_m: float = 0.0) -> int:
    """When a clock of 0.1 m/s is said to have broken, if it has another rate from 600 s on; -1: never."""
    its = ClockBreaks(1, Policy())
    for second in range(0, 1200, 5):
        if 600 <= second < 600 + gap_s:
            continue
        after = max(second - 600, 0)
        metres = begin_m + 0.1 * min(second, 600) + rate_after_m_s * after + (step_m if after else 0.0)
        its.add(np.zeros(1, np.int64), np.array([1000 * second + 1]), clocks(metres))
    return int(its.break_ms[0]) // 1000


def test_a_rate_that_is_another_is_a_break_and_nothing_else_is() -> None:
    assert broke(0.1) == -1
    assert broke(0.35) == -1  # 0.25 m/s more, within 0.3
    assert 600 <= broke(0.9) <= 660
    assert 600 <= broke(-5.0) <= 660
    assert broke(0.9, gap_s=90) == -1  # restarted
    assert broke(0.1, step_m=C_M_S / 1000) == -1  # put back by a millisecond
    assert 600 <= broke(0.1, step_m=150.0) <= 660  # by half a microsecond


def test_streams_that_stay_keep_their_clocks() -> None:
    its = ClockBreaks(2, Policy())
    for second in range(0, 600, 5):
        now = np.array([1000 * second + 1] * 2)
        its.add(np.arange(2), now, clocks(0.1 * second, 50.0))
    other = its.rearranged(np.array([1, -1]), Policy())
    for second in range(600, 660, 5):
        now = np.array([1000 * second + 1] * 2)
        other.add(np.arange(2), now, clocks(50.0 + 3.0 * (second - 600), 0.0))
    assert other.since_s(0, 700_000) is not None and other.since_s(1, 700_000) is None
