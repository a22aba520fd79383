"""Stations that come and go under a running network, and a clock that is put right.

What is expected of a station that stays is what a network says of it that nobody touched.
"""

from __future__ import annotations

import pytest
from test_network import metrics, stream
from watching import MS, SECOND, T0, Watched, chunk, events, network, play
from wire import epoch

from hncors.gpstime import to_unix_ns
from hncors.network import Chunk, Network, Tick
from hncors.network_changes import put_clock_right, watch

HOUR_NS = 3600 * SECOND


def of(station: str, net: Network) -> list[str]:
    return [line for line in metrics(net).splitlines() if f'station="{station}"' in line]


def in_pieces(names: str, seconds: int) -> list[Chunk]:
    """Epochs a frame at a time, so that most ticks leave some open."""
    return [
        chunk(T0 + 1000 * second + 100 + 160 * place, frame, name)
        for name in names
        for second in range(seconds)
        for place, frame in enumerate(epoch(T0 + 1000 * second, station=ord(name)))
    ]


@pytest.mark.parametrize("at_ms", [10_000, 10_250, 10_500, 10_750])
def test_who_stays_keeps_everything_and_who_goes_takes_it_along(at_ms: int) -> None:
    chunks = in_pieces("ABC", 30)
    net = network("A", "B", "C", rate_hz=1.0)
    early = [c for c in chunks if c.arrival_ns <= to_unix_ns(T0 + at_ms)]
    play(net, early)
    for late in (chunk(T0 + at_ms + 1, b"\xd3\x00", name) for name in "ABC"):  # not yet decoded
        net.feed(late)
    watch(net, [Watched("D", 1.0), Watched("C", 1.0), Watched("A", 1.0)])
    assert list(net.index) == ["D", "C", "A"]
    assert of("B", net) == []
    assert of("D", net) == of("D", network("D", rate_hz=1.0))
    play(net, [c for c in chunks if c.arrival_ns > to_unix_ns(T0 + at_ms) and c.station != "B"])
    with pytest.raises(KeyError):
        net.feed(chunk(T0 + 30_000, b"x", "B"))

    untouched = network("A", "B", "C", rate_hz=1.0)
    play(untouched, early)
    for late in (chunk(T0 + at_ms + 1, b"\xd3\x00", name) for name in "ABC"):
        untouched.feed(late)
    play(untouched, [c for c in chunks if c.arrival_ns > to_unix_ns(T0 + at_ms)])
    for name in "AC":
        assert of(name, net) == of(name, untouched)
        assert any("hncors_epochs_received_total" in line for line in of(name, net))


def test_a_station_that_comes_back_begins_anew() -> None:
    net = network("A", "B", rate_hz=1.0)
    play(net, stream(10))
    watch(net, [Watched("B", 1.0)])
    watch(net, [Watched("A", 1.0), Watched("B", 1.0)])
    assert net.streams[0].account.received == 0
    assert net.tally.messages[0].sum() == 0


def test_two_stations_with_one_id_change_nothing() -> None:
    net = network("A", "B")
    before = list(net.streams)
    with pytest.raises(ValueError, match="one id"):
        watch(net, [Watched("C"), Watched("C")])
    assert net.streams == before
    assert net.index == {"A": 0, "B": 1}


def test_another_rate_is_judged_by_from_now_on() -> None:
    net = network("A", rate_hz=1.0)
    play(net, stream(10), until=T0 + 10_000)
    watch(net, [Watched("A", 0.2)])
    play(net, stream(1, start=T0 + 14_000), until=T0 + 15_000)
    account = net.streams[0].account
    assert (account.best_interval_ms(), account.received, account.missing) == (5000, 11, 0)


def test_no_station_at_all() -> None:
    net = network("A")
    play(net, stream(3))
    watch(net, [])
    assert net.tick(to_unix_ns(T0 + 4000)).events == []
    assert "station=" not in metrics(net)


def _by_a_clock_that(step_ns: int, *, before_ns: int = 0, at_s: int = 20) -> tuple[Network, list[Tick]]:
    """A healthy stream by a clock that is `before_ns` off and steps after `at_s` seconds."""
    net = network("A", rate_hz=1.0)
    ticks, stepped = [], False
    for c in sorted(in_pieces("A", 60), key=lambda c: c.arrival_ns):
        since_ns = c.arrival_ns - to_unix_ns(T0)
        off_ns = before_ns if since_ns < at_s * SECOND else before_ns + step_ns
        if since_ns >= at_s * SECOND and step_ns and not stepped:
            stepped = True
            put_clock_right(net, step_ns, to_unix_ns(T0) + at_s * SECOND + off_ns)
        net.feed(c._replace(arrival_ns=c.arrival_ns + off_ns))
        ticks.append(net.tick(c.arrival_ns + off_ns + 50 * MS))
    return net, ticks


@pytest.mark.parametrize("hours", [-1, 1])
def test_t07_a_clock_that_is_put_right_makes_no_outage(hours: int) -> None:
    """A clock an hour off steps to the right time: nothing is missing, blind or away for it."""
    net, ticks = _by_a_clock_that(hours * HOUR_NS, before_ns=-hours * HOUR_NS)
    account = net.streams[0].account
    assert (account.received, account.missing, account.blind) == (60, 0, 0)
    assert net.blind_ns == 0
    assert events(ticks, "monitor_blind", "epochs_missing", "time_jump") == []
    assert net.streams[0].state == "streaming"
    assert [detail["to"] for _, _, detail in events(ticks, "state")] == ["stale_data", "streaming"]


def test_t07_what_waits_goes_on_waiting_as_long_as_it_would_have() -> None:
    """Silence that began 6 s before a step is told 10 s after it began, not at the step."""
    net, step_ns = network("A", rate_hz=1.0), 8 * SECOND
    play(net, stream(10), until=T0 + 15_300)
    event = put_clock_right(net, step_ns, to_unix_ns(T0 + 15_300) + step_ns)
    assert (event.kind, event.station, event.detail) == ("clock_put_right", "", {"seconds": 8.0})
    for ms in range(15_500, 19_250, 250):
        assert net.tick(to_unix_ns(T0 + ms) + step_ns).events == []
    (stalled,) = net.tick(to_unix_ns(T0 + 19_500) + step_ns).events
    assert stalled.detail["to"] == "stalled"


def test_t08_silence_counts_from_when_the_monitor_looks_again() -> None:
    """A link that gave nothing while nobody looked is not stalled for it."""
    net = network("A", rate_hz=1.0)
    play(net, stream(10), until=T0 + 10_000)
    (blind,) = net.tick(to_unix_ns(T0 + 100_000)).events
    assert blind.kind == "monitor_blind"
    assert net.streams[0].state == "streaming"
    told = [event for second in range(101, 112) for event in net.tick(to_unix_ns(T0 + 1000 * second)).events]
    assert [(e.kind, e.detail.get("to"), e.at_ns) for e in told if e.kind == "state"] == [
        ("state", "stalled", to_unix_ns(T0 + 110_000))
    ]
