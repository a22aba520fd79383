"""The way into the ledger: a full, read-only or locked disk keeps nobody waiting, and all comes in order."""

import asyncio
import json
import os
import resource
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from hncors.daemon.ledger import Ledger, first_broken
from hncors.daemon.ledger_cases import findings
from hncors.daemon.ledger_outbox import Message, waiting
from hncors.daemon.ledger_queue import Incident, LedgerQueue
from hncors.daemon.ledger_registry import Stands, history, standings
from hncors.supervise.findings import Finding
from hncors.supervise.months import Clearance

NOW_NS = 1_795_000_000_000_000_000


def finding(number: int, **more: object) -> Finding:
    inputs = {"number": number, "weight": "x" * 2000}
    return Finding(f"k{number}", "E2", "strong", "S1", NOW_NS + number, inputs)._replace(**more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def made() -> Iterator[Callable[..., LedgerQueue]]:
    queues = []

    def queue(path: Path, capacity: int = 10_000) -> LedgerQueue:
        queues.append(LedgerQueue(path, lambda: NOW_NS, Clearance(), capacity))
        return queues[-1]

    yield queue
    for one in queues:
        one.close()


def kept(path: Path) -> list[int]:
    with closing(Ledger(path)) as ledger:
        assert first_broken(ledger.base, "case_events") is None
        rows = ledger.base.execute("SELECT key FROM findings ORDER BY number")
        return [int(key.removeprefix("k")) for (key,) in rows]


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """The system lets nobody here write beyond `size` bytes of a file: writes fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_all_kinds_of_entries_are_written(path, made):
    queue = made(path)
    queue.put(finding(1))
    queue.put(Stands("S1", "filed_live", NOW_NS))
    queue.put(Stands("S1", "filed_live", NOW_NS + 5))
    queue.put(Stands("S1", "silent", NOW_NS + 9))
    queue.put(Message("m1", "station", "S1", NOW_NS, {"state": "stalled"}))
    queue.put(Incident(NOW_NS, "tried", {}))
    assert queue.flush()
    with closing(Ledger(path)) as ledger:
        assert standings(ledger.base) == {"S1": ("silent", NOW_NS + 9, NOW_NS + 9)}
        assert [change.detail["to"] for change in history(ledger.base, "S1")] == ["filed_live", "silent"]
        assert [row[1] for row in waiting(ledger.base)][-1] == "m1"
        assert ledger.base.execute("SELECT kind FROM incidents").fetchall() == [("tried",)]
    told = queue.told()
    assert (told.cases["discovered"], told.findings, told.standings) == (
        1,
        {("E2", "strong"): 1},
        {"silent": 1},
    )
    assert (told.waiting, told.failing, told.outbox) == (0, False, 5)
    assert told.oldest_open_s == 0
    (case,) = queue.cases()
    assert (case["id"], case["subject"], case["state"], case["rules"]) == (1, "S1", "discovered", ["E2"])
    json.dumps(case)


def test_p06_a_full_disk(path, made, caplog):
    """By the system's own limit of a file's size: what it took stays, the rest waits and follows in order."""
    queue = made(path)
    for number in range(20):
        queue.put(finding(number))
        assert queue.flush()
    queue.close()
    with no_file_above(path.stat().st_size + 20_000):
        for number in range(20, 80):
            queue.put(finding(number))
            queue.flush()
        assert queue.failing
        there = kept_without_writing(path)
        assert there == list(range(len(there)))
        assert 20 < len(there) < 80
        assert len(there) + len(queue) == 80
    assert queue.told().errors
    assert queue.flush()
    assert not queue.failing
    assert kept(path) == list(range(80))
    assert any("what is to go there waits" in record.message for record in caplog.records)


def kept_without_writing(path: Path) -> list[int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        rows = base.execute("SELECT key FROM findings ORDER BY number")
        return [int(key.removeprefix("k")) for (key,) in rows]


def test_p06_a_database_that_may_not_grow(path, made):
    """SQLITE_FULL itself, which SQLite gives for ENOSPC too (sqlite.org/rescode.html)."""
    queue = made(path)
    queue.put(finding(0))
    assert queue.flush()
    base = queue._ledger.base
    (pages,) = base.execute("PRAGMA page_count").fetchone()
    base.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(1, 30):
        queue.put(finding(number))
    assert not queue.flush()
    assert queue.told().errors == {"SQLITE_FULL": 1}
    base.execute("PRAGMA max_page_count = 1000000")
    assert queue.flush()
    assert kept(path) == list(range(30))


READ_ONLY = """
import os, sys
from pathlib import Path
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.supervise.findings import Finding
from hncors.supervise.months import Clearance
path = Path(sys.argv[1])
queue = LedgerQueue(path, lambda: 0, Clearance())
if os.getuid() == 0:
    os.setuid(65534)  # root writes where nobody else may
def put(number):
    queue.put(Finding(f"k{number}", "E2", "strong", "S1", number, {}))
for number in range(1, 4):
    put(number)
    assert not queue.flush(), "written where it may not be"
print(queue.failing, len(queue), sorted(queue.errors), flush=True)
sys.stdin.readline()
put(4)
print(queue.flush(), len(queue), flush=True)
queue.close()
"""


def let_write(path: Path, owner: int, *, may: bool) -> None:
    for one, mode in ((path.parent, 0o555), (path, 0o444)):
        os.chown(one, owner, -1)
        one.chmod(mode | 0o200 if may else mode)


async def test_p06_a_read_only_folder_and_one_that_is_given_back():
    """Permissions taken away and given back, for a process that is not root."""
    with tempfile.TemporaryDirectory(prefix="hncors-") as name:
        path = Path(name) / "ledger.sqlite3"
        queue = LedgerQueue(path, lambda: NOW_NS, Clearance())
        queue.put(finding(0))
        queue.close()
        owner = 65534 if os.getuid() == 0 else os.getuid()
        let_write(path, owner, may=False)
        command = [sys.executable, "-c", READ_ONLY, path]
        pipe = asyncio.subprocess.PIPE
        writer = await asyncio.create_subprocess_exec(
            *command,
            cwd=Path(__file__).parents[1],
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
        )
        first = await writer.stdout.readline()
        let_write(path, owner, may=True)
        writer.stdin.write(b"\n")
        second, _ = await writer.communicate()
        assert first.split()[:2] == [b"True", b"3"]
        assert second.split() == [b"True", b"0"]
        assert kept(path) == [0, 1, 2, 3, 4]


def test_p06_what_waits_is_bounded_and_the_ledger_says_what_is_missing(path, made):
    queue = made(path, capacity=50)
    path.mkdir()  # there is no file that could be opened
    for number in range(60):
        assert queue.put(finding(number)) == (number < 50)
    assert not queue.flush()
    assert (len(queue), queue.told().dropped) == (50, 10)
    path.rmdir()
    assert queue.flush()
    assert queue.put(finding(60))
    assert queue.flush()
    assert kept(path) == [*range(50), 60]
    with closing(Ledger(path)) as ledger:
        incidents = ledger.base.execute("SELECT kind, detail FROM incidents").fetchall()
    assert [(kind, '"count":10' in detail) for kind, detail in incidents] == [("entries_dropped", True)]


def test_p07_another_writer_that_takes_long(path, made):
    queue = made(path)
    assert queue.flush() is True
    queue.put(finding(0))
    assert queue.flush()
    queue._ledger.base.execute("PRAGMA busy_timeout = 20")
    with closing(Ledger(path)) as other:
        with other.writing():
            queue.put(finding(1))
            assert not queue.flush()
            assert queue.told().errors == {"SQLITE_BUSY": 1}
        assert queue.flush()
    assert kept(path) == [0, 1]


def test_p07_a_reader_that_holds_the_log_back(path, made, monkeypatch):
    """Writing goes on, the size that is told shows it; the log is short again after the reader's end."""
    limit = 256 << 10
    monkeypatch.setattr("hncors.daemon.ledger_opening.WAL_BYTES", limit)
    queue = made(path)
    queue.put(finding(0))
    assert queue.flush()
    wal = path.with_name(path.name + "-wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM findings").fetchone() == (1,)
        for number in range(1, 2000):  # no checkpoint can begin the log anew
            queue.put(finding(number))
        assert queue.flush()
        assert wal.stat().st_size > 8 * limit
        assert queue.told().size_bytes == path.stat().st_size + wal.stat().st_size
        assert reader.execute("SELECT count(*) FROM findings").fetchone() == (1,)
        reader.execute("ROLLBACK")
    for number in range(2000, 2003):
        queue.put(finding(number))
        assert queue.flush()
    assert wal.stat().st_size <= limit
    assert queue.told().errors == {}
    assert kept(path) == list(range(2003))


def test_p08_a_damaged_ledger_is_moved_aside_and_monitoring_goes_on(path, made, caplog):
    path.write_bytes(b"not a database at all" * 1000)
    queue = made(path)
    queue.put(finding(1))
    assert queue.flush()
    (aside,) = path.parent.glob("ledger.sqlite3.damaged-*")
    assert aside.read_bytes() == b"not a database at all" * 1000
    assert queue.told().damaged == 1
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    with closing(Ledger(path)) as ledger:
        ((kind, detail),) = ledger.base.execute("SELECT kind, detail FROM incidents").fetchall()
        assert kind == "damaged"
        assert aside.name in detail
    assert kept(path) == [1]


def test_p08_damage_found_in_use(path, made):
    queue = made(path)
    for number in range(200):
        queue.put(finding(number))
    assert queue.flush()
    queue.close()
    queue.put(finding(200))
    assert queue.flush()
    queue._ledger.base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (len(whole) - 4096))
    queue._ledger.base.execute("PRAGMA shrink_memory")
    for number in range(201, 210):
        queue.put(finding(number))
    for _ in range(3):
        if queue.flush():
            break
    assert not queue.failing
    assert queue.told().damaged == 1
    (aside,) = path.parent.glob("ledger.sqlite3.damaged-*[0-9Z]")
    assert aside.stat().st_size == len(whole)
    assert kept(path) == list(range(201, 210))


