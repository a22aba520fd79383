"""Cases: which steps lead where and who may take them, by a list of its own; months against the calendar."""

import hashlib
from datetime import datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hncors.supervise.cases import (
    ACTIONS,
    CLOSED,
    OPEN,
    REASONS,
    ROLES,
    STATES,
    Case,
    Step,
    StepRefused,
    after,
    refusal,
    told,
)
from hncors.supervise.findings import Finding, wrong
from hncors.supervise.months import Clearance, bounds_ns, date_of, deadlines, minute_of, month_of
from hncors.supervise.trail import BEGIN, Link, broken, canonical, chained

WHOLE = {
    "subject": "S1", "county": "岳麓区", "checked_on": "2026-11-20", "text": "seen", "reason": "typing_error",
    "owner": "li", "name": "photo.jpg", "sha256": "0" * 64, "size": 1,
}  # fmt: skip

# From state, by action, to state: drawn by hand from the words of the plan, found, handled, cleared, and from
# what people have to be able to undo.
ARROWS = """
    discovered examine verifying
    reopened   examine verifying
    verifying  dispatch dispatched
    reopened   dispatch dispatched
    handled    dispatch dispatched
    dispatched handle handled
    handled    sign_off signed_off
    discovered reject rejected
    verifying  reject rejected
    dispatched reject rejected
    handled    reject rejected
    reopened   reject rejected
    signed_off reopen reopened
    rejected   reopen reopened
    verifying  confirm verifying
    dispatched confirm dispatched
"""
MAY = {
    "software": {"open", "lead"},
    "operator": {"open", "lead", "examine", "assign", "note", "attach"},
    "county": {"confirm", "handle", "note", "attach"},
    "supervisor": set(ACTIONS),
}


def step(action: str, role: str = "supervisor", actor: str = "wang", **detail: object) -> Step:
    return Step(action, actor, role, 1_790_000_000_000_000_000, WHOLE | detail)


def in_state(state: str) -> Case:
    return Case("S1", state=state)


def test_every_arrow_and_no_other():
    drawn = {tuple(line.split()) for line in ARROWS.strip().splitlines()}
    for state in STATES:
        for action in ACTIONS:
            drawn |= {(state, action, state)} if action in ("note", "attach") else set()
            drawn |= {(state, action, state)} if action in ("lead", "assign") and state in OPEN else set()
    found = {
        (state, action, after(in_state(state), step(action)).state)
        for state in STATES
        for action in ACTIONS
        if not refusal(in_state(state), step(action))
    }
    assert found == drawn


def test_who_may_do_what():
    may = {role: set() for role in ROLES}
    for role in ROLES:
        for action in ACTIONS:
            cases = [None, *map(in_state, STATES)]
            if any(not refusal(case, step(action, role)) for case in cases):
                may[role].add(action)
    assert may == MAY


@pytest.mark.parametrize("action", [name for name, action in ACTIONS.items() if action.needs])
def test_a_step_says_what_it_has_to(action):
    begin = ACTIONS[action].begins
    case = in_state(begin[0]) if begin else None
    for name in ACTIONS[action].needs:
        assert refusal(case, step(action, **{name: ""})) == f"{action}: expected {name}"
    assert refusal(case, step(action)) == ""


def test_software_never_confirms():
    assert "confirm" not in MAY["software"]
    with pytest.raises(StepRefused, match="expected lead or suspected"):
        after(None, step("open", "software", standing="confirmed"))
    assert "person" in wrong(Finding("k", "E2", "strong", "S", 0, {}, standing="confirmed"))
    case = told([step("open", standing="suspected"), step("examine"), step("confirm", "county")])
    assert case.standing == "confirmed"
    assert after(case, step("lead", "software", standing="lead")).standing == "confirmed"
    assert after(case, step("reject")).standing == "suspected"


def test_who_handles_does_not_sign_off():
    case = told([step("open"), step("examine"), step("dispatch"), step("handle", actor="zhao")])
    assert refusal(case, step("sign_off", actor="zhao")) == (
        "sign_off by zhao: expected somebody else than who handled it"
    )
    assert after(case, step("sign_off")).state == "signed_off"
    by_phone = told([step("open"), step("examine"), step("dispatch"), step("handle", by="zhao")])
    assert "somebody else" in refusal(by_phone, step("sign_off", actor="zhao"))
    assert refusal(by_phone, step("sign_off")) == ""


def test_refusals_name_what_was_expected():
    assert refusal(in_state("discovered"), step("handle")) == (
        "handle of a case that is discovered: expected dispatched"
    )
    assert refusal(in_state("verifying"), step("dispatch", "operator", "liu")) == (
        "dispatch by liu (operator): expected supervisor"
    )
    assert refusal(None, step("note")) == "note: expected a case there already"
    assert refusal(in_state("handled"), step("open")) == "open: expected no case there already"
    assert refusal(in_state("verifying"), step("reject", reason="because")).startswith(
        "reject: reason because: expected one of authorised_relay, "
    )
    assert refusal(None, step("burn")).startswith("burn: expected one of open, ")


