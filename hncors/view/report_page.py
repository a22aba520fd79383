"""The quality report of a replay as one page that needs nothing else: no script, no font, no other file.

Chinese first, English beside it. The page is well-formed XML; what came by wire is escaped, and there are no
coordinates in it: offsets only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hncors.health import Event
from hncors.view import report_words
from hncors.view.history import History
from hncors.view.replay_files import utc
from hncors.view.report_plots import plots
from hncors.view.report_words import REFERENCES, Words
from hncors.view.svg import STYLE, Markup, element, text

MOST_EVENTS = 200  # shown of a station: the last
_LOOKS = (
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1500px;padding:16px;background:var(--ground);"
    "color:var(--ink);font:15px/1.5 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif}"
    "h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.25em;border-top:2px solid var(--ink);padding-top:.6em;"
    "margin:1.6em 0 .4em}h3{font-size:1em;margin:1.4em 0 .4em}a{color:var(--c0)}"
    "[lang=en]{color:var(--pale)}[lang=en].alone{color:inherit}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:14px 22px;"
    "align-items:start}figure{margin:0;min-width:0}figcaption{font-weight:600}svg{width:100%;height:auto;display:block}"
    ".tables{display:flex;flex-wrap:wrap;gap:0 44px}.tables>div{max-width:100%}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.93em}"
    "th,td{text-align:left;padding:.2em .9em .2em 0;border-bottom:1px solid var(--grid);vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td{overflow-wrap:anywhere}"
    "dl{display:flex;flex-wrap:wrap;gap:6px 28px;margin:.4em 0}dl div{min-width:7em}dt{font-size:.85em}"
    "dd{margin:0;font-size:1.12em;font-variant-numeric:tabular-nums}"
    ".missing{border-left:4px solid var(--warn);padding-left:.8em}nav a{margin-right:1em}ul{margin:.3em 0}"
)


class Told(NamedTuple):
    """A station's part of summary.json, and where its history is."""

    summary: Mapping[str, Any]
    history: History
    row: int


def page(
    told: Sequence[Told], events: Mapping[str, Sequence[Event]], inputs: Sequence[str], version: str
) -> str:
    """The page of a replay; `events` are the last of each station, "" being the monitor itself."""
    title = "基准站数据质量报告 Reference station quality report"
    head = (
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE + _LOOKS)),
    )
    about = (
        element("h1", _both(("基准站数据质量报告", "Reference station quality report"))),
        element("p", f"hncors {version}. ", ", ".join(inputs[:50])),
        element("nav", *(element("a", _id(one), href=f"#{_anchor(n)}") for n, one in enumerate(told))),
    )
    sections = [_section(n, one, events.get(_id(one), ())) for n, one in enumerate(told)]
    monitor = events.get("", ())
    if monitor:
        sections.append(
            element("section", element("h2", _both(("监测程序", "The monitor"))), _events(monitor))
        )
    body = element("body", *about, *sections)
    return "<!DOCTYPE html>\n" + element("html", element("head", *head), body, lang="zh-CN") + "\n"


def _id(one: Told) -> str:
    return str(one.summary["station"])


def _anchor(number: int) -> str:
    return f"s{number}"


def _both(words: Words) -> Markup:
    chinese, english = words
    if chinese == english:
        return text(chinese)
    return Markup(f"{text(chinese)} {element('span', english, lang='en')}")


def _section(number: int, one: Told, events: Sequence[Event]) -> Markup:
    summary = one.summary
    figures = [
        element("figure", element("figcaption", _both(plot.title)), plot.image)
        for plot in plots(one.history, one.row)
    ]
    parts = [
        element("h2", _id(one), id=_anchor(number)),
        element("dl", *(_fact(*fact) for fact in _facts(summary))),
        _missing(summary["quality"]["not_computed"]),
        element("div", *figures, class_="plots"),
        element("div", *_tables(summary), class_="tables"),
        _heading(("状态与事件", "States and events")),
        element("p", f"{summary['state']} {summary['why']}".strip()),
        _events(events),
    ]
    return element("section", *parts)


def _tables(summary: Mapping[str, Any]) -> Iterator[Markup]:
    """What is counted."""
    for heading, counted in (
        (("信号", "Signals"), _signals(summary["signals"])),
        (("电文统计", "Messages"), _census(summary)),
        (("星历", "Ephemerides"), _counts(("系统", "system"), summary["ephemerides"])),
        (("异常计数", "Anomalies"), _counts(("名称", "name"), summary["anomalies"])),
    ):
        if counted:
            yield element("div", _heading(heading), counted)


def _heading(words: Words) -> Markup:
    return element("h3", _both(words))


