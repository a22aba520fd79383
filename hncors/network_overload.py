"""More to do than there is time for: what is left out then, and how that is told.

A tick takes what came since the last one. Where that takes longer than it took to come, each tick is longer
than the one before, and nothing would ever be in time again. So positions and the quality of signals are left
out first, of whole ticks; where that is not enough, frames that have waited too long are given up, and the
monitor was blind for that time. Bytes are recorded, and streams have their states, all along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hncors.health import SECOND_NS, Event, Stream
from hncors.network_values import Came

MEASURES, FRAMES = 1, 2
WORDS = ("nothing", "positions and quality", "positions, quality and frames")

MEASURES_S = 2.0  # a tick that took so long, besides the time between ticks: the next leaves out measures
FRAMES_S = 5.0  # two in a row that took so long: the next gives up frames as well
KEPT_NS = 1 * SECOND_NS  # frames that came no longer ago are kept
OVER_NS = 60 * SECOND_NS  # after so long without leaving out anything it is over


class LeftOut(NamedTuple):
    """What a tick leaves out, and why."""

    level: int = 0  # 0, MEASURES or FRAMES
    lag_ms: int = 0  # how much longer than the time between ticks the one before took


NOTHING_LEFT_OUT = LeftOut()


class Pressure:
    """What the next tick has to leave out, by what ticks took."""

    def __init__(self, tick_s: float) -> None:
        self.lag_s = 0.0  # how much longer than the time between ticks the last one took
        self._tick_s = tick_s
        self._before_s = 0.0

    def took(self, seconds: float) -> None:
        """A tick is over."""
        self._before_s, self.lag_s = self.lag_s, max(seconds - self._tick_s, 0.0)

    def left_out(self) -> LeftOut:
        """What the next tick leaves out."""
        frames, measures = min(self.lag_s, self._before_s) >= FRAMES_S, self.lag_s >= MEASURES_S
        return LeftOut(FRAMES if frames else MEASURES if measures else 0, round(self.lag_s * 1000))


class Overload:
    """What was left out, and for how long now."""

    def __init__(self) -> None:
        self.lasts = False  # something was left out in the last minute
        self.ticks = [0, 0, 0]  # by what they left out
        self.epochs = 0  # whose positions and quality were left out
        self.frames = 0  # that were given up
        self._level = 0  # the most since it began
        self._since_ns = self._last_ns = 0

    def look(self, now_ns: int, left_out: LeftOut) -> list[Event]:
        """A tick begins that leaves out something, or nothing."""
        level = left_out.level
        self.ticks[level] += 1
        news = []
        if level:
            if not self.lasts:
                self._since_ns, self._level = now_ns, 0
            if level > self._level:
                self._level = level
                detail = {"lag_s": left_out.lag_ms / 1000, "left_out": WORDS[level]}
                news.append(Event(now_ns, "", "overloaded", detail))
            self.lasts, self._last_ns = True, now_ns
        elif self.lasts and now_ns - self._last_ns >= OVER_NS:
            self.lasts = False
            seconds = round((self._last_ns - self._since_ns) / SECOND_NS, 1)
            totals = {"epochs": self.epochs, "frames": self.frames}
            news.append(Event(now_ns, "", "overload_over", {"seconds": seconds, **totals}))
        return news

    def give_up(self, came: Sequence[Came], now_ns: int, streams: Sequence[Stream]) -> list[Came]:
        """What of that which came is kept; the rest is counted."""
        kept = []
        for one in came:
            if now_ns - one.arrival_ns <= KEPT_NS:
                kept.append(one)
            else:
                self.frames += len(one.frames)
                streams[one.number].errors["given_up"] += len(one.frames)
        return kept
