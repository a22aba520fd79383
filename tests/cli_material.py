"""Commands run inside the test's process, and a recording to run them on where there is no real one."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from conftest import RECORDINGS

from bench.made_recording import CITIES, recording
from hncors.cli import main

START_MS = 1_479_000_000_000  # 2026-11-18T01:20:00 GPS time
TEXT = b"no frame in here, but a \xd3\x00\x13 that looks like one\n" * 40


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    """Run a command as the console script does."""
    monkeypatch.setattr(sys, "argv", ["hncors", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    return Ran(int(end.value.code or 0), told.out, told.err)


@cache
def made(seconds: int = 30, city: int = 0) -> bytes:
    """An invented station: five systems as MSM7 at 1 Hz, 1006, 1013, 1033; no ephemerides."""
    return b"".join(recording(CITIES[city], city + 1, START_MS, seconds))


def brute_force() -> ModuleType:
    """The scanner kept beside the project, which shares no code with it; the test is skipped without."""
    path = RECORDINGS.parent / "tools" / "rtcmscan.py"
    if not path.is_file():
        pytest.skip("no scanner beside the project")
    spec = importlib.util.spec_from_file_location("rtcmscan", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def streams() -> list[Path]:
    """Real recordings, if there are any."""
    return sorted((RECORDINGS / "streams").glob("*"))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
