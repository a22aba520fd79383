"""Our client against casters of other people: RTKLIB's, pygnssutils', and socat's TLS before a plain one.

What went in is known, so frames are compared one by one; they are found by tests/wire.py, not by hncors.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import certificates
import pytest
import wire
from cli_material import made
from peers import Heard, free_port, running, source
from waiting import until

from hncors.daemon import tls
from hncors.daemon.caster_client import follow
from hncors.daemon.simulated_caster import Caster
from hncors.ntrip.mountpoint import Mountpoint
from hncors.registry import Station

USER, PASSWORD = "user", "pw2"
SENT = made(20)
FRAMES = wire.scan(SENT)
PIECES = [SENT[at : at + 500] for at in range(0, len(SENT), 500)]  # cut without regard to frames


@contextlib.asynccontextmanager
async def following(link: str, version: int, user: str | None = USER) -> AsyncIterator[Heard]:
    station = Station("A", link, rate_hz=1.0, user=user, password_file="p", ntrip_version=version)
    heard = Heard(station)
    task = asyncio.create_task(follow(station, heard.surroundings(PASSWORD)))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def everything(heard: Heard) -> None:
    """Waits for the last frame, then compares all."""
    await until(lambda: heard.data.endswith(SENT[-20:]), 15)
    assert wire.scan(bytes(heard.data)) == FRAMES
    assert heard.frames == len(FRAMES)
    assert heard.network.streams[0].bytes()["received"] == len(heard.data)


@pytest.mark.parametrize("version", [1, 2])
async def test_the_caster_of_str2str(version, peer):
    port = free_port()
    async with source() as (feed, fed):
        out = f"ntripc://{USER}:{PASSWORD}@:{port}/HUN1"
        command = [peer("str2str"), "-in", f"tcpcli://127.0.0.1:{fed}", "-out", out]
        async with running(*command), following(f"ntrip://127.0.0.1:{port}/HUN1", version) as heard:
            await until(lambda: feed.writers and "connected" in heard.states)
            await feed.send(PIECES)
            await everything(heard)
            assert heard.states.count("connected") == 1


async def test_the_caster_of_str2str_refuses_another_password_and_has_no_other_mountpoint(peer):
    port = free_port()
    async with source() as (_, fed):
        out = f"ntripc://{USER}:other@:{port}/HUN1"
        async with running(peer("str2str"), "-in", f"tcpcli://127.0.0.1:{fed}", "-out", out):
            for mountpoint, state in (("HUN1", "auth_failed"), ("HUN2", "mountpoint_missing")):
                async with following(f"ntrip://127.0.0.1:{port}/{mountpoint}", 1) as heard:
                    await until(lambda heard=heard, state=state: state in heard.states)
                    assert "connected" not in heard.states


@pytest.mark.parametrize("version", [1, 2])
async def test_the_server_of_pygnssutils(version):
    """Its version 2 answers `HTTP/1.1 200 OKNtrip-Version: ...`, a line end short, and sends no chunks."""
    port = free_port()
    async with source() as (feed, fed):
        options = f"--socket 127.0.0.1:{fed} --hostip 127.0.0.1 --outport {port} --ntripmode 1"
        options += f" --ntripversion {version}.0 --ntripuser {USER} --ntrippassword {PASSWORD} --protfilter 4"
        command = [sys.executable, "-m", "pygnssutils.gnssserver_cli", *options.split(), "--verbosity", "-1"]
        async with running(*command), following(f"ntrip://127.0.0.1:{port}/pygnssutils", version) as heard:
            await until(lambda: feed.writers and "connected" in heard.states, 20)
            await asyncio.sleep(0.3)  # it says 200 before the thread that sends has begun
            await feed.send(PIECES)
            await everything(heard)


@pytest.mark.parametrize("through", ["socat", "our own"])
async def test_tls(through, peer, tmp_path, monkeypatch):
    cert, key = certificates.made(tmp_path, peer("openssl"))
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    tls._context.cache_clear()
    caster = Caster([Mountpoint("HUN1")], users={USER: PASSWORD})
    try:
        async with contextlib.AsyncExitStack() as stack:
            context = certificates.serving(cert, key) if through == "our own" else None
            _, port = await caster.listen("127.0.0.1", 0, context)
            if through == "socat":
                plain, port = port, free_port()
                listen = f"OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,cert={cert},key={key},verify=0"
                await stack.enter_async_context(running(peer("socat"), listen, f"TCP:127.0.0.1:{plain}"))
                await until(lambda: listens(port))
            async with following(f"ntrips://localhost:{port}/HUN1", 2) as heard:
                await until(lambda: caster.counts["streams"], 15)
                for piece in PIECES:
                    caster.publish("HUN1", piece)
                    await asyncio.sleep(0)
                await everything(heard)
    finally:
        await caster.close()
        tls._context.cache_clear()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
