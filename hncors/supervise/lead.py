"""What a rule says, and how numbers are told in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class Lead(NamedTuple):
    """What a rule saw. `inputs` hold plain values and no coordinate."""

    strength: str  # of hncors.supervise.findings.STRENGTHS
    zh: str
    en: str
    inputs: Mapping[str, Any]


def about(length_m: float) -> str:
    """A length in two digits: more would tell where a station is."""
    if not math.isfinite(length_m):
        return "-"
    if length_m == 0:
        return "0 m"
    unit = 10.0 ** (math.floor(math.log10(abs(length_m))) - 1)
    rounded = round(length_m / unit) * unit
    return f"{rounded / 1000:g} km" if rounded >= 1000 else f"{rounded:g} m"
