"""Frames of any content, valid check and all, through the line from bytes to columns."""

from __future__ import annotations

import os
import sys
from itertools import islice
from types import FrameType
from typing import Any

import fuzz_checks
import fuzzing
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrtcm_fields import read, rows

from hncors.rtcm3 import block
from hncors.rtcm3.crc import crc24q
from hncors.rtcm3.encode import frame
from hncors.signals import C_M_S, CODES, SATELLITE

FRAMES = int(os.environ.get("HNCORS_FUZZ_FRAMES", "100000"))


def test_fuzzed_frames() -> None:
    """`make fuzz` runs this with 2,000,000 frames."""
    census = fuzz_checks.run(islice(fuzzing.frames(1), FRAMES), 1)
    assert sum(census.values()) == FRAMES
    assert set(census) == set(block.OUTCOMES)
    assert census["decoded"] > FRAMES / 2  # most get past the first test of length


def test_fuzzed_frames_are_what_they_say() -> None:
    some = list(islice(fuzzing.frames(2), 5000))
    assert not any(crc24q(one) for one in some)
    assert some == list(islice(fuzzing.frames(2), 5000))
    found = block.decode(some)
    decoded = {int(found.type[row]) for row in np.flatnonzero(found.outcome == block.DECODED)}
    msm = {1070 + 10 * gnss + kind for gnss in range(7) for kind in range(1, 8)}
    older = {*range(1001, 1005), *range(1009, 1013), 1005, 1006, 1007, 1008, 1013, 1029, 1032, 1033, 1230}
    assert decoded == msm | older | {63, 1019, 1020, 1041, 1042, 1044, 1045, 1046}
    assert {name for name, _, _ in found.anomalies} >= {"unknown_signal", "unknown_satellite"}


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(fuzzing.payloads, min_size=1, max_size=4))
def test_fuzzed_payloads_by_hypothesis(payloads: list[bytes]) -> None:
    frames = [frame(payload) for payload in payloads]
    fuzz_checks.check(frames, block.decode(frames))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_fuzzed_bytes_by_hypothesis(payloads: list[bytes]) -> None:
    frames = [frame(payload) for payload in payloads]
    fuzz_checks.check(frames, block.decode(frames))


def test_fuzzed_frames_decode_the_same_in_any_company() -> None:
    some = list(islice(fuzzing.frames(3), 600))
    whole = block.decode(some)
    at = 0
    for size in (1, 2, 97, 250, 250):
        part = block.decode(some[at : at + size])
        of_part = (whole.messages.frame >= at) & (whole.messages.frame < at + size)
        rows_of_part = of_part[whole.observations.message]
        for name, values in part.observations.named().items():
            if name != "message":
                same = whole.observations.named()[name][rows_of_part]
                assert np.array_equal(values, same, equal_nan=values.dtype.kind == "f"), name
        for name, values in part.messages.named().items():
            assert np.array_equal(values + at * (name == "frame"), whole.messages.named()[name][of_part]), (
                name
            )
        assert (part.outcome == whole.outcome[at : at + size]).all()
        assert [repr(x) for _, x in part.records] == [
            repr(x) for n, x in whole.records if at <= n < at + size
        ]
        at += size


def lock_ms(df: str, indicator: int) -> float:
    """Minimum lock time: RTCM 10403.3, tables 3.5-74 (DF402) and 3.5-75 (DF407)."""
    if df == "DF402":
        return 2.0 ** (indicator + 4) if indicator else 0.0
    if indicator < 64 or indicator > 704:
        return float(indicator) if indicator < 64 else np.nan
    if indicator == 704:
        return 67_108_864.0
    piece = indicator // 32 - 1  # "2 i - 64" for 64 to 95, "4 i - 256" for 96 to 127, and so on
    return 2.0**piece * indicator - 32 * piece * 2.0**piece


