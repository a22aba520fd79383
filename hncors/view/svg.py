"""SVG and XHTML as text: every element is well formed, every text and attribute escaped.

Colours are not written into elements: they have classes, and STYLE gives those a look by day and by night,
in a page and in a file of its own alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np

from hncors.observation import F64
from hncors.text import printable

LONGEST = 2000  # characters of a text that is shown
_LETTER = 7.1

# Okabe and Ito's colours, which people with impaired colour vision tell apart; lighter ones by night.
_DAY = {
    "ink": "#1d2530",
    "pale": "#5c6773",
    "grid": "#d9dee4",
    "ground": "#ffffff",
    "c0": "#0072b2",
    "c1": "#d55e00",
    "c2": "#00845f",
    "c3": "#a65489",
    "c4": "#8a6d00",
    "c5": "#222222",
    "c6": "#3a8fc7",
    "good": "#00845f",
    "warn": "#b27700",
    "bad": "#c22f2f",
    "none": "#8a949e",
    "v0": "#f0b400",
    "v1": "#8fbf3f",
    "v2": "#2fa37c",
    "v3": "#2f7f9e",
    "v4": "#3f5fae",
    "v5": "#4b1f84",
}
_NIGHT = {
    "ink": "#e4e9ee",
    "pale": "#9aa6b2",
    "grid": "#353d46",
    "ground": "#14181d",
    "c0": "#56b4e9",
    "c1": "#ff9147",
    "c2": "#3fcf9f",
    "c3": "#e59bc8",
    "c4": "#f0d34c",
    "c5": "#e8e8e8",
    "c6": "#9bd3ff",
    "good": "#3fcf9f",
    "warn": "#f0b429",
    "bad": "#ff7070",
    "none": "#77818b",
    "v0": "#6f4bb5",
    "v1": "#5273cf",
    "v2": "#3d98b8",
    "v3": "#3cba91",
    "v4": "#9bd45a",
    "v5": "#fde74c",
}
COLOURS = ("c0", "c1", "c2", "c3", "c4", "c5", "c6")


def _rules(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_LOOKS = (
    "svg{font:12px system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;fill:var(--ink)}"
    "svg .pale{fill:var(--pale)}svg .small{font-size:10px}svg .end{text-anchor:end}"
    "svg .middle{text-anchor:middle}svg .strong{font-weight:600}"
    "svg .tabular{font-variant-numeric:tabular-nums}"
    "svg .grid{stroke:var(--grid);stroke-width:1;fill:none}svg .edge{stroke:var(--pale);fill:none}"
    "svg .limit{stroke:var(--bad);stroke-dasharray:6 4;stroke-width:1.3;fill:none}"
    "svg .model{stroke:var(--ink);stroke-dasharray:5 4;stroke-width:1.2;fill:none}"
    "svg .line{fill:none;stroke-width:1.4;stroke-linejoin:round;stroke-linecap:round}"
    "svg .thick{stroke-width:6;stroke-linecap:butt}svg .dot{stroke-width:2.6}"
    "svg .track{stroke-width:2.4}"
    "svg .halo{stroke:var(--ground);stroke-width:2.6;stroke-linejoin:round;paint-order:stroke}"
    "svg .ground{fill:var(--ground)}svg .hollow{fill:var(--ground);stroke-width:1.6}"
    + "".join(
        f"svg .s-{name}{{stroke:var(--{name})}}svg .f-{name}{{fill:var(--{name})}}"
        for name in _DAY
        if name not in ("grid", "ground")
    )
)
STYLE = (
    f":root{{color-scheme:light dark;{_rules(_DAY)}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_rules(_NIGHT)}}}}}" + _LOOKS
)
SWITCHED_STYLE = (
    f":root{{color-scheme:light dark;{_rules(_DAY)}}}:root[data-theme=light]{{color-scheme:light}}"
    f"@media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{{_rules(_NIGHT)}}}}}"
    f":root[data-theme=dark]{{color-scheme:dark;{_rules(_NIGHT)}}}" + _LOOKS
)
"""The same where the page says by `data-theme` what somebody chose."""


class Markup(str):
    """Text that is markup; all other text is escaped before it becomes some."""

    __slots__ = ()


def text(words: str) -> Markup:
    """Words as they may stand between tags, whatever they hold."""
    return words if isinstance(words, Markup) else Markup(escape(printable(words, LONGEST)))


def number(value: float) -> str:
    """A coordinate in an image, to a hundredth of a unit, as short as that can be written."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def element(name: str, /, *inside: str, **attributes: str | float | None) -> Markup:
    """An element. Of attributes, `_` stands for `-`, one at the end is dropped, None means not there."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = "".join(map(text, inside))
    return Markup(f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>")


def _value(value: str | float) -> str:
    return text(value) if isinstance(value, str) else number(value)


def group(parts: Iterable[str], **attributes: str | float | None) -> Markup:
    """Elements that share attributes; nothing where there are none."""
    inside = "".join(map(text, parts))
    return element("g", Markup(inside), **attributes) if inside else Markup()


def label(x: float, y: float, words: str, class_: str = "", **attributes: str | float | None) -> Markup:
    """A line of text."""
    return element("text", words, x=x, y=y, class_=class_ or None, **attributes)


def width(words: str) -> float:
    """About how wide a line of text of 12 units is: a Chinese letter counts two."""
    return _LETTER * sum(2 if ord(letter) > 0x2E80 else 1 for letter in words)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(x: F64, y: F64, new: Iterable[bool] = (), **attributes: str | float | None) -> Markup:
    """A line through points; it is broken at those that are nan, and before those that are `new`."""
    begins = np.isnan(x) | np.isnan(y)
    here = ~begins
    begins = np.concatenate([[True], begins[:-1]])
    started = list(new)
    if started:
        begins |= np.array(started, bool)
    steps = [
        f"{'M' if begin else 'L'}{number(a)} {number(b)}"
        for a, b, begin in zip(x[here].tolist(), y[here].tolist(), begins[here].tolist(), strict=True)
    ]
    return element("path", d=Markup("".join(steps)), **attributes) if steps else Markup()


def picture(width: float, height: float, name: str, parts: Iterable[str], *, alone: bool = False) -> Markup:
    """An image as wide as the place it stands in; `alone`: a file of its own, with its looks in it."""
    own: dict[str, str | float | None] = {"xmlns": "http://www.w3.org/2000/svg"} if alone else {}
    size: dict[str, str | float | None] = {"width": width, "height": height} if alone else {}
    looks = [element("style", STYLE), element("rect", width=width, height=height, class_="ground")]
    inside = [element("title", name), *(looks if alone else ()), *parts]
    box = f"0 0 {number(width)} {number(height)}"
    return element(
        "svg", Markup("".join(map(text, inside))), **own, viewBox=box, **size, role="img", aria_label=name
    )
