"""A recording daemon that is killed again and again, and what its recordings then have to hold.

The caster sends frames that are each different, and remembers when it sent which: so where every byte of
a recording belongs is known without any code of the project.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from daemon_process import Daemon, casting, configure, now_ms, running
from waiting import until
from wire import epoch, framed

STATION = "CRASH"
EVERY_S = 0.05  # between epochs
LONGEST_S = 1.5  # from when bytes are on disk to the kill


@dataclass
class Connection:
    """What was sent over it: bytes, and up to which size when (UTC seconds)."""

    data: bytes = b""
    sent: list[tuple[float, int]] = field(default_factory=list)

    def until(self, at_s: float) -> int:
        """How many bytes had been sent at a time."""
        return max((size for sent_s, size in self.sent if sent_s <= at_s), default=0)


class Run(NamedTuple):
    """One life of the daemon; UTC seconds."""

    begun_s: float
    listening_s: float
    killed_s: float
    log: list[str]

    @property
    def blind_s(self) -> float | None:
        """How long it says that nobody had looked before it; None: it does not say."""
        told = re.search(r"monitor_blind: .*seconds ([0-9.]+)", "".join(self.log))
        return float(told[1]) if told else None


class Sender:
    """Script of a mountpoint: an epoch and a number that never comes again, twenty times a second."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.number = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection()
        self.connections.append(connection)
        writer.write(b"ICY 200 OK\r\n")
        async for at_ms in _times():
            self.number += 1
            numbered = framed(b"\xff\xf0" + self.number.to_bytes(8, "big"))  # 4095: a type of nobody's
            data = b"".join([numbered, *epoch(at_ms)])
            connection.data += data
            connection.sent.append((time.time(), len(connection.data)))
            writer.write(data)


async def _times() -> AsyncIterator[int]:
    """GPS times to send epochs at, from now on."""
    step_ms = round(EVERY_S * 1000)
    at_ms = now_ms() // step_ms * step_ms
    while True:
        yield at_ms
        at_ms += step_ms
        await asyncio.sleep(max(at_ms - now_ms(), 0) / 1000)


async def crashed(folder: Path, kills: int, chance: random.Random) -> tuple[list[Run], list[Connection]]:
    """Run and kill a recording daemon so many times; its recordings are in `folder`/recordings."""
    sender, runs = Sender(), []
    async with casting(**{STATION: sender}) as caster:
        config = configure(folder, caster.port, STATION)
        text = config.read_text(encoding="utf-8") + '[record]\nfolder = "recordings"\n'
        config.write_text(text, encoding="utf-8")
        for _ in range(kills):
            size, begun_s = _size(folder), time.time()
            async with running(config) as daemon:
                listening_s = time.time()
                await until(lambda size=size: _size(folder) > size, within_s=20)
                await _blind_is_told(daemon, first=not runs)
                await asyncio.sleep(chance.uniform(0, LONGEST_S))
                daemon.process.kill()
                killed_s = time.time()
                await daemon.process.wait()
            runs.append(Run(begun_s, listening_s, killed_s, daemon.log))
    return runs, sender.connections


async def _blind_is_told(daemon: Daemon, *, first: bool) -> None:
    if not first:
        await until(lambda: any("monitor_blind" in line for line in daemon.log))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob(f"recordings/{STATION}_*.rtcm3"))
