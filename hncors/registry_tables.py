"""The tables of a station file: what was filed of a station besides its link."""

import re
from collections.abc import Mapping
from datetime import date
from math import radians
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from hncors.frames import FRAMES, PLATES
from hncors.geodesy import GRS80, enu_axes, to_ecef, to_geodetic
from hncors.settings import Expected, Table
from hncors.signals import GNSS, NUMBER

MAX_HEADERS = 16
SECRET = ("authorization", "proxy-authorization", "cookie")
FRAMING = ("content-length", "transfer-encoding", "te", "trailer", "expect", "upgrade")
CARTESIAN = ("x_m", "y_m", "z_m")
GEODETIC = ("latitude_deg", "longitude_deg", "height_m")
FASTEST_M_YR = 0.2  # no ground moves faster; more is millimetres taken for metres


def systems(text: str) -> str:
    """Letters of systems.  Raises ValueError, as all of these."""
    if not text or len(set(text)) < len(text) or not set(text) <= set(GNSS):
        raise ValueError(f'letters of "{GNSS}", each once')
    return text


def headers(table: dict[str, str]) -> dict[str, str]:
    """Fields of a request (RFC 9110, section 5) that cannot leave their lines and are no secrets."""
    names = [name.lower() for name in table]
    if len(table) > MAX_HEADERS or len(set(names)) < len(names):
        raise ValueError(f"at most {MAX_HEADERS} headers, each once")
    for name, value in table.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", name):
            raise ValueError("names of letters, digits and -")
        if name.lower() in SECRET:
            raise ValueError("no secret here; user and password_file make the header Authorization")
        if name.lower() in FRAMING:
            raise ValueError("no header of a body: a request has none")
        if not value.isascii() or not (value.isprintable() and len(value) <= 500):
            raise ValueError("texts of at most 500 printable ASCII characters")
    return table


def _frame(text: str) -> str:
    if text not in FRAMES:
        raise ValueError("one of " + ", ".join(FRAMES))
    return text


def _plate(text: str) -> str:
    if text not in PLATES:
        raise ValueError("one of " + ", ".join(PLATES))
    return text


def _velocity(values: list[float]) -> list[float]:
    if len(values) != 3 or not all(-FASTEST_M_YR <= value <= FASTEST_M_YR for value in values):
        raise ValueError(_VELOCITY)
    return values


def _codes(letter: str) -> AfterValidator:
    def known(codes: list[str]) -> list[str]:
        if not codes or len(set(codes)) < len(codes) or not set(codes) <= set(NUMBER[GNSS.index(letter)]):
            raise ValueError(_CODES[letter])
        return codes

    return AfterValidator(known)


_CODES = {
    letter: "RINEX codes, each once, out of " + " ".join(sorted(NUMBER[number]))
    for number, letter in enumerate(GNSS)
}
_VELOCITY = "an array of three: metres a year to the east, north and up, at most 0.2 each"
_Metres = Annotated[float | None, Field(ge=-6.4e6, le=6.4e6), Expected("metres from -6400000 to 6400000")]
_Words = Annotated[str, Field(max_length=80), Expected("text of at most 80 characters")]
_AREAS = "an array of at most 100 names of counties, each of at most 80 characters"
_Area = Annotated[str, Field(min_length=1, max_length=80)]
_Date = Annotated[date | None, Expected("a date such as 2025-03-01, without quotes")]


def _areas(names: list[str]) -> list[str]:
    if len(names) > 100:
        raise ValueError(_AREAS)
    return names


