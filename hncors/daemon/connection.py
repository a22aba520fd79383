"""A connection to a host: its name looked up, one of its addresses reached, TLS begun. Each in its time."""

from __future__ import annotations

import asyncio
import os
import ssl

from aiohappyeyeballs import start_connection

from hncors.daemon import tls
from hncors.daemon.names import Names, NoAddress
from hncors.ntrip import Verdict
from hncors.registry import Link
from hncors.text import printable

CONNECT_S = 10.0  # over all addresses
NEXT_ADDRESS_S = 0.25  # RFC 8305, section 8


class Stage:
    """What an attempt to connect waits for, and what that is called when it takes long."""

    def __init__(self) -> None:
        self.name()

    def name(self) -> None:
        self.state, self.wants = "unreachable", "no answer of the name servers"

    def address(self) -> None:
        self.state, self.wants = "unreachable", "no connection"

    def handshake(self) -> None:
        self.state, self.wants = "tls_failed", "no TLS handshake"

    def answer(self) -> None:
        self.state, self.wants = "unavailable", "no answer"


async def connect(
    protocol: asyncio.BaseProtocol,
    link: Link,
    names: Names,
    context: ssl.SSLContext | None,
    stage: Stage,
) -> asyncio.Transport | Verdict:
    """Connect `protocol` to the host of `link`, with TLS where there is a context; else why it cannot be."""
    loop = asyncio.get_running_loop()
    try:
        addresses = await names.addresses(link.host, link.port)
        stage.address()
        async with asyncio.timeout(CONNECT_S):
            connected = await start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, interleave=1, loop=loop
            )
    except NoAddress as fault:
        return Verdict("unreachable", str(fault))
    except TimeoutError:
        return Verdict("unreachable", f"no connection within {CONNECT_S:g} s")
    except OSError as fault:
        return Verdict("unreachable", why(fault))
    if context:
        stage.handshake()
    try:
        transport, _ = await loop.create_connection(
            lambda: protocol,
            sock=connected,
            ssl=context,
            server_hostname=link.host.rstrip(".") if context else None,
            ssl_handshake_timeout=tls.HANDSHAKE_S if context else None,
        )
    except OSError as fault:
        return Verdict("tls_failed", tls.why(fault)) if context else Verdict("unreachable", why(fault))
    stage.answer()
    return transport


def why(fault: Exception) -> str:
    """One printable line about a fault of a connection; these never hold what was sent."""
    if isinstance(fault, ssl.SSLError):
        return tls.why(fault)
    if isinstance(fault, OSError) and (fault.errno or 0) > 0:
        return os.strerror(fault.errno or 0)  # asyncio puts its own words, with the address, in strerror
    return printable((isinstance(fault, OSError) and fault.strerror) or str(fault) or type(fault).__name__)
