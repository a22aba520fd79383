"""Whether the model's sigmas bound the errors of real ranges at known places: `make residuals ARGS=FOLDER`.

    python scripts/residuals_table.py INPUT... [--write]

Recordings (files, or folders of them) are replayed; each range is held against the reference point that the
stream tells, less the clock of its system, in sigmas of hncors/measure/range_noise.py.
Prints the tables of docs/residuals.md; with --write they are put there, and the plots beside them.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hncors.cli_output import Refused
from hncors.cli_recordings import prepare
from hncors.measure import risk
from hncors.measure.independence import correlation_epochs
from hncors.measure.overbound import factor, normalised
from hncors.measure.position import BEIDOU_2, CLOCKS, clocks
from hncors.network import Tick
from hncors.observation import F64, I64
from hncors.signals import GNSS
from hncors.view.quantile_plot import Sample, quantiles

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "residuals.md"
BEGIN, END = "<!-- made by make residuals: begin -->", "<!-- end -->"
BINS_DEG = (10, 15, 20, 30, 45, 60, 90)
ENOUGH = 500  # ranges, for a line of their own
COLOURS = ("c1", "c4", "c2", "c0", "c3", "c5")
BANDS = {
    "G": ("L1", "L1+L2", ""),
    "R": ("L1", "L1+L2", ""),
    "E": ("E1", "E1+E5a", "E1+E5b"),
    "J": ("L1", "L1+L2", ""),
    "C": ("B1I", "B1I+B3I", "B1I+B2I"),
    "I": ("L5", "", ""),
    "S": ("L1", "", ""),
}
KINDS = ("snapshot", "smoothed")


class Sampled(NamedTuple):
    """A row a range."""

    recording: I64
    time_ms: I64
    gnss: I64
    satellite: I64
    pairing: I64
    clock: I64
    elevation_deg: F64
    sigmas: F64  # (2, rows), as KINDS


def sampled(number: int, path: Path) -> Sampled | None:
    """The ranges of a recording whose stream tells its reference point; None where it gives none."""
    (era, *_) = prepare([path]).eras()
    parts: list[Sampled] = []
    for tick in era.play():
        place = era.network.streams[0].arp_m
        if len(tick.positions.ranges.epoch) and place is not None:
            parts.append(_of_tick(number, tick, np.array(place)))
    return joined(parts) if parts else None


def joined(parts: Sequence[Sampled]) -> Sampled:
    """One after the other."""
    return Sampled(*(np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)))


def _of_tick(number: int, tick: Tick, known_m: F64) -> Sampled:
    found = tick.positions
    its = found.ranges
    clock = clocks(its.gnss, its.satellite)
    group = its.epoch * CLOCKS + clock
    values = []
    for residual_m, sigma_m, place_m in (
        (its.snapshot_m, its.snapshot_sigma_m, found.snapshot_m),
        (its.smoothed_m, its.smoothed_sigma_m, found.place_m),
    ):
        # From the place that was solved to the known one, along the line of sight.
        moved_m = (its.direction * (known_m - place_m)[its.epoch].T).sum(axis=0)
        values.append(normalised(group, residual_m + moved_m, sigma_m))
    rows = np.flatnonzero(~np.isnan(values).all(axis=0))
    return Sampled(
        np.full(len(rows), number), tick.epochs.time_ms[its.epoch[rows]], its.gnss[rows], its.satellite[rows],
        its.pairing[rows], clock[rows], np.degrees(its.elevation_rad[rows]), np.stack(values)[:, rows],
    )  # fmt: skip


class Bin(NamedTuple):
    """What the ranges of one kind and elevation say."""

    count: int
    satellites: int
    independent: float
    rms: float
    largest: float
    factor: float


def judged(of: Sampled, kind: int) -> Bin:
    """Figures of some ranges; those of a satellite in a recording depend on each other."""
    value = of.sigmas[kind]
    known = ~np.isnan(value)
    key = (of.recording * len(GNSS) + of.gnss) * 64 + of.satellite
    independent = 0.0
    arcs = np.unique(key[known]).tolist()
    for one in arcs:
        rows = np.flatnonzero((key == one) & known)
        independent += len(rows) / correlation_epochs(of.time_ms[rows], value[rows])
    size = np.abs(value[known])
    return Bin(
        len(size), len(arcs), independent, float(np.sqrt(np.square(size).mean())), float(size.max()),
        factor(value),
    )  # fmt: skip


def groups(of: Sampled) -> Iterator[tuple[str, np.ndarray]]:
    """Name of each combination of signals, and its rows."""
    key = (of.gnss * 3 + of.pairing) * 2 + (of.clock == BEIDOU_2)
    for one in np.unique(key).tolist():
        gnss, pairing, old = one // 6, one // 2 % 3, one % 2
        name = f"{GNSS[gnss]} {BANDS[GNSS[gnss]][pairing]}"
        if GNSS[gnss] == "C":
            name += " BDS-2" if old else " BDS-3"
        yield name, np.flatnonzero(key == one)


def select(of: Sampled, rows: np.ndarray) -> Sampled:
    return Sampled(*(column[..., rows] for column in of))


def by_elevation(of: Sampled) -> Iterator[tuple[str, Sampled]]:
    """Ranges of each bin of elevation that has some."""
    for low, high in itertools.pairwise(BINS_DEG):
        rows = np.flatnonzero((of.elevation_deg >= low) & (of.elevation_deg < high))
        if len(rows):
            yield f"{low}–{high}°", select(of, rows)


def table(of: Sampled) -> list[str]:
    """Lines of the table: every combination, by elevation and together."""
    lines = [
        (
            "| ranges | elevation | n | satellites | independent | snapshot: rms | largest | factor "
            "| smoothed: rms | largest | factor | in use |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in (*groups(of), ("all", np.arange(len(of.gnss)))):
        its = select(of, rows)
        for label, part in (*by_elevation(its), ("all", its)):
            if np.isnan(part.sigmas).all():
                continue
            both = [judged(part, kind) for kind in range(2)]
            first = both[0]
            used = risk.BOUND[its.gnss[0]] if rows.size < of.gnss.size else np.inf
            cells = [f"{b.rms:.2f} | {b.largest:.2f} | {_bold(b.factor, used)}" for b in both]
            lines.append(
                f"| {name} | {label} | {first.count:,} | {first.satellites} | {first.independent:.0f} | "
                f"{' | '.join(cells)} | {used:.1f} |".replace("inf", "")
            )
    return lines


def _bold(value: float, used: float) -> str:
    text = "" if np.isnan(value) else f"{value:.2f}"
    return f"**{text}**" if value > used else text


def plots(of: Sampled) -> Iterator[tuple[str, str]]:
    """File names and images: by signals in the model's sigmas, by elevation in those of protection levels."""
    used = of._replace(sigmas=of.sigmas / risk.BOUND[of.gnss])
    large = [(name, rows) for name, rows in groups(of) if len(rows) >= ENOUGH]
    for kind, word in enumerate(KINDS):
        samples = [
            Sample(label, colour, part.sigmas[kind])
            for (label, part), colour in zip(by_elevation(used), COLOURS, strict=False)
        ]
        yield f"residuals-elevation-{word}.svg", quantiles(f"{word}, by elevation", samples, alone=True)
        samples = [
            Sample(name, colour, select(of, rows).sigmas[kind])
            for (name, rows), colour in zip(large, COLOURS, strict=False)
        ]
        yield f"residuals-signals-{word}.svg", quantiles(f"{word}, by signals", samples, alone=True)


def files(inputs: Iterable[Path]) -> list[Path]:
    """The recordings named, those of folders in the order of their names."""
    return [
        path
        for one in inputs
        for path in (sorted(p for p in one.iterdir() if p.is_file()) if one.is_dir() else [one])
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT")
    parser.add_argument("--write", action="store_true", help="put tables and plots into docs/")
    arguments = parser.parse_args()
    parts, names, without = [], [], []
    for path in files(arguments.inputs):
        try:
            found = sampled(len(names), path)
        except Refused:
            found = None
        if found is None or not len(found.gnss):
            without.append(path.stem)
        else:
            parts.append(found)
            names.append(path.stem)
            print(f"{path.stem}: {len(found.gnss):,} ranges", flush=True)
    of = joined(parts)
    lines = [f"Recordings: {', '.join(names)}.", "", *table(of)]
    print("\n".join(lines))
    if without:
        print(f"without positions or a reference point: {', '.join(without)}")
    if arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        inside = "\n".join([BEGIN, "", *lines, "", END])
        PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: inside, text, flags=re.S), encoding="utf-8")
        for name, image in plots(of):
            (DOCS / name).write_text(image + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
