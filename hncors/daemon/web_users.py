"""The users of the page: a file with a role and a hash for each, made and checked by argon2-cffi.

    [users.liu]
    role = "supervisor"
    password = "$argon2id$v=19$m=19456,t=2,p=1$..."

The file is its owner's alone. It is read again when it changes: who is taken out of it is out.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import AfterValidator, Field

from hncors.settings import Expected, Table, problem, read_table
from hncors.view.roles import USERS

MAX_BYTES = 1 << 20
SHORTEST = 10  # characters of a password
LONGEST = 1024
NAME = r"[A-Za-z0-9._@-]{1,64}|[\u4e00-\u9fff]{1,16}"

# What OWASP's cheat sheet on storing passwords asks for at least: 19 MiB, 2 passes, 1 lane.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_MOST_KIB, _MOST_TIME = 1 << 20, 100


def _hash(text: str) -> str:
    try:
        its = extract_parameters(text)
    except InvalidHashError:
        raise ValueError(_EXPECTED_HASH) from None
    if its.memory_cost > _MOST_KIB or its.time_cost > _MOST_TIME:
        raise ValueError(_EXPECTED_HASH)
    return text


def _role(text: str) -> str:
    if text not in USERS:
        raise ValueError(_EXPECTED_ROLE)
    return text


_EXPECTED_HASH = "a hash that hncors web adduser made"
_EXPECTED_ROLE = "one of " + ", ".join(USERS)


class User(Table):
    """One of the users."""

    role: Annotated[str, AfterValidator(_role), Expected(_EXPECTED_ROLE)]
    password: Annotated[str, AfterValidator(_hash), Expected(_EXPECTED_HASH, shown=False)]


class _File(Table):
    users: Annotated[dict[str, User], Expected("a table for each user")] = Field(default_factory=dict)


class Users:
    """The users as the file has them now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._users: Mapping[str, User] = {}
        self.problems: list[str] = []

    def all(self) -> Mapping[str, User]:
        """By name; nobody while the file cannot be read, or has mistakes."""
        try:
            told = self.path.stat()
            stamp = told.st_mtime_ns, told.st_size
        except OSError:
            self._stamp, self._users = None, {}
            return self._users
        if stamp != self._stamp:
            self._users, self.problems = read_users(self.path)
            self._stamp = stamp
        return self._users


def read_users(path: Path) -> tuple[dict[str, User], list[str]]:
    """The users in a file, and every problem with it; with a problem nobody is one."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(MAX_BYTES).decode("utf-8")
    except OSError as fault:
        return {}, [f"{path}: {fault.strerror}: expected a file that hncors web adduser made"]
    except UnicodeDecodeError:
        return {}, [f"{path}: not UTF-8: expected TOML"]
    problems = []
    if mode & 0o007:
        problems.append(f"{path}: others may read it: expected a file with mode 600 or 640")
    found, wrong = read_table(_File, text, str(path))
    problems += wrong
    users = found.users if found is not None else {}
    problems += [
        problem(str(path), "users", name, "names of letters, digits and . _ @ -")
        for name in users
        if not re.fullmatch(NAME, name)
    ]
    return ({}, problems) if problems else (dict(users), [])


def verify(user: User | None, password: str) -> bool:
    """Whether that is the password; takes as long for a user that is not there."""
    try:
        HASHER.verify(_NOBODY if user is None else user.password, password[:LONGEST])
    except VerificationError:
        return False
    return user is not None


_NOBODY = HASHER.hash(os.urandom(32).hex())


def write_user(path: Path, name: str, role: str, password: str) -> bool:
    """Put a user into the file, or give the one there another role and password; whether he was there.

    Raises ValueError saying what was expected, or OSError.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError(f'"{name}": expected a name of letters, digits and . _ @ -')
    _role(role)
    if len(password) < SHORTEST:
        raise ValueError(f"expected a password of at least {SHORTEST} characters")
    users = _there(path)
    there = name in users
    _write(path, {**users, name: User(role=role, password=HASHER.hash(password[:LONGEST]))})
    return there


def remove_user(path: Path, name: str) -> bool:
    """Take a user out of the file; whether he was there.  Raises ValueError, OSError."""
    users = _there(path)
    there = users.pop(name, None) is not None
    if there:
        _write(path, users)
    return there


def _there(path: Path) -> dict[str, User]:
    if not path.exists():
        return {}
    users, problems = read_users(path)
    if problems:
        raise ValueError(problems[0])
    return users


def _write(path: Path, users: Mapping[str, User]) -> None:
    """All of it or nothing, readable for nobody else; group and owner stay what they were."""
    # A JSON text is a basic string of TOML where it holds no control characters.
    tables = (
        f"[users.{json.dumps(name, ensure_ascii=False)}]\nrole = {json.dumps(one.role)}\n"
        f"password = {json.dumps(one.password)}\n"
        for name, one in sorted(users.items())
    )
    number, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            if path.exists():
                before = path.stat()
                os.fchmod(file.fileno(), before.st_mode & 0o660)
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write("# Made by hncors web adduser.\n\n" + "\n".join(tables))
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
