"""Multiple signal messages (MSM1 to MSM7), all messages of one kind in a block decoded together.

    bit   0  message number 12, station 12, epoch time 30, multiple message 1, IODS 3, reserved 7,
             clock steering 2, external clock 2, smoothing 1, smoothing interval 3
         73  satellite mask 64
        137  signal mask 32
        169  cell mask, satellites x signals <= 64
             satellite data, then cell data, each field for all of them before the next field

RTCM 10403.3, section 3.5.16: header table 3.5-78, satellite data -80 to -82, signal data -83 to -89.
MSM is columnar on the wire; it is read as columns, and nothing here loops over satellites or cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.observation import CHANNEL_UNKNOWN, Messages, Observations
from hncors.rtcm3.columns import I64, U8, signed, unsigned
from hncors.signals import C_M_S, GLONASS, KNOWN, MSM_SIGNALS, SATELLITE

MAX_CELLS = 64
HEADER_BITS = 169
_HEADER_BYTES = 30  # header and the largest cell mask: 169 + 64 bits
M_PER_MS = C_M_S / 1000


class Layout(NamedTuple):
    """Widths in bits of what a kind of MSM sends; 0 is "not sent"."""

    rough_ms: int  # DF397  whole milliseconds of the rough range
    extended: int  # DF419 for GLONASS: frequency channel + 7; reserved for others
    rough_mod: int  # DF398  2^-10 ms
    rough_rate: int  # DF399  m/s
    fine_range: int  # DF400 or DF405
    range_exponent: int  # its resolution is 2^-n ms
    fine_phase: int  # DF401 or DF406
    phase_exponent: int
    lock: int  # DF402 or DF407
    half_cycle: int  # DF420
    cn0: int  # DF403 or DF408
    fine_rate: int  # DF404  0.0001 m/s

    @property
    def satellite_bits(self) -> int:
        """Bits a satellite takes."""
        return self.rough_ms + self.extended + self.rough_mod + self.rough_rate

    @property
    def cell_bits(self) -> int:
        """Bits a cell takes."""
        return self.fine_range + self.fine_phase + self.lock + self.half_cycle + self.cn0 + self.fine_rate


#                 rough ms, ext, mod, rate;  range     phase     lock half C/N0 rate
LAYOUTS = {
    1: Layout(0, 0, 10, 0, 15, 24, 0, 0, 0, 0, 0, 0),
    2: Layout(0, 0, 10, 0, 0, 0, 22, 29, 4, 1, 0, 0),
    3: Layout(0, 0, 10, 0, 15, 24, 22, 29, 4, 1, 0, 0),
    4: Layout(8, 0, 10, 0, 15, 24, 22, 29, 4, 1, 6, 0),
    5: Layout(8, 4, 10, 14, 15, 24, 22, 29, 4, 1, 6, 15),
    6: Layout(8, 0, 10, 0, 20, 29, 24, 31, 10, 1, 10, 0),
    7: Layout(8, 4, 10, 14, 20, 29, 24, 31, 10, 1, 10, 15),
}


def _lock_ms_4() -> NDArray[np.float64]:
    """DF402, table 3.5-74: minimum lock time in ms."""
    return np.array([0.0] + [2.0 ** (n + 4) for n in range(1, 16)])


def _lock_ms_10() -> NDArray[np.float64]:
    """DF407, table 3.5-75: minimum lock time in ms; 705 and above are reserved (nan)."""
    n = np.arange(1024)
    step = np.maximum(n // 32 - 1, 0)  # 0..63 count milliseconds, then every 32 numbers the step doubles
    lock = np.where(n < 64, n, (n - 32 * step) * (2.0**step))
    lock[704] = 67108864
    lock[705:] = np.nan
    return lock


LOCK_MS = {4: _lock_ms_4(), 10: _lock_ms_10()}
_CN0_DBHZ = {6: np.arange(64.0), 10: np.arange(1024.0) / 16}
for _table in _CN0_DBHZ.values():
    _table[0] = np.nan  # DF403, DF408: 0 is "not available"

# _RANK[signals, position in the cell mask] = satellite's rank * 32 + signal's rank
_RANK = np.zeros((MSM_SIGNALS + 1, MAX_CELLS), np.int64)
for _n in range(1, MSM_SIGNALS + 1):
    _RANK[_n] = np.arange(MAX_CELLS) // _n * 32 + np.arange(MAX_CELLS) % _n
_RANK = _RANK.ravel()
_COLUMN = np.arange(MAX_CELLS)
_KNOWN = KNOWN.ravel()
_SLOTS = KNOWN.shape[1]
_SATELLITE = SATELLITE.ravel()


class Decoded(NamedTuple):
    """What a group of messages held; rows of `rejected` and `counts` are positions in the group."""

    messages: Messages
    observations: Observations
    rejected: list[tuple[str, I64]]  # outcome, messages it befell
    counts: list[tuple[str, I64, I64]]  # anomaly, message, how many cells


def decode(
    window: I64, buffer: U8, start: I64, size: I64, frame: I64, kind: int, kinds: I64, gnss: I64
) -> Decoded:
    """Decode messages of one kind.

    `start` and `size` are the payloads' first byte in the buffer and their length in bytes, `frame`
    the rows these messages have in their block, `kinds` their numbers (DF002), `gnss` their systems.
    """
    layout = LAYOUTS[kind]
    rejected: list[tuple[str, I64]] = []
    long_enough = size * 8 >= HEADER_BITS
    rows = np.arange(len(start))
    if not long_enough.all():
        rejected.append(("short_message", rows[~long_enough]))
        rows = rows[long_enough]
    head = buffer.take(start[rows, None] + np.arange(_HEADER_BYTES))
    bits = np.unpackbits(head[:, 9:], axis=1)  # from bit 72 on
    sat_at = np.flatnonzero(bits[:, 1:65])
    sig_at = np.flatnonzero(bits[:, 65:97])
    satellites = np.bincount(sat_at >> 6, minlength=len(rows))
    signals = np.bincount(sig_at >> 5, minlength=len(rows))
    mask_bits = satellites * signals
    cell_mask = bits[:, 97:161]
    cell_at = np.flatnonzero(cell_mask.view(bool) & (mask_bits[:, None] > _COLUMN))
    cells = np.bincount(cell_at >> 6, minlength=len(rows))
    needed = HEADER_BITS + mask_bits + satellites * layout.satellite_bits + cells * layout.cell_bits
    too_many = mask_bits > MAX_CELLS
    bad = too_many | (needed > size[rows] * 8)
    if bad.any():
        rejected.append(("too_many_cells", rows[too_many]))
        rejected.append(("short_message", rows[bad & ~too_many]))
        rows = rows[~bad]
        rest = decode(window, buffer, start[rows], size[rows], frame[rows], kind, kinds[rows], gnss[rows])
        counts = [(name, rows[where], number) for name, where, number in rest.counts]
        return Decoded(rest.messages, rest.observations, rejected + rest.rejected, counts)

    first_bit = start[rows] * 8
    gnss = gnss[rows]
    messages = _header(window, first_bit, head, kind, kinds[rows], gnss, frame[rows], satellites, cells)

    # Satellites: one row each, in mask order.
    first_satellite = np.cumsum(satellites) - satellites
    rank = np.arange(len(sat_at)) - first_satellite.repeat(satellites)
    satellite = _SATELLITE.take((gnss * 64).repeat(satellites) + (sat_at & 63))
    block = first_bit + HEADER_BITS + mask_bits

    def satellite_field(width: int, *, negative: bool = False) -> I64:
        nonlocal block
        position = block.repeat(satellites) + rank * width
        block = block + satellites * width
        return (signed if negative else unsigned)(window, position, width)

    rough_ms = satellite_field(layout.rough_ms) if layout.rough_ms else np.zeros(len(sat_at), np.int64)
    extended = satellite_field(layout.extended) if layout.extended else None
    rough = (rough_ms << 10) + satellite_field(layout.rough_mod)
    rate = satellite_field(layout.rough_rate, negative=True) if layout.rough_rate else None

    # Cells: one row each, satellite by satellite.
    per_message = cells
    message = cell_at >> 6
    ranks = _RANK.take((signals * 64).take(message) + (cell_at & 63))
    satellite_row = first_satellite.take(message) + (ranks >> 5)
    first_signal = np.cumsum(signals) - signals
    signal = (sig_at & 31).take(first_signal.take(message) + (ranks & 31))
    number = np.arange(len(cell_at))
    first_cell = np.cumsum(per_message) - per_message
    cell_gnss = gnss.take(message)

    def cell_field(width: int, *, negative: bool = False) -> I64:
        nonlocal block
        position = (block - first_cell * width).take(message) + number * width
        block = block + per_message * width
        return (signed if negative else unsigned)(window, position, width)

    cell_rough = rough.take(satellite_row)
    lost = rough_ms.take(satellite_row) == 255 if layout.rough_ms and (rough_ms == 255).any() else None
    nothing = np.full(len(cell_at), np.nan)

    def scaled(
        raw: I64, width: int, base: I64, scale: float, gone: NDArray[np.bool_] | None
    ) -> NDArray[np.float64]:
        value = (base + raw) * scale
        missing = raw == -(1 << width - 1)
        if gone is not None:
            missing |= gone
        if missing.any():
            value[missing] = np.nan
        return value

    pseudorange = phase = range_rate = lock = cn0 = nothing
    half_cycle = np.zeros(len(cell_at), bool)
    if layout.fine_range:
        fine = cell_field(layout.fine_range, negative=True)
        n = layout.range_exponent
        pseudorange = scaled(fine, layout.fine_range, cell_rough << (n - 10), M_PER_MS * 2.0**-n, lost)
    if layout.fine_phase:
        fine = cell_field(layout.fine_phase, negative=True)
        n = layout.phase_exponent
        phase = scaled(fine, layout.fine_phase, cell_rough << (n - 10), M_PER_MS * 2.0**-n, lost)
        lock = LOCK_MS[layout.lock].take(cell_field(layout.lock))
        half_cycle = cell_field(1).astype(bool)
    if layout.cn0:
        cn0 = _CN0_DBHZ[layout.cn0].take(cell_field(layout.cn0))
    if rate is not None:
        fine = cell_field(layout.fine_rate, negative=True)
        cell_rate = rate.take(satellite_row)
        gone = cell_rate == -8192 if (rate == -8192).any() else None
        range_rate = scaled(fine, layout.fine_rate, cell_rate * 10_000, 1e-4, gone)
    channel = np.full(len(cell_at), CHANNEL_UNKNOWN, np.int8)
    if extended is not None and (gnss == GLONASS).any():
        sent = extended.take(satellite_row)
        channel = np.where((cell_gnss == GLONASS) & (sent <= 13), sent - 7, CHANNEL_UNKNOWN).astype(np.int8)

    cell_satellite = satellite.take(satellite_row)
    observations = Observations(
        message=message,
        gnss=cell_gnss.astype(np.uint8),
        satellite=cell_satellite,
        signal=signal.astype(np.uint8),
        pseudorange_m=pseudorange,
        phase_range_m=phase,
        range_rate_m_s=range_rate,
        lock_ms=lock,
        half_cycle=half_cycle,
        cn0_dbhz=cn0,
        channel=channel,
    )
    counts: list[tuple[str, I64, I64]] = []
    unknown_signal = ~_KNOWN.take(cell_gnss * _SLOTS + signal)
    unknown_satellite = cell_satellite == 0
    drop = unknown_signal | unknown_satellite
    if drop.any():
        for name, where in (
            ("unknown_satellite", unknown_satellite),
            ("unknown_signal", unknown_signal & ~unknown_satellite),
        ):
            hit, number_of = np.unique(message[where], return_counts=True)
            if len(hit):
                counts.append((name, rows[hit], number_of))
        observations = observations.select(~drop)
        messages = Messages(
            **{**messages.named(), "cells": np.bincount(observations.message, minlength=len(rows))}
        )
    return Decoded(messages, observations, rejected, counts)


def _header(
    window: I64,
    first_bit: I64,
    head: U8,
    kind: int,
    kinds: I64,
    gnss: I64,
    frame: I64,
    satellites: I64,
    cells: I64,
) -> Messages:
    flags = unsigned(window, first_bit + 54, 19)
    return Messages(
        frame=frame,
        type=kinds,
        kind=np.full(len(frame), kind, np.uint8),
        gnss=gnss.astype(np.uint8),
        station_id=(head[:, 1].astype(np.int64) & 15) << 8 | head[:, 2],
        epoch_raw=unsigned(window, first_bit + 24, 30),
        more=flags >> 18 != 0,
        iods=(flags >> 15 & 7).astype(np.uint8),
        clock_steering=(flags >> 6 & 3).astype(np.uint8),
        external_clock=(flags >> 4 & 3).astype(np.uint8),
        smoothing=flags >> 3 & 1 != 0,
        smoothing_interval=(flags & 7).astype(np.uint8),
        satellites=satellites,
        cells=cells,
    )
