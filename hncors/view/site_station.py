"""The page of one station: its state and why, availability, plots, sky, messages, equipment, recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hncors.causes_words import WIDE
from hncors.health import STREAMING
from hncors.measure.cells import PLACES, SKY, satellite_of
from hncors.measure.exclusion import NOT_POSSIBLE, STATES
from hncors.network import Network
from hncors.observation import I64
from hncors.registry import Station
from hncors.supervise.cases import OPERATOR, SUPERVISOR
from hncors.supervise.seen import EQUIPMENT, equipment_of
from hncors.supervise.standing import WORDS as STANDING_WORDS
from hncors.view.html import Markup, facts, hidden, row, table, tag
from hncors.view.positions import references_m
from hncors.view.report_words import STATES as TRUST_WORDS
from hncors.view.site_frame import Asked, Scene, name_of, page, part, state_mark
from hncors.view.site_map import coarse_deg
from hncors.view.site_overview import events_list, own_causes
from hncors.view.site_stations import bds3, heads_of
from hncors.view.site_words import Words
from hncors.view.sky_plot import CN0, Track, sky
from hncors.view.station_plain import availability, detail, signals

PLOTS = ("satellites", "cn0", "latency", "offsets", "multipath", "roti")
"""What hncors/daemon/static/site.js draws, in this order."""


class Precise(NamedTuple):
    """A registered place as it was filed, for who may see it."""

    latitude_deg: float
    longitude_deg: float
    height_m: float
    frame: str
    epoch: float | None


def station(
    asked: Asked, scene: Scene, number: int, *, standing: str = "", recorded: Mapping[str, int] | None = None,
    precise: Precise | None = None, cases: Markup | None = None,
) -> str:  # fmt: skip
    """Everything about a station that somebody may see."""
    words = asked.words
    stream = scene.network.streams[number]
    its = scene.stations[stream.id]
    told = detail(scene.network, number, its)
    operator = asked.who.may(OPERATOR)
    title = tag("h1", stream.id, " ", tag("small", name_of(its, words)))
    only = [one for one in scene.events if one.station == stream.id]
    its_scene = Scene(scene.network, scene.stations, scene.now_ns, scene.trend, only)
    body = (
        title,
        _state(asked, scene, number, told),
        _availability(words, scene, number),
        _series(asked, stream.id),
        tag("div", _sky(words, scene.network, number), _signals(words, scene.network, number), class_="pair"),
        tag("div", _messages(words, told), _errors(words, told) if operator else None, class_="pair"),
        _about(asked, its, standing),
        _place(asked, scene, number, precise),
        _equipment(words, scene.network, number, its) if operator else None,
        _recordings(words, stream.id, recorded) if operator else None,
        cases,
        part("its-events", tag("h2", words("its_events")), events_list(asked, its_scene, 20)),
    )
    return page(asked, f"{stream.id} {name_of(its, words)}", *body, scene=scene)


def track(network: Network, number: int) -> Track:
    """Where the satellites of a station's newest epoch stand, with the C/N0 of their strongest signal."""
    quality, none = network.quality, np.empty(0)
    cells = quality.cells
    mine = cells.table[number].reshape(-1)
    mine = mine[mine >= 0].astype(np.int64)
    newest = int(quality.newest_ms[number])
    mine = (
        mine[(cells.time_ms[mine] == newest) & ~np.isnan(cells.elevation_deg[mine])]
        if newest >= 0
        else mine[:0]
    )
    if not len(mine):
        empty: I64 = np.empty(0, np.int64)
        return Track(empty, empty, empty, none, none, none)
    satellite, gnss = satellite_of(cells.key[mine] // PLACES % SKY)
    key = gnss * 64 + satellite
    order = np.lexsort((np.nan_to_num(cells.cn0_dbhz[mine]), key))
    last = order[np.append(key[order][1:] != key[order][:-1], True)]
    rows = mine[last]
    return Track(
        gnss[last], satellite[last], np.full(len(rows), newest), np.radians(cells.azimuth_deg[rows]),
        np.radians(cells.elevation_deg[rows]), cells.cn0_dbhz[rows],
    )  # fmt: skip


def _state(asked: Asked, scene: Scene, number: int, told: Mapping[str, Any]) -> Markup:
    words, network = asked.words, scene.network
    stream = network.streams[number]
    pairs: list[tuple[object, object]] = [
        (words("state"), state_mark(stream.state, words)),
        (words("since"), (told["since"] or "")[:19].replace("T", " ")),
    ]
    if asked.who.may(OPERATOR) and stream.state_why:
        pairs.append((words("why"), stream.state_why))
    pairs.append((words("last_epoch"), told["last_epoch"] or words("unknown")))
    if stream.state == STREAMING:
        latency = told["latency_s"]
        pairs += [
            (words("satellites"), sum(told["satellites"].values())),
            (words("bds3"), bds3(told["bds3"], told["bds3_signals"])),
            (words("latency"), words("unknown") if latency is None else f"{latency:.2f} s"),
            (words("integrity"), words.pick(*_trust(network, number))),
        ]
    if told["interval_s"]:
        pairs.append((words("rate"), f"{told['interval_s']:g} s"))
    own = own_causes(network, number, words)
    if own and asked.who.may(OPERATOR):
        pairs.append((words("caused"), "; ".join(own)))
    wide = [_WIDE[WIDE[n]] for n in np.flatnonzero(network.causes.inhibited[number])]
    if wide:
        pairs.append((words("inhibited"), "; ".join(words.pick(*one) for one in wide)))
    return part("state", tag("h2", words("state"), class_="unseen"), facts(pairs), class_="card")


_WIDE = {
    "satellite": ("卫星", "a satellite"),
    "signal": ("信号", "a signal"),
    "system": ("整个系统", "a whole system"),
    "sky": ("电离层", "the ionosphere"),
}


def _trust(network: Network, number: int) -> tuple[str, str]:
    solved = network.positioning.status[number] >= 0
    return TRUST_WORDS[STATES[int(network.positioning.trust[number]) if solved else NOT_POSSIBLE]]


def _availability(words: Words, scene: Scene, number: int) -> Markup:
    cards = []
    for name, kept in availability(scene.trend, number).items():
        share = kept["availability"]
        value = words("unknown") if share is None else f"{100 * share:.3f} %"
        lasting, missing = _lasting(kept["observed_s"], words), kept["missing"]
        seen = f"{words('observed')} {lasting} · {words('missing')} {missing}"
        inside = tag("dt", words(f"window_{name}")), tag("dd", tag("strong", value), tag("small", seen))
        cards.append(tag("div", *inside))
    return part("availability", tag("h2", words("availability")), tag("dl", *cards, class_="cards"))


def _lasting(seconds: int, words: Words) -> str:
    if seconds >= 172_800:
        return f"{seconds / 86_400:.1f} {words('days')}"
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} {words('hours')}"
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"


