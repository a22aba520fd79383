"""What a recorder noted goes to its files: batch in, what could not be written out. Runs in a thread."""

from __future__ import annotations

import errno
import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from hncors.daemon.record_folder import TICKS, TICKS_ENDING, RecordFolder
from hncors.daemon.record_tidy import Tidier, hour_name
from hncors.daemon.recording import hourly_path, link_path
from hncors.daemon.recording_writer import RecordingWriter
from hncors.text import printable

HOUR_NS = 3600 * 1_000_000_000
MS = 1_000_000
TIDY_EVERY_S = 60.0
LOOK_EVERY_S = 5.0  # whether the files held open are still there
OPEN_STATIONS = 2048  # whose files are held open, two each; files of others are opened for each write
TOLD = 20  # lines about stations whose files fail, until all is well again
# Errors that the next file would meet as well; others are of one file.
OF_THE_DISK = ("ENOSPC", "EDQUOT", "EROFS", "EIO", "ESTALE", "EMFILE", "ENFILE", "ENOMEM", "ENOENT")
FAULT, OWN_FAULT = "fault", "recordings: %s: fault in the recorder"
CHANGED = "changed"  # among the errors: a file was not as it had been left

log = logging.getLogger("hncors")


class Piece(NamedTuple):
    """Bytes of a station, or news of its link, or both: then the news came first."""

    arrival_ns: int
    data: bytes
    news: dict[str, object] | None = None


class Batch(NamedTuple):
    """What waits: pieces by station, lines about ticks with their times."""

    pieces: dict[str, list[Piece]]
    ticks: list[tuple[int, str]]


