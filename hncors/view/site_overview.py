"""The overview and the big screen: where stations are, how they do, whose the faults are, what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hncors.causes_words import OWN, OWN_WORDS
from hncors.health import STREAMING, Event
from hncors.network import Network
from hncors.supervise import words as case_words
from hncors.supervise.cases import OPEN, OPERATOR
from hncors.supervise.judge import Judge
from hncors.view.html import Markup, link, row, table, tag
from hncors.view.positions import references_m
from hncors.view.replay_files import utc
from hncors.view.roles import Who
from hncors.view.site_frame import Asked, Scene, name_of, page, part, state_mark, station_link
from hncors.view.site_map import Outline, Spot, coarse_deg, key_mark, picture
from hncors.view.site_states import STATE_WORDS, event_name, event_says, look_of
from hncors.view.site_words import Words
from hncors.view.station_plain import events_for

LATELY = 14  # events
ATTENTION = 60  # stations that are not well, named
SEVERE = ("bad", "wait", "good", "off")
_AFFECTED = ("stations_affected", "station_affected")


def overview(asked: Asked, scene: Scene, outline: Outline) -> str:
    """The first page."""
    words = asked.words
    shown = scene.shown(asked.who)
    body = (
        headline(words, scene, shown),
        tag(
            "div",
            _map(asked, scene, shown, outline),
            tag(
                "div",
                _by_state(asked, scene, shown),
                _by_cause(asked, scene, shown),
                _cases(asked, scene),
                class_="side",
            ),
            class_="overview",
        ),
        _attention(asked, scene, shown),
        part("lately", tag("h2", words("lately")), events_list(asked, scene, LATELY)),
    )
    return page(asked, words("overview"), *body, scene=scene)


def screen(asked: Asked, scene: Scene, outline: Outline) -> str:
    """For the duty room's wall: the same at a glance, in letters that are read from afar."""
    words = asked.words
    shown = scene.shown(asked.who)
    body = (
        headline(words, scene, shown),
        tag(
            "div",
            _map(asked, scene, shown, outline),
            tag(
                "div",
                _by_state(asked, scene, shown),
                _by_cause(asked, scene, shown),
                _attention(asked, scene, shown, most=12),
                part("lately", tag("h2", words("lately")), events_list(asked, scene, 8)),
                class_="side",
            ),
            class_="overview",
        ),
    )
    return page(asked, words("screen"), *body, scene=scene, screen=True)


def headline(words: Words, scene: Scene, shown: Sequence[int]) -> Markup:
    """How many stations stream, of how many."""
    streams = scene.network.streams
    up = sum(streams[n].state == STREAMING for n in shown)
    text = f"{up} / {len(shown)} {words('streaming_of')}"
    well = up == len(shown) and not scene.network.causes.stations.hold.on.any()
    good = "good" if well else "bad" if up < len(shown) else "wait"
    return tag("h1", text, id="headline", class_=f"headline {good}", data_part=True)


def events_list(asked: Asked, scene: Scene, most: int) -> Markup:
    """The newest events that somebody may see."""
    words = asked.words
    events = events_for(list(scene.events), scene.stations, asked.who)[-most:]
    if not events:
        return tag("p", words("nothing_lately"))
    rows = [_event_row(asked, scene, one) for one in reversed(events)]
    return table(
        [words(name) for name in ("when", "station", "event", "detail")], rows, words("lately"), "events"
    )


def _event_row(asked: Asked, scene: Scene, event: Event) -> Markup:
    words = asked.words
    station = scene.stations.get(event.station)
    if station is not None:
        where: object = link(f"/stations/{station.id}", station.id, title=name_of(station, words))
    else:
        where = event.station or words("network")
    at = utc(event.at_ns) or ""
    when = tag("time", at[:19].replace("T", " "), datetime=at)
    return row(when, where, event_name(event.kind, words), event_says(event, words))


def _map(asked: Asked, scene: Scene, shown: Sequence[int], outline: Outline) -> Markup:
    words = asked.words
    spots = list(_spots(asked, scene, shown))
    drawn = picture(words("map"), outline, spots, english=words.language == "en")
    absent = len(shown) - len(spots)
    key = [
        tag("li", key_mark(look), " ", text)
        for look, text in (
            ("good", words.of("streaming", STATE_WORDS)),
            ("wait", words.of("connecting", STATE_WORDS)),
            ("bad", words.pick("故障", "fault")),
            ("off", words.of("disabled", STATE_WORDS)),
            *((("lead", words("leads")),) if asked.who.may(OPERATOR) else ()),
        )
    ]
    note = words("map_note") + (f" · {words('more')} {absent} {words('not_placed')}" if absent else "")
    return part(
        "map",
        tag("h2", words("map"), class_="unseen"),
        drawn,
        tag("ul", *key, class_="key"),
        tag("p", note, class_="note"),
    )


