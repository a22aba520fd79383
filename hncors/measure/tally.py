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
        who, satellite, channel = station[rows], observations.satellite[rows], observations.channel[rows]
        told = channel != CHANNEL_UNKNOWN
        table = self.channels
        table[who[told], satellite[told]] = channel[told]
        if told.all():
            return observations
        filled = observations.channel.copy()
        filled[rows] = np.where(told, channel, table[who, satellite])
        return Observations(**{**observations.named(), "channel": filled})

    def count_messages(self, station: I64, number: I64) -> None:
        """Add frames by station and message number (-1: none)."""
        np.add.at(self.messages, (station, _SLOT.take(number, mode="wrap")), 1)

    def count_latency(self, station: I64, latency_s: F64) -> None:
        """Add latencies of epochs."""
        np.add.at(self.latency, (station, np.searchsorted(LATENCY_BOUNDS_S, latency_s)), 1)
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
        of_row = epoch[observations.message]
        gnss = observations.gnss
        cell = gnss.astype(np.int64) * SLOTS + observations.signal
        tracked = satellites_by_system(of_row, count, gnss, observations.satellite)
        np.add.at(self.observations, (station[of_row], cell), 1)
        self.seen[station[of_row], cell] = True
        in_turn = np.flatnonzero(~late)
        if len(in_turn):
            # a station's last is its newest, also where time went back; earlier ones need no gauges
            last = in_turn[np.append(station[in_turn][1:] != station[in_turn][:-1], True)]
            self._latest(station, time_ms, last, of_row, cell, observations, tracked)
        return tracked, np.bincount(of_row, minlength=count)

    def _latest(
        self,
        station: I64,
        time_ms: I64,
        last: I64,
        of_row: I64,
        cell: I64,
        observations: Observations,
        tracked: I64,
    ) -> None:
        who = station[last]
        self.newest_ms[who] = time_ms[last]
        self.satellites[who] = tracked[last]
        place = np.full(len(station), -1, np.int64)
        place[last] = np.arange(len(last))
        rows = np.flatnonzero(place[of_row] >= 0)
        at = place[of_row[rows]]
        new = (observations.gnss[rows] == BEIDOU) & (observations.satellite[rows] >= BDS3_FIRST_SATELLITE)
        signals = observations.signal[rows]
        bds3 = np.bincount(at[new] * SLOTS + signals[new], minlength=len(last) * SLOTS)
        self.bds3[who] = bds3.reshape(len(last), SLOTS)
        self.seen_bds3[who] |= self.bds3[who] > 0
        cn0 = observations.cn0_dbhz[rows]
        known = ~np.isnan(cn0)
        key = at[known] * CELLS + cell[rows[known]]
        self.cn0_count[who] = np.bincount(key, minlength=len(last) * CELLS).reshape(len(last), CELLS)
        self.cn0_sum_dbhz[who] = np.bincount(key, cn0[known], minlength=len(last) * CELLS).reshape(
            len(last), CELLS
        )
