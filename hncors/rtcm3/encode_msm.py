"""Payloads of multiple signal messages, MSM1 to MSM7 of every system.

From integers as they are sent (`encode_raw`: every field extreme and every "not available") or from
observations (`encode`), which are split into rough and fine parts:

    range      = rough_ms + 2^-10 rough_mod + 2^-n fine        milliseconds of light
    range rate = rough_rate + 0.0001 fine_rate                 m/s

One rough range serves all signals of a satellite: the middle of its pseudoranges.
RTCM 10403.3: fields as `hncors.rtcm3.msm` lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hncors.observation import CHANNEL_UNKNOWN, F64, Columns, Observations
from hncors.rtcm3.bits import BitWriter
from hncors.rtcm3.encode import Header, Integers, append, column, nearest_below, scaled, scaled_signed
from hncors.rtcm3.msm import LAYOUTS, LOCK_MS, M_PER_MS, MAX_CELLS
from hncors.signals import FIRST_SATELLITE, GLONASS, GNSS, MSM_SIGNALS, SATELLITE

ROUGH_MS_MISSING = 255  # DF397
CHANNEL_NOT_SENT = 15  # DF419


@dataclass(frozen=True, slots=True)
class RawSatellites(Columns):
    """Satellite data as sent, one row per satellite; what a kind of MSM does not send is ignored."""

    bit: Integers  # position in the satellite mask DF394, 0 to 63
    rough_ms: Integers  # DF397
    extended: Integers  # DF419 or reserved
    rough_mod: Integers  # DF398
    rough_rate: Integers  # DF399


@dataclass(frozen=True, slots=True)
class RawCells(Columns):
    """Signal data as sent, one row per cell; what a kind of MSM does not send is ignored."""

    bit: Integers  # the satellite's, as in RawSatellites
    signal: Integers  # position in the signal mask DF395, 0 to 31
    fine_range: Integers  # DF400, DF405
    fine_phase: Integers  # DF401, DF406
    lock: Integers  # DF402, DF407
    half_cycle: Integers  # DF420
    cn0: Integers  # DF403, DF408
    fine_rate: Integers  # DF404


def split_satellites(satellite: Integers, signal: Integers) -> list[NDArray[np.intp]]:
    """Rows divided so that each part fits one message: satellites times signals is at most 64.

    Parts hold whole satellites in ascending order; within a part rows keep their order.
    """
    signals_of: dict[int, set[int]] = {}
    for one, its_signal in zip(satellite.tolist(), signal.tolist(), strict=True):
        signals_of.setdefault(one, set()).add(its_signal)
    parts: list[list[int]] = []
    signals: set[int] = set()
    for one in sorted(signals_of):
        joined = signals | signals_of[one]
        if not parts or (len(parts[-1]) + 1) * len(joined) > MAX_CELLS:
            parts.append([])
            joined = signals_of[one]
        parts[-1].append(one)
        signals = joined
    return [np.flatnonzero(np.isin(satellite, part)) for part in parts]


def encode(message_type: int, header: Header, observations: Observations) -> bytes:
    """Payload of an MSM (1071 to 1137) with these observations, all of the message's system.

    Raises ValueError for what does not fit: more than 64 cells in the mask (`split_satellites`
    helps), a pseudorange below 0 or above 255 ms, a fine part out of its field's reach (a phase range
    that has drifted too far from the pseudorange is the caller's to level by whole cycles).
    """
    gnss, kind = _gnss_and_kind(message_type)
    if (observations.gnss != gnss).any():
        raise ValueError(f"{message_type} is for {GNSS[gnss]} only")
    return encode_raw(message_type, header, *quantise(kind, gnss, observations))


def quantise(kind: int, gnss: int, observations: Observations) -> tuple[RawSatellites, RawCells]:
    """Satellite and signal data of observations of one system, as an MSM of a kind sends them."""
    layout = LAYOUTS[kind]
    o = observations
    bit = _mask_bits(gnss, o.satellite)
    order = np.argsort(bit, kind="stable")
    bits, first, row = np.unique(bit[order], return_index=True, return_inverse=True)
    place = np.empty_like(row)
    place[order] = row  # of each cell's satellite

    def middle(values: F64) -> F64:
        if not len(values):
            return values
        low, high = np.fmin.reduceat(values[order], first), np.fmax.reduceat(values[order], first)
        return (low + high) / 2

    def fine(name: str, values: F64, width: int, unit: float) -> NDArray[np.int64]:
        return scaled_signed(name, values, width, unit) if width else np.zeros(len(values), np.int64)

    range_ms = middle(o.pseudorange_m) / M_PER_MS
    range_ms = np.where(np.isnan(range_ms), middle(o.phase_range_m) / M_PER_MS, range_ms)
    absent = np.isnan(range_ms)
    rough = scaled("rough range", range_ms, 2.0**-10, 0, (ROUGH_MS_MISSING << 10) - 1, 0)
    rough_m = rough[place] * (M_PER_MS * 2.0**-10)
    rate = scaled_signed("rough range rate", middle(o.range_rate_m_s), 14, 1.0)
    channel = o.channel[order][first] if len(bits) else np.empty(0, np.int8)
    extended = np.where(channel == CHANNEL_UNKNOWN, CHANNEL_NOT_SENT, channel.astype(np.int64) + 7)
    satellites = RawSatellites(
        bit=bits,
        rough_ms=np.where(absent, ROUGH_MS_MISSING, rough >> 10),
        extended=extended if gnss == GLONASS else np.zeros_like(bits),
        rough_mod=rough & 1023,
        rough_rate=rate,
    )
    range_unit_m, phase_unit_m = (M_PER_MS * 2.0**-n for n in (layout.range_exponent, layout.phase_exponent))
    cn0_unit, cn0_limit = (1 / 16, 1023) if layout.cn0 == 10 else (1.0, 63)
    nothing = np.zeros(len(bit), np.int64)
    cells = RawCells(
        bit=bit,
        signal=o.signal.astype(np.int64),
        fine_range=fine("fine pseudorange", o.pseudorange_m - rough_m, layout.fine_range, range_unit_m),
        fine_phase=fine("fine phase range", o.phase_range_m - rough_m, layout.fine_phase, phase_unit_m),
        lock=nearest_below(LOCK_MS[layout.lock][:705], o.lock_ms) if layout.lock else nothing,
        half_cycle=o.half_cycle.astype(np.int64),
        cn0=scaled("C/N0", o.cn0_dbhz, cn0_unit, 1, cn0_limit, 0) if layout.cn0 else nothing,
        fine_rate=fine("fine range rate", o.range_rate_m_s - rate[place], layout.fine_rate, 1e-4),
    )
    return satellites, cells


def encode_raw(
    message_type: int, header: Header, satellites: RawSatellites, cells: RawCells, signals: Sequence[int] = ()
) -> bytes:
    """Payload of an MSM from integers as they are sent; rows in any order.

    Satellites without cells stay in the mask, as do `signals` of which there is no cell. Raises
    ValueError for a mask of more than 64 cells, a value that does not fit, a row given twice.
    """
    _, kind = _gnss_and_kind(message_type)
    layout = LAYOUTS[kind]
    satellites = satellites.select(np.argsort(satellites.bit))
    cells = cells.select(np.lexsort((cells.signal, cells.bit)))
    in_mask = np.array(sorted({*cells.signal.tolist(), *signals}), np.int64)
    place = _cell_places(satellites.bit, in_mask, cells)

    w = BitWriter().unsigned(message_type, 12).unsigned(header.station_id, 12).unsigned(header.epoch_raw, 30)
    w.unsigned(header.more, 1).unsigned(header.iods, 3).unsigned(header.reserved, 7)
    w.unsigned(header.clock_steering, 2).unsigned(header.external_clock, 2)
    w.unsigned(header.smoothing, 1).unsigned(header.smoothing_interval, 3)
    size = len(satellites) * len(in_mask)
    w.unsigned(sum(1 << 63 - b for b in satellites.bit.tolist()), 64)
    w.unsigned(sum(1 << MSM_SIGNALS - 1 - s for s in in_mask.tolist()), MSM_SIGNALS)
    w.unsigned(sum(1 << size - 1 - p for p in place.tolist()), size)

    columns = [
        ("DF397", satellites.rough_ms, layout.rough_ms, False),
        ("DF419", satellites.extended, layout.extended, False),
        ("DF398", satellites.rough_mod, layout.rough_mod, False),
        ("DF399", satellites.rough_rate, layout.rough_rate, True),
        ("DF400/405", cells.fine_range, layout.fine_range, True),
        ("DF401/406", cells.fine_phase, layout.fine_phase, True),
        ("DF402/407", cells.lock, layout.lock, False),
        ("DF420", cells.half_cycle, layout.half_cycle, False),
        ("DF403/408", cells.cn0, layout.cn0, False),
        ("DF404", cells.fine_rate, layout.fine_rate, True),
    ]
    return append(w, [column(name, v, width, signed=s) for name, v, width, s in columns if width])


def _gnss_and_kind(message_type: int) -> tuple[int, int]:
    gnss, kind = divmod(message_type - 1070, 10)
    if not 0 <= gnss < len(GNSS) or kind not in LAYOUTS:
        raise ValueError(f"{message_type} is no multiple signal message")
    return gnss, kind


def _mask_bits(gnss: int, satellite: Integers) -> NDArray[np.int64]:
    bit = satellite.astype(np.int64) - FIRST_SATELLITE.get(GNSS[gnss], 1)
    known = (bit >= 0) & (bit < SATELLITE.shape[1])
    known[known] = SATELLITE[gnss, bit[known]] == satellite[known]
    if not known.all():
        raise ValueError(f"{GNSS[gnss]}{satellite[~known][0]} has no place in the satellite mask")
    return bit


def _cell_places(bit: Integers, signals: Integers, cells: RawCells) -> NDArray[np.int64]:
    """Positions of cells in the cell mask. Raises ValueError for what the masks cannot say."""
    if len(bit) * len(signals) > MAX_CELLS:
        raise ValueError(f"{len(bit)} satellites with {len(signals)} signals: at most {MAX_CELLS} cells fit")
    for name, values, end in (("satellite", bit, SATELLITE.shape[1]), ("signal", signals, MSM_SIGNALS)):
        if len(values) and not 0 <= values.min() <= values.max() < end:
            raise ValueError(f"a {name} is not within 0 to {end - 1} of the mask")
    rank = np.searchsorted(bit, cells.bit)
    if len(rank) and (not len(bit) or (bit.take(rank, mode="clip") != cells.bit).any()):
        raise ValueError("a cell is of a satellite that is not given")
    place = rank * len(signals) + np.searchsorted(signals, cells.signal)
    if (np.diff(bit) == 0).any() or (np.diff(place) == 0).any():
        raise ValueError("a satellite or a cell is given twice")
    return place
