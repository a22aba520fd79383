"""The report on BeiDou-3 and equipment: what each station delivered over recordings, of what it promised.

One page in Chinese and English that needs nothing else, a table for a spreadsheet, and figures that the next
report draws its progress from. No coordinate and no serial number is in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hncors.equipment import DOMESTIC, Maker
from hncors.network import Network
from hncors.signals import BEIDOU, CODES, SLOTS
from hncors.view.bds3 import promised, state
from hncors.view.charts import grouped, listed
from hncors.view.equipment import named
from hncors.view.html import joined, tag
from hncors.view.sheet import csv_text
from hncors.view.svg import Markup

HEADS = (
    *("站号 station", "名称 name", "区县 county", "运营单位 operator", "历元 epochs"),
    *(
        "北斗三号卫星 BeiDou-3 satellites",
        "可用 usable",
        "不可用原因 why not",
        "观测占比 share of observations",
    ),
    *("承诺信号 promised", "已播发 delivered", "缺少 missing"),
    *("接收机 receiver", "固件 firmware", "接收机厂家 its maker", "国产 origin"),
    *("天线 antenna", "天线厂家 its maker", "国产 origin"),
)
WHY = {
    "usable": "",
    "no_beidou": "无北斗 no BeiDou",
    "no_bds3": "仅北斗二号 BeiDou-2 only",
    "no_ranges": "伪距不全 no whole ranges",
    "unhealthy": "星历标为不健康 unhealthy",
    "accuracy_unknown": "精度未知 accuracy unknown",
    "ephemeris_stale": "星历过旧 stale ephemeris",
    "no_ephemeris": "无星历 no ephemeris",
    "no_group_delay": "缺群延迟 no group delay",
}
ORIGIN = {"domestic": "国产 domestic", "foreign": "国外 foreign", "unknown": "未知 unknown"}
PROGRESS = (
    ("delivering", "北斗三号已播发 delivered"),
    ("usable", "可用 usable"),
    ("domestic_receivers", "国产接收机 domestic receivers"),
    ("domestic_antennas", "国产天线 domestic antennas"),
)
STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 90em; margin: 2em auto; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .2em .6em; border-bottom: 1px solid #8886; text-align: left; font-size: 13px; }
.big { display: flex; flex-wrap: wrap; gap: 1em; }
.big div { border: 1px solid #8886; padding: .6em 1em; }
.big b { display: block; font-size: 1.8em; }
small { opacity: .8; } svg { max-width: 100%; height: auto; }
"""


class Line(NamedTuple):
    """What a station delivered."""

    id: str
    name: str
    county: str
    operator: str
    epochs: int
    satellites: int  # of BeiDou-3, different ones
    use: str | None  # of hncors.view.bds3.STATES; None: not looked at
    share: float | None  # of its observations
    promised: tuple[str, ...]
    delivered: tuple[str, ...]
    receiver: str
    firmware: str
    antenna: str
    makers: Mapping[str, Maker]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(code for code in self.promised if code not in self.delivered)

    def cells(self) -> tuple[object, ...]:
        """As HEADS names them."""
        share = None if self.share is None else f"{self.share:.1%}"
        why = "未判定 not looked at" if self.use is None else WHY[self.use]
        made: list[object] = []
        for kind, words in (("receiver", (self.receiver, self.firmware)), ("antenna", (self.antenna,))):
            maker = self.makers.get(kind)
            made += [*words, maker.zh if maker else "", ORIGIN[maker.origin] if maker else ""]
        return (
            *(self.id, self.name, self.county, self.operator, self.epochs, self.satellites),
            *("是 yes" if self.use == "usable" else "否 no", why, share),
            *(" ".join(codes) for codes in (self.promised, self.delivered, self.missing)),
            *made,
        )


def line(network: Network, number: int, station: object, epochs: int, satellites: int) -> Line:
    """Of a station at the end of what was played; `satellites` are those of BeiDou-3 it had in all."""
    tally, stream = network.tally, network.streams[number]
    seen = np.flatnonzero(tally.seen_bds3[number]).tolist()
    observed = int(tally.observations[number].sum())
    its = named(stream)

    def word(name: str) -> str:
        return str(getattr(station, name, "") or "")

    return Line(
        stream.id, word("name"), word("county"), word("operator"), epochs, satellites,
        state(network, number) if epochs else None,
        int(tally.bds3_observations[number]) / observed if observed else None,
        tuple(promised(station)), tuple(CODES[BEIDOU][slot] for slot in seen if slot < SLOTS),
        its.receiver, its.firmware, its.antenna, its.makers(),
    )  # fmt: skip