def _spots(asked: Asked, scene: Scene, shown: Sequence[int]) -> Iterator[Spot]:
    network, words = scene.network, asked.words
    if not shown:
        return
    rows = np.array(shown, np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        places = coarse_deg(references_m(network)[rows])
    judge = network.judge
    for number, (longitude, latitude) in zip(shown, places.tolist(), strict=True):
        if not (np.isfinite(longitude) and np.isfinite(latitude)):
            continue
        stream = network.streams[number]
        station = scene.stations[stream.id]
        lead = not station.filed and isinstance(judge, Judge) and bool(judge.leads(stream.id))
        title = f"{stream.id} {name_of(station, words)}: {words.of(stream.state, STATE_WORDS)}"
        if lead:
            title += f" · {words('leads')}"
        yield Spot(longitude, latitude, stream.state, title, f"/stations/{stream.id}", lead)


def _by_state(asked: Asked, scene: Scene, shown: Sequence[int]) -> Markup:
    words = asked.words
    rows = [
        row(link(f"/stations?state={state}", state_mark(state, words)), tag("td", count, class_="number"))
        for state, count in scene.states(shown).most_common()
    ]
    made = table([words("state"), tag("span", words("count"))], rows, words("by_state"), "counts")
    return part("by-state", tag("h2", words("by_state")), made)


def _by_cause(asked: Asked, scene: Scene, shown: Sequence[int]) -> Markup:
    words, causes = asked.words, scene.network.causes
    lines = [words.pick(str(told["text_zh"]), str(told["text"])) for told in causes.about.values()]
    on = causes.stations.hold.on
    if asked.who.may(OPERATOR) and on.any():
        counts = on[np.array(shown, np.int64)].sum(axis=0).tolist()
        lines += [
            f"{words.pick(chinese, english)}: {count} {words(_AFFECTED[count == 1])}"
            for (english, chinese), count in zip(OWN_WORDS.values(), counts, strict=True)
            if count
        ]
    inside = tag("ul", *(tag("li", line) for line in lines)) if lines else tag("p", words("no_causes"))
    return part("by-cause", tag("h2", words("by_cause")), inside)


def _cases(asked: Asked, scene: Scene) -> Markup | None:
    """Open cases by state, for those whom they concern."""
    words = asked.words
    if not asked.who.may(OPERATOR) or not scene.has_ledger:
        return None
    rows = [
        row(
            link(f"/cases?state={state}", words.of(state, case_words.STATE)),
            tag("td", scene.cases.get(state, 0), class_="number"),
        )
        for state in OPEN
    ]
    made = table([words("state"), words("count")], rows, words("open_cases"), "counts")
    return part("open-cases", tag("h2", link("/cases", words("open_cases"))), made)


def _attention(asked: Asked, scene: Scene, shown: Sequence[int], most: int = ATTENTION) -> Markup:
    """Stations that are not well, the worst first; for operators those with a fault of their own, too."""
    words, streams = asked.words, scene.network.streams
    faulty = np.asarray(scene.network.causes.stations.hold.on.any(axis=1))
    told = asked.who.may(OPERATOR)
    unwell = [n for n in shown if streams[n].state != STREAMING or (told and faulty[n])]
    unwell.sort(key=lambda n: (SEVERE.index(look_of(streams[n].state)), -streams[n].since_ns))
    heading = tag("h2", words("attention"))
    if not unwell:
        return part("attention", heading, tag("p", words("all_well"), class_="well"))
    rows = [_unwell(asked.who, words, scene, n) for n in unwell[:most]]
    why = ("why",) if asked.who.may(OPERATOR) else ()
    heads = [words(name) for name in ("station", "state", "since", *why)]
    left = len(unwell) - most
    more = tag("p", link("/stations?state=unwell", f"{words('more')} {left}")) if left > 0 else None
    return part("attention", heading, table(heads, rows, words("attention")), more)


def _unwell(who: Who, words: Words, scene: Scene, number: int) -> Markup:
    stream = scene.network.streams[number]
    since = (utc(stream.since_ns) or "")[:19].replace("T", " ")
    its = scene.stations[stream.id]
    cells: list[object] = [station_link(its, words), state_mark(stream.state, words), since]
    if who.may(OPERATOR):
        cells.append("; ".join(filter(None, (stream.state_why, *own_causes(scene.network, number, words)))))
    return row(*cells, data_station=stream.id)


def own_causes(network: Network, number: int, words: Words) -> list[str]:
    """Faults of a station's own, in words."""
    on = np.flatnonzero(network.causes.stations.hold.on[number]).tolist()
    return [words.pick(*reversed(OWN_WORDS[OWN[n]])) for n in on]
