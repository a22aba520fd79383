"""NTRIP 1.0 and 2.0 as a caster speaks it: requests in, answers out.  No sockets, no clock.

`Request` reads what a client sends, `accepted`, `refusal`, `table` and the others build what is answered.
A client speaks NTRIP 2.0 if its Ntrip-Version says so (RTCM 10410.1, section 2), whatever its HTTP version.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from hncors.ntrip.response import MAX_HEAD, MAX_HEADERS, MAX_LINE

LAST_CHUNK = b"0\r\n\r\n"
PHRASES = {  # RFC 9110, section 15
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LINE = re.compile(rb"GET /([^ ?#]{0,400})(?:\?[^ ]*)? HTTP/1\.[01]")


@dataclass(frozen=True)
class Asked:
    """What a client wants."""

    mountpoint: str  # "" asks for the sourcetable
    version: int  # of NTRIP, 1 or 2
    user: str | None = None  # None: it did not say who it is
    password: str = field(default="", repr=False)
    agent: str = ""
    gga: bytes = b""  # the field Ntrip-GGA


class Refused(NamedTuple):
    """A request that cannot be answered with anything else than a status."""

    status: int
    why: str


T = TypeVar("T")


class Head(Generic[T]):
    """Reads the head of a request, by `read` from its lines.  What is sent after it is left in `rest`."""

    def __init__(self, read: Callable[[list[bytes]], T | Refused]) -> None:
        self.rest = b""
        self._held = bytearray()
        self._read = read

    def feed(self, data: bytes) -> T | Refused | None:
        """The request once it is whole, None before."""
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            line_end = self._held.find(b"\n")
            if len(self._held) > MAX_HEAD or (line_end < 0 and len(self._held) > MAX_LINE):
                return Refused(431, "a request of too many bytes")
            return None
        head, self.rest = bytes(self._held[:end]), bytes(self._held[end + 4 :])
        self._held.clear()
        lines = head.split(b"\r\n")
        if len(lines) > MAX_HEADERS + 1 or max(map(len, lines)) + 2 > MAX_LINE or len(head) > MAX_HEAD:
            return Refused(431, "a request of too many or too long fields")
        return self._read(lines)


class Request(Head[Asked]):
    """Reads one request of a client.  What it sends after it are positions as NMEA GGA."""

    def __init__(self) -> None:
        super().__init__(_asked)


def _asked(lines: list[bytes]) -> Asked | Refused:
    found = _LINE.fullmatch(lines[0])
    if found is None:
        known = re.match(rb"(POST|SOURCE|PUT|HEAD|OPTIONS) ", lines[0])
        return Refused(405, "only GET") if known else Refused(400, "a request line that is none")
    fields = fields_of(lines[1:])
    if isinstance(fields, Refused):
        return fields
    user, password = basic(fields.get("authorization", ""))
    return Asked(
        mountpoint=unquote(found[1].decode("latin-1")),
        version=2 if "2." in fields.get("ntrip-version", "") else 1,
        user=user,
        password=password,
        agent=fields.get("user-agent", ""),
        gga=fields.get("ntrip-gga", "").encode("latin-1"),
    )


def fields_of(lines: list[bytes]) -> dict[str, str] | Refused:
    """Header fields by name in small letters, of each the first."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name.strip() or _CONTROL.search(line):
            return Refused(400, "a field that is none")
        fields.setdefault(name.strip().lower(), value.strip())
    return fields


