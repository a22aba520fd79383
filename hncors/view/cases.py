"""Cases as plain data and as rows: what commands, exports and pages show of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hncors.supervise import words
from hncors.supervise.cases import Case, Step
from hncors.supervise.findings import Finding
from hncors.supervise.months import date_of, minute_of, month_of
from hncors.supervise.secrecy import coarse
from hncors.supervise.words import both
from hncors.view.replay_files import utc
from hncors.view.sheet import csv_text

HEADS = (
    *("编号 id", "对象 subject", "区县 county", "状态 state", "认定 standing", "规则 rules", "承办人 owner"),
    *("发现时间 found", "发现月份 month", "处置期限 handle by", "清零期限 clear by", "逾期 overdue"),
    *("处置时间 handled", "结案时间 closed", "排除原因 reason"),
)


def plain(number: int, case: Case, now_ns: int) -> dict[str, Any]:
    """A case for JSON; times in UTC, None for never. Deadlines are the first moment that is too late."""
    return {
        "id": number,
        "subject": case.subject,
        "county": case.county,
        "state": case.state,
        "standing": case.standing,
        "rules": list(case.rules),
        "owner": case.owner,
        "opened": utc(case.opened_ns),
        "month": month_of(case.opened_ns),
        "changed": utc(case.changed_ns),
        "handle_by": utc(case.handle_by_ns),
        "clear_by": utc(case.clear_by_ns),
        "overdue": case.overdue(now_ns),
        "handled": utc(case.handled_ns),
        "closed": utc(case.closed_ns),
        "reason": case.reason,
    }


def step_plain(sequence: int, step: Step, made: str, *, precise: bool) -> dict[str, Any]:
    """A step of the trail for JSON, with its hash."""
    detail = dict(step.detail) if precise else coarse(step.detail)
    said = {"sequence": sequence, "at": utc(step.at_ns), "actor": step.actor, "role": step.role}
    return {**said, "action": step.action, "detail": detail, "hash": made}


def finding_plain(finding: Finding, *, precise: bool) -> dict[str, Any]:
    """A finding for JSON; without `precise` no place in its inputs is nearer than a hundredth of a degree."""
    inputs = dict(finding.inputs) if precise else coarse(finding.inputs)
    return {**finding._asdict(), "at_ns": utc(finding.at_ns), "inputs": inputs}


def table(cases: Iterable[tuple[int, Case]], now_ns: int) -> str:
    """Cases as CSV, a row each, dates in China's time."""
    return csv_text(HEADS, (row(number, case, now_ns) for number, case in cases))


def row(number: int, case: Case, now_ns: int) -> tuple[object, ...]:
    """A case by HEADS, in words."""
    return (
        *(number, case.subject, case.county, both(case.state, words.STATE)),
        *(both(case.standing, words.STANDING), " ".join(case.rules), case.owner, minute_of(case.opened_ns)),
        *(month_of(case.opened_ns), last_day(case.handle_by_ns), last_day(case.clear_by_ns)),
        both(case.overdue(now_ns), words.OVERDUE),
        *(
            minute_of(case.handled_ns) if case.handled_ns else "",
            minute_of(case.closed_ns) if case.closed_ns else "",
        ),
        both(case.reason, words.REASON),
    )


def last_day(too_late_ns: int) -> str:
    """The last day within a deadline, "" for none."""
    return date_of(too_late_ns - 1) if too_late_ns else ""
