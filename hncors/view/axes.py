"""Axes of plots: which part of the numbers is shown, where the marks stand, what is written at them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hncors.gpstime import DAY_MS
from hncors.observation import F64
from hncors.view import svg
from hncors.view.svg import Markup

SECOND_MS, HOUR_MS = 1000, 3_600_000
ROOM = 8.0  # between a plot and the right edge of its image
_TIMES_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200),
    *(86_400 * days for days in (1, 2, 5, 10, 30, 90, 365)),
)


class Scale(NamedTuple):
    """Numbers from `low` to `high` lie between the coordinates `start` and `end` of an image."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: F64 | float) -> F64:
        """Where values are; what lies beyond an end is at the end, nan stays nan."""
        low, high, of = self.low, self.high, np.asarray(values, np.float64)
        of = np.clip(of, low, high)
        if self.log:
            low, high, of = math.log10(low), math.log10(high), np.log10(of)
        out: F64 = self.start + (of - low) / (high - low) * (self.end - self.start)
        return out


class Mark(NamedTuple):
    """A place on an axis, and what is written there."""

    at: float
    label: str


def step(span: float, most: int) -> float:
    """The least of 1, 2 and 5 times a power of ten of which at most `most` fit into `span`."""
    rough = span / most
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(n * power for n in (1.0, 2.0, 5.0, 10.0) if n * power >= rough * (1 - 1e-9))


def marks(low: float, high: float, most: int = 5) -> list[Mark]:
    """Round numbers from low to high, at most `most` + 1 of them."""
    each = step(high - low, most)
    decimals = max(0, -math.floor(math.log10(each) + 1e-9))
    first, last = math.ceil(low / each - 1e-9), math.floor(high / each + 1e-9)
    return [Mark(n * each, f"{n * each:.{decimals}f}".replace("-", "−")) for n in range(first, last + 1)]


def log_marks(low: float, high: float) -> list[Mark]:
    """Powers of ten, and two and five times these where there is room for them."""
    decades = math.log10(high / low)
    digits = (1,) if decades > 3 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [(n * 10.0**power, n, power) for power in powers for n in digits]
    return [
        Mark(value, f"{n}e{power}" if power < -4 else f"{value:.{max(0, -power)}f}")
        for value, n, power in every
        if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)
    ]


def around(values: Sequence[F64], least: float, most: int = 5) -> tuple[float, float]:
    """The range that holds all values, ends on marks and is no shorter than `least`; (0, least): none."""
    known = np.concatenate([*values, np.empty(0)])
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, least
    low, high = float(known.min()), float(known.max())
    if high - low < least:
        middle = 0.0 if max(-low, high) <= least / 2 else (low + high) / 2
        low, high = (0.0, least) if low >= 0.0 and high <= least else (middle - least / 2, middle + least / 2)
    each = step(high - low, most)
    return math.floor(low / each + 1e-9) * each, math.ceil(high / each - 1e-9) * each


def time_marks(first_ms: float, last_ms: float, most: int = 6) -> list[Mark]:
    """Round times of the day, GPS time; at midnight the date, where marks are hours apart."""
    span_s = max((last_ms - first_ms) / SECOND_MS, 1e-3)
    each = next((one for one in _TIMES_S if span_s / one <= most), _TIMES_S[-1]) * SECOND_MS
    first, last = math.ceil(first_ms / each), math.floor(last_ms / each)
    return [Mark(n * each, _clock(n * each, each)) for n in range(first, last + 1)]


def _clock(time_ms: int, each_ms: int) -> str:
    if each_ms >= HOUR_MS and time_ms % DAY_MS == 0:
        return str(np.datetime64("1980-01-06") + np.timedelta64(time_ms // DAY_MS, "D"))[5:]
    seconds = time_ms % DAY_MS // SECOND_MS
    clock = f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"
    return clock if each_ms % 60_000 == 0 else f"{clock}:{seconds % 60:02}"


class Frame(NamedTuple):
    """The area of a plot in its image, and what its edges mean."""

    x: Scale
    y: Scale

    def inside(self) -> Iterator[float]:
        """Left, top, width, height."""
        yield from (self.x.start, self.y.end, self.x.end - self.x.start, self.y.start - self.y.end)


def below(scale: Scale, marks: Sequence[Mark], y: float, right: float) -> list[Markup]:
    """What is written at the marks of the axis across: none beyond `right`, none over the one before."""
    parts, free = [], -math.inf
    for mark in marks:
        at, wide = float(scale(mark.at)), svg.width(mark.label)
        end = at + wide / 2 > right
        left = right - wide if end else at - wide / 2
        if left > free:
            look = "end pale tabular" if end else "middle pale tabular"
            parts.append(svg.label(right if end else at, y, mark.label, look))
            free = left + wide + 4.0
    return parts


def axes(
    frame: Frame, x_marks: Sequence[Mark], y_marks: Sequence[Mark], x_name: str = "", y_name: str = ""
) -> Markup:
    """Grid, marks and names. The name of the upright axis stands above it, so that it reads level."""
    left, top, width, height = frame.inside()
    right, bottom = left + width, top + height
    parts = []
    for mark in y_marks:
        at = float(frame.y(mark.at))
        parts += [
            svg.line(left, at, right, at, "grid"),
            svg.label(left - 5, at + 4, mark.label, "end pale tabular"),
        ]
    for mark in x_marks:
        at = float(frame.x(mark.at))
        parts.append(svg.line(at, top, at, bottom, "grid"))
    parts += below(frame.x, x_marks, bottom + 15, right + ROOM)
    parts.append(svg.element("rect", x=left, y=top, width=width, height=height, class_="edge"))
    if y_name:
        parts.append(svg.label(2, top - 11, y_name, "pale"))
    if x_name:
        parts.append(svg.label(right, bottom + 31, x_name, "end pale"))
    return svg.group(parts)
