"""What an attempt to connect waits for is told after five seconds, and waited for on."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from scripted_caster import FRAME, HOLD, ICY, Heard, ScriptedCaster, followed, surroundings, virtual

from hncors.daemon import connection
from hncors.daemon.names import Names
from hncors.daemon.reconnect import Pace, Turns


class SlowNames(Names):
    """Answers after seven seconds."""

    async def addresses(self, host: str, port: int) -> list[Any]:
        await asyncio.sleep(7.0)
        return await super().addresses(host, port)


@pytest.mark.parametrize(
    ("waits_for", "state", "why"),
    [
        ("name", "unreachable", "no answer of the name servers for 5 s"),
        ("connection", "unreachable", "no connection for 5 s"),
        ("answer", "unavailable", "no answer for 5 s"),
        ("nothing", "", ""),
    ],
)
@virtual
async def test_a_slow_attempt_says_what_it_waits_for_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, waits_for: str, state: str, why: str
) -> None:
    """Five seconds after it began; two seconds later all is well, on the same attempt."""
    reach = connection.start_connection

    async def late(*args: Any, **more: Any) -> Any:
        await asyncio.sleep(7.0 if waits_for == "connection" else 0.0)
        return await reach(*args, **more)

    monkeypatch.setattr(connection, "start_connection", late)
    heard = Heard()
    shared = surroundings(heard, names=SlowNames() if waits_for == "name" else Names())
    script = [7.0 if waits_for == "answer" else 0.0, ICY + FRAME, HOLD]
    async with ScriptedCaster(script) as caster, followed(caster, heard=heard, shared=shared):
        await heard.until(lambda: heard.data)
        assert len(caster.sessions) == 1
    assert heard.states == ["connecting", *([state] if state else []), "connected"]
    if state:
        assert heard.why(state) == why
        assert heard.when(state) == pytest.approx(5.0, abs=0.1)
        assert heard.when("connected") == pytest.approx(7.0, abs=0.1)


@virtual
async def test_a_handshake_that_hangs_is_told_as_such() -> None:
    """tls_failed after five seconds, and given up after ten."""
    async with ScriptedCaster(["deaf"], asks=False) as caster, followed(caster, scheme="ntrips") as heard:
        await heard.until(lambda: len(heard.states) == 3)
    assert heard.states == ["connecting", "tls_failed", "tls_failed"]
    assert [heard.why("tls_failed", n) for n in (0, 1)] == [
        "no TLS handshake for 5 s",
        "no TLS handshake within 10 s",
    ]


@pytest.mark.parametrize("state", ["auth_failed", "mountpoint_missing", "not_ntrip", "redirected", "backoff"])
def test_own_casters_are_asked_again_in_time_whatever_they_said(state: str) -> None:
    """A person mends them, and watches the stream come back: within 15 s of it, six attempts a minute."""
    pace = Pace(10.0, 300.0, random.Random(2), own=True)
    now_s = 1000.0
    for _ in range(50):
        pace.begin(now_s)
        wait_s = pace.wait_s(now_s, state)
        assert 1.0 <= wait_s <= 12.0
        now_s += wait_s


@pytest.mark.parametrize("per_s", [0.5, 1.0, 10.0, 12.5])
def test_a_busy_loop_begins_no_bunch_of_connections(per_s: float) -> None:
    """However late those come whose turn it was: in no second more than allowed, and all in time."""
    chance, turns = random.Random(3), Turns(per_s)
    at_once = max(int(per_s), 1)
    waiting = sorted(turns.take("h", 0.0) + chance.choice([0.0, 0.3, 1.5]) / per_s for _ in range(60))
    begun: list[float] = []
    while waiting:
        now_s = waiting.pop(0)
        if wait_s := turns.begin("h", now_s):
            waiting = sorted([*waiting, now_s + wait_s])
        else:
            begun.append(now_s)
    gaps = [later - first for first, later in zip(begun, begun[at_once:], strict=False)]
    assert min(gaps) >= at_once / per_s - 1e-6
    assert begun[-1] <= 63 / per_s
