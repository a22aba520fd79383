"""Small drawings for reports: bars by month, bars by name, a map of areas.  SVG as text, without scripts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from hncors.supervise.areas import Areas

COLOURS = ("#3b6fb6", "#d9822b", "#3a8f5c", "#b23a48")
WIDTH, HEIGHT, BAR = 720, 220, 22
TALLEST = 600
HALO = 'stroke="#fff" stroke-width="3" paint-order="stroke"'  # readable on any shade
SHADES = ("#eef2f7", "#c6d6ea", "#8fb0d8", "#5585c0", "#2a5798")


def grouped(groups: Sequence[tuple[str, Sequence[int]]], names: Sequence[str]) -> str:
    """Bars beside each other for each group, such as a month, with a legend."""
    top = max((value for _, values in groups for value in values), default=0) or 1
    step = (WIDTH - 40) / max(len(groups), 1)
    bar = min(step * 0.8 / max(len(names), 1), 24.0)
    parts = []
    for place, (label, values) in enumerate(groups):
        left = 40 + place * step
        for number, value in enumerate(values):
            height = (HEIGHT - 60) * value / top
            x, y = left + number * bar, HEIGHT - 30 - height
            parts.append(
                _rectangle(x, y, bar - 2, height, COLOURS[number], f"{label} {names[number]}: {value}")
            )
            if value:
                parts.append(_text(x + bar / 2 - 1, y - 3, str(value), "middle"))
        parts.append(_text(left + bar * len(names) / 2, HEIGHT - 14, label, "middle"))
    for number, name in enumerate(names):
        x = 40 + number * 170
        parts.append(_rectangle(x, 4, 10, 10, COLOURS[number], name) + _text(x + 15, 13, name))
    return _svg(WIDTH, HEIGHT, parts)


def listed(rows: Sequence[tuple[str, int]], colour: str = COLOURS[0]) -> str:
    """A bar for each name, below each other."""
    top = max((value for _, value in rows), default=0) or 1
    parts = []
    for place, (name, value) in enumerate(rows):
        y = place * BAR
        width = (WIDTH - 260) * value / top
        parts.append(_text(190, y + 15, name[:24], "end"))
        parts.append(_rectangle(200, y + 4, width, BAR - 8, colour, f"{name}: {value}"))
        parts.append(_text(206 + width, y + 15, str(value)))
    return _svg(WIDTH, max(len(rows), 1) * BAR + 4, parts)


def shaded(areas: Areas, values: Mapping[str, int]) -> str:
    """A map: each area darker the more there is in it.  Equirectangular at the latitude of its middle."""
    outlines = list(areas.outlines())
    edges = np.concatenate([found for _, found in outlines])
    west, south = edges[:, :2].min(axis=0).tolist()
    east, north = edges[:, :2].max(axis=0).tolist()
    narrow = math.cos(math.radians((south + north) / 2))
    scale = min(WIDTH / max((east - west) * narrow, 1e-9), TALLEST / max(north - south, 1e-9))
    top = max(values.values(), default=0) or 1
    parts = []
    for area, found in outlines:
        value = values.get(area.name, 0)
        shade = SHADES[math.ceil(value / top * (len(SHADES) - 1))]
        drawn = (found - (west, north, west, north)) * (narrow * scale, -scale, narrow * scale, -scale)
        title = f"<title>{escape(area.name)} {escape(area.name_en)}: {value}</title>"
        look = f'fill="{shade}" fill-rule="evenodd" stroke="#888" stroke-width="0.6"'
        parts.append(f'<path d="{_path((drawn.round(1) + 0.0).tolist())}" {look}>{title}</path>')
        if value:
            x, y = drawn[:, :2].mean(axis=0).tolist()
            parts.append(_text(x, y, f"{area.name} {value}", "middle", f'fill="#222" {HALO}'))
    return _svg((east - west) * narrow * scale, (north - south) * scale, parts)


def _path(edges: Sequence[Sequence[float]]) -> str:
    """Edges as rings: one that does not begin where the last ended begins a new one."""
    parts: list[str] = []
    end: tuple[float, float] | None = None
    for x1, y1, x2, y2 in edges:
        if end != (x1, y1):
            parts.append(f"{'Z' if parts else ''}M{x1:g},{y1:g}")
        parts.append(f"L{x2:g},{y2:g}")
        end = x2, y2
    return "".join(parts) + "Z"


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'role="img" font-size="11" font-family="sans-serif">{"".join(parts)}</svg>'
    )


def _rectangle(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{colour}"><title>{escape(title)}</title></rect>'


def _text(x: float, y: float, text: str, anchor: str = "start", look: str = 'fill="currentColor"') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {look}>{escape(text)}</text>'
