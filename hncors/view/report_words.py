"""What a quality report says, in Chinese and in English."""

from __future__ import annotations

Words = tuple[str, str]

WHAT: dict[str, Words] = {
    "date": ("日期", "the date"),
    "latency": ("时延", "latency"),
    "everything": ("全部指标", "everything"),
    "positions": ("定位", "positions"),
    "some_positions": ("部分历元的定位", "positions of some epochs"),
    "offsets": ("坐标偏差与斯坦福图", "offsets and Stanford plots"),
    "levels": ("保护级", "protection levels"),
    "multipath": ("多路径", "multipath"),
    "roti": ("ROTI", "ROTI"),
    **{f"satellites_{letter}": (f"{letter} 卫星", f"satellites of {letter}") for letter in "GRESJCI"},
}

WHY: dict[str, Words] = {
    "no_week": ("数据未给出 GPS 周", "nothing in the data tells the GPS week"),
    "no_arrival_times": ("录制文件没有到达时间", "the recording has no arrival times"),
    "no_epochs": ("没有一个完整历元", "there was not one complete epoch"),
    "no_reference": (
        "既无备案坐标，数据流也未播发参考点",
        "there are no registered coordinates, and the stream tells no reference point",
    ),
    "no_redundancy": ("观测值不多于未知数", "there were no more ranges than unknowns"),
    "unbounded": (
        "有一个可能故障的系统无法剔除",
        "a system that is likely enough to fail could not be left out",
    ),
    "arcs_too_short": (
        "双频弧段不足五分钟，或只有一个频率",
        "no arc on two frequencies lasted five minutes",
    ),
    "less_than_five_minutes": (
        "30° 以上没有五分钟的双频载波相位",
        "there were no five minutes of phases on two frequencies above 30 degrees",
    ),
    "no_ephemeris": ("没有该时刻的星历", "no ephemeris of the time"),
    "too_few_satellites": ("可用卫星太少", "too few usable satellites"),
    "no_solution": ("卫星几何无法定位", "the satellites' directions determine no place"),
    "no_ranges": ("没有可用的伪距", "no range of a signal that can be used"),
    "integrity_fault": ("完好性检验未通过", "the integrity tests saw a fault"),
    "left_out": ("监测程序过载，未作定位", "the monitor was overloaded and left positions out"),
    "unhealthy": ("卫星自报不健康", "told to be unhealthy"),
    "accuracy_unknown": ("卫星不保证精度", "their accuracy is not promised"),
    "ephemeris_stale": ("星历已过期", "their ephemerides are too old"),
    "no_group_delay": ("信号组合没有群延迟", "no group delay for their signals"),
}

STATES: dict[str, Words] = {
    "ok": ("通过", "ok"),
    "excluded": ("已剔除故障", "excluded"),
    "alert": ("告警", "alert"),
    "not_possible": ("无法检验", "not possible"),
    "unavailable": ("不可用", "unavailable"),
}
STATE_COLOURS = {
    "ok": "good",
    "unavailable": "none",
    "not_possible": "c6",
    "excluded": "warn",
    "alert": "bad",
}
"""From the least to the most that is drawn over others."""

REFERENCES: dict[str | None, Words] = {
    "registered": ("备案坐标（归算至观测历元）", "the registered coordinates, brought to the day"),
    "stream": ("数据流播发的参考点", "the reference point that the stream tells"),
    None: ("无", "none"),
}


def plain(words: Words) -> str:
    """Both, as one line of text."""
    chinese, english = words
    return chinese if chinese == english else f"{chinese} {english}"


def missing(one: dict[str, str]) -> tuple[Words, Words]:
    """What a line of `hncors.view.report.not_computed` says: what is missing, and why."""
    what, why = WHAT[one["what"]], WHY.get(one["why"], (one["why"], one["why"]))
    if "count" in one:
        what = (f"{what[0]}（{one['count']} 颗）", f"{what[1]} ({one['count']})")
    return what, why
