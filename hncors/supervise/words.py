"""What the names of cases are called in Chinese, for whoever reads them."""

from __future__ import annotations

from collections.abc import Mapping

STATE: Mapping[str, str] = {
    "discovered": "已发现",
    "verifying": "核实中",
    "dispatched": "已交办",
    "handled": "已处置",
    "signed_off": "已销号",
    "rejected": "已排除",
    "reopened": "重新打开",
}

STANDING: Mapping[str, str] = {"lead": "线索", "suspected": "疑似", "confirmed": "属实"}

STRENGTH: Mapping[str, str] = {
    "context": "背景",
    "weak": "弱",
    "medium": "中",
    "strong": "强",
    "decisive": "决定性",
}

ACTION: Mapping[str, str] = {
    "open": "立案",
    "lead": "新线索",
    "examine": "开始核实",
    "dispatch": "交办",
    "confirm": "实地核查属实",
    "handle": "处置",
    "sign_off": "销号",
    "reject": "排除",
    "reopen": "重新打开",
    "assign": "指定承办人",
    "note": "备注",
    "attach": "附件",
}

ROLE: Mapping[str, str] = {
    "software": "程序",
    "operator": "值班员",
    "county": "市县",
    "supervisor": "监管员",
}

REASON: Mapping[str, str] = {
    "authorised_relay": "经授权的转播",
    "network_product": "网络差分产品（虚拟站）",
    "equipment_change": "已报备的设备更换",
    "temporary_permitted": "临时许可范围内",
    "typing_error": "登记笔误",
    "frame_or_epoch": "坐标框架或历元差异",
    "disturbed_ionosphere": "电离层扰动",
    "outage_or_maintenance": "故障或检修",
    "outside_province": "不在本省",
    "own_test": "自有测试",
    "not_found_in_field": "实地核查未发现",
    "duplicate": "重复案件",
    "other": "其他",
}

OVERDUE: Mapping[str, str] = {"handle": "逾期未处置", "clear": "逾期未清零", "": ""}


def both(name: str, words: Mapping[str, str]) -> str:
    """A name with its Chinese: `已发现 discovered`."""
    return f"{words[name]} {name.replace('_', ' ')}" if words.get(name) else name
