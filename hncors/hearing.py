"""What a station says of itself besides observations: where it is, what it is, which ephemerides."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hncors import kinds
from hncors.gpstime import DAY_MS, WEEK_MS, from_unix_ns, iso
from hncors.health import SECOND_NS, Event, Said, Stream
from hncors.identity import NEAR_M, Places
from hncors.measure.ephemeris_store import News
from hncors.rtcm3 import ephemeris, station
from hncors.rtcm3.ephemeris import Ephemeris

ARP_CHANGE_M = 0.0005  # two units of DF025; less is rounding
STRANGE_NS = 10 * SECOND_NS  # after the last strange place of a connection its own one is believed
ALTERNATE_NS = 600 * SECOND_NS  # a place left no longer ago than this is one of two that take turns
DESCRIBED = (
    *("itrf_year", "gps", "glonass", "galileo", "not_physical", "single_oscillator", "quarter_cycle"),
    "antenna_height_m",
)
FRESH_MS = 4 * 3_600_000  # an ephemeris this near to the epoch, whole weeks apart, tells the week
VOTERS = 3  # satellites that must agree before arrival times are disbelieved


def hear(stream: Stream, message_type: int, record: object, at_ns: int, places: Places) -> Iterator[Event]:
    """Remember a record of a station; yield what it changed. `places` are those of the registry."""
    before = stream.said.get(message_type)
    stream.said[message_type] = Said(record, at_ns)
    if isinstance(record, station.ReferencePoint):
        if stream.patrol is not None and not record.anomalies:
            stream.patrol.hear(record, at_ns)  # of whom there may be many, and none is the stream's own
        elif not record.anomalies:  # a place that is none is counted, and is nobody's place
            yield from _moved(stream, record, at_ns)
            yield from hold(stream, places, at_ns)
            yield from kinds.of_place(stream, record, at_ns)
            yield from identify(stream, places, at_ns)
        if before is not None:
            yield from _described_anew(stream, before.record, record, message_type, at_ns)
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
    if distance <= ARP_CHANGE_M:
        return
    stream.arp_changes += 1
    last, since_ns = stream.arp_left
    stream.arp_left = before, at_ns
    detail = {"distance_m": round(distance, 4), "changes": stream.arp_changes}
    if last is not None and math.dist(last, now) <= ARP_CHANGE_M and at_ns - since_ns <= ALTERNATE_NS:
        stream.errors["arp_alternating"] += 1
        if stream.errors["arp_alternating"] % 100 == 1:  # two places that take turns are not news each time
            yield Event(at_ns, stream.id, "arp_alternating", detail)
        return
    moves = stream.arp_changes - stream.errors["arp_alternating"]
    if moves <= 10 or moves % 100 == 0:
        yield Event(at_ns, stream.id, "arp_changed", detail)


def hold(stream: Stream, places: Places, at_ns: int) -> Iterator[Event]:
    """Hold a stream's reference point against its registered place: the first, each other one, each day."""
    before, time_ms = stream.arp_off, from_unix_ns(at_ns)
    if stream.arp_m is None or stream.id not in places:
        stream.arp_off = None
        return
    if before is not None and before.point_m == stream.arp_m and before.day == time_ms // DAY_MS:
        return
    said = stream.said.get(1006)
    height_m = said.record.antenna_height_m if said is not None else math.nan  # DF028
    now = stream.arp_off = places.off(stream.id, stream.arp_m, height_m, time_ms)
    if now is None or now.distance_m > NEAR_M:  # farther it is another station's: identify
        return
    was = before is not None and before.wrong
    if now.wrong and (before is None or not was or abs(before.distance_m - now.distance_m) > ARP_CHANGE_M):
        east, north, up = (round(axis, 3) for axis in now.enu_m)
        lengths = {"distance_m": round(now.distance_m, 3), "east_m": east, "north_m": north, "up_m": up}
        detail = {**lengths, "frame": now.frame, **({"why": now.why} if now.why else {})}
        yield Event(at_ns, stream.id, "arp_off_registry", detail)
    elif was and not now.wrong:
        length_m = round(now.distance_m, 3)
        yield Event(at_ns, stream.id, "arp_as_registered", {"distance_m": length_m, "frame": now.frame})


def identify(stream: Stream, places: Places, at_ns: int) -> Iterator[Event]:
    """Hold a stream's reference point against its registered place (N34).

    Two places that take turns are a strange one all the time.
    """
    if stream.arp_m is None:
        return
    stranger, before = places.judge(stream.id, stream.arp_m), stream.stranger
    if stranger is not None:
        stream.stranger_ns = at_ns
    elif (
        before is not None
        and stream.id in places
        and at_ns - STRANGE_NS < stream.stranger_ns > stream.connected_ns
    ):
        return
    if stranger == before:
        return
    stream.stranger, stream.review_ns = stranger, 0
    if stranger is not None and (before is None or before.about != stranger.about):
        detail = {"why": stranger.why, "like": stranger.like}
        yield Event(at_ns, stream.id, "identity_mismatch", detail)


def _described_anew(
    stream: Stream,
    before: station.ReferencePoint,
    record: station.ReferencePoint,
    message_type: int,
    at_ns: int,
) -> Iterator[Event]:
    """What a reference point says besides the place: DF021 to DF024, DF028, DF141, DF142, DF364."""
    changed: dict[str, float] = {}
    for name in DESCRIBED:
        was, now = getattr(before, name), getattr(record, name)
        if was != now and not (was != was and now != now):  # nan: 1005 and 1032 have no height
            changed |= {name: now, f"{name}_before": was}
    if changed:
        yield Event(at_ns, stream.id, "reference_point_described_anew", {"message": message_type, **changed})


def not_used(stream: Stream, news: News, at_ns: int) -> Iterator[Event]:
    """Count a set of ephemerides that is not used; the first of a kind, and each hundredth, is news."""
    stream.errors[news.kind] += 1
    if stream.errors[news.kind] % 100 == 1:
        yield Event(at_ns, stream.id, news.kind, {"satellite": f"{news.gnss}{news.satellite:02d}"})


def vote_on_week(stream: Stream, record: Ephemeris, now_ms: int, at_ns: int) -> Iterator[Event]:
    """Weigh the week of an ephemeris against the stream's; several satellites outweigh the host's clock."""
    time = ephemeris.reference_time_ms(record, now_ms)
    weeks = round((time - now_ms) / WEEK_MS)
    if abs(time - now_ms - weeks * WEEK_MS) > FRESH_MS:
        return
    votes = stream.week_votes
    votes[record.gnss, record.satellite] = weeks
    if not weeks:  # nearly always, and thousands of sets come in a second
        return
    agree = sum(1 for vote in votes.values() if vote == weeks)
    if agree >= VOTERS and 2 * agree > len(votes):
        votes.clear()
        stream.errors["host_clock_suspect"] += 1
        stream.epoch_ms = now_ms + weeks * WEEK_MS
        stream.weeks = round((stream.epoch_ms - from_unix_ns(at_ns)) / WEEK_MS)
        detail = {"weeks": weeks, "assumed": iso(now_ms), "ephemerides_say": iso(stream.epoch_ms)}
        yield Event(at_ns, stream.id, "week_corrected", detail)
