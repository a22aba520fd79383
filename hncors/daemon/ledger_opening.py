"""The ledger's file opened: made, checked, brought up to date, or moved aside when it is damaged.

Nothing is ever deleted: a damaged file keeps its bytes under another name, a migration leaves a copy behind.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hncors.daemon.ledger_schema import APPLICATION_ID, MIGRATIONS, statements

BUSY_MS = 5_000  # another writer has finished by then
CHECKPOINT_PAGES = 1_000
WAL_BYTES = 16 << 20  # what a checkpoint leaves of the write-ahead log, at most
PARTS = ("", "-wal", "-shm")

DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

log = logging.getLogger("hncors")


class LedgerDamaged(Exception):
    """The file does not hold a whole ledger; what is wrong with it."""


class LedgerRefused(Exception):
    """The file is whole and not for this program: a newer version's, or somebody else's."""


def connect(path: Path, migrations: Sequence[tuple[str, ...]] = MIGRATIONS) -> sqlite3.Connection:
    """A ledger at `path`, made if there is none, that is whole and of this version.

    Raises LedgerDamaged, LedgerRefused, or sqlite3.OperationalError where the disk does not allow it.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o640))
    except OSError as fault:
        raise sqlite3.OperationalError(f"{fault.strerror}") from None
    try:
        if path.stat().st_size:
            checked(path)
        return _opened(path, migrations)
    except OSError as fault:
        raise sqlite3.OperationalError(f"{fault.strerror}") from None
    except sqlite3.DatabaseError as fault:
        if is_damage(fault):
            raise LedgerDamaged(str(fault)) from None
        raise


def _opened(path: Path, migrations: Sequence[tuple[str, ...]]) -> sqlite3.Connection:
    # Sharing between threads: one at a time uses it, as the queue and the commands do.
    base = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        _settle(base)
        _migrate(base, path, migrations)
    except BaseException:
        base.close()
        raise
    return base


def is_damage(fault: BaseException) -> bool:
    """Whether SQLite says that the file itself is broken."""
    if isinstance(fault, LedgerDamaged):
        return True
    code = getattr(fault, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in DAMAGE


def move_aside(path: Path, now_ns: int) -> Path:
    """Give a damaged ledger, with its logs, a name that says when; nothing of it is changed.

    Raises OSError.
    """
    stamp = f"{datetime.fromtimestamp(now_ns // 1_000_000_000, UTC):%Y%m%dT%H%M%SZ}"
    number = 0
    while (aside := path.with_name(f"{path.name}.damaged-{stamp}{f'-{number}' if number else ''}")).exists():
        number += 1
    for part in reversed(PARTS):  # the log first: without it the base would be a whole one of older days
        if (old := path.with_name(path.name + part)).exists():
            old.rename(aside.with_name(aside.name + part))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    log.critical("ledger: %s is damaged: kept as %s, a new one is begun", path, aside)
    return aside


def checked(path: Path) -> None:
    """Whole, and ours: looked at without writing, which would take the log away that belongs to it.

    Raises LedgerDamaged, LedgerRefused, sqlite3.Error.
    """
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=BUSY_MS / 1000, uri=True)
    ) as base:
        base.execute("PRAGMA cell_size_check = ON")
        (found,) = base.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise LedgerDamaged(str(found))
        (owner,) = base.execute("PRAGMA application_id").fetchone()
        (objects,) = base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if objects and owner != APPLICATION_ID:
            raise LedgerRefused("a database of another program: expected a ledger")


def _settle(base: sqlite3.Connection) -> None:
    """A transaction that has ended is on the disk, whatever happens next (synchronous=FULL)."""
    (mode,) = base.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(f"no write-ahead log here ({mode})")
    for name, value in (
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("trusted_schema", "OFF"),
        ("wal_autocheckpoint", CHECKPOINT_PAGES),
        ("journal_size_limit", WAL_BYTES),
    ):
        base.execute(f"PRAGMA {name} = {value}")


def _migrate(base: sqlite3.Connection, path: Path, migrations: Sequence[tuple[str, ...]]) -> None:
    version = _version(base)
    if version > len(migrations):
        raise LedgerRefused(f"version {version}, of a newer hncors: expected at most {len(migrations)}")
    if version == len(migrations):
        return
    if version:
        _back_up(base, path, version)
    base.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[_version(base) :]:  # another process may have been first
            for statement in statements(step):
                base.execute(statement)
        base.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        base.execute(f"PRAGMA user_version = {len(migrations)}")
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise


def _version(base: sqlite3.Connection) -> int:
    (version,) = base.execute("PRAGMA user_version").fetchone()
    return int(version)


def _back_up(base: sqlite3.Connection, path: Path, version: int) -> None:
    """The ledger as it is before it is migrated, whole, beside it."""
    copy = path.with_name(f"{path.name}.version-{version}")
    number = 0
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.version-{version}-{number}")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640))
    target = sqlite3.connect(copy)
    try:
        base.backup(target)
    finally:
        target.close()
    log.warning("ledger: %s is brought to a new version; as it was it is kept as %s", path, copy)
