"""Where stations are on average and whether they move, as metric families: lengths only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hncors.network import Network
from hncors.observation import F64
from hncors.view.exposition import Family
from hncors.view.labels import each_with, labels_of, singly

_COMPONENTS, _BY = singly(("east", "north", "up")), singly(("phases", "neighbours"))


def coordinate_families(network: Network) -> Iterator[Family]:
    """Means of the day so far, trends of the days before, moves that were found."""
    its = network.coordinates
    for name, text, values in (
        ("position_mean", "Median of the GPS day's positions so far from the registered place", its.mean_m),
        ("position_mean_sigma", "What that is good to, correlation in time counted", its.sigma_m),
        ("position_rate", "Trend of the daily means, plate motion taken off", its.rate_m_yr),
        ("position_rate_sigma", "What that is good to", its.rate_sigma_m_yr),
    ):
        unit = "meters_per_year" if "rate" in name else "meters"
        yield _by_component(network, f"hncors_{name}_{unit}", text, values)
    counts = np.stack((its.moves.found, its.slow.found), axis=1)
    name = "hncors_antenna_moves_total"
    labels = labels_of(name, its.ids, *each_with(np.arange(len(its.ids)), _BY), _BY)
    text = "Moves of the antenna that were found"
    yield Family(name, "counter", text, ("station", "by"), labels, counts.ravel())
    placed = np.flatnonzero(~np.isnan(its.registered.ecef_m[:, 0]))
    name = "hncors_position_off_registry"
    names = labels_of(name, its.ids, placed)
    text = "1 while the station's positions contradict its registered place"
    off = its.off[placed].astype(np.int64)
    yield Family(name, "gauge", text, ("station",), names, off)


def _by_component(network: Network, name: str, text: str, values: F64) -> Family:
    ids = network.coordinates.ids
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    labels = labels_of(name, ids, *each_with(rows, _COMPONENTS), _COMPONENTS)
    return Family(
        name, "gauge", text, ("station", "component"), labels, np.round(values[rows].ravel(), 3) + 0.0
    )
