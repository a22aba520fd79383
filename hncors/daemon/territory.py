"""The territory that is supervised and the limits of the rules: from files, or as the program has them."""

from importlib import resources
from pathlib import Path
from typing import NamedTuple

from hncors.settings import Settings, problem, read_table
from hncors.supervise.areas import Areas, read_areas
from hncors.supervise.policy import Policy
from hncors.supervise.regions import Regions, read_regions

MAX_BYTES = 64 << 20


class Territory(NamedTuple):
    """What a judge is given."""

    areas: Areas
    policy: Policy
    regions: Regions | None = None


def default() -> Territory:
    """Hunan, schematic (scripts/hunan_areas.py), and the limits of docs/evidence.md."""
    text = resources.files("hncors.supervise").joinpath("hunan.geojson").read_text(encoding="utf-8")
    areas, problems = read_areas(text, "hunan.geojson")
    if areas is None:
        raise RuntimeError(problems[0])
    return Territory(areas, Policy())


def read_territory(settings: Settings, path: Path) -> tuple[Territory, list[str]]:
    """What the configuration at `path` names, and every problem with it; in its place stands the default."""
    areas, policy, _ = default()
    named = settings.supervision
    problems: list[str] = []
    if named.areas is not None:
        text = _text(path, "supervision.areas", named.areas, problems)
        read, found = (None, []) if text is None else read_areas(text, str(path.parent / named.areas))
        areas = read or areas
        problems += found
    if named.policy is not None:
        text = _text(path, "supervision.policy", named.policy, problems)
        limits, found = (
            (None, []) if text is None else read_table(Policy, text, str(path.parent / named.policy))
        )
        policy = limits or policy
        problems += found
    regions = None
    if named.regions is not None:
        text = _text(path, "supervision.regions", named.regions, problems)
        regions, found = (None, []) if text is None else read_regions(text, str(path.parent / named.regions))
        problems += found
    return Territory(areas, policy, regions), problems


def _text(path: Path, key: str, name: str, problems: list[str]) -> str | None:
    try:
        with (path.parent / name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES:
            return data.decode("utf-8")
        expected = f"a file of at most {MAX_BYTES} bytes"
    except OSError as fault:
        expected = f"a file that can be read ({fault.strerror})"
    except UnicodeDecodeError:
        expected = "a file in UTF-8"
    problems.append(problem(str(path), key, name, expected))
    return None
