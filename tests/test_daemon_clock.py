"""T07, T08: the clock that goes on evenly, and when a step of the host's is followed; clocks are virtual."""

from __future__ import annotations

import pytest
from watching import MS, SECOND, T0, Watched
from wire import epoch

from hncors.daemon.clock import Clock
from hncors.daemon.pulse import Pulse
from hncors.gpstime import to_unix_ns
from hncors.network import Chunk, Network

HOUR_NS = 3600 * SECOND


class Host:
    """Three clocks of a machine as they are set here."""

    def __init__(self) -> None:
        self.true_ns = to_unix_ns(T0)
        self.wrong_ns = 0  # by how much the wall clock is ahead of the truth
        self.asleep_ns = 0
        self.paused_ns = 0  # as a virtual machine is: only the wall clock is told afterwards

    def clock(self) -> Clock:
        return Clock(
            lambda: self.true_ns + self.wrong_ns,
            lambda: self.true_ns - 7 * HOUR_NS - self.paused_ns,
            lambda: self.true_ns - 7 * HOUR_NS - self.paused_ns - self.asleep_ns,
        )


class Watch:
    """A network by such a clock, a station that sends twice a second, and ticks four times a second."""

    def __init__(self, host: Host, *, silent: bool = False) -> None:
        self.host, self.silent = host, silent
        self.network = Network([Watched("A", 2.0)])
        self.events = []
        self.pulse = Pulse(self.network, 0.25, self.events.append, clock=host.clock())

    def go_on(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.host.true_ns += SECOND // 4
            if self.host.true_ns % (SECOND // 2) == 0 and not self.silent:
                ms = T0 + (self.host.true_ns - to_unix_ns(T0)) // MS
                self.network.feed(Chunk("A", b"".join(epoch(ms)), self.pulse.clock.now_ns()))
            self.pulse.tick()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@pytest.mark.parametrize("hours", [-1, 1])
def test_t07_a_step_away_from_the_data_is_not_followed(hours):
    """Somebody sets the host's clock wrong: no outage, no blindness, latencies as before, and it is told."""
    host = Host()
    watch = Watch(host)
    watch.go_on(30)
    host.wrong_ns = hours * HOUR_NS
    watch.go_on(60)
    account = watch.network.streams[0].account
    assert (account.received, account.missing, account.blind) == (180, 0, 0)
    assert watch.network.streams[0].state == "streaming"
    assert watch.kinds() == ["state", "host_clock_suspect"]
    assert watch.events[-1].detail == {"seconds": 3600.0 * hours}
    process = watch.pulse.process()
    assert (process.clock_steps, process.host_clock_offset_s) == (1, 3600.0 * hours)
    assert watch.network.tally.latency_sum_s[0] < 60
    host.wrong_ns = 0
    watch.go_on(10)
    assert watch.kinds()[2:] == ["host_clock_trusted"]
    assert watch.pulse.process().host_clock_offset_s == 0
    assert watch.network.blind_ns == 0


@pytest.mark.parametrize("hours", [-1, 1])
def test_t07_a_step_to_the_time_of_the_data_is_followed(hours):
    """The daemon began by a wrong clock, and NTP sets it right."""
    host = Host()
    host.wrong_ns = hours * HOUR_NS
    watch = Watch(host)
    watch.go_on(30)
    assert watch.network.streams[0].state == "stale_data"
    host.wrong_ns = 0
    watch.go_on(30)
    account = watch.network.streams[0].account
    assert (account.received, account.missing, account.blind) == (120, 0, 0)
    assert watch.network.streams[0].state == "streaming"
    # One station alone: whether it or the clock is wrong does not show yet.
    assert watch.kinds() == ["replay", "state", "clock_put_right", "state"]
    assert watch.pulse.process().host_clock_offset_s == 0
    assert abs(watch.pulse.clock.now_ns() - host.true_ns) < 1000


def test_t07_without_data_the_host_is_believed():
    host = Host()
    watch = Watch(host, silent=True)
    watch.go_on(5)
    host.wrong_ns = HOUR_NS
    watch.go_on(5)
    assert watch.kinds() == ["clock_put_right"]
    assert watch.pulse.clock.now_ns() == host.true_ns + HOUR_NS


@pytest.mark.parametrize(("step_ms", "steps"), [(50, 0), (-1000, 1), (1000, 1), (-4900, 1)])
def test_t07_small_steps_are_followed(step_ms, steps):
    """A leap second, or NTP's correction of some seconds."""
    host = Host()
    watch = Watch(host)
    watch.go_on(30)
    host.wrong_ns = step_ms * MS
    watch.go_on(30)
    account = watch.network.streams[0].account
    assert (account.received, account.missing) == (120, 0)
    assert watch.kinds() == ["state"] + ["clock_put_right"] * steps
    assert watch.pulse.process().clock_steps == steps


def test_t08_a_suspended_machine():
    """Ten minutes that CLOCK_MONOTONIC does not count are blind, not missing."""
    host = Host()
    watch = Watch(host)
    watch.go_on(30)
    host.true_ns += 600 * SECOND
    host.asleep_ns = 600 * SECOND
    watch.go_on(30)
    account = watch.network.streams[0].account
    assert (account.received, account.missing) == (120, 0)
    assert 1198 <= account.blind <= 1200
    assert watch.kinds() == ["state", "monitor_blind"]
    assert watch.pulse.process().suspended_s == 600


@pytest.mark.parametrize("told_after_s", [0, 1, 20])
def test_t08_a_virtual_machine_that_was_paused(told_after_s):
    """Ten minutes that none of the machine's own clocks counted are blind once the wall clock is set."""
    host = Host()
    watch = Watch(host)
    watch.go_on(30)
    host.true_ns += 600 * SECOND
    host.paused_ns = 600 * SECOND
    host.wrong_ns = -600 * SECOND
    watch.silent = True  # connections are made anew meanwhile
    watch.go_on(told_after_s)
    host.wrong_ns = 0
    watch.silent = False
    watch.go_on(30)
    account = watch.network.streams[0].account
    assert account.missing <= 2 * told_after_s  # nothing was sent in this time
    assert 1198 <= account.blind <= 1200
    assert account.received == 120
    assert "host_clock_suspect" not in watch.kinds()
    assert watch.kinds().count("monitor_blind") == 1
    assert watch.network.streams[0].state == "streaming"
    if told_after_s == 0:
        assert watch.kinds() == ["state", "monitor_blind"]


def test_t07_data_that_was_kept_somewhere_is_not_the_last_word():
    """After a pause the first epochs to come are old ones; new ones put the clock right all the same."""
    host = Host()
    watch = Watch(host)
    watch.go_on(30)
    kept = [b"".join(epoch(T0 + 30_000 + 500 * n)) for n in range(1, 5)]
    host.true_ns += 600 * SECOND
    host.paused_ns = 600 * SECOND
    for data in kept:
        watch.network.feed(Chunk("A", data, watch.pulse.clock.now_ns()))
        watch.pulse.tick()
    watch.go_on(30)
    account = watch.network.streams[0].account
    assert (account.received, account.missing) == (124, 0)
    assert watch.kinds() == ["state", "host_clock_suspect", "monitor_blind"]
    assert watch.network.streams[0].state == "streaming"
