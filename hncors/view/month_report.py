"""The monthly report of cases: one HTML page that needs nothing else, and tables for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from hncors.supervise.areas import Areas
from hncors.supervise.monthly import Figures, Report
from hncors.supervise.months import minute_of
from hncors.text import printable
from hncors.view.cases import HEADS as CASE_HEADS
from hncors.view.cases import row
from hncors.view.charts import grouped, listed, shaded
from hncors.view.sheet import csv_text

HEADS = (
    *(
        "发现 found",
        "处置 handled",
        "销号 signed off",
        "排除 rejected",
        "清零合计 cleared",
        "重新打开 reopened",
    ),
    *("未结 open", "逾期未处置 not handled in time", "逾期未清零 not cleared in time"),
    *("本月应清零 due", "按期清零 cleared in time"),
)
STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 72em; margin: 2em auto; }
h1 { font-size: 1.5em; }
h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; }
th, td { padding: .2em .6em; border-bottom: 1px solid #8886; text-align: left; font-size: 13px; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.sum td { font-weight: bold; }
.big { display: flex; flex-wrap: wrap; gap: 1em; }
.big div { border: 1px solid #8886; padding: .6em 1em; }
.big b { display: block; font-size: 1.8em; }
.late { color: #b23a48; }
small { opacity: .8; }
svg { max-width: 100%; height: auto; }
"""


def html(report: Report, areas: Areas, newest_hash: str, made_ns: int) -> str:
    """The page.  `areas` are the counties' outlines, none where there are none."""
    total = report.total
    title = f"{report.month} 案件月报 · Cases of {report.month}"
    state = (
        "月末数据 as at the end of the month"
        if report.over
        else f"截至 until {minute_of(report.until_ns)}，本月未结束 the month is not over"
    )
    big = "".join(
        f"<div{kind}><b>{value}</b>{name}</div>"
        for name, value, kind in (
            ("发现 found", total.found, ""),
            ("处置 handled", total.handled, ""),
            ("清零 cleared", total.cleared, ""),
            ("未结 open", total.open, ""),
            ("逾期 overdue", total.overdue, ' class="late"' if total.overdue else ""),
        )
    )
    if total.due:
        share = f"{total.in_time} / {total.due} = {total.in_time / total.due:.0%}"
        big += f"<div><b>{share}</b>按期清零率 cleared in time</div>"
    course = [
        (month[2:], (figures.found, figures.handled, figures.cleared)) for month, figures in report.course
    ]
    open_by_county = [(name, figures.open) for name, figures in report.counties.items() if figures.open]
    return f"""<!DOCTYPE html>
<html lang="zh-CN"> <head> <meta charset="utf-8"> <meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'"> <title>{title}</title> <style>{STYLE}</style>
</head> <body> <h1>{title}</h1> <p>{state}。<small>线索须经实地核查方可认定属实。Leads and suspicions are
confirmed by a check in the field only.</small></p> <div class="big">{big}</div> <h2>近十二个月 · The last
twelve months</h2> {grouped(course, ("发现 found", "处置 handled", "清零 cleared"))} <h2>按区县 · By
county</h2> {_table("区县 county", report.counties, total)} <h2>未结案件分布 · Where open cases are</h2>
{listed(open_by_county) if open_by_county else "<p>无 none</p>"} {_map(areas, dict(open_by_county))}
<h2>按规则 · By rule</h2> <p><small>一件案件可有多条规则的线索。A case may have leads of several
rules.</small></p> {_table("规则 rule", report.rules, None)} <h2>规则准确率 · Precision of rules</h2>
{_scores(report)} <h2>案件 · Cases</h2> {_cases(report)} <p><small>生成 made {minute_of(made_ns)} (UTC+8) ·
台账最新散列 newest hash of the ledger <code>{escape(newest_hash)}</code></small></p> </body> </html>
"""


def cases_csv(report: Report) -> str:
    """The cases of the month, as they stood at its end."""
    return csv_text(CASE_HEADS, (row(number, case, report.until_ns) for number, case in report.cases))


def figures_csv(report: Report) -> str:
    """The figures: of all, by county, by rule, by month; and the rules' precision."""
    rows: list[tuple[object, ...]] = [(report.month, "合计 total", "", *_values(report.total), "", "", "")]
    rows += [
        (report.month, "区县 county", name, *_values(f), "", "", "") for name, f in report.counties.items()
    ]
    for name, figures in report.rules.items():
        score = report.scores[name]
        precision = "" if score.precision is None else round(score.precision, 4)
        judged = (score.confirmed, score.rejected, precision)
        rows.append((report.month, "规则 rule", name, *_values(figures), *judged))
    rows += [(month, "月份 month", month, *_values(f), "", "", "") for month, f in report.course]
    more = ("属实 confirmed", "不属实 rejected", "准确率 precision")
    return csv_text(("月份 month", "分类 by", "名称 name", *HEADS, *more), rows)


def _values(figures: Figures) -> tuple[int, ...]:
    f = figures
    return (
        *(f.found, f.handled, f.signed_off, f.rejected, f.cleared, f.reopened),
        *(f.open, f.overdue_handle, f.overdue_clear, f.due, f.in_time),
    )


def _table(name: str, rows: Mapping[str, Figures], total: Figures | None) -> str:
    body = [_row([key], _values(figures)) for key, figures in rows.items()]
    if total is not None:
        body.append(_row(["合计 total"], _values(total), "sum"))
    return _made([name], HEADS, body)


def _scores(report: Report) -> str:
    rows = []
    for rule, score in sorted(report.scores.items()):
        precision = "—" if score.precision is None else f"{score.precision:.0%}"
        rows.append(_row([rule], (score.confirmed, score.rejected, precision)))
    return _made(["规则 rule"], ("属实 confirmed", "不属实 rejected", "准确率 precision"), rows)


def _cases(report: Report) -> str:
    rows = [_row(_cells(row(number, case, report.until_ns)), ()) for number, case in report.cases]
    return _made(list(CASE_HEADS), (), rows)


def _map(areas: Areas, by_county: Mapping[str, int]) -> str:
    """Counties within the outlines that their names begin with, such as 长沙市岳麓区 in 长沙市."""
    if not areas.areas:
        return "<p><small>未提供行政区划边界，无地图。No outlines of counties are known: no map.</small></p>"
    values: dict[str, int] = {}
    elsewhere = []
    for county, count in by_county.items():
        within = next((area.name for area in areas.areas if county.startswith(area.name)), None)
        if within is None:
            elsewhere.append(county)
        else:
            values[within] = values.get(within, 0) + count
    told = f"图上没有 not on the map: {_shown('、'.join(elsewhere))}。" if elsewhere else ""
    note = "边界仅为示意。The outlines are schematic."
    return f"{shaded(areas, values)}<p><small>{told}{note}</small></p>"


def _made(names: Sequence[str], numbers: Sequence[str], rows: Sequence[str]) -> str:
    if not rows:
        return "<p>无 none</p>"
    heads = "".join(f"<th>{_shown(name)}</th>" for name in names)
    heads += "".join(f'<th class="n">{_shown(name)}</th>' for name in numbers)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(texts: Sequence[str], numbers: Sequence[object], kind: str = "") -> str:
    cells = "".join(f"<td>{_shown(text)}</td>" for text in texts)
    cells += "".join(f'<td class="n">{_shown(str(number))}</td>' for number in numbers)
    return f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>"


def _cells(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _shown(text: str) -> str:
    return escape(printable(text, 400))
