"""The commands: options and help. What each does is in the cli_*.py of its name, imported when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from hncors import (
    cli_cases_commands,
    cli_ledger_commands,
    cli_output,
    cli_registry_commands,
    cli_report_commands,
    cli_web_commands,
)
from hncors.version import VERSION

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Watch a network of GNSS reference stations, and replay, inspect and export recordings of them.",
)

Input = Annotated[
    str, typer.Argument(metavar="INPUT", help="RTCM 3 file, folder of recordings, or - for standard input.")
]
Config = Annotated[Path, typer.Option("-c", "--config", metavar="FILE", help="Configuration file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="ISO",
        help="A time within half a week of the first observation, where nothing else tells the week.",
    ),
]


app.add_typer(cli_cases_commands.app, name="cases")
app.add_typer(cli_registry_commands.app, name="registry")
app.add_typer(cli_ledger_commands.app, name="ledger")
app.add_typer(cli_report_commands.app, name="report")
app.add_typer(cli_web_commands.app, name="web")


def _end(work: Callable[[], int]) -> NoReturn:
    raise typer.Exit(cli_output.finished(work))


def _version(asked: bool) -> None:
    if asked:
        print(f"hncors {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """What all commands share."""


@app.command(epilog="Example: hncors inspect recordings/CSHA.rtcm3")
def inspect(source: Input, time: Time = None, as_json: Json = False) -> None:
    """Show what is in a stream: bytes by fate, messages, signals, equipment, epochs, gaps."""
    from hncors import cli_inspect

    _end(lambda: cli_inspect.command(source, time, as_json))


@app.command(epilog="Example: hncors replay recordings/*.rtcm3 --nav brdc.rnx --out result")
def replay(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="RTCM 3 files, folders of recordings, or - for standard input."),
    ],
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", metavar="FILE", help="Configuration file whose stations these are."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for metrics.prom, events.jsonl, epochs.csv, summary.json and report.html.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the quality report with its plots as one page."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed", metavar="N", min=0.001, help="N times real time instead of as fast as it can."
        ),
    ] = None,
    nav: Annotated[
        list[Path] | None,
        typer.Option("--nav", metavar="FILE", help="RINEX 3 or 4 navigation file, also gzipped; repeatable."),
    ] = None,
    time: Time = None,
    as_json: Json = False,
    chunk_size: Annotated[int, typer.Option("--chunk-size", min=1, hidden=True)] = 1 << 20,
) -> None:
    """Play recordings through the daemon's own line: metrics, events, a row for each epoch."""
    from hncors import cli_replay

    _end(
        lambda: cli_replay.command(
            sources,
            config=config,
            out=out,
            speed=speed,
            nav=nav or (),
            time_text=time,
            as_json=as_json,
            chunk_size=chunk_size,
            html=html,
        )
    )


@app.command(epilog="Example: hncors rinex recordings/CSHA.rtcm3 --out rinex")
def rinex(
    source: Input,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for NAME.obs and NAME.nav.")],
    time: Time = None,
    as_json: Json = False,
) -> None:
    """Write RINEX 3.05 observation and navigation files."""
    from hncors import cli_rinex

    _end(lambda: cli_rinex.command(source, out, time, as_json))


@app.command(epilog="Example: hncors check -c configs/hncors.toml")
def check(config: Config, as_json: Json = False) -> None:
    """Check the configuration and the folder of stations; every mistake at once."""
    from hncors import cli_check

    _end(lambda: cli_check.command(config, as_json))


@app.command(epilog="Example: hncors run -c configs/hncors.toml")
def run(config: Config, as_json: Json = False) -> None:
    """Run the daemon until SIGTERM or Ctrl-C. With --json the document says where it listens."""
    from hncors import cli_run

    _end(lambda: cli_run.command(config, as_json))


@app.command(epilog="Example: hncors relay -c /etc/hncors/relay.toml")
def relay(
    config: Annotated[
        Path, typer.Option("-c", "--config", metavar="FILE", help="The relay's configuration.")
    ],
    as_json: Json = False,
) -> None:
    """Hand Alertmanager's notifications on to robots of WeCom and DingTalk, until SIGTERM or Ctrl-C."""
    from hncors import cli_relay

    _end(lambda: cli_relay.command(config, as_json))


@app.command(epilog="Example: hncors record -c configs/hncors.toml --out recordings --seconds 3600")
def record(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the recordings.")],
    link: Annotated[
        str | None,
        typer.Argument(metavar="[LINK]", help="A stream by itself, such as ntrip://HOST:PORT/MOUNTPOINT."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file.")
    ] = None,
    station: Annotated[
        list[str] | None,
        typer.Option("--station", metavar="ID", help="Only this station; the name of a LINK."),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="User at its caster.")] = None,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="FILE", help="File whose first line is the password."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="N", min=0.1, help="End by itself after N seconds."),
    ] = None,
    quota_gb: Annotated[
        float,
        typer.Option("--quota-gb", metavar="GB", min=0.001, max=1e6, help="Most that DIR may take."),
    ] = 50.0,
    as_json: Json = False,
) -> None:
    """Record raw streams with their arrival times, until Ctrl-C or for a time."""
    from hncors import cli_record

    _end(
        lambda: cli_record.command(
            link,
            config=config,
            names=station or [],
            user=user,
            password_file=password_file,
            out=out,
            seconds=seconds,
            quota_gb=quota_gb,
            as_json=as_json,
        )
    )


@app.command(epilog="Example: hncors scan -c configs/hncors.toml --out scans")
def scan(
    config: Config,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Keep the tables here; tell what changed."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the casters' sourcetables once and hold them against the register."""
    from hncors import cli_scan

    _end(lambda: cli_scan.command(config, out, as_json))


@app.command(epilog="Example: hncors simulate configs/scenarios/calm.toml --out calm")
def simulate(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for recordings, stations/, hncors.toml and truth.jsonl."
        ),
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option(
            "--serve", metavar="HOST:PORT", help="Play it now, on an NTRIP caster, instead of recording it."
        ),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            "--users", metavar="FILE", help="Who may listen to the caster: a line NAME:PASSWORD each."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", metavar="FILE", help="The caster speaks TLS, with this certificate (PEM)."
        ),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Key of the certificate (PEM).")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, max=(1 << 32) - 1, help="Instead of the scenario's seed."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="S", min=1, max=604_800, help="Instead of the scenario's length."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate a network whose truth is known, into recordings or on a live caster."""
    from hncors import cli_simulate

    _end(
        lambda: cli_simulate.command(scenario, out, serve, users, (tls_cert, tls_key), seed, seconds, as_json)
    )


@app.command(epilog="Example: hncors demo --seconds 60")
def demo(
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="N", min=1, help="End by itself after N seconds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show everything on one machine: a simulated province, a caster, the daemon, its page and metrics."""
    from hncors import cli_demo

    _end(lambda: cli_demo.command(seconds, as_json))
