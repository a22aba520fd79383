"""N22 to N24: no network, names that do not resolve, addresses that do not answer."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import Any

import pytest
from scripted_caster import FRAME, HOLD, ICY, Heard, ScriptedCaster, followed, surroundings, virtual

from hncors.daemon import connection
from hncors.daemon.caster_client import attempt
from hncors.daemon.names import Names, NoAddress
from hncors.ntrip import Verdict
from hncors.registry import Station, parse_link

FIVE_HOURS_S = 5 * 3600.0


def address(host: str, port: int) -> tuple[Any, ...]:
    """As getaddrinfo(3) tells it."""
    six = ":" in host
    place = (host, port, 0, 0) if six else (host, port)
    family = socket.AF_INET6 if six else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place


async def tried(link: str, names: Names, heard: Heard | None = None) -> Verdict:
    return await attempt(Station("A", link), parse_link(link), surroundings(heard or Heard(), names=names))


@virtual
async def test_n22_no_network_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """unreachable for five hours, tried again all the time and never given up; then it streams by itself."""
    reach = connection.start_connection
    tries: list[float] = []

    async def absent(*args: Any, **more: Any) -> socket.socket:
        now_s = asyncio.get_running_loop().time()
        tries.append(now_s)
        if now_s < FIVE_HOURS_S:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return await reach(*args, **more)

    monkeypatch.setattr(connection, "start_connection", absent)
    async with ScriptedCaster([ICY + FRAME, HOLD]) as caster, followed(caster) as heard:
        await heard.until(lambda: heard.data == FRAME, within_s=2 * FIVE_HOURS_S)
    assert set(heard.states) == {"connecting", "unreachable", "connected"}
    assert heard.why("unreachable") == "Network is unreachable"
    assert len(tries) >= FIVE_HOURS_S / 450  # 300 s and half as much again, at most
    assert heard.when("connected") <= FIVE_HOURS_S + 450


@pytest.mark.parametrize(
    ("number", "why"),  # what glibc's resolver makes of NXDOMAIN, of no record, of SERVFAIL and no server
    [
        (socket.EAI_NONAME, "no such host name"),
        (socket.EAI_NODATA, "the host name has no address"),
        (socket.EAI_AGAIN, "the name servers fail, or cannot be reached"),
        (socket.EAI_FAIL, "the name servers refuse"),
    ],
)
async def test_n23_names_without_an_address(number: int, why: str) -> None:
    """unreachable, and which it was."""

    def lookup(*args: Any, **more: Any) -> list[Any]:
        raise socket.gaierror(number, "words of the library")

    assert await tried("ntrip://caster.example/M", Names(lookup)) == Verdict("unreachable", why)


async def test_n23_names_that_idna_refuses() -> None:
    """A label of more than 63 letters is no fault of the monitor."""
    verdict = await tried(f"ntrip://{'a' * 64}.example/M", Names())
    assert verdict == Verdict("unreachable", "no such host name: IDNA refuses it")


async def test_n23_a_look_up_that_hangs_holds_up_nobody_else() -> None:
    """It has a deadline; 50 streams of its host wait in one thread; other names and threads go on."""
    released, asked = threading.Event(), []

    def lookup(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        if host == "hangs.example":
            released.wait(30)
        return [address("127.0.0.1", port)]

    names = Names(lookup, at_once=2, within_s=0.3)
    try:
        hung = [asyncio.create_task(names.addresses("hangs.example", 2101)) for _ in range(50)]
        async with asyncio.timeout(5):
            for number in range(20):
                assert await names.addresses(f"host{number}.example", 2101) == [address("127.0.0.1", 2101)]
            assert await asyncio.to_thread(lambda: "free") == "free"
            faults = await asyncio.gather(*hung, return_exceptions=True)
        assert {type(fault) for fault in faults} == {NoAddress}
        assert {str(fault) for fault in faults} == {"no answer of the name servers within 0.3 s"}
        assert asked.count("hangs.example") == 1
    finally:
        released.set()
    async with asyncio.timeout(5):  # the thread is free again, and asks again
        while True:
            try:
                assert await names.addresses("hangs.example", 2101) == [address("127.0.0.1", 2101)]
                break
            except NoAddress:
                continue


async def test_n23_no_more_threads_than_allowed() -> None:
    """Names beyond wait for their turn, and get it."""
    together, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3, timeout=5)  # fails where fewer than three ever run at once

    def lookup(host: str, port: int, **more: Any) -> list[Any]:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        full.wait()
        with lock:
            together -= 1
        return [address("127.0.0.1", port)]

    names = Names(lookup, at_once=3)
    found = await asyncio.gather(*(names.addresses(f"h{number}.example", 1) for number in range(12)))
    assert found == [[address("127.0.0.1", 1)]] * 12
    assert most == 3


async def test_n23_an_address_that_changed_is_found_by_the_next_attempt() -> None:
    """Nothing is remembered of the last."""
    async with ScriptedCaster([ICY + FRAME]) as caster:
        told = iter([address("127.0.0.1", 1), address("127.0.0.1", caster.port)])
        names = Names(lambda *args, **more: [next(told)])
        heard = Heard()
        link = f"ntrip://caster.example:{caster.port}/M"
        first = await tried(link, names, heard)
        second = await tried(link, names, heard)
    assert (first.state, first.why) == ("unreachable", "Connection refused")
    assert (second.state, heard.data) == ("backoff", FRAME)


async def test_n24_ipv6_alone() -> None:
    """As an address in brackets, and as a name that has no other."""
    async with ScriptedCaster([ICY + FRAME], host="::1") as caster:
        names = Names(lambda host, port, **more: [address("::1", port)])
        for host in ("[::1]", "caster.example"):
            heard = Heard()
            verdict = await tried(f"ntrip://{host}:{caster.port}/M", names, heard)
            assert (verdict.state, heard.data) == ("backoff", FRAME)


@pytest.mark.parametrize("dead", ["silent", "refusing"])
async def test_n24_a_dead_ipv6_address_beside_a_good_one(dead: str) -> None:
    """The other is tried a quarter of a second later, or at once where the first refuses."""
    hole = socket.socket(socket.AF_INET6)
    hole.bind(("::1", 0))
    filling = []
    if dead == "silent":
        hole.listen(0)  # once its queue is full, Linux answers no further connection
        for _ in range(4):
            one = socket.socket(socket.AF_INET6)
            one.setblocking(False)
            one.connect_ex(hole.getsockname())
            filling.append(one)
    try:
        async with ScriptedCaster([ICY + FRAME]) as caster:
            both = [address("::1", hole.getsockname()[1]), address("127.0.0.1", caster.port)]
            heard, begun_s = Heard(), asyncio.get_running_loop().time()
            verdict = await tried(
                f"ntrip://caster.example:{caster.port}/M", Names(lambda *a, **k: both), heard
            )
        took_s = asyncio.get_running_loop().time() - begun_s
    finally:
        for one in (hole, *filling):
            one.close()
    assert (verdict.state, heard.data) == ("backoff", FRAME)
    assert took_s >= 0.25 if dead == "silent" else took_s < 5
    assert took_s < 5
