"""Epochs out of messages, under a virtual clock; what must come out is written beside what goes in."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from watching import MS, T0, Watched, chunk, epochs, events, network, play
from wire import epoch, epoch_field, framed, legacy, msm

from hncors.gpstime import to_unix_ns
from hncors.measure.epoch import CLOSED_BY, MAX_SPANS, Timeline
from hncors.network import Chunk, Network, Tick
from hncors.signals import CODES


def closed_by(net: Network, station: int = 0) -> dict[str, int]:
    counts = zip(CLOSED_BY, net.tally.closed_by[station].tolist(), strict=True)
    return {name: count for name, count in counts if count}


def errors(net: Network) -> dict[str, int]:
    return {name: n for name, n in net.streams[0].errors.items() if n}


def each_second(count: int, latency_ms: int = 300, **more: Any) -> list[Chunk]:
    """Epochs each second, every message 20 ms after the one before."""
    out = []
    for second in range(count):
        for place, frame in enumerate(epoch(T0 + second * 1000, **more)):
            out.append(chunk(T0 + second * 1000 + latency_ms + 20 * place, frame))
    return out


# --- what closes an epoch ----------------------------------------------------------------------------


def test_closed_by_the_multiple_message_bit() -> None:
    net = network()
    found = epochs(play(net, each_second(10)))
    assert found == [(0, T0 + 1000 * n, 8, 8) for n in range(10)]
    assert closed_by(net) == {"multiple_message_bit": 10}
    assert errors(net) == {}
    assert net.streams[0].account.received == 10


def test_r12_bit_never_cleared_closed_by_the_deadline_of_half_an_interval() -> None:
    net = network(rate_hz=1.0)
    ticks = play(net, each_second(10, clear=()), until=T0 + 10_500)
    assert epochs(ticks) == [(0, T0 + 1000 * n, 8, 8) for n in range(10)]
    assert closed_by(net) == {"deadline": 10}
    assert errors(net) == {"mmb_stuck": 1}
    done = [i * 250 for i, tick in enumerate(ticks) if len(tick.epochs.time_ms)]
    assert all(800 < when % 1000 + 1000 * (when % 1000 < 300) <= 1050 for when in done)


def test_r12_bit_never_cleared_closed_by_the_epoch_that_follows() -> None:
    """5 Hz: the next epoch comes before the shortest deadline of 0.25 s."""
    net = network()
    chunks = [chunk(T0 + 200 * n + 90, b"".join(epoch(T0 + 200 * n, clear=()))) for n in range(10)]
    assert epochs(play(net, chunks, end=True)) == [(0, T0 + 200 * n, 8, 8) for n in range(10)]
    assert closed_by(net) == {"later_epoch": 9, "end_of_stream": 1}


def test_end_of_a_recording_closes_what_is_open() -> None:
    net = network()
    frames = b"".join(epoch(T0, clear=()))
    assert epochs(play(net, [chunk(T0 + 1, frames)], end=True)) == [(0, T0, 8, 8)]
    assert closed_by(net) == {"end_of_stream": 1}


def test_bit_always_clear_is_not_trusted_twice() -> None:
    """Every message says it is the last: the first epoch breaks apart, no other one does."""
    net = network(rate_hz=1.0)
    chunks = each_second(10, clear=range(4))
    assert epochs(play(net, chunks, until=T0 + 10_500)) == [(0, T0, 2, 2)] + [
        (0, T0 + 1000 * n, 8, 8) for n in range(1, 10)
    ]
    assert closed_by(net) == {"multiple_message_bit": 1, "deadline": 9}
    assert errors(net) == {"after_final_message": 3}
    assert net.streams[0].account.received == 10


def test_a_system_that_comes_after_the_deadline_is_counted() -> None:
    net = network(rate_hz=1.0)
    chunks = []
    for n in range(5):
        *first, last = epoch(T0 + 1000 * n)
        chunks += [chunk(T0 + 1000 * n + 100, b"".join(first)), chunk(T0 + 1000 * n + 700, last)]
    assert epochs(play(net, chunks)) == [(0, T0 + 1000 * n, 6, 6) for n in range(5)]
    assert errors(net) == {"after_deadline": 5}


def test_r12_last_system_missing() -> None:
    """R12: an epoch whose last message is lost closes with the next one or at its deadline."""
    net = network(rate_hz=1.0)
    chunks = [
        chunk(T0 + 1000 * n + 50, b"".join(epoch(T0 + 1000 * n)[: 3 if n in (2, 5) else 4])) for n in range(8)
    ]
    found = epochs(play(net, chunks))
    assert [cells for _, _, _, cells in found] == [8, 8, 6, 8, 8, 6, 8, 8]
    assert closed_by(net) == {"multiple_message_bit": 6, "deadline": 2}
    assert errors(net) == {}


# --- several messages of one system ------------------------------------------------------------------


def some_msm(number: int, time: int, *, more: bool = True, **rest: Any) -> bytes:
    return framed(msm(number, epoch_field(number, time), more=more, **rest))


def test_r13_three_1127_in_one_epoch_are_one() -> None:
    """R13: BeiDou does not fit one message; 64 cells each at most."""
    net = network()
    groups = [range(1, 17), range(17, 33), range(33, 49)]
    frames = [some_msm(1127, T0, satellites=g, signals=[2, 8, 14, 22], more=g[0] < 33) for g in groups]
    (tick,) = (t for t in play(net, [chunk(T0 + 100, b"".join(frames))]) if len(t.epochs.time_ms))
    assert epochs([tick]) == [(0, T0, 48, 192)]
    assert tick.observations.satellite.tolist() == [n for n in range(1, 49) for _ in range(4)]
    assert errors(net) == {}
    assert net.tally.bds3[0].tolist() == [30 if code in ("2I", "6I", "7I", "5D") else 0 for code in CODES[5]]


def test_one_signal_sent_twice_counts_once() -> None:
    net = network()
    frames = [some_msm(1127, T0), some_msm(1127, T0, satellites=[9, 30], more=False)]
    assert epochs(play(net, [chunk(T0 + 100, b"".join(frames))])) == [(0, T0, 3, 3)]
    assert errors(net) == {"repeated_observation": 1}


@pytest.mark.parametrize("order", [(1004, 1075, 1077), (1077, 1075, 1004), (1075, 1004, 1077)])
def test_r13_old_and_new_messages_of_the_same_data(order: tuple[int, ...]) -> None:
    """1004, MSM5 and MSM7 of one epoch: each signal once, as MSM7 has it."""
    net = network()
    frames = []
    for number in order:
        more = number != order[-1]
        if number == 1004:
            rows = [{"id": 3}, {"id": 9}]
            frames.append(framed(legacy(number, epoch_field(number, T0), rows, more=more)))
        else:
            frames.append(
                some_msm(number, T0, signals=[2, 16], values={"ms": [number % 10 + 60] * 2}, more=more)
            )
    (tick,) = (t for t in play(net, [chunk(T0 + 100, b"".join(frames))]) if len(t.epochs.time_ms))
    assert epochs([tick]) == [(0, T0, 2, 4)]
    assert [CODES[0][s] for s in tick.observations.signal] == ["1C", "2L"] * 2
    assert tick.observations.pseudorange_m.tolist() == [pytest.approx(67.5 * 299_792.458)] * 4
    assert errors(net) == {"repeated_observation": 4 + 4}
    assert net.tally.observations.sum() == 4


def test_r13_old_and_new_messages_of_different_data_are_both_kept() -> None:
    net = network()
    frames = [
        framed(legacy(1012, epoch_field(1012, T0), [{"id": 4}], more=True)),
        some_msm(1074, T0, more=False),
    ]
    assert epochs(play(net, [chunk(T0 + 100, b"".join(frames))])) == [(0, T0, 3, 4)]
    assert errors(net) == {}


# --- epochs that come again, late, or backwards ------------------------------------------------------


def at(*moments: tuple[float, float], **more: Any) -> list[Chunk]:
    """Whole epochs: seconds after T0 they are of, seconds after T0 they come."""
    return [chunk(T0 + 1000 * come, b"".join(epoch(T0 + round(1000 * of), **more))) for of, come in moments]


def test_n36_an_epoch_that_comes_twice() -> None:
    net = network(rate_hz=1.0)
    ticks = play(net, at((0, 0.1), (1, 1.1), (2, 2.1), (1, 2.5), (3, 3.1), (3, 4.9)))
    assert [time - T0 for _, time, _, _ in epochs(ticks)] == [0, 1000, 2000, 3000]
    assert errors(net) == {"duplicate_epoch": 1, "time_backwards": 1, "after_deadline": 4}
    assert net.streams[0].account.expected == 4


def test_n36_an_epoch_that_comes_late() -> None:
    net = network(rate_hz=1.0)
    ticks = play(net, at((0, 0.1), (2, 2.1), (3, 3.1), (1, 3.5), (4, 4.1)))
    assert [time - T0 for _, time, _, _ in epochs(ticks)] == [0, 2000, 3000, 1000, 4000]
    assert errors(net) == {"late_epoch": 1, "time_backwards": 1}
    account = net.streams[0].account
    assert (account.expected, account.received, account.missing) == (5, 5, 0)
    assert net.streams[0].state == "streaming"


def test_n36_time_that_goes_back_is_a_new_line() -> None:
    net = network(rate_hz=1.0)
    ticks = play(net, at((0, 0.1), (1, 1.1), (-200, 2.1), (-199, 3.1), (-198, 4.1), (5, 5.1)))
    assert [time - T0 for _, time, _, _ in epochs(ticks)] == [0, 1000, -200_000, -199_000, -198_000, 5000]
    assert errors(net) == {"time_jump": 1, "time_backwards": 1}
    assert [kind for _, kind, _ in events(ticks, "time_jump", "time_backwards")] == [
        "time_backwards",
        "time_jump",
    ]


def test_gauges_follow_the_line_of_time_that_is() -> None:
    """One epoch three days ahead must not freeze what is shown of the newest epoch."""
    net = network(rate_hz=1.0)
    play(net, at((0, 0.1), (259_200, 1.1)))
    play(net, at((2, 2.1), (3, 3.1), satellites=(1, 2, 3)))
    assert net.tally.satellites[0].sum() == 12
    assert net.tally.newest_ms[0] == T0 + 3000
    play(net, at((1, 3.6), satellites=(4,)))  # late: not what is now
    assert net.tally.satellites[0].sum() == 12


@pytest.mark.parametrize("ahead_s", [70, 3000, 3 * 86_400])
def test_one_stray_epoch_ahead_is_no_gap(ahead_s: int) -> None:
    net = network(rate_hz=1.0)
    play(net, at((0, 0.1), (1, 1.1), (2 + ahead_s, 2.1), (3, 3.1), (4, 4.1)), until=T0 + 5000)
    account = net.streams[0].account
    assert (account.expected, account.received, account.missing) == (5, 5, 0)
    assert errors(net) == {"time_jump": 2, "time_backwards": 1}


def test_a_gap_that_the_clock_agrees_with_is_a_gap() -> None:
    """Also where a stream that was 90 s late is suddenly of now, and where the clock is slow."""
    for late_s in (0, 90, -300):
        net = network(rate_hz=1.0)
        moments = [(n, n + 0.1 + late_s) for n in range(400, 403)] + [
            (n, n + 0.1 + min(late_s, 0)) for n in range(600, 603)
        ]
        play(net, at(*moments), until=T0 + 700_000, tick_ms=1000)
        account = net.streams[0].account
        assert account.received == 6
        assert account.expected - account.received >= 197
        assert errors(net) == {}


def test_a_recording_played_three_times() -> None:
    net = network(rate_hz=1.0)
    chunks = [c for n in range(3) for c in at(*((s, 70 * n + s + 0.1) for s in range(70)))]
    ticks = play(net, chunks)
    assert [time for _, time, _, _ in epochs(ticks)] == [T0 + 1000 * n for n in range(70)]
    assert errors(net) == {"duplicate_epoch": 140, "time_backwards": 2}
    account = net.streams[0].account
    assert account.received == 70


def test_a_real_recording_played_three_times(recordings: Path) -> None:
    from hncors.reading import date
    from hncors.replaying import play as replay
    from hncors.replaying import untimed

    data = (recordings / "streams" / "same-minute-three-times.rtcm3").read_bytes()
    dating = date(data)
    net = Network([Watched("A", 1.0)], reference_ms=dating.reference_ms)
    found = epochs(replay(net, [untimed("A", data, dating)]))
    times = [time for _, time, _, _ in found]
    assert times == sorted(set(times))
    assert len(times) in (66, 67)
    assert errors(net)["time_backwards"] == 2
    assert errors(net)["duplicate_epoch"] == 2 * len(times)


# --- whose epochs ------------------------------------------------------------------------------------


def test_r14_station_ids() -> None:
    net = network(rate_hz=1.0)
    before, after = at((0, 0.1), (1, 1.1), station=5), at((2, 2.1), (3, 3.1), station=6)
    ticks = play(net, before + after)
    assert events(ticks, "station_id_changed") == [("A", "station_id_changed", {"from": 5, "to": 6})]
    assert errors(net) == {"station_id_changed": 1}
    assert net.streams[0].station_id == 6


def test_r14_two_stations_on_one_stream() -> None:
    net = network(rate_hz=1.0)
    chunks = [c for s in range(20) for c in at((s, s + 0.1), station=5) + at((s, s + 0.3), station=6)]
    ticks = play(net, chunks, until=T0 + 20_500)
    named = events(ticks, "station_id_changed", "station_ids_interleaved")
    assert [kind for _, kind, _ in named] == ["station_id_changed", "station_ids_interleaved"]
    assert errors(net)["station_ids_interleaved"] == 38
    assert net.streams[0].account.received == 20


def test_r14_station_id_0_is_no_station() -> None:
    """R14: some systems' messages carry 0."""
    net = network(rate_hz=1.0)
    chunks = []
    for n in range(5):
        frames = epoch(T0 + 1000 * n, [1074, 1084], clear=(), station=0) + epoch(
            T0 + 1000 * n, [1094], station=8
        )
        chunks.append(chunk(T0 + 1000 * n + 10, b"".join(frames)))
    assert events(play(net, chunks), "station_id_changed", "station_ids_interleaved") == []
    assert errors(net) == {}
    assert net.streams[0].station_id == 8
    alone = network()
    play(alone, at((0, 0.1), station=0))
    assert alone.streams[0].station_id == 0


