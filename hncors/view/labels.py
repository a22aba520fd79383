"""Labels of series, made once for as long as the same series are there.

Half a million tuples take longer to make than all else of a scrape, and from one scrape to the next they are
the same, or nearly: signals come and go. Of each metric those of one list of stations are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hncors.observation import I64

Labels = tuple[str, ...]


class _Made:
    """Labels of one metric: a place for each row with each of the words, filled when first asked for."""

    def __init__(self, ids: Sequence[str], words: Sequence[Labels]) -> None:
        self.of = ids, words
        self._table = np.empty(len(ids) * len(words), object)
        self._there = np.zeros(len(self._table), bool)
        self._at: I64 = np.empty(0, np.int64)
        self._labels: tuple[Labels, ...] = ()

    def get(self, at: I64) -> tuple[Labels, ...]:
        if np.array_equal(at, self._at):
            return self._labels
        new = at[~self._there[at]]
        if len(new):
            ids, words = self.of
            for place in new.tolist():
                row, number = divmod(place, len(words))
                self._table[place] = (ids[row], *words[number])
            self._there[new] = True
        self._at, self._labels = at, tuple(self._table[at].tolist())
        return self._labels


_made: dict[str, _Made] = {}  # by metric; what names stations, not what is known of them


def labels_of(
    metric: str, ids: Sequence[str], rows: I64, numbers: I64 | None = None, words: Sequence[Labels] = ((),)
) -> tuple[Labels, ...]:
    """Of series k of `metric` the station `ids[rows[k]]`, and the labels `words[numbers[k]]` after it.

    The same tuple as last time where nothing has changed, so that whoever keeps it can tell at a glance.
    """
    made = _made.get(metric)
    if made is None or made.of != (ids, words):
        made = _made[metric] = _Made(ids, words)
    return made.get(rows if numbers is None else rows * len(words) + numbers)


def each_with(rows: I64, words: Sequence[Labels]) -> tuple[I64, I64]:
    """Rows and numbers for `labels_of` where every row has a series with each of `words`."""
    numbers: I64 = np.tile(np.arange(len(words)), len(rows))
    return rows.repeat(len(words)), numbers


def singly(words: Sequence[str]) -> tuple[Labels, ...]:
    """Labels of one word each."""
    return tuple((word,) for word in words)


def places(there: NDArray[np.bool_]) -> tuple[I64, I64]:
    """What `np.nonzero` gives of a mask of two axes, in a quarter of the time."""
    rows, columns = np.divmod(np.flatnonzero(there), there.shape[1])
    return rows, columns
