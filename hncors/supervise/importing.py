"""A filing table read against the station files: what would change, and every mistake at once.

A cell that is empty says nothing: what the station file has stays.  Nothing is read or written here.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from hncors.registry import Station, read_station
from hncors.settings import problem
from hncors.supervise.cells import READERS
from hncors.supervise.headings import CARTESIAN, COLUMNS, FRAMES, GEODETIC, HEADINGS, plain
from hncors.supervise.station_text import NotEditable, edited, flat
from hncors.text import printable

HEAD_WITHIN = 10  # rows: above the headings there may be a title
SAME_PLACE_M = 0.0005


class Numbered(Protocol):
    """A row of a table (hncors.daemon.sheets.Row)."""

    @property
    def number(self) -> int:
        """As the spreadsheet counts."""

    @property
    def cells(self) -> tuple[object, ...]:
        """Plain values, None for nothing."""


class Given(NamedTuple):
    """What holds for rows that do not say it themselves; None: they have to."""

    frame: str | None = None
    epoch: float | None = None
    link: str | None = None  # with {id} where the station's id goes


class Wanted(NamedTuple):
    """What one row says of a station."""

    place: str  # file and row, for problems
    id: str
    values: Mapping[str, object]  # by dotted key
    headings: Mapping[str, str]  # of the columns they stood in


class Planned(NamedTuple):
    """What becomes of a station file."""

    id: str
    file: str
    text: str
    changes: Mapping[str, tuple[object, object]]  # by key: before and after, None for nothing
    moved_m: float | None  # how far its place would move; None: it has, or had, none
    new: bool


def read_rows(
    rows: Sequence[Numbered], source: str, given: Given
) -> tuple[list[Wanted], list[str], list[str]]:
    """What the rows of a table want, every problem, and notes about columns that are not used."""
    for at, row in enumerate(rows[:HEAD_WITHIN]):
        keys = [HEADINGS.get(plain(cell)) for cell in row.cells]
        if "id" in keys and sum(key is not None for key in keys) > 1:
            return _read_below(rows[at + 1 :], row, keys, source, given)
    expected = f"a row of headings within the first {HEAD_WITHIN}, with 站号 (id) among them"
    return [], [f"{source}: no headings: expected {expected}"], []


def _read_below(
    rows: Iterable[Numbered], head: Numbered, keys: Sequence[str | None], source: str, given: Given
) -> tuple[list[Wanted], list[str], list[str]]:
    names = [printable(str(cell or ""), 80) for cell in head.cells]
    notes = [
        f"{source}: column {name}: not used"
        for name, key in zip(names, keys, strict=True)
        if key is None and name
    ]
    twice = sorted({key for key in keys if key and keys.count(key) > 1})
    if twice:
        return (
            [],
            [f"{source}: row {head.number}: {key} has two columns: expected one" for key in twice],
            notes,
        )
    found: list[Wanted] = []
    problems: list[str] = []
    for row in rows:
        place = f"{source}: row {row.number}"
        values: dict[str, object] = {}
        headings: dict[str, str] = {}
        for name, key, cell in zip(names, keys, row.cells, strict=False):
            if key is None or cell is None or (isinstance(cell, str) and not cell.strip()):
                continue
            headings[key] = name
            try:
                values[key] = READERS[COLUMNS[key][0]](cell)
            except ValueError as fault:
                problems.append(problem(place, f"column {name}", _shown(key, cell), str(fault)))
        if not headings:
            continue
        found.append(_wanted(place, values, headings, given))
    return found, problems + list(_repeated(found)), notes


def read_toml(text: str, source: str, given: Given) -> tuple[list[Wanted], list[str], list[str]]:
    """The same of TOML: an array of tables `station`, each as a station file, or one station file."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        return [], [f"{source}: not TOML: {printable(str(fault), 100)}"], []
    tables = [content] if "id" in content else content.get("station", content.get("stations"))
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return [], [f"{source}: expected [[station]] tables, each as a station file"], []
    found = []
    for number, table in enumerate(tables, 1):
        values = flat(table)
        place = f"{source}: station {number}"
        found.append(_wanted(place, values, {key: key for key in values}, given))
    return found, list(_repeated(found)), []


