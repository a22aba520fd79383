"""A case's bundle of evidence made while the daemon runs, for somebody who has signed in to its pages.

Making one replays recordings, which would keep the ticks waiting in whatever thread it was done; so it is
done by `hncors cases bundle` in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

WITHIN_S = 900.0


class BundleRefused(Exception):
    """None was made; a line for each reason, which may name files."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


class Made(NamedTuple):
    """A bundle that was written. `differs` counts findings that its recordings do not show again."""

    path: Path
    sha256: str  # of its manifest
    differs: int
    same: int
    not_replayed: int


class BundleMaker:
    """Makes bundles one after the other, of the cases in the ledger of a daemon's configuration."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._one = asyncio.Lock()

    async def make(self, number: int, out: Path, who: str, tables: Path | None = None) -> Made:
        """The bundle of a case at `out`, a name that ends in .zip; `tables` are those of `hncors scan --out`.

        `who` has to be a supervisor, which the caller sees to: there are precise places in it. That he asked
        for it is put down in the ledger.  Raises BundleRefused.
        """
        more = () if tables is None else ("--sourcetables", str(tables))
        command = (
            "-m", "hncors", "cases", "bundle", str(number), "--out", str(out), "-c", str(self._config),
            f"--asked-by={who}", "--json", *more,
        )  # fmt: skip
        async with self._one:
            status, answer, said = await _ran(command)
        if status not in (0, 1):
            raise BundleRefused(*said.decode(errors="replace").splitlines()[-20:])
        told: dict[str, Any] = json.loads(answer)
        counts = (len(told[name]) for name in ("differs", "same", "not_replayed"))
        return Made(out, told["sha256"], *counts)


async def _ran(arguments: tuple[str, ...]) -> tuple[int, bytes, bytes]:
    """Status, standard output and standard error of this program run again; it does not outlive who waits."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            answer, said = await process.communicate()
    except TimeoutError:
        raise BundleRefused(f"not made within {WITHIN_S:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, answer, said
