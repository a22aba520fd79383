"""A bundle of evidence as a list of files that cannot be changed unseen (docs/cases.md).

`manifest.json` names every other file with its size and SHA-256; each entry's hash covers the entry and the
hash before it, so one hash, written down anywhere, stands for all of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from hncors.supervise.trail import BEGIN, Link, broken, chained

MANIFEST, FORMAT = "manifest.json", 1
MOST_FILES, MOST_BYTES = 5_000, 8 << 30  # of a bundle that is looked at, unpacked
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_KEYS = ("name", "size", "sha256")
# What a replay of minutes cannot show: days at a place, a day of silence. Who pushed, and the sourcetable of
# then, only where that was kept.
BY_DAYS, BY_SOURCE, BY_ROWS = ("E12", "E13"), ("E19", "E20"), ("E1", "E5", "E7")


class Found(NamedTuple):
    """A finding as far as a replay has to show it again."""

    rule: str
    subject: str
    strength: str


def listed(files: Sequence[tuple[str, int, str]]) -> list[dict[str, Any]]:
    """Entries for the manifest: name, size and SHA-256 of each file, chained in order."""
    entries, before = [], BEGIN
    for name, size, sha256 in files:
        content = {"name": name, "size": size, "sha256": sha256}
        before = chained(before, content)
        entries.append({**content, "hash": before})
    return entries


def wrong_manifest(manifest: Any) -> str:
    """What is wrong with what a manifest says of itself, "" for nothing."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return f"expected format {FORMAT}"
    entries = manifest.get("files")
    if not isinstance(manifest.get("not_recorded", []), list):
        return "not_recorded: expected a list"
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_FILES:
        return f"files: expected 1 to {MOST_FILES} entries"
    for entry in entries:
        if not isinstance(entry, dict) or not all(key in entry for key in (*_KEYS, "hash")):
            return "files: expected name, size, sha256 and hash of each"
        if not isinstance(entry["name"], str) or not is_name(entry["name"]):
            return "files: expected names within the bundle"
        if not isinstance(entry["size"], int) or not 0 <= entry["size"] <= MOST_BYTES:
            return f"{entry['name']}: expected a size"
    if sum(entry["size"] for entry in entries) > MOST_BYTES:
        return f"more than {MOST_BYTES >> 30} GiB"
    if len({entry["name"] for entry in entries}) != len(entries):
        return "files: one name twice"
    links, before = [], BEGIN
    for entry in entries:
        links.append(Link({key: entry[key] for key in _KEYS}, before, str(entry["hash"])))
        before = str(entry["hash"])
    if (number := broken(links)) is not None:
        return f"{entries[number]['name']}: its entry was changed"
    return ""


def is_name(name: str) -> bool:
    """Whether a name stays within the bundle, and is one file on any machine."""
    return len(name) <= 200 and _NAME.fullmatch(name) is not None


def unlike(entries: Sequence[Mapping[str, Any]], there: Mapping[str, tuple[int, str]]) -> list[str]:
    """What differs between a manifest and the files that are there, by name: their sizes and SHA-256."""
    told = []
    for entry in entries:
        name = entry["name"]
        if name not in there:
            told.append(f"{name}: missing")
        elif there[name] != (entry["size"], entry["sha256"]):
            told.append(f"{name}: not what was put in the bundle")
    known = {entry["name"] for entry in entries}
    told += [f"{name}: not in the manifest" for name in sorted(set(there) - known)]
    return told


def compared(
    kept: Sequence[Found], replayed: Sequence[Found], pushed: Collection[str], missing: Collection[str] = ()
) -> dict[str, list[Found]]:
    """The findings of a case by what a replay makes of them: `same`, `differs`, `not_replayed`.

    Of the subjects `pushed` it was told who pushed them; of the stations `missing` nothing is recorded.
    """
    shown: dict[tuple[str, str], set[str]] = {}
    for one in replayed:
        shown.setdefault((one.rule, one.subject), set()).add(one.strength)
    made: dict[str, list[Found]] = {"same": [], "differs": [], "not_replayed": []}
    for one in dict.fromkeys(kept):
        strengths = shown.get((one.rule, one.subject), set())
        if one.strength in strengths:
            made["same"].append(one)
        elif (
            one.rule in BY_DAYS
            or one.subject.partition("/")[0] in missing
            or (one.rule in BY_SOURCE and one.subject not in pushed)
            or (one.rule in BY_ROWS and not strengths)
        ):
            made["not_replayed"].append(one)
        else:
            made["differs"].append(one)
    return made