def _series(asked: Asked, station_id: str) -> Markup:
    words = asked.words
    ways = [
        tag(
            "button",
            words(f"window_{one}"),
            type="button",
            data_window=one,
            aria_pressed=str(one == "1h").lower(),
        )
        for one in ("1h", "24h")
    ]
    names = {name: words(name) for name in (*PLOTS, "bds3", "east", "north", "up", "hpl", "vpl")}
    plots = [tag("figure", tag("figcaption", names[one]), tag("div", data_plot=one)) for one in PLOTS]
    return tag(
        "section",
        tag("h2", words("series")),
        tag("p", *ways, class_="windows", role="group", aria_label=words("series")),
        tag("noscript", words("no_script")),
        tag(
            "div",
            *plots,
            class_="plots",
            data_series=station_id,
            data_w_time=words("when"),
            data_w_nothing=words("no_samples"),
            **{f"data_w_{key}": name for key, name in names.items()},
        ),
        tag("p", words("series_note"), class_="note"),
        id="series",
    )


def _sky(words: Words, network: Network, number: int) -> Markup:
    seen = track(network, number)
    streaming = network.streams[number].state == STREAMING
    drawn = sky(words("sky"), seen, CN0) if len(seen.gnss) and streaming else tag("p", words("no_sky"))
    return part("sky", tag("h2", words("sky")), drawn)


def _signals(words: Words, network: Network, number: int) -> Markup:
    rows = [
        row(
            f"{one['gnss']}{one['signal']}",
            *(
                tag("td", _told(one[name]), class_="number")
                for name in ("satellites", "bds3_satellites", "cn0_dbhz")
            ),
            tag("td", f"{one['observations']:,}", class_="number"),
        )
        for one in signals(network, number)
    ]
    heads = [words("signal"), words("satellites"), words("bds3"), words("cn0"), words("count")]
    return part("signals", tag("h2", words("signals")), table(heads, rows, words("signals")))


