"""Cases and findings in the ledger: steps in, cases out.  All that writes is called inside a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from hncors.daemon.ledger import add_link, insert
from hncors.daemon.ledger_outbox import Message, post
from hncors.supervise.cases import OPEN, SOFTWARE, Case, Step, after
from hncors.supervise.findings import Finding, wrong
from hncors.supervise.months import BY_THE_MONTH, Clearance, deadlines
from hncors.supervise.trail import canonical, digest

_COLUMNS = tuple(field.name for field in fields(Case))
_NAMES = ", ".join(_COLUMNS)
_SOFTWARE = "hncors"  # its name on a trail


class NoSuchCase(Exception):
    """There is no case of that number."""


class Event(NamedTuple):
    """A step as it is on the trail."""

    sequence: int  # within its case, from 1
    step: Step
    hash: str


def take(base: sqlite3.Connection, step: Step, case_id: int | None = None) -> int:
    """Take a step of a case, or begin one with it; the case's number.

    Raises StepRefused, NoSuchCase, sqlite3.Error.
    """
    now = after(None if case_id is None else read(base, case_id), step)
    row = {name: _stored(getattr(now, name)) for name in _COLUMNS}
    if case_id is None:
        case_id = insert(base, "cases", row)
    else:
        changes = ", ".join(f"{name} = ?" for name in row)
        base.execute(f"UPDATE cases SET {changes} WHERE id = ?", (*row.values(), case_id))  # noqa: S608  as above
    query = "SELECT coalesce(max(sequence), 0) + 1 FROM case_events WHERE case_id = ?"
    (sequence,) = base.execute(query, (case_id,)).fetchone()
    add_link(base, "case_events", {"case_id": case_id, "sequence": sequence, **_plain(step)})
    post(base, _news(case_id, sequence, step, now))
    return case_id


def add_finding(
    base: sqlite3.Connection, finding: Finding, clearance: Clearance = BY_THE_MONTH
) -> int | None:
    """A finding, and what becomes of it: a lead more in the open case of its subject, or a new case.

    The number of the case, None where it stands alone.  One that is there already is left as it is.
    Raises ValueError, sqlite3.Error.
    """
    if why := wrong(finding):
        raise ValueError(why)
    known = base.execute("SELECT case_id FROM findings WHERE key = ?", (finding.key,)).fetchone()
    if known is not None:
        return None if known[0] is None else int(known[0])
    content = finding._asdict() | {"inputs": dict(finding.inputs)}
    case_id = _led(base, finding, digest(content), clearance)
    row = {**content, "inputs": canonical(content["inputs"]), "digest": digest(content), "case_id": case_id}
    insert(base, "findings", row)
    told = {"rule": finding.rule, "strength": finding.strength, "standing": finding.standing, "case": case_id}
    post(base, Message(f"finding/{finding.key}", "finding", finding.subject, finding.at_ns, told))
    return case_id


def _led(base: sqlite3.Connection, finding: Finding, sha256: str, clearance: Clearance) -> int | None:
    newest = base.execute(
        "SELECT id, state FROM cases WHERE subject = ? ORDER BY id DESC LIMIT 1", (finding.subject,)
    ).fetchone()
    lead: dict[str, Any] = {
        "rule": finding.rule,
        "strength": finding.strength,
        "standing": finding.standing,
        "finding": finding.key,
        "sha256": sha256,
    }
    if newest is not None and newest[1] in OPEN:
        return take(base, Step("lead", _SOFTWARE, SOFTWARE, finding.at_ns, lead), newest[0])
    if not finding.opens:
        return None
    lead |= {"subject": finding.subject, "county": finding.county}
    lead |= deadlines(finding.at_ns, clearance)._asdict()
    if newest is not None:
        lead["follows"] = newest[0]  # the case of the same subject before, which is closed
    return take(base, Step("open", _SOFTWARE, SOFTWARE, finding.at_ns, lead))


def keep_policy(base: sqlite3.Connection, fingerprint: str, text: str, now_ns: int) -> None:
    """The limits that findings name the fingerprint of."""
    row = {"fingerprint": fingerprint, "text": text, "first_ns": now_ns}
    insert(base, "policies", row, "ON CONFLICT DO NOTHING")


def read(base: sqlite3.Connection, case_id: int) -> Case:
    """Raises NoSuchCase."""
    row = base.execute(f"SELECT {_NAMES} FROM cases WHERE id = ?", (case_id,)).fetchone()  # noqa: S608  as above
    if row is None:
        raise NoSuchCase(case_id)
    return _case(row)


def cases(base: sqlite3.Connection) -> Iterator[tuple[int, Case]]:
    """Every case with its number, in order."""
    for case_id, *row in base.execute(f"SELECT id, {_NAMES} FROM cases ORDER BY id"):  # noqa: S608  as above
        yield case_id, _case(row)


def events(base: sqlite3.Connection, case_id: int) -> list[Event]:
    """The trail of a case."""
    query = (
        "SELECT action, actor, role, at_ns, detail, sequence, hash FROM case_events "
        "WHERE case_id = ? ORDER BY sequence"
    )
    return [
        Event(sequence, Step(action, actor, role, at_ns, json.loads(detail)), made)
        for action, actor, role, at_ns, detail, sequence, made in base.execute(query, (case_id,))
    ]


def trails(base: sqlite3.Connection) -> dict[int, list[Step]]:
    """The steps of every case, in order."""
    found: dict[int, list[Step]] = {}
    query = "SELECT case_id, action, actor, role, at_ns, detail FROM case_events ORDER BY case_id, sequence"
    for case_id, action, actor, role, at_ns, detail in base.execute(query):
        found.setdefault(case_id, []).append(Step(action, actor, role, at_ns, json.loads(detail)))
    return found


def findings(base: sqlite3.Connection, case_id: int) -> list[Finding]:
    """What a case rests on, in the order it was found."""
    names = Finding._fields
    query = f"SELECT {', '.join(names)} FROM findings WHERE case_id = ? ORDER BY number"  # noqa: S608  as above
    made = (Finding(*row) for row in base.execute(query, (case_id,)))
    return [finding._replace(inputs=json.loads(str(finding.inputs))) for finding in made]


def _plain(step: Step) -> dict[str, Any]:
    return {
        "at_ns": step.at_ns,
        "actor": step.actor,
        "role": step.role,
        "action": step.action,
        "detail": dict(step.detail),
    }


def _news(case_id: int, sequence: int, step: Step, now: Case) -> Message:
    """For others: what became of it, without what people wrote."""
    told = {
        "case": case_id,
        "sequence": sequence,
        "action": step.action,
        "state": now.state,
        "standing": now.standing,
        "county": now.county,
        "rules": list(now.rules),
    }
    return Message(f"case/{case_id}/{sequence}", "case", now.subject, step.at_ns, told)


def _stored(value: object) -> object:
    return canonical(value) if isinstance(value, tuple) else value


def _case(row: Any) -> Case:
    made = dict(zip(_COLUMNS, row, strict=True))
    return Case(**made | {"rules": tuple(json.loads(made["rules"]))})
