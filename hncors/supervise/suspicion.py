"""What leads make together: a lead (线索), or a suspicion (疑似). More only a person can say.

Two leads of independent classes, of which neither is only context, make a suspicion; so does one strong lead
of geometry, observation or radio about a stream that has been at one place for days (E12). A weak lead counts
for its class like a strong one: that a declared place and a name are both odd is two independent oddities.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hncors.supervise.findings import STRENGTHS

PERSISTENT = "E12"
_CLASSES_OF_PLACE = ("G", "O", "R")
_STRONG = STRENGTHS.index("strong")


class Counted(NamedTuple):
    """A lead as far as it counts."""

    rule: str
    kind: str
    strength: str


class Standing(NamedTuple):
    """What it is, and why in words."""

    word: str  # "lead" or "suspected"
    zh: str
    en: str


def standing(leads: Iterable[Counted]) -> Standing:
    """What the leads about one subject make together."""
    counted = [lead for lead in leads if lead.strength != "context"]
    persistent = any(lead.rule == PERSISTENT for lead in counted)
    others = [lead for lead in counted if lead.rule != PERSISTENT]
    classes = sorted({lead.kind for lead in others})
    if len(classes) >= 2:
        rules = ", ".join(lead.rule for lead in others)
        return Standing(
            "suspected",
            f"疑似：{len(classes)} 类独立线索（{rules}）",
            f"suspected: {len(classes)} independent classes ({rules})",
        )
    strong = [
        lead
        for lead in others
        if lead.kind in _CLASSES_OF_PLACE and STRENGTHS.index(lead.strength) >= _STRONG
    ]
    if strong and persistent:
        rule = strong[0].rule
        return Standing("suspected", f"疑似：{rule} 且长期连续", f"suspected: {rule}, and it lasts for days")
    return Standing("lead", "线索", "a lead")