def basic(value: str) -> tuple[str | None, str]:
    """User and password of an Authorization (RFC 7617); no user where it holds none."""
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        user, colon, password = b64decode(token.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None, ""
    return (user, password) if colon else (None, "")


# --- answers -----------------------------------------------------------------------------------


class Voice(NamedTuple):
    """In whose name and at what time an answer is given."""

    agent: str  # the Server field, after the word NTRIP
    unix_s: float


def accepted(version: int, voice: Voice) -> bytes:
    """The head before a stream.  In NTRIP 2.0 the stream follows as chunks (`chunk`), in 1.0 as it is."""
    if version == 1:
        return b"ICY 200 OK\r\n\r\n"
    kept = {"Content-Type": "gnss/data", "Transfer-Encoding": "chunked"}
    return _head("HTTP/1.1", 200, "OK", voice, kept)


def ready(voice: Voice) -> bytes:
    """The head after which a station of NTRIP 2.0 pushes its stream."""
    return _head("HTTP/1.1", 200, "OK", voice, {"Content-Length": "0"})


def chunk(data: bytes) -> bytes:
    """Bytes of a stream as one chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def table(text: bytes, version: int, voice: Voice) -> bytes:
    """A whole answer with a sourcetable; to an unknown mountpoint too, which is NTRIP 1.0's way."""
    if version == 1:
        kept = {"Content-Type": "text/plain", "Content-Length": str(len(text))}
        return _head("SOURCETABLE", 200, "OK", voice, kept) + text
    kept = {"Content-Type": "gnss/sourcetable", "Content-Length": str(len(text))}
    return _head("HTTP/1.1", 200, "OK", voice, kept) + text


def refusal(
    status: int, version: int, voice: Voice, *, realm: str = "", retry_after_s: int | None = None
) -> bytes:
    """A whole answer that says no.  `realm` goes with 401."""
    said = PHRASES.get(status, "Refused")
    kept = {"WWW-Authenticate": f'Basic realm="{_token(realm)}"'} if status == 401 else {}
    if retry_after_s is not None:
        kept["Retry-After"] = str(retry_after_s)
    return _page(status, said, f"{status} {said}", version, voice, kept)


def redirect(location: str, version: int, voice: Voice) -> bytes:
    """A whole answer that sends the client elsewhere."""
    return _page(302, "Found", "elsewhere", version, voice, {"Location": _token(location)})


def web_page(version: int, voice: Voice) -> bytes:
    """A whole answer as portals of networks give it instead of a stream: 200 and a page to log in."""
    return _page(200, "OK", "Log in to this network", version, voice, {})


def _page(status: int, said: str, text: str, version: int, voice: Voice, kept: dict[str, str]) -> bytes:
    body = f"<!DOCTYPE html><html><head><title>{text}</title></head><body>{text}</body></html>\n".encode()
    kept = {**kept, "Content-Type": "text/html", "Content-Length": str(len(body))}
    return _head("HTTP/1.0" if version == 1 else "HTTP/1.1", status, said, voice, kept) + body


def _head(protocol: str, status: int, said: str, voice: Voice, kept: dict[str, str]) -> bytes:
    lines = [f"{protocol} {status} {said}"]
    if protocol == "HTTP/1.1":
        lines += ["Ntrip-Version: Ntrip/2.0", "Cache-Control: no-store", "Pragma: no-cache"]
    lines += [f"Server: NTRIP {voice.agent}", f"Date: {formatdate(voice.unix_s, usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in kept.items()] + ["Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _token(text: str) -> str:
    """Text that cannot leave its field or its quotes."""
    return "".join(c for c in text if c.isascii() and c.isprintable() and c not in '"\\')


# --- positions of clients ----------------------------------------------------------------------


class Positions:
    """Counts the GGA sentences a client sends; where it is does not matter here and is not kept."""

    def __init__(self) -> None:
        self.valid = 0
        self.invalid = 0
        self._held = b""

    def feed(self, data: bytes) -> None:
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > MAX_LINE:
            self._held = b""
            self.invalid += 1
        for line in filter(None, (line.strip() for line in lines)):
            good = valid_gga(line)
            self.valid += good
            self.invalid += not good


def valid_gga(line: bytes) -> bool:
    """Whether a line is a GGA sentence with a fix and a checksum that holds (NMEA 0183)."""
    found = re.fullmatch(rb"\$([A-Z]{2}GGA,[ -)+-~]*)\*([0-9A-Fa-f]{2})", line)
    if found is None:
        return False
    check = 0
    for byte in found[1]:
        check ^= byte
    fields = found[1].split(b",")
    return check == int(found[2], 16) and len(fields) == 15 and fields[6] not in (b"", b"0")
