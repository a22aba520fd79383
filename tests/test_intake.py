"""Stations that push their streams: RTKLIB's str2str as an NTRIP server, requests laid by hand, a slow clock.

What was sent is known, so frames are compared one by one; they are found by tests/wire.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import certificates
import pytest
import wire
from cli_material import made
from daemon_process import casting, configure, times
from daemon_process import running as running_daemon
from hypothesis import given
from hypothesis import strategies as st
from peers import free_port, running
from waiting import until
from wire import epoch

from hncors.daemon import intake as module
from hncors.daemon.intake import WAITING, Intake
from hncors.network import Chunk
from hncors.ntrip.server import Refused
from hncors.ntrip.source import Offer, Offered
from hncors.registry import Station

SENT = made(20)
FRAMES = wire.scan(SENT)
PASSWORD = "geheim"
STATION = Station("CSHA", "push:///CSHA0")
WELCOME = b"ICY 200 OK\r\n\r\n"


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class House:
    """An intake, and what it told."""

    def __init__(self, its: Intake, clock: Clock, port: int) -> None:
        self.its, self.clock, self.port = its, clock, port
        self.told: list[Chunk] = []

    def stream(self) -> bytes:
        return b"".join(chunk.data for chunk in self.told)

    def states(self) -> list[str]:
        return [chunk.state for chunk in self.told if chunk.state]


@contextlib.asynccontextmanager
async def house(
    station: Station = STATION, password: str = PASSWORD, tls: ssl.SSLContext | None = None
) -> AsyncIterator[House]:
    clock = Clock()
    its = Intake(clock)
    _, port = await its.listen("127.0.0.1", 0, tls)
    made = House(its, clock, port)
    following = asyncio.create_task(its.follow(station, made.told.append, lambda: password))
    await asyncio.sleep(0)
    try:
        yield made
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        its.close()


async def offer(port: int, head: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    return reader, writer


def source(
    password: str = PASSWORD, mountpoint: str = "/CSHA0", agent: str = "NTRIP LeicaGR50/4.50"
) -> bytes:
    return f"SOURCE {password} {mountpoint}\r\nSource-Agent: {agent}\r\nSTR: \r\n\r\n".encode()


def post(password: str = PASSWORD, user: str = "csha", more: str = "Transfer-Encoding: chunked\r\n") -> bytes:
    token = b64encode(f"{user}:{password}".encode()).decode()
    lines = f"POST /CSHA0 HTTP/1.1\r\nHost: h\r\nNtrip-Version: Ntrip/2.0\r\nUser-Agent: NTRIP x/1\r\n{more}"
    return f"{lines}Authorization: Basic {token}\r\n\r\n".encode()


def str2str(peer, folder: Path, its: House, password: str):
    """RTKLIB's NTRIP server, which pushes what is known."""
    file = folder / "sent.rtcm3"
    file.write_bytes(SENT)
    out = f"ntrips://:{password}@127.0.0.1:{its.port}/CSHA0"
    return running(peer("str2str"), "-in", f"file://{file}", "-out", out)


async def test_str2str_pushes(peer, tmp_path):
    async with house() as its:
        async with str2str(peer, tmp_path, its, PASSWORD):
            await until(lambda: len(wire.scan(its.stream())) == len(FRAMES), 20)
        assert wire.scan(its.stream()) == FRAMES
        await until(lambda: its.states() == ["connecting", "connected", "unavailable"])
        (connected,) = [chunk for chunk in its.told if chunk.state == "connected"]
        assert connected.origin is not None
        assert connected.origin.address == "127.0.0.1" and connected.origin.agent.startswith("NTRIP RTKLIB/")


async def test_str2str_with_another_password(peer, tmp_path):
    async with house() as its, str2str(peer, tmp_path, its, "wrong"):
        await until(lambda: its.its.counts["password"], 15)
        assert its.stream() == b"" and its.states() == ["connecting"]


