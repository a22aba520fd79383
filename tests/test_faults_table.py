"""docs/faults.md against the tests that there are."""

import sys
from pathlib import Path

import pytest
from faults import FAULTS, NamedTest, found

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faults_table import NO_TEST, PAGE, named, page  # noqa: E402 - scripts/ is no package

COMPLETE = (
    "LNRTEP"  # letters of the parts whose every fault must have a test, and whose table must be up to date
)


def test_the_page_names_no_test_that_is_gone() -> None:
    there = {(test.row, test.name, test.file) for test in found()}
    assert set(named(PAGE.read_text(encoding="utf-8"))) - there == set()


def test_complete_parts_have_a_test_for_every_fault_and_the_page_names_them_all() -> None:
    there = {(test.row, test.name, test.file) for test in found() if test.row[0] in COMPLETE}
    listed = {one for one in named(PAGE.read_text(encoding="utf-8")) if one[0][0] in COMPLETE}
    assert there == listed, "make faults"
    assert {row for row in FAULTS if row[0] in COMPLETE} - {row for row, _, _ in there} == set()


def test_the_page_shows_no_failure() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    results = [row.rsplit("|", 2)[1].strip() for row in rows]
    assert [one for one in results if "failed" in one or "not run" in one] == []
    assert any(one.startswith("passed") for one in results)


def test_a_test_is_found_by_its_name_and_shown_with_its_result(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        'def test_n05_one():\n    """Kept\n    whole.\n\n    More."""\n'
        "async def test_l01_the_other(x):\n    pass\ndef test_plain():\n    pass\n"
    )
    tests = found(tmp_path)
    assert tests == [
        NamedTest("N05", "test_a.py", "test_n05_one", "Kept whole."),
        NamedTest("L01", "test_a.py", "test_l01_the_other", "the other"),
    ]
    text = page(tests, {("test_a.py", "test_n05_one"): {"passed": 3, "failed": 1}})
    assert "| Kept whole. | [`test_n05_one`](../tests/test_a.py) | failed 1, passed 3 |" in text
    assert "[`test_l01_the_other`](../tests/test_a.py) | not run |" in text
    assert f"| N06 | {FAULTS['N06']} | | | {NO_TEST} |" in text
    assert named(text) == [("N05", "test_n05_one", "test_a.py"), ("L01", "test_l01_the_other", "test_a.py")]


def test_a_fault_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_n99_one():\n    pass\n")
    with pytest.raises(ValueError, match=r"no such fault: test_a\.py: test_n99_one"):
        found(tmp_path)
