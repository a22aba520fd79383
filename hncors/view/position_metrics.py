"""Positions as metric families: how far from where they should be, never where."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hncors.network import Network
from hncors.positioning import SOLVED, STATUSES, UNUSABLE
from hncors.signals import GNSS
from hncors.view.exposition import Family
from hncors.view.labels import each_with, labels_of, places, singly
from hncors.view.positions import offsets_m, references_m

_COMPONENTS, _STATUSES = singly(("east", "north", "up")), singly(STATUSES)
_REASONS = [(gnss, why) for gnss in GNSS for why in UNUSABLE]
_DECIMALS = 2


def position_families(network: Network) -> Iterator[Family]:
    """Counters of all epochs there were; gauges of the newest epoch, while it is streaming."""
    its = network.positioning
    ids = [stream.id for stream in network.streams]
    now = network.tables.streams.streaming
    solved = now & (its.status == SOLVED)
    rows, numbers = places(its.epochs > 0)
    name = "hncors_position_epochs_total"
    labels = labels_of(name, ids, rows, numbers, _STATUSES)
    text = "Complete epochs by whether they gave a position, and why not"
    yield Family(name, "counter", text, ("station", "status"), labels, its.epochs[rows, numbers])
    offset = np.round(offsets_m(its.place_m, references_m(network)), _DECIMALS) + 0.0
    rows = np.flatnonzero(solved & ~np.isnan(offset).any(axis=1))
    name = "hncors_position_offset_meters"
    labels = labels_of(name, ids, *each_with(rows, _COMPONENTS), _COMPONENTS)
    text = "Position of the newest epoch from the registered one, else from the one that is broadcast"
    yield Family(name, "gauge", text, ("station", "component"), labels, offset[rows].ravel())
    rows = np.flatnonzero(solved)
    names = labels_of("hncors_position_satellites", ids, rows)
    text = "Satellites in the position of the newest epoch"
    yield Family("hncors_position_satellites", "gauge", text, ("station",), names, its.used[rows])
    text = "Dilution of precision (PDOP) of the newest epoch's position"
    yield Family("hncors_position_dilution", "gauge", text, ("station",), names, np.round(its.pdop[rows], 2))
    unusable = its.unusable.reshape(len(ids), len(_REASONS))
    some, why = places((unusable > 0) & now[:, None])
    name = "hncors_satellites_unusable"
    labels = labels_of(name, ids, some, why, _REASONS)
    text = "Satellites of the newest epoch whose ranges cannot be used, and why"
    yield Family(name, "gauge", text, ("station", "gnss", "reason"), labels, unusable[some, why])
