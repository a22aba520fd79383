"""The commands of `hncors web`: options and help. What they do is in cli_web.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hncors.cli_cases_commands import HELP, Json, end

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    help="Who may sign in to the pages.",
    epilog="Example: hncors web adduser liu --role supervisor -c /etc/hncors/hncors.toml",
)

Config = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration with web.users_file.")
]
UsersFile = Annotated[
    Path | None, typer.Option("--users-file", metavar="FILE", help="The file itself, instead of that.")
]
User = Annotated[str, typer.Argument(metavar="NAME", help="What somebody signs in with.")]


@app.command(epilog="Example: hncors web adduser liu --role supervisor -c /etc/hncors/hncors.toml")
def adduser(
    name: User,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="operator, supervisor or administrator.")
    ] = "operator",
    config: Config = None,
    users_file: UsersFile = None,
    as_json: Json = False,
) -> None:
    """Let somebody sign in, or give a user another role and password. The password is asked for,
    or is the first line of standard input."""
    from hncors import cli_web

    end(lambda: cli_web.add_command(config, users_file, name, role, as_json))


@app.command(epilog="Example: hncors web removeuser liu -c /etc/hncors/hncors.toml")
def removeuser(
    name: User, config: Config = None, users_file: UsersFile = None, as_json: Json = False
) -> None:
    """Take a user out of the file: he is signed out, and cannot sign in again."""
    from hncors import cli_web

    end(lambda: cli_web.remove_command(config, users_file, name, as_json))


@app.command("users", epilog="Example: hncors web users -c /etc/hncors/hncors.toml")
def list_users(config: Config = None, users_file: UsersFile = None, as_json: Json = False) -> None:
    """List who may sign in, with roles."""
    from hncors import cli_web

    end(lambda: cli_web.list_command(config, users_file, as_json))
