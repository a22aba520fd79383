"""When to connect again: per stream, and over all streams of one caster.

Casters shut out clients that come back too soon, and when one restarts, all its streams come back at once.
So every connection waits for its stream's pace first and then for its caster's turn.  Times are seconds of
a monotonic clock, given by the caller.
"""

import random
from collections import deque
from dataclasses import dataclass, field

ATTEMPTS = 6  # of one stream ...
ATTEMPTS_WITHIN_S = 60.0  # ... in this time, at most, whatever the settings say
JITTER = 0.5  # a wait is lengthened by up to this part of itself
SLOW_FIRST_S, SLOW_LONGEST_S = 30.0, 300.0  # a wrong password tried often locks the account
# What only a person mends: coming back soon changes nothing, and annoys who runs the caster.
LASTING = frozenset({"auth_failed", "mountpoint_missing", "not_ntrip", "redirected"})
RETRY_AFTER_LONGEST_S = 3600.0  # more than this is not believed of a caster
# Our own casters shut nobody out, and lock no account: an attempt every so often, however many failed ...
OWN_EVERY_S, OWN_JITTER = 10.0, 0.2
OWN_SHORTEST_S = 1.0  # ... but this long after the last one failed, and soon after a good connection


class Pace:
    """One stream's waits: they double from `first_s` to `longest_s` until the stream has proved good.

    `own`: the caster is ours, and a fault of it is over for us within 15 s of its end.
    """

    def __init__(self, first_s: float, longest_s: float, chance: random.Random, *, own: bool = False) -> None:
        self.failures = 0
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._own = own
        self._begun: deque[float] = deque(maxlen=ATTEMPTS)

    def begin(self, now_s: float) -> None:
        """An attempt begins."""
        self._begun.append(now_s)

    def proved(self) -> None:
        """The connection that ended had been good: the next wait is the first again."""
        self.failures = 0

    def wait_s(
        self, now_s: float, state: str, retry_after_s: float | None = None, *, slow: bool = False
    ) -> float:
        """Seconds until the next attempt after one that ended in `state`; `slow`: as a refused one."""
        slow = slow or (state in LASTING and not self._own)
        wait_s = self._own_s(now_s) if self._own and not slow else self._doubled_s(slow)
        self.failures += 1
        if retry_after_s is not None:
            wait_s = max(wait_s, min(retry_after_s, RETRY_AFTER_LONGEST_S))
        if len(self._begun) == ATTEMPTS:
            wait_s = max(wait_s, self._begun[0] + ATTEMPTS_WITHIN_S - now_s)
        return wait_s

    def _doubled_s(self, slow: bool) -> float:
        first_s, longest_s = self._first_s, self._longest_s
        if slow:
            first_s, longest_s = max(first_s, SLOW_FIRST_S), max(longest_s, SLOW_LONGEST_S)
        wait_s = min(first_s * 2.0 ** min(self.failures, 20), longest_s)
        return wait_s * (1 + JITTER * self._chance.random())

    def _own_s(self, now_s: float) -> float:
        last_s = self._begun[-1] if self._begun else now_s
        if (
            not self.failures and now_s - last_s >= OWN_EVERY_S
        ):  # else it would be one too many in this minute
            return OWN_SHORTEST_S * (1 + self._chance.random())
        next_s = last_s + OWN_EVERY_S * (1 + OWN_JITTER * self._chance.random())
        return max(OWN_SHORTEST_S, next_s - now_s)


class Turns:
    """Connections begun per second and caster's host, over all streams."""

    def __init__(self, per_s: float) -> None:
        self._spacing_s = 1 / per_s
        self._next_s: dict[str, float] = {}
        self._at_once = max(int(per_s), 1)
        self._begun: dict[str, deque[float]] = {}  # the last that really began

    def take(self, host: str, now_s: float) -> float:
        """Seconds until the caller may begin its connection to `host`."""
        turn_s = max(now_s, self._next_s.get(host, now_s))
        self._next_s[host] = turn_s + self._spacing_s
        return turn_s - now_s

    def begin(self, host: str, now_s: float) -> float:
        """0 where a connection whose turn it is may begin now; else seconds to ask again after.

        Turns are even; what waits for them is not, on a busy machine, and would begin in a bunch.
        """
        begun = self._begun.setdefault(host, deque(maxlen=self._at_once))
        if len(begun) == self._at_once:
            wait_s = begun[0] + self._at_once * self._spacing_s - now_s
            if wait_s > 1e-9:
                return wait_s
        begun.append(now_s)
        return 0.0


# A caster that allows an account so many sessions ends the oldest one when another begins
ENDED_SOON_S = 2.0  # after the other's beginning
ESTABLISHED_S = 5.0  # one that is younger when it ends was not established
HABIT, HABIT_WITHIN_S = 3, 900.0

Account = tuple[str, int, str | None]  # host, port, user


@dataclass
class Sessions:
    """Tells when sessions of one account end each other. Times as everywhere here."""

    _begun: dict[Account, dict[str, float]] = field(default_factory=dict)  # by stream, those that are open
    _ended: dict[Account, deque[float]] = field(default_factory=dict)  # when one ended another

    def begun(self, account: Account, stream: str, now_s: float) -> None:
        """A session begins."""
        self._begun.setdefault(account, {})[stream] = now_s

    def over(self, account: Account, stream: str, now_s: float, *, by_caster: bool) -> str:
        """A session is over. The stream whose session ended it, if that has become a habit; else ""."""
        sessions = self._begun.get(account, {})
        begun_s = sessions.pop(stream, now_s)
        if not by_caster or now_s - begun_s < ESTABLISHED_S or not sessions:
            return ""
        newest = max(sessions, key=sessions.__getitem__)
        if sessions[newest] <= begun_s or now_s - sessions[newest] > ENDED_SOON_S:
            return ""
        ended = self._ended.setdefault(account, deque(maxlen=HABIT))
        ended.append(now_s)
        return newest if len(ended) == HABIT and now_s - ended[0] <= HABIT_WITHIN_S else ""
