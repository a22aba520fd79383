"""Streams followed over real sockets: a caster on loopback that does what each test tells it."""

import asyncio
import base64
import contextlib
import dataclasses
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from hncors.daemon import caster_client
from hncors.daemon.caster_client import Surroundings, attempt, follow
from hncors.daemon.reconnect import Turns
from hncors.network import Chunk
from hncors.registry import Station, parse_link

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")
PASSWORD = "canary-geheim"
CLOSE, HOLD, RESET = "close", "hold", "reset"  # what a connection does after its bytes


class Heard:
    """What was delivered, and somewhere to wait for it."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._more = asyncio.Event()

    def __call__(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self._more.set()

    @property
    def states(self) -> list[str]:
        return [chunk.state for chunk in self.chunks if chunk.state]

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    async def until(self, condition: Callable[["Heard"], object]) -> None:
        async with asyncio.timeout(10):
            while not condition(self):
                self._more.clear()
                await self._more.wait()


class Caster:
    """Connection n sends the n-th of `answers`, (bytes to send ..., what then), or the last of them."""

    def __init__(self, *answers: tuple[bytes | str, ...], asks: bool = True) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = asyncio.Event()  # the client closed a held connection
        self.tasks: list[asyncio.Task[None]] = []
        self._asks = asks

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = self.answers[min(self.connections, len(self.answers) - 1)]
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        try:
            if self._asks:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in answer[:-1]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if answer[-1] == HOLD:
                await reader.read()
                self.ended.set()
            if answer[-1] == RESET:
                linger = struct.pack("ii", 1, 0)  # close() then sends RST
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def surroundings(heard: Heard, password: Callable[[Station], str] = lambda station: PASSWORD) -> Surroundings:
    return Surroundings(
        deliver=heard,
        agent="hncors/0",
        password=password,
        good=lambda station: False,
        fruitless=lambda station: "",
        turns=Turns(1000),
        retry_first_s=0.01,
        retry_longest_s=0.01,
    )


@contextlib.asynccontextmanager
async def following(caster: Caster, *, scheme: str = "ntrip", **station: object) -> AsyncIterator[Heard]:
    """A stream of the caster, followed while the block runs."""
    server = await asyncio.start_server(caster.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = f"tcp://127.0.0.1:{port}" if scheme == "tcp" else f"ntrip://127.0.0.1:{port}/MOUNT"
    heard = Heard()
    task = asyncio.create_task(follow(Station(id="A", link=link, **station), surroundings(heard)))
    try:
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        server.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*caster.tasks)
            await server.wait_closed()


ICY = b"ICY 200 OK\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: gnss/data\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (ICY + FRAME + FRAME,),
        (ICY, FRAME, FRAME),
        (ICY[:5], ICY[5:] + FRAME[:3], FRAME[3:] + FRAME),
        (OK + b"\r\n" + FRAME, FRAME),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n20\r\n" + FRAME + FRAME[:7],
            FRAME[7:][:0],
            b"\r\n12\r\n" + FRAME[7:],
        ),
    ],
)
async def test_a_stream_arrives_to_the_byte(pieces):
    async with following(Caster((*pieces, HOLD))) as heard:
        await heard.until(lambda h: len(h.data) == 50)
        assert heard.data == FRAME + FRAME
        assert heard.states == ["connecting", "connected"]
        assert all(chunk.station == "A" for chunk in heard.chunks)
        arrivals = [chunk.arrival_ns for chunk in heard.chunks]
        assert arrivals == sorted(arrivals)


async def test_the_request_carries_user_and_password():
    caster = Caster((ICY, HOLD))
    async with following(caster, user="monitor", password_file="caster.password") as heard:
        await heard.until(lambda h: "connected" in h.states)
    lines = caster.requests[0].decode("ascii").split("\r\n")
    assert lines[0] == "GET /MOUNT HTTP/1.1"
    assert "Authorization: Basic " + base64.b64encode(f"monitor:{PASSWORD}".encode()).decode() in lines
    assert "User-Agent: NTRIP hncors/0" in lines


async def test_version_1_is_asked_for_in_version_1():
    caster = Caster((ICY, HOLD))
    async with following(caster, ntrip_version=1) as heard:
        await heard.until(lambda h: "connected" in h.states)
    assert caster.requests[0].startswith(b"GET /MOUNT HTTP/1.0\r\n")
    assert b"Host" not in caster.requests[0]
    assert b"Authorization" not in caster.requests[0]


async def test_plain_tcp_streams_from_the_first_byte():
    async with following(Caster((FRAME, FRAME, CLOSE), asks=False), scheme="tcp") as heard:
        await heard.until(lambda h: h.states.count("backoff") == 2)
        assert heard.states[:5] == ["connecting", "connected", "backoff", "connected", "backoff"]
        assert heard.data.startswith(FRAME * 4)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((b"HTTP/1.1 401 Unauthorized\r\n\r\n", CLOSE), "auth_failed"),
        ((b"HTTP/1.1 404 Not Found\r\n\r\n", CLOSE), "mountpoint_missing"),
        ((b"SOURCETABLE 200 OK\r\n\r\nENDSOURCETABLE\r\n", HOLD), "mountpoint_missing"),
        ((b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", CLOSE), "redirected"),
        ((b"HTTP/1.1 503 Busy\r\n\r\n", CLOSE), "unavailable"),
        ((b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", CLOSE), "not_ntrip"),
        ((OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", HOLD), "protocol_error"),
        ((CLOSE,), "protocol_error"),
        ((RESET,), "unavailable"),
    ],
)
async def test_why_there_is_no_stream(answer, state):
    caster = Caster(answer)
    async with following(caster, user="monitor", password_file="p") as heard:
        await heard.until(lambda h: len(h.states) == 2)
        assert heard.states == ["connecting", state]
        assert heard.data == b""
        assert heard.chunks[-1].why
        if answer[-1] == HOLD:  # the client does not wait for a caster that has said its last
            await asyncio.wait_for(caster.ended.wait(), 2)
    assert not any(PASSWORD in repr(chunk) for chunk in heard.chunks)


async def test_it_goes_on_for_ever_and_says_connected_each_time():
    refused = b"HTTP/1.1 503 Busy\r\n\r\n"
    caster = Caster((refused, CLOSE), (ICY + FRAME, CLOSE), (ICY + FRAME[:7], RESET), (ICY + FRAME, HOLD))
    async with following(caster) as heard:
        await heard.until(lambda h: h.data.endswith(FRAME) and h.states.count("connected") == 3)
        assert heard.states == [
            "connecting",
            "unavailable",
            "connected",
            "backoff",
            "connected",
            "backoff",
            "connected",
        ]


async def test_n01_a_silent_stream_is_stalled_and_connected_again(monkeypatch):
    monkeypatch.setattr(caster_client, "QUIET_S", 0.2)
    caster = Caster((ICY + FRAME, HOLD))
    async with following(caster, rate_hz=20.0) as heard:
        await heard.until(lambda h: h.states.count("connected") == 2)
        assert heard.states[:4] == ["connecting", "connected", "stalled", "connected"]
        assert caster.ended.is_set()


async def test_a_caster_that_never_answers_is_unavailable(monkeypatch):
    monkeypatch.setattr(caster_client, "ANSWER_S", 0.2)
    async with following(Caster((b"HTTP/1.1 2", HOLD))) as heard:
        await heard.until(lambda h: len(h.states) == 2)
        assert heard.states == ["connecting", "unavailable"]
        assert "no answer" in heard.chunks[-1].why


@pytest.mark.parametrize(("rate_hz", "seconds"), [(None, 60), (1.0, 10), (10.0, 10), (0.1, 30), (1 / 30, 90)])
def test_how_long_a_stream_may_be_silent(rate_hz, seconds):
    assert caster_client.quiet_s(rate_hz) == pytest.approx(seconds)


async def test_n30_an_end_of_following_closes_the_connection():
    caster = Caster((ICY + FRAME, HOLD))
    async with following(caster) as heard:
        await heard.until(lambda h: h.data)
    await asyncio.wait_for(caster.ended.wait(), 2)


async def test_n22_nobody_listens():
    probe = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    station = Station(id="A", link=f"ntrip://127.0.0.1:{port}/A")
    verdict = await attempt(station, parse_link(station.link), surroundings(Heard()))
    assert verdict.state == "unreachable"
    assert "refused" in verdict.why.lower()


@pytest.mark.parametrize("fault", [FileNotFoundError(2, "No such file or directory"), ValueError("empty")])
async def test_a_password_that_cannot_be_read(fault):
    def password(station: Station) -> str:
        raise fault

    station = Station(id="A", link="ntrip://127.0.0.1:1/A", user="u", password_file="p")
    verdict = await attempt(station, parse_link(station.link), surroundings(Heard(), password))
    assert verdict.state == "auth_failed"
    assert verdict.why.startswith("no password: ")


async def test_n26_tls_on_a_plain_port():
    caster = Caster((b"HTTP/1.1 400 Bad Request\r\n\r\n", CLOSE), asks=False)
    server = await asyncio.start_server(caster.serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        station = Station(id="A", link=f"ntrips://127.0.0.1:{port}/A")
        verdict = await attempt(station, parse_link(station.link), surroundings(Heard()))
        assert verdict.state == "tls_failed"
        assert verdict.why.isprintable()
        async with asyncio.timeout(5):
            await asyncio.gather(*caster.tasks)
    finally:
        server.close()
        await server.wait_closed()


async def test_a_fault_of_ours_while_a_connection_is_watched_is_told(monkeypatch):
    """It is the link's, which begins anew after it; a connection nobody watches would stay for ever."""

    def fruitless(station: str) -> str:
        raise ZeroDivisionError

    caster = Caster((ICY + FRAME, HOLD))
    server = await asyncio.start_server(caster.serve, "127.0.0.1", 0)
    try:
        station = Station(
            id="A", link=f"ntrip://127.0.0.1:{server.sockets[0].getsockname()[1]}/A", rate_hz=1.0
        )
        shared = dataclasses.replace(surroundings(Heard()), fruitless=fruitless)
        monkeypatch.setattr(caster_client, "ANSWER_S", 0.2)
        with pytest.raises(ZeroDivisionError):
            await attempt(station, parse_link(station.link), shared)
    finally:
        server.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*caster.tasks)
            await server.wait_closed()
