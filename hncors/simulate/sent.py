"""What a province hands out at an epoch, and what it asks of a caster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Sent(NamedTuple):
    """What a station sends for an epoch."""

    station: int  # row of `Province.stations`
    data: bytes  # whole frames, but for faults; b"" when it is silent
    delay_s: float  # from the epoch (GPS time) until the bytes arrive


class Action(NamedTuple):
    """Something a caster does to a mountpoint's connections from begin to before end (GPS ms)."""

    mountpoint: str
    kind: str  # of hncors.daemon.link_faults.KINDS
    begin_ms: int
    end_ms: int
    parameters: Mapping[str, float]  # "status" of refuse
    label: str  # of the fault in the truth


class Epoch(NamedTuple):
    """One epoch of the province."""

    time_ms: int  # GPS
    sent: list[Sent]
    truth: list[dict[str, Any]]
