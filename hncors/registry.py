"""The filed stations: one TOML text each in, `Station`s or problems out.  Nothing is read from disk here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_network
from typing import Annotated, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, Field

from hncors import registry_tables, tiers
from hncors.frames import assumed_plate
from hncors.registry_tables import Antenna, Coordinates, Filing, Permit, Receiver, Signals, half_told
from hncors.settings import Expected, Table, problem, read_table, read_toml
from hncors.signals import GNSS
from hncors.tiers import LOWEST, TIERS, Limits

NTRIP_PORT = 2101  # IANA: rtcm-sc104
LINKS = "ntrip://, ntrips://, tcp://, push:///, serial:/// or file:///"
_MOUNTPOINT = r"[A-Za-z0-9._~!$&'()*+,;=:-]{1,100}"
BAUDS = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


class Link(NamedTuple):
    """Where a station's bytes come from.  What a scheme does not have is empty, or 0."""

    scheme: str  # "ntrip", "ntrips", "tcp", "push", "serial", "file"
    host: str = ""
    port: int = 0
    mountpoint: str = ""
    path: str = ""  # of a device or of a file
    baud: int = 0


DESCRIBING = (
    *("name", "name_en", "operator", "county", "invented", "systems", "signals"),
    *("receiver", "antenna", "filing", "permit", "record", "tier", "alert_limit_m", "push_from"),
)
"""Fields of a Station that are there to be read and compared with; they change nothing of its link."""


@dataclass(frozen=True)
class Station:
    """One filed station.  What follows `link` may be unknown; the password is in a file of its own only."""

    id: str
    link: str
    rate_hz: float | None = None  # epochs per second; None: estimated from what comes
    user: str | None = None
    password_file: str | None = None  # relative to the folder of `file`
    patrol: bool = False  # what a patrol hears by radio, of bases that may be anybody's
    patrol_position: str | None = None  # the serial port of its own receiver, where that is another
    push_from: tuple[str, ...] = ()  # networks that its stream may come from besides where it comes from
    ntrip_version: int = 2
    headers: Mapping[str, str] = field(default_factory=dict)  # of the request, beside or instead of the usual
    gga: bool = False  # tell the caster where the station is: mountpoints that compute data wait for it
    gga_decimals: int = 2  # of the degrees told
    gga_every_s: float = 10.0
    tls_ca_file: str | None = None  # relative to the folder of `file`
    tls_verify: bool = True
    enabled: bool = True
    record: bool = True  # where the daemon records
    name: str = ""
    name_en: str = ""
    systems: str | None = None  # letters of the systems it should send
    tier: str = LOWEST  # of service
    alert_limit_m: Limits = TIERS[LOWEST]  # of that tier, as configured
    ecef_m: tuple[float, float, float] | None = None  # registered place of the ARP, in `frame` at `epoch`
    frame: str | None = None
    epoch: float | None = None  # decimal year
    velocity_enu_m_yr: tuple[float, float, float] | None = None  # in `frame`
    plate: str | None = None  # of hncors.frames.PLATES, for the velocity of one that has none of its own
    antenna_height_m: float = 0.0  # of the ARP above the marker that was filed; in `ecef_m` already
    operator: str = ""
    county: str = ""
    invented: bool = False  # an example: no such station stands anywhere
    signals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # RINEX codes by system
    receiver: Receiver | None = None
    antenna: Antenna | None = None
    filing: Filing | None = None
    permit: Permit | None = None
    file: str = ""  # the station file

    @property
    def filed(self) -> bool:
        """Whether it was filed (备案), whatever became of it since; others are only watched."""
        return self.filing is not None and bool(self.filing.number or self.filing.filed_on)


def parse_link(text: str) -> Link:
    """The parts of a link.  Raises ValueError saying what was expected, never with the text itself."""
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > 2048:
        raise ValueError("a link of at most 2048 printable ASCII characters without blanks")
    try:
        parts = urlsplit(text)
        port = parts.port or 0
    except ValueError:
        raise ValueError("a link with a valid host and port") from None
    if "@" in parts.netloc or "@" in text.partition("?")[0]:
        raise ValueError("a link without user and password: they go into the keys user and password_file")
    read = _SCHEMES.get(parts.scheme)
    if read is None:
        raise ValueError(f"a link that begins with {LINKS}")
    if parts.fragment or (parts.query and parts.scheme != "serial"):
        raise ValueError("a link without ? and #")
    return read(parts, port)


