"""The commands of `hncors cases`: options and help. What they do is in cli_cases.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from hncors import cli_output

HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    help="Cases of supervision, from a first lead to their end, with every step on a trail.",
    epilog="Example: hncors cases list --overdue",
)

Config = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config", metavar="FILE", help="Configuration; else hncors.toml here or in /etc/hncors."
    ),
]
LedgerFile = Annotated[
    Path | None, typer.Option("--ledger", metavar="FILE", help="The ledger, instead of the configured one.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who did it, where that is not the one who types.")
]
Number = Annotated[int, typer.Argument(metavar="CASE", help="Number of the case.")]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What there is to say.")]
Precise = Annotated[bool, typer.Option("--precise", help="Precise places; for supervisors, and put down.")]
States = Annotated[
    list[str] | None, typer.Option("--state", metavar="STATE", help="In this state; repeatable.")
]
County = Annotated[str, typer.Option("--county", metavar="NAME", help="Of this county.")]
Month = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Found in this month.")]
Rule = Annotated[str, typer.Option("--rule", metavar="RULE", help="With a lead of this rule.")]
Overdue = Annotated[bool, typer.Option("--overdue", help="Past a deadline.")]
All = Annotated[bool, typer.Option("--all", help="Closed ones too.")]


def end(work: Callable[[], int]) -> NoReturn:
    """Do it, and end with its status."""
    raise typer.Exit(cli_output.finished(work))


def _step(
    config: Path | None,
    ledger: Path | None,
    number: int | None,
    action: str,
    by: str,
    as_json: bool,
    **detail: object,
) -> NoReturn:
    from hncors import cli_cases
    from hncors.cli_ledger import Where

    end(lambda: cli_cases.step_command(Where(config, ledger), number, action, detail, by, as_json))


@app.command("list", epilog="Example: hncors cases list --month 2026-11 --all")
def list_cases(
    state: States = None,
    county: County = "",
    month: Month = "",
    rule: Rule = "",
    overdue: Overdue = False,
    every: All = False,
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """List open cases, or those that are asked for. Status 1 where one of them is overdue."""
    from hncors import cli_cases
    from hncors.cli_ledger import Where

    def chosen() -> cli_cases.Chosen:
        return cli_cases.Chosen(state or [], county, month, rule, every=every, overdue=overdue)

    end(lambda: cli_cases.list_command(Where(config, ledger), chosen, as_json))


@app.command(epilog="Example: hncors cases show 12")
def show(
    number: Number,
    precise: Precise = False,
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Show a case with its trail, findings and attachments."""
    from hncors import cli_cases
    from hncors.cli_ledger import Where

    end(lambda: cli_cases.show_command(Where(config, ledger), number, precise, as_json))


@app.command(
    "open", epilog='Example: hncors cases open caster.example/MNT1 --county 岳麓区 "reported by phone"'
)
def open_case(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="A station, or CASTER/MOUNTPOINT.")],
    text: Text,
    county: County = "",
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Open a case by hand, for what people tell (举报)."""
    _step(config, ledger, None, "open", by, as_json, subject=subject, county=county, text=text)


@app.command(epilog="Example: hncors cases assign 12 liu")
def assign(
    number: Number,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Who sees to it.")],
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Say who sees to a case (承办人)."""
    _step(config, ledger, number, "assign", by, as_json, owner=owner)


