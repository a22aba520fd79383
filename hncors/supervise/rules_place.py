"""Rules about places: declared in a sourcetable, broadcast, filed, and where the observations are made."""

from __future__ import annotations

import math

import numpy as np

from hncors import kinds
from hncors.registry import Station
from hncors.supervise.areas import INSIDE, OUTSIDE, UNDETERMINED
from hncors.supervise.findings import STRENGTHS
from hncors.supervise.lead import Lead, about
from hncors.supervise.seen import Place, Seen, World, degrees, in_force

DOUBTS = {kinds.MOVING: "weak", kinds.ROUND: "medium", kinds.SETTLING: "strong"}
"""What a broadcast place in the territory is worth at most, where the stream may be no fixed station."""
NULL_ANTENNA = "NULLANTENNA"  # the IGS' ADVNULLANTENNA: of computed stations, and of corrected observations
_CELL_KM = 80.0  # half the diagonal of a cell of one degree, at 28 degrees north
_KM_PER_DEG = 111.2


def broadcast_unfiled(seen: Seen, world: World) -> Lead | None:
    """E2: a physical reference point inside the territory, and no filed station near it."""
    if seen.filed or seen.arp_m is None or seen.computed or not seen.live or seen.heard is not None:
        return None
    if permitted(seen, world):
        return None
    lead = _unfiled(seen.arp_m, world, "播发的参考点", "the broadcast reference point", "strong")
    others = (one for one in DOUBTS if one in seen.kinds and one != kinds.MOVING)
    doubt = kinds.MOVING if _moves(seen, world) else next(others, None)
    if lead is None or doubt is None:
        return lead
    zh, en = kinds.words(doubt, seen.kinds[doubt])
    antenna = seen.equipment.get("antenna", NULL_ANTENNA)
    most = "strong" if doubt == kinds.ROUND and NULL_ANTENNA not in antenna.upper() else DOUBTS[doubt]
    weaker = min(lead.strength, most, key=STRENGTHS.index)  # a named antenna is one whose place was typed in
    return Lead(weaker, f"{lead.zh}；{zh}", f"{lead.en}; {en}", {**lead.inputs, "kind": doubt})


def permitted(seen: Seen, world: World) -> bool:
    """Whether a temporary permit is in force, and for where it is: by its observations, else by its word."""
    if seen.station is None or not seen.permitted:
        return False
    point_m = seen.own_m or seen.arp_m
    return point_m is None or _covers(seen.station, point_m, world)


def _covers(station: Station, point_m: Place, world: World) -> bool:
    """Whether a permit is for a place; one that names no areas is for all."""
    areas = station.permit.areas if station.permit is not None else []
    return not areas or world.areas.among(*degrees(point_m), areas, world.policy.border_km)


def _licenses(station: Station, point_m: Place, at_ns: int, world: World) -> bool:
    """Whether some station's permit lets a base stand at a place on a day: one that names its areas."""
    named = station.permit is not None and bool(station.permit.areas)
    return named and in_force(station, at_ns) and _covers(station, point_m, world)


def heard_unfiled(seen: Seen, world: World) -> Lead | None:
    """E14: a patrol heard a base by radio that says it stands in the territory, and none is filed there.

    A repeater sends a filed station's own reference point, so there is one filed there. A base of a survey
    has a permit for the day and the county, of whichever station file.
    """
    base = seen.heard
    if base is None or not seen.live or seen.computed or base.times < world.policy.radio_times:
        return None
    lead = _unfiled(base.arp_m, world, "电台收到的基准站参考点", "the base that was heard by radio", "strong")
    if lead is None or any(_licenses(one, base.arp_m, seen.at_ns, world) for one in world.temporary):
        return None
    inputs = {**lead.inputs, "times": base.times, "station_number": base.station_id}
    if not base.placed:
        weaker = min(lead.strength, "medium", key=STRENGTHS.index)
        zh, en = "；巡查时无自身位置", "; where the patrol was is not known"
        return Lead(weaker, lead.zh + zh, lead.en + en, inputs)
    inputs["heard_within"] = about(base.near_m)
    away = about(base.near_m)
    zh, en = f"；最近在约 {away} 处收到", f"; heard {away} from there at the nearest"
    if base.near_m > world.policy.radio_km * 1000:  # farther than radio of this kind reaches
        zh, en = f"{zh}，远于电台可达距离", f"{en}, farther than such radio reaches"
        return Lead("weak", lead.zh + zh, lead.en + en, inputs)
    return Lead(lead.strength, lead.zh + zh, lead.en + en, inputs)


