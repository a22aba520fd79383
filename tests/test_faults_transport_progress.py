"""N03, N04, N29: what counts is frames and epochs, not bytes; under a virtual clock, and with real resets."""

from __future__ import annotations

import pytest
from test_daemon_caster_client import CLOSE, FRAME, RESET, Caster, following
from watching import SECOND, T0, chunk, epochs, events, network, play
from wire import epoch

from hncors.gpstime import to_unix_ns


def test_n03_a_byte_now_and_then() -> None:
    """The socket lives and the stream does not: no_frames within 15 s of the last frame."""
    net = network(rate_hz=1.0)
    chunks = [chunk(T0 + 1000 * n, b"".join(epoch(T0 + 1000 * n))) for n in range(5)]
    chunks += [chunk(T0 + 4000 + 9000 * n, b"\x00") for n in range(1, 5)]
    ticks = play(net, chunks)
    changes = [
        (detail["to"], e.at_ns)
        for tick in ticks
        for e in tick.events
        if (detail := e.detail) and e.kind == "state"
    ]
    assert [state for state, _ in changes] == ["streaming", "no_frames"]
    assert changes[1][1] - to_unix_ns(T0 + 4000) <= 15.3 * SECOND


async def test_n29_a_reset_in_mid_frame() -> None:
    """The rest of the frame is junk with the connection; the next one begins afresh."""
    caster = Caster((b"ICY 200 OK\r\n", FRAME + FRAME[:9], RESET), (b"ICY 200 OK\r\n", FRAME, CLOSE))
    async with following(caster) as heard:
        await heard.until(lambda heard: heard.states.count("connected") >= 2 and heard.data.endswith(FRAME))
        chunks = list(heard.chunks)
    net = network("A")
    for one in chunks:
        net.feed(one)
    net.tick(chunks[-1].arrival_ns)
    fates = net.streams[0].bytes()
    assert net.streams[0].frames()["frames"] == 2
    assert (fates["junk"], fates["pending"]) == (9, 0)


@pytest.mark.parametrize("size", [1, 100_000_000])
def test_n29_tiny_segments_and_a_burst_after_a_pause(size: int) -> None:
    """Every epoch is there once, whether it came byte by byte or half a minute at a time."""
    net = network(rate_hz=1.0)
    data = [(T0 + 1000 * n, b"".join(epoch(T0 + 1000 * n))) for n in range(30)]
    if size == 1:
        chunks = [chunk(t + 1 + i, d[i : i + 1]) for t, d in data for i in range(len(d))]
    else:
        chunks = [chunk(T0 + 29_500, b"".join(d for _, d in data))]
    ticks = play(net, chunks, until=T0 + 31_000)
    assert [time for _, time, _, _ in epochs(ticks)] == [t for t, _ in data]
    assert events(ticks, "time_backwards", "time_jump") == []
    assert net.streams[0].account.missing == 0
