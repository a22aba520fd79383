"""The commands of `hncors report`: options and help. What they do is in cli_report.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hncors.cli_cases_commands import HELP, Config, Json, LedgerFile, end

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    help="Reports for those who are not at the screen.",
    epilog="Example: hncors report month 2026-11",
)


@app.callback()
def reports() -> None:
    """With one command only, typer would leave its name out."""


@app.command(epilog="Example: hncors report month 2026-11 --out reports")
def month(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-11.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the files, else here.")
    ] = Path(),
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Write a month's cases: a page with figures, plots and a map, and two tables."""
    from hncors import cli_report
    from hncors.cli_ledger import Where

    end(lambda: cli_report.month_command(Where(config, ledger), month, out, as_json))
