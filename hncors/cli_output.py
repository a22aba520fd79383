"""How commands speak: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hncors import gpstime
from hncors.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

DONE, WRONG, CANNOT = 0, 1, 2  # exit status: done; what was looked for is wrong; not possible as asked
INTERRUPTED, BROKEN_PIPE = 128 + 2, 128 + 13  # what the shell says of a program that SIGINT, SIGPIPE ended
LONG = 8 << 20  # bytes that take long enough to show progress
WIDTH = 110  # of tables that do not go to a terminal


class Refused(Exception):
    """Cannot be done as asked; `problems` has one line for each thing that is wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


def refuse(problems: Iterable[str]) -> int:
    """Say what is wrong, a line each; the exit status."""
    for problem in problems:
        print(printable(problem, 1000), file=sys.stderr)
    return CANNOT


def note(text: str) -> None:
    """Something worth knowing that stops nothing."""
    print(f"note: {printable(text, 1000)}", file=sys.stderr)


def document(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1))


def finished(work: Callable[[], int]) -> int:
    """The exit status of a command. A reader that has gone away is no fault of ours to talk about."""
    try:
        status = work()
        sys.stdout.flush()
    except Refused as refused:
        return refuse(refused.problems)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return status


def given_time(text: str | None) -> int | None:
    """GPS milliseconds of what --time says. Raises Refused."""
    try:
        return None if text is None else gpstime.from_iso(text)
    except ValueError:
        raise Refused(
            f'--time "{text}": expected ISO 8601 such as 2024-08-18T21:14:25 (GPS time; UTC with a Z)'
        ) from None


def console() -> Console:
    """Where human output goes."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def table(title: str, *columns: str) -> Table:
    """An empty table; columns whose name begins with ">" are flush right."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return made


def shown(text: str) -> str:
    """For a cell of a table: one line, and nothing in it is markup."""
    from rich.markup import escape

    return escape(printable(text, 400))


def stacked(text: str) -> str:
    """The same of `已发现 discovered`, Chinese over English."""
    return shown(text) if text.isascii() else shown(text).replace(" ", "\n", 1)


@contextmanager
def progress(label: str, total: float, *, long: bool) -> Iterator[Callable[[float], None] | None]:
    """A function to tell how much is done; None where nobody would see it."""
    if not (long and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(label, 40), total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder whose files become files of `out` when the block ends well, and nothing otherwise.

    Raises Refused when `out` cannot be written.
    """
    import shutil
    import tempfile

    near = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    try:
        if not near.is_dir():
            raise Refused(f"{printable(str(near))}: not a folder; --out expects one, or one that can be made")
        folder = Path(tempfile.mkdtemp(prefix=".hncors-", dir=near))
        try:
            yield folder
            out.mkdir(parents=True, exist_ok=True)
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                place = out / file.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as fault:
        if isinstance(fault, BrokenPipeError):
            raise
        raise Refused(f"{printable(str(out))}: {fault.strerror}; --out expects a folder to write") from fault
