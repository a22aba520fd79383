"""The equipment that a station names of itself, and who made it."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from hncors.equipment import Maker, antenna_maker, receiver_maker
from hncors.health import Stream
from hncors.rtcm3.station import Equipment

_MESSAGES = (1033, 1008, 1007)
_AT_NS = attrgetter("at_ns")


class Named(NamedTuple):
    """As messages 1033, 1008 or 1007 have it; "" for what none of them told. No serial numbers."""

    receiver: str = ""
    firmware: str = ""
    antenna: str = ""

    def makers(self) -> dict[str, Maker]:
        """Of what was named: "receiver", "antenna"."""
        found = {}
        if self.receiver:
            found["receiver"] = receiver_maker(self.receiver)
        if self.antenna:
            found["antenna"] = antenna_maker(self.antenna)
        return found


_NOTHING = Named()


def named(stream: Stream) -> Named:
    """The newest of each; a receiver is only in 1033."""
    said = [stream.said[number] for number in _MESSAGES if number in stream.said]
    if not said:
        return _NOTHING
    receiver = firmware = antenna = ""
    for one in sorted(said, key=_AT_NS, reverse=True) if len(said) > 1 else said:
        its = one.record
        if isinstance(its, Equipment):
            receiver = receiver or (its.receiver or "").strip()
            firmware = firmware or (its.firmware or "").strip()
            antenna = antenna or its.antenna.strip()
    return Named(receiver, firmware, antenna)
