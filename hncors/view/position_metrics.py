"""Positions as metric families: how far from where they should be, never where."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hncors.network import Network
from hncors.positioning import SOLVED, STATUSES, UNUSABLE
from hncors.signals import GNSS
from hncors.view.exposition import Family
from hncors.view.positions import offsets_m, references_m

_COMPONENTS = ("east", "north", "up")
_DECIMALS = 2


def position_families(network: Network) -> Iterator[Family]:
    """Counters of all epochs there were; gauges of the newest epoch, while it is streaming."""
    its = network.positioning
    ids = [stream.id for stream in network.streams]
    now = np.array([stream.state == "streaming" for stream in network.streams], bool)
    solved = now & (its.status == SOLVED)
    rows, numbers = np.nonzero(its.epochs)
    labels = [(ids[r], STATUSES[n]) for r, n in zip(rows.tolist(), numbers.tolist(), strict=True)]
    text = "Complete epochs by whether they gave a position, and why not"
    yield Family(
        "hncors_position_epochs_total",
        "counter",
        text,
        ("station", "status"),
        labels,
        its.epochs[rows, numbers],
    )
    offset = np.round(offsets_m(its.place_m, references_m(network)), _DECIMALS) + 0.0
    rows = np.flatnonzero(solved & ~np.isnan(offset).any(axis=1))
    labels = [(ids[r], component) for r in rows.tolist() for component in _COMPONENTS]
    text = "Position of the newest epoch from the registered one, else from the one that is broadcast"
    yield Family(
        "hncors_position_offset_meters", "gauge", text, ("station", "component"), labels, offset[rows].ravel()
    )
    rows = np.flatnonzero(solved)
    names = [(ids[r],) for r in rows.tolist()]
    text = "Satellites in the position of the newest epoch"
    yield Family("hncors_position_satellites", "gauge", text, ("station",), names, its.used[rows])
    text = "Dilution of precision (PDOP) of the newest epoch's position"
    yield Family("hncors_position_dilution", "gauge", text, ("station",), names, its.pdop[rows])
    some, systems, why = np.nonzero(its.unusable * now[:, None, None])
    reasons = [
        (ids[r], GNSS[g], UNUSABLE[w])
        for r, g, w in zip(some.tolist(), systems.tolist(), why.tolist(), strict=True)
    ]
    text = "Satellites of the newest epoch whose ranges cannot be used, and why"
    values = its.unusable[some, systems, why]
    yield Family("hncors_satellites_unusable", "gauge", text, ("station", "gnss", "reason"), reasons, values)
