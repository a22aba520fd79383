"""Tables for a spreadsheet: CSV that Excel opens with its Chinese right, and that runs nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from hncors.text import printable

BOM = "\ufeff"  # by which Excel tells UTF-8
CELL = 4000  # characters
_BEGINS_A_FORMULA = tuple("=+-@＝＋－＠")


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The table with a byte order mark, lines ending as RFC 4180 has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    return BOM + text.getvalue()


def cell(value: object) -> object:
    """A value as a spreadsheet may have it: a text that would be a formula begins with an apostrophe.

    OWASP, "CSV Injection"; full-width signs are formulas in some versions of Excel too.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        safe = printable(value, CELL)
        return f"'{safe}" if safe.lstrip().startswith(_BEGINS_A_FORMULA) else safe
    return value