def _messages(words: Words, told: Mapping[str, Any]) -> Markup:
    rows = [row(kind, tag("td", f"{count:,}", class_="number")) for kind, count in told["messages"].items()]
    return part(
        "messages",
        tag("h2", words("messages")),
        table(heads_of(words, "message", "count"), rows, words("messages")),
    )


def _errors(words: Words, told: Mapping[str, Any]) -> Markup:
    counts = {
        **told["errors"],
        **{f"{words('reconnects')}: {state}": n for state, n in told["reconnects"].items()},
    }
    rows = [row(kind, tag("td", f"{count:,}", class_="number")) for kind, count in counts.items()]
    inside = (
        table(heads_of(words, "kind", "count"), rows, words("errors")) if rows else tag("p", words("none"))
    )
    return part("errors", tag("h2", words("errors")), inside)


def _about(asked: Asked, its: Station, standing: str) -> Markup:
    words = asked.words
    pairs: list[tuple[object, object]] = [
        (words("county"), its.county or words("unknown")),
        (words("operator_of"), its.operator or words("unknown")),
    ]
    if asked.who.may(OPERATOR):
        filing = its.filing.number if its.filing is not None and its.filing.number else words("none")
        pairs.append((words("filing"), filing))
        if standing:
            pairs.append((words("standing"), words.of(standing, STANDING_WORDS)))
    return tag("section", tag("h2", words("filed_as")), facts(pairs), id="about")


def _place(asked: Asked, scene: Scene, number: int, precise: Precise | None) -> Markup:
    words, who = asked.words, asked.who
    station_id = scene.network.streams[number].id
    if precise is not None:
        inside: Markup = facts(
            (
                (words("latitude"), f"{precise.latitude_deg:.9f}° ({words('precise')})"),
                (words("longitude"), f"{precise.longitude_deg:.9f}°"),
                (words("height"), f"{precise.height_m:.4f} m"),
                (words("frame"), f"{precise.frame} {precise.epoch or ''}"),
            )
        )
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            ((longitude, latitude),) = coarse_deg(references_m(scene.network)[[number]]).tolist()
        known = np.isfinite(longitude) and np.isfinite(latitude)
        text = f"{latitude:.2f}° N, {longitude:.2f}° E ({words('coarse')})" if known else words("unknown")
        inside = facts(((words("place"), text),))
    ask = None
    if precise is None and who.csrf and who.may(SUPERVISOR) and scene.stations[station_id].ecef_m is not None:
        button = tag("button", words("show_precise"), type="submit", class_="quiet")
        ask = tag(
            "form", hidden("csrf", who.csrf), button, method="post", action=f"/stations/{station_id}/precise"
        )
    return tag("section", tag("h2", words("place")), inside, ask, id="place")


def _equipment(words: Words, network: Network, number: int, its: Station) -> Markup:
    told = equipment_of(network.streams[number])
    receiver, antenna = its.receiver, its.antenna
    filed = {
        "receiver": receiver.type if receiver else None,
        "receiver_serial": receiver.serial if receiver else None,
        "firmware": receiver.firmware if receiver else None,
        "antenna": antenna.type if antenna else None,
        "antenna_serial": antenna.serial if antenna else None,
    }
    rows = [
        row(
            tag("th", words(name), scope="row"),
            filed[name] or words("unknown"),
            told.get(name) or words("unknown"),
        )
        for name in EQUIPMENT
    ]
    heads = heads_of(words, "equipment", "filed_as", "told_as")
    return part("equipment", tag("h2", words("equipment")), table(heads, rows, words("equipment")))


def _recordings(words: Words, station_id: str, recorded: Mapping[str, int] | None) -> Markup:
    if recorded is None:
        inside = tag("p", words("no_recordings"))
    else:
        inside = facts(
            (
                (words("bytes_kept"), f"{recorded['written']:,}"),
                (words("bytes_lost"), f"{recorded['dropped']:,}"),
            )
        )
    return part("recordings", tag("h2", words("recordings")), inside)


def _told(value: object) -> str:
    return "" if value is None else str(value)
