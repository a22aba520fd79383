"""Where stations push their streams to: a caster's other half, for the mountpoints that are expected.

    intake = Intake(loop.time)
    await intake.listen("127.0.0.1", 2102)
    await intake.follow(station, deliver, lambda: password)   # until cancelled

One station at a time sends to a mountpoint. A second one is refused while the first sends, and told of
(hncors.supervise, E19); where the first has been quiet for TAKEN_S, it takes its place: the connection of a
station that lost its line may stay open for hours. Nothing is kept of what is not expected but its number.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hncors.daemon.configuration import ConfigurationError
from hncors.daemon.connection import why as why_of
from hncors.network_values import Chunk
from hncors.ntrip import source
from hncors.ntrip.server import Refused, Voice
from hncors.ntrip.source import Offer, Offered
from hncors.origins import Origin
from hncors.registry import Station, parse_link
from hncors.settings import Push, parse_listen
from hncors.text import printable
from hncors.version import VERSION
from hncors.view.pushed import Pushed

OFFER_WITHIN_S = 10.0
QUIET_S = 60.0  # without a byte, after which a connection is closed: the station makes it anew
TAKEN_S = 10.0  # of a connection that brought bytes within this, a mountpoint is taken
MOST_CONNECTIONS = 10_000
MOST_OF_ONE = 64  # connections from one address that have not offered yet
WRONG_MOST, WRONG_S = 10, 60.0  # wrong passwords from an address, within how long: then it has to wait
ADDRESSES_MOST = 4096
WAITING = "no station pushes to this mountpoint"
TELL_AGAIN_S = 60.0  # of a source that is refused, at most so often

Deliver = Callable[[Chunk], None]


@dataclass(slots=True)
class _Mount:
    station: Station
    deliver: Deliver
    password: Callable[[], str]
    by: _Session | None = None
    refused_s: float = -TELL_AGAIN_S


class Intake:
    """Mountpoints that are expected, connections, and what became of them."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        """accepted, and what was refused: malformed, unknown, password, taken, too_many"""
        self.now_s = now_s
        self._mounts: dict[str, _Mount] = {}
        self._servers: list[asyncio.Server] = []
        self._sessions: set[_Session] = set()
        self._offering: Counter[str] = Counter()  # by address
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by address: how often, since when

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Accept stations at an address; the address it got.  Raises OSError where it cannot."""
        loop = asyncio.get_running_loop()
        made = await loop.create_server(
            lambda: _Session(self),
            host,
            port,
            ssl=tls,
            backlog=1024,
            ssl_handshake_timeout=None if tls is None else OFFER_WITHIN_S,
        )
        self._servers.append(made)
        name = made.sockets[0].getsockname()
        return name[0], name[1]

    async def begin(self, push: Push, tls: ssl.SSLContext | None) -> None:
        """Accept stations where `[push]` says.  Raises ConfigurationError."""
        try:
            await self.listen(*parse_listen(push.listen), tls)
        except OSError as fault:
            told = f'push.listen = "{push.listen}": {fault.strerror}: expected an address that is free'
            raise ConfigurationError([told]) from None

    def close(self) -> None:
        """Stop, and end every connection."""
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            session.abort()

    def told(self) -> Pushed:
        """For the metrics."""
        return Pushed(len(self._sessions), dict(self.counts))

    async def follow(self, station: Station, deliver: Deliver, password: Callable[[], str]) -> None:
        """Give on what is pushed for `station`, until cancelled.

        `password` is asked at each offer, so that a new one counts at once; it gives "" where everybody may
        push, and raises OSError or ValueError where there is none to be had: then nobody may.
        """
        name = parse_link(station.link).mountpoint
        mount = self._mounts[name] = _Mount(station, deliver, password)
        deliver(Chunk(station.id, b"", time.time_ns(), "connecting", WAITING))
        try:
            await asyncio.Event().wait()
        finally:
            if self._mounts.get(name) is mount:
                del self._mounts[name]
            if mount.by is not None:
                mount.by.abort()

    # --- what sessions ask ---------------------------------------------------------------------

    def made(self, session: _Session) -> bool:
        """A connection was made; whether it may stay."""
        self._sessions.add(session)
        self._offering[session.address] += 1
        few = self._offering[session.address] <= MOST_OF_ONE and len(self._sessions) <= MOST_CONNECTIONS
        self.counts["too_many"] += not few
        return few

    def offered(self, address: str) -> None:
        """A connection from there has made its offer, or has ended without one."""
        self._offering[address] -= 1
        if self._offering[address] <= 0:
            del self._offering[address]

    def gone(self, session: _Session) -> None:
        self._sessions.discard(session)

    def take(self, session: _Session, offer: Offered | Refused) -> bytes:
        """The answer to an offer; `session.mount` is set where it is taken."""
        voice = Voice(f"hncors/{VERSION}", time.time())
        if isinstance(offer, Refused):
            self.counts["malformed"] += 1
            return source.refusal(offer.status, 2, voice)
        mount = self._mounts.get(offer.mountpoint)
        status, why = 0, "accepted"
        if self._held_off(session.address):
            status, why = 429, "password"
        elif mount is None:
            status, why = 404, "unknown"
        elif status := _wrong(mount, offer):
            why = "password"
            if status == 401:
                self._note_wrong(session.address)
        elif (other := mount.by) is not None and self.now_s() - other.heard_s < TAKEN_S:
            status, why = 409, "taken"
            self._tell_refused(mount, session, offer)
        elif other is not None:
            other.abort()
        self.counts[why] += 1
        if status or mount is None:
            return source.refusal(status, offer.version, voice, f"/{printable(offer.mountpoint, 100)}")
        session.mount, mount.by = mount, session
        return source.welcome(offer, voice)

    def _tell_refused(self, mount: _Mount, session: _Session, offer: Offered) -> None:
        if self.now_s() - mount.refused_s >= TELL_AGAIN_S:
            mount.refused_s = self.now_s()
            origin = Origin(session.address, printable(offer.agent, source.MAX_AGENT), refused=True)
            mount.deliver(Chunk(mount.station.id, b"", time.time_ns(), origin=origin))

    def _held_off(self, address: str) -> bool:
        often, since_s = self._wrong.get(address, (0, 0.0))
        return often >= WRONG_MOST and self.now_s() - since_s < WRONG_S

    def _note_wrong(self, address: str) -> None:
        often, since_s = self._wrong.pop(address, (0, self.now_s()))
        if self.now_s() - since_s >= WRONG_S:
            often, since_s = 0, self.now_s()
        self._wrong[address] = often + 1, since_s
        if len(self._wrong) > ADDRESSES_MOST:
            self._wrong.popitem(last=False)


