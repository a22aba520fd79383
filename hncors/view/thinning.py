"""Long series drawn with few points and looking the same.

Of all values that fall on one column of an image the first, the last, the least and the greatest are kept
(M4: Jugel, Jerzak, Hackenbroich and Markl 2014, "M4: a visualization-oriented time series data aggregation",
Proc. VLDB Endowment 7, 797): no extreme is lost, and a line through what is kept covers the same pixels.
"""

from __future__ import annotations

import numpy as np

from hncors.observation import F64, I64, B


def thinned(column: I64, value: F64) -> I64:
    """The rows to keep, in their order; `column` is where each falls and does not fall.

    Rows that are nan do not compete; one is kept in each column that has any, to break the line there.
    """
    if not len(value):
        return np.empty(0, np.int64)
    new = np.ones(len(column), bool)
    new[1:] = column[1:] != column[:-1]
    start = np.flatnonzero(new)
    of = np.cumsum(new) - 1
    last = np.append(start[1:], len(column)) - 1
    missing = np.isnan(value)
    keep = np.zeros(len(value), bool)
    keep[start] = keep[last] = True
    for worst, best in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        known = np.where(missing, worst, value)
        extreme = best.reduceat(known, start)
        hits = np.flatnonzero(~missing & (known == extreme[of]))
        first = np.ones(len(hits), bool)
        first[1:] = of[hits[1:]] != of[hits[:-1]]
        keep[hits[first]] = True
    gaps = np.flatnonzero(missing)
    first = np.ones(len(gaps), bool)
    first[1:] = of[gaps[1:]] != of[gaps[:-1]]
    keep[gaps[first]] = True
    return np.flatnonzero(keep)


def breaks(time_ms: I64, most: float = 2.5) -> B:
    """Whether a line breaks before each row: it is later by `most` usual intervals, or time went back."""
    new = np.zeros(len(time_ms), bool)
    if len(time_ms) > 1:
        apart = np.diff(time_ms)
        new[1:] = (apart > most * np.median(apart)) | (apart < 0)
    return new


def carried(new: B, kept: I64) -> B:
    """The same breaks for the rows that were kept: one between two of them stays one."""
    total = np.cumsum(new)[kept]
    out: B = np.diff(total, prepend=total[:1]) > 0
    return out
