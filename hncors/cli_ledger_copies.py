"""hncors ledger backup, restore: copies of the ledger, taken while it is in use, and put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hncors.cli_ledger import Where, place_of
from hncors.cli_output import DONE, LONG, Refused, document, progress, staged
from hncors.daemon import ledger_backup
from hncors.daemon.ledger_opening import LedgerDamaged, LedgerRefused
from hncors.text import printable


def backup_command(where: Where, out: Path, as_json: bool) -> int:
    """The exit status."""
    path = place_of(where)
    if not path.is_file():
        raise Refused(f"{path}: expected a ledger that is there")
    if out.exists() and any(out.iterdir()):
        raise Refused(f"{printable(str(out))}: not empty; --out expects a folder for this copy alone")
    now = datetime.now(UTC)
    try:
        with (
            progress("copying 备份", 1.0, long=path.stat().st_size > LONG and not as_json) as told,
            staged(out) as folder,
        ):

            def done(pages: int, of: int) -> None:
                if told is not None:
                    told(pages / max(of, 1))

            manifest = ledger_backup.back_up(path, folder, f"{now:%Y-%m-%dT%H:%M:%SZ}", done)
        out.chmod(0o700)
    except (LedgerDamaged, LedgerRefused, sqlite3.Error) as fault:
        raise Refused(f"{path}: {printable(str(fault), 200)}: no copy was made") from None
    size = (out / ledger_backup.BASE).stat().st_size
    if as_json:
        document({"out": str(out), "bytes": size, **manifest})
    else:
        print(f"{out}: ledger 台账 {size} bytes, {len(manifest['files']) - 1} attached files 附件")
    return DONE


def restore_command(where: Where, copy: Path, as_json: bool) -> int:
    """The exit status."""
    path = place_of(where)
    if not path.parent.is_dir():
        raise Refused(f"{path}: expected a file in a folder that is there")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    try:
        before = ledger_backup.put_back(copy, path, stamp)
    except ledger_backup.CopyDamaged as fault:
        raise Refused(f"{printable(str(copy))}: {printable(str(fault), 300)}: nothing was changed") from None
    except BlockingIOError:
        raise Refused(f"{path}: a daemon keeps this ledger: expected it to be stopped first") from None
    except (LedgerDamaged, LedgerRefused, sqlite3.Error) as fault:
        raise Refused(f"{printable(str(copy))}: {printable(str(fault), 200)}: nothing was changed") from None
    except OSError as fault:
        raise Refused(f"{path}: {fault.strerror}: expected a place that can be written") from None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        (cases,) = base.execute("SELECT count(*) FROM cases").fetchone()
    if as_json:
        document({"ledger": str(path), "cases": cases, "before": before and str(before)})
    else:
        kept = f"; the old one 原台账: {before}" if before else ""
        print(f"{path}: {cases} cases 案件{kept}")
    return DONE