def _is_host(text: str | None) -> bool:
    return text is not None and re.fullmatch("[A-Za-z0-9._:-]{1,253}", text) is not None


def _caster(parts: SplitResult, port: int) -> Link:
    mountpoint = unquote(parts.path.removeprefix("/"))
    if not _is_host(parts.hostname) or not re.fullmatch(_MOUNTPOINT, mountpoint):
        raise ValueError(f"{parts.scheme}://HOST:PORT/MOUNTPOINT")
    if not port and parts.scheme == "ntrips":
        raise ValueError("ntrips://HOST:PORT/MOUNTPOINT: NTRIP over TLS has no port of its own")
    return Link(parts.scheme, parts.hostname or "", port or NTRIP_PORT, mountpoint)


def _tcp(parts: SplitResult, port: int) -> Link:
    if not _is_host(parts.hostname) or not port or parts.path not in ("", "/"):
        raise ValueError("tcp://HOST:PORT")
    return Link("tcp", parts.hostname or "", port)


def _push(parts: SplitResult, port: int) -> Link:
    mountpoint = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not re.fullmatch(_MOUNTPOINT, mountpoint):
        raise ValueError("push:///MOUNTPOINT")
    return Link("push", mountpoint=mountpoint)


def _serial(parts: SplitResult, port: int) -> Link:
    query = parse_qsl(parts.query, keep_blank_values=True)
    bauds = [int(value) for key, value in query if key == "baud" and re.fullmatch("[0-9]{1,7}", value)]
    if parts.netloc or not parts.path.startswith("/") or len(query) > 1 or len(bauds) != len(query):
        raise ValueError("serial:///dev/NAME?baud=115200")
    if bauds and bauds[0] not in BAUDS:
        raise ValueError("a baud rate of " + ", ".join(map(str, BAUDS)))
    return Link("serial", path=unquote(parts.path), baud=bauds[0] if bauds else 115200)


def _file(parts: SplitResult, port: int) -> Link:
    if (
        parts.netloc
        or not parts.path.startswith("/")
        or parts.path.endswith("/")
        or "\0" in unquote(parts.path)
    ):
        raise ValueError("file:///PATH, the whole path of a recording")
    return Link("file", path=unquote(parts.path))


_SCHEMES = {"ntrip": _caster, "ntrips": _caster, "tcp": _tcp, "push": _push, "serial": _serial, "file": _file}


def _serial_link(text: str) -> str:
    if parse_link(text).scheme != "serial":
        raise ValueError("serial:///dev/NAME?baud=9600")
    return text


def _link(text: str) -> str:
    parse_link(text)
    return text


_EXPECTED_NETWORKS = 'an array of at most 100 networks such as "192.0.2.0/24"'


def _networks(texts: list[str]) -> list[str]:
    try:
        known = [str(ip_network(text)) for text in texts]
    except ValueError:
        known = []
    if len(known) != len(texts) or len(texts) > 100:
        raise ValueError(_EXPECTED_NETWORKS)
    return known


_EXPECTED_ID = Expected("1 to 32 letters, digits, - and _")
_EXPECTED_HEADERS = Expected("a table of names and texts", shown=False)
_NAME = Field(max_length=80)


