"""Navigation files: written against RTKLIB's, read back, and files of others read as they are."""

from __future__ import annotations

import gzip
import subprocess
from collections import Counter
from collections.abc import Iterable
from math import isnan, nan
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import peer_path
from ephemeris_material import content, framed, laid, number, possible, received
from hypothesis import given, settings
from hypothesis import strategies as st

from hncors import gpstime
from hncors.rinex_nav_layout import fit_interval_h
from hncors.rinex_nav_reader import Navigation, read
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.ephemeris import Ephemeris, Impossible
from hncors.view import rinex_nav

# RTKLIB prints 0.ddd with 12 digits: half a unit of the last is at most 5e-12 of the value.
ROUNDING = 5.1e-12

FILES = {
    "alloy": ("streams/alloy-bds3-33s.rtcm3", "2024-08-18T21:14:00"),
    "hiroshima": ("streams/hiroshima-7systems-60s.rtcm3", "2022-12-13T01:09:00"),
    "netr9": ("streams/stromlo-netr9-22min.rtcm3", "2018-07-12T23:37:00"),
    "polarx5": ("streams/stromlo-polarx5-8min.rtcm3", "2018-07-18T03:16:00"),
    "poland": ("streams/trio-poland-20s.rtcm3", "2026-07-05T16:38:00"),
    "javad": ("streams/javad-2016-23s.bin", "2016-04-06T20:38:00"),
    "sept": ("streams/swift-sept.rtcm3", "2018-01-02T19:58:00"),
    "galeph": ("streams/swift-test-gal-eph.rtcm3", "2018-08-14T04:00:00"),
    "oneofeach": ("streams/one-of-each-35-types.rtcm3", "2024-03-13T16:40:00"),
    "bkg": ("ntrip/bkg-ephemeris-http-chunked.bin", "2019-02-06T16:55:00"),
}
RTKLIB_EX = {
    "alloy": "alloy-bds3-33s",
    "hiroshima": "hiroshima-7systems-60s",
    "polarx5": "stromlo-polarx5-8min",
    "poland": "trio-poland-20s",
}


class Line(NamedTuple):
    """A record as it stands in a RINEX 3 file, read by the test's own few lines."""

    epoch: str  # satellite and epoch as printed
    values: list[float]  # blank is 0

    @property
    def key(self) -> tuple[str, str]:
        """Satellite and epoch, and the source of Galileo's."""
        return self.epoch, ("F" if int(self.values[20]) & 2 else "I") if self.epoch[0] == "E" else ""


def lines_of(text: str) -> list[Line]:
    records: list[Line] = []
    for line in text.split("END OF HEADER", 1)[1].splitlines()[1:]:
        head = line[0] != " "
        if head:
            records.append(Line(line[:23], []))
        rest = line[23 if head else 4 :]
        cells = [rest[i : i + 19].strip() for i in range(0, 57 if head else 76, 19)]
        records[-1].values.extend(float(cell.replace("D", "E")) if cell else 0.0 for cell in cells)
    return records


def differences(
    reference: Iterable[Line], candidate: Iterable[Line]
) -> Counter[tuple[str, str, float, float]]:
    """What differs: system and place of the value, and both values; a place "missing" for whole records."""
    ours: dict[tuple[str, str], Line] = {}
    for line in candidate:
        ours.setdefault(line.key, line)
    found = Counter[tuple[str, str, float, float]]()
    for line in reference:
        other = ours.pop(line.key, None)
        if other is None:
            found[line.epoch[:3], "missing", nan, nan] += 1
            continue
        for place, (a, b) in enumerate(zip(line.values, other.values, strict=False)):
            if abs(a - b) > ROUNDING * max(abs(a), abs(b)):
                found[line.epoch[0], str(place), a, b] += 1
    found.update(Counter((key[0][:3], "extra", nan, nan) for key in ours))
    return found


def sets(path: Path, start: str) -> list[tuple[int, Ephemeris]]:
    out = []
    for now, payload in received(path, gpstime.from_iso(start)):
        try:
            out.append((now, ephemeris.decode(number(payload), payload)))
        except Impossible:
            continue
    return out


