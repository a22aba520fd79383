"""Connections to the pages, counted and capped: who does not ask, or too slowly, makes room for others.

At the cap, the connection that has been idle for longest is closed, so that ten thousand idle ones keep
nobody out. A request has to be there whole within some seconds, whatever drips meanwhile.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

MOST = 1000  # connections at once
IDLE_S = 20.0  # without a request that is being worked on
EVERY_S = 2.0


class Connections:
    """Those there are, the one that has been idle for longest first."""

    def __init__(self, most: int = MOST, idle_s: float = IDLE_S) -> None:
        self.most, self.idle_s = most, idle_s
        self.accepted = 0
        self.closed = 0  # for being idle, or slow, or too many
        self._idle: OrderedDict[Any, float] = OrderedDict()
        self._busy: set[Any] = set()
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    async def listen(self, server: web.Server, host: str, port: int, context: ssl.SSLContext | None) -> str:
        """Begin; the address. Raises OSError."""
        loop = asyncio.get_running_loop()
        handshake_s = None if context is None else 10.0
        self._server = await loop.create_server(
            lambda: _Counted(self, server()),
            host,
            port,
            ssl=context,
            backlog=512,
            ssl_handshake_timeout=handshake_s,
        )
        self._sweeping = loop.create_task(self._sweep(), name="connections")
        name, number = self._server.sockets[0].getsockname()[:2]
        scheme = "http" if context is None else "https"
        return f"{scheme}://[{name}]:{number}" if ":" in name else f"{scheme}://{name}:{number}"

    async def close(self) -> None:
        """No new ones; those there are have their last answer already, or get none."""
        if self._server is not None:
            self._server.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for transport in [*self._idle]:
            transport.abort()

    def begun(self, transport: Any) -> None:
        self.accepted += 1
        self._idle[transport] = time.monotonic()
        while len(self) > self.most and self._idle:
            self._drop(next(iter(self._idle)))

    def ended(self, transport: Any) -> None:
        self._idle.pop(transport, None)
        self._busy.discard(transport)

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """While a request is worked on, its connection is not idle."""
        transport = request.transport
        if transport in self._idle:
            del self._idle[transport]
            self._busy.add(transport)
        try:
            return await handler(request)
        finally:
            if transport in self._busy:
                self._busy.discard(transport)
                self._idle[transport] = time.monotonic()

    def _drop(self, transport: Any) -> None:
        self.closed += 1
        self._idle.pop(transport, None)
        transport.abort()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            since_s = time.monotonic() - self.idle_s
            while self._idle:
                transport, at_s = next(iter(self._idle.items()))
                if at_s > since_s:
                    break
                self._drop(transport)


class _Counted(asyncio.Protocol):
    """Stands between a connection and what aiohttp makes of it, and tells when it begins and ends."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections, self._inner = connections, inner
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._inner.connection_made(transport)
        self._connections.begun(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.ended(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
