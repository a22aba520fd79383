"""What the registry says of stations, as metric families."""

from __future__ import annotations

from collections.abc import Iterator

from hncors.network import Network
from hncors.view.exposition import Family


def station_families(network: Network) -> Iterator[Family]:
    """The county is a word of the station's file, none of a stream's."""
    labels = [(station.id, str(getattr(station, "county", ""))) for station in network.stations]
    text = "Always 1; the county is as the station's file says it"
    yield Family("hncors_station_info", "gauge", text, ("station", "county"), labels, [1] * len(labels))