def ours(recordings: Path, name: str) -> str:
    file, start = FILES[name]
    return rinex_nav.write(sets(recordings / file, start))


def convbin(recordings: Path, name: str, folder: Path) -> str:
    """RTKLIB's navigation file of the same bytes."""
    file, start = FILES[name]
    (folder / "in.rtcm3").write_bytes(content(recordings / file))
    return run_convbin(folder, start)


def run_convbin(folder: Path, start: str) -> str:
    command = [peer_path("convbin"), "-r", "rtcm3", "-v", "3.05", "-tr", *start.replace("-", "/").split("T")]
    command += ["-o", str(folder / "obs"), "-n", str(folder / "nav"), str(folder / "in.rtcm3")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return (folder / "nav").read_text("ascii")


# Where RTKLIB 2.4.3 b34 and we differ, and who is right: docs/differences-navigation.md.
EXCEPTIONS: dict[str, set[tuple[str, str, float, float]]] = {
    "alloy": {("G", "28", 0.0, 6.0)},  # fit interval
    "hiroshima": {("J", "28", 0.0, 1.0)},  # fit flag
}
MISSING = {
    "hiroshima": {("I04", "missing")},  # half the radius of an orbit
    "javad": {(f"C{n:02d}", what) for n in (*range(1, 13), 14) for what in ("missing", "extra")},  # 2035
}


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("name", FILES)
def test_records_equal_rtklibs(recordings: Path, tmp_path: Path, name: str) -> None:
    reference = lines_of(convbin(recordings, name, tmp_path))
    assert len(reference) > 3
    found = differences(reference, lines_of(ours(recordings, name)))
    assert {(who, what) for who, what, a, _ in found if isnan(a)} == MISSING.get(name, set())
    assert {key for key in found if not isnan(key[2])} == EXCEPTIONS.get(name, set())


@pytest.mark.peer("convbin")
def test_weeks_at_the_end_of_a_week_are_rtklibs(tmp_path: Path) -> None:
    """A toe just over the end of a week, sent with either week: 280 of 1,024 ends with 2024-08-24."""
    sent = [(1, 280, 0), (2, 281, 0), (3, 281, 604_784), (4, 280, 604_784)]
    payloads = [
        laid(1019, possible(1019, satellite=satellite, week=week, toe_s=toe_s // 16, toc_s=toe_s // 16))
        for satellite, week, toe_s in sent
    ]
    (tmp_path / "in.rtcm3").write_bytes(b"".join(map(framed, payloads)))
    reference = lines_of(run_convbin(tmp_path, "2024-08-24T23:10:00"))
    now = gpstime.from_iso("2024-08-24T23:10:00")
    text = rinex_nav.write((now, ephemeris.decode(1019, payload)) for payload in payloads)
    assert [line.epoch for line in lines_of(text)] == [line.epoch for line in reference]
    assert reference[0].epoch == "G01 2024 08 25 00 00 00"
    assert reference[3].epoch == "G04 2024 08 24 23 59 44"
    weeks = [2329.0, 2329.0, 2328.0, 2328.0]
    assert [line.values[21] for line in lines_of(text)] == [line.values[21] for line in reference] == weeks


# RTKLIB-EX 2.5.1 writes a made-up number for BeiDou's AODE, and GLONASS' type from the wrong two bits.
EX_WRONG = {
    "alloy": {("C", "3", 105.0, 1.0), ("R", "15", 0.0, 128.0)},
    "hiroshima": {("C", "3", 5.0, 1.0), ("C", "3", 5.0, 0.0), ("R", "15", 256.0, 0.0)},
    "poland": {("C", "3", 80.0, 1.0)},
}
EX_MISSING = {"hiroshima": {("I04", "missing"), ("C59", "extra"), ("C60", "extra")}}


@pytest.mark.parametrize("name", RTKLIB_EX)
def test_records_equal_rtklib_ex(recordings: Path, name: str) -> None:
    text = gzip.decompress((recordings / f"reference/{RTKLIB_EX[name]}.nav.gz").read_bytes()).decode("ascii")
    found = differences(lines_of(text), lines_of(ours(recordings, name)))
    assert {(who, what) for who, what, a, _ in found if isnan(a)} == EX_MISSING.get(name, set())
    assert {key for key in found if not isnan(key[2])} == EX_WRONG.get(name, set())


@pytest.mark.peer("convbin", "rnx2rtkp")
@pytest.mark.parametrize("name", ["alloy", "polarx5"])
def test_rnx2rtkp_solves_the_same_with_our_file(recordings: Path, tmp_path: Path, name: str) -> None:
    convbin(recordings, name, tmp_path)
    (tmp_path / "ours").write_text(ours(recordings, name), "ascii")

    def solved(nav: str) -> list[list[float]]:
        """Week, second, x, y, z, quality and number of satellites of each epoch."""
        command = [peer_path("rnx2rtkp"), "-p", "0", "-sys", "G,R,E,C,J", "-e", str(tmp_path / "obs")]
        done = subprocess.run([*command, str(tmp_path / nav)], check=True, capture_output=True, timeout=60)
        lines = done.stdout.decode().splitlines()
        return [[float(cell) for cell in line.split()[:7]] for line in lines if not line.startswith("%")]

    solution, reference = solved("ours"), solved("nav")
    assert len(solution) == len(reference) > 30
    assert max(epoch[6] for epoch in solution) >= 13
    for epoch, other in zip(solution, reference, strict=True):
        assert (epoch[:2], epoch[5:]) == (other[:2], other[5:])
        assert epoch[2:5] == pytest.approx(other[2:5], abs=0.001)  # RTKLIB's file has a digit less


# RINEX has the date of a GLONASS set, whatever day and year the message says or leaves out.
NOT_IN_RINEX = frozenset(
    "reserved spare_i0 spare_i_dot tau_c_s tau_gps almanac_day additional ln_fifth day four_years".split()
)


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_read_back_to_the_bit(recordings: Path, name: str) -> None:
    file, start = FILES[name]
    given_sets = sets(recordings / file, start)
    text = rinex_nav.write(given_sets)
    back = read(text.splitlines())
    assert back.faults == Counter() and back.skipped == Counter()
    assert back.leap_s == (17 if name == "javad" else 18)
    assert len(back.records) == len(lines_of(text))
    first: dict[tuple[object, ...], tuple[int, Ephemeris]] = {}
    for now, given_set in given_sets:
        time = ephemeris.reference_time_ms(given_set, now)
        key = (given_set.gnss, given_set.satellite, time, *ephemeris.issue(given_set))
        first.setdefault(key, (now, given_set))
    for (now, before), (after, sent) in zip(first.values(), back.records, strict=True):
        assert after.toe_gps_ms == ephemeris.reference_time_ms(before, now)
        assert ephemeris.clock_time_ms(after, 0) == ephemeris.clock_time_ms(before, now)
        assert before.gnss == "R" or sent == now
        assert after.message == (1042 if before.message == 63 else before.message)
        lost = set(NOT_IN_RINEX)
        if before.gnss == "E" and before["sisa_index"] > 125:
            lost.add("sisa_index")  # spare values are "no prediction", 255, in metres: -1
        kept = {field: value for field, value in ephemeris.raw(before).items() if field not in lost}
        assert {field: value for field, value in ephemeris.raw(after).items() if field not in lost} == kept


# --- a file of others --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def merged(recordings: Path) -> Navigation:
    path = recordings / "rinex/BRD400DLR_20260680000_MN.rnx.gz"
    with gzip.open(path, "rt", encoding="ascii") as lines:
        return read(lines)


def test_every_record_of_a_merged_file_is_read_or_counted(recordings: Path, merged: Navigation) -> None:
    assert merged.version == 4.02 and merged.leap_s == 18
    text = gzip.decompress((recordings / "rinex/BRD400DLR_20260680000_MN.rnx.gz").read_bytes()).decode(
        "ascii"
    )
    heads = Counter(
        f"{line[2:5]} {line[6]} {line[10:].strip()}" for line in text.splitlines() if line.startswith(">")
    )
    got = Counter(r.ephemeris.message for r in merged.records)
    assert got == {
        1019: heads["EPH G LNAV"],
        1020: heads["EPH R FDMA"],
        1041: heads["EPH I LNAV"],
        1042: heads["EPH C D1"] + heads["EPH C D2"],
        1044: heads["EPH J LNAV"],
        1045: heads["EPH E FNAV"],
        1046: heads["EPH E INAV"],
    }
    # The same counted with grep: 418, 1370, 283, 963 + 194, 105, 2892, 2944.
    assert got == {1019: 418, 1020: 1370, 1041: 283, 1042: 1157, 1044: 105, 1045: 2892, 1046: 2944}
    assert merged.faults == Counter()
    assert merged.skipped["EPH C CNV1"] == 1246 and merged.skipped["EPH S SBAS"] == 9594
    assert got.total() + merged.skipped.total() + len(merged.klobuchar) == heads.total()
    satellites = {
        line[6:9]
        for line in text.splitlines()
        if line.startswith(("> EPH C",)) and line[10:12] in ("D1", "D2")
    }
    assert len(satellites) == 48  # a 49th sends CNV1 to CNV3 only
    assert {f"C{r.ephemeris.satellite:02d}" for r in merged.records if r.ephemeris.gnss == "C"} == satellites
    assert Counter(k.gnss for k in merged.klobuchar) == {"G": 2, "C": 13, "J": 23, "I": 2}


def test_every_value_of_a_merged_file_lies_on_the_grid_of_its_field(merged: Navigation) -> None:
    """Printed with 13 digits, every value is that of the broadcast bits again, and fits their fields."""
    refused = Counter[str]()
    for record, _ in merged.records:
        try:
            assert ephemeris.decode(record.message, ephemeris.encode(record)).values == record.values
        except ValueError as fault:
            refused[str(fault)] += 1
    # One GLONASS record has no group delay (.999999999999E+09 in the file).
    assert refused == {"delta_tau_s (DF125) of 1020: nan is not a number": 1}


def first(navigation: Navigation, gnss: str, satellite: int, message: int) -> tuple[Ephemeris, int | None]:
    return next(
        record
        for record in navigation.records
        if (record.ephemeris.gnss, record.ephemeris.satellite, record.ephemeris.message)
        == (gnss, satellite, message)
    )


def test_values_of_a_merged_file(merged: Navigation) -> None:
    """Typed from the first records of G01, R01, E02, C06, C01, J02 and I02 in the file."""
    gps, sent = first(merged, "G", 1, 1019)
    assert gps.toe_gps_ms == gpstime.from_iso("2026-03-09T00:00:00")
    assert sent == gpstime.from_iso("2026-03-08T22:00:18")  # second 79218 of week 2409
    assert ephemeris.week(gps, 0) == 2409 and gps["week"] == 2409 % 1024
    assert gps["af0_s"] == pytest.approx(3.207810223103e-04, rel=1e-12)
    assert (gps["iode"], gps["iodc"], gps["toe_s"], gps["l2_codes"], gps["ura_index"]) == (
        152,
        920,
        86400,
        1,
        0,
    )
    assert gps["m0_rad"] == pytest.approx(-1.734394809626, rel=1e-12)
    assert gps["tgd_s"] == pytest.approx(-9.313225746155e-09, rel=1e-12)
    assert gps["fit_flag"] == 0

    glonass, sent = first(merged, "R", 1, 1020)
    assert glonass.toe_gps_ms == gpstime.from_iso("2026-03-09T00:15:18")
    assert sent == gpstime.from_iso("2026-03-09T00:00:18")  # second 86400 of the UTC week
    assert glonass["tau_s"] == pytest.approx(-1.611243933439e-04, rel=1e-12)
    assert glonass["x_m"] == pytest.approx(1.039048339844e7, rel=1e-12)
    assert glonass["vy_m_s"] == pytest.approx(3129.017829895, rel=1e-12)
    assert (glonass["channel"], glonass["age_days"], glonass["accuracy_index"]) == (1, 0, 2)
    assert (glonass["tb_s"], glonass["tk_hour"], glonass["tk_minute"]) == (3 * 3600 + 900, 3, 0)
    # 183 is 01 0 1 1 01 11 in binary.
    names = ("model", "p4", "p3", "p2", "p1", "p")
    assert tuple(glonass[name] for name in names) == (1, 0, 1, 1, 1, 3)
    assert (glonass["almanac_health"], glonass["almanac_known"], glonass["ln"]) == (1, 1, 0)
    assert (glonass["day"], glonass["four_years"]) == (31 + 28 + 9 + 731, 8)  # 2026-03-09, from 2024

    inav, sent = first(merged, "E", 2, 1046)
    assert inav.toe_gps_ms == gpstime.from_iso("2026-03-09T00:30:00")
    assert sent == gpstime.from_iso("2026-03-09T00:42:34")
    assert (inav["iodnav"], inav["sisa_index"], inav["e1_health"], inav["e5b_invalid"]) == (20, 107, 0, 0)
    assert inav["bgd_e5a_s"] == pytest.approx(-3.725290298462e-09, rel=1e-12)
    assert inav["bgd_e5b_s"] == pytest.approx(-4.656612873077e-09, rel=1e-12)
    fnav, _ = first(merged, "E", 2, 1045)
    assert fnav["af0_s"] == pytest.approx(2.359773498029e-05, rel=1e-12)
    assert inav["af0_s"] == pytest.approx(2.359726931900e-05, rel=1e-12)

    beidou, sent = first(merged, "C", 6, 1042)
    assert beidou.toe_gps_ms == gpstime.from_iso("2026-03-09T00:00:14")
    assert sent == gpstime.from_iso("2026-03-09T00:00:14")
    assert (beidou["week"], beidou["aode"], beidou["aodc"], beidou["toc_s"]) == (1053, 1, 0, 86400)
    assert beidou["tgd1_s"] == pytest.approx(8.4e-09) and beidou["tgd2_s"] == pytest.approx(-1.4e-09)
    geostationary, _ = first(merged, "C", 1, 1042)
    assert geostationary["sqrt_a_sqrt_m"] == pytest.approx(6.493335620880e03, rel=1e-12)

    qzss, _ = first(merged, "J", 2, 1044)
    assert (qzss["health"], qzss["iodc"], qzss["l2_codes"], qzss["ura_index"], qzss["fit_flag"]) == (
        1,
        861,
        2,
        1,
        0,
    )
    navic, _ = first(merged, "I", 2, 1041)
    assert navic.toe_gps_ms == gpstime.from_iso("2026-03-09T00:05:36")
    assert (navic["iodec"], navic["toc_s"], navic["l5_unhealthy"], navic["s_unhealthy"]) == (161, 86736, 0, 0)

    ionosphere = merged.klobuchar[0]
    assert ionosphere.gps_ms == gpstime.from_iso("2026-03-09T00:18:54")
    assert ionosphere.alpha == (2.421438694e-08, 0.0, -1.192092895508e-07, 5.960464477539e-08)
    assert ionosphere.beta == (129024.0, 0.0, -196608.0, -65536.0)


# --- what files do wrong -----------------------------------------------------------------------

GPS_RECORD = """\
G01 2026 03 09 00 00 00 3.207810223103e-04-6.366462912410e-12 0.000000000000e+00
     1.520000000000e+02-5.900000000000e+01 4.724125350212e-09-1.734394809626e+00
    -3.153458237648e-06 1.599951414391e-03 4.906207323074e-06 5.153623411179e+03
     8.640000000000e+04 1.676380634308e-08 3.012678400411e+00-2.048909664154e-08
     9.582064864949e-01 2.841250000000e+02 9.757735417990e-02-8.305703108730e-09
    -1.489347751598e-10 1.000000000000e+00 2.409000000000e+03 0.000000000000e+00
     2.000000000000e+00 0.000000000000e+00-9.313225746155e-09 9.200000000000e+02
     7.921800000000e+04 4.000000000000e+00
"""
HEADER = (
    f"{'     3.04           N: GNSS NAV DATA    M: Mixed':60}RINEX VERSION / TYPE\n"
    "GPSA   0.1118D-07  0.2235D-07 -0.4172D-06  0.6557D-06       IONOSPHERIC CORR\n"
    "GPSB   0.1249D+06 -0.4424D+06  0.3000D+07 -0.2621D+06       IONOSPHERIC CORR\n"
    f"{'    18':60}LEAP SECONDS\n{'':60}END OF HEADER\n"
)


def of(body: str, header: str = HEADER) -> Navigation:
    return read((header + body).splitlines(keepends=True))


def test_exponents_may_be_any_of_fortrans_and_blanks_are_unknown() -> None:
    plain = of(GPS_RECORD)
    assert len(plain.records) == 1 and plain.faults == Counter()
    assert of(GPS_RECORD.replace("e+", "D+").replace("e-", "d-")).records == plain.records
    blanked = GPS_RECORD.replace("-9.313225746155e-09", " " * 19).replace("7.921800000000e+04", " " * 18)
    record = of(blanked).records[0]
    assert isnan(record.ephemeris["tgd_s"]) and record.sent_gps_ms is None
    unknown = of(GPS_RECORD.replace("7.921800000000e+04", "9.999000000000e+08"))
    assert unknown.records[0].sent_gps_ms is None
    assert plain.klobuchar[0].alpha == (0.1118e-07, 0.2235e-07, -0.4172e-06, 0.6557e-06)
    assert plain.klobuchar[0].beta[2] == 3.0e6 and plain.klobuchar[0].gps_ms is None


def test_the_date_of_the_clock_settles_the_week() -> None:
    """Saturday's last record with a toe of Sunday 00:00, under either week number."""
    saturday = GPS_RECORD.replace("2026 03 09 00 00 00", "2026 03 07 23 59 44")
    sunday = saturday.replace("8.640000000000e+04", "0.000000000000e+00")
    for number_of_week in ("2.408000000000e+03", "2.409000000000e+03", "3.610000000000e+02", " " * 18):
        (record,) = of(sunday.replace("2.409000000000e+03", number_of_week)).records
        assert record.ephemeris.toe_gps_ms == gpstime.from_iso("2026-03-08T00:00:00")
        assert record.ephemeris["week"] == 2409 % 1024
        assert ephemeris.clock_time_ms(record.ephemeris, 0) == gpstime.from_iso("2026-03-07T23:59:44")


LINES = GPS_RECORD.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("".join(LINES[:7]), "truncated"),
        (GPS_RECORD.replace("2026 03 09", "2026 13 09"), "date"),
        (GPS_RECORD.replace("2026 03 09", "1979 03 09"), "date"),
        (GPS_RECORD.replace("2026 03 09", "2126 03 09"), "date"),
        (GPS_RECORD.replace("2026 03 09 00 00 00", "2026 03 09 00 00   "), "date"),
        (GPS_RECORD.replace("G01", "G0x"), "satellite"),
        (GPS_RECORD.replace("G01", "G00"), "impossible_satellite"),
        (GPS_RECORD.replace("5.153623411179e+03", "nan               "), "number"),
        (GPS_RECORD.replace("5.153623411179e+03", "1.0e+400          "), "number"),
        (GPS_RECORD.replace("5.153623411179e+03", "5_1.0             "), "number"),
        (GPS_RECORD.replace("5.153623411179e+03", " " * 18), "missing_sqrt_a_sqrt_m"),
        (GPS_RECORD.replace("5.153623411179e+03", "2.153623411179e+03"), "impossible_sqrt_a_sqrt_m"),
        (GPS_RECORD.replace("0.000000000000e+00-9.3132", " " * 18 + "-9.3132"), "missing_health"),
        (GPS_RECORD.replace("8.640000000000e+04", "6.048000000000e+05"), "impossible_toe_s"),
        (
            GPS_RECORD.replace("G01", "E01").replace(" 1.000000000000e+00", " 2.560000000000e+02"),
            "galileo_source",
        ),
    ],
)
def test_a_bad_record_is_counted_and_the_next_is_read(body: str, fault: str) -> None:
    navigation = of(body + GPS_RECORD)
    assert navigation.faults == {fault: 1}
    assert len(navigation.records) == 1
    assert of(body).records == ()


def test_kinds_that_are_not_modelled_are_counted() -> None:
    navigation = of(GPS_RECORD.replace("G01", "S21") + GPS_RECORD.replace("G01", "X21"))
    assert navigation.skipped == {"EPH S": 1, "EPH X": 1}
    four = HEADER.replace("3.04", "4.00")
    kinds = "".join(f"> EPH G01 N{n}\n" for n in range(300))
    assert of(kinds + "> EPH G01 LNAV\n" + GPS_RECORD, four).skipped.total() == 300
    assert len(of(kinds, four).skipped) == 101
    assert of(">\n> \n> EPH\n> ION G01 LNAV\n", four).faults == {"truncated": 1}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not_rinex_3_or_4_navigation"),
        ("not RINEX at all\n" * 9, "not_rinex_3_or_4_navigation"),
        (HEADER.replace("3.04", "2.11"), "not_rinex_3_or_4_navigation"),
        (HEADER.replace("N: GNSS NAV", "OBSERVATION"), "not_rinex_3_or_4_navigation"),
        (HEADER.replace("3.04", "x.04"), "not_rinex_3_or_4_navigation"),
        (HEADER.replace("END OF HEADER", "COMMENT") + GPS_RECORD, "no_end_of_header"),
    ],
)
def test_what_is_not_a_navigation_file_says_so(text: str, fault: str) -> None:
    navigation = read(text.splitlines())
    assert navigation.records == () and navigation.faults == {fault: 1}


