"""Observation messages of many streams with their times and arrivals, from a block to whole epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hncors.gpstime import WEEK_MS, from_unix_ns_each
from hncors.health import Event, Stream, Streams
from hncors.measure.clock import UNKNOWN, resolve
from hncors.observation import (
    I64,
    NO_MESSAGES,
    NO_OBSERVATIONS,
    B,
    Messages,
    Observations,
    append,
    spanned,
    subset,
)
from hncors.rtcm3.block import Block

ALTERNATE_MS = 10_000  # a station id seen this lately is one of two on the stream, not a new one
REMEMBERED_IDS = 64
ASTRAY_MS = WEEK_MS * 3 // 4  # from arrival; times begin within half a week of it, so half is no edge


class Dated(NamedTuple):
    """Messages sorted by stream, those of a stream in the order they came."""

    messages: Messages
    observations: Observations
    stream: I64  # of each message, index into Network.streams
    time_ms: I64  # GPS
    arrival_ns: I64


_NONE = np.empty(0, np.int64)
NOTHING = Dated(NO_MESSAGES, NO_OBSERVATIONS, _NONE, _NONE, _NONE)


def date(
    block: Block,
    owner: I64,
    arrival_ns: I64,
    streams: Sequence[Stream],
    columns: Streams,
    reference: Callable[[Stream, int], int],
) -> Dated:
    """A block's observation messages with their times; those whose time cannot be are counted.

    `owner` and `arrival_ns` are by frame; `streams` are the rows of `columns`. A time near a stream's first
    message is that of the last one before, where that was about when bytes arrive; else `reference` tells it.
    """
    messages = block.messages
    if not len(messages):
        return NOTHING
    stream = owner[messages.frame]
    order = np.argsort(stream, kind="stable")
    stream = stream[order]
    messages, observations = subset(messages, block.observations, order)
    arrival = arrival_ns[messages.frame]
    references = np.zeros(len(streams), np.int64)
    first = _changes(stream)
    present, came_ns = stream[first], arrival[first]
    references[present], near = nearby(present, came_ns, columns)
    rest = (~near).nonzero()[0]
    for number, at in zip(present[rest].tolist(), came_ns[rest].tolist(), strict=True):
        references[number] = reference(streams[number], at)
    time = resolve(messages, stream, references)
    good = time != UNKNOWN
    if not good.all():
        for number in stream[~good].tolist():
            streams[number].errors["time_out_of_range"] += 1
        rows = np.flatnonzero(good)
        messages, observations = subset(messages, observations, rows)
        stream, time, arrival = stream[rows], time[rows], arrival[rows]
    columns.epoch_ms[stream] = time  # of several the last
    return Dated(messages, observations, stream, time, arrival)


def nearby(stream: I64, arrival_ns: I64, columns: Streams) -> tuple[I64, B]:
    """The last epoch of streams, and whether it was about when their bytes arrive, in GPS ms."""
    last_ms = columns.epoch_ms[stream]
    near: B = abs(last_ms - from_unix_ns_each(arrival_ns)) <= ASTRAY_MS
    near &= columns.timed[stream] & (last_ms >= 0)
    return last_ms, near


def _changes(stream: I64) -> I64:
    """The first row of each stream."""
    new = np.ones(len(stream), bool)
    new[1:] = stream[1:] != stream[:-1]
    return new.nonzero()[0]


def identities(dated: Dated, streams: Sequence[Stream], station_id: I64) -> Iterator[Event]:
    """Station ids that change: another station on this stream, or two at once (R14). 0 names no station.

    `station_id` is the column that `streams` are rows of.
    """
    known = station_id.copy()
    for number in np.unique(dated.stream[known[dated.stream] < 0]).tolist():
        streams[number].station_id = 0
    told = np.flatnonzero(dated.messages.station_id)
    sent, stream = dated.messages.station_id[told], dated.stream[told]
    before = np.empty_like(sent)
    before[1:] = sent[:-1]
    first = np.ones(len(sent), bool)
    first[1:] = stream[1:] != stream[:-1]
    before[first] = known[stream[first]]
    for row in np.flatnonzero(sent != before).tolist():
        one, number, time = streams[stream[row]], int(sent[row]), int(dated.time_ms[told[row]])
        if one.station_id:
            alternate = abs(time - one.id_seen.get(number, time - WEEK_MS)) < ALTERNATE_MS
            kind = "station_ids_interleaved" if alternate else "station_id_changed"
            if not (alternate and one.errors[kind]):  # once is news, every epoch is not
                detail = {"from": one.station_id, "to": number}
                yield Event(int(dated.arrival_ns[told[row]]), one.id, kind, detail)
            one.errors[kind] += 1
            if len(one.id_seen) >= REMEMBERED_IDS:
                one.id_seen.clear()
            one.id_seen[one.station_id] = time
        one.station_id = number


def join(parts: Sequence[Dated]) -> Dated:
    """Messages that were held back, then new ones in the order they came, stream by stream."""
    parts = [part for part in parts if len(part.messages)]
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    messages, observations = append([(part.messages, part.observations) for part in parts])
    stream, time, arrival = (np.concatenate(column) for column in zip(*(p[2:] for p in parts), strict=True))
    order = np.argsort(stream, kind="stable")
    messages, observations = subset(messages, observations, order)
    return Dated(messages, observations, stream[order], time[order], arrival[order])


def renumbered(dated: Dated, number: I64) -> Dated:
    """The messages of streams that stay, under the new `number` of each stream (-1: it goes)."""
    stream = number[dated.stream]
    order = np.argsort(stream, kind="stable")
    rows = order[stream[order] >= 0]
    if not len(rows):
        return NOTHING
    messages, observations = subset(dated.messages, dated.observations, rows)
    return Dated(messages, observations, stream[rows], dated.time_ms[rows], dated.arrival_ns[rows])


def gathered(parts: Sequence[Dated], at_once: int) -> Iterator[Dated]:
    """As `join`, of `at_once` streams at a time: what is put together then is still in the cache."""
    groups: dict[int, list[Dated]] = {}
    for one in parts:
        for some in divided(one, at_once):
            groups.setdefault(int(some.stream[0]) // at_once, []).append(some)
    for group in sorted(groups):
        yield join(groups[group])


def divided(dated: Dated, at_once: int) -> Iterator[Dated]:
    """The messages of `at_once` streams at a time, in their order; nothing where there are none."""
    if not len(dated.stream):
        return
    first = _changes(dated.stream // at_once)
    if len(first) == 1:
        yield dated
        return
    last = np.append(first[1:], len(dated.stream)) - 1
    for row in range(len(first)):
        yield part(dated, first[row : row + 1], last[row : row + 1])


def part(dated: Dated, first: I64, last: I64) -> Dated:
    """The messages in some spans of rows, in their order."""
    if not len(first):
        return NOTHING
    rows = spanned(first, last)
    messages, observations = subset(dated.messages, dated.observations, rows)
    return Dated(messages, observations, dated.stream[rows], dated.time_ms[rows], dated.arrival_ns[rows])