def _moves(seen: Seen, world: World) -> bool:
    """Whether it is a base that moves: its observations, too, as far as they tell, not its word alone."""
    if kinds.MOVING not in seen.kinds:
        return False
    if seen.own_m is None or seen.recent_m is None:
        return True
    return math.dist(seen.own_m, seen.recent_m) > world.policy.own_differs_m


def behind_computed(seen: Seen, world: World) -> Lead | None:
    """E11: a stream that is computed from several stations tells where the physical one is (1032)."""
    named = seen.station.operator if seen.station is not None else ""
    if seen.physical_m is None or permitted(seen, world):
        return None
    if named and named in world.policy.network_products:
        return None
    return _unfiled(
        seen.physical_m, world, "所示物理站位置", "the place of the physical station it tells of", "medium"
    )


def _unfiled(point_m: Place, world: World, zh: str, en: str, strength: str) -> Lead | None:
    nearest, distance_m = world.nearest(point_m)
    if not nearest or distance_m <= world.policy.filed_within_m:
        return None  # without a filed place nothing can be said
    latitude, longitude = degrees(point_m)
    where = world.areas.where(latitude, longitude, world.policy.border_km)
    if where == OUTSIDE:
        return None
    if world.unplaced:
        strength = "medium" if strength == "strong" else "weak"
    area = world.areas.of(latitude, longitude)
    inputs = {
        "where": where,
        "county": area.name if area else "",
        "nearest_filed": nearest,
        "distance": about(distance_m),
        "filed_without_place": world.unplaced,
    }
    at_border = where == UNDETERMINED
    in_zh = (area.name if area else "辖区边界外侧") + ("，靠近边界，不能断定" if at_border else "")
    in_en = (area.name_en if area else "no area") + (", too near the border to tell" if at_border else "")
    return Lead(
        "weak" if at_border else strength,
        f"{zh}在{in_zh}，最近的备案站 {nearest} 约 {about(distance_m)}",
        f"{en} is in {in_en}; the nearest filed station is {nearest}, {about(distance_m)} away",
        inputs,
    )


def moved(seen: Seen, world: World) -> Lead | None:
    """E3: a filed station's reference point is not where it was filed, or takes turns with another one."""
    off = seen.arp_off
    if not seen.filed or off is None or seen.computed:
        return None
    if off.wrong and off.distance_m > world.policy.arp_moved_m:
        distance = about(off.distance_m)
        return Lead(
            "strong",
            f"播发的参考点与备案坐标相差约 {distance}" + (f"（{off.why}）" if off.why else ""),
            f"the broadcast reference point is {distance} from the filed one"
            + (f" ({off.why})" if off.why else ""),
            {"distance": distance, "held_against": off.frame, "why": off.why},
        )
    if seen.alternating:
        several = seen.kinds.get(kinds.SEVERAL, 0)
        zh, en = (f"（{several} 个站）", f" (of {several} stations)") if several else ("", "")
        return Lead(
            "strong",
            f"参考点交替出现{zh}" if several else "两个参考点交替出现",
            f"reference points take turns{en}" if several else "two reference points take turns",
            {"times": seen.alternating, **({"stations": several} if several else {})},
        )
    return None


