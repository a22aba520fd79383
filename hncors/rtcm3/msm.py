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

from hncors.observation import CHANNEL_UNKNOWN, F64, B, Messages, Observations
from hncors.rtcm3.columns import I64, U8, Plan, before, flags, signed, some
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


def _plan(layout: Layout, names: str) -> Plan:
    widths = {name: getattr(layout, name) for name in names.split()}
    return Plan.of({name: width for name, width in widths.items() if width}, negative=_NEGATIVE)


_NEGATIVE = frozenset(("rough_rate", "fine_range", "fine_phase", "fine_rate"))
SATELLITE_PLANS = {
    kind: _plan(one, "rough_ms extended rough_mod rough_rate") for kind, one in LAYOUTS.items()
}
CELL_PLANS = {
    kind: _plan(one, "fine_range fine_phase lock half_cycle cn0 fine_rate") for kind, one in LAYOUTS.items()
}


def _lock_ms_4() -> F64:
    """DF402, table 3.5-74: minimum lock time in ms."""
    return np.array([0.0] + [2.0 ** (n + 4) for n in range(1, 16)])


def _lock_ms_10() -> F64:
    """DF407, table 3.5-75: minimum lock time in ms; 705 and above are reserved (nan)."""
    n = np.arange(1024)
    step = np.maximum(n // 32 - 1, 0)  # 0..63 count milliseconds, then every 32 numbers the step doubles
    lock = np.where(n < 64, n, (n - 32 * step) * (2.0**step))
    lock[704] = 67108864
    lock[705:] = np.nan
    return lock


LOCK_MS = {4: _lock_ms_4(), 10: _lock_ms_10()}
CN0_DBHZ = {6: np.arange(64.0), 10: np.arange(1024) / 16}  # DF403, DF408
for _table in CN0_DBHZ.values():
    _table[0] = np.nan  # not available
NO_RATE = -8192  # DF399

# _RANK[signals, position in the cell mask] = satellite's rank * 32 + signal's rank
_RANK_TABLE = np.zeros((MSM_SIGNALS + 1, MAX_CELLS), np.int64)
for _n in range(1, MSM_SIGNALS + 1):
    _RANK_TABLE[_n] = np.arange(MAX_CELLS) // _n * 32 + np.arange(MAX_CELLS) % _n
_RANK = _RANK_TABLE.ravel()
_COLUMN = np.arange(MAX_CELLS, dtype=np.uint8)
# _CHANNEL[gnss, DF419]: GLONASS sends its frequency channel + 7, and 14 and 15 for unknown ones
_CHANNEL_TABLE = np.full((len(KNOWN), 16), CHANNEL_UNKNOWN, np.int8)
_CHANNEL_TABLE[GLONASS, :14] = np.arange(14) - 7
_CHANNEL = _CHANNEL_TABLE.ravel()
_UNKNOWN = ~KNOWN.ravel()
_NOTHING = np.empty(0)
_SLOTS = KNOWN.shape[1]
_SATELLITE = SATELLITE.ravel()


# Header fields: DF003, the epoch time, and the 19 bits from the multiple message bit on.
_HEADER_FIRST = np.array([[12], [24], [54]])
_HEADER_WIDTH = np.array([[12], [30], [19]])
_HEADER_MASK = (1 << _HEADER_WIDTH) - 1


class Decoded(NamedTuple):
    """What a group of messages held; rows of `rejected` and `counts` are positions in the group."""

    messages: Messages
    observations: Observations
    rejected: list[tuple[str, I64]]  # outcome, messages it befell
    counts: list[tuple[str, I64, I64]]  # anomaly, message, how many cells


class _Masks(NamedTuple):
    """Where a group's satellites, signals and cells are, message by message."""

    satellite_at: I64  # message * 64 + mask bit, of each satellite
    signal_at: I64  # message * 32 + mask bit, of each signal
    cell_at: I64  # message * 64 + position in the cell mask, of each cell
    satellites: I64  # by message
    signals: I64
    cells: I64


def decode(
    window: I64, buffer: U8, start: I64, size: I64, frame: I64, kind: int, kinds: I64, gnss: I64
) -> Decoded:
    """Decode messages of one kind.

    `start` and `size` are the payloads' first byte in the buffer and their length in bytes, `frame`
    the rows these messages have in their block, `kinds` their numbers (DF002), `gnss` their systems.
    """
    layout = LAYOUTS[kind]
    # one row of overlapping bytes a message, without copying byte by byte
    rows = np.ndarray((len(buffer) - _HEADER_BYTES, _HEADER_BYTES), np.uint8, buffer, 0, (1, 1))
    head = rows[start]  # take() would first copy all of the overlapping rows
    masks = _masks(head)
    mask_bits = masks.satellites * masks.signals
    needed = (
        mask_bits + masks.satellites * layout.satellite_bits + masks.cells * layout.cell_bits + HEADER_BITS
    )
    too_many = mask_bits > MAX_CELLS
    short = needed > size * 8
    if some(too_many | short):
        return _without_bad(window, buffer, start, size, frame, kind, kinds, gnss, too_many, short)
    first_bit = start * 8
    observations, counts = _observations(window, buffer, first_bit, kind, gnss, masks, mask_bits)
    cells = masks.cells
    if counts:
        cells = np.bincount(observations.message, minlength=len(start))
    messages = _header(window, first_bit, kind, kinds, gnss, frame, masks.satellites, cells)
    return Decoded(messages, observations, [], counts)


def _masks(head: U8) -> _Masks:
    bits = np.unpackbits(head[:, 9:], axis=1).view(np.bool_)  # from bit 72 on
    count = len(head)
    satellite_at = bits[:, 1:65].ravel().nonzero()[0]
    signal_at = bits[:, 65:97].ravel().nonzero()[0]
    satellites = np.bincount(satellite_at >> 6, minlength=count)
    signals = np.bincount(signal_at >> 5, minlength=count)
    # of the 64 bits behind the header only satellites x signals are the cell mask
    size = np.minimum(satellites * signals, MAX_CELLS).astype(np.uint8)
    in_mask = np.greater(size[:, None], _COLUMN) & bits[:, 97:161]
    cell_at = in_mask.ravel().nonzero()[0]
    cells = np.bitwise_count(np.packbits(in_mask, axis=1).view(np.uint64)).ravel().astype(np.int64)
    return _Masks(satellite_at, signal_at, cell_at, satellites, signals, cells)


def _without_bad(
    window: I64,
    buffer: U8,
    start: I64,
    size: I64,
    frame: I64,
    kind: int,
    kinds: I64,
    gnss: I64,
    too_many: B,
    short: B,
) -> Decoded:
    """Decode the good messages of a group, and say what is wrong with the others."""
    short &= (~too_many) | (size * 8 < HEADER_BITS)  # a mask beyond the end is not the message's own
    too_many = too_many & ~short
    rows = np.flatnonzero(~(short | too_many))
    rest = decode(window, buffer, start[rows], size[rows], frame[rows], kind, kinds[rows], gnss[rows])
    rejected = [("short_message", np.flatnonzero(short)), ("too_many_cells", np.flatnonzero(too_many))]
    counts = [(name, rows[where], number) for name, where, number in rest.counts]
    return Decoded(rest.messages, rest.observations, rejected + rest.rejected, counts)


def _observations(
    window: I64, buffer: U8, first_bit: I64, kind: int, gnss: I64, masks: _Masks, mask_bits: I64
) -> tuple[Observations, list[tuple[str, I64, I64]]]:
    layout = LAYOUTS[kind]
    satellite_at, signal_at, cell_at, satellites, signals, cells = masks
    block = first_bit + HEADER_BITS + mask_bits
    plan = SATELLITE_PLANS[kind]
    first_satellite = before(satellites)
    sent = plan.read(window, block, satellites, first_satellite, len(satellite_at))
    rough_m = sent("rough_mod") * (M_PER_MS / 1024)
    if layout.rough_ms:
        rough_ms = sent("rough_ms")
        rough_m += rough_ms * M_PER_MS
        lost = rough_ms == 255  # DF397
        if some(lost):
            rough_m[lost] = np.nan
    satellite = _SATELLITE.take((gnss << 6).repeat(satellites) + (satellite_at & 63))
    channel = None
    if layout.extended and some(gnss == GLONASS):
        channel = _CHANNEL.take((gnss << 4).repeat(satellites) + sent("extended"))

    # Cells: one row each, satellite by satellite.
    message = cell_at >> 6
    ranks = (signals << 6).repeat(cells)
    ranks += cell_at & 63
    ranks = _RANK.take(ranks, mode="clip")
    satellite_row = ranks >> 5
    satellite_row += first_satellite.repeat(cells)
    ranks &= 31
    ranks += before(signals).repeat(cells)  # now the row of the cell's signal
    signal = (signal_at & 31).astype(np.uint8).take(ranks, mode="clip")

    rows = len(cell_at)
    first_cell = before(cells)
    cell_block = block + satellites * plan.bits
    raw = CELL_PLANS[kind].read(window, cell_block, cells, first_cell, rows)
    cell_rough_m = rough_m.take(satellite_row, mode="clip")
    pseudorange = phase = range_rate = lock = cn0 = half_cycle = None
    if layout.fine_range:
        unit_m = M_PER_MS * 2.0**-layout.range_exponent
        pseudorange = _scaled(raw("fine_range"), layout.fine_range, unit_m)
        pseudorange += cell_rough_m
    if layout.fine_phase:
        phase = _scaled(raw("fine_phase"), layout.fine_phase, M_PER_MS * 2.0**-layout.phase_exponent)
        phase += cell_rough_m
        lock = LOCK_MS[layout.lock].take(raw("lock"), mode="clip")
        flag_bit = cell_block + cells * CELL_PLANS[kind].bits_before["half_cycle"]
        half_cycle = flags(buffer, flag_bit, cells, first_cell, rows)
    if layout.cn0:
        cn0 = CN0_DBHZ[layout.cn0].take(raw("cn0"), mode="clip")
    if layout.fine_rate:
        rough_rate = sent("rough_rate")
        rate_m_s = rough_rate.astype(np.float64)
        rate_m_s[rough_rate == NO_RATE] = np.nan
        range_rate = _scaled(raw("fine_rate"), layout.fine_rate, 1e-4)
        range_rate += rate_m_s.take(satellite_row, mode="clip")

    nothing = _NOTHING if kind in (5, 7) else np.full(rows, np.nan)
    observations = Observations(
        message=message,
        gnss=gnss.astype(np.uint8).repeat(cells),
        satellite=satellite.take(satellite_row, mode="clip"),
        signal=signal,
        pseudorange_m=nothing if pseudorange is None else pseudorange,
        phase_range_m=nothing if phase is None else phase,
        range_rate_m_s=nothing if range_rate is None else range_rate,
        lock_ms=nothing if lock is None else lock,
        half_cycle=np.zeros(rows, np.bool_) if half_cycle is None else half_cycle,
        cn0_dbhz=nothing if cn0 is None else cn0,
        channel=np.full(rows, CHANNEL_UNKNOWN, np.int8) if channel is None else channel.take(satellite_row),
    )
    unknown_signals = _UNKNOWN.take((gnss * _SLOTS).repeat(signals) + (signal_at & 31))
    if some(unknown_signals) or np.count_nonzero(satellite) < len(satellite):
        return _known_only(observations, unknown_signals.take(ranks))
    return observations, []


def _scaled(raw: I64, width: int, scale: float) -> F64:
    """Raw values times their resolution; the most negative one means "not available"."""
    value: F64 = raw.astype(np.float64)
    value *= scale
    missing = raw == -(1 << width - 1)
    if some(missing):
        value[missing] = np.nan
    return value


def _known_only(
    observations: Observations, unknown_signal: B
) -> tuple[Observations, list[tuple[str, I64, I64]]]:
    """Leave out cells of satellites and signals that have no name, and count them."""
    unknown_satellite = observations.satellite == 0
    counts = []
    for name, where in (
        ("unknown_satellite", unknown_satellite),
        ("unknown_signal", unknown_signal & ~unknown_satellite),
    ):
        hit, number = np.unique(observations.message[where], return_counts=True)
        if len(hit):
            counts.append((name, hit, number))
    return observations.select(~(unknown_satellite | unknown_signal)), counts


def _header(
    window: I64,
    first_bit: I64,
    kind: int,
    kinds: I64,
    gnss: I64,
    frame: I64,
    satellites: I64,
    cells: I64,
) -> Messages:
    station_id, epoch, rest = signed(window, first_bit + _HEADER_FIRST, _HEADER_WIDTH) & _HEADER_MASK
    last = rest.astype(np.uint8)  # the last eight bits: 2, 2, 1 and 3
    return Messages(
        frame=frame,
        type=kinds,
        kind=np.zeros(len(frame), np.uint8) + np.uint8(kind),
        gnss=gnss.astype(np.uint8),
        station_id=station_id,
        epoch_raw=epoch,
        more=rest >> 18 != 0,
        iods=(rest >> 15 & 7).astype(np.uint8),
        clock_steering=last >> np.uint8(6),
        external_clock=last >> np.uint8(4) & np.uint8(3),
        smoothing=last & 8 != 0,
        smoothing_interval=last & np.uint8(7),
        satellites=satellites,
        cells=cells,
    )
