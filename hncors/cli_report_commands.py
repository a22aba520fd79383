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


@app.command(epilog="Example: hncors report bds3 recordings --out 2026-11 --earlier 2026-10/bds3.json")
def bds3(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Recordings, as replay takes them.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the files, else here.")
    ] = Path(),
    earlier: Annotated[
        list[Path] | None,
        typer.Option("--earlier", metavar="FILE", help="bds3.json of an earlier report; repeatable."),
    ] = None,
    nav: Annotated[
        list[Path] | None,
        typer.Option("--nav", metavar="FILE", help="RINEX navigation file, also gzipped; repeatable."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="ISO", help="A time near the data, where nothing tells it."),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write what stations deliver of BeiDou-3, of what they promise, and who made their equipment."""
    from hncors import cli_report_bds3

    end(lambda: cli_report_bds3.command(inputs, config, out, earlier or [], nav or [], time, as_json))
