"""A trial of detection played, and held against what had to be said of it."""

from __future__ import annotations

from typing import NamedTuple

from detection_case import ELSEWHERE, Case
from detection_line import Played, Told, play

from hncors.ntrip.sourcetable import read
from hncors.registry import Link
from hncors.supervise.scan import scan


class Result(NamedTuple):
    """Of one trial."""

    after_s: dict[str, float]  # by subject: when the rule spoke of it, counted from the begin
    missed: list[str]  # subjects, or those found too late
    wrong: list[Told]  # leads without a cause
    suspected: list[str]  # subjects without a cause
    epochs: int

    @property
    def good(self) -> bool:
        return not (self.missed or self.wrong or self.suspected)


def tried(case: Case) -> Result:
    """Play a trial."""
    made = play(
        case.feeds, register=case.register, changed=case.changed, later=case.later, policy=case.policy,
        rows=case.rows, origins=case.origins, regions=case.regions,
    )  # fmt: skip
    told = made.told + _of_rows(case, made)
    after_s: dict[str, float] = {}
    wrong = []
    for one in told:
        if one.rule == case.rule and one.subject in case.wants and one.after_s >= case.begin_s:
            after_s.setdefault(one.subject, one.after_s - case.begin_s)
        elif f"{one.subject} {one.rule}" not in case.also:
            wrong.append(one)
    missed = [one for one in case.wants if not after_s.get(one, 1e9) <= case.within_s]
    suspected = sorted(made.suspected - case.suspected)
    return Result(after_s, sorted(missed), wrong, suspected, made.epochs)


def _of_rows(case: Case, made: Played) -> list[Told]:
    """What the rules say of a sourcetable's rows, with the stations that are seen."""
    if not case.table:
        return []
    host, _, port = ELSEWHERE.rstrip("/").partition(":")
    world = made.judge.world(made.network.last_tick_ns)
    found = scan(Link("ntrip", host, int(port)), read(case.table.encode()), [], world)
    return [Told(0.0, one.subject, one.rule, one.strength, "lead") for one in found.leads]
