"""Whose faults are, as metric families: satellites have no label, they are in the events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hncors.causes_words import OWN, WIDE
from hncors.gpstime import from_unix_ns
from hncors.network import Network
from hncors.signals import GNSS
from hncors.view.exposition import Family

OLD_MS = 60_000  # after so long without epochs nothing of now is known


def cause_families(network: Network) -> Iterator[Family]:
    """Gauges of the last look at the network; absent when it is over a minute old."""
    its = network.causes
    now = its.judged.time_ms >= 0 and from_unix_ns(network.last_tick_ns) - its.judged.time_ms <= OLD_MS
    names = [(cause,) for cause in (*WIDE, "station")] if now else []
    text = "Faults that are on, by whose they are; station: stations with one of their own"
    yield Family("hncors_network_faults", "gauge", text, ("cause",), names, its.active() if now else [])
    rows, causes = np.nonzero(its.inhibited if now else its.inhibited[:0])
    labels = [(its.ids[r], WIDE[n]) for r, n in zip(rows.tolist(), causes.tolist(), strict=True)]
    text = (
        "1 for a station whose alert or exclusion a wider cause explains: an alarm for it should not go out"
    )
    yield Family("hncors_station_inhibited", "gauge", text, ("station", "cause"), labels, [1] * len(labels))
    rows, causes = np.nonzero(its.stations.hold.on if now else its.stations.hold.on[:0])
    labels = [(its.ids[r], OWN[n]) for r, n in zip(rows.tolist(), causes.tolist(), strict=True)]
    text = "1 for a station with a fault of its own"
    yield Family("hncors_station_fault", "gauge", text, ("station", "cause"), labels, [1] * len(labels))
    judged = its.judged
    some = np.flatnonzero(judged.satellites + judged.unknown) if now else np.empty(0, np.int64)
    verdicts = (("judged", judged.satellites), ("unknown", judged.unknown))
    values = [int(counts[gnss]) for gnss in some.tolist() for _, counts in verdicts]
    shown = [(GNSS[gnss], verdict) for gnss in some.tolist() for verdict, _ in verdicts]
    text = "Satellites that the network could judge, and those that too few stations see"
    yield Family("hncors_network_satellites", "gauge", text, ("gnss", "verdict"), shown, values)
    text = "Stations in the last look at the network"
    yield Family(
        "hncors_network_stations", "gauge", text, (), [()] if now else [], [judged.stations] if now else []
    )
