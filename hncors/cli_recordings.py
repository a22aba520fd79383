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
from hncors.daemon.recording import (
    EXPECTED,
    STDIN,
    Recording,
    RecordingError,
    open_recordings,
    shown,
    station_and_hour,
)
from hncors.gpstime import DAY_MS
from hncors.network import Network, Tick, Watched
from hncors.observation import CHANNEL_UNKNOWN
from hncors.reading import Dating, blocks, date
from hncors.replaying import WHOLE, Source, play, untimed
from hncors.rinex_nav_reader import read
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.bits import Impossible, Short
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import GNSS
from hncors.text import printable
from hncors.view.columns import channels
from hncors.view.epoch_status import AGE_MS, Heard

NAVIGATION = "expected a RINEX 3 or 4 navigation file"
MAX_NAVIGATION_BYTES = 1 << 28


class Played(NamedTuple):
    """A station whose recording is played."""

    id: str
    rate_hz: float | None = None


class Plan(NamedTuple):
    """What is played. Lists are in the order of the inputs."""

    stations: list[Played]
    recordings: list[Recording]
    sources: list[Source]
    datings: list[Dating]
    heard: list[Heard]  # ephemerides, and when they came
    channels: dict[str, NDArray[np.int8]]  # GLONASS channels by station, from ephemerides
    filed_channels: NDArray[np.int8]  # the same from navigation files

    @property
    def undated(self) -> frozenset[str]:
        """Stations of which nothing tells the week."""
        pairs = zip(self.stations, self.datings, strict=True)
        return frozenset(station.id for station, dating in pairs if not dating.source)

    def network(self) -> Network:
        """A network of the stations, in which nothing has happened yet."""
        network = Network(self.stations)
        known = np.flatnonzero(self.filed_channels != CHANNEL_UNKNOWN)
        network.tally.channels[:, known] = self.filed_channels[known]
        return network

    def play(
        self, network: Network, *, chunk_size: int = WHOLE, until: Callable[[int], None] | None = None
    ) -> Iterator[Tick]:
        """Every tick of the replay."""
        return play(network, self.sources, chunk_size=chunk_size, until=until)


def prepare(
    inputs: Iterable[str | Path],
    stations: Sequence[Watched] = (),
    nav: Iterable[str | Path] = (),
    given_ms: int | None = None,
) -> Plan:
    """Open and date recordings and name their stations. Raises Refused with every problem at once.

    A recording is of the station whose `file://` link names its file, else whose id is its name; a name
    that comes again gets "-2", "-3". `given_ms` is a GPS time within half a week of their first
    observations, for those whose week neither ephemerides nor arrival times nor `nav` tell.
    """
    problems: list[str] = []
    recordings = list(_opened(inputs, problems))
    filed = list(_filed(nav, problems))
    if not recordings and not problems:
        problems.append(f"no recording: {EXPECTED}")
    near_ms = given_ms if given_ms is not None else _near(filed)
    names = _names(recordings, stations)
    plan = Plan([], [], [], [], _heard_filed(filed), {}, channels(filed))
    for recording, station in zip(recordings, names, strict=True):
        try:
            data = recording.data
        except RecordingError as refused:
            problems += refused.problems
            continue
        if next(blocks(data), None) is None:
            problems.append(f"{place(recording)}: no RTCM 3 frame found; {EXPECTED}")
            continue
        dating, source = _source(
            recording, station.id, near_ms, "given" if given_ms is not None else "navigation"
        )
        heard, told = _heard(source)
        plan.stations.append(station)
        plan.recordings.append(recording)
        plan.sources.append(source)
        plan.datings.append(dating)
        plan.heard.extend(heard)
        plan.channels[station.id] = told
    if problems:
        raise Refused(*problems)
    return plan


def configured(config: Path) -> Sequence[Watched]:
    """The stations of a configuration file. Raises Refused."""
    from hncors.daemon.configuration import ConfigurationError, load

    try:
        return load(config)[1]
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
        played.append(Played(free, None if station is None else station.rate_hz))
    return played


def _linked(station: Watched) -> Path | None:
    """The file that a station's link names."""
    link = getattr(station, "link", "")
    if not link.startswith("file:"):
        return None
    from hncors.registry import parse_link

    return Path(parse_link(link).path).resolve()


def _source(recording: Recording, station: str, near_ms: int | None, near: str) -> tuple[Dating, Source]:
    arrivals = recording.arrivals
    if arrivals is not None:
        dating = date(recording.data, arrival_ms=gpstime.from_unix_ns(int(arrivals[1][0])))
        return dating, Source(station, recording.data, *arrivals, timed=True)
    dating = date(recording.data, given_ms=near_ms)
    if dating.source == "given":
        dating = dating._replace(source=near)
    return dating, untimed(station, recording.data, dating)


# --- ephemerides -------------------------------------------------------------------------------


def _heard(source: Source) -> tuple[list[Heard], NDArray[np.int8]]:
    """The ephemerides in a recording with their arrival, and the GLONASS channels they tell."""
    heard: list[Heard] = []
    sets: list[Ephemeris] = []
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
            toe_ms = ephemeris.reference_time_ms(one, gpstime.from_unix_ns(at_ns))
            heard.append(Heard(at_ns, source.station, GNSS.index(one.gnss), one.satellite, toe_ms))
            sets.append(one)
    return heard, channels(sets)


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


def _heard_filed(filed: Iterable[Ephemeris]) -> list[Heard]:
    """Every station knows a set of a file from when it can be used."""
    return [
        Heard(
            gpstime.to_unix_ns(max(one.toe_gps_ms - AGE_MS[one.gnss], 0)),
            "",
            GNSS.index(one.gnss),
            one.satellite,
            one.toe_gps_ms,
        )
        for one in filed
        if one.toe_gps_ms is not None
    ]


def _near(filed: Iterable[Ephemeris]) -> int | None:
    """The middle of the sets' times; None when they are too far apart to tell a week."""
    times = sorted(one.toe_gps_ms for one in filed if one.toe_gps_ms is not None)
    if not times or times[-1] - times[0] > 5 * DAY_MS:
        return None
    return (times[0] + times[-1]) // 2
