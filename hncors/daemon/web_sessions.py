"""Who has signed in, and how often somebody may try to: all in memory, all bounded."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hncors.daemon.web_users import User
from hncors.view.roles import Who
from hncors.view.site_people import Session as Shown

LASTS_S = 12 * 3600.0  # a shift
IDLE_S = 3600.0
MOST = 1000  # sessions
TRIES_FOR_S = 300.0
TRIES_THERE = 10  # that failed, in that time, of a user from one address
TRIES_OF_ADDRESS = 30
TRIES_OF_USER = 100  # from everywhere; fewer would let anybody lock somebody out
MOST_REMEMBERED = 10_000  # addresses and users


@dataclass
class _Session:
    user: str
    role: str
    fingerprint: str  # of the hash of his password: another password ends it
    csrf: str
    since_s: float
    since_ns: int
    seen_s: float
    seen_ns: int


class Sessions:
    """Those who have signed in, by what their cookie holds."""

    def __init__(self, monotonic_s: Callable[[], float], now_ns: Callable[[], int]) -> None:
        self._monotonic_s, self._now_ns = monotonic_s, now_ns
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, name: str, user: User) -> str:
        """Somebody has signed in: what his cookie is to hold."""
        token = secrets.token_urlsafe(32)
        now_s, now_ns = self._monotonic_s(), self._now_ns()
        csrf = secrets.token_urlsafe(32)
        self._sessions[_key(token)] = _Session(
            name, user.role, _key(user.password), csrf, now_s, now_ns, now_s, now_ns
        )
        while len(self._sessions) > MOST:
            self._sessions.popitem(last=False)
        return token

    def who(self, token: str, users: Mapping[str, User]) -> Who | None:
        """Whose cookie it is; None where that has ended, or he is no longer a user or has another role."""
        key = _key(token)
        its = self._sessions.get(key)
        if its is None:
            return None
        now_s, user = self._monotonic_s(), users.get(its.user)
        over = now_s - its.since_s > LASTS_S or now_s - its.seen_s > IDLE_S
        if over or user is None or user.role != its.role or _key(user.password) != its.fingerprint:
            del self._sessions[key]
            return None
        its.seen_s, its.seen_ns = now_s, self._now_ns()
        return Who(its.user, its.role, its.csrf)

    def end(self, token: str) -> None:
        self._sessions.pop(_key(token), None)

    def shown(self) -> list[Shown]:
        """For the administrator, the newest first."""
        now_s = self._monotonic_s()
        return [
            Shown(its.user, its.role, its.since_ns, its.seen_ns)
            for its in reversed(self._sessions.values())
            if now_s - its.since_s <= LASTS_S and now_s - its.seen_s <= IDLE_S
        ]


class Tries:
    """Attempts to sign in that failed, by user, by address, and by both."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._failed: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def too_many(self, user: str, address: str) -> bool:
        """Whether there were so many that the next has to wait."""
        return any(self._count(key) >= most for key, most in _keys(user, address))

    def failed(self, user: str, address: str) -> None:
        for key, most in _keys(user, address):
            tries = self._failed.setdefault(key, deque(maxlen=most))
            tries.append(self._monotonic_s())
            self._failed.move_to_end(key)
        while len(self._failed) > MOST_REMEMBERED:
            self._failed.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        self._failed.pop(("there", f"{user[:64]} {address}"), None)

    def _count(self, key: tuple[str, str]) -> int:
        since_s = self._monotonic_s() - TRIES_FOR_S
        return sum(at_s >= since_s for at_s in self._failed.get(key, ()))


def same(one: str, other: str) -> bool:
    """Whether two tokens are the same, in a time that tells nothing about either."""
    return hmac.compare_digest(one.encode(), other.encode())


def _keys(user: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (
        (("there", f"{user[:64]} {address}"), TRIES_THERE),
        (("address", address), TRIES_OF_ADDRESS),
        (("user", user[:64]), TRIES_OF_USER),
    )


def _key(token: str) -> str:
    """What is remembered of a token: not the token itself."""
    return hashlib.sha256(token.encode()).hexdigest()