@pytest.mark.parametrize("chunked", [True, False])
async def test_ntrip_2_pushes(chunked: bool):
    async with house(Station("CSHA", "push:///CSHA0", user="csha")) as its:
        more = "Transfer-Encoding: chunked\r\n" if chunked else ""
        reader, writer = await offer(its.port, post(more=more))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        for at in range(0, len(SENT), 700):
            piece = SENT[at : at + 700]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        await until(lambda: its.stream() == SENT)
        if chunked:
            writer.write(b"0\r\n\r\n")
            await until(lambda: its.states()[-1] == "unavailable")
            assert its.told[-1].why == "the station ended the stream"
        writer.close()


async def test_over_tls(peer, tmp_path):
    cert, key = certificates.made(tmp_path, peer("openssl"))
    async with house(tls=certificates.serving(cert, key)) as its:
        client = ssl.create_default_context(cafile=str(cert))
        reader, writer = await asyncio.open_connection("localhost", its.port, ssl=client)
        writer.write(source() + SENT)
        assert await reader.readexactly(len(WELCOME)) == WELCOME
        await until(lambda: its.stream() == SENT)
        writer.close()


@pytest.mark.parametrize(
    ("head", "count", "answer"),
    [
        (source("wrong"), "password", b"ERROR - Bad Password\r\n"),
        (source(mountpoint="/OTHER"), "unknown", b"ERROR - Bad Mountpoint\r\n"),
        (post("wrong"), "password", b"HTTP/1.1 401"),
        (b"GET / HTTP/1.1\r\n\r\n", "malformed", b"HTTP/1.1 405"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", "malformed", b"HTTP/1.1 400"),
        (b"SOURCE pw /A\r\nbroken field\r\n\r\n", "malformed", b"HTTP/1.1 400"),
        (b"x" * 40_000, "malformed", b"HTTP/1.1 431"),
        (post(more="Transfer-Encoding: gzip\r\n"), "malformed", b"HTTP/1.1 400"),
    ],
)
async def test_what_is_no_station_is_refused(head: bytes, count: str, answer: bytes):
    async with house() as its:
        reader, writer = await offer(its.port, head + b"\xd3 not of interest" * (count != "malformed"))
        with contextlib.suppress(ConnectionResetError):
            assert (await reader.read()).startswith(answer)
        writer.close()
        assert its.its.counts[count] == 1 and its.stream() == b"" and its.states() == ["connecting"]


async def test_another_user_is_refused():
    async with house(Station("CSHA", "push:///CSHA0", user="csha")) as its:
        reader, writer = await offer(its.port, post(user="other"))
        assert (await reader.read()).startswith(b"HTTP/1.1 401")
        writer.close()


async def test_a_mountpoint_is_of_one_station_while_it_sends():
    async with house() as its:
        reader, first = await offer(its.port, source() + SENT[:50])
        await reader.readexactly(len(WELCOME))
        again, second = await offer(its.port, source(agent="NTRIP str2str/2.4.3"))
        assert await again.read() == b"ERROR - Mountpoint Taken\r\n"
        (refused,) = [chunk for chunk in its.told if chunk.origin is not None and chunk.origin.refused]
        assert refused.state is None and refused.origin.agent == "NTRIP str2str/2.4.3"
        first.write(SENT[50:])
        await until(lambda: its.stream() == SENT)  # the first one goes on
        its.clock.now_s += module.TAKEN_S + 1
        reader, third = await offer(its.port, source())
        assert await reader.readexactly(len(WELCOME)) == WELCOME  # its line was lost, and it is back
        assert its.states() == ["connecting", "connected", "connected"]
        for writer in (first, second, third):
            writer.close()


async def test_who_guesses_passwords_has_to_wait():
    async with house() as its:
        for _ in range(module.WRONG_MOST):
            reader, writer = await offer(its.port, source("wrong"))
            assert await reader.read() == b"ERROR - Bad Password\r\n"
            writer.close()
        reader, writer = await offer(its.port, source())
        assert await reader.read() == b"ERROR - Too Many Requests\r\n"
        writer.close()
        its.clock.now_s += module.WRONG_S
        reader, writer = await offer(its.port, source())
        assert await reader.readexactly(len(WELCOME)) == WELCOME
        writer.close()


async def test_who_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(module, "OFFER_WITHIN_S", 0.05)
    monkeypatch.setattr(module, "MOST_OF_ONE", 5)
    async with house() as its:
        idle = [await offer(its.port, b"SOUR") for _ in range(8)]
        await until(lambda: its.its.counts["too_many"] == 3)
        for reader, writer in idle:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        await until(lambda: its.its.told().connections == 0)
        reader, writer = await offer(its.port, source())
        assert await reader.readexactly(len(WELCOME)) == WELCOME
        writer.close()


async def test_a_connection_that_is_quiet_is_closed(monkeypatch):
    monkeypatch.setattr(module, "QUIET_S", 0.05)
    async with house() as its:
        reader, writer = await offer(its.port, source())
        await reader.readexactly(len(WELCOME))
        its.clock.now_s += 1
        assert await reader.read() == b""
        assert its.told[-1].state == "unavailable" and "no bytes" in its.told[-1].why
        writer.close()


async def test_a_station_that_is_removed_is_closed():
    its = Intake()
    _, port = await its.listen("127.0.0.1", 0)
    told: list[Chunk] = []
    following = asyncio.create_task(its.follow(STATION, told.append, lambda: PASSWORD))
    await asyncio.sleep(0)
    assert (told[0].state, told[0].why) == ("connecting", WAITING)
    reader, writer = await offer(port, source())
    await reader.readexactly(len(WELCOME))
    following.cancel()
    assert await reader.read() == b""
    writer.close()
    reader, writer = await offer(port, source())
    assert await reader.read() == b"ERROR - Bad Mountpoint\r\n"
    writer.close()
    its.close()


async def test_the_daemon_takes_what_is_pushed(peer, tmp_path):
    """From a filed station's file to its state and metrics; the password is nowhere."""
    port = free_port()
    async with casting() as caster:
        config = configure(tmp_path, caster.port)
        with config.open("a") as file:
            file.write(f'[push]\nlisten = "127.0.0.1:{port}"\n')
        (tmp_path / "password").write_text(f"{PASSWORD}\n")
        text = 'id = "CSHA"\nlink = "push:///CSHA0"\npassword_file = "../password"\n'
        (tmp_path / "stations/CSHA.toml").write_text(text)
        async with running_daemon(config) as daemon:

            async def is_(state: str) -> bool:
                return (await daemon.states()).get("CSHA") == state

            await until(lambda: is_("connecting"))
            reader, writer = await offer(port, source())
            assert await reader.readexactly(len(WELCOME)) == WELCOME
            sending = asyncio.create_task(send(writer))
            await until(lambda: is_("streaming"))
            assert await daemon.metric('hncors_push_offers_total{result="accepted"}') == "1.0"
            assert await daemon.metric("hncors_push_connections") == "1.0"
            pages = [await daemon.get(path) for path in ("/metrics", "/", "/stations/CSHA", "/api/v1/events")]
            sending.cancel()
            writer.close()
            await until(lambda: is_("unavailable"))
            assert not any(PASSWORD in page for page in [*pages, *daemon.log])


async def send(writer: asyncio.StreamWriter) -> None:
    async for at_ms in times():
        writer.write(b"".join(epoch(at_ms)))


async def test_a_new_password_counts_at_once_and_none_lets_nobody_in(tmp_path):
    file, told = tmp_path / "password", []
    its = Intake()
    _, port = await its.listen("127.0.0.1", 0)
    following = asyncio.create_task(its.follow(STATION, told.append, lambda: file.read_text().strip()))
    for now, answer in (("", b"ERROR - Service Unavailable\r\n"), (PASSWORD, WELCOME), ("x2", WELCOME)):
        if now:
            file.write_text(now)
        reader, writer = await offer(port, source(now or PASSWORD))
        assert await reader.readexactly(len(answer)) == answer
        writer.close()
        await until(lambda: its.told().connections == 0)
    states = [(chunk.state, chunk.why) for chunk in told if chunk.state == "auth_failed"]
    assert states == [("auth_failed", "no password: No such file or directory")]
    following.cancel()
    its.close()


async def test_who_does_not_begin_tls_is_not_waited_for(peer, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "OFFER_WITHIN_S", 0.2)
    cert, key = certificates.made(tmp_path, peer("openssl"))
    async with house(tls=certificates.serving(cert, key)) as its:
        reader, writer = await offer(its.port, b"\x16")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert its.its.told().connections == 0


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=5))
def test_an_offer_is_the_same_in_any_pieces(data: bytes, cuts: list[int]):
    """Anything may come, also behind the first words of an offer; it is offered, refused, or waited for."""
    for begin in (b"", b"SOURCE ", b"POST /", source()[:-2], post()[:-2]):
        sent = begin + data
        whole, apart = Offer(), Offer()
        told = whole.feed(sent)
        assert told is None or isinstance(told, Offered | Refused)
        edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
        fed = 0
        for left, right in pairwise(edges):
            part, fed = apart.feed(sent[left:right]), right
            if part is not None:
                break
        assert part == told and apart.rest + sent[fed:] == whole.rest


