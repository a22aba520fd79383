"""Observation messages of many streams with their times and arrivals, from a block to whole epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hncors.gpstime import WEEK_MS
from hncors.health import Event, Stream
from hncors.measure.clock import UNKNOWN, resolve
from hncors.observation import I64, NO_MESSAGES, NO_OBSERVATIONS, Messages, Observations, append, subset
from hncors.rtcm3.block import Block

ALTERNATE_MS = 10_000  # a station id seen this lately is one of two on the stream, not a new one
REMEMBERED_IDS = 64


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
    reference: Callable[[Stream, int], int],
) -> Dated:
    """A block's observation messages with their times; those whose time cannot be are counted.

    `owner` and `arrival_ns` are by frame; `reference(stream, arrival_ns)` is a GPS time near a stream's
    first message.
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
    present, first = np.unique(stream, return_index=True)
    for number, at in zip(present.tolist(), arrival[first].tolist(), strict=True):
        references[number] = reference(streams[number], at)
    time = resolve(messages, stream, references)
    good = time != UNKNOWN
    if not good.all():
        for number in stream[~good].tolist():
            streams[number].errors["time_out_of_range"] += 1
        rows = np.flatnonzero(good)
        messages, observations = subset(messages, observations, rows)
        stream, time, arrival = stream[rows], time[rows], arrival[rows]
    last = np.flatnonzero(np.append(stream[1:] != stream[:-1], True)) if len(stream) else _NONE
    for number, newest in zip(stream[last].tolist(), time[last].tolist(), strict=True):
        streams[number].epoch_ms = newest
    return Dated(messages, observations, stream, time, arrival)


def identities(dated: Dated, streams: Sequence[Stream]) -> Iterator[Event]:
    """Station ids that change: another station on this stream, or two at once (R14). 0 names no station."""
    known = np.array([-1 if s.station_id is None else s.station_id for s in streams], np.int64)
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


def part(dated: Dated, spans: Sequence[tuple[int, int]]) -> Dated:
    """The messages in some spans of rows (first, last), in their order."""
    if not spans:
        return NOTHING
    rows = np.concatenate([np.arange(first, last + 1) for first, last in spans])
    messages, observations = subset(dated.messages, dated.observations, rows)
    return Dated(messages, observations, dated.stream[rows], dated.time_ms[rows], dated.arrival_ns[rows])
