"""What a recorder noted goes to its files: batch in, what could not be written out. Runs in a thread."""

from __future__ import annotations

import errno
import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from hncors.daemon.record_folder import RecordFolder
from hncors.daemon.recording import hourly_path, link_path
from hncors.daemon.recording_writer import RecordingWriter
from hncors.text import printable

HOUR_NS = 3600 * 1_000_000_000
MS = 1_000_000
TIDY_EVERY_S = 60.0
OPEN_STATIONS = 4096  # with files held open: two each, the descriptor limit of the unit is 65536
# Errors that the next file would meet as well; others are of one file.
OF_THE_DISK = ("ENOSPC", "EDQUOT", "EROFS", "EIO", "ESTALE", "EMFILE", "ENFILE", "ENOMEM")
TICKS = "network"  # files of ticks are of this name; their ending is no station's

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
        self.errors: Counter[str] = Counter()  # by the system's name of the error
        self.failing = ""  # the error of the last batch
        self.full = False  # nothing is left to delete, and it is too much all the same
        self.wrote_s = 0.0
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._retention_ns = retention_ns
        self._open: dict[str, tuple[int, RecordingWriter]] = {}  # the one not used for longest comes first
        self._told: set[tuple[str, str]] = set()  # names and errors in the log since a batch went well
        self._tidied_s = float("-inf")
        self._now_ns = 0  # the newest that came

    def write(self, batch: Batch) -> Batch:
        """Write all of it; what is left when the disk is at fault. Raises nothing."""
        left: dict[str, list[Piece]] = {}
        failing = ""
        for station, pieces in batch.pieces.items():
            if failing in OF_THE_DISK:
                left[station] = pieces
                continue
            rest = list(pieces)
            try:
                self._station(station, rest)
            except OSError as fault:
                failing = self._fault(station, fault)
                left[station] = rest
        ticks = batch.ticks
        if failing not in OF_THE_DISK:
            try:
                self._ticks(ticks)
                ticks = []
            except OSError as fault:
                failing = self._fault(TICKS, fault)
        self._tidy()
        if failing != self.failing:
            self.failing = failing
            if not failing:
                self._told.clear()
                log.info("recordings are written again")
        if not failing:
            self.wrote_s = time.time()
        return Batch(left, ticks)

    def close(self) -> None:
        for _, writer in self._open.values():
            writer.close()
        self._open.clear()

    def _station(self, station: str, pieces: list[Piece]) -> None:
        """Write pieces and take them off the list."""
        while pieces:
            hour = pieces[0].arrival_ns // HOUR_NS
            others = (n for n, one in enumerate(pieces) if one.arrival_ns // HOUR_NS != hour)
            count = next(others, len(pieces))
            writer = self._writer(station, hour, pieces[0].arrival_ns)
            begun = writer.end
            try:
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
                # a record of the tag for each piece; where some share one, this is a little too much
                self._folder.grown(_hour(pieces[0].arrival_ns), done + 8 * count)
                self._now_ns = max(self._now_ns, pieces[count - 1].arrival_ns)
                _take_off(pieces, count, done)

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
            self._folder.grown(_hour(pieces[0].arrival_ns), len(text))

    def _ticks(self, ticks: list[tuple[int, str]]) -> None:
        self._now_ns = max(self._now_ns, ticks[-1][0] if ticks else 0)
        for hour, lines in groupby(ticks, lambda tick: _hour(tick[0])):
            text = "".join(line for _, line in lines).encode()
            self._folder.append(f"{TICKS}_{hour}.ticks", text)
            self._folder.grown(hour, len(text))

    def _writer(self, station: str, hour: int, arrival_ns: int) -> RecordingWriter:
        known = self._open.pop(station, None)
        if known is not None and known[0] != hour:
            known[1].close()
            known = None
        if known is None:
            while len(self._open) >= OPEN_STATIONS:
                self._forget(next(iter(self._open)))
            path = hourly_path(self._folder.path, station, arrival_ns)
            known = hour, RecordingWriter(path, arrival_ns, folder=self._folder.fd)
        self._open[station] = known
        return known[1]

    def _forget(self, station: str) -> None:
        self._open.pop(station)[1].close()

    def _fault(self, name: str, fault: OSError) -> str:
        told = errno.errorcode.get(fault.errno or 0, "other")
        self.errors[told] += 1
        if (name, told) not in self._told:
            self._told.add((name, told))
            log.error("recordings cannot be written: %s: %s", name, printable(fault.strerror or told))
        return told

    def _tidy(self) -> None:
        now_s = time.monotonic()
        if now_s - self._tidied_s < TIDY_EVERY_S and self._folder.size <= self._quota_bytes:
            return
        self._tidied_s = now_s
        oldest_ns = self._now_ns - self._retention_ns
        if oldest_ns > 0:
            try:
                self._folder.tidy(_hour(self._now_ns), _hour(oldest_ns), self._quota_bytes)
            except OSError as fault:
                self._fault("deleting", fault)
        self.full = self._folder.size > self._quota_bytes


def _take_off(pieces: list[Piece], count: int, size: int) -> None:
    """Remove the first `size` bytes of the first `count` pieces, and those that are empty then."""
    while count and len(pieces[0].data) <= size:
        if pieces[0].news is not None:  # not written
            return
        size -= len(pieces[0].data)
        del pieces[0]
        count -= 1
    if count and size:
        pieces[0] = pieces[0]._replace(data=pieces[0].data[size:])


def _hour(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y%m%d%H}"
