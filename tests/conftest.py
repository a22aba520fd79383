"""What tests share: programs of other people (peers), real recordings, golden files.

A peer that is missing skips its tests, with what to install; where CI is set it fails them instead.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "recordings"
GOLDEN = Path(__file__).parent / "golden"


def peer_path(program: str) -> str:
    """Where `program` (or a library, "libm.so.6") is; without it the test is skipped, in CI it fails."""
    if ".so." in program:
        folders = (Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu*"))
        path = next((str(folder / program) for folder in folders if (folder / program).exists()), None)
    else:
        path = shutil.which(program, path=SEARCH)
    if path is None:
        why = f"{program} is not installed: `make peers` as root, or Debian's package of it"
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return path


@pytest.fixture
def peer() -> Callable[[str], str]:
    """`peer("convbin")` is the path of that program."""
    return peer_path


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold back tests marked `peer("convbin", ...)` whose programs are missing."""
    for mark in item.iter_markers("peer"):
        for program in mark.args:
            peer_path(program)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings kept beside the project; they are not part of it."""
    if not RECORDINGS.is_dir():
        pytest.skip("no folder of real recordings beside the project")
    return RECORDINGS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept-golden", action="store_true", help="rewrite tests/golden from today's results")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --accept-golden only tests that have golden files run."""
    if config.getoption("--accept-golden"):
        items[:] = [item for item in items if "golden" in getattr(item, "fixturenames", ())]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("quiet.prom", text)` fails unless tests/golden/quiet.prom holds that text."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--accept-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        assert path.is_file(), f"no golden file {name}; `make golden` writes it"
        assert text == path.read_bytes().decode("utf-8")

    return compare
