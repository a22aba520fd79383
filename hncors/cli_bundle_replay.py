"""A bundle of evidence played again, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hncors.cli_output import Refused
from hncors.cli_recordings import configured, prepare, supervised
from hncors.cli_replay_report import Collected, report, write_page
from hncors.ntrip.sourcetable import read
from hncors.registry import Station, parse_link
from hncors.supervise.judge import Judge
from hncors.supervise.scan import scan
from hncors.supervise.sources import Pushed, from_plain
from hncors.text import printable
from hncors.version import VERSION
from hncors.view.bundle import Found
from hncors.view.replay_files import Spans, summary

CONFIG, RECORDINGS, TABLES, SOURCES = "hncors.toml", "recordings", "sourcetables", "sources.json"
NOTES = "notes.json"  # beside the sourcetables: whose each is and when it was fetched
Place = tuple[float, float, float]


class Replayed(NamedTuple):
    """What a replay shows, where streams said they stand (ECEF metres), and which it is known who pushed."""

    found: list[Found]
    places_m: dict[str, Place]
    pushed: frozenset[str]


def replayed(folder: Path, pages: Path | None = None) -> Replayed:
    """Everything that its recordings and sourcetables show; with `pages` a report of each stretch of time.

    Raises Refused.
    """
    pushed = list(told_of_sources(folder))
    shown = Replayed(list(_of_tables(folder)), {}, frozenset(one.subject for one in pushed))
    stretches = folder / RECORDINGS
    for stretch in sorted(stretches.iterdir()) if stretches.is_dir() else []:
        page = None if pages is None else pages / f"report-{stretch.name}.html"
        _play(folder, stretch, pushed, shown, page)
    return shown._replace(found=list(dict.fromkeys(shown.found)))


def _play(folder: Path, stretch: Path, pushed: Sequence[Pushed], shown: Replayed, page: Path | None) -> None:
    config = folder / CONFIG
    inputs = sorted(str(path) for path in stretch.glob("*.rtcm3"))
    plan = prepare(inputs, configured(config), (), None, supervised(config))
    eras = plan.eras()
    spans = [Spans(era.network) for era in eras]
    collected = [Collected(era.network, full=page is not None) for era in eras]
    for era, its, kept in zip(eras, spans, collected, strict=True):
        if isinstance(era.network.judge, Judge):
            era.network.judge.sources.recall(pushed)
        for tick in era.play():
            its.add(tick)
            kept.add(tick)
            for event in tick.events:
                if event.kind == "lead":
                    detail = event.detail
                    shown.found.append(Found(detail["rule"], event.station, detail["strength"]))
        shown.places_m.update({one.id: one.arp_m for one in era.network.streams if one.arp_m is not None})
    if page is not None:
        told: dict[str, Any] = {"version": VERSION, "inputs": [], **summary(spans, plan.undated)}
        report(told["stations"], collected, plan.undated)
        write_page(page, told, collected)


def told_of_sources(folder: Path) -> Iterator[Pushed]:
    """Who pushed streams, where findings are about that. Raises Refused."""
    try:
        told = json.loads((folder / SOURCES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError) as fault:
        raise Refused(f"{SOURCES}: {type(fault).__name__}: expected JSON") from None
    for subject, its in told.items() if isinstance(told, dict) else [("", None)]:
        one = from_plain(printable(subject, 64), its)
        if one is None:
            raise Refused(f"{SOURCES}: {printable(subject, 64)}: expected who pushed each stream, and when")
        yield one


def _of_tables(folder: Path) -> Iterator[Found]:
    """What rules see in the sourcetables."""
    if not (folder / TABLES).is_dir():
        return
    stations = [one for one in configured(folder / CONFIG) if isinstance(one, Station)]
    judge = Judge(0, stations, *supervised(folder / CONFIG))
    try:
        notes = json.loads((folder / TABLES / NOTES).read_text(encoding="utf-8"))
        known = [(folder / TABLES / name, note["caster"], int(note["at_ns"])) for name, note in notes.items()]
        tables = [(path.read_bytes(), parse_link(f"{caster}/-"), at_ns) for path, caster, at_ns in known]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        expected = "expected whose each table is and when it was fetched"
        raise Refused(f"{TABLES}/{NOTES}: {type(fault).__name__}: {expected}") from None
    for data, link, at_ns in tables:
        for lead in scan(link, read(data), stations, judge.world(at_ns)).leads:
            yield Found(lead.rule, lead.subject, lead.strength)
