"""Recordings played by the daemon at the pace at which they came."""

import asyncio
import contextlib
import time
from itertools import pairwise

import pytest

from hncors.daemon.player import play
from hncors.daemon.recording_writer import RecordingWriter
from hncors.registry import Station

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")


def station(path) -> Station:
    return Station(id="A", link=f"file://{path}")


async def test_a_recording_is_played_at_its_pace(tmp_path):
    path = tmp_path / "a.rtcm3"
    start_ns = 1_700_000_000_000_000_000
    with RecordingWriter(path, start_ns) as writer:
        for number in range(3):
            writer.write(FRAME, start_ns + number * 300_000_000)
    heard, at_s = [], []

    def deliver(chunk):
        heard.append(chunk)
        at_s.append(time.monotonic())

    await play(station(path), deliver)
    assert [chunk.state for chunk in heard] == ["connecting", "connected", None, None, None, "backoff"]
    assert [chunk.data for chunk in heard[2:5]] == [FRAME] * 3
    assert at_s[3] - at_s[2] == pytest.approx(0.3, abs=0.2)
    assert at_s[4] - at_s[2] == pytest.approx(0.6, abs=0.2)
    assert not any(chunk.timed for chunk in heard)  # it comes when the player likes: that is no latency
    assert abs(heard[-1].arrival_ns - time.time_ns()) < 10 * 10**9


async def test_a_recording_without_arrival_times_is_played_at_its_epochs(recordings):
    heard, at_s = [], []

    def deliver(chunk):
        heard.append(chunk)
        at_s.append(time.monotonic())

    path = recordings / "streams/alloy-bds3-33s.rtcm3"  # one epoch a second
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3.6):
            await play(station(path), deliver)
    data = [(at, chunk.data) for at, chunk in zip(at_s, heard, strict=True) if chunk.data]
    assert path.read_bytes().startswith(b"".join(piece for _, piece in data))
    assert 3 <= len(data) <= 5
    gaps = [later - first for (first, _), (later, _) in pairwise(data)]
    assert max(gaps) == pytest.approx(1.0, abs=0.4)


@pytest.mark.parametrize("name", ["none.rtcm3", "empty.rtcm3", "."])
async def test_a_recording_that_cannot_be_played(tmp_path, name):
    (tmp_path / "empty.rtcm3").touch()
    heard = []
    await play(station(tmp_path / name), heard.append)
    assert [chunk.state for chunk in heard] == ["connecting", "unreachable"]
    assert heard[-1].why.isprintable()
    assert "expected" in heard[-1].why
