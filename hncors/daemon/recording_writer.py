"""Writing recordings and their time tags."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from hncors import gpstime
from hncors.daemon import timetag
from hncors.daemon.recording import tag_path

MODE = 0o640  # and less by the umask


class Unsafe(OSError):
    """What has the name of a recording is none: a link, a device, or a file with other names."""


class RecordingWriter:
    """Writes a recording and its time tag; every write is with the system before it returns.

    A write is noted in the tag before its bytes are in the recording, so that no byte is without its time
    when the program is killed in between; what the tag says of bytes that did not come is cut off when the
    recording is continued. Times are kept to the millisecond, as RTKLIB's are. Without a usable tag beside
    what is already there, and beyond 4 GiB, bytes are still written, tags not. After an OSError the writer
    can only be closed: `end` tells what was written.
    """

    def __init__(self, path: Path, start_ns: int, *, folder: int | None = None) -> None:
        """`folder`: a directory's descriptor; the name of `path` is opened in it, wherever the path leads."""
        self._path, self._folder = path, folder
        self._tag: int | None = None
        self._tag_end = self._counted = 0
        self._start_gps_ms = gpstime.from_unix_ns(start_ns)
        self._data: int | None = _open(path, folder, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            self.end = os.fstat(self._data).st_size
            self._counted += self.end  # what was there before
            self._open_tag(tag_path(path), folder)
        except BaseException:
            self.close()
            raise
        self._tagged = self._tag is not None

    @property
    def resting(self) -> bool:
        """Whether the files are closed for a while."""
        return self._data is None

    def rest(self) -> None:
        """Close the files for a while; before the next write there must be `again`."""
        self.close()

    def again(self) -> bool:
        """Before a write: whether the files are as the last one left them, and nobody has taken them away.

        Raises OSError where that cannot be told.
        """
        try:
            if self._data is None:
                self._data = _open(self._path, self._folder, os.O_WRONLY | os.O_APPEND)
            if self._tagged and self._tag is None:
                self._tag = _open(tag_path(self._path), self._folder, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return False
        return _is(self._data, self.end) and (self._tag is None or _is(self._tag, self._tag_end))

    def grew(self) -> int:
        """How much more both files hold than when this was last asked, or when they were opened."""
        now = self.end + self._tag_end
        grown, self._counted = now - self._counted, now
        return grown

    def write(self, data: bytes, arrival_ns: int) -> None:
        """Append bytes that came at `arrival_ns` (UTC nanoseconds since 1970)."""
        self.write_all([(arrival_ns, data)])

    def write_all(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Append pieces, each with the time it came at, in their order: two calls of the system for all."""
        records: list[bytes] = []
        parts: list[bytes] = []
        size, before_ms = 0, None
        for arrival_ns, data in pieces:
            gps_ms = gpstime.from_unix_ns(arrival_ns)
            for at in range(0, len(data), timetag.SLACK_BYTES):
                part = data[at : at + timetag.SLACK_BYTES]
                if size + len(part) > timetag.SLACK_BYTES:  # no more may ever be ahead of what is noted
                    self._append(records, parts)
                    records, parts, size, before_ms = [], [], 0, None
                parts.append(part)
                size += len(part)
                if self.end + size < timetag.POSITION_LIMIT:
                    noted = timetag.record(self._start_gps_ms, gps_ms, self.end + size)
                    if gps_ms == before_ms:
                        records[-1] = noted
                    else:
                        records.append(noted)
                    before_ms = gps_ms
        if parts:
            self._append(records, parts)

    def close(self) -> None:
        for number in (self._data, self._tag):
            if number is not None:
                os.close(number)
        self._data = self._tag = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, records: list[bytes], parts: list[bytes]) -> None:
        if self._data is None:
            raise ValueError("closed")
        if self._tag is not None and records:
            self._note(self._tag, b"".join(records))
        for written in _written(self._data, parts[0] if len(parts) == 1 else b"".join(parts)):
            self.end += written

    def _note(self, tag: int, noted: bytes) -> None:
        for written in _written(tag, noted):
            self._tag_end += written

    def _open_tag(self, path: Path, folder: int | None) -> None:
        if self.end == 0:
            self._tag = _open(path, folder, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._counted += os.fstat(self._tag).st_size
            os.ftruncate(self._tag, 0)
            self._note(self._tag, timetag.header(self._start_gps_ms))
            return
        try:
            tag = _open(path, folder, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return
        self._tag = tag
        if not self._continue(tag):
            os.close(tag)
            self._tag = None

    def _continue(self, tag: int) -> bool:
        """Make a tag agree with the recording it is to go on with; whether it is one of ours."""
        content = _read(tag)
        self._tag_end = len(content)
        self._counted += self._tag_end
        start_gps_ms = timetag.start_gps_ms(content)
        if start_gps_ms is None or not content.startswith(timetag.header(start_gps_ms)):
            return False
        self._start_gps_ms = start_gps_ms
        whole = (len(content) - timetag.HEADER_BYTES) // timetag.RECORD_BYTES
        records = np.frombuffer(content, "<u4", 2 * whole, timetag.HEADER_BYTES).reshape(-1, 2)
        beyond = np.flatnonzero(records[:, 1] > self.end)
        kept = int(beyond[0]) if len(beyond) else whole
        self._tag_end = timetag.HEADER_BYTES + kept * timetag.RECORD_BYTES
        os.ftruncate(tag, self._tag_end)
        noted = int(records[kept - 1, 1]) if kept else 0
        if noted < self.end < timetag.POSITION_LIMIT:
            # The beginning of a write that was cut off came when the write did. Where the tag ends early,
            # as after a loss of power, nothing better is known than the last time.
            tick_ms = int(records[min(kept, whole - 1), 0]) if whole else 0
            self._note(tag, timetag.record(0, tick_ms, self.end))
        return True


def _open(path: Path, folder: int | None, flags: int) -> int:
    """A plain file, never through a link; opening one that is none never waits. Raises OSError, Unsafe."""
    name = path if folder is None else path.name
    # A pipe without a reader would be waited for (open(2), O_NONBLOCK); files take no notice of it.
    number = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, MODE, dir_fd=folder)
    about = os.fstat(number)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
        os.close(number)
        raise Unsafe(f"{path.name}: not a plain file of one name")
    return number


def _written(number: int, data: bytes) -> Iterator[int]:
    """Write all of it, most times at once: how many bytes each call took."""
    at = os.write(number, data)
    yield at
    while at < len(data):
        more = os.write(number, memoryview(data)[at:])
        at += more
        yield more


def _is(number: int, size: int) -> bool:
    """Whether an open file still has its name, and is so long."""
    about = os.fstat(number)
    return about.st_nlink == 1 and about.st_size == size


def _read(number: int) -> bytes:
    parts, at = [], 0
    while part := os.pread(number, 1 << 20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)
