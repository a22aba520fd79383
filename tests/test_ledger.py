"""The ledger's file: whole, moved aside when damaged, refused when another's, migrated with a copy."""

import sqlite3
from contextlib import closing

import pytest

from hncors.daemon import ledger_opening
from hncors.daemon.ledger import Ledger, LedgerLock, first_broken
from hncors.daemon.ledger_cases import NoSuchCase, add_finding, cases, events, findings, read, take
from hncors.daemon.ledger_opening import LedgerDamaged, LedgerRefused, connect, move_aside
from hncors.daemon.ledger_outbox import sent, waiting
from hncors.daemon.ledger_schema import APPLICATION_ID, MIGRATIONS, TRAILS
from hncors.supervise.cases import Step, StepRefused
from hncors.supervise.findings import Finding

NOW_NS = 1_795_000_000_000_000_000
NEWEST = len(MIGRATIONS)


def finding(number: int, subject: str = "S1", **more: object) -> Finding:
    return Finding(f"k{number}", "E2", "strong", subject, NOW_NS + number, {"n": number})._replace(**more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path):
    with closing(Ledger(path)) as made:
        yield made


def found(ledger: Ledger, *several: Finding) -> list[int | None]:
    with ledger.writing() as base:
        return [add_finding(base, one) for one in several]


def test_findings_become_cases(ledger):
    numbers = found(
        ledger,
        finding(1),
        finding(2, "S2"),
        finding(3, rule="E4", standing="suspected"),
        finding(4, "S3", strength="context"),
        finding(1),
    )
    assert numbers == [1, 2, 1, None, 1]
    first = read(ledger.base, 1)
    assert (first.state, first.standing, first.rules) == ("discovered", "suspected", ("E2", "E4"))
    assert [one.key for one in findings(ledger.base, 1)] == ["k1", "k3"]
    assert findings(ledger.base, 1)[0].inputs == {"n": 1}
    assert [(event.sequence, event.step.action) for event in events(ledger.base, 1)] == [
        (1, "open"),
        (2, "lead"),
    ]
    kinds = [(kind, subject) for _, _, kind, subject, _, _ in waiting(ledger.base)]
    assert kinds == [
        ("case", "S1"), ("finding", "S1"), ("case", "S2"), ("finding", "S2"),
        ("case", "S1"), ("finding", "S1"), ("finding", "S3"),
    ]  # fmt: skip


def test_what_is_found_after_a_case_is_closed_is_a_new_case_that_names_it(ledger):
    found(ledger, finding(1))
    with ledger.writing() as base:
        take(base, Step("reject", "wang", "supervisor", NOW_NS, {"reason": "other", "text": "?"}), 1)
    assert found(ledger, finding(2)) == [2]
    assert events(ledger.base, 2)[0].step.detail["follows"] == 1


def test_a_refused_step_leaves_nothing(ledger):
    found(ledger, finding(1))
    before = list(ledger.base.iterdump())
    for step, case, fault in (
        (Step("handle", "wang", "supervisor", NOW_NS, {"text": "x"}), 1, StepRefused),
        (Step("note", "wang", "supervisor", NOW_NS, {"text": "x"}), 7, NoSuchCase),
    ):
        with pytest.raises(fault), ledger.writing() as base:
            take(base, step, case)
    assert list(ledger.base.iterdump()) == before


