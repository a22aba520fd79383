"""Bytes that keep a socket alive and bring nothing: N03, N04; links and network in virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, pairwise
from random import Random

import pytest
from scripted_caster import HOLD, ICY, Pieces, ScriptedCaster, Step, virtual
from virtual_daemon import epochs, monitored
from wire import framed

NOISE = Random(4).randbytes(600).replace(b"\xd3", b"\x00")
UNKNOWN = framed((4001 << 4).to_bytes(2, "big") + bytes(20))  # a frame of a number nobody decodes

USELESS = {
    # what comes, the state it leads to, and for how long that lasts before a new connection is made
    "a byte every nine seconds": (Pieces(b"\x00" * 400, 1, 9.0), "no_frames", 60),
    "noise": (Pieces(NOISE * 10, 10, 1.0), "no_frames", 60),
    "the rest of a frame that never ends": (Pieces(b"\xd3\x03\xff" + b"\x00" * 900, 1, 5.0), "no_frames", 60),
    "frames of an unknown number": (Pieces(UNKNOWN * 400, len(UNKNOWN), 2.0), "no_epochs", 300),
}


def then(seconds: float, *steps: Step) -> Iterable[Step]:
    """A script: so many seconds of epochs, then something else."""
    return chain([ICY], epochs(seconds), steps)


async def _wedged(name: str) -> None:
    what, state, patience_s = USELESS[name]
    caster = ScriptedCaster(lambda n: then(20, what, HOLD) if n == 0 else then(120))
    async with caster, monitored(caster, rate_hz=1.0) as seen:
        await seen.until(lambda: seen.stream.state == state)
        decoder = seen.stream.framer
        await seen.until(lambda: len(caster.sessions) == 2)
        await seen.until(lambda: seen.stream.state == "streaming")
        changes = seen.changes()
    assert [one for _, one in changes] == ["streaming", state, "connecting", "streaming"]
    (_, wedged_s, again_s, up_s) = (at for at, _ in changes)
    assert wedged_s - 20 <= 16
    assert patience_s <= again_s - wedged_s <= patience_s + 25  # two looks of ten seconds, a wait of two
    assert up_s - again_s <= 3
    assert seen.stream.framer is not decoder
    assert seen.stream.framer.junk == 0
    assert seen.stream.reconnects == {state: 1}
    fates = seen.stream.bytes()
    assert fates["in_frames"] + fates["junk"] + fates["pending"] == fates["received"]


@pytest.mark.parametrize("name", [name for name in USELESS if name.startswith("a byte")])
@virtual
async def test_n03_a_drip(name: str) -> None:
    """no_frames within 15 s; after a minute of it a new connection with a new decoder, streaming at once."""
    await _wedged(name)


@pytest.mark.parametrize("name", [name for name in USELESS if not name.startswith("a byte")])
@virtual
async def test_n04_bytes_that_hold_nothing(name: str) -> None:
    """no_frames or no_epochs within 15 s; after one or five minutes a new connection, streaming at once."""
    await _wedged(name)


@virtual
async def test_n04_the_state_stays_the_reason_while_it_goes_on() -> None:
    """Connected again and again in vain, never up, and told each time; waits grow as for any failure."""
    caster = ScriptedCaster([ICY, *([NOISE[:50], 5.0] * 2000)])
    async with caster, monitored(caster, own=False) as seen:
        await seen.until(lambda: len(caster.sessions) == 5)
        begun_s = caster.begun_s()
    assert {state for _, state in seen.changes()} == {"no_frames", "connecting"}
    assert seen.stream.reconnects == {"no_frames": 4}
    waits = [later - before for before, later in pairwise(begun_s)]
    assert waits == sorted(waits)
    assert waits[3] - waits[0] >= 50  # 80 to 120 s after the fourth, 10 to 15 s after the first
