"""Months and deadlines: 月发现、月处置、月清零, found, handled and cleared by the month.

The plan of Hunan (湖南省“十四五”自然资源发展规划) gives the three words and no number of days.  Read here
as they stand: what is found in a month is handled and cleared by the end of that month.  What is found so
late that this could not be done has until the end of the next one.  All three numbers are the office's to
set (`[ledger]`).

Months are of China's civil time, UTC+8 without summer time since 1992.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

CHINA = timezone(timedelta(hours=8))
SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clearance(NamedTuple):
    """By when cases are to be handled and cleared."""

    handle_months: int = 0  # to the end of the month of discovery and so many more
    clear_months: int = 0
    late_days: int = 10  # found with less of the month left than this: a month more


BY_THE_MONTH = Clearance()


class Deadlines(NamedTuple):
    """UTC nanoseconds since 1970; the first moment that is too late."""

    handle_by_ns: int
    clear_by_ns: int


def month_of(at_ns: int) -> str:
    """The month, such as "2026-11", of UTC nanoseconds since 1970."""
    return f"{_civil(at_ns):%Y-%m}"


def date_of(at_ns: int) -> str:
    """The day, such as "2026-11-26"."""
    return f"{_civil(at_ns):%Y-%m-%d}"


def minute_of(at_ns: int) -> str:
    """The minute, such as "2026-11-26 09:48"."""
    return f"{_civil(at_ns):%Y-%m-%d %H:%M}"


def bounds_ns(month: str) -> tuple[int, int]:
    """First moment of a month and of the next.  Raises ValueError unless it is written as 2026-11."""
    if not re.fullmatch(r"(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])", month):
        raise ValueError("a month such as 2026-11")
    number = _number(month)
    return _begin_ns(number), _begin_ns(number + 1)


def months_before(month: str, count: int) -> list[str]:
    """So many months in order, the last of them `month`."""
    last = _number(month)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(last - count + 1, last + 1)]


def deadlines(found_ns: int, clearance: Clearance = BY_THE_MONTH) -> Deadlines:
    """By when what was found at `found_ns` is to be handled and cleared."""
    number = _number(month_of(found_ns))
    left_ns = _begin_ns(number + 1) - found_ns
    late = left_ns < clearance.late_days * 86_400 * SECOND_NS
    last = number + late + 1
    return Deadlines(_begin_ns(last + clearance.handle_months), _begin_ns(last + clearance.clear_months))


def _civil(at_ns: int) -> datetime:
    return (_EPOCH + timedelta(seconds=at_ns // SECOND_NS)).astimezone(CHINA)


def _number(month: str) -> int:
    year, _, of_year = month.partition("-")
    return int(year) * 12 + int(of_year) - 1


def _begin_ns(number: int) -> int:
    begin = datetime(number // 12, number % 12 + 1, 1, tzinfo=CHINA)
    return (begin - _EPOCH) // timedelta(seconds=1) * SECOND_NS
