"""Full times of observation messages: the calendar, ICD offsets and leap seconds against what was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import framed, legacy, msm

from hncors.gpstime import DAY_MS, WEEK_MS, from_iso
from hncors.measure.clock import UNKNOWN, resolve
from hncors.rtcm3 import block

HOUR = 3_600_000
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
LEAP = from_iso("2016-12-31T23:59:59Z") + 1000  # 23:59:60, the last leap second so far, begins


def dated(payloads: list[bytes], reference: int | list[int], stream: list[int] | None = None) -> list[int]:
    messages = block.decode([framed(payload) for payload in payloads]).messages
    assert len(messages) == len(payloads)
    references = [reference] if isinstance(reference, int) else reference
    streams = np.array(stream or [0] * len(payloads), np.int64)
    return resolve(messages, streams, np.array(references, np.int64)).tolist()


def glonass(day: int, time_of_day: int) -> int:
    return day << 27 | time_of_day


def moscow(gps_ms: int) -> tuple[int, int]:
    """Day of week and milliseconds of the day in Moscow, by the calendar; 18 s since 2017."""
    there = GPS_EPOCH + timedelta(milliseconds=gps_ms - 18_000) + timedelta(hours=3)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0)
    return there.isoweekday() % 7, round((there - midnight) / timedelta(milliseconds=1))


def sent(system: int, gps_ms: int, *, day: bool = True) -> bytes:
    """An empty MSM4 of this time."""
    if system == 1:
        number, of_day = moscow(gps_ms)
        epoch = glonass(number if day else 7, of_day)
    else:
        epoch = (gps_ms - (14_000 if system == 5 else 0)) % WEEK_MS
    return msm(1074 + 10 * system, epoch, satellites=[], signals=[])


NOW = from_iso("2026-11-23T20:30:12.345")


@pytest.mark.parametrize("system", range(7))
@pytest.mark.parametrize("away_h", [-83.9, -24, -0.001, 0, 5, 83.9])
def test_every_system_within_half_a_week_of_the_reference(system: int, away_h: float) -> None:
    assert dated([sent(system, NOW)], NOW - round(away_h * HOUR)) == [NOW]


@pytest.mark.parametrize("system", range(7))
@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-22T00:00:00",  # week rollover of GPS
        "2026-11-22T00:00:14",  # of BeiDou
        "2026-11-21T21:00:18",  # Sunday begins in Moscow
        "2026-11-23T21:00:18",  # another day there
        "2026-12-31T21:00:18",  # another year there
        "2038-11-21T00:00:00",  # T05: rollover of 1,024 GPS weeks
        "2044-02-29T00:00:00",
        "2030-01-01T12:00:00",
    ],
)
def test_t04_across_rollovers(system: int, moment: str) -> None:
    """T04: second by second from before to after, in one block and one by one."""
    start = from_iso(moment) - 3000
    times = [start + 500 * n for n in range(14)]
    payloads = [sent(system, time) for time in times]
    assert dated(payloads, start - HOUR) == times
    last = start - HOUR
    for payload, time in zip(payloads, times, strict=True):
        (last,) = dated([payload], last)
        assert last == time


def test_t09_milliseconds_are_kept() -> None:
    """T09: epochs are where the receiver says, not on whole seconds."""
    times = [NOW + n for n in (1, 334, 667, 1001, 1_000_999)]
    for system in range(7):
        assert dated([sent(system, time) for time in times], NOW) == times


def test_beidou_at_the_ends_of_its_week() -> None:
    week = 2400 * WEEK_MS
    sends = [msm(1124, tow, satellites=[], signals=[]) for tow in (604_785_999, 604_786_000, 604_799_999, 0)]
    assert dated(sends, week) == [week - 1, week, week + 13_999, week + 14_000]


@pytest.mark.parametrize("away_h", [-83.9, -13, 0, 12.5, 83.9])
def test_glonass_day_of_week(away_h: float) -> None:
    for hour in range(0, 168, 5):
        time = NOW + hour * HOUR
        assert dated([sent(1, time)], time + round(away_h * HOUR)) == [time]


@pytest.mark.parametrize("away_h", [-11.99, -6, 0, 3, 11.99])
def test_t10_day_unknown_is_the_nearest_day(away_h: float) -> None:
    """T10: DF416 = 7, and 1009 to 1012, which have no day."""
    for hour in range(48):
        time = NOW + hour * HOUR
        reference = time + round(away_h * HOUR)
        assert dated([sent(1, time, day=False)], reference) == [time]
        assert dated([legacy(1012, moscow(time)[1], [])], reference) == [time]


def test_t04_half_a_day_off_is_one_of_the_two_days() -> None:
    near = dated([sent(1, NOW, day=False)], NOW + DAY_MS // 2)
    assert near in ([NOW], [NOW + DAY_MS])


def test_t10_day_unknown_follows_the_other_systems_of_the_stream() -> None:
    """A reference five days off: the GPS message before it tells the day."""
    reference = NOW - 50 * HOUR
    assert dated([sent(0, NOW), sent(1, NOW, day=False), sent(5, NOW)], reference) == [NOW] * 3


def test_day_of_week_and_time_of_day_in_one_stream() -> None:
    times = [NOW + n * 40 * HOUR for n in range(6)]
    payloads = [sent(0, time) for time in times]
    payloads = [p for time, gps in zip(times, payloads, strict=True) for p in (gps, sent(1, time, day=False))]
    assert dated(payloads, NOW) == [time for time in times for _ in range(2)]


def test_t06_the_last_second_of_a_glonass_day_that_has_one_more() -> None:
    """DF034 goes to 86,400,999."""
    base = from_iso("2026-11-23T21:00:18")  # 00:00 in Moscow, Tuesday
    late = msm(1084, glonass(1, 86_400_999), satellites=[], signals=[])
    assert dated([late], base) == [base + 999]
    assert dated([legacy(1010, 86_400_999, [])], base) == [base + 999]


def test_times_out_of_range_are_no_times() -> None:
    """A receiver in the wild sends 2^30 - 14000 in 1124: BeiDou time less 14 s, before Sunday's first."""
    bad = [
        msm(1124, 2**30 - 14_000),
        msm(1074, WEEK_MS),
        msm(1094, 2**30 - 1),
        msm(1084, glonass(0, 86_401_000)),
        msm(1084, glonass(7, 86_401_000)),
        legacy(1004, WEEK_MS, []),
        legacy(1012, 86_401_000, []),
        legacy(1012, 2**27 - 1, []),
    ]
    good = [sent(0, NOW), sent(1, NOW), sent(5, NOW + 1000)]
    assert dated(bad, NOW) == [UNKNOWN] * len(bad)
    mixed = [bad[0], good[0], bad[3], good[1], *bad[1:], good[2], bad[0]]
    found = dated(mixed, NOW)
    assert [time for time in found if time != UNKNOWN] == [NOW, NOW, NOW + 1000]
    assert found.count(UNKNOWN) == len(mixed) - 3
    edge = [msm(1074, WEEK_MS - 1), msm(1084, glonass(6, 86_399_999)), legacy(1012, 86_399_999, [])]
    assert UNKNOWN not in dated(edge, NOW)


