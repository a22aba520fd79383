"""How alike two epochs are: numbers that other encoders made coarser, one antenna, and what is neither.

What encoders keep is taken from the standard's units (RTCM 10403.3, DF400 to DF408, DF011 to DF020) and the
expected answers are laid by hand: whole cycles, parts of them, noise of known size.
"""

from __future__ import annotations

import numpy as np
import pytest
from observed import changed, observed

from hncors.measure.likeness import Likeness, Moment, compare, moment_of
from hncors.observation import Observations
from hncors.signals import C_M_S, GLONASS, GPS, NUMBER

MS_M = C_M_S / 1000
L1C, L2W = (NUMBER[GPS][code] for code in ("1C", "2W"))
L1_M = C_M_S / 1575.42e6
SATELLITES = [1, 4, 9, 12, 17, 22, 25, 31]


def sky(gnss: int = GPS, signals: list[int] | None = None, seed: int = 3) -> Observations:
    o = observed(gnss, SATELLITES, signals or [L1C, L2W], seed)
    return changed(o, half_cycle=np.zeros(len(o), bool), lock_ms=np.full(len(o), 1e5))


def moment(o: Observations, kind: int = 7) -> Moment:
    return moment_of(1000, 0, o, np.full(len(o), kind, np.uint8))


def like(one: Observations, other: Observations, kinds: tuple[int, int] = (7, 7)) -> Likeness:
    found = compare(moment(one, kinds[0]), moment(other, kinds[1]))
    assert found is not None
    return found


def rounded(value: np.ndarray, unit: float) -> np.ndarray:
    return np.round(value / unit) * unit


def coarse(o: Observations, code_m: float, phase_m: float, cn0: float) -> Observations:
    return changed(
        o,
        pseudorange_m=rounded(o.pseudorange_m, code_m),
        phase_range_m=rounded(o.phase_range_m, phase_m),
        cn0_dbhz=rounded(o.cn0_dbhz, cn0),
    )


def test_the_same_numbers_are_the_same() -> None:
    found = like(sky(), sky())
    assert (found.cells, found.satellites, found.same_code, found.same_phase) == (16, 8, 1.0, 1.0)
    assert (found.same_cn0, found.same_lock, found.clock_m) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "code_m", "phase_m", "cn0"),
    [(4, MS_M * 2**-24, MS_M * 2**-29, 1.0), (14, 0.02, 0.0005, 0.25), (7, 0.001, 0.001 * L1_M, 0.0625)],
)
def test_coarser_numbers_are_the_same(kind: int, code_m: float, phase_m: float, cn0: float) -> None:
    # MSM4, 1004, and a text file on the way that keeps millimetres and thousandths of a cycle.
    found = like(sky(), coarse(sky(), code_m, phase_m, cn0), (7, kind))
    assert (found.same_code, found.same_phase, found.same_cn0) == (1.0, 1.0, 1.0)


def test_another_clock_and_other_whole_cycles_are_the_same() -> None:
    o = sky()
    wavelength_m = np.where(o.signal == L1C, L1_M, C_M_S / 1227.60e6)
    cycles = np.arange(len(o)) * 37 - 200
    other = changed(
        coarse(o, MS_M * 2**-24, MS_M * 2**-29, 1.0),
        pseudorange_m=o.pseudorange_m + 4321.123,
        phase_range_m=o.phase_range_m + 4321.123 + cycles * wavelength_m,
    )
    found = like(o, other, (7, 4))
    assert (found.same_code, found.same_phase) == (1.0, 1.0)
    assert found.clock_m == pytest.approx(-4321.123, abs=0.01)


def second_receiver(o: Observations, clock_m: float = 0.0, seed: int = 1) -> Observations:
    """Another receiver on the antenna: own noise and clock, a part of a cycle on one signal, whole cycles.

    Its clock has it observe when satellites are elsewhere: ranges that grow by v are v * clock / c shorter.
    """
    rng = np.random.default_rng(seed)
    wavelength_m = np.where(o.signal == L1C, L1_M, C_M_S / 1227.60e6)
    moved_m = clock_m - o.range_rate_m_s * clock_m / C_M_S
    cycles = rng.integers(-1000, 1000, len(o)) + np.where(o.signal == L2W, 0.37, 0.0)
    return changed(
        o,
        pseudorange_m=o.pseudorange_m + moved_m + rng.normal(0, 0.3, len(o)),
        phase_range_m=o.phase_range_m + moved_m + rng.normal(0, 0.0015, len(o)) + cycles * wavelength_m,
    )


@pytest.mark.parametrize("clock_m", [0.0, 250.0, 140_000.0, -140_000.0])
def test_another_receiver_on_the_antenna_is_of_one_antenna_and_no_copy(clock_m: float) -> None:
    found = like(sky(), second_receiver(sky(), clock_m))
    assert found.same_code < 0.2
    assert found.near == 1.0
    assert found.phase_mm < 2.5
    assert found.code_m < 0.6


@pytest.mark.parametrize("apart_m", [0.1, 10.0, 1000.0])
def test_an_antenna_beside_it_is_another_one(apart_m: float) -> None:
    o = sky()
    rng = np.random.default_rng(8)
    towards = np.repeat(rng.uniform(-1, 1, len(SATELLITES)), 2)  # cosines to eight satellites
    there = changed(
        o,
        pseudorange_m=o.pseudorange_m + apart_m * towards,
        phase_range_m=o.phase_range_m + apart_m * towards,
    )
    found = like(o, second_receiver(there))
    assert found.near < 0.7
    assert found.phase_mm > 10.0


def test_glonass_tells_copies_and_no_antenna() -> None:
    signals = [NUMBER[GLONASS]["1C"], NUMBER[GLONASS]["2C"]]
    o = sky(GLONASS, signals)
    found = like(o, o)
    assert (found.same_code, found.same_phase, found.of_near) == (1.0, 1.0, 0)
    assert np.isnan(found.phase_mm)


def test_open_half_cycles_and_what_is_missing_do_not_count() -> None:
    o = sky()
    half = np.zeros(len(o), bool)
    half[:4] = True
    broken = changed(o, half_cycle=half, phase_range_m=o.phase_range_m + half * L1_M / 2)
    found = like(o, broken)
    assert (found.phases, found.same_phase) == (len(o) - 4, 1.0)
    none = changed(o, phase_range_m=np.full(len(o), np.nan), cn0_dbhz=np.full(len(o), np.nan))
    found = like(o, none)
    assert (found.phases, found.same_code) == (0, 1.0)
    assert np.isnan(found.same_cn0)


@pytest.mark.parametrize("rows", [np.arange(5), np.array([0, 1, 2, 3, 4, 5])])
def test_too_little_in_common_tells_nothing(rows: np.ndarray) -> None:
    o = sky()
    assert compare(moment(o), moment(o.select(rows))) is None  # five signals; six of three satellites


def test_ranges_without_whole_milliseconds_tell_nothing() -> None:
    assert compare(moment(sky()), moment(sky(), 2)) is None
    assert compare(moment(sky(), 13), moment(sky(), 14)) is None


def test_whatever_came_is_answered() -> None:
    o = sky()
    for value in (np.nan, np.inf, -np.inf, 1e300, 0.0):
        wild = changed(o, pseudorange_m=np.full(len(o), value), phase_range_m=np.full(len(o), value))
        with np.errstate(all="ignore"):
            compare(moment(o), moment(wild))
            compare(moment(wild), moment(wild))
