"""What the registry says of stations and what they deliver of it, as metric families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from hncors.network import Network
from hncors.signals import BEIDOU, CODES, NUMBER
from hncors.view.bds3 import promised, state
from hncors.view.equipment import named
from hncors.view.exposition import Family


def station_families(network: Network) -> Iterator[Family]:
    """The county is a word of the station's file, none of a stream's."""
    labels = [(station.id, str(getattr(station, "county", ""))) for station in network.stations]
    text = "Always 1; the county is as the station's file says it"
    yield Family("hncors_station_info", "gauge", text, ("station", "county"), labels, [1] * len(labels))
    yield from _bds3(network)
    counts: Counter[tuple[str, str, str]] = Counter()
    for stream in network.streams:
        for kind, maker in named(stream).makers().items():
            counts[kind, maker.name, maker.origin] += 1
    rows = sorted(counts.items())
    text = "Stations by who made the equipment they name"
    names = ("kind", "maker", "origin")
    keys, values = [key for key, _ in rows], [value for _, value in rows]
    yield Family("hncors_equipment_stations", "gauge", text, names, keys, values)


def _bds3(network: Network) -> Iterator[Family]:
    tally, usable = network.tally, network.positioning.usable_bds3
    delivered: dict[tuple[str, str], int] = {}
    states: list[tuple[str, str]] = []
    counts: list[tuple[str, int]] = []
    there = (tally.bds3 > 0).tolist()
    for number, (stream, station) in enumerate(zip(network.streams, network.stations, strict=True)):
        if stream.state != "streaming":
            continue
        for code in promised(station):
            delivered[stream.id, code] = int(there[number][NUMBER[BEIDOU][code]])
        what = state(network, number)
        if what is not None:
            states.append((stream.id, what))
            counts.append((stream.id, int(usable[number])))
    text = "Of BeiDou-3's signals that are promised: 1 where the newest epoch has it, else 0"
    names = ("station", "signal")
    yield Family(
        "hncors_bds3_signal_delivered", "gauge", text, names, list(delivered), list(delivered.values())
    )
    text = "1 for what becomes of BeiDou-3 in the newest epoch"
    yield Family("hncors_bds3_state", "gauge", text, ("station", "state"), states, [1] * len(states))
    text = "BeiDou-3 satellites of the newest epoch with range and ephemeris"
    labels, values = [(station,) for station, _ in counts], [value for _, value in counts]
    yield Family("hncors_bds3_satellites_usable", "gauge", text, ("station",), labels, values)
    rows = np.flatnonzero(tally.observations.reshape(-1, 7, len(CODES[BEIDOU]))[:, BEIDOU].any(axis=1))
    text = "Observations of BeiDou-3 satellites in complete epochs"
    ids = [(network.streams[row].id,) for row in rows.tolist()]
    total = tally.bds3_observations[rows]
    yield Family("hncors_bds3_observations_total", "counter", text, ("station",), ids, total)