def test_a_fault_in_the_midst_leaves_nothing(ledger):
    before = list(ledger.base.iterdump())

    def in_the_midst():
        with ledger.writing() as base:
            add_finding(base, finding(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_the_midst()
    assert list(ledger.base.iterdump()) == before


def test_the_outbox_is_emptied_in_order(ledger):
    found(ledger, finding(1), finding(2, "S2"))
    ids = [row[0] for row in waiting(ledger.base)]
    sent(ledger, ids[:3])
    assert [row[1] for row in waiting(ledger.base)] == ["finding/k2"]
    found(ledger, finding(1), finding(2, "S2"))  # known: nothing is told again
    assert [row[0] for row in waiting(ledger.base)] == ids[3:]


@pytest.mark.parametrize("table", TRAILS)
def test_trails_are_only_added_to(ledger, table):
    values = {
        "case_events": "1, 1, 1, 0, 'a', 'b', 'c', '{}', 'p', 'h'",
        "registry_history": "1, 'S', 0, 'a', 'b', 'c', '{}', 'p', 'h'",
        "accesses": "1, 0, 'a', 'b', 'c'",
        "incidents": "1, 0, 'a', '{}'",
    }
    found(ledger, finding(1))
    ledger.base.execute(f"INSERT OR IGNORE INTO {table} VALUES ({values[table]})")
    for text in (f"UPDATE {table} SET at_ns = 1", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            ledger.base.execute(text)


def test_a_trail_that_somebody_changed_is_told(ledger):
    found(ledger, finding(1), finding(2), finding(3))
    assert first_broken(ledger.base, "case_events") is None
    ledger.base.execute("DROP TRIGGER case_events_no_UPDATE")
    ledger.base.execute("UPDATE case_events SET actor = 'nobody' WHERE number = 2")
    assert first_broken(ledger.base, "case_events") == 1
    ledger.base.execute("UPDATE case_events SET actor = 'hncors', detail = '{' WHERE number = 2")
    assert first_broken(ledger.base, "case_events") == 1


def test_two_writers_take_turns(path):
    with closing(Ledger(path)) as one, closing(Ledger(path)) as other:
        for number in range(10):
            found(one if number % 2 else other, finding(number))
        assert first_broken(one.base, "case_events") is None
        assert len(events(one.base, 1)) == 10
        other.base.execute("PRAGMA busy_timeout = 10")
        with one.writing() as base:
            add_finding(base, finding(20))
            with pytest.raises(sqlite3.OperationalError, match="locked"), other.writing():
                pass


def test_p19_one_daemon_keeps_a_ledger(path):
    lock = LedgerLock(path)
    with pytest.raises(BlockingIOError):
        LedgerLock(path)
    lock.release()
    LedgerLock(path).release()


def test_what_is_on_the_disk_is_not_readable_for_everybody(ledger, path):
    assert path.stat().st_mode & 0o007 == 0
    assert path.with_name(path.name + "-wal").stat().st_mode & 0o007 == 0


def test_p08_damage_is_told_wherever_it_is(path):
    """Bytes changed in each page of a ledger: opened as it was, or told to be damaged; nothing else."""
    with closing(Ledger(path)) as ledger:
        found(ledger, *(finding(number, f"S{number % 5}") for number in range(60)))
        rows = list(cases(ledger.base))
    whole = path.read_bytes()
    told = 0
    for page in range(0, len(whole), 4096):
        path.write_bytes(whole[:page] + bytes(64) + whole[page + 64 :])  # the header of each page
        try:
            with closing(Ledger(path)) as ledger:
                assert list(cases(ledger.base)) == rows
        except LedgerDamaged:
            told += 1
    assert told >= len(whole) // 4096 // 2


@pytest.mark.parametrize(
    "data", [b"not a database at all, but text" * 300, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_p08_a_damaged_ledger_is_moved_aside_and_kept(path, caplog, data):
    path.write_bytes(data)
    path.with_name(path.name + "-wal").write_bytes(b"log")
    with pytest.raises(LedgerDamaged):
        Ledger(path)
    aside = move_aside(path, NOW_NS)
    assert aside.name == "ledger.sqlite3.damaged-20261118T110640Z"
    assert aside.read_bytes() == data
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"log"
    assert not path.exists()
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    path.write_bytes(data)
    assert move_aside(path, NOW_NS).name == f"{aside.name}-1"
    assert aside.read_bytes() == data
    Ledger(path).close()


def test_p08_a_newer_ledger_and_another_programs_are_refused_and_left_alone(path):
    with closing(connect(path, (*MIGRATIONS, ("CREATE TABLE more (x)",)))):
        pass
    before = path.read_bytes()
    told = f"version {NEWEST + 1}, of a newer hncors: expected at most {NEWEST}"
    with pytest.raises(LedgerRefused, match=told):
        Ledger(path)
    assert path.read_bytes() == before
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (x)")
    before = path.read_bytes()
    with pytest.raises(LedgerRefused, match="another program"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_migration_leaves_a_copy(path, caplog):
    with closing(Ledger(path)) as ledger:
        found(ledger, finding(1))
    later = (
        *MIGRATIONS,
        ("ALTER TABLE cases ADD COLUMN more TEXT NOT NULL DEFAULT ''; CREATE TABLE more (x)",),
    )
    with closing(connect(path, later)) as base:
        assert base.execute("SELECT subject, more FROM cases").fetchall() == [("S1", "")]
        assert base.execute("PRAGMA user_version").fetchone() == (NEWEST + 1,)
    with closing(Ledger(path.with_name(f"{path.name}.version-{NEWEST}"))) as copy:
        assert [case.subject for _, case in cases(copy.base)] == ["S1"]
    assert "kept as" in caplog.text


def test_a_migration_that_fails_changes_nothing(path):
    with closing(Ledger(path)) as ledger:
        found(ledger, finding(1))
    with (
        pytest.raises(sqlite3.OperationalError),
        closing(connect(path, (*MIGRATIONS, ("CREATE TABLE more (x)", "CREATE TABLE more (x)")))),
    ):
        pass
    with closing(Ledger(path)) as ledger:
        assert ledger.base.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        assert not ledger.base.execute("SELECT * FROM sqlite_master WHERE name = 'more'").fetchall()


def test_it_is_as_durable_as_sqlite_can_be(ledger):
    """https://www.sqlite.org/pragma.html: synchronous FULL is 2; journal_mode by its name."""
    for pragma, value in (
        ("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("application_id", APPLICATION_ID),
    ):  # fmt: skip
        assert ledger.base.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    strict = ledger.base.execute("SELECT sum(strict), count(*) FROM pragma_table_list WHERE schema = 'main' "
                                 "AND name NOT LIKE 'sqlite_%'").fetchone()  # fmt: skip
    assert strict[0] == strict[1] > 8
    assert ledger_opening.CHECKPOINT_PAGES == 1_000
