#!/usr/bin/env python3
"""Run the tests named after faults and write docs/faults.md: each fault, its tests, what came of them.

    make faults

Ends with 1 when a test failed or a fault has none.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from faults import FAULTS, PARTS, NamedTest, found  # noqa: E402 - tests/ is no package

PAGE = ROOT / "docs" / "faults.md"
NO_TEST = "no test yet"
HEAD = """\
# Faults · 故障

Every fault a link, a stream or a clock is expected to bring, and the tests that bring it: `make faults` runs
them and writes this page, so "result" came out of a run. A number is that of the cases tried.

每一种故障、对应的测试与运行结果。本页由 `make faults` 运行测试后生成，请勿手改。
"""
ROW = re.compile(r"^\| ([A-Z]\d\d) \|.*\[`(test_\w+)`\]\(\.\./tests/(\w+\.py)\)", re.MULTILINE)

Result = Mapping[tuple[str, str], Mapping[str, int]]
"""Of each (file, test): how many of its cases came to what."""


class Outcomes:
    """Counts, as a plugin of pytest, how the cases of each test end."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A case counts when it is called, or is held back or fails before or after."""
        if report.when == "call" or not report.passed:
            path, _, name = report.nodeid.partition("::")
            self.of.setdefault((Path(path).name, name.partition("[")[0]), Counter())[report.outcome] += 1


def page(tests: Iterable[NamedTest], result: Result) -> str:
    """The text of docs/faults.md."""
    by_row: dict[str, list[NamedTest]] = {row: [] for row in FAULTS}
    for test in tests:
        by_row[test.row].append(test)
    lines = [HEAD]
    for letter, title in PARTS.items():
        lines += [f"## {title}", "", "| | fault | expected | test | result |", "|---|---|---|---|---|"]
        for row, fault in FAULTS.items():
            if row[0] != letter:
                continue
            if not by_row[row]:
                lines.append(f"| {row} | {fault} | | | {NO_TEST} |")
            for test in by_row[row]:
                link = f"[`{test.name}`](../tests/{test.file})"
                came = result.get((test.file, test.name), {})
                text = ", ".join(f"{outcome} {came[outcome]}" for outcome in sorted(came)) or "not run"
                expected = test.expected.replace("|", r"\|")
                lines.append(f"| {row} | {fault} | {expected} | {link} | {text} |")
                fault = ""
        lines.append("")
    return "\n".join(lines)


def named(text: str) -> list[tuple[str, str, str]]:
    """Row, test and file of every test that a page names."""
    return ROW.findall(text)


def main() -> int:
    """Run, write, and say what is wrong."""
    tests = found()
    outcomes = Outcomes()
    ids = [f"tests/{test.file}::{test.name}" for test in tests]
    status = pytest.main(["-q", "--rootdir", str(ROOT), *ids], plugins=[outcomes])
    PAGE.write_text(page(tests, outcomes.of), encoding="utf-8")
    missing = sorted(FAULTS.keys() - {test.row for test in tests})
    if missing:
        print(f"{NO_TEST}: {', '.join(missing)}", file=sys.stderr)
    return 1 if status or missing else 0


if __name__ == "__main__":
    sys.exit(main())
