"""One record of a RINEX 3 or 4 navigation file: its lines in, an ephemeris out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import isfinite, nan
from typing import NamedTuple

from hncors import gpstime
from hncors.gpstime import BEIDOU_OFFSET_MS, DAY_MS, GLONASS_OFFSET_MS, GPS_EPOCH, WEEK_MS
from hncors.rinex_nav_layout import LAYOUT, UNKNOWN_TIME_S, incoming
from hncors.rtcm3.ephemeris import Ephemeris, check
from hncors.rtcm3.ephemeris_fields import MESSAGES

_WIDTH = 19
_INDENT = 4
# What a set is of no use without. The rest may be blank: nan if it has a scale, else 0.
_NEEDED = frozenset(
    """
    af0_s af1_s_s af2_s_s2 crs_m delta_n_rad_s m0_rad cuc_rad eccentricity cus_rad sqrt_a_sqrt_m
    toe_s cic_rad omega0_rad cis_rad i0_rad crc_m omega_rad omega_dot_rad_s i_dot_rad_s
    iode iodnav aode iodec health @health
    @minus_tau gamma @frame @x @y @z @vx @vy @vz @ax @ay @az bn channel
    """.split()
)
# RTCM fields that are no part of a satellite's own set, or that RINEX does not carry.
_ABSENT = {"tau_c_s": 0.0, "tau_gps": 0.0, "accuracy_index": 15}
_ON_GRID = 0.05  # of a field's unit: a value nearer than this to the grid was printed from it
_LARGEST = 1e18  # no field of a record comes near it
_LAST_YEAR = 2099  # what is after is a mistake, and GLONASS' days are counted otherwise
_CYCLE_DAYS = 1461  # DF129 counts days of four years
_WEEKS = {"E": (gpstime.GALILEO_FIRST_WEEK, 4096), "C": (gpstime.BEIDOU_FIRST_WEEK, 8192)}  # DF289, DF489


class BadRecord(Exception):
    """A record is not as it should be; the text is the fault's name."""


class Record(NamedTuple):
    """One set, and when it was transmitted in GPS milliseconds; None where the file does not say."""

    ephemeris: Ephemeris
    sent_gps_ms: int | None


def parse(message: int, lines: Sequence[str]) -> Record:
    """The set of a record whose kind is that of an RTCM message.

    Raises BadRecord for what cannot be read, Impossible for what cannot be.
    """
    gnss, fields = MESSAGES[message]
    rows = LAYOUT[message]
    needed = rows[:4] if gnss == "R" else rows  # GLONASS got its last line with RINEX 3.05
    if len(lines) < len(needed):
        raise BadRecord("truncated")
    satellite, when = _head(lines[0], gnss)
    found = dict(numbers(lines, rows))
    missing = next((name for row in needed for name in row if name in _NEEDED and name not in found), None)
    if missing:
        raise BadRecord(f"missing_{missing.removeprefix('@')}")
    values = incoming(message, gnss, found)
    if gnss == "R":
        toe_ms, sent_ms = _glonass_times(when, found["@frame"], values)
    else:
        toe_ms, sent_ms = _times(gnss, when, found, values)
    read: dict[str, float] = {}
    for field in fields:
        if field.name == "satellite":
            continue
        value = values.get(field.name, _ABSENT.get(field.name, 0 if field.scale is None else nan))
        read[field.name] = round(value) if field.scale is None else _on_grid(value, field.scale)
    ephemeris = Ephemeris(gnss, satellite, message, read, toe_ms)
    check(ephemeris)
    return Record(ephemeris, sent_ms)


def numbers(lines: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, float]]:
    """Names and values of what is not blank; the first line has its epoch where others have a value."""
    for index, (line, row) in enumerate(zip(lines, rows, strict=False)):
        for column, name in enumerate(row, start=index == 0):
            text = line[_INDENT + _WIDTH * column : _INDENT + _WIDTH * (column + 1)].strip()
            if text and name != "-":
                yield name, number(text)


