"""Simulated provinces with faults of known truth, for tests of causes and the table of docs/integrity.md."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
from simulated import scenario

from hncors.gpstime import to_unix_ns
from hncors.health import Event
from hncors.network import Chunk, Network
from hncors.signals import BDS3_FIRST_SATELLITE, GNSS
from hncors.simulate.province import Province


class Station(NamedTuple):
    id: str
    ecef_m: tuple[float, float, float] | None = None
    gga: bool = False
    rate_hz: float | None = None


class Told(NamedTuple):
    """What a network said of causes."""

    second: int  # after the begin of the scenario
    station: str
    kind: str
    detail: dict[str, Any]


class Run(NamedTuple):
    network: Network
    told: list[Told]
    alarms: dict[int, int]  # by second: stations in alert or with exclusions
    inhibited: dict[int, int]  # of those, the ones with a wider cause
    alerts: dict[int, int]
    inhibited_alerts: dict[int, int]


def fault(kind: str, begin_s: float, end_s: float | None = None, **more: object) -> str:
    """A table of a scenario; what is no list is a parameter."""
    lists = {name: value for name, value in more.items() if isinstance(value, list)}
    numbers = ", ".join(f"{name} = {value}" for name, value in more.items() if name not in lists)
    out = f'[[faults]]\nkind = "{kind}"\nbegin_s = {begin_s}\n'
    out += "" if end_s is None else f"end_s = {end_s}\n"
    out += "".join(f"{name} = {json.dumps(value)}\n" for name, value in lists.items())
    return f"{out}parameters = {{ {numbers} }}\n"


def high(text: str) -> dict[str, str]:
    """By system: a satellite that stands high over all stations of a scenario at its end."""
    made = run(text)
    its = made.network.causes.gathering
    rows = its.rows(its.current(its.now_ms()))
    lowest = np.full(448, np.inf)
    np.minimum.at(lowest, rows.slot, rows.sine)
    lowest[np.bincount(rows.slot, minlength=448) < len(its.newest_ms)] = 0.0
    lowest[GNSS.index("C") * 64 : GNSS.index("C") * 64 + BDS3_FIRST_SATELLITE] = 0.0
    best = {
        letter: 64 * gnss + int(lowest[64 * gnss : 64 * gnss + 64].argmax())
        for gnss, letter in enumerate(GNSS)
    }
    return {letter: f"{letter}{slot % 64:02d}" for letter, slot in best.items()}


CAUSES = ("satellite_fault", "signal_fault", "system_fault", "disturbed_sky", "station_fault")


def run(text: str) -> Run:
    """A scenario played into a network that ticks four times a second."""
    province = Province(scenario(text))
    names = [one.id for one in province.stations]
    network = Network([Station(one.id, one.ecef_m) for one in province.stations])
    told: list[Told] = []
    out = Run(network, told, {}, {}, {}, {})
    for time_ms in province.times():
        second = (time_ms - province.start_ms) // 1000
        now_ns = to_unix_ns(time_ms) + 600_000_000
        epoch = province.epoch(time_ms)
        for sent in epoch.sent:
            network.feed(Chunk(names[sent.station], sent.data, now_ns))
        tick = network.tick(now_ns + 10_000_000)
        told += [_told(second, event) for event in tick.events if event.kind.removesuffix("_over") in CAUSES]
        its = network.causes
        alarmed = (its.gathering.trust == 1) | (its.gathering.trust == 2)
        alert = its.gathering.trust == 2
        held = its.inhibited.any(axis=1)
        out.alarms[second], out.inhibited[second] = int(alarmed.sum()), int((alarmed & held).sum())
        out.alerts[second], out.inhibited_alerts[second] = int(alert.sum()), int((alert & held).sum())
    return out


def _told(second: int, event: Event) -> Told:
    return Told(second, event.station, event.kind, event.detail)
