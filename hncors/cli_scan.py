"""hncors scan: the sourcetables of the configured casters against the register, and against the last time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from hncors.cli_output import DONE, WRONG, Refused, console, document, note, table
from hncors.daemon import tls
from hncors.daemon.configuration import ConfigurationError, load
from hncors.daemon.names import Names
from hncors.daemon.table_fetch import Fetched, fetch
from hncors.daemon.table_keeping import keep, last
from hncors.daemon.territory import read_territory
from hncors.ntrip import Verdict
from hncors.ntrip.request import authority
from hncors.ntrip.sourcetable import read
from hncors.registry import Link, Station, parse_link
from hncors.supervise.judge import Judge
from hncors.supervise.scan import Changes, Scanned, casters, changes, first_rows, scan
from hncors.text import printable

BETWEEN_S = 1.0  # casters are asked one after the other
SHOWN = 20  # mountpoints named in a line


class _Caster(NamedTuple):
    link: Link
    stations: list[Station]

    @property
    def name(self) -> str:
        return authority(self.link.host, self.link.port)


def command(config: Path, out: Path | None, as_json: bool) -> int:
    """Scan; the exit status: WRONG for no table, a filed station that is missing, or what a rule sees."""
    try:
        settings, stations = load(config)
    except ConfigurationError as wrong:
        raise Refused(*wrong.problems) from wrong
    territory, _ = read_territory(settings, config)
    asked = _casters(settings.supervision.casters, stations)
    if not asked:
        raise Refused(f"{config}: no caster: expected stations with ntrip:// links, or supervision.casters")
    now_ns = time.time_ns()
    judge = Judge(0, stations, *territory)
    world = judge.world(now_ns)
    answers = asyncio.run(_ask(asked))
    told = []
    for caster, answer in zip(asked, answers, strict=True):
        if isinstance(answer, Verdict):
            told.append({"caster": caster.name, "state": answer.state, "why": printable(answer.why, 200)})
            continue
        scanned = scan(caster.link, answer.table, caster.stations, world)
        since = _kept(out, caster, answer, now_ns) if out is not None else None
        told.append(_plain(caster, answer, scanned, since))
    if as_json:
        document({"at": _iso(now_ns), "policy": judge.fingerprint, "casters": told})
    else:
        _report(told)
    wrong_ones = [one for one in told if one.get("why") or one.get("missing") or one.get("leads")]
    return WRONG if wrong_ones else DONE


def _casters(more: Sequence[str], stations: Sequence[Station]) -> list[_Caster]:
    found = casters(stations)
    for text in more:
        link = parse_link(f"{text.rstrip('/')}/-")
        found.setdefault((link.scheme, link.host, link.port), [])
    return [_Caster(Link(*key), its) for key, its in found.items()]


async def _ask(asked: Sequence[_Caster]) -> list[Fetched | Verdict]:
    names, answers = Names(), []
    for number, caster in enumerate(asked):
        if number:
            await asyncio.sleep(BETWEEN_S)
        answers.append(await fetch(caster.link, names, _context(caster)))
    return answers


def _context(caster: _Caster) -> Any:
    if caster.link.scheme != "ntrips":
        return None
    station = caster.stations[0] if caster.stations else Station("-", f"ntrips://{caster.name}/-")
    return tls.context(station)


def _kept(out: Path, caster: _Caster, answer: Fetched, now_ns: int) -> Changes | None:
    """Keep a table as it came, and say what differs from the one kept last; None: there was none."""
    try:
        before = last(out, caster.link)
        keep(out, caster.link, answer.data, now_ns)
    except OSError as fault:
        raise Refused(f"{out}: {fault.strerror}: expected a folder that can be written") from fault
    if before is None:
        return None
    return changes(first_rows(read(before)), first_rows(answer.table), cut=bool(answer.table.cut))


def _plain(caster: _Caster, answer: Fetched, scanned: Scanned, since: Changes | None) -> dict[str, Any]:
    its = answer.table
    return {
        "caster": caster.name,
        "rows": scanned.rows,
        "complete": its.ended and not its.cut,
        "cut": its.cut,
        "faults": dict(its.faults),
        "filed": scanned.filed,
        "missing": scanned.missing,
        "others": scanned.others,
        "duplicates": {printable(name, 100): number for name, number in its.duplicates().items()},
        "leads": [lead._asdict() for lead in scanned.leads],
        "unlooked": scanned.unlooked,
        "changes": None if since is None else since._asdict(),
    }


def _report(told: Sequence[dict[str, Any]]) -> None:
    shell = console()
    columns = (
        "caster 播发服务器",
        ">rows 行",
        ">filed 备案",
        ">missing 缺失",
        ">others 其他",
        ">leads 线索",
        "note 备注",
    )
    made = table("sourcetables 源表", *columns)
    for one in told:
        if "why" in one:
            made.add_row(one["caster"], "", "", "", "", "", f"{one['state']}: {one['why']}")
            continue
        counts = (len(one["filed"]), len(one["missing"]), one["others"], len(one["leads"]))
        odd = one["cut"] or ("" if one["complete"] else "without an end 无结束行")
        made.add_row(one["caster"], str(one["rows"]), *map(str, counts), odd)
    shell.print(made)
    for one in told:
        for lead in one.get("leads", ()):
            line = f"{lead['rule']} {lead['strength']}  {lead['subject']}  {lead['zh']}  {lead['en']}"
            shell.print(printable(line, 400), markup=False, soft_wrap=True)
        if one.get("unlooked"):
            why = "more rows or leads than are taken"
            note(f"{one['caster']}: {one['unlooked']} mountpoints not looked at 未检查: {why}")
        if one.get("missing"):
            note(f"{one['caster']}: not in the table 源表中没有: {_some(one['missing'])}")
        for word, which in (one.get("changes") or {}).items():
            if which:
                note(f"{one['caster']}: {word} {_WORDS[word]}: {_some(which)}")


_WORDS = {"appeared": "新出现", "vanished": "已消失", "moved": "位置变动", "changed": "内容变动"}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
