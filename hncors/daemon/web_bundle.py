"""Bundles of evidence for supervisors at the pages: made in a process of its own, sent, and not kept."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from aiohttp import hdrs, web

from hncors.daemon.bundle_making import BundleMaker, BundleRefused
from hncors.supervise.cases import StepRefused
from hncors.text import printable

MOST_WAITING = 4  # one is made at a time
TOLD = 1000  # characters of why there is none


class Bundles:
    """What makes them for a daemon with this configuration and these kept sourcetables."""

    def __init__(self, config: Path, tables: Path | None) -> None:
        self._maker, self._tables = BundleMaker(config), tables
        self._asked = 0

    async def answer(self, number: int, who: str) -> web.Response:
        """The bundle of a case as a file to keep; the folder it was made in is gone. Raises StepRefused."""
        if self._asked >= MOST_WAITING:
            raise StepRefused(f"{self._asked} bundles are waited for: try again later")
        self._asked += 1
        try:
            with tempfile.TemporaryDirectory(prefix="hncors-bundle-") as folder:
                tables = self._tables if self._tables is not None and self._tables.is_dir() else None
                made = await self._maker.make(number, Path(folder) / f"case-{number}.zip", who, tables)
                file = await asyncio.to_thread(made.path.open, "rb")
        except BundleRefused as refused:
            raise StepRefused(printable("; ".join(refused.problems), TOLD)) from None
        finally:
            self._asked -= 1
        headers = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{made.path.name}"'}
        return web.Response(body=file, content_type="application/zip", headers=headers)
