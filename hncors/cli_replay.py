"""hncors replay: the daemon's own line over recordings, and the four files it leaves behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
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
    version,
)
from hncors.cli_recordings import Plan, configured, prepare
from hncors.daemon.recording import shown
from hncors.network import Network, Tick
from hncors.text import printable
from hncors.view.epoch_status import Statuses
from hncors.view.exposition import Writer
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
) -> int:
    """Replay; the exit status: WRONG when a station gave no epoch."""
    plan = prepare(inputs, configured(config) if config else (), nav, given_time(time_text))
    for recording in plan.recordings:
        for problem in recording.problems:
            note(problem)
    network = plan.network()
    spans = Spans(network)
    with ExitStack() as stack:
        files = _Files(stack.enter_context(staged(out)), network, plan) if out is not None else None
        for tick in _ticks(plan, network, speed, chunk_size, stack):
            spans.add(tick)
            if files is not None:
                files.add(tick)
        told = {"version": version(), "inputs": _inputs(plan), **summary(network, spans, plan.undated)}
        if files is not None:
            files.end(told)
    if as_json:
        document(told)
    else:
        _report(told, out)
    for stream, epochs in zip(network.streams, spans.epochs.tolist(), strict=True):
        if not epochs:
            note(f"{stream.id}: not one epoch")
        elif stream.id in plan.undated:
            note(f"{stream.id}: nothing tells the week, so gps_week is empty: give --time or --nav")
    return DONE if spans.epochs.all() else WRONG


def _ticks(
    plan: Plan, network: Network, speed: float | None, chunk_size: int, stack: ExitStack
) -> Iterator[Tick]:
    """The ticks of the replay, at the speed asked for, with a progress bar where it takes a while."""
    first_ns = min(int(source.arrival_ns[0]) for source in plan.sources)
    last_ns = max(int(source.arrival_ns[-1]) for source in plan.sources)
    long = speed is not None or sum(len(source.data) for source in plan.sources) > LONG
    told = stack.enter_context(progress("replay", last_ns - first_ns, long=long))
    begun_s = time.monotonic()

    def until(now_ns: int) -> None:
        if told is not None:
            told(now_ns - first_ns)
        if speed is not None:
            time.sleep(max(0.0, begun_s + (now_ns - first_ns) / 1e9 / speed - time.monotonic()))

    needed: Callable[[int], None] | None = None if told is None and speed is None else until
    return plan.play(network, chunk_size=chunk_size, until=needed)


class _Files:
    """The files of a replay while they grow."""

    def __init__(self, folder: Path, network: Network, plan: Plan) -> None:
        self._folder, self._network, self._undated = folder, network, plan.undated
        self._statuses = Statuses(network, plan.heard)
        self._epochs, self._events = self._new("epochs.csv"), self._new("events.jsonl")
        self._epochs.write(HEADER)

    def _new(self, name: str) -> IO[str]:
        return (self._folder / name).open("w", encoding="utf-8", newline="")

    def add(self, tick: Tick) -> None:
        lines = epoch_lines(self._network, tick, self._statuses.of(tick), self._undated)
        self._epochs.writelines(lines)
        self._events.writelines(event_lines(tick.events))

    def end(self, told: dict[str, Any]) -> None:
        self._epochs.close()
        self._events.close()
        text = Writer().render(families(self._network, version(), dated=not self._undated))
        (self._folder / "metrics.prom").write_bytes(text)
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


def _report(told: dict[str, Any], out: Path | None) -> None:
    made = table(
        "stations 站点",
        *("station", "state 状态", ">expected", ">received", ">missing", ">%", ">satellites", ">BDS-3"),
        ">C/N0 dB-Hz",
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
        )
    shell = console()

    def line(text: str) -> None:
        shell.print(text, markup=False, soft_wrap=True)

    shell.print(made)
    for one in told["stations"]:
        if one["anomalies"]:
            counts = ", ".join(f"{name} {n}" for name, n in one["anomalies"].items())
            line(f"anomalies 异常  {one['station']}: {counts}")
    line(f"events 事件  {', '.join(f'{kind} {n}' for kind, n in told['events'].items()) or 'none'}")
    if out is not None:
        line(f"written 已写入  {shown(out)}: metrics.prom events.jsonl epochs.csv summary.json")


def _range(signals: dict[str, dict[str, Any]]) -> str:
    """Mean C/N0 of the weakest and the strongest signal."""
    known = [
        s["cn0_dbhz"] for system in signals.values() for s in system.values() if s["cn0_dbhz"] is not None
    ]
    return f"{min(known):.0f} to {max(known):.0f}" if known else ""
