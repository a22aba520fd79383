"""hncors replay: the daemon's own line over recordings, and the four files it leaves behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from hncors.cli_output import (
    DONE,
    LONG,
    WRONG,
    console,
    document,
    given_time,
    note,
    progress,
    staged,
    table,
)
from hncors.cli_recordings import Era, Plan, configured, prepare, supervised
from hncors.cli_replay_report import PAGE, Collected, missing_lines, report, tables, write_page
from hncors.daemon.recording import shown
from hncors.network import Network, Tick
from hncors.text import printable
from hncors.version import VERSION
from hncors.view.exposition import Writer
from hncors.view.merging import merged
from hncors.view.metrics import families
from hncors.view.replay_files import HEADER, Spans, epoch_lines, event_lines, summary


def command(
    inputs: Sequence[str],
    *,
    config: Path | None,
    out: Path | None,
    speed: float | None,
    nav: Sequence[Path],
    time_text: str | None,
    as_json: bool,
    chunk_size: int,
    html: Path | None = None,
) -> int:
    """Replay; the exit status: WRONG when a station gave no epoch."""
    stations, territory = (configured(config), supervised(config)) if config else ((), None)
    plan = prepare(inputs, stations, nav, given_time(time_text), territory)
    for problem in plan.problems:
        note(problem)
    eras = plan.eras()
    spans = [Spans(era.network) for era in eras]
    collected = [Collected(era.network, full=html is not None or out is not None) for era in eras]
    with ExitStack() as stack:
        folder = stack.enter_context(staged(out)) if out is not None else None
        files = _Files(folder, plan) if folder is not None else None
        until = _until(plan, eras, speed, stack)
        for era, its, kept in zip(eras, spans, collected, strict=True):
            for tick in era.play(chunk_size=chunk_size, until=until):
                its.add(tick)
                kept.add(tick)
                if files is not None:
                    files.add(era.network, tick)
        told = {"version": VERSION, "inputs": _inputs(plan), **summary(spans, plan.undated)}
        report(told["stations"], collected, plan.undated)
        if files is not None:
            files.end([era.network for era in eras], told)
        for path in (html, None if folder is None else folder / PAGE):
            if path is not None:
                write_page(path, told, collected)
    if as_json:
        document(told)
    else:
        _report(told, out, html)
    silent = [one["station"] for one in told["stations"] if not one["epochs"]["received"]]
    for station in silent:
        note(f"{station}: not one epoch")
    for station in sorted(plan.undated.difference(silent)):
        note(f"{station}: nothing tells the week, so gps_week is empty: give --time or --nav")
    return WRONG if silent else DONE


def _until(
    plan: Plan, eras: Sequence[Era], speed: float | None, stack: ExitStack
) -> Callable[[int], None] | None:
    """Called before each tick: waits where a speed is asked for, and shows what takes a while."""
    spans_ns = [era.span_ns for era in eras]
    long = speed is not None or sum(len(source.data) for source in plan.sources) > LONG
    told = stack.enter_context(progress("replay", sum(last - first for first, last in spans_ns), long=long))
    if told is None and speed is None:
        return None
    begun_s = time.monotonic()

    def until(now_ns: int) -> None:
        done_ns = sum(min(now_ns, last) - first for first, last in spans_ns if first <= now_ns)
        if told is not None:
            told(done_ns)
        if speed is not None:
            time.sleep(max(0.0, begun_s + done_ns / 1e9 / speed - time.monotonic()))

    return until


class _Files:
    """The files of a replay while they grow."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._undated = folder, plan.undated
        self._epochs, self._events = self._new("epochs.csv"), self._new("events.jsonl")
        self._epochs.write(HEADER)

    def _new(self, name: str) -> IO[str]:
        return (self._folder / name).open("w", encoding="utf-8", newline="")

    def add(self, network: Network, tick: Tick) -> None:
        self._epochs.writelines(epoch_lines(network, tick, self._undated))
        self._events.writelines(event_lines(tick.events))

    def end(self, networks: Sequence[Network], told: dict[str, Any]) -> None:
        self._epochs.close()
        self._events.close()
        found = [families(network, VERSION, dated=not self._undated) for network in networks]
        (self._folder / "metrics.prom").write_bytes(Writer().render(merged(found)))
        text = json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"
        (self._folder / "summary.json").write_bytes(text)


def _inputs(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "station": station.id,
            "files": [printable(part.path.name) if part.path else "-" for part in recording.parts],
            "bytes": recording.size,
            "arrival_times": source.timed,
            "week_from": dating.source or None,
        }
        for station, recording, source, dating in zip(
            plan.stations, plan.recordings, plan.sources, plan.datings, strict=True
        )
    ]


def _report(told: dict[str, Any], out: Path | None, html: Path | None) -> None:
    made = table(
        "stations 站点",
        *("station", "state 状态", ">expected", ">received", ">missing", ">%", ">satellites", ">BDS-3"),
        ">C/N0 dB-Hz",
        ">slips 周跳",
        ">MP m",
    )
    for one in told["stations"]:
        epochs, share, satellites = one["epochs"], one["availability"], one["mean_satellites"]
        made.add_row(
            one["station"],
            one["state"],
            *(f"{epochs[name]:,}" for name in ("expected", "received", "missing")),
            "" if share is None else f"{100 * share:.2f}",
            "" if satellites is None else f"{satellites:.1f}",
            str(one["bds3_satellites"]),
            _range(one["signals"]),
            f"{sum(s['slips'] for system in one['signals'].values() for s in system.values()):,}",
            _multipath(one["signals"]),
        )
    shell = console()

    def line(text: str) -> None:
        shell.print(text, markup=False, soft_wrap=True)

    shell.print(made)
    for more in tables(told["stations"]):
        shell.print(more)
    for one in told["stations"]:
        if one["anomalies"]:
            counts = ", ".join(f"{name} {n}" for name, n in one["anomalies"].items())
            line(f"anomalies 异常  {one['station']}: {counts}")
    for words in missing_lines(told["stations"]):
        line(words)
    line(f"events 事件  {', '.join(f'{kind} {n}' for kind, n in told['events'].items()) or 'none'}")
    if out is not None:
        line(f"written 已写入  {shown(out)}: metrics.prom events.jsonl epochs.csv summary.json {PAGE}")
    if html is not None:
        line(f"written 已写入  {shown(html)}")


def _range(signals: dict[str, dict[str, Any]]) -> str:
    """Mean C/N0 of the weakest and the strongest signal."""
    known = [
        s["cn0_dbhz"] for system in signals.values() for s in system.values() if s["cn0_dbhz"] is not None
    ]
    return f"{min(known):.0f} to {max(known):.0f}" if known else ""


def _multipath(signals: dict[str, dict[str, Any]]) -> str:
    """Multipath of the best and the worst signal."""
    known = [s["multipath_m"] for system in signals.values() for s in system.values()]
    known = [one for one in known if one is not None]
    return f"{min(known):.2f} to {max(known):.2f}" if known else ""
