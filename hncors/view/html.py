"""HTML as text: elements out of names, attributes and what is inside, every text and attribute escaped.

What is `Markup` was made here or by hncors.view.svg; anything else is text, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hncors.view.svg import Markup as Markup
from hncors.view.svg import text

VOID = frozenset("br hr img input link meta source wbr".split())
"""Elements that have no end (HTML Living Standard, 13.1.2)."""

Value = str | int | float | bool | None


def tag(name: str, /, *inside: object, **attributes: Value) -> Markup:
    """An element. Of attributes, `_` stands for `-`, one at the end is dropped; None and False: not there."""
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Parts after each other; None is nothing."""
    return Markup(
        "".join(text(part if isinstance(part, str) else str(part)) for part in parts if part is not None)
    )


def link(href: str, *inside: object, **attributes: Value) -> Markup:
    """A link to a place of this site."""
    return tag("a", *inside, href=href, **attributes)


def hidden(name: str, value: str) -> Markup:
    """A field of a form that nobody sees."""
    return tag("input", type="hidden", name=name, value=value)


def field(name: str, label: str, **attributes: Value) -> Markup:
    """A field of a form under its label."""
    made = tag("input", name=name, id=f"f-{name}", **{"type": "text", **attributes})
    return tag("p", tag("label", label, for_=f"f-{name}"), made, class_="field")


def choice(
    name: str, label: str, options: Mapping[str, str], chosen: str = "", **attributes: Value
) -> Markup:
    """A choice of one of some values, each with its words."""
    made = [tag("option", words, value=value, selected=value == chosen) for value, words in options.items()]
    return tag(
        "p",
        tag("label", label, for_=f"f-{name}"),
        tag("select", *made, name=name, id=f"f-{name}", **attributes),
        class_="field",
    )


def table(heads: Iterable[object], rows: Iterable[Markup], caption: str, class_: str = "") -> Markup:
    """A table whose columns have headings, with a caption for those who do not see it."""
    head = tag("tr", *(tag("th", one, scope="col") for one in heads))
    body = tag("tbody", *rows)
    made = tag(
        "table", tag("caption", caption, class_="unseen"), tag("thead", head), body, class_=class_ or None
    )
    # What is wider than the screen is scrolled by itself, also with the keyboard.
    return tag("div", made, class_="wide", tabindex="0", role="region", aria_label=caption)


def row(*cells: object, **attributes: Value) -> Markup:
    """A row of a table; cells that are td or th already stay what they are."""
    made = (
        cell if isinstance(cell, Markup) and cell.startswith(("<td", "<th")) else tag("td", cell)
        for cell in cells
    )
    return tag("tr", *made, **attributes)


def facts(pairs: Iterable[tuple[object, object]]) -> Markup:
    """Names with what they are."""
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts"
    )


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{text(str(value))}"'
