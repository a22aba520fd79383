"""Cycle slips and clock jumps against a truth that is put into observations (tests/quality_material.py).

Which pairs of slips are small in which combination follows from wavelengths alone: (9, 7) and (77, 60) on GPS
L1 and L2 change the geometry-free phase by 3 and 0 mm, (1, 1) leaves the wide lane where it is.
"""

from __future__ import annotations

import numpy as np
import pytest
from quality_material import C_M_S, START_MS, Signals, Truth, made, sky

from hncors.measure.carrier import Jump
from hncors.measure.cells import PLACES, SKY, Cells
from hncors.measure.slips import TESTS, look
from hncors.signals import CODES, GNSS, SLOTS

MSM7 = 7
NOISE = {"code_noise_m": 0.3, "phase_noise_m": 0.002}


class Watched:
    """What became of a run of epochs: slips as (second, satellite, code, tests)."""

    def __init__(self, truth: Truth, signals: Signals, times_s: list[float], seed: int = 1) -> None:
        self.cells, self.slips, self.jumps = Cells(1), list[tuple[float, int, str, set[str]]](), list[Jump]()
        chance = np.random.default_rng(seed)
        for t in times_s:
            o = made(truth, signals, t, chance)
            n = len(o)
            time_ms = np.full(n, START_MS + round(t * 1000))
            seen = look(self.cells, np.zeros(n, np.int64), time_ms, np.full(n, MSM7, np.uint8), o)
            self.jumps += seen.jumps
            for cell, bits in zip(seen.slips.cell.tolist(), seen.slips.tests.tolist(), strict=True):
                signal = int(self.cells.signal[cell])
                satellite = int(self.cells.key[cell]) // PLACES % SKY  # GPS comes first: its own number
                tests = {name for bit, name in enumerate(TESTS) if bits >> bit & 1}
                name = GNSS[signal // SLOTS] + CODES[signal // SLOTS][signal % SLOTS]
                self.slips.append((t, satellite, name, tests))


def slip(*cycles: tuple[str, float], at_s: float, satellite: int = 3) -> Truth:
    """Some signals of one satellite slip at a time, under an ionosphere that grows by 0.2 TECU a minute."""
    return Truth(
        cycles=lambda t, s: sum(
            size * (s.name == name) * (s.number == satellite) * (t >= at_s) for name, size in cycles
        ),
        tecu=lambda t, s: 10 + 0.2 / 60 * t * s.number / 4,
        **NOISE,
    )


@pytest.mark.parametrize("interval_s", [1, 30])
@pytest.mark.parametrize("names", ["G1C G2W", "G1C G2W G5Q"])
@pytest.mark.parametrize(
    ("first", "second", "found_by"),
    [
        (1, 1, {"geometry_free"}),
        (1, 0, {"geometry_free"}),
        (0, -1, {"geometry_free"}),
        (0.5, 0, {"geometry_free"}),  # half a cycle
        (77, 60, {"melbourne_wuebbena"}),  # 0.3 mm of geometry-free phase
        (9, 7, {"melbourne_wuebbena"}),  # 3 mm
    ],
)
def test_slips_are_found_once(
    interval_s: int, names: str, first: float, second: float, found_by: set[str]
) -> None:
    at_s = 60.0 * interval_s
    truth = slip(("G1C", first), ("G2W", second), at_s=at_s)
    seen = Watched(truth, sky(names), [k * interval_s for k in range(120)])
    assert len(seen.slips) == 1
    when, satellite, _, tests = seen.slips[0]
    # Melbourne-Wuebbena alone waits for a second epoch: one pseudorange may be an outlier.
    assert when - at_s in (0, interval_s)
    assert satellite == 3
    if names == "G1C G2W":
        assert found_by <= tests
    assert not seen.jumps


def test_two_small_steps_are_one_slip() -> None:
    # (5, 4) is 25 mm and one cycle of the wide lane: neither is beyond its limit alone
    seen = Watched(slip(("G1C", 5), ("G2W", 4), at_s=60), sky("G1C G2W"), list(range(120)))
    assert [(when, satellite) for when, satellite, _, _ in seen.slips] == [(60, 3)]


@pytest.mark.parametrize("slipped", ["G1C", "G2W", "G5Q"])
def test_three_frequencies_tell_which_one_slipped(slipped: str) -> None:
    seen = Watched(slip((slipped, 3.0), at_s=40), sky("G1C G2W G5Q"), list(range(80)))
    assert [(when, satellite, name) for when, satellite, name, _ in seen.slips] == [(40, 3, slipped)]


@pytest.mark.parametrize("interval_s", [1, 30])
def test_nothing_is_found_where_nothing_slipped(interval_s: int) -> None:
    truth = Truth(tecu=lambda t, s: 20 + 0.5 / 60 * t + 2 * np.sin(t / 600 + s.number), **NOISE)
    seen = Watched(truth, sky("G1C G2W G5Q", 10), [k * interval_s for k in range(400)])
    assert seen.slips == []


@pytest.mark.parametrize("interval_s", [1, 30])
@pytest.mark.parametrize("jump_s", [1e-3, -1e-3, 3e-6])
@pytest.mark.parametrize("phase", [True, False])
def test_clock_jumps_are_not_slips(interval_s: int, jump_s: float, phase: bool) -> None:
    at_s = 50.0 * interval_s
    jump_m = jump_s * C_M_S

    def clock_m(t: float) -> float:
        return jump_m * (t >= at_s)

    truth = Truth(**{"clock_m" if phase else "code_clock_m": clock_m}, **NOISE)  # type: ignore[arg-type]
    seen = Watched(truth, sky("G1C G2W"), [k * interval_s for k in range(100)])
    assert seen.slips == []
    assert [(one.time_ms - START_MS, one.phase) for one in seen.jumps] == [(at_s * 1000, phase)]
    assert seen.jumps[0].jump_m == pytest.approx(jump_m, abs=0.3 * interval_s**2 + 2)


def test_a_slip_in_the_moment_of_a_clock_jump_is_found() -> None:
    truth = slip(("G1C", 4.0), at_s=40)._replace(code_clock_m=lambda t: 1e-3 * C_M_S * (t >= 40))
    seen = Watched(truth, sky("G1C G2W"), list(range(80)))
    assert len(seen.jumps) == 1
    assert [(when, satellite) for when, satellite, _, _ in seen.slips] == [(40, 3)]


def test_lock_time_tells_a_slip_that_no_combination_shows() -> None:
    lock = Truth(lock_ms=lambda t, s: np.where((s.name == "G5Q") & (t >= 40), 16_384.0, 524_288.0), **NOISE)
    seen = Watched(lock, sky("G1C G2W G5Q", 1), list(range(80)))
    assert seen.slips == [(40, 1, "G5Q", {"lock"})]


def test_an_open_half_cycle_is_no_slip_when_it_is_resolved() -> None:
    truth = Truth(
        cycles=lambda t, s: 0.5 * (s.name == "G2W") * (40 <= t < 46),
        half_cycle=lambda t, s: (s.name == "G2W") & (40 <= t < 46),
        **NOISE,
    )
    seen = Watched(truth, sky("G1C G2W"), list(range(80)))
    assert seen.slips == []


def test_a_satellite_that_comes_back_after_long_has_not_slipped() -> None:
    truth = Truth(cycles=lambda t, s: 1000.0 * (t > 100), lock_ms=lambda t, s: 64.0, **NOISE)
    seen = Watched(truth, sky("G1C G2W"), [0.0, 300.0])
    assert seen.slips == []
    seen = Watched(truth, sky("G1C G2W"), [0.0, 120.0])
    assert {name for _, _, name, _ in seen.slips} == {"G1C", "G2W"}


def test_one_frequency_has_the_pseudorange() -> None:
    truth = slip(("G1C", 200.0), at_s=40)
    seen = Watched(truth, sky("G1C"), list(range(80)))
    assert seen.slips == [(40, 3, "G1C", {"code_phase"})]


def test_a_ninth_signal_of_a_system_is_refused_and_counted() -> None:
    cells = Cells(1)
    codes = "1C 1P 1W 2C 2P 2W 2S 2L 2X".split()
    o = made(Truth(), sky("G1C " * len(codes), 1), 0.0, np.random.default_rng(1))
    o.signal[:] = [CODES[0].index(code) for code in codes]
    assert cells.of(np.zeros(len(codes), np.int64), o).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, -1]
    assert cells.refused == 1


def test_times_that_repeat_or_go_back_and_wild_values_do_no_harm() -> None:
    truth = Truth(
        cycles=lambda t, s: 1e300 * (t == 2), lock_ms=lambda t, s: 64.0, cn0_dbhz=lambda t, s: np.nan, **NOISE
    )
    with np.errstate(all="ignore"):  # the caller's, hncors.measure.quality
        seen = Watched(truth, sky("G1C G2W"), [0.0, 1, 2, 3, 3, -5000, -4999, 1e7, 1e7 + 1])
    cells = seen.cells
    assert cells.count == 16
    assert np.isfinite(cells.phase_m[:16]).all()