class Disk:
    """The files of a folder that are being written."""

    def __init__(self, folder: RecordFolder, quota_bytes: int, retention_ns: int) -> None:
        self.written: Counter[str] = Counter()  # bytes of stations
        self.dropped: Counter[str] = Counter()  # bytes of stations, after faults of our own
        self.errors: Counter[str] = Counter()  # by the system's name of the error
        self.failing = ""  # the error of the last batch
        self.refused: frozenset[str] | None = frozenset()  # the quota has no room for them; None: all
        self.wrote_s = 0.0
        self.renewed = 0  # times that the folder was removed and made again
        self.tidier = Tidier(folder, quota_bytes, retention_ns)
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._writers: dict[str, tuple[int, RecordingWriter]] = {}  # of the hour they are of
        self._held = 0  # of them are held open
        self._told: set[tuple[str, str]] = set()  # names and errors in the log since a batch went well
        self._tidied_s = self._looked_s = float("-inf")
        self._doubted = False  # whether files held open are looked at before they are written
        self._overdue = self._ahead = False
        self._now_ns = 0  # the newest of the last batch that had any

    def write(self, batch: Batch) -> Batch:
        """Write all of it; what is left when the disk is at fault. Raises nothing."""
        now_s = time.monotonic()
        self._doubted = now_s - self._looked_s >= LOOK_EVERY_S
        if self._doubted:
            self._looked_s = now_s
        left: dict[str, list[Piece]] = {}
        failing = ""
        newest_ns = batch.ticks[-1][0] if batch.ticks else 0
        for station, pieces in batch.pieces.items():
            newest_ns = max(newest_ns, pieces[-1].arrival_ns)
            if failing in OF_THE_DISK:
                left[station] = pieces
                continue
            rest = list(pieces)
            try:
                self._station(station, rest)
            except OSError as fault:
                failing = self._fault(station, fault)
                left[station] = rest
            except Exception:  # of our own: what cannot be written now will not be later either
                if self._own_fault(station):
                    log.exception(OWN_FAULT, station)
                failing = FAULT
                self.dropped[station] += sum(len(piece.data) for piece in rest)
        ticks = batch.ticks
        if failing not in OF_THE_DISK:
            ticks = list(ticks)
            try:
                self._ticks(ticks)
            except OSError as fault:
                failing = self._fault(TICKS, fault)
            except Exception:
                if self._own_fault(TICKS):
                    log.exception(OWN_FAULT, TICKS)
                failing, ticks = FAULT, []
        self._now_ns = newest_ns or self._now_ns
        self._tidy()
        if failing == "ENOENT" and self._folder.renew():
            log.warning("the folder of recordings was removed: a new one is begun")
            self._tidied_s = self._looked_s = float("-inf")
            self.renewed += 1
        if failing != self.failing:
            self.failing = failing
            if not failing:
                self._told.clear()
                log.info("recordings are written again")
        if not failing:
            self.wrote_s = time.time()
        return Batch(left, ticks)

    def close(self) -> None:
        for _, writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self._held = 0

    def _station(self, station: str, pieces: list[Piece]) -> None:
        """Write pieces and take them off the list."""
        while pieces:
            hour = pieces[0].arrival_ns // HOUR_NS
            count = len(pieces)
            if count > 1:
                others = (n for n, one in enumerate(pieces) if one.arrival_ns // HOUR_NS != hour)
                count = next(others, count)
            writer = self._writer(station, hour, pieces[0].arrival_ns)
            begun = writer.end
            try:
                if any(one.news for one in pieces[:count]):
                    self._news(station, writer.end, pieces[:count])
                    for number in range(count):  # the news are written: they must not be again
                        pieces[number] = pieces[number]._replace(news=None)
                writer.write_all([(one.arrival_ns, one.data) for one in pieces[:count]])
            except OSError:
                self._forget(station)
                raise
            finally:
                done = writer.end - begun
                self.written[station] += done
                self.tidier.grown(station, hour_name(hour * HOUR_NS), writer.grew())
                _take_off(pieces, count, done)
            if self._held > OPEN_STATIONS:
                self._held -= 1
                writer.rest()

    def _news(self, station: str, at: int, pieces: Sequence[Piece]) -> None:
        lines = []
        for piece in pieces:
            if piece.news is not None:
                told = {"at": piece.arrival_ns // MS, "bytes": at, **piece.news}
                lines.append(json.dumps(told, ensure_ascii=False) + "\n")
            at += len(piece.data)
        if lines:
            text = "".join(lines).encode()
            path = link_path(hourly_path(self._folder.path, station, pieces[0].arrival_ns))
            self._folder.append(path.name, text)
            self.tidier.grown(station, hour_name(pieces[0].arrival_ns), len(text))

    def _ticks(self, ticks: list[tuple[int, str]]) -> None:
        """Write lines and take them off the list."""
        for hour, found in groupby(list(ticks), lambda tick: hour_name(tick[0])):
            lines = list(found)
            text = "".join(line for _, line in lines).encode()
            self._folder.append(f"{TICKS}_{hour}{TICKS_ENDING}", text)
            self._folder.grown("", hour, len(text))
            del ticks[: len(lines)]

    def _writer(self, station: str, hour: int, arrival_ns: int) -> RecordingWriter:
        known = self._writers.get(station)
        if known is not None:
            writer, resting = known[1], known[1].resting
            # Each call of the system waits for the interpreter after it: held files are looked at rarely.
            if known[0] == hour and ((not resting and not self._doubted) or writer.again()):
                self._held += resting
                return writer
            if known[0] == hour:
                self._tell(station, CHANGED, "the file of this hour was changed or removed by somebody else")
            self._forget(station)
        path = hourly_path(self._folder.path, station, arrival_ns)
        writer = RecordingWriter(path, arrival_ns, folder=self._folder.fd)
        self._writers[station] = hour, writer
        self._held += 1
        return writer

    def _forget(self, station: str) -> None:
        writer = self._writers.pop(station)[1]
        self._held -= not writer.resting
        writer.close()

    def _fault(self, name: str, fault: OSError) -> str:
        told = errno.errorcode.get(fault.errno or 0, "other")
        self._tell(name, told, f"cannot be written: {printable(fault.strerror or told)}")
        return told

    def _own_fault(self, name: str) -> bool:
        """A fault in the recorder ends what it happened to, and nothing else; whether it is told."""
        self.errors[FAULT] += 1
        first = (name, FAULT) not in self._told and len(self._told) < TOLD
        self._told.add((name, FAULT))
        return first

    def _tell(self, name: str, error: str, what: str) -> None:
        self.errors[error] += 1
        if (name, error) not in self._told and len(self._told) < TOLD:
            self._told.add((name, error))
            log.error("recordings: %s: %s", name, what)

    def _tidy(self) -> None:
        now_s = time.monotonic()
        if now_s - self._tidied_s >= TIDY_EVERY_S or self._folder.size > self._quota_bytes:
            try:
                if self.tidier.tidy(self._now_ns):
                    self._tidied_s = now_s
            except OSError as fault:
                self._fault("deleting", fault)
                self._tidied_s = now_s
            except Exception:
                if self._own_fault("deleting"):
                    log.exception(OWN_FAULT, "deleting")
                self._tidied_s = now_s
            self._tell_ages()
            self._close_old()
        before, self.refused = self.refused, self.tidier.refused(self._now_ns)
        if self.refused is None and before is not None:
            log.error("recordings: this hour alone takes more than the quota: the rest is dropped")
        elif self.refused and not before:
            log.error("recordings: %d stations take more than their share of the quota", len(self.refused))
        elif before != frozenset() and self.refused == frozenset():
            log.info("recordings: the quota has room for all stations again")

    def _close_old(self) -> None:
        """Files of hours that are over: where they are deleted, an open one would go on taking room."""
        hour = self._now_ns // HOUR_NS
        for station in [name for name, (begun, _) in self._writers.items() if begun < hour]:
            self._forget(station)

    def _tell_ages(self) -> None:
        overdue, ahead = bool(self.tidier.ages.overdue), bool(self.tidier.ages.ahead)
        if overdue and not self._overdue:
            log.warning(
                "recordings: %d hours are older than the retention by the host's clock, but too little was"
                " recorded since then to believe it: they are kept",
                len(self.tidier.ages.overdue),
            )
        if ahead and not self._ahead:
            log.warning(
                "recordings: %d hours are later than the host's clock says: they are kept",
                len(self.tidier.ages.ahead),
            )
        self._overdue, self._ahead = overdue, ahead


def _take_off(pieces: list[Piece], count: int, size: int) -> None:
    """Remove the first `size` bytes of the first `count` pieces, and those that are empty then."""
    if count == len(pieces) == 1 and pieces[0].news is None and size == len(pieces[0].data):  # as usual
        pieces.clear()
        return
    while count and len(pieces[0].data) <= size:
        if pieces[0].news is not None:  # not written
            return
        size -= len(pieces[0].data)
        del pieces[0]
        count -= 1
    if count and size:
        pieces[0] = pieces[0]._replace(data=pieces[0].data[size:])
