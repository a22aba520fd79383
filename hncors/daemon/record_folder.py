"""The folder that recordings are kept in: safe opening, one recorder at a time, quota and retention.

Names are made of registered ids and hours only, never of anything that came by wire. Files are opened
relative to the folder as it was when it was checked, and never through a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_OURS = re.compile(r"[A-Za-z0-9_-]+_([0-9]{10})\.(?:rtcm3|rtcm3\.tag|link\.jsonl|ticks)")


class FolderRefused(Exception):
    """The folder cannot be recorded in; the text says what was expected instead."""


class RecordFolder:
    """An open folder, held against other recorders until closed."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where it is not there. Raises FolderRefused."""
        self.path = path
        self.deleted: Counter[str] = Counter()  # files by reason
        self.deleted_bytes: Counter[str] = Counter()
        try:
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as fault:
            expected = "a folder, or a place where one can be made"
            raise FolderRefused(f"{fault.strerror}: expected {expected}") from None
        try:
            about = os.fstat(self.fd)
            if about.st_mode & stat.S_IWOTH:
                raise FolderRefused("everybody may write there: expected a folder of the daemon's own")
            if about.st_uid not in (0, os.geteuid()):
                raise FolderRefused("another user's: expected a folder of the daemon's own")
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FolderRefused:
            self.close()
            raise
        except OSError:
            self.close()
            raise FolderRefused("another hncors records there: expected a folder of its own") from None
        self._hours: Counter[str] = Counter()
        self._oldest: list[tuple[str, int]] = []  # files of the oldest hour, once some of it is deleted
        for name, size in self._files():
            self._hours[hour_of(name)] += size
        self.size = self._hours.total()

    def close(self) -> None:
        os.close(self.fd)

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
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise FileExistsError(errno.EEXIST, "not a regular file", name)
        return fd

    def append(self, name: str, data: bytes) -> None:
        """Add to a file that is not held open. Raises OSError."""
        with open(name, "ab", buffering=0, opener=self.opener) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]

    def read_end(self, name: str, size: int) -> bytes:
        """The last bytes of a file. Raises OSError."""
        with open(name, "rb", buffering=0, opener=self.opener) as file:
            file.seek(max(file.seek(0, 2) - size, 0))
            return file.read(size) or b""

    def grown(self, hour: str, size: int) -> None:
        """So much was written to files of an hour."""
        self.size += size
        self._hours[hour] += size

    def tidy(self, now_hour: str, oldest_hour: str, quota_bytes: int) -> None:
        """Delete what is older than `oldest_hour`, then the oldest files until the rest fits.

        Never anything of `now_hour` or later. Raises OSError.
        """
        while self._hours and (hour := min(self._hours)) < now_hour:
            reason = "retention" if hour < oldest_hour else "quota" if self.size > quota_bytes else ""
            if not reason:
                break
            if not self._oldest:
                self._oldest = sorted((name, size) for name, size in self._files() if hour_of(name) == hour)
            if not self._oldest:  # gone without us
                self.size -= self._hours.pop(hour)
                continue
            name, size = self._oldest[0]
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.fd)
            del self._oldest[0]
            self.deleted[reason] += 1
            self.deleted_bytes[reason] += size
            self.grown(hour, -size)
            if not self._oldest:
                self.size -= self._hours.pop(hour)

    def newest(self, ending: str) -> str | None:
        """The file of the latest hour whose name ends so."""
        names = (name for name, _ in self._files() if name.endswith(ending))
        return max(names, key=hour_of, default=None)

    def _files(self) -> Iterator[tuple[str, int]]:
        """Our files; those of other names are nobody's business here."""
        with os.scandir(self.fd) as entries:
            for entry in entries:
                if hour_of(entry.name) and entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size


def hour_of(name: str) -> str:
    """The hour of one of our files, YYYYMMDDHH; "" of others."""
    match = _OURS.fullmatch(name)
    return match[1] if match else ""
