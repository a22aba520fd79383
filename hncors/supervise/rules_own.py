"""Rules about the own network: signals that are forged, sources that are others, and where they are."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import pairwise

from hncors.health import SECOND_NS
from hncors.origins import Origin
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


def taken_over(seen: Seen, world: World) -> Lead | None:
    """E19: another source pushes the stream than did, or would while the first one does.

    Another is one from another address, with another receiver by its serial number, or another agent where
    none is told. An address alone is no source: lines change theirs, and carriers translate them. Addresses
    in the station's `push_from` and a receiver that is the filed one are as they should be.
    """
    if seen.station is None or not seen.origins:
        return None
    since_ns = seen.at_ns - world.policy.takeover_hours * 3600 * SECOND_NS
    taken = [origin for origin in seen.origins if not origin.refused]
    filed = seen.station.receiver.serial if seen.station.receiver is not None else ""
    last = taken[-1] if taken else None
    changes = 0
    for before, after in pairwise(taken):
        if after.at_ns >= since_ns and _another(before, after, seen):
            changes += not (filed and seen.serials.get(after.address) == filed)
    rivals = [
        one
        for one in seen.origins
        if one.refused and one.at_ns >= since_ns and last is not None and _another(last, one, seen)
    ]
    if changes > 1:
        said = f"来源在两处之间变换 {changes} 次", f"its source changed {changes} times between places"
    elif changes:
        said = (
            "来源换成另一处：地址和接收机或软件均不同",
            "another source sends it: other address, other receiver or agent",
        )
    elif rivals:
        said = (
            "正常推送期间，另一来源要求推送同一挂载点",
            "a second source would send it while the first one does",
        )
    else:
        return None
    return Lead("medium", *said, {"changes": changes, "refused": len(rivals)})


def _another(before: Origin, after: Origin, seen: Seen) -> bool:
    """Whether two sources are two."""
    if before.address == after.address or _allowed(after.address, seen):
        return False
    serials = [seen.serials.get(one.address, "") for one in (before, after)]
    if all(serials) and not after.refused:
        return serials[0] != serials[1]
    return before.agent != after.agent


def _allowed(address: str, seen: Seen) -> bool:
    networks = seen.station.push_from if seen.station is not None else ()
    try:
        its = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(its in ip_network(network) for network in networks)


def from_elsewhere(seen: Seen, world: World) -> Lead | None:
    """E20: the address that pushes the stream is of a region that is not the operator's.

    Context, never more: addresses are registered where their owner is, and clouds, caches and tunnels have
    theirs anywhere; regions that stand for these (`neutral_regions`) say nothing at all.
    """
    policy, region = world.policy, seen.region
    if not region or not policy.home_regions or region in (*policy.home_regions, *policy.neutral_regions):
        return None
    address = next((one.address for one in reversed(seen.origins) if not one.refused), "")
    if _allowed(address, seen):
        return None
    return Lead(
        "context",
        f"推送地址登记在 {region}，不在本网区域",
        f"the address that pushes it is registered in {region}, outside the network's regions",
        {"region": region},
    )
