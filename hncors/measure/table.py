"""State of many streams as columns, and one stream's part of it as an object.

What is done for all streams at once reads and writes whole columns of a `Table`. What is rare is done to one
stream the simple way, by a `Row`, some of whose attributes are its places in the columns.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import NDArray

NEVER = -(1 << 62)  # in a column of times, where a row says None; far enough from the ends to subtract


class Table:
    """Columns of one length. `FIRST` names them, with what a row holds at first (a number, or an array)."""

    FIRST: ClassVar[dict[str, Any]] = {}
    _row: ClassVar[dict[str, NDArray[Any]]] = {}

    def __init_subclass__(cls) -> None:
        cls._row = {name: np.asarray(first)[None] for name, first in cls.FIRST.items()}

    def __init__(self, rows: int) -> None:
        for name, row in self._row.items():
            setattr(self, name, row.repeat(rows, axis=0))


class Row:
    """An object of one stream."""

    __slots__ = ("columns", "number")
    TABLE: ClassVar[type[Table]] = Table
    columns: Any
    number: int

    def stand_alone(self) -> None:
        """Have a table to itself; what a Row does first."""
        self.columns, self.number = self.TABLE(1), 0

    def enter_table(self, table: Table, number: int) -> None:
        """Be this row of a table from now on, with the values there are."""
        for name in table.FIRST:
            getattr(table, name)[number] = getattr(self.columns, name)[self.number]
        self.columns, self.number = table, number


class _Place:
    """An attribute of a Row that is in its table's column of the same name."""

    def __set_name__(self, owner: type[Row], name: str) -> None:
        self._name = name

    def column(self, row: Row) -> NDArray[Any]:
        found: NDArray[Any] = getattr(row.columns, self._name)
        return found


class Number(_Place):
    """A whole number."""

    @overload
    def __get__(self, row: None, owner: type[Row]) -> Self: ...
    @overload
    def __get__(self, row: Row, owner: type[Row]) -> int: ...
    def __get__(self, row: Row | None, owner: type[Row]) -> Self | int:
        return self if row is None else int(self.column(row).item(row.number))

    def __set__(self, row: Row, value: int) -> None:
        self.column(row)[row.number] = value


class Flag(_Place):
    """True or false."""

    @overload
    def __get__(self, row: None, owner: type[Row]) -> Self: ...
    @overload
    def __get__(self, row: Row, owner: type[Row]) -> bool: ...
    def __get__(self, row: Row | None, owner: type[Row]) -> Self | bool:
        return self if row is None else bool(self.column(row).item(row.number))

    def __set__(self, row: Row, value: bool) -> None:
        self.column(row)[row.number] = value


class Maybe(_Place):
    """A whole number that may be None: NEVER in the column."""

    @overload
    def __get__(self, row: None, owner: type[Row]) -> Self: ...
    @overload
    def __get__(self, row: Row, owner: type[Row]) -> int | None: ...
    def __get__(self, row: Row | None, owner: type[Row]) -> Self | int | None:
        if row is None:
            return self
        value = int(self.column(row).item(row.number))
        return None if value == NEVER else value

    def __set__(self, row: Row, value: int | None) -> None:
        self.column(row)[row.number] = NEVER if value is None else value
