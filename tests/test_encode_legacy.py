"""Encoders of 1001-1004 and 1009-1012 against pyrtcm; see test_encode.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from observed import changed, extremes, header_of, observed
from pyrtcm_fields import read, rows, sent

from hncors.observation import CHANNEL_UNKNOWN
from hncors.rtcm3.encode import Header
from hncors.rtcm3.encode_legacy import RawRows, encode, encode_raw
from hncors.signals import C_M_S, GLONASS, GPS, SBAS

TYPES = [*range(1001, 1005), *range(1009, 1013)]
SATELLITES = {GPS: [1, 7, 32], GLONASS: [1, 9, 24]}
ONE = observed(GPS, [3], [1], 1)

# RTCM 10403.3, tables 3.5-2 to 3.5-5 and 3.5-10 to 3.5-13; DF number in GPS, in GLONASS, column, range.
LEGACY_FIELDS = [
    ("DF009", "DF038", "satellite", (0, 63)),
    ("DF010", "DF039", "code_1", (0, 1)),
    ("", "DF040", "channel", (0, 31)),
    ("DF011", "", "range_1", (0, 2**24 - 1)),
    ("", "DF041", "range_1", (0, 2**25 - 1)),
    ("DF012", "DF042", "phase_1", (-(2**19), 2**19 - 1)),
    ("DF013", "DF043", "lock_1", (0, 127)),
    ("DF014", "", "ambiguity", (0, 255)),
    ("", "DF044", "ambiguity", (0, 127)),
    ("DF015", "DF045", "cn0_1", (0, 255)),
    ("DF016", "DF046", "code_2", (0, 3)),
    ("DF017", "DF047", "range_2", (-(2**13), 2**13 - 1)),
    ("DF018", "DF048", "phase_2", (-(2**19), 2**19 - 1)),
    ("DF019", "DF049", "lock_2", (0, 127)),
    ("DF020", "DF050", "cn0_2", (0, 255)),
]
FULL_ONLY, SECOND_ONLY = {"ambiguity", "cn0_1", "cn0_2"}, {"code_2", "range_2", "phase_2", "lock_2", "cn0_2"}


@pytest.mark.parametrize("message_type", TYPES)
@pytest.mark.parametrize("count", [0, 1, 31])
def test_pyrtcm_reads_the_integers_of_an_older_message(message_type: int, count: int) -> None:
    glonass = message_type > 1004
    rng = np.random.default_rng([message_type, count])
    header = header_of(rng, 27 if glonass else 30)
    columns = {column: np.zeros(count, int) for _, _, column, _ in LEGACY_FIELDS}
    own = [(fields[glonass], column, limits) for *fields, column, limits in LEGACY_FIELDS if fields[glonass]]
    columns |= {column: extremes(rng, *limits, count) for _, column, limits in own}
    p = read(encode_raw(message_type, header, RawRows(**columns)))
    assert (int(p.identity), p.DF003, p.DF005) == (message_type, header.station_id, header.more)
    assert sent(p, "DF034" if glonass else "DF004") == header.epoch_raw
    assert getattr(p, "DF035" if glonass else "DF006") == count
    assert getattr(p, "DF036" if glonass else "DF007") == header.smoothing
    assert getattr(p, "DF037" if glonass else "DF008") == header.smoothing_interval
    left_out = (set() if message_type % 2 == 0 else FULL_ONLY) | (
        set() if (message_type - 1001) % 8 >= 2 else SECOND_ONLY
    )
    for field, column, _ in own:
        if column in left_out:
            assert not hasattr(p, f"{field}_01")
        else:
            assert rows(p, field, count) == columns[column].tolist(), field


@pytest.mark.parametrize("message_type", TYPES)
def test_older_messages_keep_values_within_half_a_unit(message_type: int) -> None:
    glonass = message_type > 1004
    gnss = GLONASS if glonass else GPS
    o = observed(gnss, SATELLITES[gnss], [1, 7 if glonass else 9], message_type)  # 1C with 2C or 2W
    o = changed(o, phase_range_m=o.phase_range_m + 60.0)
    p = read(encode(message_type, Header(1, 0), o))
    fields = {name: fields[glonass] for *fields, name, _ in LEGACY_FIELDS if fields[glonass]}

    def scaled(name: str) -> np.ndarray[Any, Any]:
        return np.array([getattr(p, f"{fields[name]}_{n:02d}") for n in (1, 2, 3)], float)

    modulus_m = 599_584.916 if glonass else 299_792.458
    full, second = message_type % 2 == 0, (message_type - 1001) % 8 >= 2
    base = scaled("range_1") + (scaled("ambiguity") * modulus_m if full else 0.0)
    assert (scaled("range_1") <= modulus_m + 0.01).all()
    checks = [(base, o.pseudorange_m[::2], 0.01), (base + scaled("phase_1"), o.phase_range_m[::2], 0.00025)]
    if second:
        checks.append((base + scaled("range_2"), o.pseudorange_m[1::2], 0.01))
        checks.append((base + scaled("phase_2"), o.phase_range_m[1::2], 0.00025))
        assert scaled("code_2").tolist() == [0 if glonass else 3] * 3
    for ours, true, half_unit in checks:
        wrong = ours - true
        if not full:
            wrong -= np.rint(wrong / modulus_m) * modulus_m
        assert np.abs(wrong).max() <= half_unit + 1e-7
    if full:
        assert np.abs(scaled("cn0_1") - o.cn0_dbhz[::2]).max() <= 0.125
    if glonass:
        assert rows(p, "DF040", 3) == [s % 14 for s in SATELLITES[GLONASS]]


def test_what_is_missing_is_sent_as_not_available() -> None:
    o = observed(GPS, [3], [1, 9], 1)
    p = read(encode(1004, Header(1, 0), o.select([0])))
    assert (sent(p, "DF017_01"), sent(p, "DF018_01"), p.DF019_01, p.DF020_01) == (-8192, -(2**19), 0, 0)
    nothing = np.full(2, np.nan)
    p = read(encode(1004, Header(1, 0), changed(o, phase_range_m=nothing, cn0_dbhz=nothing, lock_ms=nothing)))
    assert (sent(p, "DF012_01"), p.DF013_01, p.DF015_01, sent(p, "DF018_01")) == (-(2**19), 0, 0, -(2**19))
    # DF011: with DF012 at 80000h it is no L1 pseudorange, it only carries what is sent of L2.
    p = read(encode(1004, Header(1, 0), o.select([1])))
    assert (sent(p, "DF012_01"), sent(p, "DF017_01")) == (-(2**19), 0)
    assert abs(p.DF011_01 + p.DF014_01 * 299_792.458 - o.pseudorange_m[1]) <= 0.01 + 1e-7


def test_glonass_without_channel_is_refused() -> None:
    o = changed(observed(GLONASS, [3], [1], 1), channel=np.array([CHANNEL_UNKNOWN], np.int8))
    with pytest.raises(ValueError, match="channel"):
        encode(1012, Header(1, 0), o)


def test_sbas_goes_into_the_older_messages_of_gps() -> None:
    # DF009: 40 to 58 are PRN 120 to 138, in RINEX S20 to S38.
    o = observed(SBAS, [20, 38], [1], 1)
    p = read(encode(1002, Header(1, 0), o))
    assert rows(p, "DF009", 2) == [40, 58]
    with pytest.raises(ValueError, match="number"):
        encode(1002, Header(1, 0), changed(o, satellite=np.array([20, 39], np.uint8)))


def test_phase_less_pseudorange_rolls_over_by_1500_cycles() -> None:
    # DF012: beyond its range the difference is adjusted by the equivalent of 1,500 cycles.
    wavelength_m = C_M_S / 1575.42e6
    o = observed(GPS, [3], [1], 1)
    for drift_m in (263.0, -300.0, 1000.0):
        moved = changed(o, phase_range_m=o.pseudorange_m + drift_m)
        p = read(encode(1002, Header(1, 0), moved))
        phase = p.DF011_01 + p.DF014_01 * 299_792.458 + p.DF012_01
        cycles = (moved.phase_range_m[0] - phase) / wavelength_m
        assert round(cycles) % 1500 == 0 and round(cycles) != 0
        assert abs(cycles - round(cycles)) < 0.002
    inside = changed(o, phase_range_m=o.pseudorange_m + 262.0)
    p = read(encode(1002, Header(1, 0), inside))
    assert abs(p.DF012_01 - 262.0) < 0.011


# Minimum lock times at the ends of their pieces: RTCM 10403.3, table 3.4-2.
LOCK_013_S = [(0, 0), (23, 23), (24, 24), (25, 24), (26, 25), (70, 47), (72, 48), (164, 71), (168, 72)]
LOCK_013_S += [(352, 95), (360, 96), (728, 119), (744, 120), (936, 126), (937, 127), (1e6, 127)]


def test_lock_time_indicators_of_older_messages() -> None:
    o = observed(GPS, list(range(1, len(LOCK_013_S) + 1)), [1], 1)
    p = read(encode(1001, Header(1, 0), changed(o, lock_ms=[s * 1000.0 for s, _ in LOCK_013_S])))
    assert rows(p, "DF013", len(LOCK_013_S)) == [indicator for _, indicator in LOCK_013_S]


def test_what_an_older_message_cannot_say_is_refused() -> None:
    for reason, o in {
        "no room": observed(GPS, [3], [21], 1),  # L5
        "given twice": ONE.select([0, 0]),
        "phase range on L1": changed(ONE, pseudorange_m=[np.nan]),
        "no pseudorange": changed(ONE, pseudorange_m=[np.nan], phase_range_m=[np.nan]),
        "at most 31": observed(GPS, list(range(1, 33)), [1], 1),
        "no number": observed(GPS, [33], [1], 1),
        "DF014/044": changed(ONE, pseudorange_m=[8e7], phase_range_m=[8e7]),
        "L2-L1": changed(observed(GPS, [3], [1, 9], 1), pseudorange_m=[2e7, 2e7 + 164.0]),
    }.items():
        with pytest.raises(ValueError, match=reason):
            encode(1004, Header(1, 0), o)