def figures(lines: Sequence[Line], date: str) -> dict[str, Any]:
    """Of all stations, to be kept for the next report: counts and shares, None where there is nothing."""
    with_data = [one for one in lines if one.epochs]
    promises = [(code, code in one.delivered) for one in with_data for code in one.promised]

    def share(values: Sequence[bool]) -> float | None:
        return round(sum(values) / len(values), 4) if values else None

    def domestic(kind: str) -> float | None:
        return share([one.makers[kind].origin == DOMESTIC for one in with_data if kind in one.makers])

    return {
        "date": date,
        "stations": len(lines),
        "with_data": len(with_data),
        "delivering": share([bool(one.delivered) for one in with_data]),
        "usable": share([one.use == "usable" for one in with_data]),
        "promised_delivered": share([there for _, there in promises]),
        "domestic_receivers": domestic("receiver"),
        "domestic_antennas": domestic("antenna"),
    }


def to_csv(lines: Sequence[Line]) -> str:
    """A line a station."""
    return csv_text(HEADS, (one.cells() for one in lines))


def page(lines: Sequence[Line], now: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> str:
    """The report; `earlier` are figures of reports before, by date."""
    title = f"北斗三号与设备国产化 {now['date']} · BeiDou-3 and equipment"
    big = [("有数据站数 stations with data", f"{now['with_data']} / {now['stations']}")]
    shares = (
        *PROGRESS[:2],
        ("promised_delivered", "承诺信号播发率 promised signals delivered"),
        *PROGRESS[2:],
    )
    big += [(words, _percent(now[name])) for name, words in shares]
    course = [
        (str(one["date"]), [round(100 * (one.get(name) or 0)) for name, _ in PROGRESS])
        for one in sorted([*earlier, now], key=lambda one: str(one["date"]))
    ]
    parts = [
        tag("h1", title),
        tag("div", *(tag("div", tag("b", value), words) for words, value in big), class_="big"),
        tag("h2", "进展 · Progress"),
        tag("p", tag("small", "百分比 per cent")),
        Markup(grouped(course, [words for _, words in PROGRESS])),
        tag("h2", "各信号播发站数 · Stations by signal"),
        Markup(listed(_by_signal(lines)) if _by_signal(lines) else "<p>无 none</p>"),
        *(
            part
            for kind, words in (("receiver", "接收机 · Receivers"), ("antenna", "天线 · Antennas"))
            for part in (tag("h2", words), Markup(listed(_by_maker(lines, kind)) or "<p>无 none</p>"))
        ),
        tag("h2", "各站 · Stations"),
        _table(lines),
        tag(
            "p",
            tag(
                "small",
                "型号取自 1007、1008、1033 电文，为站点自述；国产指厂家所在地，不说明内部板卡。"
                "Names are what stations say of themselves; domestic is the maker's seat.",
            ),
        ),
    ]
    head = (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"><meta http-equiv='
        "\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    return f"{head}<title>{title}</title><style>{STYLE}</style></head><body>{joined(parts)}</body></html>\n"


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


def _by_signal(lines: Sequence[Line]) -> list[tuple[str, int]]:
    codes = sorted({code for one in lines for code in one.delivered})
    return [(code, sum(code in one.delivered for one in lines)) for code in codes]


def _by_maker(lines: Sequence[Line], kind: str) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for one in lines:
        if kind in one.makers:
            maker = one.makers[kind]
            name = f"{maker.zh} {maker.name}" if maker.zh != maker.name else maker.name
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items(), key=lambda row: -row[1])


def _table(lines: Sequence[Line]) -> Markup:
    head = tag("tr", *(tag("th", words) for words in HEADS))
    body = [
        tag("tr", *(tag("td", "" if cell is None else str(cell)) for cell in one.cells())) for one in lines
    ]
    return tag("table", tag("thead", head), tag("tbody", *body))
