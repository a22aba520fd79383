"""A caster that serves whatever is published to it, and misbehaves on command.

    caster = Caster([Mountpoint("CSHA")])
    await caster.listen("127.0.0.1", 2101)
    caster.publish("CSHA", data)          # to every client of that mountpoint, at once
    caster.act("CSHA", Fault("stall"))    # until caster.act("CSHA", None)

It speaks NTRIP 1.0 and 2.0, plain and over TLS, on IPv4 and IPv6 (one `listen` for each address).  A client
that does not keep up is dropped and counted; nothing is ever buffered without a limit.
"""

import asyncio
import hmac
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from hncors.daemon.caster_session import Answer, Mount, Session
from hncors.daemon.link_faults import GARBLED, REFUSING, SILENT, Fault, garbage
from hncors.ntrip import server
from hncors.ntrip.mountpoint import Mountpoint, sourcetable
from hncors.ntrip.server import Asked, Refused, Voice
from hncors.rtcm3.framing import Framer
from hncors.version import VERSION

MAX_BEHIND = 256 << 10  # bytes a client may be behind
MAX_CONNECTIONS = 20_000
BACKLOG = 4096  # connections that wait while one turn of the loop lasts
MAX_USERS_BYTES = 1 << 20


class Caster:
    """Mountpoints, users and connections of one caster."""

    def __init__(
        self,
        mountpoints: Iterable[Mountpoint],
        *,
        users: Mapping[str, str] | None = None,
        unknown_is_404: bool = False,
        max_behind: int = MAX_BEHIND,
        max_connections: int = MAX_CONNECTIONS,
        operator: str = "simulated",
    ) -> None:
        """`users` maps names to passwords; None: everybody may listen.

        An unknown mountpoint is answered with the sourcetable, or in NTRIP 2.0 with `unknown_is_404`.
        """
        self.mounts = {mountpoint.name: Mount(mountpoint) for mountpoint in mountpoints}
        self.counts: Counter[str] = Counter()
        """connections, refused, answers by status, streams, slow_dropped, gga_valid, gga_invalid"""
        self._users = users
        self._unknown_is_404 = unknown_is_404
        self._max_behind = max_behind
        self._max_connections = max_connections
        self._operator = operator
        self._servers: list[asyncio.Server] = []
        self._connections: set[Session] = set()
        self._quiet = asyncio.Event()  # no connection is left

    # --- to the network -----------------------------------------------------------------------

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Accept connections at an address too; the address it got.  Raises OSError where it cannot."""
        loop = asyncio.get_running_loop()
        made = await loop.create_server(self._session, host, port, ssl=tls, backlog=BACKLOG)
        self._servers.append(made)
        name = made.sockets[0].getsockname()
        return name[0], name[1]

    async def refuse_connections(self) -> None:
        """Stop listening: who connects finds nobody.  `listen` again ends it; streams go on."""
        servers, self._servers = self._servers, []
        for one in servers:
            one.close()
        await asyncio.sleep(0)

    async def close(self) -> None:
        """End every connection and stop."""
        await self.refuse_connections()
        for mount in self.mounts.values():
            _stop_dripping(mount)
        for session in list(self._connections):
            session.finish()
        await asyncio.sleep(0)
        for session in list(self._connections):
            session.abort()
        if self._connections:
            self._quiet.clear()
            await self._quiet.wait()

    def _session(self) -> Session:
        return Session(self)

    # --- from the source -----------------------------------------------------------------------

    def publish(self, name: str, data: bytes) -> None:
        """Send bytes to all clients of a mountpoint.  Raises KeyError where there is no such one."""
        mount = self.mounts[name]
        mount.published += len(data)
        if mount.fault is None:
            if mount.sessions and data:
                for piece in _cut(mount, data) if mount.by_frame else (data,):
                    self._send(mount, piece)
        elif mount.fault.kind in GARBLED:
            self._send(mount, garbage(len(data), mount.published))
        else:
            mount.withheld += len(data)
            if mount.fault.kind == "drip":
                mount.drip = data

    def _send(self, mount: Mount, data: bytes) -> None:
        chunk = b""
        slow = []
        for session in mount.sessions:
            if session.chunked:
                chunk = chunk or server.chunk(data)
            if session.send(chunk if session.chunked else data) > self._max_behind:
                slow.append(session)
        for session in slow:
            self.counts["slow_dropped"] += 1
            session.abort()

    # --- misbehaving ---------------------------------------------------------------------------

    def act(self, name: str, fault: Fault | None) -> None:
        """Begin a fault of a mountpoint's link in place of the one before; None ends it."""
        mount = self.mounts[name]
        if mount.fault is not None and mount.fault.kind == "half_open":
            for session in mount.sessions:
                session.listen_again()
            for session in list(mount.deaf):
                session.abort()
        _stop_dripping(mount)
        mount.fault = fault
        if fault is None:
            return
        if fault.kind in REFUSING:
            for session in list(mount.sessions):
                session.reset() if fault.kind == "reset" else session.close()
        elif fault.kind == "half_open":
            for session in mount.sessions:
                session.go_deaf()
        elif fault.kind == "drip":
            self._drip(mount, fault.interval_s)

    def _drip(self, mount: Mount, interval_s: float) -> None:
        loop = asyncio.get_running_loop()
        mount.dripping = loop.call_later(interval_s, self._drip, mount, interval_s)
        byte, mount.drip = mount.drip[:1], mount.drip[1:]
        if byte:
            self._send(mount, byte)

    def write_by_frame(self, name: str, *, by_frame: bool = True) -> None:
        """Whether each frame is written by itself, as some casters do, or what was published at once."""
        self.mounts[name].by_frame = by_frame

    # --- what sessions ask ---------------------------------------------------------------------

    def made(self, session: Session) -> bool:
        """A connection was made; whether it may stay."""
        self.counts["connections"] += 1
        self._connections.add(session)
        return len(self._connections) <= self._max_connections

    def gone(self, session: Session) -> None:
        """A connection ended."""
        self._connections.discard(session)
        if session.unheard is not None:
            session.unheard.deaf.discard(session)
        if not self._connections:
            self._quiet.set()
        if session.mount is not None:
            session.mount.sessions.pop(session, None)

    def answer(self, asked: Asked | Refused, port: int) -> Answer:
        """What a request is answered with."""
        voice = Voice(f"hncors/{VERSION}", time.time())
        if isinstance(asked, Refused):
            return Answer(asked.status, server.refusal(asked.status, 1, voice))
        version = asked.version
        mount = self.mounts.get(asked.mountpoint)
        if mount is None:
            if asked.mountpoint and self._unknown_is_404 and version == 2:
                return Answer(404, server.refusal(404, version, voice))
            return self._table(version, voice, port)
        if not self._known(asked):
            return Answer(401, server.refusal(401, version, voice, realm=f"/{asked.mountpoint}"))
        fault = mount.fault
        if fault is not None and fault.kind == "table":
            return self._table(version, voice, port)
        if fault is not None and fault.kind in REFUSING | SILENT:
            deaf = mount if fault.kind == "half_open" else None
            return Answer(fault.answers, fault.answer(version, voice), deaf, reset=fault.kind == "reset")
        return Answer(200, server.accepted(version, voice), mount)

    def _table(self, version: int, voice: Voice, port: int) -> Answer:
        told = [mount.told for mount in self.mounts.values()]
        secured = self._users is not None
        text = sourcetable(told, host="localhost", port=port, operator=self._operator, secured=secured)
        return Answer(200, server.table(text, version, voice))

    def _known(self, asked: Asked) -> bool:
        if self._users is None:
            return True
        wanted = self._users.get(asked.user or "", None)
        same = hmac.compare_digest((wanted or "").encode(), asked.password.encode())
        return wanted is not None and same


def read_users(path: Path) -> dict[str, str]:
    """Names and passwords of a file with a line NAME:PASSWORD for each; # begins a comment.

    Raises OSError, and ValueError with the number of a line that is none, never with what it holds.
    """
    with path.open("rb") as file:
        data = file.read(MAX_USERS_BYTES + 1)
    if len(data) > MAX_USERS_BYTES:
        raise ValueError(f"{path}: more than {MAX_USERS_BYTES} bytes: expected lines NAME:PASSWORD")
    users = {}
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8: expected lines NAME:PASSWORD") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.strip().partition(":")
        if not colon or not name or not password:
            raise ValueError(f"{path}: line {number}: expected NAME:PASSWORD")
        users[name] = password
    return users


def _cut(mount: Mount, data: bytes) -> list[bytes]:
    """Whole frames; what is between them goes with the rest of its piece, so that no byte is lost."""
    frames = mount.framer.feed(data)
    if not frames or mount.framer.pending or sum(map(len, frames)) != len(data):
        mount.framer = Framer()
        return [data]
    return frames


def _stop_dripping(mount: Mount) -> None:
    if mount.dripping is not None:
        mount.dripping.cancel()
        mount.dripping = None
    mount.drip = b""
