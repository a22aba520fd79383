"""E12: how many hours of how many days a stream came from one and the same place (长期连续).

The rules of a reference station are for what observes continuously over the long term; a base that stands for
a survey of three days is another matter. Days are of UTC. Without a place nothing is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hncors.health import SECOND_NS
from hncors.supervise.policy import Policy
from hncors.supervise.seen import Place, Seen

DAY_NS = 86_400 * SECOND_NS
GAP_NS = 300 * SECOND_NS  # looks that are farther apart say nothing of the time between them


class Kept(NamedTuple):
    """The presence of a subject as it is kept over a restart (hncors.daemon.ledger_presence)."""

    subject: str
    place_m: Place
    days: Mapping[int, float]  # day since 1970 -> seconds present


@dataclass(slots=True)
class Presence:
    """The last days of one stream."""

    place_m: Place | None = None
    days: dict[int, float] = field(default_factory=dict)  # day since 1970 -> seconds present
    looked_ns: int = 0

    def look(self, seen: Seen, policy: Policy) -> None:
        """Count the time since the last look, if the stream is there, and where it was."""
        since_ns, self.looked_ns = seen.at_ns - self.looked_ns, seen.at_ns
        if not seen.live or seen.arp_m is None:
            return
        if self.place_m is None or math.dist(self.place_m, seen.arp_m) > policy.present_within_m:
            self.place_m, self.days = seen.arp_m, {}
            return
        if 0 < since_ns <= GAP_NS:
            day = seen.at_ns // DAY_NS
            self.days[day] = self.days.get(day, 0.0) + since_ns / SECOND_NS
            for old in [one for one in self.days if one <= day - policy.present_of_days]:
                del self.days[old]

    def recall(self, kept: Kept, policy: Policy) -> None:
        """Add what was counted before this run; of another place it is of no interest."""
        if self.place_m is None:
            self.place_m = kept.place_m
        elif math.dist(self.place_m, kept.place_m) > policy.present_within_m:
            return
        for day, seconds in kept.days.items():
            self.days[day] = self.days.get(day, 0.0) + seconds

    def days_present(self, at_ns: int, policy: Policy) -> int:
        """Of the last `present_of_days`, those with enough hours."""
        first = at_ns // DAY_NS - policy.present_of_days
        return sum(
            day > first and seconds >= policy.present_hours * 3600 for day, seconds in self.days.items()
        )
