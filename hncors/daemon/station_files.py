"""The folder of station files, read as texts and written a file at a time: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(files: Mapping[Path, str]) -> Iterator[None]:
    """Texts on the disk, that become these files when the block ends well; nothing changes otherwise.

    Each file is the old one or the new one at any moment.  Raises OSError.
    """
    made: list[tuple[Path, Path]] = []
    try:
        for place, text in files.items():
            number, name = tempfile.mkstemp(prefix=f".{place.name}-", dir=place.parent)
            made.append((Path(name), place))
            with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(place.stat().st_mode & 0o777 if place.exists() else 0o640)
        yield
        for temporary, place in made:
            temporary.replace(place)
        _sync({place.parent for place in files})
    finally:
        for temporary, _ in made:
            temporary.unlink(missing_ok=True)


def _sync(folders: Iterable[Path]) -> None:
    for folder in folders:
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
