"""Trials of detection that take no time; all of them: make detection, docs/detection.md."""

from __future__ import annotations

import pytest
from detection_case import Case
from detection_cases import cases
from detection_trials import tried

ALL = list(cases())
QUICK = [case for case in ALL if case.quick]


@pytest.mark.parametrize("case", QUICK, ids=[f"{case.rule}: {case.title}" for case in QUICK])
def test_a_trial_finds_what_it_has_to_and_nothing_else(case: Case) -> None:
    result = tried(case)
    assert result.missed == [] and result.wrong == [] and result.suspected == []


def test_each_rule_on_trial_has_what_it_has_to_find_and_three_risks() -> None:
    for rule in {case.rule for case in ALL}:
        its = [case for case in ALL if case.rule == rule]
        assert any(case.wants for case in its), rule
        assert sum(case.beside + (not case.wants) for case in its) >= 3, rule


def test_a_trial_that_misses_or_finds_too_much_is_not_good() -> None:
    quick = next(case for case in QUICK if case.rule == "E2" and case.wants)
    assert tried(quick._replace(within_s=60.0)).missed == ["WILD"]
    assert [one.rule for one in tried(quick._replace(wants=frozenset())).wrong] == ["E2"]
