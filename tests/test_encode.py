"""Encoders of observation messages against pyrtcm (fields as sent) and RTKLIB (values in RINEX).

None of our own decoders takes part: a misreading they shared with the encoders would go unseen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from observed import changed, extremes, header_of, observed
from pyrtcm_fields import read, rows, sent

from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.rtcm3 import encode_msm
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.encode_msm import RawCells, RawSatellites, split_satellites
from hncors.signals import C_M_S, GLONASS, GNSS, GPS, SBAS

M_PER_MS = C_M_S / 1000
MSM = [1070 + 10 * gnss + kind for gnss in range(7) for kind in range(1, 8)]
EPOCH = {0: "DF004", 2: "DF248", 3: "DF004", 4: "DF428", 5: "DF427", 6: "DF546"}

# RTCM 10403.3, tables 3.5-80 to -89: what each kind of MSM sends, in pyrtcm's names.
SATELLITE_FIELDS = {
    1: ["DF398"],
    2: ["DF398"],
    3: ["DF398"],
    4: ["DF397", "DF398"],
    5: ["DF397", "extended", "DF398", "DF399"],
    6: ["DF397", "DF398"],
    7: ["DF397", "extended", "DF398", "DF399"],
}
CELL_FIELDS = {
    1: ["DF400"],
    2: ["DF401", "DF402", "DF420"],
    3: ["DF400", "DF401", "DF402", "DF420"],
    4: ["DF400", "DF401", "DF402", "DF420", "DF403"],
    5: ["DF400", "DF401", "DF402", "DF420", "DF403", "DF404"],
    6: ["DF405", "DF406", "DF407", "DF420", "DF408"],
    7: ["DF405", "DF406", "DF407", "DF420", "DF408", "DF404"],
}
RANGES = {
    "DF397": (0, 255),
    "extended": (0, 15),
    "DF398": (0, 1023),
    "DF399": (-8192, 8191),
    "DF400": (-16384, 16383),
    "DF401": (-(2**21), 2**21 - 1),
    "DF402": (0, 15),
    "DF403": (0, 63),
    "DF404": (-16384, 16383),
    "DF405": (-(2**19), 2**19 - 1),
    "DF406": (-(2**23), 2**23 - 1),
    "DF407": (0, 1023),
    "DF408": (0, 1023),
    "DF420": (0, 1),
}
COLUMN = {
    "DF397": "rough_ms",
    "extended": "extended",
    "DF398": "rough_mod",
    "DF399": "rough_rate",
    "DF400": "fine_range",
    "DF405": "fine_range",
    "DF401": "fine_phase",
    "DF406": "fine_phase",
    "DF402": "lock",
    "DF407": "lock",
    "DF420": "half_cycle",
    "DF403": "cn0",
    "DF408": "cn0",
    "DF404": "fine_rate",
}


# --- integers, as pyrtcm reads them --------------------------------------------------------------


@pytest.mark.parametrize("message_type", MSM)
@pytest.mark.parametrize("shape", [(10, 4), (1, 1), (64, 1), (2, 32), (0, 0)])
def test_pyrtcm_reads_the_integers_of_an_msm(message_type: int, shape: tuple[int, int]) -> None:
    gnss, kind = divmod(message_type - 1070, 10)
    rng = np.random.default_rng([message_type, *shape])
    header = header_of(rng, 30)
    bits, signals = rng.permutation(64)[: shape[0]], np.sort(rng.permutation(32)[: shape[1]])
    mask = rng.random((len(bits), len(signals))) < 0.7
    of_satellite, of_signal = np.nonzero(mask)

    def drawn(fields: list[str], count: int) -> dict[str, np.ndarray[Any, Any]]:
        return {COLUMN[name]: extremes(rng, *RANGES[name], count) for name in fields}

    nothing = dict.fromkeys(COLUMN.values(), np.zeros(len(bits), int))
    sat = {**nothing, **drawn(SATELLITE_FIELDS[kind], len(bits))}
    satellites = RawSatellites(
        bits, *(sat[name] for name in ("rough_ms", "extended", "rough_mod", "rough_rate"))
    )
    nothing = dict.fromkeys(COLUMN.values(), np.zeros(len(of_satellite), int))
    cell = {**nothing, **drawn(CELL_FIELDS[kind], len(of_satellite))}
    names = ("fine_range", "fine_phase", "lock", "half_cycle", "cn0", "fine_rate")
    cells = RawCells(bits[of_satellite], signals[of_signal], *(cell[name] for name in names))
    shuffled = cells.select(rng.permutation(len(cells)))
    p = read(encode_msm.encode_raw(message_type, header, satellites, shuffled, signals.tolist()))

    assert (int(p.identity), sent(p, "DF003")) == (message_type, header.station_id)
    epoch = p.DF416 << 27 | p.DF034 if gnss == GLONASS else sent(p, EPOCH[gnss])
    assert epoch == header.epoch_raw
    assert (p.DF393, p.DF409, sent(p, "DF001_7")) == (header.more, header.iods, header.reserved)
    assert [sent(p, f"DF{n}") for n in (411, 412)] == [header.clock_steering, header.external_clock]
    assert [sent(p, f"DF{n}") for n in (417, 418)] == [header.smoothing, header.smoothing_interval]
    by_bit = np.argsort(bits)
    assert sent(p, "DF394") == sum(1 << 63 - int(b) for b in bits)
    assert sent(p, "DF395") == sum(1 << 31 - int(s) for s in signals)
    assert sent(p, "DF396") == int("0" + "".join("01"[int(set_)] for set_ in mask[by_bit].ravel()), 2)
    for name in SATELLITE_FIELDS[kind]:
        field = name if name != "extended" else "DF419" if gnss == GLONASS else "ExtSatInfo"
        assert rows(p, field, len(bits)) == sat[COLUMN[name]][by_bit].tolist(), name
    in_order = np.lexsort((cells.signal, cells.bit))
    for name in CELL_FIELDS[kind]:
        assert rows(p, name, len(cells)) == cell[COLUMN[name]][in_order].tolist(), name


# --- values, by the arithmetic of the standard on pyrtcm's fields --------------------------------


SATELLITES = {
    0: [1, 7, 32],
    1: [1, 9, 24],
    2: [1, 11, 36],
    3: [20, 33, 58],
    4: [1, 4, 10],
    5: [1, 19, 63],
    6: [1, 9, 14],
}


@pytest.mark.parametrize("message_type", MSM)
def test_values_survive_within_half_a_unit(message_type: int) -> None:
    gnss, kind = divmod(message_type - 1070, 10)
    o = observed(gnss, SATELLITES[gnss], [1, 14], message_type)
    shuffled = o.select(np.random.default_rng(message_type).permutation(len(o)))
    p = read(encode_msm.encode(message_type, Header(1, 0), shuffled))
    first = 20 if gnss == SBAS else 1
    assert sent(p, "DF394") == sum(1 << 63 - (s - first) for s in SATELLITES[gnss])
    fine_range, fine_phase, cn0 = ("DF405", "DF406", "DF408") if kind > 5 else ("DF400", "DF401", "DF403")

    def scaled(field: str, count: int) -> np.ndarray[Any, Any]:
        return np.array([getattr(p, f"{field}_{n:02d}") for n in range(1, count + 1)], float)

    rough_ms = scaled("DF398", 3)
    if kind > 3:
        rough_ms = rough_ms + scaled("DF397", 3)
    rough_ms = np.repeat(rough_ms, 2)
    for field, values, has in (
        (fine_range, o.pseudorange_m, kind != 2),
        (fine_phase, o.phase_range_m, kind != 1),
    ):
        if has:
            unit_m = 2.0 ** -{"DF400": 24, "DF401": 29, "DF405": 29, "DF406": 31}[field] * M_PER_MS
            wrong = (rough_ms + scaled(field, 6)) * M_PER_MS - values
            if kind <= 3:  # the whole milliseconds are not sent
                wrong -= np.rint(wrong / M_PER_MS) * M_PER_MS
            assert np.abs(wrong).max() <= 0.5 * unit_m + 1e-7, field
    if kind > 3:
        unit = 1.0 if kind < 6 else 1 / 16
        assert np.abs(scaled(cn0, 6) - o.cn0_dbhz).max() <= unit / 2 + 1e-9
    if kind > 1:
        assert rows(p, "DF420", 6) == o.half_cycle.tolist()
    if kind in (5, 7):
        rate = np.repeat(scaled("DF399", 3), 2) + scaled("DF404", 6)
        assert np.abs(rate - o.range_rate_m_s).max() <= 5e-5 + 1e-9
        if gnss == GLONASS:
            assert rows(p, "DF419", 3) == [s % 14 for s in SATELLITES[1]]


def test_what_is_missing_is_sent_as_not_available() -> None:
    o = observed(GPS, [3, 5], [1, 9], 1)
    hole = np.array([False, True, True, True])  # of the second satellite there is nothing
    nan = np.nan
    o = changed(
        o,
        pseudorange_m=np.where(hole, nan, o.pseudorange_m),
        phase_range_m=np.where(hole, nan, o.phase_range_m),
        range_rate_m_s=np.where(hole, nan, o.range_rate_m_s),
        cn0_dbhz=np.where(hole, nan, o.cn0_dbhz),
        lock_ms=np.where(hole, nan, 1e9),
    )
    p = read(encode_msm.encode(1077, Header(1, 0), o))
    assert (p.DF397_02, sent(p, "DF398_02"), p.DF399_02) == (255, 0, -8192)
    assert p.DF397_01 < 255
    for field, missing in (
        ("DF405", -(2**19)),
        ("DF406", -(2**23)),
        ("DF404", -16384),
        ("DF408", 0),
        ("DF407", 0),
    ):
        values = rows(p, field, 4)
        assert values[0] != missing and values[1:] == [missing] * 3, field


def test_a_phase_without_pseudorange_carries_the_rough_range() -> None:
    o = observed(GPS, [3], [1], 1)
    o = changed(o, pseudorange_m=[np.nan])
    p = read(encode_msm.encode(1072, Header(1, 0), o))
    wrong = (p.DF398_01 + p.DF401_01) * M_PER_MS - o.phase_range_m[0]
    assert abs(wrong - round(wrong / M_PER_MS) * M_PER_MS) < 0.0003


def test_satellites_of_glonass_without_channel_say_so() -> None:
    o = observed(GLONASS, [3], [1], 1)
    p = read(encode_msm.encode(1087, Header(1, 0), changed(o, channel=np.array([CHANNEL_UNKNOWN], np.int8))))
    assert p.DF419_01 == 15


# Minimum lock times in ms at the ends of their pieces: RTCM 10403.3, tables 3.5-74 (DF402) and -75 (DF407).
LOCK = {
    "DF402": (
        1074,
        [
            (0, 0),
            (31.9, 0),
            (32, 1),
            (64, 2),
            (63.9, 1),
            (262144, 14),
            (524287, 14),
            (524288, 15),
            (1e12, 15),
        ],
    ),
    "DF407": (
        1077,
        [(0, 0), (1, 1), (63, 63), (64, 64), (65.9, 64), (66, 65), (126, 95), (128, 96), (252, 127)],
    ),
    "DF407 above": (1076, [(256, 128), (67108863, 703), (67108864, 704), (1e12, 704)]),
}


@pytest.mark.parametrize("field", LOCK)
def test_lock_time_indicators_of_msm(field: str) -> None:
    message_type, table = LOCK[field]
    o = observed(GPS, list(range(1, len(table) + 1)), [1], 1)
    p = read(
        encode_msm.encode(message_type, Header(1, 0), changed(o, lock_ms=[float(ms) for ms, _ in table]))
    )
    assert rows(p, field[:5], len(table)) == [indicator for _, indicator in table]


# --- refusals --------------------------------------------------------------------------------------

ONE = observed(GPS, [3], [1], 1)
REFUSED: dict[str, tuple[int, Observations]] = {
    "at most 64 cells": (1077, observed(GPS, list(range(1, 23)), [1, 9, 14], 1)),
    "for R only": (1087, ONE),
    "no place in the satellite mask": (1077, changed(ONE, satellite=np.array([64], np.uint8))),
    "fine phase range": (1074, changed(ONE, phase_range_m=ONE.pseudorange_m + 1400.0)),
    "fine pseudorange": (1074, changed(observed(GPS, [3], [1, 9], 1), pseudorange_m=[2e7, 2e7 + 900.0])),
    "rough range: 255 ": (1074, changed(ONE, pseudorange_m=[255 * M_PER_MS])),
    "rough range: -": (1074, changed(ONE, pseudorange_m=[-1000.0], phase_range_m=[np.nan])),
    "rough range rate": (1077, changed(ONE, range_rate_m_s=[8192.0])),
    "fine range rate": (1077, changed(observed(GPS, [3], [1, 9], 1), range_rate_m_s=[0.0, 4.0])),
    "C/N0": (1074, changed(ONE, cn0_dbhz=[64.0])),
    "lock time is negative": (1074, changed(ONE, lock_ms=[-1.0])),
    "within 0 to 31 of the mask": (1074, changed(ONE, signal=np.array([32], np.uint8))),
    "given twice": (1074, ONE.select([0, 0])),
    "no multiple signal message": (1078, ONE),
}


@pytest.mark.parametrize(
    ("message_type", "cn0_dbhz", "cn0"),
    [(1074, 63.0, 63), (1074, 1.0, 1), (1077, 63.9375, 1023), (1077, 0.0625, 1)],
)
def test_the_ends_of_what_can_be_said(message_type: int, cn0_dbhz: float, cn0: int) -> None:
    farthest = changed(ONE, cn0_dbhz=[cn0_dbhz], pseudorange_m=[254.999 * M_PER_MS], phase_range_m=[np.nan])
    p = read(encode_msm.encode(message_type, Header(4095, 2**30 - 1), farthest))
    assert (p.DF397_01, sent(p, "DF398_01")) == (254, 1023)
    assert rows(p, "DF408" if message_type == 1077 else "DF403", 1) == [cn0]


@pytest.mark.parametrize("reason", REFUSED)
def test_what_an_msm_cannot_say_is_refused(reason: str) -> None:
    message_type, o = REFUSED[reason]
    with pytest.raises(ValueError, match=reason):
        encode_msm.encode(message_type, Header(1, 0), o)


def test_integers_that_do_not_fit_are_refused_by_field() -> None:
    satellites, cells = encode_msm.quantise(7, GPS, ONE)
    wrong = RawCells(**{**cells.named(), "fine_range": np.array([2**19])})
    with pytest.raises(ValueError, match=r"DF400/405: 524288 is not within -524288 to 524287"):
        encode_msm.encode_raw(1077, Header(1, 0), satellites, wrong)
    with pytest.raises(ValueError, match="a satellite that is not given"):
        encode_msm.encode_raw(1077, Header(1, 0), satellites.select(slice(0)), cells)
    with pytest.raises(ValueError, match="4096"):
        encode_msm.encode_raw(1077, Header(4096, 0), satellites, cells)


# --- dividing satellites over messages, frames -----------------------------------------------------


@given(st.sets(st.tuples(st.integers(1, 63), st.integers(0, 31)), max_size=200))
def test_divided_satellites_fit_and_none_is_lost(cells: set[tuple[int, int]]) -> None:
    satellite = np.array([s for s, _ in cells], int)
    signal = np.array([s for _, s in cells], int)
    parts = split_satellites(satellite, signal)
    assert sorted(np.concatenate([*parts, np.empty(0, int)]).tolist()) == list(range(len(cells)))
    homes = [set(satellite[part].tolist()) for part in parts]
    assert sum(map(len, homes)) == len(set(satellite.tolist()))
    for part, home in zip(parts, homes, strict=True):
        assert 0 < len(home) * len(set(signal[part].tolist())) <= 64


@pytest.mark.parametrize(
    ("satellites", "signals", "sizes"),
    [(64, 1, [64]), (13, 5, [12, 1]), (16, 4, [16]), (17, 4, [16, 1]), (3, 32, [2, 1]), (0, 0, [])],
)
def test_parts_are_as_large_as_they_can_be(satellites: int, signals: int, sizes: list[int]) -> None:
    satellite = np.arange(satellites).repeat(signals)
    parts = split_satellites(satellite, np.tile(np.arange(signals), satellites))
    assert [len(part) // signals for part in parts] == sizes


def test_frames() -> None:
    assert frame(b"") == bytes.fromhex("D3000047EA4B")  # RTKLIB and pyrtcm agree on this check
    assert frame(b"", reserved=0b100001)[:3] == bytes.fromhex("D38400")
    assert frame(bytes(1023))[:3] == bytes.fromhex("D303FF")
    with pytest.raises(ValueError, match="1024 bytes"):
        frame(bytes(1024))
    assert GNSS == "GRESJCI"
