"""The shape of the house: imports run in one direction, and only the daemon touches the world."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import from its own row and the rows above.  A room is a package, or the modules whose names
# begin with it: `cli_replay` lives in `cli`.
ROWS = (
    "version gpstime signals observation geodesy text tiers frames equipment nmea",
    "rtcm3",
    "ntrip settings registry rinex",
    "measure",
    "reading arp identity health kinds hearing dating completion mirrors positioning patrol origins",
    "misleading coordinates causes network",
    "supervise",
    "simulate",
    "view",
    "replaying exporting",
    "daemon",
    "cli",
)
RANK = {room: rank for rank, row in enumerate(ROWS) for room in row.split()}
SHELL = {"daemon", "cli"}
DOORS = {"hncors", "hncors.pytest_plugin", "hncors.__main__"}  # may import the shell, inside functions

WORLD = set(
    "aiohttp aiomqtt asyncio fcntl glob http logging multiprocessing os pathlib paho pty requests sched "
    "select selectors serial shutil signal socket socketserver sqlite3 ssl subprocess tempfile termios "
    "threading time uuid".split()
)
DEEDS = {"open", "print", "input"}
METHODS = {"now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes"}


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name, parsed."""
    found = {}
    for path in sorted((ROOT / "hncors").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()
INSIDE = sorted(set(MODULES) - DOORS)


def room(module: str) -> str:
    """The name that ROWS knows: `rtcm3` for `hncors.rtcm3.msm`, `cli` for `hncors.cli_replay`."""
    return module.split(".")[1].split("_")[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what is imported anywhere in `tree`; `from hncors import signals` is hncors.signals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = node.module or ""
            assert not node.level, f"relative import of {whole}: write the whole name"
            for alias in node.names:
                name = f"{whole}.{alias.name}"
                yield name if name in MODULES else whole


def worldly(tree: ast.AST) -> list[str]:
    """What in `tree` would give the core a clock, a file, a socket or a voice."""
    found = [name for name in imports(tree) if name.split(".")[0] in WORLD]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in DEEDS:
                    found.append(f"{name}()")
                case ast.Attribute(attr=name) if name in METHODS:
                    found.append(f".{name}()")
    return found


def within(module: str) -> set[str]:
    """The modules of this project that `module` imports."""
    return {name for name in imports(MODULES[module]) if name in MODULES and name != module}


@pytest.mark.parametrize("module", INSIDE)
def test_imports_go_one_way(module: str) -> None:
    assert room(module) in RANK, f"{module}: say in ROWS where it stands"
    uphill = {name for name in within(module) if name in DOORS or RANK[room(name)] > RANK[room(module)]}
    assert not uphill


def test_imports_do_not_go_in_circles() -> None:
    TopologicalSorter({module: within(module) for module in INSIDE}).prepare()


@pytest.mark.parametrize("module", [name for name in INSIDE if room(name) not in SHELL])
def test_the_core_keeps_the_world_out(module: str) -> None:
    assert worldly(MODULES[module]) == []


@pytest.mark.parametrize("module", sorted(DOORS & set(MODULES) - {"hncors.__main__"}))
def test_the_doors_open_late(module: str) -> None:
    at_import = [node for node in MODULES[module].body if not isinstance(node, ast.FunctionDef)]
    names = [name for name in imports(ast.Module(at_import, [])) if name.startswith("hncors.")]
    assert [name for name in names if room(name) in SHELL] == []


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("import time", "time"),
        ("def f():\n    from os import path", "os"),
        ("import asyncio.streams as s", "asyncio.streams"),
        ("datetime.now(UTC)", ".now()"),
        ("open('x')", "open()"),
    ],
)
def test_the_world_is_recognised(source: str, offence: str) -> None:
    assert worldly(ast.parse(source)) == [offence]
