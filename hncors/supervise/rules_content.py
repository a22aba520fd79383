"""Rules about what a stream holds: equipment, names, observations that are another's or of another time."""

from __future__ import annotations

import math
from datetime import date, timedelta

from hncors import kinds
from hncors.supervise.lead import Lead, about
from hncors.supervise.seen import SERIALS, Seen, World
from hncors.supervise.standing import differing
from hncors.text import printable

DAY_S, SIDEREAL_DAY_S = 86_400.0, 86_164.1
LOOPS = 3  # times the same data came: a link may send once again what it kept
_NEAR_S = 30.0  # a repeat of a day is told by this
_NAMES = {
    "receiver_serial": "接收机序列号",
    "antenna_serial": "天线序列号",
    "receiver": "接收机型号",
    "antenna": "天线型号",
}


def equipment(seen: Seen, world: World) -> Lead | None:
    """E6: equipment that is not the filed one, or whose serial number is live in two places."""
    if not seen.live:
        return None
    for name in SERIALS:
        serial = seen.equipment.get(name, "")
        if not serial or _placeholder(serial, world):
            continue
        for other in (world.seen[subject] for subject in world.serials.get((name, serial), ())):
            if other.subject == seen.subject or not other.live:
                continue
            if not _same_make(seen, other, name) or seen.arp_m is None or other.arp_m is None:
                continue
            apart_m = math.dist(seen.arp_m, other.arp_m)
            if apart_m > world.policy.filed_within_m and other.filed >= seen.filed:
                return Lead(
                    "strong",
                    f"{_NAMES[name]}与 {other.subject} 相同，两处相距约 {about(apart_m)}",
                    f"its {name.replace('_', ' ')} is that of {other.subject}, {about(apart_m)} away",
                    {"what": name, "like": other.subject, "distance": about(apart_m)},
                )
    if not seen.filed or seen.station is None:
        return None
    for name in differing(seen.station, seen.equipment):
        if not _placeholder(seen.equipment[name], world):
            said = printable(seen.equipment[name], 80)
            zh, en = f"{_NAMES[name]}与备案不符", f"its {name.replace('_', ' ')} is not the filed one"
            return Lead("medium", zh, en, {"what": name, "said": said})
    return None


def _plain(text: str) -> str:
    return "".join(text.upper().split())


def _placeholder(text: str, world: World) -> bool:
    """Whether a serial number is none: what software writes where nothing was entered."""
    plain = _plain(text)
    return len(set(plain)) < 2 or plain in {_plain(one) for one in world.policy.placeholders}


def _same_make(seen: Seen, other: Seen, name: str) -> bool:
    """Numbers of two makers may be equal by chance."""
    kind = name.partition("_")[0]
    one, two = seen.equipment.get(kind), other.equipment.get(kind)
    return one is None or two is None or _plain(one) == _plain(two)


def imitates(seen: Seen, world: World) -> Lead | None:
    """E7: a stream that is not filed has a name like the own network's."""
    if seen.filed or seen.permitted or seen.heard is not None:
        return None
    name = seen.subject.rpartition("/")[2].upper()
    prefix = next((one for one in world.policy.own_prefixes if one and name.startswith(one.upper())), None)
    filed = next((one.id for one in world.filed if one.id.upper() == name), None)
    if prefix is None and filed is None:
        return None
    like = prefix or filed
    return Lead(
        "weak", f"名称与本网的 {like} 相似", f"its name is like the own network's {like}", {"like": like}
    )


def not_as_filed(seen: Seen, world: World) -> Lead | None:
    """E13: filed and silent, or live though it was withdrawn or its permit has ended."""
    station = seen.station
    if station is None or not station.filed or station.filing is None:
        return None
    hours = seen.quiet_s / 3600
    withdrawn = station.filing.withdrawn_on
    gone = withdrawn is not None and seen.at_ns // 1_000_000_000 >= _day_after_s(withdrawn)
    if seen.live and gone:
        return Lead(
            "strong",
            f"已于 {withdrawn} 注销，仍在播发",
            f"live, though withdrawn on {withdrawn}",
            {"withdrawn": str(withdrawn)},
        )
    if not seen.live and not gone and station.enabled and hours >= world.policy.silent_hours:
        return Lead(
            "strong",
            f"已备案，{hours:.0f} 小时无数据",
            f"filed, and without data for {hours:.0f} hours",
            {"hours": round(hours)},
        )
    ends = station.permit.ends if station.permit is not None else None
    if seen.live and ends is not None and seen.at_ns // 1_000_000_000 >= _day_after_s(ends):
        return Lead(
            "strong",
            f"许可已于 {ends} 到期，仍在播发",
            f"live, though its permit ended on {ends}",
            {"ended": str(ends)},
        )
    return None


def _day_after_s(day: date) -> int:
    """The first second, UTC+8, after a day; since 1970."""
    return ((day - date(1970, 1, 1)) + timedelta(days=1)) // timedelta(seconds=1) - 8 * 3600


def replayed(seen: Seen, world: World) -> Lead | None:
    """E15: epochs that are not of now by more than any delay; whole days tell how it was made."""
    ago_s = seen.ago_s
    times = seen.kinds.get(kinds.REPEATS, 0)
    if ago_s is None and times >= LOOPS:
        zh, en = kinds.words(kinds.REPEATS, times)
        return Lead("strong", zh, f"it sends {en}", {"times": times})
    if ago_s is None or world.clock_off:
        return None
    whole = next(
        (
            name
            for name, length in (("day", DAY_S), ("sidereal day", SIDEREAL_DAY_S))
            if _multiple(ago_s, length)
        ),
        "",
    )
    hours = ago_s / 3600
    exactly_zh = {"day": "，恰为整日", "sidereal day": "，恰为整恒星日", "": ""}[whole]
    return Lead(
        "strong",
        f"观测时刻早于到达约 {hours:.1f} 小时{exactly_zh}"
        if ago_s > 0
        else f"观测时刻晚于到达约 {-hours:.1f} 小时",
        f"its epochs are {abs(hours):.1f} hours {'before' if ago_s > 0 else 'after'} their arrival"
        + (f", whole {whole}s" if whole else ""),
        {"hours": round(hours, 1), "whole": whole},
    )


def _multiple(ago_s: float, length_s: float) -> bool:
    times = round(ago_s / length_s)
    return times >= 1 and abs(ago_s - times * length_s) <= _NEAR_S
