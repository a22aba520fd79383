"""Multipath and ROTI against signals whose amplitude is put in, at 1 Hz and thinned to 30 s."""

from __future__ import annotations

import numpy as np
import pytest
from quality_material import METRES_A_TECU, START_MS, Truth, made, sky

from hncors.measure.quality import Quality
from hncors.observation import NO_MESSAGES, Messages, Observations
from hncors.signals import NUMBER, SLOTS

MSM7 = 7


def message() -> Messages:
    blank = {name: np.zeros(1, column.dtype) for name, column in NO_MESSAGES.named().items()}
    return Messages(**blank | {"kind": np.array([MSM7], np.uint8)})


def watch(truth: Truth, names: str, interval_s: int, seconds: int, seed: int = 1) -> Quality:
    """A run of epochs; every 30th is the same at both rates."""
    quality, chance = Quality(1), np.random.default_rng(seed)
    one, none = np.zeros(1, np.int64), np.zeros(1, bool)
    for t in range(0, seconds, interval_s):
        o = made(truth, sky(names), float(t), chance)
        quality.epochs(one, np.array([START_MS + 1000 * t]), none, one, message(), o)
    return quality


def multipath(quality: Quality, name: str) -> float:
    rms, _ = quality.multipath_rms_m()
    gnss = "GRESJCI".index(name[0])
    return float(rms[0, gnss * SLOTS + NUMBER[gnss][name[1:]]])


@pytest.mark.parametrize(
    ("names", "signal", "interval_s"),
    [
        ("G1C G2W", "G1C", 1),
        ("G1C G2W", "G1C", 30),
        ("G1C G2W", "G2W", 30),
        ("C2I C6I", "C6I", 30),
        ("C1P C5P", "C5P", 1),
        ("C1P C5P", "C5P", 30),
        ("R1C R2P", "R2P", 30),
        ("E1C E5Q E7Q", "E7Q", 30),
    ],
)
def test_multipath_of_known_amplitude(names: str, signal: str, interval_s: int) -> None:
    # a sine of amplitude 0.8 m has an rms of 0.8 / sqrt(2); the other signals have none
    truth = Truth(
        multipath_m=lambda t, s: 0.8 * np.sin(2 * np.pi * t / 217 + s.number) * (s.name == signal),
        tecu=lambda t, s: 10 + 0.01 * t,
    )
    quality = watch(truth, names, interval_s, 2170)
    assert quality.slips.sum() == 0
    assert multipath(quality, signal) == pytest.approx(0.8 / np.sqrt(2), rel=0.03)
    for other in set(names.split()) - {signal}:
        assert multipath(quality, other) < 1e-6


@pytest.mark.parametrize("interval_s", [1, 30])
def test_white_noise_has_the_size_that_was_put_in(interval_s: int) -> None:
    quality = watch(Truth(code_noise_m=0.4), "G1C G2W", interval_s, 1500)
    # 8 satellites of 50 epochs at 30 s: the scatter of the estimate is 0.4 / sqrt(2 * 390), three times that
    assert multipath(quality, "G1C") == pytest.approx(0.4, abs=0.043)


def test_a_short_arc_has_no_multipath_yet() -> None:
    assert np.isnan(multipath(watch(Truth(code_noise_m=0.4), "G1C G2W", 1, 290), "G1C"))


