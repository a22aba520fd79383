"""Recordings on disk: plain files of raw bytes, with RTKLIB's time tags beside them (docs/recordings.md).

Opening finds the files, joins the hours of a station and reads the tags; bytes are read when asked for.
Files are read, not mapped: a mapped file that somebody cuts short would end the daemon with SIGBUS.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hncors.daemon import timetag
from hncors.daemon.timetag import I64
from hncors.text import printable

SUFFIXES = (".rtcm3", ".rtcm", ".rtc", ".bin", ".ubx", ".sbf", ".raw", ".dat")
STDIN = "-"
EXPECTED = "expected an RTCM3 file, a folder of recordings, or - for standard input"
BLOCK_BYTES = 1 << 20
# str2str writes both files for a minute when it swaps; at most this much is looked for twice.
OVERLAP_BYTES = 1 << 22
OVERLAP_SIGN_BYTES = 256
OVERLAP_TRIES = 100
UNTIMED = (np.empty(0, np.int64), np.empty(0, np.int64))

_HOURLY = re.compile(r"(?P<station>.+)_(?P<hour>[0-9]{10})")


class RecordingError(Exception):
    """What keeps recordings from being read; one line for each problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, eq=False)
class Part:
    """One file of a recording, or its beginning. What can be read only once is held as `content`."""

    path: Path | None
    size: int
    offset: I64
    arrival_ns: I64
    problems: tuple[str, ...] = ()
    content: bytes = b""

    def blocks(self, start: int = 0, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Its bytes from `start` on, a block at a time. Raises RecordingError when they cannot be read."""
        if self.path is None:
            yield self.content[start : self.size]
            return
        left = self.size - start
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                while left > 0 and (block := file.read(min(left, block_bytes))):
                    left -= len(block)
                    yield block
        except OSError as error:
            raise RecordingError(f"{shown(self.path)}: {error.strerror}") from error
        if left > 0:
            raise RecordingError(f"{shown(self.path)}: became shorter while it was read")


@dataclass(frozen=True, eq=False)
class Recording:
    """Raw bytes of one station and, if known, when they came. `problems` are lines worth showing."""

    name: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @cached_property
    def data(self) -> bytes:
        """All bytes. Raises RecordingError when they cannot be read."""
        return b"".join(block for part in self.parts for block in part.blocks())

    @cached_property
    def arrivals(self) -> tuple[I64, I64] | None:
        """Columns `offset` and `arrival_ns`: bytes from offset on came then (UTC nanoseconds since 1970).

        None unless it is known of all bytes.
        """
        if not all(len(part.offset) for part in self.parts):
            return None
        begins = np.cumsum([0] + [part.size for part in self.parts[:-1]])
        offset = [part.offset + begin for part, begin in zip(self.parts, begins, strict=True)]
        arrival_ns = np.concatenate([part.arrival_ns for part in self.parts])
        return np.concatenate(offset), np.maximum.accumulate(arrival_ns)

    def chunks(self, chunk_size: int) -> Iterator[tuple[bytes, int | None]]:
        """Pieces of at most `chunk_size` bytes that came at one time, with that time if it is known."""
        arrival_ns: Sequence[int | None] = [None]
        cuts = [0, self.size]
        if self.arrivals is not None:
            arrival_ns = self.arrivals[1].tolist()
            cuts = [*self.arrivals[0].tolist(), self.size]
        held, begin = b"", 0  # bytes read and not yet given out, and where in the recording they begin
        block_bytes = max(BLOCK_BYTES, chunk_size)
        blocks = (block for part in self.parts for block in part.blocks(0, block_bytes))
        for start, stop, time in zip(cuts[:-1], cuts[1:], arrival_ns, strict=True):
            for at in range(start, stop, chunk_size):
                end = min(at + chunk_size, stop)
                while begin + len(held) < end and (block := next(blocks, b"")):
                    held, begin = held[at - begin :] + block, at
                piece = held[at - begin : end - begin]
                if piece:
                    yield piece, time


def open_recording(path: Path | str) -> Recording:
    """The recording in one file, or in standard input for `-`.

    Raises RecordingError when there is none.
    """
    if str(path) == STDIN:
        return _whole("stdin", "standard input", sys.stdin.buffer)
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISFIFO(mode):
            with path.open("rb") as file:
                return _whole(station_and_hour(path)[0], shown(path), file)
        if not stat.S_ISREG(mode):
            raise RecordingError(
                f"{shown(path)}: {'a folder' if stat.S_ISDIR(mode) else 'no file'}; {EXPECTED}"
            )
        part = _part(path)
    except FileNotFoundError as error:
        raise RecordingError(f"{shown(path)}: no such file; {EXPECTED}") from error
    except OSError as error:
        raise RecordingError(f"{shown(path)}: {error.strerror}; {EXPECTED}") from error
    if part.size == 0:
        raise RecordingError(f"{shown(path)}: the file is empty; {EXPECTED}")
    return Recording(station_and_hour(path)[0], (part,), part.problems)


def open_recordings(inputs: Iterable[Path | str]) -> list[Recording]:
    """The recordings of files, folders and standard input, one a station, hourly files joined in time order.

    Raises RecordingError with every problem at once.
    """
    stations: dict[str, list[tuple[datetime | None, Recording]]] = {}
    wrong: list[str] = []
    for item in inputs:
        try:
            paths: Sequence[Path | str] = [item]
            if str(item) != STDIN and os.path.isdir(item):
                paths = _in_folder(Path(item))
            for path in paths:
                recording = open_recording(path)
                hour = station_and_hour(Path(path))[1]
                stations.setdefault(recording.name, []).append((hour, recording))
        except RecordingError as error:
            wrong += error.problems
    recordings = []
    for name, found in stations.items():
        hours = {hour: recording for hour, recording in found if hour is not None}
        if len(found) == 1:
            recordings.append(found[0][1])
        elif len(hours) == len(found):
            recordings.append(_joined(name, [hours[hour] for hour in sorted(hours)]))
        else:
            files = [shown(part.path) for _, recording in found for part in recording.parts]
            wrong.append(
                f"{', '.join(files)}: all of station {printable(name)}; expected one, or one an hour"
            )
    if wrong:
        raise RecordingError(*wrong)
    return recordings


def folder_recordings(folder: Path) -> list[Recording]:
    """The recordings in a folder, of which there may be none. Raises RecordingError."""
    return open_recordings(paths) if (paths := _in_folder(folder, some=False)) else []


def station_and_hour(path: Path) -> tuple[str, datetime | None]:
    """Station and UTC hour that a file name tells, `<STATION>_YYYYMMDDHH.rtcm3`; else its stem and None."""
    match = _HOURLY.fullmatch(path.stem)
    if match:
        try:
            hour = datetime.strptime(match["hour"], "%Y%m%d%H").replace(tzinfo=UTC)
        except ValueError:
            return path.stem, None
        return match["station"], hour
    return path.stem, None


def hourly_path(folder: Path, station: str, arrival_ns: int) -> Path:
    """Where bytes of a station that came at `arrival_ns` (UTC nanoseconds since 1970) are recorded."""
    hour = datetime.fromtimestamp(arrival_ns // 1_000_000_000, UTC)
    return folder / f"{station}_{hour:%Y%m%d%H}.rtcm3"


def tag_path(path: Path) -> Path:
    """The tag file of a recording."""
    return path.with_name(path.name + ".tag")


def link_path(path: Path) -> Path:
    """The news of the link beside a recording."""
    return path.with_suffix(".link.jsonl")


def shown(path: Path | None) -> str:
    """A path fit for a line of output."""
    return printable(str(path), 1000)


def _in_folder(folder: Path, *, some: bool = True) -> list[Path]:
    try:
        visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        paths = [path for path in visible if path.suffix.lower() in SUFFIXES and path.is_file()]
        # A station that was silent for an hour leaves an empty file behind.
        full = [path for path in paths if path.stat().st_size]
    except OSError as error:
        raise RecordingError(f"{shown(folder)}: {error.strerror}; expected a folder of recordings") from error
    if some and not full:
        found = "only empty recordings" if paths else "no recordings"
        raise RecordingError(f"{shown(folder)}: {found} in the folder; expected files {' '.join(SUFFIXES)}")
    return full


def _part(path: Path) -> Part:
    size = path.stat().st_size
    tag = tag_path(path)
    try:
        read = timetag.read(tag.read_bytes(), size)
    except FileNotFoundError:
        return Part(path, size, *UNTIMED)
    except OSError as error:
        read = timetag.unusable(error.strerror or "cannot be read")
    problems = tuple(f"{shown(tag)}: {problem}" for problem in read.problems)
    return Part(path, size, read.offset, read.arrival_ns, problems)


def _whole(name: str, source: str, file: BinaryIO) -> Recording:
    content = file.read()
    if not content:
        raise RecordingError(f"{source}: nothing came; expected RTCM3 bytes")
    return Recording(name, (Part(None, len(content), *UNTIMED, content=content),))


def _joined(name: str, recordings: Sequence[Recording]) -> Recording:
    parts = [part for recording in recordings for part in recording.parts]
    for at in range(len(parts) - 1):
        parts[at] = _without_overlap(parts[at], parts[at + 1])
    parts = [part for part in parts if part.size]
    problems = [problem for recording in recordings for problem in recording.problems]
    tagged = sum(len(part.offset) > 0 for part in parts)
    if 0 < tagged < len(parts):
        problems.append(
            f"{printable(name)}: arrival times of {tagged} of {len(parts)} files only; none are used"
        )
    return Recording(name, tuple(parts), tuple(problems))


def _without_overlap(part: Part, following: Part) -> Part:
    """`part` up to where `following` repeats it, as str2str's swapped files do."""
    if following.size < OVERLAP_SIGN_BYTES:
        return part
    begin = max(0, part.size - OVERLAP_BYTES)
    tail = b"".join(part.blocks(begin))
    head = b""
    for block in following.blocks():
        head += block
        if len(head) >= len(tail):
            break
    sign = head[:OVERLAP_SIGN_BYTES]
    at = tail.find(sign)
    for _ in range(OVERLAP_TRIES):
        if at < 0:
            break
        if head.startswith(tail[at:]):
            keep = part.offset < begin + at
            return replace(part, size=begin + at, offset=part.offset[keep], arrival_ns=part.arrival_ns[keep])
        at = tail.find(sign, at + 1)
    return part
