"""What a stream shares with another: observations, an antenna, a clock. One door to what finds them."""

from __future__ import annotations

from typing import NamedTuple

from hncors.gpstime import from_unix_ns
from hncors.health import Event
from hncors.network import Network
from hncors.network_values import Tick
from hncors.observation import I64
from hncors.supervise.clock_patterns import Alike, ClockPatterns
from hncors.supervise.copies import ANTENNA, COPY, Copies, Relation
from hncors.supervise.policy import Policy


class Kin(NamedTuple):
    """Who a stream is like, by station id, and how; None: nobody."""

    copy: tuple[str, Relation] | None = None
    antenna: tuple[str, Relation] | None = None
    clock: tuple[str, Alike] | None = None


NO_KIN = Kin()


class Kindred:
    """What is known of all streams of a network."""

    def __init__(self, streams: int, policy: Policy) -> None:
        self.copies = Copies(streams, policy)
        self.clocks = ClockPatterns(streams, policy)

    def rearranged(self, before: I64, policy: Policy) -> Kindred:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = Kindred(0, policy)
        other.copies = self.copies.rearranged(before, policy)
        other.clocks = self.clocks.rearranged(before, policy)
        return other

    def add(self, network: Network, tick: Tick, now_ns: int) -> list[Event]:
        """Take in a tick; copies that are not equal value by value, which the network tells of itself."""
        now_ms = from_unix_ns(now_ns)
        self.clocks.add(tick, now_ms)
        events = []
        for one, other, what in self.copies.add(tick, now_ms):
            if what != COPY or network.mirrors.of[one] == other:
                continue
            for stream, like in ((one, other), (other, one)):
                relation = self.copies.of(stream, COPY)
                detail = {"like": network.streams[like].id, **(told(relation) if relation else {})}
                events.append(Event(now_ns, network.streams[stream].id, "mirrored_stream", detail))
        return events

    def of(self, network: Network, stream: int) -> Kin:
        """Whom a stream is like now."""
        copy, antenna = self.copies.of(stream, COPY), self.copies.of(stream, ANTENNA)
        clock = self.clocks.of(stream)
        names = network.streams
        return Kin(
            None if copy is None else (names[copy.other].id, copy),
            None if antenna is None else (names[antenna.other].id, antenna),
            None if clock is None else (names[clock.other].id, clock),
        )


def told(relation: Relation) -> dict[str, object]:
    """How observations were changed, as plain values."""
    return {
        "late_s": round(relation.late_s, 1),
        "coarser": relation.coarser,
        "without": relation.without,
        "changed_clock": relation.changed_clock,
    }
