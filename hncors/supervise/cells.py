"""Cells of a filing table as values of a station file: numbers, degrees, days, words, yes or no.

Each reader raises ValueError with what was expected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime

_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,15})?")
_DEGREES = re.compile(
    r"(?P<sign>[+-]?)(?P<d>\d{1,3})\s*[°度]\s*((?P<m>\d{1,2})\s*['′分]\s*)?((?P<s>\d{1,2}(\.\d{1,12})?)\s*[\"″秒]\s*)?"
)
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
YES, NO = {"是", "有", "yes", "y", "true", "1"}, {"否", "无", "no", "n", "false", "0"}


def word(cell: object) -> str:
    """Text; a number becomes its digits, without the .0 that a spreadsheet puts there."""
    if isinstance(cell, bool | date | datetime):
        raise ValueError("text")
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    return str(cell).strip()


def number(cell: object) -> float:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if cell != cell or cell in (float("inf"), float("-inf")):
            raise ValueError("a number")
        return float(cell)
    text = _ascii(cell)
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number such as 75.1, with a point and without a unit")
    return float(text)


def degrees(cell: object) -> float:
    """Decimal degrees, or degrees, minutes and seconds with their signs."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return number(cell)
    text = _ascii(cell)
    if _NUMBER.fullmatch(text):
        return float(text)
    found = _DEGREES.fullmatch(text)
    minutes, seconds = (float(found[name] or 0) for name in "ms") if found else (60.0, 60.0)
    if found is None or minutes >= 60 or seconds >= 60:
        raise ValueError("degrees such as 112.9512, or 112°57'4.3\"")
    sign = -1.0 if found["sign"] == "-" else 1.0
    return sign * round(float(found["d"]) + minutes / 60 + seconds / 3600, 12)


def day(cell: object) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    found = _DAY.fullmatch(_ascii(cell))
    try:
        if found is not None:
            return date(*map(int, found.groups()))
    except ValueError:
        pass  # such as the 30th of February
    raise ValueError("a day such as 2025-03-01 or 2025年3月1日")


def yes(cell: object) -> bool:
    if isinstance(cell, bool):
        return cell
    text = word(cell).casefold()
    if text not in YES | NO:
        raise ValueError("是 or 否, yes or no")
    return text in YES


def words(cell: object) -> list[str]:
    """Names between commas, semicolons or 、."""
    return [part.strip() for part in re.split("[,;，；、]", word(cell)) if part.strip()]


def _ascii(cell: object) -> str:
    """With full-width digits and signs made plain ones; not primes, which degrees need."""
    return unicodedata.normalize("NFKC", word(cell).replace("″", '"').replace("′", "'").replace("−", "-"))


READERS: Mapping[str, Callable[[object], object]] = {
    "word": word,
    "number": number,
    "degrees": degrees,
    "day": day,
    "yes": yes,
    "words": words,
}
