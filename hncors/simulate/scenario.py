"""A scenario: stations, sky, faults.  TOML text in, a `Scenario` or all its problems out."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from hncors import gpstime
from hncors.settings import Expected, Table, problem, read_table
from hncors.signals import CODES, GNSS, SATELLITES
from hncors.simulate.faults import KINDS, PARAMETERS, WRITABLE
from hncors.simulate.places import TOWNS
from hncors.simulate.plan import CLOCKS, RECEIVERS, SYSTEMS

LONGEST_S = 31 * 86_400


def _start(text: str) -> str:
    try:
        gpstime.from_iso(text)
    except ValueError:
        raise ValueError("ISO 8601 such as 2026-03-01T18:00:00 (GPS time; UTC with a Z)") from None
    return text


def _systems(text: str) -> str:
    if not text or len(set(text)) < len(text) or not set(text) <= set(SYSTEMS):
        raise ValueError(f'letters of "{SYSTEMS}", each once')
    return text


def _one_of(*choices: object) -> AfterValidator:
    def check(value: object) -> object:
        if value not in choices:
            raise ValueError("one of " + ", ".join(map(str, choices)))
        return value

    return AfterValidator(check)


def _number(low: float, high: float) -> tuple[object, Expected]:
    return Field(ge=low, le=high), Expected(f"a number from {low:.10g} to {high:.10g}")


_ID = (Field(pattern=r"^[A-Za-z0-9_-]{1,32}$"), Expected("1 to 32 letters, digits, - and _"))
_TEXT = (Field(max_length=31, pattern=r"^[ -~]*$"), Expected("at most 31 ASCII characters"))
_NAME = (Field(max_length=80), Expected("text of at most 80 characters"))
_SYSTEMS = (AfterValidator(_systems), Expected(f'letters of "{SYSTEMS}", each once'))
_TRUTH = Expected("true or false")
_INTERVAL = _number(0.1, 60)


class StationTable(Table):
    """A station by itself, or what is different about one of the network's (the same id)."""

    id: Annotated[str, *_ID]
    mountpoint: Annotated[str | None, *_ID] = None
    name: Annotated[str | None, *_NAME] = None
    name_en: Annotated[str | None, *_NAME] = None
    latitude_deg: Annotated[float | None, *_number(-85, 85)] = None
    longitude_deg: Annotated[float | None, *_number(-180, 180)] = None
    height_m: Annotated[float | None, *_number(-100, 9000)] = None
    systems: Annotated[str | None, *_SYSTEMS] = None
    bds3: Annotated[bool, _TRUTH] = True
    signals: Annotated[str, _one_of(*RECEIVERS), Expected("one of " + ", ".join(RECEIVERS))] = "full"
    msm: Annotated[int | None, _one_of(4, 5, 7), Expected("one of 4, 5, 7")] = None
    interval_s: Annotated[float | None, *_INTERVAL] = None
    mask_deg: Annotated[float | None, *_number(0, 60)] = None
    clock: Annotated[str | None, _one_of(*CLOCKS), Expected("one of " + ", ".join(CLOCKS))] = None
    delay_s: Annotated[float, *_number(0, 60)] = 0.3
    ephemerides: Annotated[bool, _TRUTH] = True
    reference_point: Annotated[bool, _TRUTH] = True
    filed: Annotated[bool, _TRUTH] = True
    receiver: Annotated[str | None, *_TEXT] = None
    firmware: Annotated[str | None, *_TEXT] = None
    antenna: Annotated[str | None, *_TEXT] = None


class Network(Table):
    """Stations that are alike: invented ones in real towns, then points scattered over the province."""

    count: Annotated[int, Field(ge=0, le=10_000), Expected("a whole number from 0 to 10000")] = len(TOWNS)
    systems: Annotated[str, *_SYSTEMS] = SYSTEMS
    msm: Annotated[int, _one_of(4, 5, 7), Expected("one of 4, 5, 7")] = 7
    interval_s: Annotated[float, *_INTERVAL] = 1.0
    mask_deg: Annotated[float, *_number(0, 60)] = 5.0
    ephemeris_s: Annotated[float, *_number(1, 600)] = 30.0
    station_s: Annotated[float, *_number(1, 600)] = 10.0


