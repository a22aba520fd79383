"""Signal strength of every signal against what it has been, and what falls of many of them mean.

A signal is expected at the mean that its station has seen of it at that elevation, in bins of five degrees;
where elevations are not known, or a bin is new, at the signal's own mean of the last minutes. When many
signals of a station fall at once, the pattern tells the cause as far as it can be told:

    interference      all satellites of some frequencies, or all by different amounts
    amplifier         all of all frequencies, by the same amount, and none is lost: amplifier, cable, antenna
    obstruction       all signals of satellites in one part of the sky
    some_satellites   the same where azimuths are not known, or the satellites are not in one part
    system_lost       nothing of whole systems, the rest as it was: not sent any more, more likely than jammed
    all_lost          nothing is tracked any more: strong interference, or the antenna is off

What is normal is not learnt while it lasts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hncors.measure.cells import PLACES, SKY, Cells, satellite_of
from hncors.observation import F64, I64, B
from hncors.signals import CODES, GNSS, SLOTS

FALL_DB = 4.0  # less than expected; a signal's own scatter is below 1 dB, multipath at low elevation 2 to 3
ALL = 0.8  # of the satellites of a signal, for all of them
SOME = 0.1  # of a station's signals, to look at it at all
SOME_SATELLITES = 0.25
AT_LEAST = 3  # satellites that are obstructed; twice as many signals of a station, to look at it
FEWEST = 4  # satellites of a signal, for it to be judged
ALIKE_DB = 1.5
LOWEST_DEG = 10.0
SECTOR_DEG = 150.0
RECENT_MS = 60_000  # what was tracked within this and is not, is lost
SURE_MS = 5_000  # a fall must last so long without a break to be told, and be over for twice that
GRID_MS = 30_000
BINS = 19  # of 5 degrees; the last is for satellites whose elevation is not known, and not used
_ENOUGH = 20.0
_SLOW, _LONG = 0.1, 0.002  # gain of a sample every 30 s: five minutes, four hours in a bin


class Fall(NamedTuple):
    """What many of a station's signals do, and what it means."""

    station: int
    time_ms: int
    kind: str  # "cn0_fall", "cn0_recovered"
    detail: dict[str, Any]


