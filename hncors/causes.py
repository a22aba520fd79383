"""Whose a fault is: a satellite's, a signal's, a system's, the sky's, or a station's own.

Stations stand still at known places. What their ranges are off by, taken apart over the network
(hncors.measure.apart), tells a satellite that is wrong for all who see it from a station that is wrong
with all it sees. Where a wider cause explains a station's alert, the alert stays what it is, but it carries
the cause and is inhibited: one satellite wakes nobody two thousand times. Fewer than three stations that see
a satellite say nothing of it, which is not that it is well. Positions know nothing of all this.

Looked at once a second of the stations' own time, and bounded: arrays over stations, satellites and systems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hncors import causes_words as words
from hncors.causes_gathering import Gathering
from hncors.causes_sky import Sky
from hncors.causes_stations import PLACED, Stations
from hncors.causes_systems import Systems
from hncors.health import Event
from hncors.identity import Places
from hncors.measure.apart import FEWEST_STATIONS, SLOTS, Rows, View, take_apart
from hncors.measure.attribution import Electrons, electrons, whose
from hncors.measure.exclusion import ALERT, EXCLUDED
from hncors.measure.holding import Hold
from hncors.measure.quality import Quality
from hncors.measure.spread import is_orbit
from hncors.observation import F64, I64, B
from hncors.positioning import Positions
from hncors.signals import GNSS, satellite_name

PLACES_MS, SKY_MS = 10_000, 30_000  # between looks at where stations stand, and at the sky
MOST_TOLD = 100  # satellites that begin at one look and are told: what is on is in the metrics all the same
SATELLITE, SIGNAL, SYSTEM, SKY = range(len(words.WIDE))
_SYSTEM_OF = np.arange(SLOTS) // 64

Told = tuple[str, str, dict[str, Any]]
"""Station ("" for the network), kind, detail."""


class Judged(NamedTuple):
    """How much could be judged at the last look."""

    time_ms: int
    stations: int
    satellites: I64  # (7,) with a verdict, by system
    unknown: I64  # (7,) with a range, but too few stations


class Causes:
    """What is known of causes; the first axis of arrays is the station."""

    def __init__(self, ids: Sequence[str], places: Places, known_m: Callable[[int], F64]) -> None:
        """`known_m` gives the known places of stations at a GPS time, ECEF (stations, 3), nan for none."""
        self.ids, self._known_m = list(ids), known_m
        self.gathering = Gathering(len(ids))
        self.satellites, self.systems, self.sky = Hold(SLOTS), Systems(len(ids)), Sky()
        self.stations = Stations(self.ids, places)
        self.inhibited: B = np.zeros((len(ids), len(words.WIDE)), np.bool_)
        self.judged = Judged(-1, 0, *np.zeros((2, len(GNSS)), np.int64))
        self.about: dict[
            tuple[int, int], dict[str, Any]
        ] = {}  # detail of each wide cause, by kind and number
        self._turn = {PLACES_MS: -1, SKY_MS: -1}

    def add(self, station: I64, time_ms: I64, late: B, found: Positions) -> None:
        """Complete epochs of a tick, as hncors.positioning.Positioning.epochs_of has them."""
        if self._due(PLACES_MS, int(time_ms[-1])):
            self.gathering.place(self._known_m(int(time_ms[-1])))
        with np.errstate(invalid="ignore"):
            self.gathering.add(station, time_ms, late, found)

    def judge(self, now_ns: int, quality: Quality) -> list[Event]:
        """What begins and ends, if a second has passed by the time of most stations."""
        now_ms = self.gathering.now_ms()
        if now_ms < 0 or now_ms // 1000 == self.judged.time_ms // 1000:
            return []
        current = self.gathering.current(now_ms)
        rows = self.gathering.rows(current)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            view = take_apart(rows, len(self.ids))
            told = list(self._of_systems(view, current, now_ms))
            told += self._of_satellites(rows, view, current, now_ms)
            if self._due(SKY_MS, now_ms):
                told += self._of_sky(quality, current, now_ms)
            self._explain(current)
            told += self.stations.judge(
                self.gathering, current, quality, now_ms,
                calm=not self.sky.disturbed, explained=np.logical_or.reduce(self.inhibited, axis=1),
            )  # fmt: skip
            self.inhibited[self.stations.places_itself()] = False
        known = view.stations >= FEWEST_STATIONS
        some = np.bincount(rows.slot, minlength=SLOTS) > 0
        counts = (np.bincount(_SYSTEM_OF[which], minlength=len(GNSS)) for which in (known, some & ~known))
        self.judged = Judged(now_ms, int(current.sum()), *counts)
        return [Event(now_ns, who, kind, detail) for who, kind, detail in told]

    def departs_m(self, station: int) -> float:
        """How far a station's newest ranges put it from where it stands, if the fault is its own; else 0."""
        off = bool(self.stations.hold.on[station, PLACED].any())
        size_m = float(np.linalg.norm(self.gathering.offset_m[station]))
        return size_m if off and np.isfinite(size_m) else 0.0

    def active(self) -> list[int]:
        """How many causes are on: those of words.WIDE, then stations with one of their own."""
        counts = [0] * len(words.WIDE)
        for (kind, _), detail in self.about.items():
            counts[SIGNAL if "signal" in detail else kind] += 1
        return [*counts, int(self.stations.hold.on.any(axis=1).sum())]

    def rearranged(
        self, before: I64, ids: Sequence[str], places: Places, known_m: Callable[[int], F64]
    ) -> Causes:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Causes(ids, places, known_m)
        other.gathering = self.gathering.rearranged(before)
        other.satellites, other.sky, other.systems = (
            self.satellites,
            self.sky,
            self.systems.rearranged(before),
        )
        other.stations = self.stations.rearranged(before, other.ids, places)
        other.about, other.judged = self.about, self.judged
        stay = np.flatnonzero(before >= 0)
        other.inhibited[stay] = self.inhibited[before[stay]]
        return other

    def _of_satellites(self, rows: Rows, view: View, current: B, now_ms: int) -> Iterator[Told]:
        judged = view.stations >= FEWEST_STATIONS
        still = (np.abs(view.effect_m) > view.limit_m / 2) & (view.seeing >= view.stations / 2)
        over = view.suspect & ~self.systems.hold.on[_SYSTEM_OF]
        begins, ends = self.satellites.look(over, still, judged, now_ms)
        unsure = [number for (_, number), one in self.about.items() if one.get("what") == "range"]
        again = [slot for slot in unsure if view.suspect[slot] and self.satellites.on[slot]]
        if len(begins) or again:
            thick = self._electrons(current, view)
            for slot in [*begins.tolist()[:MOST_TOLD], *again]:
                detail = self._satellite(rows, view, thick, slot)
                if slot in again and detail.get("what") == "range":
                    continue
                self.about[SATELLITE, slot] = detail
                yield "", "signal_fault" if "signal" in detail else "satellite_fault", detail
        for slot in ends.tolist():
            yield from self._end(SATELLITE, slot, self.satellites, judged=bool(judged[slot]))

    def _satellite(self, rows: Rows, view: View, thick: Electrons, slot: int) -> dict[str, Any]:
        gnss = slot // 64
        range_m = float(view.effect_m[slot])
        pairing, c1 = self.gathering.pairing(slot)
        it_is = whose(range_m, float(thick.off_m[slot]), c1, thick.spread_m)
        detail: dict[str, Any] = {
            "satellite": satellite_name(gnss, slot % 64),
            "range_m": round(range_m, 1),
            "seen_by": int(view.seeing[slot]),
            "of": int(view.stations[slot]),
        }
        signal = words.band(gnss, pairing, it_is)
        if signal:
            signal_m = round(words.signal_error_m(range_m, c1, it_is), 1)
            return words.satellite({**detail, "signal": signal, "signal_m": signal_m})
        mine = np.flatnonzero((rows.slot == slot) & ~np.isnan(view.left_m))
        places_m = self.gathering.places_m()[rows.station[mine]]
        orbit = is_orbit(places_m, view.left_m[mine], rows.noise_m2[mine])
        return words.satellite({**detail, "what": words.what(it_is, orbit)})

    def _electrons(self, current: B, view: View) -> Electrons:
        return electrons(self.gathering.delays(current), len(self.ids), view.suspect)

    def _of_systems(self, view: View, current: B, now_ms: int) -> Iterator[Told]:
        thick = partial(self._electrons, current, view)
        found = self.systems.look(view, now_ms, thick, lambda gnss: self.gathering.pairing(gnss=gnss))
        self.stations.systems(found.off_m, found.limit_m, found.at_fault)
        for gnss, detail in found.begins:
            self.about[SYSTEM, gnss] = detail
            yield "", "signal_fault" if "signal" in detail else "system_fault", detail
        for gnss, judged in found.ends:
            yield from self._end(SYSTEM, gnss, self.systems.hold, judged=judged)

    def _of_sky(self, quality: Quality, current: B, now_ms: int) -> Iterator[Told]:
        begins, ends = self.sky.look(quality, current, now_ms)
        if begins is not None:
            self.about[SKY, 0] = begins
            yield "", "disturbed_sky", begins
        if ends:
            yield from self._end(SKY, 0, self.sky.hold, judged=True)

    def _explain(self, current: B) -> None:
        """Which stations' alerts and exclusions a wider cause explains."""
        self.inhibited[:] = False
        if not self.about:
            return
        trust = self.gathering.trust
        alert, excluded = current & (trust == ALERT), current & (trust == EXCLUDED)
        faulty = np.zeros((len(words.WIDE), SLOTS), bool)
        for (kind, number), detail in self.about.items():
            which = slice(number * 64, number * 64 + 64) if kind == SYSTEM else slice(number, number + 1)
            faulty[SIGNAL if "signal" in detail else kind, which] = kind != SKY
        station, slot = self.gathering.left_out(current)
        unexplained = np.zeros(len(self.ids), bool)
        unexplained[station[~np.logical_or.reduce(faulty)[slot]]] = True
        for cause in (SATELLITE, SIGNAL, SYSTEM):
            if faulty[cause].any():
                has = self.gathering.having(current, faulty[cause])
                self.inhibited[:, cause] = has & (alert | (excluded & ~unexplained))
        if self.sky.disturbed:
            self.inhibited[:, SKY] = alert | excluded

    def _end(self, kind: int, number: int, hold: Hold, *, judged: bool) -> Iterator[Told]:
        detail = self.about.pop((kind, number), None)
        if detail is not None:
            name = ("satellite_fault", "signal_fault", "system_fault", "disturbed_sky")[
                SIGNAL if "signal" in detail else kind
            ]
            seconds = int(hold.last_ms[number] - hold.began_ms[number]) / 1000
            yield "", f"{name}_over", words.over(detail, seconds, judged)

    def _due(self, every_ms: int, now_ms: int) -> bool:
        turn = now_ms // every_ms
        due = turn != self._turn[every_ms]
        self._turn[every_ms] = turn
        return due