async def test_record_keeps_what_is_pushed_and_by_whom(tmp_path):
    port, out = free_port(), tmp_path / "out"
    async with casting() as caster:
        config = configure(tmp_path, caster.port)
    with config.open("a") as file:
        file.write(f'[push]\nlisten = "127.0.0.1:{port}"\n')
    (tmp_path / "stations/CSHA.toml").write_text('id = "CSHA"\nlink = "push:///CSHA0"\n')
    command = ["-m", "hncors", "record", "-c", str(config), "--out", str(out), "--json"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)

    async def listens() -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        return False

    await until(listens, 20)
    reader, writer = await offer(port, source("", agent="NTRIP x/1") + SENT)
    assert await reader.readexactly(len(WELCOME)) == WELCOME
    await until(lambda: sum(file.stat().st_size for file in out.glob("*.rtcm3")) == len(SENT))
    process.send_signal(signal.SIGINT)
    told = json.loads((await process.communicate())[0])
    writer.close()
    assert told["stations"][0]["bytes"] == len(SENT) and process.returncode == 0
    assert b"".join(file.read_bytes() for file in sorted(out.glob("*.rtcm3"))) == SENT
    news = [json.loads(line) for file in out.glob("CSHA*.jsonl") for line in file.read_text().splitlines()]
    assert [one["origin"] for one in news if "origin" in one] == [["127.0.0.1", "NTRIP x/1", False]]


