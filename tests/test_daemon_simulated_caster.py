"""The simulated caster over real sockets, seen by clients that know nothing of hncors but raw bytes."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

import certificates
import pytest
import wire
from waiting import until

from hncors.daemon import caster_session
from hncors.daemon.link_faults import KINDS, Fault
from hncors.daemon.simulated_caster import Caster, read_users
from hncors.ntrip.mountpoint import Mountpoint

FRAME = wire.framed(b"\x3e\xd0\x00\x03")
OTHER = wire.framed(b"\x40\x90\x00\x07\x05")
V1 = b"GET /A HTTP/1.0\r\nUser-Agent: NTRIP x\r\n\r\n"
V2 = b"GET /A HTTP/1.1\r\nHost: x\r\nNtrip-Version: Ntrip/2.0\r\nUser-Agent: NTRIP x\r\n\r\n"
ICY = b"ICY 200 OK\r\n\r\n"
GGA = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"


class Client:
    """One connection and what came over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.got = b""

    async def until(self, data: bytes) -> bytes:
        async with asyncio.timeout(5):
            while data not in self.got:
                piece = await self.reader.read(65536)
                assert piece, f"closed after {self.got!r}"
                self.got += piece
        return self.got

    async def end(self) -> bytes:
        async with asyncio.timeout(5):
            self.got += await self.reader.read()
        return self.got

    async def quiet(self, seconds: float = 0.1) -> bool:
        try:
            self.got += await asyncio.wait_for(self.reader.read(65536), seconds)
        except TimeoutError:
            return True
        return False


@contextlib.asynccontextmanager
async def serving(*mountpoints: Mountpoint, **more: object) -> AsyncIterator[tuple[Caster, int]]:
    caster = Caster(mountpoints or [Mountpoint("A")], **more)
    _, port = await caster.listen("127.0.0.1", 0)
    try:
        yield caster, port
    finally:
        await caster.close()


@contextlib.asynccontextmanager
async def client(
    port: int, asks: bytes = b"", host: str = "127.0.0.1", **more: object
) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(host, port, **more)
    writer.write(asks)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_both_versions_get_every_byte():
    async with serving() as (caster, port), client(port, V1) as old, client(port, V2) as new:
        await old.until(ICY)
        await new.until(b"\r\n\r\n")
        for data in (FRAME, OTHER + FRAME):
            caster.publish("A", data)
        assert await old.until(OTHER + FRAME) == ICY + FRAME + OTHER + FRAME
        body = (await new.until(OTHER + FRAME + b"\r\n")).partition(b"\r\n\r\n")[2]
        assert body == b"a\r\n" + FRAME + b"\r\n15\r\n" + OTHER + FRAME + b"\r\n"
        await caster.close()
        assert (await new.end()).endswith(b"\r\n0\r\n\r\n")
        assert caster.counts["streams"] == 2


async def test_a_request_in_pieces_and_nothing_for_strangers():
    async with serving(Mountpoint("A"), Mountpoint("B")) as (caster, port), client(port, V1[:20]) as slow:
        caster.publish("A", FRAME)  # before anybody listens: gone
        await asyncio.sleep(0.02)
        slow.writer.write(V1[20:])
        await slow.until(ICY)
        caster.publish("B", OTHER)
        caster.publish("A", FRAME)
        assert await slow.until(FRAME) == ICY + FRAME


async def test_tls_and_ipv6(tmp_path, peer):
    cert, key = certificates.made(tmp_path, peer("openssl"))
    async with serving() as (caster, _):
        host, port = await caster.listen("::1", 0, certificates.serving(cert, key))
        trusting = ssl.create_default_context(cafile=cert)
        async with client(port, V1, host, ssl=trusting, server_hostname="localhost") as one:
            await one.until(ICY)
            caster.publish("A", FRAME)
            assert await one.until(FRAME) == ICY + FRAME


async def test_users():
    async with serving(users={"user": "pw2", "王": "密"}) as (caster, port):
        for token, status in ((None, b"401"), (b"dXNlcjpwdzE=", b"401"), (b"dXNlcjpwdzI=", b"ICY 200")):
            asks = V1 if token is None else V1[:-2] + b"Authorization: Basic " + token + b"\r\n\r\n"
            async with client(port, asks) as one:
                said = await one.until(b"\r\n\r\n")
                assert said.startswith(b"HTTP/1.0 401" if status == b"401" else status)
        assert caster.counts["answers_401"] == 2
        async with client(port, b"GET / HTTP/1.0\r\n\r\n") as one:  # the table is for everybody, and says so
            assert b";B;" in await one.end()


