"""Streams made by the encoders, converted to RINEX by RTKLIB's convbin, give back what went in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from observed import changed, observed

from hncors.gpstime import DAY_MS, from_iso, week_and_tow_ms
from hncors.observation import Observations, doppler_hz, frequency_hz, phase_cycles
from hncors.rtcm3 import encode_legacy, encode_msm, encode_station
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.station import ReferencePoint
from hncors.signals import BEIDOU, CODES, GALILEO, GLONASS, GPS, NUMBER, QZSS, SBAS, satellite_name

START = from_iso("2026-03-09T00:00:00")  # a Monday, 03:00 in Moscow less 18 leap seconds
EPOCHS = [START + 1000 * n for n in range(3)]
SATELLITES = {
    GPS: [1, 8, 31],
    GLONASS: [2, 9, 24],
    GALILEO: [1, 12, 36],
    SBAS: [20, 38],
    QZSS: [1, 4],
    BEIDOU: [2, 14, 37],
}
CODES_SENT = {
    GPS: "1C 2W",
    GLONASS: "1C 2C",
    GALILEO: "1C 7Q 5Q",
    SBAS: "1C",
    QZSS: "1C 2L",
    BEIDOU: "2I 7I 6I",
}

Values = dict[tuple[int, str, str], float]  # time of day in ms, satellite, RINEX observation code


def epoch_raw(gnss: int, gps_ms: int) -> int:
    """As MSM sends it: RTCM 10403.3, DF004, DF427 (14 s behind) and DF416 with DF034 (UTC + 3 h)."""
    _, tow_ms = week_and_tow_ms(gps_ms)
    if gnss == GLONASS:
        day, time_ms = divmod(tow_ms + 3 * 3_600_000 - 18_000, DAY_MS)
        return day << 27 | time_ms
    return tow_ms - 14_000 if gnss == BEIDOU else tow_ms


def made(gnss: int, gps_ms: int) -> Observations:
    """Cells whose ranges move as their range rates say (RTKLIB takes jumps for roll-overs)."""
    signals = [NUMBER[gnss][code] for code in CODES_SENT[gnss].split()]
    o = observed(gnss, SATELLITES[gnss], signals, 100 + gnss)
    moved_m = o.range_rate_m_s * (gps_ms - START) / 1000
    return changed(
        o,
        pseudorange_m=o.pseudorange_m + moved_m,
        phase_range_m=o.phase_range_m + moved_m,
        lock_ms=np.full(len(o), 1e9),
        half_cycle=np.zeros(len(o), bool),
    )


def expected(o: Observations, gps_ms: int) -> Values:
    frequency = frequency_hz(o.gnss, o.signal, o.channel)
    columns = {
        "C": o.pseudorange_m,
        "L": phase_cycles(o.phase_range_m, frequency),
        "D": doppler_hz(o.range_rate_m_s, frequency),
        "S": o.cn0_dbhz,
    }
    return {
        (
            gps_ms % DAY_MS,
            satellite_name(o.gnss[row], o.satellite[row]),
            kind + CODES[o.gnss[row]][o.signal[row]],
        ): v
        for kind, values in columns.items()
        for row, v in enumerate(values.tolist())
    }


def rinex(path: Path) -> Values:
    """Values of a RINEX 3 observation file, fixed columns as RINEX 3.05 gives them."""
    lines = iter(path.read_text().splitlines())
    codes: dict[str, list[str]] = {}
    system = ""
    for line in lines:
        if line[60:].startswith("SYS / # / OBS TYPES"):
            system = line[0] if line[0] != " " else system
            codes.setdefault(system, []).extend(line[7:60].split())
        if line[60:].startswith("END OF HEADER"):
            break
    out: Values = {}
    time_ms = 0
    for line in lines:
        if line.startswith(">"):
            hour, minute, second = line[13:29].split()
            time_ms = (int(hour) * 60 + int(minute)) * 60_000 + round(float(second) * 1000)
            continue
        for n, code in enumerate(codes[line[0]]):
            if (text := line[3 + 16 * n : 17 + 16 * n].strip()) and float(text) != 0:
                out[time_ms, line[:3].replace(" ", "0"), code] = float(text)
    return out


def convert(stream: bytes, folder: Path) -> Values:
    (folder / "made.rtcm3").write_bytes(stream)
    command = [
        "convbin",
        "-r",
        "rtcm3",
        "-v",
        "3.05",
        "-od",
        "-os",
        "-f",
        "5",
        "-tr",
        "2026/03/09",
        "00:00:00",
    ]
    command += ["-o", "made.obs", "-n", "made.nav", "made.rtcm3"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return rinex(folder / "made.obs")


def compare(found: Values, true: Values, unit_m: dict[str, float], cn0_unit: float) -> None:
    """Equal within half a unit of what is sent and half a digit of RINEX; no wavelength is below 0.18 m."""
    print_m, shortest_m = 0.0005, 0.18
    tolerance = {
        "C": unit_m["C"] / 2 + print_m,
        "L": unit_m["L"] / 2 / shortest_m + 0.0005,
        "D": 1e-4 / 2 / shortest_m + 0.0005,
        "S": cn0_unit / 2 + 0.0005,
    }
    wrong = {
        key: (value, found.get(key))
        for key, value in true.items()
        if key not in found or abs(found[key] - value) > tolerance[key[2][0]] + 1e-6
    }
    assert not wrong
    assert set(found) == set(true)


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("kind", [4, 5, 6, 7])
def test_rtklib_reads_our_msm(kind: int, tmp_path: Path) -> None:
    stream = frame(encode_station.encode(ReferencePoint(1, 3811965.6701, -175800.0708, 5093615.5606, 0.1)))
    true: Values = {}
    for gps_ms in EPOCHS:
        for gnss in SATELLITES:
            o = made(gnss, gps_ms)
            header = Header(1, epoch_raw(gnss, gps_ms), more=gnss != BEIDOU)
            stream += frame(encode_msm.encode(1070 + 10 * gnss + kind, header, o))
            values = expected(o, gps_ms)
            # Without a channel number (MSM4, MSM6 and no ephemeris) a GLONASS phase has no cycles.
            silent = "D" * (kind in (4, 6)) + "LD" * (gnss == GLONASS and kind in (4, 6))
            true |= {key: value for key, value in values.items() if key[2][0] not in silent}
    ms = 299_792.458
    fine = kind > 5
    unit_m = {"C": 2.0 ** -(29 if fine else 24) * ms, "L": 2.0 ** -(31 if fine else 29) * ms}
    compare(convert(stream, tmp_path), true, unit_m, 1 / 16 if fine else 1.0)


@pytest.mark.peer("convbin")
def test_rtklib_reads_our_older_messages(tmp_path: Path) -> None:
    stream = b""
    true: Values = {}
    for gps_ms in EPOCHS:
        gps, glonass, sbas = (made(gnss, gps_ms) for gnss in (GPS, GLONASS, SBAS))
        both = Observations.join([gps, sbas])
        stream += frame(encode_legacy.encode(1004, Header(1, epoch_raw(GPS, gps_ms), more=True), both))
        glonass_header = Header(1, epoch_raw(GLONASS, gps_ms) & (1 << 27) - 1)
        stream += frame(encode_legacy.encode(1012, glonass_header, glonass))
        for o in (gps, glonass, sbas):
            true |= {key: value for key, value in expected(o, gps_ms).items() if key[2][0] != "D"}
    compare(convert(stream, tmp_path), true, {"C": 0.02, "L": 0.0005}, 0.25)
