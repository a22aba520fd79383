"""Epochs put together from messages: which belong together, when an epoch is complete, what repeats.

An epoch of a station ends with the message whose multiple-message bit is clear, with the first message
of a later epoch, or at a deadline after its first message, whichever comes first; which it was is
counted. Only the order and the arrival times of messages count, never how they were cut into chunks or
ticks. Where the bit has once been clear although more followed, it is not trusted again on that stream.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from hncors.gpstime import DAY_MS, from_unix_ns
from hncors.measure.table import NEVER, Flag, Maybe, Number, Row, Table
from hncors.observation import I64, U8, B, Messages, Observations

CLOSED_BY = ("multiple_message_bit", "later_epoch", "deadline", "end_of_stream")
BIT, LATER, DEADLINE, END = range(4)
RELATION = ("next", "late", "jump")
NEXT, LATE, JUMP = range(3)
LATE_MS = 60_000  # an older epoch this near to the newest is late; farther back, time went backwards
JUMP_MS = 3_600_000  # a longer step ahead is a silence only if the arrival time agrees
PATIENCE_NS = 250_000_000, 5_000_000_000
MAX_SPANS = 64


class Timelines(Table):
    """Timelines as columns; what is None in a Timeline is NEVER here."""

    FIRST: ClassVar = {
        **dict.fromkeys(("newest", "previous", "opened", "last_of_span"), NEVER),
        **dict.fromkeys(("opened_as", "deadline_ns", "ahead_ms", "first_of_span"), 0),
        **dict.fromkeys(("refused", "bit_untrusted"), False),
    }
    newest: I64
    previous: I64
    refused: B
    bit_untrusted: B
    opened: I64
    opened_as: I64
    deadline_ns: I64
    ahead_ms: I64
    first_of_span: I64  # the latest one
    last_of_span: I64


class Timeline(Row):
    """What one stream's epochs have been."""

    __slots__ = ("_spans",)
    TABLE = Timelines
    columns: Timelines

    newest = Maybe()
    previous = Maybe()  # time of the last run of messages, whatever became of it
    refused = Flag()  # ... and whether it was a duplicate
    bit_untrusted = Flag()
    opened = Maybe()  # epoch being put together
    opened_as = Number()  # index into RELATION
    deadline_ns = Number()  # of the epoch opened last
    ahead_ms = Number()  # ... and by how much its time was after its arrival
    first_of_span = Number()
    last_of_span = Maybe()

    def __init__(self) -> None:
        self.stand_alone()
        self._spans: list[list[int]] = []  # all but the latest

    @property
    def spans(self) -> list[list[int]]:
        """First and last of epochs without a gap, in ascending order; bounded."""
        last = self.last_of_span
        return self._spans if last is None else [*self._spans, [self.first_of_span, last]]

    def has(self, time: int) -> bool:
        """True when this epoch was received before (spans are bounded: very old ones are forgotten)."""
        spans = self.spans
        at = bisect_right(spans, [time, DAY_MS**3]) - 1
        return at >= 0 and time <= spans[at][1]

    def add(self, time: int, interval_ms: int) -> None:
        """Remember an epoch."""
        last = self.last_of_span
        if last is not None and 0 < time - last <= interval_ms * 3 // 2:
            self.last_of_span = time
            return
        spans = self.spans
        _add(spans, time, interval_ms)
        *self._spans, (self.first_of_span, self.last_of_span) = spans


