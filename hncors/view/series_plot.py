"""Plots over time: lines, limits, counts by interval, and a strip of states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hncors.observation import F64, I64
from hncors.view import axes, svg
from hncors.view.axes import Frame, Mark, Scale
from hncors.view.svg import Markup
from hncors.view.thinning import breaks, carried, thinned

WIDTH, HEIGHT = 440.0, 196.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 432.0, 38.0, 172.0
STRIP_BOTTOM, STRIP_HEIGHT = 62.0, 86.0
_COLUMNS = 388  # a unit each
MOST_BARS = 60


class Series(NamedTuple):
    """A line: what it is called, the class of its colour, its values; nan breaks it."""

    name: str
    colour: str
    time_ms: I64
    value: F64


class Limit(NamedTuple):
    """A level that is drawn across."""

    name: str
    value: float


class Span(NamedTuple):
    """The time that all plots of a page show, GPS milliseconds."""

    first_ms: int
    last_ms: int

    def scale(self) -> Scale:
        """Where times stand; a single epoch stands in the middle of two seconds."""
        alone = 1000 if self.last_ms == self.first_ms else 0
        return Scale(self.first_ms - alone, self.last_ms + alone, LEFT, RIGHT)

    def marks(self) -> list[Mark]:
        """Round times."""
        scale = self.scale()
        marks = axes.time_marks(scale.low, scale.high)
        seconds = any(mark.label.count(":") == 2 for mark in marks)  # need more room
        return axes.time_marks(scale.low, scale.high, 4) if seconds else marks


def lines(
    name: str,
    unit: str,
    span: Span,
    series: Sequence[Series],
    *,
    least: float,
    limits: Sequence[Limit] = (),
    log: bool = False,
) -> Markup:
    """Lines over time; the axis is never shorter than `least` (a log axis begins there)."""
    values = [*(one.value for one in series), np.array([limit.value for limit in limits])]
    frame = Frame(span.scale(), _log_scale(values, least) if log else _scale(values, least))
    y = frame.y
    marks = axes.log_marks(y.low, y.high) if log else axes.marks(y.low, y.high)
    parts = [axes.axes(frame, span.marks(), marks, y_name=unit)]
    for limit in limits:
        at = float(y(limit.value))
        parts.append(svg.line(LEFT, at, RIGHT, at, "limit"))
    parts += [_line(frame, one) for one in series]
    named = [(one.name, f"s-{one.colour} line") for one in series]
    parts.append(legend([*named, *((limit.name, "limit") for limit in limits)]))
    return svg.picture(WIDTH, HEIGHT, name, parts)


def counts(name: str, unit: str, span: Span, time_ms: I64, count: F64) -> Markup:
    """Bars: how many in each of a few dozen equal intervals, which is named beside the unit."""
    each_ms = interval_ms(span)
    first = span.first_ms // each_ms
    bins = (time_ms // each_ms - first).astype(np.int64)
    total: F64 = np.bincount(bins, count).astype(np.float64) if len(bins) else np.zeros(1)
    high = axes.around([total, np.zeros(1)], 4.0)[1]
    frame = Frame(span.scale(), Scale(0.0, high, BOTTOM, TOP))
    per = f"{each_ms // 60_000} min" if each_ms >= 60_000 else f"{each_ms // 1000} s"
    parts = [axes.axes(frame, span.marks(), axes.marks(0.0, high), y_name=f"{unit} / {per}")]
    base = float(frame.y(0.0))
    for number in np.flatnonzero(total > 0).tolist():
        left, right = (float(frame.x(float((first + number + n) * each_ms))) for n in (0, 1))
        top = float(frame.y(total[number]))
        parts.append(
            svg.element(
                "rect", x=left, y=top, width=max(right - left - 0.6, 0.8), height=base - top, class_="f-c1"
            )
        )
    return svg.picture(WIDTH, HEIGHT, name, parts)


def interval_ms(span: Span) -> int:
    """A round interval of which at most MOST_BARS make the span."""
    marks = axes.time_marks(span.first_ms, span.last_ms + 1, MOST_BARS)
    return max(int(marks[1].at - marks[0].at), 1000) if len(marks) > 1 else 1000


def strip(
    name: str, span: Span, time_ms: I64, state: I64, names: Sequence[str], colours: Sequence[str]
) -> Markup:
    """A strip coloured by the state of each epoch; later numbers are drawn over earlier, so none is lost."""
    x = span.scale()
    parts = [svg.element("rect", x=LEFT, y=TOP, width=RIGHT - LEFT, height=STRIP_BOTTOM - TOP, class_="edge")]
    every = np.median(np.diff(time_ms)) if len(time_ms) > 1 else 1000.0
    new = breaks(time_ms)
    new[1:] |= state[1:] != state[:-1]
    new[:1] = True
    start = np.flatnonzero(new)
    end = np.append(start[1:], len(state)) - 1
    for which in range(len(names)):
        for first, last in zip(start.tolist(), end.tolist(), strict=True):
            if state[first] == which:
                left, right = float(x(time_ms[first] - every / 2)), float(x(time_ms[last] + every / 2))
                wide = max(right - left, 1.0)
                parts.append(
                    svg.element(
                        "rect",
                        x=min(left, RIGHT - wide),
                        y=TOP,
                        width=wide,
                        height=STRIP_BOTTOM - TOP,
                        class_=f"f-{colours[which]}",
                    )
                )
    for mark in span.marks():
        at = float(x(mark.at))
        parts.append(svg.line(at, STRIP_BOTTOM, at, STRIP_BOTTOM + 4, "edge"))
    parts += axes.below(x, span.marks(), STRIP_BOTTOM + 18, WIDTH)
    seen = set(state.tolist())
    named = [
        (label, f"s-{colour} line thick")
        for n, (label, colour) in enumerate(zip(names, colours, strict=True))
        if n in seen
    ]
    parts.append(legend(named))
    return svg.picture(WIDTH, STRIP_HEIGHT, name, parts)


def legend(named: Sequence[tuple[str, str]], right: float = RIGHT, y: float = 12.0) -> Markup:
    """Names with a short line of each one's look, flush right in one row."""
    parts, at = [], right
    for words, look in reversed(named):
        at -= svg.width(words)
        parts.append(svg.label(at, y + 4, words))
        at -= 21.0
        parts.append(svg.line(at, y, at + 16.0, y, look))
        at -= 9.0
    return svg.group(parts)


