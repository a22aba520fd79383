"""Time, as integer milliseconds of GPS time since 1980-01-06 00:00:00.

The one module that knows the scales of the satellite systems (offsets to GPS time):

    GPS, QZSS, SBAS, NavIC   the same scale                      IS-GPS-200; RTCM 10403.3 DF004, DF428
    Galileo                  the same, week 0 = GPS week 1024     Galileo OS SIS ICD, section 5.1.2
    BeiDou                   14 s behind, week 0 = GPS week 1356  BDS-SIS-ICD, section 3.2
    GLONASS                  UTC + 3 h, by day of week            GLONASS ICD, section 3.3; DF034, DF416

What is sent is always cut to a week (or a day, or 1,024 weeks); the rest is found by taking the
value nearest to a reference, never by "plus one". No clock is read here.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import overload

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
BEIDOU_OFFSET_MS = 14_000
BEIDOU_FIRST_WEEK = 1356
GALILEO_FIRST_WEEK = 1024
GLONASS_OFFSET_MS = 3 * 3_600_000
GPS_EPOCH_UNIX_S = 315_964_800
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)

# UTC days since 1970 at whose start one more second separates GPS time from UTC (IERS Bulletin C,
# as listed in tzdata's leap-seconds.list). GPS - UTC was 0 in 1980.
_LEAP_UNIX_S = np.fromstring(
    "362793600 394329600 425865600 489024000 567993600 631152000 662688000 709948800 741484800 773020800"
    " 820454400 867715200 915148800 1136073600 1230768000 1341100800 1435708800 1483228800",
    np.int64,
    sep=" ",
)
# The same instants in GPS time: second number n starts when GPS is already n seconds ahead.
_LEAP_GPS_MS = (_LEAP_UNIX_S - GPS_EPOCH_UNIX_S + np.arange(1, len(_LEAP_UNIX_S) + 1)) * 1000

# As plain numbers, for single times: a look-up in an array costs twenty times as much.
_LEAPS_UNIX_S: list[int] = _LEAP_UNIX_S.tolist()
_LEAPS_GPS_MS: list[int] = _LEAP_GPS_MS.tolist()

# The list promises nothing beyond this day: "File expires on 28 June 2026".
LEAP_TABLE_EXPIRES_GPS_MS = (1782604800 - GPS_EPOCH_UNIX_S + 18) * 1000

Ints = NDArray[np.int64]


def leap_seconds(gps_ms: int) -> int:
    """GPS - UTC in seconds at a GPS time."""
    return bisect_right(_LEAPS_GPS_MS, gps_ms)


def leap_table_expired(gps_ms: int) -> bool:
    """True when the leap second table says nothing about this time."""
    return gps_ms >= LEAP_TABLE_EXPIRES_GPS_MS


def from_unix_ns(unix_ns: int) -> int:
    """GPS milliseconds (rounded down) of a UTC time in nanoseconds since 1970."""
    unix_s = unix_ns // 1_000_000_000
    leaps = bisect_right(_LEAPS_UNIX_S, unix_s)
    return unix_ns // 1_000_000 + (leaps - GPS_EPOCH_UNIX_S) * 1000


def to_unix_ns(gps_ms: int) -> int:
    """UTC nanoseconds since 1970 of a GPS time; the leap second itself repeats the second after it."""
    return (gps_ms + (GPS_EPOCH_UNIX_S - leap_seconds(gps_ms)) * 1000) * 1_000_000


def iso(gps_ms: int) -> str:
    """ISO 8601 text of a GPS time, in GPS time (no leap seconds, so no "Z")."""
    text = (
        (GPS_EPOCH + timedelta(milliseconds=gps_ms)).replace(tzinfo=None).isoformat(timespec="milliseconds")
    )
    return text.removesuffix(".000")


def from_iso(text: str) -> int:
    """GPS milliseconds of ISO 8601 text: GPS time, or UTC when it ends in Z or an offset.

    Raises ValueError for what is not ISO 8601 or lies before 1980-01-06.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        gps_ms = round((moment.replace(tzinfo=UTC) - GPS_EPOCH) / timedelta(milliseconds=1))
    else:
        gps_ms = from_unix_ns(
            round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000
        )
    if gps_ms < 0:
        raise ValueError(f"{text} is before GPS time began on 1980-01-06")
    return gps_ms


@overload
def nearest(value: int, modulus: int, reference: int) -> int: ...
@overload
def nearest(value: Ints, modulus: int, reference: int | Ints) -> Ints: ...
def nearest(value: int | Ints, modulus: int, reference: int | Ints) -> int | Ints:
    """The number congruent to `value` that lies nearest to `reference` (within half of `modulus`)."""
    return value + (reference - value + modulus // 2) // modulus * modulus


def week_and_tow_ms(gps_ms: int) -> tuple[int, int]:
    """GPS week number and milliseconds into it."""
    return divmod(gps_ms, WEEK_MS)


def full_week(system: str, week: int, reference_gps_ms: int) -> int:
    """GPS week number of the week field of an ephemeris, era nearest to the reference.

    `system` is a RINEX letter. GPS and QZSS send 10 bits (DF076), Galileo 12 bits from its own
    week 0 (DF289), BeiDou 13 bits from its own (DF489), NavIC 10 bits of a week that began with
    GPS week 1024 (DF514; 1024 is a whole era, so it reads as GPS').
    """
    first, modulus = {"E": (GALILEO_FIRST_WEEK, 4096), "C": (BEIDOU_FIRST_WEEK, 8192)}.get(system, (0, 1024))
    return nearest(first + week, modulus, reference_gps_ms // WEEK_MS)


# --- epoch times of observation messages -------------------------------------------------------

GLONASS_DAY_UNKNOWN = 7
GLONASS_TIME_OF_DAY_LIMIT_MS = 86_401_000  # DF034 reaches 86,400,999 in a leap second


def glonass_to_gps_ms(time_of_day_ms: Ints, day: Ints, leap_s: Ints | int) -> Ints:
    """GPS time of week (not folded) of GLONASS day of week (Sunday is 0) and time of day."""
    return day * DAY_MS + time_of_day_ms - GLONASS_OFFSET_MS + leap_s * 1000


def glonass_date(interval: int, day: int) -> int:
    """GPS milliseconds at 00:00 Moscow time of a GLONASS date.

    `interval` is N4, four-year intervals from 1996 counted from 1 (DF134); `day` is NT, day of the
    interval counted from 1 (DF129). Leap seconds are those of that day.
    """
    start = datetime(1996 + 4 * (interval - 1), 1, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=-3)
    return from_unix_ns(int(start.timestamp()) * 1_000_000_000)


def to_unix_ms(gps_ms: Ints) -> Ints:
    """UTC milliseconds since 1970 of an array of GPS times."""
    leaps = np.searchsorted(_LEAP_GPS_MS, gps_ms, side="right")
    return gps_ms + (GPS_EPOCH_UNIX_S - leaps) * 1000


def from_unix_ns_each(unix_ns: Ints) -> Ints:
    """GPS milliseconds (rounded down) of an array of UTC times in nanoseconds since 1970."""
    leaps = np.searchsorted(_LEAP_UNIX_S, unix_ns // 1_000_000_000, side="right")
    return unix_ns // 1_000_000 + (leaps - GPS_EPOCH_UNIX_S) * 1000