def _fact(words: Words, value: str) -> Markup:
    return element("div", element("dt", _both(words)), element("dd", value))


def _facts(summary: Mapping[str, Any]) -> Iterator[tuple[Words, str]]:
    """The first things one wants to know."""
    epochs, its = summary["epochs"], summary["quality"]
    yield ("起止", "From, to (GPST)"), f"{summary['first_epoch'] or '?'} – {summary['last_epoch'] or '?'}"
    yield ("历元", "Epochs"), f"{epochs['received']:,} / {epochs['expected']:,}"
    if summary["availability"] is not None:
        yield ("可用率", "Availability"), f"{100 * summary['availability']:.2f} %"
    yield ("定位历元", "Solved"), f"{its['solved']:,}"
    for name, words in (
        ("horizontal", ("水平误差 95 %", "Horizontal, 95 %")),
        ("vertical", ("垂直误差 95 %", "Vertical, 95 %")),
    ):
        if (error := its["error_m"][name]) is not None:
            yield words, f"{error['p95']:.2f} m"
    for name, words in (
        ("horizontal", ("HPL 中位", "median")),
        ("vertical", ("VPL 中位", "median")),
    ):
        if (level := its["protection_level_m"][name]) is not None:
            yield words, f"{level['median']:.1f} m"
    if (misleading := its["misleading"]) is not None:
        yield ("误导历元", "Misleading"), f"{misleading['epochs']:,} / {misleading['judged']:,}"
        yield (
            ("等效独立样本", "Independent samples"),
            f"{misleading['independent']:,.1f} (τ {misleading['correlation_s']:,.0f} s)",
        )
    yield ("北斗三号卫星", "BeiDou-3"), f"{summary['bds3_satellites']}"
    yield ("偏差参考", "Offsets from"), report_words.plain(REFERENCES[its["reference"]])


def _missing(lines: Sequence[dict[str, str]]) -> Markup:
    if not lines:
        return Markup()
    items = []
    for one in lines:
        what, why = report_words.missing(one)
        items.append(element("li", _both((f"{what[0]}：{why[0]}", f"{what[1]}: {why[1]}"))))
    heading = element("h3", _both(("未能计算", "Not computed")))
    return element("div", heading, element("ul", *items), class_="missing")


def _signals(signals: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Markup:
    columns = (
        ("信号", "signal"), (">观测值", "observations"), (">C/N0 dB-Hz", ""), (">周跳", "slips"),
        (">观测值/周跳", "per slip"), (">多路径 m", "multipath"),
    )  # fmt: skip
    rows = [
        (
            f"{gnss} {code}",
            f"{one['observations']:,}",
            _figure(one["cn0_dbhz"], 1),
            f"{one['slips']:,}",
            f"{one['observations'] // one['slips']:,}" if one["slips"] else "",
            _figure(one["multipath_m"], 2),
        )
        for gnss, codes in signals.items()
        for code, one in codes.items()
    ]
    return _table(columns, rows)


def _counts(name: Words, counts: Mapping[str, int]) -> Markup:
    rows = [(key, f"{count:,}") for key, count in counts.items()]
    return _table((name, (">次数", "count")), rows) if rows else Markup()


def _census(summary: Mapping[str, Any]) -> Markup:
    """Messages by type, with how many an epoch."""
    received = summary["epochs"]["received"]
    rows = [
        (kind, f"{count:,}", f"{count / received:.3f}" if received else "")
        for kind, count in summary["messages"].items()
    ]
    return _table((("类型", "type"), (">数量", "count"), (">每历元", "per epoch")), rows)


def _events(events: Sequence[Event]) -> Markup:
    if not events:
        return element("p", _both(("无事件", "no events")))
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(Counter(one.kind for one in events).items()))
    rows = [
        (utc(one.at_ns) or "", one.kind, "; ".join(f"{key}: {value}" for key, value in one.detail.items()))
        for one in events
    ]
    table = _table((("时间", "UTC"), ("事件", "event"), ("详情", "detail")), rows)
    return element("details", element("summary", kinds), table, open="open" if len(rows) <= 20 else None)


def _table(columns: Sequence[Words], rows: Iterable[Sequence[Any]]) -> Markup:
    """A table; columns whose name begins with ">" are flush right."""
    sides = ["n" if words[0].startswith(">") else None for words in columns]
    head = [
        element("th", _both((words[0].removeprefix(">"), words[1])), class_=side)
        for words, side in zip(columns, sides, strict=True)
    ]
    body = [
        element("tr", *(element("td", str(cell), class_=side) for cell, side in zip(row, sides, strict=True)))
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *head)), element("tbody", *body))
    return element("div", whole, class_="wide")


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
