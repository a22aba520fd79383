"""RTKLIB's time tags: when which byte of a recording came. Bytes in and out, no files.

    0   60  "TIMETAG RTKLIB 2.4.3", NUL to the end
    60   4  tick_f: the recorder's millisecond counter at the start; aligns files that are played together
    64   4  start in seconds since 1970-01-01, counted in GPS time (UTC + leap seconds since 1980)
    68   8  fraction of that second, IEEE 754 double
    76      records: 4 bytes tick, milliseconds since the start; 4 bytes position in the file after the write

Little endian. So a record says that the bytes from the position before up to its own came at its tick.
RTKLIB 2.4.3 b34, src/stream.c: openfile_ (header), writefile (records), readfile (playing). Files with
8-byte positions (option ::P=8, and older versions on 64-bit machines), and with the start as an 8-byte
integer and a double (gtime_t as it lies in memory), are read too: which it is, only the fit tells.
"""

from __future__ import annotations

import struct
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime

I64 = NDArray[np.int64]

MAGIC = b"TIMETAG RTKLIB "
HEADER_BYTES = 76
RECORD_BYTES = 8
POSITION_LIMIT = 1 << 32
TICK_LIMIT = 1 << 32

# RTKLIB's buffer: the most that its last write can be ahead of the last record.
SLACK_BYTES = 32_768
# When RTKLIB swaps files it goes on in the old one with the ticks of the new one, which begin about 0.
RESTART_MS = 1000

# What may be wrong with a tag file; the text is for people.
TOO_SHORT = "shorter than the header of a time tag"
NO_MAGIC = 'does not begin with "TIMETAG RTKLIB"'
NO_TIME = "its start is no time since 1980"
NO_RECORDS = "holds no records"
NO_FIT = "its positions do not fit the recording"
CUT_RECORD = "ends inside a record"
BEYOND = "goes on beyond the end of the recording"
BACKWARD = "goes backwards"
RESTARTED = (
    "its ticks begin again, as after str2str swapped files; times from there may be early by one write"
)
TOO_EARLY = "ends too far before the recording does"
TAIL = "ends before the recording does; the last bytes are taken as come with those before"


class TimeTag(NamedTuple):
    """What a tag file says of its recording.

    Bytes from `offset[i]` on came at `arrival_ns[i]` (UTC nanoseconds since 1970); both empty when
    the tag cannot be used. The first offset is 0 and neither column ever goes down.
    """

    offset: I64
    arrival_ns: I64
    problems: tuple[str, ...] = ()


def unusable(problem: str) -> TimeTag:
    """A tag that says nothing but what is wrong with it."""
    return TimeTag(np.empty(0, np.int64), np.empty(0, np.int64), (problem,))


def header(start_gps_ms: int) -> bytes:
    """The first 76 bytes of a tag file."""
    seconds, milliseconds = divmod(start_gps_ms + gpstime.GPS_EPOCH_UNIX_S * 1000, 1000)
    # Any common millisecond counter will do for tick_f; this one is common to all machines.
    tick_f = start_gps_ms % TICK_LIMIT
    return struct.pack("<60sIId", MAGIC + b"2.4.3", tick_f, seconds, milliseconds / 1000)


def record(start_gps_ms: int, arrival_gps_ms: int, end: int) -> bytes:
    """The record of a write after which the recording is `end` bytes long; `end` is below POSITION_LIMIT."""
    return struct.pack("<II", (arrival_gps_ms - start_gps_ms) % TICK_LIMIT, end)


def start_gps_ms(tag: bytes) -> int | None:
    """When a tag as `header` writes it starts; None when it does not begin like one."""
    if len(tag) < HEADER_BYTES or not tag.startswith(MAGIC):
        return None
    seconds: int
    fraction: float
    seconds, fraction = struct.unpack_from("<Id", tag, 64)
    if seconds < gpstime.GPS_EPOCH_UNIX_S or not 0 <= fraction < 1:
        return None
    return (seconds - gpstime.GPS_EPOCH_UNIX_S) * 1000 + round(fraction * 1000)


def read(tag: bytes, size: int) -> TimeTag:
    """What `tag`, the bytes of a tag file, says of a recording of `size` bytes. Raises nothing."""
    if not tag.startswith(MAGIC):
        return unusable(NO_MAGIC if len(tag) >= len(MAGIC) else TOO_SHORT)
    if len(tag) < HEADER_BYTES:
        return unusable(TOO_SHORT)
    layouts = _layouts(tag)
    if not layouts:
        return unusable(NO_TIME)
    layout = min(layouts, key=lambda layout: layout.oddness(size))
    if not len(layout.tick):
        return unusable(NO_RECORDS)
    beyond, backward = layout.misfits(size)
    # A recorder that notes a write before it makes it may be ended in the very first.
    cut = int(layout.position[0]) <= size + SLACK_BYTES
    if (beyond == len(layout.tick) and not cut) or 2 * backward > len(layout.tick):
        return unusable(NO_FIT)
    return _columns(layout, size)


