"""E8, E9 and E10 by streams laid by hand, each beside what is no case of it; and clocks as patterns.

What is to be found follows from the rules as docs/evidence.md has them. Clocks are laid out here: a straight
drift, a bend, whole milliseconds; how they are seen is a position's clock with some decimetres of noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clone_material import share_clock, simulated
from test_evidence_rules import FILED, HERE, HOME, NOW_NS, STRANGE, WATCHED, at, look

from hncors.simulate.province import Province
from hncors.supervise.clock_patterns import JUMP_M, Alike, ClockPatterns
from hncors.supervise.copies import Relation
from hncors.supervise.kindred import Kin
from hncors.supervise.lead import Lead
from hncors.supervise.policy import Policy
from hncors.supervise.seen import Seen

SAME = Relation(0, 0.0, 40, 0.1, False, False, "", 0)
ALIKE = Alike(1, 0, 120.0, 0, 0.4)


def copying(seen: Seen, other: Seen, seconds: float = 300.0, **how: Any) -> Seen:
    kin = Kin(copy=(other.subject, SAME._replace(**how)))
    return seen._replace(copies=other.subject, kin=kin, copying_s=seconds, interval_s=seen.interval_s or 1.0)


def e8(seen: Seen, other: Seen, **more: Any) -> Lead | None:
    return look("E8", seen, others=(other,), **more)


PLACELESS = STRANGE._replace(arp_m=None)
UNFILED = Seen("WILE", NOW_NS, WATCHED, live=True)


@pytest.mark.parametrize(
    ("how", "zh", "en"),
    [
        ({}, "", ""),
        ({"coarser": True}, "（数值精度降低）", " (in coarser numbers)"),
        ({"late_s": 23.4}, "（晚到约 23 秒）", " (23 s later)"),
        ({"without": "RE"}, "（缺少系统 RE）", " (without systems RE)"),
        ({"changed_clock": True}, "（接收机钟被改动）", " (with another clock)"),
    ],
)
def test_rule_e8_says_what_was_changed(how: dict[str, Any], zh: str, en: str) -> None:
    lead = e8(copying(PLACELESS, HERE, **how), HERE)
    assert lead is not None and lead.strength == "decisive"
    assert lead.zh == f"观测内容与 ABCD 逐值相同{zh}"
    assert lead.en == f"its observations are those of ABCD, value by value{en}"
    assert lead.inputs["source_known"]


def test_rule_e8_waits_until_it_has_gone_on() -> None:
    assert e8(copying(PLACELESS, HERE, seconds=59), HERE) is None
    assert e8(copying(PLACELESS, HERE, seconds=59), HERE, policy=Policy(relay_minutes=0.5)) is not None


@pytest.mark.parametrize(
    ("mine", "theirs", "every"),
    [
        ({"late_s": 20.0}, {"late_s": -20.0}, 1.0),
        ({"coarser": True}, {}, 1.0),
        ({"without": "C"}, {}, 1.0),
        ({}, {}, 5.0),
    ],
)
def test_rule_e8_of_two_that_nobody_filed_who_has_less_or_later_is_the_copy(
    mine: dict[str, Any], theirs: dict[str, Any], every: float
) -> None:
    copy = copying(PLACELESS._replace(interval_s=every), UNFILED, **mine)
    source = copying(UNFILED, PLACELESS, **theirs)
    lead = e8(copy, source)
    assert lead is not None and lead.inputs["source_known"]
    assert e8(source, copy) is None


def test_rule_e8_nobody_knows_who_is_the_source_of_equals() -> None:
    one, other = copying(PLACELESS, UNFILED), copying(UNFILED, PLACELESS)
    for seen, like in ((one, other), (other, one)):
        lead = e8(seen, like)
        assert lead is not None and not lead.inputs["source_known"]
        assert "source is not known" in lead.en and "尚不能断定" in lead.zh


def test_rule_e8_a_link_that_is_a_second_slower_is_no_sign() -> None:
    lead = e8(copying(PLACELESS, UNFILED, late_s=1.5), copying(UNFILED, PLACELESS, late_s=-1.5))
    assert lead is not None and not lead.inputs["source_known"]


def test_rule_e8_who_is_where_he_says_is_the_source_even_if_late() -> None:
    # The filed name brings what is observed elsewhere: its own stream was replaced by somebody's.
    true = copying(STRANGE._replace(recent_m=STRANGE.arp_m), HERE, late_s=30.0)
    false = copying(HERE._replace(recent_m=STRANGE.arp_m), STRANGE)
    assert e8(true, false) is None
    assert e8(false, true) is not None


def test_rule_e8_relays_that_are_allowed_are_none() -> None:
    allowed = Policy(allowed_relays=[["ABCD", "WILD"]])
    assert e8(copying(PLACELESS, HERE, coarser=True), HERE, policy=allowed) is None


# --- E9 -------------------------------------------------------------------------------------------

TWIN = STRANGE._replace(
    arp_m=at(*HOME, 30.0), kin=Kin(antenna=("ABCD", SAME._replace(phase_mm=1.26, cells=88)))
)


def e9(seen: Seen, other: Seen = HERE, **more: Any) -> Lead | None:
    return look("E9", seen, others=(other,), **more)


def test_rule_e9_one_antenna_two_places() -> None:
    lead = e9(TWIN)
    assert lead is not None and lead.strength == "strong"
    assert lead.inputs == {
        "like": "ABCD", "distance": "30 m", "phase_mm": 1.26, "signals": 88, "source_known": True,
    }  # fmt: skip
    assert "30 m apart" in lead.en and "1.3 毫米" in lead.zh


@pytest.mark.parametrize(
    "seen",
    [
        TWIN._replace(arp_m=at(*HOME, 0.0)),  # a second receiver that says where it is
        TWIN._replace(arp_m=at(*HOME, 0.8)),  # CGCS2000 of 2000 and the frame of today
        TWIN._replace(arp_m=None),
        TWIN._replace(computed=True),
        TWIN._replace(live=False),
        TWIN._replace(kin=Kin()),
        TWIN._replace(kin=Kin(antenna=("GONE", SAME))),
    ],
)
def test_rule_e9_is_silent_about(seen: Seen) -> None:
    assert e9(seen) is None


def test_rule_e9_splitters_that_are_known_are_none() -> None:
    assert e9(TWIN, policy=Policy(one_antenna=[["WILD", "ABCD"]])) is None
    assert e9(TWIN, HERE._replace(live=False)) is None
    assert e9(TWIN, HERE._replace(computed=True)) is None


def test_rule_e9_the_filed_one_is_not_told_of() -> None:
    filed = HERE._replace(kin=Kin(antenna=("WILD", SAME)))
    assert look("E9", filed, others=(TWIN,)) is None


# --- E10 ------------------------------------------------------------------------------------------

CLOCKED = STRANGE._replace(kin=Kin(clock=("ABCD", ALIKE)))


def test_rule_e10_one_clock() -> None:
    lead = look("E10", CLOCKED, others=(HERE,))
    assert lead is not None and lead.strength == "medium"
    assert "within 0.4 m for 15 minutes" in lead.en and "同步漂移" in lead.zh
    jumped = STRANGE._replace(kin=Kin(clock=("ABCD", ALIKE._replace(jumps=2))))
    lead = look("E10", jumped, others=(HERE,))
    assert lead is not None and "2 jumps" in lead.en and "2 次毫秒跳变" in lead.zh


def test_rule_e10_says_nothing_that_observations_say_already() -> None:
    both = copying(STRANGE, HERE)
    assert look("E10", both._replace(kin=both.kin._replace(clock=("ABCD", ALIKE))), others=(HERE,)) is None
    antenna = Kin(antenna=("ABCD", SAME), clock=("ABCD", ALIKE))
    assert look("E10", STRANGE._replace(kin=antenna), others=(HERE,)) is None
    assert look("E10", CLOCKED, others=(HERE,), policy=Policy(one_antenna=[["ABCD", "WILD"]])) is None
    assert look("E10", CLOCKED._replace(live=False), others=(HERE,)) is None
    assert (
        FILED.filed and look("E10", HERE._replace(kin=Kin(clock=("WILD", ALIKE))), others=(STRANGE,)) is None
    )


SECONDS = np.arange(0, 1200, 10.0)


def ways(*clocks_m: np.ndarray, seed: int = 1, noise_m: float = 0.2) -> ClockPatterns:
    """Clocks of streams at each ten seconds of twenty minutes, put in as positions would."""
    rng = np.random.default_rng(seed)
    its = ClockPatterns(len(clocks_m), Policy())
    grid = np.arange(len(SECONDS))
    for row, clock_m in enumerate(clocks_m):
        whole = np.rint(clock_m / JUMP_M) * JUMP_M  # as receivers put themselves back
        its._clock_m[row, grid, 0] = clock_m - whole + rng.normal(0, noise_m, len(grid))
        its._time_ms[row, grid] = grid
    return its


def found(its: ClockPatterns) -> list[tuple[int, int]]:
    return [(one.one, one.other) for one in its._find_until(len(SECONDS) - 1)]


def drift(m_s: float, bend_m: float = 0.0, first_m: float = 0.0) -> np.ndarray:
    return first_m + m_s * SECONDS + bend_m * np.sin(SECONDS / 130)


OTHERS = [drift(m_s, 6.0, 1000.0 * m_s) for m_s in (-80.0, -3.0, 2.0, 40.0, 90.0)]


def test_rule_e10_the_same_drift_and_offset_are_one_clock() -> None:
    assert found(ways(*OTHERS, drift(12.0, 0.5, 700.0), drift(12.0, 0.5, 705.0))) == [(5, 6)]


def test_rule_e10_a_shape_tells_though_the_offset_was_changed() -> None:
    assert found(ways(*OTHERS, drift(12.0, 6.0), drift(12.0, 6.0, 55_000.0))) == [(5, 6)]


def test_rule_e10_jumps_of_a_millisecond_at_other_times_do_not_hide_it() -> None:
    its = ways(*OTHERS, drift(900.0, 6.0, 0.0), drift(900.0, 6.0, 120_000.0))
    assert found(its) == [(5, 6)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (drift(12.0), drift(12.0, first_m=55_000.0)),  # straight, and elsewhere: many drift so
        (drift(12.0, 6.0), drift(12.0, -6.0)),  # other shapes
        (drift(12.0), drift(12.1)),
        (drift(0.2, 6.0), drift(0.2, 6.0)),  # hardly drifts: steered, though nobody says so
        (drift(0.0), drift(0.0)),
    ],
)
def test_rule_e10_is_silent_about(one: np.ndarray, other: np.ndarray) -> None:
    assert found(ways(*OTHERS, one, other)) == []


def test_rule_e10_who_says_that_he_is_steered_has_no_clock_of_his_own() -> None:
    its = ways(*OTHERS, drift(12.0, 6.0), drift(12.0, 6.0))
    its._steered_ms[5] = 900_000
    assert found(its) == []


def test_rule_e10_thousands_of_clocks_of_chance_are_not_alike() -> None:
    # As many that are free, with drifts of 60 m/s (2e-7) and waves of some metres each: more than Hunan has.
    rng = np.random.default_rng(11)
    for _ in range(3):
        waves = [(rng.uniform(0, 6), rng.uniform(30, 250), rng.uniform(0, 6)) for _ in range(4000)]
        clocks = [
            drift(rng.normal(0, 60), 0.0, rng.uniform(0, JUMP_M))
            + sum(size * np.sin(SECONDS / length + phase) for size, length, phase in waves[two : two + 2])
            for two in range(0, 4000, 2)
        ]
        assert found(ways(*clocks)) == []


MOVED = """
seconds = 1080
seed = 6
[network]
count = 4
interval_s = 10
station_s = 10
ephemeris_s = 10
[[stations]]
id = "CSHA"
clock = "free"
[[stations]]
id = "ZHZH"
clock = "free"
[[stations]]
id = "FAKE"
latitude_deg = 28.40
longitude_deg = 113.05
height_m = 75
clock = "free"
filed = false
"""


def one_oscillator(province: Province) -> None:
    ids = [station.id for station in province.stations]
    share_clock(province, ids.index("FAKE"), ids.index("CSHA"))


def test_rule_e10_ranges_that_were_moved_are_told_by_their_clock() -> None:
    _, told, _ = simulated(MOVED, one_oscillator)
    leads = [one for one in told if one.event.kind == "lead" and one.event.detail["rule"] == "E10"]
    assert [one.event.station for one in leads] == ["FAKE"]
    assert leads[0].second <= 1080
