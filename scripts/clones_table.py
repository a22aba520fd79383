"""Serve recordings again in disguise, simulate antennas side by side, and write docs/detection-clones.md.

    python scripts/clones_table.py [--recordings FOLDER] [--only recordings|strangers|limits|cost]

Recordings are real streams of other people's stations (FOLDER/*.rtcm3, *.bin); without a folder their parts
of the page stay as they are. Disguises go through hncors' own encoders. Antennas at 0 m, 10 m, 1 km and 20 km
are simulated; seeds stand in the page. `make clones ARGS="--recordings FOLDER"`; some minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np  # noqa: E402
from clone_material import Disguise, moments, pair_moments, serve, watch  # noqa: E402  (found by the line above)

from hncors.measure.likeness import Likeness, Moment, compare  # noqa: E402
from hncors.observation import F64, Observations  # noqa: E402
from hncors.replaying import Source  # noqa: E402
from hncors.signals import GPS, NUMBER  # noqa: E402
from hncors.supervise.copies import FEWEST_PHASES  # noqa: E402
from hncors.supervise.fingerprints import Fingerprints  # noqa: E402
from hncors.supervise.policy import Policy  # noqa: E402
from hncors.view.roc_plot import curve, roc  # noqa: E402

PAGE = ROOT / "docs/detection-clones.md"
NAMES = (
    *("alloy-bds3-33s", "hiroshima-7systems-60s", "stromlo-netr9-22min", "stromlo-polarx5-8min"),
    *("trio-poland-20s", "trio-finland-21s", "trio-guinea-legacy-15s", "f9p-mixed-ubx-158s"),
    *("f9t-mixed-ubx-26s", "swift-sept", "swift-javad", "javad-2016-23s", "leica-legacy-33s"),
    *("swift-geopp-JAV", "swift-geopp-LEI", "swift-geopp-SEP1", "swift-geopp-TRM"),
)
TOGETHER = ("trio-poland-20s", "trio-finland-21s", "trio-guinea-legacy-15s")
DISGUISES = (
    Disguise("1005 by 500 m", moved_m=500.0),
    Disguise("MSM5", 5),
    Disguise("MSM4", 4),
    Disguise("1004, 1012", 14),
    Disguise("1 in 5", 4, every=5),
    Disguise("1 in 30", 4, every=30),
    Disguise("10 s late", 4, late_s=10.0),
    Disguise("30 s late", 4, late_s=30.0),
    Disguise("60 s late", 4, late_s=60.0),
    Disguise("no G, R", 4, without="GR"),
    Disguise("other clock", 4, clock_m=1234.567),
    Disguise("all of it", 4, every=30, first=14, late_s=60.0, moved_m=500.0, without="R", clock_m=1234.567),
)
FEWEST_EPOCHS = 4  # one that the index has to see, and three that must say the same
SEEDS = (1, 2, 3)
APART = {"0 m": 0.0, "10 m": 10.0, "1 km": 1000.0, "20 km": 20_000.0}
LIMITS_MM = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
LIMITS_SHARE = (0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
COLOURS = {"10 m": "c1", "1 km": "c2", "20 km": "c0"}


def of_recordings(folder: Path) -> list[str]:
    """When each recording is found in each disguise."""
    lines = ["| recording | " + " | ".join(one.name for one in DISGUISES) + " |"]
    lines.append("|---" * (len(DISGUISES) + 1) + "|")
    cells: list[str] = []
    for name in NAMES:
        path = next(iter(sorted(folder.glob(f"{name}.*"))), None)
        if path is None:
            continue
        original = serve("ORIG", path)
        row = [_served(path, original, how) for how in DISGUISES]
        cells += row
        lines.append(f"| {name} | " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    lost = [one for one in cells if one.startswith("no")]
    short = [one for one in lost if int(one.split()[1]) < FEWEST_EPOCHS]
    leads = sum("lead" in one for one in cells)
    lines += [
        "",
        f"{len(cells)} copies, {len(cells) - len(lost)} found; of {leads} that go on for long enough the",
    ]
    lines.append(
        f"lead was told. Of the {len(lost)} not found {len(short)} have fewer than {FEWEST_EPOCHS} epochs."
    )
    return lines


def _served(path: Path, original: Source, how: Disguise) -> str:
    """When it was found and told, or how many epochs the copy has."""
    copy = serve("COPY", path, how)
    none = f"no, {len(copy.arrival_ns)} epochs"
    if not len(copy.arrival_ns):
        return none
    _, told = watch([original, copy])
    seen = [one for one in told if one.event.kind == "mirrored_stream" and one.event.station == "COPY"]
    leads = [one for one in told if one.event.kind == "lead" and one.event.detail["rule"] == "E8"]
    if not seen:
        return none
    wrong = " about ORIG" if leads and leads[0].event.station != "COPY" else ""
    return f"{seen[0].second:.0f} s" + (f", lead {leads[0].second:.0f} s{wrong}" if leads else "")


def of_strangers(folder: Path) -> list[str]:
    """Different stations: of the same seconds, and simulated ones of a whole province."""
    paths = [path for name in TOGETHER for path in sorted(folder.glob(f"{name}.*"))]
    lines = []
    if len(paths) == len(TOGETHER):
        judge, told = watch([serve(path.stem, path) for path in paths])
        false = [one for one in told if one.event.kind in ("mirrored_stream", "lead")]
        compared = [_common(moments(a), moments(b)) for a, b in combinations(paths, 2)]
        epochs = sum(len(one) for one in compared)
        most = max((like.same_code for one in compared for like in one), default=0.0)
        names = ", ".join(TOGETHER)
        named = len(judge.kindred.copies._pairs)
        lines += [
            f"Three stations recorded in the same seconds ({names}): {len(false)} taken for copies,",
            f"{named} pairs named by the index. Compared all the same, in {epochs} epochs at most",
            f"{100 * most:.0f} % of two stations' pseudoranges were equal.",
        ]
    return lines


def _common(one: dict[int, Moment], other: dict[int, Moment]) -> list[Likeness]:
    found = (compare(one[time], other[time]) for time in one if time in other)
    return [like for like in found if like is not None]


class Sampled(NamedTuple):
    """Epochs of pairs at one distance."""

    mm: F64
    share: F64
    same: F64
    code_m: F64


SETS = {"all signals": False, "GPS L1 only": True}


def of_limits() -> tuple[list[str], dict[str, str]]:
    """The receiver operating curves: limits of E9 and E8 over antennas near each other."""
    lines, plots = [], {}
    for what, l1_only in SETS.items():
        for noise in (1.0, 3.0):
            found = {name: _sampled(apart_m, noise, l1_only=l1_only) for name, apart_m in APART.items()}
            count = ", ".join(f"{name} {len(one.mm)}" for name, one in found.items())
            lines += ["", f"**E9, {what}, noise of the simulator x {noise:g}** (epochs: {count})", ""]
            lines.append("| limit, mm | " + " | ".join(f"{name}" for name in found) + " |")
            lines.append("|---" * (len(found) + 1) + "|")
            for limit in LIMITS_MM:
                shares = [_percent(one.mm <= limit) for one in found.values()]
                lines.append(f"| {limit:g} | " + " | ".join(shares) + " |")
            both = [_percent(_antenna(one)) for one in found.values()]
            lines.append("| as the policy has it | " + " | ".join(both) + " |")
            if l1_only:  # of all signals they are corners
                true = found.pop("0 m").mm
                curves = [curve(name, COLOURS[name], true, one.mm) for name, one in found.items()]
                file = f"clones-roc-l1-{noise:g}.svg"
                plots[file] = roc(f"One antenna or two, {what}, noise x {noise:g}", curves, alone=True)
                lines += ["", f"![One antenna against two, {what}, noise x {noise:g}]({file})"]
    lines += _of_copies()
    return lines, plots


def _of_copies() -> list[str]:
    lines = ["", "**E8**: share of equal pseudoranges, of copies and of other receivers, all as MSM4", ""]
    samples: dict[str, F64] = {}
    for noise in (0.1, 1.0):
        words = f"noise x {noise:g}"
        samples[f"copy, MSM7 as MSM4, {words}"] = _copies(noise)
        for name in ("0 m", "10 m"):
            samples[f"{name}, {words}"] = _sampled(APART[name], noise, msm=4).same
    lines.append("| limit | " + " | ".join(samples) + " |")
    lines.append("|---" * (len(samples) + 1) + "|")
    for limit in LIMITS_SHARE:
        shares = [_percent(one >= limit) for one in samples.values()]
        lines.append(f"| {limit:g} | " + " | ".join(shares) + " |")
    return lines


def _copies(noise: float) -> F64:
    same = []
    for seed in SEEDS:
        for fine, coarse in pair_moments(0.0, noise, seed, copy=True):
            like = compare(fine, coarse)
            same += [] if like is None else [like.same_code]
    return np.array(same)


def _antenna(one: Sampled) -> np.ndarray:
    policy = Policy()
    return (one.mm <= policy.antenna_within_mm) & (one.share >= policy.antenna_share) & (one.code_m <= 1.5)


def _sampled(apart_m: float, noise: float, *, l1_only: bool = False, msm: int = 7) -> Sampled:
    rows = [
        (like.phase_mm if like.of_near >= FEWEST_PHASES else np.inf, like.near, like.same_code, like.code_m)
        for seed in SEEDS
        for pair in pair_moments(apart_m, noise, seed, msm=msm)
        if (like := compare(*(map(_l1, pair) if l1_only else pair))) is not None
    ]
    return Sampled(*np.array(rows).reshape(-1, 4).T)


def _l1(moment: Moment) -> Moment:
    """What a receiver of GPS L1 alone has."""
    rows = np.flatnonzero((moment.key >> 16 == GPS) & (moment.key & 0xFF == NUMBER[GPS]["1C"]))
    columns = {name: value[rows] for name, value in moment._asdict().items() if isinstance(value, np.ndarray)}
    return moment._replace(**columns)


def _percent(true: np.ndarray) -> str:
    share = 100 * float(np.mean(true)) if len(true) else float("nan")
    return f"{share:.0f} %" if share in (0.0, 100.0) else f"{share:.1f} %"


def of_cost() -> list[str]:
    """Processor time of the index for 2,000 streams of 40 satellites and 137 signals, once a second."""
    streams, rng = 2000, np.random.default_rng(1)
    o, row, kind = _province(streams, rng)
    lines = []
    for what, wanted in (("one second in ten", False), ("every second, as thinned streams may want", True)):
        index = Fingerprints(streams)
        if wanted:
            index._wanted_ms[:] = 1 << 62
        spent, seconds = 0.0, 60
        for second in range(seconds):
            at_ms = 1_460_000_000_000 // 60_000 * 60_000 + 1000 * second
            begun = time.process_time()
            index.add(np.arange(streams), np.full(streams, at_ms), row, o, kind, at_ms + 500)
            spent += time.process_time() - begun
        size = sum(column.nbytes for parts in index._slots.values() for part in parts for column in part)
        share, mean_ms = 100 * spent / seconds, 1000 * spent / seconds
        lines.append(f"| {what} | {mean_ms:.1f} ms a second | {share:.2f} % | {size / 1e6:.0f} MB |")
    return [
        "| looked at | processor time | of a core | numbers kept after a minute |",
        "|---|---|---|---|",
        *lines,
    ]


def _province(streams: int, rng: np.random.Generator) -> tuple[Observations, np.ndarray, np.ndarray]:
    sky = [(0, 10, (1, 15, 22)), (1, 8, (1, 7, 8)), (2, 9, (1, 15, 22)), (5, 14, (1, 7, 29, 21))]
    cells = [(g, s, k) for g, count, signals in sky for s in range(1, count + 1) for k in signals]
    gnss, satellite, signal = (
        np.tile(np.array(column, np.uint8), streams) for column in zip(*cells, strict=True)
    )
    row = np.repeat(np.arange(streams), len(cells))
    code_m = rng.uniform(2e7, 2.6e7, len(row))
    nan = np.full(len(row), np.nan)
    o = Observations(
        row, gnss, satellite, signal, code_m, code_m, nan, nan, np.zeros(len(row), bool), nan,
        np.full(len(row), -128, np.int8),
    )  # fmt: skip
    return o, row, np.full(len(row), 7, np.uint8)


def put(name: str, lines: list[str]) -> None:
    """Write a part of the page."""
    page = PAGE.read_text("utf-8")
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, rest = page.split(begin)
    after = rest.split(end, maxsplit=1)[1]
    PAGE.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}", "utf-8")


def parts(folder: Path | None, only: str | None) -> Iterator[str]:
    """Run the parts asked for, and write each as it is done."""
    if only in (None, "limits"):
        lines, plots = of_limits()
        for file, plot in plots.items():
            (PAGE.parent / file).write_text(plot + "\n", "utf-8")
        put("limits", lines)
        yield "limits"
    if only in (None, "cost"):
        put("cost", of_cost())
        yield "cost"
    if folder is None:
        print("no folder of recordings: their parts stay as they are", file=sys.stderr)
        return
    if only in (None, "strangers"):
        put("strangers", of_strangers(folder))
        yield "strangers"
    if only in (None, "recordings"):
        put("recordings", of_recordings(folder))
        yield "recordings"


def main() -> None:
    """Run all, or a part, and write it into the page."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    parser.add_argument("--recordings", type=Path, help="a folder of real streams")
    parser.add_argument("--only", choices=("recordings", "strangers", "limits", "cost"), help="one part")
    options = parser.parse_args()
    begun = time.monotonic()
    for part in parts(options.recordings, options.only):
        print(f"{part}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
