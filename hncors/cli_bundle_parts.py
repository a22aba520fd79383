"""What goes into a bundle of evidence: the register, the limits, and the recordings around each finding."""

from __future__ import annotations

import json
import tomllib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from hncors.cli_bundle_replay import CONFIG, NOTES, RECORDINGS, SOURCES, TABLES
from hncors.cli_output import Refused
from hncors.daemon.record_reading import read_news
from hncors.daemon.recording import RecordingError, open_recordings, station_and_hour
from hncors.daemon.recording_writer import RecordingWriter
from hncors.daemon.table_keeping import folder_of
from hncors.origins import ORIGINS, remember_origin
from hncors.registry import Station, parse_link
from hncors.settings import Settings
from hncors.supervise.findings import Finding
from hncors.supervise.policy import Policy
from hncors.supervise.sources import Pushed, plain
from hncors.supervise.station_text import flat, value_text
from hncors.view.bundle import BY_SOURCE

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
PUSH_FROM = "push_from"
BEFORE_S = {"E17": 4500, "E10": 1800}  # what a rule has to see before it speaks, with room to begin
BEFORE_USUAL_S, AFTER_S = 1200, 60
NEIGHBOURS = 6  # streams besides: ephemerides, and what others show of the sky
SECRET = (  # keys that nobody but the daemon needs
    *("user", "password_file", "tls_ca_file", "tls_verify", "gga"),
    *("patrol_position", PUSH_FROM),
)
NOWHERE = "tcp://192.0.2.1:2101"  # RFC 5737: nobody connects from a bundle
NOBODY = '[push]\nlisten = "127.0.0.1:2101"\n'  # ... and nobody pushes to one

Window = tuple[int, int]


def windows(found: Iterable[Finding]) -> list[Window]:
    """Stretches of time, UTC nanoseconds, in which the first finding of each rule came about."""
    first: dict[tuple[str, str], Finding] = {}
    for one in found:
        first.setdefault((one.rule, one.subject), one)
    made: list[Window] = []
    for one in sorted(first.values(), key=lambda finding: finding.at_ns):
        begin = one.at_ns - BEFORE_S.get(one.rule, BEFORE_USUAL_S) * SECOND_NS
        end = one.at_ns + AFTER_S * SECOND_NS
        if made and begin <= made[-1][1]:
            made[-1] = min(made[-1][0], begin), max(made[-1][1], end)
        else:
            made.append((begin, end))
    return made


def involved(found: Iterable[Finding], stations: Sequence[Station]) -> list[str]:
    """The stations that findings are about or name, and the nearest others."""
    known = {station.id: station for station in stations}
    named = dict.fromkeys(
        name
        for one in found
        for name in (one.subject, one.subject.partition("/")[0], *_texts(one.inputs))  # E14: STATION/NUMBER
        if name in known
    )
    places = [known[name].ecef_m for name in named if known[name].ecef_m is not None]
    others = [station for station in stations if station.id not in named and station.ecef_m is not None]
    if places:
        here = np.array(places[0])
        others.sort(key=lambda station: float(np.linalg.norm(np.array(station.ecef_m) - here)))
    return [*named, *(station.id for station in others[:NEIGHBOURS])]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for one in inner for text in _texts(one)]