@app.command(epilog='Example: hncors cases note 12 "the owner was called, no answer"')
def note(
    number: Number,
    text: Text,
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Write a note into a case (备注)."""
    _step(config, ledger, number, "note", by, as_json, text=text)


@app.command(epilog="Example: hncors cases attach 12 roof.jpg")
def attach(
    number: Number,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy of it is kept, at most 256 MiB.")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What it is.")] = "",
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Attach a file to a case (附件)."""
    from hncors import cli_cases_files
    from hncors.cli_ledger import Where

    end(lambda: cli_cases_files.attach_command(Where(config, ledger), number, file, text, by, as_json))


@app.command(epilog="Example: hncors cases examine 12")
def examine(
    number: Number,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What there is to say.")] = "",
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Take up a case to verify it (开始核实)."""
    _step(config, ledger, number, "examine", by, as_json, text=text)


@app.command(epilog="Example: hncors cases dispatch 12 岳麓区")
def dispatch(
    number: Number,
    county: Annotated[str, typer.Argument(metavar="COUNTY", help="Whose it is now.")],
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What there is to say.")] = "",
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Hand a case to a county, also back to it (交办)."""
    _step(config, ledger, number, "dispatch", by, as_json, county=county.strip(), text=text)


@app.command(epilog='Example: hncors cases confirm 12 --checked-on 2026-11-20 "antenna on the roof, powered"')
def confirm(
    number: Number,
    text: Text,
    checked_on: Annotated[str, typer.Option("--checked-on", metavar="DAY", help="Day of the field check.")],
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Confirm a case after a check in the field (属实); only people do."""
    from hncors import cli_cases
    from hncors.cli_ledger import Where

    def work() -> int:
        detail = {"checked_on": cli_cases.checked_on(checked_on), "text": text}
        return cli_cases.step_command(Where(config, ledger), number, "confirm", detail, by, as_json)

    end(work)


@app.command(epilog='Example: hncors cases handle 12 "switched off and removed"')
def handle(
    number: Number,
    text: Text,
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Say how a case was handled (处置)."""
    _step(config, ledger, number, "handle", by, as_json, text=text)


@app.command("sign-off", epilog='Example: hncors cases sign-off 12 "checked: gone"')
def sign_off(
    number: Number,
    text: Text,
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Sign off a case that was handled (销号); somebody else than who handled it."""
    _step(config, ledger, number, "sign_off", by, as_json, text=text)


@app.command(epilog='Example: hncors cases reject 12 typing_error "two digits of the longitude were swapped"')
def reject(
    number: Number,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="One of the reasons of docs/cases.md.")],
    text: Text,
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Reject a case (排除), with the reason, which counts for or against its rules."""
    _step(config, ledger, number, "reject", by, as_json, reason=reason, text=text)


@app.command(epilog='Example: hncors cases close 12 "checked: gone"')
def close(
    number: Number,
    text: Text,
    rejected: Annotated[
        str, typer.Option("--rejected", metavar="REASON", help="Reject it, with one of the reasons.")
    ] = "",
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """End a case: sign it off, or with --rejected reject it."""
    from hncors import cli_cases
    from hncors.cli_ledger import Where

    end(lambda: cli_cases.close_command(Where(config, ledger), number, text, rejected, by, as_json))


@app.command(epilog='Example: hncors cases reopen 12 "live again since yesterday"')
def reopen(
    number: Number,
    text: Text,
    by: By = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Reopen a case that was signed off or rejected (重新打开), with new deadlines."""
    _step(config, ledger, number, "reopen", by, as_json, text=text)


@app.command(epilog="Example: hncors cases export --month 2026-11 --all --out cases.csv")
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A name that ends in .csv or .json.")],
    state: States = None,
    county: County = "",
    month: Month = "",
    rule: Rule = "",
    overdue: Overdue = False,
    every: All = False,
    precise: Precise = False,
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Write cases as a table for a spreadsheet, or as JSON with trails and findings."""
    from hncors import cli_cases, cli_cases_files
    from hncors.cli_ledger import Where

    def chosen() -> cli_cases.Chosen:
        return cli_cases.Chosen(state or [], county, month, rule, every=every, overdue=overdue)

    end(lambda: cli_cases_files.export_command(Where(config, ledger), chosen, out, precise, as_json))


@app.command(epilog="Example: hncors cases bundle 7 --out case-7.zip")
def bundle(
    number: Number,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A name that ends in .zip.")],
    recordings: Annotated[
        Path | None,
        typer.Option("--recordings", metavar="FOLDER", help="What the daemon recorded; else as configured."),
    ] = None,
    sourcetables: Annotated[
        Path | None, typer.Option("--sourcetables", metavar="FOLDER", help="What hncors scan --out keeps.")
    ] = None,
    asked_by: Annotated[
        str, typer.Option("--asked-by", metavar="NAME", help="For the daemon: who asked for it there.")
    ] = "",
    config: Config = None,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Write the evidence of a case (证据包) as one file: recordings, register, limits, map and plots.

    With precise places in it, so for supervisors; that it was made is put down in the ledger.
    """
    from hncors import cli_bundle
    from hncors.cli_ledger import Where

    where = Where(config, ledger)
    end(lambda: cli_bundle.bundle_command(where, number, out, recordings, sourcetables, asked_by, as_json))


@app.command(epilog="Example: hncors cases verify case-7.zip")
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What hncors cases bundle wrote.")],
    as_json: Json = False,
) -> None:
    """Check that a bundle is what was made, and that its bytes show the same findings, on any machine."""
    from hncors import cli_bundle

    end(lambda: cli_bundle.verify_command(bundle, as_json))


@app.command(epilog="Example: hncors cases audit")
def audit(config: Config = None, ledger: LedgerFile = None, as_json: Json = False) -> None:
    """Check trails, cases and attachments against their hashes. Status 1 where something was changed."""
    from hncors import cli_cases_files
    from hncors.cli_ledger import Where

    end(lambda: cli_cases_files.audit_command(Where(config, ledger), as_json))
