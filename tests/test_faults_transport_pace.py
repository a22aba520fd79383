"""Who may be asked again when: N07, N08, N19, N20, N21, through real sockets in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from scripted_caster import (
    CLOSE,
    FRAME,
    HOLD,
    ICY,
    Heard,
    ScriptedCaster,
    Session,
    Step,
    followed,
    now_s,
    surroundings,
    virtual,
)

from hncors.daemon.caster_client import follow
from hncors.daemon.reconnect import Sessions, Turns
from hncors.registry import Station

BUSY = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
OWN = frozenset({"127.0.0.1"})
GOOD = [ICY, *[step for _ in range(40) for step in (FRAME, 3.0)]]  # two minutes, then closed


def gaps(times: Sequence[float]) -> list[float]:
    return [later - before for before, later in pairwise(times)]


def most_within(times: Sequence[float], seconds: float) -> int:
    """How many of the times fall into any one span of so many seconds."""
    return max(sum(at <= other < at + seconds for other in times) for at in times)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"SOURCETABLE 200 OK\r\n\r\nSTR;X;X\r\nENDSOURCETABLE\r\n", "mountpoint_missing"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: gnss/sourcetable\r\n\r\nENDSOURCETABLE\r\n",
            "mountpoint_missing",
        ),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "mountpoint_missing"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "auth_failed"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "auth_failed"),
        (b"ERROR - Bad Password\r\n", "auth_failed"),
    ],
)
@virtual
async def test_n08_what_only_a_person_mends_is_asked_for_seldom(answer: bytes, state: str) -> None:
    """auth_failed and mountpoint_missing: 30 s to the next attempt, doubling to 300 s and more."""
    async with ScriptedCaster([answer, CLOSE]) as caster, followed(caster, user="u") as heard:
        await heard.until(lambda: len(caster.sessions) == 8)
    assert set(heard.states[1:]) == {state}
    waited = gaps(caster.begun_s())
    assert 30 <= waited[0] <= 45.1
    assert all(300 <= wait <= 450.1 for wait in waited[4:])


@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"), [("120", 120, 121), ("5", 10, 15.1), ("99999", 3600, 3601)]
)
@virtual
async def test_n08_retry_after_is_honoured(asked: str, least_s: float, most_s: float) -> None:
    """unavailable; what the caster asks is waited for where it is more than our own wait, an hour at most."""
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After: " + asked.encode() + b"\r\n\r\n"
    async with ScriptedCaster([answer, CLOSE]) as caster, followed(caster) as heard:
        await heard.until(lambda: len(caster.sessions) == 2)
    assert heard.states[1] == "unavailable"
    assert least_s <= gaps(caster.begun_s())[0] <= most_s


@virtual
async def test_n19_a_caster_that_accepts_and_closes_at_once() -> None:
    """Ten seconds at least between attempts, doubling to 300 s: no more than ten attempts in ten minutes."""
    async with ScriptedCaster([ICY + FRAME, CLOSE]) as caster, followed(caster) as heard:
        await heard.until(lambda: now_s() >= 600)
        begun_s = caster.begun_s()
    waited = gaps(begun_s)
    assert 5 <= len(begun_s) <= 10
    assert waited[0] >= 10
    assert all(10 * 2**n <= wait <= 15.1 * 2**n for n, wait in enumerate(waited[:5]))


@virtual
async def test_n19_waits_start_afresh_after_a_good_minute_only() -> None:
    """What was good for a minute is tried again after the first wait, anything else after a longer one."""
    good = []
    heard = Heard()
    shared = surroundings(heard, good=lambda station: bool(good))
    async with ScriptedCaster([BUSY, CLOSE], [BUSY, CLOSE], GOOD, GOOD, [ICY, HOLD]) as caster:
        async with followed(caster, heard=heard, shared=shared):
            await heard.until(lambda: heard.states.count("backoff") == 1)
            good.append(True)
            await heard.until(lambda: heard.states.count("backoff") == 2)
            await heard.until(lambda: len(caster.sessions) == 5)
        ended_s = [session.ended_s or 0.0 for session in caster.sessions]
        begun_s = caster.begun_s()
    assert 40 <= begun_s[3] - ended_s[2] <= 60.1  # the third wait
    assert 10 <= begun_s[4] - ended_s[3] <= 15.1


@virtual
async def test_n19_own_casters_are_back_within_fifteen_seconds() -> None:
    """However long the fault lasted; and yet there are never more than six attempts in a minute."""
    heard = Heard()
    shared = surroundings(heard, own_casters=OWN)
    async with ScriptedCaster([ICY + FRAME, HOLD]) as caster, followed(caster, heard=heard, shared=shared):
        await heard.until(lambda: heard.data)
        attempts = [0.0]
        for fault_s in (3.0, 37.0, 61.0, 600.0):
            await caster.stop()
            await asyncio.sleep(fault_s)
            await caster.start()
            ended_s, sessions = now_s(), len(caster.sessions)
            await heard.until(lambda before=sessions: len(caster.sessions) > before)
            assert now_s() - ended_s <= 15
            await asyncio.sleep(30)
        attempts = [(c.arrival_ns / 1e9) for c in heard.chunks if c.state in ("connected", "unreachable")]
    assert most_within(attempts, 60) <= 6


@pytest.mark.parametrize("own", [frozenset(), OWN])
@pytest.mark.parametrize("lasts_s", [0.0, 0.5, 12.0])
@virtual
async def test_n19_never_more_than_six_attempts_in_a_minute_of_the_client(
    own: frozenset, lasts_s: float
) -> None:
    """Whatever the settings say and however the connections end."""
    heard = Heard()
    shared = surroundings(heard, own_casters=own, retry_first_s=1.0, retry_longest_s=1.0)
    async with ScriptedCaster([ICY, lasts_s, CLOSE]) as caster, followed(caster, heard=heard, shared=shared):
        await heard.until(lambda: now_s() > 900)
        assert 4 <= most_within(caster.begun_s(), 59.99) <= 6


@pytest.mark.parametrize("own", [frozenset(), OWN])
@virtual
async def test_n20_two_hundred_mountpoints_of_one_caster_restart(own: frozenset) -> None:
    """All are back within 60 s of the caster, never more than ten connections a second begun."""
    heard, chance = Heard(), random.Random(20)
    shared = surroundings(heard, own_casters=own, good=lambda station: True, turns=Turns(10.0), chance=chance)
    async with ScriptedCaster([ICY + FRAME, HOLD]) as caster:
        stations = [Station(id=f"S{n:03d}", link=caster.link(f"M{n}")) for n in range(200)]
        tasks = [asyncio.create_task(follow(station, shared)) for station in stations]
        await heard.until(lambda: caster.open == 200)
        await caster.stop()
        await asyncio.sleep(2.0)
        await caster.start()
        up_s = now_s()
        await heard.until(lambda: caster.open == 200)
        assert now_s() - up_s <= 60
        assert most_within(caster.begun_s(), 0.999) <= 10
        assert len(caster.sessions) == 400
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OneSession(ScriptedCaster):
    """Allows one session at a time: another's beginning ends it, as casters do to an account's older one."""

    def __init__(self) -> None:
        super().__init__(self._script)
        self._ends: list[asyncio.Event] = []

    def _script(self, n: int) -> list[Step]:
        for older in self._ends:
            older.set()
        self._ends = [asyncio.Event()]
        return [ICY + FRAME, self._ends[0], CLOSE]


@virtual
async def test_n21_two_streams_of_an_account_that_end_each_other() -> None:
    """unavailable, with the name of the other stream; then each is tried seldom."""
    heard = Heard()
    shared = surroundings(heard)
    async with OneSession() as caster, contextlib.AsyncExitStack() as both:
        for name in ("A", "B"):
            await both.enter_async_context(followed(caster, heard=heard, shared=shared, id=name, user="u"))
        await heard.until(lambda: now_s() > 1800)
        named = {(c.station, c.why) for c in heard.chunks if c.state == "unavailable"}
        sessions = list(caster.sessions)
    assert named
    assert all(f"when {'B' if station == 'A' else 'A'} begins one" in why for station, why in named)
    assert _lasting(sessions, since_s=900) >= 60  # seconds, on average
    assert most_within([session.begun_s for session in sessions if session.begun_s > 900], 60) <= 2


def _lasting(sessions: Sequence[Session], since_s: float) -> float:
    lasted = [s.ended_s - s.begun_s for s in sessions if s.ended_s is not None and s.begun_s >= since_s]
    return sum(lasted) / len(lasted)


@virtual
async def test_n21_somebody_elses_session_of_the_account() -> None:
    """A caster that ends a stream again and again: the reason asks who else uses the account."""
    async with ScriptedCaster([ICY + FRAME, 20.0, CLOSE]) as caster, followed(caster, user="u") as heard:
        await heard.until(lambda: heard.states.count("backoff") == 5)
    assert "does another use the account?" not in heard.why("backoff", 0)
    assert heard.why("backoff", 4).endswith("again and again: does another use the account?")


def test_n21_a_caster_that_ends_everybody_is_no_quarrel() -> None:
    """Sessions that end together, or by themselves, or as soon as they began, name nobody."""
    account = "caster", 2101, "u"
    sessions = Sessions()
    for round_s in (0.0, 100.0, 200.0, 300.0):
        for n in range(20):
            sessions.begun(account, f"S{n}", round_s + n / 10)
        told = [sessions.over(account, f"S{n}", round_s + 60.0, by_caster=True) for n in range(20)]
        assert set(told) == {""}
    for n in range(9):
        sessions.begun(account, "A", 1000.0 + n)
        sessions.begun(account, "B", 1000.5 + n)
        assert sessions.over(account, "A", 1000.6 + n, by_caster=True) == ""
        assert sessions.over(account, "B", 1000.7 + n, by_caster=True) == ""
