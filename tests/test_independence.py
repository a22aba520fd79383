"""How many independent samples a series is worth: against processes whose correlation time is known."""

import numpy as np
import pytest

from hncors.measure.independence import HOUR_MS, LONGEST_GAP, Hours, at_most, correlation_epochs

SECONDS = np.arange(20_000) * 1000


def autoregressive(phi: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=len(SECONDS))
    out = np.empty(len(noise))
    value = 0.0
    for n, one in enumerate(noise):
        value = phi * value + one
        out[n] = value
    return out


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.98])
def test_of_an_autoregressive_process(phi):
    # The integrated correlation time of x(n) = phi x(n-1) + e is (1 + phi) / (1 - phi).
    found = np.mean([correlation_epochs(SECONDS, autoregressive(phi, seed)) for seed in range(4)])
    assert found == pytest.approx((1 + phi) / (1 - phi), rel=0.25)


def test_an_error_that_stays_is_one_error():
    assert correlation_epochs(SECONDS, np.full(len(SECONDS), 0.7)) == pytest.approx(len(SECONDS))


def test_what_is_missing_makes_no_difference():
    error = autoregressive(0.9, 7)
    error[4000:4500] = np.nan
    error[::10] = np.nan
    assert correlation_epochs(SECONDS, error) == pytest.approx(19.0, rel=0.35)


def test_a_long_silence_costs_no_memory():
    time_ms = np.append(SECONDS[:1000], SECONDS[:1000] + 3650 * 86_400_000)
    error = np.random.default_rng(1).normal(size=2000)
    assert correlation_epochs(time_ms, error) == pytest.approx(1.0, abs=0.3)
    assert LONGEST_GAP < 10_000


def test_of_nothing():
    none = np.array([])
    assert np.isnan(correlation_epochs(none.astype(np.int64), none))
    assert np.isnan(correlation_epochs(SECONDS, np.full(len(SECONDS), np.nan)))
    assert correlation_epochs(SECONDS[:1], np.ones(1)) == 1.0


@pytest.mark.parametrize(("seen", "most"), [(0, 2.996), (1, 4.744), (5, 10.513), (20, 29.062)])
def test_what_so_many_epochs_can_show(seen, most):
    # Upper limits of a Poisson mean at 95 %: Garwood 1936, Biometrika 28, 437.
    assert at_most(seen, 1000, 1000.0) == pytest.approx(most / 1000, rel=0.01)


def test_dependent_epochs_show_less():
    assert at_most(0, 1000, 10.0) == pytest.approx(0.2996, rel=0.01)
    assert at_most(0, 1000, 1.0) == 1.0
    assert np.isnan(at_most(0, 0, np.nan))


def hours(errors: np.ndarray) -> float:
    """Of the second station of two, ten seconds between epochs, half an hour at a time."""
    its = Hours(2)
    time_ms = np.arange(len(errors)) * 10_000
    for first in range(0, len(errors), 180):
        rows = slice(first, first + 180)
        its.add(np.ones(len(errors[rows]), np.int64), time_ms[rows], errors[rows])
    assert np.isnan(its.independent()[0])
    return float(its.rearranged(np.array([1])).independent()[0])


def test_means_of_hours_of_independent_errors():
    errors = np.random.default_rng(5).normal(size=(360 * 400 + 1, 3))
    # 144,000 epochs; the estimate by 400 hours is good to a tenth, and the worst of three components counts.
    assert hours(errors) == pytest.approx(144_000, rel=0.2)


def test_means_of_hours_of_errors_that_stay():
    assert hours(np.full((360 * 48 + 1, 3), 0.7)) == pytest.approx(48)


def test_means_of_hours_of_an_autoregressive_process():
    series = np.stack([autoregressive(0.9, seed) for seed in (1, 2, 3)], axis=1)
    whole = len(series) // 360 * 360
    assert hours(series[: whole + 1]) == pytest.approx(whole / 19, rel=0.45)


def test_one_hour_tells_nothing_yet():
    assert np.isnan(hours(np.ones((360 + 5, 3))))
    assert HOUR_MS == 360 * 10_000
