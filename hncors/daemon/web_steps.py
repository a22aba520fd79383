"""What people write into forms about cases, made fit for the ledger or refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from aiohttp import web

from hncors.supervise.cases import ACTIONS, StepRefused
from hncors.supervise.months import date_of
from hncors.text import printable
from hncors.view.site_cases import BY_HAND

LONGEST = 4000  # characters of a text, as the commands take them
SHORT = 200
KNOWN = ("text", "reason", "county", "owner", "checked_on", "by", "subject")


def detail_of(action: str, fields: Mapping[str, str], now_ns: int) -> dict[str, str]:
    """The detail of a step. Raises HTTPNotFound for a step there is not, StepRefused for what is wrong."""
    if action not in BY_HAND and action != "open":
        raise web.HTTPNotFound(text="no such step")
    unknown = [name for name in fields if name not in (*KNOWN, "state")]
    if unknown:
        raise StepRefused(f"{unknown[0][:40]!a}: expected one of {', '.join(KNOWN)}")
    detail = {}
    for name in KNOWN:
        most = LONGEST if name == "text" else SHORT
        text = fields.get(name, "").strip()
        if len(text) > most:
            raise StepRefused(f"{name}: more than {most} characters")
        if text:
            detail[name] = printable(text, most)
    if "checked_on" in ACTIONS[action].needs:
        detail["checked_on"] = _day(detail.get("checked_on", ""), now_ns)
    return detail


def _day(text: str, now_ns: int) -> str:
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        raise StepRefused("checked_on: expected a day such as 2026-11-20") from None
    if day > date_of(now_ns):
        raise StepRefused("checked_on: expected a day that is not to come")
    return day
