"""Streams completed all at once and one by one come to the same, to every number kept of them.

One by one is the plain way, whose rules test_epoch and test_availability hold against epochs laid by hand; so
it is what is expected of the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from test_network import metrics
from watching import T0, Watched, chunk, events, play
from wire import epoch

from hncors import completion
from hncors.health import Stream
from hncors.network import Chunk, Network, Tick

STATIONS = 14
SECONDS = 32
ALL_AT_ONCE, ONE_BY_ONE = 0, 10**9


def sent(name: str, r: Random) -> Iterator[Chunk]:
    """What a station sends: mostly as it should be, now and then one of everything that ever went wrong."""
    every_ms = r.choice((1000, 1000, 1000, 200, 2000, 5000))
    timed = r.random() < 0.8
    shift_ms = r.choice((0, 0, 0, -599_600))  # with 400 ms of delay, data from too long ago to be late
    first_ms = T0 + r.randrange(3) * every_ms
    for time in range(first_ms, T0 + 1000 * SECONDS, every_ms):
        late_ms = r.choice((120, 120, 300, 700))
        fault = r.choice(FAULTS) if r.random() < 0.08 else ""
        if fault == "lost" or (fault == "silent" and r.random() < 0.8):
            continue
        if fault == "jump":
            shift_ms = r.choice((0, 400, -3000, 30_000, 120_000, -100_000, 2 * 3_600_000, 30 * 3_600_000))
        gps_ms = time + shift_ms + (r.choice((-1, 1, 40)) if fault == "jitter" else 0)
        if fault in ("late", "again"):
            gps_ms -= r.choice((1, 2, 3, 15)) * every_ms if fault == "late" else every_ms
        clear = {"unset": (), "early": (0,)}.get(fault, (-1,))
        frames = epoch(gps_ms, (1074, 1124), clear=clear)
        if fault == "twice":
            frames += frames[1:]
        if fault == "short":
            frames.pop()
        if fault == "connect":
            yield chunk(time, b"", name, state="connected")
        apart_ms = r.choice((0, 0, 60, 350 if fault == "drip" else 90))
        for place, frame in enumerate(frames):
            yield chunk(time + late_ms + place * apart_ms, frame, name, timed=timed)


FAULTS = "lost silent jump jitter late again unset early twice short connect drip".split()


def kept(stream: Stream) -> list[Any]:
    """All that is remembered of a stream."""
    rows = [stream, stream.account, stream.line]
    columns = [
        (name, getattr(row.columns, name)[row.number].tolist()) for row in rows for name in row.TABLE.FIRST
    ]
    account, own = stream.account, (stream.state, stream.since_ns, stream.errors, stream.told)
    return [columns, stream.line.spans, list(account._absent), account._early, *own]


def outcome(chunks: list[Chunk], rates: list[float | None], tick_ms: int) -> list[Any]:
    names = [f"S{number:02}" for number in range(STATIONS)]
    net = Network([Watched(name, rate) for name, rate in zip(names, rates, strict=True)])
    early = [one for one in chunks if one.arrival_ns < chunks[0].arrival_ns + 15_000_000_000]
    ticks = play(net, early, tick_ms=tick_ms)
    if tick_ms < 1000:  # the monitor does not look for 8 s, and what came meanwhile is all there
        rest = [one for one in chunks if one.arrival_ns >= early[-1].arrival_ns]
        for one in (one for one in rest if one.arrival_ns < net._last_tick_ns + 8_000_000_000):
            net.feed(one)
        ticks.append(net.tick(net._last_tick_ns + 8_000_000_000))
    ticks += play(
        net, [one for one in chunks if one.arrival_ns > net._last_tick_ns], tick_ms=tick_ms, end=True
    )
    return [*map(kept, net.streams), events(ticks), [columns(tick) for tick in ticks], metrics(net)]


def columns(tick: Tick) -> list[list[Any]]:
    return [column.tolist() for column in (*tick.epochs, tick.epoch, tick.messages.type)]


@pytest.mark.parametrize(("seed", "tick_ms"), [(1, 250), (3, 1000), (4, 3000)])
def test_it_makes_no_difference_which_way_a_stream_goes(
    seed: int, tick_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = Random(seed)
    chunks = [one for number in range(STATIONS) for one in sent(f"S{number:02}", r)]
    chunks.sort(key=lambda one: one.arrival_ns)
    rates = [r.choice((None, 1.0, 1.0, 5.0)) for _ in range(STATIONS)]
    monkeypatch.setattr(completion, "FEW", ONE_BY_ONE)
    expected = outcome(chunks, rates, tick_ms)
    usual = []
    monkeypatch.setattr(completion, "FEW", ALL_AT_ONCE)
    way = completion.Completion._usual

    def counted(*given: Any) -> Any:
        done = way(*given)
        usual.extend(done[0].tolist())
        return done

    monkeypatch.setattr(completion.Completion, "_usual", counted)
    assert outcome(chunks, rates, tick_ms) == expected
    assert usual.count(True) > 60  # both ways were gone
    assert usual.count(False) > 50
