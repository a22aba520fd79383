"""Observations as a RINEX 3.05 observation file: pure functions, text out.

Lines of one system are filled as one table of bytes, a column of numbers at a time; RINEX 3.05, table A3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from hncors.gpstime import GPS_EPOCH_UNIX_S
from hncors.measure.lock import lock_end_ms, lost
from hncors.observation import (
    F64,
    I64,
    U8,
    Columns,
    Observations,
    doppler_hz,
    frequency_hz,
    phase_cycles,
)
from hncors.signals import CODES, GNSS, SLOTS
from hncors.view.rinex_obs_header import KINDS, Header, Site, obs_header, site_lines

WIDTH = 14  # F14.3
FIELD = WIDTH + 2  # and the loss of lock indicator and the signal strength
PHASE_LIMIT = 1e9  # RINEX 3.05, section 5.7: what does not fit the format is clipped by 10**9
LOST_LOCK, HALF_CYCLE = 1, 2  # bits of the loss of lock indicator
_PIECE_ROWS = 50_000
_POWERS = 10 ** np.arange(9, 0, -1, dtype=np.int64)
_FOUR = np.frombuffer("".join(f"{n:04d}" for n in range(10_000)).encode(), np.uint8).reshape(-1, 4)
_NEW_SITE, _HEADER_FOLLOWS = 3, 4  # event flags


class Event(NamedTuple):
    """A new site, or new data of the site, before the first epoch that is not earlier."""

    time_ms: int
    new_site: bool
    site: Site


@dataclass(frozen=True, slots=True)
class _Rows(Columns):
    """What is written of each row."""

    gnss: U8
    satellite: U8
    signal: U8
    pseudorange_m: F64
    phase_cycles: F64
    doppler_hz: F64
    cn0_dbhz: F64
    indicator: U8  # of lost lock

    @property
    def by_kind(self) -> tuple[F64, ...]:
        """Values in the order of KINDS."""
        return self.pseudorange_m, self.phase_cycles, self.doppler_hz, self.cn0_dbhz

    @property
    def line(self) -> I64:
        """The number of each row's system and satellite."""
        return self.gnss.astype(np.int64) << 8 | self.satellite


def write(
    header: Header, time_ms: I64, kind: U8, observations: Observations, events: Sequence[Event] = ()
) -> str:
    """The text of an observation file.

    `time_ms` (GPS) and `kind` (`Messages.kind`) are of each row of `observations`; rows may come in any
    order, but a satellite has one row per signal and epoch. Header entries that follow from the rows
    (types of observation, first and last time, interval) are added. Where no row has a value there is
    nothing to write: "".
    """
    new_sites = np.array(sorted(event.time_ms for event in events if event.new_site), np.int64)
    rows = _rows(time_ms, kind, observations, new_sites)
    given = np.flatnonzero(~np.all([np.isnan(values) for values in rows.by_kind], axis=0))
    if not len(given):
        return ""
    types = _types(rows)
    order = given[np.lexsort((rows.line[given], time_ms[given]))]
    epochs, first = np.unique(time_ms[order], return_index=True)
    named = [[f"{KINDS[k]}{CODES[gnss][signal]}" for signal, k in types[gnss]] for gnss in range(len(GNSS))]
    body = _body(epochs, np.append(first, len(order)), rows, order, types, events)
    return "".join(chain(obs_header(header, named, epochs), body))


def _rows(time_ms: I64, kind: U8, o: Observations, new_sites: I64) -> _Rows:
    frequency = frequency_hz(o.gnss, o.signal, o.channel)
    phase = phase_cycles(o.phase_range_m, frequency)
    beyond = np.trunc(phase / PHASE_LIMIT)
    beyond[np.isnan(beyond)] = 0
    phase = phase - beyond * PHASE_LIMIT
    rows = np.flatnonzero(~np.isnan(phase))
    rows = rows[np.argsort(time_ms[rows], kind="stable")]
    site = new_sites.searchsorted(time_ms, side="right")
    signal = ((site * len(GNSS) + o.gnss) * 256 + o.satellite) * SLOTS + o.signal
    end_ms = lock_end_ms(kind, o.lock_ms)
    interrupted = beyond != 0
    interrupted[rows] |= lost(signal[rows], time_ms[rows], o.lock_ms[rows], end_ms[rows])
    first = rows[np.unique(signal[rows], return_index=True)[1]]
    interrupted[first[site[first] > 0]] = True  # another receiver, another phase
    return _Rows(
        gnss=o.gnss,
        satellite=o.satellite,
        signal=o.signal,
        pseudorange_m=o.pseudorange_m,
        phase_cycles=phase,
        doppler_hz=doppler_hz(o.range_rate_m_s, frequency),
        cn0_dbhz=o.cn0_dbhz,
        indicator=(LOST_LOCK * interrupted + HALF_CYCLE * o.half_cycle).astype(np.uint8),
    )


