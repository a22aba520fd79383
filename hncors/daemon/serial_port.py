"""Streams over a serial port: opened by pyserial, read through the event loop, followed for ever."""

import asyncio
import os
import random
import select
import termios
import time
from collections.abc import Callable

import serial

from hncors.daemon.reconnect import Pace
from hncors.network import Chunk
from hncors.registry import Link, Station, parse_link
from hncors.text import printable

BUFFER = 65536
CLOSED = "the port was closed at its other end"
EMPTY_READS = 100  # in a row, after which a port that says it has bytes and has none is given up

Deliver = Callable[[Chunk], None]


async def listen(
    station: Station, deliver: Deliver, retry_first_s: float, retry_longest_s: float, chance: random.Random
) -> None:
    """Keep a port open until cancelled, telling its state and its bytes; an unplugged one is opened again."""
    link = parse_link(station.link)
    pace = Pace(retry_first_s, retry_longest_s, chance)
    deliver(Chunk(station.id, b"", time.time_ns(), "connecting", link.path))
    while True:
        begun_s = time.monotonic()
        pace.begin(begun_s)
        why, opened = await _session(station, link, deliver)
        ended_s = time.monotonic()
        if opened:
            pace.proved()
        deliver(Chunk(station.id, b"", time.time_ns(), "unreachable", why))
        await asyncio.sleep(pace.wait_s(ended_s, "unreachable"))


async def _session(station: Station, link: Link, deliver: Deliver) -> tuple[str, bool]:
    """From opening a port to losing it: why it is lost, and whether it was ever open."""
    try:
        # exclusive: a port that another program reads loses bytes to it
        port = serial.Serial(link.path, link.baud, timeout=0, exclusive=True)
    except (OSError, ValueError, termios.error) as fault:
        return _why(fault), False
    loop, number = asyncio.get_running_loop(), port.fileno()
    lost: asyncio.Future[str] = loop.create_future()
    empty = 0

    def read() -> None:
        nonlocal empty
        try:
            data = os.read(number, BUFFER)
        except BlockingIOError:
            return
        except OSError as fault:
            data, why = b"", _why(fault)
        else:
            why = CLOSED
        if data:
            empty = 0
            deliver(Chunk(station.id, data, time.time_ns()))
            return
        empty += 1
        if why == CLOSED and empty < EMPTY_READS and not _hung_up(number):
            return  # nothing to read is no end of a terminal (VMIN and VTIME are 0: termios(3))
        if not lost.done():
            lost.set_result(why)
            loop.remove_reader(number)

    deliver(Chunk(station.id, b"", time.time_ns(), "connected", f"{link.path} at {link.baud} baud"))
    loop.add_reader(number, read)
    try:
        return await lost, True
    finally:
        loop.remove_reader(number)
        port.close()


def _hung_up(number: int) -> bool:
    poll = select.poll()
    poll.register(number, 0)  # hang-up and error are always told
    return bool(poll.poll(0))


def _why(fault: Exception) -> str:
    number = fault.args[0] if fault.args and isinstance(fault.args[0], int) else None
    if isinstance(fault, OSError):
        number = fault.errno
    return os.strerror(number) if number else printable(str(fault))
