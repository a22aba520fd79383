"""How commands come to the ledger: which file it is, who asks, and in which role."""

from __future__ import annotations

import os
import pwd
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hncors.cli_output import Refused
from hncors.daemon.configuration import ConfigurationError, load_settings
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import NoSuchCase
from hncors.daemon.ledger_opening import LedgerDamaged, LedgerRefused
from hncors.daemon.ledger_registry import note_access
from hncors.settings import Ledger as LedgerSettings
from hncors.settings import Settings
from hncors.supervise.cases import COUNTY, OPERATOR, SUPERVISOR, StepRefused
from hncors.supervise.months import Clearance
from hncors.text import printable

CONFIGS = (Path("hncors.toml"), Path("/etc/hncors/hncors.toml"))  # looked for where none is named


class Office(NamedTuple):
    """A ledger that is open, and who works with it."""

    ledger: Ledger
    actor: str
    role: str  # "" for somebody who may only look
    clearance: Clearance
    now_ns: int


class Where(NamedTuple):
    """What the options say: the configuration, or the ledger itself."""

    config: Path | None
    ledger: Path | None


def found_config(config: Path | None) -> Path:
    """The configuration that was named, else the first there is.  Raises Refused."""
    if config is not None:
        return config
    for path in CONFIGS:
        if path.exists():
            return path
    raise Refused(f"no configuration: expected -c FILE, or one of {', '.join(map(str, CONFIGS))}")


def settings_of(config: Path) -> Settings:
    """Raises Refused."""
    try:
        return load_settings(config)
    except ConfigurationError as wrong:
        raise Refused(*wrong.problems) from None


@contextmanager
def office(where: Where) -> Iterator[Office]:
    """The ledger, open for the block.  Raises Refused for all that cannot be done with it."""
    path, settings = _ledger(where)
    if not path.parent.is_dir():
        raise Refused(f"{path}: expected a file in a folder that is there")
    try:
        ledger = Ledger(path)
    except LedgerDamaged as fault:
        told = printable(str(fault), 200)
        raise Refused(
            f"{path}: damaged ({told}): nothing was changed; a daemon that is started moves it aside"
        ) from None
    except (LedgerRefused, sqlite3.Error) as fault:
        raise Refused(
            f"{path}: {printable(str(fault), 200)}: expected a ledger that can be written"
        ) from None
    try:
        actor = login()
        clearance = Clearance(settings.handle_months, settings.clear_months, settings.late_days)
        yield Office(ledger, actor, role_of(actor, settings), clearance, now_ns())
    except NoSuchCase as fault:
        raise Refused(
            f"case {fault}: expected the number of a case; hncors cases list --all has them"
        ) from None
    except StepRefused as fault:
        raise Refused(str(fault)) from None
    except sqlite3.Error as fault:
        raise Refused(f"{path}: {printable(str(fault), 200)}: nothing was written") from None
    finally:
        ledger.close()


def allow_precise(here: Office, what: str) -> None:
    """For supervisors, and put down before anything is shown.  Raises Refused, sqlite3.Error."""
    if here.role != SUPERVISOR:
        raise Refused(f"--precise by {here.actor} ({here.role or 'no role'}): expected a supervisor")
    with here.ledger.writing() as base:
        note_access(base, here.now_ns, here.actor, here.role, f"{what}, precise")


def place_of(where: Where) -> Path:
    """The ledger's file.  Raises Refused."""
    return _ledger(where)[0]


def _ledger(where: Where) -> tuple[Path, LedgerSettings]:
    if where.ledger is not None and where.config is None:
        return where.ledger, LedgerSettings(file=str(where.ledger))
    config = found_config(where.config)
    settings = settings_of(config).ledger
    if settings is None:
        raise Refused(f"{config}: ledger: missing: expected a table [ledger] with file, or --ledger FILE")
    return where.ledger or config.parent / settings.file, settings


def now_ns() -> int:
    """UTC nanoseconds since 1970."""
    return time.time_ns()


def login() -> str:
    """The name that whoever runs this logged in with, also behind sudo."""
    number = os.getuid()
    told = os.environ.get("SUDO_UID", "")
    if told.isdecimal():
        number = int(told)
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def role_of(actor: str, settings: LedgerSettings) -> str:
    """By the lists of the configuration; where they are empty, whoever may write the file is a supervisor."""
    lists = {
        SUPERVISOR: settings.supervisors,
        OPERATOR: settings.operators,
        COUNTY: settings.counties,
    }
    if not any(lists.values()):
        return SUPERVISOR
    return next((role for role, names in lists.items() if actor in names), "")
