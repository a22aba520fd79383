"""What is a station's own: it moved, its position walks off, it is jammed, its clock jumped, and so on.

A station's offset is its position by ranges as they came, from where it is known to stand, less what the
stations have in the middle (the same satellites' errors, a frame). It is held against the sigma of the
solution and against what the stations scatter, so that a bad hour of the sky does not move them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hncors import causes_words as words
from hncors.causes_gathering import FAR_M, Gathering
from hncors.identity import Places
from hncors.measure.apart import FACTOR, FEWEST_STATIONS, SYSTEM
from hncors.measure.exclusion import ALERT
from hncors.measure.holding import SURE, Hold
from hncors.measure.position import CLOCKS
from hncors.measure.quality import Quality
from hncors.observation import F64, I64, B
from hncors.signals import GNSS

MOVED, WALKS, ELSEWHERE, INTERFERENCE, ANTENNA, CLOCK, SIGNAL, RANGES = range(len(words.OWN))
MOST_TOLD = 100  # of one look
LAST = 6  # looks until an alert is the station's own: what is wider has to have been named by then
JUMP_MS = 60_000  # how long a jump of a clock is told of
MILLISECONDS = 1e-3  # how near to whole ones a jump is what free clocks do to stay near the time
LOUDER_DB = 2.0  # than expected, of all signals in the middle: forged ones have to be, an antenna is not
TRAIL, TRAIL_MS = 13, 5_000  # offsets remembered: a minute
_LAGS = (1, 2, 3, 6)
_UNSMOOTHED = 2.0  # sigma of ranges as they came, of that of smoothed ones, at most (range_noise.FLOOR)
_PATTERN = {
    "interference": INTERFERENCE,
    "all_lost": INTERFERENCE,
    "amplifier": ANTENNA,
    "obstruction": ANTENNA,
}
PLACED = [MOVED, WALKS, ELSEWHERE]
_ITSELF = [*PLACED, CLOCK]


class Stations:
    """Arrays over stations."""

    def __init__(self, ids: Sequence[str], places: Places) -> None:
        self._ids, self._places = list(ids), places
        self.hold = Hold(
            (len(ids), len(words.OWN)), np.where(np.arange(len(words.OWN)) == RANGES, LAST, SURE)
        )
        self._jumped_ms = np.full(len(ids), -1, np.int64)
        self._trail_m = np.full((TRAIL, len(ids), 3), np.nan)  # the newest first
        self._turn = -1
        self._off_clock: B = np.zeros((len(ids), CLOCKS), np.bool_)
        self._near_clock: B = np.zeros((len(ids), CLOCKS), np.bool_)
        self._clock_judged: B = np.zeros(len(ids), np.bool_)

    def jumped(self, station: int, time_ms: int, milliseconds: float, steered: bool) -> None:
        """A receiver's clock jumped. Free ones do so by whole milliseconds, and that is no fault."""
        whole = round(milliseconds)
        if steered or not whole or abs(milliseconds - whole) > MILLISECONDS:
            self._jumped_ms[station] = time_ms

    def systems(self, off_m: F64, limit_m: F64, at_fault: B) -> None:
        """How far the clocks of systems are from what is usual (stations, CLOCKS); `at_fault` by system."""
        own = ~at_fault.take(SYSTEM)
        np.logical_and(np.abs(off_m) > limit_m, own, out=self._off_clock)
        np.logical_and(np.abs(off_m) > limit_m / 2, own, out=self._near_clock)
        self._clock_judged[:] = np.isfinite(off_m).any(axis=1)

    def places_itself(self) -> B:
        """Stations whose own fault no wider cause explains."""
        out: B = np.logical_or.reduce(self.hold.on[:, _ITSELF], axis=1)
        return out

    def stand_elsewhere(self) -> B:
        """Stations whose own ranges put them away from their registered place, for no wider cause."""
        out: B = self.hold.on[:, MOVED] | self.hold.on[:, ELSEWHERE]
        return out

    def judge(
        self, its: Gathering, current: B, quality: Quality, now_ms: int, *, calm: bool, explained: B
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """What begins and ends of the stations; `calm` is the sky, `explained` alerts by wider causes."""
        over, still, judged = (np.zeros(self.hold.on.shape, bool) for _ in range(3))
        judged[:] = current[:, None]
        offset_m, limit_m = self._offsets(its, current)
        away: B = np.abs(offset_m) > limit_m
        aside: B = np.abs(offset_m) > limit_m / 2
        judged[:, [MOVED, WALKS, ELSEWHERE]] &= np.isfinite(offset_m).all(axis=1, keepdims=True)
        far: B = np.square(its.offset_m).sum(axis=1) > FAR_M**2
        moved = current & away.any(axis=1) & ~far
        walks = np.zeros(len(current), bool)
        rows = np.flatnonzero(moved)
        walks[rows] = self._walking(rows, limit_m) | self._louder(rows, quality)
        walks |= self.hold.on[:, WALKS] & moved
        over[:, MOVED], over[:, WALKS], over[:, ELSEWHERE] = moved & ~walks, walks, far & current
        for cause in (MOVED, WALKS):
            still[:, cause] = aside.any(axis=1) & ~far
        still[:, ELSEWHERE] = far
        for row in np.flatnonzero(quality.strength.since_ms >= 0).tolist():
            pattern = _PATTERN.get(quality.strength.cause[row])
            if pattern is not None and (calm or self.hold.on[row, pattern]):
                over[row, pattern] = True
        over[:, CLOCK] = (self._jumped_ms >= 0) & (now_ms - self._jumped_ms < JUMP_MS)
        judged[:, SIGNAL] &= self._clock_judged
        away_too = moved | far | self.hold.on[:, _ITSELF].any(axis=1)  # which shows in the clocks as well
        over[:, SIGNAL] = self._off_clock.any(axis=1) & calm & ~away_too
        still[:, SIGNAL] = self._near_clock.any(axis=1)
        known = away_too | over[:, INTERFERENCE]
        over[:, RANGES] = (its.trust == ALERT) & calm & ~explained & ~known
        begins, ends = self.hold.look(over, still, judged, now_ms)
        if now_ms // TRAIL_MS != self._turn:
            self._turn = now_ms // TRAIL_MS
            self._trail_m = np.roll(self._trail_m, 1, axis=0)
            self._trail_m[0] = np.where(current[:, None], offset_m, np.nan)
        yield from self._tell(begins, ends, its, offset_m, quality, now_ms)

    def _tell(
        self, begins: I64, ends: I64, its: Gathering, offset_m: F64, quality: Quality, now_ms: int
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for place in begins.tolist()[:MOST_TOLD]:
            row, cause = divmod(place, len(words.OWN))
            if cause == WALKS:
                self.hold.on[row, MOVED] = False  # the same, better known
            detail: dict[str, Any] = {"cause": words.OWN[cause]}
            if cause in (MOVED, WALKS):
                size_m = float(np.linalg.norm(offset_m[row]))
                detail["offset_m"] = round(size_m, 1) if size_m < 100 else round(size_m, -1)
            elif cause == ELSEWHERE:
                detail["like"] = self._like(its, row)
            elif cause == SIGNAL:
                hit = np.unique(SYSTEM[self._off_clock[row]])
                detail["gnss"] = " ".join(GNSS[gnss] for gnss in hit.tolist())
            yield self._ids[row], "station_fault", words.station(detail)
        for place in ends.tolist()[:MOST_TOLD]:
            row, cause = divmod(place, len(words.OWN))
            seconds = int(self.hold.last_ms[row, cause] - self.hold.began_ms[row, cause]) / 1000
            yield self._ids[row], "station_fault_over", words.over({"cause": words.OWN[cause]}, seconds, True)

    def _like(self, its: Gathering, row: int) -> str:
        """The station at whose registered place a station's own ranges put it, "" for nobody's."""
        place_m = its.found_m(row)
        stranger = self._places.judge(
            self._ids[row], (float(place_m[0]), float(place_m[1]), float(place_m[2]))
        )
        return stranger.like if stranger is not None else ""

    def _offsets(self, its: Gathering, current: B) -> tuple[F64, F64]:
        """Offsets less what is common, and what they stay below, both (stations, 3)."""
        offset_m = np.where(current[:, None], its.offset_m, np.nan)
        near = np.square(offset_m).sum(axis=1) < FAR_M**2
        scatter_m = np.zeros(3)
        if near.sum() >= FEWEST_STATIONS:
            offset_m = offset_m - np.median(offset_m[near], axis=0)
            scatter_m = 1.4826 * np.median(np.abs(offset_m[near]), axis=0)
        return offset_m, FACTOR * np.maximum(_UNSMOOTHED * its.sigma_m, scatter_m)

    def _walking(self, rows: I64, limit_m: F64) -> B:
        """Stations that went on in one direction through both halves of some time of the last minute."""
        out = np.zeros(len(rows), bool)
        trail_m, least_m = self._trail_m[:, rows], np.nanmin(limit_m[rows], axis=1, initial=np.inf) / 2
        for lag in _LAGS:
            late, soon = trail_m[0] - trail_m[lag], trail_m[lag] - trail_m[2 * lag]
            along = (late * soon).sum(axis=1)
            long = np.minimum(np.linalg.norm(late, axis=1), np.linalg.norm(soon, axis=1))
            out |= (along > 0) & (long > least_m)
        return out

    def _louder(self, rows: I64, quality: Quality) -> B:
        """Stations that moved a moment ago, and all of whose signals came to be stronger with that."""
        out = np.zeros(len(rows), bool)
        new = np.flatnonzero(~self.hold.on[rows, MOVED])
        if len(new):
            fall_db = quality.cn0_fall_db()[rows[new]]
            known = np.isfinite(fall_db).sum(axis=1) > 0
            out[new[known]] = np.nanmedian(fall_db[known], axis=1) < -LOUDER_DB
        return out

    def rearranged(self, before: I64, ids: Sequence[str], places: Places) -> Stations:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Stations(ids, places)
        other.hold = self.hold.rearranged(before)
        stay = np.flatnonzero(before >= 0)
        other._jumped_ms[stay] = self._jumped_ms[before[stay]]
        other._trail_m[:, stay] = self._trail_m[:, before[stay]]
        other._turn = self._turn
        return other
