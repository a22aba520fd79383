"""The commands of `hncors ledger`: options and help. What they do is in cli_ledger_copies.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hncors.cli_cases_commands import HELP, Config, Json, LedgerFile, end

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    help="Copies of the ledger of cases and the register.",
    epilog="Example: hncors ledger backup --out /var/backups/hncors/2026-11-26",
)


@app.command(epilog="Example: hncors ledger backup --out /var/backups/hncors/2026-11-26")
def backup(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make, for this copy alone.")],
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Copy the ledger and what is attached to its cases, while the daemon runs."""
    from hncors import cli_ledger_copies
    from hncors.cli_ledger import Where

    end(lambda: cli_ledger_copies.backup_command(Where(config, ledger), out, as_json))


@app.command(epilog="Example: hncors ledger restore /var/backups/hncors/2026-11-26")
def restore(
    copy: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `hncors ledger backup` made.")],
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Put a copy in the ledger's place; the daemon has to be stopped. The old ledger is kept beside it."""
    from hncors import cli_ledger_copies
    from hncors.cli_ledger import Where

    end(lambda: cli_ledger_copies.restore_command(Where(config, ledger), copy, as_json))
