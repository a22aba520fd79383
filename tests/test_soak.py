"""The soak in small: ten virtual minutes of a plan by chance, and that it finds what is wrong."""

from __future__ import annotations

from itertools import pairwise

import pytest
import soak
from soak_faults import CALM_S, KINDS, Fault, plan

from hncors import health
from hncors.daemon import caster_client

SEED = 7


@pytest.mark.peer("openssl")
def test_ten_minutes_under_random_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault is named in time and over in time, nothing else goes down, every byte and epoch counted."""
    outcome = soak.run(600.0, SEED)
    with capsys.disabled():
        print(f"\n{outcome.table()}")
    assert outcome.wrong == []
    assert sum(seen.number for seen in outcome.kinds.values()) > 50
    assert {kind for kind, one in KINDS.items() if not one.hosts} <= set(outcome.kinds)
    assert {"no such name", "restart"} <= set(outcome.kinds)


def one_fault(monkeypatch: pytest.MonkeyPatch, kind: str, begin_s: float, end_s: float) -> soak.Outcome:
    """A soak of a single fault, of few stations."""
    monkeypatch.setattr("soak_world.SHARES", {"a": 3, "c": 1})
    monkeypatch.setattr(
        soak, "plan", lambda hosts, *_, **__: [Fault(kind, hosts["a"][0], begin_s, end_s)] if kind else []
    )
    return soak.run(end_s + CALM_S, SEED)


def test_an_outage_that_nobody_names_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With half a minute of patience a silence is missed."""
    monkeypatch.setattr(health, "QUIET_S", 30.0)
    monkeypatch.setattr(caster_client, "QUIET_S", 30.0)
    wrong = one_fault(monkeypatch, "silence", 30, 55).wrong
    assert len(wrong) == 1
    assert "streaming 10." in wrong[0]
    assert wrong[0].endswith("s after silence began")


def test_a_station_that_is_down_without_a_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no patience a silence of seven seconds is one."""
    monkeypatch.setattr(health, "QUIET_S", 5.0)
    wrong = one_fault(monkeypatch, "silence", 30, 37).wrong
    assert any("s of silence" in one for one in wrong)


def test_a_slow_recovery_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pace of forty seconds a station is not back in time."""
    monkeypatch.setattr("hncors.daemon.reconnect.OWN_EVERY_S", 40.0)
    wrong = one_fault(monkeypatch, "503", 60, 66).wrong
    assert "s after the end of 503" in wrong[0]


def test_a_plan_has_several_faults_at_a_time_and_one_of_a_station() -> None:
    """The same for the same seed; calm at both ends."""
    hosts = {"a": [f"A{n}" for n in range(14)], "b": ["B1", "B2"], "c": ["C1"]}
    made = plan(hosts, 1200.0, 3, tls=True)
    assert made == plan(hosts, 1200.0, 3, tls=True) != plan(hosts, 1200.0, 4, tls=True)
    assert all(CALM_S <= one.begin_s < one.end_s <= 1200 - CALM_S for one in made)
    assert max(sum(one.begin_s <= at < one.end_s for one in made) for at in range(1200)) >= 5
    for name in (*hosts["a"], *hosts["b"], *hosts["c"], *hosts):
        own = [one for one in made if name in (one.target, one.with_)]
        assert all(before.end_s < after.begin_s for before, after in pairwise(own))


def test_most_within_leaves_out_the_end_of_a_span() -> None:
    """Ten a second at even distances are ten."""
    assert soak.most_within([n / 10 for n in range(40)], 1.0) == 10
    assert soak.most_within([0.0, 0.1, 0.95, 1.05], 1.0) == 3
    assert soak.most_within([], 1.0) == 0
