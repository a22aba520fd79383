"""The ephemerides of a whole network: every stream and every file adds, one set of a satellite is in use.

A set is known by what it says, so a hundred stations that repeat it are one set that a hundred tell. Of the
sets of a satellite that are fresh, those that agree on where it is stand together; the stations behind them
vote. The newest of the winners is in use, and it alone decides health: an older one that says "healthy" is
not gone back to. Galileo's I/NAV and F/NAV are two satellites here, as their clocks are of different
signals. Sets of files and of what a recording will bring later serve where no station has told any.

What is not used has a name: a set too old is `ephemeris_stale`, one that most stations contradict
`ephemeris_outvoted`, one that contradicts the set before and that one station alone tells
`ephemeris_rejected` (it is used when the old set is too old, or a second station tells it as well).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hncors.measure.ephemeris_health import is_accurate, is_healthy
from hncors.measure.group_delay import delays_s
from hncors.measure.orbit import Orbits, States, states
from hncors.observation import F64, I64
from hncors.rtcm3.accuracy import accuracy_m
from hncors.rtcm3.ephemeris import Ephemeris, reference_time_ms
from hncors.signals import C_M_S, GNSS, SLOTS

AGE_MS = {"G": 7_200_000, "R": 1_800_000, "E": 14_400_000, "S": 0, "J": 7_200_000, "C": 21_600_000}
AGE_MS |= {"I": 7_200_000}
"""How far from its toe a set is used: RTKLIB's choice (rtklib.h, MAXDTOE): beyond all intervals."""

APART_M = 50.0  # positions, and clocks as metres: sets that follow each other are within a few
JUMP_MS = 600_000  # a step of time farther than this, or backwards, begins the choice anew
LATE_MS = 120_000  # ... but for data that are only late
AGREE_MS = 60_000  # sets are held against each other at whole minutes: GLONASS takes 4 ms to integrate
KEPT = 12  # sets of a satellite
CONTENTS = 4096  # sets whose content is at hand
KINDS = 2  # sets of a satellite that stand beside each other: of Galileo I/NAV, F/NAV
OK, UNHEALTHY, INACCURATE, STALE, NONE = range(5)
REASONS = ("ok", "unhealthy", "accuracy_unknown", "ephemeris_stale", "no_ephemeris")
"""Why a satellite that is tracked is used or not."""

_PLACES = 7 * 64 * KINDS
_NEVER = 1 << 62


class News(NamedTuple):
    """A set of a station that is not used; `kind` is also the name it is counted under."""

    station: int
    kind: str
    gnss: str
    satellite: int


@dataclass(slots=True, eq=False)
class Held:
    """A set, and who told it."""

    ephemeris: Ephemeris
    key: tuple[object, ...]
    toe_ms: int
    heard_ms: int  # when a station told it first; _NEVER: none has
    stations: set[int] = field(default_factory=set)
    refused: str = ""
    forgotten: bool = False


class Known(NamedTuple):
    """An object that was added, and when telling it again is telling the same set."""

    ephemeris: Ephemeris
    place: int
    held: Held
    from_ms: int
    until_ms: int


class Table(NamedTuple):
    """The sets in use as columns. `row` leads from (system, satellite, kind) to the others, -1 for none."""

    row: I64  # (7, 64, KINDS)
    why: I64  # (7, 64, KINDS), index into REASONS
    orbits: Orbits
    delay_m: F64  # (rows, SLOTS): how far each signal is behind the clock; nan where nothing is told
    toe_ms: I64
    age_ms: I64  # how far from toe each may be used
    accuracy_m: F64