class _Layout(NamedTuple):
    """Records as read one of the possible ways."""

    start_ns: int  # GPS time since 1970
    tick: NDArray[np.uint32]
    position: NDArray[np.uint64]
    left_over: int

    def misfits(self, size: int) -> tuple[int, int]:
        """How many records lie beyond the recording, and how many before the one before them."""
        beyond = np.count_nonzero(self.position > size)
        backward = np.count_nonzero(self.position[1:] < self.position[:-1])
        return int(beyond), int(backward + np.count_nonzero(_steps_ms(self.tick) < 0))

    def oddness(self, size: int) -> tuple[float, bool, int]:
        """The smaller, the likelier it was meant so."""
        last = int(self.position[-1]) if len(self.position) else 0
        return sum(self.misfits(size)) / max(1, len(self.tick)), self.left_over > 0, abs(size - last)


def _layouts(tag: bytes) -> list[_Layout]:
    """Each way to read the tag in which its start is a time."""
    layouts = []
    for time, position in product(("<Id", "<qd"), ("<u4", "<u8")):
        begin = 64 + struct.calcsize(time)
        if len(tag) < begin:
            continue
        seconds, fraction = struct.unpack_from(time, tag, 64)
        # Read at the wrong place, a fraction is some number of 1e-300.
        if not (gpstime.GPS_EPOCH_UNIX_S <= seconds < 1 << 32 and (fraction == 0 or 1e-9 < fraction < 1)):
            continue
        layout = np.dtype([("tick", "<u4"), ("position", position)])
        count, left_over = divmod(len(tag) - begin, layout.itemsize)
        records = np.frombuffer(tag, layout, count, begin)
        tick, end = records["tick"].astype(np.uint32), records["position"].astype(np.uint64)
        start_ns = seconds * 1_000_000_000 + round(fraction * 1e9)
        layouts.append(_Layout(start_ns, tick, end, left_over))
    return layouts


def _columns(layout: _Layout, size: int) -> TimeTag:
    problems = [CUT_RECORD] if layout.left_over else []
    steps_ms = _steps_ms(layout.tick)
    if np.count_nonzero(np.diff(layout.tick).view(np.int32) < 0) > np.count_nonzero(steps_ms < 0):
        problems.append(RESTARTED)
    tick_ms = int(layout.tick[:1].view(np.int32)[0]) + np.concatenate(([0], np.cumsum(steps_ms)))
    end = np.minimum(layout.position, np.uint64(size)).astype(np.int64)
    if (layout.position > size).any():
        problems.append(BEYOND)
    if (steps_ms < 0).any() or (np.diff(end) < 0).any():
        problems.append(BACKWARD)
    tick_ms, end = _rising(tick_ms), _rising(end)
    if size - end[-1] > SLACK_BYTES:
        return unusable(TOO_EARLY)
    if end[-1] < size:
        problems.append(TAIL)
    begin = np.concatenate(([0], end[:-1]))
    wrote = end > begin  # RTKLIB also notes writes of nothing
    if not wrote.any():
        return unusable(NO_RECORDS)
    return TimeTag(begin[wrote], _utc_ns(layout.start_ns, tick_ms[wrote]), tuple(problems))


def _steps_ms(tick: NDArray[np.uint32]) -> I64:
    """Milliseconds between one record and the next; the counter may wrap, a swap of files counts as 0."""
    steps = np.diff(tick).view(np.int32).astype(np.int64)
    begins = np.abs(tick[1:].view(np.int32).astype(np.int64)) <= RESTART_MS
    steps[(steps < 0) & begins] = 0
    return steps


def _rising(column: I64) -> I64:
    """A column that never goes down, with as few values changed as lifting or lowering alone can do."""
    lifted = np.maximum.accumulate(column)
    lowered = np.minimum.accumulate(column[::-1])[::-1]
    fewer: I64 = min(lifted, lowered, key=lambda other: int(np.count_nonzero(other != column)))
    return fewer


def _utc_ns(start_ns: int, tick_ms: I64) -> I64:
    """UTC of times since a start in GPS time."""
    gps_ns = start_ns + tick_ms * 1_000_000
    ends_ms = (gps_ns[[0, -1]] // 1_000_000 - gpstime.GPS_EPOCH_UNIX_S * 1000).tolist()
    before, after = map(gpstime.leap_seconds, ends_ms)
    leaps = np.full(len(gps_ns), before, np.int64)
    if before != after:  # a leap second within the recording: rare, so one by one
        gps_ms = gps_ns // 1_000_000 - gpstime.GPS_EPOCH_UNIX_S * 1000
        leaps = np.array([gpstime.leap_seconds(ms) for ms in gps_ms.tolist()], np.int64)
    return gps_ns - leaps * 1_000_000_000
