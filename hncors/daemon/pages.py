"""What the daemon's pages say, as plain data and as HTML: functions of the network's state.

Nothing here holds a coordinate.  Every text may come from outside and is escaped where it is shown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from hncors import gpstime, kinds
from hncors.causes_words import OWN, WIDE
from hncors.health import SECOND_NS, Event, Stream
from hncors.measure.tally import TYPE_LABELS
from hncors.network import Network
from hncors.registry import Station
from hncors.signals import BEIDOU, CODES, GNSS
from hncors.view.replay_files import utc

REFRESH_S = 5
ROWS = 1000  # a page with more would hold up the watch while it is made

STATE_WORDS = {
    "streaming": "正常",
    "connecting": "连接中",
    "stalled": "无数据",
    "no_frames": "无有效帧",
    "no_epochs": "无历元",
    "stale_data": "数据陈旧",
    "identity_mismatch": "站点不符",
    "auth_failed": "认证失败",
    "mountpoint_missing": "无此挂载点",
    "not_ntrip": "非 NTRIP",
    "redirected": "被重定向",
    "protocol_error": "协议错误",
    "tls_failed": "TLS 失败",
    "unavailable": "服务不可用",
    "unreachable": "无法连接",
    "disabled": "已停用",
    "backoff": "等待重连",
}
"""What an operator calls the states of hncors.health.STATES."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5em; }
h1 { font-size: 1.4em; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .25em .8em; border-bottom: 1px solid #8886; }
th { position: sticky; top: 0; background: Canvas; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.state { border-left: .4em solid #d33; white-space: nowrap; }
td.streaming { border-color: #2a2; }
td.connecting, td.backoff { border-color: #e90; }
td.disabled { border-color: #888; }
.warning { border-left: .4em solid #d33; padding: .2em .8em; }
small { opacity: .75; }
"""

COLUMNS = (
    ("站点", "Station"),
    ("名称", "Name"),
    ("状态", "State"),
    ("起始时间", "Since (UTC)"),
    ("原因", "Why"),
    ("卫星数", "Satellites"),
    ("北斗三号", "BeiDou-3"),
    ("时延 s", "Latency"),
    ("最新历元", "Last epoch (GPST)"),
)


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


def table(network: Network, stations: Mapping[str, Station], at_ns: int, warnings: Sequence[str] = ()) -> str:
    """The page: every station in a table, those that do not stream first; it asks for itself again.

    `warnings` are of the monitor itself.
    """
    streams = network.streams
    order = sorted(range(len(streams)), key=lambda n: (streams[n].state == "streaming", streams[n].id))
    rows = "\n".join(_row(summary(network, n, stations[streams[n].id])) for n in order[:ROWS])
    states = Counter(stream.state for stream in streams)
    title = f"{states['streaming']} / {len(streams)} 站正常 · stations streaming"
    others = "，".join(f"{_words(state)} {n}" for state, n in states.most_common() if state != "streaming")
    told = "".join(f'<p class="warning">{escape(text)}</p>\n' for text in warnings)
    left = len(order) - ROWS
    if left > 0:
        told += f'<p class="warning">另有 {left} 站未列出 · {left} more are not in this table</p>\n'
    heads = "".join(f'<th scope="col">{zh}<br><small>{en}</small></th>' for zh, en in COLUMNS)
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{REFRESH_S}">
<title>{title}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>{title}</h1>
<p>{escape(others)}</p>
{told}<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p><small>{utc(at_ns)} · 每 {REFRESH_S} 秒刷新 · <a href="/metrics">metrics</a> ·
<a href="/api/v1/stations">stations</a> · <a href="/api/v1/events">events</a></small></p>
</body>
</html>
"""


def _words(state: str) -> str:
    return f"{STATE_WORDS[state]} {state.replace('_', ' ')}" if state in STATE_WORDS else state


def _row(line: Mapping[str, Any]) -> str:
    state = line["state"]
    kind = state if state in STATE_WORDS else ""
    bds3 = None if line["bds3"] is None else " ".join([str(line["bds3"]), *line["bds3_signals"]])
    name = " ".join(part for part in (line["name"], line["name_en"]) if part)
    if line["invented"] and "虚构" not in name:
        name += " （虚构 invented）"
    return (
        f"<tr>{_cells([line['id'], name])}"
        f'<td class="state {kind}">{escape(_words(state))}</td>'
        f"{_cells([line['since'], line['why']])}{_cells([line['satellites']], 'number')}{_cells([bds3])}"
        f"{_cells([line['latency_s']], 'number')}{_cells([line['last_epoch']])}</tr>"
    )


def _cells(values: Iterable[object], kind: str = "") -> str:
    begin = f'<td class="{kind}">' if kind else "<td>"
    return "".join(f"{begin}{escape('' if value is None else str(value))}</td>" for value in values)
