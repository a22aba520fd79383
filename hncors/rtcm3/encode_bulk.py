"""Many multiple signal messages at once, as whole frames: the same bytes as `encode_msm`, by columns.

Every field of all messages is one array of numbers and one of bit positions; numbers are added into
32-bit words, where they meet only zeros. Python touches each frame once, for its check.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hncors.observation import CHANNEL_UNKNOWN, F64, I64, B, Columns
from hncors.rtcm3.crc import crc24q
from hncors.rtcm3.encode import MAX_PAYLOAD, nearest_below, scaled, scaled_signed
from hncors.rtcm3.encode_msm import CHANNEL_NOT_SENT, ROUGH_MS_MISSING
from hncors.rtcm3.msm import HEADER_BITS, LAYOUTS, LOCK_MS, M_PER_MS, MAX_CELLS, Layout
from hncors.signals import GLONASS, MSM_SIGNALS

_FRAME_HEAD_BITS = 24  # preamble, reserved, length


@dataclass(frozen=True, slots=True)
class Headers(Columns):
    """One row a message, all of one kind of MSM."""

    type: I64  # DF002
    station_id: I64  # DF003
    epoch_raw: I64  # DF004, DF416 << 27 | DF034, DF427, DF428
    more: B  # DF393
    clock_steering: I64  # DF411


@dataclass(frozen=True, slots=True)
class Cells(Columns):
    """One row a cell, in the order of messages, satellites and signals. nan is "not available"."""

    message: I64  # row of Headers
    bit: I64  # of the satellite in DF394
    signal: I64  # in DF395
    pseudorange_m: F64
    phase_range_m: F64
    range_rate_m_s: F64
    lock_ms: F64
    half_cycle: B
    cn0_dbhz: F64
    channel: NDArray[np.int8]


class _Words:
    """Bits of a buffer to be, in 32-bit words that are kept 64 wide."""

    def __init__(self, size: int) -> None:
        self.words = np.zeros(size // 4 + 3, np.uint64)

    def put(self, position: I64, width: int, value: NDArray[np.integer]) -> None:
        """Unsigned or two's complement numbers of up to 32 bits at bit positions."""
        whole = value.astype(np.int64).view(np.uint64)
        whole &= np.uint64((1 << width) - 1)
        whole <<= (64 - width - (position & 31)).view(np.uint64)
        at = position >> 5
        np.add.at(self.words, at, whole >> np.uint64(32))
        np.add.at(self.words, at + 1, whole & np.uint64(0xFFFFFFFF))

    def put_ones(self, position: I64) -> None:
        """Single bits, set."""
        np.add.at(self.words, position >> 5, np.uint64(1) << (31 - (position & 31)).view(np.uint64))

    def to_bytes(self) -> bytes:
        return self.words.astype(">u4").tobytes()


def frames(kind: int, headers: Headers, cells: Cells) -> list[bytes]:
    """The frame of every message, in the order of `headers`.

    Raises ValueError for what does not fit, as `encode_msm.encode` does: more than 64 cells in a mask, a
    range or a fine part out of its field's reach.
    """
    if not len(headers):
        return []
    layout = LAYOUTS[kind]
    count = len(headers)
    # Satellites: one row each, and where each cell's is.
    key = cells.message * 64 + cells.bit
    first = np.flatnonzero(np.diff(key, prepend=-1))
    row = np.repeat(np.arange(len(first)), np.diff(first, append=len(key)))
    satellite_message, satellite_bit = cells.message[first], cells.bit[first]
    satellites = np.bincount(satellite_message, minlength=count)
    before = np.cumsum(satellites) - satellites
    rank = np.arange(len(first)) - before[satellite_message]
    # Signals that a message has.
    present = np.zeros((count, MSM_SIGNALS), bool)
    present[cells.message, cells.signal] = True
    signals = present.sum(axis=1)
    signal_rank = np.cumsum(present, axis=1) - 1
    if (satellites * signals > MAX_CELLS).any():
        raise ValueError(f"a message of more than {MAX_CELLS} cells in its mask")
    each = np.bincount(cells.message, minlength=count)

    mask = satellites * signals
    bits = HEADER_BITS + mask + satellites * layout.satellite_bits + each * layout.cell_bits
    size = (bits + 7) // 8
    if (size > MAX_PAYLOAD).any():
        raise ValueError(f"a payload of {size.max()} bytes: a frame holds {MAX_PAYLOAD}")
    end = np.cumsum(size + 6)
    start = end - size - 6
    words = _Words(int(end[-1]))
    words.put(start * 8, 24, 0xD30000 | size)
    payload = start * 8 + _FRAME_HEAD_BITS
    _put_headers(words, payload, headers)
    words.put_ones(payload[satellite_message] + 73 + satellite_bit)
    where = np.nonzero(present)
    words.put_ones(payload[where[0]] + 137 + where[1])
    place = rank[row] * signals[cells.message] + signal_rank[cells.message, cells.signal]
    words.put_ones(payload[cells.message] + HEADER_BITS + place)

    at = payload + HEADER_BITS + mask
    gnss = (headers.type - 1070) // 10
    satellite_data, rough_m, rate_m_s = _satellites(layout, gnss[satellite_message], first, row, cells)
    at = _put_columns(words, at, satellites, satellite_message, satellite_data)
    _put_columns(words, at, each, cells.message, _cells(layout, rough_m, rate_m_s, cells))

    whole = words.to_bytes()
    out = []
    for begin, stop in zip(start.tolist(), (end - 3).tolist(), strict=True):
        body = whole[begin:stop]
        out.append(body + crc24q(body).to_bytes(3, "big"))
    return out


