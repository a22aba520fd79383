"""Streams that fall silent, drip, or bring nothing usable: N01-N04, through real sockets in virtual time."""

from __future__ import annotations

import pytest
from scripted_caster import DEAF, FRAME, HOLD, ICY, ScriptedCaster, followed, virtual


@pytest.mark.parametrize("ending", [HOLD, DEAF])
@pytest.mark.parametrize(("rate_hz", "within_s"), [(1.0, 10.0), (0.1, 30.0)])
@virtual
async def test_n01_the_other_end_is_gone(ending: str, rate_hz: float, within_s: float) -> None:
    """stalled after 10 s or three epochs without a byte, whichever is longer; then closed and tried again."""
    async with ScriptedCaster([ICY + FRAME, ending]) as caster, followed(caster, rate_hz=rate_hz) as heard:
        await heard.until(lambda: len(caster.sessions) == 2)
        assert heard.states[:3] == ["connecting", "connected", "stalled"]
        assert heard.when("stalled") == pytest.approx(within_s, abs=0.5)
        assert 10 <= caster.begun_s()[1] - heard.when("stalled") <= 15
        if ending == HOLD:
            assert caster.sessions[0].closed_by == "client"
            assert caster.sessions[0].ended_s == pytest.approx(within_s, abs=0.5)


@virtual
async def test_n02_silence_after_five_good_minutes() -> None:
    """stalled ten seconds after the last byte, however long the stream was good, and tried again as usual."""
    seconds = 302
    script = [ICY, *[step for _ in range(seconds) for step in (FRAME, 1.0)], HOLD]
    async with ScriptedCaster(script, [ICY, HOLD]) as caster, followed(caster, rate_hz=1.0) as heard:
        await heard.until(lambda: len(caster.sessions) == 2)
        assert heard.data == FRAME * seconds
        assert heard.when("stalled") == pytest.approx(seconds - 1 + 10, abs=0.5)
        assert 10 <= caster.begun_s()[1] - heard.when("stalled") <= 15