class Strength:
    """Expected strengths, and the stations whose signals have fallen. Arrays over stations."""

    def __init__(self, stations: int) -> None:
        self._slot = np.full(stations, -1, np.int64)
        self._mean = np.zeros((stations, len(GNSS) * SLOTS, BINS), np.float32)
        self._weight = np.zeros((stations, len(GNSS) * SLOTS, BINS), np.float32)
        self._usual = np.zeros(stations)  # signals tracked, as it was
        self.since_ms = np.full(stations, -1, np.int64)  # of a fall, told or not
        self.last_ms = np.full(stations, -1, np.int64)  # when it was last seen
        self.cause = [""] * stations  # of a fall that was told

    def look(
        self, cells: Cells, looked: I64, when_ms: I64, station: I64, cell: I64, cn0_dbhz: F64
    ) -> list[Fall]:
        """One epoch of each of the stations `looked` at, the strengths of which are in `cells`, too.

        Its observations are the other columns; there may be none.
        """
        below = cells.expected_dbhz.take(cell) - cn0_dbhz > FALL_DB
        present = np.bincount(station, minlength=len(self._slot))
        fallen = np.bincount(station[below], minlength=len(self._slot))
        fallen += np.maximum(self._usual - present, 0).astype(np.int64)
        seen = np.zeros(len(self._slot), bool)
        seen[looked] = True
        odd = seen & (fallen >= 2 * AT_LEAST) & (fallen >= SOME * self._usual)
        odd |= seen & (self.since_ms >= 0)
        news = []
        if odd.any():
            at_ms = np.zeros(len(self._slot), np.int64)
            at_ms[looked] = when_ms
            for who in np.flatnonzero(odd).tolist():
                news += self._judge(cells, who, int(at_ms[who]))
        slot = (when_ms + looked % 30 * 1000) // GRID_MS  # stations in turn: less to do at once
        turned = looked[slot != self._slot[looked]]
        self._slot[looked] = slot
        turned = turned[self.since_ms[turned] < 0]
        if len(turned):
            wanted = np.zeros(len(self._slot), bool)
            wanted[turned] = True
            rows = (wanted.take(station) & ~np.isnan(cn0_dbhz)).nonzero()[0]
            self._usual[turned] += np.where(self._usual[turned] > 0, _SLOW, 1.0) * (
                present[turned] - self._usual[turned]
            )
            self._learn(cells, station[rows], cell[rows], cn0_dbhz[rows])
        return news

    def _judge(self, cells: Cells, who: int, now_ms: int) -> list[Fall]:
        """What a station's signals do now; falls and their ends that are sure by now."""
        cause, detail = pattern(cells, who, now_ms)
        if cause:
            self.last_ms[who] = now_ms
            if self.since_ms[who] < 0:
                self.since_ms[who] = now_ms
            if now_ms - self.since_ms[who] >= SURE_MS and self.cause[who] != cause:
                self.cause[who] = cause
                return [Fall(who, now_ms, "cn0_fall", {"cause": cause, **detail})]
        elif not self.cause[who] or now_ms - self.last_ms[who] >= 2 * SURE_MS:
            told, since_ms = self.cause[who], int(self.since_ms[who])
            self.since_ms[who], self.cause[who] = -1, ""
            if told:
                seconds = round((int(self.last_ms[who]) - since_ms) / 1000, 3)
                return [Fall(who, now_ms, "cn0_recovered", {"cause": told, "seconds": seconds})]
        return []

    def _learn(self, cells: Cells, who: I64, cell: I64, cn0_dbhz: F64) -> None:
        """What is normal, of stations whose signals have not fallen; twice a minute."""
        slow = cells.slow_dbhz[cell]
        new = np.isnan(slow)
        slow = np.where(new, cn0_dbhz, slow + _SLOW * (cn0_dbhz - slow))
        cells.slow_dbhz[cell] = slow
        elevation = cells.elevation_deg[cell]
        known = ~np.isnan(elevation)
        bins = np.where(known, np.clip(np.nan_to_num(elevation) // 5, 0, BINS - 2), BINS - 1).astype(np.int64)
        at = (who * (len(GNSS) * SLOTS) + cells.signal[cell]) * BINS + bins
        mean, weight = self._mean.reshape(-1), self._weight.reshape(-1)
        used = known & (weight[at] >= _ENOUGH)
        cells.expected_dbhz[cell] = np.where(used, mean[at], slow)
        bin_of, inverse, count = np.unique(at[known], return_inverse=True, return_counts=True)
        if len(bin_of):
            average = np.bincount(inverse, cn0_dbhz[known]) / count
            gain = np.maximum(count / (weight[bin_of] + count), np.minimum(_LONG * count, 1.0))
            mean[bin_of] += gain * (average - mean[bin_of])
            weight[bin_of] += count

    def rearranged(self, before: I64) -> Strength:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Strength(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("_slot", "_mean", "_weight", "_usual", "since_ms", "last_ms"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        for row in stay.tolist():
            other.cause[row] = self.cause[int(before[row])]
        return other


def mean_fall_db(cells: Cells, newest_ms: I64) -> F64:
    """How far below what is expected the signals of newest epochs are, by station and signal, else nan."""
    used = slice(cells.count)  # a view, and no copy
    station = cells.owners()
    fall = cells.expected_dbhz[used] - cells.cn0_dbhz[used]
    rows = np.flatnonzero((cells.time_ms[used] == newest_ms[station]) & ~np.isnan(fall))
    size = len(newest_ms) * len(GNSS) * SLOTS
    at = station[rows] * (len(GNSS) * SLOTS) + cells.signal[rows]
    count = np.bincount(at, minlength=size)
    out = np.where(count > 0, np.bincount(at, fall[rows], size) / np.maximum(count, 1), np.nan)
    return out.reshape(len(newest_ms), len(GNSS) * SLOTS)


def pattern(cells: Cells, station: int, now_ms: int) -> tuple[str, dict[str, Any]]:
    """What the falls of a station's signals look like now: a cause, "" for none, and figures to it."""
    mine = cells.table[station].ravel().astype(np.int64)
    mine = mine[mine >= 0]
    expected = cells.expected_dbhz[mine]
    with np.errstate(invalid="ignore"):
        low = cells.elevation_deg[mine] < LOWEST_DEG
    mine = mine[(now_ms - cells.time_ms[mine] <= RECENT_MS) & ~np.isnan(expected) & ~low]
    if len(mine) < 2 * AT_LEAST:
        return "", {}
    here = cells.time_ms[mine] == now_ms
    fall_db = cells.expected_dbhz[mine] - cells.cn0_dbhz[mine]
    down = ~here | (fall_db > FALL_DB)
    detail: dict[str, Any] = {"lost": int((~here).sum()), "of": len(mine)}
    if not here.any():
        return "all_lost", detail
    system = cells.signal[mine] // SLOTS
    gone = _systems_gone(cells, mine, system, here)
    if gone.any():
        left = ~gone[system]
        cause, more = _of_signals(cells, mine[left], fall_db[left], here[left], down[left], detail)
        return (cause, more) if cause else ("system_lost", {**detail, "systems": _letters(gone)})
    return _of_signals(cells, mine, fall_db, here, down, detail)


def _systems_gone(cells: Cells, mine: I64, system: I64, here: B) -> B:
    """(7,) systems of which nothing is there any more, though they had enough satellites to be judged by."""
    _, gnss = satellite_of(np.unique(cells.key[mine] // PLACES % SKY))
    satellites = np.bincount(gnss, minlength=len(GNSS))
    there = np.bincount(system, here, len(GNSS)) > 0
    return ~there & (satellites >= FEWEST)


def _letters(systems: B) -> str:
    return "".join(GNSS[n] for n in np.flatnonzero(systems))


def _of_signals(
    cells: Cells, mine: I64, fall_db: F64, here: B, down: B, detail: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Falls of whole signals, else of satellites."""
    signal, of, count = np.unique(cells.signal[mine], return_inverse=True, return_counts=True)
    hit = np.bincount(of, down, len(signal))
    judged = count >= FEWEST
    all_of = judged & (hit >= ALL * count)
    if all_of.any():
        whole = [
            float(np.median(fall_db[here & (of == n)])) for n in np.flatnonzero(all_of) if here[of == n].any()
        ]
        detail["fall_db"] = round(float(np.median(whole)), 1) if whole else None
        detail["signals"] = [_name(one) for one in signal[all_of].tolist()]
        alike = bool(whole) and max(whole) - min(whole) <= ALIKE_DB and not detail["lost"]
        return ("amplifier" if all_of[judged].all() and alike else "interference"), detail
    return _of_satellites(cells, mine, down, detail)


def _of_satellites(cells: Cells, mine: I64, down: B, detail: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Falls of whole satellites."""
    satellite, first, of = np.unique(cells.key[mine] // PLACES % SKY, return_index=True, return_inverse=True)
    gone = np.bincount(of, down) >= ALL * np.bincount(of)
    if gone.sum() < AT_LEAST or gone.sum() < SOME_SATELLITES * len(satellite):
        return "", {}
    detail["satellites"] = int(gone.sum())
    azimuth = cells.azimuth_deg[mine[first]]
    if np.isnan(azimuth[gone]).any() or gone.all():
        return "some_satellites", detail
    begin, width = _sector(azimuth[gone])
    inside = (azimuth - begin) % 360 <= width
    if width > SECTOR_DEG or (inside & ~gone).sum() > (1 - ALL) * inside.sum():
        return "some_satellites", detail
    detail["from_deg"], detail["to_deg"] = round(begin), round((begin + width) % 360)
    return "obstruction", detail


def _sector(azimuth_deg: F64) -> tuple[float, float]:
    """The narrowest sector that holds all azimuths: where it begins, clockwise, and its width."""
    around = np.sort(azimuth_deg % 360)
    gaps = np.diff(np.append(around, around[0] + 360))
    widest = int(gaps.argmax())
    return float(around[(widest + 1) % len(around)]), float(360 - gaps[widest])


def _name(signal: int) -> str:
    gnss, number = divmod(signal, SLOTS)
    return GNSS[gnss] + CODES[gnss][number]
