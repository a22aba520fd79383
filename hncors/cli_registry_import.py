"""hncors registry import: a filing table against the station files, shown or applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hncors.cli_ledger import Office, Where, found_config, office, settings_of
from hncors.cli_output import DONE, Refused, console, document, note, shown, table
from hncors.daemon.configuration import ConfigurationError, station_texts
from hncors.daemon.ledger_registry import Change, add_change
from hncors.daemon.sheets import SheetRefused, read_table
from hncors.daemon.station_files import staged
from hncors.registry import read_stations
from hncors.supervise.cases import SUPERVISOR
from hncors.supervise.importing import Given, Planned, Wanted, plan, read_rows, read_toml
from hncors.supervise.secrecy import coarse

MAX_TOML_BYTES = 4 << 20


class Source(NamedTuple):
    """The table, and what the options say about it."""

    file: Path
    sheet: str
    encoding: str
    given: Given


def command(where: Where, source: Source, apply: bool, as_json: bool) -> int:
    """Show what the table would change; with `apply` change it, and put that into the history."""
    config = found_config(where.config)
    settings = settings_of(config)
    try:
        texts = station_texts(config, settings)
    except ConfigurationError as wrong:
        raise Refused(*wrong.problems) from None
    wanted, problems, notes = _read(source)
    folder = config.parent / settings.stations
    planned, more = _plan(wanted, texts, folder)
    if problems or more:
        raise Refused(*problems, *more)
    changes = [one for one in planned if one.changes]
    _check_together(texts, changes)
    missing = sorted(
        {station.id for station in read_stations(_named(texts))[0]} - {one.id for one in planned}
    )
    if apply and changes:
        with office(where._replace(config=config)) as here:
            _apply(here, changes, str(source.file))
    if as_json:
        document(
            {
                "file": str(source.file),
                "applied": apply,
                "stations": len(planned),
                "added": [one.id for one in changes if one.new],
                "changed": {one.id: _told(one) for one in changes if not one.new},
                "unchanged": [one.id for one in planned if not one.changes],
                "not_in_file": missing,
                "notes": notes,
            }
        )
        return DONE
    _print(planned, changes, apply)
    for line in notes:
        note(line)
    if missing:
        note(f"not in {source.file}, left as they are 表中没有，保持不变: {', '.join(missing)}")
    if not apply and changes:
        note("nothing was written 未写入; --apply writes it 加 --apply 写入")
    return DONE


def _read(source: Source) -> tuple[list[Wanted], list[str], list[str]]:
    file = str(source.file)
    if source.file.suffix.lower() != ".toml":
        try:
            return read_rows(read_table(source.file, source.sheet, source.encoding), file, source.given)
        except SheetRefused as refused:
            raise Refused(f"{file}: {refused}") from None
    try:
        with source.file.open("rb") as opened:
            data = opened.read(MAX_TOML_BYTES + 1)
        if len(data) > MAX_TOML_BYTES:
            raise Refused(f"{file}: more than {MAX_TOML_BYTES >> 20} MiB")
        return read_toml(data.decode("utf-8"), file, source.given)
    except OSError as fault:
        raise Refused(f"{file}: {fault.strerror}: expected a file that can be read") from None
    except UnicodeDecodeError:
        raise Refused(f"{file}: not UTF-8: expected TOML") from None


def _plan(
    wanted: Sequence[Wanted], texts: Mapping[Path, str], folder: Path
) -> tuple[list[Planned], list[str]]:
    stations, wrong = read_stations(_named(texts))
    if wrong:  # what is there has to be right before it is changed
        return [], wrong
    files = {station.id: Path(station.file) for station in stations}
    planned, problems = [], []
    for one in wanted:
        file = files.get(one.id, folder / f"{one.id}.toml")
        if one.id not in files and file.exists():
            problems.append(f"{one.place}: id = {one.id}: {file} is there and is of another station")
            continue
        made, found = plan(one, texts.get(file, ""), str(file))
        problems += found
        if made is not None:
            planned.append(made)
    return planned, problems


def _check_together(texts: Mapping[Path, str], changes: Sequence[Planned]) -> None:
    """All the files as they would be: none may contradict another.  Raises Refused."""
    whole = _named(texts) | {one.file: one.text for one in changes}
    _, problems = read_stations(whole)
    if problems:
        raise Refused(*problems)


def _apply(here: Office, changes: Sequence[Planned], source: str) -> None:
    """History first: what a station file says has to be on the trail, also after a crash between the two."""
    if here.role != SUPERVISOR:
        raise Refused(f"--apply by {here.actor} ({here.role or 'no role'}): expected a supervisor")
    try:
        with staged({Path(one.file): one.text for one in changes}), here.ledger.writing() as base:
            for one in changes:
                values = {
                    key: [_plain(before), _plain(after)] for key, (before, after) in one.changes.items()
                }
                detail = {"source": Path(source).name, "keys": values}
                action = "added" if one.new else "changed"
                add_change(base, Change(one.id, here.now_ns, here.actor, here.role, action, detail))
    except OSError as fault:
        raise Refused(f"{fault.filename}: {fault.strerror}: expected a folder of stations to write") from None


def _print(planned: Sequence[Planned], changes: Sequence[Planned], applied: bool) -> None:
    columns = ("id 站号", "what 变更", "key 项目", "before 原值", "after 新值")
    made = table("differences 差异" if not applied else "changes 变更", *columns)
    for column in made.columns:
        column.overflow = "fold"
    for one in changes:
        what = "added 新增" if one.new else "changed 修改"
        for key, (before, after) in _told(one).items():
            made.add_row(one.id, what, key, *(shown(str(value)) for value in (before, after)))
            what = ""
    shell = console()
    shell.print(made)
    added = sum(one.new for one in changes)
    counts = f"{len(planned)} stations 站: {added} added 新增, {len(changes) - added} changed 修改"
    shell.print(f"{counts}, {len(planned) - len(changes)} as they were 未变", markup=False)


def _told(one: Planned) -> dict[str, tuple[Any, Any]]:
    """What differs, for everybody: of a place, how far it moves."""
    told = {
        key: ("" if before is None else _coarse(key, before), "" if after is None else _coarse(key, after))
        for key, (before, after) in one.changes.items()
    }
    if one.moved_m is not None:
        told["place 位置"] = ("", f"moves by 移动 {one.moved_m:.3f} m")
    return told


def _coarse(key: str, value: object) -> Any:
    return coarse(_plain(value), key.rpartition(".")[2])


def _plain(value: object) -> Any:
    """As JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _named(texts: Mapping[Path, str]) -> dict[str, str]:
    return {str(file): text for file, text in texts.items()}
