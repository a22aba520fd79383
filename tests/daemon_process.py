"""The daemon as a process of its own, and a caster on loopback that does as each mountpoint's script says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp
from wire import epoch

from hncors.gpstime import from_unix_ns

RUN = (
    "import sys; from pathlib import Path; from hncors.daemon.service import main;"
    "sys.exit(main(Path(sys.argv[1])))"
)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def now_ms() -> int:
    """GPS time."""
    return from_unix_ns(time.time_ns())


async def times() -> AsyncIterator[int]:
    """Fifths of a second as they come, every one of them, however late."""
    at_ms = now_ms() // 200 * 200
    while True:
        yield at_ms
        at_ms += 200
        await asyncio.sleep(max(at_ms - now_ms(), 0) / 1000)


async def epochs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Observations of now, five times a second, for ever."""
    writer.write(b"ICY 200 OK\r\n")
    async for at_ms in times():
        writer.write(b"".join(epoch(at_ms)))
        await writer.drain()


def answer(data: bytes) -> Serve:
    """Says `data` and then nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await reader.read()

    return serve


REFUSE = answer(b"HTTP/1.0 401 Unauthorized\r\n\r\n")
NOTHING = answer(b"")


class Caster:
    """Counts connections begun and ended by mountpoint."""

    def __init__(self, scripts: Mapping[str, Serve]) -> None:
        self.scripts = dict(scripts)
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.asked: list[bytes] = []
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(asked)
            mountpoint = asked.split(b" ")[1].decode().strip("/")
            self.begun[mountpoint] += 1
            gone = asyncio.create_task(_gone(reader))
            script = asyncio.create_task(self.scripts[mountpoint](reader, writer))
            await asyncio.wait({gone, script}, return_when=asyncio.FIRST_COMPLETED)
            self.ended[mountpoint] += 1
            for task in (gone, script):
                task.cancel()
            await asyncio.gather(gone, script, return_exceptions=True)


async def _gone(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(1 << 16):
            pass


@contextlib.asynccontextmanager
async def casting(**scripts: Serve) -> AsyncIterator[Caster]:
    caster = Caster(scripts)
    server = await asyncio.start_server(caster.serve, "127.0.0.1", 0)
    caster.port = server.sockets[0].getsockname()[1]
    try:
        yield caster
    finally:
        server.close()
        if caster.tasks:  # connections whose end is on its way
            await asyncio.wait(caster.tasks, timeout=5)


class Daemon:
    """A running daemon; `log` fills as it speaks."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.session = session
        self.log: list[str] = []

    async def get(self, path: str) -> str:
        async with self.session.get(path) as response:
            return await response.text()

    async def states(self) -> dict[str, str]:
        async with self.session.get("/api/v1/stations") as response:
            return {line["id"]: line["state"] for line in await response.json()}

    async def metric(self, name: str) -> str | None:
        """The number of a series, written as in the text format."""
        lines = (await self.get("/metrics")).splitlines()
        return next((line.rpartition(" ")[2] for line in lines if line.startswith(name + " ")), None)

    async def metrics(self, *names: str) -> list[float]:
        found = dict(
            line.rsplit(" ", 1) for line in (await self.get("/metrics")).splitlines() if "#" not in line
        )
        return [float(found.get(name, "nan")) for name in names]


def configure(folder: Path, port: int, *names: str, more: str = "") -> Path:
    """A configuration with an NTRIP station of 5 Hz for each name; those there and not named are removed."""
    stations = folder / "stations"
    stations.mkdir(exist_ok=True)
    for file in stations.glob("*.toml"):
        file.unlink()
    for name in names:
        text = f'id = "{name}"\nlink = "ntrip://127.0.0.1:{port}/{name}"\nrate_hz = 5.0\n'
        (stations / f"{name}.toml").write_text(text, encoding="utf-8")
    config = folder / "any.toml"
    text = f'stations = "stations"\ntick_s = 0.1\n{more}\n[web]\nlisten = "127.0.0.1:0"\n'
    config.write_text(text, encoding="utf-8")
    return config


@contextlib.asynccontextmanager
async def running(
    config: Path, code: str = RUN, env: Mapping[str, str] | None = None
) -> AsyncIterator[Daemon]:
    """A daemon from when it listens; killed at the end unless it has ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(config), env=env, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    lines, listener = [], None
    try:
        async with asyncio.timeout(20):
            while not lines or "pages and metrics at" not in lines[-1]:
                line = (await process.stderr.readline()).decode()
                assert line, f"ended at once: {lines}"
                lines.append(line)
        async with aiohttp.ClientSession(lines[-1].split()[-1]) as session:
            daemon = Daemon(process, session)
            daemon.log = lines
            listener = asyncio.create_task(_listen(process.stderr, lines))
            yield daemon
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if listener is not None:
            await listener


async def _listen(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode())


class Manager:
    """A service manager's end of NOTIFY_SOCKET, real and bound; `abstract` without a file."""

    def __init__(self, folder: Path, *, abstract: bool = False) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = str(folder / "notify")
        self.socket.bind("\0" + name if abstract else name)
        self.socket.setblocking(False)
        self.address = "@" + name if abstract else name
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """Every message so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(self.socket.recv(4096).decode())
        return self.heard

    def has(self, text: str) -> bool:
        return any(text in message for message in self.listen())
