"""RINEX observation files: columns laid by hand (RINEX 3.05, tables A2 and A3), and RTKLIB on the same bytes.

Streams are made by the encoders, which independent decoders check elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest
import wire
from observed import changed, observed
from rinex_tools import Observed, compare, convbin, read

from hncors.exporting import NothingToExport, WeekUnknown, rinex
from hncors.gpstime import DAY_MS, WEEK_MS, from_iso
from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.rtcm3 import encode_legacy, encode_msm, encode_station, ephemeris, ephemeris_fields
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.rtcm3.station import Equipment, GlonassBiases, ReferencePoint
from hncors.signals import (
    BEIDOU,
    CODES,
    GALILEO,
    GLONASS,
    GNSS,
    GPS,
    NAVIC,
    NUMBER,
    QZSS,
    SBAS,
    satellite_name,
)
from hncors.view import rinex_obs, rinex_obs_header
from hncors.view.rinex_obs import Event, fixed
from hncors.view.rinex_obs_header import Site

START = "2026-03-09T00:00:00"  # a Monday
START_MS = from_iso(START)
MSM4, MSM7 = 4, 7

# --- lines ---------------------------------------------------------------------------------------


def columns(rows: list[tuple[str, str, dict[str, float]]]) -> Observations:
    """Rows of satellite, signal code and what is sent; the rest is not available."""
    gnss = np.array([GNSS.index(name[0]) for name, _, _ in rows], np.uint8)

    def column(field: str, missing: float, kind: type) -> np.ndarray:
        return np.array([values.get(field, missing) for _, _, values in rows], kind)

    return Observations(
        message=np.zeros(len(rows), np.int64),
        gnss=gnss,
        satellite=np.array([int(name[1:]) for name, _, _ in rows], np.uint8),
        signal=np.array(
            [NUMBER[g][code] for g, (_, code, _) in zip(gnss.tolist(), rows, strict=True)], np.uint8
        ),
        pseudorange_m=column("range", nan, np.float64),
        phase_range_m=column("phase", nan, np.float64),
        range_rate_m_s=column("rate", nan, np.float64),
        lock_ms=column("lock", nan, np.float64),
        half_cycle=column("half", 0, np.bool_),
        cn0_dbhz=column("cn0", nan, np.float64),
        channel=column("channel", CHANNEL_UNKNOWN, np.int8),
    )


def written(
    rows: list[tuple[int, str, str, dict[str, float]]], events: list[Event] | None = None, kind: int = MSM7
) -> str:
    """The text of a file; each row begins with its milliseconds after START."""
    o = columns([row[1:] for row in rows])
    time_ms = np.array([START_MS + row[0] for row in rows])
    header = rinex_obs_header.Header(Site("0001"))
    return rinex_obs.write(header, time_ms, np.full(len(rows), kind, np.uint8), o, events or [])


def body(text: str) -> list[str]:
    lines = text.splitlines()
    return lines[lines.index(" " * 60 + "END OF HEADER") + 1 :]


def test_numbers_are_f14_3() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [
            rng.uniform(-9e8, 9e8, 2000),
            rng.uniform(0, 9.99e9, 1000),
            rng.uniform(-2, 2, 1000),
            [0.0, -0.0004, 0.0004, -0.0006, 0.9996, -0.9996, 9.9996, 99999.9996, -12345.6789, 9999999999.999],
            [-999999999.999, 1e9, 1e8, 1e4, 9999.9994, 9999.9996],
        ]
    )
    ours = fixed(values).view("S14").ravel().tolist()
    # Python rounds the exact binary value; where that is a tie to 1e-6 of the last digit, either will do.
    theirs = [f"{v:14.3f}".replace("-0.000", " 0.000").encode() for v in values.tolist()]
    scaled = values * 1000 % 1
    clear = np.abs(scaled - 0.5) > 1e-4
    assert [o for o, c in zip(ours, clear, strict=True) if c] == [
        t for t, c in zip(theirs, clear, strict=True) if c
    ]
    assert sum(clear) > 3900


def test_a_line_by_hand() -> None:
    # 1575.42 MHz: 22 345 678.9 m are 117 427 313.842 cycles; Doppler is -rate / wavelength.
    phase_m = 117_427_313.842 * 299_792_458 / 1575.42e6
    rate_m_s = -1234.567 * 299_792_458 / 1575.42e6 * -1
    text = written(
        [
            (
                0,
                "G05",
                "1C",
                {"range": 22345678.9, "phase": phase_m, "rate": rate_m_s, "cn0": 45.5, "half": 1},
            ),
            (0, "G05", "2W", {"range": 22345680.1234}),
            (0, "C23", "1P", {"cn0": 40.0}),
            (500, "G31", "2W", {"range": 20000000.0}),
        ]
    )
    assert body(text) == [
        "> 2026 03 09 00 00 00.0000000  0  2",
        "G05  22345678.900   117427313.8422      -1234.567          45.500    22345680.123",
        "C23        40.000",
        "> 2026 03 09 00 00 00.5000000  0  1",
        "G31" + " " * 64 + "  20000000.000",
    ]
    header = read(text).header
    assert [line.rstrip() for line in header["SYS / # / OBS TYPES"]] == [
        "G    5 C1C L1C D1C S1C C2W",
        "C    1 S1P",
    ]
    assert header["INTERVAL"][0].strip() == "0.500"
    assert header["TIME OF FIRST OBS"][0].rstrip() == "  2026     3     9     0     0    0.0000000     GPS"
    assert header["TIME OF LAST OBS"][0].rstrip() == "  2026     3     9     0     0    0.5000000     GPS"
    assert header["LEAP SECONDS"][0].strip() == "18"
    assert header["SIGNAL STRENGTH UNIT"][0].strip() == "DBHZ"
    assert [line.rstrip() for line in header["SYS / PHASE SHIFT"]] == ["G"]  # C has no phase


def test_types_go_on_after_thirteen() -> None:
    codes = ("1C", "2W", "5X", "1X")
    text = written(
        [(0, "G01", code, {"range": 2e7, "phase": 2e7, "rate": 1.0, "cn0": 40.0}) for code in codes]
    )
    assert [line.rstrip() for line in read(text).header["SYS / # / OBS TYPES"]] == [
        "G   16 C1C L1C D1C S1C C1X L1X D1X S1X C2W L2W D2W S2W C5X",
        "       L5X D5X S5X",
    ]


def test_lines_stand_by_time_system_and_satellite() -> None:
    order = [
        (1000, "C02"),
        (0, "J02"),
        (1000, "R03"),
        (0, "C40"),
        (0, "G07"),
        (0, "S31"),
        (0, "E11"),
        (0, "G02"),
    ]
    codes = {"C": "2I", "J": "1C", "R": "1C", "G": "1C", "S": "1C", "E": "1X"}
    text = written([(ms, name, codes[name[0]], {"range": 2e7}) for ms, name in order])
    names = [line[:3] for line in body(text)]
    assert names == ["> 2", "G02", "G07", "E11", "S31", "J02", "C40", "> 2", "R03", "C02"]


@pytest.mark.parametrize(
    ("locks", "flags"),
    [
        # (ms, lock time sent); the indicator's bin is 32 ms wide at 1.5 s, 1,024 ms at 50 s (table 3.5-75)
        ([(0, 50000), (1000, 51200), (2000, 52224)], "   "),
        ([(0, 51200), (1000, 51200)], "  "),
        ([(0, 51200), (1000, 50176)], " 1"),  # shorter than it was
        ([(0, 50176), (1000, 0), (2000, 960)], " 11"),  # shorter than a second
        ([(0, 0), (1000, 992)], "  "),  # 992 to 1007 ms: may have begun just then
        ([(0, 0), (1000, 960)], " 1"),  # 960 to 975 ms: began after the first
        ([(0, 51200), (60000, 60416)], "  "),
        ([(0, 51200), (90000, 60416)], " 1"),  # longer than it was, shorter than the time since
        ([(0, nan), (1000, 0)], " 1"),
        ([(0, 51200), (1000, nan)], "  "),  # a reserved indicator says nothing
    ],
)
def test_lost_lock(locks: list[tuple[int, float]], flags: str) -> None:
    # RINEX 3.05, table A3: bit 0 of the indicator behind a phase: lock lost since the observation before.
    text = written([(ms, "G01", "1C", {"phase": 2e7, "lock": lock}) for ms, lock in locks])
    assert "".join(line[17:18] or " " for line in body(text) if line[0] == "G") == flags


def test_a_phase_missed_is_not_a_loss() -> None:
    # A PolaRx5 sends lock time 0 and no phase while a half cycle is open, then the old lock time again.
    row = {"phase": 2e7, "lock": 51200}
    text = written(
        [(0, "G01", "1C", row), (1000, "G01", "1C", {"cn0": 30, "lock": 0}), (2000, "G01", "1C", row)]
    )
    assert [line[17:18].strip() for line in body(text) if line[0] == "G"] == ["", "", ""]


def test_half_cycles_and_losses_add_up() -> None:
    rows = [(0, "G01", "1C", {"phase": 2e7, "lock": 51200, "half": 1})]
    rows.append((1000, "G01", "1C", {"phase": 2e7, "lock": 0, "half": 1}))
    assert [line[17] for line in body(written(rows)) if line[0] == "G"] == ["2", "3"]


def test_a_phase_beyond_the_format_is_clipped() -> None:
    # RINEX 3.05, section 5.7: clipped into the valid interval by 10**9, with the loss of lock indicator.
    wave_m = 299_792_458 / 1575.42e6
    rows = [
        (0, "G01", "1C", {"phase": 10_000_000_123.0 * wave_m}),
        (0, "G02", "1C", {"phase": -1e9 * wave_m - 1}),
    ]
    (first, second) = [line for line in body(written(rows)) if line[0] == "G"]
    assert first == "G01       123.0001"
    assert second == "G02" + f"{-1 / wave_m:14.3f}" + "1"


def test_a_new_site_is_an_event() -> None:
    point = (6378137.0, 0.0, 0.0)
    site = Site("0002", True, ("R1", "TYPE", "V1"), ("A1", "ANT  NONE"), point, 1.5)
    rows = [
        (0, "G01", "1C", {"phase": 2e7, "lock": 51200}),
        (1000, "G01", "1C", {"phase": 2e7, "lock": 51200}),
    ]
    text = written(
        rows, [Event(START_MS + 1000, True, site), Event(START_MS + 900, False, replace(site, marker="X"))]
    )
    lines = body(text)
    assert lines[2] == "> 2026 03 09 00 00 01.0000000  4  6"  # header information follows
    assert lines[9] == "> 2026 03 09 00 00 01.0000000  3  6"  # new site
    assert [line[60:] for line in lines[10:16]] == [
        "MARKER NAME",
        "OBSERVER / AGENCY",
        "REC # / TYPE / VERS",
        "ANT # / TYPE",
        "APPROX POSITION XYZ",
        "ANTENNA: DELTA H/E/N",
    ]
    assert lines[12][:60] == "R1                  TYPE                V1                  "
    # RTCM sends the antenna's reference point, RINEX wants the marker, 1.5 m below on the equator.
    assert lines[14][:42] == "  6378135.5000        0.0000        0.0000"
    assert lines[15][:42] == "        1.5000        0.0000        0.0000"
    assert (
        lines[17] == "G01" + f"{2e7 * 1575.42e6 / 299_792_458:14.3f}" + "1"
    )  # another receiver, another phase


def test_the_marker_is_below_the_antenna() -> None:
    # At 45 degrees of latitude down is (-1, 0, -1) / sqrt(2); position from the ellipsoid's formula.
    n = 6378137 / np.sqrt(1 - 0.00669437999014 / 2)
    point = (n / np.sqrt(2), 0.0, n * (1 - 0.00669437999014) / np.sqrt(2))
    lines = rinex_obs_header.site_lines(Site("A", reference_point_m=point, antenna_height_m=2.0))
    position = next(line for line in lines if "APPROX" in line)
    down = 2.0 / np.sqrt(2)
    assert position[:42] == f"{point[0] - down:14.4f}{0:14.4f}{point[2] - down:14.4f}".replace(
        "-0.0000", " 0.0000"
    )


def test_texts_from_the_stream_are_kept_in_their_fields() -> None:
    lines = rinex_obs_header.site_lines(Site("0001", False, ("é\n", "T" * 40, ""), ("", "")))
    assert lines[1].startswith("NON_PHYSICAL") and lines[1].rstrip().endswith("MARKER TYPE")
    assert lines[3] == f"{'??':20}{'T' * 20}{'':20}REC # / TYPE / VERS\n"
    assert all(line.isascii() and line.endswith("\n") and "\n" not in line[:-1] for line in lines)


# --- streams -------------------------------------------------------------------------------------

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


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("kind", [4, 5, 6, 7])
def test_rtklib_has_the_same_values(kind: int, tmp_path: Path) -> None:
    stream = b"".join(epoch(START_MS + 1000 * n, kind) for n in range(5))
    theirs, mine = equal(stream, tmp_path)
    assert theirs.epochs == mine.epochs
    assert set(theirs.values) == set(mine.values)
    assert mine.header["INTERVAL"][0].strip() == "1.000"


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("start", ["2026-03-07T23:59:40", "2026-03-08T20:59:58", "2026-03-08T23:59:59"])
def test_rtklib_has_the_same_values_over_midnights(start: str, tmp_path: Path) -> None:
    # The weeks of GPS and BeiDou, the day of GLONASS (21:00:18 GPS time), the day of GPS.
    stream = b"".join(epoch(from_iso(start) + 1000 * n, MSM7) for n in range(40))
    theirs, mine = equal(stream, tmp_path, start)
    assert theirs.epochs == mine.epochs
    assert set(theirs.values) == set(mine.values)


@pytest.mark.peer("convbin")
def test_every_loss_of_lock_rtklib_sees(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    stream = b""
    short: set[tuple[int, str]] = set()  # second and satellite
    for n in range(30):
        for gnss, kind in ((GPS, MSM7), (GALILEO, MSM4)):
            o = made(gnss, START_MS + 1000 * n, "1C", [1, 2, 3, 4, 5, 6])
            lost = rng.random(6) < 0.2
            o = changed(o, lock_ms=np.where(lost, 300.0, 1000.0 * n + 40_000), half_cycle=np.zeros(6, bool))
            stream += msm(gnss, kind, START_MS + 1000 * n, o, more=gnss == GPS)
            short |= {(n, f"{GNSS[gnss]}{row + 1:02d}") for row in np.flatnonzero(lost).tolist()}
    theirs, mine = equal(stream, tmp_path)
    second = {text: n for n, text in enumerate(mine.epochs)}
    # A third of a second of lock, a second after the phase before. In the first epoch nothing was before.
    seen = {(second[epoch], name) for epoch, name, _ in mine.indicators}
    assert seen == {(n, name) for n, name in short if n > 0}
    # RTKLIB compares indicators only: it misses a loss after a loss, and sets all of the first epoch.
    they_saw = {(second[epoch], name) for epoch, name, _ in theirs.indicators if second[epoch] > 0}
    assert they_saw == {(n, name) for n, name in seen if (n - 1, name) not in short}
    assert 20 < len(they_saw) < len(seen)


@pytest.mark.peer("convbin")
def test_glonass_channels_come_from_anywhere_in_the_stream(tmp_path: Path) -> None:
    # MSM4 has no channels; the ephemeris of R09 comes at the end.
    satellites = [2, 9]
    stream = b""
    for n in range(4):
        now_ms = START_MS + 1000 * n
        stream += msm(GPS, MSM4, now_ms, made(GPS, now_ms, "1C", [1]), more=True)
        stream += msm(GLONASS, MSM4, now_ms, made(GLONASS, now_ms, "1C 2C", satellites), more=False)
    values = dict.fromkeys((field.name for field in ephemeris_fields.MESSAGES[1020][1]), 0.0)
    values |= {"x_m": 2.5e7, "vy_m_s": 3000.0, "channel": -2, "day": 800, "tb_s": 10800.0}
    values.pop("satellite")
    stream += frame(ephemeris.encode(Ephemeris("R", 9, 1020, values)))
    theirs, mine = equal(stream, tmp_path)
    phases = {key[1:] for key in mine.values if key[1][0] == "R" and key[2][0] == "L"}
    assert phases == {("R09", "L1C"), ("R09", "L2C")}
    # RTKLIB settles the types of observation before it meets the ephemeris.
    assert set(mine.values) - set(theirs.values) == {key for key in mine.values if key[1:] in phases}
    wave_m = 299_792_458 / ((1602 - 2 * 0.5625) * 1e6)
    o = made(GLONASS, START_MS, "1C 2C", satellites)
    assert mine.values[mine.epochs[0], "R09", "L1C"] == pytest.approx(o.phase_range_m[2] / wave_m, abs=0.002)
    assert mine.header["GLONASS SLOT / FRQ #"] == [f"{'  1 R09 -2':60}"]
    comments = " ".join(line.strip() for line in mine.header["COMMENT"])
    assert "NO PHASE AND DOPPLER OF SATELLITES WHOSE CHANNEL NOBODY TELLS: R02" in comments


@pytest.mark.peer("convbin")
def test_rtklib_drops_the_new_signals_of_beidou(tmp_path: Path) -> None:
    stream = b""
    for n in range(3):
        o = made(BEIDOU, START_MS + 1000 * n, "2I 6I 1P 5P 7D", [19, 40])
        stream += msm(BEIDOU, MSM7, START_MS + 1000 * n, o, more=False)
    theirs, mine = equal(stream, tmp_path)
    extra = compare(theirs.values, mine.values).kinds(set(mine.values) - set(theirs.values))
    assert extra == {f"C:{kind}{code}": 6 for code in ("1P", "5P", "7D") for kind in "CLDS"}
    # What was encoded, by arithmetic of its own: fine pseudorange 2^-29 ms, phase 2^-31 ms, 0.0001 m/s.
    o = made(BEIDOU, START_MS, "2I 6I 1P 5P 7D", [19, 40])
    for row in range(len(o)):
        code = CODES[BEIDOU][o.signal[row]]
        hz = {"2": 1561.098e6, "6": 1268.52e6, "1": 1575.42e6, "5": 1176.45e6, "7": 1207.14e6}[code[0]]
        at = (mine.epochs[0], satellite_name(BEIDOU, int(o.satellite[row])))
        assert mine.values[*at, f"C{code}"] == pytest.approx(o.pseudorange_m[row], abs=0.0009)
        assert mine.values[*at, f"L{code}"] == pytest.approx(
            o.phase_range_m[row] * hz / 299_792_458, abs=0.002
        )
        assert mine.values[*at, f"D{code}"] == pytest.approx(
            -o.range_rate_m_s[row] * hz / 299_792_458, abs=0.002
        )
        assert mine.values[*at, f"S{code}"] == pytest.approx(o.cn0_dbhz[row], abs=1 / 32 + 0.0005)


@pytest.mark.peer("convbin")
def test_what_is_not_available_is_blank(tmp_path: Path) -> None:
    # One satellite each without rough range, fine range, fine phase, C/N0, fine rate, and one with all.
    satellites = [1, 2, 3, 4, 5, 6]
    lost = {"range": -(2**19), "phase": -(2**23), "cn0": 0, "fine_rate": -(2**14)}
    usual = {"range": 1000, "phase": 1000, "cn0": 700, "fine_rate": 10}
    values = {
        name: [lost[name] if n == at else usual[name] for n in satellites]
        for at, name in enumerate(usual, start=2)
    }
    values["ms"] = [255] + [75] * 5
    stream = b"".join(
        wire.framed(wire.msm(1077, START_MS % WEEK_MS + 1000 * n, satellites=satellites, values=values))
        for n in range(2)
    )
    theirs, mine = equal(stream, tmp_path)
    assert set(theirs.values) == set(mine.values)
    written_codes = {
        name: {key[2] for key in mine.values if key[1] == name} for name in ("G01", "G02", "G06")
    }
    assert written_codes == {
        "G01": {"D1C", "S1C"},
        "G02": {"L1C", "D1C", "S1C"},
        "G06": {"C1C", "L1C", "D1C", "S1C"},
    }


@pytest.mark.peer("convbin")
def test_rtklib_takes_an_unknown_rate_for_zero(tmp_path: Path) -> None:
    # DF399 8192 below zero is "not available": the fine rate alone is not a Doppler.
    stream = wire.framed(wire.msm(1077, START_MS % WEEK_MS, values={"rate": [-8192, 100]}))
    theirs, mine = read(convbin(stream, tmp_path, START)), ours(stream)
    extra = compare(theirs.values, mine.values)
    assert {key[1:] for key in extra.missing} == set()  # fine rates of 0 make Dopplers of 0, which are blank
    values = {"rate": [-8192, 100], "fine_rate": [5000, 5000]}
    stream = wire.framed(wire.msm(1077, START_MS % WEEK_MS, values=values))
    theirs, mine = read(convbin(stream, tmp_path, START)), ours(stream)
    wrong = compare(theirs.values, mine.values).missing
    assert {key[1:]: round(value, 3) for key, value in wrong.items()} == {("G03", "D1C"): -2.628}
    assert ("G09", "D1C") in {key[1:] for key in mine.values}


# --- the older messages --------------------------------------------------------------------------


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


@pytest.mark.peer("convbin")
def test_rtklib_has_the_same_values_of_the_older_messages(tmp_path: Path) -> None:
    theirs, mine = equal(b"".join(older(START_MS + 1000 * n) for n in range(5)), tmp_path)
    assert set(theirs.values) == set(mine.values)
    assert {key[2] for key in mine.values if key[1][0] == "G"} == {"C1C", "L1C", "S1C", "C2W", "L2W", "S2W"}


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("code", range(4))
def test_the_older_codes_of_l2_are_named_as_rtklib_names_them(code: int, tmp_path: Path) -> None:
    row = {"code2": code, "range2": 100, "phase2": 900}
    gps = wire.legacy(1004, START_MS % WEEK_MS, [row], more=True)
    glonass = wire.legacy(1012, epoch_raw(GLONASS, START_MS) % 2**27, [{**row, "code2": min(code, 1)}])
    theirs, mine = equal(wire.framed(gps) + wire.framed(glonass), tmp_path)
    assert set(theirs.values) == set(mine.values)


@pytest.mark.peer("convbin")
def test_strength_alone_is_written(tmp_path: Path) -> None:
    # A u-blox base sends C/N0 of L2 with neither range (2000h) nor phase (80000h).
    row = {"range2": -(2**13), "phase2": -(2**19), "cn02": 100}
    stream = wire.framed(wire.legacy(1004, START_MS % WEEK_MS, [row, {**row, "id": 6, "cn02": 0}]))
    theirs, mine = equal(stream, tmp_path)
    assert {key[1:]: value for key, value in mine.values.items() if key[2][1] == "2"} == {
        ("G05", "S2X"): 25.0
    }
    assert set(theirs.values) == set(mine.values)


@pytest.mark.peer("convbin")
def test_a_roll_of_the_older_phases_is_taken_back(tmp_path: Path) -> None:
    # 10 m/s of drift between phase and code: one roll of 1,500 cycles in half a minute, for some satellites.
    stream = b"".join(older(START_MS + 1000 * n, 10.0 * n) for n in range(30))
    mine = ours(stream)
    for satellite, code, hz in (
        ("G01", "L1C", 1575.42e6),
        ("G08", "L2W", 1227.60e6),
        ("G31", "L1C", 1575.42e6),
    ):
        phases = [mine.values[epoch, satellite, code] for epoch in mine.epochs]
        ranges = [mine.values[epoch, satellite, "C1C"] for epoch in mine.epochs]
        drift = np.array(phases) - np.array(ranges) * hz / 299_792_458
        np.testing.assert_allclose(np.diff(drift), 10 * hz / 299_792_458, atol=0.2)  # DF011: 0.02 m
    theirs = read(convbin(stream, tmp_path, START))
    differ = compare(theirs.values, mine.values).differ
    # RTKLIB adds or takes 1,500 cycles once, from where its first reading of the file ended.
    assert {round(abs(value - other)) % 1500 for value, other in differ.values()} <= {0}
    assert {key[2][0] for key in differ} <= {"L"}


def test_rolls_follow_each_other() -> None:
    # 60 m/s for a minute is 3.6 km: a dozen rolls. The truth is what was encoded.
    stream = b"".join(older(START_MS + 1000 * n, 60.0 * n) for n in range(60))
    mine = ours(stream)
    for row, name in ((0, "G01"), (2, "G08"), (4, "G31")):
        got = [mine.values[epoch, name, "L1C"] for epoch in mine.epochs]
        made_m = [made(GPS, START_MS + 1000 * n, "1C 2W", [1, 8, 31]).phase_range_m[row] for n in range(60)]
        true = (np.array(made_m) + 60.0 * np.arange(60)) * 1575.42e6 / 299_792_458
        offset = np.array(got) - true
        np.testing.assert_allclose(offset - offset[0], 0, atol=0.004)  # DF012: 0.0005 m


# --- whole recordings ----------------------------------------------------------------------------


def point(station: int, height_m: float = nan, shift_m: float = 0.0) -> bytes:
    where = ReferencePoint(station, 3811965.6701 + shift_m, -175800.0708, 5093615.5606, height_m)
    return frame(encode_station.encode(where))


def gps(gps_ms: int, station: int, satellites: list[int], codes: str = "1C") -> bytes:
    return msm(GPS, MSM7, gps_ms, made(GPS, gps_ms, codes, satellites), more=False, station=station)


@pytest.mark.peer("convbin")
def test_the_header_tells_what_the_stream_told(tmp_path: Path) -> None:
    stream = gps(START_MS, 25, [1]) + point(25, 0.1)
    stream += frame(
        encode_station.encode(Equipment(25, "LEIAR10         NONE", 0, "212", "RX", "1.2", "580"))
    )
    stream += frame(encode_station.encode(GlonassBiases(25, False, 19.08, nan, -1.5, 0.0)))
    stream += msm(
        GLONASS, MSM7, START_MS + 1000, made(GLONASS, START_MS + 1000, "1C", [2]), more=False, station=25
    )
    theirs, mine = read(convbin(stream, tmp_path, START)), ours(stream)
    for label in ("REC # / TYPE / VERS", "ANT # / TYPE", "ANTENNA: DELTA H/E/N", "MARKER NAME"):
        assert [line.rstrip() for line in mine.header[label]] == [
            line.rstrip() for line in theirs.header[label]
        ]
    assert mine.header["GLONASS COD/PHS/BIS"] == [
        f"{' C1C   19.080 C1P          C2C   -1.500 C2P    0.000':60}"
    ]
    # RTKLIB writes the antenna's point as the marker's.
    theirs_m, mine_m = (np.array(x.header["APPROX POSITION XYZ"][0].split(), float) for x in (theirs, mine))
    np.testing.assert_allclose(theirs_m, (3811965.6701, -175800.0708, 5093615.5606))
    assert np.linalg.norm(theirs_m - mine_m) == pytest.approx(0.1, abs=1e-4)
    assert np.linalg.norm(mine_m) < np.linalg.norm(theirs_m)
    assert list(mine.header)[-1] == "END OF HEADER"
    assert all(
        len(line) <= 80
        for line in rinex(stream, "x", START_MS)["x.obs"].split("END OF HEADER")[0].splitlines()
    )


def test_what_is_sent_twice_is_written_once() -> None:
    minute = b"".join(epoch(START_MS + 1000 * n, MSM7) for n in range(3))
    assert body(rinex(minute * 3, "x", START_MS)["x.obs"]) == body(rinex(minute, "x", START_MS)["x.obs"])


def test_epochs_out_of_order_are_put_in_order() -> None:
    parts = [epoch(START_MS + 1000 * n, MSM7) for n in range(4)]
    mixed = b"".join(parts[n] for n in (2, 0, 3, 1))
    assert body(rinex(mixed, "x", START_MS)["x.obs"]) == body(rinex(b"".join(parts), "x", START_MS)["x.obs"])


def test_one_station_after_another_is_one_file() -> None:
    stream = point(7, 0.0) + gps(START_MS, 7, [1]) + gps(START_MS + 1000, 7, [1])
    stream += point(8, 0.0, 1000.0) + gps(START_MS + 2000, 8, [2]) + point(8, 0.0, 1001.0)
    stream += gps(START_MS + 3000, 8, [2])
    texts = rinex(stream, "two", START_MS)
    assert list(texts) == ["two.obs"]
    mine = read(texts["two.obs"])
    assert mine.header["MARKER NAME"][0].strip() == "0007"
    assert [flag for flag, _ in mine.events] == ["3", "4"]
    assert [lines[0][:10].strip() for _, lines in mine.events] == ["0008", "0008"]
    assert [lines[4][:14] for _, lines in mine.events] == ["  3812965.6701", "  3812966.6701"]
    assert len(mine.epochs) == 4


def test_two_stations_at_once_are_two_files() -> None:
    stream = b"".join(gps(START_MS + 1000 * n, 7 + m, [1 + m]) for n in range(3) for m in range(2))
    texts = rinex(stream, "two", START_MS)
    assert sorted(texts) == ["two-0007.obs", "two-0008.obs"]
    assert {key[1] for key in read(texts["two-0007.obs"]).values} == {"G01"}
    assert {key[1] for key in read(texts["two-0008.obs"]).values} == {"G02"}
    assert not read(texts["two-0007.obs"]).events


def test_ranges_without_whole_milliseconds_are_left_out() -> None:
    o = made(GPS, START_MS, "1C 2W", [1, 2])
    stream = b"".join(msm(GPS, kind, START_MS + 1000 * kind, o, more=False) for kind in (1, 2, 3, 4))
    for number in (1001, 1003, 1009, 1011):
        stream += wire.framed(wire.legacy(number, START_MS % DAY_MS + 10_800_000, [{}]))
    mine = ours(stream)
    assert mine.epochs == ["2026 03 09 00 00 04.0000000"]
    comments = " ".join(line.strip() for line in mine.header["COMMENT"])
    assert "LEFT OUT: 7 MESSAGES OF RANGES WITHOUT WHOLE MILLISECONDS" in comments
    only = b"".join(msm(GPS, kind, START_MS, o, more=False) for kind in (1, 2, 3))
    with pytest.raises(NothingToExport, match=r"^x: no observation .*: 3 messages of ranges"):
        rinex(only, "x", START_MS)


@pytest.mark.peer("convbin")
def test_impossible_times_are_left_out(tmp_path: Path) -> None:
    # A receiver sent BeiDou's time of week as 2^30 - 14000 ms for 14 s after GPS' week began. RTKLIB believes
    # it, and every second its dates go a week astray.
    start = from_iso("2026-03-07T23:59:58")
    stream = b""
    for n in range(10):
        now_ms = start + 1000 * n
        stream += msm(GPS, MSM7, now_ms, made(GPS, now_ms, "1C", [1]), more=True)
        raw = (now_ms % WEEK_MS - 14_000) % 2**30
        o = made(BEIDOU, now_ms, "2I", [14])
        stream += frame(encode_msm.encode(1127, Header(1, raw), o))
    theirs = read(convbin(stream, tmp_path, "2026-03-07T23:59:58"))
    mine = ours(stream, "2026-03-07T23:59:58")
    assert mine.epochs[-1] == "2026 03 08 00 00 07.0000000"
    assert [key[0] for key in mine.values if key[1:] == ("G01", "C1C")] == mine.epochs
    assert len(mine.epochs) == 10
    assert {key[0] for key in mine.values if key[1][0] == "C"} == set(mine.epochs[:2])
    assert "LEFT OUT: 8 MESSAGES OF AN IMPOSSIBLE TIME" in " ".join(mine.header["COMMENT"])
    assert theirs.epochs[-1][:7] == "2026 05"


def test_the_week_must_be_known() -> None:
    with pytest.raises(WeekUnknown, match=r"^x: no ephemeris tells the week: give --time"):
        rinex(gps(START_MS, 1, [1]), "x")
    assert ours(gps(START_MS, 1, [1]), "2026-03-11T12:00:00").epochs == ["2026 03 09 00 00 00.0000000"]
    by_arrival = rinex(gps(START_MS, 1, [1]), "x", arrival_ms=START_MS + 2000)["x.obs"]
    assert read(by_arrival).epochs == ["2026 03 09 00 00 00.0000000"]


def test_nothing_is_nothing() -> None:
    for data in (b"", b"no RTCM", point(1)):
        with pytest.raises(NothingToExport, match=r"^x: no observation and no ephemeris to export$"):
            rinex(data, "x", START_MS)


def test_navic_is_written_too() -> None:
    o = made(NAVIC, START_MS, "5A", [2, 14])
    mine = ours(msm(NAVIC, MSM7, START_MS, o, more=False))
    assert {key[1:] for key in mine.values} == {(name, f"{k}5A") for name in ("I02", "I14") for k in "CLDS"}
