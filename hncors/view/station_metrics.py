"""What the registry says of stations and what they deliver of it, as metric families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from hncors.network import Network
from hncors.signals import BEIDOU, CODES
from hncors.view.bds3 import STATES, Promises, states
from hncors.view.equipment import named
from hncors.view.exposition import Family
from hncors.view.labels import labels_of, singly

_PROMISES = Promises()


def station_families(network: Network) -> Iterator[Family]:
    """The county is a word of the station's file, none of a stream's."""
    labels = [(station.id, str(getattr(station, "county", ""))) for station in network.stations]
    text = "Always 1; the county is as the station's file says it"
    yield Family("hncors_station_info", "gauge", text, ("station", "county"), labels, [1] * len(labels))
    yield from _bds3(network)
    counts: Counter[tuple[str, str, str]] = Counter()
    for one, number in Counter(map(named, network.streams)).items():
        for kind, maker in one.makers().items():
            counts[kind, maker.name, maker.origin] += number
    rows = sorted(counts.items())
    text = "Stations by who made the equipment they name"
    names = ("kind", "maker", "origin")
    keys, values = [key for key, _ in rows], [value for _, value in rows]
    yield Family("hncors_equipment_stations", "gauge", text, names, keys, values)


def _bds3(network: Network) -> Iterator[Family]:
    tally, ids = network.tally, [stream.id for stream in network.streams]
    now = network.tables.streams.streaming
    rows, slots = _PROMISES.of(network.stations)
    on = now[rows]
    rows, slots = rows[on], slots[on]
    name = "hncors_bds3_signal_delivered"
    text = "Of BeiDou-3's signals that are promised: 1 where the newest epoch has it, else 0"
    labels = labels_of(name, ids, rows, slots, singly(CODES[BEIDOU]))
    there = (tally.bds3[rows, slots] > 0).astype(np.int64)
    yield Family(name, "gauge", text, ("station", "signal"), labels, there)
    rows = np.flatnonzero(now)
    what = states(network, rows)
    rows, what = rows[what >= 0], what[what >= 0]
    name, text = "hncors_bds3_state", "1 for what becomes of BeiDou-3 in the newest epoch"
    labels = labels_of(name, ids, rows, what, singly(STATES))
    yield Family(name, "gauge", text, ("station", "state"), labels, np.ones(len(rows)))
    name = "hncors_bds3_satellites_usable"
    text = "BeiDou-3 satellites of the newest epoch with range and ephemeris"
    usable = network.positioning.usable_bds3[rows]
    yield Family(name, "gauge", text, ("station",), labels_of(name, ids, rows), usable)
    rows = np.flatnonzero(tally.observations.reshape(-1, 7, len(CODES[BEIDOU]))[:, BEIDOU].any(axis=1))
    text = "Observations of BeiDou-3 satellites in complete epochs"
    name, total = "hncors_bds3_observations_total", tally.bds3_observations[rows]
    yield Family(name, "counter", text, ("station",), labels_of(name, ids, rows), total)
