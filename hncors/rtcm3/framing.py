"""RTCM 3 transport layer: bytes in, whole valid frames out. No IO, no clock.

     preamble  reserved  length   payload         CRC-24Q
     0xD3      6 bits    10 bits  0..1023 bytes   3 bytes        RTCM 10403.3, section 4

A candidate is believed only when its check holds; after one that fails, the search goes on at the
very next byte, so nothing that merely looks like a leader ever costs an intact frame. A false leader
can delay good frames (by at most the 1,029 bytes it claims) until more bytes, `idle` or the end.
"""

from __future__ import annotations

from hncors.rtcm3.crc import REPEATED_BYTES, crc24q, crc24q_repeated

OVERHEAD = 6  # three bytes before the payload, three after
MAX_FRAME = 1023 + OVERHEAD
PREAMBLE = 0xD3


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
        last = size - 2  # a candidate from here on does not show its length
        frames: list[bytes] = []
        at = failures = failures_before = in_frames = 0
        hold = -1  # the first incomplete candidate since the last frame
        wanted = OVERHEAD
        find, keep = data.find, frames.append
        while True:
            if at >= last or data[at] != PREAMBLE:
                at = find(PREAMBLE, at)
                if at < 0:
                    break
            end = at + OVERHEAD
            if at < last:
                high = data[at + 1]
                end += (high & 3) << 8 | data[at + 2]
            if end > size or at >= last:
                if hold < 0:
                    hold, wanted, failures_before = at, end - at, failures
                if patient:
                    break
                at += 1
                continue
            frame = data[at:end]
            if crc24q(frame) if end - at > REPEATED_BYTES else crc24q_repeated(frame):
                failures += 1
                at += 1
                continue
            keep(frame)
            if high > 3:
                self.reserved_bits += 1
            in_frames += end - at
            at = end
            hold = -1
        rest = size - hold if hold >= 0 else 0
        self.in_frames += in_frames
        self.junk += size - in_frames - rest
        self.frames += len(frames)
        self.crc_failures += failures_before if rest else failures  # what is held is judged again
        self._held = bytearray(data[hold:]) if rest else bytearray()
        self._wanted = wanted if rest else OVERHEAD
        return frames
