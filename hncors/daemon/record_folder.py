"""The folder that recordings are kept in: safe opening, one recorder at a time, what is in it and how much.

Names are made of registered ids and hours only, never of anything that came by wire. Files are opened
relative to the folder as it was when it was checked, and never through a symbolic link.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections import Counter
from pathlib import Path

ENDINGS = (".rtcm3", ".rtcm3.tag", ".link.jsonl")  # of a station's files
TICKS = "network"  # files of ticks are of this name; their ending is no station's
TICKS_ENDING = ".ticks"

_HOUR = r"([0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3]))"
_OURS = re.compile(rf"([A-Za-z0-9_-]+)_{_HOUR}\.(?:rtcm3|rtcm3\.tag|link\.jsonl|ticks)")


class FolderRefused(Exception):
    """The folder cannot be recorded in; the text says what was expected instead."""


class RecordFolder:
    """An open folder, held against other recorders until closed, and the sizes of what is in it."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where it is not there. Raises FolderRefused."""
        self.path = path
        self.size = 0
        self.hours: Counter[str] = Counter()  # bytes by hour, YYYYMMDDHH
        self.stations: Counter[str] = Counter()  # bytes by station, of all hours; ticks are of none
        self.fd = _locked(path)
        self._count()

    def close(self) -> None:
        os.close(self.fd)

    def renew(self) -> bool:
        """Make the folder again where it was removed; whether it was, and could be."""
        if os.fstat(self.fd).st_nlink:  # rmdir(2) takes its last name
            return False
        try:
            fd = _locked(self.path)
        except FolderRefused:
            return False
        self.close()
        self.fd = fd
        self._count()
        return True

    def opener(self, path: str, flags: int) -> int:
        """For the built-in open(): a regular file in this folder, whatever folder `path` names.

        Raises OSError, also where something else has taken the name.
        """
        name = os.path.basename(path)
        safe = (flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC) & ~os.O_CREAT
        try:
            new = os.O_CREAT | os.O_EXCL if flags & os.O_CREAT else 0
            fd = os.open(name, safe | new, 0o640, dir_fd=self.fd)
        except FileExistsError:
            fd = os.open(name, safe, dir_fd=self.fd)
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            os.close(fd)
            raise FileExistsError(errno.EEXIST, "not a plain file of one name", name)
        return fd

    def append(self, name: str, data: bytes) -> None:
        """Add lines to a file that is not held open. Raises OSError; nothing of `data` is left in it then.

        A line that a killed process left unfinished is ended first. Does not count what it writes.
        """
        with open(name, "a+b", buffering=0, opener=self.opener) as file:
            end = file.seek(0, os.SEEK_END)
            whole = not end or os.pread(file.fileno(), 1, end - 1) == b"\n"
            rest = memoryview(data if whole else b"\n" + data)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(end)  # half a line would be joined to the next
                raise

    def read_end(self, name: str, size: int) -> bytes:
        """The last bytes of a file. Raises OSError."""
        with open(name, "rb", buffering=0, opener=self.opener) as file:
            file.seek(max(file.seek(0, os.SEEK_END) - size, 0))
            return file.read(size) or b""

    def grown(self, station: str, hour: str, size: int) -> None:
        """So much was written to files of a station ("": ticks) and an hour."""
        self.size += size
        self.hours[hour] += size
        if station:
            self.stations[station] += size

    def has(self, name: str) -> bool:
        """Whether there is such a file. Raises OSError."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> int | None:
        """Delete one of our files; its size, None where there was none. Raises OSError."""
        match = _OURS.fullmatch(name)
        try:
            about = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if match is None or not stat.S_ISREG(about.st_mode):
                return None
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        self.grown("" if name.endswith(TICKS_ENDING) else match[1], match[2], -about.st_size)
        return about.st_size

    def forget(self, hour: str) -> None:
        """No file of this hour is left."""
        self.size -= self.hours.pop(hour, 0)

    def newest(self, ending: str) -> str | None:
        """The file of the latest hour whose name ends so."""
        with os.scandir(self.fd) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(ending) and hour_of(entry.name)]
        return max(names, key=hour_of, default=None)

    def _count(self) -> None:
        """Look at all our files; those of other names are nobody's business here."""
        self.size = 0
        self.hours.clear()
        self.stations.clear()
        hours, stations = self.hours, self.stations  # a month of 2,000 stations is millions of files
        with os.scandir(self.fd) as entries:
            for entry in entries:
                match = _OURS.fullmatch(entry.name)
                if match is None or not entry.is_file(follow_symlinks=False):
                    continue
                size = entry.stat(follow_symlinks=False).st_size
                station, hour = match.groups()
                hours[hour] += size
                if not entry.name.endswith(TICKS_ENDING):
                    stations[station] += size
        self.size = hours.total()


def hour_of(name: str) -> str:
    """The hour of one of our files, YYYYMMDDHH; "" of others."""
    match = _OURS.fullmatch(name)
    return match[2] if match else ""


def _locked(path: Path) -> int:
    """The folder's descriptor. Raises FolderRefused."""
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as fault:
        expected = "a folder, or a place where one can be made"
        raise FolderRefused(f"{fault.strerror}: expected {expected}") from None
    try:
        about = os.fstat(fd)
        if about.st_mode & stat.S_IWOTH:
            raise FolderRefused("everybody may write there: expected a folder of the daemon's own")
        if about.st_uid not in (0, os.geteuid()):
            raise FolderRefused("another user's: expected a folder of the daemon's own")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FolderRefused:
        os.close(fd)
        raise
    except OSError:
        os.close(fd)
        raise FolderRefused("another hncors records there: expected a folder of its own") from None
    return fd