def _add(spans: list[list[int]], time: int, interval_ms: int) -> None:
    at = bisect_right(spans, [time, DAY_MS**3]) - 1
    if at >= 0 and time - spans[at][1] <= interval_ms * 3 // 2:
        spans[at][1] = max(time, spans[at][1])
        if at + 1 < len(spans) and spans[at + 1][0] - spans[at][1] <= interval_ms * 3 // 2:
            spans[at][1] = spans.pop(at + 1)[1]
        return
    spans.insert(at + 1, [time, time])
    if len(spans) > MAX_SPANS:
        del spans[0 if at >= MAX_SPANS // 2 else -1]


class Run(NamedTuple):
    """Messages of one stream and one time that follow each other: rows first..last (inclusive)."""

    stream: int
    time: int
    first: int
    last: int
    bit_at: int  # first row whose multiple-message bit is clear, -1 if none


class Closed(NamedTuple):
    """An epoch that is complete."""

    stream: int
    time: int
    first: int
    last: int
    by: int  # index into CLOSED_BY
    relation: int  # index into RELATION: the next, one older than the newest, or a new line of time


class Anomaly(NamedTuple):
    """Something the order of messages showed."""

    stream: int
    name: str
    time: int
    number: int  # messages that came when their epoch was over, else 1
    at_ns: int  # arrival of the first of them


class Runs(NamedTuple):
    """Runs as columns, in the order of their rows."""

    stream: I64
    time: I64
    first: I64
    last: I64
    bit_at: I64

    def each(self, numbers: list[int] | None = None) -> list[Run]:
        """Some of them, or all, one by one."""
        columns = self if numbers is None else [column[np.array(numbers, np.int64)] for column in self]
        return [Run(*run) for run in zip(*(column.tolist() for column in columns), strict=True)]


def runs(stream: I64, time: I64, more: B) -> Runs:
    """Runs of messages of one stream and time; rows of a stream follow each other as they came."""
    if not len(stream):
        return Runs(stream, time, stream, stream, stream)
    new = np.ones(len(stream), bool)
    new[1:] = (stream[1:] != stream[:-1]) | (time[1:] != time[:-1])
    first = new.nonzero()[0]
    last = np.append(first[1:], len(stream)) - 1
    rows = np.where(more, len(stream), np.arange(len(stream)))
    bit = np.minimum.reduceat(rows, first)
    return Runs(stream[first], time[first], first, last, np.where(bit <= last, bit, -1))


class Assembly(NamedTuple):
    """What became of a tick's messages: rows of open epochs are to be given again with the next."""

    closed: list[Closed]
    open_rows: list[tuple[int, int]]  # first, last
    anomalies: list[Anomaly]


def assemble(
    found: list[Run],
    lines: Sequence[Timeline] | Mapping[int, Timeline],
    interval_ms: list[int] | dict[int, int],
    arrival_ns: I64,
    heard_ns: Sequence[int] | Mapping[int, int],
    timed: Sequence[bool] | Mapping[int, bool],
    *,
    end: bool = False,
    owe: Callable[[Closed], int] | None = None,
    trailed: Callable[[int], None] | None = None,
) -> Assembly:
    """Close what is complete, at the `end` everything. `found` must hold the rows of epochs left open.

    `lines`, `interval_ms`, `heard_ns` and `timed` are by stream, of those in `found` at least; every message
    that came until `heard_ns` is in `found` or was before. `owe` is told of each epoch when it is closed, and
    gives the interval of its stream from then on; `trailed` of each stream whose messages go on after the
    deadline of their epoch, in turn with that, so that it makes no difference how many epochs one call has.
    """
    intervals = interval_ms.copy()
    at_ns: list[int] = arrival_ns.tolist()
    closed: list[Closed] = []
    open_rows: list[tuple[int, int]] = []
    anomalies: list[Anomaly] = []

    def note(run: Run, name: str, row: int, number: int = 1) -> None:
        anomalies.append(Anomaly(run.stream, name, run.time, number, at_ns[row]))

    def leftover(run: Run, first: int) -> None:
        """Rows of an epoch that is over, none of another in between."""
        line = lines[run.stream]
        arrivals = arrival_ns[first : run.last + 1]
        in_time = int(np.searchsorted(arrivals, line.deadline_ns, side="right"))
        if in_time:
            line.bit_untrusted = True
            note(run, "after_final_message", first, in_time)
        if in_time < len(arrivals):
            note(run, "after_deadline", first + in_time, len(arrivals) - in_time)
            if trailed is not None:
                trailed(run.stream)

    def finish(run: Run, last: int, by: int) -> None:
        line = lines[run.stream]
        line.opened = None
        closed.append(Closed(run.stream, run.time, run.first, last, by, line.opened_as))
        if owe is not None:
            intervals[run.stream] = owe(closed[-1])
        line.add(run.time, intervals[run.stream])
        if line.opened_as != LATE:
            line.newest = run.time
        if last < run.last:
            leftover(run, last + 1)

    for position, run in enumerate(found):
        line = lines[run.stream]
        first_ns = at_ns[run.first]
        if line.opened != run.time:
            if line.previous == run.time:
                if not line.refused:
                    leftover(run, run.first)
                continue
            if line.previous is not None and run.time < line.previous:
                note(run, "time_backwards", run.first)
            line.previous = run.time
            line.refused = line.newest is not None and run.time <= line.newest and line.has(run.time)
            if line.refused:
                note(run, "duplicate_epoch", run.first)
                continue
            ahead_ms = run.time - from_unix_ns(first_ns) if timed[run.stream] else None
            line.opened, line.opened_as = run.time, _relation(line, run.time, ahead_ms)
            line.ahead_ms = ahead_ms or 0
            line.deadline_ns = first_ns + _patience_ns(intervals[run.stream])
            if line.opened_as != NEXT:
                note(run, "late_epoch" if line.opened_as == LATE else "time_jump", run.first)
        follows = position + 1 < len(found) and found[position + 1].stream == run.stream
        over_ns = at_ns[found[position + 1].first] if follows else heard_ns[run.stream]
        trusted = run.bit_at >= 0 and not line.bit_untrusted
        if trusted and at_ns[run.bit_at] <= line.deadline_ns:
            finish(run, run.bit_at, BIT)
        elif at_ns[run.last] > line.deadline_ns:
            in_time = np.searchsorted(arrival_ns[run.first : run.last + 1], line.deadline_ns, side="right")
            finish(run, run.first + max(int(in_time), 1) - 1, DEADLINE)
        elif over_ns > line.deadline_ns:
            finish(run, run.last, DEADLINE)
        elif follows:
            finish(run, run.last, LATER)
        elif end:
            finish(run, run.last, END)
        else:
            open_rows.append((run.first, run.last))
    return Assembly(closed, open_rows, anomalies)


def _relation(line: Timeline, time: int, ahead_ms: int | None) -> int:
    """How an epoch that was not received before stands to the newest.

    `ahead_ms` is its time less its arrival, None where arrival times are made up.
    """
    if line.newest is None:
        return NEXT
    step = time - line.newest
    if step <= 0:
        return LATE if step >= -LATE_MS else JUMP
    if ahead_ms is None:
        return JUMP if step > DAY_MS else NEXT
    stray = step > LATE_MS and ahead_ms > max(line.ahead_ms, 0) + LATE_MS  # nobody can have waited for it
    return JUMP if stray or (step > JUMP_MS and abs(ahead_ms) > JUMP_MS) else NEXT


def patience_ns(interval_ms: I64) -> I64:
    """The same as `_patience_ns`, of each."""
    return np.clip(interval_ms * 500_000, *PATIENCE_NS)


def _patience_ns(interval_ms: int) -> int:
    """How long after its first message an epoch is waited for: half an interval, 0.25 s to 5 s."""
    return min(max(interval_ms * 500_000, PATIENCE_NS[0]), PATIENCE_NS[1])


def without_repeats(epoch: I64, messages: Messages, observations: Observations) -> B:
    """Mask of the rows to keep where an epoch holds the same data more than once.

    `epoch` numbers the epoch of each message. Of a satellite that an MSM names the older messages' rows
    go; a satellite they alone name stays, because MSM leaves out what exceeds its 64 cells. Among rows of
    one satellite and signal the richest MSM kind, then the first. R13: the rule is fixed, so a stream
    that sends 1004, MSM5 and MSM7 of the same data counts each signal once.
    """
    keep = np.ones(len(observations), bool)
    system = epoch * 8 + messages.gnss
    shared = np.bincount(system).take(system) > 1
    older = _RANK[messages.kind] < _FIRST_MSM
    if older.any():  # 1004 has satellites of SBAS as well
        shared |= np.isin(epoch, epoch[older]) & np.isin(epoch, epoch[~older])
    if not shared.any():
        return keep
    rows = shared.take(observations.message).nonzero()[0]
    message = observations.message[rows]
    if not older.any():
        # Satellites that two messages name; as a rule those are the rest of what exceeds 64 cells, and so
        # others. Rows of a satellite follow each other: one of each tells.
        number = np.zeros(system.max() + 1, np.int64)
        number[system[shared]] = 1
        number = number.cumsum()
        named = number.take(system).take(message) * 64 + observations.satellite[rows] % 64
        first = np.ones(len(rows), bool)
        first[1:] = (named[1:] != named[:-1]) | (message[1:] != message[:-1])
        twice = np.bincount(named[first]) > 1
        if not twice.any():
            return keep
        some = twice.take(named).nonzero()[0]
        rows, message = rows[some], message[some]
    rank = _RANK[messages.kind[message]]
    satellite = (epoch[message] * 8 + observations.gnss[rows]) * 256 + observations.satellite[rows]
    again = np.zeros(len(rows), bool)
    if older.any():
        _, of = np.unique(satellite, return_inverse=True)
        best = np.zeros(of.max(initial=-1) + 1, np.int64)
        np.maximum.at(best, of, rank)
        again |= (rank < _FIRST_MSM) & (best[of] >= _FIRST_MSM)
    order = np.lexsort((rows, -rank, satellite * 64 + observations.signal[rows]))
    cell = (satellite * 64 + observations.signal[rows])[order]
    again[order[1:]] |= cell[1:] == cell[:-1]
    keep[rows[again]] = False
    return keep


_RANK = np.zeros(16, np.int64)  # by Messages.kind: legacy below 10, MSM by how much it says
_RANK[1:8] = [11, 12, 13, 14, 16, 15, 17]
_RANK[11:15] = [1, 3, 2, 4]
_FIRST_MSM = 10


def satellites_by_system(epoch: I64, epochs: int, gnss: U8, satellite: U8) -> I64:
    """Different satellites per epoch and system, shape (epochs, 7)."""
    seen = np.zeros(epochs * 7 * 64, bool)
    seen[(epoch * 7 + gnss) * 64 + satellite] = True
    satellites: I64 = seen.reshape(epochs, 7, 64).sum(axis=2)
    return satellites


def turns(station: I64) -> I64:
    """How many epochs of its station come before each."""
    order = np.argsort(station, kind="stable")
    of = station[order]
    new = np.ones(len(of), bool)
    new[1:] = of[1:] != of[:-1]
    first = np.flatnonzero(new)
    turn = np.empty(len(of), np.int64)
    turn[order] = np.arange(len(of)) - first[np.cumsum(new) - 1]
    return turn
