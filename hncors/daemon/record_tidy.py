"""What of the recordings goes, and what may still come: retention, quota, and a station's share of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from hncors.daemon.record_folder import ENDINGS, TICKS, TICKS_ENDING, RecordFolder

HOUR_NS = 3600 * 1_000_000_000
GAP_NS = 24 * HOUR_NS  # nothing recorded for longer counts as this long, or as a tenth of the retention
LOUD = 1.5  # fair shares of the quota, that a station may fill before its own hours go first
FILES_AT_ONCE = 1000  # looked at for deletion, between two writes


class Ages(NamedTuple):
    """Hours by what is known of their age, in their order."""

    old: list[str]  # older than the retention, in recorded time
    overdue: list[str]  # only by the clock
    ahead: list[str]  # later than now


def ages(hours: Iterable[str], now_ns: int, retention_ns: int) -> Ages:
    """Judge the age of recorded hours (YYYYMMDDHH, UTC).

    No clock is believed alone: one that is years ahead would have everything deleted. What counts is the
    time in which something was recorded; where nothing was, at most a day of it does, and a tenth of the
    retention. So recordings are
    as old as they look where the daemon runs, and kept where only the clock says that they are old.
    """
    gap_ns = max(HOUR_NS, min(GAP_NS, retention_ns // 10))
    old, overdue, ahead = [], [], []
    at_ns, age_ns = now_ns, 0
    for hour in sorted(hours, reverse=True):
        begin_ns = _begin_ns(hour)
        if begin_ns is None:
            continue
        if begin_ns > now_ns:
            ahead.append(hour)
            continue
        age_ns += min(at_ns - begin_ns, gap_ns)
        at_ns = begin_ns
        if age_ns - HOUR_NS >= retention_ns:
            old.append(hour)
        elif now_ns - begin_ns - HOUR_NS >= retention_ns:
            overdue.append(hour)
    return Ages(old[::-1], overdue[::-1], ahead[::-1])


class Tidier:
    """Deletes the oldest recordings, and says which stations must not be recorded until the next hour."""

    def __init__(self, folder: RecordFolder, quota_bytes: int, retention_ns: int) -> None:
        self.deleted: Counter[str] = Counter()  # files by reason
        self.deleted_bytes: Counter[str] = Counter()
        self.ages = Ages([], [], [])
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._retention_ns = retention_ns
        self._current: tuple[str, Counter[str]] = "", Counter()  # the hour that is written, bytes by station
        self._names: Iterator[str] = iter(())  # of the oldest hour, once some of it is deleted
        self._names_of = ""
        self._too_loud: set[str] = set()  # nothing older than this hour is left of them
        self._oldest: dict[str, str] = {}  # hours before this hold nothing of a station

    def grown(self, station: str, hour: str, size: int) -> None:
        """So much was written of a station."""
        self._begin(hour)
        if hour < self._oldest.get(station, ""):  # the clock was put back
            self._oldest[station] = hour
        self._current[1][station] += size
        self._folder.grown(station, hour, size)

    def tidy(self, now_ns: int) -> bool:
        """Delete what is too old or too much, a part of it at a time; whether that is all.

        Never anything of the hour of `now_ns` or of later ones. Raises OSError.
        """
        folder, now_hour, looked = self._folder, hour_name(now_ns), 0
        self.ages = ages(folder.hours, now_ns, self._retention_ns)
        while looked < FILES_AT_ONCE:
            if self.ages.old and self.ages.old[0] < now_hour:
                hour, reason = self.ages.old[0], "retention"
            elif folder.size > self._quota_bytes:
                loud = self._loud()
                if loud and (theirs := self._oldest_of(loud, now_hour)):
                    for ending in ENDINGS:
                        self._delete(f"{loud}_{theirs}{ending}", "share")
                    looked += len(ENDINGS)
                    continue
                if loud:
                    self._too_loud.add(loud)
                hour, reason = min(folder.hours, default=now_hour), "quota"
            else:
                return True
            if hour >= now_hour:
                return True
            looked += 1
            if not self._next_of(hour, reason):
                folder.forget(hour)
                if reason == "retention":
                    del self.ages.old[0]
        return False

    def refused(self, now_ns: int) -> frozenset[str] | None:
        """Stations that have used up what they may take of this hour; None: all of them have.

        An hour may take the quota, and once it has taken half of it no station more than its part of the
        other half. A station that fills LOUD shares of a quota that is used up waits for the next hour. So
        one that sends too much leaves room for the others.
        """
        self._begin(hour_name(now_ns))
        sizes = self._current[1]
        total = sizes.total()
        if total > self._quota_bytes:
            return None
        refused = frozenset(self._too_loud)
        if total > self._quota_bytes / 2:
            share = self._quota_bytes / 2 / len(sizes)
            refused |= {station for station, size in sizes.items() if size > share}
        return refused

    def _begin(self, hour: str) -> None:
        if hour != self._current[0]:
            self._current = hour, Counter()
            self._too_loud.clear()

    def _loud(self) -> str:
        """The station that fills most, where that is far more than its share; else ""."""
        sizes = self._folder.stations
        station = max(sizes, key=sizes.__getitem__, default="")
        return station if sizes[station] > LOUD * self._quota_bytes / max(len(sizes), 1) else ""

    def _oldest_of(self, station: str, now_hour: str) -> str:
        """The oldest hour that holds anything of a station; "": there is none before this one."""
        for hour in sorted(self._folder.hours):
            if self._oldest.get(station, "") <= hour < now_hour:
                self._oldest[station] = hour
                if any(self._folder.has(f"{station}_{hour}{ending}") for ending in ENDINGS):
                    return hour
        return ""

    def _next_of(self, hour: str, reason: str) -> bool:
        """Delete a file of an hour; whether there was one."""
        if self._names_of != hour:
            self._names_of, self._names = hour, _names(sorted(self._folder.stations), hour)
        return any(self._delete(name, reason) for name in self._names)

    def _delete(self, name: str, reason: str) -> bool:
        size = self._folder.delete(name)
        if size is None:
            return False
        self.deleted[reason] += 1
        self.deleted_bytes[reason] += size
        return True


def hour_name(at_ns: int) -> str:
    """The hour of a time, as names of recordings tell it."""
    return _hour_name(at_ns // 3_600_000_000_000)


@lru_cache(maxsize=64)
def _hour_name(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * 3600, UTC):%Y%m%d%H}"


def _names(stations: Iterable[str], hour: str) -> Iterator[str]:
    """All names that files of an hour can have; the ticks, which tell of all the others, go last."""
    for station in stations:
        for ending in ENDINGS:
            yield f"{station}_{hour}{ending}"
    yield f"{TICKS}_{hour}{TICKS_ENDING}"


def _begin_ns(hour: str) -> int | None:
    """When an hour begins; None for one of 30 February."""
    try:
        return int(datetime.strptime(hour, "%Y%m%d%H").replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    except ValueError:
        return None
