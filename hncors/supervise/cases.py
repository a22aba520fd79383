"""A case: its states, who may take which step, and what it is after one.

A case is nothing but its steps: `after` applied to them in order gives it again, from the ledger's trail or
from an export.  The table ACTIONS is all there is of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hncors.supervise.findings import STANDINGS

STATES = ("discovered", "verifying", "dispatched", "handled", "signed_off", "rejected", "reopened")
OPEN = ("discovered", "verifying", "dispatched", "handled", "reopened")
CLOSED = ("signed_off", "rejected")

SOFTWARE, OPERATOR, COUNTY, SUPERVISOR = ROLES = ("software", "operator", "county", "supervisor")
PEOPLE = (OPERATOR, COUNTY, SUPERVISOR)

REASONS = (
    *("authorised_relay", "network_product", "equipment_change", "temporary_permitted", "typing_error"),
    *("frame_or_epoch", "disturbed_ionosphere", "outage_or_maintenance", "outside_province"),
    *("own_test", "not_found_in_field", "duplicate", "other"),
)
"""Why a case is rejected: what the rules' descriptions name as risks of a false alarm (docs/cases.md)."""

UNCOUNTED = ("duplicate", "own_test")  # of REASONS: these say nothing against the rule


class Action(NamedTuple):
    """A kind of step: states it begins in, the state it ends in (None: the same), by whom, what it says."""

    begins: tuple[str, ...]
    ends: str | None
    roles: tuple[str, ...]
    needs: tuple[str, ...] = ()


ACTIONS: Mapping[str, Action] = {
    "open": Action((), "discovered", (SOFTWARE, OPERATOR, SUPERVISOR), ("subject",)),
    "lead": Action(OPEN, None, (SOFTWARE, OPERATOR, SUPERVISOR)),
    "examine": Action(("discovered", "reopened"), "verifying", (OPERATOR, SUPERVISOR)),
    "dispatch": Action(("verifying", "reopened", "handled"), "dispatched", (SUPERVISOR,), ("county",)),
    "confirm": Action(("verifying", "dispatched"), None, (COUNTY, SUPERVISOR), ("checked_on", "text")),
    "handle": Action(("dispatched",), "handled", (COUNTY, SUPERVISOR), ("text",)),
    "sign_off": Action(("handled",), "signed_off", (SUPERVISOR,), ("text",)),
    "reject": Action(OPEN, "rejected", (SUPERVISOR,), ("reason", "text")),
    "reopen": Action(CLOSED, "reopened", (SUPERVISOR,), ("text",)),
    "assign": Action(OPEN, None, (OPERATOR, SUPERVISOR), ("owner",)),
    "note": Action(STATES, None, PEOPLE, ("text",)),
    "attach": Action(STATES, None, PEOPLE, ("name", "sha256", "size")),
}


class Step(NamedTuple):
    """What somebody did to a case.  `detail` holds plain values, as JSON has them."""

    action: str
    actor: str
    role: str
    at_ns: int  # UTC nanoseconds since 1970
    detail: Mapping[str, Any]


class StepRefused(Exception):
    """The step may not be taken; the text says what was expected."""


@dataclass(frozen=True)
class Case:
    """A case as it stands.  Times are UTC nanoseconds since 1970, 0 is never."""

    subject: str
    county: str = ""
    state: str = "discovered"
    standing: str = "lead"
    owner: str = ""
    opened_ns: int = 0
    changed_ns: int = 0  # when it came into its state
    handle_by_ns: int = 0
    clear_by_ns: int = 0
    handled_ns: int = 0
    handled_by: str = ""
    closed_ns: int = 0
    reason: str = ""  # of a rejection
    rules: tuple[str, ...] = ()  # whose leads it rests on, in the order they came

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def overdue(self, now_ns: int) -> str:
        """Which deadline is past: "handle", "clear" or ""."""
        if self.is_open and now_ns >= self.clear_by_ns:
            return "clear"
        return "handle" if self.is_open and self.state != "handled" and now_ns >= self.handle_by_ns else ""


def refusal(case: Case | None, step: Step) -> str:
    """Why a step may not be taken, with what was expected; "" if it may."""
    action = ACTIONS.get(step.action)
    if action is None:
        return f"{step.action}: expected one of {', '.join(ACTIONS)}"
    if step.role not in action.roles:
        return f"{step.action} by {step.actor} ({step.role}): expected {' or '.join(action.roles)}"
    if (case is None) != (not action.begins):
        return f"{step.action}: expected {'no' if case else 'a'} case there already"
    if case is not None and case.state not in action.begins:
        return f"{step.action} of a case that is {case.state}: expected {' or '.join(action.begins)}"
    for name in action.needs:
        if step.detail.get(name) in ("", None):
            return f"{step.action}: expected {name}"
    if step.action == "reject" and step.detail["reason"] not in REASONS:
        return f"reject: reason {step.detail['reason']}: expected one of {', '.join(REASONS)}"
    if step.action == "sign_off" and case is not None and case.handled_by == _doer(step):
        return f"sign_off by {_doer(step)}: expected somebody else than who handled it"
    if step.action in ("open", "lead") and step.detail.get("standing", "lead") not in STANDINGS[:2]:
        return f"{step.action}: standing {step.detail['standing']}: expected lead or suspected"
    return ""


def after(case: Case | None, step: Step) -> Case:
    """The case after a step.  Raises StepRefused."""
    if why := refusal(case, step):
        raise StepRefused(why)
    detail = step.detail
    if case is None:
        case = Case(subject=detail["subject"], county=detail.get("county", ""), opened_ns=step.at_ns)
    ends = ACTIONS[step.action].ends
    if ends is not None:
        case = replace(case, state=ends, changed_ns=step.at_ns)
    change = _CHANGES.get(step.action)
    return case if change is None else replace(case, **change(case, step))


def told(steps: Iterable[Step]) -> Case | None:
    """The case that came of these steps, None of none.  Raises StepRefused."""
    case = None
    for step in steps:
        case = after(case, step)
    return case


def _doer(step: Step) -> str:
    """Who did it: the one it was done for where somebody else wrote it down."""
    by: str = step.detail.get("by") or step.actor
    return by


def _led(case: Case, step: Step) -> dict[str, Any]:
    """A lead more never makes a case stand on less."""
    standing = max(case.standing, step.detail.get("standing", "lead"), key=STANDINGS.index)
    rule = step.detail.get("rule", "")
    rules = case.rules if not rule or rule in case.rules else (*case.rules, rule)
    return {"standing": standing, "rules": rules, **_dated(step)}


def _dated(step: Step) -> dict[str, Any]:
    return {name: step.detail[name] for name in ("handle_by_ns", "clear_by_ns") if name in step.detail}


_CHANGES: Mapping[str, Any] = {
    "open": _led,
    "lead": _led,
    "dispatch": lambda case, step: {"county": step.detail["county"]},
    "confirm": lambda case, step: {"standing": "confirmed"},
    "handle": lambda case, step: {"handled_ns": step.at_ns, "handled_by": _doer(step)},
    "sign_off": lambda case, step: {"closed_ns": step.at_ns},
    "reject": lambda case, step: {
        "closed_ns": step.at_ns,
        "reason": step.detail["reason"],
        "standing": min(case.standing, "suspected", key=STANDINGS.index),  # no longer held confirmed
    },
    "reopen": lambda case, step: {
        "closed_ns": 0,
        "handled_ns": 0,
        "handled_by": "",
        "reason": "",
        **_dated(step),
    },
    "assign": lambda case, step: {"owner": step.detail["owner"]},
}
