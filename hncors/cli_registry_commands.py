"""The commands of `hncors registry`: options and help. What they do is in cli_registry*.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hncors.cli_cases_commands import HELP, Config, Json, LedgerFile, Precise, end

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    help="The register of filed stations: import, changes, and how stations stand.",
    epilog="Example: hncors registry status",
)


@app.command(
    "import", epilog="Example: hncors registry import filed.xlsx --frame CGCS2000 --epoch 2000 --apply"
)
def import_table(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table: .csv, .xlsx or .toml.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Write it; without, only show what differs.")
    ] = False,
    frame: Annotated[
        str | None, typer.Option("--frame", metavar="NAME", help="Frame of places whose row tells none.")
    ] = None,
    epoch: Annotated[
        float | None, typer.Option("--epoch", metavar="YEAR", help="Epoch of places whose row tells none.")
    ] = None,
    link: Annotated[
        str | None,
        typer.Option(
            "--link", metavar="URL", help="Link of new stations without one; {id} is the station's."
        ),
    ] = None,
    sheet: Annotated[
        str, typer.Option("--sheet", metavar="NAME", help="Sheet of a workbook, else the first.")
    ] = "",
    encoding: Annotated[
        str, typer.Option("--encoding", metavar="NAME", help="Of a .csv that is neither UTF-8 nor GBK.")
    ] = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Hold a filing table against the station files, and with --apply make them as it says."""
    from hncors import cli_registry_import
    from hncors.cli_ledger import Where
    from hncors.supervise.importing import Given

    def work() -> int:
        source = cli_registry_import.Source(file, sheet, encoding, Given(frame, epoch, link))
        return cli_registry_import.command(Where(config, ledger), source, apply, as_json)

    end(work)


@app.command("list", epilog="Example: hncors registry list --status silent")
def list_stations(
    operator: Annotated[str, typer.Option("--operator", metavar="NAME", help="Of this operator.")] = "",
    status: Annotated[str, typer.Option("--status", metavar="STATUS", help="That stand like this.")] = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """List the stations with their filings, and how they stand."""
    from hncors import cli_registry
    from hncors.cli_ledger import Where

    end(lambda: cli_registry.list_command(Where(config, ledger), operator, status, as_json))


@app.command(epilog="Example: hncors registry show CSHA")
def show(
    station: Annotated[str, typer.Argument(metavar="STATION", help="Its id.")],
    precise: Precise = False,
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Show what is filed of a station."""
    from hncors import cli_registry
    from hncors.cli_ledger import Where

    end(lambda: cli_registry.show_command(Where(config, ledger), station, precise, as_json))


@app.command(epilog="Example: hncors registry history CSHA")
def history(
    station: Annotated[str, typer.Argument(metavar="[STATION]", help="Its id; else of all.")] = "",
    precise: Precise = False,
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Show what was changed of a station, by whom and when, and how it stood."""
    from hncors import cli_registry
    from hncors.cli_ledger import Where

    end(lambda: cli_registry.history_command(Where(config, ledger), station, precise, as_json))


@app.command(epilog="Example: hncors registry status")
def status(config: Config = None, ledger: LedgerFile = None, as_json: Json = False) -> None:
    """Count how stations stand, by operator. Status 1 where somebody has to look after one."""
    from hncors import cli_registry
    from hncors.cli_ledger import Where

    end(lambda: cli_registry.status_command(Where(config, ledger), as_json))
