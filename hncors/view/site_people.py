"""The page to sign in, and that of the administrator: users, sessions, who looked at what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hncors.view.html import field, hidden, row, table, tag
from hncors.view.replay_files import utc
from hncors.view.site_frame import Asked, page
from hncors.view.site_stations import heads_of


class Access(NamedTuple):
    """Somebody did or saw what is put on record."""

    at_ns: int  # UTC nanoseconds since 1970
    actor: str
    role: str
    what: str


class Session(NamedTuple):
    """Somebody who has signed in."""

    user: str
    role: str
    since_ns: int
    seen_ns: int


def login(asked: Asked, token: str, back: str, *, wrong: str = "") -> str:
    """`token` has to come back with the form; `wrong` is a word of why it was not enough."""
    words = asked.words
    note = tag("p", words(wrong), class_="warning", role="alert") if wrong else None
    inside = (
        hidden("csrf", token),
        hidden("back", back),
        field("user", words("user"), required=True, autocomplete="username", maxlength=64, autofocus=True),
        field("password", words("password"), type="password", required=True, autocomplete="current-password"),
        tag("button", words("sign_in"), type="submit"),
    )
    form = tag("form", *inside, method="post", action="/login", class_="login")
    return page(asked, words("sign_in"), tag("h1", words("sign_in")), note, form)


def administration(
    asked: Asked, users: Sequence[tuple[str, str]], sessions: Sequence[Session], accesses: Sequence[Access]
) -> str:
    """Users with their roles, who is signed in, and the newest of the record of accesses."""
    words = asked.words
    people = [row(name, words(role)) for name, role in users]
    online = [row(one.user, words(one.role), _time(one.since_ns), _time(one.seen_ns)) for one in sessions]
    seen = [row(_time(one.at_ns), one.actor, one.role, one.what) for one in accesses]
    body = (
        tag("h1", words("admin")),
        tag(
            "section",
            tag("h2", words("users")),
            table(heads_of(words, "user", "role"), people, words("users")),
        ),
        tag(
            "section",
            tag("h2", words("sessions")),
            table(heads_of(words, "user", "role", "since", "last_seen"), online, words("sessions")),
        ),
        tag(
            "section",
            tag("h2", words("accesses")),
            table(heads_of(words, "when", "who", "role", "what"), seen, words("accesses")),
        ),
    )
    return page(asked, words("admin"), *body)


def _time(at_ns: int) -> str:
    return (utc(at_ns) or "")[:19].replace("T", " ")
