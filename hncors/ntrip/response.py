"""The syntax of a caster's answer: bytes in, one `Head` or more and the body's bytes out.

Three dialects share one shape, a status line, header lines, a blank line, a body:

    ICY 200 OK            NTRIP 1.0; many casters send no header and no blank line, and the stream follows at
                          once: what cannot be a header line is the stream's
    SOURCETABLE 200 OK    NTRIP 1.0, the answer to an unknown mountpoint too
    HTTP/1.1 200 OK       NTRIP 2.0; the body chunked, or of a length, or up to the close
    ERROR - Bad Password  NTRIP 1.0 refusals

What an answer means is `verdict`'s matter.  How the bytes were cut into pieces never changes the events,
except that `Body` may come in more pieces.
"""

import re
from typing import NamedTuple

from hncors.ntrip.chunked import Dechunker, Part

MAX_LINE = 8192  # bytes, line end included
MAX_HEADERS = 64
MAX_HEAD = 32768  # bytes of status line and headers

_PROTOCOLS = (b"HTTP/1.", b"ICY ", b"SOURCETABLE ", b"ERROR")
_STATUS = re.compile(r"(HTTP/1\.[0-9]|ICY|SOURCETABLE) +([0-9]{3})(?![0-9])(.*)|(ERROR)(.*)", re.IGNORECASE)
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,63}:[\t\x20-\x7e\x80-\xff]*\r?\n")
_HEADER_SO_FAR = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{0,63}(?::[\t\x20-\x7e\x80-\xff]*\r?)?)?\Z")
_TOO_LONG = f"a line of more than {MAX_LINE} bytes or a head of more than {MAX_HEAD}"
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Head(NamedTuple):
    """A status line and its headers.

    In the dialects of NTRIP 1.0 it comes at the status line, without headers, so that nobody waits for
    headers that never come; where headers do follow, it comes again with them.
    """

    protocol: str  # "ICY", "SOURCETABLE", "ERROR", "HTTP/1.0", "HTTP/1.1"
    status: int  # 0 where the line holds none
    reason: str
    headers: tuple[tuple[str, str], ...] = ()  # names in lower case, text as ISO-8859-1

    def value(self, name: str) -> str:
        """All values of a field joined by commas (RFC 9110, section 5.3), "" where there is none."""
        return ", ".join(value for key, value in self.headers if key == name)


class Body(NamedTuple):
    data: bytes


class End(NamedTuple):
    """Nothing more will come; `clean` when the framing of the body said so."""

    clean: bool


class Fault(NamedTuple):
    """The answer cannot be read; nothing more will come.  `not_ntrip`: it never looked like an answer."""

    why: str
    not_ntrip: bool = False
    start: bytes = b""  # what came so far, if it never looked like one


Event = Head | Body | End | Fault


def unsupported_coding(head: Head) -> str:
    """The transfer or content coding of `head` that is not understood, "" where all are."""
    transfer = _words(head.value("transfer-encoding"))
    content = _words(head.value("content-encoding"))
    if transfer not in ([], ["identity"], ["chunked"]):
        return "transfer coding " + ", ".join(transfer)
    return "" if content in ([], ["identity"]) else "content coding " + ", ".join(content)


def _words(value: str) -> list[str]:
    return [word.strip().lower() for word in value.split(",") if word.strip()]


