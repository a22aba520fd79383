"""Passwords that were read, so that no text the daemon tells holds one, whoever put it there.

A caster may send back what it was asked with, and a fault may carry what it happened to; so every line of
the log and every reason a link gives goes through here last.
"""

import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from hncors.text import printable

HIDDEN = "***"
SHORTEST = 4  # hiding less would only spoil what is told
PRIORITY = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (0, "<7>"))


class Secrets:
    """The forms in which passwords are known to travel."""

    def __init__(self) -> None:
        self._forms: list[str] = []  # the longest first: one may hold another
        self._known: set[tuple[str, str]] = set()
        self._begun: set[str] = set()  # the beginnings of all of them

    def remember(self, password: str, user: str = "") -> str:
        """Hide this password from now on; gives it back."""
        if len(password) >= SHORTEST and (user, password) not in self._known:
            self._known.add((user, password))
            forms = {form for form in _forms(password, user) if len(form) >= SHORTEST}
            self._forms = sorted({*self._forms, *forms}, key=lambda form: (-len(form), form))
            self._begun |= {form[:n] for form in forms for n in range(SHORTEST, len(form))}
        return password

    def hide(self, text: str) -> str:
        """`text` without any of them, nor the beginning of one where it was cut off."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        end = text.rstrip(". ")
        longest = min(len(end), len(self._forms[0])) if self._forms else 0
        for cut in range(longest, SHORTEST - 1, -1):
            if end[-cut:] in self._begun:
                return end[:-cut] + HIDDEN + text[len(end) :]
        return text


def _forms(password: str, user: str) -> Iterator[str]:
    # A caster's header is read as ISO 8859-1, which is not what the password was sent in.
    for plain in (password, password.encode().decode("iso-8859-1")):
        yield from (plain, printable(plain), ascii(plain)[1:-1])
    for quoted in (quote(password, safe=""), quote(password), quote_plus(password)):
        yield quoted
        yield re.sub("%..", lambda code: code[0].lower(), quoted)
    for text in (password, f"{user}:{password}"):
        coded = b64encode(text.encode()).decode()
        yield from (coded, coded.rstrip("="))


class Lines(logging.Formatter):
    """Log lines without secrets; with the priorities that journald reads (sd-daemon(3)) where it listens."""

    def __init__(self, secrets: Secrets, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(levelname)s %(message)s")
        self._secrets = secrets
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = self._secrets.hide(super().format(record))
        if not self._journal:
            return text
        priority = next(sign for level, sign in PRIORITY if record.levelno >= level)
        return "\n".join(priority + line for line in text.splitlines())
