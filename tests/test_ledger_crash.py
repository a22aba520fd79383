"""A killed writer, and a write-ahead log that ends anywhere: nothing acknowledged is lost or doubled."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

HELPER = Path(__file__).with_name("ledger_crash.py")
KILLS = int(os.environ.get("HNCORS_LEDGER_KILLS", "20"))
EVERY = int(os.environ.get("HNCORS_LEDGER_CUT_EVERY", "1999"))  # bytes; 1 is every truncation there is


def helper(*arguments: object) -> dict:
    command = [sys.executable, HELPER, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=HELPER.parents[1], env=os.environ | {"PYTHONPATH": "."}, capture_output=True
    )
    assert done.stdout, done.stderr.decode()
    return json.loads(done.stdout)


def test_p05_a_killed_writer_loses_and_doubles_nothing(tmp_path):
    seed = int(os.environ.get("HNCORS_SEED", random.randrange(1 << 32)))
    told = helper("kill", tmp_path / "kill", KILLS, seed)
    print(f"HNCORS_SEED={seed}", told)
    assert told["faults"] == []
    assert told["kills"] == KILLS
    assert told["rows"] > KILLS // 2  # writers lived long enough to write


def test_p05_a_log_cut_off_anywhere_keeps_what_was_acknowledged(tmp_path):
    told = helper("cut", tmp_path / "cut", EVERY)
    print(told)
    assert told["faults"] == []
    assert told["cuts"] > told["log_bytes"] // EVERY


def test_the_check_can_fail(tmp_path, monkeypatch):
    """A ledger with a row less than was acknowledged, and one with a row twice in its outbox."""
    monkeypatch.syspath_prepend(HELPER.parent)
    import ledger_crash

    from hncors.daemon.ledger import Ledger
    from hncors.daemon.ledger_cases import add_finding

    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger(path)
    with ledger.writing() as base:
        for number in range(3):
            add_finding(base, ledger_crash.finding(number))
    assert ledger_crash.wrong(path, 3) == ""
    assert ledger_crash.wrong(path, 4) == "4 acknowledged, 3 kept"
    with ledger.writing() as base:
        base.execute("UPDATE cases SET state = 'handled' WHERE id = 1")
    assert ledger_crash.wrong(path, 3) == "a case is not what its steps make of it"
    with ledger.writing() as base:
        base.execute("DELETE FROM outbox WHERE id = 1")
        base.execute("DELETE FROM outbox WHERE id = 2")
    assert "outbox" in ledger_crash.wrong(path, 3)
    ledger.close()
