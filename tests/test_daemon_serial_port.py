"""Serial ports, doubled by a pseudo-terminal."""

import asyncio
import contextlib
import os
import pty
import random
import tty
from collections.abc import AsyncIterator

from waiting import until

from hncors.daemon.serial_port import listen
from hncors.network import Chunk
from hncors.registry import Station

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")


@contextlib.asynccontextmanager
async def listening(path: str) -> AsyncIterator[list[Chunk]]:
    heard: list[Chunk] = []
    station = Station(id="A", link=f"serial://{path}?baud=115200")
    task = asyncio.create_task(listen(station, heard.append, 0.1, 0.1, random.Random()))
    try:
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_l01_bytes_of_every_value_arrive_and_an_unplugged_port_is_opened_again(tmp_path):
    link = tmp_path / "port"  # stands for the stable name under /dev/serial/by-id
    master, slave = pty.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    other_master = other_slave = None
    try:
        async with listening(str(link)) as heard:
            await until(lambda: any(chunk.state == "connected" for chunk in heard))
            sent = bytes(range(256)) + FRAME
            os.write(master, sent)
            await until(lambda: sum(len(chunk.data) for chunk in heard) == len(sent))
            assert b"".join(chunk.data for chunk in heard) == sent
            os.close(slave)
            os.close(master)
            master = slave = None
            await until(lambda: heard[-1].state == "unreachable")
            other_master, other_slave = pty.openpty()
            tty.setraw(other_slave)
            link.unlink()
            link.symlink_to(os.ttyname(other_slave))
            await until(lambda: heard[-1].state == "connected")
            os.write(other_master, FRAME)
            await until(lambda: heard[-1].data == FRAME)
    finally:
        for number in (master, slave, other_master, other_slave):
            if number is not None:
                os.close(number)


async def test_l02_a_port_that_is_not_there(tmp_path):
    async with listening(str(tmp_path / "none")) as heard:
        await until(lambda: len(heard) >= 3)
    assert [chunk.state for chunk in heard[:3]] == ["connecting", "unreachable", "unreachable"]
    assert heard[1].why == "No such file or directory"


async def test_l02_a_file_that_is_no_port(tmp_path):
    (tmp_path / "file").write_bytes(FRAME)
    async with listening(str(tmp_path / "file")) as heard:
        await until(lambda: len(heard) >= 2)
    assert heard[1].state == "unreachable"
    assert "Inappropriate ioctl for device" in heard[1].why
