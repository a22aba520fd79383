"""The sourcetable of a caster, fetched once: one connection, no credentials, bounded in bytes and time.

Reading a sourcetable is what it is published for. Nothing else is asked of a caster here, and nothing of what
a table names is connected to.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple

from hncors.daemon.connection import Stage, connect
from hncors.daemon.names import Names
from hncors.ntrip import Verdict
from hncors.ntrip.request import request
from hncors.ntrip.response import Body, End, Fault, Head, Parser, unsupported_coding
from hncors.ntrip.sourcetable import Reading, Sourcetable
from hncors.registry import Link
from hncors.version import VERSION

WITHIN_S = 60.0
TABLE_TYPES = ("gnss/sourcetable", "text/plain")


class Fetched(NamedTuple):
    """A table, and its bytes as they came."""

    table: Sourcetable
    data: bytes


async def fetch(
    caster: Link, names: Names, context: ssl.SSLContext | None = None, within_s: float = WITHIN_S
) -> Fetched | Verdict:
    """The sourcetable of a caster, or why there is none; the mountpoint of the link does not matter."""
    done: asyncio.Future[Fetched | Verdict] = asyncio.get_running_loop().create_future()
    protocol = _Asking(caster, done)
    stage = Stage()
    transport: asyncio.Transport | Verdict | None = None
    try:
        async with asyncio.timeout(within_s):
            transport = await connect(protocol, caster, names, context, stage)
            if isinstance(transport, Verdict):
                return transport
            return await done
    except TimeoutError:
        return Verdict(stage.state, f"{stage.wants} within {within_s:g} s")
    finally:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Asking(asyncio.Protocol):
    """Asks for the table and reads the answer, whichever of the dialects it is in."""

    def __init__(self, caster: Link, done: asyncio.Future[Fetched | Verdict]) -> None:
        self._caster, self._done = caster, done
        self._parser, self._reading, self._data = Parser(), Reading(), bytearray()
        self._is_table = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asked = request(self._caster.host, self._caster.port, "", agent=f"hncors/{VERSION}")
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(asked)

    def data_received(self, data: bytes) -> None:
        self._take(self._parser.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._take(self._parser.close())
        if self._is_table:
            self._end()
        self._say(Verdict("protocol_error", "the connection ended before the answer"))

    def _take(self, events: list[Head | Body | End | Fault]) -> None:
        for event in events:
            match event:
                case Head():
                    self._judge(event)
                case Body(data) if self._is_table and not self._reading.over:
                    self._data += data
                    self._reading.feed(data)
                case End() if self._is_table:
                    self._end()
                case Fault(why, not_ntrip):
                    self._say(Verdict("not_ntrip" if not_ntrip else "protocol_error", why))
                case _:
                    pass
        if self._is_table and self._reading.over:
            self._end()

    def _judge(self, head: Head) -> None:
        kind = head.value("content-type").partition(";")[0].strip().lower()
        if coding := unsupported_coding(head):
            self._say(Verdict("protocol_error", f"an answer in {coding}"))
        elif head.status in (401, 403):
            self._say(
                Verdict("auth_failed", f"the caster answers {head.status} to who asks for its sourcetable")
            )
        elif 300 <= head.status < 400:
            self._say(Verdict("redirected", f"the caster answers {head.status}"))
        elif head.protocol == "SOURCETABLE" or (head.protocol.startswith("HTTP") and head.status == 200):
            if head.protocol != "SOURCETABLE" and kind and kind not in TABLE_TYPES:
                self._say(Verdict("not_ntrip", "the answer is a page, not a sourcetable"))
            else:
                self._is_table = True
        else:
            self._say(Verdict("not_ntrip", "the answer is no sourcetable"))

    def _end(self) -> None:
        self._say(Fetched(self._reading.close(), bytes(self._data)))

    def _say(self, what: Fetched | Verdict) -> None:
        if not self._done.done():
            self._done.set_result(what)
