"""A daemon with pages, users, a ledger with a case, streams good and bad: for browsers and attackers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from daemon_process import NOTHING, REFUSE, Caster, Daemon, Serve, casting, configure, epochs, running

from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import add_finding
from hncors.daemon.web_users import write_user
from hncors.supervise.findings import Finding

PASSWORD = "correct-horse-battery"
CANARY_DEG = (28.228311, 112.938814)  # precise coordinates that only who may see them may see
CANARIES = ("28.2283", "112.9388", "228311", "938814")
USERS = {"liu": "supervisor", "chen": "supervisor", "wang": "operator", "root": "administrator"}
CASE_NS = 1_795_600_000_000_000_000
PLACE = f"""
name = "长沙"
name_en = "Changsha"
county = "长沙市"
[coordinates]
latitude_deg = {CANARY_DEG[0]}
longitude_deg = {CANARY_DEG[1]}
height_m = 75.4321
frame = "CGCS2000"
epoch = 2000.0
[filing]
number = "1"
"""
MORE = """
[ledger]
file = "ledger.sqlite3"
"""
WEB = 'users_file = "users.toml"\n'


class World(NamedTuple):
    """What is running."""

    daemon: Daemon
    caster: Caster
    folder: Path
    base: str  # the address of the pages


def finding(number: int, subject: str = "WILD", **inputs: object) -> Finding:
    place = {"latitude_deg": CANARY_DEG[0], "longitude_deg": CANARY_DEG[1], "height_m": 75.4321}
    said = {"distance": "12 km", "place": place, **inputs}
    return Finding(f"k{number}", "E2", "strong", subject, CASE_NS + number, said, county="长沙市")


@contextlib.asynccontextmanager
async def world(folder: Path, *subjects: str, **scripts: Serve) -> AsyncIterator[World]:
    """Stations A and B with streams, C refused and D silent; cases about WILD and `subjects`."""
    served = {"A": epochs, "B": epochs, "C": REFUSE, "D": NOTHING, **scripts}
    async with casting(**served) as caster:
        config = configure(folder, caster.port, *"ABCD", more=MORE)
        config.write_text(config.read_text() + WEB)
        station = folder / "stations/A.toml"
        station.write_text(station.read_text() + PLACE, encoding="utf-8")
        station = folder / "stations/B.toml"
        station.write_text(station.read_text() + '[filing]\nnumber = "2"\n', encoding="utf-8")
        for name, role in USERS.items():
            write_user(folder / "users.toml", name, role, PASSWORD)
        with closing(Ledger(folder / "ledger.sqlite3")) as ledger, ledger.writing() as base:
            for number, subject in enumerate(("WILD", *subjects)):
                add_finding(base, finding(number, subject))
        async with running(config) as daemon:
            yield World(daemon, caster, folder, str(daemon.session._base_url).rstrip("/"))
