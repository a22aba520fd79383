"""Observations of all stations at an epoch as MSM frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hncors.gpstime import BEIDOU_OFFSET_MS, DAY_MS, GLONASS_OFFSET_MS, WEEK_MS, leap_seconds
from hncors.observation import CHANNEL_UNKNOWN, I64, B
from hncors.rtcm3 import encode_bulk
from hncors.rtcm3.encode_bulk import Cells, Headers
from hncors.rtcm3.msm import MAX_CELLS
from hncors.signals import GLONASS, GNSS, MSM_SIGNALS
from hncors.simulate.reception import Observed, Receivers
from hncors.simulate.stations import Station


def epoch_raw(gnss: int, time_ms: int) -> int:
    """The time of an epoch as a system's messages have it: DF004, DF248, DF427, DF428; DF416 with DF034."""
    if GNSS[gnss] == "C":
        return (time_ms - BEIDOU_OFFSET_MS) % WEEK_MS
    if gnss != GLONASS:
        return time_ms % WEEK_MS
    day, of_day_ms = divmod((time_ms - 1000 * leap_seconds(time_ms) + GLONASS_OFFSET_MS) % WEEK_MS, DAY_MS)
    return day << 27 | of_day_ms


class Observing:
    """Turns what receivers observe into their messages."""

    def __init__(self, stations: Sequence[Station], receivers: Receivers) -> None:
        self._receivers = receivers
        self._kind = np.array([one.msm for one in stations])
        self._number = np.array([one.number for one in stations])
        self._steering = np.array([one.clock == "steered" for one in stations], np.int64)

    def frames(self, time_ms: int, due: B, observed: Observed) -> list[list[bytes]]:
        """Frames of each station; those that are not due, or see nothing, have none."""
        out: list[list[bytes]] = [[] for _ in due]
        raw = np.array([epoch_raw(gnss, time_ms) for gnss in range(len(GNSS))])
        for kind in np.unique(self._kind[due]).tolist():
            rows = due & (self._kind == kind)
            station, column = np.nonzero(observed.seen & rows[:, None])
            if len(station):
                self._encode(kind, raw, station, column, observed, out)
        return out

    def _encode(
        self, kind: int, raw: I64, station: I64, column: I64, observed: Observed, out: list[list[bytes]]
    ) -> None:
        r = self._receivers
        cell = observed.cell[column]
        gnss, bit, signal = r.gnss[cell], r.number[cell] - 1, r.signal[cell].astype(np.int64)
        message = _parts(station * len(GNSS) + gnss, bit, signal)
        first = np.flatnonzero(np.diff(message, prepend=-1))
        of = station[first]
        headers = Headers(
            type=1070 + 10 * gnss[first] + kind,
            station_id=self._number[of],
            epoch_raw=raw[gnss[first]],
            more=np.append(of[1:] == of[:-1], False),
            clock_steering=self._steering[of],
        )
        where = station, column
        channel = np.where(gnss == GLONASS, r.channel[cell], CHANNEL_UNKNOWN).astype(np.int8)
        cells = Cells(
            message, bit, signal, observed.pseudorange_m[where], observed.phase_range_m[where],
            observed.range_rate_m_s[where], observed.lock_ms[where], observed.half_cycle[where],
            observed.cn0_dbhz[where], channel,
        )  # fmt: skip
        for row, made in zip(of.tolist(), encode_bulk.frames(kind, headers, cells), strict=True):
            out[row].append(made)


def _parts(group: I64, bit: I64, signal: I64) -> I64:
    """Numbers of messages for cells in order; a group (a station's system) is divided so that masks fit.

    Parts of a group hold equal numbers of satellites, whatever signals each has.
    """
    turn = np.diff(group, prepend=-1) != 0
    of = np.cumsum(turn) - 1  # number of the group
    begins = turn | (np.diff(bit, prepend=-1) != 0)
    satellite = np.cumsum(begins) - 1
    rank = satellite - satellite[np.flatnonzero(turn)][of]
    satellites = np.bincount(of[begins])
    present = np.zeros((len(satellites), MSM_SIGNALS), bool)
    present[of, signal] = True
    parts = -(-satellites // (MAX_CELLS // present.sum(axis=1)))
    part = rank // -(-satellites // parts)[of]
    key = of * MAX_CELLS + part
    out: I64 = np.cumsum(np.diff(key, prepend=-1) != 0) - 1
    return out
