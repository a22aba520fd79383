"""Our serial link on a pty (socat's) that programs of other people write: RTKLIB's str2str, gpsd's gpsfake.

What went in is known, so frames are compared one by one; they are found by tests/wire.py, not by hncors.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import wire
from cli_material import made
from peers import Heard, free_port, running, source
from waiting import until

from hncors.daemon.serial_port import listen
from hncors.registry import Station

SENT = made(20)
FRAMES = wire.scan(SENT)
PIECES = [SENT[at : at + 500] for at in range(0, len(SENT), 500)]


@contextlib.asynccontextmanager
async def listening(peer, folder: Path) -> AsyncIterator[tuple[Heard, Path]]:
    """Our link on one end of a line, and the path of its other end."""
    ours, theirs = folder / "ours", folder / "theirs"
    ends = [f"PTY,raw,echo=0,link={end}" for end in (ours, theirs)]
    async with running(peer("socat"), *ends):
        await until(lambda: ours.exists() and theirs.exists())
        station = Station("A", f"serial://{ours}?baud=115200", rate_hz=1.0)
        heard = Heard(station)
        task = asyncio.create_task(listen(station, heard, 1, 1, random.Random(1)))
        try:
            await until(lambda: "connected" in heard.states)
            yield heard, theirs
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_str2str_writes_the_line(peer, tmp_path):
    async with source() as (feed, fed), listening(peer, tmp_path) as (heard, theirs):
        out = f"serial://../{theirs.relative_to('/')}:115200"  # it puts /dev/ before the path
        async with running(peer("str2str"), "-in", f"tcpcli://127.0.0.1:{fed}", "-out", out):
            await until(lambda: feed.writers)
            await asyncio.sleep(0.2)
            await feed.send(PIECES)
            await until(lambda: heard.data.endswith(SENT[-20:]), 15)
        assert bytes(heard.data) == SENT
        assert heard.frames == len(FRAMES)
        assert heard.states == ["connecting", "connected"]


@pytest.mark.peer("gpsd", "gpspipe", "gpsfake")
async def test_gpsfake_feeds_a_gpsd_that_writes_the_line(peer, tmp_path):
    """gpsfake plays the log over and over through a pty of its own; who joins hears it from some frame on."""
    log, port = tmp_path / "x.log", free_port()
    log.write_bytes(SENT)
    fake = [peer("gpsfake"), "-q", "-c", "0.002", "-P", port, log]
    async with (
        listening(peer, tmp_path) as (heard, theirs),
        running(*fake),
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(20):  # gpsfake's gpsd takes a while to listen
            pipe = running(peer("gpspipe"), "-R", "-o", theirs, f"127.0.0.1:{port}")
            process = await stack.enter_async_context(pipe)
            await asyncio.sleep(0.25)
            if process.returncode is None:
                break
        await until(lambda: heard.frames > len(FRAMES) + 20, 20)
        frames = wire.scan(bytes(heard.data))
    first = FRAMES.index(frames[0])
    assert frames == (FRAMES[first:] + FRAMES * 9)[: len(frames)]
