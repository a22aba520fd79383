"""The header of a RINEX 3.05 observation file: RINEX 3.05, table A2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import hypot, isnan

import numpy as np

from hncors.gpstime import GPS_EPOCH, leap_seconds
from hncors.observation import I64
from hncors.rtcm3.station import GlonassBiases
from hncors.signals import GNSS

WGS84_E2 = 0.00669437999014
KINDS = "CLDS"  # pseudorange, phase, Doppler, signal strength; in the order they stand in a line
_TYPES_A_LINE = 13
_SLOTS_A_LINE = 8


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of the marker and of what stands on it; "" and None for what is not."""

    marker: str
    physical: bool | None = None  # a real antenna, not a computed reference station
    receiver: tuple[str, str, str] = ("", "", "")  # number, type, version
    antenna: tuple[str, str] = ("", "")  # number, type
    reference_point_m: tuple[float, float, float] | None = None  # of the antenna
    antenna_height_m: float | None = None  # of the reference point above the marker

    def updated(self, new: Site) -> Site:
        """This site with what is known newly."""
        return Site(
            new.marker,
            self.physical if new.physical is None else new.physical,
            (
                new.receiver[0] or self.receiver[0],
                new.receiver[1] or self.receiver[1],
                new.receiver[2] or self.receiver[2],
            ),
            (new.antenna[0] or self.antenna[0], new.antenna[1] or self.antenna[1]),
            new.reference_point_m or self.reference_point_m,
            self.antenna_height_m if new.antenna_height_m is None else new.antenna_height_m,
        )


@dataclass(frozen=True, slots=True)
class Header:
    """What the observations do not tell."""

    site: Site
    channels: Mapping[int, int] = field(default_factory=dict)  # GLONASS satellite -> frequency channel
    biases: GlonassBiases | None = None
    comments: Sequence[str] = ()
    created: str = ""  # "20261123 194641 UTC"
    run_by: str = ""


def obs_header(header: Header, types: list[list[str]], epochs: I64) -> list[str]:
    """The lines of the header, each ended by a line feed.

    `types` are the observation codes of each system as GNSS, `epochs` the GPS milliseconds of the epochs.
    """
    lines = [
        _line(f"{3.05:9.2f}           {'OBSERVATION DATA':20}{'M: Mixed':20}", "RINEX VERSION / TYPE"),
        _line(f"{'hncors':20}{_text(header.run_by, 20)}{_text(header.created, 20)}", "PGM / RUN BY / DATE"),
        *(_line(_text(comment, 60), "COMMENT") for comment in header.comments),
        *site_lines(header.site),
        *_type_lines(types),
        _line("DBHZ", "SIGNAL STRENGTH UNIT"),
    ]
    if len(epochs) > 1:
        steps, counts = np.unique(np.diff(epochs), return_counts=True)
        lines.append(_line(f"{steps[counts.argmax()] / 1000:10.3f}", "INTERVAL"))
    lines.append(_line(_moment(int(epochs[0])), "TIME OF FIRST OBS"))
    lines.append(_line(_moment(int(epochs[-1])), "TIME OF LAST OBS"))
    # RTCM does not tell what was done to phases to align them: blank is "unknown".
    lines += [_line(GNSS[n], "SYS / PHASE SHIFT") for n, codes in enumerate(types) if _has_phase(codes)]
    if types[GNSS.index("R")]:
        lines += [*_slot_lines(header.channels), _bias_line(header.biases)]
    lines.append(_line(f"{leap_seconds(int(epochs[0])):6d}", "LEAP SECONDS"))
    lines.append(_line("", "END OF HEADER"))
    return lines


def site_lines(site: Site) -> list[str]:
    """The header lines about a site."""
    number, kind, version = site.receiver
    height_m = site.antenna_height_m or 0.0
    marker_m = _marker(site.reference_point_m, height_m)
    lines = [_line(_text(site.marker, 60), "MARKER NAME")]
    if site.physical is False:
        lines.append(_line("NON_PHYSICAL", "MARKER TYPE"))
    return [
        *lines,
        _line("", "OBSERVER / AGENCY"),
        _line(_text(number, 20) + _text(kind, 20) + _text(version, 20), "REC # / TYPE / VERS"),
        _line(_text(site.antenna[0], 20) + _text(site.antenna[1], 20), "ANT # / TYPE"),
        _line("".join(f"{metres:14.4f}" for metres in marker_m), "APPROX POSITION XYZ"),
        _line(f"{height_m:14.4f}{0:14.4f}{0:14.4f}", "ANTENNA: DELTA H/E/N"),
    ]


def _marker(
    reference_point_m: tuple[float, float, float] | None, height_m: float
) -> tuple[float, float, float]:
    """The point `height_m` below the reference point; zeros for an unknown place.

    RINEX wants the place of the marker, RTCM sends that of the antenna reference point. Down is against
    the normal of WGS 84's ellipsoid, which near its surface is (x, y, z / (1 - e^2)).
    """
    if reference_point_m is None:
        return 0.0, 0.0, 0.0
    x_m, y_m, z_m = reference_point_m
    normal = (x_m, y_m, z_m / (1 - WGS84_E2))
    length = hypot(*normal)
    if not length:
        return reference_point_m
    down = height_m / length
    return x_m - down * normal[0], y_m - down * normal[1], z_m - down * normal[2]


def _type_lines(types: list[list[str]]) -> list[str]:
    lines = []
    for letter, codes in zip(GNSS, types, strict=True):
        for at in range(0, len(codes), _TYPES_A_LINE):
            head = f"{letter}  {len(codes):3d}" if at == 0 else ""
            some = "".join(f" {code}" for code in codes[at : at + _TYPES_A_LINE])
            lines.append(_line(f"{head:6}{some}", "SYS / # / OBS TYPES"))
    return lines


def _slot_lines(channels: Mapping[int, int]) -> list[str]:
    slots = [f" R{satellite:02d} {channel:2d}" for satellite, channel in sorted(channels.items())]
    heads = [f"{len(slots):3d}"] + ["   "] * (max(len(slots) - 1, 0) // _SLOTS_A_LINE)
    return [
        _line(head + "".join(slots[n * _SLOTS_A_LINE : (n + 1) * _SLOTS_A_LINE]), "GLONASS SLOT / FRQ #")
        for n, head in enumerate(heads)
    ]


def _bias_line(biases: GlonassBiases | None) -> str:
    """All blank when nothing is known; table A2 has no other way to say it."""
    named = (
        {"C1C": biases.l1_ca_m, "C1P": biases.l1_p_m, "C2C": biases.l2_ca_m, "C2P": biases.l2_p_m}
        if biases
        else {}
    )
    if all(map(isnan, named.values())):
        return _line("", "GLONASS COD/PHS/BIS")
    texts = [f" {code} {'' if isnan(bias) else f'{bias:.3f}':>8}" for code, bias in named.items()]
    return _line("".join(texts), "GLONASS COD/PHS/BIS")


def _has_phase(codes: list[str]) -> bool:
    return any(code.startswith("L") for code in codes)


def _moment(gps_ms: int) -> str:
    t = GPS_EPOCH + timedelta(milliseconds=gps_ms)
    seconds = t.second + t.microsecond / 1e6
    return f"{t.year:6d}{t.month:6d}{t.day:6d}{t.hour:6d}{t.minute:6d}{seconds:13.7f}     GPS"


def _line(text: str, label: str) -> str:
    return f"{text:60}{label:20}".rstrip() + "\n"


def _text(text: str, width: int) -> str:
    """Text that comes from a stream, in a field."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:width].ljust(width)