def elsewhere(seen: Seen, world: World) -> Lead | None:
    """E4: the observations are made far from the place that is broadcast."""
    several = kinds.SEVERAL in seen.kinds  # then positions of some minutes are of several
    if seen.arp_m is None or not seen.live or _moves(seen, world) or (several and seen.alternating):
        return None
    own_m = None if several else seen.own_m
    if seen.recent_m is not None and math.dist(seen.arp_m, seen.recent_m) > world.policy.own_far_m:
        own_m = seen.recent_m  # so far off that a minute is enough
    if own_m is None:
        return None
    distance_m = math.dist(seen.arp_m, own_m)
    if distance_m <= world.policy.own_differs_m:
        return None
    far = distance_m > world.policy.own_far_m
    if world.disturbed and not far:
        return None  # a storm puts healthy stations that far off
    like, near_m = world.nearest(own_m)
    at = f"，位于备案站 {like} 处" if near_m <= world.policy.filed_within_m else ""
    at_en = f", at the filed station {like}" if at else ""
    return Lead(
        "strong" if far else "medium",
        f"观测解算位置与播发参考点相差约 {about(distance_m)}{at}",
        f"its observations are made {about(distance_m)} from the broadcast reference point{at_en}",
        {"distance": about(distance_m), "at_filed": like if at else "", "minutes": world.policy.own_minutes},
    )


def declared_unfiled(seen: Seen, world: World) -> Lead | None:
    """E1: a sourcetable's row puts a stream into the territory, and no filed station is in its cell."""
    row = seen.row
    if (
        row is None
        or seen.filed
        or row.latitude_deg is None
        or row.longitude_deg is None
        or row.needs_gga
        or row.from_network
    ):
        return None
    latitude, longitude = row.latitude_deg, row.longitude_deg
    cell_km = _cell_km(latitude, longitude)
    placed = world.placed_deg
    if not len(placed):
        return None
    north = placed[:, 0] - latitude
    east = (placed[:, 1] - longitude) * np.cos(np.radians((placed[:, 0] + latitude) / 2))
    if (np.hypot(north, east) * _KM_PER_DEG <= 2 * cell_km).any():
        return None
    if world.areas.where(latitude, longitude, world.policy.border_km + cell_km) != INSIDE:
        return None
    area = world.areas.of(latitude, longitude)
    return Lead(
        "weak",
        f"源表所报位置在{area.name if area else ''}，附近无备案站",
        f"the sourcetable puts it in {area.name_en if area else ''}, and no filed station is near",
        {"county": area.name if area else "", "filed_without_place": world.unplaced},
    )


def declared_otherwise(seen: Seen, world: World) -> Lead | None:
    """E5: the sourcetable's place and the broadcast one are not the same; one of them is wrong."""
    row = seen.row
    if (
        row is None
        or row.latitude_deg is None
        or row.longitude_deg is None
        or seen.arp_m is None
        or seen.computed
    ):
        return None
    apart_km = _apart_km((row.latitude_deg, row.longitude_deg), degrees(seen.arp_m))
    if apart_km <= world.policy.declared_differs_km + _cell_km(row.latitude_deg, row.longitude_deg):
        return None
    return Lead(
        "weak",
        f"源表位置与播发参考点相差约 {about(apart_km * 1000)}，其中之一有误",
        f"the sourcetable's place is {about(apart_km * 1000)} from the broadcast one: one of them is wrong",
        {"distance": about(apart_km * 1000)},
    )


def _cell_km(latitude_deg: float, longitude_deg: float) -> float:
    """How far a place may be from the one told, by the decimals it is told with: two at most count."""
    decimals = next(
        (n for n in (0, 1) if all(round(one, n) == one for one in (latitude_deg, longitude_deg))), 2
    )
    return _CELL_KM / 10.0**decimals


def _apart_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Between latitudes and longitudes in degrees: a flat earth will do for some tens of kilometres."""
    north = one[0] - other[0]
    east = (one[1] - other[1] + 180) % 360 - 180
    return _KM_PER_DEG * math.hypot(north, east * math.cos(math.radians((one[0] + other[0]) / 2)))
