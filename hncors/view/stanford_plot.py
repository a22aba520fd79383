"""Errors against their protection levels, and which side of the alert limit both are on.

The diagram is the one that Stanford University's WAAS laboratory made for SBAS: what lies below the diagonal
was off by more than it said, what lies above the limit was not offered to anybody who needs the limit.
"""

from __future__ import annotations

import numpy as np

from hncors.observation import F64, I64
from hncors.view import axes, svg
from hncors.view.axes import Frame, Scale
from hncors.view.sky_plot import STEPS
from hncors.view.svg import Markup

REGIONS = ("nominal", "unavailable", "misleading", "unavailable_misleading", "hazardous")
NOMINAL, UNAVAILABLE, MISLEADING, UNAVAILABLE_MISLEADING, HAZARDOUS = range(len(REGIONS))
WORDS = ("正常 nominal", "不可用 unavailable", "误导 misleading", "", "危险误导 hazardous")

SIZE, HEIGHT = 440.0, 480.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 430.0, 28.0, 414.0
BINS = 96
ROOM = 1.25  # of the axes, beyond the limit
DECADES, HALVES = (10, 100, 1000, 10_000, 100_000), (3, 10, 30, 100, 300)  # edges between colours


def region(error_m: F64, level_m: F64, limit_m: float) -> I64:
    """Index into REGIONS of each epoch, -1 where its error or level is nan. A level of inf bounds nothing."""
    offered, held = level_m <= limit_m, error_m <= level_m
    out = np.select(
        [np.isnan(error_m) | np.isnan(level_m), ~offered & held, ~offered, held, error_m <= limit_m],
        [-1, UNAVAILABLE, UNAVAILABLE_MISLEADING, NOMINAL, MISLEADING],
        HAZARDOUS,
    )
    return out.astype(np.int64)


def counts(error_m: F64, level_m: F64, limit_m: float) -> dict[str, int]:
    """How many epochs lie in each region."""
    number = np.bincount(region(error_m, level_m, limit_m) + 1, minlength=len(REGIONS) + 1)[1:]
    return dict(zip(REGIONS, number.tolist(), strict=True))


def stanford(
    name: str, error_m: F64, level_m: F64, limit_m: float, error_name: str, level_name: str
) -> Markup:
    """The plot; epochs beyond an axis lie on its end."""
    finite = level_m[np.isfinite(level_m) & ~np.isnan(error_m)]
    most = max(ROOM * limit_m, float(np.percentile(finite, 99.5)) * 1.1 if len(finite) else 0.0)
    high = axes.around([np.array([0.0, most])], 0.0)[1]
    frame = Frame(Scale(0.0, high, LEFT, RIGHT), Scale(0.0, high, BOTTOM, TOP))
    ticks = axes.marks(0.0, high)
    at = float(frame.x(limit_m)), float(frame.y(limit_m))
    total = counts(error_m, level_m, limit_m)
    parts = [
        _grounds(*at),
        axes.axes(frame, ticks, ticks, error_name, level_name),
        _cells(error_m, level_m, high),
        svg.line(LEFT, BOTTOM, RIGHT, TOP, "model"),
        svg.line(LEFT, at[1], RIGHT, at[1], "limit"),
        svg.line(at[0], BOTTOM, at[0], TOP, "limit"),
        *_labels(total, *at),
    ]
    return svg.picture(SIZE, HEIGHT, name, parts)


def _grounds(x: float, y: float) -> Markup:
    """Shades under the regions."""
    corners = {
        "f-none": [(LEFT, TOP), (RIGHT, TOP), (x, y), (LEFT, y)],
        "f-warn": [(LEFT, BOTTOM), (x, BOTTOM), (x, y)],
        "f-bad": [(x, BOTTOM), (RIGHT, BOTTOM), (RIGHT, y), (x, y)],
    }
    shades = [svg.element("polygon", points=_points(*those), class_=look) for look, those in corners.items()]
    shades.append(
        svg.element(
            "polygon", points=_points((x, y), (RIGHT, TOP), (RIGHT, y)),
            class_="f-warn",
        )
    )  # fmt: skip
    return svg.group(shades, fill_opacity="0.13")


def _points(*corners: tuple[float, float]) -> str:
    return " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in corners)


def density(error_m: F64, level_m: F64, high_m: float) -> I64:
    """Epochs by bin of error and of level, shape (BINS, BINS); beyond `high_m` is in the last."""
    known = ~(np.isnan(error_m) | np.isnan(level_m))
    each = [
        np.minimum(np.minimum(one[known], high_m) / high_m * BINS, BINS - 1).astype(np.int64)
        for one in (error_m, level_m)
    ]
    return np.bincount(each[0] * BINS + each[1], minlength=BINS * BINS).reshape(BINS, BINS)


def _cells(error_m: F64, level_m: F64, high_m: float) -> Markup:
    number = density(error_m, level_m, high_m)
    edges = HALVES if number.max() < DECADES[2] else DECADES
    wide = (RIGHT - LEFT) / BINS
    parts = [
        svg.element(
            "rect", x=LEFT + a * wide, y=BOTTOM - (b + 1) * wide, width=wide, height=wide,
            class_=f"f-{STEPS[int(np.searchsorted(edges, number[a, b], side='right'))]}",
        )
        for a, b in np.argwhere(number > 0).tolist()
    ]  # fmt: skip
    return Markup(svg.group(parts) + _key(edges))


def _key(edges: tuple[int, ...]) -> Markup:
    wide, left, top = 30.0, LEFT + 66.0, HEIGHT - 22
    parts = [svg.label(LEFT - 40, top + 9, "历元数 epochs", "pale")]
    for n, look in enumerate(STEPS):
        parts.append(svg.element("rect", x=left + n * wide, y=top, width=wide, height=10, class_=f"f-{look}"))
    parts += [
        svg.label(
            left + (n + 1) * wide,
            top + 21,
            f"{edge:g}" if edge < 1000 else f"{edge // 1000}k",
            "middle pale small",
        )
        for n, edge in enumerate(edges)
    ]
    return svg.group(parts)


def _labels(total: dict[str, int], x: float, y: float) -> list[Markup]:
    whole = max(sum(total.values()), 1)
    told = {name: f"{count:,} ({100 * count / whole:.3g} %)" for name, count in total.items()}
    inner = LEFT + 0.3 * (RIGHT - LEFT)
    parts = [
        svg.label(LEFT + 6, y - 6, "告警限值 alert limit", "small pale"),
        svg.label(inner, (TOP + y) / 2 + 2, WORDS[UNAVAILABLE]),
        svg.label(inner, (TOP + y) / 2 + 17, told["unavailable"], "strong tabular"),
        svg.label(inner, y + 24, WORDS[NOMINAL]),
        svg.label(inner, y + 39, told["nominal"], "strong tabular"),
        svg.label(x - 8, BOTTOM - 60, WORDS[MISLEADING], "end"),
        svg.label(x - 8, BOTTOM - 45, told["misleading"], "end strong tabular"),
        svg.label((x + RIGHT) / 2, y - 8, f"{total['unavailable_misleading']:,}", "middle strong tabular"),
    ]
    for n, words in enumerate((*WORDS[HAZARDOUS].split(), f"{total['hazardous']:,}")):
        look = "middle strong tabular" if n == 2 else "middle small"
        parts.append(svg.label((x + RIGHT) / 2, BOTTOM - 60 + 15 * n, words, look))
    return parts
