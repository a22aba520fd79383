"""What a caster's answer means for the stream that was asked for: a state and a line that says why."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from hncors.ntrip.response import Head, unsupported_coding
from hncors.text import printable


class Verdict(NamedTuple):
    state: str  # "connected", or the reason why there is no stream: the link states of CONTRACT
    why: str  # one printable line
    retry_after_s: float | None = None  # what the caster asked to wait


#   status           state                  the first row that holds the status counts
_STATES = (
    ((200, 200), "connected"),
    ((300, 399), "redirected"),
    ((401, 401), "auth_failed"),
    ((403, 403), "auth_failed"),
    ((407, 407), "auth_failed"),
    ((404, 404), "mountpoint_missing"),
    ((410, 410), "mountpoint_missing"),
    ((409, 409), "unavailable"),
    ((425, 429), "unavailable"),
    ((500, 599), "unavailable"),
    ((100, 999), "protocol_error"),
)
# Where a caster says 200 and sends something else; by media type, and by how the body begins
_TYPES = {
    "gnss/sourcetable": "mountpoint_missing",
    "text/html": "not_ntrip",
    "application/xhtml+xml": "not_ntrip",
}
OPENINGS = (
    (b"<!doctype", "not_ntrip"),
    (b"<html", "not_ntrip"),
    (b"<?xml", "not_ntrip"),
    (b"str;", "mountpoint_missing"),
    (b"cas;", "mountpoint_missing"),
    (b"net;", "mountpoint_missing"),
    (b"endsourcetable", "mountpoint_missing"),
)
MEANINGS = {
    "mountpoint_missing": "the caster sent its sourcetable: it has no such mountpoint",
    "not_ntrip": "the answer is a web page",
}
NO_ANSWER = "the answer is none that a caster gives"


def told_by_more(found: Verdict) -> bool:
    """Whether what follows the answer's head tells more of the reason."""
    return found.why in (MEANINGS.get(found.state), NO_ANSWER)


def verdict(head: Head) -> Verdict:
    """The state of a link whose caster answered with `head`."""
    said = printable(f"{head.status or head.protocol} {head.reason}".strip())
    if head.protocol == "SOURCETABLE" and head.status == 200:
        return Verdict("mountpoint_missing", MEANINGS["mountpoint_missing"])
    if head.protocol == "ERROR":  # NTRIP 1.0 has no numbers here, only words
        refused = re.search(r"password|authori[sz]", head.reason, re.IGNORECASE)
        return Verdict("auth_failed" if refused else "unavailable", said)
    state = next((state for (low, high), state in _STATES if low <= head.status <= high), "protocol_error")
    if state == "connected":
        return _verdict_200(head, said)
    if state == "redirected":
        said += f" to {_origin(head.value('location'))}: not followed"
    return Verdict(state, said, _retry_after(head) if state == "unavailable" else None)


def _verdict_200(head: Head, said: str) -> Verdict:
    kind = head.value("content-type").partition(";")[0].strip().lower()
    if state := _TYPES.get(kind):
        return Verdict(state, MEANINGS[state])
    if coding := unsupported_coding(head):
        return Verdict("protocol_error", printable(f"unsupported {coding}"))
    return Verdict("connected", said)


def opening(start: bytes) -> str | None:
    """What a body's first bytes give away: a state, "" for nothing, None while more are needed to tell."""
    start = start.lower()
    for text, state in OPENINGS:
        if start.startswith(text):
            return state
    return None if any(text.startswith(start) for text, _ in OPENINGS) else ""


def _origin(location: str) -> str:
    """Scheme and host of a Location, without user, path and query."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,15}://)(?:[^/?#]*@)?([^/?#@]*)", location)
    return printable(found[1] + found[2]) if found else "the same host"


def _retry_after(head: Head) -> float | None:
    """Retry-After in seconds (RFC 9110, section 10.2.3); a date counts from the answer's own Date."""
    text = head.value("retry-after")
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    until, answered = _date(text), _date(head.value("date"))
    if until is None or answered is None:
        return None
    return max(0.0, (until - answered).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment
