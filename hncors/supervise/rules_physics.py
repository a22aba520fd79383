"""Rules about what nature allows: observations that nobody can have made where the stream says it is."""

from __future__ import annotations

from hncors.supervise.lead import Lead
from hncors.supervise.seen import Seen, World

SATELLITES_BELOW = 3
BACKED_BY = 3  # other streams whose ranges fit: else it may be the ephemerides
SINE_SPREAD = 0.5  # of elevations; real signals differ by ten dB then


def foreign_air(seen: Seen, world: World) -> Lead | None:
    """E17: more or fewer electrons overhead than its neighbours' make for the place it says."""
    air = seen.air
    if air is None or not seen.live or seen.computed or world.disturbed or not air.worst:
        return None
    if abs(air.tecu) <= max(world.policy.foreign_air_tecu, air.limit_tecu):
        return None
    return Lead(
        "medium",
        f"一小时内天顶电子含量与 {air.neighbours} 个邻站内插值相差 {air.tecu:+.1f} TECU，观测可能来自别处",
        f"over an hour the electrons overhead differed by {air.tecu:+.1f} TECU from what {air.neighbours} "
        "neighbours make for its place: it may be observed elsewhere",
        {"tecu": round(air.tecu, 1), "neighbours": air.neighbours},
    )


def impossible(seen: Seen, world: World) -> Lead | None:
    """E16: satellites below the horizon, ranges that fit no place, codes without noise, equal strengths."""
    shown = seen.plausible
    if shown is None or not seen.live or seen.computed:
        return None
    policy = world.policy
    if shown.below >= SATELLITES_BELOW:
        return Lead(
            "strong",
            f"收到播发参考点地平线以下的 {shown.below} 颗卫星",
            f"it has {shown.below} satellites that are below the horizon of the broadcast reference point",
            {"what": "below_horizon", "satellites": shown.below},
        )
    if shown.contradicts_s >= 60 * policy.contradicts_minutes and shown.backed >= BACKED_BY:
        minutes = round(shown.contradicts_s / 60)
        return Lead(
            "strong",
            f"{minutes} 分钟内伪距与 {shown.backed} 个站证实的星历不符，任何位置都无法解算",
            f"for {minutes} minutes its ranges have fitted no place, by ephemerides that those of "
            f"{shown.backed} other streams fit: made up, or a receiver without the time",
            {"what": "ranges", "minutes": minutes, "others": shown.backed},
        )
    if shown.code_noise_m < policy.code_noise_m and not shown.smoothed:
        return Lead(
            "strong",
            f"码观测值几乎没有噪声（{1000 * shown.code_noise_m:.0f} mm）",
            f"its codes have no noise ({1000 * shown.code_noise_m:.0f} mm)",
            {"what": "code_noise", "millimetres": round(1000 * shown.code_noise_m)},
        )
    if shown.cn0_spread_db < policy.strength_spread_db and shown.sine_spread >= SINE_SPREAD:
        return Lead(
            "strong",
            f"各仰角卫星的载噪比几乎相同（标准差 {shown.cn0_spread_db:.1f} dB）",
            f"satellites high and low have one C/N0 (they scatter by {shown.cn0_spread_db:.1f} dB)",
            {"what": "cn0", "decibels": round(shown.cn0_spread_db, 1)},
        )
    return None
