"""Clients of other people at our simulated caster: RTKLIB's, gpsd's, pygnssutils', OpenSSL's.

What was published is known, so frames are compared one by one; they are found by tests/wire.py.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import certificates
import pytest
import wire
from cli_material import made
from peers import PAUSE_S, free_port, grown, running
from waiting import until

from hncors.daemon.simulated_caster import Caster
from hncors.ntrip.mountpoint import Mountpoint

USER, PASSWORD = "user", "pw2"
SENT = made(20)
FRAMES = wire.scan(SENT)
PIECES = [SENT[at : at + 500] for at in range(0, len(SENT), 500)]


@contextlib.asynccontextmanager
async def serving(**more: object) -> AsyncIterator[tuple[Caster, int]]:
    caster = Caster([Mountpoint("HUN1")], users={USER: PASSWORD}, **more)
    _, port = await caster.listen("127.0.0.1", 0)
    try:
        yield caster, port
    finally:
        await caster.close()


async def publish(caster: Caster) -> None:
    """Once somebody listens, everything."""
    await until(lambda: caster.counts["streams"], 15)
    for piece in PIECES:
        caster.publish("HUN1", piece)
        await asyncio.sleep(PAUSE_S)


async def test_str2str(peer, tmp_path):
    file = tmp_path / "got"
    async with serving() as (caster, port):
        command = [peer("str2str"), "-in", f"ntrip://{USER}:{PASSWORD}@127.0.0.1:{port}/HUN1"]
        async with running(*command, "-out", f"file://{file}"):
            await publish(caster)
            await asyncio.sleep(0.3)  # what it has read it writes when it ends
        assert wire.scan(await grown(file, len(SENT))) == FRAMES


async def test_str2str_with_another_password(peer, tmp_path):
    async with serving() as (caster, port):
        command = [peer("str2str"), "-in", f"ntrip://{USER}:wrong@127.0.0.1:{port}/HUN1"]
        async with running(*command, "-out", f"file://{tmp_path / 'got'}"):
            await until(lambda: caster.counts["answers_401"], 15)
            assert caster.counts["streams"] == 0


@pytest.mark.peer("gpsd", "gpspipe")
async def test_gpsd(peer, tmp_path):
    """gpsd takes a stream by packets, so what it passes on is whole frames and nothing else."""
    file, port = tmp_path / "got", free_port()
    async with serving() as (caster, caster_port):
        link = f"ntrip://{USER}:{PASSWORD}@127.0.0.1:{caster_port}/HUN1"
        async with running(peer("gpsd"), "-N", "-n", "-S", port, link):
            await until(lambda: caster.counts["streams"], 15)
            async with running(peer("gpspipe"), "-R", "-o", file, f"127.0.0.1:{port}"):
                await asyncio.sleep(0.5)  # nothing tells when it has subscribed
                await publish(caster)
                await publish(caster)  # again: what is last waits in gpsd and gpspipe for more
                await until(lambda: len(wire.scan(file.read_bytes())) >= len(FRAMES), 15)
    frames = wire.scan(file.read_bytes())
    assert frames == (FRAMES + FRAMES)[: len(frames)]


PYGNSSUTILS = """
import sys, time
from pygnssutils import GNSSNTRIPClient
out = open(sys.argv[1], "wb")
GNSSNTRIPClient().run(
    server="127.0.0.1", port=int(sys.argv[2]), version=sys.argv[3], mountpoint="HUN1", datatype="RTCM",
    ntripuser="user", ntrippassword="pw2", ggainterval=-1, output=out,
)
time.sleep(60)
"""


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_pygnssutils(version, tmp_path):
    """It reads NTRIP 2.0 with its chunks, parses each frame with pyrtcm and passes on those that are good.

    Used as a library: the command of 1.3.1 fails at its start.  What it reads first after the head it drops.
    """
    file = tmp_path / "got"
    async with (
        serving() as (caster, port),
        running(sys.executable, "-c", PYGNSSUTILS, file, port, version),
    ):
        await until(lambda: caster.counts["streams"], 15)
        await asyncio.sleep(0.2)  # so that the head is read by itself
        caster.publish("HUN1", FRAMES[0])
        await asyncio.sleep(0.2)
        await publish(caster)
        got = await grown(file, len(SENT))
    assert wire.scan(got) == FRAMES


async def test_the_client_of_openssl(peer, tmp_path):
    cert, key = certificates.made(tmp_path, peer("openssl"))
    async with serving() as (caster, _):
        _, port = await caster.listen("127.0.0.1", 0, certificates.serving(cert, key))
        pipe = asyncio.subprocess.PIPE
        options = f"s_client -quiet -verify_return_error -verify_hostname localhost -connect 127.0.0.1:{port}"
        process = await asyncio.create_subprocess_exec(
            peer("openssl"), *options.split(), "-CAfile", str(cert), stdin=pipe, stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        process.stdin.write(b"GET /HUN1 HTTP/1.0\r\nAuthorization: Basic dXNlcjpwdzI=\r\n\r\n")
        await publish(caster)
        await caster.close()
        got, _ = await asyncio.wait_for(process.communicate(), 10)
    assert got == b"ICY 200 OK\r\n\r\n" + SENT