@pytest.mark.parametrize("interval_s", [1, 30])
def test_a_ramp_of_electrons_has_no_roti(interval_s: int) -> None:
    quality = watch(Truth(tecu=lambda t, s: 10 + 1.5 / 60 * t), "G1C G2W", interval_s, 660)
    median, most = quality.roti_tecu_min()
    assert median[0] < 1e-4  # float32 of 1.5 TECU a minute
    assert most[0] < 1e-4
    rates = quality.ionosphere.rates(np.array([0]), (START_MS + 630_000) // 30_000)
    assert rates[0] == pytest.approx(1.5, abs=1e-4)


def test_white_phase_noise_has_the_roti_it_must_have() -> None:
    # GF noise sqrt(2) s, ROT noise sqrt(2) of that over half a minute
    m_a_tecu = METRES_A_TECU["G2W"] - METRES_A_TECU["G1C"]
    expected = np.sqrt(2) * np.sqrt(2) * 0.003 / m_a_tecu / 0.5
    seen = []
    for seed in range(12):
        quality = watch(Truth(phase_noise_m=0.003), "G1C G2W", 30, 660, seed=seed)
        seen.append(quality.ionosphere.roti[: quality.cells.count])
    squares = np.concatenate(seen) ** 2
    assert np.sqrt(np.nanmean(squares)) == pytest.approx(expected, rel=0.1)


def test_roti_of_a_thinned_stream_is_the_same() -> None:
    truth = Truth(tecu=lambda t, s: 10 + 0.3 * np.sin(2 * np.pi * t / 250 + s.number))
    fast = watch(truth, "G1C G5Q", 1, 700).roti_tecu_min()
    slow = watch(truth, "G1C G5Q", 30, 700).roti_tecu_min()
    # ROT of a sine: 2 A sin(pi 30 / 250) / 0.5 min in amplitude
    assert fast[0][0] == pytest.approx(2 * 0.3 * np.sin(np.pi * 30 / 250) / 0.5 / np.sqrt(2), rel=0.1)
    assert fast[0][0] == slow[0][0]
    assert fast[1][0] == slow[1][0]


def test_an_unruly_ionosphere_is_not_taken_for_slips_for_long() -> None:
    # 1.5 TECU a minute of ROTI at 30 s, as in a storm: GF jumps by 5 to 20 cm from epoch to epoch
    walk = np.cumsum(np.random.default_rng(5).standard_normal((400, 8)) * 0.75, axis=0)
    truth = Truth(tecu=lambda t, s: 30 + walk[int(t // 30), s.number - 1])
    quality = watch(truth, "G1C G2W", 30, 30 * 400)
    assert quality.slips.sum() <= 0.02 * 400 * 8


def test_a_slip_does_not_look_like_the_ionosphere() -> None:
    truth = Truth(cycles=lambda t, s: 50.0 * (t > 400 and s.name == "G1C"), tecu=lambda t, s: 10 + t / 60)
    quality = watch(truth, "G1C G2W", 1, 900)
    assert quality.slips.sum() == 8
    assert quality.roti_tecu_min()[1][0] < 1e-3


def test_electrons_that_change_differently_disturb_the_network() -> None:
    # 2 TECU an hour more at one of two stations 40 km apart: in five minutes 1/6 TECU of 162.4 mm on L1,
    # which is 40.308e16 / 1575.42e6^2 m a TECU, in 40 km
    places = [(-2.2e6, 5.1e6, 3.1e6), (-2.2e6 + 40_000.0, 5.1e6, 3.1e6), None]
    quality, chance = Quality(3, lambda: places), np.random.default_rng(1)
    stations, none = np.arange(3), np.zeros(3, bool)
    signals = sky("G1C G2W", 6)
    one = len(signals.number)
    for t in range(0, 7200, 30):
        columns = [
            made(Truth(tecu=lambda t, s, n=n: 10 + 2 * n * t / 3600), signals, float(t), chance).named()
            for n in range(3)
        ]
        joined = {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
        joined["message"] = np.repeat(stations, one)
        messages = Messages.join([message()] * 3)
        quality.epochs(
            stations, np.full(3, START_MS + 1000 * t), none, stations, messages, Observations(**joined)
        )
        if t == 1800:
            assert np.isnan(quality.disturbance.ppm())  # too few yet
    expected = 40.308e16 / 1575.42e6**2 * 1000 / 6 / 40
    assert quality.disturbance.ppm() == pytest.approx(expected, rel=0.05)


def test_stations_that_stay_keep_their_arcs() -> None:
    quality = watch(Truth(code_noise_m=0.4), "G1C G2W", 1, 400)
    moved = quality.rearranged(np.array([-1, 0]))
    assert multipath_rows(moved) == [False, True]
    rms, _ = moved.multipath_rms_m()
    assert np.array_equal(rms[1], quality.multipath_rms_m()[0][0], equal_nan=True)
    assert moved.roti_tecu_min()[0][1] == quality.roti_tecu_min()[0][0]
    assert multipath_rows(quality.rearranged(np.array([-1]))) == [False]


def multipath_rows(quality: Quality) -> list[bool]:
    known: list[bool] = (~np.isnan(quality.multipath_rms_m()[0])).any(axis=1).tolist()
    return known
