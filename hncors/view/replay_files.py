"""What a replay leaves behind: epochs.csv, events.jsonl and summary.json, as text and plain data.

Places are in epochs.csv alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hncors.gpstime import WEEK_MS, iso
from hncors.health import Event
from hncors.measure.tally import CELLS, TYPE_LABELS
from hncors.network import Network, Tick
from hncors.observation import F64
from hncors.positioning import STATUSES
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, CODES, GNSS, SLOTS
from hncors.view import positions

COLUMNS = (
    *("station", "gps_week", "tow_s", "latitude_deg", "longitude_deg", "height_m", "east_m", "north_m"),
    *("up_m", "satellites_used", "systems_used", "pdop", "hpl_m", "vpl_m", "status"),
)
HEADER = ",".join(COLUMNS) + "\n"
_DECIMALS = dict.fromkeys(("latitude_deg", "longitude_deg"), 9) | {"satellites_used": 0, "pdop": 2}


def epoch_lines(network: Network, tick: Tick, undated: frozenset[str]) -> Iterator[str]:
    """Rows of epochs.csv for the epochs of a tick; `undated` are stations whose week is not known."""
    if not len(tick.epochs.station):
        return
    texts = {
        name: [f"{value:.{_DECIMALS.get(name, 4)}f}" if value == value else "" for value in values.tolist()]
        for name, values in positions.columns(network, tick).items()
    }
    texts |= {"systems_used": positions.systems(tick), "status": positions.statuses(tick)}
    for row, (station, time_ms) in enumerate(
        zip(tick.epochs.station.tolist(), tick.epochs.time_ms.tolist(), strict=True)
    ):
        name = network.streams[station].id
        week, tow_ms = divmod(time_ms, WEEK_MS)
        head = (_csv(name), "" if name in undated else str(week), f"{tow_ms / 1000:.3f}")
        yield ",".join((*head, *(texts[column][row] for column in COLUMNS[3:]))) + "\n"


def _csv(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(c in text for c in ',"\r\n') else text


def utc(at_ns: int) -> str | None:
    """UTC nanoseconds since 1970 as ISO 8601 to the millisecond, rounded down; None for never."""
    if not at_ns:
        return None
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1_000_000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_lines(events: Iterable[Event]) -> Iterator[str]:
    """Lines of events.jsonl."""
    for one in events:
        line = {"at": utc(one.at_ns), "station": one.station, "kind": one.kind, "detail": one.detail}
        yield json.dumps(line, ensure_ascii=False) + "\n"


class Spans:
    """First and last epoch and mean satellites of each station, added to tick by tick."""

    def __init__(self, network: Network) -> None:
        self.network = network
        count = len(network.streams)
        self.first_ms = np.full(count, -1, np.int64)
        self.last_ms = np.full(count, -1, np.int64)
        self.satellites = np.zeros(count, np.int64)
        self.epochs = np.zeros(count, np.int64)
        self.cn0_sum_dbhz = np.zeros((count, CELLS))
        self.cn0_count = np.zeros((count, CELLS), np.int64)
        self.bds3 = np.zeros((count, 64), bool)
        self.events: Counter[str] = Counter()

    def add(self, tick: Tick) -> None:
        self.events.update(event.kind for event in tick.events)
        station, time_ms = tick.epochs.station, tick.epochs.time_ms
        if not len(station):
            return
        np.maximum.at(self.last_ms, station, time_ms)
        new = self.first_ms[station] < 0
        self.first_ms[station[new]] = 1 << 62
        np.minimum.at(self.first_ms, station, time_ms)
        np.add.at(self.satellites, station, tick.epochs.satellites.sum(axis=1))
        np.add.at(self.epochs, station, 1)
        o = tick.observations
        who = station[tick.epoch[o.message]]
        known = ~np.isnan(o.cn0_dbhz)
        cell = (who * CELLS + o.gnss.astype(np.int64) * SLOTS + o.signal)[known]
        shape = self.cn0_count.shape
        self.cn0_count += np.bincount(cell, minlength=self.cn0_count.size).reshape(shape)
        self.cn0_sum_dbhz += np.bincount(cell, o.cn0_dbhz[known], self.cn0_count.size).reshape(shape)
        beidou = (o.gnss == BEIDOU) & (o.satellite >= BDS3_FIRST_SATELLITE)
        self.bds3[who[beidou], o.satellite[beidou]] = True


def summary(all_spans: Sequence[Spans], undated: frozenset[str]) -> dict[str, Any]:
    """summary.json without what is known of the inputs; no coordinates."""
    figures = [
        (spans.network.quality.multipath_rms_m()[0], spans.network.quality.roti_tecu_min()[0])
        for spans in all_spans
    ]
    stations = [
        _station(spans.network, spans, row, stream.id in undated, rms_m[row], float(roti[row]))
        for spans, (rms_m, roti) in zip(all_spans, figures, strict=True)
        for row, stream in enumerate(spans.network.streams)
    ]
    events = sum((spans.events for spans in all_spans), Counter[str]())
    return {"stations": stations, "events": dict(sorted(events.items()))}


def _station(
    network: Network, spans: Spans, row: int, undated: bool, rms_m: F64, roti: float
) -> dict[str, Any]:
    stream, tally = network.streams[row], network.tally
    account = stream.account
    expected, received = account.expected, account.received
    had = bool(spans.epochs[row])
    return {
        "station": stream.id,
        "state": stream.state,
        "why": stream.state_why,
        "week_known": not undated,
        "bytes": stream.bytes(),
        **stream.frames(),
        "messages": {
            TYPE_LABELS[n]: int(tally.messages[row, n]) for n in np.flatnonzero(tally.messages[row])
        },
        "station_id": stream.station_id,
        "epochs": {
            "expected": expected,
            "received": received,
            "missing": account.missing,
            "blind": account.blind,
            "gaps": account.gaps,
        },
        "availability": round(received / expected, 6) if expected else None,
        "interval_s": account.best_interval_ms() / 1000 or None,
        "first_epoch": iso(int(spans.first_ms[row])) if had and not undated else None,
        "last_epoch": iso(int(spans.last_ms[row])) if had and not undated else None,
        "mean_satellites": round(int(spans.satellites[row]) / int(spans.epochs[row]), 2) if had else None,
        "bds3_satellites": int(spans.bds3[row].sum()),
        "signals": _signals(network, spans, row, rms_m),
        "clock_jumps": int(network.quality.clock_jumps[row]),
        "roti_tecu_min": _rounded(roti, 3),
        "positions": {
            STATUSES[n]: int(network.positioning.epochs[row, n])
            for n in np.flatnonzero(network.positioning.epochs[row])
        },
        "ephemerides": {g: stream.ephemerides[g] for g in GNSS if stream.ephemerides[g]},
        "anomalies": dict(sorted(stream.errors.items())),
    }


def _signals(network: Network, spans: Spans, row: int, rms_m: F64) -> dict[str, dict[str, Any]]:
    """Per system and RINEX code: observations, mean C/N0, slips, and multipath at the end."""
    signals: dict[str, dict[str, Any]] = {}
    for cell in np.flatnonzero(network.tally.observations[row]).tolist():
        gnss, signal = divmod(cell, SLOTS)
        count = int(spans.cn0_count[row, cell])
        cn0 = round(float(spans.cn0_sum_dbhz[row, cell]) / count, 2) if count else None
        told = {
            "observations": int(network.tally.observations[row, cell]),
            "cn0_dbhz": cn0,
            "slips": int(network.quality.slips[row, cell]),
            "multipath_m": _rounded(float(rms_m[cell]), 3),
        }
        signals.setdefault(GNSS[gnss], {})[CODES[gnss][signal]] = told
    return signals


def _rounded(value: float, digits: int) -> float | None:
    """A figure for JSON, which has no nan."""
    return None if np.isnan(value) else round(value, digits)
