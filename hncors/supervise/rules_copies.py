"""Rules about what a stream shares with another one: its observations, its antenna, its receiver's clock."""

from __future__ import annotations

import math

from hncors.supervise.copies import Relation
from hncors.supervise.kindred import told
from hncors.supervise.lead import Lead, about
from hncors.supervise.seen import Seen, World

LATE_S = 5.0  # links differ by a second or two; who comes later than that has it from the other
_THINNER = 2.0


def relayed(seen: Seen, world: World) -> Lead | None:
    """E8: the very observations of another stream, as they are or changed. Decisive of a relay, no more."""
    other = world.seen.get(seen.copies) if seen.copies else None
    if other is None or not seen.live or _allowed(seen, other, world.policy.allowed_relays):
        return None
    copy = seen.kin.copy if seen.kin.copy is not None and seen.kin.copy[0] == other.subject else None
    relation = copy[1] if copy is not None else None
    if relation is not None and seen.copying_s < 60 * world.policy.relay_minutes:
        return None
    source = _is_source(seen, other, relation, world)
    if source:
        return None
    sure_zh, sure_en = ("", "") if source is False else _UNSURE
    zh, en = _changes(seen, other, relation)
    return Lead(
        "decisive",
        f"观测内容与 {other.subject} 逐值相同{zh}{sure_zh}",
        f"its observations are those of {other.subject}, value by value{en}{sure_en}",
        {"like": other.subject, "source_known": source is False, **(told(relation) if relation else {})},
    )


def one_antenna(seen: Seen, world: World) -> Lead | None:
    """E9: another receiver on the antenna of a known stream, whose reference point is put elsewhere."""
    other = world.seen.get(seen.kin.antenna[0]) if seen.kin.antenna is not None else None
    if other is None or seen.kin.antenna is None or not (seen.live and other.live):
        return None
    if _allowed(seen, other, world.policy.one_antenna + world.policy.allowed_relays):
        return None
    if seen.arp_m is None or other.arp_m is None or seen.computed or other.computed:
        return None
    apart_m = math.dist(seen.arp_m, other.arp_m)
    if apart_m <= world.policy.antenna_differs_m:
        return None
    relation = seen.kin.antenna[1]
    source = _is_source(seen, other, None, world)
    if source:
        return None
    sure_zh, sure_en = ("", "") if source is False else _UNSURE
    millimetres = f"{max(relation.phase_mm, 0.1):.1f}"
    return Lead(
        "strong",
        f"与 {other.subject} 共用一副天线（载波相位双差在 {millimetres} 毫米内为整周），"
        f"播发的参考点却相差约 {about(apart_m)}{sure_zh}",
        f"its antenna is that of {other.subject} (phases differ by whole cycles to {millimetres} mm), "
        f"but the reference points are {about(apart_m)} apart{sure_en}",
        {
            "like": other.subject,
            "distance": about(apart_m),
            "phase_mm": round(relation.phase_mm, 2),
            "signals": relation.cells,
            "source_known": source is False,
        },
    )


def one_clock(seen: Seen, world: World) -> Lead | None:
    """E10: a clock that goes as another stream's does; where observations do not say it already."""
    if seen.kin.clock is None or not seen.live:
        return None
    like, alike = seen.kin.clock
    other = world.seen.get(like)
    if other is None or not other.live or like in (seen.copies, (seen.kin.antenna or ("",))[0]):
        return None
    if _allowed(seen, other, world.policy.one_antenna + world.policy.allowed_relays):
        return None
    source = _is_source(seen, other, None, world)
    if source:
        return None
    sure_zh, sure_en = ("", "") if source is False else _UNSURE
    minutes = f"{world.policy.clock_minutes:g}"
    jumps_zh = f"，{alike.jumps} 次毫秒跳变同时发生" if alike.jumps else ""
    jumps_en = f", with {alike.jumps} jumps of a millisecond at the same time" if alike.jumps else ""
    return Lead(
        "medium",
        f"接收机钟与 {like} 同步漂移（{minutes} 分钟内相差约 {alike.off_m:.1f} 米{jumps_zh}）{sure_zh}",
        f"its receiver's clock goes as that of {like} "
        f"(within {alike.off_m:.1f} m for {minutes} minutes{jumps_en}){sure_en}",
        {
            "like": like,
            "drift_m_s": round(alike.drift_m_s, 2),
            "off_m": round(alike.off_m, 2),
            "jumps": alike.jumps,
            "source_known": source is False,
        },
    )


_UNSURE = ("，尚不能断定何者为源", "; which of the two is the source is not known")


def _allowed(seen: Seen, other: Seen, pairs: list[list[str]]) -> bool:
    return any(sorted(pair) == sorted((seen.subject, other.subject)) for pair in pairs)


def _is_source(seen: Seen, other: Seen, relation: Relation | None, world: World) -> bool | None:
    """Whether a stream is the source of what both bring; None: not known, of either.

    Who is where he says is it; else who has more, sooner and finer numbers; else the filed one.
    """
    mine, theirs = _fits(seen, world), _fits(other, world)
    if mine != theirs:
        return mine is True or theirs is False
    if relation is not None:
        mine, theirs = _derived(seen, other), _derived(other, seen)
        if mine != theirs:
            return theirs
    if seen.filed != other.filed:
        return seen.filed
    return None


def _fits(seen: Seen, world: World) -> bool | None:
    """Whether the observations are made where the stream says it is; None: not known."""
    if seen.recent_m is None or seen.arp_m is None:
        return None
    return math.dist(seen.recent_m, seen.arp_m) <= world.policy.own_far_m


def _derived(seen: Seen, other: Seen) -> bool:
    """Whether a stream's numbers can be made of the other's, and not the other way round."""
    relation = seen.kin.copy[1] if seen.kin.copy is not None else None
    if relation is None:
        return False
    late, thinner = relation.late_s >= LATE_S, _thinner(seen, other) > 0
    return late or thinner or relation.coarser or bool(relation.without)


def _thinner(seen: Seen, other: Seen) -> int:
    """Every how manieth epoch of the other's it brings; 0 for all, or where that is not known."""
    if not (seen.interval_s and other.interval_s) or seen.interval_s < _THINNER * other.interval_s:
        return 0
    return round(seen.interval_s / other.interval_s)


def _changes(seen: Seen, other: Seen, relation: Relation | None) -> tuple[str, str]:
    """In words, what was done to them."""
    if relation is None:
        return "", ""
    zh, en = [], []
    if (every := _thinner(seen, other)) > 1:
        zh.append(f"每 {every} 个历元取一")
        en.append(f"one epoch in {every}")
    if relation.coarser:
        zh.append("数值精度降低")
        en.append("in coarser numbers")
    if relation.without:
        zh.append(f"缺少系统 {relation.without}")
        en.append(f"without systems {relation.without}")
    if relation.changed_clock:
        zh.append("接收机钟被改动")
        en.append("with another clock")
    if relation.late_s >= LATE_S:
        zh.append(f"晚到约 {relation.late_s:.0f} 秒")
        en.append(f"{relation.late_s:.0f} s later")
    return (f"（{'，'.join(zh)}）", f" ({', '.join(en)})") if zh else ("", "")
