"""A whole daemon whose ledger's disk is full, read-only, or gives back a damaged file.

The disk is a small tmpfs of its own, where the test may mount one; without that, a limit on the size of the
daemon's files stands for a full disk.  What is expected in the ledger is what the daemon told over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import Daemon, casting, configure, epochs, running
from waiting import until

from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_outbox import Message, post

SIZE = 1 << 20


def mount(folder: Path, *options: str) -> bool:
    command = ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True).returncode == 0
    return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder; a file system of its own where the system allows that (`os.path.ismount`)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = mount(folder, "-o", f"size={SIZE}")
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def own(disk: Path) -> bool:
    return os.path.ismount(disk)


def fill(disk: Path, daemon: Daemon) -> None:
    """From now on no file grows."""
    if not own(disk):
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        return
    with contextlib.suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
        while file.write(b"\0" * 4096) == 4096:
            pass


def make_room(disk: Path, daemon: Daemon) -> None:
    if not own(disk):
        unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
        return
    (disk / "filler").unlink()


def no_broker() -> int:
    """A port at which nobody listens: what is to be told waits in the ledger."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def configured(folder: Path, port: int, disk: Path, broker: int, *names: str) -> Path:
    ledger = f'[ledger]\nfile = "{disk}/ledger.sqlite3"\n'
    return configure(folder, port, *names, more=f'{ledger}[mqtt]\nbroker = "mqtt://127.0.0.1:{broker}"\n')


async def events(daemon: Daemon, kind: str) -> list[dict[str, Any]]:
    return list(json.loads(await daemon.get(f"/api/v1/events?kind={kind}")))


async def streaming(daemon: Daemon, *names: str) -> None:
    """Until just these stream, and bring epochs."""
    received = [f'hncors_epochs_received_total{{station="{name}"}}' for name in names]

    async def all_stream() -> bool:
        return await daemon.states() == dict.fromkeys(names, "streaming")

    async def more_come() -> bool:
        now = await daemon.metrics(*received)
        return all(one > two for one, two in zip(now, before, strict=True))

    await until(all_stream, 15)
    before = [number if number == number else 0.0 for number in await daemon.metrics(*received)]
    await until(more_come)


def kept(path: Path) -> list[tuple[str, str]]:
    """Changes of state in the ledger, in its order: station, and the state that it came to."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
        rows = base.execute("SELECT subject, payload FROM outbox WHERE kind = 'state' ORDER BY id")
        return [(subject, json.loads(payload)["to"]) for subject, payload in rows]


async def told(daemon: Daemon) -> list[tuple[str, str]]:
    return [(event["station"], event["detail"]["to"]) for event in await events(daemon, "state")]


async def said(daemon: Daemon, kind: str) -> dict[str, Any]:
    """The one event of a kind, which is told at the next tick."""

    async def there() -> bool:
        return bool(await events(daemon, kind))

    await until(there)
    (event,) = await events(daemon, kind)
    return event


async def healthy(daemon: Daemon) -> bool:
    return await daemon.get("/healthz") == "ok\n"


async def test_p06_monitoring_goes_on_while_the_disk_is_full_and_the_ledger_catches_up(
    tmp_path: Path, disk: Path
) -> None:
    ledger, broker = disk / "ledger.sqlite3", no_broker()
    async with casting(A=epochs, B=epochs, C=epochs) as caster:
        config = configured(tmp_path, caster.port, disk, broker, "A")
        async with running(config) as daemon:
            await streaming(daemon, "A")
            await until(lambda: ledger.exists() and ("A", "streaming") in kept(ledger))
            assert await healthy(daemon)
            before = kept(ledger)
            fill(disk, daemon)
            configured(tmp_path, caster.port, disk, broker, "A", "B")
            daemon.process.send_signal(signal.SIGHUP)
            await streaming(daemon, "A", "B")  # monitoring goes on, and takes a new station
            failing = await said(daemon, "ledger_failing")
            error = failing["detail"]["error"]
            assert error.startswith(("SQLITE_FULL", "SQLITE_IOERR"))
            up, errors, waiting, dropped = await daemon.metrics(
                "hncors_ledger_up",
                f'hncors_ledger_errors_total{{error="{error}"}}',
                "hncors_ledger_waiting",
                "hncors_ledger_dropped_total",
            )
            assert (up, dropped) == (0, 0) and errors >= 1 and waiting >= 1
            health = (await daemon.get("/healthz")).splitlines()
            assert health[:2] == ["ok", "the ledger of cases cannot be written now"]
            assert health[2].startswith(f"ledger: {error}, ")
            assert kept(ledger) == before
            configured(tmp_path, caster.port, disk, broker, "A", "B", "C")
            daemon.process.send_signal(signal.SIGHUP)
            await streaming(daemon, "A", "B", "C")
            make_room(disk, daemon)

            async def caught_up() -> bool:
                return kept(ledger) == await told(daemon)

            await until(caught_up, 15)
            assert [name for name, state in kept(ledger) if state == "streaming"] == ["A", "B", "C"]
            await until(lambda: healthy(daemon))
            assert (await daemon.metrics("hncors_ledger_up", "hncors_ledger_waiting")) == [1, 0]
            await said(daemon, "ledger_written_again")


async def test_p06_a_daemon_begun_on_a_read_only_disk_writes_when_it_may(tmp_path: Path, disk: Path) -> None:
    if not own(disk):
        pytest.skip("no file system can be mounted here; a folder is made read-only in test_ledger_queue")
    ledger = disk / "ledger.sqlite3"
    Ledger(ledger).close()
    assert mount(disk, "-o", "remount,ro")
    async with (
        casting(A=epochs) as caster,
        running(configured(tmp_path, caster.port, disk, no_broker(), "A")) as daemon,
    ):
        await streaming(daemon, "A")
        assert (await daemon.metrics("hncors_ledger_up")) == [0]
        await said(daemon, "ledger_failing")
        assert "the ledger of cases cannot be written now" in await daemon.get("/healthz")
        assert mount(disk, "-o", f"remount,rw,size={SIZE}")

        async def caught_up() -> bool:
            return kept(ledger) == await told(daemon) and await healthy(daemon)

        await until(caught_up, 15)
        assert ("A", "streaming") in kept(ledger)


async def test_p08_a_daemon_keeps_a_damaged_ledger_aside_and_says_so(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    first = Ledger(ledger)
    with first.writing() as base:
        for number in range(200):
            post(base, Message(f"old/{number}", "state", "A", number, {"to": "streaming"}))
    first.close()
    data = bytearray(ledger.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\xa5" * 4096
    ledger.write_bytes(data)
    async with (
        casting(A=epochs) as caster,
        running(configured(tmp_path, caster.port, tmp_path, no_broker(), "A")) as daemon,
    ):
        await streaming(daemon, "A")
        await until(lambda: ("A", "streaming") in kept(ledger))
        event = await said(daemon, "ledger_damaged")
        aside = tmp_path / event["detail"]["kept_as"]
        assert aside.read_bytes() == data
        assert await daemon.metrics("hncors_ledger_damaged_total", "hncors_ledger_up") == [1, 1]
        assert "a damaged ledger was moved aside" in await daemon.get("/healthz")
        assert any("is damaged: kept as" in line for line in daemon.log)
        with contextlib.closing(sqlite3.connect(ledger)) as base:
            assert base.execute("SELECT kind FROM incidents").fetchall() == [("damaged",)]
