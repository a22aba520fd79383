"""What commands and the Python doors play: recordings, the stations they are of, navigation files."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime
from hncors.cli_output import Refused
from hncors.cli_recorded import Recorded, read_recorded
from hncors.daemon.recording import (
    EXPECTED,
    STDIN,
    Recording,
    RecordingError,
    open_recordings,
    shown,
    station_and_hour,
)
from hncors.daemon.territory import Territory
from hncors.gpstime import DAY_MS
from hncors.health import SECOND_NS
from hncors.identity import Places
from hncors.measure.ephemeris_store import AGE_MS
from hncors.network import Network, Tick, Watched
from hncors.observation import CHANNEL_UNKNOWN
from hncors.reading import Dating, blocks, date, parts
from hncors.replaying import WHOLE, Script, Source, act, play, untimed
from hncors.rinex_nav_reader import read
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.bits import Impossible, Short
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.settings import Settings
from hncors.supervise.judge import Judge
from hncors.text import printable
from hncors.tiers import LOWEST, TIERS, Limits, tiers_of
from hncors.view.columns import channels

NAVIGATION = "expected a RINEX 3 or 4 navigation file"
MAX_NAVIGATION_BYTES = 1 << 28
APART_NS = 3600 * SECOND_NS  # with nothing for so long in between, recordings are not of one time


class Played(NamedTuple):
    """A station whose recording is played."""

    id: str
    rate_hz: float | None = None
    tier: str = LOWEST
    alert_limit_m: Limits = TIERS[LOWEST]


class Era(NamedTuple):
    """A network of stations in which nothing has happened yet, and what will."""

    network: Network
    sources: list[Source]
    script: Script | None = None  # of the daemon that recorded them

    @property
    def span_ns(self) -> tuple[int, int]:
        """When it begins and ends."""
        times = [source.arrival_ns[[0, -1]] for source in self.sources if len(source.arrival_ns)]
        if self.script is not None and len(self.script.tick_ns):
            times.append(self.script.tick_ns[[0, -1]])
        return int(min(time[0] for time in times)), int(max(time[1] for time in times))

    def play(self, *, chunk_size: int = WHOLE, until: Callable[[int], None] | None = None) -> Iterator[Tick]:
        """Every tick of the replay."""
        if self.script is not None:
            return act(self.network, self.sources, self.script, chunk_size=chunk_size, until=until)
        return play(self.network, self.sources, chunk_size=chunk_size, until=until)


class Plan(NamedTuple):
    """What is played. Lists are in the order of the inputs."""

    stations: list[Played]
    recordings: list[Recording]
    sources: list[Source]
    datings: list[Dating]
    sets: list[tuple[Ephemeris, int]]  # ephemerides, and GPS times near which they are of use
    channels: dict[str, NDArray[np.int8]]  # GLONASS channels by station, from ephemerides
    filed_channels: NDArray[np.int8]  # the same from navigation files
    places: Places  # of all filed stations
    recorded: Recorded | None = None  # what the daemon noted beside the bytes
    registry: Sequence[Watched] = ()
    territory: Territory | None = None  # where streams are held against the registry

    @property
    def problems(self) -> list[str]:
        """What is wrong with recordings that are played all the same."""
        found = [problem for recording in self.recordings for problem in recording.problems]
        return found if self.recorded is None else [*found, *self.recorded.all_problems(self.sources)]

    @property
    def undated(self) -> frozenset[str]:
        """Stations of which nothing tells the week."""
        pairs = zip(self.stations, self.datings, strict=True)
        return frozenset(station.id for station, dating in pairs if not dating.source)

    def eras(self) -> list[Era]:
        """What is played together. Recordings with an hour of nothing between them are not.

        What a daemon recorded is played as it went, its gaps too.
        """
        if self.recorded is not None:
            return [self._as_recorded(self.recorded)]
        order = sorted(range(len(self.sources)), key=lambda n: int(self.sources[n].arrival_ns[0]))
        groups: list[list[int]] = []
        end_ns = 0
        for number in order:
            first_ns, last_ns = self.sources[number].arrival_ns[[0, -1]].tolist()
            if not groups or first_ns - end_ns > APART_NS:
                groups.append([])
            groups[-1].append(number)
            end_ns = max(end_ns, last_ns)
        return [self._era(sorted(group)) for group in groups]

    def _as_recorded(self, recorded: Recorded) -> Era:
        played = {station.id: station for station in self.stations}
        watched = [
            played.get(name, Played(name))._replace(rate_hz=rate_hz)
            for name, rate_hz in recorded.watched.items()
        ]
        others = [played.get(name, Played(name)) for name in {**played, **recorded.news}]
        stations = {station.id: station for station in (*others, *watched)}
        order = [*recorded.watched, *(name for name in stations if name not in recorded.watched)]
        network = self._network([stations[name] for name in order])
        return Era(network, recorded.with_news(self.sources), recorded.script)

    def _era(self, numbers: list[int]) -> Era:
        network = self._network([self.stations[number] for number in numbers])
        return Era(network, [self.sources[number] for number in numbers])

    def _network(self, stations: Sequence[Played]) -> Network:
        network = Network(stations, places=self.places)
        known = np.flatnonzero(self.filed_channels != CHANNEL_UNKNOWN)
        network.tally.channels[:, known] = self.filed_channels[known]
        network.positioning.expect(self.sets)
        if self.territory is not None:
            network.judge = Judge(len(stations), self.registry, *self.territory)
        return network


def prepare(
    inputs: Iterable[str | Path],
    stations: Sequence[Watched] = (),
    nav: Iterable[str | Path] = (),
    given_ms: int | None = None,
    territory: Territory | None = None,
) -> Plan:
    """Open and date recordings and name their stations. Raises Refused with every problem at once.

    A recording is of the station whose `file://` link names its file, else whose id is its name; a name
    that comes again gets "-2", "-3". `given_ms` is a GPS time within half a week of their first
    observations, for those whose week neither ephemerides nor arrival times nor `nav` tell.
    """
    inputs = list(inputs)
    problems: list[str] = []
    recorded = read_recorded(inputs, problems)
    recordings = list(_opened(inputs, problems)) if recorded is None else recorded.recordings
    filed = list(_filed(nav, problems))
    if not recordings and not problems and recorded is None:
        problems.append(f"no recording: {EXPECTED}")
    names = _names(recordings, stations)
    strange = problems if recorded is None else []  # a link may well have brought nothing of use
    datings = _dated(recordings, given_ms, _near(filed), problems, strange)
    plan = Plan(
        [],
        [],
        [],
        datings,
        [(one, one.toe_gps_ms) for one in filed if one.toe_gps_ms is not None],
        {},
        channels(filed),
        Places(stations),
        recorded,
        stations,
        territory,
    )
    if problems:
        raise Refused(*problems)
    for recording, station, dating in zip(recordings, names, datings, strict=True):
        source = _source(recording, station.id, dating)
        sets, told = _heard(source)
        plan.stations.append(station)
        plan.recordings.append(recording)
        plan.sources.append(source)
        plan.sets.extend(sets)
        plan.channels[station.id] = told
    return plan


def configured(config: Path) -> Sequence[Watched]:
    """The stations of a configuration file. Raises Refused."""
    return _loaded(config)[1]


def supervised(config: Path) -> Territory:
    """What streams are judged by, as a configuration file has it. Raises Refused."""
    from hncors.daemon.territory import read_territory

    return read_territory(_loaded(config)[0], config)[0]


def _loaded(config: Path) -> tuple[Settings, Sequence[Watched]]:
    from hncors.daemon.configuration import ConfigurationError, load

    try:
        return load(config)
    except ConfigurationError as refused:
        raise Refused(*refused.problems) from refused


def _opened(inputs: Iterable[str | Path], problems: list[str]) -> Iterator[Recording]:
    """The recordings of all inputs; files of several hours of one station are one recording."""
    groups: dict[object, list[str | Path]] = {}
    for number, item in enumerate(inputs):
        hourly = str(item) != STDIN and station_and_hour(Path(item))[1] is not None
        groups.setdefault(station_and_hour(Path(item))[0] if hourly else number, []).append(item)
    for group in groups.values():
        try:
            yield from open_recordings(group)
        except RecordingError as refused:
            problems += refused.problems


def place(recording: Recording) -> str:
    """Where a recording came from, for a line of output."""
    paths = [part.path for part in recording.parts if part.path is not None]
    return shown(paths[0]) if paths else "standard input"


def _names(recordings: Sequence[Recording], stations: Sequence[Watched]) -> list[Played]:
    """The station of each recording, no two of one name."""
    by_id = {station.id: station for station in stations}
    by_file = {path: station for station in stations if (path := _linked(station)) is not None}
    taken: set[str] = set()
    played = []
    for recording in recordings:
        paths = [part.path.resolve() for part in recording.parts if part.path is not None]
        station = next((by_file[path] for path in paths if path in by_file), by_id.get(recording.name))
        name = printable(recording.name, 64) if station is None else station.id
        numbered = (f"{name}-{number}" for number in count(2))
        free = name if name not in taken else next(one for one in numbered if one not in taken)
        taken.add(free)
        rate_hz = None if station is None else station.rate_hz
        (tier,), (limit_m,) = tiers_of([station])
        played.append(Played(free, rate_hz, tier, Limits(*limit_m.tolist())))
    return played


def _linked(station: Watched) -> Path | None:
    """The file that a station's link names."""
    link = getattr(station, "link", "")
    if not link.startswith("file:"):
        return None
    from hncors.registry import parse_link

    return Path(parse_link(link).path).resolve()


