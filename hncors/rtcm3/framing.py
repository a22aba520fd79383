"""RTCM 3 transport layer: bytes in, whole valid frames out. No IO, no clock.

     preamble  reserved  length   payload         CRC-24Q
     0xD3      6 bits    10 bits  0..1023 bytes   3 bytes        RTCM 10403.3, section 4

A candidate is believed only when its check holds; after one that fails, the search goes on at the
very next byte, so nothing that merely looks like a leader ever costs an intact frame. A false leader
can delay good frames (by at most the 1,029 bytes it claims) until more bytes, `idle` or the end.
"""

from __future__ import annotations

import numpy as np

from hncors.rtcm3.crc import crc24q

OVERHEAD = 6  # three bytes before the payload, three after
MAX_FRAME = 1023 + OVERHEAD
PREAMBLE = b"\xd3"

# Candidates that follow each other are checked in one go, because a call costs more than the bytes:
# the remainder over a whole valid frame is 0, and that of the next goes on from there. One bad frame in
# a run always shows (the next ones' shifts lose nothing), as do any three wrong bits and any burst of 24
# in it: CRC-24Q keeps its distance of 4 up to 2^23 - 1 bits. A run that fails is taken frame by frame.
# The limit: whoever means to can make several wrong checks cancel out in a run (by chance it is 2^-24, as
# for one frame). That wins nothing, since the same sender can compute right ones: a check is not trust.
LONGEST_RUN = 32
MANY_BYTES = 4096  # from here on the candidates of a piece are found together


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
        self.received += len(data)
        if self._held or len(data) < OVERHEAD:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
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
        frames: list[bytes] = []
        at = failures = failures_before = in_frames = 0
        hold = -1  # the first incomplete candidate since the last frame
        wanted = OVERHEAD
        together = LONGEST_RUN
        table = _ends(data) if size >= MANY_BYTES else None
        while True:
            at = data.find(PREAMBLE, at)
            if at < 0:
                break
            ends = _candidates(data, at, together, table)
            if not ends:
                if hold < 0:
                    hold, wanted, failures_before = at, (_end(data, at) or at + OVERHEAD) - at, failures
                if patient:
                    break
                at += 1
                continue
            if crc24q(data[at : ends[-1]]):
                if len(ends) > 1:
                    together = 1  # one of them is bad: one by one, until the way is clear again
                    continue
                failures += 1
                at += 1
                continue
            together = min(together * 2, LONGEST_RUN)
            in_frames += ends[-1] - at
            frames += [data[first:end] for first, end in zip((at, *ends), ends, strict=False)]
            at = ends[-1]
            hold = -1
        rest = size - hold if hold >= 0 else 0
        self.in_frames += in_frames
        self.junk += size - in_frames - rest
        self.frames += len(frames)
        self.reserved_bits += sum([frame[1] > 3 for frame in frames])
        self.crc_failures += failures_before if rest else failures  # what is held is judged again
        self._held = bytearray(data[hold:]) if rest else bytearray()
        self._wanted = wanted if rest else OVERHEAD
        return frames


def _candidates(data: bytes, at: int, most: int, table: dict[int, int] | None) -> list[int]:
    """Ends of complete candidates that follow each other from `at` on."""
    ends: list[int] = []
    size = len(data)
    while len(ends) < most:
        end = _end(data, at) if table is None else table.get(at)
        if end is None or end > size:
            break
        ends.append(end)
        at = end
    return ends


def _end(data: bytes, at: int) -> int | None:
    """Where the candidate that begins at `at` would end; None if none begins there with its length."""
    if at + 2 >= len(data) or data[at] != 0xD3:
        return None
    return at + OVERHEAD + ((data[at + 1] & 3) << 8 | data[at + 2])


def _ends(data: bytes) -> dict[int, int]:
    """`_end` of every place where it is one, at once: a third of the time where frames are many."""
    buffer = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(buffer[:-2] == 0xD3)
    length = (buffer[at + 1] & 3).astype(np.int64) << 8 | buffer[at + 2]
    return dict(zip(at.tolist(), (at + OVERHEAD + length).tolist(), strict=True))
