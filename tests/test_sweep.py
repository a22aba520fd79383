"""Connections read together: the same states, reasons and bytes as one by one; links in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain, pairwise

import pytest
from scripted_caster import (
    CLOSE,
    FRAME,
    HOLD,
    ICY,
    RESET,
    Heard,
    Pieces,
    ScriptedCaster,
    now_s,
    surroundings,
    virtual,
)
from virtual_daemon import epochs, monitored

from hncors.daemon import sweep
from hncors.daemon.caster_client import follow
from hncors.daemon.sweep import Sweep, Swept
from hncors.registry import Station

EVERY_S = 0.1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection is many."""
    monkeypatch.setattr(sweep, "MANY", 1)
    monkeypatch.setattr(sweep, "EACH_S", EVERY_S)


async def _heard(caster: ScriptedCaster, state: str, **shared: object) -> Heard:
    """What one stream told until a state."""
    heard = Heard()
    task = asyncio.create_task(follow(Station("A", caster.link()), surroundings(heard, **shared)))
    try:
        await heard.until(lambda: state in heard.states)
    finally:
        task.cancel()
    return heard


@virtual
async def test_silence_and_return() -> None:
    """The states and their times are those of tests/test_faults_transport_quiet.py."""
    caster = ScriptedCaster(
        lambda n: chain([ICY], epochs(20), [HOLD]) if n == 0 else chain([ICY], epochs(60))
    )
    async with caster, monitored(caster, rate_hz=1.0) as seen:
        await seen.until(lambda: len(caster.sessions) == 2)
        await seen.until(lambda: seen.stream.state == "streaming")
        changes = seen.changes()
        fates = seen.stream.bytes()
    assert [state for _, state in changes] == ["streaming", "stalled", "connecting", "streaming"]
    assert changes[1][0] - 20 <= 12
    assert fates["in_frames"] + fates["junk"] + fates["pending"] == fates["received"]


@pytest.mark.parametrize(
    ("end", "state", "why"),
    [
        (CLOSE, "backoff", "the caster closed the connection"),
        (RESET, "backoff", "Connection reset by peer"),
    ],
)
@virtual
async def test_how_a_connection_ends_is_told_after_its_last_bytes(end: str, state: str, why: str) -> None:
    """The same words as without a sweep: the transport finds them (connection(7): errno ECONNRESET)."""
    async with ScriptedCaster([ICY, 1.0, FRAME * 100, 0.05, *([0.5] if end == RESET else []), end]) as caster:
        heard = await _heard(caster, state)
    assert heard.why(state) == why
    assert heard.data == FRAME * 100


@virtual
async def test_pieces_between_two_looks_are_one_read() -> None:
    async with ScriptedCaster([ICY, 1.03, Pieces(FRAME * 5, len(FRAME), 0.005), HOLD]) as caster:
        heard = await _heard(caster, "stalled")
    assert [chunk.data for chunk in heard.chunks if chunk.data] == [FRAME * 5]


@virtual
async def test_a_fault_of_ours_in_one_stream_is_its_own() -> None:
    """What cannot be dealt with ends that link alone, and is raised in its task (hncors.daemon.links)."""
    told = Heard()

    def also(chunk: object) -> None:
        if chunk.data and chunk.station == "A":
            raise RuntimeError("cannot be")

    told.also = also
    shared = surroundings(told)
    async with ScriptedCaster([ICY, 1.0, Pieces(FRAME * 60, len(FRAME), 1.0)]) as caster:
        tasks = [asyncio.create_task(follow(Station(name, caster.link()), shared)) for name in "AB"]
        await told.until(lambda: sum(c.station == "B" and bool(c.data) for c in told.chunks) > 10)
        assert tasks[0].done() and isinstance(tasks[0].exception(), RuntimeError)
        assert not tasks[1].done()
        tasks[1].cancel()


@virtual
async def test_a_flood_leaves_the_loop_its_turns() -> None:
    """A peer that always has more to say is read once a sweep."""
    reads: list[tuple[float, int]] = []
    told = Heard()
    told.also = lambda chunk: reads.append((now_s(), len(chunk.data)))

    def flood() -> Iterator[bytes | float | str]:
        yield ICY
        yield 0.5
        yield FRAME * 100_000
        yield HOLD

    async with ScriptedCaster(flood()) as caster:
        task = asyncio.create_task(follow(Station("A", caster.link()), surroundings(told)))
        await told.until(lambda: sum(size for _, size in reads) >= 100_000 * len(FRAME))
        task.cancel()
    full = [at_s for at_s, size in reads if size == sweep.READ_BYTES]
    assert len(full) > 20
    assert all(after_s - before_s >= EVERY_S / 2 for before_s, after_s in pairwise(full))


@virtual
async def test_few_are_left_to_the_loop_and_taken_over_when_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "MANY", 3)
    told, shared_sweep = Heard(), Sweep()
    shared = surroundings(told, sweep=shared_sweep)
    async with ScriptedCaster([ICY, FRAME, Pieces(FRAME * 60, len(FRAME), 1.0)]) as caster:
        tasks = [asyncio.create_task(follow(Station(name, caster.link()), shared)) for name in "AB"]
        await told.until(lambda: {c.station for c in told.chunks if c.data} == {"A", "B"})
        assert shared_sweep.pace_s() == 0
        tasks.append(asyncio.create_task(follow(Station("C", caster.link()), shared)))
        await told.until(lambda: "C" in {c.station for c in told.chunks if c.data})
        assert shared_sweep.pace_s() == pytest.approx(sweep.LONGEST_S)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.sleep(1)
    assert shared_sweep.pace_s() == 0


@virtual
async def test_a_descriptor_that_is_used_again_is_another_connection() -> None:
    """Connections end and begin all the time; what comes is told of the station that it is of."""
    told = Heard()
    shared = surroundings(told, retry_first_s=1.0)
    frames = {name: FRAME[:-1] + bytes([n]) for n, name in enumerate("AB")}
    async with (
        ScriptedCaster([ICY, frames["A"], 0.3, CLOSE]) as one,
        ScriptedCaster([ICY, frames["B"], 0.4, CLOSE]) as other,
    ):
        links = {"A": one.link(), "B": other.link()}
        tasks = [asyncio.create_task(follow(Station(name, link), shared)) for name, link in links.items()]
        await told.until(lambda: len(told.states) > 60)
        for task in tasks:
            task.cancel()
    for name, frame in frames.items():
        assert {chunk.data for chunk in told.chunks if chunk.station == name and chunk.data} == {frame}


async def test_what_is_over_already_is_not_begun() -> None:
    """A transport that is closing has given up its descriptor, or will at once."""

    class Closing(asyncio.Transport):
        def is_closing(self) -> bool:
            return True

    one = Sweep(1)
    one.add(0, Swept(Closing(), lambda data: None, lambda fault: None))
    assert one.pace_s() == 0
    one.remove(0)
