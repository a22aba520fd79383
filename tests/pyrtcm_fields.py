"""What pyrtcm reads in a payload, as the integers that were sent: the second opinion of several tests."""

from __future__ import annotations

from functools import cache

from pyrtcm import RTCMMessage
from pyrtcm.rtcmtypes_core import RTCM_DATA_FIELDS
from pyrtcm.rtcmtypes_get_msm import RTCM_PAYLOADS_GET_MSM


@cache
def _repaired() -> None:
    # pyrtcm 1.2.1 has a set where its other tables have a mapping, so that it fails on every MSM2.
    for definition in RTCM_PAYLOADS_GET_MSM.values():
        for key, value in definition.items():
            if isinstance(value, tuple) and isinstance(value[1], set):
                definition[key] = (value[0], {name: "" for name in value[1] if name.startswith("DF")})


def read(payload: bytes) -> RTCMMessage:
    """The message as pyrtcm reads it."""
    _repaired()
    return RTCMMessage(payload=payload)


def sent(message: RTCMMessage, name: str) -> int:
    """A field before pyrtcm scaled it; `name` may end in the number of a row, as in DF405_01."""
    field = name if name in RTCM_DATA_FIELDS else name.split("_")[0]
    resolution = RTCM_DATA_FIELDS[field][2]
    value = getattr(message, name)
    return round(value / resolution) if resolution else int(value)


def rows(message: RTCMMessage, field: str, count: int) -> list[int]:
    """A field of every row, as sent."""
    return [sent(message, f"{field}_{n:02d}") for n in range(1, count + 1)]


def text(message: RTCMMessage, field: str, count: int) -> str:
    """The characters of a descriptor."""
    return "".join(getattr(message, f"{field}_{n:02d}") for n in range(1, count + 1))
