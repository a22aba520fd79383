"""Rules about the own network: signals that are forged, sources that are others, and where they are."""

from __future__ import annotations

from hncors.supervise.lead import Lead, about
from hncors.supervise.seen import Seen, World


def spoofed(seen: Seen, world: World) -> Lead | None:
    """E18: a filed station's position departs from its place, and its clock broke with that.

    An antenna that is moved leaves the clock alone; a restart and a clock that is put back leave the place.
    """
    if not seen.filed or not seen.live or seen.computed or world.disturbed:
        return None
    if not seen.departs_m or seen.clock_broke_s is None:
        return None
    if seen.clock_broke_s > 60 * world.policy.spoofing_minutes:
        return None
    minutes = max(round(seen.clock_broke_s / 60), 1)
    distance = about(seen.departs_m)
    return Lead(
        "strong",
        f"解算位置偏离备案位置约 {distance}，接收机钟速在 {minutes} 分钟前突变：可能受到欺骗干扰",
        f"its position departs by {distance} from its place, and its clock's rate broke {minutes} minutes "
        "ago: its signals may be forged",
        {"distance": distance, "clock_broke_minutes": minutes},
    )
