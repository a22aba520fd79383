"""RINEX 3 and 4 navigation files: lines in, ephemerides out. No IO; nothing in a file raises.

Sets come out as the `Ephemeris` that RTCM messages give, their times in full. What is not modelled
(CNAV, CNV1, SBAS, ...) is skipped and counted by kind, what is wrong by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from typing import NamedTuple

from hncors.gpstime import BEIDOU_OFFSET_MS, GPS_EPOCH_UNIX_S
from hncors.rinex_nav_layout import SOURCES
from hncors.rinex_nav_record import BadRecord, Record, date, number, numbers, parse
from hncors.rtcm3.bits import Impossible

# Records that are modelled, in RINEX 4 and 3, and the RTCM message of the same set. In RINEX 3 the data
# sources inside a Galileo record say which it is.
_SETS = {
    "EPH G LNAV": 1019, "EPH R FDMA": 1020, "EPH I LNAV": 1041, "EPH C D1": 1042, "EPH C D2": 1042,
    "EPH J LNAV": 1044, "EPH E FNAV": 1045, "EPH E INAV": 1046,
    "EPH G": 1019, "EPH R": 1020, "EPH I": 1041, "EPH C": 1042, "EPH J": 1044, "EPH E": 0,
}  # fmt: skip
_KLOBUCHAR = {"ION G LNAV": "G", "ION C D1D2": "C", "ION J LNAV WIDE": "J", "ION I LNAV": "I"}
_KLOBUCHAR_HEADER = {"GPS": "G", "BDS": "C", "QZS": "J", "IRN": "I"}
_KLOBUCHAR_ROWS = (("a0", "a1", "a2"), ("a3", "b0", "b1", "b2"), ("b3",))
_KINDS = 100  # that are counted apart


class Klobuchar(NamedTuple):
    """Coefficients of the broadcast ionosphere: of a system, at a time (None: of the whole file)."""

    gnss: str
    gps_ms: int | None
    alpha: tuple[float, ...]  # 4 values: s, s/semicircle, s/semicircle^2, s/semicircle^3
    beta: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Navigation:
    """What a navigation file holds."""

    version: float  # nan when the text is not that of a RINEX 3 or 4 navigation file
    records: tuple[Record, ...]  # in the order of the file
    klobuchar: tuple[Klobuchar, ...]
    leap_s: int | None
    skipped: Counter[str]  # records of other kinds: "EPH C CNV1"
    faults: Counter[str]  # what is wrong: "truncated", "number", "impossible_eccentricity", ...


def read(lines: Iterable[str]) -> Navigation:
    """Everything modelled in a navigation file, given as lines with or without their ends."""
    source = (line.rstrip("\r\n") for line in lines)
    version, leap_s, klobuchar, ended = _header(source)
    skipped, faults = Counter[str](), Counter[str]()
    records: list[Record] = []
    if isnan(version):
        faults["not_rinex_3_or_4_navigation"] += 1
    elif not ended:
        faults["no_end_of_header"] += 1
    else:
        for kind, body in _records(source, version):
            try:
                if kind in _SETS:
                    records.append(parse(_SETS[kind] or _galileo(body), body))
                elif kind in _KLOBUCHAR:
                    klobuchar.append(_ionosphere(_KLOBUCHAR[kind], body))
                else:
                    skipped[kind if kind in skipped or len(skipped) < _KINDS else "other"] += 1
            except BadRecord as fault:
                faults[str(fault)] += 1
            except Impossible as fault:
                faults[f"impossible_{fault}"] += 1
    return Navigation(version, tuple(records), tuple(klobuchar), leap_s, skipped, faults)


def _header(lines: Iterator[str]) -> tuple[float, int | None, list[Klobuchar], bool]:
    """Version, leap seconds, coefficients, and whether the header ended."""
    version, leap_s, ended = nan, None, False
    coefficients: dict[str, tuple[float, ...]] = {}
    for line in lines:
        label = line[60:80].strip()
        try:
            if label == "RINEX VERSION / TYPE" and line[20:21] == "N":
                stated = number(line[:9])
                version = stated if 3 <= stated < 5 else nan
            elif label == "LEAP SECONDS":
                leap_s = round(number(line[:6]))
            elif label == "IONOSPHERIC CORR":
                coefficients[line[:4]] = tuple(number(line[5 + 12 * n : 17 + 12 * n]) for n in range(4))
            elif label == "END OF HEADER":
                ended = True
                break
        except BadRecord:
            continue  # a header line that cannot be read is as if it were not there
    klobuchar = [
        Klobuchar(gnss, None, coefficients[f"{name}A"], coefficients[f"{name}B"])
        for name, gnss in _KLOBUCHAR_HEADER.items()
        if f"{name}A" in coefficients and f"{name}B" in coefficients
    ]
    return version, leap_s, klobuchar, ended


def _records(lines: Iterator[str], version: float) -> Iterator[tuple[str, list[str]]]:
    """Kind and lines of each record: "EPH G LNAV" in RINEX 4, "EPH G" in RINEX 3."""
    kind, body = "", list[str]()
    for line in lines:
        if version >= 4 and line.startswith(">"):
            if kind:
                yield kind, body
            words = [*line[1:].split(), "?", "?"]
            kind, body = " ".join((words[0], words[1][:1], *words[2:-2]))[:24], []
        elif version < 4 and line[:1].strip():
            if kind:
                yield kind, body
            kind, body = f"EPH {line[:1]}", [line]
        elif kind:
            body.append(line)
    if kind:
        yield kind, body


def _galileo(body: list[str]) -> int:
    """1045 or 1046, whichever a RINEX 3 record's data sources name. Raises BadRecord."""
    rows = ((), (), (), (), (), ("-", "sources"))
    sources = round(dict(numbers(body, rows)).get("sources", 0.0))
    for message, bits in SOURCES.items():
        if sources & bits & 0b111:
            return message
    raise BadRecord("galileo_source")


def _ionosphere(gnss: str, body: list[str]) -> Klobuchar:
    values = dict(numbers(body, _KLOBUCHAR_ROWS))
    if len(values) < 8:
        raise BadRecord("truncated")
    unix_s = int(date(body[0][4:23]).timestamp())
    gps_ms = (unix_s - GPS_EPOCH_UNIX_S) * 1000 + (BEIDOU_OFFSET_MS if gnss == "C" else 0)
    alpha, beta = (tuple(values[f"{letter}{n}"] for n in range(4)) for letter in "ab")
    return Klobuchar(gnss, gps_ms, alpha, beta)
