"""Try every rule of evidence on labelled provinces and write docs/detection.md: `make detection`.

    python scripts/detection_table.py [--only WORDS] [--thirty-days] [--days N]

Trials are those of tests/detection_cases.py.  With --only, those whose rule or title holds the words are
tried and nothing is written.  With --thirty-days the month of configs/scenarios/detection/month.toml is
played, and its line written into the page.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from detection_case import Case  # noqa: E402  (found by the line before)
from detection_cases import cases  # noqa: E402
from detection_line import Feed, play  # noqa: E402
from detection_trials import Result, tried  # noqa: E402

PAGE = ROOT / "docs/detection.md"
MONTH = ROOT / "configs/scenarios/detection/month.toml"
ALL_RULES = [f"E{number}" for number in range(1, 21)]
DAY_EPOCHS = 2880
RULE_TITLES = (
    "rule, to find, found in time, recall, risks, taken for it, precision, told after, declared, "
    "false suspicions"
)
TRIAL_TITLES = "rule, trial, has to be told of, told after, declared, else, epochs, seed"
MONTH_TITLES = "days, filed, neighbours, epochs of stations, looks at streams, leads, suspicions, cost, seed"


def between(name: str, lines: Sequence[str]) -> None:
    """Put lines into the page at the place of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = PAGE.read_text("utf-8")
    before, rest = page.split(begin)[0], page.split(end, maxsplit=1)[1]
    PAGE.write_text(f"{before}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{rest}", "utf-8")


def table(*rows: Sequence[object]) -> list[str]:
    """A table of Markdown; the first row are titles."""
    first, *others = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return [first, "|" + "---|" * len(rows[0]), *others]


def span(seconds: float) -> str:
    """Seconds, minutes, hours or days, as one says it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"


def by_rule(results: Sequence[tuple[Case, Result]]) -> list[str]:
    """The table of recall and precision."""
    false = Counter(one.rule for _, result in results for one in result.wrong)
    suspected = Counter(case.rule for case, result in results for _ in result.suspected)
    rows: list[Sequence[object]] = [RULE_TITLES.split(", ")]
    missing = []
    for rule in ALL_RULES:
        its = [(case, result) for case, result in results if case.rule == rule]
        if not its:
            missing.append(rule)
            continue
        wanted = sum(len(case.wants) for case, _ in its)
        found = wanted - sum(len(result.missed) for _, result in its)
        after = [second for _, result in its for second in result.after_s.values()]
        spoken = len(after) + false[rule]
        risks = sum(not case.wants for case, _ in its) + sum(case.beside for case, _ in its)
        declared = span(max(case.within_s for case, _ in its))
        told = f"{span(float(np.median(after)))}, at most {span(max(after))}" if after else "never"
        recall = f"{found / wanted:.0%}" if wanted else "-"
        precision = f"{len(after) / spoken:.0%}" if spoken else "-"
        rows.append(
            (rule, wanted, found, recall, risks, false[rule], precision, told, declared, suspected[rule])
        )
    lines = table(*rows)
    if missing:
        lines += ["", f"Without a trial: {', '.join(missing)}."]
    return lines


def one_by_one(results: Sequence[tuple[Case, Result]]) -> list[str]:
    """The table of all trials."""
    rows: list[Sequence[object]] = [TRIAL_TITLES.split(", ")]
    for case, result in results:
        wants = ", ".join(sorted(one.rpartition("/")[2] for one in case.wants)) or "nobody"
        after = ", ".join(span(second) for second in result.after_s.values()) or "-"
        bad = [f"missed {one}" for one in result.missed]
        bad += [f"{one.subject}: {one.rule} {one.strength}" for one in result.wrong]
        bad += [f"{one} suspected" for one in result.suspected]
        declared = span(case.within_s) if case.wants else "-"
        seed = re.search(r"seed = (\d+)", case.feeds[0].text)
        rows.append(
            (
                case.rule,
                case.title,
                wants,
                after,
                declared,
                "; ".join(bad) or "nothing",
                f"{result.epochs:,}",
                seed and seed[1],
            )
        )
    return table(*rows)


class Bar:
    """Progress on a terminal, a line each in a log."""

    def __init__(self, of: int, what: str) -> None:
        self._of, self._what, self._begin = of, what, time.monotonic()
        self._every = 1 if sys.stderr.isatty() else max(of // 30, 1)

    def show(self, done: int, more: str = "") -> None:
        """So many are done."""
        if done % self._every and done != self._of:
            return
        took = time.monotonic() - self._begin
        left = took / done * (self._of - done) if done else 0.0
        full = "#" * (30 * done // max(self._of, 1))
        end = "\r" if sys.stderr.isatty() and done < self._of else "\n"
        text = f"[{full:<30}] {done} of {self._of} {self._what}, {left / 60:.0f} min left {more}"
        print(text, end=end, file=sys.stderr, flush=True)


def month(days: int) -> tuple[list[str], bool]:
    """The month, and whether nothing was said in it."""
    text = re.sub('name = "month"\n', "", MONTH.read_text("utf-8"), count=1)  # play gives one
    seconds = days * 86_400
    if days < 30:
        text = _shortened(text, seconds)
    bar = Bar(days * DAY_EPOCHS, "epochs")
    began_s = time.process_time()
    made = play([Feed(text)], each=lambda number: bar.show(number + 1))
    cost_s = time.process_time() - began_s
    told = "; ".join(
        f"{one.subject} {one.rule} {one.strength} after {span(one.after_s)}" for one in made.told
    )
    suspected = ", ".join(sorted(made.suspected)) or "none"
    cost = f"{cost_s / 60:.0f} min of a core, {1000 * cost_s / (days * DAY_EPOCHS):.0f} ms an epoch of all"
    seed = re.search(r"seed = (\d+)", text)
    rows = (
        MONTH_TITLES.split(", "),
        (
            days,
            20,
            5,
            f"{made.epochs:,}",
            f"{made.judge.looks:,}",
            told or "none",
            suspected,
            cost,
            seed and seed[1],
        ),
    )
    return table(*rows), not (made.told or made.suspected)


def _shortened(text: str, seconds: int) -> str:
    """The first days: without what happens later."""
    head, *tables = text.split("[[faults]]")
    kept = []
    for one in tables:
        begin = re.search(r"begin_s = ([\d_]+)", one)
        if begin and int(begin[1]) < seconds:
            kept.append(one)
    head = re.sub(r"seconds = \d+", f"seconds = {seconds}", head)
    return "[[faults]]".join([head, *kept])


def main() -> int:
    """Try all and write the page; 0 when all was as it has to be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", default="", help="trials whose rule or title holds this; nothing is written"
    )
    parser.add_argument(
        "--thirty-days", action="store_true", help="the month of a network in order; most of an hour"
    )
    parser.add_argument("--days", type=int, default=30, help="of it; fewer than thirty are printed only")
    options = parser.parse_args()
    if options.thirty_days:
        lines, good = month(options.days)
        print("\n".join(lines))
        if options.days == 30:
            between("made by make detection --thirty-days", lines)
        return 0 if good else 1
    wanted = [case for case in cases() if options.only in (case.rule, "") or options.only in case.title]
    bar, results = Bar(len(wanted), "trials"), []
    for number, case in enumerate(wanted, 1):
        result = tried(case)
        results.append((case, result))
        bar.show(number, case.rule)
    lines, trials = by_rule(results), one_by_one(results)
    print("\n".join([*lines, "", *trials]))
    if not options.only:
        between("made by make detection", lines)
        between("trials made by make detection", trials)
    return 0 if all(result.good for _, result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