class Parser:
    """Reads one answer.  `feed` until it gives `End` or `Fault`, then `close` when the connection ends."""

    def __init__(self) -> None:
        self._step = self._status_line
        self._held = bytearray()  # head bytes not yet understood
        self._head = Head("", 0, "")
        self._head_bytes = 0
        self._headers: list[tuple[str, str]] = []
        self._chunks: Dechunker | None = None
        self._left: int | None = None  # bytes of body still to come, when a length was given
        self._events: list[Event] = []
        self._in_body = self._over = False

    def feed(self, data: bytes) -> list[Event]:
        if self._in_body:
            self._take_body(data)
        elif not self._over:
            self._held += data
            while self._step():
                pass
        events, self._events = self._events, []
        return events

    def plain(self, data: bytes) -> bytes | None:
        """The body bytes in `data` where it is nothing else; else None, and it is for `feed` to read."""
        if not self._in_body or self._over or self._left is not None:
            return None
        return data if self._chunks is None else self._chunks.plain(data)

    def close(self) -> list[Event]:
        """The connection ended: what was held back, and `End` or `Fault` unless there was one."""
        refused = self._step == self._header and self._head.status >= 300  # clear without a blank line
        if not self._in_body and not self._over and (refused or self._step == self._loose_header):
            if refused:
                self._held.clear()
            self._enter_body()
        if not self._over:
            self._over = True
            if self._in_body:
                self._events.append(End(clean=self._chunks is not None and self._chunks.part is Part.TRAILER))
            else:
                self._events.append(Fault("the connection closed before the answer was complete"))
        events, self._events = self._events, []
        return events

    # Each step reads one line of `_held` and returns whether it got any further.

    def _status_line(self) -> bool:
        start = bytes(self._held[:16]).upper()
        for length in range(1, len(start) + 1):
            if not any(p.startswith(start[:length]) or start.startswith(p) for p in _PROTOCOLS):
                begins = start[:length].decode("latin-1")
                return self._fail(f"the answer begins with {begins!a}", not_ntrip=True)
        line = self._line()
        if line is None:
            return False
        found = None if _CONTROL.search(line) else _STATUS.fullmatch(line.decode("latin-1"))
        if found is None:
            return self._fail("a status line that is none")
        protocol, status, reason, error, detail = found.groups()
        self._headers.clear()
        if error or protocol.upper() in ("ICY", "SOURCETABLE"):
            self._head = Head((error or protocol).upper(), int(status or 0), (reason or detail or "").strip())
            self._events.append(self._head)
            self._step = self._loose_header
        else:
            self._head = Head(protocol.upper(), int(status), reason.strip())
            self._step = self._header
        return True

    def _header(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            return self._add_header(line)
        if 100 <= self._head.status < 200:  # interim, the answer that counts follows: RFC 9110, section 15.2
            self._step = self._status_line
            return True
        self._enter_body()
        return False

    def _loose_header(self) -> bool:
        """After ICY and SOURCETABLE: a header line, the blank line, or already the body."""
        room = self._room()
        start = self._held[: room + 1]
        if start.startswith(b"\r\n") or _HEADER.match(start):
            line = self._line()
            if line:
                return self._add_header(line)
        elif start == b"\r" or _HEADER_SO_FAR.match(start):
            return self._fail(_TOO_LONG) if len(start) > room else False
        self._enter_body()
        return False

    def _room(self) -> int:
        return min(MAX_LINE, MAX_HEAD - self._head_bytes)

    def _line(self) -> bytes | None:
        """The next line without its end; None where it is not whole yet, or too long, which is a fault."""
        newline = self._held.find(b"\n")
        length = len(self._held) if newline < 0 else newline + 1
        if length > self._room():
            self._fail(_TOO_LONG)
            return None
        if newline < 0:
            return None
        line = bytes(self._held[:length])
        del self._held[:length]
        self._head_bytes += length
        return line.removesuffix(b"\n").removesuffix(b"\r")

    def _add_header(self, line: bytes) -> bool:
        if _CONTROL.search(line):
            return self._fail("a control character in a header")
        if len(self._headers) == MAX_HEADERS:
            return self._fail(f"more than {MAX_HEADERS} headers")
        # A folded line or one without a colon stays in the list under no name: it counts and says nothing.
        name, colon, value = line.decode("latin-1").partition(":")
        named = bool(colon) and not name[:1].isspace()
        self._headers.append((name.strip().lower(), value.strip()) if named else ("", ""))
        return True

    def _enter_body(self) -> None:
        """The head is complete: settles how the body is framed and hands on what came with the head."""
        loose = self._step == self._loose_header
        self._head = self._head._replace(headers=tuple(header for header in self._headers if header[0]))
        if not loose or self._headers:
            self._events.append(self._head)
        rest = bytes(self._held)
        self._held.clear()
        length = self._head.value("content-length")
        if coding := unsupported_coding(self._head):
            self._fail(f"unsupported {coding}")
            return
        # A transfer coding stands above a length: RFC 9112, section 6.3
        if "chunked" in _words(self._head.value("transfer-encoding")):
            self._chunks = Dechunker()
        elif length and self._head.protocol != "ICY":
            if not re.fullmatch("[0-9]{1,18}", length):
                self._fail("a content length that is none")
                return
            self._left = int(length)
        self._in_body = True
        self._take_body(rest)

    def _take_body(self, data: bytes) -> None:
        if self._over:
            return
        if self._chunks is not None:
            data = self._chunks.feed(data)
        elif self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data:
            self._events.append(Body(data))
        if self._chunks is not None and self._chunks.part is Part.BROKEN:
            self._fail(self._chunks.fault)
        elif self._left == 0 or (self._chunks is not None and self._chunks.part is Part.DONE):
            self._over = True
            self._events.append(End(clean=True))

    def _fail(self, why: str, not_ntrip: bool = False) -> bool:
        self._over = True
        self._events.append(Fault(why, not_ntrip, bytes(self._held) if not_ntrip else b""))
        self._held.clear()
        return False
