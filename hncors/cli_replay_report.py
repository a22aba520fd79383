"""The quality report of hncors replay: what is collected while it plays, tables, and the page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hncors.cli_output import Refused, table
from hncors.daemon.recording import shown
from hncors.health import Event
from hncors.network import Network, Tick
from hncors.view import report_words
from hncors.view.history import History
from hncors.view.report import quality
from hncors.view.report_page import MOST_EVENTS, Told, page

if TYPE_CHECKING:
    from rich.table import Table

PAGE = "report.html"
MOST_SIGNALS = 60  # rows of the table of signals on a terminal; all of them are in --json and the page


class Collected:
    """The history of a network that is played, and the last events of each of its stations."""

    def __init__(self, network: Network, *, full: bool) -> None:
        self.history = History(network, full=full)
        self.events: dict[str, deque[Event]] = {}

    def add(self, tick: Tick) -> None:
        """A tick, right after it."""
        self.history.add(tick)
        for event in tick.events:
            self.events.setdefault(event.station, deque(maxlen=MOST_EVENTS)).append(event)


def report(
    stations: Sequence[dict[str, Any]], collected: Sequence[Collected], undated: frozenset[str]
) -> None:
    """Add to each station's summary its `quality`; both are in the order of the networks' streams."""
    for summary, (kept, row) in zip(stations, _rows(collected), strict=True):
        summary["quality"] = quality(kept.history, row, undated=summary["station"] in undated)


def _rows(collected: Sequence[Collected]) -> Iterator[tuple[Collected, int]]:
    for kept in collected:
        for row in range(len(kept.history.network.streams)):
            yield kept, row


def write_page(path: Path, told: dict[str, Any], collected: Sequence[Collected]) -> None:
    """The page. Raises Refused when the file cannot be written."""
    stations = [
        Told(summary, kept.history, row)
        for summary, (kept, row) in zip(told["stations"], _rows(collected), strict=True)
    ]
    events: dict[str, list[Event]] = {}
    for kept in collected:
        for station, some in kept.events.items():
            events.setdefault(station, []).extend(some)
    names = [name for one in told["inputs"] for name in one["files"]]
    text = page(stations, events, names, told["version"])
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise Refused(f"{shown(path)}: {fault.strerror}; --html expects a file to write") from fault


def tables(stations: Sequence[dict[str, Any]]) -> Iterator[Table]:
    """Positions and integrity of each station, and its signals."""
    made = table(
        "positions and integrity 定位与完好性",
        *("station", ">solved", ">H 95% m", ">V 95% m", ">3-D rms m", ">HPL m", ">VPL m", ">misleading"),
        *(">independent", ">ROTI"),
    )
    for one in stations:
        its = one["quality"]
        made.add_row(
            one["station"],
            f"{its['solved']:,}",
            *(_part(its["error_m"][name], "p95") for name in ("horizontal", "vertical")),
            _rms(its["error_m"]),
            *(_part(its["protection_level_m"][name], "median") for name in ("horizontal", "vertical")),
            *_misleading(its["misleading"]),
            "" if one["roti_tecu_min"] is None else f"{one['roti_tecu_min']:.2f}",
        )
    yield made
    rows = [
        (one["station"], f"{gnss} {code}", signal)
        for one in stations
        for gnss, codes in one["signals"].items()
        for code, signal in codes.items()
    ]
    if 0 < len(rows) <= MOST_SIGNALS:
        made = table(
            "signals 信号",
            *("station", "signal", ">observations", ">C/N0 dB-Hz", ">slips", ">obs. per slip", ">MP m"),
        )
        for station, name, signal in rows:
            cn0, slips, multipath = signal["cn0_dbhz"], signal["slips"], signal["multipath_m"]
            made.add_row(
                station,
                name,
                f"{signal['observations']:,}",
                "" if cn0 is None else f"{cn0:.1f}",
                f"{slips:,}",
                f"{signal['observations'] // slips:,}" if slips else "",
                "" if multipath is None else f"{multipath:.2f}",
            )
        yield made


def missing_lines(stations: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What was not computed, and why."""
    for one in stations:
        for line in one["quality"]["not_computed"]:
            what, why = report_words.missing(line)
            yield f"not computed 未算  {one['station']}: {what[1]}: {why[1]}"


def _part(sizes: dict[str, float] | None, name: str) -> str:
    return "" if sizes is None else f"{sizes[name]:.2f}"


def _rms(error_m: dict[str, dict[str, float] | None]) -> str:
    both = [sizes["rms"] for sizes in error_m.values() if sizes is not None]
    return f"{sum(one * one for one in both) ** 0.5:.2f}" if len(both) == 2 else ""


def _misleading(counts: dict[str, Any] | None) -> tuple[str, str]:
    if counts is None:
        return "", ""
    return f"{counts['epochs']:,} of {counts['judged']:,}", f"{counts['independent']:,.1f}"
