"""hncors run: the daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hncors.cli_output import DONE, Refused, document
from hncors.daemon import service
from hncors.daemon.configuration import ConfigurationError, load


def command(config: Path, as_json: bool) -> int:
    """Run until told to end; the exit status."""
    if not as_json:
        return service.main(config)
    try:
        settings, stations = load(config)
        asyncio.run(service.run(settings, stations, ready=lambda address: document({"address": address})))
    except ConfigurationError as refused:
        raise Refused(*refused.problems) from refused
    except service.CannotListen as refused:
        raise Refused(f"{config}: {refused}") from refused
    return DONE