@pytest.mark.parametrize(
    ("asks", "unknown_is_404", "begins"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", False, b"SOURCETABLE 200 OK\r\n"),
        (V1.replace(b"/A", b"/X"), True, b"SOURCETABLE 200 OK\r\n"),
        (V2.replace(b"/A", b"/X"), False, b"HTTP/1.1 200 OK\r\n"),
        (V2.replace(b"/A", b"/X"), True, b"HTTP/1.1 404 Not Found\r\n"),
        (b"POST /A HTTP/1.1\r\n\r\n", False, b"HTTP/1.0 405 "),
        (b"\x16\x03\x01\r\n\r\n", False, b"HTTP/1.0 400 "),
        (b"x" * 9000, False, b"HTTP/1.0 431 "),
    ],
)
async def test_answers_that_are_no_stream(asks, unknown_is_404, begins):
    async with serving(unknown_is_404=unknown_is_404) as (_, port), client(port, asks) as one:
        said = await one.end()
        assert said.startswith(begins)
        assert (b"STR;A;" in said and said.endswith(b"ENDSOURCETABLE\r\n")) == (b"200 OK" in begins)


async def test_too_many_connections():
    async with serving(max_connections=1) as (caster, port), client(port, V1) as first:
        await first.until(ICY)
        async with client(port) as second:
            assert (await second.end()).startswith(b"HTTP/1.0 503 ")
        caster.publish("A", FRAME)
        await first.until(FRAME)


async def test_who_never_asks_is_closed(monkeypatch):
    monkeypatch.setattr(caster_session, "REQUEST_WITHIN_S", 0.05)
    async with serving() as (_, port), client(port) as one:
        assert await one.end() == b""


async def test_a_slow_client_is_dropped_and_the_others_are_not():
    async with serving(max_behind=100_000) as (caster, port), client(port, V1) as good:
        stuck = socket.create_connection(("127.0.0.1", port))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(V1)
        await good.until(ICY)
        await until(lambda: len(caster.mounts["A"].sessions) == 2)
        sent = 0
        while not caster.counts["slow_dropped"]:
            assert sent < 100_000_000
            caster.publish("A", FRAME * 2000)
            sent += 1
            await good.reader.readexactly(len(FRAME) * 2000)
        assert len(caster.mounts["A"].sessions) == 1
        assert caster.counts["slow_dropped"] == 1
        stuck.close()


async def test_a_position_opens_a_stream_that_needs_one():
    async with serving(Mountpoint("A", needs_gga=True)) as (caster, port):
        later, at_once = V1, V2[:-2] + b"Ntrip-GGA: " + GGA + b"\r\n"
        async with client(port, later) as one, client(port, at_once) as two:
            await one.until(ICY)
            await two.until(b"\r\n\r\n")
            caster.publish("A", FRAME)
            await two.until(FRAME)
            one.writer.write(GGA.replace(b"*47", b"*00"))
            await until(lambda: caster.counts["gga_invalid"])
            caster.publish("A", FRAME)
            one.writer.write(GGA)
            await until(lambda: caster.counts["gga_valid"] == 2)
            caster.publish("A", OTHER)
            assert await one.until(OTHER) == ICY + OTHER


async def test_frames_are_written_by_themselves():
    async with serving() as (caster, port), client(port, V2) as one:
        await one.until(b"\r\n\r\n")
        caster.write_by_frame("A")
        caster.publish("A", FRAME + OTHER)
        caster.publish("A", FRAME + b"junk")  # not only frames: as it is
        body = (await one.until(b"junk\r\n")).partition(b"\r\n\r\n")[2]
        assert body == b"a\r\n" + FRAME + b"\r\nb\r\n" + OTHER + b"\r\ne\r\n" + FRAME + b"junk\r\n"


ANSWERED = {  # what a client gets that comes while the fault lasts
    "refuse": b"HTTP/1.0 503 Service Unavailable\r\n",
    "drop": ICY,
    "reset": ConnectionResetError,
    "table": b"SOURCETABLE 200 OK\r\n",
    "html": b"HTTP/1.0 200 OK\r\n",
    "redirect": b"HTTP/1.0 302 Found\r\n",
}
KEPT = ("stall", "half_open", "drip", "garbage")  # the connection stays


def test_every_fault_is_tested():
    assert set(KINDS) == {*ANSWERED, *KEPT}