def _dated(
    recordings: Sequence[Recording],
    given_ms: int | None,
    filed_ms: int | None,
    problems: list[str],
    strange: list[str],
) -> list[Dating]:
    """When each recording is of. Those that nothing dates are put beside the first of the others.

    `strange` is told of those that hold no frame.
    """
    near_ms, near = (given_ms, "given") if given_ms is not None else (filed_ms, "navigation")
    datings = []
    for recording in recordings:
        try:
            if next(blocks(recording.data), None) is None:
                strange.append(f"{place(recording)}: no RTCM 3 frame found; {EXPECTED}")
                if strange is problems:
                    continue
        except RecordingError as refused:
            problems += refused.problems
            continue
        arrivals = recording.arrivals
        if arrivals is not None:
            datings.append(date(recording.data, arrival_ms=gpstime.from_unix_ns(int(arrivals[1][0]))))
        else:
            dating = _from_first(recording.data, date(recording.data, given_ms=near_ms))
            datings.append(dating._replace(source=near) if dating.source == "given" else dating)
    beside_ms = next((dating.reference_ms for dating in datings if dating.source), None)
    if problems or beside_ms is None:
        return datings
    return [
        dating if dating.source else _from_first(recording.data, Dating(beside_ms, ""))
        for recording, dating in zip(recordings, datings, strict=True)
    ]


