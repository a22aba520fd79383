"""What an operator calls states and events, and how they look: each in a colour and a shape of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hncors.health import Event
from hncors.supervise import words as case_words
from hncors.view.event_sentences import sentence_of
from hncors.view.site_words import Words

STATE_WORDS = {
    "streaming": "正常",
    "connecting": "连接中",
    "stalled": "无数据",
    "no_frames": "无有效帧",
    "no_epochs": "无历元",
    "stale_data": "数据陈旧",
    "identity_mismatch": "站点不符",
    "auth_failed": "认证失败",
    "mountpoint_missing": "无此挂载点",
    "not_ntrip": "非 NTRIP",
    "redirected": "被重定向",
    "protocol_error": "协议错误",
    "tls_failed": "TLS 失败",
    "unavailable": "服务不可用",
    "unreachable": "无法连接",
    "disabled": "已停用",
    "backoff": "等待重连",
}
"""What an operator calls the states of hncors.health.STATES."""

LOOKS = {"streaming": "good", "connecting": "wait", "backoff": "wait", "disabled": "off"}


def look_of(state: str) -> str:
    """good, wait, off or bad."""
    return LOOKS.get(state, "bad")


EVENT_WORDS: Mapping[str, str] = {
    "state": "状态变化",
    "lead": "证据线索",
    "satellite_fault": "卫星故障",
    "signal_fault": "信号故障",
    "system_fault": "系统故障",
    "disturbed_sky": "电离层扰动",
    "station_fault": "站点故障",
    "satellite_fault_over": "卫星故障结束",
    "signal_fault_over": "信号故障结束",
    "system_fault_over": "系统故障结束",
    "disturbed_sky_over": "电离层扰动结束",
    "station_fault_over": "站点故障结束",
    "antenna_moved": "天线移动",
    "arp_changed": "参考点变化",
    "arp_off_registry": "参考点与备案不符",
    "arp_as_registered": "参考点与备案一致",
    "arp_alternating": "参考点交替变化",
    "position_off_registry": "位置偏离备案",
    "position_as_registered": "位置与备案一致",
    "position_changed": "位置变化",
    "position_drift": "位置漂移",
    "reference_point_described_anew": "参考点重新说明",
    "equipment_changed": "设备变更",
    "identity_mismatch": "站点不符",
    "station_id_changed": "站号变化",
    "station_ids_interleaved": "站号交替",
    "mirrored_stream": "数据流相同",
    "epochs_missing": "历元缺失",
    "clock_jump": "接收机钟跳",
    "week_corrected": "周数修正",
    "replay": "疑似重放",
    "interference": "疑似干扰",
    "cn0_fall": "信号变弱",
    "cn0_recovered": "信号恢复",
    "ephemeris_stale": "星历过时",
    "stream_kind": "数据流性质",
    "text": "站点文字",
    "time_jump": "时刻跳变",
    "time_backwards": "时刻倒退",
    "monitor_blind": "监测盲区",
    "monitor_fault": "监测程序故障",
    "overloaded": "处理能力不足",
    "overload_over": "处理能力恢复",
    "clock_put_right": "时钟已校正",
    "host_clock_suspect": "主机时钟可疑",
    "host_clock_trusted": "主机时钟恢复",
    "configuration_reloaded": "配置已重载",
    "configuration_refused": "配置有误",
    "ledger_failing": "台账无法写入",
    "ledger_losing": "台账条目丢失",
    "ledger_damaged": "台账损坏，已移存",
    "ledger_written_again": "台账恢复写入",
}
WIDE_KINDS = frozenset(
    f"{kind}{over}"
    for kind in ("satellite_fault", "signal_fault", "system_fault", "disturbed_sky")
    for over in ("", "_over")
)
"""Events of the sky, which everybody may know of."""


def event_name(kind: str, words: Words) -> str:
    """What an event is called."""
    return words.of(kind, EVENT_WORDS)


def event_says(event: Event, words: Words) -> str:
    """What an event says, in a sentence where it has one."""
    detail: Mapping[str, Any] = event.detail
    if event.kind == "state":
        change = f"{words.of(str(detail['from']), STATE_WORDS)} → {words.of(str(detail['to']), STATE_WORDS)}"
        return f"{change}: {detail['why']}" if detail.get("why") else change
    for zh, en in (("text_zh", "text"), ("zh", "en")):
        if zh in detail and en in detail:
            sentence = str(detail[words.pick(zh, en)])
            if event.kind == "lead":
                standing = words.of(str(detail["standing"]), case_words.STANDING)
                return f"{detail['rule']} {standing}: {sentence}"
            return sentence
    if told := sentence_of(event.kind, detail, chinese=words.language == "zh"):
        return told
    return ", ".join(f"{key} {value}" for key, value in detail.items() if value != "")
