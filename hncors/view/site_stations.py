"""Stations in a table, page by page, those that are not well first; and events."""

from __future__ import annotations

from collections.abc import Sequence

from hncors.health import STATES, STREAMING
from hncors.supervise.cases import OPERATOR
from hncors.view.html import Markup, choice, field, joined, link, row, table, tag
from hncors.view.site_frame import Asked, Scene, page, part, state_mark, station_link
from hncors.view.site_overview import events_list, headline
from hncors.view.site_states import EVENT_WORDS, STATE_WORDS
from hncors.view.site_words import Words
from hncors.view.station_plain import summary

ROWS = 100  # of a page
EVENTS = 200
UNWELL = "unwell"


def stations(asked: Asked, scene: Scene, *, state: str, search: str, first: int) -> str:
    """The table. `state` is one of STATES, UNWELL or "" for all; `search` is part of an id or a name."""
    words, streams = asked.words, scene.network.streams
    shown = scene.shown(asked.who)
    found = [n for n in shown if _fits(scene, n, state, search.casefold())]
    found.sort(key=lambda n: (streams[n].state == STREAMING, streams[n].id))
    rows = [_row(asked, scene, n) for n in found[first : first + ROWS]]
    heads = [
        words(name)
        for name in (
            *("station", "state", "since"),
            *(("why",) if asked.who.may(OPERATOR) else ()),
            *("satellites", "bds3", "latency", "last_epoch"),
        )
    ]
    states = {"": words("all"), UNWELL: words("attention")} | {
        one: words.of(one, STATE_WORDS) for one in STATES
    }
    form = tag(
        "form",
        field("search", words("search"), value=search or None, type="search", maxlength=64),
        choice("state", words("state"), states, state),
        tag("button", words("filter"), type="submit"),
        method="get",
        action="/stations",
        class_="filter",
    )
    count = tag("p", f"{len(found)} {words('found')}")
    listed = part(
        "stations", count, table(heads, rows, words("stations")), turning(asked, len(found), first, ROWS)
    )
    return page(asked, words("stations"), headline(words, scene, shown), form, listed, scene=scene)


def events(asked: Asked, scene: Scene, *, kind: str) -> str:
    """The last events."""
    words = asked.words
    kinds = {"": words("all")} | {one: words.of(one, EVENT_WORDS) for one in sorted(EVENT_WORDS)}
    form = tag(
        "form",
        choice("kind", words("event"), kinds, kind),
        tag("button", words("filter"), type="submit"),
        method="get",
        action="/events",
        class_="filter",
    )
    listed = part("events", events_list(asked, scene, EVENTS))
    return page(asked, words("events"), tag("h1", words("events")), form, listed, scene=scene)


def turning(asked: Asked, count: int, first: int, rows: int) -> Markup | None:
    """Links to the pages before and after."""
    words = asked.words
    if count <= rows:
        return None
    before = link(asked.at(first=str(max(first - rows, 0))), words("previous"), rel="prev") if first else None
    after = (
        link(asked.at(first=str(first + rows)), words("next"), rel="next") if first + rows < count else None
    )
    number = tag("span", f"{words('page')} {first // rows + 1} / {-(-count // rows)}")
    return tag("nav", joined((before, number, after)), class_="turning", aria_label=words("page"))


def _fits(scene: Scene, number: int, state: str, search: str) -> bool:
    stream = scene.network.streams[number]
    if state and stream.state != state and not (state == UNWELL and stream.state != STREAMING):
        return False
    if not search:
        return True
    station = scene.stations[stream.id]
    return any(
        search in text.casefold() for text in (station.id, station.name, station.name_en, station.county)
    )


def _row(asked: Asked, scene: Scene, number: int) -> Markup:
    words = asked.words
    stream = scene.network.streams[number]
    station = scene.stations[stream.id]
    its = summary(scene.network, number, station)
    cells: list[object] = [
        station_link(station, words),
        state_mark(stream.state, words),
        (its["since"] or "")[:19].replace("T", " "),
    ]
    if asked.who.may(OPERATOR):
        cells.append(stream.state_why)
    latency = None if its["latency_s"] is None else f"{its['latency_s']:.2f} s"
    cells += [_number(its["satellites"]), bds3(its["bds3"], its["bds3_signals"]), _number(latency)]
    cells.append(its["last_epoch"])
    return row(*cells, data_station=stream.id)


def bds3(count: int | None, signals: Sequence[str] | None) -> str:
    """BeiDou-3 satellites and their signals; nothing where they are not known."""
    return "" if count is None else " ".join((str(count), *(signals or ())))


def _number(value: object) -> Markup:
    return tag("td", value, class_="number")


def heads_of(words: Words, *names: str) -> list[str]:
    """Headings by the names of their words."""
    return [words(name) for name in names]