def _from_first(data: bytes, dating: Dating) -> Dating:
    """The same dating, its reference being the first observation itself: from there untimed bytes come."""
    first_ms = next(
        (int(part.time_ms[0]) for part in parts(data, dating.reference_ms) if len(part.time_ms)), None
    )
    return dating if first_ms is None else dating._replace(reference_ms=first_ms)


def _source(recording: Recording, station: str, dating: Dating) -> Source:
    if recording.arrivals is not None:
        return Source(station, recording.data, *recording.arrivals, timed=True)
    return untimed(station, recording.data, dating)


# --- ephemerides -------------------------------------------------------------------------------


def _heard(source: Source) -> tuple[list[tuple[Ephemeris, int]], NDArray[np.int8]]:
    """The ephemerides in a recording that are fresh as they come, when, and the GLONASS channels they tell.

    The week of a recording is known when it is played, so its sets are known from the start as well.
    """
    sets: list[tuple[Ephemeris, int]] = []
    every: list[Ephemeris] = []
    seen: set[bytes] = set()
    at = 0
    for frames in blocks(source.data):
        for frame in frames:
            number = frame[3] << 4 | frame[4] >> 4
            if number not in ephemeris.MESSAGES or frame in seen:
                continue
            seen.add(frame)
            try:
                one = ephemeris.decode(number, frame[3:-3])
            except (Short, Impossible):
                continue
            at = source.data.find(frame, at) + len(frame)
            at_ns = int(source.arrival_ns[np.searchsorted(source.offset, at - 1, side="right") - 1])
            every.append(one)
            near_ms = gpstime.from_unix_ns(at_ns)
            if abs(ephemeris.reference_time_ms(one, near_ms) - near_ms) <= AGE_MS[one.gnss]:
                sets.append((one, near_ms))
    return sets, channels(every)


def _filed(nav: Iterable[str | Path], problems: list[str]) -> Iterator[Ephemeris]:
    """The ephemerides of navigation files, plain or gzipped."""
    for path in map(Path, nav):
        try:
            with path.open("rb") as file:
                zipped = file.read(2) == b"\x1f\x8b"
            with gzip.open(path, "rb") if zipped else path.open("rb") as file:
                data = file.read(MAX_NAVIGATION_BYTES)
        except (OSError, EOFError) as fault:
            problems.append(f"{shown(path)}: {getattr(fault, 'strerror', None) or 'damaged'}; {NAVIGATION}")
            continue
        records = read(data.decode("ascii", "replace").splitlines()).records
        if not records:
            problems.append(f"{shown(path)}: no ephemeris found; {NAVIGATION}")
        yield from (record.ephemeris for record in records)


def _near(filed: Iterable[Ephemeris]) -> int | None:
    """The middle of the sets' times; None when they are too far apart to tell a week."""
    times = sorted(one.toe_gps_ms for one in filed if one.toe_gps_ms is not None)
    if not times or times[-1] - times[0] > 5 * DAY_MS:
        return None
    return (times[0] + times[-1]) // 2
