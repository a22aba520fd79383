"""Time scales against published dates: IERS Bulletin C, the calendar, ICDs' offsets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hncors import gpstime
from hncors.gpstime import DAY_MS, WEEK_MS, from_iso, from_unix_ns, iso, leap_seconds, nearest, to_unix_ns

# Days that began after a leap second: IERS Bulletin C, all since GPS time began.
AFTER_LEAP_SECONDS = (
    "1981-07-01 1982-07-01 1983-07-01 1985-07-01 1988-01-01 1990-01-01 1991-01-01 1992-07-01 1993-07-01 "
    "1994-07-01 1996-01-01 1997-07-01 1999-01-01 2006-01-01 2009-01-01 2012-07-01 2015-07-01 2017-01-01"
).split()
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_s(date: str) -> int:
    return round((datetime.fromisoformat(date).replace(tzinfo=UTC) - UNIX_EPOCH).total_seconds())


def gps_s(date: str, leaps: int) -> int:
    """GPS seconds of a UTC date, with the leap seconds that there were."""
    return round((datetime.fromisoformat(date).replace(tzinfo=UTC) - GPS_EPOCH).total_seconds()) + leaps


@pytest.mark.parametrize(("leaps", "date"), [(n, date) for n, date in enumerate(AFTER_LEAP_SECONDS, 1)])
def test_there_and_back_across_each_leap_second(leaps: int, date: str) -> None:
    start_ms = gps_s(date, leaps) * 1000  # 00:00:00 after the leap second
    start_ns = unix_s(date) * 1_000_000_000
    assert leap_seconds(start_ms) == leaps
    assert leap_seconds(start_ms - 1) == leaps - 1
    assert leap_seconds(start_ms - 1001) == leaps - 1
    assert from_unix_ns(start_ns) == start_ms
    assert from_unix_ns(start_ns - 1) == start_ms - 1001  # 23:59:59.999999999, the leap second not yet begun
    assert to_unix_ns(start_ms) == start_ns
    assert to_unix_ns(start_ms - 1001) == start_ns - 1_000_000
    # 23:59:60 has no number of its own in Unix time: it goes by those of the second after it.
    assert to_unix_ns(start_ms - 1000) == start_ns
    assert to_unix_ns(start_ms - 400) == start_ns + 600_000_000
    both = np.array([start_ms - 1001, start_ms - 1000, start_ms, start_ms + 1])
    assert gpstime.to_unix_ms(both).tolist() == [to_unix_ns(int(ms)) // 1_000_000 for ms in both]


def test_t06_leap_seconds_are_those_of_the_published_list() -> None:
    path = Path("/usr/share/zoneinfo/leap-seconds.list")  # tzdata's copy of IERS' own file
    if not path.is_file():
        pytest.skip("no /usr/share/zoneinfo/leap-seconds.list")
    ntp_epoch_s = unix_s("1900-01-01")
    lines = path.read_text().splitlines()
    listed = [tuple(map(int, line.split()[:2])) for line in lines if line and line[0] != "#"]
    for ntp_s, tai_minus_utc in listed:
        if ntp_s + ntp_epoch_s >= unix_s("1980-01-06"):
            gps_ms = (ntp_s + ntp_epoch_s - unix_s("1980-01-06") + tai_minus_utc - 19) * 1000
            assert leap_seconds(gps_ms) == tai_minus_utc - 19, ntp_s
            assert leap_seconds(gps_ms - 1) == tai_minus_utc - 20, ntp_s
    expires = next(int(line.split()[1]) for line in lines if line.startswith("#@")) + ntp_epoch_s
    # A list newer than ours must not know a leap second that ours lacks.
    assert leap_seconds(from_unix_ns(expires * 1_000_000_000)) == listed[-1][1] - 19


def test_t06_expiry_of_the_list() -> None:
    day = from_iso("2026-06-28T00:00:00Z")
    assert gpstime.leap_table_expired(day)
    assert not gpstime.leap_table_expired(day - 1)
    assert leap_seconds(day + 20 * 365 * DAY_MS) == 18


@given(st.integers(0, 2**41))
def test_gps_to_unix_and_back_everywhere(gps_ms: int) -> None:
    back = from_unix_ns(to_unix_ns(gps_ms))
    in_leap_second = leap_seconds(gps_ms + 1000) != leap_seconds(gps_ms)
    assert back == gps_ms + (1000 if in_leap_second else 0)


@given(
    st.integers(GPS_EPOCH.toordinal(), datetime(2079, 1, 1, tzinfo=UTC).toordinal()),
    st.integers(0, DAY_MS - 1),
)
def test_unix_to_gps_and_back_everywhere(day: int, ms: int) -> None:
    ns = (day - UNIX_EPOCH.toordinal()) * DAY_MS * 1_000_000 + ms * 1_000_000 + 999_999
    assert to_unix_ns(from_unix_ns(ns)) == ns - 999_999


def test_iso_texts() -> None:
    assert iso(0) == "1980-01-06T00:00:00"
    assert iso(2426 * WEEK_MS + 59_901_001) == "2026-07-05T16:38:21.001"
    assert from_iso("2026-07-05T16:38:21.001") == 2426 * WEEK_MS + 59_901_001
    assert from_iso("2022-12-13T01:09:00Z") == from_iso("2022-12-13T01:09:18")
    assert from_iso("2022-12-13T09:09:00+08:00") == from_iso("2022-12-13T01:09:18")
    assert from_iso("1980-01-06") == 0
    for text in ("1980-01-05T23:59:59", "noon", "2022-13-01", ""):
        with pytest.raises(ValueError, match=r".+"):
            from_iso(text)


@given(st.integers(0, 2**41))
def test_iso_and_back(gps_ms: int) -> None:
    assert from_iso(iso(gps_ms)) == gps_ms
    assert iso(gps_ms) == (GPS_EPOCH + timedelta(milliseconds=gps_ms)).strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{gps_ms % 1000:03d}" if gps_ms % 1000 else ""
    )


@given(st.integers(1, 8192), st.integers(-20_000, 20_000), st.integers(-20_000, 20_000))
def test_nearest_is_the_nearest(modulus: int, value: int, reference: int) -> None:
    found = nearest(value, modulus, reference)
    assert (found - value) % modulus == 0
    assert abs(found - reference) * 2 <= modulus
    assert nearest(np.array([value]), modulus, np.array([reference])).tolist() == [found]


def test_t02_ten_bit_weeks_at_all_offsets() -> None:
    """T02: the week nearest to the reference, by trying all of them."""
    for reference in (0, 600, 1023, 1024, 1535, 2047, 2048, 2426, 3071, 3072):
        for true in range(max(reference - 511, 0), reference + 512):
            assert gpstime.full_week("G", true % 1024, reference * WEEK_MS + 5) == true


@pytest.mark.parametrize(
    ("system", "first", "modulus"),
    [("G", 0, 1024), ("J", 0, 1024), ("I", 1024, 1024), ("E", 1024, 4096), ("C", 1356, 8192)],
)
@pytest.mark.parametrize("year", [2006, 2019, 2026, 2038, 2039, 2044])
def test_t03_weeks_of_every_system(system: str, first: int, modulus: int, year: int) -> None:
    """First weeks: IS-GPS-200 20.3.3.3.1.1, Galileo OS SIS ICD 5.1.2, BDS-SIS-ICD 3.2 (2006-01-01)."""
    true = (datetime(year, 11, 23, tzinfo=UTC) - GPS_EPOCH).days // 7
    assert gpstime.full_week(system, (true - first) % modulus, true * WEEK_MS) == true
    if modulus > 1024:  # no era in sight: a reference decades off does no harm
        assert gpstime.full_week(system, (true - first) % modulus, (true - 1500) * WEEK_MS) == true


def test_t05_the_week_after_the_rollover_of_2038() -> None:
    rollover = from_iso("2038-11-21")  # T05: GPS week 3072 = 3 x 1024 begins
    assert rollover == 3072 * WEEK_MS
    assert gpstime.full_week("G", 0, rollover - 1) == 3072
    assert gpstime.full_week("G", 1023, rollover) == 3071
    assert gpstime.week_and_tow_ms(rollover - 1) == (3071, WEEK_MS - 1)
    assert gpstime.week_and_tow_ms(rollover) == (3072, 0)


def test_offsets_of_beidou() -> None:
    # BDT began on 2006-01-01 00:00:00 UTC, when GPS - UTC was 14 s.
    assert from_iso("2006-01-01T00:00:00Z") == 1356 * WEEK_MS + gpstime.BEIDOU_OFFSET_MS


def test_glonass_time_of_week() -> None:
    # Monday 00:00 in Moscow is Sunday 21:00 UTC (GLONASS ICD 3.3.3), 21:00:18 GPS time since 2017.
    tow = gpstime.glonass_to_gps_ms(np.array([0, 10_800_000, 86_400_999]), np.array([1, 0, 0]), 18)
    sunday_9pm = 21 * 3_600_000 + 18_000
    assert tow.tolist() == [sunday_9pm, 18_000, sunday_9pm + 999]


@pytest.mark.parametrize(
    ("interval", "day", "moscow_midnight"),
    [
        (1, 1, "1995-12-31T21:00:00Z"),
        (7, 1, "2019-12-31T21:00:00Z"),
        (7, 366, "2020-12-30T21:00:00Z"),  # 2020 was a leap year: day 366 is 31 December
        (7, 367, "2020-12-31T21:00:00Z"),
        (7, 1461, "2023-12-30T21:00:00Z"),
        (8, 1058, "2026-11-22T21:00:00Z"),
    ],
)
def test_glonass_dates(interval: int, day: int, moscow_midnight: str) -> None:
    assert gpstime.glonass_date(interval, day) == from_iso(moscow_midnight)
