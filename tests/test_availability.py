"""Epochs owed and had, against a schedule that knows what became of every epoch."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hncors.measure.availability import Account

START = 1_450_000_000_000


def run(times: list[int], *, promised: int | None = None, lag: int = 400) -> Account:
    """Epochs that come in order, each `lag` after its time."""
    account = Account(promised_ms=promised)
    for time in times:
        account.epoch(time, time + lag, restart=False)
    return account


def every(interval: int, count: int, *, without: Set[int] = frozenset(), start: int = START) -> list[int]:
    return [start + n * interval for n in range(count) if n not in without]


def counts(account: Account) -> tuple[int, int, int, int]:
    return account.expected, account.received, account.missing, account.blind


@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize("interval", [200, 1000, 30_000])
def test_gaps(interval: int, promised: bool) -> None:
    """1 Hz, 5 Hz and every 30 s: two gaps, of one epoch and of three."""
    account = run(every(interval, 60, without={20, 40, 41, 42}), promised=interval if promised else None)
    assert counts(account) == (60, 56, 4, 0)
    assert account.gaps == 2
    assert account.best_interval_ms() == interval


def test_interval_is_believed_after_five_steps_and_looks_back() -> None:
    account = Account()
    found = [account.epoch(t, t, restart=False) for t in every(1000, 8, without={1, 3})]
    assert found == [0, 0, 0, 0, 0, 2]
    assert counts(account) == (8, 6, 2, 0)
    assert account.gaps == 2


def test_a_few_epochs_are_settled_at_the_end() -> None:
    account = run(every(1000, 5, without={2}))
    assert counts(account) == (4, 4, 0, 0)
    assert account.best_interval_ms() == 1000
    assert account.settle() == 1
    assert counts(account) == (5, 4, 1, 0)
    assert account.settle() == 0
    assert counts(run([START])) == (1, 1, 0, 0)
    assert Account().settle() == Account().expected == 0


def test_an_interval_of_milliseconds_that_do_not_divide() -> None:
    """3 Hz: 333, 333, 334 ms; and a receiver whose epochs lie 1 ms beside the second (T09)."""
    account = run([START + n * 1000 // 3 for n in range(100) if n not in (50, 51)])
    assert counts(account) == (100, 98, 2, 0)
    account = run([START + n * 1000 + n % 2 for n in range(100) if n != 50])
    assert counts(account) == (100, 99, 1, 0)


def test_silence_goes_on_missing_epochs() -> None:
    account = run(every(1000, 10), promised=1000)
    last = START + 9000
    assert account.silence(last + 10_400) == 0  # 10 s of grace, and 0.4 s that epochs take to come
    assert account.silence(last + 11_399) == 0
    assert account.silence(last + 11_400) == 1
    assert account.silence(last + 11_500) == 0
    assert account.silence(last + 70_400) == 59
    assert counts(account) == (70, 10, 60, 0)
    assert account.gaps == 1
    assert account.epoch(last + 100_000, last + 100_400, restart=False) == 39
    assert counts(account) == (110, 11, 99, 0)
    assert account.gaps == 1
    account.epoch(last + 103_000, last + 103_400, restart=False)
    assert account.gaps == 2


def test_silence_before_an_interval_is_known_is_not_missed() -> None:
    account = run(every(1000, 3))
    assert account.silence(START + 10**9) == 0
    assert counts(account) == (3, 3, 0, 0)
    assert Account(promised_ms=1000).silence(START) == 0


def test_grace_is_three_intervals_when_they_are_long() -> None:
    account = run(every(30_000, 3), promised=30_000, lag=0)
    last = START + 60_000
    assert account.silence(last + 119_999) == 0
    assert account.silence(last + 120_000) == 1


@pytest.mark.parametrize("ticks", [50, 250, 1000, 7000])
def test_an_outage_costs_the_same_however_the_clock_is_looked_at(ticks: int) -> None:
    account = run(every(1000, 20), promised=1000)
    last = START + 19_000
    for now in range(last, last + 100_500, ticks):
        account.silence(now)
    account.epoch(last + 100_500, last + 100_900, restart=False)  # it comes back beside the second
    assert counts(account) == (121, 21, 100, 0)
    assert account.gaps == 1


def test_rates_are_judged_by_epochs_not_by_what_was_given_up() -> None:
    """From 1 Hz to every 30 s: silence gives epochs up meanwhile, yet steps are 30 s."""
    account = run(every(1000, 20))
    time = START + 19_000
    for _ in range(20):
        for now in range(time, time + 30_000, 250):
            account.silence(now + 400)
        time += 30_000
        account.epoch(time, time + 400, restart=False)
    assert account.best_interval_ms() == 30_000
    before = account.missing
    for _ in range(5):
        time += 30_000
        account.epoch(time, time + 400, restart=False)
    assert account.missing == before
    assert account.expected == account.received + account.missing


def test_a_faster_rate_misses_nothing() -> None:
    account = run([*every(1000, 20), *every(200, 100, start=START + 19_200)])
    assert counts(account) == (120, 120, 0, 0)
    assert account.best_interval_ms() == 200
    last = START + 19_200 + 99 * 200
    account.epoch(last + 600, last + 900, restart=False)
    assert account.missing == 2


def test_more_epochs_than_promised() -> None:
    account = run(every(200, 50), promised=1000)
    assert counts(account) == (50, 50, 0, 0)


def test_late_epochs_turn_missing_into_received() -> None:
    account = run(every(1000, 20, without={7, 12, 13, 14}), promised=1000)
    assert counts(account) == (20, 16, 4, 0)
    for late in (13, 7):
        account.late(START + late * 1000 + 1)
    assert counts(account) == (20, 18, 2, 0)
    account.late(START + 12_000)
    account.late(START + 14_000)
    assert counts(account) == (20, 20, 0, 0)
    assert account.gaps == 2  # there were two


def test_a_late_epoch_that_was_not_missing_is_one_more() -> None:
    """Before the first, or from another line of time: nothing else is touched."""
    account = run(every(1000, 20, without={7}), promised=1000)
    account.late(START - 1000)
    assert counts(account) == (21, 20, 1, 0)


def test_epochs_that_come_after_they_were_given_up() -> None:
    account = run(every(1000, 10), promised=1000)
    last = START + 9000
    assert account.silence(last + 40_400) == 30
    for n in range(1, 51):
        if n != 20:
            account.epoch(last + n * 1000, last + 60_000, restart=False)
    assert counts(account) == (60, 59, 1, 0)


@pytest.mark.parametrize("lag", [0, 15_000, 60_000, 86_400_000])
def test_a_stream_that_is_always_late_misses_nothing(lag: int) -> None:
    """N35: data of yesterday are stale, which is another matter; no epoch of theirs is missing."""
    account = Account(promised_ms=1000)
    for n in range(100):
        time = START + n * 1000
        account.epoch(time, time + lag, restart=False)
        for now in range(time + lag, time + lag + 1000, 250):
            account.silence(now)
    assert counts(account) == (100, 100, 0, 0)
    assert account.gaps == 0


def test_a_new_line_of_time_owes_nothing_to_the_old() -> None:
    account = run(every(1000, 10), promised=1000)
    account.epoch(START - 10**8, START + 10_000, restart=True)
    assert counts(account) == (11, 11, 0, 0)
    account.epoch(START - 10**8 + 3000, START + 13_000, restart=False)
    assert counts(account) == (14, 12, 2, 0)


# --- the monitor was not looking ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "blind"),
    [
        (0, 10_000, 10),  # from after the 20th epoch on
        (500, 3600, 3),  # 1, 2, 3
        (100, 900, 0),  # between two epochs
        (1000, 1000, 1),
        (1001, 1999, 0),
        (-50_000, -1, 0),
        (2000, 900_000, 9),
    ],
)
def test_epochs_of_blind_time(begin: int, end: int, blind: int) -> None:
    account = run(every(1000, 20), promised=1000, lag=0)
    last = START + 19_000
    account.epoch(last + 11_000, last + 11_000, restart=False, blind=[(last + begin, last + end)])
    assert counts(account) == (31, 21, 10 - blind, blind)


def test_t08_blind_time_is_of_arrivals() -> None:
    """Data that take 60 s to come are blind 60 s later."""
    account = run(every(1000, 20), promised=1000, lag=60_000)
    last = START + 19_000
    blind = [(last + 62_500, last + 65_500)]
    account.epoch(last + 11_000, last + 71_000, restart=False, blind=blind)
    assert counts(account) == (31, 21, 7, 3)


def test_two_blind_times_in_one_gap() -> None:
    account = run(every(1000, 20), promised=1000, lag=0)
    last = START + 19_000
    blind = [(last + 500, last + 2500), (last + 5500, last + 8500)]
    account.epoch(last + 11_000, last + 11_000, restart=False, blind=blind)
    assert counts(account) == (31, 21, 5, 5)
    assert account.gaps == 1


def test_a_suspended_monitor_reads_what_was_kept_before_it_judges() -> None:
    """T08: 600 s without a tick; the first 64 s are still in the socket and are read after the next tick."""
    account = run(every(1000, 20), promised=1000, lag=0)
    last = START + 19_000
    back = last + 600_500
    blind = [(last + 500, back)]
    assert account.silence(back, blind) == 0
    for n in range(1, 65):
        account.epoch(last + n * 1000, back + n, restart=False, blind=blind)
    assert counts(account) == (84, 84, 0, 0)
    for n in range(601, 621):
        account.epoch(last + n * 1000, last + n * 1000, restart=False, blind=blind)
        account.silence(last + n * 1000 + 100, blind)
    assert counts(account) == (640, 104, 0, 536)
    assert account.gaps == 0


def test_a_station_that_fell_silent_while_the_monitor_was_suspended() -> None:
    account = run(every(1000, 20), promised=1000, lag=0)
    last = START + 19_000
    back = last + 600_500
    blind = [(last + 500, back)]
    for n in range(1, 11):
        account.epoch(last + n * 1000, back + n, restart=False, blind=blind)
    account.silence(last + 2_000_000, blind)
    assert account.blind == 590
    assert account.received == 30
    assert account.missing > 300


def test_t07_a_step_of_the_hosts_clock_is_no_outage() -> None:
    """T07: an hour ahead at once, which looks as if the monitor had not been looking."""
    account = run(every(1000, 20), promised=1000, lag=0)
    last, hour = START + 19_000, 3_600_000
    blind = [(last + 500, last + 500 + hour)]
    for n in range(1, 200):
        account.epoch(last + n * 1000, last + n * 1000 + hour, restart=False, blind=blind)
        account.silence(last + n * 1000 + hour + 500, blind)
    assert counts(account) == (219, 219, 0, 0)


def test_blind_epochs_that_come_after_all_stay_blind() -> None:
    account = run(every(1000, 20), promised=1000, lag=0)
    last = START + 19_000
    account.epoch(last + 11_000, last + 11_000, restart=False, blind=[(last + 500, last + 10_500)])
    assert counts(account) == (31, 21, 0, 10)
    account.late(last + 5000)
    assert counts(account) == (31, 21, 0, 10)


# --- anything ----------------------------------------------------------------------------------------

FATES = st.lists(st.sampled_from([*["."] * 5, "..", "l", "L..", "d", "b"]), min_size=4, max_size=60).map(
    "".join
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([200, 1000, 30_000]),
    st.booleans(),
    FATES,
    st.sampled_from([50, 250, 1000, 4000]),
)
def test_every_epoch_of_the_schedule_has_one_fate(
    interval: int, promised: bool, fates: str, tick: int
) -> None:
    """`.` on time, `l` lost, `L` lost but late by 2 epochs, `d` comes only with the next `.`, `b` the
    monitor does not look for as long as this epoch takes."""
    fates = "." * 8 + fates + "." * 3
    arrivals: list[tuple[int, int]] = []  # arrival, time
    blind: list[tuple[int, int]] = []
    held: list[int] = []
    for n, fate in enumerate(fates):
        time = START + n * interval
        if fate == "b":
            blind.append((time - interval // 2 + 1, time + interval // 2))
        elif fate == "L":
            arrivals.append((time + 2 * interval + 60, time))
        elif fate == "d":
            held.append(time)
        elif fate == ".":
            arrivals += [(time + 50, kept) for kept in held] + [(time + 50, time)]
            held = []
    account = Account(promised_ms=interval if promised else None)
    seen: set[int] = set()
    now, previous = START, (0, 0, 0, 0, 0)
    for arrival, time in sorted(arrivals):
        known = [b for b in blind if b[1] <= arrival]
        while now + tick <= arrival:
            now += tick
            account.silence(now, [b for b in blind if b[1] <= now])
        if account.newest is None or time > account.newest:
            account.epoch(time, arrival, restart=False, blind=known)
        else:
            account.late(time)
        seen.add(time)
        state: Any = (account.expected, account.received, account.blind, account.gaps)
        assert account.expected == account.received + account.missing + account.blind
        assert min(account.received, account.missing, account.blind) >= 0
        assert all(a <= b for a, b in zip(previous, state, strict=False))
        previous = state
    account.settle(blind)
    assert account.expected == len(fates)
    assert account.received == sum(fate in ".Ld" for fate in fates) == len(seen)
    assert account.missing == fates.count("l")
    assert account.blind == fates.count("b")
