"""1001 to 1004 and 1009 to 1012 against bits laid by hand after the tables of RTCM 10403.3."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from pyrtcm_fields import read, sent
from wire import bits, framed, legacy, scan

from hncors.observation import CHANNEL_UNKNOWN, ambiguous
from hncors.rtcm3 import block
from hncors.rtcm3 import legacy as decoder
from hncors.rtcm3.block import OUTCOMES, Block
from hncors.signals import CODES, GNSS

MS_M = 299_792.458
GLONASS_UNIT_M = 599_584.916  # DF044
NUMBERS = (1001, 1002, 1003, 1004, 1009, 1010, 1011, 1012)


def one(payload: bytes) -> Block:
    return block.decode([framed(payload)])


def outcome(found: Block, row: int = 0) -> str:
    return OUTCOMES[found.outcome[row]]


def names(found: Block) -> list[str]:
    o = found.observations
    return [f"{GNSS[g]}{n:02d} {CODES[g][s]}" for g, n, s in zip(o.gnss, o.satellite, o.signal, strict=True)]


def near(*metres: float) -> Any:
    return pytest.approx(metres, rel=0, abs=1e-7, nan_ok=True)


def test_1004_by_hand() -> None:
    found = one(
        bits(
            # 1004, station 4095, 604 799 999 ms, more, 2 satellites, smoothed, interval 5
            "001111101100 | 111111111111 | 100100000011001000001111111111 | 1 | 00010 | 1 | 101 |"
            # satellite 32, P(Y), 14 989 622 x 0.02 m, -524 287 x 0.0005 m, lock 127, 255 ms, 45.25 dB-Hz
            "100000 1 | 111001001011100100110110 | 10000000000000000001 | 1111111 | 11111111 | 10110101 |"
            # L2: P(Y) tracked, -8191 x 0.02 m, phase not available, lock 0, C/N0 not computed
            "01 | 10000000000001 | 10000000000000000000 | 0000000 | 00000000 |"
            # satellite 1, C/A, 0 m, 1 x 0.0005 m, lock 24, 70 ms, 0.25 dB-Hz
            "000001 0 | 000000000000000000000000 | 00000000000000000001 | 0011000 | 01000110 | 00000001 |"
            # L2: C/A or L2C, range not available, 524 287 x 0.0005 m, lock 126, 63.75 dB-Hz
            "00 | 10000000000000 | 01111111111111111111 | 1111110 | 11111111"
        )
    )
    assert outcome(found) == "decoded"
    m, o = found.messages, found.observations
    assert (m.type[0], m.kind[0], m.gnss[0], m.station_id[0]) == (1004, 14, 0, 4095)
    assert (m.epoch_raw[0], m.more[0], m.satellites[0], m.cells[0]) == (604_799_999, True, 2, 4)
    assert (m.smoothing[0], m.smoothing_interval[0]) == (True, 5)
    assert sorted(names(found)) == ["G01 1C", "G01 2X", "G32 1P", "G32 2P"]
    rows = [names(found).index(name) for name in ("G32 1P", "G32 2P", "G01 1C", "G01 2X")]
    o = o.select(rows)
    first = 14_989_622 * 0.02 + 255 * MS_M
    nan = float("nan")
    assert o.pseudorange_m.tolist() == near(first, first - 8191 * 0.02, 70 * MS_M, nan)
    assert o.phase_range_m.tolist() == near(
        first - 524_287 * 0.0005, nan, 70 * MS_M + 0.0005, 70 * MS_M + 524_287 * 0.0005
    )
    assert o.lock_ms.tolist() == [937_000, 0, 24_000, 936_000]
    assert o.cn0_dbhz.tolist() == pytest.approx([45.25, nan, 0.25, 63.75], nan_ok=True)
    assert (o.channel == CHANNEL_UNKNOWN).all()
    assert np.isnan(o.range_rate_m_s).all()


def test_1012_by_hand() -> None:
    found = one(
        bits(
            # 1012, station 1, 86 400 999 ms of the day, no more, 3 satellites, not smoothed
            "001111110100 | 000000000001 | 101001001100101111111100111 | 0 | 00011 | 0 | 000 |"
            # satellite 24, P, channel -7, 29 979 245 x 0.02 m, 2 x 0.0005 m, lock 48, 127 x 2 ms, 31.5 dB-Hz
            "011000 1 00000 | 1110010010111001001101101 | 00000000000000000010 | 0110000 |"
            "1111111 | 01111110 |"
            "01 | 00000000000001 | 11111111111111111111 | 0110001 | 01111111 |"
            # satellite 1, C/A, channel +6, 1 x 0.02 m, phase not available, lock 72, 0, not computed; no L2
            "000001 0 01101 | 0000000000000000000000001 | 10000000000000000000 | 1001000 |"
            "0000000 | 00000000 |"
            "00 | 10000000000000 | 10000000000000000000 | 0000000 | 00000000 |"
            # satellite 2, channel 20, which is none
            "000010 0 10100 | 0000000000000000000000000 | 00000000000000000000 | 0000000 |"
            "0000001 | 00000100 |"
            "10 | 00000000000000 | 00000000000000000000 | 0000000 | 00000100"
        )
    )
    assert outcome(found) == "decoded"
    m, o = found.messages, found.observations
    assert (m.epoch_raw[0], m.more[0], m.satellites[0]) == (86_400_999, False, 3)
    assert sorted(names(found)) == ["R01 1C", "R02 1C", "R02 2P", "R24 1P", "R24 2P"]
    o = o.select([names(found).index(n) for n in ("R24 1P", "R24 2P", "R01 1C", "R02 1C")])
    first = 29_979_245 * 0.02 + 127 * GLONASS_UNIT_M
    assert o.pseudorange_m.tolist() == near(first, first + 0.02, 0.02, GLONASS_UNIT_M)
    assert o.phase_range_m.tolist() == near(first + 0.001, first - 0.0005, float("nan"), GLONASS_UNIT_M)
    assert o.lock_ms.tolist()[:3] == [72_000, 76_000, 168_000]
    assert o.channel.tolist() == [-7, -7, 6, CHANNEL_UNKNOWN]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_type(number: int) -> None:
    """What each type sends, and what it lacks (tables 3.5-2 to -5, 3.5-11 to -14)."""
    glonass, second, full = number > 1008, number % 8 in (3, 4), number % 2 == 0
    r = Random(number)
    rows = [
        {
            "id": n,
            "code": r.getrandbits(1),
            "channel": r.randrange(14),
            "range": r.getrandbits(24),
            "phase": r.randrange(-(2**19) + 1, 2**19),
            "lock": r.getrandbits(7),
            "ambiguity": r.getrandbits(7),
            "cn0": r.randrange(1, 256),
            "code2": r.getrandbits(2),
            "range2": r.randrange(-(2**13) + 1, 2**13),
            "phase2": r.randrange(-(2**19) + 1, 2**19),
            "lock2": r.getrandbits(7),
            "cn02": r.randrange(1, 256),
        }
        for n in r.sample(range(1, 25), 11)
    ]
    payload = legacy(number, 1234, rows, station=33)
    found = one(payload)
    assert outcome(found) == "decoded"
    m, o = found.messages, found.observations
    assert (m.kind[0], m.gnss[0], m.station_id[0]) == (11 + (number - 1) % 8 % 4, int(glonass), 33)
    assert (m.satellites[0], m.cells[0], len(o)) == (11, 22 if second else 11, 22 if second else 11)
    assert ambiguous(m.kind)[0] == (not full)
    at = dict(zip(names(found), range(len(o)), strict=True))
    second_codes = ("2C", "2P", "2P", "2P") if glonass else ("2X", "2P", "2D", "2W")
    for row in rows:
        name = f"{'R' if glonass else 'G'}{row['id']:02d}"
        first = at[f"{name} {'1P' if row['code'] else '1C'}"]
        range_m = row["range"] * 0.02
        if full:
            range_m += row["ambiguity"] * (GLONASS_UNIT_M if glonass else MS_M)
        assert o.pseudorange_m[first] == pytest.approx(range_m, rel=0, abs=1e-7)
        assert o.phase_range_m[first] == pytest.approx(range_m + row["phase"] * 0.0005, rel=0, abs=1e-7)
        assert o.lock_ms[first] == lock_of_text(row["lock"]) * 1000
        assert np.array_equal(o.cn0_dbhz[first], row["cn0"] / 4 if full else np.nan, equal_nan=True)
        assert o.channel[first] == (row["channel"] - 7 if glonass else CHANNEL_UNKNOWN)
        if second:
            other = at[f"{name} {second_codes[row['code2']]}"]
            assert o.pseudorange_m[other] == pytest.approx(range_m + row["range2"] * 0.02, rel=0, abs=1e-7)
            phase_m = range_m + row["phase2"] * 0.0005
            assert o.phase_range_m[other] == pytest.approx(phase_m, rel=0, abs=1e-7)
            assert o.lock_ms[other] == lock_of_text(row["lock2"]) * 1000
            assert np.array_equal(o.cn0_dbhz[other], row["cn02"] / 4 if full else np.nan, equal_nan=True)
    theirs = read(payload)
    assert [sent(theirs, f"{'DF038' if glonass else 'DF009'}_{n:02d}") for n in range(1, 12)] == [
        row["id"] for row in rows
    ]


def lock_of_text(indicator: int) -> int:
    """DF013 by the rows of table 3.4-2, seconds."""
    for end, factor, less in ((24, 1, 0), (48, 2, 24), (72, 4, 120), (96, 8, 408), (120, 16, 1176)):
        if indicator < end:
            return factor * indicator - less
    return 32 * indicator - 3096 if indicator < 127 else 937


def test_lock_times_are_the_table() -> None:
    table = decoder.LOCK_MS
    assert table.tolist() == [lock_of_text(n) * 1000 for n in range(128)]
    assert all(a < b for a, b in pairwise(table.tolist()))
    printed = {0: 0, 23: 23, 24: 24, 47: 70, 48: 72, 71: 164, 72: 168, 95: 352, 96: 360, 119: 728, 120: 744}
    printed |= {126: 936, 127: 937}
    assert {n: table[n] / 1000 for n in printed} == printed


def test_satellites_of_sbas_among_those_of_gps() -> None:
    """DF009: 1-32 GPS, 40-58 SBAS 120-138. RINEX calls PRN 120 S20. No L2 there."""
    rows = [{"id": n} for n in (32, 33, 39, 40, 58, 59, 63, 0)]
    found = one(legacy(1004, 5000, rows))
    assert sorted(names(found)) == ["G32 1C", "G32 2X", "S20 1C", "S38 1C"]
    assert all(CODES[g][s] for g, s in zip(found.observations.gnss, found.observations.signal, strict=True))
    assert [(name, frame) for name, frame, _ in found.anomalies] == [("unknown_satellite", 0)]
    assert (found.messages.satellites[0], found.messages.cells[0]) == (8, 4)


def test_satellites_of_glonass() -> None:
    """DF038: 1-24 slots; 0 unknown; 38 and above SBAS. Newer satellites go by 25 to 32."""
    found = one(legacy(1012, 5000, [{"id": n} for n in (1, 24, 25, 32, 0, 38, 63)]))
    assert sorted(names(found)) == sorted(f"R{n:02d} {c}" for n in (1, 24, 25, 32) for c in ("1C", "2C"))
    assert [(name, frame) for name, frame, _ in found.anomalies] == [("unknown_satellite", 0)]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_truncation_is_short_and_nothing_is_half_applied(number: int) -> None:
    payload = legacy(number, 77, [{"id": 3}, {"id": 4}, {"id": 5}])
    good = framed(legacy(number, 78, [{"id": 6}]))
    frames = [*(framed(payload[:n]) for n in range(2, len(payload))), good, framed(b"\xff" * 1023)]
    found = block.decode(frames)
    assert [OUTCOMES[n] for n in found.outcome[:-2]] == ["short_message"] * (len(payload) - 2)
    assert found.messages.frame.tolist() == [len(frames) - 2]
    assert found.observations.satellite.tolist() == [6] * len(found.observations)
    assert len(found.observations) == found.messages.cells[0] > 0


@pytest.mark.parametrize("number", NUMBERS)
def test_r06_longer_payloads_and_no_satellites(number: int) -> None:
    payload = legacy(number, 77, [{"id": 3}, {"id": 4}])
    longer = one(payload + b"\xff" * 40)
    assert outcome(longer) == "decoded"
    assert longer.observations.pseudorange_m.tolist() == one(payload).observations.pseudorange_m.tolist()
    empty = one(legacy(number, 88, []))
    assert outcome(empty) == "decoded"
    assert (empty.messages.epoch_raw[0], empty.messages.satellites[0], len(empty.observations)) == (88, 0, 0)


def test_rows_of_mixed_messages_follow_their_frames() -> None:
    frames = [framed(legacy(n, 500, [{"id": n % 20 + 1}, {"id": 24}])) for n in (*NUMBERS[::-1], *NUMBERS)]
    found = block.decode(frames)
    assert found.messages.frame.tolist() == list(range(16))
    assert found.messages.type.tolist() == [*NUMBERS[::-1], *NUMBERS]
    assert (np.diff(found.observations.message) >= 0).all()
    assert np.bincount(found.observations.message).tolist() == found.messages.cells.tolist()


def test_a_recording_against_pyrtcm(recordings: Path) -> None:
    """Ranges, phases and C/N0 of 1004 and 1012, by pyrtcm's fields as they were sent."""
    frames = scan((recordings / "streams" / "leica-legacy-33s.bin").read_bytes())
    found = block.decode(frames)
    checked = 0
    for row, frame in enumerate(found.messages.frame.tolist()):
        number = int(found.messages.type[row])
        if number not in (1004, 1012):
            continue
        message, glonass = read(frames[frame][3:-3]), number == 1012
        fields = (38, 39, 41, 42, 43, 44, 45) if glonass else (9, 10, 11, 12, 13, 14, 15)
        f = dict(zip("id code range phase lock ambiguity cn0".split(), fields, strict=True))
        o = found.observations.select(found.observations.message == row)
        for n in range(1, int(found.messages.satellites[row]) + 1):
            value = {name: sent(message, f"DF{field:03d}_{n:02d}") for name, field in f.items()}
            at = np.flatnonzero((o.satellite == value["id"]) & (o.signal < 7))
            if not glonass and value["id"] > 32:
                continue
            (at,) = at.tolist()
            range_m = value["range"] * 0.02 + value["ambiguity"] * (GLONASS_UNIT_M if glonass else MS_M)
            assert o.pseudorange_m[at] == pytest.approx(range_m, rel=0, abs=1e-6)
            if value["phase"] != -(1 << 19):
                phase_m = range_m + value["phase"] * 0.0005
                assert o.phase_range_m[at] == pytest.approx(phase_m, rel=0, abs=1e-6)
            assert o.lock_ms[at] == lock_of_text(value["lock"]) * 1000
            checked += 1
    assert checked > 200