def test_streams_do_not_touch_each_other() -> None:
    far = NOW + 20 * WEEK_MS
    times = dated([sent(0, NOW), sent(0, NOW + 1000), sent(0, far), sent(1, far)], [NOW, far], [0, 0, 1, 1])
    assert times == [NOW, NOW + 1000, far, far]
    wrong = [msm(1124, 2**30 - 14_000)]
    assert dated([*wrong, sent(0, NOW), *wrong, sent(0, far)], [NOW, far], [0, 0, 1, 1]) == [
        UNKNOWN,
        NOW,
        UNKNOWN,
        far,
    ]


# --- leap seconds ------------------------------------------------------------------------------------


def of_day(gps_ms: int) -> int:
    """DF034 as RTKLIB and receivers send it: UTC + 3 h, in which 02:59:60 counts on to 03:00:00."""
    leaps = 17 if gps_ms < LEAP + 1000 else 18
    return (gps_ms - leaps * 1000 + 3 * HOUR) % DAY_MS


def across_leap_second(*, gps: bool, day: bool = True) -> tuple[list[bytes], list[int]]:
    payloads, times = [], []
    for time in range(LEAP - 5000, LEAP + 6000, 500):
        if gps:
            payloads.append(msm(1074, time % WEEK_MS, satellites=[], signals=[]))
            times.append(time)
        payloads.append(msm(1084, glonass(0 if day else 7, of_day(time)), satellites=[], signals=[]))
        times.append(time)
    return payloads, times


@pytest.mark.parametrize("day", [True, False])
def test_t06_glonass_stays_with_gps_through_a_leap_second(day: bool) -> None:
    """T06: the second before and the second after midnight UTC have one name in GLONASS time."""
    payloads, times = across_leap_second(gps=True, day=day)
    assert dated(payloads, times[0] - 60_000) == times
    assert dated(payloads, times[-1] + 60_000) == times
    last = times[0]
    for payload, time in zip(payloads, times, strict=True):
        (last,) = dated([payload], last)
        assert last == time


def test_glonass_alone_through_a_leap_second() -> None:
    payloads, times = across_leap_second(gps=False)
    found = dated(payloads, times[0])
    assert [abs(a - b) for a, b in zip(found, times, strict=True) if a != b] in ([], [1000] * 2)
    assert found[:12] == times[:12]
    assert found[14:] == times[14:]


@pytest.mark.parametrize("away_h", [-80, -1, 1, 80])
def test_references_on_the_other_side_of_a_leap_second(away_h: int) -> None:
    for time in (LEAP - 2000, LEAP - 1, LEAP + 2000, LEAP + 12 * HOUR, LEAP - 12 * HOUR):
        there = GPS_EPOCH + timedelta(milliseconds=time - (17_000 if time < LEAP else 18_000), hours=3)
        payload = msm(1084, glonass(there.isoweekday() % 7, of_day(time)), satellites=[], signals=[])
        assert dated([payload], time + away_h * HOUR) == [time]


# --- blocks ------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([NOW, LEAP - 3000, from_iso("2038-11-20T23:59:50"), from_iso("2026-11-21T21:00:10")]),
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from([0, 0, 1000, 500, 30_000, -1000, HOUR, 11 * HOUR]),
            st.booleans(),
        ),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 24),
)
def test_blocks_divided_anywhere_give_the_same_times(
    start: int, steps: list[tuple[int, int, bool]], cut: int
) -> None:
    payloads, time = [], start
    for system, step, day in steps:
        time += step
        number, of_a_day = (0, of_day(time)) if abs(start - LEAP) < HOUR else moscow(time)
        if abs(start - LEAP) < HOUR and abs(time - LEAP) > 2 * HOUR:
            number = moscow(time)[0]
        epoch = (
            glonass(number if day else 7, of_a_day)
            if system == 1
            else (time - 14_000 * (system == 5)) % WEEK_MS
        )
        payloads.append(msm(1074 + 10 * system, epoch, satellites=[], signals=[]))
    whole = dated(payloads, start)
    cut = min(cut, len(payloads))
    first = dated(payloads[:cut], start) if cut else []
    then = dated(payloads[cut:], first[-1] if first else start) if cut < len(payloads) else []
    assert first + then == whole
