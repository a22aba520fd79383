"""Files attached to cases: kept beside the ledger under the SHA-256 of what is in them, once each.

A file is on the disk before the ledger names it; one that no case names, after a crash between, harms
nothing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 256 << 20
BLOCK = 1 << 20


class TooLarge(Exception):
    """More than MAX_BYTES."""


class Stored(NamedTuple):
    sha256: str
    size: int


def folder_of(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + ".files")


def path_of(ledger: Path, sha256: str) -> Path:
    """Where the content of that hash is kept."""
    return folder_of(ledger) / sha256[:2] / sha256


def store(ledger: Path, source: Path) -> Stored:
    """Keep a copy of a file.  Raises OSError, TooLarge; then nothing is kept."""
    folder = folder_of(ledger)
    folder.mkdir(mode=0o750, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=".new-", dir=folder)
    made = Path(name)
    try:
        with source.open("rb") as file, os.fdopen(number, "wb") as copy:
            digest, size = hashlib.sha256(), 0
            while block := file.read(BLOCK):
                size += len(block)
                if size > MAX_BYTES:
                    raise TooLarge
                digest.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        made.chmod(0o640)
        place = path_of(ledger, digest.hexdigest())
        place.parent.mkdir(mode=0o750, exist_ok=True)
        made.replace(place)
        for changed in (place.parent, folder):
            _sync(changed)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return Stored(digest.hexdigest(), size)


def damaged(ledger: Path, sha256: str) -> bool:
    """Whether a kept file is missing or not what it was."""
    try:
        with path_of(ledger, sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != sha256
    except OSError:
        return True


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
