"""Faults injected into ranges to satellites on a sphere, seen from a known place: that place is the truth."""

from __future__ import annotations

import numpy as np
import pytest
from integrity_trials import PLACE_M, Sky, ranges, sky

from hncors.measure.exclusion import ALERT, EXCLUDED, NOT_POSSIBLE, OK, STATES, Trusted, without_faults
from hncors.measure.position import BEIDOU_2
from hncors.signals import BEIDOU, GNSS

G, E = GNSS.index("G"), GNSS.index("E")


def trusted(one: Sky, fault_m: np.ndarray, seed: int = 1) -> Trusted:
    return without_faults(one.groups, *ranges(one, fault_m, np.random.default_rng(seed)))


def errors_m(found: Trusted) -> np.ndarray:
    return np.linalg.norm(found.fixes.place_m - PLACE_M, axis=1)


def test_without_a_fault_nothing_is_left_out() -> None:
    one = sky(200, {"G": 9, "E": 7, "C": 9}, seed=1)
    found = trusted(one, np.zeros(len(one.sigma_m)))
    assert (found.state == OK).all() and not found.out.any() and (found.system == -1).all()
    assert errors_m(found).max() < 15.0
    error = np.abs(np.einsum("ij,ej->ei", one.axes, found.fixes.place_m - PLACE_M))
    assert (error < found.separation.level_m).all()


@pytest.mark.parametrize("satellite", range(0, 25, 4))
def test_one_satellite_forty_metres_off_is_named_and_left_out(satellite: int) -> None:
    one = sky(40, {"G": 9, "E": 7, "C": 9}, seed=2)
    fault = np.zeros((40, 25))
    fault[:, satellite] = 40.0
    found = trusted(one, fault.ravel())
    assert (found.state == EXCLUDED).all()
    assert np.array_equal(found.out.reshape(40, 25), fault > 0)
    assert errors_m(found).max() < 15.0


def test_two_satellites() -> None:
    one = sky(40, {"G": 10, "E": 8, "C": 10}, seed=3)
    fault = np.zeros((40, 28))
    fault[:, [1, 12]] = [60.0, -90.0]
    found = trusted(one, fault.ravel())
    assert (found.state == EXCLUDED).all()
    assert np.array_equal(found.out.reshape(40, 28), fault != 0)


def test_two_satellites_of_nine_are_not_told_apart_from_others() -> None:
    one = sky(40, {"G": 9}, seed=3)
    fault = np.zeros((40, 9))
    fault[:, [1, 5]] = [60.0, -90.0]
    found = trusted(one, fault.ravel())
    assert (found.state != OK).all() and (found.state == ALERT).any()
    assert found.out.reshape(40, 9).sum(axis=1).max() <= 1


def test_three_satellites_are_an_alert_and_no_guess() -> None:
    one = sky(40, {"G": 10, "E": 8, "C": 10}, seed=4)
    fault = np.zeros((40, 28))
    fault[:, [1, 14, 22]] = [70.0, -90.0, 120.0]
    found = trusted(one, fault.ravel())
    assert (found.state == ALERT).all()
    assert not found.out.any()


def test_a_system_whose_satellites_all_are_wrong_is_left_out_whole() -> None:
    one = sky(40, {"G": 10, "E": 8, "C": 10}, seed=5)
    fault = np.where(one.clock == E, np.random.default_rng(9).uniform(-80, 80, len(one.clock)), 0.0)
    found = trusted(one, fault)
    assert (found.state == EXCLUDED).all() and (found.system == E).all()
    assert np.array_equal(found.out, one.clock == E)
    assert errors_m(found).max() < 15.0


def test_both_kinds_of_beidou_are_one_system() -> None:
    one = sky(20, {"G": 10, "E": 8, "C": 6, "C2": 4}, seed=6)
    beidou = (one.clock == BEIDOU) | (one.clock == BEIDOU_2)
    fault = np.where(beidou, np.random.default_rng(8).uniform(-90, 90, len(one.clock)), 0.0)
    found = trusted(one, fault)
    assert (found.system == BEIDOU).all() and np.array_equal(found.out, beidou)


def test_a_common_shift_of_a_system_is_its_clock_and_no_fault() -> None:
    one = sky(20, {"G": 10, "E": 8}, seed=7)
    found = trusted(one, np.where(one.clock == E, 300.0, 0.0))
    assert (found.state == OK).all()


def test_without_redundancy_nothing_is_said() -> None:
    one = sky(20, {"G": 4}, seed=8)
    found = trusted(one, np.zeros(80))
    assert (found.state == NOT_POSSIBLE).all()
    assert np.isinf(found.separation.level_m).all()
    few = trusted(sky(5, {"G": 3}, seed=8), np.zeros(15))
    assert (few.state == NOT_POSSIBLE).all() and np.isnan(few.fixes.place_m).all()


def test_one_range_more_than_needed_sees_a_fault_and_names_none() -> None:
    one = sky(50, {"G": 5}, seed=9)
    fault = np.zeros((50, 5))
    fault[:, 2] = 4000.0
    found = trusted(one, fault.ravel())
    assert (found.state == ALERT).all() and not found.out.any()


def test_epochs_are_judged_each_for_itself() -> None:
    one = sky(60, {"G": 9, "E": 7}, seed=10)
    fault = np.zeros((60, 16))
    fault[::3, 4] = 55.0
    found = trusted(one, fault.ravel())
    assert [STATES[s] for s in found.state[:4]] == ["excluded", "ok", "ok", "excluded"]
    assert (found.state[::3] == EXCLUDED).all() and (np.delete(found.state, np.s_[::3]) == OK).all()
