"""Inject faults by the thousand and write what became of them into docs/integrity.md: `make integrity`.

    python scripts/integrity_table.py [--calm EPOCHS] [--runs RUNS]

The skies, ranges and faults are those of tests/integrity_trials.py, with seeds that stand in the table.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from integrity_trials import Sky, Trial, sky, trial  # noqa: E402  (found by the line before)

PAGE = ROOT / "docs/integrity.md"
BEGIN, END = "<!-- made by make integrity: begin -->", "<!-- end -->"
SKIES = {
    "G9 E7 C10 R6": {"G": 9, "E": 7, "C": 10, "R": 6},
    "G9 C8 C2 4": {"G": 9, "C": 8, "C2": 4},
    "G8 E5": {"G": 8, "E": 5},
    "G10": {"G": 10},
}
STEPS_M = (5, 10, 20, 50, 100, 200, 500)
RAMPS_M_S = (0.01, 0.05, 0.2, 1, 5)
AT_ONCE = 2000  # epochs solved together


def calm(name: str, systems: dict[str, int], epochs: int, seed: int) -> tuple[int, int, float]:
    """Epochs without fault: how many were told of, with errors above the level, largest error by level."""
    told = above = 0
    worst = 0.0
    for part in range(epochs // AT_ONCE):
        one = sky(AT_ONCE, systems, seed=seed + part)
        done = trial(one, 1, np.zeros((AT_ONCE, 1, len(one.clock) // AT_ONCE)), seed + part)
        told, above, worst = told + done.detected, above + done.hazards, max(worst, done.worst)
    return told, above, worst


def faults(one: Sky, kind: str, size: float, epochs: int, seed: int) -> np.ndarray:
    """Faults in metres, shape (runs, epochs, satellites)."""
    runs = one.groups.epochs
    satellites = len(one.clock) // runs
    r = np.random.default_rng([seed, 1])  # a stream of its own: not that of the sky
    grown = np.full(epochs, float(size)) if kind.startswith("step") else size * np.arange(1, epochs + 1)
    share = np.zeros((runs, satellites))
    of = np.arange(runs)
    if kind.endswith("one satellite"):
        share[of, r.integers(satellites, size=runs)] = r.choice((-1.0, 1.0), runs)
    elif kind.endswith("two satellites"):
        order = r.permuted(np.tile(np.arange(satellites), (runs, 1)), axis=1)
        for n in range(2):
            share[of, order[:, n]] = r.choice((-1.0, 1.0), runs)
    elif kind.endswith("a system"):
        first = one.clock.reshape(runs, -1)
        share = np.where(first == first[0, 0], r.uniform(-1.0, 1.0, first.shape), 0.0)
    else:  # an orbit: the satellite is elsewhere, which shows by the angle it is seen at
        where = r.normal(size=(runs, 3))
        where /= np.linalg.norm(where, axis=1)[:, None]
        which = r.integers(satellites, size=runs)
        share[of, which] = np.einsum("ri,ri->r", one.enu.T.reshape(runs, satellites, 3)[of, which], where)
    return share[:, None, :] * grown[:, None]


def injected(runs: int) -> Iterator[tuple[str, str, float, int, Trial]]:
    """Every kind and size of fault in every sky."""
    seed = 1000
    for name, systems in SKIES.items():
        for kind in ("one satellite", "two satellites", "a system", "an orbit"):
            if kind == "a system" and len(systems) == 1:
                continue  # nothing would be left to tell
            for how, sizes in (("step", STEPS_M), ("ramp", RAMPS_M_S)):
                for size in sizes:
                    seed += 1
                    epochs = 10 if how == "step" else int(min(3000, 60 / size + 20))
                    count = runs if how == "step" else max(runs // (4 if size > 0.1 else 16), 1)
                    one = sky(count, systems, seed)
                    yield (
                        name,
                        f"{how}, {kind}",
                        size,
                        seed,
                        trial(one, epochs, faults(one, f"{how}, {kind}", size, epochs, seed), seed),
                    )


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--calm", type=int, default=1_000_000, help="epochs without fault, all skies together"
    )
    parser.add_argument("--runs", type=int, default=90, help="runs of each kind and size of steps")
    options = parser.parse_args()
    started = time.monotonic()
    lines = [
        "### Without faults",
        "",
        "| sky | epochs | alerts | error above level | largest error / level | seed |",
    ]
    lines += ["|---|---|---|---|---|---|"]
    bad = False
    for number, (name, systems) in enumerate(SKIES.items()):
        epochs = options.calm // len(SKIES) // AT_ONCE * AT_ONCE
        told, above, worst = calm(name, systems, epochs, 100_000 * (number + 1))
        bad |= above > 0
        lines.append(f"| {name} | {epochs:,} | {told} | {above} | {worst:.2f} | {100_000 * (number + 1)} |")
        print(lines[-1], f"{time.monotonic() - started:.0f} s", flush=True)
    lines += ["", "### With faults", ""]
    titles = ("sky", "fault", "size", "runs", "told", "after", "exactly that left out")
    titles += ("nothing else left out",)
    titles += ("runs with errors above level", "epochs of them without alert", "longest such stretch", "seed")
    lines += [f"| {' | '.join(titles)} |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|---|---|"]
    total = 0
    for name, kind, size, seed, one in injected(options.runs):
        unit = "m" if kind.startswith("step") else "m/s"
        after = f"{one.delay_s:.0f} s" if one.detected else ""
        total += one.runs
        bad |= one.misleading_s > 6
        lines.append(
            f"| {name} | {kind} | {size:g} {unit} | {one.runs} | {one.detected / one.runs:.0%} | {after} "
            f"| {one.excluded:.0%} | {one.named:.0%} | {one.hazards} | {one.misleading} "
            f"| {one.misleading_s} s | {seed} |"
        )
        print(lines[-1], f"{time.monotonic() - started:.0f} s", flush=True)
    lines += ["", f"{total:,} runs with faults."]
    page = PAGE.read_text("utf-8")
    before, after_it = page.split(BEGIN)[0], re.split(re.escape(END), page, maxsplit=1)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after_it}", "utf-8")
    print(f"{total:,} runs, {time.monotonic() - started:.0f} s", flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
