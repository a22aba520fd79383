"""Whether stations are where they should be, and whether they go anywhere: what watches, and when it tells.

    each epoch     steps by carrier phases (hncors.measure.moves); positions beyond their protection levels
    each minute    what is a station's own, less its neighbours' (hncors.measure.minutes, hncors.measure.slow)
    each 10 min    the mean of the last hour; each day its mean, its change, the trend (hncors.measure.days)

Places are the registered ones in today's frame; of a station without one only changes are told. Only lengths
leave, never places. docs/coordinates.md has the delays and how often nothing is found where nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from hncors.coordinates_against import Against
from hncors.frames import F64, Motions
from hncors.geodesy import enu_axes, to_geodetic
from hncors.identity import NEAR_M, Places
from hncors.measure.days import BLOCKS, HOUR, Days, trend
from hncors.measure.epoch import turns
from hncors.measure.exclusion import ALERT
from hncors.measure.minutes import Minutes
from hncors.measure.moves import Move, Moves
from hncors.measure.slow import Slow
from hncors.measure.table import NEVER
from hncors.observation import I64, B
from hncors.positioning import Positions, levels_m

EPOCHS, EPOCHS_MS = 10, 10_000  # in a row beyond the protection level, and for how long
SIGMAS = 5.0
# Beyond these, horizontally and up, a mean is off: what single-point positions of real stations are off by
# over an hour and a day (docs/coordinates.md), and what differences between neighbours are.
LIMITS_M = {
    "hour": (2.0, 4.0),
    "day": (0.5, 1.5),
    "hour_neighbours": (0.5, 1.0),
    "day_neighbours": (0.10, 0.25),
}
CHANGES_M = {"day": (0.5, 1.0), "day_neighbours": (0.08, 0.2)}  # of a day against those before
CHANGE_DAYS = 7
DRIFT_M = {"day": 0.3, "day_neighbours": 0.05}  # over the days it is seen in
GOES_ON_MS = 60_000  # a move this soon after another is of the same one: a forged place walks for hours
_KEPT = (
    *("beyond", "beyond_ms", "off", "apart", "moved_ms"),
    *("home_m", "mean_m", "sigma_m", "rate_m_yr", "rate_sigma_m_yr"),
)
BACK = 0.7  # of a limit: below it a place counts as right again


class News(NamedTuple):
    """Something found about a station."""

    station: int
    kind: str
    detail: dict[str, Any]


class Coordinates:
    """Means, paths and findings of all stations."""

    def __init__(self, places: Places, ids: Sequence[str]) -> None:
        """`places` are those of the registry, `ids` the stations in their order."""
        count = len(ids)
        self.ids = list(ids)
        self.places = places
        self.registered: Motions = places.motions_of(ids)
        self.sigma_m_yr = np.array([places.sigma_m_yr(id) for id in ids]).reshape(-1)
        self.moves, self.slow = Moves(count), Slow(count)
        self.minutes, self.days = Minutes(count), Days(count)
        self.against = Against(self.registered, self.sigma_m_yr)
        self.apart = np.zeros(count, bool)  # from the registered place, by baselines
        self.beyond = np.zeros(count, np.int64)  # epochs in a row
        self.beyond_ms = np.zeros(count, np.int64)  # since when
        self.off = np.zeros(count, bool)  # from the registered place, as told
        self.moved_ms = np.full(count, NEVER, np.int64)  # when phases last showed a move
        self.home_m = np.full((count, 3), np.nan)  # of one without a registered place: where it was first
        self.mean_m = np.full((count, 3), np.nan)  # of the day so far, for those who look
        self.sigma_m = np.full((count, 3), np.nan)
        self.rate_m_yr = np.full((count, 3), np.nan)
        self.rate_sigma_m_yr = np.full((count, 3), np.nan)

    def rearranged(self, before: I64, places: Places, ids: Sequence[str]) -> Coordinates:
        """The same for other stations: `before` is each one's row here, -1 for a new one.

        A station that was filed anew keeps its path, and its means begin anew.
        """
        other = Coordinates(places, ids)
        for name in ("moves", "slow", "minutes", "days"):
            setattr(other, name, getattr(self, name).rearranged(before))
        other.against = self.against.rearranged(before, other.registered, other.sigma_m_yr)
        stay = np.flatnonzero(before >= 0)
        for name in _KEPT:
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        for row in stay.tolist():
            if places.motions.get(ids[row]) != self.places.motions.get(ids[row]):
                other._begin_anew(row)
        return other

    def _begin_anew(self, row: int) -> None:
        self.days.forget(row)
        self.days.days_m[row] = np.nan
        self.against.forget(row)
        self.off[row], self.apart[row], self.beyond[row] = False, False, 0
        for column in (self.mean_m, self.sigma_m, self.rate_m_yr, self.rate_sigma_m_yr):
            column[row] = np.nan

    def add(self, station: I64, time_ms: I64, late: B, found: Positions) -> list[News]:
        """Complete epochs of a tick, rows as in `found`; those of a station in the order of time."""
        news: list[News] = []
        reference = self._references_m(station, time_ms, found.place_m)
        axes = enu_axes(to_geodetic(reference))
        offset = (axes @ (found.place_m - reference)[..., None])[..., 0]
        beyond = self._beyond(station, time_ms, offset, found)
        turn = np.where(late, -1, turns(station))
        for n in range(int(turn.max(initial=-1)) + 1):
            rows = np.flatnonzero(turn == n)
            who = station[rows]
            moved = self.moves.add(who, found.step.enu_m[rows], found.step.elapsed_ms[rows])
            for one in moved:
                self.slow.moved(int(who[one.row]))
                self.against.forget(int(who[one.row]))
                news += self._by_phases(int(who[one.row]), one, int(time_ms[rows][one.row]))
            news += self._levels(who, time_ms[rows], beyond[rows], offset[rows])
            self.minutes.add(who, time_ms[rows], offset[rows], self.moves.path_m[who], self.moves.breaks[who])
            self.against.add(who, time_ms[rows], rows, found)
        # The middle of all times: one station of another time takes nothing from the others.
        now_ms = int(np.sort(time_ms)[len(time_ms) // 2])
        return news + self._against(now_ms) + self._minute(now_ms)

    def _by_phases(self, row: int, move: Move, at_ms: int) -> Iterator[News]:
        """That phases show a move; one that goes on, step after step, is told when it begins."""
        goes_on = abs(at_ms - int(self.moved_ms[row])) < GOES_ON_MS
        self.moved_ms[row] = at_ms
        if not goes_on:
            yield _moved(row, move, "phases")

    def _against(self, now_ms: int) -> list[News]:
        apart = self.against.looked(now_ms)
        if apart is None:
            return []
        self.apart = apart
        enu_m, sigma_m = self.against.enu_m, self.against.sigma_m
        rows = np.flatnonzero(apart & ~self.off).tolist()
        return [self._is_off(n, "baselines", enu_m[n], sigma_m[n], now_ms) for n in rows]

    def _references_m(self, station: I64, time_ms: I64, place_m: F64) -> F64:
        registered = self.registered.at(time_ms, station)
        alone = np.flatnonzero(np.isnan(registered[:, 0]))
        first = alone[np.isnan(self.home_m[station[alone], 0]) & ~np.isnan(place_m[alone, 0])]
        self.home_m[station[first]] = place_m[first]
        registered[alone] = self.home_m[station[alone]]
        return registered

    def _beyond(self, station: I64, time_ms: I64, offset_m: F64, found: Positions) -> B:
        """Whether each position is farther from its registered place than its errors reach."""
        known = self.known_sigma_m(time_ms, station)
        level = levels_m(found) + known[:, None]
        error = np.stack((np.hypot(offset_m[:, 0], offset_m[:, 1]), np.abs(offset_m[:, 2])), axis=1)
        placed = ~np.isnan(self.registered.ecef_m[station, 0])
        out: B = placed & (error > level).any(axis=1) & (found.trust != ALERT)
        return out

    def known_sigma_m(self, time_ms: I64 | int, station: Any = slice(None)) -> F64:
        """What registered places may be off by for their frame's and motion's sake."""
        years = np.abs(self.registered.years(time_ms) - self.registered.year[station])
        out: F64 = 0.01 + self.sigma_m_yr[station] * years
        return out

    def _levels(self, who: I64, time_ms: I64, beyond: B, offset_m: F64) -> list[News]:
        first = beyond & (self.beyond[who] == 0)
        self.beyond_ms[who[first]] = time_ms[first]
        self.beyond[who] = np.where(beyond, self.beyond[who] + 1, 0)
        told = (self.beyond[who] >= EPOCHS) & (time_ms - self.beyond_ms[who] >= EPOCHS_MS - 1000)
        rows = np.flatnonzero(told & ~self.off[who]).tolist()
        return [self._is_off(int(who[n]), "epochs", offset_m[n], None, int(time_ms[n])) for n in rows]

    def _is_off(self, row: int, by: str, offset_m: F64, sigma_m: F64 | None, time_ms: int) -> News:
        self.off[row] = True
        detail: dict[str, Any] = {"by": by, **_lengths(offset_m)}
        if sigma_m is not None:
            detail["sigma_m"] = round(float(np.hypot(sigma_m[0], sigma_m[1])), 3)
        why = self.places.frame_doubt(self.ids[row], offset_m, time_ms)
        if why:
            detail["why"] = why
        return News(row, "position_off_registry", detail)

    def _minute(self, now_ms: int) -> list[News]:
        filed = self.registered.ecef_m
        minute = self.minutes.ended(now_ms, np.nan_to_num(np.where(np.isnan(filed), self.home_m, filed)))
        if minute is None:
            return []
        news = [_moved(one.row, one, "neighbours") for one in self.slow.add(minute.step_m)]
        block = self.days.add(minute.number, minute.offset_m, minute.relative_m)
        if block is None:
            return news
        return news + self._block(block, now_ms)

    def _block(self, block: int, now_ms: int) -> list[News]:
        """A block of ten minutes ended."""
        hour = self.days.hour(block)
        news = self._compare("hour", hour.mean_m, hour.sigma_m, now_ms)
        ends = block % BLOCKS == BLOCKS - 1
        # Each station's turn is once an hour, a sixth of them at a time: sorting all holds the loop for long.
        every = np.arange(len(self.ids))
        rows = every if ends else every[every % HOUR == block % HOUR]
        far = self.days.day(block, rows)
        self.mean_m[rows], self.sigma_m[rows] = far.mean_m[rows, :3], far.sigma_m[rows, :3]
        news += self._compare("day", far.mean_m, far.sigma_m, now_ms)
        if ends:
            news += self._changes(far.mean_m, far.sigma_m)
            self.days.end_day(far)
            news += self._drifts()
        return news

    def _compare(self, over: str, mean_m: F64, sigma_m: F64, now_ms: int) -> list[News]:
        """Means against registered places."""
        placed = ~np.isnan(self.registered.ecef_m[:, 0])
        known = self.known_sigma_m(now_ms)
        news: list[News] = []
        right = placed.copy()
        for by, part in ((over, slice(0, 3)), (f"{over}_neighbours", slice(3, 6))):
            size, unsure = _sizes(mean_m[:, part]), SIGMAS * _sizes(sigma_m[:, part])
            limit = np.array(LIMITS_M[by]) + unsure
            if by == over:  # neighbours move alike
                limit = limit + known[:, None]
            beyond = placed & (size > limit).any(axis=1)
            right &= ~(size > BACK * limit).any(axis=1) & ~np.isnan(mean_m[:, 0])
            rows = np.flatnonzero(beyond & ~self.off).tolist()
            news += [self._is_off(n, by, mean_m[n, part], sigma_m[n, part], now_ms) for n in rows]
        if over == "day":
            back = np.flatnonzero(right & self.off & (self.beyond == 0) & ~self.apart)
            self.off[back] = False
            news += [News(row, "position_as_registered", {"by": over}) for row in back.tolist()]
        return news

    def _changes(self, mean_m: F64, sigma_m: F64) -> list[News]:
        """A day against the days before."""
        before = self.days.days_m[:, -CHANGE_DAYS:].astype(np.float64)
        days = (~np.isnan(before)).sum(axis=1)
        news: list[News] = []
        for by, part in (("day_neighbours", slice(3, 6)), ("day", slice(0, 3))):
            limit = np.array(CHANGES_M[by])
            rows = np.flatnonzero((days[:, part] >= 2).all(axis=1) & ~np.isnan(mean_m[:, part]).any(axis=1))
            for row in rows.tolist():
                if any(one.station == row for one in news):
                    continue
                change = mean_m[row, part] - np.nanmedian(before[row, :, part], axis=0)
                unsure = _sizes(sigma_m[row, part][None])[0]
                if (_sizes(change[None])[0] > limit + SIGMAS * unsure).any():
                    detail = {"by": by, **_lengths(change), "sigma_m": round(float(unsure[0]), 3)}
                    news.append(News(row, "position_changed", detail))
        return news

    def _drifts(self) -> list[News]:
        """Trends over the days that are remembered."""
        rate, sigma, days = trend(self.days.days_m, self.days.days_sigma_m)
        self.rate_m_yr, self.rate_sigma_m_yr = 365.25 * rate[:, :3], 365.25 * sigma[:, :3]
        news: list[News] = []
        for by, part in (("day_neighbours", slice(3, 6)), ("day", slice(0, 3))):
            gone = np.abs(rate[:, part]) * days[:, None]
            told = (np.abs(rate[:, part]) > SIGMAS * sigma[:, part]) & (gone > DRIFT_M[by])
            for row in np.flatnonzero(told.any(axis=1)).tolist():
                if any(one.station == row for one in news):
                    continue
                moves = {
                    f"{name}_m_yr": round(float(value), 3)
                    for name, value in zip(_NAMES, 365.25 * rate[row, part], strict=True)
                }
                worst = round(float(365.25 * sigma[row, part].max()), 3)
                detail = {"by": by, **moves, "sigma_m_yr": worst, "days": int(days[row])}
                news.append(News(row, "position_drift", detail))
        return news


_NAMES = ("east", "north", "up")


def _lengths(enu_m: F64) -> dict[str, float]:
    """Far off, in two digits and no direction: from another station's place more would tell the filed one."""
    distance_m = float(np.linalg.norm(enu_m))
    if distance_m > NEAR_M:
        return {"distance_m": float(f"{distance_m:.1e}")}
    values = {f"{name}_m": round(float(value), 3) for name, value in zip(_NAMES, enu_m, strict=True)}
    return {"distance_m": round(distance_m, 3), **values}


def _moved(row: int, move: Move, by: str) -> News:
    enu_m = np.array(move.enu_m)
    return News(row, "antenna_moved", {"by": by, **_lengths(enu_m), "within_s": move.within_s})


def _sizes(enu_m: F64) -> F64:
    """Horizontal and vertical lengths (n, 2)."""
    return np.stack((np.hypot(enu_m[:, 0], enu_m[:, 1]), np.abs(enu_m[:, 2])), axis=1)
