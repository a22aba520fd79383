"""What the server of the pages tells of itself, as metric families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hncors.view.exposition import Family, Kind

RESULTS = ("signed_in", "refused", "held_off")


class Served(NamedTuple):
    """Counts since the start; connections and live clients as they are now."""

    connections: int = 0
    accepted: int = 0
    closed: int = 0
    live: int = 0
    live_dropped: int = 0
    live_refused: int = 0
    sign_ins: Mapping[str, int] = {}


def served_families(served: Served) -> Iterator[Family]:
    """The metrics of docs/metrics.md whose names begin with hncors_web_."""
    s = served
    single: tuple[tuple[str, Kind, str, float], ...] = (
        ("connections", "gauge", "Connections to the pages", s.connections),
        ("connections_total", "counter", "Connections there were", s.accepted),
        ("connections_closed_total", "counter", "Closed for being idle, slow or too many", s.closed),
        ("live_clients", "gauge", "Pages that are told of news", s.live),
        ("live_dropped_total", "counter", "... that were dropped for taking too long", s.live_dropped),
        ("live_refused_total", "counter", "... that were one too many", s.live_refused),
    )
    for name, kind, text, value in single:
        yield Family(f"hncors_web_{name}", kind, text, (), [()], [float(value)])
    counts = [float(s.sign_ins.get(one, 0)) for one in RESULTS]
    text = "Attempts to sign in"
    yield Family(
        "hncors_web_sign_ins_total", "counter", text, ("result",), [(one,) for one in RESULTS], counts
    )
