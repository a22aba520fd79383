"""What a station says of itself besides observations: where it is, what it is, which ephemerides."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hncors.gpstime import WEEK_MS, from_unix_ns, iso
from hncors.health import Event, Said, Stream
from hncors.rtcm3 import ephemeris, station
from hncors.rtcm3.ephemeris import Ephemeris

ARP_CHANGE_M = 0.0005  # two units of DF025; less is rounding
FRESH_MS = 4 * 3_600_000  # an ephemeris this near to the epoch, whole weeks apart, tells the week
VOTERS = 3  # satellites that must agree before arrival times are disbelieved


def hear(stream: Stream, message_type: int, record: object, at_ns: int) -> Iterator[Event]:
    """Remember a record; yield what it changed."""
    before = stream.said.get(message_type)
    if isinstance(record, Ephemeris):
        stream.ephemerides[record.gnss] += 1
        return
    stream.said[message_type] = Said(record, at_ns)
    if isinstance(record, station.ReferencePoint):
        if not record.anomalies:  # a place that is none is counted, and is nobody's place
            yield from _moved(stream, record, at_ns)
    elif isinstance(record, station.Equipment) and before is not None and before.record != record:
        changed = [
            name
            for name in ("antenna", "receiver", "firmware")
            if getattr(before.record, name) != getattr(record, name)
        ]
        detail = {name: station.printable(getattr(record, name) or "") for name in changed}
        yield Event(at_ns, stream.id, "equipment_changed", {"message": message_type, **detail})
    elif isinstance(record, station.Text) and (before is None or before.record != record):
        yield Event(at_ns, stream.id, "text", {"text": station.printable(record.text)})


def _moved(stream: Stream, record: station.ReferencePoint, at_ns: int) -> Iterator[Event]:
    now = (record.x_m, record.y_m, record.z_m)
    before, stream.arp_m = stream.arp_m, now
    if before is None:
        return
    distance = math.dist(before, now)
    if distance > ARP_CHANGE_M:
        stream.arp_changes += 1
        if (
            stream.arp_changes <= 10 or stream.arp_changes % 100 == 0
        ):  # an alternating one is not news each time
            yield Event(
                at_ns,
                stream.id,
                "arp_changed",
                {"distance_m": round(distance, 4), "changes": stream.arp_changes},
            )


def vote_on_week(stream: Stream, record: Ephemeris, now_ms: int, at_ns: int) -> Iterator[Event]:
    """Weigh the week of an ephemeris against the stream's; several satellites outweigh the host's clock."""
    time = ephemeris.reference_time_ms(record, now_ms)
    weeks = round((time - now_ms) / WEEK_MS)
    if abs(time - now_ms - weeks * WEEK_MS) > FRESH_MS:
        return
    votes = stream.week_votes
    votes[record.gnss, record.satellite] = weeks
    agree = sum(1 for vote in votes.values() if vote == weeks)
    if weeks and agree >= VOTERS and 2 * agree > len(votes):
        votes.clear()
        stream.errors["host_clock_suspect"] += 1
        stream.epoch_ms = now_ms + weeks * WEEK_MS
        stream.weeks = round((stream.epoch_ms - from_unix_ns(at_ns)) / WEEK_MS)
        detail = {"weeks": weeks, "assumed": iso(now_ms), "ephemerides_say": iso(stream.epoch_ms)}
        yield Event(at_ns, stream.id, "week_corrected", detail)
