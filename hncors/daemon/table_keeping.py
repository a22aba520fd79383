"""Sourcetables kept as they came: a file where one differs from the last, a line for each time one was read.

FOLDER/HOST_PORT/20261126T120000Z.sourcetable
FOLDER/HOST_PORT/index.jsonl        {"at": ..., "sha256": ..., "bytes": ..., "file": ...}
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from hncors.registry import Link

MOST_FILES, MOST_BYTES = 500, 256 << 20  # of one caster: the oldest go
INDEX, INDEX_BYTES = "index.jsonl", 16 << 20
ENDING = ".sourcetable"


def folder_of(folder: Path, caster: Link) -> Path:
    """Where the tables of a caster are."""
    return folder / f"{caster.host}_{caster.port}".replace(":", "-")


def last(folder: Path, caster: Link) -> bytes | None:
    """The table that was kept last. Raises OSError."""
    newest = max(folder_of(folder, caster).glob(f"*{ENDING}"), default=None)
    return None if newest is None else newest.read_bytes()


def keep(folder: Path, caster: Link, data: bytes, now_ns: int) -> bool:
    """Keep a table; whether it was another than the last. Raises OSError."""
    place = folder_of(folder, caster)
    place.mkdir(parents=True, exist_ok=True)
    new = last(folder, caster) != data
    at = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    name = f"{at:%Y%m%dT%H%M%SZ}{ENDING}"
    if new:
        half = place / f".{name}"
        half.write_bytes(data)
        half.replace(place / name)
        _tidy(place)
    else:
        name = max(place.glob(f"*{ENDING}")).name
    told = {
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "file": name,
    }
    index = place / INDEX
    if index.exists() and index.stat().st_size > INDEX_BYTES:
        index.replace(place / f"{INDEX}.before")
    with index.open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")
    return new


def _tidy(place: Path) -> None:
    """Newest first, what is beyond the limits goes; the newest stays, however large it is."""
    size = 0
    for number, path in enumerate(sorted(place.glob(f"*{ENDING}"), reverse=True)):
        size += path.stat().st_size
        if number and (number >= MOST_FILES or size > MOST_BYTES):
            path.unlink()
