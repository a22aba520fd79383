"""The monthly report: figures counted by hand from a story of six cases, and a page that stands alone."""

import csv
import io
import json
import re
from datetime import datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from cli_material import ran

from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import take, trails
from hncors.supervise.areas import read_areas
from hncors.supervise.cases import Step
from hncors.supervise.monthly import Figures, Score, report
from hncors.supervise.months import deadlines, months_before
from hncors.view.charts import grouped, listed, shaded
from hncors.view.month_report import html

HOSTILE = '<script>alert(1)</script>=1+1"'


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}T12:00:00+08:00").timestamp()) * 1_000_000_000


# case, day, action, what it says. Found in October: 1, 2; in November: 3, 4, 5, 6.
STORY = """
1 2026-10-05 open county=长沙市岳麓区 rule=E2
1 2026-10-06 examine
1 2026-10-07 dispatch county=长沙市岳麓区
1 2026-10-08 confirm checked_on=2026-10-08
1 2026-11-03 handle
1 2026-11-05 sign_off
2 2026-10-20 open county=株洲市 rule=E4
2 2026-10-21 reject reason=typing_error
2 2026-11-20 reopen
3 2026-11-01 open county=长沙市岳麓区 rule=E2
3 2026-11-02 lead rule=E4
3 2026-11-03 examine
3 2026-11-04 dispatch county=长沙市岳麓区
3 2026-11-30 handle
3 2026-12-02 sign_off
4 2026-11-10 open county=株洲市 rule=E2
4 2026-11-12 reject reason=network_product
5 2026-11-11 open county=长沙市岳麓区 rule=E2
5 2026-11-12 reject reason=duplicate
6 2026-11-25 open rule=E20
"""


def story() -> dict[int, list[Step]]:
    told: dict[int, list[Step]] = {}
    for line in STORY.strip().splitlines():
        case, day, action, *said = line.split()
        detail = dict(part.split("=") for part in said) | {"subject": f"S{case}", "text": "x"}
        if action in ("open", "reopen"):
            detail |= deadlines(at(day))._asdict()
        actor = "zhang" if action == "handle" else "wang"
        told.setdefault(int(case), []).append(Step(action, actor, "supervisor", at(day), detail))
    return told


def test_the_figures_of_a_month():
    found = report(story(), "2026-11", at("2027-03-01"))
    assert found.over
    # Counted by hand: 1 was due on 31 October, but is signed off; 3 is handled and due by the end of
    # November, which is now; 2, reopened on the 20th, too; 6, found on the 25th, has until December.
    # Due by its end are 2, 3, 4 and 5, of which 4 and 5 were rejected before.
    assert found.total == Figures(
        found=4, handled=2, signed_off=1, rejected=2, reopened=1, open=3, overdue_handle=0, overdue_clear=2,
        due=4, in_time=2,
    )  # fmt: skip
    assert (found.total.cleared, found.total.overdue) == (3, 2)
    assert {name: (one.found, one.open) for name, one in found.counties.items()} == {
        "未定 none yet": (1, 1), "株洲市": (1, 1), "长沙市岳麓区": (2, 1),
    }  # fmt: skip
    assert {rule: (one.found, one.cleared) for rule, one in found.rules.items()} == {
        "E2": (3, 3), "E20": (1, 0), "E4": (1, 0),
    }  # fmt: skip
    assert found.course[-2:] == [
        ("2026-10", Figures(found=2, rejected=1, open=1, overdue_clear=1, due=2, in_time=1)),
        ("2026-11", found.total),
    ]
    assert found.scores == {"E2": Score(1, 1), "E4": Score(0, 0), "E20": Score(0, 0)}
    assert found.scores["E2"].precision == 0.5
    assert found.scores["E20"].precision is None
    assert [number for number, _ in found.cases] == [1, 2, 3, 4, 5, 6]


def test_a_month_that_is_not_over_and_an_old_one():
    early = report(story(), "2026-11", at("2026-11-10"))
    assert not early.over
    assert (early.total.found, early.total.handled, early.total.open) == (1, 1, 1)
    october = report(story(), "2026-10", at("2027-03-01"))
    assert october.total == Figures(found=2, rejected=1, open=1, overdue_clear=1, due=2, in_time=1)
    assert october.scores["E4"] == Score(0, 1)  # the case was reopened later only
    assert report({}, "2026-11", at("2026-11-10")).total == Figures()
    for month in ("2026-12", "2026-13", "x"):
        with pytest.raises(ValueError, match="a month"):
            report(story(), month, at("2026-11-10"))


def test_months_before():
    assert months_before("2026-02", 4) == ["2025-11", "2025-12", "2026-01", "2026-02"]


