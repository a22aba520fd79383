"""Chunked bodies (RFC 9112, section 7.1): bytes in, the body's bytes out, whatever the pieces were.

Strict where a guess could lose bytes: a size is 1 to 16 hexadecimal digits and at most 2^31 - 1, its line
ends in CRLF, and CRLF follows each chunk's data.  Extensions and trailers are read and dropped.
"""

import re
from enum import Enum

MAX_LINE = 8192  # bytes of a size line or of a trailer line, line end included
MAX_TRAILER = 32768  # bytes of all trailer lines
MAX_CHUNK = 2**31 - 1
# chunk-size [ BWS ";" ... ]: what an extension says does not matter, but it holds no control characters
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_DATA_END = b"\r\n"


class Part(Enum):
    SIZE = "chunk size"
    DATA = "chunk"
    DATA_END = "line end after a chunk"
    TRAILER = "trailer"
    DONE = "nothing more"
    BROKEN = "no chunked coding"


_BEFORE = Part.SIZE  # a name of its own: looking a member up takes as long as reading a chunk


class Dechunker:
    """`feed` returns body bytes; `part` says what comes next; `fault` says why when `part` is BROKEN."""

    def __init__(self) -> None:
        self.part = Part.SIZE
        self.fault = ""
        self._line = bytearray()
        self._left = 0  # bytes of the chunk's data, then of the line end after it, still to come
        self._trailer = 0  # bytes of trailer lines seen

    def feed(self, data: bytes) -> bytes:
        """The body bytes in `data`; whatever follows the end or a fault is dropped."""
        body: list[bytes] = []
        at = 0
        while at < len(data):
            if self.part is Part.SIZE and not self._line:
                at = self._whole(data, at, body)
                if at == len(data):
                    break
            if self.part is Part.DATA:
                piece = data[at : at + self._left]
                body.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self.part, self._left = Part.DATA_END, len(_DATA_END)
            elif self.part is Part.DATA_END:
                if data[at] != _DATA_END[-self._left]:
                    self._break("no line end after a chunk")
                    break
                at += 1
                self._left -= 1
                if not self._left:
                    self.part = Part.SIZE
            elif self.part in (Part.SIZE, Part.TRAILER):
                at = self._gather(data, at)
            else:
                break
        return b"".join(body)

    def plain(self, data: bytes) -> bytes | None:
        """The body bytes where `data` is whole chunks, as most reads are; else None, nothing is read."""
        if self.part is not _BEFORE or self._line:
            return None
        size = _SIZE.match(data)
        if size is None:
            return None
        first = size.end()
        last = first + int(size[1], 16)
        if last + 2 == len(data) and last > first and first <= MAX_LINE and data[last:] == _DATA_END:
            return data[first:last]
        body: list[bytes] = []
        return b"".join(body) if self._whole(data, 0, body) == len(data) else None

    def _whole(self, data: bytes, at: int, body: list[bytes]) -> int:
        """Takes the chunks that lie in `data[at:]` from end to end, which most do; returns what is left."""
        while size := _SIZE.match(data, at):
            first = size.end()
            last = first + int(size[1], 16)
            if first - at > MAX_LINE or last == first or data[last : last + 2] != _DATA_END:
                break
            body.append(data[first:last])
            at = last + 2
        return at

    def _gather(self, data: bytes, at: int) -> int:
        """Adds to the line what `data[at:]` has of it, acts on a whole line, returns where it stopped."""
        newline = data.find(b"\n", at)
        end = len(data) if newline < 0 else newline + 1
        room = MAX_LINE if self.part is Part.SIZE else min(MAX_LINE, MAX_TRAILER - self._trailer)
        if len(self._line) + end - at > room:
            self._break(f"a {self.part.value} line of more than {room} bytes")
            return end
        self._line += data[at:end]
        if newline >= 0:
            line = bytes(self._line)
            self._line.clear()
            self._act(line)
        return end

    def _act(self, line: bytes) -> None:
        if self.part is Part.TRAILER:
            self._trailer += len(line)
            if not line.strip(b"\r\n"):
                self.part = Part.DONE
            return
        size = _SIZE.fullmatch(line)
        if size is None or int(size[1], 16) > MAX_CHUNK:
            self._break("a chunk size that is none")
            return
        self._left = int(size[1], 16)
        self.part = Part.DATA if self._left else Part.TRAILER

    def _break(self, why: str) -> None:
        self.part, self.fault = Part.BROKEN, why
        self._line.clear()
