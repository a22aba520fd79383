"""What becomes of stations that push their streams, as metric families; without `[push]` there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hncors.view.exposition import Family

RESULTS = ("accepted", "malformed", "unknown", "password", "taken", "too_many")


class Pushed(NamedTuple):
    """Connections there are, and what was answered to those there were."""

    connections: int
    offers: Mapping[str, int]


def pushed_families(pushed: Pushed) -> Iterator[Family]:
    """The metrics of docs/metrics.md that pushed streams fill."""
    text = "Connections of stations that push, and of those that have not said what"
    yield Family("hncors_push_connections", "gauge", text, (), [()], [pushed.connections])
    labels = [(result,) for result in RESULTS]
    counts = [float(pushed.offers.get(result, 0)) for result in RESULTS]
    text = "What became of connections to where stations push"
    yield Family("hncors_push_offers_total", "counter", text, ("result",), labels, counts)
