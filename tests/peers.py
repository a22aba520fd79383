"""Programs of other people at the other end: started, fed and stopped by a test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from waiting import until

from hncors.daemon.caster_client import Surroundings
from hncors.daemon.reconnect import Turns
from hncors.network import Chunk, Network
from hncors.registry import Station

PAUSE_S = 0.01  # between pieces, so that they do not all come in one read


def free_port() -> int:
    """A port of loopback that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def running(*command: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program while the block lasts; what it says goes nowhere."""
    nothing = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=nothing, stdout=nothing, stderr=nothing
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()


class Source:
    """A TCP server that sends what it is given to whoever is connected."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)

    async def send(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            for writer in self.writers:
                writer.write(piece)
                await writer.drain()
            await asyncio.sleep(PAUSE_S)


@contextlib.asynccontextmanager
async def source() -> AsyncIterator[tuple[Source, int]]:
    """A source and its port."""
    made = Source()
    server = await asyncio.start_server(made.connected, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in made.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()


class Heard:
    """Where a link of ours delivers: bytes and states, and a network that counts them."""

    def __init__(self, station: Station) -> None:
        self.network = Network([station])
        self.data = bytearray()
        self.states: list[str] = []

    def __call__(self, chunk: Chunk) -> None:
        self.network.feed(chunk)
        self.data += chunk.data
        if chunk.state is not None:
            self.states.append(chunk.state)

    @property
    def frames(self) -> int:
        """As the daemon's metrics count them."""
        return self.network.streams[0].frames()["frames"]

    def surroundings(self, password: str) -> Surroundings:
        return Surroundings(
            deliver=self,
            agent="hncors/0",
            password=lambda station: password,
            good=lambda station: True,
            fruitless=lambda station: False,
            turns=Turns(10),
            retry_first_s=1,
            retry_longest_s=1,
        )


async def grown(path: Path, size: int) -> bytes:
    """What is in a file once it has some size."""
    await until(lambda: path.exists() and path.stat().st_size >= size, 15)
    return await asyncio.to_thread(path.read_bytes)
