"""A trail that cannot be rewritten unseen: each entry's hash covers the entry and the hash before it.

Whoever may write the file can write all of it anew; whoever kept one hash, on paper or in an export, can
tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

BEGIN = "0" * 64  # stands before the first entry


class Link(NamedTuple):
    """An entry as it is kept: its content, the hash before it, its own hash."""

    content: Mapping[str, Any]
    previous: str
    hash: str


def canonical(value: object) -> str:
    """JSON with one spelling for equal values: keys in order, no blanks, no nan."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return sha256(canonical(value).encode()).hexdigest()


def chained(previous: str, content: Mapping[str, Any]) -> str:
    """The hash of an entry that follows the one whose hash is `previous`."""
    return digest({"previous": previous, **content})


def broken(links: Iterable[Link]) -> int | None:
    """Which entry, counted from 0, is not what it was or does not follow the one before; None: all hold."""
    before = BEGIN
    for number, link in enumerate(links):
        if link.previous != before or chained(before, link.content) != link.hash:
            return number
        before = link.hash
    return None
