"""Station data: where the antenna is, what equipment it is, and what the station says about itself.

    1005 1006  reference point (ARP)       1007 1008 1033  antenna and receiver descriptors
    1013       system parameters           1029            text
    1032       physical reference station  1230            GLONASS code-phase biases

RTCM 10403.3; fields are read in its order, each named by its DF number. Payloads may be longer than
their fields. `hncors.rtcm3.encode_station` writes the same messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from hncors.gpstime import from_unix_ns
from hncors.rtcm3.bits import BitReader, Impossible

EARTH_M = (6.3e6, 6.4e6)  # distances from the geocentre between which there is ground to stand on
GPS_EPOCH_MJD = 44244  # 1980-01-06; no RTCM message was sent before
_UNIX_MJD = 40587
_LONGEST_DESCRIPTOR = 31  # DF029, DF032, DF227, DF229, DF231
DESCRIPTORS = {1007: 1, 1008: 2, 1033: 5}  # texts in the message; the antenna setup stands after the first
LEAP_UNKNOWN = 255  # DF054
BIAS_UNKNOWN = -(1 << 15)  # DF423 to DF426 range over +-655.34 m; RTKLIB reads 8000h as no value, too


@dataclass(frozen=True, slots=True)
class ReferencePoint:
    """Antenna reference point, earth-centred and earth-fixed (1005, 1006)."""

    station_id: int  # DF003
    x_m: float  # DF025
    y_m: float  # DF026
    z_m: float  # DF027
    antenna_height_m: float = nan  # DF028, of the ARP above the marker; nan in 1005
    itrf_year: int = 0  # DF021, 0 when not stated
    gps: bool = True  # DF022
    glonass: bool = True  # DF023
    galileo: bool = True  # DF024
    not_physical: bool = False  # DF141: a computed (network) reference station
    single_oscillator: bool = False  # DF142: all signals are measured against one oscillator
    quarter_cycle: int = 0  # DF364: phases of one frequency are 1 aligned, 2 not, 0 not known to be

    @property
    def anomalies(self) -> tuple[str, ...]:
        """Names of what is odd."""
        return _place(self.x_m, self.y_m, self.z_m)


@dataclass(frozen=True, slots=True)
class Equipment:
    """Antenna and receiver (1007, 1008, 1033); None for what the message does not carry."""

    station_id: int  # DF003
    antenna: str  # DF030, IGS name and radome
    antenna_setup: int  # DF031, 0 is the standard setup
    antenna_serial: str | None = None  # DF033
    receiver: str | None = None  # DF228
    firmware: str | None = None  # DF230
    receiver_serial: str | None = None  # DF232

    @property
    def anomalies(self) -> tuple[str, ...]:
        """Names of what is odd: a descriptor longer than the standard's 31 characters."""
        texts = (self.antenna, self.antenna_serial, self.receiver, self.firmware, self.receiver_serial)
        return ("long_descriptor",) if any(len(text or "") > _LONGEST_DESCRIPTOR for text in texts) else ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message the station says it sends."""

    message_type: int  # DF055
    synchronous: bool  # DF056
    interval_s: float  # DF057


class SystemParameters(NamedTuple):
    """Time and the announced messages (1013): some receivers send one a second, so it is quick to make."""

    station_id: int  # DF003
    mjd: int  # DF051
    second_of_day: int  # DF052, UTC
    leap_seconds: int | None  # DF054, GPS - UTC; None when not provided
    announcements: tuple[Announcement, ...] = ()

    @property
    def gps_ms(self) -> int:
        """When it was made, in GPS time (to the second)."""
        return _gps_ms(self.mjd, self.second_of_day)


@dataclass(frozen=True, slots=True)
class Text:
    """Unicode text (1029)."""

    station_id: int  # DF003
    mjd: int  # DF051
    second_of_day: int  # DF052, UTC
    text: str  # DF140; U+FFFD where it was not UTF-8
    anomalies: tuple[str, ...] = ()  # names of what was odd

    @property
    def gps_ms(self) -> int:
        """When it was made, in GPS time (to the second)."""
        return _gps_ms(self.mjd, self.second_of_day)


@dataclass(frozen=True, slots=True)
class PhysicalReference:
    """The real station behind a computed one (1032)."""

    station_id: int  # DF003, of the computed station
    physical_station_id: int  # DF226
    x_m: float  # DF025
    y_m: float  # DF026
    z_m: float  # DF027
    itrf_year: int = 0  # DF021

    @property
    def anomalies(self) -> tuple[str, ...]:
        """Names of what is odd."""
        return _place(self.x_m, self.y_m, self.z_m)


@dataclass(frozen=True, slots=True)
class GlonassBiases:
    """GLONASS code-phase biases (1230); nan for what is not sent or sent as unknown."""

    station_id: int  # DF003
    aligned: bool  # DF421: the biases are already applied to the pseudoranges
    l1_ca_m: float = nan  # DF423
    l1_p_m: float = nan  # DF424
    l2_ca_m: float = nan  # DF425
    l2_p_m: float = nan  # DF426


StationMessage = ReferencePoint | Equipment | SystemParameters | Text | PhysicalReference | GlonassBiases


def decode(message_type: int, payload: bytes) -> StationMessage:
    """Decode the payload (message number included) of a type in `DECODERS`.

    Raises Short when it ends before its fields do, Impossible for a value that cannot be.
    """
    reader = BitReader(payload)
    reader.unsigned(12)  # DF002
    return DECODERS[message_type](reader, message_type)


def printable(text: str) -> str:
    """Text for a terminal, page or log: everything unprintable, and the backslash, is escaped."""
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)


def _gps_ms(mjd: int, second_of_day: int) -> int:
    # Leap seconds are those at the day's start, so that second 86,400 is the leap second itself.
    return from_unix_ns((mjd - _UNIX_MJD) * 86_400_000_000_000) + second_of_day * 1000


def _coordinate(r: BitReader) -> float:
    return r.signed(38) / 10_000  # DF025 to DF027: 0.0001 m


def _place(x_m: float, y_m: float, z_m: float) -> tuple[str, ...]:
    low, high = EARTH_M
    return () if low**2 <= x_m**2 + y_m**2 + z_m**2 <= high**2 else ("arp_off_earth",)


def _reference_point(r: BitReader, message_type: int) -> ReferencePoint:
    return ReferencePoint(
        station_id=r.unsigned(12),
        itrf_year=r.unsigned(6),
        gps=bool(r.unsigned(1)),
        glonass=bool(r.unsigned(1)),
        galileo=bool(r.unsigned(1)),
        not_physical=bool(r.unsigned(1)),
        x_m=_coordinate(r),
        single_oscillator=bool(r.unsigned(2) >> 1),  # DF142 and a reserved bit
        y_m=_coordinate(r),
        quarter_cycle=r.unsigned(2),
        z_m=_coordinate(r),
        antenna_height_m=r.unsigned(16) / 10_000 if message_type == 1006 else nan,
    )


def _equipment(r: BitReader, message_type: int) -> Equipment:
    def text() -> str:
        return r.text(r.unsigned(8))

    station_id, antenna, setup = r.unsigned(12), text(), r.unsigned(8)
    return Equipment(station_id, antenna, setup, *(text() for _ in range(DESCRIPTORS[message_type] - 1)))


def is_utc(mjd: int, second_of_day: int) -> bool:
    """Whether DF051 and DF052 can be: not before GPS, and in a day of at most a leap second more."""
    return mjd >= GPS_EPOCH_MJD and second_of_day <= 86_400


def _utc(r: BitReader) -> tuple[int, int]:
    mjd, second_of_day = r.unsigned(16), r.unsigned(17)
    if not is_utc(mjd, 0):
        raise Impossible("mjd")
    if not is_utc(mjd, second_of_day):
        raise Impossible("second_of_day")
    return mjd, second_of_day


def _system_parameters(r: BitReader, _: int) -> SystemParameters:
    station_id = r.unsigned(12)
    mjd, second_of_day = _utc(r)
    count, leap = r.unsigned(5), r.unsigned(8)
    leap_seconds = None if leap == LEAP_UNKNOWN else leap
    each = (Announcement(r.unsigned(12), bool(r.unsigned(1)), r.unsigned(16) / 10) for _ in range(count))
    return SystemParameters(station_id, mjd, second_of_day, leap_seconds, tuple(each))


def _text(r: BitReader, _: int) -> Text:
    station_id = r.unsigned(12)
    mjd, second_of_day = _utc(r)
    characters, size = r.unsigned(7), r.unsigned(8)  # DF138, DF139
    data = r.unsigned(8 * size).to_bytes(size, "big")
    anomalies: tuple[str, ...] = ()
    try:
        text = data.decode()
        if len(text) != characters:
            anomalies = ("character_count",)
    except UnicodeDecodeError:
        text, anomalies = data.decode(errors="replace"), ("invalid_utf8",)
    return Text(station_id, mjd, second_of_day, text, anomalies)


def _physical_reference(r: BitReader, _: int) -> PhysicalReference:
    return PhysicalReference(
        station_id=r.unsigned(12),
        physical_station_id=r.unsigned(12),
        itrf_year=r.unsigned(6),
        x_m=_coordinate(r),
        y_m=_coordinate(r),
        z_m=_coordinate(r),
    )


def _glonass_biases(r: BitReader, _: int) -> GlonassBiases:
    station_id, aligned = r.unsigned(12), bool(r.unsigned(1))
    r.unsigned(3)  # DF001, reserved
    sent = [bool(r.unsigned(1)) for _ in range(4)]  # DF422: L1 C/A, L1 P, L2 C/A, L2 P
    raw = [r.signed(16) if one else BIAS_UNKNOWN for one in sent]
    return GlonassBiases(station_id, aligned, *(nan if bias == BIAS_UNKNOWN else bias / 50 for bias in raw))


DECODERS: dict[int, Callable[[BitReader, int], StationMessage]] = {
    1005: _reference_point,
    1006: _reference_point,
    1007: _equipment,
    1008: _equipment,
    1013: _system_parameters,
    1029: _text,
    1032: _physical_reference,
    1033: _equipment,
    1230: _glonass_biases,
}
"""Message number -> decoder of what follows the message number."""