# --- grids -------------------------------------------------------------------------------------------


def moods(r: Random, count: int, interval: int) -> list[Chunk]:
    """A stream that does everything: losses, repeats, delays, jumps, odd bits, cut frames, false leaders."""
    out: list[Chunk] = []
    clear: Any = r.choice([(-1,), (-1,), (-1,), (), (0, 1, 2, 3), (1,)])
    now = 0
    for n in range(count):
        of = T0 + n * interval
        now = max(now, of + r.choice([50, 80, 300, 700]))
        mood = r.random()
        if mood < 0.05:
            continue
        if mood < 0.1 and n:
            of -= interval * r.randrange(1, 4)
        if mood > 0.98:
            of += r.choice([-1, 1]) * 7_300_000
        frames = epoch(of, clear=r.choice([clear, clear, (-1,)]), station=r.choice([7] * 9 + [8]))
        if r.random() < 0.1:
            frames.append(r.choice(frames))
        if r.random() < 0.05:
            frames.insert(r.randrange(4), b"\xd3\x01\x80")
        if r.random() < 0.1:
            frames = frames[: r.randrange(1, 4)]
        for frame in frames:
            cut = r.randrange(len(frame))
            for piece in (frame[:cut], frame[cut:]):
                out.append(chunk(now, piece))
                now += r.choice([0, 0, 0, 5, 30, 120]) if interval >= 1000 else r.choice([0, 0, 5])
    return out