class Store:
    """Every set, and the table of those in use."""

    def __init__(self) -> None:
        self._held: dict[int, list[Held]] = {}
        self._known: dict[tuple[object, ...], Held] = {}
        self._used: dict[int, Held] = {}
        self._why = np.full(_PLACES, NONE, np.int64)
        self._review: dict[int, int] = {}  # place -> time at which the choice may change by itself
        self._due = set[int]()
        self._contents: dict[int, tuple[Ephemeris, int, tuple[object, ...]]] = {}
        self._current: dict[int, Known] = {}  # by the object's identity
        self._parties: dict[int, tuple[int, list[Held], list[list[Held]]]] = {}  # by place: when, whose
        self._now_ms = 0  # of the last update
        self._news: list[News] = []
        self.table = _table([], self._why)

    def again(self, ephemeris: Ephemeris, near_ms: int, station: int) -> bool:
        """Whether this is a set in the store that a station may stand behind as it is; then it does.

        Nearly all sets come again, or from another station: decoding gives them as the same object. False: it
        has to be added.
        """
        known = self._current.get(id(ephemeris))
        if known is None or known.ephemeris is not ephemeris or known.held.forgotten:
            return False
        if not known.from_ms <= near_ms <= known.until_ms:
            return False
        held = known.held
        if station not in held.stations:
            self._stand_behind(known.place, held, station)
        if held.refused:
            self._news.append(News(station, held.refused, ephemeris.gnss, ephemeris.satellite))
        return True

    def add(self, ephemeris: Ephemeris, near_ms: int, station: int | None = None) -> None:
        """A set that a station told at GPS time `near_ms`; or, without a station, that may serve later."""
        place, content = self._content_of(ephemeris)
        toe_ms = reference_time_ms(ephemeris, near_ms)
        if station is not None and abs(toe_ms - near_ms) > AGE_MS[ephemeris.gnss]:
            self._news.append(News(station, "ephemeris_stale", ephemeris.gnss, ephemeris.satellite))
            if place not in self._used:
                self._why[place] = STALE
            return
        key = (place, toe_ms, *content)
        held = self._known.get(key)
        if held is None:
            held = self._known[key] = Held(ephemeris, key, toe_ms, _NEVER)
            several = self._held.setdefault(place, [])
            several.append(held)
            if station is not None and len(several) > KEPT:
                self._forget(place, near_ms)
            self._due.add(place)
        if station is None:
            return
        if held.heard_ms > near_ms:
            held.heard_ms = near_ms
            self._due.add(place)
        if station not in held.stations:
            self._stand_behind(place, held, station)
        if held.refused:
            self._news.append(News(station, held.refused, ephemeris.gnss, ephemeris.satellite))
        age_ms = AGE_MS[ephemeris.gnss]
        if len(self._current) >= CONTENTS:
            self._current.clear()
        window_ms = max(toe_ms - age_ms, held.heard_ms), toe_ms + age_ms
        self._current[id(ephemeris)] = Known(ephemeris, place, held, *window_ms)

    def _stand_behind(self, place: int, held: Held, station: int) -> None:
        """A station stands behind what it told last."""
        several = self._held[place]
        if len(several) > 1:
            for one in several:
                one.stations.discard(station)
            self._due.add(place)
        held.stations.add(station)

    def _content_of(self, ephemeris: Ephemeris) -> tuple[int, tuple[object, ...]]:
        """Place and content; of a set that comes again they are put together once."""
        kept = self._contents.get(id(ephemeris))
        if kept is None or kept[0] is not ephemeris:
            if len(self._contents) >= CONTENTS:
                self._contents.clear()
            kept = self._contents[id(ephemeris)] = ephemeris, _place(ephemeris), tuple(_content(ephemeris))
        return kept[1], kept[2]

    @np.errstate(all="ignore")  # whatever sets say
    def update(self, now_ms: int) -> list[News]:
        """Choose anew where something changed or grew old; what stations told in vain since the last time.

        Stations whose data come later than others' do not turn the time back, or all would be chosen anew
        with each of their epochs.
        """
        if 0 < self._now_ms - now_ms <= LATE_MS:
            now_ms = self._now_ms
        if 0 <= now_ms - self._now_ms < JUMP_MS:
            due = self._due.union(place for place, at in self._review.items() if at <= now_ms)
        else:
            due = set(self._held)
        self._now_ms = now_ms
        if due:
            before = dict(self._used)
            for place in due:
                self._choose(place, now_ms)
            self._due.clear()
            if before != self._used:
                self.table = _table(list(self._used.items()), self._why)
            else:
                self.table = self.table._replace(why=self._why.reshape(7, 64, KINDS).copy())
        news, self._news = self._news, []
        return news

    def renumber(self, after: I64) -> None:
        """Stations have other numbers from now on; -1: it goes."""
        for held in self._known.values():
            held.stations = {int(after[one]) for one in held.stations if after[one] >= 0}

    def _forget(self, place: int, now_ms: int) -> None:
        """Of the sets that fewest stations stand behind the farthest from now goes; the one in use stays."""
        others = [one for one in self._held[place] if one is not self._used.get(place)]
        gone = min(others, key=lambda one: (len(one.stations), -abs(one.toe_ms - now_ms)))
        self._held[place].remove(gone)
        del self._known[gone.key]
        gone.forgotten = True
        self._due.add(place)

    def _choose(self, place: int, now_ms: int) -> None:
        """The set in use of a satellite at a time."""
        several = self._held.get(place, [])
        age_ms = AGE_MS[GNSS[place // KINDS // 64]]
        fresh = [one for one in several if abs(one.toe_ms - now_ms) <= age_ms]
        heard = [one for one in fresh if one.heard_ms <= now_ms]
        turns = [one.toe_ms + age_ms + 1 for one in fresh]
        turns += [one.toe_ms - age_ms for one in several if one.toe_ms - age_ms > now_ms]
        turns += [one.heard_ms for one in several if now_ms < one.heard_ms < _NEVER]
        if not heard and len(fresh) > 1:  # nobody has told any: the nearest, and look again in a while
            turns.append(now_ms + 60_000)
        self._review[place] = min(turns, default=_NEVER)
        chosen = self._elect(place, heard, now_ms) if heard else None
        if chosen is None and fresh:
            chosen = min(fresh, key=lambda one: abs(one.toe_ms - now_ms))
        if chosen is None:
            self._used.pop(place, None)
            self._why[place] = STALE if several else self._why[place] if self._why[place] == STALE else NONE
            return
        self._used[place] = chosen
        healthy, accurate = is_healthy(chosen.ephemeris), is_accurate(chosen.ephemeris)
        self._why[place] = UNHEALTHY if not healthy else OK if accurate else INACCURATE

    def _elect(self, place: int, heard: Sequence[Held], now_ms: int) -> Held:
        """The newest of the sets that most stations stand behind."""
        parties = self._parties_of(place, heard, now_ms)
        voices = [len(set[int]().union(*(one.stations for one in party))) for party in parties]
        best = max(range(len(parties)), key=lambda n: (voices[n], parties[n][0].toe_ms))
        used = self._used.get(place)
        incumbent = next((n for n, party in enumerate(parties) if used in party), best)
        if voices[best] < 2 or voices[best] == voices[incumbent]:
            best = incumbent  # what contradicts the set in use takes more stations, and two at least
        for n, party in enumerate(parties):
            outvoted = "ephemeris_outvoted" if voices[best] > 1 else "ephemeris_rejected"
            for one in party:
                before, one.refused = one.refused, "" if n == best else outvoted
                if one.refused and not before:
                    told = (one.refused, one.ephemeris.gnss, one.ephemeris.satellite)
                    self._news += [News(station, *told) for station in sorted(one.stations)]
        return max(parties[best], key=lambda one: (one.toe_ms, one.heard_ms))

    def _parties_of(self, place: int, heard: Sequence[Held], now_ms: int) -> list[list[Held]]:
        """As `_parties`, found once a minute.

        Each station that goes over to a new set asks anew: thousands within the half minute in which all do.
        """
        order = sorted(heard, key=lambda one: (one.toe_ms, one.heard_ms), reverse=True)
        if len(order) == 1:
            return [order]
        minute = now_ms // AGREE_MS
        kept = self._parties.get(place)
        if kept is None or kept[0] != minute or kept[1] != order:
            kept = self._parties[place] = minute, order, _parties(order, minute * AGREE_MS)
        return kept[2]


def _parties(order: Sequence[Held], at_ms: int) -> list[list[Held]]:
    """Sets that agree on where the satellite is, and what its clock shows, together; in the order given."""
    at = np.full(len(order), at_ms, np.int64)
    its = states([one.ephemeris for one in order], at, np.zeros(len(order)))
    parties: list[list[int]] = []
    for n in range(len(order)):
        for party in parties:
            if _agree(its, party[0], n):
                party.append(n)
                break
        else:
            parties.append([n])
    return [[order[n] for n in party] for party in parties]


def _agree(its: States, a: int, b: int) -> bool:
    away_m = float(np.linalg.norm(its.position_m[a] - its.position_m[b]))
    return away_m < APART_M and abs(float(its.clock_s[a] - its.clock_s[b])) * C_M_S < APART_M


def _place(ephemeris: Ephemeris) -> int:
    return (GNSS.index(ephemeris.gnss) * 64 + ephemeris.satellite) * KINDS + (ephemeris.message == 1045)


# What does not tell one set from another: numbers that receivers fill in differently.
_IDLE = frozenset(
    """
    week l2_codes l2p_off almanac_health almanac_known p1 p2 p3 p4 tk_hour tk_minute tk_half_minute day
    model additional almanac_day tau_c_s four_years tau_gps ln_fifth reserved p age_days spare_i_dot spare_i0
    fit_flag channel accuracy_index
    """.split()
)


def _content(ephemeris: Ephemeris) -> Iterator[float]:
    return (value for name, value in ephemeris.values.items() if name not in _IDLE)


def _table(used: Sequence[tuple[int, Held]], why: I64) -> Table:
    row = np.full(_PLACES, -1, np.int64)
    row[[place for place, _ in used]] = np.arange(len(used))
    sets = [held.ephemeris for _, held in used]
    shape = (7, 64, KINDS)
    return Table(
        row.reshape(shape),
        why.reshape(shape).copy(),
        Orbits.of(sets, [held.toe_ms for _, held in used]),
        delays_s(sets).reshape(len(sets), SLOTS) * C_M_S,
        np.array([held.toe_ms for _, held in used], np.int64),
        np.array([AGE_MS[one.gnss] for one in sets], np.int64),
        np.array([accuracy_m(one) for one in sets], np.float64),
    )


def reasons(table: Table, gnss: I64, satellite: I64) -> I64:
    """Why each satellite can be used or not, the better of its kinds: index into REASONS."""
    out: I64 = table.why[gnss, satellite].min(axis=-1)
    return out