def test_an_entry_that_is_wrong_keeps_none_of_the_others_out(path, made, caplog):
    queue = made(path)
    for entry in (finding(1), finding(2, strength="huge"), finding(3, inputs={"x": {1, 2}}), finding(4)):
        queue.put(entry)
    assert queue.flush()
    assert kept(path) == [1, 4]
    assert queue.told().refused == 2
    with closing(Ledger(path)) as ledger:
        assert [one.key for one in findings(ledger.base, 1)] == ["k1", "k4"]


async def test_p06_the_loop_goes_on_while_the_disk_does_not(path, made, monkeypatch):
    """Ticks of the loop go on while every write fails; then all is written in order."""
    monkeypatch.setattr("hncors.daemon.ledger_queue.AGAIN_S", (0.01, 0.02))
    monkeypatch.setattr("hncors.daemon.ledger_queue.EVERY_S", 0.005)
    path.mkdir()
    queue = made(path)
    writing = asyncio.create_task(queue.run())
    for number in range(100):
        queue.put(finding(number))
        await asyncio.sleep(0.001)
    assert queue.failing
    assert len(queue) == 100
    path.rmdir()
    for _ in range(1000):
        await asyncio.sleep(0.005)
        if not len(queue):
            break
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert kept(path) == list(range(100))
