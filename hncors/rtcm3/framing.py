"""RTCM 3 transport layer: bytes in, whole valid frames out. No IO, no clock.

     preamble  reserved  length   payload         CRC-24Q
     0xD3      6 bits    10 bits  0..1023 bytes   3 bytes        RTCM 10403.3, section 4

A candidate is believed only when its check holds; after one that fails, the search goes on at the
very next byte, so nothing that merely looks like a leader ever costs an intact frame. A false leader
can delay good frames (by at most the 1,029 bytes it claims) until more bytes, `idle` or the end.
"""

from __future__ import annotations

from itertools import takewhile
from struct import Struct

from hncors.rtcm3.crc import REPEATED_BYTES, crc24q, crc24q_repeated

OVERHEAD = 6  # three bytes before the payload, three after
MAX_FRAME = 1023 + OVERHEAD
PREAMBLE = b"\xd3"
_HEADER = Struct(">BH")
FIRST_RUN = 8  # frames checked together at first
READ_BYTES = 8192  # what a link brings at once is seldom more: an epoch, or a frame of it


class Framer:
    """Framing of one stream; received == in_frames + junk + pending at all times."""

    __slots__ = (
        "_held",
        "_wanted",
        "crc_failures",
        "frames",
        "in_frames",
        "junk",
        "received",
        "reserved_bits",
    )

    def __init__(self) -> None:
        self.received = 0
        self.in_frames = 0
        self.junk = 0
        self.frames = 0
        self.crc_failures = 0
        """Candidates that were complete and whose check failed."""
        self.reserved_bits = 0
        """Frames accepted although a reserved bit of their header was set."""
        self._held = bytearray()
        self._wanted = OVERHEAD  # held bytes below which no candidate can be complete

    @property
    def pending(self) -> int:
        """Bytes held because the candidate they begin with is not complete."""
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete with these bytes, header and check included."""
        size = len(data)
        self.received += size
        if not self._held:
            frames = _nothing_else(data, size) if size <= READ_BYTES else None
            if frames is not None:
                self.in_frames += size
                self.frames += len(frames)
                return frames
        else:
            if len(self._held) + size < self._wanted:
                self._held += data
                return []
            data = b"".join((self._held, data))
        return self._scan(data, patient=True)

    def idle(self) -> list[bytes]:
        """Frames found behind an incomplete candidate, when nothing more has come for a while.

        Bytes before such a frame become junk. Without one nothing changes: the candidate may be a
        true frame of which the rest is late.
        """
        return self._scan(bytes(self._held), patient=False) if self._held else []

    def reset(self) -> int:
        """Give up what is pending (the connection is gone): it becomes junk. Returns how many bytes."""
        lost = len(self._held)
        self.junk += lost
        self._held = bytearray()
        self._wanted = OVERHEAD
        return lost

    def _scan(self, data: bytes, *, patient: bool) -> list[bytes]:
        size = len(data)
        last = size - 2  # a candidate from here on does not show its length
        frames: list[bytes] = []
        at = _adjacent(data, 0, frames)
        failures = failures_before = 0
        hold = -1  # the first incomplete candidate since the last frame
        wanted = OVERHEAD
        while True:
            at = data.find(PREAMBLE, at)
            if at < 0:
                break
            end = at + OVERHEAD
            if at < last:
                end += (data[at + 1] & 3) << 8 | data[at + 2]
            if end > size or at >= last:
                if hold < 0:
                    hold, wanted, failures_before = at, end - at, failures
                if patient:
                    break
                at += 1
                continue
            frame = data[at:end]
            if _check(frame):
                failures += 1
                at += 1
                continue
            frames.append(frame)
            self.reserved_bits += frame[1] > 3
            at = _adjacent(data, end, frames)
            hold = -1
        rest = size - hold if hold >= 0 else 0
        in_frames = sum(map(len, frames))
        self.in_frames += in_frames
        self.junk += size - in_frames - rest
        self.frames += len(frames)
        self.crc_failures += failures_before if rest else failures  # what is held is judged again
        self._held = bytearray(data[hold:]) if rest else bytearray()
        self._wanted = wanted if rest else OVERHEAD
        return frames


def _nothing_else(data: bytes, size: int) -> list[bytes] | None:
    """The frames, where `data` is plain valid frames from end to end as most reads are; else None."""
    frames: list[bytes] = []
    at, last, header = 0, size - OVERHEAD, _HEADER.unpack_from
    while at <= last:
        preamble, length = header(data, at)
        end = at + length + OVERHEAD
        if preamble != 0xD3 or length > 1023 or end > size:
            return None
        frame = data[at:end]
        if crc24q(frame) if length >= REPEATED_BYTES or _ever_new(frame) else crc24q_repeated(frame):
            return None
        frames.append(frame)
        at = end
    return frames if at == size else None


def _adjacent(data: bytes, at: int, frames: list[bytes]) -> int:
    """Add the plain valid frames that follow each other from `at`; where the search goes on.

    Good data are nothing else, and many checked in a row take three quarters of the time. Runs begin short
    and double, so that what only looks like frames costs no more than the good ones before it.
    """
    count = FIRST_RUN
    while True:
        run: list[bytes] = []
        repeated: list[bytes] = []
        others: list[bytes] = []
        end = _walk(data, at, count, run, repeated, others)
        if len(run) < 2:
            return at
        if any(map(crc24q, others)) or any(map(crc24q_repeated, repeated)):
            good = list(takewhile(lambda frame: not _check(frame), run))
            frames += good
            return at + sum(map(len, good))
        frames += run
        if len(run) < count:
            return end
        at = end
        count *= 2


def _walk(
    data: bytes, at: int, count: int, run: list[bytes], repeated: list[bytes], others: list[bytes]
) -> int:
    """Sort up to `count` adjacent candidates without reserved bits; where they end."""
    size = len(data)
    last = size - 2
    keep, keep_repeated, keep_other, header = run.append, repeated.append, others.append, _HEADER.unpack_from
    for _ in range(count):
        if at >= last:
            break
        preamble, length = header(data, at)
        end = at + length + OVERHEAD
        if preamble != 0xD3 or length > 1023 or end > size:
            break
        frame = data[at:end]
        keep(frame)
        if length < REPEATED_BYTES and not _ever_new(frame):
            keep_repeated(frame)
        else:
            keep_other(frame)
        at = end
    return at


def _check(frame: bytes) -> int:
    if len(frame) >= REPEATED_BYTES + OVERHEAD or _ever_new(frame):
        return crc24q(frame)
    return crc24q_repeated(frame)


def _ever_new(frame: bytes) -> bool:
    """Whether it is of messages 1056 to 1151, which are corrections and MSM: no two are equal.

    Short ones would fill the memory of repeated frames, and each look-up in it would be in vain.
    """
    return 0x42 <= frame[3] <= 0x47