def number(text: str) -> float:
    """A number as Fortran prints it. Raises BadRecord."""
    try:
        value = float(text.replace("D", "E").replace("d", "e"))
    except ValueError:
        value = nan
    if not abs(value) < _LARGEST or "_" in text:
        raise BadRecord("number")
    return value


def date(text: str) -> datetime:
    """Year, month, day, hour, minute and second, as if they were UTC. Raises BadRecord."""
    try:
        year, month, day, hour, minute, second = map(int, text.split())
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise BadRecord("date") from None
    if moment < GPS_EPOCH or moment.year > _LAST_YEAR:
        raise BadRecord("date")
    return moment


def _head(line: str, gnss: str) -> tuple[int, datetime]:
    if line[:1] != gnss:
        raise BadRecord("system")
    try:
        return int(line[1:3]), date(line[3:23])
    except ValueError:
        raise BadRecord("satellite") from None


def _times(
    gnss: str, toc: datetime, found: dict[str, float], values: dict[str, float]
) -> tuple[int, int | None]:
    """GPS milliseconds of toe and of transmission; puts week and toc among the values.

    The date of toc settles the week: week numbers of files are at times those of the transmission.
    """
    offset_ms = BEIDOU_OFFSET_MS if gnss == "C" else 0
    toc_ms = (int(toc.timestamp()) - gpstime.GPS_EPOCH_UNIX_S) * 1000
    toe_ms = gpstime.nearest(_milliseconds(found["toe_s"]), WEEK_MS, toc_ms)
    first, modulus = _WEEKS.get(gnss, (0, 1024))
    values["week"] = (toe_ms // WEEK_MS - first) % modulus
    values["toc_s"] = toc_ms % WEEK_MS / 1000
    sent_s = found.get("@sent", UNKNOWN_TIME_S)
    if abs(sent_s) >= UNKNOWN_TIME_S / 10:
        return toe_ms + offset_ms, None
    return toe_ms + offset_ms, gpstime.nearest(_milliseconds(sent_s), WEEK_MS, toe_ms) + offset_ms


def _glonass_times(tb: datetime, frame_s: float, values: dict[str, float]) -> tuple[int, int | None]:
    """The same of tb and tk, which RINEX gives in UTC; puts both and the date among the values."""
    tb_unix_ms = int(tb.timestamp()) * 1000
    moscow_ms = tb_unix_ms + GLONASS_OFFSET_MS
    values["tb_s"] = moscow_ms % DAY_MS // 1000
    start = datetime(1996, 1, 1, tzinfo=UTC).timestamp()
    four_years, day = divmod(moscow_ms // DAY_MS - int(start) // 86_400, _CYCLE_DAYS)
    values |= {"four_years": four_years + 1, "day": day + 1}
    if not values.get("delta_tau_s", nan) < 1.0:  # RINEX: .999999999999E+09 if unknown
        values["delta_tau_s"] = nan
    toe_ms = gpstime.from_unix_ns(tb_unix_ms * 1_000_000)
    if abs(frame_s) >= UNKNOWN_TIME_S / 10:
        values |= {"tk_hour": 0, "tk_minute": 0, "tk_half_minute": 0}
        return toe_ms, None
    half_minutes = round(_milliseconds(frame_s) + GLONASS_OFFSET_MS) % DAY_MS // 30_000
    hour, rest = divmod(half_minutes, 120)
    values |= {"tk_hour": hour, "tk_minute": rest // 2, "tk_half_minute": rest % 2}
    sent_unix_ms = gpstime.nearest(_milliseconds(frame_s), DAY_MS, tb_unix_ms)
    return toe_ms, gpstime.from_unix_ns(sent_unix_ms * 1_000_000)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _on_grid(value: float, scale: float) -> float:
    """The exact value of the field that was printed, if it was one; else the value."""
    if not isfinite(value):
        return value
    steps = value / scale
    return round(steps) * scale if abs(steps - round(steps)) < _ON_GRID else value
