"""What is measured of complete epochs: counts, latency, copies, quality, positions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hncors import gpstime
from hncors.causes import Causes
from hncors.completion import Complete
from hncors.coordinates import Coordinates
from hncors.dating import Dated
from hncors.frames import Motions
from hncors.health import Event, Stream
from hncors.hearing import not_used
from hncors.measure.epoch import LATE, without_repeats
from hncors.measure.quality import Quality
from hncors.measure.tally import Tally, count_at
from hncors.mirrors import Mirrors
from hncors.misleading import Misleading
from hncors.network_overload import Overload
from hncors.network_values import Epochs, Tick
from hncors.observation import F64, I64, B, spanned, subset
from hncors.positioning import Positioning

Tell = Callable[[Stream, Iterable[Event]], None]


class Measuring(NamedTuple):
    """What measuring epochs needs to know of a network."""

    streams: Sequence[Stream]
    timed: B  # the column of all streams
    tally: Tally
    mirrors: Mirrors
    quality: Quality
    positioning: Positioning
    misleading: Misleading
    causes: Causes
    coordinates: Coordinates
    overload: Overload
    tell: Tell

    def measure(self, held: Dated, done: Complete, *, measured: bool) -> Generator[None, None, Tick]:
        """Count and measure complete epochs, in steps. Not `measured`: positions and quality are left out."""
        station, time, by = done.stream, done.time, done.by
        arrival = held.arrival_ns[done.last]
        messages, observations = subset(held.messages, held.observations, spanned(done.first, done.last))
        epoch = np.arange(len(station)).repeat(done.last - done.first + 1)
        keep = without_repeats(epoch, messages, observations)
        if not keep.all():
            for number, how_many in _counted(station[epoch[observations.message[~keep]]]):
                self.streams[number].errors["repeated_observation"] += how_many
            observations = observations.select(keep)
        row = epoch.take(observations.message)  # the epoch of each observation
        observations = self.tally.with_channels(station, row, observations)
        late = done.relation == LATE
        satellites, cells = self.tally.add_epochs(station, time, late, row, observations)
        self.tally.smoothed[station[epoch], messages.gnss] = messages.smoothing  # R18: DF417, DF008
        count_at(self.tally.closed_by, station, by)
        timed = self.timed[station]
        latency_s = (arrival // 1_000_000 - gpstime.to_unix_ms(time)) / 1000
        self.tally.count_latency(station[timed], latency_s[timed])
        for copy in self.mirrors.look(station, time, row, observations):
            stream, like = self.streams[copy.station], self.streams[copy.other].id
            stream.errors["mirrored_epoch"] += 1
            if copy.news:
                detail = {"like": like}
                self.tell(stream, [Event(int(arrival[copy.row]), stream.id, "mirrored_stream", detail)])
        epochs = Epochs(station, time, satellites, cells, by, arrival)
        if not measured:
            self.overload.epochs += len(station)
            positions = self.positioning.leave_out(station, late)
            return Tick([], epochs, epoch, messages, observations, positions)
        yield
        for news in self.quality.epochs(station, time, late, epoch, messages, observations):
            stream = self.streams[station[news.row]]
            if news.kind == "clock_jump":
                steered = bool((messages.clock_steering[epoch == news.row] == 1).any())
                self.causes.stations.jumped(
                    int(station[news.row]), int(time[news.row]), news.detail["milliseconds"], steered
                )
            self.tell(stream, [Event(int(arrival[news.row]), stream.id, news.kind, news.detail)])
        yield
        args = station, time, late, epoch, messages, observations
        positions, unused = yield from self.positioning.epochs_of(*args)
        yield
        self.quality.aim(self.positioning.store.table, self.positioning.place_m, station, time)
        self.misleading.add(station, time, positions)
        self.causes.add(station, time, late, positions)
        for about in self.coordinates.add(station, time, late, positions):
            stream = self.streams[about.station]
            self.tell(stream, [Event(int(arrival[-1]), stream.id, about.kind, about.detail)])
        for one in unused:
            self.tell(self.streams[one.station], not_used(self.streams[one.station], one, int(arrival[-1])))
        return Tick([], epochs, epoch, messages, observations, positions)


def known_places(registered: Motions, streams: Sequence[Stream]) -> Callable[[int], F64]:
    """Where stations are known to stand at a GPS time: as registered, else as they tell; nan: not known."""
    nowhere = (np.nan,) * 3

    def at(time_ms: int) -> F64:
        there = registered.at(time_ms)
        told = np.array([stream.arp_m or nowhere for stream in streams], np.float64).reshape(-1, 3)
        return np.where(np.isnan(there), told, there)

    return at


def _counted(numbers: I64) -> Iterator[tuple[int, int]]:
    unique, count = np.unique(numbers, return_counts=True)
    return zip(unique.tolist(), count.tolist(), strict=True)
