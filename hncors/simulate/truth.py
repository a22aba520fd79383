"""Records of truth.jsonl: what is so, whatever the streams say. docs/simulator.md lists their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hncors.gpstime import iso
from hncors.observation import F64
from hncors.signals import CODES, satellite_name
from hncors.simulate.broadcast import Broadcast
from hncors.simulate.conditions import Conditions
from hncors.simulate.faults import Fault
from hncors.simulate.reception import Observed, Receivers
from hncors.simulate.scenario import Scenario
from hncors.simulate.sent import Sent
from hncors.simulate.stations import Station

VALUES = (
    "pseudorange_m", "phase_range_m", "range_rate_m_s", "cn0_dbhz", "lock_ms", "multipath_m", "noise_m",
)  # fmt: skip
Record = dict[str, Any]


def head(
    scenario: Scenario, stations: Sequence[Station], faults: Sequence[Fault], start_ms: int, end_ms: int
) -> list[Record]:
    """The scenario, its stations with their true places, its faults."""
    out: list[Record] = [
        {
            "record": "scenario",
            "name": scenario.name,
            "seed": scenario.seed,
            "begin": iso(start_ms),
            "end": iso(end_ms),
            "begin_gps_ms": start_ms,
            "end_gps_ms": end_ms,
        }
    ]
    out += [{"record": "station", **one._asdict()} for one in stations]
    for fault in faults:
        record = {
            "record": "fault",
            "label": fault.label,
            "kind": fault.kind,
            "acts": fault.acts,
            "begin": iso(fault.begin_ms),
            "end": iso(fault.end_ms),
            "begin_gps_ms": fault.begin_ms,
            "end_gps_ms": fault.end_ms,
            "stations": list(fault.stations),
            "satellites": list(fault.satellites),
            "systems": fault.systems,
            "signals": list(fault.signals),
            "of": fault.of,
            "parameters": dict(fault.parameters),
        }
        out.append(record)
    return out


def epoch(
    time_ms: int, stations: Sequence[Station], now: Sequence[Fault], sent: Sequence[Sent],
    observed: Observed, state: Conditions, sky: dict[str, F64],
) -> Record:  # fmt: skip
    """What is true of stations at an epoch: columns in the order of `station`."""
    rows = [one.station for one in sent]
    first = np.flatnonzero(np.diff(observed.satellite, prepend=-1))
    seen = np.zeros(len(stations), np.int64)
    if len(first):
        seen = np.logical_or.reduceat(observed.seen, first, axis=1).sum(axis=1)
    return {
        "record": "epoch",
        "gps_ms": time_ms,
        "faults": [fault.label for fault in now],
        "station": [stations[row].id for row in rows],
        "satellites": seen[rows].tolist(),
        "cells": observed.seen.sum(axis=1)[rows].tolist(),
        "bytes": [len(one.data) for one in sent],
        "delay_s": [round(one.delay_s, 3) for one in sent],
        "clock_s": sky["clock_s"][rows].tolist(),
        "clock_rate": sky["clock_rate"][rows].tolist(),
        "tecu": sky["tecu"][rows].round(4).tolist(),
        "offset_m": state.offset_m[rows].tolist(),
        "forged_clock_m": state.clock_m[rows].tolist(),
    }


def satellites(time_ms: int, broadcast: Broadcast, state: Conditions) -> Record:
    """Where satellites are at the epoch itself, ECEF, and what their clocks are ahead."""
    states = broadcast.states(time_ms)
    return {
        "record": "satellites",
        "gps_ms": time_ms,
        "satellite": [one.name for one in broadcast.satellites],
        "position_m": states.position_m.tolist(),
        "clock_s": (states.clock_s + state.satellite_m / 299_792_458.0).tolist(),
    }


def cells(time_ms: int, station: Station, row: int, observed: Observed, receivers: Receivers) -> Record:
    """All a station observes at an epoch, before it is rounded for its messages: columns."""
    columns = np.flatnonzero(observed.seen[row])
    cell = observed.cell[columns]
    gnss, number, signal = receivers.gnss[cell], receivers.number[cell], receivers.signal[cell]
    out: Record = {
        "record": "cells",
        "gps_ms": time_ms,
        "station": station.id,
        "satellite": [satellite_name(g, n) for g, n in zip(gnss.tolist(), number.tolist(), strict=True)],
        "signal": [CODES[g][s] for g, s in zip(gnss.tolist(), signal.tolist(), strict=True)],
        "half_cycle": observed.half_cycle[row, columns].tolist(),
    }
    for name in VALUES:
        out[name] = getattr(observed, name)[row, columns].round(5).tolist()
    return out
