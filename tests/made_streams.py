"""Whole streams made by the encoders (which independent decoders check elsewhere), and their RINEX files."""

from __future__ import annotations

from math import nan
from pathlib import Path

import numpy as np
from observed import changed, observed
from rinex_tools import Observed, compare, convbin, read

from hncors.exporting import rinex
from hncors.gpstime import DAY_MS, WEEK_MS, from_iso
from hncors.observation import Observations
from hncors.rtcm3 import encode_legacy, encode_msm, encode_station
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.station import ReferencePoint
from hncors.signals import BEIDOU, GALILEO, GLONASS, GPS, NUMBER, QZSS, SBAS

START = "2026-03-09T00:00:00"  # a Monday
START_MS = from_iso(START)
MSM4, MSM7 = 4, 7
SKY = {
    GPS: ([1, 8, 31], "1C 2W 5X"),
    GLONASS: ([2, 9, 24], "1C 2C"),
    GALILEO: ([1, 12, 36], "1C 7Q 5Q 6B 8X"),
    SBAS: ([20, 38], "1C 5I"),
    QZSS: ([1, 4], "1C 2L 5X"),
    BEIDOU: ([2, 14, 60], "2I 7I 6I"),
}


def epoch_raw(gnss: int, gps_ms: int) -> int:
    """As MSM sends it: RTCM 10403.3, DF004, DF427 (14 s behind), DF416 and DF034 (UTC + 3 h, 18 s behind)."""
    tow_ms = gps_ms % WEEK_MS
    if gnss == GLONASS:
        day, time_ms = divmod((tow_ms + 3 * 3_600_000 - 18_000) % WEEK_MS, DAY_MS)
        return day << 27 | time_ms
    return (tow_ms - 14_000) % WEEK_MS if gnss == BEIDOU else tow_ms


def made(gnss: int, gps_ms: int, codes: str, satellites: list[int], lock_ms: float = 1e9) -> Observations:
    """Cells of satellites that move (RTKLIB takes jumps for rolls of the older messages)."""
    signals = [NUMBER[gnss][code] for code in codes.split()]
    o = observed(gnss, satellites, signals, 100 + gnss)
    rate_m_s = o.range_rate_m_s[:: len(signals)].repeat(len(signals))
    moved_m = rate_m_s * ((gps_ms - START_MS + 600_000) % 3_600_000 / 1000)
    return changed(
        o,
        pseudorange_m=o.pseudorange_m + moved_m,
        phase_range_m=o.phase_range_m + moved_m,
        lock_ms=np.full(len(o), lock_ms),
    )


def msm(gnss: int, kind: int, gps_ms: int, o: Observations, *, more: bool, station: int = 1) -> bytes:
    header = Header(station, epoch_raw(gnss, gps_ms), more=more)
    return frame(encode_msm.encode(1070 + 10 * gnss + kind, header, o))


def epoch(gps_ms: int, kind: int, station: int = 1) -> bytes:
    """All of SKY at one time."""
    return b"".join(
        msm(gnss, kind, gps_ms, made(gnss, gps_ms, codes, satellites), more=gnss != BEIDOU, station=station)
        for gnss, (satellites, codes) in SKY.items()
    )


def older(gps_ms: int, drift_m: float = 0.0) -> bytes:
    """1004 and 1012, the phases moved by a distance."""
    out = b""
    for gnss, number, codes, satellites in (
        (GPS, 1004, "1C 2W", [1, 8, 31]),
        (GLONASS, 1012, "1C 2C", [2, 9, 24]),
    ):
        o = made(gnss, gps_ms, codes, satellites)
        o = changed(o, phase_range_m=o.phase_range_m + drift_m)
        raw = epoch_raw(gnss, gps_ms) & ((1 << 27) - 1 if gnss == GLONASS else -1)
        out += frame(encode_legacy.encode(number, Header(1, raw, more=gnss == GPS), o))
    return out


def point(station: int, height_m: float = nan, shift_m: float = 0.0) -> bytes:
    where = ReferencePoint(station, 3811965.6701 + shift_m, -175800.0708, 5093615.5606, height_m)
    return frame(encode_station.encode(where))


def gps(gps_ms: int, station: int, satellites: list[int], codes: str = "1C") -> bytes:
    return msm(GPS, MSM7, gps_ms, made(GPS, gps_ms, codes, satellites), more=False, station=station)


def ours(stream: bytes, given: str = START) -> Observed:
    return read(rinex(stream, "x", from_iso(given))["x.obs"])


def equal(stream: bytes, folder: Path, given: str = START) -> tuple[Observed, Observed]:
    """RTKLIB's file and ours; whatever RTKLIB has, we have."""
    theirs, mine = read(convbin(stream, folder, given)), ours(stream, given)
    found = compare(theirs.values, mine.values)
    assert not found.missing
    assert not found.differ
    assert found.equal > 0
    return theirs, mine