class Page(HTMLParser):
    """What a browser would make of it: elements, and whatever it would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        names = dict(attributes)
        self.fetched += [
            f"{tag} {name}" for name in names if name in ("src", "href") or name.startswith("on")
        ]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


AREAS, _ = read_areas(
    json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"name": name, "name_en": name},
         "geometry": {"type": "Polygon", "coordinates": [[[x, 28], [x + 1, 28], [x + 1, 29], [x, 28]]]}}
        for name, x in (("长沙市", 112), ("<株洲市>", 113))
    ]}), "a.geojson",
)  # fmt: skip


def test_the_page_is_whole_and_holds_nothing_foreign():
    trails = story()
    first = trails[6][0]
    trails[6][0] = first._replace(
        detail={**first.detail, "subject": HOSTILE, "county": HOSTILE, "rule": HOSTILE}
    )
    text = html(report(trails, "2026-11", at("2027-03-01")), AREAS, "abc", at("2027-03-01"))
    page = Page(text)
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.elements
    assert page.elements.count("svg") == 3
    assert not re.search(r"illegal|非法|违法|http://(?!www\.w3\.org/2000/svg)|https://", text)
    for words in ("发现 found", "处置 handled", "清零 cleared", "逾期 overdue", "50%", "长沙市岳麓区", "abc"):
        assert words in text
    assert "not on the map: &lt;script&gt;" in text
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    assert "长沙市 长沙市: 1</title>" in drawings[2]


def test_a_page_without_outlines_says_so():
    none = AREAS.__class__([])
    assert "no map" in html(report(story(), "2026-11", at("2027-03-01")), none, "abc", at("2027-03-01"))


def test_drawings_are_to_scale():
    """Heights and places read from the SVG: a value twice as large is twice as high."""
    drawn = ElementTree.fromstring(grouped([("a", (2, 4)), ("b", (0, 1))], ("x", "y")))
    bars = [one for one in drawn.iter() if one.tag.endswith("rect")][:4]
    heights = [float(one.get("height")) for one in bars]
    assert heights == [80.0, 160.0, 0.0, 40.0]
    rows = ElementTree.fromstring(listed([("长沙市", 3), ("株洲市", 6)]))
    widths = [float(one.get("width")) for one in rows.iter() if one.tag.endswith("rect")]
    assert widths == [230.0, 460.0]
    area = ElementTree.fromstring(shaded(AREAS, {"长沙市": 2}))
    paths = [one.get("d") for one in area.iter() if one.tag.endswith("path")]
    # Two degrees of longitude at 28.5 N are 1.7576 wide to 1 high, drawn 600 high at most, 720 wide at most.
    assert paths[0].startswith("M0,409.6L360,409.6L360,0L0,409.6")
    assert listed([]) and grouped([], ())


def test_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("hncors.cli_ledger.now_ns", lambda: at("2027-03-01"))
    path, out = tmp_path / "ledger.sqlite3", tmp_path / "out"
    ledger = Ledger(path)
    with ledger.writing() as base:
        for case, steps in story().items():
            for step in steps:
                take(base, step, None if step.action == "open" else case)
    assert trails(ledger.base) == story()
    ledger.close()
    done = ran(monkeypatch, capsys, "report", "month", "2026-11", "--ledger", path, "--out", out, "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert (told["total"]["found"], told["total"]["cleared"], told["total"]["overdue"]) == (4, 3, 2)
    assert told["scores"]["E2"] == {"confirmed": 1, "rejected": 1, "precision": 0.5}
    assert sorted(one.name for one in out.iterdir()) == [
        "cases-2026-11.csv", "cases-2026-11.html", "figures-2026-11.csv",
    ]  # fmt: skip
    page = (out / "cases-2026-11.html").read_text(encoding="utf-8")
    assert "长沙市" in page and told["newest_hash"] in page
    rows = list(csv.reader(io.StringIO((out / "figures-2026-11.csv").read_text("utf-8-sig"), newline="")))
    assert rows[1][:5] == ["2026-11", "合计 total", "", "4", "2"]
    assert len(rows) == 1 + 1 + 3 + 3 + 12
    rows = list(csv.reader(io.StringIO((out / "cases-2026-11.csv").read_text("utf-8-sig"), newline="")))
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4", "5", "6"]
    assert rows[3][3] == "已处置 handled"  # as it stood at the end of November
    done = ran(monkeypatch, capsys, "report", "month", "2027-04", "--ledger", path)
    assert (done.status, 'MONTH "2027-04": expected a month that has begun' in done.err) == (2, True)
    done = ran(monkeypatch, capsys, "report", "month", "2026-11", "--ledger", path, "--out", out)
    assert "4 found 发现, 2 handled 处置, 3 cleared 清零, 3 open 未结, 2 overdue 逾期" in done.out
