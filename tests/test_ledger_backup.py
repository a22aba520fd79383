"""Copies of the ledger: whole while others write, refused when touched, put back with nothing lost."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from daemon_process import casting, configure, epochs, running
from test_ledger import finding
from waiting import until

from hncors.daemon.ledger import Ledger, first_broken
from hncors.daemon.ledger_backup import BASE, MANIFEST, CopyDamaged, back_up, put_back, verify
from hncors.daemon.ledger_cases import add_finding, cases
from hncors.daemon.ledger_files import path_of, store


def grown(path, first: int, last: int) -> None:
    with closing(Ledger(path)) as ledger:
        for number in range(first, last):
            with ledger.writing() as base:
                add_finding(base, finding(number, f"S{number}"))


def ran(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hncors", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def counted(path) -> int:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
        return base.execute("SELECT count(*) FROM cases").fetchone()[0]


def test_a_copy_made_while_others_write_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("hncors.daemon.ledger_backup.PAGES_AT_ONCE", 4)  # many turns for the writer
    ledger, out = tmp_path / "ledger.sqlite3", tmp_path / "copy"
    grown(ledger, 0, 200)
    out.mkdir()
    ended = threading.Event()

    def write() -> None:
        number = 200
        while not ended.is_set():
            grown(ledger, number, number + 1)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = []
        back_up(ledger, out, "2026-11-26T00:00:00Z", lambda done, of: seen.append((done, of)))
    finally:
        ended.set()
        writer.join()
    assert len(seen) > 5
    assert 200 <= counted(out / BASE) <= counted(ledger)
    assert not list(out.glob("*-wal"))
    with closing(Ledger(out / BASE)) as copy:  # every trail's hashes hold in the copy
        assert first_broken(copy.base, "case_events") is None


def test_attached_files_and_places_go_with_it_and_come_back(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    grown(ledger, 0, 3)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8 evidence")
    kept = store(ledger, tmp_path / "photo.jpg")
    out = tmp_path / "copy"
    out.mkdir()
    back_up(ledger, out, "2026-11-26T00:00:00Z")
    assert (out / BASE).stat().st_mode & 0o077 == 0
    grown(ledger, 3, 5)
    path_of(ledger, kept.sha256).unlink()
    before = put_back(out, ledger, "20261126T000000Z")
    assert counted(ledger) == 3
    assert counted(before) == 5  # what was there is kept
    assert path_of(ledger, kept.sha256).read_bytes() == b"\xff\xd8 evidence"
    grown(ledger, 5, 6)  # and the daemon goes on with it
    with closing(Ledger(ledger)) as again:
        assert len(list(cases(again.base))) == 4


def test_a_copy_that_was_touched_is_not_put_back(tmp_path):
    ledger, out = tmp_path / "ledger.sqlite3", tmp_path / "copy"
    grown(ledger, 0, 2)
    out.mkdir()
    back_up(ledger, out, "2026-11-26T00:00:00Z")
    whole = (out / BASE).read_bytes()
    before = ledger.read_bytes()

    def refused(what: str) -> None:
        with pytest.raises(CopyDamaged, match=what):
            put_back(out, ledger, "x")
        assert ledger.read_bytes() == before

    (out / BASE).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused("ledger.sqlite3: not what was copied")
    (out / BASE).unlink()
    refused("ledger.sqlite3: No such file")
    (out / BASE).write_bytes(whole)
    assert verify(out)["at"] == "2026-11-26T00:00:00Z"
    manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"]["../ledger.sqlite3"] = "0" * 64
    (out / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    refused("outside of the folder")
    (out / MANIFEST).write_text("[]", encoding="utf-8")
    refused("no manifest.json that can be read")


async def test_backup_and_restore_beside_a_running_daemon(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    async with casting(A=epochs) as caster:
        config = configure(tmp_path, caster.port, "A", more='[ledger]\nfile = "ledger.sqlite3"')
        async with running(config) as daemon:

            async def up() -> bool:
                return await daemon.metrics("hncors_ledger_up") == [1.0] and ledger.exists()

            await until(up)
            await asyncio.to_thread(grown, ledger, 0, 2)
            out = tmp_path / "copy"
            done = await asyncio.to_thread(ran, "ledger", "backup", "-c", config, "--out", out, "--json")
            assert done.returncode == 0, done.stderr
            assert set(json.loads(done.stdout)["files"]) == {BASE}
            again = await asyncio.to_thread(ran, "ledger", "backup", "-c", config, "--out", out)
            assert again.returncode == 2
            assert "not empty" in again.stderr
            refused = await asyncio.to_thread(ran, "ledger", "restore", out, "-c", config)
            assert refused.returncode == 2
            assert "a daemon keeps this ledger: expected it to be stopped first" in refused.stderr
            assert counted(ledger) == 2
            assert await daemon.metrics("hncors_ledger_up") == [1.0]
    await asyncio.to_thread(grown, ledger, 2, 3)
    done = await asyncio.to_thread(ran, "ledger", "restore", out, "-c", config, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cases"] == 2
    assert counted(ledger) == 2
    async with running(config) as daemon:

        async def as_it_was() -> bool:
            return await daemon.metrics('hncors_cases{state="discovered"}', "hncors_ledger_up") == [2.0, 1.0]

        await until(as_it_was)
