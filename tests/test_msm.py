"""MSM1 to MSM7 against bits laid by hand after the tables of RTCM 10403.3 (tests/wire.py)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import CELL_FIELDS, SATELLITE_FIELDS, bits, framed, lay, msm

from hncors.observation import CHANNEL_UNKNOWN, Messages, Observations
from hncors.rtcm3 import block
from hncors.rtcm3 import msm as decoder
from hncors.rtcm3.block import OUTCOMES, Block
from hncors.signals import CODES, GNSS, SATELLITE

MS = Fraction(299_792_458, 1000)  # metres of light in a millisecond
TABLES = {4: "DF402", 10: "DF407"}


def one(payload: bytes) -> Block:
    return block.decode([framed(payload)])


def outcome(found: Block, row: int = 0) -> str:
    return OUTCOMES[found.outcome[row]]


def metres(value: Fraction) -> Any:
    return pytest.approx(float(value), rel=0, abs=1e-7)


def names(o: Observations) -> list[str]:
    return [f"{GNSS[g]}{n:02d} {CODES[g][s]}" for g, n, s in zip(o.gnss, o.satellite, o.signal, strict=True)]


def same(left: Any, right: Any) -> None:
    for name, values in left.named().items():
        other = right.named()[name]
        assert values.dtype == other.dtype, name
        assert np.array_equal(values, other, equal_nan=values.dtype.kind == "f"), name


# --- bit by bit --------------------------------------------------------------------------------------

MSM4 = bits(
    # 1074, station 2003, Saturday 23:59:59.5 s GPS = 604 799 500 ms, more to come, IODS 5
    "010000110010 | 011111010011 | 100100000011001000001000001100 | 1 | 101 |"
    # reserved, steering 2, external clock 1, smoothing yes, interval 3
    "0000000 | 10 | 01 | 1 | 011 |"
    # satellites 1, 32 and 33
    "10000000 00000000 00000000 00000001 10000000 00000000 00000000 00000000 |"
    # signals 2 (1C) and 16 (2L)
    "01000000 00000001 00000000 00000000 |"
    # cells: both of 1; 2L of 32; 1C of 33
    "11 01 10 |"
    # DF397: 70, 255 (unknown), 80 ms; DF398: 512, 1, 1023 / 1024 ms
    "01000110 11111111 01010000 | 1000000000 0000000001 1111111111 |"
    # DF400: 1, not available, 5, -16383 x 2^-24 ms
    "000000000000001 100000000000000 000000000000101 100000000000001 |"
    # DF401: -1, 2097151, 0, not available, x 2^-29 ms
    "1111111111111111111111 0111111111111111111111 0000000000000000000000 1000000000000000000000 |"
    # DF402: 0, 1, 15, 8; DF420; DF403: 63, 0 (not available), 1, 45 dB-Hz
    "0000 0001 1111 1000 | 0 1 0 1 | 111111 000000 000001 101101"
)


def test_msm4_by_hand() -> None:
    found = one(MSM4)
    assert outcome(found) == "decoded"
    assert found.anomalies == []
    m = found.messages
    assert (m.type[0], m.kind[0], GNSS[m.gnss[0]], m.station_id[0]) == (1074, 4, "G", 2003)
    assert (m.epoch_raw[0], m.more[0], m.iods[0]) == (604_799_500, True, 5)
    assert (m.clock_steering[0], m.external_clock[0]) == (2, 1)
    assert (m.smoothing[0], m.smoothing_interval[0]) == (True, 3)
    assert (m.satellites[0], m.cells[0], m.frame[0]) == (3, 4, 0)
    o = found.observations
    assert names(o) == ["G01 1C", "G01 2L", "G32 2L", "G33 1C"]
    assert o.message.tolist() == [0] * 4
    assert o.pseudorange_m[0] == metres((70 + Fraction(1, 2) + Fraction(1, 2**24)) * MS)
    assert np.isnan(o.pseudorange_m[1:3]).all()  # fine part, rough part not available
    assert o.pseudorange_m[3] == metres((80 + Fraction(1023, 1024) - Fraction(16383, 2**24)) * MS)
    assert o.phase_range_m[0] == metres((70 + Fraction(1, 2) - Fraction(1, 2**29)) * MS)
    assert o.phase_range_m[1] == metres((70 + Fraction(1, 2) + Fraction(2**21 - 1, 2**29)) * MS)
    assert np.isnan(o.phase_range_m[2:]).all()
    assert np.isnan(o.range_rate_m_s).all()
    assert o.lock_ms.tolist() == [0, 32, 524_288, 4096]
    assert o.half_cycle.tolist() == [False, True, False, True]
    assert o.cn0_dbhz[[0, 2, 3]].tolist() == [63, 1, 45]
    assert np.isnan(o.cn0_dbhz[1])
    assert (o.channel == CHANNEL_UNKNOWN).all()


MSM7 = bits(
    # 1087, station 0, day 6 and 86 400 999 ms of it, no more to come, IODS 0
    "010000111111 | 000000000000 | 110 101001001100101111111100111 | 0 | 000 |"
    "0000000 | 00 | 00 | 0 | 000 |"
    # satellites 1, 2, 24, 25
    "11000000 00000000 00000001 10000000 00000000 00000000 00000000 00000000 |"
    # signals 2 (1C), 9 (2P)
    "01000000 10000000 00000000 00000000 |"
    # cells
    "10 01 11 10 |"
    # DF397: 64, 0, 100, 254; DF419 (channel + 7): 0, 13, 14 (reserved), 15 (unknown)
    "01000000 00000000 01100100 11111110 | 0000 1101 1110 1111 |"
    # DF398: 0, 1, 512, 1023; DF399: 1, -8191, not available, 8191 m/s
    "0000000000 0000000001 1000000000 1111111111 |"
    "00000000000001 10000000000001 10000000000000 01111111111111 |"
    # DF405: 524287, -524287, not available, 0, -1, x 2^-29 ms
    "01111111111111111111 10000000000000000001 10000000000000000000"
    " 00000000000000000000 11111111111111111111 |"
    # DF406: not available, 8388607, -8388607, 1, -1, x 2^-31 ms
    "100000000000000000000000 011111111111111111111111 100000000000000000000001"
    " 000000000000000000000001 111111111111111111111111 |"
    # DF407: 0, 63, 64, 704, 705 (reserved)
    "0000000000 0000111111 0001000000 1011000000 1011000001 |"
    # DF420; DF408: 0 (not available), 1, 16, 1023, 720 / 16 dB-Hz
    "1 0 0 0 0 | 0000000000 0000000001 0000010000 1111111111 1011010000 |"
    # DF404: 1, not available, 16383, -16383, 0 x 0.0001 m/s
    "000000000000001 100000000000000 011111111111111 100000000000001 000000000000000"
)


def test_msm7_by_hand() -> None:
    found = one(MSM7)
    assert outcome(found) == "decoded"
    assert found.messages.epoch_raw[0] == 6 << 27 | 86_400_999
    assert not found.messages.more[0]
    o = found.observations
    assert names(o) == ["R01 1C", "R02 2P", "R24 1C", "R24 2P", "R25 1C"]
    assert o.pseudorange_m[0] == metres((64 + Fraction(2**19 - 1, 2**29)) * MS)
    assert o.pseudorange_m[1] == metres((Fraction(1, 1024) - Fraction(2**19 - 1, 2**29)) * MS)
    assert np.isnan(o.pseudorange_m[2])
    assert o.pseudorange_m[3] == metres((100 + Fraction(1, 2)) * MS)
    assert o.pseudorange_m[4] == metres((254 + Fraction(1023, 1024) - Fraction(1, 2**29)) * MS)
    assert np.isnan(o.phase_range_m[0])
    assert o.phase_range_m[1] == metres((Fraction(1, 1024) + Fraction(2**23 - 1, 2**31)) * MS)
    assert o.phase_range_m[2] == metres((100 + Fraction(1, 2) - Fraction(2**23 - 1, 2**31)) * MS)
    assert o.lock_ms[:4].tolist() == [0, 63, 64, 67_108_864]
    assert np.isnan(o.lock_ms[4])
    assert o.half_cycle.tolist() == [True, False, False, False, False]
    assert np.isnan(o.cn0_dbhz[0])
    assert o.cn0_dbhz[1:].tolist() == [1 / 16, 1, 1023 / 16, 45]
    assert o.range_rate_m_s[0] == pytest.approx(1.0001, abs=1e-9)
    assert np.isnan(o.range_rate_m_s[1:4]).all()  # fine, then twice the rough rate
    assert o.range_rate_m_s[4] == pytest.approx(8191, abs=1e-9)
    assert o.channel.tolist() == [-7, 6, CHANNEL_UNKNOWN, CHANNEL_UNKNOWN, CHANNEL_UNKNOWN]


# --- every kind and system ---------------------------------------------------------------------------

_NOT_AVAILABLE = {"range", "phase", "fine_rate", "rate"}  # the most negative value
_PER_MS = {15: 24, 20: 29, 22: 29, 24: 31}  # bits of a fine range or phase: its resolution is 2^-n ms


def lock_of_text(width: int, indicator: int) -> float:
    """DF402, DF407 by the rows of tables 3.5-74 and 3.5-75."""
    if width == 4:
        return 0 if indicator == 0 else 2.0 ** (indicator + 4)
    if indicator < 64:
        return indicator
    if indicator > 704:
        return float("nan")
    rows = [(64 + 32 * n, 2 << n, 64 * (n + 1) << n) for n in range(21)]  # i >= start: factor x i - less
    _, factor, less = max(row for row in rows if row[0] <= indicator)
    return factor * indicator - less


@pytest.mark.parametrize("system", range(7))
@pytest.mark.parametrize("kind", range(1, 8))
def test_every_kind_and_system(kind: int, system: int) -> None:
    r = Random(kind * 7 + system)
    number = 1070 + 10 * system + kind
    bits_of = [n + 1 for n in range(64) if SATELLITE[system, n]]
    satellites = sorted(r.sample(bits_of, 7))
    signals = sorted(r.sample([n + 1 for n in range(32) if CODES[system][n]], 1 if system == 6 else 3))
    cells = [(s, g) for s in satellites for g in signals if r.random() < 0.6]
    widths = SATELLITE_FIELDS[kind] | CELL_FIELDS[kind]
    values = {}
    for name, width in widths.items():
        count = len(satellites) if name in SATELLITE_FIELDS[kind] else len(cells)
        low = -(1 << width - 1) if name in _NOT_AVAILABLE else 0
        values[name] = [
            r.choice((low, low + 1, low + (1 << width) - 1, r.randrange(1 << width) + low))
            for _ in range(count)
        ]
    epoch = r.getrandbits(30)
    header: dict[str, Any] = {"station": r.getrandbits(12), "more": r.random() < 0.5}
    header |= {"iods": 3, "reserved": 85, "clock": 1, "external": 2}
    found = one(
        msm(number, epoch, satellites=satellites, signals=signals, cells=cells, values=values, **header)
    )
    assert outcome(found) == "decoded"
    m, o = found.messages, found.observations
    assert (m.type[0], m.kind[0], m.gnss[0], m.epoch_raw[0]) == (number, kind, system, epoch)
    assert (m.station_id[0], m.more[0], m.iods[0]) == (header["station"], header["more"], 3)
    assert (m.clock_steering[0], m.external_clock[0], m.smoothing[0]) == (1, 2, False)
    assert (m.satellites[0], m.cells[0]) == (7, len(cells))
    assert [(int(a), int(b)) for a, b in zip(o.satellite, o.signal, strict=True)] == [
        (SATELLITE[system, s - 1], g - 1) for s, g in cells
    ]
    for row, (satellite, _) in enumerate(cells):
        at = satellites.index(satellite)
        rough = Fraction(values["mod"][at], 1024)
        known = values.get("ms", [0] * 7)[at] != 255
        if "ms" in values:
            rough += values["ms"][at]
        for field, column in (("range", o.pseudorange_m), ("phase", o.phase_range_m)):
            width = widths.get(field, 0)
            if not width or not known or values[field][row] == -(1 << width - 1):
                assert np.isnan(column[row])
            else:
                assert column[row] == metres((rough + Fraction(values[field][row], 1 << _PER_MS[width])) * MS)
        if (
            "fine_rate" in values
            and values["fine_rate"][row] != -(1 << 14)
            and values["rate"][at] != -(1 << 13)
        ):
            rate = values["rate"][at] + values["fine_rate"][row] / 10_000
            assert o.range_rate_m_s[row] == pytest.approx(rate, rel=0, abs=1e-9)
        else:
            assert np.isnan(o.range_rate_m_s[row])
        lock = lock_of_text(widths["lock"], values["lock"][row]) if "lock" in values else float("nan")
        assert o.lock_ms[row] == lock or (np.isnan(lock) and np.isnan(o.lock_ms[row]))
        assert o.half_cycle[row] == (values.get("half", [0] * 99)[row] == 1)
        if "cn0" in values and values["cn0"][row]:
            assert o.cn0_dbhz[row] == values["cn0"][row] / (1 if widths["cn0"] == 6 else 16)
        else:
            assert np.isnan(o.cn0_dbhz[row])
        channel = values["extended"][at] - 7 if system == 1 and kind in (5, 7) else 99
        assert o.channel[row] == (channel if channel <= 6 else CHANNEL_UNKNOWN)


# --- tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [4, 10])
def test_lock_times_are_the_tables(width: int) -> None:
    table = decoder.LOCK_MS[width]
    assert len(table) == 1 << width
    assert np.array_equal(table, [lock_of_text(width, n) for n in range(1 << width)], equal_nan=True)
    known = table[~np.isnan(table)]
    assert all(a < b for a, b in pairwise(known.tolist()))
    assert known[-1] == {4: 524_288, 10: 67_108_864}[width]


def test_ends_of_the_rows_of_df407() -> None:
    """Table 3.5-75: the first and last indicator of its rows, and the times printed beside them."""
    printed = {64: 64, 95: 126, 96: 128, 127: 252, 128: 256, 159: 504, 160: 512, 191: 1008, 672: 33_554_432}
    printed |= {640: 16_777_216, 671: 33_030_144, 703: 66_060_288, 704: 67_108_864}
    assert {n: decoder.LOCK_MS[10][n] for n in printed} == printed


# --- masks -------------------------------------------------------------------------------------------


def test_r10_ragged_cell_mask() -> None:
    """R10: satellites with different signals; columns go by the bits that are set."""
    cells = [(2, 2), (5, 8), (5, 15), (63, 2), (63, 22)]
    values = {"range": [10, 20, 30, 40, 50], "ms": [70, 71, 72], "mod": [0, 0, 0]}
    found = one(msm(1074, 0, satellites=[2, 5, 63], signals=[2, 8, 15, 22], cells=cells, values=values))
    o = found.observations
    assert names(o) == ["G02 1C", "G05 2C", "G05 2S", "G63 1C", "G63 5I"]
    expected = [70 * 2**24 + 10, 71 * 2**24 + 20, 71 * 2**24 + 30, 72 * 2**24 + 40, 72 * 2**24 + 50]
    assert o.pseudorange_m.tolist() == [metres(Fraction(n, 2**24) * MS) for n in expected]


@pytest.mark.parametrize(("satellites", "signals"), [(64, 1), (1, 32), (2, 32), (32, 2), (16, 4), (21, 3)])
def test_full_masks_of_up_to_64_cells(satellites: int, signals: int) -> None:
    payload = msm(1071, 0, satellites=range(1, satellites + 1), signals=range(1, signals + 1))
    found = one(payload)
    assert outcome(found) == "decoded"
    unknown = sum(number for _, _, number in found.anomalies)
    assert len(found.observations) + unknown == satellites * signals
    assert found.messages.cells[0] == len(found.observations)


@pytest.mark.parametrize(("satellites", "signals"), [(64, 2), (13, 5), (64, 32), (33, 2), (3, 22)])
@pytest.mark.parametrize("kind", [1, 4, 7])
def test_r08_more_than_64_cells(kind: int, satellites: int, signals: int) -> None:
    """R08: no such message; what it would need is not even looked at."""
    good = framed(msm(1070 + kind, 1000))
    head = msm(1070 + kind, 0, satellites=range(1, satellites + 1), signals=range(1, signals + 1), cells=[])
    for payload in (head[:22], head, head.ljust(1023, b"\xff")):
        found = block.decode([good, framed(payload), good])
        assert [OUTCOMES[n] for n in found.outcome] == ["decoded", "too_many_cells", "decoded"]
        assert found.messages.frame.tolist() == [0, 2]
        assert found.observations.message.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("kind", range(1, 8))
@pytest.mark.parametrize(
    ("satellites", "signals", "cells"),
    [([], [], []), ([3], [], []), ([], [2], []), ([3, 4], [2, 8], []), (range(1, 65), [], [])],
)
def test_r09_empty_masks_are_a_valid_message(
    kind: int, satellites: list[int], signals: list[int], cells: Any
) -> None:
    """R09: an epoch in which nothing was tracked."""
    found = one(msm(1120 + kind, 77_000, satellites=satellites, signals=signals, cells=cells, station=9))
    assert outcome(found) == "decoded"
    assert (found.messages.epoch_raw[0], found.messages.station_id[0]) == (77_000, 9)
    assert (found.messages.satellites[0], found.messages.cells[0]) == (len(satellites), 0)
    assert len(found.observations) == 0


def test_r11_unknown_signals_and_satellites_are_counted_and_the_rest_kept() -> None:
    """R11: Galileo has no signal 1 and no satellite 60."""
    satellites, signals = [5, 60], [1, 2, 22]
    values = {"range": [1, 2, 3, 4, 5, 6], "ms": [70, 80], "mod": [0, 0]}
    found = block.decode(
        [framed(msm(1074, 0)), framed(msm(1094, 0, satellites=satellites, signals=signals, values=values))]
    )
    assert [OUTCOMES[n] for n in found.outcome] == ["decoded"] * 2
    o = found.observations
    assert names(o)[2:] == ["E05 1C", "E05 5I"]
    expected = [metres(Fraction(70 * 2**24 + n, 2**24) * MS) for n in (2, 3)]
    assert o.pseudorange_m[2:].tolist() == expected
    assert sorted(found.anomalies) == [("unknown_satellite", 1, 3), ("unknown_signal", 1, 1)]
    assert found.messages.cells.tolist() == [2, 2]
    assert found.messages.satellites.tolist() == [2, 2]


# --- lengths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", range(1, 8))
def test_r05_every_truncation_is_short_and_nothing_is_half_applied(kind: int) -> None:
    """R05: also beside good messages of the same kind, and whatever bytes follow in the block."""
    payload = msm(
        1090 + kind,
        123_000,
        satellites=[1, 8, 30],
        signals=[2, 14, 22],
        cells=[(1, 2), (8, 14), (30, 2), (30, 22)],
    )
    good = framed(msm(1090 + kind, 5000))
    frames = [framed(payload[:n]) for n in range(2, len(payload))]
    frames += [good, framed(b"\xff" * 1023)]
    found = block.decode(frames)
    assert [OUTCOMES[n] for n in found.outcome[: len(frames) - 2]] == ["short_message"] * (len(payload) - 2)
    assert found.messages.frame.tolist() == [len(frames) - 2]
    same(found.observations, one(msm(1090 + kind, 5000)).observations)
    for frame in frames[:-2:7]:
        alone = block.decode([frame])
        assert outcome(alone) == "short_message"
        assert len(alone.messages) == len(alone.observations) == 0


@pytest.mark.parametrize("payload", [b"", b"\x43"])
def test_payloads_without_a_number(payload: bytes) -> None:
    found = one(payload)
    assert outcome(found) == "no_message_number"
    assert found.type.tolist() == [-1]


@pytest.mark.parametrize("kind", range(1, 8))
@pytest.mark.parametrize("tail", [b"\x00", b"\xff" * 300])
def test_r06_longer_payloads_are_accepted(kind: int, tail: bytes) -> None:
    """R06: what follows is of a later edition."""
    payload = msm(1120 + kind, 123_000, satellites=[1, 8, 30], signals=[2, 8])
    same(one(payload + tail).observations, one(payload).observations)
    assert outcome(one(payload + tail)) == "decoded"


# --- blocks ------------------------------------------------------------------------------------------


def some_payload(r: Random) -> bytes:
    number = 1070 + 10 * r.randrange(7) + r.randrange(1, 8)
    satellites = sorted(r.sample(range(1, 65), r.randrange(0, 9)))
    signals = sorted(r.sample(range(1, 33), r.randrange(0, 5)))
    cells = [(s, g) for s in satellites for g in signals if r.random() < 0.7]
    widths = SATELLITE_FIELDS[number % 10] | CELL_FIELDS[number % 10]
    values = {
        name: [r.getrandbits(width) for _ in (satellites if name in SATELLITE_FIELDS[number % 10] else cells)]
        for name, width in widths.items()
    }
    payload = msm(
        number, r.getrandbits(30), satellites=satellites, signals=signals, cells=cells, values=values
    )
    return payload[: r.randrange(1, len(payload))] if r.random() < 0.1 else payload


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 24), st.lists(st.integers(0, 24), max_size=4))
def test_a_block_divided_anywhere_gives_the_same_rows(seed: int, count: int, cuts: list[int]) -> None:
    r = Random(seed)
    frames = [framed(some_payload(r)) for _ in range(count)]
    whole = block.decode(frames)
    places = sorted({0, count, *(min(cut, count) for cut in cuts)})
    at, messages, observations, outcomes, anomalies = 0, [], [], [], []
    for first, last in pairwise(places):
        part = block.decode(frames[first:last])
        moved = part.messages.named()
        messages.append(Messages(**{**moved, "frame": moved["frame"] + first}))
        rows = part.observations.named()
        observations.append(Observations(**{**rows, "message": rows["message"] + at}))
        at += len(part.messages)
        outcomes += part.outcome.tolist()
        anomalies += [(name, row + first, number) for name, row, number in part.anomalies]
    assert outcomes == whole.outcome.tolist()
    assert sorted(anomalies) == sorted(whole.anomalies)
    same(Messages.join(messages), whole.messages)
    same(Observations.join(observations), whole.observations)
    assert (np.diff(whole.observations.message) >= 0).all()
    counted = np.bincount(whole.observations.message, minlength=len(whole.messages))
    assert counted.tolist() == whole.messages.cells.tolist()


def test_nothing_at_all() -> None:
    found = block.decode([])
    assert len(found.messages) == len(found.observations) == len(found.outcome) == 0


def test_numbers_that_are_no_msm() -> None:
    """1070, 1078 to 1080, 1140: counted as unknown, whatever they hold."""
    for number in (1070, 1078, 1079, 1080, 1138, 1140, 1141, 4095, 0):
        found = one(bits(lay((number, 12))) + bytes(60))
        assert outcome(found) == "unknown_type", number
        assert found.type.tolist() == [number]
