"""What the daemon's pages say, as plain data and as HTML: functions of the network's state.

Nothing here holds a coordinate.  Every text may come from outside and is escaped where it is shown.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np

from hncors import gpstime
from hncors.health import Event, Stream
from hncors.measure.tally import TYPE_LABELS
from hncors.network import Network
from hncors.registry import Station
from hncors.signals import GNSS
from hncors.view.replay_files import utc

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2em .8em; border-bottom: 1px solid #ccc; }
.streaming { color: #070; }
"""


def summary(stream: Stream, station: Station) -> dict[str, Any]:
    """One line about a station.  `last_epoch` is GPS time, the other times UTC."""
    return {
        "id": stream.id,
        "name": station.name,
        "name_en": station.name_en,
        "state": stream.state,
        "since": utc(stream.since_ns),
        "why": stream.state_why,
        "last_epoch": gpstime.iso(stream.epoch_ms) if stream.epoch_ms >= 0 else None,
    }


def detail(network: Network, number: int, station: Station) -> dict[str, Any]:
    """What is known of one station, `number` being its place in the network."""
    stream, tally = network.streams[number], network.tally
    messages = tally.messages[number]
    satellites = tally.satellites[number] if tally.newest_ms[number] >= 0 else np.zeros(7, np.int64)
    account = stream.account
    return {
        **summary(stream, station),
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
    }


def event(one: Event) -> dict[str, Any]:
    return {"at": utc(one.at_ns), "station": one.station, "kind": one.kind, "detail": one.detail}


def table(network: Network, stations: Mapping[str, Station], at_ns: int) -> str:
    """The page: every station in a table, those that do not stream first."""
    streams = sorted(network.streams, key=lambda stream: (stream.state == "streaming", stream.id))
    rows = "\n".join(_row(summary(stream, stations[stream.id])) for stream in streams)
    up = sum(stream.state == "streaming" for stream in streams)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<title>hncors: {up} of {len(streams)} stations streaming</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>{up} of {len(streams)} stations streaming</h1>
<table>
<tr><th>Station</th><th>Name</th><th>State</th><th>Since (UTC)</th><th>Why</th><th>Last epoch (GPST)</th></tr>
{rows}
</table>
<p>As of {utc(at_ns)}. <a href="/metrics">Metrics</a>, <a href="/api/v1/stations">stations</a>,
<a href="/api/v1/events">events</a>.</p>
</body>
</html>
"""


def _row(line: Mapping[str, Any]) -> str:
    state = f'<td class="{escape(line["state"])}">{escape(line["state"])}</td>'
    name = " ".join(part for part in (line["name"], line["name_en"]) if part)
    before, after = [line["id"], name], [line["since"], line["why"], line["last_epoch"]]
    return f"<tr>{_cells(before)}{state}{_cells(after)}</tr>"


def _cells(values: Iterable[object]) -> str:
    return "".join(f"<td>{escape('' if value is None else str(value))}</td>" for value in values)