def _put_headers(words: _Words, payload: I64, headers: Headers) -> None:
    words.put(payload, 12, headers.type)
    words.put(payload + 12, 12, headers.station_id)
    words.put(payload + 24, 30, headers.epoch_raw)
    words.put_ones(payload[headers.more] + 54)
    words.put(payload + 65, 2, headers.clock_steering)


def _put_columns(
    words: _Words, at: I64, rows: I64, message: I64, data: list[tuple[int, NDArray[np.integer]]]
) -> I64:
    """Fields after each other, each for all rows of a message first; where the next ones go."""
    index = np.arange(len(message)) - (np.cumsum(rows) - rows)[message]
    for width, values in data:
        words.put(at[message] + index * width, width, values)
        at = at + rows * width
    return at


_Fields = list[tuple[int, NDArray[np.integer]]]


def _satellites(layout: Layout, gnss: I64, first: I64, row: I64, cells: Cells) -> tuple[_Fields, F64, F64]:
    """Satellite data, and of each cell the rough range in metres and the rough rate in m/s."""

    def middle(values: F64) -> F64:
        if not len(values):
            return values
        return (np.fmin.reduceat(values, first) + np.fmax.reduceat(values, first)) / 2

    range_ms = middle(cells.pseudorange_m) / M_PER_MS
    if np.isnan(range_ms).any():
        range_ms = np.where(np.isnan(range_ms), middle(cells.phase_range_m) / M_PER_MS, range_ms)
    absent = np.isnan(range_ms)
    rough = scaled("rough range", range_ms, 2.0**-10, 0, (ROUGH_MS_MISSING << 10) - 1, 0)
    fields: _Fields = [(layout.rough_ms, np.where(absent, ROUGH_MS_MISSING, rough >> 10))]
    rate = np.zeros(len(first), np.int64)
    if layout.extended:
        channel = cells.channel[first]
        sent = np.where(channel == CHANNEL_UNKNOWN, CHANNEL_NOT_SENT, channel.astype(np.int64) + 7)
        fields.append((layout.extended, np.where(gnss == GLONASS, sent, 0)))
    fields.append((layout.rough_mod, rough & 1023))
    if layout.rough_rate:
        rate = scaled_signed("rough range rate", middle(cells.range_rate_m_s), 14, 1.0)
        fields.append((layout.rough_rate, rate))
    rough_m: F64 = rough.astype(np.float64) * (M_PER_MS * 2.0**-10)
    return fields, rough_m[row], rate.astype(np.float64)[row]


def _cells(layout: Layout, rough_m: F64, rate_m_s: F64, cells: Cells) -> _Fields:
    range_unit_m, phase_unit_m = (M_PER_MS * 2.0**-n for n in (layout.range_exponent, layout.phase_exponent))
    cn0_unit, cn0_limit = (1 / 16, 1023) if layout.cn0 == 10 else (1.0, 63)
    lock = nearest_below(LOCK_MS[layout.lock][:705], cells.lock_ms)
    fine_range_m, fine_phase_m = cells.pseudorange_m - rough_m, cells.phase_range_m - rough_m
    fields: _Fields = [
        (layout.fine_range, scaled_signed("fine pseudorange", fine_range_m, layout.fine_range, range_unit_m)),
        (layout.fine_phase, scaled_signed("fine phase range", fine_phase_m, layout.fine_phase, phase_unit_m)),
        (layout.lock, lock),
        (layout.half_cycle, cells.half_cycle.astype(np.int64)),
        (layout.cn0, scaled("C/N0", cells.cn0_dbhz, cn0_unit, 1, cn0_limit, 0)),
    ]
    if layout.fine_rate:
        fine = scaled_signed("fine range rate", cells.range_rate_m_s - rate_m_s, layout.fine_rate, 1e-4)
        fields.append((layout.fine_rate, fine))
    return fields
