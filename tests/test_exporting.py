"""Made recordings as RINEX files: what is in them, once, in order, under which header."""

from __future__ import annotations

from math import nan
from pathlib import Path

import numpy as np
import pytest
import wire
from made_streams import MSM7, START, START_MS, epoch, gps, made, msm, ours, point
from rinex_tools import convbin, read

from hncors.exporting import NothingToExport, WeekUnknown, rinex
from hncors.gpstime import DAY_MS, WEEK_MS, from_iso
from hncors.rtcm3 import encode_msm, encode_station
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.station import Equipment, GlonassBiases
from hncors.signals import BEIDOU, GLONASS, GPS, NAVIC


def body(text: str) -> str:
    """What follows the header."""
    return text.split("END OF HEADER\n", 1)[1]


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
    # A receiver was seen to send BeiDou's time of week as 2^30 - 14000 ms and on, for 14 s after GPS' week
    # began. RTKLIB believes it, and every second its dates go a week astray.
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
    lost = {"ms": [255, 255], "fine_rate": [-(2**14)] * 2, "cn0": [0, 0]}
    empty = wire.framed(wire.msm(1077, START_MS % WEEK_MS, values=lost))
    for data in (b"", b"no RTCM", point(1), empty):
        with pytest.raises(NothingToExport, match=r"^x: no observation and no ephemeris to export$"):
            rinex(data, "x", START_MS)


def test_navic_is_written_too() -> None:
    o = made(NAVIC, START_MS, "5A", [2, 14])
    mine = ours(msm(NAVIC, MSM7, START_MS, o, more=False))
    assert {key[1:] for key in mine.values} == {(name, f"{k}5A") for name in ("I02", "I14") for k in "CLDS"}