def cells_by_pyrtcm(payload: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Columns of an MSM by the standard's arithmetic on the integers that pyrtcm reads."""
    p = read(payload)
    gnss, kind = divmod(int(p.identity) - 1070, 10)
    bits = [63 - n for n in range(63, -1, -1) if p.DF394 >> n & 1]
    signals = [31 - n for n in range(31, -1, -1) if p.DF395 >> n & 1]
    mask = np.array([p.DF396 >> n & 1 for n in reversed(range(len(bits) * len(signals)))], bool)
    at = np.repeat(np.arange(len(bits)), len(signals))[mask]  # each cell's satellite

    def per_satellite(field: str) -> np.ndarray[Any, Any]:
        return np.array(rows(p, field, len(bits)), float)[at]

    def cell(field: str, missing: int | None = None) -> np.ndarray[Any, Any]:
        values = np.array(rows(p, field, len(at)), float)
        return values if missing is None else np.where(values == missing, np.nan, values)

    out = {
        "satellite": SATELLITE[gnss][bits].astype(int)[at],
        "signal": np.tile(signals, len(bits)).astype(int)[mask],
        **dict.fromkeys(
            ("pseudorange_m", "phase_range_m", "range_rate_m_s", "cn0_dbhz"), np.full(len(at), np.nan)
        ),
    }
    rough = per_satellite("DF398") / 1024
    if kind > 3:
        whole = per_satellite("DF397")
        rough = rough + np.where(whole == 255, np.nan, whole)
    fine = kind > 5
    if kind != 2:
        raw = cell("DF405", -(2**19)) * 2.0**-29 if fine else cell("DF400", -(2**14)) * 2.0**-24
        out["pseudorange_m"] = (rough + raw) * C_M_S / 1000
    if kind > 1:
        raw = cell("DF406", -(2**23)) * 2.0**-31 if fine else cell("DF401", -(2**21)) * 2.0**-29
        out["phase_range_m"] = (rough + raw) * C_M_S / 1000
        lock = "DF407" if fine else "DF402"
        out["lock_ms"] = np.array([lock_ms(lock, int(n)) for n in cell(lock)])
        out["half_cycle"] = cell("DF420")
    if kind > 3:
        out["cn0_dbhz"] = cell("DF408", 0) / 16 if fine else cell("DF403", 0)
    if kind in (5, 7):
        rate = per_satellite("DF399")
        out["range_rate_m_s"] = np.where(rate == -8192, np.nan, rate) + cell("DF404", -(2**14)) * 1e-4
    return out


def test_fuzzed_cells_are_what_pyrtcm_reads() -> None:
    """All columns of MSM, every extreme and every "not available" among them."""
    some = [one for one in islice(fuzzing.frames(4), 2500) if 1070 < (one[3] << 4 | one[4] >> 4) < 1138]
    found = block.decode(some)
    o = found.observations
    compared = 0
    for row, (at, gnss) in enumerate(zip(found.messages.frame, found.messages.gnss, strict=True)):
        ours = o.select(o.message == row).named()
        theirs = cells_by_pyrtcm(some[at][3:-3])
        kept = [
            s > 0 and CODES[gnss][n] != "" for s, n in zip(theirs["satellite"], theirs["signal"], strict=True)
        ]
        for name, values in theirs.items():
            np.testing.assert_allclose(
                ours[name], values[np.array(kept, bool)], rtol=0, atol=1e-6, err_msg=name
            )
        compared += sum(kept)
    assert compared > 5000


def test_fuzzed_frames_cost_a_bounded_number_of_calls() -> None:
    """Work is counted, not timed: calls of functions for each frame and for each block."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    worst = 0.0
    source = fuzzing.frames(5)
    for _ in range(10):
        some = list(islice(source, 500))
        calls = 0
        sys.setprofile(count)
        block.decode(some)
        sys.setprofile(None)
        worst = max(worst, calls / len(some))
    assert worst < 100
    with pytest.raises(AssertionError):  # the checks can fail
        fuzz_checks.check([frame(b"")], block.decode([frame(bytes(20))]))
