"""hncors relay: notifications of Alertmanager handed on to robots of chats."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from hncors.cli_output import DONE, Refused, document
from hncors.daemon import alert_relay
from hncors.daemon.configuration import ConfigurationError


def command(config: Path, as_json: bool) -> int:
    """Run until told to end; the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")

    def ready(address: str) -> None:
        if as_json:
            document({"address": address})
        else:
            print(f"relay 转发  {address}")
        sys.stdout.flush()

    try:
        asyncio.run(alert_relay.run(config, ready))
    except ConfigurationError as wrong:
        raise Refused(*wrong.problems) from None
    return DONE
