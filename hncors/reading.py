"""Reading a recording as a whole: its frames, its observations with their dates.

RTCM observations say the time of the week, not the week. It is found, in this order, from the
ephemerides in the recording, from arrival times, from a time the user gives; without any of them the
dates stay unknown, and times count from the start of some week.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hncors.gpstime import DAY_MS, LEAP_TABLE_EXPIRES_GPS_MS, WEEK_MS, nearest
from hncors.measure.clock import UNKNOWN, names_day, resolve
from hncors.observation import I64, Messages, Observations, subset
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.block import Block, decode
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.rtcm3.framing import Framer
from hncors.rtcm3.station import SystemParameters, Text

PIECE = 1 << 18  # bytes framed at a time
BLOCK_FRAMES = 1536
FRESH_MS = 4 * 3_600_000  # a reference time farther than this from the observations is stale: no vote
ENOUGH_VOTES = 8
GLONASS_CYCLE_MS = 1461 * DAY_MS  # DF129 counts the days of four years
# Weeks of 10 bits are of the 1,024 ending here unless something nearer is known: RTCM 3 is younger.
_ERA_END_MS = LEAP_TABLE_EXPIRES_GPS_MS + 2 * 366 * 86_400_000
_ERA_MIDDLE_MS = _ERA_END_MS - 512 * WEEK_MS


Dated = Ephemeris | SystemParameters | Text
_Seen = dict[tuple[str, int], tuple[Dated, int]]  # by satellite: its record, and the epoch it came with


class Part(NamedTuple):
    """A block of a recording, its observation messages dated."""

    first_frame: int  # number of the block's first frame in the recording
    frames: list[bytes]
    block: Block
    messages: Messages  # of block.messages, those whose time is possible
    observations: Observations
    time_ms: I64  # of each message
    undated: int  # messages whose time field is out of range


class Dating(NamedTuple):
    """A time near a recording's first observations."""

    reference_ms: int
    source: str  # "ephemerides", "arrival", "given", or "" when the week is not known


def blocks(data: bytes, framer: Framer | None = None) -> Iterator[list[bytes]]:
    """The frames of some bytes in blocks; the bytes' end counts as the stream's."""
    framer = framer or Framer()
    frames: list[bytes] = []
    for at in range(0, len(data), PIECE):
        frames += framer.feed(bytes(data[at : at + PIECE]))
        while len(frames) >= BLOCK_FRAMES:
            yield frames[:BLOCK_FRAMES]
            frames = frames[BLOCK_FRAMES:]
    frames += framer.idle()
    if frames:
        yield frames


def parts(data: bytes, reference_ms: int, framer: Framer | None = None) -> Iterator[Part]:
    """A recording block by block, dated from a time near its first observations."""
    number = 0
    for frames in blocks(data, framer):
        block = decode(frames)
        part = dated(block, frames, number, reference_ms)
        if len(part.time_ms):
            reference_ms = int(part.time_ms[-1])
        number += len(frames)
        yield part


def dated(block: Block, frames: list[bytes], number: int, reference_ms: int) -> Part:
    """Date the observation messages of one stream's block."""
    messages, observations = block.messages, block.observations
    time = resolve(messages, np.zeros(len(messages), np.int64), np.array([reference_ms]))
    good = time != UNKNOWN
    if not good.all():
        messages, observations = subset(messages, observations, np.flatnonzero(good))
    return Part(number, frames, block, messages, observations, time[good], int((~good).sum()))


def date(data: bytes, *, arrival_ms: int | None = None, given_ms: int | None = None) -> Dating:
    """Find the week of a recording. Stale ephemerides do not vote; the majority of satellites decides."""
    near = arrival_ms if arrival_ms is not None else given_ms
    votes = _vote(data, _ERA_MIDDLE_MS if near is None else near)
    if votes.weeks:
        weeks, _ = Counter(votes.weeks.values()).most_common(1)[0]
        return Dating(votes.first_ms + weeks * WEEK_MS, "ephemerides")
    if near is not None:
        return Dating(near, "arrival" if arrival_ms is not None else "given")
    return Dating(votes.first_ms, "")  # some recent week, so that leap seconds are today's


class _Votes(NamedTuple):
    first_ms: int  # first observation's time, week not certain
    weeks: dict[tuple[str, int], int]  # by satellite: how many weeks its ephemeris is away


def _vote(data: bytes, near_ms: int) -> _Votes:
    first = last = near_ms
    started = False
    seen: _Seen = {}
    for part in parts(data, near_ms):
        rows = np.flatnonzero(names_day(part.messages))
        frames, times = part.messages.frame[rows], part.time_ms[rows]
        if len(times) and not started:
            first, started = int(times[0]), True
            seen = {key: (record, first) for key, (record, _) in seen.items()}
        for row, record in part.block.records:
            if isinstance(record, Dated):
                if len(times):
                    last = int(times[min(int(frames.searchsorted(row)), len(times) - 1)])
                seen[_voter(record)] = (record, last)
        if len(times):
            last = int(times[-1])
        if started and len(seen) >= 2 * ENOUGH_VOTES and len(_weeks(seen, near_ms)) >= ENOUGH_VOTES:
            break
    return _Votes(first, _weeks(seen, near_ms))


def _voter(record: Dated) -> tuple[str, int]:
    if isinstance(record, Ephemeris):
        return record.gnss, record.satellite
    return "day", record.station_id


def _reference_ms(record: Dated, near_ms: int) -> int:
    if isinstance(record, Ephemeris):
        return ephemeris.reference_time_ms(record, near_ms)
    return record.gps_ms


def _weeks(seen: _Seen, near_ms: int) -> dict[tuple[str, int], int]:
    """Weeks by which each fresh ephemeris (or day of 1013, 1029) moves the observations it came with."""
    # Galileo, BeiDou and day numbers tell the week without an era; the others follow them.
    sure = [key for key in seen if key[0] in ("E", "C", "day")]
    known = sorted(reference for key in sure if (reference := _fresh_ms(*seen[key], near_ms)) is not None)
    near = known[len(known) // 2] if known else near_ms
    weeks: dict[tuple[str, int], int] = {}
    # GLONASS tells the day of four years. Alone it tells the four years too: within seven such cycles no
    # other has its day on the same day of the week.
    alone = {key[0] for key in seen} == {"R"}
    for cycle in (0, -1, 1, -2, 2, -3, 3) if alone else (0,):
        for key, (record, observed) in seen.items():
            reference = _fresh_ms(record, observed, near + cycle * GLONASS_CYCLE_MS)
            if reference is not None:
                weeks.setdefault(key, (nearest(observed, WEEK_MS, reference) - observed) // WEEK_MS)
    return weeks


def _fresh_ms(record: Dated, observed_ms: int, near_ms: int) -> int | None:
    """Reference time of a record, if it is near observations of this time of the week."""
    if isinstance(record, Ephemeris) and record.gnss == "R" and not 1 <= record["day"] <= 1461:
        return None  # the day is not known
    reference = _reference_ms(record, near_ms)
    away = nearest(observed_ms, WEEK_MS, reference) - reference
    return reference if abs(away) <= FRESH_MS else None
