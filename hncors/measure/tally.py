"""Counts and latest values of all stations as arrays: one row a station, added to once a tick."""

from __future__ import annotations

import numpy as np

from hncors.measure.epoch import satellites_by_system
from hncors.observation import CHANNEL_UNKNOWN, F64, I64, B, Observations
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, GLONASS, SLOTS

# Message numbers counted under their own label; the rest is "other", so that a hostile stream cannot
# make series without end.
COUNTED = (
    63,
    *range(1001, 1047),
    *range(1057, 1069),
    *range(1070, 1140),
    1230,
    *range(1240, 1271),
    1300,
    1301,
)
COUNTED = (*COUNTED, 1302, 1303, 1304, *range(4001, 4096))
TYPE_LABELS = ("other", *map(str, COUNTED))
_SLOT = np.zeros(4097, np.int64)
_SLOT[list(COUNTED)] = np.arange(1, len(COUNTED) + 1)
CELLS = 7 * SLOTS

# Upper bounds in seconds of the latency histogram (hncors_rtcm_latency_seconds).
LATENCY_BOUNDS_S = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)


class Tally:
    """Arrays over stations; the first axis of each is the station."""

    def __init__(self, stations: int) -> None:
        self.messages = np.zeros((stations, len(TYPE_LABELS)), np.int64)
        self.observations = np.zeros((stations, CELLS), np.int64)
        self.bds3_observations = np.zeros(stations, np.int64)  # those of them of BeiDou-3 satellites
        self.closed_by = np.zeros((stations, 4), np.int64)
        self.latency = np.zeros((stations, len(LATENCY_BOUNDS_S) + 1), np.int64)
        self.latency_sum_s = np.zeros(stations)
        # Of the newest epoch:
        self.newest_ms = np.full(stations, -1, np.int64)
        self.satellites = np.zeros((stations, 7), np.int64)
        self.smoothed = np.full(
            (stations, 7), -1, np.int8
        )  # 1: the station smooths pseudoranges; -1: not told
        self.bds3 = np.zeros((stations, SLOTS), np.int64)
        self.cn0_sum_dbhz = np.zeros((stations, CELLS))
        self.cn0_count = np.zeros((stations, CELLS), np.int64)
        self.channels = np.full((stations, 64), CHANNEL_UNKNOWN, np.int8)  # GLONASS, as last told
        self.seen = np.zeros((stations, CELLS), bool)  # signals the station has ever sent
        self.seen_bds3 = np.zeros((stations, SLOTS), bool)  # ... of BeiDou-3 satellites

    def rearranged(self, before: I64) -> Tally:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Tally(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[stay] = column[before[stay]]
        return other

    def with_channels(self, station: I64, observations: Observations) -> Observations:
        """GLONASS channels where another message of the stream has told them (1020, MSM5, MSM7)."""
        rows = np.flatnonzero(observations.gnss == GLONASS)
        if not len(rows):
            return observations
        channel = observations.channel[rows]
        place = station[rows] * 64 + observations.satellite[rows]
        told = channel != CHANNEL_UNKNOWN
        table = self.channels.reshape(-1)
        if told.all():
            table[place] = channel
            return observations
        table[place[told]] = channel[told]
        filled = observations.channel.copy()
        filled[rows] = np.where(told, channel, table[place])
        return Observations(**{**observations.named(), "channel": filled})

    def count_messages(self, station: I64, number: I64) -> None:
        """Add frames by station and message number (-1: none)."""
        count_at(self.messages, station, _SLOT.take(number, mode="wrap"))

    def count_latency(self, station: I64, latency_s: F64) -> None:
        """Add latencies of epochs."""
        count_at(self.latency, station, np.searchsorted(LATENCY_BOUNDS_S, latency_s))
        np.add.at(self.latency_sum_s, station, latency_s)

    def add_epochs(
        self, station: I64, time_ms: I64, late: B, epoch: I64, observations: Observations
    ) -> tuple[I64, I64]:
        """Add complete epochs; their messages' `epoch` is a row of `station`, `time_ms` and `late`.

        The epochs of a station follow each other in the order they were complete; a `late` one came when
        a newer one had already been received.

        Returns satellites by epoch and system, shape (epochs, 7), and observations by epoch.
        """
        count = len(station)
        of_row = epoch.take(observations.message)
        cell = observations.gnss.astype(np.int64) * SLOTS
        cell += observations.signal
        tracked = satellites_by_system(of_row, count, observations.gnss, observations.satellite)
        place = station.take(of_row) * CELLS
        place += cell
        np.add.at(self.observations.reshape(-1), place, 1)
        self.seen.reshape(-1)[place] = True
        new = (observations.gnss == BEIDOU) & (observations.satellite >= BDS3_FIRST_SATELLITE)
        self.bds3_observations += np.bincount(
            station.take(of_row[new]), minlength=len(self.bds3_observations)
        )
        in_turn = np.flatnonzero(~late)
        if len(in_turn):
            # a station's last is its newest, also where time went back; earlier ones need no gauges
            last = in_turn[np.append(station[in_turn][1:] != station[in_turn][:-1], True)]
            self.newest_ms[station[last]] = time_ms[last]
            self.satellites[station[last]] = tracked[last]
            some, at = observations, of_row
            if len(last) < count:
                number = np.full(count, -1, np.int64)
                number[last] = np.arange(len(last))
                rows = np.flatnonzero(number[of_row] >= 0)
                some, at, cell, new = observations.select(rows), number[of_row[rows]], cell[rows], new[rows]
            self._latest(station[last], at, cell, new, some)
        return tracked, np.bincount(of_row, minlength=count)

    def _latest(self, who: I64, at: I64, cell: I64, new: B, observations: Observations) -> None:
        """Gauges of the newest epoch of some stations; `at` is the row in `who` of each observation.

        `new` are observations of BeiDou-3 satellites.
        """
        count = len(who)
        bds3 = np.bincount(at[new] * SLOTS + observations.signal[new], minlength=count * SLOTS)
        self.bds3[who] = bds3.reshape(count, SLOTS)
        self.seen_bds3[who] |= self.bds3[who] > 0
        cn0 = observations.cn0_dbhz
        key = at * CELLS + cell
        unknown = np.isnan(cn0)
        if unknown.any():
            key, cn0 = key[~unknown], cn0[~unknown]
        self.cn0_count[who] = np.bincount(key, minlength=count * CELLS).reshape(count, CELLS)
        self.cn0_sum_dbhz[who] = np.bincount(key, cn0, minlength=count * CELLS).reshape(count, CELLS)


def count_at(counts: I64, row: I64, column: I64) -> None:
    """Add one at each place. One index into flat counts takes a tenth of the time that two take."""
    np.add.at(counts.reshape(-1), row * counts.shape[1] + column, 1)
