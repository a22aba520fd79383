"""Host names, looked up beside the event loop by a few threads of their own, with a deadline.

A look-up cannot be interrupted and may hang for half a minute (resolv.conf(5): servers times attempts times
timeout). In the loop's own threads, which pages and files use too, some of those would hold up everything.
So one name is asked for once at a time, whoever waits for it, and what hangs holds up nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

AT_ONCE = 16  # names; more wait for their turn
WITHIN_S = 10.0

Address = tuple[int, int, int, str, Any]  # as getaddrinfo(3) has them: family, type, protocol, name, address
Lookup = Callable[..., Sequence[Any]]

_WORDS = {
    socket.EAI_NONAME: "no such host name",
    socket.EAI_NODATA: "the host name has no address",
    socket.EAI_AGAIN: "the name servers fail, or cannot be reached",
    socket.EAI_FAIL: "the name servers refuse",
}


class NoAddress(Exception):
    """There is no address for a name, and in one line why."""


class Names:
    """Looks names up. Nothing is kept: every attempt asks anew, for addresses change."""

    def __init__(
        self, lookup: Lookup = socket.getaddrinfo, at_once: int = AT_ONCE, within_s: float = WITHIN_S
    ) -> None:
        self._lookup = lookup
        self._at_once = at_once
        self._within_s = within_s
        self._asked: dict[tuple[str, int], asyncio.Future[list[Address] | Exception]] = {}
        self._waiting: deque[tuple[str, int]] = deque()
        self._threads = 0

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Where to connect to, in the order of RFC 6724; an address stands for itself. Raises NoAddress."""
        if numeric := _numeric(host, port):
            return numeric
        key = host, port
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
            self._waiting.append(key)
            self._go_on()
        await asyncio.wait({answer}, timeout=self._within_s)
        if not answer.done():
            raise NoAddress(f"no answer of the name servers within {self._within_s:g} s")
        found = answer.result()
        if isinstance(found, Exception):
            raise NoAddress(_why(found))
        return found

    def _go_on(self) -> None:
        while self._waiting and self._threads < self._at_once:
            self._threads += 1
            loop, key = asyncio.get_running_loop(), self._waiting.popleft()
            # A daemon: the end of the process does not wait for one that hangs.
            threading.Thread(target=self._look_up, args=(loop, key), name="names", daemon=True).start()

    def _look_up(self, loop: asyncio.AbstractEventLoop, key: tuple[str, int]) -> None:
        found: list[Address] | Exception = OSError()
        try:
            found = list(self._lookup(*key, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))
        except (OSError, UnicodeError) as fault:
            found = fault.with_traceback(None)
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._told, key, found)

    def _told(self, key: tuple[str, int], found: list[Address] | Exception) -> None:
        self._threads -= 1
        self._asked.pop(key).set_result(found)
        self._go_on()


def _numeric(host: str, port: int) -> list[Address]:
    """Of an address in digits; nobody is asked for it."""
    try:
        six = ip_address(host).version == 6
    except ValueError:
        return []
    address: tuple[Any, ...] = (host, port, 0, 0) if six else (host, port)
    return [(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


def _why(fault: Exception) -> str:
    if isinstance(fault, socket.gaierror):
        return _WORDS.get(fault.errno or 0, fault.strerror or "the host name cannot be looked up")
    if isinstance(fault, UnicodeError):
        return "no such host name: IDNA refuses it"
    return f"the host name cannot be looked up: {type(fault).__name__}"
