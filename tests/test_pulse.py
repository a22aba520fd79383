"""When ticks begin: at even distances, and where they take longer than that, as soon as enough waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from scripted_caster import now_s, virtual

from hncors.daemon import pulse as pulse_module
from hncors.daemon.pulse import ENOUGH_FRAMES, ROUNDS, Pulse
from hncors.network import Network

TICK_S = 0.25


def watched(took_s: Callable[[int], float], frames: int) -> tuple[Network, list[float]]:
    """A network, and when its ticks began; each takes so long, and so many frames come soon after it."""
    network, begun, real = Network([]), list[float](), Network.begin_tick

    def begin(now_ns: int, **more: Any) -> None:
        begun.append(round(now_s(), 3))
        loop: Any = asyncio.get_running_loop()
        loop._jumping.now_s += took_s(len(begun))
        loop.call_later(0.01, setattr, network, "frames_waiting", frames)
        real(network, now_ns, **more)

    network.begin_tick = begin  # type: ignore[method-assign]
    return network, begun


@pytest.mark.parametrize(
    ("took_s", "frames", "begun_s"),
    [
        (0.10, ENOUGH_FRAMES, [0.0, 0.25, 0.5, 0.75]),  # ticks are short: they keep their distance
        (0.30, 0, [0.0, 0.5, 1.0, 1.5]),
        (0.30, ENOUGH_FRAMES - 1, [0.0, 0.5, 1.0, 1.5]),
        (0.30, ENOUGH_FRAMES, [0.0, 0.32, 0.64, 0.96]),
        (0.49, ENOUGH_FRAMES, [0.0, 0.5, 1.0, 1.5]),  # due before it is looked
    ],
)
def test_ticks_begin_when_due_or_when_enough_waits_behind_a_long_one(
    took_s: float, frames: int, begun_s: list[float]
) -> None:
    """Frames come 10 ms after each tick; they are looked for each 20 ms."""

    @virtual
    async def run() -> None:
        network, begun = watched(lambda number: took_s, frames)
        task = asyncio.create_task(Pulse(network, TICK_S, lambda event: None).run())
        await asyncio.sleep(2)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert begun[: len(begun_s)] == pytest.approx(begun_s, abs=1e-6)

    run()


@virtual
async def test_after_some_seconds_of_short_ticks_their_distance_is_kept_again() -> None:
    network, begun = watched(lambda number: 0.3 if number == 1 else 0.01, ENOUGH_FRAMES)
    task = asyncio.create_task(Pulse(network, TICK_S, lambda event: None).run())
    await asyncio.sleep(10)
    task.cancel()
    late = [one for one in begun if one > 6]
    assert {round(after - before, 3) for before, after in pairwise(late)} == {TICK_S}
    early = [one for one in begun if one < 5]
    assert len(early) > 100  # enough waits all the time


@virtual
async def test_ticks_wait_for_what_is_made_aside_and_not_for_long() -> None:
    network, begun = watched(lambda number: 0.0, 0)
    pulse = Pulse(network, TICK_S, lambda event: None)
    task = asyncio.create_task(pulse.run())
    await asyncio.sleep(0.2)
    async with pulse.aside(), pulse.aside():
        await asyncio.sleep(0.15)  # 0.25 is within
    await asyncio.sleep(0.95)
    assert begun == [0.0, 0.35, 0.5, 0.75, 1.0, 1.25]
    begun.clear()
    async with pulse.aside():  # from 1.3 s to 4.05
        await asyncio.sleep(2.75)
    task.cancel()
    # Each second at most a quarter: that of 1.5 waits until 1.75, when the next is due, too; so on from 2.5.
    assert begun == [1.75, 1.75, 2.0, 2.25, 2.75, 2.75, 3.0, 3.25, 3.75, 3.75, 4.0]


@pytest.mark.parametrize(("guests", "rounds"), [(0, 1), (1, ROUNDS)])
def test_who_looks_at_pages_is_served_between_two_steps_of_a_tick(
    monkeypatch: pytest.MonkeyPatch, guests: int, rounds: int
) -> None:
    """A request takes a round of the event loop to be accepted, one to be read, one to be answered."""
    monkeypatch.setattr(pulse_module, "TURN_S", 0.0)
    network, steps, served, ended = Network([]), list[int](), list[int](), asyncio.Event()

    def go_on() -> bool:
        steps.append(len(served))
        if len(steps) == 4:
            ended.set()
        return len(steps) < 4

    async def asked() -> None:
        while True:
            served.append(len(steps))
            await asyncio.sleep(0)

    @virtual
    async def run() -> None:
        monkeypatch.setattr(network, "go_on", go_on)
        monkeypatch.setattr(network, "finish_tick", lambda: None)
        pulse = Pulse(network, TICK_S, lambda event: None)
        pulse.guests = lambda: guests
        tasks = [asyncio.create_task(asked()), asyncio.create_task(pulse.run())]
        await ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run()
    assert [after - before for before, after in pairwise(steps[:4])] == [rounds] * 3
