"""Metric families of several networks as those of one: each station is in one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hncors.view.exposition import Family, Labels


def merged(networks: Sequence[Iterable[Family]]) -> Iterator[Family]:
    """Each family once, with the series of all. Of a series that several have, counters add up.

    The networks must have the same families in the same order, as hncors.view.metrics gives them.
    """
    for group in zip(*networks, strict=True):
        yield group[0] if len(group) == 1 else _one(group)


def _one(group: Sequence[Family]) -> Family:
    values: dict[Labels, float] = {}
    counts: dict[Labels, Any] = {}
    for family in group:
        for row, (labels, value) in enumerate(zip(family.labels, family.values, strict=True)):
            if labels in values:
                if family.kind == "counter":
                    values[labels] += float(value)
                continue
            values[labels] = float(value)
            if family.bounds:
                counts[labels] = family.counts[row]
    first = group[0]
    return Family(
        *(first.name, first.kind, first.help, first.label_names, list(values), list(values.values())),
        first.bounds,
        list(counts.values()),
    )
