"""Counts and latest values of all stations as arrays: one row a station, added to once a tick."""

from __future__ import annotations

import math

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

    def with_channels(self, station: I64, row: I64, observations: Observations) -> Observations:
        """GLONASS channels where another message of the stream has told them (1020, MSM5, MSM7).

        `station` is by epoch, `row` the epoch of each observation.
        """
        rows = np.flatnonzero(observations.gnss == GLONASS)
        if not len(rows):
            return observations
        channel = observations.channel[rows]
        place = station[row[rows]] * 64 + observations.satellite[rows]
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
        self, station: I64, time_ms: I64, late: B, row: I64, observations: Observations
    ) -> tuple[I64, I64]:
        """Add complete epochs; the observations' `row` is one of `station`, `time_ms` and `late`.

        The epochs of a station follow each other in the order they were complete; a `late` one came when
        a newer one had already been received.

        Returns satellites by epoch and system, shape (epochs, 7), and observations by epoch.
        """
        count = len(station)
        cell = observations.gnss.astype(np.int64) * SLOTS
        cell += observations.signal
        tracked = satellites_by_system(row, count, observations.gnss, observations.satellite)
        # Of all signals there are, receivers send a tenth: a column for each of those.
        sent = np.bincount(cell, minlength=CELLS).nonzero()[0]
        number = np.zeros(CELLS, np.int64)
        number[sent] = np.arange(len(sent))
        shape = count, len(sent)
        place = row * len(sent) + number.take(cell)
        by_signal = np.bincount(place, minlength=math.prod(shape)).reshape(shape)
        new = ((observations.gnss == BEIDOU) & (observations.satellite >= BDS3_FIRST_SATELLITE)).nonzero()[0]
        bds3 = np.bincount(row[new] * SLOTS + observations.signal[new], minlength=count * SLOTS)
        bds3 = bds3.reshape(count, SLOTS)
        at = (station * CELLS)[:, None] + sent
        np.add.at(self.observations.reshape(-1), at, by_signal)
        self.seen.reshape(-1)[at[by_signal > 0]] = True
        np.add.at(self.bds3_observations, station, bds3.sum(axis=1))
        in_turn = np.flatnonzero(~late)
        if len(in_turn):
            # a station's last is its newest, also where time went back; earlier ones need no gauges
            last = in_turn[np.append(station[in_turn][1:] != station[in_turn][:-1], True)]
            who = station[last]
            self.newest_ms[who], self.satellites[who] = time_ms[last], tracked[last]
            self.bds3[who] = bds3[last]
            self.seen_bds3[who] |= bds3[last] > 0
            cn0, known = observations.cn0_dbhz, by_signal
            unknown = np.isnan(cn0)
            if unknown.any():
                known = known - np.bincount(place[unknown], minlength=math.prod(shape)).reshape(shape)
                cn0 = np.where(unknown, 0.0, cn0)
            total = np.bincount(place, cn0, minlength=math.prod(shape)).reshape(shape)
            self.cn0_count[who], self.cn0_sum_dbhz[who] = 0, 0.0
            self.cn0_count.reshape(-1)[at[last]] = known[last]
            self.cn0_sum_dbhz.reshape(-1)[at[last]] = total[last]
        return tracked, by_signal.sum(axis=1)


def count_at(counts: I64, row: I64, column: I64) -> None:
    """Add one at each place. One index into flat counts takes a tenth of the time that two take."""
    np.add.at(counts.reshape(-1), row * counts.shape[1] + column, 1)
