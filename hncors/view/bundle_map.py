"""Where a case is, as an image by itself: outlines, filed stations, what the case is about."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hncors.geodesy import to_geodetic
from hncors.supervise.areas import Areas
from hncors.view import svg
from hncors.view.html import Markup
from hncors.view.site_map import WIDTH, Frame, outline

STYLE = (
    ".area{fill:#f4f6f8;stroke:#8a97a5;stroke-width:.7}.place{fill:#8a97a5}.middle{text-anchor:middle}"
    "text{font:11px sans-serif;fill:#223}.filed{fill:#2878b5}.about{fill:none;stroke:#c0392b;stroke-width:2}"
)
Place = tuple[float, float, float]


def drawn(areas: Areas, filed_m: Mapping[str, Place], subject: str, broadcast_m: Place | None) -> str:
    """A whole SVG document; `broadcast_m` is where the subject says that it stands."""
    made = outline(areas)
    marks = [svg.element("style", Markup(STYLE)), made.drawn]
    for name, place_m in filed_m.items():
        x, y = _at(made.frame, place_m)
        title = svg.element("title", name)
        marks.append(svg.element("circle", title, cx=svg.number(x), cy=svg.number(y), r="3", class_="filed"))
    if (here_m := broadcast_m or filed_m.get(subject)) is not None:
        x, y = _at(made.frame, here_m)
        title = svg.element("title", subject)
        ring = svg.element("circle", title, cx=svg.number(x), cy=svg.number(y), r="8", class_="about")
        marks += [ring, svg.label(x, y - 12, subject, "middle")]
    height = svg.number(made.frame.height)
    return str(
        svg.element(
            "svg", *marks, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {svg.number(WIDTH)} {height}",
            role="img", aria_label=subject,
        )
    )  # fmt: skip


def _at(frame: Frame, place_m: Place) -> tuple[float, float]:
    latitude, longitude = np.degrees(to_geodetic(np.array(place_m))[:2]).tolist()
    x, y = frame.xy(np.array([longitude]), np.array([latitude]))
    return float(x[0]), float(y[0])
