"""hncors run: the daemon."""

from __future__ import annotations

from pathlib import Path

from hncors.cli_output import document
from hncors.daemon import service


def command(config: Path, as_json: bool) -> int:
    """Run until told to end; the exit status."""
    return service.main(config, (lambda address: document({"address": address})) if as_json else None)