class StationFile(Table):
    """A station file."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$"), _EXPECTED_ID]
    link: Annotated[str, AfterValidator(_link), Expected(LINKS)]
    user: Annotated[
        str | None, Field(pattern=r"^[^:]{1,200}$"), Expected("a name without a colon", shown=False)
    ] = None
    password_file: Annotated[
        str | None, Field(min_length=1), Expected("a file, relative to this one", shown=False)
    ] = None
    push_from: Annotated[list[str], AfterValidator(_networks), Expected(_EXPECTED_NETWORKS)] = Field(
        default_factory=list
    )
    patrol: Annotated[bool, Expected("true or false")] = False
    patrol_position: Annotated[
        str | None, AfterValidator(_serial_link), Expected("serial:///dev/NAME?baud=9600")
    ] = None
    ntrip_version: Annotated[int, Field(ge=1, le=2), Expected("1 or 2")] = 2
    headers: Annotated[dict[str, str], AfterValidator(registry_tables.headers), _EXPECTED_HEADERS] = Field(
        default_factory=dict
    )
    gga: Annotated[bool, Expected("true or false")] = False
    gga_decimals: Annotated[int, Field(ge=0, le=4), Expected("a whole number from 0 to 4")] = 2
    gga_every_s: Annotated[float, Field(ge=5, le=300), Expected("a number from 5 to 300")] = 10.0
    tls_ca_file: Annotated[str | None, Field(min_length=1), Expected("a file, relative to this one")] = None
    tls_verify: Annotated[bool, Expected("true or false")] = True
    enabled: Annotated[bool, Expected("true or false")] = True
    record: Annotated[bool, Expected("true or false")] = True
    rate_hz: Annotated[float | None, Field(ge=0.01, le=100), Expected("a number from 0.01 to 100")] = None
    name: Annotated[str, _NAME, Expected("text of at most 80 characters")] = ""
    name_en: Annotated[str, _NAME, Expected("text of at most 80 characters")] = ""
    systems: Annotated[
        str | None, AfterValidator(registry_tables.systems), Expected(f'letters of "{GNSS}", each once')
    ] = None
    tier: Annotated[str, AfterValidator(tiers.tier), Expected(tiers.EXPECTED)] = LOWEST
    operator: Annotated[str, _NAME, Expected("text of at most 80 characters")] = ""
    county: Annotated[str, _NAME, Expected("text of at most 80 characters")] = ""
    invented: Annotated[bool, Expected("true or false")] = False
    coordinates: Annotated[Coordinates | None, Expected("a table")] = None
    signals: Annotated[Signals | None, Expected("a table")] = None
    receiver: Annotated[Receiver | None, Expected("a table")] = None
    antenna: Annotated[Antenna | None, Expected("a table")] = None
    filing: Annotated[Filing | None, Expected("a table")] = None
    permit: Annotated[Permit | None, Expected("a table")] = None


def read_station(text: str, file: str) -> tuple[Station | None, list[str]]:
    """The station in the TOML `text`, or None and its problems; `file` is where it was defined."""
    filed, problems = read_table(StationFile, text, file)
    if wrong := half_told(read_toml(text)):
        problems.append(f"{file}: {wrong}")
    if filed is None or wrong:
        return None, problems
    caster = filed.link.startswith("ntrip")
    pushed = filed.link.startswith("push:")
    if filed.user is not None and not (caster or pushed):
        problems.append(f"{file}: user: expected no user: only casters ask for one")
    if filed.patrol_position is not None and not (filed.patrol and filed.link.startswith("serial:")):
        expected = "patrol = true and a link serial:/// beside it"
        problems.append(problem(file, "patrol_position", filed.patrol_position, expected))
    if filed.patrol and filed.filing is not None:
        problems.append(problem(file, "patrol", True, "no table filing: what is heard is of others"))
    if filed.push_from and not pushed:
        problems.append(f"{file}: push_from: expected none: only a link push:/// is pushed by others")
    if filed.password_file is not None and filed.user is None and not pushed:
        problems.append(f"{file}: password_file: expected the key user beside it")
    if filed.headers and not caster:
        problems.append(f"{file}: headers: expected none: only casters are sent some")
    if filed.gga and not caster:
        problems.append(problem(file, "gga", True, "false: only casters are told a position"))
    if filed.gga and filed.coordinates is None:
        problems.append(problem(file, "gga", True, "the table coordinates beside it: what should be told?"))
    problems += _contradictions(filed, file)
    if problems:
        return None, problems
    place, signals = filed.coordinates, filed.signals
    tables = ("receiver", "antenna", "filing", "permit")
    plain = filed.model_dump(exclude={"coordinates", "signals", "push_from", *tables})
    return Station(
        **plain,
        **{name: getattr(filed, name) for name in tables},
        push_from=tuple(filed.push_from),
        signals=signals.by_system() if signals else {},
        ecef_m=place.ecef_m() if place else None,
        frame=place.frame if place else None,
        epoch=place.epoch if place else None,
        velocity_enu_m_yr=_triple(place.velocity_enu_m_yr) if place and place.velocity_enu_m_yr else None,
        plate=place.plate if place else None,
        antenna_height_m=place.antenna_height_m if place else 0.0,
        file=file,
    ), []


def _triple(values: list[float]) -> tuple[float, float, float]:
    east, north, up = values
    return east, north, up


def _contradictions(filed: StationFile, file: str) -> Iterator[str]:
    """What is right by itself and wrong together."""
    tls = filed.link.startswith("ntrips:")
    if filed.tls_ca_file is not None and not tls:
        yield problem(file, "tls_ca_file", filed.tls_ca_file, "a link that begins with ntrips:// beside it")
    if not filed.tls_verify and not tls:
        yield problem(file, "tls_verify", False, "a link that begins with ntrips:// beside it")
    if not filed.tls_verify and filed.tls_ca_file is not None:
        yield problem(file, "tls_verify", False, "true, or no tls_ca_file: what should it be compared with?")
    if (place := filed.coordinates) is not None:
        ecef_m = place.ecef_m()
        if not 6.33e6 < sum(axis**2 for axis in ecef_m) ** 0.5 < 6.40e6:  # semi-axes 6356.8 and 6378.1 km
            yield problem(file, "coordinates", ecef_m, "a place on the Earth's surface")
        if place.plate and place.velocity_enu_m_yr:
            expected = "none: velocity_enu_m_yr tells how the station moves"
            yield problem(file, "coordinates.plate", place.plate, expected)
    if filed.signals is not None and filed.systems is not None:
        for letter in filed.signals.by_system():
            if letter not in filed.systems:
                yield problem(file, "systems", filed.systems, f'also "{letter}", whose signals are listed')
    if (permit := filed.permit) and permit.begins and permit.ends and permit.ends < permit.begins:
        yield problem(file, "permit.ends", permit.ends, "no day before permit.begins")


def read_stations(files: Mapping[str, str]) -> tuple[list[Station], list[str]]:
    """The stations in `files`, name to TOML text, in order of their ids, and every problem of all files."""
    stations: dict[str, Station] = {}
    problems: list[str] = []
    for file, text in files.items():
        station, found = read_station(text, file)
        problems += found
        if station is None:
            continue
        if other := stations.get(station.id):
            problems.append(problem(file, "id", station.id, f"an id of its own: {other.file} has it too"))
        else:
            stations[station.id] = station
    return [stations[key] for key in sorted(stations)], problems


def doubts(stations: Iterable[Station], today: date) -> Iterator[str]:
    """What is possible and most likely a mistake, a line each: it stops nothing."""
    known: dict[Link, Station] = {}
    for station in stations:
        link = parse_link(station.link)
        link = link._replace(scheme="ntrip" if link.mountpoint else link.scheme, baud=0)
        other = known.setdefault(link, station)
        if other is not station and station.enabled and other.enabled:
            yield problem(station.file, "link", station.link, f"a stream of its own: {other.id} has it too")
        if station.enabled and not station.tls_verify:
            yield problem(station.file, "tls_verify", False, "true: anybody on the way can be the caster")
        moves = station.velocity_enu_m_yr or station.plate
        if station.ecef_m and not moves and not assumed_plate(station.ecef_m):
            expected = "a plate, or velocity_enu_m_yr: outside China none is assumed"
            yield f"{station.file}: coordinates.plate: missing: expected {expected}"
        if station.enabled and station.permit and station.permit.ends and station.permit.ends < today:
            yield problem(station.file, "permit.ends", station.permit.ends, "a day that is not past")
