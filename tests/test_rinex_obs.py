"""RINEX observation files: columns laid by hand (RINEX 3.05, tables A2 and A3), and RTKLIB on the same bytes.

Streams are made by the encoders, which independent decoders check elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from rinex_tools import read

from hncors.gpstime import from_iso
from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.signals import (
    GNSS,
    NUMBER,
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