@pytest.fixture(scope="module")
def mixed(recordings: Path) -> str:
    return "".join(ours(recordings, name).split("END OF HEADER\n")[1] for name in ("oneofeach", "hiroshima"))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_nothing_in_a_file_raises(mixed: str, data: st.DataObject) -> None:
    """Characters of a good file changed, cut out and put in: a record is read or a fault is counted."""
    header = HEADER.replace("3.04", "3.05")
    text = header + mixed[: data.draw(st.integers(0, 6000))]
    for _ in range(data.draw(st.integers(0, 8))):
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 40))
        put = data.draw(st.text("0123456789+-.eEdD >GRECJIS\n\t*nainf_é", max_size=20))
        text = text[:place] + put + text[place + cut :]
    navigation = read(text.splitlines())
    for record, _ in navigation.records:
        ephemeris.check(record)


def test_fit_intervals() -> None:
    """IS-GPS-200, table 20-XII, rows of blocks II to III."""
    assert fit_interval_h(0xF5, 0) == 4
    expected = {
        0: 6,
        240: 8,
        247: 8,
        248: 14,
        255: 14,
        496: 14,
        497: 26,
        503: 26,
        1021: 26,
        504: 50,
        511: 74,
        756: 74,
    }
    assert {iodc: fit_interval_h(iodc, 1) for iodc in expected} == expected


def test_the_header() -> None:
    text = rinex_nav.write([], created="20261123 194641 UTC", run_by="a\nb", comments=["é" + "x" * 80])
    lines = text.splitlines()
    assert lines[0] == f"{'     3.05           N: GNSS NAV DATA    M: Mixed':60}RINEX VERSION / TYPE"
    assert lines[1] == f"{'hncors':20}{'a?b':20}{'20261123 194641 UTC':20}PGM / RUN BY / DATE"
    assert lines[2] == "?" + "x" * 59 + "COMMENT"
    assert lines[3] == f"{'':60}END OF HEADER" and len(lines) == 4
    assert read(lines).version == 3.05


def test_a_set_is_written_once_and_again_when_its_health_changes() -> None:
    (record,) = of(GPS_RECORD).records
    sick = Ephemeris("G", 1, 1019, {**record.ephemeris.values, "health": 63})
    now = gpstime.from_iso("2026-03-09T00:30:00")
    text = rinex_nav.write([(now, record.ephemeris), (now + 1000, record.ephemeris), (now + 2000, sick)])
    assert [line.epoch for line in lines_of(text)] == ["G01 2026 03 09 00 00 00"] * 2
    assert [line.values[24] for line in lines_of(text)] == [0, 63]
