"""Ephemerides and day numbers of any time, laid by the calendar: 1013, 1019, 1020, 1029, 1042, 1046."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ephemeris_material import laid, possible
from wire import DAY_MS, bits, framed, lay

WEEK_MS = 7 * DAY_MS
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)


def gps(satellite: int, toe_ms: int) -> bytes:
    toe = toe_ms % WEEK_MS // 16_000
    raw = possible(1019, satellite=satellite, week=toe_ms // WEEK_MS % 1024, toe_s=toe, toc_s=toe)
    return framed(laid(1019, raw))


def galileo(satellite: int, toe_ms: int, number: int = 1046) -> bytes:
    toe = toe_ms % WEEK_MS // 60_000
    raw = possible(number, satellite=satellite, week=toe_ms // WEEK_MS - 1024, toe_s=toe, toc_s=toe)
    return framed(laid(number, raw | {"sqrt_a_sqrt_m": 5440 << 19}))


def beidou(satellite: int, toe_ms: int) -> bytes:
    week, toe = divmod(toe_ms - 14_000, WEEK_MS)
    raw = possible(1042, satellite=satellite, week=week - 1356, toe_s=toe // 8000, toc_s=toe // 8000)
    return framed(laid(1042, raw))


def glonass(satellite: int, tb_ms: int) -> bytes:
    """Quarters of an hour of a day in Moscow, counted from 1 January of the last leap year."""
    there = GPS_EPOCH + timedelta(milliseconds=tb_ms - 18_000, hours=3)
    first = datetime(there.year // 4 * 4, 1, 1, tzinfo=UTC)
    quarter = (there - there.replace(hour=0, minute=0, second=0)).seconds // 900
    raw = possible(1020, satellite=satellite, tb_s=quarter, day=(there - first).days + 1)
    return framed(laid(1020, raw))


def day_of_1013(gps_ms: int, station: int = 7) -> bytes:
    utc = gps_ms - 18_000
    fields = [
        (1013, 12),
        (station, 12),
        (44244 + utc // DAY_MS, 16),
        (utc % DAY_MS // 1000, 17),
        (0, 5),
        (18, 8),
    ]
    return framed(bits(lay(*fields)))


def day_of_1029(gps_ms: int, station: int = 7) -> bytes:
    utc = gps_ms - 18_000
    fields = [
        (1029, 12),
        (station, 12),
        (44244 + utc // DAY_MS, 16),
        (utc % DAY_MS // 1000, 17),
        (2, 7),
        (2, 8),
    ]
    return framed(bits(lay(*fields, (0x48, 8), (0x69, 8))))