def plan(wanted: Wanted, text: str, file: str) -> tuple[Planned | None, list[str]]:
    """What a row makes of a station file, "" for one that is not there yet; or its problems."""
    if missing := list(_half_told(wanted)):
        return None, missing
    before = flat(tomllib.loads(text)) if text else {}
    values = dict(wanted.values)
    for own, other in ((GEODETIC, CARTESIAN), (CARTESIAN, GEODETIC)):
        if any(key in values for key in own):
            values |= {key: None for key in other if key in before and key not in values}
    if "link" in before and "link" not in wanted.headings:
        values.pop("link", None)  # a template is for stations that have none
    try:
        old = read_station(text, file)[0] if text else None
        made, moved_m = _made(text, values, before, file, old)
    except NotEditable:
        expected = f"a file with a key a line, [tables] and no more; write {wanted.id} by hand"
        return None, [f"{file}: expected {expected}"]
    station, problems = read_station(made, file)
    if station is None:
        return None, [_named(line, file, wanted) for line in problems]
    after = flat(tomllib.loads(made))
    changes = {
        key: (before.get(key), after.get(key))
        for key in (*before, *after)
        if before.get(key) != after.get(key)
    }
    return Planned(wanted.id, file, made, changes, moved_m if changes else None, not text), []


def _made(
    text: str, values: dict[str, object], before: Mapping[str, object], file: str, old: Station | None
) -> tuple[str, float | None]:
    """The new text, without changes of a place that is the same in another form."""
    differing = {key: value for key, value in values.items() if before.get(key) != value}
    made = edited(text, differing)
    new = read_station(made, file)[0]
    if old is None or new is None or old.ecef_m is None or new.ecef_m is None:
        return made, None
    moved_m = math.dist(old.ecef_m, new.ecef_m)
    if moved_m < SAME_PLACE_M and (old.frame, old.epoch) == (new.frame, new.epoch):
        form = {*GEODETIC, *CARTESIAN}
        made = edited(text, {key: value for key, value in differing.items() if key not in form})
    return made, moved_m


def _wanted(place: str, values: dict[str, object], headings: dict[str, str], given: Given) -> Wanted:
    frame = values.get("coordinates.frame")
    if isinstance(frame, str):
        values["coordinates.frame"] = FRAMES.get(frame, frame)
    if any(key in values for key in (*GEODETIC, *CARTESIAN)):
        if given.frame is not None:
            values.setdefault("coordinates.frame", given.frame)
        if given.epoch is not None:
            values.setdefault("coordinates.epoch", given.epoch)
    id = values.get("id")
    known = id if isinstance(id, str) else ""
    if given.link is not None and known:
        values.setdefault("link", given.link.replace("{id}", known))
    return Wanted(place, known, values, headings)


def _half_told(wanted: Wanted) -> Iterable[str]:
    if not wanted.id:
        yield f"{wanted.place}: id: missing: expected 站号 (id), 1 to 32 letters, digits, - and _"
    if any(key in wanted.values for key in (*GEODETIC, *CARTESIAN)):
        for name, words in (("frame", "坐标系"), ("epoch", "历元")):
            if f"coordinates.{name}" not in wanted.values:
                told = f"a column {words} ({name}), or --{name}: a place without it is no place"
                yield f"{wanted.place}: coordinates.{name}: missing: expected {told}"


def _repeated(found: Iterable[Wanted]) -> Iterable[str]:
    first: dict[str, str] = {}
    for wanted in found:
        if wanted.id and (other := first.setdefault(wanted.id, wanted.place)) != wanted.place:
            yield problem(wanted.place, "id", wanted.id, f"each station once: {other} has it too")


def _named(line: str, file: str, wanted: Wanted) -> str:
    """A problem of a station file as one of the row it came from, with the heading of the column."""
    key, colon, rest = line.removeprefix(f"{file}: ").partition(" = " if " = " in line else ":")
    heading = wanted.headings.get(key)
    if heading is None or heading == key:
        return f"{wanted.place}: {key}{colon}{rest}"
    return f"{wanted.place}: column {heading} ({key}){colon}{rest}"


def _shown(key: str, cell: Any) -> Any:
    """A wrong cell as it may be shown: of a link not more than that it is one."""
    return "..." if key == "link" else str(cell)
