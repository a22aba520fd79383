"""What may be shown to everybody of what a case holds: places to a hundredth of a degree, nothing nearer.

That is what sourcetables print themselves (a kilometre), and what the daemon tells a caster that asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

WITHHELD = "withheld"
DECIMALS = 2
_CARTESIAN = ("x_m", "y_m", "z_m", "height_m")
_EARTH_M = (6.3e6, 6.5e6)  # how far from its centre an antenna may be


def coarse(value: Any, key: str = "") -> Any:
    """Plain values without a precise place in them: degrees are rounded, Cartesian places are withheld."""
    if isinstance(value, Mapping):
        return {name: coarse(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return WITHHELD if _is_place(value) else [coarse(inner, key) for inner in value]
    if isinstance(value, float | int) and not isinstance(value, bool):
        if key in _CARTESIAN or key.endswith(tuple(f"_{name}" for name in _CARTESIAN)):
            return WITHHELD
        if key.endswith("_deg"):
            return round(value, DECIMALS)
    return value


def _is_place(values: list[Any] | tuple[Any, ...]) -> bool:
    if len(values) != 3 or not all(isinstance(value, float | int) for value in values):
        return False
    near_m, far_m = _EARTH_M
    return near_m < math.hypot(*values) < far_m
