"""Systems at fault as a whole, in time or in a signal of all their satellites, by clocks of stations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hncors import causes_words as words
from hncors.measure.apart import (
    AGREE,
    FEWEST_STATIONS,
    SLOTS,
    SYSTEM,
    View,
    clock_limits_m,
    medians,
    system_limits_m,
)
from hncors.measure.attribution import UNKNOWN, Electrons, whose
from hncors.measure.between import Between
from hncors.measure.holding import Hold
from hncors.observation import F64, I64, B
from hncors.signals import GNSS

MOST_OF_SYSTEM = 0.5  # of its satellites at fault at once: the system is
LEARN_MS = 10_000  # between looks at what receivers add to delays
_LEARN = 0.2


class Found(NamedTuple):
    """What a look brought."""

    begins: list[tuple[int, dict[str, Any]]]  # system, detail
    ends: list[tuple[int, bool]]  # system, whether it could be judged
    off_m: F64  # (stations, CLOCKS) each station's clocks from what is usual, and from the middle of all
    limit_m: F64
    at_fault: B  # by system, now or still


class Systems:
    """What is usual between stations' clocks, and systems that are at fault."""

    def __init__(self, stations: int) -> None:
        self.hold = Hold(len(GNSS))
        self._between = Between(stations)
        self._usual_added_m = np.full((stations, len(SYSTEM)), np.nan)
        self._turn = -1

    def look(
        self,
        view: View,
        now_ms: int,
        thick: Callable[[], Electrons],
        pairing: Callable[[int], tuple[int, float]],
    ) -> Found:
        """`thick` gives what delays tell, `pairing` that of a system's ranges and its factor."""
        limit_m = clock_limits_m(view)
        held = np.broadcast_to(self.hold.on[SYSTEM], limit_m.shape)
        off_m = self._between.look(view.clock_m, limit_m, held)
        row, clock = np.nonzero(~np.isnan(off_m))
        middle_m, count = medians(clock, off_m[row, clock], len(SYSTEM))
        usual_m = system_limits_m(view, ~np.isnan(off_m))
        seeing = (off_m * np.sign(middle_m) > np.abs(middle_m) / 2).sum(axis=0)
        judged = count >= FEWEST_STATIONS
        agree = judged & (seeing >= AGREE * count)
        over, still = (_by_system(agree & (np.abs(middle_m) > part * usual_m)) for part in (1.0, 0.5))
        many = _most_satellites(view)
        known = _by_system(judged) | many
        begins, ends = self.hold.look(over | many, still | many, known, now_ms)
        found = []
        if len(begins) or now_ms // LEARN_MS != self._turn:
            self._turn = now_ms // LEARN_MS
            electrons = thick()
            for gnss in begins.tolist():
                which = np.flatnonzero(gnss == SYSTEM)
                worst = int(which[np.argmax(np.nan_to_num(np.abs(middle_m[which])))])
                detail = {"gnss": GNSS[gnss], "seen_by": int(seeing[worst]), "of": int(count[worst])}
                if many[gnss]:
                    detail |= {"what": "satellites"}
                else:
                    range_m = float(middle_m[worst])
                    detail |= {"range_m": round(range_m, 1)}
                    detail |= self._what(gnss, worst, range_m, electrons, pairing(gnss))
                found.append((gnss, words.system(detail)))
            self._learn(electrons.added_m, over | self.hold.on)
        at_fault = over | self.hold.on
        ended = [(gnss, bool(known[gnss])) for gnss in ends.tolist()]
        # What is a station's own: beyond what all have.
        return Found(found, ended, off_m - np.where(judged, middle_m, 0.0), limit_m, at_fault)

    def _what(
        self, gnss: int, clock: int, range_m: float, thick: Electrons, pairing: tuple[int, float]
    ) -> dict[str, Any]:
        """A signal, the system's time, or either."""
        more_m = thick.added_m - self._usual_added_m
        own_m, rest_m = more_m[:, clock], more_m[:, gnss != SYSTEM]
        own_m, rest_m = own_m[~np.isnan(own_m)], rest_m[~np.isnan(rest_m)]
        if len(own_m) < FEWEST_STATIONS or not len(rest_m):
            return {"what": "range"}
        # Electrons that came or went since then did so for all systems.
        delay_m = float(np.median(own_m) - np.median(rest_m))
        kind, c1 = pairing
        it_is = whose(range_m, delay_m, c1, thick.spread_m)
        signal = words.band(gnss, kind, it_is)
        if signal:
            return {"signal": signal, "signal_m": round(words.signal_error_m(range_m, c1, it_is), 1)}
        return {"what": "range" if it_is == UNKNOWN else "time"}

    def _learn(self, added_m: F64, at_fault: B) -> None:
        """What receivers add to delays, of systems that are well."""
        old = self._usual_added_m
        slow = np.where(np.isnan(old), added_m, old + _LEARN * (added_m - old))
        self._usual_added_m = np.where(~np.isnan(added_m) & ~at_fault[SYSTEM], slow, old)

    def rearranged(self, before: I64) -> Systems:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Systems(len(before))
        other.hold, other._between = self.hold, self._between.rearranged(before)
        stay = np.flatnonzero(before >= 0)
        other._usual_added_m[stay] = self._usual_added_m[before[stay]]
        return other


def _by_system(clocks: B) -> B:
    out = np.zeros(len(GNSS), bool)
    np.logical_or.at(out, SYSTEM, clocks)
    return out


def _most_satellites(view: View) -> B:
    """Systems most of whose satellites are suspect."""
    system = np.arange(SLOTS) // 64
    known = np.bincount(system, view.stations >= FEWEST_STATIONS, len(GNSS))
    bad = np.bincount(system, view.suspect, len(GNSS))
    out: B = (bad >= FEWEST_STATIONS) & (bad > MOST_OF_SYSTEM * known)
    return out
