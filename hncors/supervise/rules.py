"""The rules of evidence: each looks at one stream and says what it saw, or nothing.

A rule yields a lead (线索), no more. Classes of rules are independent of each other; what leads make together
is said in hncors.supervise.suspicion. Limits are those of docs/evidence.md. Nothing a lead says is a
coordinate: distances have two digits, places are named by their area.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from hncors.supervise import rules_content, rules_copies, rules_own, rules_physics, rules_place
from hncors.supervise.lead import Lead
from hncors.supervise.seen import Seen, World


class Rule(NamedTuple):
    """A rule and its name."""

    id: str
    kind: str  # D declared, G geometry, I identity, O observations, B behaviour, R radio
    version: str
    zh: str
    en: str
    look: Callable[[Seen, World], Lead | None]
    lasting: bool = True  # what it says must last for policy.lasting_minutes: a passing state is no lead


RULES = (
    Rule(
        "E1",
        "D",
        "1",
        "源表所报位置在辖区内，附近无备案站",
        "declared in the territory, none filed there",
        rules_place.declared_unfiled,
        False,
    ),
    Rule(
        "E2",
        "G",
        "1",
        "播发的参考点在辖区内，附近无备案站",
        "broadcast place in the territory, none filed there",
        rules_place.broadcast_unfiled,
    ),
    Rule(
        "E3",
        "G",
        "1",
        "备案站参考点与备案坐标不符或交替变化",
        "a filed station's reference point is not the filed one",
        rules_place.moved,
        False,
    ),
    Rule(
        "E4",
        "G",
        "1",
        "自身观测解算位置与播发参考点不符",
        "its observations put it elsewhere than it says",
        rules_place.elsewhere,
    ),
    Rule(
        "E5",
        "D",
        "1",
        "源表位置与播发参考点不符",
        "declared and broadcast places differ",
        rules_place.declared_otherwise,
        False,
    ),
    Rule(
        "E6",
        "I",
        "1",
        "设备型号或序列号与备案不符，或同一序列号两处出现",
        "equipment is not the filed one, or is in two places",
        rules_content.equipment,
    ),
    Rule(
        "E7",
        "I",
        "1",
        "名称仿冒本网站点",
        "a name like those of the own network",
        rules_content.imitates,
        False,
    ),
    Rule(
        "E8",
        "O",
        "2",
        "观测内容与另一站相同（转播）",
        "the observations are another station's (relay)",
        rules_copies.relayed,
    ),
    Rule(
        "E9",
        "O",
        "1",
        "与另一站共用天线，参考点却不同",
        "another station's antenna under another reference point",
        rules_copies.one_antenna,
    ),
    Rule(
        "E10",
        "O",
        "1",
        "接收机钟与另一站同步",
        "the receiver's clock goes as another station's",
        rules_copies.one_clock,
    ),
    Rule(
        "E11",
        "O",
        "1",
        "网络产品所示的物理站未备案",
        "a computed stream tells of a physical station not filed",
        rules_place.behind_computed,
    ),
    Rule(
        "E13",
        "B",
        "1",
        "备案站长期无数据，或许可到期仍在播发",
        "filed but silent, or live beyond its permit",
        rules_content.not_as_filed,
        False,
    ),
    Rule(
        "E14",
        "R",
        "1",
        "巡查电台收到未备案基准站",
        "a patrol heard a base by radio that is not filed",
        rules_place.heard_unfiled,
    ),
    Rule(
        "E15",
        "O",
        "1",
        "观测时刻与到达时刻不符（重放）",
        "data are not of the time they come at (replay)",
        rules_content.replayed,
    ),
    Rule(
        "E16",
        "O",
        "1",
        "物理上不可能的观测",
        "observations that nobody can have made",
        rules_physics.impossible,
    ),
    Rule(
        "E17",
        "O",
        "1",
        "电离层与邻站内插不符",
        "the ionosphere over it is not that of its neighbours",
        rules_physics.foreign_air,
    ),
    Rule(
        "E18",
        "O",
        "1",
        "自有站点疑受欺骗",
        "a station of the own network whose signals may be forged",
        rules_own.spoofed,
    ),
    Rule(
        "E19",
        "B",
        "1",
        "推送来源被他人取代，或两处交替",
        "another source pushes the stream, or two take turns",
        rules_own.taken_over,
    ),
    Rule(
        "E20",
        "D",
        "1",
        "推送地址登记在本网区域之外",
        "pushed from an address of another region",
        rules_own.from_elsewhere,
    ),
)
BY_ID: Mapping[str, Rule] = {rule.id: rule for rule in RULES}
