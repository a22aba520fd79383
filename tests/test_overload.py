"""Ticks in steps, and more to do than there is time for: what is left out is told and counted."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import chain
from pathlib import Path

import pytest
from scripted_caster import ICY, ScriptedCaster, now_s, virtual
from test_replay_as_live import Run, recording, replay
from virtual_daemon import epochs as scripted_epochs
from watching import SECOND, T0, chunk, events, network
from wire import epoch

from hncors.daemon import pulse as pulse_module
from hncors.daemon.pulse import Pulse
from hncors.gpstime import to_unix_ns
from hncors.network import Chunk, Network, Tick
from hncors.network_changes import watch
from hncors.network_overload import FRAMES, MEASURES, LeftOut, Pressure
from hncors.positioning import LEFT_OUT
from hncors.registry import Station
from hncors.view.exposition import Writer
from hncors.view.metrics import families

NAMES = tuple("ABCDEFG")
SECONDS = 40


def chunks(names: tuple[str, ...] = NAMES, seconds: int = SECONDS) -> list[Chunk]:
    """An epoch a second of each station, in three reads, 60 ms apart; B is silent for 15 s, C repeats."""
    found = []
    for second in range(seconds):
        for n, name in enumerate(names):
            if name == "B" and 10 <= second < 25:
                continue
            data = b"".join(epoch(T0 + 1000 * (second - (name == "C" and second % 7 == 0))))
            cuts = (0, len(data) // 3, len(data) // 2, len(data))
            for part in range(3):
                at_ms = T0 + 1000 * second + 100 + 7 * n + 60 * part
                found.append(chunk(at_ms, data[cuts[part] : cuts[part + 1]], name))
    return sorted(found, key=lambda one: one.arrival_ns)


def told(net: Network, ticks: list[Tick]) -> tuple[list[object], list[object], bytes]:
    rows = [
        row
        for tick in ticks
        for row in zip(tick.epochs.station.tolist(), tick.epochs.time_ms.tolist(), strict=True)
    ]
    return rows, events(ticks), Writer().render(families(net, "1"))


def fed(net: Network, all_chunks: list[Chunk], *, in_steps: bool) -> list[Tick]:
    """Ticks every 250 ms; `in_steps`: two stations at a time, and what comes later is fed in between."""
    ticks, waiting = [], list(all_chunks)
    now_ns = to_unix_ns(T0)
    while waiting or now_ns < to_unix_ns(T0 + 1000 * SECONDS):
        now_ns += SECOND // 4
        while waiting and waiting[0].arrival_ns <= now_ns:
            net.feed(waiting.pop(0))
        if not in_steps:
            ticks.append(net.tick(now_ns))
            continue
        net.begin_tick(now_ns, at_once=2)
        while net.go_on():
            if waiting and waiting[0].arrival_ns <= now_ns + SECOND // 4:
                net.feed(waiting.pop(0))
        ticks += net.ticked()
    return ticks


def test_steps_and_what_comes_between_them_make_no_difference() -> None:
    """A tick is one moment: what came later is of the next, whatever of this one was still to do."""
    whole, stepped = network(*NAMES, rate_hz=1.0), network(*NAMES, rate_hz=1.0)
    expected = told(whole, fed(whole, chunks(), in_steps=False))
    assert told(stepped, fed(stepped, chunks(), in_steps=True)) == expected
    assert len(expected[0]) > 6 * SECONDS - 20
    assert {kind for _, kind, _ in expected[1]} >= {"state", "epochs_missing"}


def test_stations_cannot_change_in_mid_tick() -> None:
    """A reload finishes the tick that goes on before it renumbers."""
    net = network(*NAMES, rate_hz=1.0)
    for one in chunks(seconds=2):
        net.feed(one)
    net.begin_tick(to_unix_ns(T0 + 2500), at_once=2)
    assert net.go_on()
    late = chunk(T0 + 2600, b"".join(epoch(T0 + 2000)), "G")
    net.feed(late)
    watch(net, [Station("G", "tcp://h:1"), Station("A", "tcp://h:2")])
    assert not net.go_on()
    assert [stream.account.received for stream in net.streams] == [2, 2]
    net.tick(to_unix_ns(T0 + 2750))
    assert [stream.account.received for stream in net.streams] == [3, 2]


def test_what_ticks_took_decides() -> None:
    pressure = Pressure(0.25)
    levels = []
    for took_s in (0.1, 2.0, 2.3, 0.3, 5.3, 5.3, 0.2):
        pressure.took(took_s)
        levels.append(pressure.left_out().level)
    assert levels == [0, 0, MEASURES, 0, MEASURES, FRAMES, 0]


def test_positions_and_quality_are_left_out_first_and_counted() -> None:
    net = network(*NAMES, rate_hz=1.0)
    now_ns, ticks = to_unix_ns(T0), []
    for second in range(100):
        for name in NAMES:
            net.feed(chunk(T0 + 1000 * second + 100, b"".join(epoch(T0 + 1000 * second)), name))
        now_ns += SECOND
        busy = 20 <= second < 30
        net.begin_tick(now_ns, left_out=LeftOut(MEASURES, 2500) if busy else LeftOut())
        net.finish_tick()
        found = net.ticked()
        ticks += found
        if busy:
            assert (found[0].positions.status == LEFT_OUT).all()
            assert len(found[0].positions.status) == len(found[0].epochs.station) == len(NAMES)
            assert (net.positioning.status == LEFT_OUT).all()
    assert net.overload.epochs == net.positioning.epochs[:, LEFT_OUT].sum() == 10 * len(NAMES)
    assert [stream.account.received for stream in net.streams] == [100] * len(NAMES)
    assert not (net.positioning.status == LEFT_OUT).any()
    assert events(ticks, "overloaded", "overload_over") == [
        ("", "overloaded", {"lag_s": 2.5, "left_out": "positions and quality"}),
        ("", "overload_over", {"seconds": 9.0, "epochs": 70, "frames": 0}),
    ]


def test_frames_are_given_up_by_number_and_their_epochs_are_blind() -> None:
    """After a tick of eight seconds: what came in the last one is decoded, the rest is nobody's outage."""
    net = network(*NAMES, rate_hz=1.0)
    data = {second: b"".join(epoch(T0 + 1000 * second)) for second in range(60)}
    of_each = len(epoch(T0))
    ticks, now_ns = [], to_unix_ns(T0)
    for second in range(60):
        for name in NAMES:
            net.feed(chunk(T0 + 1000 * second + 100, data[second], name))
        now_ns += SECOND
        if 20 <= second < 27:
            continue  # the tick before still lasts
        net.begin_tick(now_ns, left_out=LeftOut(FRAMES, 7000) if second == 27 else LeftOut())
        net.finish_tick()
        ticks += net.ticked()
    lost = 7
    for stream in net.streams:
        account = stream.account
        assert (account.received, account.missing, account.blind) == (60 - lost, 0, lost)
        assert account.expected == 60
        assert stream.errors["given_up"] == lost * of_each
        assert stream.state == "streaming"
    assert net.overload.frames == len(NAMES) * lost * of_each
    assert [kind for _, kind, _ in events(ticks, "state", "monitor_blind", "overloaded")][-2:] == [
        "monitor_blind",
        "overloaded",
    ]


