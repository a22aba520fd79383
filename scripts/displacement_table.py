"""Move simulated antennas and file wrong places, and write when it was told into docs/coordinates.md.

    python scripts/displacement_table.py [--only PART] | --recordings FOLDER

Whole provinces are simulated, encoded, decoded and watched as live ones are (tests/displacement_material.py);
seeds stand in the table. `make displacement`; some minutes.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np  # noqa: E402
from displacement_material import Filed, Told, filed, watch  # noqa: E402  (found by the line above)

import hncors  # noqa: E402
from hncors.frames import motion  # noqa: E402
from hncors.geodesy import enu_axes, to_geodetic  # noqa: E402
from hncors.measure.moves import Moves  # noqa: E402

PAGE = ROOT / "docs/coordinates.md"
TOWNS = "CSHA HYNG CHDE HHUA CHZH YZHO ZJJE YYNG LOUD SHYG".split()
DAY = 86_400
RECORDINGS = ("alloy-bds3-33s", "hiroshima-7systems-60s", "stromlo-netr9-22min", "stromlo-polarx5-8min")


class Case(NamedTuple):
    """Something done to a station."""

    what: str
    station: str
    begin_s: float
    faults: str = ""
    file: Filed | None = None


class Run(NamedTuple):
    """A scenario, and what is done in it."""

    name: str
    about: str
    seed: int
    toml: str
    cases: list[Case]


def fault(kind: str, station: str, begin_s: float, end_s: float | None = None, **numbers: float) -> str:
    """A table of a scenario."""
    end = f"end_s = {end_s}\n" if end_s is not None else ""
    pairs = ", ".join(f"{name} = {value}" for name, value in numbers.items())
    head = f'[[faults]]\nkind = "{kind}"\nstations = ["{station}"]\nbegin_s = {begin_s}\n'
    return f"{head}{end}parameters = {{{pairs}}}\n"


def sudden() -> list[Case]:
    """Antennas kicked while their receivers keep track, and reference points that change."""
    begin = 600.0
    moves = [("east", 0.05), ("east", 0.1), ("north", 0.1), ("up", 0.1), ("east", 0.3), ("up", 0.3)]
    moves += [("east", 1.0), ("north", 3.0)]
    cases = [
        Case(f"{size:g} m {axis}", one, begin, fault("moved_antenna", one, begin, **{f"{axis}_m": size}))
        for (axis, size), one in zip(moves, TOWNS, strict=False)
    ]
    for one, size in zip(TOWNS[8:], (0.1, 1.0), strict=True):
        words = f"1006 changes by {size:g} m"
        cases.append(Case(words, one, begin, fault("wrong_reference_point", one, begin, east_m=size)))
    return cases


def ramp(station: str, size_m: float, begin_s: float, over_s: float) -> Case:
    """An antenna that goes by `size_m` to the east in `over_s`, and stays there."""
    going = fault("spoofing", station, begin_s, begin_s + over_s, east_m_s=size_m / over_s, gain_db=0)
    there = fault("moved_antenna", station, begin_s + over_s, east_m=size_m)
    return Case(f"{size_m:g} m east in {_delay(over_s)}", station, begin_s, going + there)


def unpowered(station: str, size_m: float, begin_s: float) -> Case:
    """An antenna moved while its receiver was off for five minutes: no phase goes on."""
    off = fault("receiver_restart", station, begin_s - 300, begin_s)
    words = f"{size_m:g} m east, receiver off meanwhile"
    return Case(words, station, begin_s, off + fault("moved_antenna", station, begin_s, east_m=size_m))


def misfiled(station: str, size_m: float) -> Case:
    """A registered place that is `size_m` too far to the east."""

    def file(one, year):
        place = np.array(one.ecef_m)
        x, y, z = (place + size_m * enu_axes(to_geodetic(place))[0]).tolist()
        return replace(filed(one, year), ecef_m=(x, y, z))

    return Case(f"registered place {size_m:g} m off", station, 0.0, file=file)


def old_as_new(station: str) -> Case:
    """The numbers are those of CGCS2000 at 2000.0, and are filed as of today."""

    def file(one, year):
        place = np.array(one.ecef_m)
        went = motion(place.tolist(), "CGCS2000", 2000.0).at(year) - place
        x, y, z = (place - went).tolist()
        return replace(filed(one, year), ecef_m=(x, y, z))

    return Case("CGCS2000 filed as ITRF2020 of today", station, 0.0, file=file)


def new_as_old(station: str) -> Case:
    """The numbers are those of today, and are filed as CGCS2000 at 2000.0."""

    def file(one, year):
        return replace(filed(one, year), frame="CGCS2000", epoch=2000.0)

    return Case("ITRF2020 of today filed as CGCS2000", station, 0.0, file=file)


def runs() -> list[Run]:
    """All of them."""
    at = 3600.0
    slow = [ramp(one, size, at, 3600) for one, size in zip(TOWNS, (0.1, 0.3, 1.0), strict=False)]
    slow += [unpowered(one, size, at) for one, size in zip(TOWNS[3:], (0.1, 0.3, 1.0, 3.0), strict=False)]
    wrong = [misfiled(one, size) for one, size in zip(TOWNS, (0.3, 1.0, 3.0, 30.0), strict=False)]
    wrong += [old_as_new(TOWNS[4]), new_as_old(TOWNS[5]), misfiled(TOWNS[6], 0.1)]
    return [
        Run("sudden", "second for 15 minutes", 11, _scenario(11, 900, 1.0), sudden()),
        Run("slow", "30 s for 6 hours", 12, _scenario(12, 6 * 3600, 30.0), slow),
        Run("registry", "30 s for 6 hours", 13, _scenario(13, 6 * 3600, 30.0), wrong),
    ]


def _scenario(seed: int, seconds: float, interval_s: float) -> str:
    rare = f"count = 18\ninterval_s = {interval_s}\nephemeris_s = 600\nstation_s = 600\n"
    network = f"[network]\n{rare}" if interval_s > 1 else ""
    head = f'name = "moves"\nstart = "2026-03-01T00:00:00"\nseconds = {seconds - interval_s}\n'
    return f"{head}seed = {seed}\n{network}"


def done(run: Run) -> tuple[list[str], list[Told], float]:
    """Lines of the table, what was told of stations nobody touched, and for how many station hours."""
    files = {case.station: case.file for case in run.cases if case.file is not None}

    def file(one, year):
        return files.get(one.id, filed)(one, year)

    network, told = watch(run.toml + "".join(case.faults for case in run.cases), file)
    lines, begins = [], {case.station: case.begin_s for case in run.cases}
    for case in run.cases:
        its = [one for one in told if one.station == case.station and one.second >= case.begin_s]
        if case.file is not None:  # by positions: its reference point tells at the first message
            its = [one for one in its if not one.kind.startswith("arp")]
        first = its[0] if its else None
        if first is None:
            lines.append(f"| {case.what} | not found | | |")
            continue
        how = f"`{first.kind}`" + (f" by {first.detail['by']}" if "by" in first.detail else "")
        size = first.detail.get("distance_m", "")
        why = next((f": {one.detail['why']}" for one in its if "why" in one.detail), "")
        after = _delay(first.second - case.begin_s)
        lines.append(f"| {case.what} | {after} | {how}{why} | {size} m |")
    false = [one for one in told if one.second < begins.get(one.station, 1e12)]
    seconds = float(re.search(r"seconds = ([\d.]+)", run.toml)[1])  # type: ignore[index]  # made above
    calm = sum(min(begins.get(id, seconds), seconds) for id in network.coordinates.ids)
    return lines, false, calm / 3600


def _delay(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def recorded(folder: Path) -> list[str]:
    """Real stations that stand still: sigmas of steps, drift, the nearest to a finding."""
    lines = ["| recording | epochs | sigma of steps, mm | drift, mm/s | farthest of a limit | found |"]
    lines += ["|---|---|---|---|---|---|"]
    for name in (*RECORDINGS, "trio-poland-15s"):
        found = sorted(folder.glob(f"{name.rpartition('-')[0]}*.rtcm3"))
        if not found:
            continue
        steps = [tick.positions.step for tick in hncors.replay([str(found[0])])._ticks]
        step = np.concatenate([one.enu_m for one in steps])
        elapsed = np.concatenate([one.elapsed_ms for one in steps])
        moves, told, near = Moves(1), 0, 0.0
        for n in range(len(step)):
            told += len(moves.add(np.zeros(1, np.int64), step[n : n + 1], elapsed[n : n + 1]))
            limit = np.maximum(np.array([[0.04], [0.08]]), 6.0 * np.sqrt(moves.variance_m2[0]))
            near = max(near, float((np.abs(moves.path_m[0] - moves.mean_m[0]) / limit).max()))
        sigma = " / ".join(f"{value:.1f}" for value in 1000 * np.nanstd(step, axis=0))
        drift = " / ".join(f"{value:.1f}" for value in 1000 * moves.drift_m_s[0])
        lines.append(f"| {found[0].stem} | {len(step)} | {sigma} | {drift} | {near:.2f} | {told} |")
    return lines


def put(name: str, lines: list[str]) -> None:
    """Write a part of the page."""
    page = PAGE.read_text("utf-8")
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, rest = page.split(begin)
    after = rest.split(end, maxsplit=1)[1]
    PAGE.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}", "utf-8")


def main() -> None:
    """Run all, or a part, and write it into the page."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    parser.add_argument("--only", help="one part: " + ", ".join(run.name for run in runs()))
    parser.add_argument(
        "--recordings", type=Path, help="a folder of real streams that stand still: only these"
    )
    options = parser.parse_args()
    if options.recordings is not None:
        put("recordings", recorded(options.recordings))
        return
    begun = time.monotonic()
    for run in runs():
        if options.only not in (None, run.name):
            continue
        rows, false, hours = done(run)
        kinds = ", ".join(sorted({f"{one.station} {one.kind} {one.detail.get('by', '')}" for one in false}))
        lines = ["| what | told after | by | told size |", "|---|---|---|---|", *rows, ""]
        lines.append(
            f"Observed every {run.about}, seed {run.seed}; in {hours:,.0f} station hours in which nothing"
        )
        lines.append(f"was done, {len(false)} findings{': ' if kinds else ''}{kinds}.")
        put(run.name, lines)
        print("\n".join([*lines, f"{time.monotonic() - begun:.0f} s"]), flush=True)


if __name__ == "__main__":
    main()
