"""What comes over one connection of a network stream, from its first byte to its end, told as chunks."""

import asyncio
import ssl
import time
from collections.abc import Callable

from hncors.daemon.connection import why
from hncors.daemon.sweep import Sweep, Swept
from hncors.network import Chunk
from hncors.ntrip import Dialogue, Verdict

READ_ON_S = 3.0  # what tells more of a verdict there is already is awaited for so long
BUFFER = 65536

Deliver = Callable[[Chunk], None]
Position = Callable[[], bytes]


class Reader(asyncio.BufferedProtocol):
    """What comes over one connection, told as Chunks, until `over` holds the verdict that ended it."""

    _buffer = bytearray(BUFFER)  # for all connections: the loop reads one at a time
    _view = memoryview(_buffer)

    def __init__(
        self,
        station: str,
        deliver: Deliver,
        asked: bytes,
        position: Position | None = None,
        position_every_s: float = 10.0,
        mountpoint: str = "",
        sweep: Sweep | None = None,
    ) -> None:
        """`asked` is the request to send first, for a mountpoint; without one, every byte is the stream's.

        `position` makes the sentence that is sent once connected, and again while the connection lasts.
        `sweep` reads it then, where it is no TLS.
        """
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[Verdict] = loop.create_future()
        self.connected = False
        self._time = loop.time
        self.heard_s = self._time()
        self._station = station
        self._deliver = deliver
        self._asked = asked
        self._dialogue = Dialogue(mountpoint) if asked else None
        self._position = position
        self._position_every_s = position_every_s
        self._write: Callable[[bytes], None] = lambda data: None
        self._next_position: asyncio.TimerHandle | None = None
        self._conclusion: asyncio.TimerHandle | None = None
        self.bytes_came = False
        self._sweep = sweep
        self._transport: asyncio.BaseTransport | None = None
        self._swept = -1  # the descriptor that `sweep` reads

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._asked and isinstance(transport, asyncio.WriteTransport):
            self._write = transport.write
            self._write(self._asked)
        else:
            self._connected("connected")

    def end(self, verdict: Verdict) -> None:
        if not self.over.done():
            self.over.set_result(verdict)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view  # a view: TLS fills it in slices, and slices of a bytearray are copies

    def buffer_updated(self, nbytes: int) -> None:
        self.read(bytes(self._view[:nbytes]))

    def read(self, data: bytes) -> None:
        """Some bytes came."""
        self.heard_s = self._time()
        dialogue = self._dialogue
        stream = data if dialogue is None else dialogue.plain(data)
        if stream is not None or dialogue is None:
            if stream and not self.over.done():
                self.bytes_came = True
                self._deliver(Chunk(self._station, stream, time.time_ns()))
            return
        self._tell(dialogue.feed(data))
        if dialogue.reads_on and self._conclusion is None:
            self._conclusion = asyncio.get_running_loop().call_later(READ_ON_S, self.conclude)

    def conclude(self) -> None:
        """Give the verdict there is, if only more of its reason was awaited."""
        if self._dialogue is not None:
            self._tell(self._dialogue.conclude())

    def fault(self, fault: Exception) -> None:
        """Reading has failed; or what was read could not be dealt with, which the link's task has to tell."""
        if isinstance(fault, OSError):
            self.connection_lost(fault)
        elif not self.over.done():
            self.over.set_exception(fault)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sweep is not None and self._swept >= 0:
            self._sweep.remove(self._swept)
            self._swept = -1
        if self._next_position is not None:
            self._next_position.cancel()
        if self._conclusion is not None:
            self._conclusion.cancel()
        if exc is None and self._dialogue is not None:
            self._tell(self._dialogue.close())
        self.conclude()
        reason = "the other end closed the connection" if exc is None else why(exc)
        state = "tls_failed" if isinstance(exc, ssl.SSLError) else "unavailable"
        self.end(Verdict("backoff" if self.connected else state, reason))

    def _tell(self, items: list[Verdict | bytes]) -> None:
        for item in items:
            if self.over.done():
                break
            if isinstance(item, bytes):
                self.bytes_came = True
                self._deliver(Chunk(self._station, item, time.time_ns()))
            elif item.state == "connected":
                self._connected(item.why)
            else:
                self.end(item)

    def _connected(self, why: str) -> None:
        self.connected = True
        self._deliver(Chunk(self._station, b"", time.time_ns(), "connected", why))
        if self._position is not None:
            self._tell_position(self._position)
        self._be_swept()

    def _be_swept(self) -> None:
        """From here on nothing but the stream comes."""
        transport = self._transport
        if self._sweep is None or not isinstance(transport, asyncio.Transport):
            return
        if transport.get_extra_info("sslcontext") is None and not transport.is_closing():
            self._swept = transport.get_extra_info("socket").fileno()
            self._sweep.add(self._swept, Swept(transport, self.read, self.fault))

    def _tell_position(self, position: Position) -> None:
        if not self.over.done():
            self._write(position())
            again = asyncio.get_running_loop().call_later
            self._next_position = again(self._position_every_s, self._tell_position, position)
