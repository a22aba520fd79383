"""A station file changed in a few keys: everything else in it, comments too, stays as somebody wrote it.

Values on one line are exchanged, new keys are put at the end of their table.  What came of it is read as
TOML and has to be what was wanted: a file written in another way is refused rather than spoilt.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any

Changes = Mapping[str, object]
"""Dotted key: its new value, or None to take it away."""

_HEADER = re.compile(r"\s*\[([A-Za-z0-9_-]+)\]\s*(#.*)?")
_KEY = re.compile(r"(\s*([A-Za-z0-9_-]+)\s*=\s*)(.*)")


class NotEditable(Exception):
    """The file is not written a key a line."""


def value_text(value: object) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return str(value)


def flat(content: Mapping[str, Any]) -> dict[str, object]:
    """The keys of a station file, one level of tables as dotted keys."""
    found: dict[str, object] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": part for inner, part in value.items()}
        else:
            found[key] = value
    return found


def edited(text: str, changes: Changes) -> str:
    """`text` with `changes` made.  Raises NotEditable."""
    before = flat(tomllib.loads(text)) if text else {}
    wanted = {key: value for key, value in (before | dict(changes)).items() if value is not None}
    left = {key: value for key, value in changes.items() if value is not None or key in before}
    lines: list[str] = []
    table, ends = "", {"": 0}  # where the last line of each table is
    for line in text.splitlines():
        if header := _HEADER.fullmatch(line):
            table = header[1]
            ends[table] = len(lines) + 1
        elif (found := _KEY.fullmatch(line)) and (key := f"{table}.{found[2]}".lstrip(".")) in left:
            value = left.pop(key)
            if value is None:
                continue
            line = found[1] + value_text(value) + _comment(found[3])
        lines.append(line)
        if line.strip() and not line.lstrip().startswith("#"):
            ends[table] = len(lines)
    made = _with_new(lines, ends, {key: value for key, value in left.items() if value is not None})
    try:
        right = flat(tomllib.loads(made)) == wanted
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise NotEditable
    return made


def _with_new(lines: list[str], ends: dict[str, int], new: Mapping[str, object]) -> str:
    by_table: dict[str, list[str]] = {}
    for key, value in new.items():
        table, _, name = key.rpartition(".")
        by_table.setdefault(table, []).append(f"{name} = {value_text(value)}")
    for table, at in sorted(ends.items(), key=lambda end: -end[1]):
        lines[at:at] = by_table.pop(table, [])
    for table, added in by_table.items():
        lines += ["", f"[{table}]", *added] if lines else [f"[{table}]", *added]
    return "\n".join(lines) + "\n"


def _comment(rest: str) -> str:
    """The comment behind a value, with the blanks before it; "" for none."""
    quoted = ""
    for at, character in enumerate(rest):
        if quoted:
            if character == quoted and not (quoted == '"' and rest[at - 1] == "\\"):
                quoted = ""
        elif character in "\"'":
            quoted = character
        elif character == "#":
            return "  " + rest[at:]
    return ""
