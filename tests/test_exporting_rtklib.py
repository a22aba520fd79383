"""Made streams as RINEX: RTKLIB's files of the same bytes hold nothing that ours do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wire
from made_streams import MSM4, MSM7, START, START_MS, epoch, epoch_raw, equal, made, msm, older, ours
from observed import changed
from rinex_tools import compare, convbin, read

from hncors.gpstime import WEEK_MS, from_iso
from hncors.rtcm3 import encode_legacy, encode_msm, ephemeris, ephemeris_fields
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import BEIDOU, CODES, GALILEO, GLONASS, GNSS, GPS, SATELLITE, satellite_name


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
    assert "CHANNEL NOT KNOWN, PHASE AND DOPPLER LEFT OUT: R02" in comments


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


@pytest.mark.peer("convbin")
def test_one_band_of_the_older_messages(tmp_path: Path) -> None:
    stream = b""
    for n in range(3):
        now_ms = START_MS + 1000 * n
        gps = Header(1, epoch_raw(GPS, now_ms), more=True)
        glonass = Header(1, epoch_raw(GLONASS, now_ms) % 2**27)
        stream += frame(encode_legacy.encode(1002, gps, made(GPS, now_ms, "1C", [1, 31])))
        stream += frame(encode_legacy.encode(1010, glonass, made(GLONASS, now_ms, "1P", [2, 24])))
    theirs, mine = equal(stream, tmp_path)
    assert set(theirs.values) == set(mine.values)
    assert {key[2] for key in mine.values} == {"C1C", "L1C", "S1C", "C1P", "L1P", "S1P"}


@pytest.mark.peer("convbin")
def test_sbas_among_the_older_messages(tmp_path: Path) -> None:
    # SBAS has C/A on L1 alone, whatever the code indicator and the fields of L2 say. RTKLIB drops the one
    # whose indicator says P.
    rows = [{"id": 41, "code2": 1}, {"id": 42, "code": 1}, {"id": 5}]
    theirs, mine = equal(wire.framed(wire.legacy(1004, START_MS % WEEK_MS, rows)), tmp_path)
    assert {key[1:] for key in mine.values if key[1][0] == "S"} == {
        (name, f"{kind}1C") for name in ("S21", "S22") for kind in "CLS"
    }
    assert {key[1] for key in set(mine.values) - set(theirs.values)} == {"S22"}


@pytest.mark.peer("convbin")
def test_a_glonass_day_that_is_not_known(tmp_path: Path) -> None:
    # DF416 is 7: the time of day alone, near the epoch before.
    stream = b""
    for n in range(3):
        now_ms = from_iso("2026-03-08T20:59:59") + 18_000 - 1000 + 1000 * n  # midnight in Moscow between them
        stream += msm(GPS, MSM7, now_ms, made(GPS, now_ms, "1C", [1]), more=True)
        header = Header(1, 7 << 27 | epoch_raw(GLONASS, now_ms) % 2**27)
        stream += frame(encode_msm.encode(1087, header, made(GLONASS, now_ms, "1C", [2])))
    theirs, mine = equal(stream, tmp_path, "2026-03-08T21:00:00")
    assert theirs.epochs == mine.epochs
    assert set(theirs.values) == set(mine.values)
    assert len(mine.epochs) == 3


# Signals of a system that RTKLIB b34 does not write; docs/differences.md.
UNWRITTEN = {
    GALILEO: {"6Z", "8I", "8X"},  # 8X only here: a file of RTKLIB's has room for 64 types of observation
    BEIDOU: {"1D", "1P", "1X", "5D", "5P", "5X", "7D", "7P", "7Z", "8D", "8P", "8X"},
}


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("gnss", range(len(GNSS)), ids=GNSS)
def test_every_signal_of_a_system(gnss: int, tmp_path: Path) -> None:
    # One epoch each, so that RTKLIB's few places for signals of a satellite do not run out.
    codes = [code for code in CODES[gnss][:32] if code]
    satellites = [int(SATELLITE[gnss, bit]) for bit in (0, 2)]
    stream = b""
    for n, code in enumerate(codes):
        now_ms = START_MS + 1000 * n
        stream += msm(gnss, MSM7, now_ms, made(gnss, now_ms, code, satellites), more=False)
    theirs, mine = equal(stream, tmp_path)
    assert {key[2] for key in mine.values} == {kind + code for code in codes for kind in "CLDS"}
    lacking = {key[2][1:] for key in set(mine.values) - set(theirs.values)}
    assert lacking == UNWRITTEN.get(gnss, set())
