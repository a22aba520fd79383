"""Every stream's raw bytes, with the times they came at, on disk: hourly files (docs/recordings.md).

What links bring is noted before it is decoded, and written together a few times a second, in a thread of
its own: a disk that is slow, full or gone keeps nobody from watching. What waits for the disk is bounded;
what does not fit is dropped and counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hncors.daemon.configuration import ConfigurationError
from hncors.daemon.record_disk import HOUR_NS, MS, Batch, Disk, Piece
from hncors.daemon.record_folder import FolderRefused, RecordFolder
from hncors.network import Chunk
from hncors.network_overload import NOTHING_LEFT_OUT, LeftOut
from hncors.settings import Record, problem
from hncors.view.recorded import Recorded

EVERY_S = 0.4  # between two writes: with what a write takes, less than a second is lost with the process
WAITING_BYTES, WAITING_EACH_BYTES = 64 << 20, 64 << 10  # of all stations: the first, or for each if more
WAITING_STATION_BYTES = 4 << 20
WAITING_NEWS, WAITING_STATION_NEWS = 50_000, 500  # news are small and rare: they wait where bytes cannot
WAITING_TICKS = 100_000
PIECE_BYTES = 200  # what noting a piece takes besides its bytes
TICKS_END_BYTES = 1 << 20  # of a file of ticks, looked at for the last of them

log = logging.getLogger("hncors")


class Recorder:
    """Notes chunks and ticks, and writes them in the background while `run` runs."""

    def __init__(self, folder: RecordFolder, *, quota_bytes: int, retention_days: float) -> None:
        self.dropped: Counter[str] = Counter()  # bytes by station
        self.dropped_news: Counter[str] = Counter()
        self.dropped_ticks = 0
        self.disk = Disk(folder, quota_bytes, int(retention_days * 24 * HOUR_NS))
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._batch = Batch({}, [])
        self._waiting: Counter[str] = Counter()  # bytes by station
        self._waiting_bytes = 0
        self._news: Counter[str] = Counter()  # news that wait, by station
        self._news_waiting = 0
        self._lost: dict[str, Counter[str]] = {}  # dropped since that was last noted, by station
        self._lost_ticks = 0
        self._overflowing = False  # more came than the disk could take
        self._dropped_before = 0
        self._stations: set[str] = set()  # that something came of
        self._watched = ""  # the line that says which stations are watched
        self._file = -1, 0  # of the last tick: its hour, and which of that name

    def note(self, chunk: Chunk) -> None:
        """What a link brought, before anybody else sees it."""
        name, data, arrival_ns, state, why, timed, origin = chunk
        self._stations.add(name)
        size = len(data) + PIECE_BYTES
        if data and self._no_room(name, size):
            self._overflows(name)
            self._lose(name, "dropped", len(data))
            self.dropped[name] += len(data)
            data, size = b"", PIECE_BYTES
        news: dict[str, object] | None = None
        if state is not None or origin is not None:
            if self._news[name] >= WAITING_STATION_NEWS or self._news_waiting >= WAITING_NEWS:
                self._lose(name, "dropped_news", 1)
                self.dropped_news[name] += 1
            else:
                self._news[name] += 1
                self._news_waiting += 1
                news = {"state": state or "", "why": why} | ({} if timed else {"timed": False})
                if origin is not None:
                    news["origin"] = [origin.address, origin.agent, origin.refused]
        if not data and news is None:
            return
        if name in self._lost:
            news = {**(news or {}), **self._lost.pop(name)}
        self._waiting[name] += size
        self._waiting_bytes += size
        self._batch.pieces.setdefault(name, []).append(Piece(arrival_ns, data, news))

    def begin(self, now_ns: int) -> int:
        """A run begins: when somebody last looked before, in the run before; 0 where that is not known.

        UTC nanoseconds since 1970.
        """
        try:
            name = self._folder.newest(".ticks")
            end = self._folder.read_end(name, TICKS_END_BYTES) if name else b""
        except OSError:
            end = b""
        whole = re.findall(rb"^(?:begin )?([0-9]{13})(?: [0-9]+)?\n", end, re.MULTILINE)
        before_ms = int(whole[-1]) if whole and int(whole[-1]) * MS < now_ns else 0
        self._tick(now_ns, f"begin {now_ns // MS} {before_ms}\n")
        return before_ms * MS

    def watch(self, rates_hz: Mapping[str, float | None], now_ns: int) -> None:
        """These stations are watched from now on, with the epochs a second that they promise."""
        self._watched = f"watch {json.dumps(rates_hz)}\n"
        self._file = now_ns // HOUR_NS, self.disk.renewed
        self._tick(now_ns, self._watched)

    def tick(self, now_ns: int, left_out: LeftOut = NOTHING_LEFT_OUT) -> None:
        """The network is about to look at what has been noted, but for what it leaves out."""
        file, before = (now_ns // HOUR_NS, self.disk.renewed), self._file
        self._file = file
        # each file says it, for the one before may be deleted
        told = self._watched if file != before else ""
        if left_out.level:
            told += f"overload {left_out.level} {left_out.lag_ms}\n"
        self._tick(now_ns, f"{told}{now_ns // MS}\n")

    def told(self) -> Recorded:
        """For the metrics."""
        disk, folder = self.disk, self._folder
        return Recorded(
            written=dict(disk.written),
            dropped=self.dropped + disk.dropped,
            dropped_news=dict(self.dropped_news),
            dropped_ticks=self.dropped_ticks,
            errors=dict(disk.errors),
            deleted_files=dict(disk.tidier.deleted),
            deleted_bytes=dict(disk.tidier.deleted_bytes),
            waiting_bytes=self._waiting_bytes,
            folder_bytes=folder.size,
            quota_bytes=self._quota_bytes,
            last_write_unix_s=disk.wrote_s,
            overdue_hours=len(disk.tidier.ages.overdue),
            ahead_hours=len(disk.tidier.ages.ahead),
            refused=dict.fromkeys(self._stations if disk.refused is None else disk.refused, 1),
            failing=bool(disk.failing) or disk.refused != frozenset() or self._overflowing,
        )

    async def run(self) -> None:
        """Write every now and then until cancelled; what waits then is left to `close`."""
        while True:
            await asyncio.sleep(EVERY_S)
            batch = self._take()
            writing = asyncio.create_task(asyncio.to_thread(self.disk.write, batch))
            try:
                # A thread cannot be stopped, and `close` must not begin beside it.
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])
                raise
            finally:
                self._settle(writing.result())

    def flush(self) -> None:
        """Write what waits, here and now."""
        self._settle(self.disk.write(self._take()))

    def close(self) -> None:
        """Write what waits, and end. What the disk does not take is dropped."""
        self.flush()
        lost = sum(len(piece.data) for pieces in self._batch.pieces.values() for piece in pieces)
        if self._batch.pieces or self._batch.ticks:
            log.error("recordings: %d bytes of streams could not be written before the end", lost)
        self.disk.close()
        self._folder.close()

    def _no_room(self, name: str, size: int) -> bool:
        refused = self.disk.refused
        return (
            self._waiting[name] + size > WAITING_STATION_BYTES
            or self._waiting_bytes + size > max(WAITING_BYTES, WAITING_EACH_BYTES * len(self._stations))
            or refused is None
            or name in refused
        )

    def _overflows(self, name: str) -> None:
        """Say so when that begins for want of room; what the quota refuses is told where that is found."""
        refused = self.disk.refused
        if self._overflowing or refused is None or name in refused:
            return
        self._overflowing, self._dropped_before = True, self.dropped.total()
        waits = self._waiting_bytes
        log.error("recordings: the disk does not keep up: %d bytes wait for it, and more is dropped", waits)

    def _lose(self, name: str, what: str, number: int) -> None:
        self._lost.setdefault(name, Counter())[what] += number

    def _tick(self, now_ns: int, line: str) -> None:
        ticks = self._batch.ticks
        if len(ticks) >= WAITING_TICKS:
            self.dropped_ticks += 1
            self._lost_ticks += 1
            return
        if self._lost_ticks:
            line, self._lost_ticks = f"lost {self._lost_ticks}\n{line}", 0
        self._waiting_bytes += PIECE_BYTES
        ticks.append((now_ns, line))

    def _take(self) -> Batch:
        batch, self._batch = self._batch, Batch({}, [])
        return batch

    def _settle(self, left: Batch) -> None:
        """What was left goes before what came meanwhile; what waits is counted anew."""
        came, all_written = self._batch, not left.pieces
        for name, pieces in came.pieces.items():
            left.pieces.setdefault(name, []).extend(pieces)
        left.ticks.extend(came.ticks)
        self._batch = left
        self._waiting, self._news = Counter(), Counter()
        for name, pieces in left.pieces.items():
            self._waiting[name] = sum(len(one.data) + PIECE_BYTES for one in pieces)
            self._news[name] = sum(one.news is not None for one in pieces)
        self._news_waiting = self._news.total()
        if self._overflowing and all_written:
            self._overflowing = False
            dropped = self.dropped.total() - self._dropped_before
            log.error("recordings: all that waited is written; %d bytes were dropped", dropped)
        self._waiting_bytes = self._waiting.total() + PIECE_BYTES * len(left.ticks)


def open_recorder(settings: Record, config_path: Path) -> Recorder:
    """The recorder that a configuration asks for. Raises ConfigurationError."""
    try:
        folder = RecordFolder(config_path.parent / settings.folder)
    except FolderRefused as refused:
        why, _, expected = str(refused).partition(": expected ")
        told = problem(str(config_path), "record.folder", settings.folder, expected)
        raise ConfigurationError([f"{told}; {why}"]) from None
    quota_bytes = int(settings.quota_gb * 1e9)
    return Recorder(folder, quota_bytes=quota_bytes, retention_days=settings.retention_days)
