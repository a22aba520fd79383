"""What goes into a network and what comes out of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from hncors.health import Event, Watched
from hncors.observation import I64, NO_MESSAGES, NO_OBSERVATIONS, Messages, Observations
from hncors.origins import Origin
from hncors.positioning import NO_POSITIONS, Positions

T = TypeVar("T")


class Chunk(NamedTuple):
    """Bytes of one station as a link read them, or news of the link itself."""

    station: str
    data: bytes
    arrival_ns: int  # UTC nanoseconds since 1970
    state: str | None = None  # the link's new state, None if unchanged; "connected" starts decoding afresh
    why: str = ""
    timed: bool = True  # False: the arrival time was made up from the data, so there is no latency
    origin: Origin | None = None  # who pushes it, or would have


class Came(NamedTuple):
    """Frames that came together and are not decoded yet."""

    number: int  # of the stream
    arrival_ns: int
    frames: list[bytes]


class Epochs(NamedTuple):
    """Complete epochs as columns, in the order they were complete."""

    station: I64  # index into Network.streams
    time_ms: I64  # GPS
    satellites: I64  # shape (epochs, 7)
    observations: I64
    closed_by: I64  # index into hncors.measure.epoch.CLOSED_BY
    arrival_ns: I64  # of the last message


class Tick(NamedTuple):
    """What a tick brought to light."""

    events: list[Event]
    epochs: Epochs
    epoch: I64  # of each message of `messages`, its row in `epochs`
    messages: Messages
    observations: Observations
    positions: Positions


class Judging(Protocol):
    """What holds streams against the registry (hncors.supervise.judge); it keeps a state of its own."""

    def look(self, network: Any, tick: Tick, now_ns: int) -> list[Event]:
        """What came to light by a tick of a Network."""

    def rearrange(self, before: I64, stations: Sequence[Watched]) -> None:
        """Other stations from now on: `before` is each one's row so far, -1 for one that is new."""


_NONE = np.empty(0, np.int64)
NO_EPOCHS = Epochs(_NONE, _NONE, np.empty((0, 7), np.int64), _NONE, _NONE, _NONE)
NO_NEWS = Tick([], NO_EPOCHS, _NONE, NO_MESSAGES, NO_OBSERVATIONS, NO_POSITIONS)


def whole(steps: Generator[None, None, T]) -> T:
    """What work taken in steps comes to, all of them at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: T = end.value
            return done
