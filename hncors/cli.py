"""The console entry. `inspect` is run by itself in loops over recordings, so it does not wait for typer."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple


def main() -> None:
    """Run the command that the arguments name, and end the process with its status."""
    # Threads for linear algebra, of which there is none here, cost a tenth of a second at the start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:2] == ["run"]:  # a daemon told to end while it is still being loaded has nothing to end
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    completing = "_HNCORS_COMPLETE" in os.environ  # a shell asks what may follow
    plain = None if completing else plain_inspect(sys.argv[1:])
    if plain is None:
        from hncors.cli_commands import app

        if completing:
            from typer._completion_classes import completion_init

            completion_init()
        app(prog_name="hncors")
    else:
        from hncors import cli_inspect, cli_output

        try:
            status = cli_output.finished(lambda: cli_inspect.command(*plain))
        except KeyboardInterrupt:
            status = cli_output.INTERRUPTED
        sys.exit(status)


class Inspect(NamedTuple):
    """What `inspect` is asked for."""

    source: str
    time: str | None
    as_json: bool


def plain_inspect(arguments: Sequence[str]) -> Inspect | None:
    """The arguments of an `inspect` that is easily understood; None where typer has to look.

    For what it takes, typer would call the same command with the same arguments.
    """
    if not arguments or arguments[0] != "inspect":
        return None
    sources, time, as_json = list[str](), None, False
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == "--json":
            as_json = True
        elif argument == "--time":
            time = next(rest, None)
            if time is None:
                return None
        elif argument.startswith("-") and argument != "-":
            return None
        else:
            sources.append(argument)
    return Inspect(sources[0], time, as_json) if len(sources) == 1 else None
