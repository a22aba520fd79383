"""Ephemerides: one table for each message, read and written by the same few lines.

    63 1042 BeiDou   1019 GPS   1020 GLONASS   1041 NavIC   1044 QZSS   1045 1046 Galileo F/NAV, I/NAV

Values are in SI units under the names of `ephemeris_fields`. RTCM cuts weeks (GLONASS: days) off;
`week`, `reference_time_ms` and `clock_time_ms` put them back, near a time that the caller knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import copysign, hypot, isfinite, isnan, nan

from hncors import gpstime
from hncors.gpstime import BEIDOU_OFFSET_MS, DAY_MS, WEEK_MS
from hncors.rtcm3 import ephemeris_fields
from hncors.rtcm3.bits import BitReader, BitWriter, Impossible
from hncors.rtcm3.ephemeris_fields import Field
from hncors.signals import SATELLITES

MESSAGES = frozenset(ephemeris_fields.MESSAGES)
"""Message numbers that `decode` knows."""

# What no navigation satellite has. The widest real orbits are QZSS (e 0.075) and two Galileo satellites
# on a wrong one (0.166); radii go from 25,500 km (GLONASS) to 42,200 km (geosynchronous).
_LIMITS = {
    "eccentricity": (0.0, 0.3),
    "sqrt_a_sqrt_m": (20.0e6**0.5, 50.0e6**0.5),
    "toe_s": (0, 604_799),
    "toc_s": (0, 604_799),
    "tb_s": (0, 86_399),
    "channel": (-7, 13),  # DF040; since 2005 only -7..+6 are in use
}
# GLONASS numbers new satellites past its 24 slots: R28 was on the air in March 2026 (DLR's BRD400).
_SATELLITES = {**SATELLITES, "R": 32}
_RADIUS_M = (20.0e6, 50.0e6)
_SPEED_M_S = (1.0e3, 6.0e3)  # GLONASS, relative to the rotating earth: about 3.5 km/s

# How far from its toe a set is still in use, so that a week (GLONASS: a day) that is one off shows.
_FRESH_MS = 6 * 3_600_000
_FRESH_GLONASS_MS = 2 * 3_600_000
_MOSCOW_S = gpstime.GLONASS_OFFSET_MS // 1000
_GLONASS_CYCLE_DAYS = 1461  # four years, DF129; without exception until 2100

_ISSUE = {
    "G": ("iode", "iodc", "toe_s", "toc_s", "health"),
    "R": ("tb_s", "bn", "ln"),
    "E": ("iodnav", "toe_s", "toc_s"),
    "J": ("iode", "iodc", "toe_s", "toc_s", "health"),
    "C": ("aode", "aodc", "toe_s", "toc_s", "health"),
    "I": ("iodec", "toe_s", "toc_s", "l5_unhealthy", "s_unhealthy"),
}
_GALILEO_HEALTH = {
    1045: ("e5a_health", "e5a_invalid"),
    1046: ("e1_health", "e1_invalid", "e5b_health", "e5b_invalid"),
}


@dataclass(frozen=True, slots=True)
class Ephemeris:
    """One set of a satellite; `values` are not to be changed."""

    gnss: str  # RINEX letter
    satellite: int  # RINEX number
    message: int  # RTCM message number; also of sets from RINEX files, where it names the source
    values: Mapping[str, float]  # every field of the message but the satellite; nan for "unknown"
    toe_gps_ms: int | None = None  # toe (GLONASS: tb) in full, as RINEX files give it; RTCM cuts it

    def __getitem__(self, name: str) -> float:
        return self.values[name]


def decode(message: int, payload: bytes) -> Ephemeris:
    """The ephemeris of a payload, which may be longer than its fields.

    Raises Short when it ends before them, Impossible (with the field's name) for what cannot be.
    """
    gnss, fields = ephemeris_fields.MESSAGES[message]
    reader = BitReader(payload, 12)
    values = {field.name: _read(reader, field) for field in fields}
    ephemeris = Ephemeris(gnss, int(values.pop("satellite")), message, values)
    check(ephemeris)
    return ephemeris


def encode(ephemeris: Ephemeris) -> bytes:
    """The payload of its message. Raises ValueError, with the field's name, for what does not fit."""
    writer = BitWriter().unsigned(ephemeris.message, 12)
    for field in ephemeris_fields.MESSAGES[ephemeris.message][1]:
        try:
            writer.unsigned(_bits(field, _value(ephemeris, field)), field.width)
        except (KeyError, ValueError, OverflowError) as fault:
            raise ValueError(f"{field.name} ({field.df}) of {ephemeris.message}: {fault}") from fault
    return writer.to_bytes()


def raw(ephemeris: Ephemeris) -> dict[str, int]:
    """The integers of the message by field name, the satellite's first; ValueError as `encode`."""
    reader = BitReader(encode(ephemeris), 12)
    read = {"s": reader.signed, "sn": reader.signed, "sm": reader.sign_magnitude}
    fields = ephemeris_fields.MESSAGES[ephemeris.message][1]
    return {field.name: read.get(field.kind, reader.unsigned)(field.width) for field in fields}


def check(ephemeris: Ephemeris) -> None:
    """Raises Impossible for what no satellite can be, have or do."""
    if not 1 <= ephemeris.satellite <= _SATELLITES[ephemeris.gnss]:
        raise Impossible("satellite")
    values = ephemeris.values
    for name, (low, high) in _LIMITS.items():
        if name in values and not low <= values[name] <= high:
            raise Impossible(name)
    if ephemeris.gnss == "R":
        if not _RADIUS_M[0] <= hypot(values["x_m"], values["y_m"], values["z_m"]) <= _RADIUS_M[1]:
            raise Impossible("position")
        if not _SPEED_M_S[0] <= hypot(values["vx_m_s"], values["vy_m_s"], values["vz_m_s"]) <= _SPEED_M_S[1]:
            raise Impossible("velocity")


def issue(ephemeris: Ephemeris) -> tuple[float, ...]:
    """What tells one set of a satellite from the next: source, issue, times and health.

    Days and weeks are not in it: add `reference_time_ms` where sets of several days meet.
    """
    source = 1042 if ephemeris.gnss == "C" else ephemeris.message
    names = (*_ISSUE[ephemeris.gnss], *_GALILEO_HEALTH.get(source, ()))
    return (source, *(ephemeris.values[name] for name in names))


# --- time --------------------------------------------------------------------------------------


def week(ephemeris: Ephemeris, near_gps_ms: int) -> int:
    """GPS week number (BeiDou: of its own weeks, which start 14 s later) that the set names.

    GLONASS sends none; there it is the week of its reference time.
    """
    if ephemeris.toe_gps_ms is not None:
        return (ephemeris.toe_gps_ms - _offset_ms(ephemeris)) // WEEK_MS
    if ephemeris.gnss == "R":
        return reference_time_ms(ephemeris, near_gps_ms) // WEEK_MS
    return gpstime.full_week(ephemeris.gnss, int(ephemeris.values["week"]), near_gps_ms)


def reference_time_ms(ephemeris: Ephemeris, near_gps_ms: int) -> int:
    """GPS milliseconds of toe (GLONASS: of tb).

    `near_gps_ms` chooses the era of the week. Where it lies within six hours of the time of week,
    but a week off by the number that is sent, the number is not believed: RTCM does not say whether
    it is the week of toe or, as on the air, of the transmission, and senders differ.
    """
    if ephemeris.toe_gps_ms is not None:
        return ephemeris.toe_gps_ms
    if ephemeris.gnss == "R":
        return _glonass_time_ms(ephemeris, near_gps_ms)
    toe = round(ephemeris.values["toe_s"] * 1000) + _offset_ms(ephemeris)
    as_sent = week(ephemeris, near_gps_ms) * WEEK_MS + toe
    return _nearer(as_sent, gpstime.nearest(toe, WEEK_MS, near_gps_ms), near_gps_ms, WEEK_MS, _FRESH_MS)


def clock_time_ms(ephemeris: Ephemeris, near_gps_ms: int) -> int:
    """GPS milliseconds of toc, in the week that brings it nearest to toe (GLONASS: tb)."""
    toe = reference_time_ms(ephemeris, near_gps_ms)
    if ephemeris.gnss == "R":
        return toe
    return gpstime.nearest(round(ephemeris.values["toc_s"] * 1000) + _offset_ms(ephemeris), WEEK_MS, toe)


def moscow_to_gps_ms(time_of_day_s: float, near_gps_ms: int) -> int:
    """GPS milliseconds of a GLONASS time of day (UTC + 3 h), on the day that brings it nearest."""
    near_unix_ms = gpstime.to_unix_ns(near_gps_ms) // 1_000_000
    unix_ms = gpstime.nearest(round((time_of_day_s - _MOSCOW_S) * 1000), DAY_MS, near_unix_ms)
    return gpstime.from_unix_ns(unix_ms * 1_000_000)


def _offset_ms(ephemeris: Ephemeris) -> int:
    return BEIDOU_OFFSET_MS if ephemeris.gnss == "C" else 0


def _glonass_time_ms(ephemeris: Ephemeris, near_gps_ms: int) -> int:
    """tb, on the day that is sent (DF129), if any, in the four years nearest to a time.

    The number of the four years (DF134) is not used: receivers leave it 0 or send a wrong one.
    """
    tb_s = ephemeris.values["tb_s"]
    by_time = moscow_to_gps_ms(tb_s, near_gps_ms)
    day = int(ephemeris.values["day"])
    if not 1 <= day <= _GLONASS_CYCLE_DAYS:
        return by_time
    # In UTC, because a leap second falls into the middle of a day in Moscow.
    start_s = gpstime.to_unix_ns(gpstime.glonass_date(1, day)) // 1_000_000_000
    near_s = gpstime.to_unix_ns(near_gps_ms) // 1_000_000_000
    unix_s = gpstime.nearest(round(start_s + tb_s), _GLONASS_CYCLE_DAYS * 86_400, near_s)
    by_day = gpstime.from_unix_ns(unix_s * 1_000_000_000)
    return _nearer(by_day, by_time, near_gps_ms, DAY_MS, _FRESH_GLONASS_MS)


def _nearer(as_sent: int, by_time: int, near: int, period: int, fresh: int) -> int:
    """`by_time` when it is fresh and one period (and at most a leap second) from what was sent."""
    one_off = abs(abs(by_time - as_sent) - period) <= 1000
    return by_time if one_off and abs(by_time - near) <= fresh else as_sent


# --- fields ------------------------------------------------------------------------------------


def _read(reader: BitReader, field: Field) -> float:
    value: float
    if field.kind in ("u", "ch"):
        value = reader.unsigned(field.width) - (7 if field.kind == "ch" else 0)
    elif field.kind == "sm":  # a float from the start, because a negative zero must stay one
        bits = reader.unsigned(field.width)
        sign = 1 << field.width - 1
        value = copysign(bits & sign - 1, -1.0 if bits & sign else 1.0)
    else:
        value = reader.signed(field.width)
        if field.kind == "sn" and value == -(1 << field.width - 1):
            return nan
    return value if field.scale is None else value * field.scale


def _value(ephemeris: Ephemeris, field: Field) -> float:
    return ephemeris.satellite if field.name == "satellite" else ephemeris.values[field.name]


def _bits(field: Field, value: float) -> int:
    """The field's bits as an unsigned number. Raises ValueError for a value that does not fit."""
    top = 1 << field.width - 1
    if field.kind == "sn" and isnan(value):
        return top
    if not isfinite(value):
        raise ValueError(f"{value} is not a number")
    number = round(value if field.scale is None else value / field.scale)
    ranges = {"u": (0, 2 * top), "ch": (-7, 2 * top - 7), "sm": (1 - top, top)}
    low, high = ranges.get(field.kind, (-top, top))
    if not low <= number < high:
        raise ValueError(f"{value} does not fit {field.width} bits")
    if field.kind == "ch":
        return number + 7
    if field.kind == "sm":
        return abs(number) | (top if copysign(1.0, value) < 0 else 0)
    return number % (2 * top)
