"""What goes to an MQTT broker: topics, payloads, and how sending goes as metric families (docs/mqtt.md).

Names from outside become one level of a topic whatever they hold, and no payload has a coordinate in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from hncors.health import Stream
from hncors.view.exposition import Family

LONGEST_LEVEL = 200  # characters of a topic's level made of a name from outside
KINDS = ("state", "finding", "case", "registry")
_SECOND_NS = 1_000_000_000


class Published(NamedTuple):
    """How sending goes."""

    connected: bool = False
    since_unix_s: float = 0.0  # of the connection, or of its end
    sent: Mapping[str, int] = {}  # events that a broker has acknowledged, by kind
    failures: Mapping[str, int] = {}  # connections that failed or ended, by reason
    dropped: int = 0  # changes of state that were given up, the broker being away for too long


def level(name: str) -> str:
    """A name as one level of a topic: without wildcards, slashes and controls (MQTT 5.0, section 4.7)."""
    return quote(name, safe="")[:LONGEST_LEVEL] or "-"


def event_topic(prefix: str, kind: str, subject: str) -> str:
    return f"{prefix}/events/{kind}/{level(subject)}"


def state_topic(prefix: str, station: str) -> str:
    return f"{prefix}/stations/{level(station)}/state"


def status_topic(prefix: str) -> str:
    return f"{prefix}/status"


def utc(at_ns: int) -> str:
    """ISO 8601 with milliseconds."""
    at = datetime.fromtimestamp(at_ns // _SECOND_NS, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % _SECOND_NS // 1_000_000:03}Z"


def event(key: str, kind: str, subject: str, at_ns: int, payload: Mapping[str, Any]) -> bytes:
    """`id` is the same where a message is sent twice."""
    return _json({**payload, "id": key, "kind": kind, "subject": subject, "at": utc(at_ns)})


def state(stream: Stream) -> bytes:
    """How a station is now."""
    told = {"station": stream.id, "state": stream.state, "why": stream.state_why}
    return _json({**told, "since": utc(stream.since_ns) if stream.since_ns else None})


def status(online: bool, version: str, since_ns: int | None = None) -> bytes:
    """Whether the monitor itself is there: also what a broker tells when it is gone (the last will)."""
    since = {} if since_ns is None else {"since": utc(since_ns)}
    return _json({"online": online, "version": version, **since})


def published_families(p: Published) -> Iterator[Family]:
    """The metrics of docs/metrics.md that a broker's connection fills."""
    for name, text, value in (
        ("mqtt_connected", "1 while the MQTT broker is there, else 0", float(p.connected)),
        ("mqtt_since_timestamp_seconds", "When that began", p.since_unix_s),
    ):
        yield Family(f"hncors_{name}", "gauge", text, (), [()], [value])
    for name, text, label, counts in (
        ("mqtt_sent_total", "Events that the MQTT broker acknowledged", "kind", p.sent),
        ("mqtt_failures_total", "Connections to the MQTT broker that failed or ended", "reason", p.failures),
    ):
        rows = sorted(counts.items())
        yield Family(
            f"hncors_{name}",
            "counter",
            text,
            (label,),
            [(one,) for one, _ in rows],
            [float(n) for _, n in rows],
        )
    text = "Changes of state not sent: the MQTT broker was away for too long"
    yield Family("hncors_mqtt_dropped_total", "counter", text, (), [()], [float(p.dropped)])


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
