"""A ledger copied while it is in use, and put back: the base by SQLite's backup, attached files beside it.

A copy is a folder: `ledger.sqlite3`, `files/` as beside the ledger, and `manifest.json` with the SHA-256 of
each. Nothing is deleted: what a copy takes the place of is kept under another name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from hncors.daemon.ledger import LedgerLock
from hncors.daemon.ledger_files import folder_of
from hncors.daemon.ledger_opening import BUSY_MS, PARTS, checked
from hncors.version import VERSION

BASE, FILES, MANIFEST = "ledger.sqlite3", "files", "manifest.json"
PAGES_AT_ONCE = 256  # between which others write
Progress = Callable[[int, int], None]  # done, of


class CopyDamaged(Exception):
    """A copy is not what its manifest says, or is none."""


def back_up(ledger: Path, out: Path, now: str, progress: Progress = lambda done, of: None) -> dict[str, Any]:
    """Copy a ledger that may be in use into the folder `out`; what the manifest says.

    Raises sqlite3.Error, OSError, and what hncors.daemon.ledger_opening.checked does.
    """
    source = sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", timeout=BUSY_MS / 1000, uri=True)
    made = out / BASE
    os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(source), closing(sqlite3.connect(made)) as copy:
        source.backup(copy, pages=PAGES_AT_ONCE, progress=lambda _, left, of: progress(of - left, of))
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
    checked(made)
    for file in _files(folder_of(ledger)):  # those the base names are there: they come before it does
        place = out / FILES / file.relative_to(folder_of(ledger))
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(file, place)
        place.chmod(0o600)
    kept = {str(path.relative_to(out)): _sha256(path) for path in sorted(out.rglob("*")) if path.is_file()}
    manifest = {"program": f"hncors {VERSION}", "at": now, "files": kept}
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def verify(copy: Path) -> dict[str, Any]:
    """What the manifest of a copy says, every file being what it says.  Raises CopyDamaged."""
    try:
        manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CopyDamaged(
            f"no {MANIFEST} that can be read: expected a folder of hncors ledger backup"
        ) from None
    if BASE not in files:
        raise CopyDamaged(f"no {BASE} in it")
    for name, sha256 in files.items():
        path = (copy / name).resolve()
        if not path.is_relative_to(copy.resolve()):
            raise CopyDamaged(f"{name}: outside of the folder")
        try:
            found = _sha256(path)
        except OSError as fault:
            raise CopyDamaged(f"{name}: {fault.strerror}") from None
        if found != sha256:
            raise CopyDamaged(f"{name}: not what was copied")
    return dict(manifest)


def put_back(copy: Path, ledger: Path, stamp: str) -> Path | None:
    """Put a copy in the place of a ledger; what the old one is called now, None where there was none.

    Raises CopyDamaged, OSError (BlockingIOError: a daemon keeps the ledger), and as `checked` does.
    """
    manifest = verify(copy)
    checked(copy / BASE)
    lock = LedgerLock(ledger)
    try:
        new = ledger.with_name(f".{ledger.name}.new")
        shutil.copyfile(copy / BASE, new)
        new.chmod(0o640)
        _like(new, ledger.parent)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        for name in manifest["files"]:
            if name.startswith(f"{FILES}/"):  # under their hashes: one that is there is the same
                place = folder_of(ledger) / name.removeprefix(f"{FILES}/")
                if not place.exists():
                    place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                    shutil.copyfile(copy / name, place)
                    for one in (place.parent.parent, place.parent, place):
                        _like(one, ledger.parent)
        before = ledger.with_name(f"{ledger.name}.before-{stamp}")
        there = ledger.exists()
        for part in reversed(PARTS):
            if (old := ledger.with_name(ledger.name + part)).exists():
                old.rename(before.with_name(before.name + part))
        new.replace(ledger)
        folder = os.open(ledger.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        lock.release()
    return before if there else None


def _like(path: Path, folder: Path) -> None:
    """Give a file to whom its folder belongs, where root puts it back for the daemon."""
    if os.geteuid() == 0:
        its = folder.stat()
        os.chown(path, its.st_uid, its.st_gid)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.glob("??/*")) if path.is_file() and not path.is_symlink())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
