"""The province and its stations as an image: states by colour and shape, places to a hundredth of a degree.

The outline is that of the areas that are supervised, schematic; no border of a country is drawn. Where a
station is, nobody learns nearer than a kilometre, whatever his role: more would not show anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hncors.geodesy import to_geodetic
from hncors.observation import F64
from hncors.supervise.areas import Areas
from hncors.supervise.secrecy import DECIMALS
from hncors.view import svg
from hncors.view.html import Markup
from hncors.view.site_states import LOOKS

WIDTH = 560.0
MARGIN = 14.0
TOLERANCE_DEG = 0.012  # of the outline: less than a unit of the image
SINGLE = 400  # stations up to which each good one has a mark with its name; more are one drawing

Ring = F64


class Frame(NamedTuple):
    """How degrees become places in the image."""

    west_deg: float
    north_deg: float
    across: float  # units a degree of longitude
    down: float
    height: float

    def xy(self, longitude_deg: F64, latitude_deg: F64) -> tuple[F64, F64]:
        x: F64 = MARGIN + (longitude_deg - self.west_deg) * self.across
        y: F64 = MARGIN + (self.north_deg - latitude_deg) * self.down
        return x, y


class Outline(NamedTuple):
    """The areas, drawn once, with their names in Chinese and in English."""

    frame: Frame
    drawn: Markup
    drawn_en: Markup


class Spot(NamedTuple):
    """A station on the map, or what there is a lead about."""

    longitude_deg: float
    latitude_deg: float
    state: str
    title: str
    href: str
    lead: bool = False


def coarse_deg(place_m: F64) -> F64:
    """Longitude and latitude of places, ECEF (n, 3), to a hundredth of a degree; nan for none."""
    geodetic: F64 = np.degrees(to_geodetic(place_m)[:, :2])
    out: F64 = geodetic[:, ::-1].round(DECIMALS)
    return out


def outline(areas: Areas) -> Outline:
    """The areas as one drawing."""
    rings = [(area, ring) for area, edges in areas.outlines() for ring in _rings(edges)]
    if not rings:
        return Outline(Frame(108.0, 31.0, 80.0, 90.0, 500.0), Markup(), Markup())
    points = np.concatenate([ring for _, ring in rings])
    west, south = points.min(axis=0).tolist()
    east, north = points.max(axis=0).tolist()
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    across = (WIDTH - 2 * MARGIN) / max(east - west, 0.01)
    down = across / squeeze
    frame = Frame(west, north, across, down, 2 * MARGIN + (north - south) * down)
    parts = []
    for _, ring in rings:
        x, y = frame.xy(*_simpler(ring).T)
        if len(x) > 3:
            parts.append(svg.path(x, y, class_="area"))
    middles = [(area, _middle(frame, edges)) for area, edges in areas.outlines()]
    zh = [svg.label(*middle, _short(area.name), "middle pale place") for area, middle in middles]
    en = [svg.label(*middle, area.name_en, "middle pale place") for area, middle in middles]
    return Outline(frame, svg.group([*parts, *zh]), svg.group([*parts, *en]))


def _short(name: str) -> str:
    """As on maps: 长沙 for 长沙市, 湘西 for 湘西土家族苗族自治州."""
    return name[:2] if len(name) > 4 and name.endswith("自治州") else name.removesuffix("市")


def picture(name: str, made: Outline, spots: Sequence[Spot], *, english: bool = False) -> Markup:
    """The map; what is bad is drawn over what is good, and leads over all."""
    order = {"good": 0, "off": 1, "wait": 2, "bad": 3}
    x, y = made.frame.xy(
        np.array([spot.longitude_deg for spot in spots], np.float64),
        np.array([spot.latitude_deg for spot in spots], np.float64),
    )
    placed = sorted(
        zip(spots, x.tolist(), y.tolist(), strict=True),
        key=lambda one: (one[0].lead, order[LOOKS.get(one[0].state, "bad")]),
    )
    marks: list[Markup] = []
    many = ""
    for spot, across, down in placed:
        look = LOOKS.get(spot.state, "bad")
        if len(spots) > SINGLE and look == "good" and not spot.lead:
            many += f"M{svg.number(across)} {svg.number(down)}h0"
            continue
        mark = _shape("lead" if spot.lead else look, across, down)
        inside = svg.element("title", spot.title), mark
        marks.append(svg.element("a", *inside, href=spot.href) if spot.href else svg.group(inside))
    if many:
        marks.insert(0, svg.element("path", d=Markup(many), class_="line many s-good"))
    return svg.element(
        "svg",
        made.drawn_en if english else made.drawn,
        *marks,
        viewBox=f"0 0 {svg.number(WIDTH)} {svg.number(made.frame.height)}",
        class_="map",
        role="group",
        aria_label=name,
    )


def key_mark(look: str) -> Markup:
    """A sign as it stands on the map, for the key beside it."""
    return svg.element("svg", _shape(look, 9.0, 9.0), viewBox="0 0 18 18", class_="sign", aria_hidden="true")


def _shape(look: str, x: float, y: float) -> Markup:
    if look == "good":
        return svg.element("circle", cx=x, cy=y, r=4.6, class_="mark f-good")
    if look == "wait":
        return svg.element(
            "polygon", points=_points(x, y, ((0, -6.4), (6, 4.6), (-6, 4.6))), class_="mark f-warn"
        )
    if look == "off":
        return svg.element("circle", cx=x, cy=y, r=4.2, class_="hollow s-none")
    if look == "lead":
        return svg.element(
            "polygon", points=_points(x, y, ((0, -8), (8, 0), (0, 8), (-8, 0))), class_="mark f-c3"
        )
    cross = Markup(f"M{svg.number(x - 3)} {svg.number(y - 3)}l6 6m0-6l-6 6")
    square = svg.element("rect", x=x - 5.6, y=y - 5.6, width=11.2, height=11.2, class_="mark f-bad")
    return svg.group((square, svg.element("path", d=cross, class_="cross")))


def _points(x: float, y: float, corners: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{svg.number(x + across)},{svg.number(y + down)}" for across, down in corners)


def _rings(edges: F64) -> list[Ring]:
    """Closed lines out of edges that follow each other."""
    breaks = np.flatnonzero((edges[1:, :2] != edges[:-1, 2:]).any(axis=1)) + 1
    return [np.concatenate((part[:, :2], part[-1:, 2:])) for part in np.split(edges, breaks)]


def _simpler(ring: Ring) -> Ring:
    """Douglas and Peucker (1973): without points nearer than the tolerance to the line between others."""
    keep = np.zeros(len(ring), bool)
    keep[[0, -1]] = True
    far = int(np.argmax(np.linalg.norm(ring - ring[0], axis=1)))
    spans = [(0, far), (far, len(ring) - 1)]
    while spans:
        first, last = spans.pop()
        keep[[first, last]] = True
        if last - first < 2:
            continue
        line = ring[last] - ring[first]
        off = ring[first + 1 : last] - ring[first]
        length = float(np.hypot(*line))
        away = np.hypot(*off.T) if length == 0 else np.abs(line[0] * off[:, 1] - line[1] * off[:, 0]) / length
        most = int(np.argmax(away))
        if away[most] > TOLERANCE_DEG:
            spans += [(first, first + 1 + most), (first + 1 + most, last)]
    return ring[keep]


def _middle(frame: Frame, edges: F64) -> tuple[float, float]:
    """Where an area's name stands: the middle of its largest ring."""
    ring = max(_rings(edges), key=len)
    x1, y1, x2, y2 = *ring[:-1].T, *ring[1:].T
    cross = x1 * y2 - x2 * y1
    area = cross.sum()
    if abs(area) < 1e-9:
        middle = ring.mean(axis=0)
    else:
        middle = np.array([((x1 + x2) * cross).sum(), ((y1 + y2) * cross).sum()]) / (3.0 * area)
    x, y = frame.xy(middle[:1], middle[1:])
    return float(x[0]), float(y[0])