def _wrong(mount: _Mount, offer: Offered) -> int:
    """0 where an offer has the mountpoint's password, else the status that says no."""
    try:
        password = mount.password()
    except (OSError, ValueError) as fault:
        told = f"no password: {why_of(fault)}"
        if mount.by is None:
            mount.deliver(Chunk(mount.station.id, b"", time.time_ns(), "auth_failed", told))
        return 503
    user, wanted = offer.user, mount.station.user
    same = hmac.compare_digest(offer.password.encode(), password.encode())
    return 0 if not password or (same and (wanted is None or offer.version == 1 or user == wanted)) else 401


class _Session(asyncio.Protocol):
    """A station's connection."""

    def __init__(self, intake: Intake) -> None:
        self.address = ""
        self.mount: _Mount | None = None
        self.heard_s = intake.now_s()
        self._intake = intake
        self._offer: Offer | None = Offer()
        self._plain: Callable[[bytes], bytes | None] = lambda data: data
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._why = "the station closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection that is no stream")
        self._transport = transport
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        self._timer = asyncio.get_running_loop().call_later(OFFER_WITHIN_S, self.abort)
        if not self._intake.made(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        self.heard_s = self._intake.now_s()
        if self._offer is not None:
            offer = self._offer.feed(data)
            if offer is None:
                return
            data = self._offer.rest
            self._answer(offer)
        if self.mount is None or not data:
            return
        stream = self._plain(data)
        if stream is None:
            self._why = "the station ended the stream"
            self.abort()
        elif stream:
            self.mount.deliver(Chunk(self.mount.station.id, stream, time.time_ns()))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._offer is not None:
            self._intake.offered(self.address)
        self._intake.gone(self)
        mount, self.mount = self.mount, None
        if mount is not None and mount.by is self:
            mount.by = None
            mount.deliver(Chunk(mount.station.id, b"", time.time_ns(), "unavailable", self._why))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, offer: Offered | Refused) -> None:
        self._offer = None
        self._intake.offered(self.address)
        answer = self._intake.take(self, offer)
        if self._transport is None:
            return
        self._transport.write(answer)
        if self.mount is None or isinstance(offer, Refused):
            self._transport.close()
            return
        self._plain = source.body(offer)
        agent = printable(offer.agent, source.MAX_AGENT)
        why = f"NTRIP {offer.version}, pushed"
        told = Chunk(self.mount.station.id, b"", time.time_ns(), "connected", why)
        self.mount.deliver(told._replace(origin=Origin(self.address, agent)))
        self._look()

    def _look(self) -> None:
        """Close it where it has been quiet for long."""
        left_s = self.heard_s + QUIET_S - self._intake.now_s()
        if left_s <= 0:
            self._why = f"no bytes for {QUIET_S:.0f} s"
            self.abort()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(left_s, self._look)
