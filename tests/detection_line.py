"""The line that detection is tried on: simulated stations' bytes into a network with a judge, on their clock.

A trial is data (tests/detection_case.py): provinces of the simulator, what is filed, what becomes of the
bytes on their way, and what has to be said of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from clone_material import share_clock
from simulated import scenario

from hncors.cli_simulated_files import station_file
from hncors.daemon.territory import default
from hncors.frames import year_of
from hncors.gpstime import to_unix_ns
from hncors.health import SECOND_NS
from hncors.network import Chunk, Network
from hncors.network_changes import watch
from hncors.ntrip.sourcetable import read
from hncors.origins import Origin
from hncors.registry import Station, read_station
from hncors.simulate.province import Province
from hncors.supervise.judge import Judge
from hncors.supervise.policy import Policy
from hncors.supervise.regions import read_regions

AFTER_NS = 2 * SECOND_NS  # a tick comes so long after each epoch: all but what is late has come by then
Changed = Callable[[list[bytes], int], list[bytes]]  # frames of an epoch and its GPS ms, as they go on
Register = Mapping[str, Mapping[str, Any]]  # by station: fields of hncors.registry.Station


class Feed(NamedTuple):
    """A province whose stations' bytes come in, each under a name, and later than they are of by `late_s`."""

    text: str  # of a scenario
    names: Mapping[str, str] = {}  # station of the province -> subject; without any all, as they are called
    late_s: float = 0.0
    clocks: Mapping[str, str] = {}  # station of the province -> the one whose receiver's clock it has, too


class Told(NamedTuple):
    """A lead as it was told."""

    after_s: float  # of the first epoch of the first feed
    subject: str
    rule: str
    strength: str
    standing: str


class Played(NamedTuple):
    """What came of it."""

    told: list[Told]
    suspected: set[str]  # subjects that ever were
    judge: Judge
    network: Network
    epochs: int  # of stations


def registered(province: Province, register: Register) -> list[Station]:
    """The stations as filed: as simulated, but for what `register` says."""
    year = year_of(province.start_ms)
    made = []
    for one in province.stations:
        station, problems = read_station(station_file(one, "tcp://127.0.0.1:1", year), one.id)
        assert station is not None, problems
        made.append(replace(station, **register.get(one.id, {})))
    return made


def _province(feed: Feed) -> Province:
    made = Province(scenario(feed.text))
    ids = [station.id for station in made.stations]
    for copy, source in feed.clocks.items():
        share_clock(made, ids.index(copy), ids.index(source))
    return made


def frames_of(data: bytes) -> list[bytes]:
    """Whole frames, one after the other."""
    out = []
    while data:
        length = 6 + (int.from_bytes(data[1:3], "big") & 0x3FF)
        out.append(data[:length])
        data = data[length:]
    return out


def _came(feed: Feed, changed: Mapping[str, Sequence[Changed]]) -> Iterator[tuple[int, int, str, bytes]]:
    """By epoch: its time as the feed comes, when its bytes do, whose they are, and they; in order."""
    province = _province(feed)
    late_ns = round(feed.late_s * SECOND_NS)
    for time_ms in province.times():
        for sent in province.epoch(time_ms).sent:
            name = province.stations[sent.station].id
            if feed.names and name not in feed.names:
                continue
            subject = feed.names.get(name, name)
            data = sent.data
            for change in changed.get(subject, ()) if data else ():
                data = b"".join(change(frames_of(data), time_ms))
            at_ns = to_unix_ns(time_ms) + late_ns
            yield at_ns, at_ns + round(sent.delay_s * SECOND_NS), subject, data


def play(
    feeds: Sequence[Feed],
    *,
    register: Register | None = None,
    changed: Mapping[str, Sequence[Changed]] | None = None,
    later: Mapping[float, Register] | None = None,
    policy: Policy | None = None,
    rows: Mapping[str, str] | None = None,
    each: Callable[[int], None] | None = None,
    origins: Mapping[str, Sequence[tuple[float, Origin]]] | None = None,
    regions: str = "",
) -> Played:
    """Feeds played together; the first has all stations, others bring bytes for some of them.

    `rows`: what a sourcetable says of stations.  `later`: what the register says from so many seconds on.
    `each` is told the number of each epoch.
    """
    province = Province(scenario(feeds[0].text))
    register, changed, later = register or {}, changed or {}, later or {}
    stations = registered(province, register)
    network = Network(stations)
    table = read_regions(regions, "regions.csv")[0] if regions else None
    network.judge = judge = Judge(len(stations), stations, default().areas, policy, table)
    pushed: list[tuple[int, str, Origin]] = []
    declared = {name: read(row.encode()).streams[0] for name, row in (rows or {}).items()}
    for name, its in (origins or {}).items():
        for after_s, origin in its:
            at_ns = to_unix_ns(province.start_ms) + round(after_s * SECOND_NS)
            pushed.append((at_ns, name, origin))
    pushed.sort()
    judge.declared("192.0.2.7:2101", [], declared, to_unix_ns(province.start_ms))
    spliced = {name for feed in feeds[1:] for name in feed.names.values()}
    begin_ns = to_unix_ns(province.start_ms)
    changes = sorted(later)
    waiting: list[tuple[int, int, str, bytes]] = []
    told: list[Told] = []
    suspected: set[str] = set()
    count = number = 0

    def tick(now_ns: int) -> None:
        nonlocal stations
        while changes and now_ns - begin_ns >= changes[0] * SECOND_NS:
            extra = later[changes.pop(0)]
            stations = [replace(one, **extra.get(one.id, {})) for one in stations]
            watch(network, stations)
        while pushed and pushed[0][0] <= now_ns:
            at_ns, subject, origin = pushed.pop(0)
            state = None if origin.refused else "connected"
            network.feed(Chunk(subject, b"", at_ns, state, origin=origin))
        while waiting and waiting[0][0] <= now_ns:
            at_ns, _, subject, data = heapq.heappop(waiting)
            network.feed(Chunk(subject, data, at_ns))
        network.tick(now_ns, skipped=True)
        while judge.findings:
            its = judge.findings.popleft().finding
            after_s = (its.at_ns - begin_ns) / SECOND_NS
            told.append(Told(after_s, its.subject, its.rule, its.strength, its.standing))
        suspected.update(one.subject for one in told if judge.standing(one.subject).word == "suspected")

    due_ns = -1
    own = [_own(feed, changed, spliced if feed is feeds[0] else set()) for feed in feeds]
    for at_ns, arrival_ns, subject, data in heapq.merge(*own):
        if at_ns != due_ns:
            if due_ns >= 0:
                tick(due_ns + AFTER_NS)
                if each is not None:
                    each(number)
                number += 1
            due_ns = at_ns
        if data:
            count += 1
            heapq.heappush(waiting, (arrival_ns, count, subject, data))
    tick(due_ns + AFTER_NS)
    return Played(told, suspected, judge, network, int(network.positioning.epochs.sum()))


def _own(
    feed: Feed, changed: Mapping[str, Sequence[Changed]], spliced: set[str]
) -> Iterator[tuple[int, int, str, bytes]]:
    """A feed without the stations that another feed brings."""
    return (one for one in _came(feed, changed) if one[2] not in spliced)