@virtual
async def test_p02_the_loop_has_its_turns_during_a_long_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick of many steps: others run between them; the beat comes after the tick, and not before."""
    monkeypatch.setattr(pulse_module, "TURN_S", 0.0)
    net, order = network(*NAMES, rate_hz=1.0), []
    pulse = Pulse(net, 0.25, lambda event: None, beat=lambda: order.append("beat"))
    monkeypatch.setattr("hncors.network.BLOCK_FRAMES", 2)
    for one in chunks(seconds=2):
        net.feed(one)

    async def other() -> None:
        for _ in range(10):
            order.append("other")
            await asyncio.sleep(0)

    task = asyncio.create_task(pulse.run())
    await asyncio.gather(other())
    await asyncio.sleep(0.1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert order.index("beat") >= 5
    assert sum(stream.account.received for stream in net.streams) == 2 * len(NAMES)


@virtual
async def test_an_end_in_mid_tick_leaves_nothing_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "TURN_S", 0.0)
    monkeypatch.setattr("hncors.network.BLOCK_FRAMES", 2)
    net = network(*NAMES, rate_hz=1.0)
    pulse = Pulse(net, 0.25, lambda event: None)
    for one in chunks(seconds=2):
        net.feed(one)
    task = asyncio.create_task(pulse.run())
    for _ in range(4):
        await asyncio.sleep(0)
    assert net.go_on() and not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert not net.go_on()
    assert sum(stream.account.received for stream in net.streams) == 2 * len(NAMES)


def test_a_replay_leaves_out_what_the_daemon_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same events and metrics, to the byte: the recorder keeps what each tick left out."""

    def left_out(self: Pressure) -> LeftOut:
        second = int(now_s())
        level = {20: FRAMES, 31: FRAMES}.get(second, MEASURES if 20 < second < 25 else 0)
        return LeftOut(level, 2345 if level else 0)

    monkeypatch.setattr(Pressure, "left_out", left_out)
    folder, lived = tmp_path / "recordings", list[Run]()

    @virtual
    async def live() -> None:
        async with ScriptedCaster(lambda number: chain([ICY], scripted_epochs(200))) as caster:
            stations = [Station(name, caster.link(), rate_hz=1.0) for name in "AB"]
            async with recording(folder, *stations) as run:
                await asyncio.sleep(100)
            lived.append(run)

    live()
    (run,) = lived
    assert run.network.overload.ticks[FRAMES] > 0 < run.network.overload.epochs
    assert [event.kind for event in run.events if event.kind.startswith("overload")] == [
        "overloaded",
        "overload_over",
    ]
    told_events, metrics = replay(folder, tmp_path / "out")
    assert told_events == run.lines.splitlines()
    assert metrics == run.metrics.decode().splitlines()