def summary(net: Network, ticks: list[Tick]) -> dict[str, Any]:
    stream, tally = net.streams[0], net.tally
    return {
        "epochs": epochs(ticks),
        "by": [by for tick in ticks for by in tick.epochs.closed_by.tolist()],
        "arrival": [at_ns for tick in ticks for at_ns in tick.epochs.arrival_ns.tolist()],
        "errors": errors(net),
        "account": [
            getattr(stream.account, name) for name in ("expected", "received", "missing", "interval_ms")
        ],
        "frames": stream.frames(),
        "bytes": stream.bytes(),
        "latency": tally.latency.tolist(),
        "satellites": tally.satellites.tolist(),
        "cells": tally.observations[tally.observations > 0].tolist(),
        "events": sorted(
            (e.at_ns, e.kind, str(e.detail)) for tick in ticks for e in tick.events if e.kind != "state"
        ),
    }


@settings(max_examples=14, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([200, 1000]), st.booleans())
@example(1302, 200, False)  # the last message of several epochs of a tick came late
def test_the_grid_of_ticks_leaves_no_trace(seed: int, interval: int, promised: bool) -> None:
    """hncors.measure.epoch: only the order and the arrival times of messages count."""
    chunks = moods(Random(seed), 20, interval)
    until = (chunks[-1].arrival_ns - to_unix_ns(T0)) // MS + T0 + 20_000
    found = []
    for tick_ms in (50, 250, 1000, 3000):
        net = network(rate_hz=1000 / interval if promised else None)
        ticks = play(net, chunks, tick_ms=tick_ms, until=until // 3000 * 3000, end=True)
        found.append(summary(net, ticks))
    for other in found[1:]:
        assert other == found[0]


# --- what was received before ------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=80))
def test_a_time_line_knows_what_it_was_given(seconds: list[int]) -> None:
    line, given_ = Timeline(), set()
    for second in seconds:
        assert line.has(second * 1000) == (second in given_)
        line.add(second * 1000, 1000)
        given_.add(second)
        assert len(line.spans) <= MAX_SPANS
    assert [line.has(n * 1000) for n in range(-1, 62)] == [n in given_ for n in range(-1, 62)]


def test_a_time_line_is_bounded() -> None:
    line = Timeline()
    r = Random(5)
    for _ in range(2000):
        time = r.randrange(10**9)
        line.add(time, 1000)
        assert line.has(time)
    assert len(line.spans) <= MAX_SPANS
    assert np.array(line.spans).ravel().tolist() == sorted(np.array(line.spans).ravel().tolist())
