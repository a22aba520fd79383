"""E12 over restarts: days at one place that a run counted are in the ledger, and the next goes on from it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from test_evidence_judge import ALL, DAY_NS, MINUTE_NS, NOW_NS, STRANGE, at, judge

from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.presence_watch import PresenceWatch
from hncors.supervise.judge import Judge
from hncors.supervise.months import Clearance
from hncors.supervise.seen import Seen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


class Run:
    """A run of the daemon, as far as this is concerned, on a clock that is told."""

    def __init__(self, path: Path, day: int) -> None:
        self.judge: Judge = judge()
        self.now_ns = NOW_NS + day * DAY_NS
        self.queue = LedgerQueue(path, lambda: self.now_ns, Clearance())
        self.watch = PresenceWatch(self.judge, self.queue, lambda: self.now_ns)

    def begin(self) -> Run:
        assert self.queue._write([]) == 0  # opens it, in the daemon in a thread
        assert self.watch.recall()
        return self

    def days(self, count: int, seen: Seen = STRANGE, hours: range = ALL) -> list[str]:
        """Rules of what is found in so many days from now."""
        found = []
        for minute in range(0, count * 24 * 60, 5):
            now_ns = self.now_ns + minute * MINUTE_NS
            now = seen._replace(at_ns=now_ns, live=minute // 60 % 24 in hours)
            found += [one.finding.rule for one in self.judge.consider(now, self.judge.world(now_ns), now_ns)]
        self.now_ns += count * DAY_NS
        return found

    def killed(self) -> None:
        """Without a last word: what was kept is what was kept now and then."""
        self.queue.close()

    def ends(self) -> None:
        self.watch.keep()
        self.queue.close()


def test_rule_e12_goes_on_after_a_restart(path: Path) -> None:
    first = Run(path, 0).begin()
    assert "E12" not in first.days(4)
    first.ends()
    second = Run(path, 4).begin()
    assert "E12" not in second.days(2)
    second.ends()
    third = Run(path, 6).begin()
    assert "E12" in third.days(1)
    assert third.judge.standing("WILD").word == "suspected"
    third.ends()


def test_rule_e12_without_a_ledger_begins_anew() -> None:
    its = judge()
    assert its.presences() == []


def test_what_was_kept_before_a_kill_is_there(path: Path) -> None:
    first = Run(path, 0).begin()
    first.days(5)
    first.watch.keep()
    first.days(1)
    first.killed()  # the sixth day is lost
    second = Run(path, 6).begin()
    assert "E12" not in second.days(1)
    assert "E12" in second.days(1)
    second.ends()


def test_nothing_is_kept_before_what_was_kept_is_taken_up(path: Path) -> None:
    first = Run(path, 0).begin()
    first.days(5)
    first.ends()
    second = Run(path, 5)  # its ledger cannot be read yet
    second.days(1)
    second.watch.keep()
    assert len(second.queue) == 0
    second.begin()
    assert "E12" in second.days(1)  # 5 days kept, and two of this run
    second.ends()


def test_another_place_is_not_taken_up(path: Path) -> None:
    first = Run(path, 0).begin()
    first.days(6)
    first.ends()
    second = Run(path, 6)
    moved = STRANGE._replace(arp_m=at(27.5, 113.0, 0.2))
    second.days(1, moved)
    second.begin()
    assert "E12" not in second.days(1, moved)
    second.ends()


def test_days_at_ten_hours_stay_days_of_ten_hours(path: Path) -> None:
    for day in range(0, 10, 2):
        run = Run(path, day).begin()
        assert "E12" not in run.days(2, hours=range(10))
        run.ends()


def test_what_cannot_be_read_is_left_out_and_what_is_old_goes(path: Path) -> None:
    first = Run(path, 0).begin()
    first.days(1)
    first.ends()
    with closing(Ledger(path)) as ledger:
        for subject, days in (
            ("A", "{"),
            ("B", "[]"),
            ("C", '{"x": 1}'),
            ("D", '{"1": null}'),
            ("E", '{"1": 1e999}'),
        ):
            row = (subject, 1.0, 2.0, 3.0, days, NOW_NS)
            ledger.base.execute("INSERT INTO presence VALUES (?, ?, ?, ?, ?, ?)", row)
    second = Run(path, 61).begin()
    assert [one.subject for one in second.judge.presences()] == ["WILD"]
    second.ends()
    with closing(Ledger(path)) as ledger:
        rows = ledger.base.execute("SELECT subject FROM presence ORDER BY subject").fetchall()
    assert rows == [("WILD",)]