class Coordinates(Table):
    """Either form; `read_station` sees to it that one of them is whole and the other empty."""

    x_m: _Metres = None
    y_m: _Metres = None
    z_m: _Metres = None
    latitude_deg: Annotated[float | None, Field(ge=-90, le=90), Expected("degrees from -90 to 90")] = None
    longitude_deg: Annotated[float | None, Field(ge=-180, le=180), Expected("degrees from -180 to 180")] = (
        None
    )
    height_m: Annotated[float | None, Field(ge=-500, le=9000), Expected("metres from -500 to 9000")] = None
    frame: Annotated[str, AfterValidator(_frame), Expected("one of " + ", ".join(FRAMES))]
    epoch: Annotated[float, Field(ge=1980, le=2100), Expected("a decimal year from 1980 to 2100")]
    velocity_enu_m_yr: Annotated[list[float] | None, AfterValidator(_velocity), Expected(_VELOCITY)] = None
    plate: Annotated[str | None, AfterValidator(_plate), Expected("one of " + ", ".join(PLATES))] = None
    antenna_height_m: Annotated[float, Field(ge=0, le=50), Expected("metres from 0 to 50")] = 0.0

    def ecef_m(self) -> tuple[float, float, float]:
        """Earth-centred metres of the antenna reference point, of either form, which has to be whole.

        Where the coordinates are those of a marker, the antenna stands `antenna_height_m` above it.
        Ellipsoid: GRS 80, of ITRF; those of CGCS2000 and WGS 84 differ from it by 0.1 mm at the poles.
        """
        if self.latitude_deg is None:
            x_m, y_m, z_m = (getattr(self, name) for name in CARTESIAN)
        else:
            latitude_deg, longitude_deg, height_m = (getattr(self, name) for name in GEODETIC)
            place = radians(latitude_deg), radians(longitude_deg), height_m
            x_m, y_m, z_m = to_ecef(place, GRS80).tolist()
        if self.antenna_height_m:
            up = enu_axes(to_geodetic((x_m, y_m, z_m), GRS80))[2]
            x_m, y_m, z_m = ((x_m, y_m, z_m) + self.antenna_height_m * up).tolist()
        return x_m, y_m, z_m


def half_told(content: Mapping[str, Any]) -> str:
    """What is wrong with which keys `[coordinates]` has, "" for nothing."""
    place = content.get("coordinates")
    told = [name for name in (*CARTESIAN, *GEODETIC) if isinstance(place, dict) and name in place]
    if not isinstance(place, dict) or told in ([*CARTESIAN], [*GEODETIC]):
        return ""
    expected = f"{', '.join(CARTESIAN)}, or {', '.join(GEODETIC)}"
    return f"coordinates: has {', '.join(told) or 'neither'}: expected {expected}"


class Signals(Table):
    """Signals the station should send, by system."""

    G: Annotated[list[str] | None, _codes("G"), Expected(_CODES["G"])] = None
    R: Annotated[list[str] | None, _codes("R"), Expected(_CODES["R"])] = None
    E: Annotated[list[str] | None, _codes("E"), Expected(_CODES["E"])] = None
    S: Annotated[list[str] | None, _codes("S"), Expected(_CODES["S"])] = None
    J: Annotated[list[str] | None, _codes("J"), Expected(_CODES["J"])] = None
    C: Annotated[list[str] | None, _codes("C"), Expected(_CODES["C"])] = None
    I: Annotated[list[str] | None, _codes("I"), Expected(_CODES["I"])] = None  # noqa: E741  RINEX's letter

    def by_system(self) -> dict[str, tuple[str, ...]]:
        return {letter: tuple(codes) for letter in GNSS if (codes := getattr(self, letter))}


class Receiver(Table):
    """As filed; compared with what the station says of itself in 1033."""

    type: _Words = ""
    serial: _Words = ""
    firmware: _Words = ""


class Antenna(Table):
    """As filed; `type` with the radome, as in the IGS table."""

    type: _Words = ""
    serial: _Words = ""


class Filing(Table):
    """The filing (备案) of the station."""

    number: _Words = ""
    filed_on: _Date = None
    in_service_on: _Date = None
    withdrawn_on: _Date = None


class Permit(Table):
    """The permit that the station works under; a temporary one stands in for a filing while it lasts."""

    number: _Words = ""
    begins: _Date = None
    ends: _Date = None
    temporary: Annotated[bool, Expected("true or false")] = False
    areas: Annotated[list[_Area], AfterValidator(_areas), Expected(_AREAS)] = Field(default_factory=list)
