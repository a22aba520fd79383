"""A month's figures from the trails of cases: found, handled, cleared, overdue, by county and by rule.

Everything is as it stood at the end of the month, or now where that is not over: a report of an old month
says the same whenever it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hncors.supervise.cases import UNCOUNTED, Case, Step, told
from hncors.supervise.months import bounds_ns, months_before

MONTHS = 12  # of the course that is shown
NO_COUNTY = "未定 none yet"


class Figures(NamedTuple):
    """Cases.  `cleared` is signed off and rejected; open and overdue are as at the end of the month."""

    found: int = 0
    handled: int = 0
    signed_off: int = 0
    rejected: int = 0
    reopened: int = 0
    open: int = 0
    overdue_handle: int = 0
    overdue_clear: int = 0
    due: int = 0  # to be cleared by the end of the month
    in_time: int = 0  # of these, cleared within their deadline

    @property
    def cleared(self) -> int:
        return self.signed_off + self.rejected

    @property
    def overdue(self) -> int:
        return self.overdue_handle + self.overdue_clear


class Score(NamedTuple):
    """How often a rule's leads were right, over all cases until the end of the month."""

    confirmed: int
    rejected: int

    @property
    def precision(self) -> float | None:
        """None where nothing was judged."""
        judged = self.confirmed + self.rejected
        return self.confirmed / judged if judged else None


Told = tuple[int, Case, Sequence[Step]]
"""A case: its number, how it stood, the steps that made it so."""


class Report(NamedTuple):
    month: str
    until_ns: int  # the end of the month, or now
    over: bool
    total: Figures
    counties: Mapping[str, Figures]
    rules: Mapping[str, Figures]
    course: Sequence[tuple[str, Figures]]  # by month, this one last
    scores: Mapping[str, Score]
    cases: Sequence[tuple[int, Case]]  # what the month had to do with, as it stood then


def report(trails: Mapping[int, Sequence[Step]], month: str, now_ns: int) -> Report:
    """The figures of a month that has begun.  Raises ValueError for what is no month, or is to come."""
    begin_ns, end_ns = bounds_ns(month)
    if begin_ns > now_ns:
        raise ValueError("a month that has begun")
    until_ns = min(end_ns, now_ns)
    then = [(number, case, steps) for number, case, steps in _stood(trails, until_ns)]
    concerned = [
        (number, case, steps)
        for number, case, steps in then
        if case.is_open or _took_part(steps, begin_ns) or begin_ns < case.clear_by_ns <= end_ns
    ]
    counties = sorted({case.county or NO_COUNTY for _, case, _ in concerned})
    rules = sorted({rule for _, case, _ in concerned for rule in case.rules})
    return Report(
        month,
        until_ns,
        now_ns >= end_ns,
        figures(concerned, begin_ns, end_ns, until_ns),
        {name: figures(_in(concerned, name), begin_ns, end_ns, until_ns) for name in counties},
        {
            rule: figures((one for one in concerned if rule in one[1].rules), begin_ns, end_ns, until_ns)
            for rule in rules
        },
        [_of(trails, name, now_ns) for name in months_before(month, MONTHS)],
        _scores([case for _, case, _ in then]),
        [(number, case) for number, case, _ in concerned],
    )


def figures(cases: Iterable[Told], begin_ns: int, end_ns: int, until_ns: int) -> Figures:
    """Of a month; cases are as they stood at `until_ns`, with their steps until then."""
    counts = dict.fromkeys(Figures._fields, 0)
    for _, case, steps in cases:
        actions = {step.action for step in steps if step.at_ns >= begin_ns}
        for action, name in _COUNTED.items():
            counts[name] += action in actions
        counts["open"] += case.is_open
        if begin_ns < case.clear_by_ns <= end_ns:
            counts["due"] += 1
            counts["in_time"] += 0 < case.closed_ns < case.clear_by_ns
        if late := case.overdue(until_ns):
            counts[f"overdue_{late}"] += 1
    return Figures(**counts)


def _in(cases: Iterable[Told], county: str) -> Iterable[Told]:
    return (one for one in cases if (one[1].county or NO_COUNTY) == county)


_COUNTED = {
    "open": "found",
    "handle": "handled",
    "sign_off": "signed_off",
    "reject": "rejected",
    "reopen": "reopened",
}


def _of(trails: Mapping[int, Sequence[Step]], month: str, now_ns: int) -> tuple[str, Figures]:
    begin_ns, end_ns = bounds_ns(month)
    until_ns = min(end_ns, now_ns)
    return month, figures(_stood(trails, until_ns), begin_ns, end_ns, until_ns)


def _stood(trails: Mapping[int, Sequence[Step]], until_ns: int) -> Iterable[Told]:
    for number, steps in trails.items():
        done = [step for step in steps if step.at_ns < until_ns]
        if (case := told(done)) is not None:
            yield number, case, done


def _took_part(steps: Sequence[Step], begin_ns: int) -> bool:
    return any(step.at_ns >= begin_ns and step.action in _COUNTED for step in steps)


def _scores(cases: Sequence[Case]) -> dict[str, Score]:
    """A case that was confirmed speaks for every rule that led to it, one that was rejected against them."""
    scores: dict[str, Score] = {}
    for case in cases:
        right = case.standing == "confirmed"
        wrong = case.state == "rejected" and case.reason not in UNCOUNTED
        for rule in case.rules:
            before = scores.get(rule, Score(0, 0))
            scores[rule] = Score(before.confirmed + right, before.rejected + wrong)
    return scores
