"""What goes wrong in a soak: the kinds of faults, what a daemon must make of each, and a plan by chance.

The plan is the truth that the soak judges by. Limits are the issue's: a fault is named within 10 s, one that
brings bytes without frames within 15 s, and is over within 15 s of its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

NAMED_S = 10.0
NO_FRAMES_S = 15.0
RECOVERED_S = 15.0
FINE_S = 0.5  # two ticks: what is due at an instant shows at the next
BRIEF_S = 8.5  # a silence up to this is none, with epochs a second apart
LATE_S = 30.0
CALM_S = 40.0  # at both ends of a soak
GAP_S = 27.0, 120.0  # between two faults of a station: recovery, and ten seconds since the last attempt
HOST_GAP_S = 100.0, 260.0


class Kind(NamedTuple):
    """A kind of fault."""

    states: tuple[str, ...]  # any of these names it rightly; none: the stream has to stay up
    within_s: float = NAMED_S
    count: str = ""  # a kind of error that has to be counted within that time
    hosts: str = ""  # of a whole host: on which of the hosts (letters) it can be; "": of one station
    exact: bool = True  # whether what is received can be counted exactly beside it


KINDS = {
    # one station's
    "503": Kind(("unavailable",)),
    "wrong password": Kind(("auth_failed",)),
    "404": Kind(("mountpoint_missing",)),
    "sourcetable": Kind(("mountpoint_missing",)),
    "web page": Kind(("not_ntrip",)),
    "redirect": Kind(("redirected",)),
    "closed at once": Kind(("backoff",)),
    "reset": Kind(("unavailable",)),
    "half-open": Kind(("stalled", "unavailable"), exact=False),
    "no answer": Kind(("unavailable",)),
    "silence": Kind(("stalled",)),
    "drip": Kind(("no_frames",), NO_FRAMES_S),
    "bytes without frames": Kind(("no_frames",), NO_FRAMES_S),
    "every frame broken": Kind(("no_frames",), NO_FRAMES_S, count="crc"),
    "some frames broken": Kind((), count="crc", exact=False),
    "late data": Kind(("stalled", "stale_data"), exact=False),
    "a recording": Kind(("stale_data",), exact=False),
    "another station's stream": Kind(("identity_mismatch",), exact=False),
    # a host's
    "refused": Kind(("unreachable",), hosts="abc"),
    "no such name": Kind(("unreachable",), hosts="abc"),
    "wrong certificate": Kind(("tls_failed",), hosts="b"),
    "TLS port without TLS": Kind(("tls_failed",), hosts="b"),
    "restart": Kind(("unreachable",), hosts="abc"),
}


class Fault(NamedTuple):
    """A fault that is going to be; times are seconds since the soak began."""

    kind: str
    target: str  # a station's id, or a host's letter
    begin_s: float
    end_s: float
    with_: str = ""  # the other station, of those that are swapped

    @property
    def lasts_s(self) -> float:
        return self.end_s - self.begin_s


def plan(hosts: dict[str, Sequence[str]], length_s: float, seed: int, *, tls: bool) -> list[Fault]:
    """Faults of stations by their host's letter, several at a time, one at a time of one station.

    Kinds are dealt like cards, so that all of them come up.
    """
    chance = Random(seed)
    ends = {name: CALM_S for names in hosts.values() for name in names}
    cards = _dealt([kind for kind, one in KINDS.items() if not one.hosts], chance)
    out = []
    while True:
        name = min(ends, key=ends.__getitem__)
        begin_s = ends[name] + chance.uniform(*GAP_S)
        if begin_s > length_s - 2 * CALM_S:
            break
        kind = next(cards)
        fault = Fault(kind, name, begin_s, _end_s(begin_s, length_s, chance))
        if kind == "another station's stream":
            fault = fault._replace(with_=chance.choice([one for one in ends if one != name]))
            if ends[fault.with_] + GAP_S[0] > begin_s:  # the other is in trouble then
                fault = fault._replace(kind="silence", with_="")
            else:
                ends[fault.with_] = fault.end_s
        ends[name] = fault.end_s
        out.append(fault)
    for letter in hosts:
        kinds = [kind for kind, one in KINDS.items() if letter in one.hosts and (tls or letter != "b")]
        cards = _dealt(kinds, chance)
        end_s = CALM_S
        while kinds:
            begin_s = end_s + chance.uniform(*HOST_GAP_S)
            if begin_s > length_s - 2 * CALM_S:
                break
            kind = next(cards)
            end_s = _end_s(begin_s, length_s, chance)
            end_s = begin_s + chance.uniform(0.5, 3.0) if kind == "restart" else end_s
            out.append(Fault(kind, letter, begin_s, end_s))
    return sorted(out, key=lambda one: one.begin_s)


def _end_s(begin_s: float, length_s: float, chance: Random) -> float:
    lasts_s = chance.uniform(*chance.choice([(2, 8), (12, 60), (20, 60), (60, 150)]))
    return min(begin_s + lasts_s, length_s - CALM_S)


def _dealt(kinds: Sequence[str], chance: Random) -> Iterator[str]:
    while kinds:
        yield from chance.sample(kinds, len(kinds))
