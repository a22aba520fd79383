"""Who pushes each stream, and by which receiver, as far as that is known: E19 and E20.

The stream remembers who pushed it since the daemon started; what was known before is recalled from the
ledger, or from a bundle that is looked at again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hncors.origins import ORIGINS, Origin, remember_origin
from hncors.supervise.regions import Regions
from hncors.supervise.seen import Seen
from hncors.text import printable

MOST_SUBJECTS = 20_000  # a network has fewer
MOST_CHARACTERS = 200  # of an address, agent or serial number that is read again


class Pushed(NamedTuple):
    """The sources of a stream: in their order, and the serial number of the receiver by address."""

    subject: str
    origins: tuple[Origin, ...]
    serials: Mapping[str, str]


@dataclass(slots=True)
class _Known:
    before: tuple[Origin, ...] = ()  # recalled
    now: tuple[Origin, ...] = ()  # all, as of the last look
    serials: dict[str, str] = field(default_factory=dict)


class Sources:
    """What is known of the sources of all streams."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self._known: dict[str, _Known] = {}

    def of(self, seen: Seen) -> Seen:
        """The stream with what is known of who pushes it, up to the time at which it was seen."""
        its = self._known.get(seen.subject)
        if its is None:
            if not seen.origins or len(self._known) >= MOST_SUBJECTS:
                return seen
            its = self._known[seen.subject] = _Known()
        origins = deque((one for one in its.before if one.at_ns <= seen.at_ns), ORIGINS)
        for one in seen.origins:
            remember_origin(origins, one)
        its.now = tuple(origins)
        taken = [one for one in origins if not one.refused]
        address, serial = taken[-1].address if taken else "", seen.equipment.get("receiver_serial", "")
        if address and serial and seen.equipped_ns >= taken[-1].at_ns:
            its.serials[address] = serial
            while len(its.serials) > ORIGINS:
                del its.serials[next(iter(its.serials))]
        region = self._regions.of(address)
        return seen._replace(origins=its.now, serials=dict(its.serials), region=region)

    def recall(self, pushed: Iterable[Pushed]) -> None:
        """Take up what was known before, once."""
        for one in pushed:
            if len(self._known) < MOST_SUBJECTS:
                its = self._known.setdefault(one.subject, _Known())
                its.before = one.origins[-ORIGINS:]
                its.serials = {**dict([*one.serials.items()][-ORIGINS:]), **its.serials}

    def known(self) -> list[Pushed]:
        """What is known now, to be kept."""
        every = ((name, its.now or its.before, its.serials) for name, its in self._known.items())
        return [Pushed(name, origins, dict(serials)) for name, origins, serials in every if origins]

    def forget(self, subject: str) -> None:
        """It is not watched any more."""
        self._known.pop(subject, None)


def plain(pushed: Pushed) -> dict[str, Any]:
    """As it is kept in JSON."""
    origins = [[one.at_ns, one.address, one.agent, one.refused] for one in pushed.origins]
    return {"origins": origins, "serials": dict(pushed.serials)}


def from_plain(subject: str, told: Any) -> Pushed | None:
    """What `plain` made, read again from outside; None where it is not that."""
    match told:
        case {"origins": [*origins], "serials": {**serials}} if len(serials) <= ORIGINS:
            every = [_origin(one) for one in origins[-ORIGINS:]]
            made = tuple(one for one in every if one is not None)
            texts = {_text(name): _text(one) for name, one in serials.items()}
            return Pushed(subject, made, texts) if len(made) == len(every) else None
    return None


def _origin(told: Any) -> Origin | None:
    match told:
        case [int(at_ns), str(address), str(agent), bool(refused)] if 0 <= at_ns < 1 << 63:
            return Origin(_text(address), _text(agent), at_ns, refused)
    return None


def _text(told: object) -> str:
    return printable(str(told), MOST_CHARACTERS)
