"""A finding: what a rule saw in a stream, with everything needed to see it again.

Rules and strengths are those of docs/cases.md; what the rules are is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

STRENGTHS = ("context", "weak", "medium", "strong", "decisive")
STANDINGS = ("lead", "suspected", "confirmed")
"""What a case stands on: 线索, 疑似, 属实.  Software may say the first two only."""


class Finding(NamedTuple):
    """What a rule found of a subject.  `inputs` hold plain values, as JSON has them."""

    key: str  # of this finding alone: one that is written twice is there once
    rule: str  # "E1" ...
    strength: str  # of STRENGTHS
    subject: str  # what it is about: a station's id, or caster/mountpoint
    at_ns: int  # UTC nanoseconds since 1970
    inputs: Mapping[str, Any]
    version: str = ""  # of the rule
    policy: str = ""  # fingerprint of the limits it was judged by
    county: str = ""
    standing: str = "lead"  # with the leads before it: "lead" or "suspected"

    @property
    def opens(self) -> bool:
        """Whether a case may begin with it: what is only context never makes one."""
        return self.strength != "context"


def wrong(finding: Finding) -> str:
    """What is wrong with it, "" for nothing."""
    if finding.strength not in STRENGTHS:
        return f"strength {finding.strength!r}: expected one of {', '.join(STRENGTHS)}"
    if finding.standing not in STANDINGS[:2]:
        return f"standing {finding.standing!r}: expected lead or suspected; a person confirms"
    if not (finding.key and finding.rule and finding.subject):
        return "expected a key, a rule and a subject"
    return ""
