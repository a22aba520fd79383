"""A caster on loopback that does what a test's script says, and streams followed from it in virtual time.

    @virtual
    async def test_silence() -> None:
        async with ScriptedCaster([ICY + FRAME, HOLD]) as caster, followed(caster, rate_hz=1.0) as heard:
            await heard.until(lambda: "stalled" in heard.states)
        assert heard.when("stalled") == pytest.approx(10.0, abs=0.5)

Sockets are real, time is not: where nothing is left to be done before the next timer, the loop's clock jumps
to it. So ten minutes of a script take as long as their bytes do.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import selectors
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from hncors.daemon import caster_client
from hncors.daemon.caster_client import Surroundings
from hncors.daemon.reconnect import Turns
from hncors.network import Chunk
from hncors.registry import Station

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")  # a 1005 (RTCM 10403.3, 4.2)
ICY = b"ICY 200 OK\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: gnss/data\r\n\r\n"
EPOCH_NS = 1_795_465_800 * 1_000_000_000  # what the clock on the wall says at virtual second 0
REAL_LIMIT_S = 60.0  # of real time, for one test

# How a script ends; one that ends without saying closes the connection
CLOSE, RESET = "close", "reset"  # with FIN; with RST
HOLD, DEAF = "hold", "deaf"  # until the client goes; for ever, without reading what it sends


@dataclass(frozen=True)
class Pieces:
    """A step: `data` in pieces of `size` bytes, each in a segment of its own, `every_s` apart."""

    data: bytes
    size: int = 1
    every_s: float = 0.0


Step = bytes | float | str | Pieces | asyncio.Event | Callable[[], Awaitable[object]]
"""Bytes are sent, a number is waited for in seconds, an event too, a function is called and awaited."""
Script = Iterable[Step]


# --- virtual time ------------------------------------------------------------------------------


class _Jumping(selectors.DefaultSelector):
    """Waits for sockets only while something may still come by itself; else time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.threads = 0  # jobs in threads: their results come by themselves

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        # Loopback delivers within the call that sends, mostly; a busy machine may need a moment.
        ready = super().select(0.0005)
        if not ready and (self.threads or timeout is None):
            return super().select(0.05)
        if not ready:
            self.now_s += timeout or 0.0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time` begins at 0 and jumps to the next timer when there is nothing to do."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self._jumping.threads += 1
        job = super().run_in_executor(executor, func, *args)

        def over(_: object) -> None:
            self._jumping.threads -= 1

        job.add_done_callback(over)
        return job


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test in virtual time; it fails when it takes a minute of real time."""

    @functools.wraps(test)
    def run(*args: Any, **more: Any) -> None:
        begun_s = time.monotonic()

        async def limited() -> None:
            task = asyncio.create_task(test(*args, **more))
            while not task.done():
                await asyncio.wait({task}, timeout=10.0)
                if time.monotonic() - begun_s > REAL_LIMIT_S:
                    task.cancel()
            await task

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(limited())

    return run


def now_s() -> float:
    """Virtual seconds since the test began."""
    return asyncio.get_running_loop().time()


# --- the caster --------------------------------------------------------------------------------


@dataclass
class Session:
    """One connection as the caster saw it; times are the loop's."""

    begun_s: float
    request: bytes = b""
    sent: int = 0
    ended_s: float | None = None
    closed_by: str = ""  # "client" or "caster"


class ScriptedCaster:
    """Connection n follows the n-th of `scripts`, or the last of them; a function gets n and gives a script.

    `asks`: a request is read before the script begins (False for plain TCP). `tls`: a server's context.
    """

    def __init__(
        self,
        *scripts: Script | Callable[[int], Script],
        asks: bool = True,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.sessions: list[Session] = []
        self.host = host
        self.port = 0
        self._scripts = scripts
        self._asks = asks
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ScriptedCaster:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, again at the same port if it did so before."""
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, ssl=self._tls, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def link(self, mountpoint: str = "MOUNT", scheme: str = "ntrip") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}" + ("" if scheme == "tcp" else f"/{mountpoint}")

    @property
    def open(self) -> int:
        """Connections that have not ended."""
        return sum(session.ended_s is None for session in self.sessions)

    def begun_s(self) -> list[float]:
        return [session.begun_s for session in self.sessions]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        script = self._scripts[min(len(self.sessions), len(self._scripts) - 1)]
        steps = script(len(self.sessions)) if callable(script) else script
        session = Session(now_s())
        self.sessions.append(session)
        try:
            if self._asks:
                session.request = await reader.readuntil(b"\r\n\r\n")
            session.closed_by = await _follow_script(steps, reader, writer, session)
        except (OSError, asyncio.IncompleteReadError):
            session.closed_by = "client"
        except asyncio.CancelledError:
            session.closed_by = "caster"
            writer.transport.abort()
        finally:
            session.ended_s = now_s()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _follow_script(
    steps: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session
) -> str:
    """Who ended the connection."""
    for step in steps:
        match step:
            case bytes():
                await _send(step, writer, session)
            case Pieces(data, size, every_s):
                for at in range(0, len(data), size):
                    await _send(data[at : at + size], writer, session)
                    await asyncio.sleep(every_s)
            case int() | float():
                await asyncio.sleep(step)
            case asyncio.Event():
                await step.wait()
            case "hold":
                while await reader.read(65536):
                    pass
                return "client"
            case "deaf":
                if isinstance(writer.transport, asyncio.ReadTransport):
                    writer.transport.pause_reading()
                await asyncio.Event().wait()
            case "reset":
                linger = struct.pack("ii", 1, 0)  # close() then sends RST
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                break
            case "close":
                break
            case str():
                raise ValueError(f"no such step: {step}")
            case call:
                await call()
    return "caster"


async def _send(data: bytes, writer: asyncio.StreamWriter, session: Session) -> None:
    if writer.transport.is_closing():
        raise ConnectionResetError
    writer.write(data)
    session.sent += len(data)
    await writer.drain()


# --- the client --------------------------------------------------------------------------------


@dataclass
class Heard:
    """What was delivered, at virtual arrival times, and somewhere to wait for it."""

    chunks: list[Chunk] = field(default_factory=list)
    also: Callable[[Chunk], None] | None = None

    def __post_init__(self) -> None:
        self._more = asyncio.Event()

    def __call__(self, chunk: Chunk) -> None:
        chunk = chunk._replace(arrival_ns=EPOCH_NS + round(now_s() * 1e9))
        self.chunks.append(chunk)
        if self.also is not None:
            self.also(chunk)
        self._more.set()

    @property
    def states(self) -> list[str]:
        return [chunk.state for chunk in self.chunks if chunk.state]

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    def when(self, state: str, nth: int = 0) -> float:
        """The virtual second at which a state was told for the n-th time."""
        return [(c.arrival_ns - EPOCH_NS) / 1e9 for c in self.chunks if c.state == state][nth]

    def why(self, state: str, nth: int = 0) -> str:
        return [c.why for c in self.chunks if c.state == state][nth]

    async def until(self, condition: Callable[[], object], within_s: float = 7200.0) -> None:
        """Wait for what is heard to fulfil `condition`, in virtual time."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._more.clear()
                await self._more.wait()


def surroundings(heard: Heard, **more: Any) -> Surroundings:
    """What streams share, as the daemon's defaults have it; `more` replaces some of it."""
    usual: dict[str, Any] = {
        "deliver": heard,
        "agent": "hncors/0",
        "password": lambda station: "canary-geheim",
        "good": lambda station: False,
        "fruitless": lambda station: "",
        "turns": Turns(10.0),
        "retry_first_s": 10.0,
        "retry_longest_s": 300.0,
        "chance": random.Random(1),
    }
    return Surroundings(**{**usual, **more})


@contextlib.asynccontextmanager
async def followed(
    caster: ScriptedCaster,
    *,
    scheme: str = "ntrip",
    shared: Surroundings | None = None,
    heard: Heard | None = None,
    **station: Any,
) -> AsyncIterator[Heard]:
    """A stream of the caster, followed as the daemon does while the block runs."""
    heard = heard or Heard()
    one = Station(**{"id": "A", "link": caster.link(scheme=scheme), **station})
    task = asyncio.create_task(caster_client.follow(one, shared or surroundings(heard)))
    try:
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)  # the transport's own end
