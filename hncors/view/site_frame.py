"""What all pages share: head, menu, switches of language and looks; and what pages are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hncors.health import Event
from hncors.network import Network
from hncors.registry import Station
from hncors.supervise.cases import OPERATOR
from hncors.view.html import Markup, hidden, joined, link, tag
from hncors.view.replay_files import utc
from hncors.view.roles import ADMINISTRATOR, Who
from hncors.view.site_states import STATE_WORDS, look_of
from hncors.view.site_words import CODES, LANGUAGES, NAMES, Words
from hncors.view.trend import Trend

THEMES = ("auto", "light", "dark")
MENU = (
    ("overview", "/", "public"),
    ("stations", "/stations", "public"),
    ("events", "/events", "public"),
    ("cases", "/cases", OPERATOR),
    ("admin", "/admin", ADMINISTRATOR),
    ("screen", "/screen", "public"),
)


@dataclass(frozen=True)
class Asked:
    """What a page is asked with."""

    who: Who
    words: Words
    theme: str = "auto"
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    can_sign_in: bool = False

    def at(self, **changes: str | None) -> str:
        """This page with other parameters; None takes one away."""
        kept = {key: value for key, value in {**self.query, **changes}.items() if value is not None}
        return self.path + (f"?{urlencode(kept)}" if kept else "")


@dataclass(frozen=True)
class Scene:
    """What there is to show."""

    network: Network
    stations: Mapping[str, Station]
    now_ns: int
    trend: Trend
    events: Sequence[Event] = ()  # the oldest first
    warnings: Sequence[str] = ()  # words of the monitor itself
    cases: Mapping[str, int] = field(default_factory=dict)  # by state
    has_ledger: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def shown(self, who: Who) -> list[int]:
        """Numbers of the stations that somebody may know of."""
        return [n for n, one in enumerate(self.network.streams) if who.sees(self.stations[one.id])]

    def states(self, shown: Sequence[int]) -> Counter[str]:
        streams = self.network.streams
        return Counter(streams[n].state for n in shown)


def page(asked: Asked, title: str, *body: object, scene: Scene | None = None, screen: bool = False) -> str:
    """A whole page."""
    words = asked.words
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · {words('site')}"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        *(tag("link", rel="stylesheet", href=f"/static/{name}.css") for name in ("colours", "site", "uplot")),
        tag("script", src="/static/uplot.js", defer=True),
        tag("script", src="/static/site.js", defer=True),
    )
    warned = () if scene is None else [tag("p", words(name), class_="warning") for name in scene.warnings]
    # Where nothing lives, no script keeps a connection open.
    live = tag("span", words("live_on"), id="live", data_off=words("live_off"), role="status")
    stamp = None
    if scene is not None:
        stamp = tag(
            "p", words("as_of"), " ", tag("time", utc(scene.now_ns) or ""), id="stamp", data_part=True
        )
    content = (
        tag("a", words("skip"), href="#main", class_="skip"),
        _header(asked, screen=screen),
        tag("main", tag("div", *warned, id="warnings", data_part=True), *body, id="main", tabindex="-1"),
        tag("footer", stamp, live if scene is not None else None),
    )
    whole = tag(
        "html",
        tag("head", *head),
        tag("body", *content, class_="screen" if screen else None, data_live=scene is not None),
        lang=CODES[words.language],
        data_theme=None if asked.theme == "auto" else asked.theme,
    )
    return f"<!DOCTYPE html>\n{whole}\n"


def _header(asked: Asked, *, screen: bool) -> Markup:
    words, who = asked.words, asked.who
    if screen:
        return tag(
            "header",
            tag("strong", words("site")),
            link("/", words("leave_screen"), class_="quiet"),
            class_="top",
        )
    places = [
        tag("li", link(href, words(name), aria_current="page" if _here(asked.path, href) else None))
        for name, href, role in MENU
        if who.may(role)
    ]
    return tag(
        "header",
        link("/", words("site"), class_="brand"),
        tag("nav", tag("ul", *places), aria_label=words("menu")),
        tag("div", _languages(asked), _themes(asked), _person(asked), class_="switches"),
        class_="top",
    )


def _here(path: str, href: str) -> bool:
    return path == href or (href != "/" and path.startswith(f"{href}/"))


def _languages(asked: Asked) -> Markup:
    others = [
        link(
            f"/language/{one}?back={quote(asked.at(), safe='')}",
            NAMES[one],
            lang=CODES[one],
            hreflang=CODES[one],
        )
        for one in LANGUAGES
        if one != asked.words.language
    ]
    return joined(others)


def _themes(asked: Asked) -> Markup:
    following = THEMES[(THEMES.index(asked.theme) + 1) % len(THEMES)]
    words = asked.words
    label = f"{words('theme')}: {words(f'theme_{asked.theme}')} → {words(f'theme_{following}')}"
    sign = {"auto": "◐", "light": "☀", "dark": "☾"}[asked.theme]
    back = quote(asked.at(), safe="")
    return link(f"/theme/{following}?back={back}", sign, aria_label=label, title=label, class_="theme")


def _person(asked: Asked) -> Markup | None:
    words, who = asked.words, asked.who
    if who.name:
        out = tag("button", words("sign_out"), type="submit", class_="quiet")
        form = tag("form", hidden("csrf", who.csrf), out, method="post", action="/logout")
        return joined((tag("span", f"{who.name} · {words(who.role)}", class_="person"), form))
    return link("/login", words("sign_in")) if asked.can_sign_in else None


def state_mark(state: str, words: Words) -> Markup:
    """A state in words, with its colour and its sign."""
    return tag("span", words.of(state, STATE_WORDS), class_=f"state {look_of(state)}")


def station_link(station: Station, words: Words) -> Markup:
    """A station's name as a link to its page; what is invented says so."""
    return joined((link(f"/stations/{station.id}", station.id), " ", name_of(station, words)))


def name_of(station: Station, words: Words) -> str:
    """The name of a station in a language, as far as there is one."""
    name = words.pick(station.name or station.name_en, station.name_en or station.name)
    if station.invented and "虚构" not in name and "invented" not in name:
        name = f"{name} {words.pick('（虚构）', '(invented)')}".strip()
    return name


def message(asked: Asked, title: str, text: str, back: str = "/") -> str:
    """A page that says one thing."""
    return page(asked, title, tag("h1", title), tag("p", text), tag("p", link(back, asked.words("back"))))


def part(name: str, *inside: object, **attributes: str | None) -> Markup:
    """A piece of a page that is made anew while somebody looks at it."""
    return tag("section", *inside, id=name, data_part=True, **attributes)
