"""A ledger whose writer is killed at random moments, and one whose write-ahead log is cut off anywhere.

    python tests/ledger_crash.py kill FOLDER KILLS SEED
    python tests/ledger_crash.py cut FOLDER EVERY

Each prints one JSON document with what it counted, and ends with status 1 where a row was lost or is there
twice. A writer is a process of its own that says on a pipe what has been acknowledged; SIGKILL gives it no
say in it.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from hncors.daemon import ledger_opening
from hncors.daemon.ledger import Ledger, first_broken
from hncors.daemon.ledger_cases import add_finding, cases, events
from hncors.supervise.cases import told
from hncors.supervise.findings import Finding

START_NS = 1_790_000_000_000_000_000
SUBJECTS = 7
NEW_EVERY = 40  # kills until the next ledger, so that some come while one is made


def finding(number: int) -> Finding:
    at_ns = START_NS + number * 1_000_000_000
    return Finding(f"found-{number}", "E2", "strong", f"S{number % SUBJECTS}", at_ns, {"number": number})


def write(path: Path, first: int, acknowledge: int) -> None:
    """Findings from number `first` on, a transaction each, acknowledged one by one, for ever."""
    ledger = Ledger(path)
    number = first
    while True:
        with ledger.writing() as base:
            add_finding(base, finding(number))
        os.write(acknowledge, number.to_bytes(4, "big"))
        number += 1


def one_life(path: Path, first: int, rows: int, life_s: float) -> int:
    """A writer that is killed `life_s` after so many rows: the number after the last that it acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write(path, first, writing)
        finally:
            os._exit(3)
    os.close(writing)
    with open(reading, "rb") as pipe:
        acknowledged = pipe.read(4 * rows)
        time.sleep(life_s)
        os.kill(child, signal.SIGKILL)
        acknowledged += pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"a writer ended by itself: {status}"
    return int.from_bytes(acknowledged[-4:], "big") + 1 if acknowledged else first


def wrong(path: Path, acknowledged: int) -> str:
    """What is wrong with a ledger that has acknowledged the findings before number `acknowledged`."""
    with closing(Ledger(path)) as ledger:
        base = ledger.base
        (check,) = base.execute("PRAGMA integrity_check").fetchone()
        kept = [key for (key,) in base.execute("SELECT key FROM findings ORDER BY number")]
        posted = Counter(key for (key,) in base.execute("SELECT key FROM outbox WHERE kind = 'finding'"))
        trail = Counter(
            event.step.detail["finding"] for case, _ in cases(base) for event in events(base, case)
        )
        expected = [f"found-{number}" for number in range(len(kept))]
        if check != "ok" or first_broken(base, "case_events") is not None:
            return f"not whole: {check}"
        if kept != expected or not acknowledged <= len(kept) <= acknowledged + 1:
            return f"{acknowledged} acknowledged, {len(kept)} kept"
        if trail != Counter(kept) or posted != Counter(f"finding/{key}" for key in kept):
            return "trail or outbox differ from the findings"
        if any(told(event.step for event in events(base, case)) != now for case, now in cases(base)):
            return "a case is not what its steps make of it"
    return ""


def killed(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill writers one after the other; each goes on where the acknowledgements of the one before end."""
    rng = random.Random(seed)
    path, first, faults = folder, 0, list[str]()
    rows = idle = 0
    for kill in range(kills):
        if kill % NEW_EVERY == 0:
            rows += first
            path, first = folder / f"ledger-{kill}.sqlite3", 0
        ledger_opening.CHECKPOINT_PAGES = rng.choice((4, 1000))
        after = one_life(path, first, rng.randrange(4), rng.uniform(0, rng.choice((0.005, 0.04))))
        idle += after == first
        first = after
        if fault := wrong(path, first):
            faults.append(f"kill {kill}: {fault}")
        # What was written and not acknowledged is written again by the next: it has to be there once.
    return {"kills": kills, "rows": rows + first, "lives_without_a_row": idle, "faults": faults}


def cut(folder: Path, every: int) -> dict[str, object]:
    """The log of five transactions cut off at every `every`-th byte and beside each end of a frame."""
    path = folder / "whole.sqlite3"
    ledger_opening.CHECKPOINT_PAGES = 0
    with closing(sqlite3.connect(path)) as small:  # pages of the least size: less to cut, the same format
        small.executescript("PRAGMA page_size = 512; VACUUM")
    writer = Ledger(path)
    with writer.writing() as base:
        add_finding(base, finding(0))
    writer.base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log, ends = path.with_name(path.name + "-wal"), [0]
    for number in range(1, 6):
        with writer.writing() as base:
            add_finding(base, finding(number))
        ends.append(log.stat().st_size)
    whole, data = path.read_bytes(), log.read_bytes()
    (page,) = writer.base.execute("PRAGMA page_size").fetchone()
    writer.close()
    # SQLite, "WAL-mode File Format": a header of 32 bytes, then frames of 24 bytes and a page each.
    frames = range(32, len(data) + 1, 24 + page)
    assert len(data) == ends[-1] and (len(data) - 32) % (24 + page) == 0
    near = {end + by for end in frames for by in (-1, 0)}
    faults = []
    offsets = sorted({*range(0, len(data) + 1, every), *near} & set(range(len(data) + 1)))
    for offset in offsets:
        copy = folder / "cut.sqlite3"
        copy.write_bytes(whole)
        copy.with_name(copy.name + "-wal").write_bytes(data[:offset])
        synced = sum(end <= offset for end in ends)  # transactions all of which was on the disk
        with closing(Ledger(copy)) as again:
            kept = [key for (key,) in again.base.execute("SELECT key FROM findings ORDER BY number")]
            if kept != [f"found-{number}" for number in range(synced)]:
                faults.append(f"cut at {offset}: {len(kept)} kept of {synced}")
        if offset % 97 == 0 or offset in frames:
            with closing(Ledger(copy)) as again:  # the writer goes on from what it knows was acknowledged
                for number in range(max(synced - 1, 0), 6):
                    with again.writing() as base:
                        add_finding(base, finding(number))
            if fault := wrong(copy, 6):
                faults.append(f"written on after a cut at {offset}: {fault}")
    return {"cuts": len(offsets), "log_bytes": len(data), "transactions": 5, "faults": faults}


if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    counted = {"kill": killed, "cut": cut}[what](place, *map(int, numbers))
    shutil.rmtree(place, ignore_errors=True)
    print(json.dumps(counted))
    sys.exit(bool(counted["faults"]))
