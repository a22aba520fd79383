"""Causes in words: what an operator reads in an event, in English and in Chinese, without a coordinate."""

from __future__ import annotations

from typing import Any

from hncors.measure.attribution import FIRST, SECOND, UNKNOWN
from hncors.signals import GNSS

WIDE = ("satellite", "signal", "system", "sky")
"""Causes that lie beyond stations, by which their alarms are explained."""

OWN = ("moved", "walks_off", "elsewhere", "interference", "antenna", "clock", "signal", "ranges")
"""Causes that are a station's own."""

OWN_WORDS = {
    "moved": ("stands away from its registered place", "偏离备案位置"),
    "walks_off": ("its position walks off, as with forged signals", "位置持续漂移，不排除信号欺骗"),
    "elsewhere": ("its ranges put it at another place", "观测数据解算出的位置在别处"),
    "interference": ("its signals are jammed", "信号受到干扰"),
    "antenna": ("its antenna is blocked or its cable or amplifier fails", "天线遮挡，或馈线、放大器故障"),
    "clock": ("its receiver's clock jumped", "接收机钟跳变"),
    "signal": ("its ranges of one system are off", "单个系统的伪距整体偏移"),
    "ranges": ("its ranges contradict each other", "伪距互相矛盾"),
}
_WHAT = {
    "clock": ("clock", "卫星钟"),
    "orbit": ("orbit", "星历轨道"),
    "range": ("clock, orbit or a signal", "卫星钟、轨道或单个信号"),
    "time": ("time", "系统时间"),
    "satellites": ("most of its satellites", "多数卫星"),
}
# Bands of hncors.measure.ranges: the first, and by pairing the second.
_BANDS = {
    "G": ("L1", "L2", ""),
    "R": ("G1", "G2", ""),
    "E": ("E1", "E5a", "E5b"),
    "J": ("L1", "L2", ""),
    "C": ("B1I", "B3I", "B2I"),
}
_SYSTEMS = {"G": "GPS", "R": "GLONASS", "E": "Galileo", "J": "QZSS", "C": "BeiDou", "S": "SBAS", "I": "NavIC"}
_SYSTEMS_ZH = {**_SYSTEMS, "C": "北斗", "G": "GPS", "E": "伽利略", "R": "格洛纳斯"}


def band(gnss: int, pairing: int, whose: int) -> str:
    """The signal at fault, by system and pairing; "" where it is none, or not known."""
    bands = _BANDS.get(GNSS[gnss], ("", "", ""))
    return {FIRST: bands[0], SECOND: bands[pairing] if pairing else ""}.get(whose, "")


def signal_error_m(range_m: float, c1: float, whose: int) -> float:
    """What the signal itself is off, where the range free of the ionosphere is off by `range_m`."""
    return range_m / c1 if whose == FIRST else -range_m / (c1 - 1.0)


def what(whose: int, orbit: bool) -> str:
    """The word of `_WHAT` for a satellite whose signals are not at fault one by one."""
    if whose == UNKNOWN:
        return "range"
    return "orbit" if orbit else "clock"


def satellite(detail: dict[str, Any]) -> dict[str, Any]:
    """The detail of a satellite's or one of its signal's fault, with its sentences."""
    name, seen, of = detail["satellite"], detail["seen_by"], detail["of"]
    if "signal" in detail:
        head = f"{name} {detail['signal']} {detail['signal_m']:+.1f} m"
        en = f"signal fault: {head}, seen by {seen} of {of} stations"
        zh = f"信号故障：{head}，{of} 站中 {seen} 站受影响"
    else:
        english, chinese = _WHAT[detail["what"]]
        head = f"{name} range {detail['range_m']:+.1f} m"
        en = f"satellite fault: {head} ({english}), seen by {seen} of {of} stations"
        zh = f"卫星故障：{name} 伪距偏差 {detail['range_m']:+.1f} m（{chinese}），{of} 站中 {seen} 站受影响"
    return {**detail, "text": en, "text_zh": zh}


def system(detail: dict[str, Any]) -> dict[str, Any]:
    """The same of a whole system's."""
    letter, seen, of = detail["gnss"], detail["seen_by"], detail["of"]
    name, name_zh = _SYSTEMS[letter], _SYSTEMS_ZH[letter]
    if "signal" in detail:
        head = f"{detail['signal']} {detail['signal_m']:+.1f} m"
        en = f"signal fault of all {name}: {head}, seen by {seen} of {of} stations"
        zh = f"{name_zh}全系统信号故障：{head}，{of} 站中 {seen} 站受影响"
    else:
        english, chinese = _WHAT[detail["what"]]
        by = f" {detail['range_m']:+.1f} m" if "range_m" in detail else ""
        en = f"system fault: {name}{by} ({english}), seen by {seen} of {of} stations"
        zh = f"系统故障：{name_zh}{by}（{chinese}），{of} 站中 {seen} 站受影响"
    return {**detail, "text": en, "text_zh": zh}


def sky(detail: dict[str, Any]) -> dict[str, Any]:
    """The same of a disturbed ionosphere."""
    roti, seen, of = detail["roti_tecu_min"], detail["seen_by"], detail["of"]
    en = f"disturbed ionosphere: ROTI {roti:.1f} TECU/min in the middle, over {seen} of {of} stations"
    zh = f"电离层扰动：ROTI 中位数 {roti:.1f} TECU/min，{of} 站中 {seen} 站上空受扰"
    return {**detail, "text": en, "text_zh": zh}


def station(detail: dict[str, Any]) -> dict[str, Any]:
    """The same of a station's own."""
    english, chinese = OWN_WORDS[detail["cause"]]
    if detail.get("gnss"):
        english, chinese = f"{english} ({detail['gnss']})", f"{chinese}（{detail['gnss']}）"
    if "offset_m" in detail:
        english, chinese = (f"{words}, {detail['offset_m']:g} m" for words in (english, chinese))
    if detail.get("like"):
        english, chinese = f"{english}, that of {detail['like']}", f"{chinese}，为 {detail['like']} 的位置"
    en = f"station fault: {english}; no wider cause"
    return {**detail, "text": en, "text_zh": f"站点故障：{chinese}；无更大范围原因"}


def over(detail: dict[str, Any], seconds: float, seen: bool) -> dict[str, Any]:
    """The detail of an end."""
    keep = {name: value for name, value in detail.items() if name in ("satellite", "signal", "gnss", "cause")}
    named = " ".join(str(value) for value in keep.values())
    english, chinese = OWN_WORDS.get(str(keep.get("cause", "")), (named or "sky", named or "电离层"))
    return {
        **keep,
        "seconds": round(seconds, 3),
        "why": "gone" if seen else "not seen any more",
        "text": f"over: {english}, after {seconds:.0f} s",
        "text_zh": f"结束：{chinese}，历时 {seconds:.0f} 秒",
    }