@pytest.mark.parametrize("kind", ANSWERED)
async def test_faults_that_end_streams(kind):
    asks_b = V1.replace(b"/A", b"/B")
    async with (
        serving(Mountpoint("A"), Mountpoint("B")) as (caster, port),
        client(port, V1) as one,
        client(port, asks_b) as other,
    ):
        await one.until(ICY)
        await other.until(ICY)
        caster.act("A", Fault(kind))
        if kind == "reset":
            with pytest.raises(ConnectionResetError):
                await one.end()
        else:
            assert await one.end() == ICY
        async with client(port, V1) as back:
            if ANSWERED[kind] is ConnectionResetError:
                with pytest.raises(ConnectionResetError):
                    await back.end()
            else:
                assert (await back.end()).startswith(ANSWERED[kind])
        caster.act("A", None)
        async with client(port, V1) as back:
            await back.until(ICY)
            caster.publish("A", FRAME)
            caster.publish("B", OTHER)
            assert await back.until(FRAME) == ICY + FRAME
            assert await other.until(OTHER) == ICY + OTHER  # another mountpoint is not concerned


@pytest.mark.parametrize(("status", "line"), [(401, b"401 Unauthorized"), (409, b"409 Conflict")])
async def test_refused_with_a_status(status, line):
    async with serving() as (caster, port):
        caster.act("A", Fault("refuse", status=status, retry_after_s=30))
        async with client(port, V2) as one:
            said = await one.end()
            assert said.startswith(b"HTTP/1.1 " + line + b"\r\n")
            assert b"\r\nRetry-After: 30\r\n" in said


async def test_a_stall_sends_nothing_and_stays():
    async with serving() as (caster, port), client(port, V1) as one:
        await one.until(ICY)
        caster.act("A", Fault("stall"))
        async with client(port, V1) as new:
            await new.until(ICY)  # who comes is taken in, too
            caster.publish("A", FRAME)
            assert await one.quiet()
            assert await new.quiet()
            assert caster.mounts["A"].withheld == len(FRAME)
            caster.act("A", None)
            caster.publish("A", OTHER)
            assert await one.until(OTHER) == ICY + OTHER
            assert await new.until(OTHER) == ICY + OTHER


async def test_half_open_does_not_even_answer():
    async with serving() as (caster, port), client(port, V1) as one:
        await one.until(ICY)
        caster.act("A", Fault("half_open"))
        caster.publish("A", FRAME)
        async with client(port, V1) as new:
            assert await one.quiet()
            assert await new.quiet()
            caster.act("A", None)
            assert await new.end() == b""
        caster.publish("A", OTHER)
        assert await one.until(OTHER) == ICY + OTHER


async def test_a_drip_is_a_byte_at_a_time():
    async with serving() as (caster, port), client(port, V1) as one:
        await one.until(ICY)
        caster.act("A", Fault("drip", interval_s=0.02))
        caster.publish("A", FRAME)
        assert await one.until(FRAME[:3]) in [ICY + FRAME[:3], ICY + FRAME[:4]]
        caster.act("A", None)
        caster.publish("A", OTHER)
        await one.until(OTHER)
        assert FRAME not in one.got


async def test_garbage_is_as_long_and_no_frame():
    async with serving() as (caster, port), client(port, V1) as one:
        await one.until(ICY)
        caster.act("A", Fault("garbage"))
        for _ in range(20):
            caster.publish("A", FRAME)
        caster.act("A", None)
        caster.publish("A", OTHER)
        await one.until(OTHER)
        assert len(one.got) == len(ICY) + 20 * len(FRAME) + len(OTHER)
        assert wire.scan(one.got) == [OTHER]


async def test_nobody_listens_and_then_somebody_does():
    async with serving() as (caster, port), client(port, V1) as one:
        await one.until(ICY)
        await caster.refuse_connections()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        caster.publish("A", FRAME)
        await one.until(FRAME)  # streams go on
        await caster.listen("127.0.0.1", port)
        async with client(port, V1) as back:
            await back.until(ICY)


def test_users_in_a_file(tmp_path):
    file = tmp_path / "users"
    file.write_text("# who may listen\n\nmonitor:a:b\n王:密\n", encoding="utf-8")
    assert read_users(file) == {"monitor": "a:b", "王": "密"}
    file.write_text("monitor:geheim\ngeheim2\n")
    with pytest.raises(ValueError, match="line 2: expected NAME:PASSWORD") as refused:
        read_users(file)
    assert "geheim2" not in str(refused.value)
