"""Passwords that were read, so that no text the daemon tells holds one, whoever put it there.

A caster may send back what it was asked with, and a fault may carry what it happened to; so every line of
the log and every reason a link gives goes through here last.
"""

import logging
from base64 import b64encode
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 4  # hiding less would only spoil what is told
PRIORITY = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (0, "<7>"))


class Secrets:
    """The forms in which passwords are known to travel."""

    def __init__(self) -> None:
        self._forms: list[str] = []  # the longest first: one may hold another

    def remember(self, password: str, user: str = "") -> str:
        """Hide this password from now on; gives it back."""
        if len(password) >= SHORTEST:
            pair = f"{user}:{password}"
            plain = [password, quote(password, safe=""), quote_plus(password), repr(password)[1:-1]]
            coded = [b64encode(text.encode()).decode().rstrip("=") for text in (password, pair)]
            self._forms = sorted({*self._forms, *plain, *coded}, key=lambda form: (-len(form), form))
        return password

    def hide(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text


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
