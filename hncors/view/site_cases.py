"""Cases: the list, and one with its evidence, clocks, trail and the steps that are open to whoever looks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hncors.supervise import words as case_words
from hncors.supervise.cases import ACTIONS, REASONS, STATES, SUPERVISOR, Case, Step
from hncors.supervise.findings import Finding
from hncors.supervise.months import minute_of
from hncors.supervise.rules import BY_ID
from hncors.supervise.secrecy import coarse
from hncors.view.cases import last_day
from hncors.view.html import Markup, choice, facts, field, hidden, link, row, table, tag
from hncors.view.site_frame import Asked, Scene, page, part
from hncors.view.site_stations import heads_of, turning
from hncors.view.site_words import Words

ROWS = 50  # cases of a page
DAY_NS, HOUR_NS = 86_400_000_000_000, 3_600_000_000_000
BY_HAND = ("examine", "confirm", "dispatch", "handle", "sign_off", "reject", "reopen", "assign", "note")
"""Steps taken on a page, in the order they are offered; files are attached by command."""


class Whole(NamedTuple):
    """A case with all that belongs to it."""

    number: int
    case: Case
    trail: Sequence[tuple[int, Step, str]]  # sequence, step, hash
    findings: Sequence[Finding]
    attachments: Sequence[Mapping[str, Any]]


def cases(
    asked: Asked, scene: Scene, found: Sequence[tuple[int, Case]], count: int, *, state: str, first: int
) -> str:
    """A page of the list."""
    words = asked.words
    states = {"": words("open_only"), "all": words("all")} | {
        one: words.of(one, case_words.STATE) for one in STATES
    }
    form = tag(
        "form",
        choice("state", words("state"), states, state),
        tag("button", words("filter"), type="submit"),
        method="get",
        action="/cases",
        class_="filter",
    )
    inside = table_of(asked, found, scene.now_ns) if found else tag("p", words("no_cases"))
    listed = part("cases", tag("p", f"{count} {words('found')}"), inside, turning(asked, count, first, ROWS))
    note = tag("p", words("lead_only"), class_="note")
    made = (tag("h1", words("cases")), note, form, listed, _open_form(asked))
    return page(asked, words("cases"), *made, scene=scene)


def table_of(asked: Asked, found: Iterable[tuple[int, Case]], now_ns: int) -> Markup:
    """Cases in a table, each leading to its page."""
    words = asked.words
    rows = [
        row(
            link(f"/cases/{number}", number),
            case.subject,
            case.county,
            words.of(case.state, case_words.STATE),
            standing(case.standing, words),
            " ".join(case.rules),
            case.owner,
            minute_of(case.opened_ns),
            _due(case, now_ns, words),
        )
        for number, case in found
    ]
    heads = heads_of(
        words, "number", "subject", "county", "state", "standing_of", "rules", "owner", "opened", "handle_by"
    )
    return table(heads, rows, words("cases"))


def case(
    asked: Asked,
    scene: Scene,
    whole: Whole,
    *,
    refused: str = "",
    precise: bool = False,
    bundles: bool = False,
) -> str:
    """The page of a case. `refused`: why a step was not taken; `bundles`: they can be made."""
    words = asked.words
    its = whole.case
    title = f"{words('case')} {whole.number}: {its.subject}"
    in_network = its.subject in scene.stations
    subject = link(f"/stations/{its.subject}", its.subject) if in_network else its.subject
    about = facts(
        (
            (words("subject"), subject),
            (words("state"), tag("strong", words.of(its.state, case_words.STATE))),
            (words("standing_of"), standing(its.standing, words)),
            (words("county"), its.county or words("unknown")),
            (words("owner"), its.owner or words("none")),
            (words("opened"), minute_of(its.opened_ns)),
            *(((words("reason"), words.of(its.reason, case_words.REASON)),) if its.reason else ()),
        )
    )
    note = tag("p", refused, class_="warning", role="alert") if refused else None
    body = (
        tag("h1", title),
        note,
        part("about", about, _clocks(its, scene.now_ns, words), tag("p", words("lead_only"), class_="note")),
        _actions(asked, whole),
        part("evidence", tag("h2", words("evidence")), _evidence(words, whole.findings, precise=precise)),
        part("trail", tag("h2", words("trail")), _trail(words, whole.trail, precise=precise)),
        part("attachments", tag("h2", words("attachments")), _attachments(words, whole.attachments)),
        _bundle(asked, whole) if bundles and whole.findings else None,
    )
    return page(asked, title, *body, scene=scene)


def _bundle(asked: Asked, whole: Whole) -> Markup | None:
    """What somebody elsewhere needs to see the findings again, for who may see precise places."""
    words, who = asked.words, asked.who
    if not who.csrf or not who.may(SUPERVISOR):
        return None
    button = tag("button", words("make_bundle"), type="submit")
    action = f"/cases/{whole.number}/bundle"
    form = tag("form", hidden("csrf", who.csrf), button, method="post", action=action)
    return part("bundle", tag("h2", words("bundle")), tag("p", words("bundle_note"), class_="note"), form)


def standing(name: str, words: Words) -> Markup:
    """Lead, suspected or confirmed, with its look."""
    return tag("span", words.of(name, case_words.STANDING), class_=f"standing {name}")


def _clocks(its: Case, now_ns: int, words: Words) -> Markup:
    """Deadlines, and what is left of them."""
    clocks = []
    for name, by_ns, done in (
        ("handle_by", its.handle_by_ns, bool(its.handled_ns) or not its.is_open),
        ("clear_by", its.clear_by_ns, not its.is_open),
    ):
        if not by_ns:
            continue
        rest_ns = by_ns - now_ns
        late = rest_ns <= 0 and not done
        text = (
            words("done")
            if done
            else f"{words('past') if late else words('left')} {_span(abs(rest_ns), words)}"
        )
        inside = tag("dt", words(name)), tag("dd", tag("strong", last_day(by_ns)), tag("small", text))
        clocks.append(tag("div", *inside, class_="late" if late else None))
    return tag("dl", *clocks, class_="cards")


def _span(span_ns: int, words: Words) -> str:
    if span_ns >= 2 * DAY_NS:
        return f"{span_ns // DAY_NS} {words('days')}"
    return f"{span_ns // HOUR_NS} {words('hours')}"


def _due(its: Case, now_ns: int, words: Words) -> Markup:
    by_ns = its.clear_by_ns if its.state == "handled" else its.handle_by_ns
    late = its.overdue(now_ns)
    text = last_day(by_ns) if its.is_open else ""
    return tag(
        "span",
        f"{text} {words.of(late, case_words.OVERDUE)}" if late else text,
        class_="late" if late else None,
    )


def _actions(asked: Asked, whole: Whole) -> Markup:
    words, who = asked.words, asked.who
    heading = tag("h2", words("actions"))
    if not who.csrf:
        return tag("section", heading, tag("p", link("/login", words("sign_in_to_act"))), id="actions")
    role = who.case_role
    offered = [
        name for name in BY_HAND if role in ACTIONS[name].roles and whole.case.state in ACTIONS[name].begins
    ]
    if not offered:
        return tag("section", heading, tag("p", words("no_actions")), id="actions")
    forms = [_step_form(asked, whole, name) for name in offered]
    return tag("section", heading, *forms, id="actions")


def _step_form(asked: Asked, whole: Whole, name: str) -> Markup:
    words, who = asked.words, asked.who
    needs = ACTIONS[name].needs
    fields: list[Markup] = []
    if "reason" in needs:
        fields.append(
            choice("reason", words("reason"), {one: words.of(one, case_words.REASON) for one in REASONS})
        )
    if "county" in needs:
        fields.append(
            field("county", words("county"), value=whole.case.county or None, required=True, maxlength=80)
        )
    if "owner" in needs:
        fields.append(field("owner", words("owner"), required=True, maxlength=80))
    if "checked_on" in needs:
        fields.append(field("checked_on", words("checked_on"), type="date", required=True))
    if name != "assign":
        fields.append(field("text", words("text"), required="text" in needs, maxlength=4000))
    if name in ("confirm", "handle"):
        fields.append(field("by", words("by"), maxlength=80))
    # Several forms of one page: names of fields are told apart by the step.
    made = "".join(one.replace('"f-', f'"f-{name}-') for one in fields)
    title = words.of(name, case_words.ACTION)
    inside = (
        hidden("csrf", who.csrf),
        hidden("state", whole.case.state),
        Markup(made),
        tag("button", title, type="submit"),
    )
    form = tag("form", *inside, method="post", action=f"/cases/{whole.number}/{name}", autocomplete="off")
    return tag("details", tag("summary", title), form, data_step=name)


def _open_form(asked: Asked) -> Markup | None:
    words, who = asked.words, asked.who
    if not who.csrf or who.case_role not in ACTIONS["open"].roles:
        return None
    inside = (
        hidden("csrf", who.csrf),
        field("subject", words("subject"), required=True, maxlength=200),
        field("county", words("county"), maxlength=80),
        field("text", words("text"), required=True, maxlength=4000),
        tag("button", words("open_case"), type="submit"),
    )
    form = tag("form", *inside, method="post", action="/cases", autocomplete="off")
    return tag("details", tag("summary", words("open_case")), form, data_step="open")


def _evidence(words: Words, findings: Sequence[Finding], *, precise: bool) -> Markup:
    if not findings:
        return tag("p", words("none"))
    rows = []
    for one in findings:
        rule = BY_ID.get(one.rule)
        name = f"{one.rule} {words.pick(rule.zh, rule.en)}" if rule else one.rule
        inputs = dict(one.inputs) if precise else coarse(one.inputs)
        shown = json.dumps(inputs, ensure_ascii=False, sort_keys=True)
        rows.append(
            row(minute_of(one.at_ns), name, words.of(one.strength, case_words.STRENGTH), tag("code", shown))
        )
    return table(heads_of(words, "when_here", "rule", "strength", "inputs"), rows, words("evidence"))


def _trail(words: Words, trail: Sequence[tuple[int, Step, str]], *, precise: bool) -> Markup:
    rows = []
    for sequence, step, made in trail:
        detail = dict(step.detail) if precise else coarse(step.detail)
        said = ", ".join(f"{key} {value}" for key, value in detail.items() if not key.endswith("_ns"))
        role = words.of(step.role, case_words.ROLE)
        rows.append(
            row(
                sequence,
                minute_of(step.at_ns),
                f"{step.actor} ({role})",
                words.of(step.action, case_words.ACTION),
                said,
                tag("code", made[:12], title=made),
            )
        )
    return table(
        heads_of(words, "number", "when_here", "who", "step", "detail", "hash"), rows, words("trail")
    )


def _attachments(words: Words, attached: Sequence[Mapping[str, Any]]) -> Markup:
    if not attached:
        return tag("p", words("none"))
    rows = [row(one["name"], f"{one['size']:,}", tag("code", one["sha256"])) for one in attached]
    return table(heads_of(words, "name", "size", "hash"), rows, words("attachments"))
