"""NTRIP as a caster hears it from stations that push their stream: an offer in, an answer out.  No sockets.

    NTRIP 1.0   SOURCE password /MOUNTPOINT, fields, an empty line; then the stream as it is
    NTRIP 2.0   POST /MOUNTPOINT HTTP/1.1 with Basic authentication; then the stream, chunked where it says so

RTCM 10410.1, "NTRIP server messages". Version 1 has no user, only the password of the mountpoint.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from hncors.ntrip import server
from hncors.ntrip.chunked import Dechunker, Part
from hncors.ntrip.server import Head, Refused, Voice, basic, fields_of

MAX_AGENT = 120  # characters of a name that are kept
_SOURCE = re.compile(rb"SOURCE (?:([^ ]{0,400}) )?/?([^ /?#]{1,100})")
_POST = re.compile(rb"POST /([^ ?#]{1,400}) HTTP/1\.[01]")
_SAID = {401: "Bad Password", 404: "Bad Mountpoint", 409: "Mountpoint Taken"}  # as casters of version 1 do


@dataclass(frozen=True)
class Offered:
    """What a station wants to push."""

    mountpoint: str
    version: int  # of NTRIP, 1 or 2
    user: str | None = None  # None: it did not say, as in version 1
    password: str = field(default="", repr=False)
    agent: str = ""
    chunked: bool = False


class Offer(Head[Offered]):
    """Reads one offer.  What follows it, in `rest`, is of the stream."""

    def __init__(self) -> None:
        super().__init__(_offered)


def _offered(lines: list[bytes]) -> Offered | Refused:
    fields = fields_of(lines[1:])
    if isinstance(fields, Refused):
        return fields
    if found := _SOURCE.fullmatch(lines[0]):
        password = (found[1] or b"").decode("utf-8", "replace")
        agent = fields.get("source-agent", fields.get("user-agent", ""))
        return Offered(found[2].decode("latin-1"), 1, None, password, agent[:MAX_AGENT])
    found = _POST.fullmatch(lines[0])
    if found is None:
        known = re.match(rb"(GET|PUT|HEAD|OPTIONS) ", lines[0])
        return Refused(405, "only POST and SOURCE") if known else Refused(400, "a request line that is none")
    coding = fields.get("transfer-encoding", "identity").lower()
    if coding not in ("identity", "chunked"):
        return Refused(400, "a transfer coding that is not known")
    user, password = basic(fields.get("authorization", ""))
    agent = fields.get("user-agent", "")[:MAX_AGENT]
    mountpoint = unquote(found[1].decode("latin-1"))
    return Offered(mountpoint, 2, user, password, agent, coding == "chunked")


def body(offered: Offered) -> Callable[[bytes], bytes | None]:
    """What takes the stream out of the bytes that follow an offer; None from it: there is no more."""
    if not offered.chunked:
        return lambda data: data
    dechunker = Dechunker()

    def plain(data: bytes) -> bytes | None:
        stream = dechunker.feed(data)
        return stream if stream or dechunker.part not in (Part.DONE, Part.BROKEN) else None

    return plain


def welcome(offered: Offered, voice: Voice) -> bytes:
    """The answer after which the station sends."""
    return b"ICY 200 OK\r\n\r\n" if offered.version == 1 else server.ready(voice)


def refusal(status: int, version: int, voice: Voice, realm: str = "") -> bytes:
    """A whole answer that says no."""
    if version == 1:
        return f"ERROR - {_SAID.get(status, server.PHRASES.get(status, 'Refused'))}\r\n".encode("ascii")
    return server.refusal(status, version, voice, realm=realm)