async def test_where_nobody_can_listen(tmp_path):
    async with house() as its:
        config = configure(tmp_path, 1)
        with config.open("a") as file:
            file.write(f'[push]\nlisten = "127.0.0.1:{its.port}"\n')
        (tmp_path / "stations/CSHA.toml").write_text('id = "CSHA"\nlink = "push:///CSHA0"\n')
        for command in (
            ["run", "-c", str(config)],
            ["record", "-c", str(config), "--out", str(tmp_path / "out")],
        ):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hncors", *command, stderr=asyncio.subprocess.PIPE
            )
            said = (await process.communicate())[1].decode()
            assert process.returncode == 2 and f'push.listen = "127.0.0.1:{its.port}": ' in said, said
            assert "expected an address that is free" in said and "Traceback" not in said


async def test_a_link_by_hand_cannot_be_pushed(tmp_path):
    command = ["-m", "hncors", "record", "push:///CSHA0", "--out", str(tmp_path / "out")]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    said = (await process.communicate())[1].decode()
    assert process.returncode == 2 and "push:/// needs -c FILE with a table [push]" in said
    assert not (tmp_path / "out").exists()


def test_an_offer_in_pieces():
    its = Offer()
    head = source() + b"\xd3\x00"
    assert [its.feed(head[at : at + 1]) for at in range(len(head) - 3)] == [None] * (len(head) - 3)
    assert its.feed(head[-3:]) == Offered("CSHA0", 1, None, PASSWORD, "NTRIP LeicaGR50/4.50")
    assert its.rest == b"\xd3\x00" and PASSWORD not in repr(Offered("A", 1, None, PASSWORD))
    assert isinstance(Offer().feed(b"SOURCE \r\n\r\n"), Refused)
    assert Offer().feed(b"SOURCE  /CSHA0\r\n\r\n") == Offered("CSHA0", 1)  # str2str without a password