def _types(rows: _Rows) -> list[list[tuple[int, int]]]:
    """Of each system: the signals and kinds (indices into KINDS) that occur, in the order of their codes."""
    cell = rows.gnss.astype(np.int64) * SLOTS + rows.signal
    seen = [np.bincount(cell[~np.isnan(v)], minlength=len(GNSS) * SLOTS) > 0 for v in rows.by_kind]
    return [
        [
            (signal, kind)
            for signal in sorted(range(SLOTS), key=codes.__getitem__)
            for kind in range(len(KINDS))
            if seen[kind][gnss * SLOTS + signal]
        ]
        for gnss, codes in enumerate(CODES)
    ]


def _body(
    epochs: I64,
    bounds: I64,
    rows: _Rows,
    order: I64,
    types: list[list[tuple[int, int]]],
    events: Sequence[Event],
) -> Iterator[str]:
    """Epoch by epoch; `bounds` are the place in `order` where each begins, and the end."""
    waiting = deque(sorted(events, key=lambda event: event.time_ms))
    heads = _epoch_texts(epochs)
    start = 0
    while start < len(epochs):
        end = int(np.searchsorted(bounds, bounds[start] + _PIECE_ROWS, side="right")) - 1
        end = min(max(end, start + 1), len(epochs))
        epoch = np.arange(start, end).repeat(np.diff(bounds[start : end + 1]))
        texts, of = _lines(epoch, rows.select(order[bounds[start] : bounds[end]]), types)
        counts = np.bincount(of - start, minlength=end - start).tolist()
        at = 0
        for number, count in zip(range(start, end), counts, strict=True):
            while waiting and waiting[0].time_ms <= epochs[number]:
                event = waiting.popleft()
                lines = site_lines(event.site)
                flag = _NEW_SITE if event.new_site else _HEADER_FOLLOWS
                yield f"{heads[number]}{flag}{len(lines):3d}\n{''.join(lines)}"
            yield f"{heads[number]}0{count:3d}\n"
            yield b"".join(texts[at : at + count]).decode("ascii")
            at += count
        start = end


def _lines(epoch: I64, rows: _Rows, types: list[list[tuple[int, int]]]) -> tuple[list[bytes], I64]:
    """Lines of satellites, ended by line feeds, and the epoch of each; rows stand in the lines' order."""
    line = rows.line
    new = np.ones(len(line), bool)
    new[1:] = (line[1:] != line[:-1]) | (epoch[1:] != epoch[:-1])
    number = np.cumsum(new) - 1  # of the line that a row stands in
    first = np.flatnonzero(new)
    texts = np.empty(len(first), object)
    for gnss in np.unique(rows.gnss).tolist():
        mine = np.flatnonzero(rows.gnss[first] == gnss)
        place = np.full(len(first), -1)
        place[mine] = np.arange(len(mine))
        block = np.full((len(mine), 3 + FIELD * len(types[gnss]) + 1), ord(" "), np.uint8)
        block[:, 0] = ord(GNSS[gnss])
        block[:, 1:3] = _FOUR[rows.satellite[first[mine]], 2:]
        for column, (signal, kind) in enumerate(types[gnss]):
            values = rows.by_kind[kind]
            where = np.flatnonzero((rows.gnss == gnss) & (rows.signal == signal) & ~np.isnan(values))
            into = place[number[where]]
            at = 3 + FIELD * column
            block[into, at : at + WIDTH] = fixed(values[where])
            if KINDS[kind] == "L":
                indicator = rows.indicator[where]
                block[into, at + WIDTH] = np.where(indicator > 0, indicator + ord("0"), ord(" "))
        texts[mine] = [text.rstrip() + b"\n" for text in block.view(f"S{block.shape[1]}").ravel().tolist()]
    return texts.tolist(), epoch[first]


def fixed(values: F64) -> U8:
    """Finite numbers within the format as F14.3, shape (N, 14) of ASCII codes."""
    thousandths = np.rint(values * 1000).astype(np.int64)
    size = np.abs(thousandths)
    high = size // 10**8
    low = size - high * 10**8
    fours = (high // 10**4, high % 10**4, low // 10**4, low % 10**4)
    digits = np.hstack([_FOUR[four] for four in fours])  # 16, three of them behind the point
    out = np.empty((len(values), WIDTH), np.uint8)
    out[:, :10] = digits[:, 3:13]
    out[:, 10] = ord(".")
    out[:, 11:] = digits[:, 13:]
    blank = size[:, None] // 1000 < _POWERS
    out[:, :9][blank] = ord(" ")
    negative = np.flatnonzero(thousandths < 0)
    out[negative, blank[negative].sum(axis=1) - 1] = ord("-")
    return out


def _epoch_texts(epochs: I64) -> list[str]:
    """The beginnings of epoch lines, up to the flag."""
    moments = (epochs + GPS_EPOCH_UNIX_S * 1000).astype("M8[ms]")
    return [
        f"> {t[:4]} {t[5:7]} {t[8:10]} {t[11:13]} {t[14:16]} {t[17:]}0000  "
        for t in np.datetime_as_string(moments, unit="ms").tolist()
    ]