class Sky(Table):
    """Atmosphere and errors of reception; `noise` 0 leaves neither noise nor multipath."""

    tec_night_tecu: Annotated[float, *_number(0, 100)] = 8.0
    tec_day_tecu: Annotated[float, *_number(0, 200)] = 45.0
    wet_delay_m: Annotated[float, *_number(0, 0.6)] = 0.15
    noise: Annotated[float, *_number(0, 10)] = 1.0
    multipath: Annotated[float, *_number(0, 10)] = 1.0
    slips_per_hour: Annotated[float, *_number(0, 1000)] = 0.02


_NONE: list[str] = []
_NO_NUMBERS: dict[str, float] = {}


class FaultTable(Table):
    """A fault; docs/simulator.md lists which kinds take which parameters."""

    kind: Annotated[str, _one_of(*WRITABLE), Expected("one of " + ", ".join(WRITABLE))]
    label: Annotated[str | None, *_ID] = None
    begin_s: Annotated[float, *_number(0, LONGEST_S)] = 0.0
    end_s: Annotated[float | None, *_number(0, LONGEST_S)] = None
    stations: Annotated[list[str], Expected("an array of station ids")] = _NONE
    satellites: Annotated[list[str], Expected('an array of satellites such as "C23"')] = _NONE
    systems: Annotated[str | None, *_SYSTEMS] = None
    signals: Annotated[list[str], Expected('an array of signals such as "C6I"')] = _NONE
    of: Annotated[str | None, *_ID] = None
    parameters: Annotated[dict[str, float], Expected("a table of numbers")] = _NO_NUMBERS


_NO_STATIONS: list[StationTable] = []
_NO_FAULTS: list[FaultTable] = []


class TruthTable(Table):
    """What truth.jsonl holds besides stations and faults."""

    epochs_every_s: Annotated[float, *_number(0.1, 3600)] = 1.0
    cells_every_s: Annotated[float, *_number(0.1, 86_400)] = 300.0


class Scenario(Table):
    """A scenario file."""

    name: Annotated[str, *_ID]
    start: Annotated[str, AfterValidator(_start), Expected("ISO 8601 such as 2026-03-01T18:00:00")]
    seconds: Annotated[float, *_number(1, LONGEST_S)] = 3600.0
    seed: Annotated[int, Field(ge=0, lt=1 << 32), Expected("a whole number from 0 to 4294967295")] = 1
    network: Annotated[Network, Expected("a table")] = Network()
    sky: Annotated[Sky, Expected("a table")] = Sky()
    truth: Annotated[TruthTable, Expected("a table")] = TruthTable()
    stations: Annotated[list[StationTable], Expected("an array of tables")] = _NO_STATIONS
    faults: Annotated[list[FaultTable], Expected("an array of tables")] = _NO_FAULTS

    @property
    def start_ms(self) -> int:
        """GPS milliseconds of the start."""
        return gpstime.from_iso(self.start)


def read_scenario(text: str, file: str) -> tuple[Scenario | None, list[str]]:
    """The scenario in `text`, or None and every problem; `file` is the name the problems give."""
    scenario, problems = read_table(Scenario, text, file)
    if scenario is None:
        return None, problems
    problems += _station_problems(scenario, file)
    labels = [fault.label for fault in scenario.faults if fault.label]
    for number, fault in enumerate(scenario.faults):
        if labels.count(fault.label or "") > 1:
            problems.append(problem(file, f"faults.{number}.label", fault.label, "a label of its own"))
        problems += _fault_problems(scenario, fault, f"faults.{number}", file)
    return (None, problems) if problems else (scenario, [])