def write_register(folder: Path, texts: Mapping[Path, str], pushed: Collection[str]) -> None:
    """The station files, without how they are connected to; of those `pushed` with where from they may be."""
    (folder / "stations").mkdir()
    for path, text in texts.items():
        every = flat(tomllib.loads(text))
        its_id = every.get("id", path.stem)
        needed = (PUSH_FROM,) if its_id in pushed else ()
        kept = {key: value for key, value in every.items() if key not in SECRET or key in needed}
        kept["link"] = f"push:///{its_id}" if needed else NOWHERE
        tables: dict[str, list[str]] = {"": []}
        for key, value in kept.items():
            table, _, name = key.rpartition(".")
            tables.setdefault(table, []).append(f"{name} = {value_text(value)}")
        lines = [*tables.pop(""), *(line for name, its in tables.items() for line in ("", f"[{name}]", *its))]
        (folder / "stations" / path.name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_territory(folder: Path, settings: Settings, config: Path, policy: Policy, *, pushed: bool) -> None:
    """Configuration, limits and areas, as the findings were made with; whether a stream is `pushed`."""
    named = settings.supervision.areas
    package = resources.files("hncors.supervise").joinpath("hunan.geojson")
    areas = (config.parent / named).read_bytes() if named is not None else package.read_bytes()
    (folder / "areas.geojson").write_bytes(areas)
    regions = ""
    if settings.supervision.regions is not None:
        (folder / "regions.csv").write_bytes((config.parent / settings.supervision.regions).read_bytes())
        regions = 'regions = "regions.csv"\n'
    limits = [f"{key} = {value_text(value)}" for key, value in policy.model_dump().items()]
    (folder / "policy.toml").write_text("\n".join(limits) + "\n", encoding="utf-8")
    text = 'stations = "stations"\n\n[supervision]\nareas = "areas.geojson"\npolicy = "policy.toml"\n'
    (folder / CONFIG).write_text(text + regions + NOBODY * pushed, encoding="utf-8")


def write_recordings(folder: Path, source: Path, names: Sequence[str], spans: Sequence[Window]) -> list[str]:
    """What the stations sent in each stretch of time, with when it came; who was recorded in none.

    Raises Refused.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(source.glob("*.rtcm3")):
        station, hour = station_and_hour(path)
        if station not in names or not path.stat().st_size:
            continue
        begin = 0 if hour is None else int(hour.timestamp()) * SECOND_NS
        if hour is None or any(begin < until and begin + HOUR_NS > since for since, until in spans):
            files.setdefault(station, []).append(path)
    written: set[str] = set()
    for number, span in enumerate(spans, 1):
        stretch = folder / RECORDINGS / str(number)
        for station, paths in files.items():
            try:
                (recording,) = open_recordings(paths)
                pieces = [
                    (came, data)
                    for data, came in recording.chunks(1 << 20)
                    if came is not None and span[0] <= came < span[1]
                ]
            except RecordingError as fault:
                raise Refused(*fault.problems) from None
            if pieces:
                written.add(station)
                stretch.mkdir(parents=True, exist_ok=True)
                with RecordingWriter(stretch / f"{station}.rtcm3", pieces[0][0]) as writer:
                    writer.write_all(pieces)
    return [name for name in names if name not in written]


def sources(recorded: Path, ledger: Iterable[Pushed], found: Sequence[Finding]) -> list[Pushed]:
    """Who pushed the streams that findings about sources are of, until then: as recorded, and before as kept.

    Raises Refused.
    """
    until: dict[str, int] = {}
    for one in found:
        if one.rule in BY_SOURCE:
            until[one.subject] = max(until.get(one.subject, 0), one.at_ns)
    known = {one.subject: one for one in ledger if one.subject in until}
    made = []
    for subject, until_ns in until.items():
        try:
            told = read_news(recorded, subject, None).news
        except OSError as fault:
            raise Refused(
                f"{recorded}: {fault.strerror}: expected the news of the link of {subject}"
            ) from None
        news = [item.origin._replace(at_ns=item.at_ns) for item in told if item.origin is not None]
        first_ns = min((origin.at_ns for origin in news), default=until_ns)
        before = known.get(subject, Pushed(subject, (), {}))
        origins = deque((origin for origin in before.origins if origin.at_ns < first_ns), ORIGINS)
        for origin in news:
            if origin.at_ns <= until_ns:
                remember_origin(origins, origin)
        if origins:
            made.append(Pushed(subject, tuple(origins), before.serials))
    return made


def write_sources(folder: Path, pushed: Sequence[Pushed]) -> None:
    """Who pushed streams, where findings are about that."""
    if pushed:
        text = json.dumps({one.subject: plain(one) for one in pushed}, ensure_ascii=False, indent=1) + "\n"
        (folder / SOURCES).write_text(text, encoding="utf-8")


def write_tables(folder: Path, source: Path, found: Sequence[Finding]) -> None:
    """Of casters that findings are about, the last sourcetables before, as `hncors scan --out` keeps them."""
    notes: dict[str, Any] = {}
    for one in found:
        caster, slash, _ = one.subject.rpartition("/")
        place = _kept_of(source, caster) if slash else None
        if place is None or not place.is_dir():
            continue
        before = [
            path for path in sorted(place.glob("*.sourcetable")) if _kept_ns(path) <= one.at_ns + SECOND_NS
        ]
        if before:
            name = f"{len(notes) + 1}.sourcetable"
            (folder / TABLES).mkdir(exist_ok=True)
            (folder / TABLES / name).write_bytes(before[-1].read_bytes())
            notes[name] = {"caster": f"ntrip://{caster}", "at_ns": one.at_ns}
    if notes:
        (folder / TABLES / NOTES).write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")


def _kept_of(source: Path, caster: str) -> Path | None:
    """Where the tables of a caster, host:port, are kept."""
    try:
        return folder_of(source, parse_link(f"ntrip://{caster}/-"))
    except ValueError:
        return None


def _kept_ns(path: Path) -> int:
    """When a table was kept, by its name."""
    try:
        at = datetime.strptime(path.stem, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return 1 << 62
    return int(at.timestamp()) * SECOND_NS
