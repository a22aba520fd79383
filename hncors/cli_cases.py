"""hncors cases: what is in the ledger shown, and steps taken by people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from hncors import cli_ledger
from hncors.cli_ledger import Office, Where, allow_precise, office
from hncors.cli_output import DONE, WRONG, Refused, console, document, note, shown, stacked, table
from hncors.daemon.ledger_cases import cases, events, findings, read, take
from hncors.supervise import words
from hncors.supervise.cases import Case, Step
from hncors.supervise.months import bounds_ns, date_of, deadlines, minute_of
from hncors.supervise.words import both
from hncors.text import printable
from hncors.view.cases import finding_plain, last_day, plain, step_plain

TEXT = 4000  # characters of a note


class Chosen:
    """Which cases are meant; what is empty does not count."""

    def __init__(
        self,
        states: list[str],
        county: str,
        month: str,
        rule: str,
        *,
        every: bool = False,
        overdue: bool = False,
    ) -> None:
        """Raises Refused."""
        unknown = [state for state in states if state not in words.STATE]
        if unknown:
            raise Refused(f'--state "{unknown[0]}": expected one of {", ".join(words.STATE)}')
        try:
            self.found = bounds_ns(month) if month else None
        except ValueError as fault:
            raise Refused(f'--month "{month}": expected {fault}') from None
        self.states, self.county, self.rule = states, county, rule
        self.every, self.overdue = every or bool(states), overdue

    def of(self, here: Office) -> list[tuple[int, Case]]:
        return [one for one in cases(here.ledger.base) if self._has(one[1], here.now_ns)]

    def _has(self, case: Case, now_ns: int) -> bool:
        return (
            (self.every or case.is_open)
            and (not self.states or case.state in self.states)
            and (not self.county or case.county == self.county)
            and (not self.rule or self.rule in case.rules)
            and (self.found is None or self.found[0] <= case.opened_ns < self.found[1])
            and (not self.overdue or case.overdue(now_ns) != "")
        )


def list_command(where: Where, chosen: Callable[[], Chosen], as_json: bool) -> int:
    """Show the chosen cases; 1 where one of them is overdue."""
    wanted = chosen()
    with office(where) as here:
        found = wanted.of(here)
        late = sum(case.overdue(here.now_ns) != "" for _, case in found)
        if as_json:
            document([plain(number, case, here.now_ns) for number, case in found])
            return WRONG if late else DONE
        heads = (
            *("subject 对象", "county 区县", "state 状态", "standing 认定", "rules 规则", "owner 承办人"),
            *("found 发现", "until 期限", "overdue 逾期"),
        )
        made = table("cases 案件", ">id", *(head.replace(" ", "\n") for head in heads))
        for column, head in zip(made.columns[1:], heads, strict=True):
            column.overflow, column.no_wrap = (
                "fold",
                head.split()[0] not in ("subject", "county", "rules", "owner"),
            )
        for number, case in found:
            state, standing = both(case.state, words.STATE), both(case.standing, words.STANDING)
            late_for = both(case.overdue(here.now_ns), words.OVERDUE)
            by_ns = case.clear_by_ns if case.state == "handled" else case.handle_by_ns
            until = last_day(by_ns) if case.is_open else ""
            texts = (case.subject, case.county, state, standing, " ".join(case.rules), case.owner)
            made.add_row(str(number), *map(stacked, (*texts, date_of(case.opened_ns), until, late_for)))
        shell = console()
        shell.print(made)
        shell.print(f"{len(found)} cases 件, {late} overdue 逾期", markup=False)
    return WRONG if late else DONE


def show_command(where: Where, number: int, precise: bool, as_json: bool) -> int:
    """Everything about one case; precise places for a supervisor only, and that is put down."""
    with office(where) as here:
        base = here.ledger.base
        case, trail, found = read(base, number), events(base, number), findings(base, number)
        if precise:
            allow_precise(here, f"case {number}")
        names = ("name", "size", "sha256")
        query = "SELECT name, size, sha256 FROM attachments WHERE case_id = ? ORDER BY id"
        attached = [dict(zip(names, row, strict=True)) for row in base.execute(query, (number,))]
        if as_json:
            document(
                {
                    **plain(number, case, here.now_ns),
                    "precise": precise,
                    "trail": [step_plain(*event, precise=precise) for event in flat(trail)],
                    "findings": [finding_plain(one, precise=precise) for one in found],
                    "attachments": attached,
                }
            )
            return DONE
        _print_case(number, case, here.now_ns)
        shell = console()
        made = table("trail 留痕", ">#", "at 时间", "who 何人", "step 步骤", "what 内容")
        for event in trail:
            step = event.step
            said = step_plain(*_one(event), precise=precise)["detail"]
            plainly = {key: value for key, value in said.items() if not key.endswith("_ns")}  # shown above
            what = json.dumps(plainly, ensure_ascii=False)
            who = f"{step.actor} ({both(step.role, words.ROLE)})"
            action = both(step.action, words.ACTION)
            made.add_row(str(event.sequence), minute_of(step.at_ns), *map(shown, (who, action, what)))
        shell.print(made)
        made = table("findings 线索", "rule 规则", "strength 强度", "at 时间", "inputs 依据")
        for one in found:
            inputs = json.dumps(finding_plain(one, precise=precise)["inputs"], ensure_ascii=False)
            strength = both(one.strength, words.STRENGTH)
            made.add_row(*map(shown, (one.rule, strength, minute_of(one.at_ns), inputs)))
        shell.print(made)
        for one_file in attached:
            text = (
                f"attachment 附件 {one_file['name']}, {one_file['size']:,} bytes, sha256 {one_file['sha256']}"
            )
            shell.print(printable(text, 400), markup=False, soft_wrap=True)
        if not precise:
            note("places are shown to 0.01 degree; a supervisor sees them with --precise, which is put down "
                 "坐标仅精确到 0.01 度；监管员可用 --precise 查看，并留痕")  # fmt: skip
    return DONE


def step_command(
    where: Where, number: int | None, action: str, detail: Mapping[str, Any], by: str, as_json: bool
) -> int:
    """Take a step of a case, or open one; it is on the disk when this ends."""
    said = {name: value for name, value in detail.items() if value not in ("", None)}
    if long := [name for name, value in said.items() if isinstance(value, str) and len(value) > TEXT]:
        raise Refused(f"{long[0]}: more than {TEXT} characters: attach a file instead")
    if by:
        said["by"] = by
    with office(where) as here:
        if action in ("open", "reopen"):
            said |= deadlines(here.now_ns, here.clearance)._asdict()
        step = Step(action, here.actor, here.role, here.now_ns, said)
        with here.ledger.writing() as base:
            number = take(base, step, number)
        case = read(here.ledger.base, number)
        if as_json:
            document(plain(number, case, here.now_ns))
        else:
            _print_case(number, case, here.now_ns)
    return DONE


def close_command(where: Where, number: int, text: str, rejected: str, by: str, as_json: bool) -> int:
    """Sign off, or with a reason reject."""
    if rejected:
        return step_command(where, number, "reject", {"reason": rejected, "text": text}, by, as_json)
    return step_command(where, number, "sign_off", {"text": text}, by, as_json)


def checked_on(text: str) -> str:
    """The day of a field check.  Raises Refused."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(f'--checked-on "{text}": expected a day such as 2026-11-20') from None
    if day.isoformat() > date_of(cli_ledger.now_ns()):
        raise Refused(f'--checked-on "{text}": expected a day that is not to come')
    return day.isoformat()


def _print_case(number: int, case: Case, now_ns: int) -> None:
    made = table(f"case 案件 {number}", "", "")
    late = both(case.overdue(now_ns), words.OVERDUE)
    rows = (
        ("subject 对象", case.subject),
        ("county 区县", case.county),
        ("state 状态", both(case.state, words.STATE)),
        ("standing 认定", both(case.standing, words.STANDING)),
        ("rules 规则", " ".join(case.rules)),
        ("owner 承办人", case.owner),
        ("found 发现", minute_of(case.opened_ns)),
        ("handle by 处置期限", last_day(case.handle_by_ns)),
        ("clear by 清零期限", last_day(case.clear_by_ns)),
        ("overdue 逾期", late),
        ("reason 排除原因", both(case.reason, words.REASON) if case.reason else ""),
    )
    for name, text in rows:
        if text:
            made.add_row(name, shown(text))
    console().print(made)


def flat(trail: list[Any]) -> list[tuple[int, Step, str]]:
    return [_one(event) for event in trail]


def _one(event: Any) -> tuple[int, Step, str]:
    return event.sequence, event.step, event.hash
