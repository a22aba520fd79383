"""One connection to the simulated caster, from its request to its end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hncors.daemon.link_faults import Fault
from hncors.ntrip.mountpoint import Mountpoint
from hncors.ntrip.server import LAST_CHUNK, Asked, Positions, Refused, Request
from hncors.rtcm3.framing import Framer

REQUEST_WITHIN_S = 15.0


@dataclass
class Mount:
    """A mountpoint, who listens to it, and what it does to them."""

    told: Mountpoint
    sessions: dict[Session, None] = field(default_factory=dict)  # a set that keeps the order
    deaf: set[Session] = field(default_factory=set)  # connected while nothing is read or answered
    fault: Fault | None = None
    by_frame: bool = False  # each frame is written by itself
    published: int = 0  # bytes
    withheld: int = 0  # bytes published that a fault kept back
    drip: bytes = b""
    dripping: asyncio.TimerHandle | None = None
    framer: Framer = field(default_factory=Framer)


class House(Protocol):
    """What a connection needs of its caster."""

    @property
    def counts(self) -> Counter[str]: ...

    def made(self, session: Session) -> bool:
        """A connection was made; whether it may stay."""

    def gone(self, session: Session) -> None:
        """A connection ended."""

    def answer(self, asked: Asked | Refused, port: int) -> Answer:
        """What a request is answered with."""


class Answer(NamedTuple):
    """What a client is told, and the stream it gets, if any."""

    status: int  # for the counts; 0: none was given
    data: bytes | None  # None: neither an answer nor an end
    mount: Mount | None = None
    reset: bool = False


class Session(asyncio.Protocol):
    """A client's connection."""

    __slots__ = (
        *("_caster", "_deadline", "_positions", "_request", "_transport"),
        *("chunked", "mount", "unheard", "waits"),
    )

    def __init__(self, caster: House) -> None:
        self.mount: Mount | None = None  # whose stream it gets
        self.unheard: Mount | None = None  # whose stream it asked for and hears nothing of
        self.chunked = False
        self.waits = False  # for a position, before it gets data
        self._caster = caster
        self._request: Request | None = Request()
        self._positions: Positions | None = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection that is no stream")
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(REQUEST_WITHIN_S, self.close)
        if not self._caster.made(self):
            self._answer(self._caster.answer(Refused(503, "too many connections"), 0), None)

    def data_received(self, data: bytes) -> None:
        if self._request is None:
            self._position(data)
            return
        asked = self._request.feed(data)
        if asked is None:
            return
        rest, self._request = self._request.rest, None
        transport = self._transport
        port = transport.get_extra_info("sockname")[1] if transport is not None else 0
        self._answer(self._caster.answer(asked, port), asked)
        if isinstance(asked, Asked) and asked.gga:
            self._position(asked.gga + b"\n")
        if rest:
            self._position(rest)

    def _answer(self, answer: Answer, asked: Asked | Refused | None) -> None:
        self._request = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        transport = self._transport
        if transport is None:
            return
        if answer.status:
            self._caster.counts[f"answers_{answer.status}"] += 1
        if answer.reset:
            self.reset()
        elif answer.data is None:
            self.go_deaf()
            self.unheard = answer.mount
            if answer.mount is not None:
                answer.mount.deaf.add(self)
        elif answer.mount is None:
            transport.write(answer.data)
            transport.close()
        else:
            transport.write(answer.data)
            self._caster.counts["streams"] += 1
            self.mount = answer.mount
            self.chunked = isinstance(asked, Asked) and asked.version == 2
            self.waits = answer.mount.told.needs_gga
            answer.mount.sessions[self] = None

    def _position(self, data: bytes) -> None:
        if self.mount is None:
            return
        positions = self._positions = self._positions or Positions()
        valid, invalid = positions.valid, positions.invalid
        positions.feed(data)
        self._caster.counts["gga_valid"] += positions.valid - valid
        self._caster.counts["gga_invalid"] += positions.invalid - invalid
        self.waits = self.waits and not positions.valid

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._caster.gone(self)

    # --- what the caster does ------------------------------------------------------------------

    def send(self, data: bytes) -> int:
        """Send bytes of the stream; how many wait for the client."""
        transport = self._transport
        if transport is None or self.waits:
            return 0
        transport.write(data)
        return transport.get_write_buffer_size()

    def finish(self) -> None:
        """End the stream as the protocol says, then the connection."""
        if self._transport is not None and self.mount is not None and self.chunked:
            self._transport.write(LAST_CHUNK)
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        if self._transport is not None:
            linger = struct.pack("ii", 1, 0)  # on, 0 s: close() then sends RST
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()

    def go_deaf(self) -> None:
        """Read no more."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def listen_again(self) -> None:
        if self._transport is not None and not self._transport.is_reading():
            self._transport.resume_reading()