def _scale(values: Sequence[F64], least: float) -> Scale:
    low, high = axes.around(values, least)
    return Scale(low, high, BOTTOM, TOP)


def _log_scale(values: Sequence[F64], least: float) -> Scale:
    known = np.concatenate(values)
    known = known[np.isfinite(known) & (known > 0)]
    high = max(float(known.max(initial=10 * least)), 10 * least)
    return Scale(least, _above(high), BOTTOM, TOP, log=True)


def _above(value: float) -> float:
    power: float = 10.0 ** np.floor(np.log10(value) + 1e-9)
    return min(n * power for n in (1.0, 2.0, 5.0, 10.0) if n * power >= value * (1 - 1e-9))


def _line(frame: Frame, one: Series) -> Markup:
    if not len(one.value):
        return Markup()
    x = frame.x(one.time_ms.astype(np.float64))
    rows = thinned(np.floor((x - LEFT) / (RIGHT - LEFT) * _COLUMNS).astype(np.int64), one.value)
    new = carried(breaks(one.time_ms), rows)
    value = np.where(np.isfinite(one.value), one.value, np.nan)[rows]
    return dotted(x[rows], frame.y(value), new.tolist(), f"s-{one.colour} line")


def dotted(x: F64, y: F64, new: Sequence[bool], look: str) -> Markup:
    """A line; a point that stands alone is a dot (a line of no length with a round end)."""
    known = ~np.isnan(y)
    begin = np.array(new, bool) | ~np.concatenate([[False], known[:-1]])
    end = np.concatenate([begin[1:] | ~known[1:], [True]])
    alone = np.flatnonzero(known & begin & end)
    spots = "".join(f"M{svg.number(a)} {svg.number(b)}h0" for a, b in zip(x[alone], y[alone], strict=True))
    return Markup(
        svg.path(x, y, new, class_=look)
        + (svg.element("path", d=Markup(spots), class_=f"{look} dot") if spots else "")
    )
