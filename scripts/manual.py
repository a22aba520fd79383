"""Writes what the commands say of themselves as a manual page and as completions for shells.

Usage: python scripts/manual.py DIR. Below DIR it makes man/man1/hncors.1, bash-completion/completions/hncors,
zsh/site-functions/_hncors and fish/vendor_completions.d/hncors.fish, as /usr/share has them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.completion import get_completion_script
from typer.main import get_command

from hncors.cli_commands import app
from hncors.version import VERSION

VARIABLE = "_HNCORS_COMPLETE"
COMPLETIONS = {
    "bash": "bash-completion/completions/hncors",
    "zsh": "zsh/site-functions/_hncors",
    "fish": "fish/vendor_completions.d/hncors.fish",
}
HEAD = f""".TH HNCORS 1 "" "hncors {VERSION}" "User Commands"
.SH NAME
hncors \\- monitor of a network of GNSS reference stations
.SH SYNOPSIS
.B hncors
.I COMMAND
[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]
"""
TAIL = """.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
done, and what was looked for is wrong
.TP
.B 2
cannot be done as asked: a line for each problem
.SH FILES
.TP
.I /etc/hncors/hncors.toml
configuration
.TP
.I /etc/hncors/stations
a file for each station
.TP
.I /etc/hncors/passwords
passwords, for root only
.TP
.I /var/lib/hncors
what the daemon writes
.SH SEE ALSO
.BR prometheus (1),
.BR systemctl (1)
.PP
The whole documentation is in /opt/hncors/share/doc.
"""


def roff(text: str) -> str:
    """Text as a line of a manual page."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + line if line[:1] in (".", "'") else line


def commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, those of groups after the group."""
    for name, command in group.commands.items():
        whole = f"{before} {name}"
        yield whole, command
        if hasattr(command, "commands"):
            yield from commands(command, whole)


def page() -> str:
    """The manual page."""
    whole = get_command(app)
    out = [HEAD, ".SH DESCRIPTION\n", roff(whole.help or ""), "\n.SH COMMANDS\n"]
    for name, command in commands(whole, "hncors"):
        named = [one for one in command.params if one.param_type_name == "argument"]
        arguments = " ".join(one.metavar or one.name.upper() for one in named)
        out.append(f".SS {roff(f'{name} {arguments}'.strip())}\n{roff(command.help or '')}\n")
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                names = ", ".join(option.opts)
                value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
                out.append(f".TP\n.B {roff(names + value)}\n{roff(option.help or '')}\n")
        if command.epilog:
            out.append(f".PP\n{roff(command.epilog)}\n")
    return "".join([*out, TAIL])


def main(folder: Path) -> None:
    """Write everything below a folder."""
    texts = {"man/man1/hncors.1": page()}
    for shell, name in COMPLETIONS.items():
        texts[name] = get_completion_script(prog_name="hncors", complete_var=VARIABLE, shell=shell) + "\n"
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
