"""hncors web: the file of those who may sign in to the pages."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from hncors.cli_ledger import found_config, settings_of
from hncors.cli_output import DONE, Refused, console, document, table
from hncors.daemon.web_users import read_users, remove_user, write_user
from hncors.text import printable


def add_command(config: Path | None, file: Path | None, name: str, role: str, as_json: bool) -> int:
    """Add a user, or change one."""
    path = _file(config, file)
    password = _password(name)
    try:
        there = write_user(path, name, role, password)
    except ValueError as fault:
        raise Refused(str(fault)) from None
    except OSError as fault:
        raise Refused(f"{path}: {fault.strerror}: expected a file that can be written") from None
    if as_json:
        document({"file": str(path), "user": name, "role": role, "new": not there})
    else:
        done = "changed 已修改" if there else "added 已添加"
        console().print(printable(f"{name} ({role}): {done}, {path}", 500), markup=False, soft_wrap=True)
    return DONE


def remove_command(config: Path | None, file: Path | None, name: str, as_json: bool) -> int:
    """Take a user out."""
    path = _file(config, file)
    try:
        there = remove_user(path, name)
    except ValueError as fault:
        raise Refused(str(fault)) from None
    except OSError as fault:
        raise Refused(f"{path}: {fault.strerror}: expected a file that can be written") from None
    if not there:
        raise Refused(f'"{printable(name, 64)}": expected a user in {path}')
    if as_json:
        document({"file": str(path), "user": name})
    else:
        console().print(printable(f"{name}: removed 已删除, {path}", 500), markup=False, soft_wrap=True)
    return DONE


def list_command(config: Path | None, file: Path | None, as_json: bool) -> int:
    """Who may sign in."""
    path = _file(config, file)
    users, problems = read_users(path)
    if problems:
        raise Refused(*problems)
    if as_json:
        document([{"user": name, "role": one.role} for name, one in sorted(users.items())])
        return DONE
    made = table("users 用户", "user 用户", "role 角色")
    for name, one in sorted(users.items()):
        made.add_row(name, one.role)
    console().print(made)
    return DONE


def _file(config: Path | None, file: Path | None) -> Path:
    if file is not None:
        return file
    path = found_config(config)
    named = settings_of(path).web.users_file
    if named is None:
        raise Refused(f"{path}: web.users_file: missing: expected a file for the users, or --users-file FILE")
    return path.parent / named


def _password(name: str) -> str:
    """From the terminal, twice; or the first line of standard input. Never an argument."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    password = getpass.getpass(f"password for {printable(name, 64)} 密码: ")
    if getpass.getpass("again 再次输入: ") != password:
        raise Refused("the two passwords differ: expected the same twice")
    return password
