"""What all encoders share: frames, the header of an observation message, columns into bits.

`encode_msm`, `encode_legacy` and `encode_station` make payloads; `frame` makes them frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hncors.observation import F64
from hncors.rtcm3.bits import BitWriter
from hncors.rtcm3.crc import crc24q

MAX_PAYLOAD = 1023  # bytes; the length field has 10 bits
Integers = NDArray[np.integer[Any]]
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Header:
    """Header of an observation message; the older messages send only some of it."""

    station_id: int  # DF003
    epoch_raw: int  # DF004, DF034, DF416 << 27 | DF034, DF427, DF428: as sent
    more: bool = False  # DF393, DF005: more of this epoch follows
    iods: int = 0  # DF409
    reserved: int = 0  # DF001, 7 bits
    clock_steering: int = 0  # DF411
    external_clock: int = 0  # DF412
    smoothing: bool = False  # DF417, DF007, DF036
    smoothing_interval: int = 0  # DF418, DF008, DF037


def frame(payload: bytes, reserved: int = 0) -> bytes:
    """A whole frame. `reserved` are the six bits before the length, zero in the standard.

    Raises ValueError when the payload is longer than 1,023 bytes.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes: a frame holds {MAX_PAYLOAD}")
    body = b"\xd3" + (reserved << 10 | len(payload)).to_bytes(2, "big") + payload
    return body + crc24q(body).to_bytes(3, "big")


def column(name: str, values: Integers, width: int, *, signed: bool = False) -> Bits:
    """Integers as bits, shape (len(values), width), most significant first; width <= 32.

    Raises ValueError for a value that does not fit.
    """
    low = -(1 << width - 1) if signed else 0
    counted = values.astype(np.int64)
    beyond = counted - low >> width != 0
    if beyond.any():
        raise ValueError(f"{name}: {counted[beyond][0]} is not within {low} to {low + (1 << width) - 1}")
    big_endian = (counted & (1 << width) - 1).astype(">u4")
    return np.unpackbits(big_endian.view(np.uint8).reshape(-1, 4), axis=1)[:, 32 - width :]


def append(header: BitWriter, columns: list[Bits]) -> bytes:
    """What was written, then columns one after the other, padded with zero bits to whole bytes."""
    bits = np.concatenate([c.ravel() for c in columns]) if columns else np.empty(0, np.uint8)
    packed = int.from_bytes(np.packbits(bits).tobytes(), "big") >> -len(bits) % 8
    return header.unsigned(packed, len(bits)).to_bytes()


def nearest_below(minimum_ms: F64, lock_ms: F64) -> NDArray[np.int64]:
    """Lock time indicators: the largest whose minimum lock time is not above the lock time; nan gives 0."""
    if (lock_ms < 0).any():
        raise ValueError("a lock time is negative")
    return np.searchsorted(minimum_ms, np.nan_to_num(lock_ms), side="right") - 1


def scaled(name: str, values: F64, unit: float, low: int, high: int, missing: int) -> NDArray[np.int64]:
    """Values as counts of a unit, nan as `missing`. Raises ValueError for counts outside low..high."""
    counts = np.rint(values / unit)
    beyond = np.abs(counts - (low + high) / 2) > (high - low) / 2  # False for nan
    if beyond.any():
        raise ValueError(
            f"{name}: {values[beyond][0]:.6g} is not within {low * unit:.6g} to {high * unit:.6g}"
        )
    return np.where(np.isnan(counts), missing, counts).astype(np.int64)


def scaled_signed(name: str, values: F64, width: int, unit: float) -> NDArray[np.int64]:
    """The same for a two's complement field, whose most negative number stands for a missing value."""
    limit = (1 << width - 1) - 1
    return scaled(name, values, unit, -limit, limit, -limit - 1)
