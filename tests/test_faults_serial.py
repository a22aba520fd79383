"""Faults of serial lines, by their numbers, through a pseudo-terminal; frames are found by another scan."""

from __future__ import annotations

import contextlib
import os
import pty
import tty
from collections.abc import AsyncIterator
from random import Random

import pytest
from test_daemon_serial_port import FRAME, listening
from waiting import until
from watching import SECOND, T0, chunk, network, play
from wire import scan

from hncors.daemon import serial_port
from hncors.gpstime import to_unix_ns
from hncors.network import Chunk
from hncors.rtcm3.framing import Framer

NMEA = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
UBX = bytes.fromhex("b56205010200060114 3a".replace(" ", ""))  # ACK-ACK of CFG-MSG
RTCM2 = bytes.fromhex("66414c7f5e6a41") * 4  # words of RTCM 2: six bits a byte, 01 above them


@contextlib.asynccontextmanager
async def line(*, raw: bool = True) -> AsyncIterator[tuple[int, list[Chunk]]]:
    """The other end of a port that is listened to, and what is heard."""
    master, slave = pty.openpty()
    if raw:
        tty.setraw(slave)
    try:
        async with listening(os.ttyname(slave)) as heard:
            await until(lambda: any(one.state == "connected" for one in heard))
            yield master, heard
    finally:
        os.close(slave)
        os.close(master)


def got(heard: list[Chunk]) -> bytes:
    return b"".join(one.data for one in heard)


def test_l03_wrong_speed() -> None:
    """Noise is junk to the byte, the state is no_frames within 15 s, and its reason names the baud rate."""
    net = network(rate_hz=1.0)
    r = Random(3)
    chunks = [chunk(T0, state="connected")]
    chunks += [chunk(T0 + 250 * n, r.randbytes(23_040)) for n in range(1, 68)]  # 921,600 baud
    play(net, chunks)
    stream = net.streams[0]
    assert (stream.state, "baud" in stream.state_why) == ("no_frames", True)
    assert stream.since_ns - to_unix_ns(T0) <= 15.3 * SECOND
    fates = stream.bytes()
    assert fates["received"] == fates["junk"] + fates["pending"] + fates["in_frames"] == 67 * 23_040


async def test_l04_every_format_on_one_line() -> None:
    """NMEA, UBX, RTCM 2 and false leaders take no frame of RTCM 3 along."""
    r = Random(4)
    false = [b"\xd3\x00\x13", b"\xd3\x03\xff", b"\xd3"]
    sent = b"".join(r.choice([NMEA, UBX, RTCM2, *false]) + FRAME for _ in range(100))
    async with line() as (master, heard):
        for at in range(0, len(sent), 1000):
            upto = sent[: at + 1000]
            os.write(master, upto[at:])
            await until(lambda upto=upto: got(heard) == upto)
    framer = Framer()
    frames = [frame for one in heard for frame in framer.feed(one.data)] + framer.idle()
    assert frames == scan(sent)
    assert frames.count(FRAME) == 100


async def test_l05_garbage_that_is_no_text() -> None:
    """Bytes are bytes: nothing is decoded on the way."""
    garbage = bytes(range(128, 256)) + b"\xff\xfe$GP\xc3\x28\r\n" + NMEA
    async with line() as (master, heard):
        os.write(master, garbage + FRAME)
        await until(lambda: len(got(heard)) == len(garbage + FRAME))
    assert got(heard) == garbage + FRAME


async def test_l06_reads_without_bytes_are_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to read, whether it says so by an error or by no bytes, ends nothing; a hang-up does."""
    true_read = os.read
    empty: list[bytes | None] = [b"", None] * 20

    def read(number: int, size: int) -> bytes:
        if empty:
            answer = empty.pop()
            if answer is None:
                raise BlockingIOError
            return answer
        return true_read(number, size)

    async with line() as (master, heard):
        monkeypatch.setattr(serial_port.os, "read", read)
        os.write(master, FRAME)
        await until(lambda: got(heard) == FRAME)
        assert not empty
        assert [one.state for one in heard if one.state] == ["connecting", "connected"]


async def test_l06_a_port_that_never_gives_what_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a hundred empty reads, and opened again."""
    async with line() as (master, heard):
        monkeypatch.setattr(serial_port.os, "read", lambda number, size: b"")
        os.write(master, b"x")
        await until(lambda: any(one.state == "unreachable" for one in heard))


async def test_l07_a_line_that_was_left_cooked() -> None:
    """Opening makes it raw: line ends, control characters and eighth bits come as they were sent."""
    sent = b"\r\n\x03\x04\x11\x13\x1a\x7f\xff" + FRAME + b"\r\n"
    async with line(raw=False) as (master, heard):
        os.write(master, sent)
        await until(lambda: len(got(heard)) >= len(sent))
    assert got(heard) == sent


def test_l07_line_ends_between_frames() -> None:
    """A device's own line ends are junk, and counted."""
    framer = Framer()
    assert framer.feed((FRAME + b"\r\n") * 10) == [FRAME] * 10
    assert (framer.junk, framer.pending) == (20, 0)
