"""Stations and events as plain data, for JSON, tables and pages: functions of the network's state.

Nothing here holds a coordinate. What only some may see is added by whoever knows who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hncors import gpstime, kinds
from hncors.causes_words import OWN, WIDE
from hncors.health import SECOND_NS, Event, Stream
from hncors.measure.tally import TYPE_LABELS
from hncors.network import Network
from hncors.registry import Station
from hncors.signals import BEIDOU, CODES, GNSS, SLOTS
from hncors.view.replay_files import utc
from hncors.view.roles import Who
from hncors.view.site_states import WIDE_KINDS
from hncors.view.trend import WINDOWS_S, Trend


def summary(network: Network, number: int, station: Station) -> dict[str, Any]:
    """One line about a station, `number` being its place in the network.

    `last_epoch` is GPS time, the other times UTC.  What is of the sky is there while the station streams.
    """
    stream = network.streams[number]
    return {
        "id": stream.id,
        "name": station.name,
        "name_en": station.name_en,
        "invented": station.invented,
        "state": stream.state,
        "since": utc(stream.since_ns),
        "why": stream.state_why,
        "last_epoch": gpstime.iso(stream.epoch_ms) if stream.epoch_ms >= 0 else None,
        **_sky(network, number, stream),
    }


def _sky(network: Network, number: int, stream: Stream) -> dict[str, Any]:
    """Of the newest epoch: satellites, BeiDou-3 satellites with their signals, seconds to its arrival."""
    if stream.state != "streaming":
        return {"satellites": None, "bds3": None, "bds3_signals": None, "latency_s": None}
    tally = network.tally
    bds3 = tally.bds3[number]
    latency_s = (stream.epoch_ns - gpstime.to_unix_ns(stream.closed_ms)) / SECOND_NS
    return {
        "satellites": int(tally.satellites[number].sum()),
        "bds3": int(bds3.max(initial=0)),
        "bds3_signals": [CODES[BEIDOU][signal] for signal in np.flatnonzero(bds3)],
        "latency_s": round(latency_s, 2) if stream.timed else None,
    }


def detail(network: Network, number: int, station: Station) -> dict[str, Any]:
    """What is known of one station, `number` being its place in the network."""
    stream, tally = network.streams[number], network.tally
    messages = tally.messages[number]
    satellites = tally.satellites[number] if tally.newest_ms[number] >= 0 else np.zeros(7, np.int64)
    account = stream.account
    return {
        **summary(network, number, station),
        "enabled": station.enabled,
        "operator": station.operator,
        "county": station.county,
        "interval_s": account.best_interval_ms() / 1000 or None,
        "bytes": stream.bytes(),
        **stream.frames(),
        "messages": {TYPE_LABELS[kind]: int(messages[kind]) for kind in np.flatnonzero(messages)},
        "errors": dict(sorted(stream.errors.items())),
        "reconnects": dict(sorted(stream.reconnects.items())),
        "epochs": {"expected": account.expected, "received": account.received, "blind": account.blind},
        "satellites": {GNSS[g]: int(satellites[g]) for g in np.flatnonzero(satellites)},
        "identity": _identity(network, stream),
        "faults": [OWN[n] for n in np.flatnonzero(network.causes.stations.hold.on[number])],
        "inhibited_by": [WIDE[n] for n in np.flatnonzero(network.causes.inhibited[number])],
        "kinds": sorted(kinds.shown(stream, network.last_tick_ns)),
        "mirrors": network.streams[copied].id if (copied := int(network.mirrors.of[number])) >= 0 else None,
    }


def _identity(network: Network, stream: Stream) -> str:
    """Whether the reference point in a stream is that of its station."""
    if stream.stranger is not None:
        return "mismatch"
    if stream.id not in network.places:
        return "not_filed"
    return "not_told" if stream.arp_m is None else "as_filed"


def event(one: Event) -> dict[str, Any]:
    return {"at": utc(one.at_ns), "station": one.station, "kind": one.kind, "detail": one.detail}


def public_event(one: Event) -> Event:
    """What everybody may know of an event: of a state only the state, for reasons are what casters say."""
    if one.kind == "state":
        return one._replace(detail={key: one.detail[key] for key in ("from", "to")})
    return one


def is_public(one: Event, stations: Mapping[str, Station]) -> bool:
    """Whether everybody may know of an event: states of filed stations, and what is of the sky."""
    if one.kind in WIDE_KINDS:
        return True
    station = stations.get(one.station)
    return one.kind == "state" and station is not None and station.filed


def events_for(events: list[Event], stations: Mapping[str, Station], who: Who) -> list[Event]:
    """The events that somebody may see, as he may see them."""
    if who.may("operator"):
        return events
    return [public_event(one) for one in events if is_public(one, stations)]


def availability(trend: Trend, number: int) -> dict[str, Any]:
    """By window: the share of epochs that came of those that were due while the monitor looked."""
    told = {}
    for name, seconds in WINDOWS_S.items():
        kept = trend.kept(number, seconds)
        share = kept.availability
        told[name] = {
            "availability": None if share is None else round(share, 6),
            "observed_s": round(kept.seconds),
            "received": kept.received,
            "missing": kept.missing,
        }
    return told


def signals(network: Network, number: int) -> list[dict[str, Any]]:
    """Every signal a station ever sent: satellites and C/N0 of the newest epoch while it streams."""
    tally, stream = network.tally, network.streams[number]
    told = []
    for cell in np.flatnonzero(tally.seen[number]).tolist():
        gnss, slot = divmod(cell, SLOTS)
        count = int(tally.cn0_count[number, cell])
        now = stream.state == "streaming"
        told.append(
            {
                "gnss": GNSS[gnss],
                "signal": CODES[gnss][slot],
                "observations": int(tally.observations[number, cell]),
                "satellites": count if now else None,
                "bds3_satellites": int(tally.bds3[number, slot]) if now and gnss == BEIDOU else None,
                "cn0_dbhz": round(float(tally.cn0_sum_dbhz[number, cell]) / count, 1)
                if now and count
                else None,
            }
        )
    return told


HIDDEN = (
    *("why", "errors", "reconnects", "mirrors", "faults", "identity", "kinds", "bytes", "frames"),
    "crc_failures",
    "reserved_bits",
)


def public(told: Mapping[str, Any]) -> dict[str, Any]:
    """What everybody may know of a station: not what casters say, nor what is wrong with it and why."""
    return {name: value for name, value in told.items() if name not in HIDDEN}
