"""Where satellites stood: north up, zenith in the middle, tracks coloured by what was measured along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hncors.observation import F64, I64
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, GNSS
from hncors.view import svg
from hncors.view.series_plot import dotted
from hncors.view.svg import Markup
from hncors.view.thinning import breaks

SIZE, HEIGHT = 440.0, 462.0
CENTRE, RADIUS = 220.0, 196.0
MASK_DEG = 10.0
MOST_POINTS = 240  # of a satellite
STEPS = ("v0", "v1", "v2", "v3", "v4", "v5")  # classes from least to most


class Colouring(NamedTuple):
    """Edges between the steps of colour, and what they are called beside the plot."""

    unit: str
    edges: tuple[float, ...]
    steps: tuple[str, ...]  # one more than there are edges


CN0 = Colouring("C/N0 dB-Hz", (30.0, 35.0, 40.0, 45.0, 50.0), STEPS)
RESIDUAL = Colouring("|r| / σ", (0.5, 1.0, 2.0, 3.0), ("v1", "v2", "v4", "v5", "bad"))


class Track(NamedTuple):
    """Rows of one station, in the order of time."""

    gnss: I64
    satellite: I64
    time_ms: I64
    azimuth_rad: F64
    elevation_rad: F64
    value: F64  # what it is coloured by; nan: not known


def sky(name: str, track: Track, colouring: Colouring) -> Markup:
    """The plot; BeiDou-3's newest places are diamonds, those of others are circles."""
    x, y = place(track.azimuth_rad, track.elevation_rad)
    parts = [_rings()]
    key = track.gnss * 64 + track.satellite
    spots: list[tuple[float, float, int, int, str]] = []
    for one in np.unique(key).tolist():
        rows = np.flatnonzero(key == one)
        rows = rows[:: -(-len(rows) // MOST_POINTS)]
        look = _steps(track.value[rows], colouring)
        parts += _pieces(x[rows], y[rows], breaks(track.time_ms[rows], 4.0).tolist(), look)
        spots.append((float(x[rows[-1]]), float(y[rows[-1]]), one // 64, one % 64, look[-1]))
    parts += [_spot(*spot) for spot in spots]
    parts += _names(spots)
    parts.append(_key(colouring))
    return svg.picture(SIZE, HEIGHT, name, parts)


def place(azimuth_rad: F64, elevation_rad: F64) -> tuple[F64, F64]:
    """Coordinates in the image: zenith at the centre, horizon on the rim, north up, east to the right."""
    off = RADIUS * (1.0 - np.maximum(elevation_rad, 0.0) / (np.pi / 2))
    return CENTRE + off * np.sin(azimuth_rad), CENTRE - off * np.cos(azimuth_rad)


def is_bds3(gnss: int, satellite: int) -> bool:
    """Whether a satellite is of BeiDou's third generation."""
    return gnss == BEIDOU and satellite >= BDS3_FIRST_SATELLITE


def _rings() -> Markup:
    parts = [
        svg.element("circle", cx=CENTRE, cy=CENTRE, r=RADIUS * (1 - deg / 90.0), class_="grid")
        for deg in (30, 60)
    ]
    parts.append(svg.element("circle", cx=CENTRE, cy=CENTRE, r=RADIUS, class_="edge"))
    mask = RADIUS * (1 - MASK_DEG / 90.0)
    parts.append(svg.element("circle", cx=CENTRE, cy=CENTRE, r=mask, class_="grid", stroke_dasharray="3 4"))
    parts += [
        svg.line(CENTRE - RADIUS, CENTRE, CENTRE + RADIUS, CENTRE, "grid"),
        svg.line(CENTRE, CENTRE - RADIUS, CENTRE, CENTRE + RADIUS, "grid"),
    ]
    for words, x, y in (
        *(("北 N", 0.0, -1.0), ("南 S", 0.0, 1.0)),
        *(("东 E", 1.0, 0.0), ("西 W", -1.0, 0.0)),
    ):
        across = x * (RADIUS - 4)
        down = -RADIUS - 7 if y < 0 else RADIUS + 16 if y > 0 else -6
        side = "middle" if not x else "end" if x > 0 else ""
        parts.append(svg.label(CENTRE + across, CENTRE + down, words, f"{side} pale halo".strip()))
    parts += [
        svg.label(CENTRE + 3, CENTRE - RADIUS * (1 - deg / 90.0) + 11, f"{deg}°", "pale small halo")
        for deg in (10, 30, 60)
    ]
    return svg.group(parts)


def _steps(value: F64, colouring: Colouring) -> list[str]:
    which = np.searchsorted(colouring.edges, value, side="right")
    return [
        "none" if np.isnan(one) else colouring.steps[step]
        for one, step in zip(value.tolist(), which.tolist(), strict=True)
    ]


def _pieces(x: F64, y: F64, new: Sequence[bool], look: Sequence[str]) -> list[Markup]:
    """The track in pieces of one colour each; a piece reaches to the first point of the next."""
    cuts = [n for n in range(1, len(look)) if look[n] != look[n - 1]]
    parts = []
    for first, last in zip([0, *cuts], [*cuts, len(look)], strict=True):
        reach = last + 1 if last < len(look) and not new[last] else last
        piece = slice(first, reach)
        parts.append(
            dotted(x[piece], y[piece], [False, *new[first + 1 : reach]], f"s-{look[first]} line track")
        )
    return parts


def _spot(x: float, y: float, gnss: int, satellite: int, look: str) -> Markup:
    if not is_bds3(gnss, satellite):
        return svg.element("circle", cx=x, cy=y, r=4.0, class_=f"hollow s-{look}")
    corners = " ".join(
        f"{svg.number(x + across)},{svg.number(y + down)}"
        for across, down in ((0.0, -5.6), (5.6, 0.0), (0.0, 5.6), (-5.6, 0.0))
    )
    return svg.element("polygon", points=corners, class_=f"f-{look} s-{look}")


def _names(spots: Sequence[tuple[float, float, int, int, str]]) -> list[Markup]:
    """Names of satellites beside their newest places, on the side where nothing stands yet."""
    taken = [(x - 5.0, y - 5.0, x + 5.0, y + 5.0) for x, y, *_ in spots]
    parts = []
    for x, y, gnss, satellite, _ in spots:
        words = f"{GNSS[gnss]}{satellite:02}"
        wide = svg.width(words) * 10 / 12
        sides = [
            *((x + 7, y + 3.5), (x - 7 - wide, y + 3.5), (x - wide / 2, y - 8), (x - wide / 2, y + 15)),
            *((x + 5, y - 6), (x + 5, y + 13), (x - 5 - wide, y - 6), (x - 5 - wide, y + 13)),
        ]
        boxes = [(left, base - 8.0, left + wide, base + 1.0) for left, base in sides]
        free = next((n for n, box in enumerate(boxes) if not any(_meet(box, one) for one in taken)), 0)
        taken.append(boxes[free])
        bold = " strong" if is_bds3(gnss, satellite) else ""
        parts.append(svg.label(*sides[free], words, f"small halo{bold}"))
    return parts


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _key(colouring: Colouring) -> Markup:
    """The colours and the numbers between them."""
    wide, top = 34.0, HEIGHT - 22
    left = SIZE - 10 - wide * len(colouring.steps)
    parts = [svg.label(left - 8, top + 9, colouring.unit, "end pale")]
    for n, look in enumerate(colouring.steps):
        parts.append(svg.element("rect", x=left + n * wide, y=top, width=wide, height=10, class_=f"f-{look}"))
    parts += [
        svg.label(left + (n + 1) * wide, top + 21, f"{edge:g}", "middle pale small")
        for n, edge in enumerate(colouring.edges)
    ]
    parts += [
        svg.element("circle", cx=16.0, cy=top + 4, r=4.0, class_="hollow s-none"),
        _spot(16.0, top + 17, BEIDOU, BDS3_FIRST_SATELLITE, "none"),
        svg.label(26, top + 8, "卫星 satellite", "small"),
        svg.label(26, top + 21, "北斗三号 BeiDou-3", "small strong"),
    ]
    return svg.group(parts)
