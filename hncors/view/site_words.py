"""Every word of the page, in Chinese and in English: one table, asked for by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

LANGUAGES = ("zh", "en")
NAMES = {"zh": "中文", "en": "English"}
CODES = {"zh": "zh-CN", "en": "en"}

_WORDS: Mapping[str, tuple[str, str]] = {
    # the frame
    "site": ("基准站网监测", "Reference station monitor"),
    "skip": ("跳到正文", "Skip to content"),
    "menu": ("主菜单", "Main menu"),
    "overview": ("总览", "Overview"),
    "stations": ("站点", "Stations"),
    "events": ("事件", "Events"),
    "cases": ("案件", "Cases"),
    "admin": ("管理", "Administration"),
    "screen": ("大屏", "Big screen"),
    "language": ("语言", "Language"),
    "theme": ("外观", "Theme"),
    "theme_auto": ("跟随系统", "As the system"),
    "theme_light": ("浅色", "Light"),
    "theme_dark": ("深色", "Dark"),
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "leave_screen": ("退出大屏", "Leave big screen"),
    "as_of": ("数据时间（UTC）", "As of (UTC)"),
    "live_on": ("实时更新", "Live"),
    "live_off": ("已断线，数据不再更新", "Connection lost: nothing is updated"),
    # roles
    "public": ("公众", "public"),
    "operator": ("值班员", "operator"),
    "supervisor": ("监管员", "supervisor"),
    "administrator": ("管理员", "administrator"),
    # the monitor itself
    "halted": ("监测处理已停顿", "the monitor has not looked for 10 s"),
    "overloaded": (
        "处理能力不足，部分内容已略去",
        "there is more to do than time for it; some of it is left out",
    ),
    "refused": (
        "最近一次配置有误，仍用旧配置",
        "the last configuration was refused; see the log",
    ),
    "restart": ("部分配置须重启生效", "some of the configuration waits for a restart"),
    "clock": ("主机时钟可能有误", "the host's clock may be wrong"),
    "ledger": ("案件台账暂时无法写入", "the ledger of cases cannot be written now"),
    "ledger_lost": ("有条目未能写入台账", "entries were not written to the ledger"),
    "ledger_moved": (
        "台账曾损坏，已移存并新建",
        "a damaged ledger was moved aside and a new one begun",
    ),
    "recorder": ("部分原始数据未能录制", "not everything that comes is recorded now"),
    # overview
    "streaming_of": ("站在播", "stations streaming"),
    "map": ("站点分布图（示意）", "Map of the stations (schematic)"),
    "map_note": (
        "底图为示意图，位置只精确到 0.01°",
        "A schematic outline; places to a hundredth of a degree",
    ),
    "by_state": ("按状态", "By state"),
    "by_cause": ("按原因", "By cause"),
    "no_causes": ("目前没有已知的原因", "No cause is known now"),
    "attention": ("需要关注的站点", "Stations to look at"),
    "all_well": ("所有站点正常", "Every station streams"),
    "lately": ("最近变化", "What changed lately"),
    "nothing_lately": ("没有变化", "Nothing changed"),
    "leads": ("未备案线索", "Leads about unfiled streams"),
    "open_cases": ("未结案件", "Open cases"),
    "station_affected": ("站受影响", "station affected"),
    "stations_affected": ("站受影响", "stations affected"),
    "more": ("另有", "and more:"),
    "on_map": ("在图上", "on the map"),
    "not_placed": ("无坐标，不在图上", "without a place, not on the map"),
    # tables
    "station": ("站点", "Station"),
    "name": ("名称", "Name"),
    "state": ("状态", "State"),
    "since": ("起始时间（UTC）", "Since (UTC)"),
    "why": ("原因", "Why"),
    "satellites": ("卫星数", "Satellites"),
    "bds3": ("北斗三号", "BeiDou-3"),
    "latency": ("时延", "Latency"),
    "last_epoch": ("最新历元（GPST）", "Last epoch (GPST)"),
    "county": ("区县", "County"),
    "operator_of": ("单位", "Operator"),
    "when": ("时间（UTC）", "When (UTC)"),
    "event": ("事件", "Event"),
    "detail": ("内容", "Detail"),
    "count": ("数量", "Count"),
    "search": ("查找", "Search"),
    "filter": ("筛选", "Filter"),
    "all": ("全部", "All"),
    "page": ("页", "page"),
    "next": ("下一页", "Next"),
    "previous": ("上一页", "Previous"),
    "none": ("无", "none"),
    "unknown": ("未知", "unknown"),
    "invented": ("虚构", "invented"),
    "network": ("全网", "network"),
    "found": ("条", "found"),
    # station
    "availability": ("可用率", "Availability"),
    "observed": ("已观测", "observed"),
    "window_1h": ("1 小时", "1 hour"),
    "window_24h": ("24 小时", "24 hours"),
    "window_30d": ("30 天", "30 days"),
    "epochs": ("历元", "epochs"),
    "missing": ("缺失", "missing"),
    "integrity": ("完好性", "Integrity"),
    "caused": ("站点自身原因", "Causes of its own"),
    "inhibited": ("由更大范围原因解释", "Explained by a wider cause"),
    "series": ("时间序列", "Time series"),
    "series_note": (
        "每 15 秒（1 小时）或 5 分钟（24 小时）取一次当时的值",
        "One value as it was every 15 s (1 hour) or 5 minutes (24 hours)",
    ),
    "no_samples": ("尚无数据", "Nothing yet"),
    "no_script": ("曲线需要浏览器允许脚本", "The plots need scripts"),
    "cn0": ("载噪比 dB-Hz", "C/N0 dB-Hz"),
    "offsets": ("坐标偏差与保护级 m", "Offsets and protection levels m"),
    "multipath": ("多路径 m", "Multipath m"),
    "roti": ("ROTI TECU/min", "ROTI TECU/min"),
    "east": ("东", "east"),
    "north": ("北", "north"),
    "up": ("高", "up"),
    "hpl": ("水平保护级", "horizontal level"),
    "vpl": ("垂直保护级", "vertical level"),
    "sky": ("天空图", "Sky"),
    "no_sky": ("没有卫星方位：缺少星历或定位", "No directions: ephemerides or positions are missing"),
    "messages": ("电文统计", "Messages"),
    "message": ("电文", "Message"),
    "signals": ("信号", "Signals"),
    "signal": ("信号", "Signal"),
    "system": ("系统", "System"),
    "equipment": ("设备", "Equipment"),
    "filed_as": ("备案", "Filed"),
    "told_as": ("播发", "Broadcast"),
    "receiver": ("接收机", "Receiver"),
    "receiver_serial": ("接收机序列号", "Receiver serial"),
    "firmware": ("固件", "Firmware"),
    "antenna": ("天线", "Antenna"),
    "antenna_serial": ("天线序列号", "Antenna serial"),
    "recordings": ("录制文件", "Recordings"),
    "no_recordings": ("未录制", "Nothing is recorded"),
    "bytes_kept": ("已保存字节", "Bytes kept"),
    "bytes_lost": ("丢失字节", "Bytes lost"),
    "errors": ("错误", "Errors"),
    "kind": ("类别", "Kind"),
    "link": ("链路", "Link"),
    "place": ("位置", "Place"),
    "coarse": ("概略", "coarse"),
    "precise": ("精确", "precise"),
    "show_precise": ("查看精确坐标（留痕）", "Show precise coordinates (put on record)"),
    "latitude": ("纬度", "Latitude"),
    "longitude": ("经度", "Longitude"),
    "height": ("大地高", "Ellipsoidal height"),
    "frame": ("坐标系与历元", "Frame and epoch"),
    "arp_told": ("播发的参考点", "Broadcast reference point"),
    "filing": ("备案号", "Filing"),
    "permit": ("许可", "Permit"),
    "standing": ("备案状况", "Standing"),
    "rate": ("采样间隔", "Interval"),
    "reconnects": ("断线次数", "Connections lost"),
    "its_events": ("该站事件", "Its events"),
    "its_cases": ("该站案件", "Its cases"),
    # cases
    "case": ("案件", "Case"),
    "number": ("编号", "No."),
    "subject": ("对象", "Subject"),
    "rules": ("规则", "Rules"),
    "owner": ("承办人", "Owner"),
    "opened": ("发现时间", "Found"),
    "handle_by": ("处置期限", "Handle by"),
    "clear_by": ("清零期限", "Clear by"),
    "overdue": ("逾期", "Overdue"),
    "left": ("剩余", "left"),
    "past": ("已超期", "past by"),
    "days": ("天", "days"),
    "hours": ("小时", "hours"),
    "evidence": ("证据", "Evidence"),
    "rule": ("规则", "Rule"),
    "strength": ("强度", "Strength"),
    "inputs": ("依据", "Inputs"),
    "trail": ("留痕", "Trail"),
    "who": ("何人", "Who"),
    "step": ("步骤", "Step"),
    "attachments": ("附件", "Attachments"),
    "bundle": ("证据包", "Bundle of evidence"),
    "bundle_note": (
        "原始数据、备案信息与规则依据打包，含精确坐标；生成需数分钟，操作留痕",
        "Recordings, register and limits, with precise places. It takes minutes and is put on record.",
    ),
    "make_bundle": ("生成并下载", "Make and download"),
    "actions": ("办理", "Actions"),
    "text": ("说明", "What there is to say"),
    "checked_on": ("核查日期", "Day of the field check"),
    "by": ("实际办理人（代录时填写）", "Done by (where you write it down for somebody)"),
    "reason": ("原因", "Reason"),
    "take_step": ("提交", "Submit"),
    "open_case": ("人工立案", "Open a case"),
    "no_actions": ("您的角色目前没有可办理的步骤", "There is no step for your role now"),
    "sign_in_to_act": ("登录后才能办理", "Sign in to take steps"),
    "no_ledger": ("没有配置案件台账", "No ledger is configured"),
    "no_cases": ("没有案件", "No cases"),
    "lead_only": (
        "程序只给出线索与疑似，须经人员实地核查方为属实",
        "The software gives leads and suspicions; only a person's check in the field confirms",
    ),
    "standing_of": ("认定", "Standing"),
    "when_here": ("时间（北京）", "When (China)"),
    "hash": ("散列", "Hash"),
    "size": ("字节", "Bytes"),
    "open_only": ("未结", "Open"),
    "done": ("已办理", "Done"),
    # sign in
    "user": ("用户名", "User"),
    "password": ("密码", "Password"),
    "wrong": ("用户名或密码不正确", "User or password is wrong"),
    "too_often": ("尝试过于频繁，请稍后再试", "Too many attempts: wait a while"),
    "form_stale": ("表单已过期，请重试", "The form was too old: try again"),
    "no_users": ("没有配置用户文件，无法登录", "No users file is configured: nobody can sign in"),
    # refusals
    "not_found": ("没有这个页面", "There is no such page"),
    "not_allowed": ("您的角色不能查看此页", "Your role may not see this"),
    "refused_step": ("未办理", "Not done"),
    "failed": ("程序内部错误", "The monitor failed at this"),
    "busy": ("请求过多", "Too many requests"),
    "back": ("返回", "Back"),
    # administration
    "users": ("用户", "Users"),
    "sessions": ("在线会话", "Sessions"),
    "role": ("角色", "Role"),
    "accesses": ("查看与登录留痕", "Accesses and sign-ins"),
    "what": ("内容", "What"),
    "last_seen": ("最近活动", "Last seen"),
}


class Words(NamedTuple):
    """The words of one language."""

    language: str

    def __call__(self, name: str) -> str:
        """A word of the table."""
        return self.pick(*_WORDS[name])

    def pick(self, zh: str, en: str) -> str:
        """One of two texts."""
        return zh if self.language == "zh" else en

    def of(self, name: str, table: Mapping[str, str]) -> str:
        """A name of the program's with its Chinese in `table`; in English it is its own word."""
        return self.pick(table.get(name, name), name.replace("_", " "))


def names() -> tuple[str, ...]:
    """Every word there is, for tests."""
    return tuple(_WORDS)
