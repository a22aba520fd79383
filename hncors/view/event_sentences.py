"""Sentences for events that have none of their own, in Chinese and English, from their details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "antenna_moved": ("天线移动 {distance_m} m", "the antenna moved by {distance_m} m"),
    "position_off_registry": (
        "位置偏离备案 {distance_m} m",
        "the position is {distance_m} m from the registered place",
    ),
    "clock_jump": ("接收机钟跳 {milliseconds} ms", "the receiver's clock jumped by {milliseconds} ms"),
    "epochs_missing": ("缺 {missing} 个历元，至 {until}", "{missing} epochs missing, until {until}"),
    "time_jump": ("时刻跳到 {epoch}", "time jumps to {epoch}"),
    "time_backwards": ("时刻倒退到 {epoch}", "time goes back to {epoch}"),
    "replay": ("历元 {epoch} 与到达时刻不符", "epoch {epoch}, which is not of the time it came at"),
    "arp_changed": (
        "参考点移动 {distance_m} m，共 {changes} 次",
        "the reference point moved by {distance_m} m, {changes} changes in all",
    ),
    "arp_alternating": (
        "两个参考点交替，相距 {distance_m} m",
        "two reference points take turns, {distance_m} m apart",
    ),
    "mirrored_stream": ("观测与 {like} 相同", "the observations are those of {like}"),
    "station_id_changed": ("站号由 {from} 变为 {to}", "station number {from} becomes {to}"),
    "monitor_blind": ("{seconds} 秒未监测", "nobody looked for {seconds} s"),
    "clock_put_right": ("时钟校正 {seconds} 秒", "the clock was put right by {seconds} s"),
    "week_corrected": (
        "周数修正 {weeks}，星历表明为 {ephemerides_say}",
        "{weeks} weeks put right, by ephemerides it is {ephemerides_say}",
    ),
}


def sentence_of(kind: str, detail: Mapping[str, Any], *, chinese: bool) -> str:
    """What an event says, "" where there is no sentence for it or a part of it is not told."""
    zh, en = _SENTENCES.get(kind, ("", ""))
    try:
        return (zh if chinese else en).format_map(detail)
    except KeyError:
        return ""
