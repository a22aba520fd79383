"""What a replay gave, as columns and metrics: the result of hncors.replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime
from hncors.gpstime import WEEK_MS
from hncors.measure.epoch import CLOSED_BY
from hncors.network import Network, Tick
from hncors.observation import CHANNEL_UNKNOWN, F64, I64
from hncors.signals import GNSS
from hncors.view import positions
from hncors.view.columns import Table, joined, table, with_channels
from hncors.view.exposition import Family, Writer
from hncors.view.merging import merged
from hncors.view.metrics import families


class Played(NamedTuple):
    """Recordings that were played together: their network after that, its ticks, their positions."""

    network: Network
    ticks: Sequence[Tick]
    positions: Sequence[dict[str, F64]]  # of each tick: hncors.view.positions.columns


class Result:
    """A replay of recordings. Tables are dicts of numpy arrays of one length, a row each.

    Times `gps_ms` are GPS time in milliseconds since 1980-01-06. Where nothing tells a recording's week
    (`week_known[station]` is False) they count from the start of the week of its first epoch, so that
    they are less than two weeks.
    """

    def __init__(
        self,
        played: Sequence[Played],
        *,
        version: str,
        undated: frozenset[str],
        channels: Mapping[str, NDArray[np.int8]],
    ) -> None:
        """`undated` are stations of unknown week; `channels` GLONASS channels by station, of ephemerides."""
        self._played, self._version, self._undated, self._channels = played, version, undated, channels
        self._streams = [stream for one in played for stream in one.network.streams]
        self._ticks = [tick for one in played for tick in one.ticks]
        self.stations = tuple(stream.id for stream in self._streams)
        self.week_known = {station: station not in undated for station in self.stations}

    @cached_property
    def observations(self) -> Table:
        """One row per epoch, satellite and signal, each once whatever messages repeated it.

        `station` str; `gps_ms`; `gnss` letter; `satellite` RINEX number; `signal` RINEX code;
        `pseudorange_m`; `phase_cycles`; `doppler_hz` (positive when the satellite approaches);
        `cn0_dbhz`; `lock_ms` least time of continuous lock; `half_cycle` ambiguity unresolved;
        `ambiguous` the range lacks whole milliseconds; `message_type`; `station_id`. What is not
        available is nan; phase and Doppler of GLONASS are nan where no channel is known.
        """
        messages, observations = joined([(tick.messages, tick.observations) for tick in self._ticks])
        offsets = np.cumsum([0] + [len(tick.epochs.time_ms) for tick in self._ticks])
        epoch = _concatenated([tick.epoch + at for tick, at in zip(self._ticks, offsets, strict=False)])
        station = self._station[epoch]
        who = station[observations.message]
        rows = with_channels(observations, self._told()[who])
        return {"station": self._names(who), **table(messages, rows, self._time_ms[epoch], station)}

    @cached_property
    def epochs(self) -> Table:
        """One row per complete epoch, in the order they were complete.

        `station`; `gps_ms`; `satellites`, and `satellites_G`, ... by system; `observations` (satellites
        times signals); `closed_by` what completed it; `latency_s` its last message's arrival after it,
        nan where arrival times are not known.
        """
        by_system = np.concatenate(
            [tick.epochs.satellites for tick in self._ticks] or [np.empty((0, 7), int)]
        )
        arrival_ns = _concatenated([tick.epochs.arrival_ns for tick in self._ticks])
        timed = np.array([stream.timed for stream in self._streams], bool)
        sent_ms = gpstime.to_unix_ms(self._raw_ms)
        latency_s = (arrival_ns // 1_000_000 - sent_ms) / 1000
        return {
            "station": self._names(self._station),
            "gps_ms": self._time_ms,
            "satellites": by_system.sum(axis=1),
            **{f"satellites_{letter}": by_system[:, gnss] for gnss, letter in enumerate(GNSS)},
            "observations": _concatenated([tick.epochs.observations for tick in self._ticks]),
            "closed_by": np.array(CLOSED_BY)[_concatenated([t.epochs.closed_by for t in self._ticks])],
            "latency_s": np.where(timed[self._station], latency_s, np.nan),
        }

    @cached_property
    def positions(self) -> Table:
        """One row per epoch as in `epochs`: the columns of epochs.csv.

        Numbers are nan where there is none: `status` says why. `snapshot_east_m`, ... are of the ranges as
        they came, the others of ranges smoothed by the carrier.
        """
        parts = [part for one in self._played for part in one.positions]
        numbers = {name: _floats([part[name] for part in parts]) for name in positions.COLUMNS}
        return {
            "station": self._names(self._station),
            "gps_ms": self._time_ms,
            **numbers,
            "systems_used": np.array([s for tick in self._ticks for s in positions.systems(tick)], np.str_),
            "status": np.array([s for tick in self._ticks for s in positions.statuses(tick)], np.str_),
        }

    @cached_property
    def events(self) -> Table:
        """One row per event: `at_ns` UTC nanoseconds since 1970; `station`; `kind`; `detail` (a dict)."""
        events = [event for tick in self._ticks for event in tick.events]
        detail = np.empty(len(events), object)
        detail[:] = [event.detail for event in events]
        return {
            "at_ns": np.array([event.at_ns for event in events], np.int64),
            "station": np.array([event.station for event in events], np.str_),
            "kind": np.array([event.kind for event in events], np.str_),
            "detail": detail,
        }

    def metrics(self) -> str:
        """The metrics as Prometheus would scrape them after the last epoch."""
        return Writer().render(self._families()).decode()

    def metric(self, name: str, **labels: str) -> float:
        """The value of the one series of that name that has these labels (more may be left out).

        A histogram is asked for by NAME_count or NAME_sum. Raises KeyError when no series fits, or
        several do.
        """
        found = [
            value
            for family in self._families()
            for series, value in _series(family, name)
            if labels.items() <= series.items()
        ]
        if len(found) != 1:
            asked = ", ".join(f'{key}="{value}"' for key, value in labels.items())
            raise KeyError(f"{len(found)} series fit {name}{{{asked}}}")
        return found[0]

    def _families(self) -> list[Family]:
        dated = not self._undated
        return list(merged([families(one.network, self._version, dated=dated) for one in self._played]))

    def _told(self) -> NDArray[np.int8]:
        """GLONASS channels, shape (stations, 64): what observations said, else ephemerides."""
        seen = np.concatenate([one.network.tally.channels for one in self._played])
        heard = np.array([self._channels[station] for station in self.stations])
        return np.where(seen == CHANNEL_UNKNOWN, heard, seen).astype(np.int8)

    def _names(self, station: I64) -> NDArray[np.str_]:
        named: NDArray[np.str_] = np.array(self.stations, np.str_)[station]
        return named

    @cached_property
    def _station(self) -> I64:
        before = np.cumsum([0] + [len(one.network.streams) for one in self._played[:-1]]).tolist()
        return _concatenated(
            [
                tick.epochs.station + n
                for n, one in zip(before, self._played, strict=True)
                for tick in one.ticks
            ]
        )

    @cached_property
    def _raw_ms(self) -> I64:
        return _concatenated([tick.epochs.time_ms for tick in self._ticks])

    @cached_property
    def _time_ms(self) -> I64:
        """Times of epochs, those of an unknown week counted from its start."""
        time_ms = self._raw_ms.copy()
        for row in (self.stations.index(name) for name in self._undated):
            its = np.flatnonzero(self._station == row)
            if len(its):
                time_ms[its] -= time_ms[its[0]] // WEEK_MS * WEEK_MS
        return time_ms


def _floats(columns: list[F64]) -> F64:
    return np.concatenate([*columns, np.empty(0)])


def _concatenated(columns: list[I64]) -> I64:
    return np.concatenate([*columns, np.empty(0, np.int64)])


def _series(family: Family, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and values of the series of `name` in a family."""
    values = np.asarray(family.values, np.float64)
    if family.kind == "histogram":
        if name == f"{family.name}_count":
            values = np.asarray(family.counts, np.float64).reshape(len(family.labels), -1)[:, -1]
        elif name != f"{family.name}_sum":
            return []
    elif name != family.name:
        return []
    return [
        (dict(zip(family.label_names, labels, strict=True)), value)
        for labels, value in zip(family.labels, values.tolist(), strict=True)
    ]