class Life(RuleBasedStateMachine):
    """Any steps in any order: what is refused changes nothing, the rest is what the steps make of it."""

    def __init__(self):
        super().__init__()
        self.case: Case | None = None
        self.steps: list[Step] = []

    @rule(
        action=st.sampled_from(sorted(ACTIONS)),
        role=st.sampled_from(ROLES),
        actor=st.sampled_from(["a", "b"]),
        reason=st.sampled_from([*REASONS, "", "none"]),
        standing=st.sampled_from(["lead", "suspected", "confirmed"]),
    )
    def one(self, action, role, actor, reason, standing):
        taken = step(action, role, actor, reason=reason, standing=standing)
        if refusal(self.case, taken):
            with pytest.raises(StepRefused):
                after(self.case, taken)
        else:
            self.case = after(self.case, taken)
            self.steps.append(taken)

    @invariant()
    def holds(self):
        assert told(self.steps) == self.case
        if self.case is None:
            return
        assert self.case.is_open == (self.case.state not in CLOSED)
        assert (self.case.closed_ns > 0) == (not self.case.is_open)
        assert (self.case.reason != "") == (self.case.state == "rejected")
        if self.case.standing == "confirmed":
            assert any(taken.action == "confirm" and taken.role != "software" for taken in self.steps)
        if self.case.state == "signed_off":
            last = [taken for taken in self.steps if taken.action in ("handle", "sign_off")][-2:]
            assert [taken.action for taken in last] == ["handle", "sign_off"]
            assert last[0].actor != last[1].actor


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def china_ns(text: str) -> int:
    """From the standard library's reading of a time with its offset."""
    return int(datetime.fromisoformat(f"{text}+08:00").timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("found", "clearance", "handle_by", "clear_by"),
    [
        ("2026-11-01T00:00:00", (0, 0, 10), "2026-12-01T00:00:00", "2026-12-01T00:00:00"),
        ("2026-11-20T23:59:59", (0, 0, 10), "2026-12-01T00:00:00", "2026-12-01T00:00:00"),
        ("2026-11-21T00:00:01", (0, 0, 10), "2027-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-12-31T23:59:59", (0, 0, 0), "2027-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2028-02-05T12:00:00", (0, 1, 10), "2028-03-01T00:00:00", "2028-04-01T00:00:00"),
        ("2026-11-05T00:00:00", (1, 2, 0), "2027-01-01T00:00:00", "2027-02-01T00:00:00"),
    ],
)
def test_deadlines(found, clearance, handle_by, clear_by):
    told = deadlines(china_ns(found), Clearance(*clearance))
    assert told == (china_ns(handle_by), china_ns(clear_by))


def test_months_are_of_china():
    assert month_of(china_ns("2026-11-30T23:59:59")) == "2026-11"
    assert month_of(china_ns("2026-12-01T00:00:00")) == "2026-12"
    assert bounds_ns("2026-12") == (china_ns("2026-12-01T00:00:00"), china_ns("2027-01-01T00:00:00"))
    assert date_of(china_ns("2026-11-26T07:30:00")) == "2026-11-26"
    assert minute_of(china_ns("2026-11-26T07:30:59")) == "2026-11-26 07:30"


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-11", "2026/11", "2026-11-01", "", "２０２６-11"])
def test_months_that_are_none(text):
    with pytest.raises(ValueError, match="a month such as"):
        bounds_ns(text)


def test_overdue():
    case = Case("S", state="dispatched", handle_by_ns=100, clear_by_ns=200)
    assert [case.overdue(at) for at in (99, 100, 199, 200)] == ["", "handle", "handle", "clear"]
    handled = Case("S", state="handled", handle_by_ns=100, clear_by_ns=200)
    assert [handled.overdue(at) for at in (150, 200)] == ["", "clear"]
    assert Case("S", state="signed_off", handle_by_ns=1, clear_by_ns=1).overdue(5) == ""


def chain(*contents: dict) -> list[Link]:
    before = BEGIN
    return [Link(content, before, before := chained(before, content)) for content in contents]


def test_a_trail_shows_what_was_changed():
    whole = chain({"n": 1}, {"n": 2}, {"n": 3})
    assert broken(whole) is None
    assert broken([whole[0], whole[1]._replace(content={"n": 5}), whole[2]]) == 1
    assert broken([whole[0], whole[2]]) == 1  # one taken out
    assert broken(whole[1:]) == 0
    assert broken([whole[0], *chain({"n": 2}, {"n": 3})]) == 1  # another trail put behind it


def test_the_hash_is_that_of_the_bytes_in_the_documentation():
    """SHA-256 of the JSON, written out by hand, from the system's own library."""
    text = '{"detail":{"text":"核实"},"n":1,"previous":"' + "0" * 64 + '"}'
    content = {"n": 1, "detail": {"text": "核实"}}
    assert canonical(content | {"previous": BEGIN}) == text
    assert chained(BEGIN, content) == hashlib.sha256(text.encode()).hexdigest()
