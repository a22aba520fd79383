"""What became of every station lately: samples in rings that never grow, and counts of epochs over a month.

A look every quarter of a minute takes what the network holds then; nothing is averaged, so a value is one
that was there at its time. Columns over all stations, made at one go: no loop over stations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime
from hncors.health import SECOND_NS
from hncors.network import Network
from hncors.observation import F64, I64
from hncors.positioning import SOLVED
from hncors.signals import GNSS, SLOTS
from hncors.view.positions import offsets_m, references_m

COLUMNS = (
    *("satellites", "bds3", "cn0_dbhz", "latency_s", "east_m", "north_m", "up_m", "hpl_m", "vpl_m"),
    *("multipath_m", "roti_tecu_min"),
)
FINE_S, COARSE_S, HOUR_S = 15, 300, 3600
RINGS_S = {FINE_S: 3600, COARSE_S: 86_400}  # how long each ring reaches back
WINDOWS_S = {"1h": 3600, "24h": 86_400, "30d": 30 * 86_400}
_F32 = NDArray[np.float32]


class Kept(NamedTuple):
    """How much of a window was watched, and what came of it."""

    seconds: float  # since the window's beginning, or since the watch began
    received: int
    missing: int

    @property
    def availability(self) -> float | None:
        """Epochs received of those that were due while the monitor looked; None: none was due."""
        due = self.received + self.missing
        return self.received / due if due else None


class _Ring:
    """The last samples of all stations: `value` is (slots, columns, stations)."""

    def __init__(self, every_s: int, lasts_s: int, columns: int, stations: int, kind: type) -> None:
        self.every_s, slots = every_s, lasts_s // every_s + 1
        self.at_s = np.full(slots, -1, np.int64)
        self.value: NDArray[np.generic] = np.zeros((slots, columns, stations), kind)

    def put(self, at_s: int, values: NDArray[np.generic]) -> None:
        slot = at_s // self.every_s % len(self.at_s)
        self.at_s[slot] = at_s
        self.value[slot] = values

    def due(self, at_s: int) -> bool:
        return bool(self.at_s.max() // self.every_s != at_s // self.every_s)

    def rows(self, since_s: int) -> I64:
        """Slots that were filled after `since_s`, in the order of time."""
        rows = np.flatnonzero(self.at_s > since_s)
        return rows[np.argsort(self.at_s[rows])]


class Trend:
    """Rings over all stations of a network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._ids = [stream.id for stream in network.streams]
        stations = len(self._ids)
        self._rings = {
            every: _Ring(every, lasts, len(COLUMNS), stations, np.float32) for every, lasts in RINGS_S.items()
        }
        self._counts = {
            COARSE_S: _Ring(COARSE_S, WINDOWS_S["24h"] + COARSE_S, 2, stations, np.int64),
            HOUR_S: _Ring(HOUR_S, WINDOWS_S["30d"] + HOUR_S, 2, stations, np.int64),
        }
        self._first_s = np.full(stations, -1, np.int64)  # since when a station is looked at

    def look(self, now_ns: int) -> None:
        """Take a sample where one is due; to be called every few seconds."""
        at_s = now_ns // SECOND_NS
        if not self._rings[FINE_S].due(at_s):
            return
        if len(self._ids) != len(self._network.streams) or any(
            one != stream.id for one, stream in zip(self._ids, self._network.streams, strict=True)
        ):
            self._rearrange()
        self._first_s[self._first_s < 0] = at_s
        values = _sample(self._network)
        for ring in self._rings.values():
            if ring.due(at_s):
                ring.put(at_s, values)
        accounts = self._network.tables.accounts
        for ring in self._counts.values():
            if ring.due(at_s):
                ring.put(at_s, np.stack((accounts.received, accounts.missing)))

    def series(self, number: int, window_s: int, since_s: int = 0) -> tuple[I64, _F32]:
        """Samples of a station after `since_s`: UTC seconds, and (samples, COLUMNS); nan: there was none."""
        ring = self._rings[FINE_S if window_s <= RINGS_S[FINE_S] else COARSE_S]
        if number >= ring.value.shape[2] or self._ids[number] != self._network.streams[number].id:
            return np.empty(0, np.int64), np.empty((0, len(COLUMNS)), np.float32)
        newest = int(ring.at_s.max())
        rows = ring.rows(max(since_s, newest - window_s, int(self._first_s[number]) - 1))
        found: _F32 = ring.value[rows, :, number].astype(np.float32)
        return ring.at_s[rows], found

    def kept(self, number: int, window_s: int) -> Kept:
        """What came of the epochs of a window that ends now."""
        account = self._network.streams[number].account
        known = number < len(self._ids) and self._ids[number] == self._network.streams[number].id
        if not known or self._first_s[number] < 0:
            return Kept(0.0, account.received, account.missing)
        ring = self._counts[COARSE_S if window_s <= WINDOWS_S["24h"] else HOUR_S]
        now_s = self._network.last_tick_ns // SECOND_NS
        begin_s = now_s - window_s
        if self._first_s[number] > begin_s:  # watched for less than that: all there was
            return Kept(float(now_s - self._first_s[number]), account.received, account.missing)
        rows = ring.rows(begin_s)
        if not len(rows):
            return Kept(0.0, 0, 0)
        received, missing = ring.value[rows[0], :, number].tolist()
        seconds = float(now_s - ring.at_s[rows[0]])
        return Kept(seconds, account.received - received, max(account.missing - missing, 0))

    def _rearrange(self) -> None:
        before = {one: number for number, one in enumerate(self._ids)}
        self._ids = [stream.id for stream in self._network.streams]
        place = np.array([before.get(one, -1) for one in self._ids], np.int64)
        stay = np.flatnonzero(place >= 0)
        first = np.full(len(self._ids), -1, np.int64)
        first[stay] = self._first_s[place[stay]]
        self._first_s = first
        for ring in (*self._rings.values(), *self._counts.values()):
            value = np.zeros((*ring.value.shape[:2], len(self._ids)), ring.value.dtype)
            value[:, :, stay] = ring.value[:, :, place[stay]]
            ring.value = value


@np.errstate(invalid="ignore", divide="ignore")
def _sample(network: Network) -> _F32:
    """What is known of all stations now, (COLUMNS, stations); nan for those that do not stream."""
    streams, tally, found = network.tables.streams, network.tally, network.positioning
    out = np.full((len(COLUMNS), len(network.streams)), np.nan, np.float32)
    out[0], out[1] = tally.satellites.sum(axis=1), tally.bds3.max(axis=1, initial=0)
    out[2] = tally.cn0_sum_dbhz.sum(axis=1) / tally.cn0_count.sum(axis=1)
    late_ms = streams.epoch_ns // 1_000_000 - gpstime.to_unix_ms(streams.closed_ms)
    out[3] = np.where(streams.timed, late_ms / 1000.0, np.nan)
    solved = found.status == SOLVED
    out[4:7] = np.where(solved[:, None], offsets_m(found.place_m, references_m(network)), np.nan).T
    out[7:9] = np.where(solved[:, None] & np.isfinite(found.level_m), found.level_m, np.nan).T
    by_signal: F64 = network.quality.multipath_rms_m()[0].reshape(-1, len(GNSS) * SLOTS)
    known = ~np.isnan(by_signal)
    out[9] = np.where(known.any(axis=1), np.where(known, by_signal, -1.0).max(axis=1), np.nan)
    out[10] = network.quality.roti_tecu_min()[0]
    out[:, ~streams.streaming] = np.nan
    return out
