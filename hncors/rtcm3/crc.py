"""CRC-24Q of RTCM 3 frames (RTCM 10403.3, section 4; polynomial 0x864CFB, no inversion)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import anycrc

crc24q: Callable[[bytes], int] = anycrc.CRC(
    width=24, poly=0x864CFB, init=0, refin=False, refout=False, xorout=0
).calc
"""crc24q(data) -> int. Over a whole valid frame, its three check bytes included, it is 0."""

REPEATED_BYTES = 128  # shorter payloads are mostly station data and ephemerides, sent again and again

crc24q_repeated: Callable[[bytes], int] = lru_cache(maxsize=8192)(crc24q)
"""The same for bytes that are likely to come again, unchanged: a look-up costs a quarter of a check."""
