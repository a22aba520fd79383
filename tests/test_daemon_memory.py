"""What the daemon does for ever leaves no reference cycles: its collector looks seldom."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from scripted_caster import CLOSE, HOLD, ICY, ScriptedCaster, Step, virtual
from test_network import eventful, metrics, stream
from virtual_daemon import epochs, monitored
from watching import network, play

from hncors.daemon import memory


def test_p10_what_stations_send_leaves_no_cycles() -> None:
    """Torn frames, lost epochs, moved reference points, texts, ephemerides: none of them, nor a scrape."""

    def day() -> None:
        net = network("A", "B", rate_hz=1.0)
        play(net, eventful())
        metrics(net)

    day()  # the first time, modules are made ready
    gc.collect()
    gc.disable()
    try:
        day()
        assert gc.collect() == 0
    finally:
        gc.enable()


@virtual
async def test_p10_a_stream_that_goes_on_leaves_no_cycles_and_one_that_ends_few() -> None:
    def script(number: int) -> Iterator[Step]:
        yield ICY
        yield from epochs(45 if number == 0 else 2)
        yield CLOSE if number < 10 else HOLD

    async with ScriptedCaster(script) as caster, monitored(caster, rate_hz=1.0) as seen:
        await seen.until(lambda: seen.stream.account.received > 10)
        gc.collect()
        gc.disable()
        try:
            await seen.until(lambda: seen.stream.account.received > 40)
            assert gc.collect() == 0
            await seen.until(lambda: len(caster.sessions) > 10)
            assert 0 < gc.collect() < 10 * 200  # the caster's and the client's end of ten connections
        finally:
            gc.enable()


def test_the_collector_looks_seldom_once_settled() -> None:
    before = gc.get_threshold()
    try:
        memory.settle()
        assert gc.get_freeze_count() > 10_000
        looks = sum(generation["collections"] for generation in gc.get_stats())
        net = network("A", rate_hz=1.0)
        play(net, stream(60))
        assert sum(generation["collections"] for generation in gc.get_stats()) == looks
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