def _station_problems(scenario: Scenario, file: str) -> list[str]:
    known = station_ids(scenario.model_copy(update={"stations": []}))
    out, ids, mountpoints = [], set[str](), set[str]()
    intervals_s = [one.interval_s or scenario.network.interval_s for one in scenario.stations]
    shortest_ms = round(
        1000 * min([*intervals_s, *([scenario.network.interval_s] if known else [])], default=1)
    )
    if not known and not scenario.stations:
        out.append(problem(file, "network.count", 0, "stations, here or in [[stations]]"))
    for number, station in enumerate(scenario.stations):
        key = f"stations.{number}"
        mountpoint = station.mountpoint or station.id
        if station.id in ids:
            out.append(problem(file, f"{key}.id", station.id, "an id that no other table has"))
        elif mountpoint in mountpoints or (mountpoint != station.id and mountpoint in known):
            out.append(problem(file, f"{key}.mountpoint", mountpoint, "a mountpoint of its own"))
        ids.add(station.id)
        mountpoints.add(mountpoint)
        if round(1000 * intervals_s[number]) % shortest_ms:
            words = f"a multiple of the shortest interval, {shortest_ms / 1000:g}"
            out.append(problem(file, f"{key}.interval_s", intervals_s[number], words))
        if station.id not in known:
            out += [
                f"{file}: {key}.{name}: missing: expected a number, because the network has no {station.id}"
                for name in ("latitude_deg", "longitude_deg", "height_m")
                if getattr(station, name) is None
            ]
    return out


def _fault_problems(scenario: Scenario, fault: FaultTable, key: str, file: str) -> list[str]:
    kind, ids, out = KINDS[fault.kind], set(station_ids(scenario)), []
    if fault.end_s is not None and fault.end_s <= fault.begin_s:
        out.append(problem(file, f"{key}.end_s", fault.end_s, f"more than begin_s, {fault.begin_s:g}"))
    if kind.needs and not getattr(fault, kind.needs):
        out.append(f"{file}: {key}.{kind.needs}: missing: expected at least one for {fault.kind}")
    out += [
        problem(file, f"{key}.stations", name, "the id of a station of this scenario")
        for name in fault.stations
        if name not in ids
    ]
    out += [
        problem(file, f"{key}.satellites", name, 'a satellite such as "C23"')
        for name in fault.satellites
        if not re.fullmatch(f"[{SYSTEMS}][0-9][0-9]", name) or not 1 <= int(name[1:]) <= SATELLITES[name[0]]
    ]
    out += [
        problem(file, f"{key}.signals", name, 'a system and a RINEX code, such as "C6I"')
        for name in fault.signals
        if not name or name[0] not in SYSTEMS or name[1:] not in CODES[GNSS.index(name[0])]
    ]
    if fault.kind == "clone" and (fault.of not in ids or fault.of in fault.stations):
        out.append(problem(file, f"{key}.of", fault.of or "", "the id of another station"))
    for name, value in fault.parameters.items():
        parameter = kind.parameters.get(name)
        if parameter is None:
            near = ", ".join(kind.parameters) or "none"
            told = f"the parameters of {fault.kind}: {near}" if name in PARAMETERS else f"one of {near}"
            out.append(f"{file}: {key}.parameters.{name}: unknown key: expected {told}")
        elif not parameter.low <= value <= parameter.high:
            words = f"a number from {parameter.low:g} to {parameter.high:g}"
            out.append(problem(file, f"{key}.parameters.{name}", value, words))
    out += [
        f"{file}: {key}.parameters.{name}: missing: expected a number for {fault.kind}"
        for name, parameter in kind.parameters.items()
        if parameter.default is None and name not in fault.parameters
    ]
    return out


def station_ids(scenario: Scenario) -> list[str]:
    """Ids of all stations: the network's, then those that stand by themselves."""
    count = scenario.network.count
    ids = [town.id for town in TOWNS[:count]]
    ids += [f"H{number:04d}" for number in range(len(TOWNS) + 1, count + 1)]
    return [*ids, *(station.id for station in scenario.stations if station.id not in set(ids))]
