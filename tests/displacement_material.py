"""A simulated province watched by the network, tick by tick: what is told of it, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hncors.frames import year_of
from hncors.gpstime import to_unix_ns
from hncors.network import Chunk, Network
from hncors.registry import Station
from hncors.simulate import stations
from hncors.simulate.province import Province
from hncors.simulate.scenario import read_scenario

KINDS = (
    *("antenna_moved", "position_off_registry", "position_as_registered", "position_changed"),
    *("position_drift", "arp_off_registry", "arp_changed", "arp_as_registered"),
)


class Told(NamedTuple):
    """An event of one of KINDS."""

    second: float  # after the scenario's start, of the epoch that brought it
    station: str
    kind: str
    detail: dict[str, object]


Filed = Callable[[stations.Station, float], Station]
"""A station's file, of its simulation and the year of that."""


def filed(one: stations.Station, year: float) -> Station:
    """As it is: in today's frame, of today."""
    return Station(one.id, "tcp://h:1", one.rate_hz, ecef_m=one.ecef_m, frame="ITRF2020", epoch=year)


def watch(scenario: str, file: Filed = filed) -> tuple[Network, list[Told]]:
    """Play a scenario (TOML) to its end."""
    read, problems = read_scenario(scenario, "scenario")
    assert read is not None, problems
    province = Province(read)
    year = year_of(province.start_ms)
    network = Network([file(one, year) for one in province.stations])
    told = []
    for time_ms in province.times():
        now_ns = to_unix_ns(time_ms)
        for sent in province.epoch(time_ms).sent:
            at_ns = to_unix_ns(time_ms) + round(1e9 * sent.delay_s)
            now_ns = max(now_ns, at_ns)
            network.feed(Chunk(province.stations[sent.station].id, sent.data, at_ns))
        for event in network.tick(now_ns).events:
            if event.kind in KINDS:
                second = (time_ms - province.start_ms) / 1000
                told.append(Told(second, event.station, event.kind, event.detail))
    return network, told
