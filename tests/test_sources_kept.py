"""E19 over restarts: who pushed a stream is in the ledger, and who pushes it next is held against that."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from test_evidence_judge import MINUTE_NS, NOW_NS
from test_evidence_rules import FILED, HOME, at
from test_presence_kept import Run

from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_sources import Pushers, keep_sources, kept_sources
from hncors.origins import ORIGINS, Origin
from hncors.supervise.presence import DAY_NS
from hncors.supervise.regions import Regions
from hncors.supervise.seen import Seen
from hncors.supervise.sources import Pushed, Sources, from_plain, plain

OURS, OTHER = Origin("192.0.2.7", "NTRIP LeicaGR50/4.50"), Origin("198.51.100.9", "NTRIP str2str/2.4.3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def looked_at(run: Run, *origins: Origin, serial: str = "", minutes: int = 5) -> list[str]:
    """Rules that speak of a filed stream pushed by these, all since the run began."""
    found = []
    equipment = {"receiver_serial": serial} if serial else {}
    for minute in range(minutes):
        now_ns = run.now_ns + minute * MINUTE_NS
        its = tuple(one._replace(at_ns=run.now_ns) for one in origins)
        seen = Seen(
            "CSHA", now_ns, live=True, station=FILED, arp_m=at(*HOME), origins=its, equipment=equipment,
            equipped_ns=now_ns,
        )  # fmt: skip
        seen = run.judge.sources.of(seen)
        found += [one.finding.rule for one in run.judge.consider(seen, run.judge.world(now_ns), now_ns)]
    return found


@pytest.mark.parametrize(
    ("serials", "rules"), [(("", ""), ["E19"]), (("77", "88"), ["E19"]), (("77", "77"), [])]
)
def test_another_source_after_a_restart_is_told_of(
    path: Path, serials: tuple[str, str], rules: list[str]
) -> None:
    """By its receiver, where that is told; else by its agent."""
    first = Run(path, 0).begin()
    assert looked_at(first, OURS, serial=serials[0]) == []
    first.ends()
    second = Run(path, 1).begin()
    assert looked_at(second, OTHER, serial=serials[1]) == rules
    second.ends()


def test_the_same_source_after_a_restart_is_the_same(path: Path) -> None:
    for day in range(3):
        run = Run(path, day).begin()
        assert looked_at(run, OURS) == []
        assert [one.at_ns for one in run.judge.sources.known()[0].origins] == [NOW_NS]
        run.ends()


def test_what_a_killed_run_kept_is_taken_up_before_anybody_pushes(path: Path) -> None:
    first = Run(path, 0).begin()
    looked_at(first, OURS)
    first.watch.keep()
    first.killed()
    second = Run(path, 1).begin()
    second.watch.keep()  # nobody has pushed yet: that takes nothing away
    second.killed()
    third = Run(path, 2).begin()
    assert looked_at(third, OTHER) == ["E19"]
    third.ends()


def test_no_more_than_so_many_are_kept_and_what_is_to_come_is_not_known_yet() -> None:
    its = Sources(Regions({}))
    many = tuple(Origin(f"192.0.2.{n}", "a", n) for n in range(3 * ORIGINS))
    its.recall([Pushed("A", many, {str(n): "s" for n in range(3 * ORIGINS)})])
    seen = its.of(Seen("A", 3 * ORIGINS - 2))
    assert [one.at_ns for one in seen.origins] == list(range(2 * ORIGINS, 3 * ORIGINS - 1))
    assert len(its.known()[0].serials) == ORIGINS
    its.forget("A")
    assert its.known() == [] and its.of(Seen("A", 1)).origins == ()


def test_rows_that_cannot_be_read_are_left_out_and_old_ones_go(path: Path) -> None:
    with closing(Ledger(path)) as ledger, ledger.writing() as base:
        keep_sources(base, Pushers((Pushed("OLD", (OURS,), {}),), NOW_NS - 61 * DAY_NS))
        keep_sources(base, Pushers((Pushed("A", (OURS, OTHER), {"192.0.2.7": "77"}),), NOW_NS))
        for subject, text in (("B", "{"), ("C", "[1]"), ("D", '{"origins": [[1, 2, 3, 4]], "serials": {}}')):
            base.execute("INSERT INTO sources VALUES (?, ?, ?)", (subject, text, NOW_NS))
        assert list(kept_sources(base)) == [Pushed("A", (OURS, OTHER), {"192.0.2.7": "77"})]


def test_what_is_read_again_cannot_be_written_to_a_terminal() -> None:
    made = from_plain(
        "A", json.loads(json.dumps(plain(Pushed("A", (Origin("x", "\x1b[2J", 5),), {"\a": "\0"}))))
    )
    assert made is not None and made.origins[0].agent == "\\x1b[2J" and "\a" not in made.serials
