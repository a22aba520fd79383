"""Writing recordings and their time tags."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Self

from hncors import gpstime
from hncors.daemon import timetag
from hncors.daemon.recording import tag_path


class RecordingWriter:
    """Writes a recording and its time tag; every write is with the system before it returns.

    An existing recording is continued. Times are kept to the millisecond, as RTKLIB's are. Without
    a usable tag beside what is already there, and beyond 4 GiB, bytes are still written, tags not.
    Raises OSError when the disk does.
    """

    def __init__(self, path: Path, start_ns: int) -> None:
        self._data: BinaryIO = path.open("ab", buffering=0)
        self._end = self._data.seek(0, 2)
        self._tag: BinaryIO | None = None
        self._start_gps_ms = gpstime.from_unix_ns(start_ns)
        tag = tag_path(path)
        if self._end == 0:
            self._tag = tag.open("wb", buffering=0)
            self._tag.write(timetag.header(self._start_gps_ms))
        elif tag.is_file():
            self._continue(tag)

    def write(self, data: bytes, arrival_ns: int) -> None:
        """Append bytes that came at `arrival_ns` (UTC nanoseconds since 1970)."""
        rest = memoryview(data)
        while rest:
            written = self._data.write(rest)
            self._end += written
            rest = rest[written:]
        if data:
            self._note(arrival_ns)

    def close(self) -> None:
        self._data.close()
        if self._tag is not None:
            self._tag.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _continue(self, path: Path) -> None:
        content = path.read_bytes()
        start_gps_ms = timetag.start_gps_ms(content)
        if start_gps_ms is None or not content.startswith(timetag.header(start_gps_ms)):
            return
        known = timetag.read(content, self._end)
        if not len(known.offset):
            return
        self._start_gps_ms = start_gps_ms
        whole = (len(content) - timetag.HEADER_BYTES) // timetag.RECORD_BYTES * timetag.RECORD_BYTES
        self._tag = path.open("r+b", buffering=0)
        self._tag.truncate(timetag.HEADER_BYTES + whole)
        self._tag.seek(0, 2)
        # What came after the last record, and was cut off with the program, belongs to that record.
        self._note(int(known.arrival_ns[-1]))

    def _note(self, arrival_ns: int) -> None:
        if self._tag is not None and self._end < timetag.POSITION_LIMIT:
            arrival_gps_ms = gpstime.from_unix_ns(arrival_ns)
            self._tag.write(timetag.record(self._start_gps_ms, arrival_gps_ms, self._end))
