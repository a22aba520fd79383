"""Tables that others made, as rows of plain values: CSV in the encodings of China, Excel workbooks.

All of it is untrusted: how much is read, unpacked and kept is bounded, formulas are never worked out, and
what stands in a cell is a value or nothing.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 32 << 20  # of a file
MAX_UNPACKED = 64 << 20  # of all that a workbook holds
MAX_PARTS = 1_000
MAX_ROWS, MAX_COLUMNS, MAX_CELL = 20_000, 200, 4_000
ENCODINGS = ("utf-8-sig", "gb18030")  # GB 18030 holds GBK and GB 2312


_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d{1,10})"')


class SheetRefused(Exception):
    """The file is no table that can be read; what was expected."""


class Row(NamedTuple):
    number: int  # as the spreadsheet counts them, from 1
    cells: tuple[object, ...]  # str, int, float, bool, date, datetime or None


def read_table(path: Path, sheet: str = "", encoding: str = "") -> list[Row]:
    """The rows of a .csv or .xlsx file that hold anything.

    Raises SheetRefused.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise SheetRefused(f"{fault.strerror}: expected a file that can be read") from None
    if len(data) > MAX_BYTES:
        raise SheetRefused(f"more than {MAX_BYTES >> 20} MiB: expected a table of stations")
    return rows_of_workbook(data, sheet) if data.startswith(b"PK") else rows_of_csv(data, encoding)


def rows_of_csv(data: bytes, encoding: str = "") -> list[Row]:
    """Rows of CSV in UTF-8 or GBK, separated by commas, semicolons or tabs.  Raises SheetRefused."""
    text = _decoded(data, encoding)
    if "\0" in text:
        raise SheetRefused("not a table: expected .csv or .xlsx")
    first = text.partition("\n")[0]
    delimiter = max(",;\t，", key=first.count)
    if delimiter == "，":
        raise SheetRefused("full-width commas between the headings: expected commas")
    csv.field_size_limit(MAX_CELL)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return _bounded(list[object](cells) for cells in lines)
    except csv.Error as fault:
        raise SheetRefused(f"not CSV: {fault}") from None


def rows_of_workbook(data: bytes, sheet: str = "") -> list[Row]:
    """Rows of the first sheet, or of the one of that name.  Raises SheetRefused."""
    _check_parts(data)
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except Exception as fault:  # noqa: BLE001  whatever a reader of foreign XML may raise
        raise SheetRefused(f"not a workbook ({type(fault).__name__}): expected .xlsx") from None
    try:
        names = book.sheetnames
        if sheet and sheet not in names:
            raise SheetRefused(f'no sheet "{sheet}": expected one of {", ".join(names[:20])}')
        chosen = book[sheet] if sheet else book.worksheets[0]
        # What a sheet says of its own size is not believed.
        chosen.reset_dimensions()
        rows = chosen.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1, max_row=MAX_ROWS + 2)
        return _bounded(list(row) for row in rows)
    except SheetRefused:
        raise
    except Exception as fault:  # noqa: BLE001  as above
        raise SheetRefused(f"a sheet that cannot be read ({type(fault).__name__}): expected .xlsx") from None
    finally:
        book.close()


def _check_parts(data: bytes) -> None:
    """How much it would be, before it is unpacked: zipfile gives no more of a part than that announces."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise SheetRefused(
                    f"unpacks to more than {MAX_UNPACKED >> 20} MiB: expected a table of stations"
                )
            if any(part.flag_bits & 1 for part in parts):
                raise SheetRefused("protected by a password: expected a workbook without one")
            for part in parts:
                _check_xml(packed, part)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, EOFError) as fault:
        raise SheetRefused(f"not a workbook ({type(fault).__name__}): expected .xlsx") from None


def _check_xml(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """No document types: entities in them make gigabytes of a line.  In no encoding that would hide one."""
    if not part.filename.endswith((".xml", ".rels")):
        return
    with packed.open(part) as file:
        data = file.read()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:  # no NUL: it is no UTF-16 either
        raise SheetRefused(f"{part.filename[:80]}: a document type, or no UTF-8: expected a plain workbook")
    # A row may say that it is the millionth: those between would be made up one by one.
    if any(int(number) > MAX_ROWS + 1 for number in _ROW.findall(data)):
        raise SheetRefused(
            f"{part.filename[:80]}: more than {MAX_ROWS} rows: expected no rows far below the table"
        )


def _decoded(data: bytes, encoding: str) -> str:
    for name in (encoding,) if encoding else ENCODINGS:
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
        except LookupError:
            raise SheetRefused(
                f'encoding "{encoding}": expected utf-8, gbk or another that Python knows'
            ) from None
    raise SheetRefused("neither UTF-8 nor GBK: expected one of them, or --encoding NAME")


def _bounded(rows: Iterable[list[object]]) -> list[Row]:
    """Rows with anything in them, within all bounds.  Raises SheetRefused."""
    found = []
    for number, cells in enumerate(rows, 1):
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if cells and number > MAX_ROWS + 1:
            raise SheetRefused(f"more than {MAX_ROWS} rows: expected fewer, or several files")
        if len(cells) > MAX_COLUMNS:
            raise SheetRefused(f"row {number}: more than {MAX_COLUMNS} columns")
        if any(isinstance(cell, str) and len(cell) > MAX_CELL for cell in cells):
            raise SheetRefused(f"row {number}: a cell with more than {MAX_CELL} characters")
        if cells:
            found.append(Row(number, tuple(cells)))
    return found
