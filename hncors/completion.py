"""Epochs completed and accounted for: of all streams at once where they are as usual, else one by one.

Usual is what a healthy stream does for days: the next epoch, one interval after the last, no message twice,
none late. `_usual` is what `hncors.measure.epoch.assemble` and `Completion._owe` come to then, in columns.
Any other run of messages goes through these, with all that follow it on its stream. A test holds that it
makes no difference which way a stream goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hncors import gpstime
from hncors.dating import Dated
from hncors.health import (
    REPLAY_S,
    SECOND_NS,
    STALE_S,
    STREAMING,
    Event,
    Stream,
    Tables,
    is_replay,
    is_stale,
)
from hncors.kinds import of_repeat
from hncors.measure.availability import GRACE_MS
from hncors.measure.epoch import (
    BIT,
    CLOSED_BY,
    DEADLINE,
    END,
    JUMP,
    LATE,
    LATE_MS,
    LATER,
    NEXT,
    Closed,
    Run,
    Runs,
    assemble,
    patience_ns,
    runs,
)
from hncors.measure.table import NEVER
from hncors.observation import I64, B

STUCK_AFTER = 5  # epochs in a row that no message ends: one that is lost is no habit
FEW = 12  # streams; columns of fewer take longer than one after the other
_OPEN = -1

Tell = Callable[[Stream, Event], None]


class Complete(NamedTuple):
    """Epochs that are complete, as columns, in the order they were complete; then what is left open."""

    stream: I64
    time: I64
    first: I64  # row of the first message, and of the last
    last: I64
    by: I64  # index into CLOSED_BY
    relation: I64  # index into hncors.measure.epoch.RELATION
    open_first: I64
    open_last: I64


class Completion(NamedTuple):
    """What completing epochs needs to know of a network."""

    streams: Sequence[Stream]
    tables: Tables  # their columns
    blind: Sequence[tuple[int, int]]  # GPS ms in which nothing was watched
    tell: Tell

    def complete(self, held: Dated, heard_ns: I64, *, end: bool) -> Complete:
        """Close the epochs that are complete, at the `end` all, and account for them.

        Every message of a stream that came until its `heard_ns` is in `held` or was before.
        """
        found = runs(held.stream, held.time_ms, held.messages.more)
        done: list[I64] = []  # of the usual ones: the numbers of their runs, and what closed them
        by: list[I64] = []
        simple: list[tuple[int, int]] = []  # runs of the others: from, to (exclusive)
        at = _starts(found.stream)
        until = np.append(at[1:], len(found.stream))
        while len(at):  # a round for the first run of each stream, one for the second ...
            if len(at) < FEW:
                simple += zip(at.tolist(), until.tolist(), strict=True)
                break
            usual, closed_by = self._usual(found, at, at + 1 < until, held.arrival_ns, heard_ns, end)
            done.append(at[usual])
            by.append(closed_by[usual])
            simple += zip(at[~usual].tolist(), until[~usual].tolist(), strict=True)
            goes_on = usual & (at + 1 < until)
            at, until = at[goes_on] + 1, until[goes_on]
        rest = found.each([number for span in sorted(simple) for number in range(*span)])
        closed, spans = self._one_by_one(rest, held, heard_ns, end)
        return _together(found, done, by, closed, spans)

    def silences(self, now_ms: int) -> None:
        """Account for epochs that should have come by now."""
        accounts, streams = self.tables.accounts, self.tables.streams
        for number in (accounts.overdue(now_ms) & streams.timed).nonzero()[0].tolist():
            self.streams[number].account.silence(now_ms, self.blind)

    # --- as usual, in columns ------------------------------------------------------------------

    def _usual(
        self, found: Runs, at: I64, follows: B, arrival_ns: I64, heard_ns: I64, end: bool
    ) -> tuple[B, I64]:
        """Which of some runs, one a stream, are as usual, and what closes them (_OPEN: nothing yet).

        Those are done with; nothing was done to the others. `follows`: another run of the stream does.
        """
        streams, accounts, lines = self.tables
        stream, time, first, last, bit_at = (column[at] for column in found)
        first_ns, last_ns = arrival_ns[first], arrival_ns[last]
        step_ms = time - lines.newest[stream]
        begins = (lines.opened[stream] == NEVER) & (time > lines.previous[stream])
        goes_on = (lines.opened[stream] == time) & (lines.opened_as[stream] == NEXT)
        patience = patience_ns(accounts.interval_ms[stream])
        deadline_ns = np.where(begins, first_ns + patience, lines.deadline_ns[stream])
        trusted = (bit_at >= 0) & ~lines.bit_untrusted[stream]
        in_time = last_ns <= deadline_ns
        by_bit = trusted & (bit_at == last) & in_time
        following_ns = arrival_ns[found.first[np.minimum(at + 1, len(found.first) - 1)]]
        over = np.where(follows, following_ns, heard_ns[stream]) > deadline_ns
        by = np.full(len(at), END if end else _OPEN)
        by[follows] = LATER
        by[over] = DEADLINE
        by[by_bit] = BIT
        closes = by != _OPEN
        behind_ms = time - lines.last_of_span[stream]
        at_ms = gpstime.from_unix_ns_each(last_ns)
        accountable = accounts.in_turn(stream, time)
        accountable &= (behind_ms > 0) & (behind_ms <= accounts.interval_ms[stream] * 3 // 2)
        replays = streams.timed[stream] & (_age_ns(last_ns, time) > REPLAY_S * SECOND_NS)
        if replays.any():  # that it begins to be one is news
            closed_ms = streams.closed_ms[stream]
            replayed = (closed_ms >= 0) & (
                _age_ns(streams.epoch_ns[stream], closed_ms) > REPLAY_S * SECOND_NS
            )
            accountable &= ~replays | replayed
        usual = (begins | goes_on) & (step_ms > 0) & (step_ms <= LATE_MS) & in_time
        usual &= (accounts.interval_ms[stream] > 0) & (accountable | ~closes)
        usual &= ~trusted | (bit_at == last)
        self._open(usual & begins, stream, time, first_ns, deadline_ns)
        rows = (usual & closes).nonzero()[0]
        unset = (by != BIT) & (bit_at < 0)
        self._close(stream[rows], time[rows], last_ns[rows], at_ms[rows], unset[rows])
        return usual, by

    def _open(self, which: B, stream: I64, time: I64, first_ns: I64, deadline_ns: I64) -> None:
        """Begin epochs, each the next of its stream."""
        streams, lines = self.tables.streams, self.tables.lines
        stream, time = stream[which], time[which]
        ahead_ms = time - gpstime.from_unix_ns_each(first_ns[which])
        lines.previous[stream] = time
        lines.refused[stream] = False
        lines.opened[stream] = time
        lines.opened_as[stream] = NEXT
        lines.ahead_ms[stream] = np.where(streams.timed[stream], ahead_ms, 0)
        lines.deadline_ns[stream] = deadline_ns[which]

    def _close(self, stream: I64, time: I64, last_ns: I64, at_ms: I64, unset: B) -> None:
        """Close epochs and account for them. `unset`: no message said that it was the last."""
        streams, accounts, lines = self.tables
        lines.opened[stream] = NEVER
        lines.newest[stream] = time
        lines.last_of_span[stream] = time
        accounts.add(stream, time, at_ms, self.blind[-1][1] + GRACE_MS if self.blind else NEVER)
        streams.epoch_ns[stream] = last_ns
        streams.closed_ms[stream] = time
        without_bit = np.where(unset, streams.without_bit[stream] + 1, 0)
        streams.without_bit[stream] = without_bit
        for number in stream[without_bit == STUCK_AFTER].tolist():
            self.streams[number].errors["mmb_stuck"] += 1
        stale = streams.timed[stream] & (_age_ns(last_ns, time) > STALE_S * SECOND_NS)
        # One more epoch in time leaves a stream that is up as it is.
        streams.review_ns[stream[stale | ~streams.streaming[stream]]] = 0

    # --- one by one ----------------------------------------------------------------------------

    def _one_by_one(
        self, rest: list[Run], held: Dated, heard_ns: I64, end: bool
    ) -> tuple[list[Closed], list[tuple[int, int]]]:
        if not rest:
            return [], []
        present = {run.stream: self.streams[run.stream] for run in rest}

        def owe(one: Closed) -> int:
            ended = CLOSED_BY[one.by] == "multiple_message_bit"
            unset = not ended and bool(held.messages.more[one.first : one.last + 1].all())
            return self._owe(one, int(held.arrival_ns[one.last]), unset=unset)

        def trailed(number: int) -> None:
            present[number].without_bit = 0  # the message that says it is the last is only late

        done = assemble(
            rest,
            {number: stream.line for number, stream in present.items()},
            {number: stream.account.best_interval_ms() for number, stream in present.items()},
            held.arrival_ns,
            {number: int(heard_ns[number]) for number in present},
            {number: stream.timed for number, stream in present.items()},
            end=end,
            owe=owe,
            trailed=trailed,
        )
        for anomaly in done.anomalies:
            stream = self.streams[anomaly.stream]
            stream.errors[anomaly.name] += anomaly.number
            if anomaly.name in ("duplicate_epoch", "late_epoch"):
                stream.hear_again(anomaly.at_ns, anomaly.time)
            if anomaly.name == "duplicate_epoch":
                for event in of_repeat(stream, anomaly.time, anomaly.at_ns):
                    self.tell(stream, event)
            if anomaly.name in ("time_jump", "time_backwards"):
                detail = {"epoch": gpstime.iso(anomaly.time)}
                self.tell(stream, Event(anomaly.at_ns, stream.id, anomaly.name, detail))
        return done.closed, done.open_rows

    def _owe(self, one: Closed, arrival_ns: int, *, unset: bool) -> int:
        """Account for an epoch; the interval its stream is judged by from now on.

        `unset`: no message said that it was the epoch's last.
        """
        stream = self.streams[one.stream]
        account = stream.account
        if one.relation == LATE:
            account.late(one.time)
            return account.best_interval_ms()
        judged_by_ms = account.best_interval_ms()
        replayed = is_replay(stream)
        stream.epoch_ns, stream.closed_ms = arrival_ns, one.time
        if is_replay(stream) and not replayed:
            self.tell(stream, Event(arrival_ns, stream.id, "replay", {"epoch": gpstime.iso(one.time)}))
        stream.without_bit = stream.without_bit + 1 if unset else 0
        if stream.without_bit == STUCK_AFTER:
            stream.errors["mmb_stuck"] += 1
        at_ms = gpstime.from_unix_ns(arrival_ns)
        lost = account.epoch(one.time, at_ms, restart=one.relation == JUMP, blind=self.blind)
        if lost:
            detail = {"missing": lost, "until": gpstime.iso(one.time)}
            self.tell(stream, Event(arrival_ns, stream.id, "epochs_missing", detail))
        interval_ms = account.best_interval_ms()
        # One more epoch in time leaves a stream that is up as it is.
        if stream.state != STREAMING or interval_ms != judged_by_ms or is_stale(stream):
            stream.review_ns = 0
        return interval_ms


def _age_ns(arrival_ns: I64, time: I64) -> I64:
    """How far from its time an epoch came, before or after."""
    age_ns: I64 = np.abs(arrival_ns - gpstime.to_unix_ms(time) * 1_000_000)
    return age_ns


def _starts(stream: I64) -> I64:
    """The first row of each stream."""
    new = np.ones(len(stream), bool)
    new[1:] = stream[1:] != stream[:-1]
    return new.nonzero()[0]


def _together(
    found: Runs, done: list[I64], by: list[I64], closed: list[Closed], open_rows: list[tuple[int, int]]
) -> Complete:
    """What came of the usual runs and of the others, in the order of their rows."""
    none = np.empty(0, np.int64)
    number, ended_by = np.concatenate([none, *done]), np.concatenate([none, *by])
    shut, still = number[ended_by != _OPEN], number[ended_by == _OPEN]
    usual = [found.stream[shut], found.time[shut], found.first[shut], found.last[shut]]
    usual += [ended_by[ended_by != _OPEN], np.full(len(shut), NEXT)]
    others = np.array(closed, np.int64).reshape(-1, 6).T
    stream, time, first, last, ended, relation = (
        np.concatenate(pair) for pair in zip(usual, others, strict=True)
    )
    order = first.argsort()
    spans = np.array(open_rows, np.int64).reshape(-1, 2).T
    open_first, open_last = (
        np.concatenate(pair) for pair in zip((found.first[still], found.last[still]), spans, strict=True)
    )
    turn = open_first.argsort()
    return Complete(
        *(stream[order], time[order], first[order], last[order], ended[order], relation[order]),
        *(open_first[turn], open_last[turn]),
    )
