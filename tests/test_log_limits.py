"""Lines of one kind: some are told, the others counted, and nothing else is lost for it."""

from __future__ import annotations

import io
import logging

import pytest

from hncors.daemon.log_limits import ABOUT, KINDS, MOST, WINDOW_S, Limit
from hncors.daemon.secrets import Lines, Secrets


class Log:
    """A logger of its own, what it wrote, and a clock to be set."""

    def __init__(self) -> None:
        self.now_s, self.secrets, self._text = 1000.0, Secrets(), io.StringIO()
        inner = logging.StreamHandler(self._text)
        inner.setFormatter(Lines(self.secrets, journal=False))
        self.limit = Limit(inner, lambda: self.now_s)
        self.logger = logging.Logger("tried")
        self.logger.addHandler(self.limit)

    def lines(self) -> list[str]:
        return self._text.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log()


def test_p15_a_flood_of_one_kind(log: Log) -> None:
    """Some lines of a kind are told in a minute, then how many more there were and the last of them."""
    for number in range(MOST + 900):
        log.logger.error("port %d is in use", number)
        if number % 100 == 0:
            log.logger.warning("something else")
    assert log.lines().count("WARNING something else") == 10  # nothing else is left out for it
    assert len(log.lines()) == MOST + 10
    assert log.limit.left_out == 900
    log.now_s += WINDOW_S + 1
    log.logger.error("port %d is in use", 7)
    assert log.lines()[-2:] == [
        f"ERROR log: 900 lines of this kind were left out within a minute: port {MOST + 899} is in use",
        "ERROR port 7 is in use",
    ]


def test_p15_one_station_does_not_silence_another(log: Log) -> None:
    """Events are of one kind by name and station."""
    for number in range(1000):
        log.logger.info("%s", f"A: {number}", extra={ABOUT: ("state", "A")})
    log.logger.info("%s", "B: streaming", extra={ABOUT: ("state", "B")})
    assert log.lines()[-1] == "INFO B: streaming"
    assert log.limit.left_out == 1000 - MOST


def test_p15_what_was_left_out_is_told_at_the_end_and_without_secrets(log: Log) -> None:
    """Also where a password is cut off, and whatever control characters there are."""
    log.secrets.remember("correct-horse-battery")
    for _ in range(MOST + 1):
        log.logger.error("\x1b[2J refused\n%s correct-horse-battery", "x" * 85)
    log.limit.close()
    last = log.lines()[-1]
    assert last.startswith("ERROR log: 1 lines of this kind were left out within a minute: \\x1b[2J refused")
    assert "correct" not in "".join(log.lines())
    log.limit.close()
    assert log.lines()[-1] == last  # once


def test_p15_kinds_without_end(log: Log) -> None:
    """What is remembered of kinds is bounded; those that began first are told and forgotten."""
    for _ in range(MOST + 5):
        log.logger.error("first")
    for number in range(KINDS):
        log.logger.error("%s", "x", extra={ABOUT: number})
    assert len(log.limit._kinds) == KINDS and not log.limit._samples
    assert "ERROR log: 5 lines of this kind were left out within a minute: first" in log.lines()
