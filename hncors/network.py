"""All stations of a network, and the two verbs that change them.

    feed(chunk)    stores and frames, nothing else
    tick(now_ns)   decodes, measures, judges; silence is news too, so it is called when nothing came

A tick can be taken in steps, between which the world may go on: what is fed meanwhile is of the next one.

A recording is fed like a live stream. The same bytes and arrival times give the same counts, epochs and
events whatever the chunks were: decoding works on whole frames, time and epochs on their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from operator import itemgetter

import numpy as np

from hncors import gpstime
from hncors.causes import Causes
from hncors.completion import Completion
from hncors.coordinates import Coordinates
from hncors.dating import ASTRAY_MS, NOTHING, Dated, date, gathered, identities, join, nearby, part
from hncors.gpstime import WEEK_MS
from hncors.health import (
    CONNECTED,
    SECOND_NS,
    STREAMING,
    Event,
    Stream,
    Watched,
    is_replay,
    judge_state,
    most_replay,
    stream_of,
    together,
)
from hncors.hearing import hear, vote_on_week
from hncors.identity import Places
from hncors.measure.epoch import CLOSED_BY
from hncors.measure.quality import Quality
from hncors.measure.tally import Tally
from hncors.mirrors import Mirrors
from hncors.misleading import Misleading
from hncors.network_measuring import Measuring, known_places
from hncors.network_overload import FRAMES, MEASURES, NOTHING_LEFT_OUT, LeftOut, Overload
from hncors.network_values import NO_NEWS, Came, Chunk, Epochs, Judging, Tick, whole
from hncors.observation import I64
from hncors.origins import remember_origin
from hncors.positioning import Positioning
from hncors.rtcm3.block import DECODED, OUTCOMES, Block, decode
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import CHANNELS
from hncors.tiers import tiers_of

BLOCK_FRAMES = 3072  # docs/speed.md: fewer pay more for each call, more hold the event loop
NEWS_AN_HOUR = 100  # events of one kind that a stream's data may raise in an hour
HOUR_NS = 3600 * SECOND_NS
IDLE_NS = SECOND_NS // 2  # after this long without bytes, frames behind a false leader are let through
CLOCK_OFF = "the epochs of most stations are of another time: is this machine's clock right?"
STATIONS_AT_ONCE = 1024  # completed and measured in one step of a tick: dividing them takes time, too
SPREAD = 619  # of 1024, as the golden section: rows beside each other are far apart
CHUNKS_AT_ONCE = 256  # fed in one step
BLIND_NS = 5 * SECOND_NS  # a longer pause between ticks means the monitor was not looking


class Network:
    """The state of every watched stream."""

    def __init__(
        self, stations: Sequence[Watched], *, reference_ms: int | None = None, places: Places | None = None
    ) -> None:
        """`reference_ms` is a GPS time near the data, for streams whose arrival times are not known.

        `places` are those of the whole registry, where `stations` are only part of it.
        """
        self.streams = [stream_of(station) for station in stations]
        self.index = {stream.id: i for i, stream in enumerate(self.streams)}
        if len(self.index) != len(self.streams):
            raise ValueError("two stations have one id")
        self.tables = together(self.streams)
        self.tally = Tally(len(self.streams))
        streams = self.streams  # not through self: that would be a cycle, and the collector looks seldom
        self.quality = Quality(len(streams), lambda: [stream.arp_m for stream in streams])
        self.positioning = Positioning(len(self.streams))
        self.mirrors = Mirrors(len(self.streams))
        self.judge: Judging | None = None
        self.blind_ns = 0  # time in which nothing was watched
        self.overload = Overload()
        self.ticks = 0
        self.places = Places(stations) if places is None else places
        self.stations = tuple(stations)  # as the registry has them
        self.tiers = tiers_of(stations)
        self.registered = self.places.motions_of([stream.id for stream in self.streams])
        ids = [stream.id for stream in self.streams]
        self.coordinates = Coordinates(self.places, ids)
        self.misleading = Misleading(self.places, ids)
        self.causes = Causes(ids, self.places, known_places(self.registered, streams))
        self._reference_ms = reference_ms
        self._came: list[Came] = []  # since the last tick
        self.frames_waiting = 0  # in these
        self._steps: Iterator[None] | None = None  # of a tick that is not over
        self._later: deque[Chunk] = deque()  # fed since it began
        self._done: list[Tick] = []
        self._waiting: set[int] = set()  # streams of which bytes are pending, and a few more
        self._held = NOTHING
        self._last_tick_ns = 0
        self._weighed = 0, False
        self._blind: deque[tuple[int, int]] = deque(maxlen=64)  # GPS ms in which nothing was watched
        self._events: list[Event] = []

    @property
    def last_tick_ns(self) -> int:
        """When the last tick was, UTC nanoseconds since 1970; 0: there was none."""
        return self._last_tick_ns

    # --- feed ----------------------------------------------------------------------------------

    def feed(self, chunk: Chunk) -> None:
        """Store and frame what a link brought. Raises KeyError for a station that is not watched."""
        if self._steps is None:
            self._feed(chunk)
        elif chunk.station in self.index:
            self._later.append(chunk)
        else:
            raise KeyError(chunk.station)

    def _feed(self, chunk: Chunk) -> None:
        station, data, arrival_ns, state, why, timed, origin = chunk
        number = self.index[station]
        stream = self.streams[number]
        # Time tags of recordings keep milliseconds; live must not know more than its replay will.
        arrival_ns -= arrival_ns % 1_000_000
        if origin is not None:
            remember_origin(stream.origins, origin._replace(at_ns=arrival_ns))
        if state is not None:
            self._link(stream, state, why, arrival_ns)
        elif stream.link != CONNECTED and data:
            self._link(stream, CONNECTED, why, arrival_ns)
        if not data:
            return
        if stream.patrol is not None:
            stream.patrol.read(data, arrival_ns)
        framer = stream.framer
        if number in self._waiting and framer.pending and arrival_ns - stream.byte_ns >= IDLE_NS:
            self._keep(number, framer.idle(), stream.byte_ns)  # as a tick would have
        self.tables.streams.timed[number] = timed
        stream.byte_ns = arrival_ns
        if stream.state != STREAMING:  # bytes alone make nothing worse, only later
            stream.review_ns = 0
        frames = framer.feed(data)
        if frames:
            stream.frame_ns = arrival_ns
            self._came.append(Came(number, arrival_ns, frames))
            self.frames_waiting += len(frames)
        if framer.pending:
            self._waiting.add(number)

    def _keep(self, number: int, frames: list[bytes], arrival_ns: int) -> None:
        if frames:
            self.streams[number].frame_ns = arrival_ns
            self._came.append(Came(number, arrival_ns, frames))
            self.frames_waiting += len(frames)

    def _link(self, stream: Stream, state: str, why: str, arrival_ns: int) -> None:
        if state == CONNECTED:
            stream.restart()
            stream.connected_ns = arrival_ns
        elif stream.link == CONNECTED:
            stream.reconnects[state] += 1
        stream.link, stream.why = state, why
        stream.review_ns = 0

    # --- tick ----------------------------------------------------------------------------------

    def tick(self, now_ns: int, *, skipped: bool = False) -> Tick:
        """Decode what came, complete epochs, account, judge. `now_ns` is UTC nanoseconds since 1970.

        `skipped`: nothing came since the last tick, and ticks were left out for that (a replay).
        """
        self.begin_tick(now_ns, skipped=skipped, at_once=len(self.streams))
        while self.go_on():
            pass
        (done,) = self.ticked()
        return done

    def begin_tick(
        self,
        now_ns: int,
        *,
        skipped: bool = False,
        at_once: int = STATIONS_AT_ONCE,
        left_out: LeftOut = NOTHING_LEFT_OUT,
    ) -> None:
        """Begin a tick taken in steps of `at_once` stations: `go_on` while that is true, then `ticked`."""
        self.finish_tick()
        self._done = []
        self._steps = self._tick(now_ns, skipped, max(at_once, 1), left_out)

    def go_on(self) -> bool:
        """Take the next step of a tick; whether there are more."""
        steps = self._steps
        if steps is None:
            return False
        try:
            next(steps)
        except StopIteration:
            self._steps = None
        except Exception:
            self._steps = None
            deque(self._catch_up(), 0)
            raise
        return self._steps is not None

    def finish_tick(self) -> None:
        """Take all steps that are left."""
        while self.go_on():
            pass

    def ticked(self) -> list[Tick]:
        """What the last tick brought, once, by its steps; events are with the last."""
        done, self._done = self._done, []
        return done

    def _tick(self, now_ns: int, skipped: bool, at_once: int, left_out: LeftOut) -> Iterator[None]:
        self.ticks += 1
        now_ms = gpstime.from_unix_ns(now_ns)
        if self._last_tick_ns and now_ns - self._last_tick_ns > BLIND_NS and not skipped:
            self.blind_ns += now_ns - self._last_tick_ns
            self._blind.append((gpstime.from_unix_ns(self._last_tick_ns), now_ms))
            for stream in self.streams:
                stream.woke_ns, stream.review_ns = now_ns, 0
            seconds = round((now_ns - self._last_tick_ns) / SECOND_NS, 3)
            self._events.append(Event(now_ns, "", "monitor_blind", {"seconds": seconds}))
        self._last_tick_ns = now_ns
        self._let_idle_frames_through(now_ns)
        self._events += self.overload.look(now_ns, left_out)
        if left_out.level >= FRAMES:
            self._came = self.overload.give_up(self._came, now_ns, self.streams)
        dated = yield from self._decode()
        self._held, still_open = NOTHING, list[Dated]()
        measured = left_out.level < MEASURES
        for some in gathered(dated, at_once):
            self._done.append((yield from self._complete(some, now_ns, end=False, measured=measured)))
            still_open.append(self._held)
            yield
        self._held = join(still_open)
        if measured:
            self._events += self.causes.judge(now_ns, self.quality)
        self._completion().silences(now_ms)
        for number in (self.tables.streams.review_ns <= now_ns).nonzero()[0].tolist():
            self._review(self.streams[number], now_ns)
        self._done = self._done or [NO_NEWS]
        found = []
        for one in self._done:
            found += self._judged(one, now_ns)
            yield
        self._done[-1] = self._done[-1]._replace(events=[*self._told(), *found])
        yield from self._catch_up()

    def _catch_up(self) -> Iterator[None]:
        """Feed what came meanwhile; what comes during that is fed without a pause, or it would never end."""
        for _ in range(len(self._later) // CHUNKS_AT_ONCE):
            for _ in range(CHUNKS_AT_ONCE):
                self._feed(self._later.popleft())
            yield
        while self._later:
            self._feed(self._later.popleft())

    def end(self, now_ns: int) -> Tick:
        """End of everything that was fed (a replay): nothing more will complete the open epochs."""
        for number, stream in enumerate(self.streams):
            self._keep(number, stream.framer.idle(), max(stream.byte_ns, stream.frame_ns))
        tick = whole(self._complete(join(whole(self._decode())), now_ns, end=True))
        self._events += self.causes.judge(now_ns, self.quality)
        for stream in self.streams:
            stream.account.settle(self._blind)
        found = self._judged(tick, now_ns)
        return tick._replace(events=[*self._told(), *found])

    def _judged(self, tick: Tick, now_ns: int) -> list[Event]:
        """What the judge makes of a tick."""
        return [] if self.judge is None else self.judge.look(self, tick, now_ns)

    def _told(self) -> list[Event]:
        """The events since the last tick, once."""
        events, self._events = self._events, []
        return events

    def _let_idle_frames_through(self, now_ns: int) -> None:
        for number in sorted(self._waiting):
            stream = self.streams[number]
            if stream.framer.pending and now_ns - stream.byte_ns >= IDLE_NS:
                self._keep(number, stream.framer.idle(), stream.byte_ns)
            if not stream.framer.pending:
                self._waiting.discard(number)

    def _decode(self) -> Generator[None, None, list[Dated]]:
        """The epochs still open, then the frames that came, decoded in blocks."""
        dated = [self._held]
        came, self._came, self.frames_waiting = self._came, [], 0
        if not came:
            return dated
        # Which of two stations was read first within a millisecond no recording tells: it must not matter.
        came.sort(key=itemgetter(1, 0))  # when, and whose
        frames = [frame for one in came for frame in one.frames]
        count = [len(one.frames) for one in came]
        owners = np.array([one.number for one in came], np.int64).repeat(count)
        arrivals = np.array([one.arrival_ns for one in came], np.int64).repeat(count)
        for first in range(0, len(frames), BLOCK_FRAMES):
            part = slice(first, first + BLOCK_FRAMES)
            owner, arrival = owners[part], arrivals[part]
            block = decode(frames[part])
            self._account(block, owner)
            self._hear(block, owner, arrival)
            new = date(block, owner, arrival, self.streams, self.tables.streams, self._reference)
            for event in identities(new, self.streams, self.tables.streams.station_id):
                self._tell(self.streams[self.index[event.station]], [event])
            dated.append(new)
            yield
        return dated

    def _account(self, block: Block, owner: I64) -> None:
        self.tally.count_messages(owner, block.type)
        for row in np.flatnonzero(block.outcome != DECODED).tolist():
            self.streams[owner[row]].errors[OUTCOMES[block.outcome[row]]] += 1
        for name, row, number in block.anomalies:
            self.streams[owner[row]].errors[name] += number

    def _hear(self, block: Block, owner: I64, arrival: I64) -> None:
        if not block.records:
            return
        rows = np.array([row for row, _ in block.records])
        numbers, arrivals = owner[rows], arrival[rows]
        last_ms, near = nearby(numbers, arrivals, self.tables.streams)
        heard = zip(numbers.tolist(), arrivals.tolist(), last_ms.tolist(), near.tolist(), strict=True)
        for (row, record), (number, at_ns, near_ms, sure) in zip(block.records, heard, strict=True):
            stream = self.streams[number]
            if isinstance(record, Ephemeris):
                self._hear_ephemeris(stream, number, record, at_ns, near_ms if sure else None)
            else:
                self._tell(stream, hear(stream, int(block.type[row]), record, at_ns, self.places))

    def _hear_ephemeris(
        self, stream: Stream, number: int, record: Ephemeris, at_ns: int, near_ms: int | None
    ) -> None:
        gnss, satellite = record.gnss, record.satellite
        stream.ephemerides[gnss] += 1
        stream.ephemeris_ns = at_ns
        if gnss == "R" and record["channel"] in CHANNELS:
            self.tally.channels[number, satellite] = int(record["channel"])
        if near_ms is None:
            near_ms = self._reference(stream, at_ns)
        store = self.positioning.store
        if store.again(record, near_ms, number):  # of the week that it is taken for: so that is no other
            stream.week_votes[gnss, satellite] = 0
            return
        if news := [*vote_on_week(stream, record, near_ms, at_ns)]:
            self._tell(stream, news)
            near_ms = self._reference(stream, at_ns)
        store.add(record, near_ms, number)

    def _tell(self, stream: Stream, news: Iterable[Event]) -> None:
        """Pass on what a stream's data say; what they say too often an hour is only counted (R22)."""
        for event in news:
            hour, told = stream.told.get(event.kind, (0, 0))
            if hour != event.at_ns // HOUR_NS:
                hour, told = event.at_ns // HOUR_NS, 0
            stream.told[event.kind] = hour, told + 1
            if told < NEWS_AN_HOUR:
                self._events.append(event)
            else:
                stream.errors["events_withheld"] += 1

    def _reference(self, stream: Stream, arrival_ns: int) -> int:
        """A time near a message: the stream's last, unless it has gone astray from when bytes arrive."""
        last = stream.epoch_ms if stream.epoch_ms >= 0 else None
        if not stream.timed and self._reference_ms is not None:
            return self._reference_ms if last is None else last
        arrival = gpstime.from_unix_ns(arrival_ns)
        corrected = arrival + stream.weeks * WEEK_MS
        if last is not None and min(abs(last - arrival), abs(last - corrected)) <= ASTRAY_MS:
            return last
        return corrected

    def _complete(
        self, held: Dated, now_ns: int, *, end: bool, measured: bool = True
    ) -> Generator[None, None, Tick]:
        """Close the epochs that are complete, account for them, keep the rest."""
        if not len(held.messages):
            return NO_NEWS
        heard_ns = np.full(len(self.streams), now_ns)
        for number in self._waiting:  # of them frames behind a false leader are not known before it is idle
            stream = self.streams[number]
            if stream.framer.pending and now_ns - stream.byte_ns < IDLE_NS:
                heard_ns[number] = stream.byte_ns
        done = self._completion().complete(held, heard_ns, end=end)
        self._held = part(held, done.open_first, done.open_last)
        if not len(done.stream):
            return NO_NEWS
        return (yield from self._measuring().measure(held, done, measured=measured))

    def _completion(self) -> Completion:
        return Completion(
            self.streams, self.tables, self._blind, lambda stream, event: self._tell(stream, [event])
        )

    def _measuring(self) -> Measuring:
        return Measuring(
            self.streams, self.tables.streams.timed, self.tally, self.mirrors, self.quality,
            self.positioning, self.misleading, self.causes, self.coordinates, self.overload, self._tell,
        )  # fmt: skip

    def _clock_off(self) -> bool:
        """Whether most streams bring epochs of another time: then they are right. Looked at once a tick."""
        if self._weighed[0] != self.ticks:
            self._weighed = self.ticks, most_replay(self.streams)
        return self._weighed[1]

    def _review(self, stream: Stream, now_ns: int) -> None:
        state, why, review = judge_state(stream, now_ns)
        # Before it is due, so that thousands that began together are not all looked at together.
        early = (review - now_ns) * (stream.number * SPREAD % 1024) // 2048
        stream.review_ns = review - early if SECOND_NS < review - now_ns < HOUR_NS else review
        if state == "stale_data" and is_replay(stream) and self._clock_off():
            why = CLOCK_OFF
        if state != stream.state or not stream.since_ns:
            if stream.since_ns or state != "connecting":
                detail = {"from": stream.state, "to": state, "why": why}
                self._events.append(Event(now_ns, stream.id, "state", detail))
            stream.enter(state, now_ns)
        stream.state_why = why


__all__ = ["CLOSED_BY", "NO_NEWS", "Chunk", "Epochs", "Network", "Tick", "Watched"]
