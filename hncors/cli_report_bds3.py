"""hncors report bds3: what stations deliver of BeiDou-3 and with whose equipment, over recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hncors import gpstime
from hncors.cli_output import (
    DONE,
    LONG,
    WRONG,
    Refused,
    console,
    document,
    given_time,
    note,
    progress,
    staged,
)
from hncors.cli_recordings import configured, prepare
from hncors.text import printable
from hncors.view.bds3_report import PROGRESS, figures, line, page, to_csv
from hncors.view.replay_files import Spans

KEYS = ("date", *(name for name, _ in PROGRESS))


def command(
    inputs: Sequence[str],
    config: Path | None,
    out: Path,
    earlier: Sequence[Path],
    nav: Sequence[Path],
    time_text: str | None,
    as_json: bool,
) -> int:
    """Write the report; the exit status: WRONG where a station that promises a signal does not deliver it."""
    before = [_figures(path) for path in earlier]
    registry = configured(config) if config else ()
    plan = prepare(inputs, registry, nav, given_time(time_text))
    for problem in plan.problems:
        note(problem)
    filed = {station.id: station for station in registry}
    lines, newest_ms = [], -1
    size = sum(len(source.data) for source in plan.sources)
    eras = plan.eras()
    with progress("report", len(eras), long=size > LONG) as told:
        for done, era in enumerate(eras, 1):
            spans = Spans(era.network)
            for tick in era.play():
                spans.add(tick)
            newest_ms = max(newest_ms, int(spans.last_ms.max(initial=-1)))
            for number, stream in enumerate(era.network.streams):
                its = (int(spans.epochs[number]), int(spans.bds3[number].sum()))
                lines.append(line(era.network, number, filed.get(stream.id, stream), *its))
            if told is not None:
                told(done)
    lines.sort(key=lambda one: one.id)
    dated = newest_ms >= 0 and not plan.undated
    now = figures(lines, gpstime.iso(newest_ms)[:10] if dated else "undated")
    texts = {
        "bds3.html": page(lines, now, before),
        "bds3.csv": to_csv(lines),
        "bds3.json": json.dumps(now, ensure_ascii=False, indent=1) + "\n",
    }
    with staged(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    files = [str(out / name) for name in texts]
    if as_json:
        stations = [
            {"station": one.id, "use": one.use, "delivered": one.delivered, "missing": one.missing}
            for one in lines
        ]
        document({**now, "files": files, "by_station": stations})
    else:
        shell = console()
        for name, words in (*PROGRESS, ("promised_delivered", "承诺信号播发率 promised signals delivered")):
            value = "—" if now[name] is None else f"{now[name]:.1%}"
            shell.print(f"{words}: {value}", markup=False, soft_wrap=True)
        for path in files:
            shell.print(printable(path, 400), markup=False, soft_wrap=True)
    return WRONG if any(one.missing for one in lines) else DONE


def _figures(path: Path) -> dict[str, Any]:
    """The figures of an earlier report.  Raises Refused."""
    expected = "expected a bds3.json of an earlier report"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise Refused(f"{printable(str(path))}: {fault.strerror}: {expected}") from None
    except ValueError:
        raise Refused(f"{printable(str(path))}: not JSON: {expected}") from None
    if not isinstance(found, dict) or not isinstance(found.get("date"), str):
        raise Refused(f"{printable(str(path))}: {expected}")
    for name in KEYS[1:]:
        value = found.get(name)
        if value is not None and (not isinstance(value, int | float) or not 0 <= value <= 1):
            raise Refused(f"{printable(str(path))}: {name} = {printable(repr(value), 40)}: {expected}")
    return {"date": printable(found["date"], 20), **{name: found.get(name) for name in KEYS[1:]}}
