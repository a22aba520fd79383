"""What kind of stream it is, where it is not one station's that stands still: in words, as soon as it shows.

A moving base and one that still averages its place send a reference point that wanders; a link that somebody
switches brings several stations; a recording in a loop brings the same epochs again; a computed station says
so (DF141), or has a place in round numbers, which nobody measured. None of these is a fault of a filed
station, and each makes other words mean something else: "moved", "unfiled", "replayed".
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from hncors.geodesy import to_geodetic
from hncors.health import SECOND_NS, Event, Stream
from hncors.rtcm3.station import ReferencePoint

MOVING, SETTLING, SEVERAL, REPEATS, VIRTUAL, ROUND = (
    "moving_base",
    "place_not_settled",
    "several_stations",
    "repeats",
    "virtual_station",
    "round_coordinates",
)
WORDS = {
    MOVING: ("移动基准站", "a moving base"),
    SETTLING: ("自测坐标尚未固定", "its place is still being averaged"),
    SEVERAL: ("一路数据流中有 {} 个站", "{} stations in one stream"),
    REPEATS: ("同一段数据播发了 {} 遍", "the same data {} times over"),
    VIRTUAL: ("网络计算的虚拟站", "a computed (virtual) station"),
    ROUND: ("坐标为整数，应为虚拟站或人工输入，非实测", "a place in round numbers: virtual, or typed in"),
}
_STAYS = (VIRTUAL, ROUND)  # for as long as the place does
KEPT_NS = 600 * SECOND_NS  # places are remembered for so long, stations of a stream for an hour
HOUR_NS = 3600 * SECOND_NS
EVERY_NS = SECOND_NS  # new places are taken up no more often
MOST_PLACES = 16
MOST_TOLD = 10
WANDERS = 4  # places in that time: an antenna that was moved has two
NEAR_M, FAR_M = 10.0, 1000.0  # a place that is averaged stays within, a base that moves goes on in less
RUN = 5  # epochs in a row that came before: one or two a link sends twice
_SAME_M = 0.001  # of DF025's 0.0001 m
_ROUND_M, _ELLIPSOIDS_M = 0.00015, 0.0005  # DF025's rounding; and what GRS 80 and WGS 84 differ by
_ROUND_DEG = 1 / 60_000  # a thousandth of a minute, 1.9 m: what NMEA positions with three decimals have

Place = tuple[float, float, float]


def of_place(stream: Stream, record: ReferencePoint, at_ns: int) -> Iterator[Event]:
    """What a reference point tells of its stream; once for each kind, and again when it was gone an hour."""
    point, places = (record.x_m, record.y_m, record.z_m), stream.places
    if places and math.dist(places[-1][0], point) <= _SAME_M:
        places[-1] = places[-1][0], at_ns
        for kind in _STAYS:
            if kind in stream.kinds:
                stream.kinds[kind] = at_ns, 0
    elif not places or at_ns - places[-1][1] >= EVERY_NS:
        for kind in _STAYS:
            stream.kinds.pop(kind, None)
        if record.not_physical:
            yield from _tell(stream, VIRTUAL, at_ns)
        elif (stream.arp_off is None or stream.arp_off.wrong) and is_round(point):  # else it is as filed
            yield from _tell(stream, ROUND, at_ns)
        places.append((point, at_ns))
        del places[:-MOST_PLACES]
        if not record.not_physical:  # a computed station goes where it is told to
            yield from _of_places(stream, at_ns)


def _of_places(stream: Stream, at_ns: int) -> Iterator[Event]:
    """What the places of the last minutes make together."""
    lately = [place for place, until_ns in stream.places if at_ns - until_ns <= HOUR_NS]
    last = lately[-1]
    stations = _apart(lately, FAR_M)
    if len(stations) > 1:
        in_turn = (
            any(math.dist(last, one) <= FAR_M for one in lately[:-2]) and math.dist(last, lately[-2]) > FAR_M
        )
        more = len(stations) > stream.kinds.get(SEVERAL, (0, 0))[1]
        yield from _tell(stream, SEVERAL, at_ns, len(stations), again=more, in_turn=in_turn)
    here = [
        place
        for place, until_ns in stream.places
        if at_ns - until_ns <= KEPT_NS and math.dist(place, last) <= FAR_M
    ]
    if len(_apart(here, _SAME_M)) >= WANDERS:
        extent_m = max(math.dist(one, last) for one in here)
        yield from _tell(stream, MOVING if extent_m > NEAR_M else SETTLING, at_ns)


def of_repeat(stream: Stream, time_ms: int, at_ns: int) -> Iterator[Event]:
    """An epoch came that came before: how often the same stretch of time has begun by now."""
    last_ms, run, times = stream.repeat
    run = run + 1 if time_ms > last_ms else 1  # it begins again
    if run == RUN:
        times = times + 1 if at_ns - stream.kinds.get(REPEATS, (at_ns, 0))[0] <= HOUR_NS else 1
        again = times < MOST_TOLD or times % 100 == 0
        yield from _tell(stream, REPEATS, at_ns, times + 1, again=again)
    stream.repeat = time_ms, run, times


def is_round(point_m: Place) -> bool:
    """Whether a place is in round numbers: whole metres, or thousandths of minutes of latitude and longitude.

    Of places that were measured, and are told to 0.1 mm, one in three million is.
    """
    if all(abs(value - round(value)) <= _ROUND_M for value in point_m):
        return any(point_m)
    latitude, longitude, _ = to_geodetic(np.array(point_m)).tolist()
    if not abs(latitude) < 1.5:  # a pole, or no place at all: longitudes mean nothing there
        return False
    off = [math.degrees(angle) / _ROUND_DEG for angle in (latitude, longitude)]
    metres = [abs(one - round(one)) * 111_000 * _ROUND_DEG for one in off]
    return max(metres[0], metres[1] * math.cos(latitude)) <= _ELLIPSOIDS_M


def shown(stream: Stream, at_ns: int) -> dict[str, int]:
    """The kinds of which something showed within the last hour, and how many (stations, times), else 0."""
    return {kind: size for kind, (seen_ns, size) in stream.kinds.items() if at_ns - seen_ns <= HOUR_NS}


def words(kind: str, size: int) -> tuple[str, str]:
    """A kind, in Chinese and English."""
    zh, en = WORDS[kind]
    return zh.format(size), en.format(size)


def _apart(places: list[Place], metres: float) -> list[Place]:
    """Those that are farther than that from all before."""
    found: list[Place] = []
    for place in places:
        if all(math.dist(place, one) > metres for one in found):
            found.append(place)
    return found


def _tell(
    stream: Stream, kind: str, at_ns: int, size: int = 0, *, again: bool = False, **detail: bool
) -> Iterator[Event]:
    before_ns, _ = stream.kinds.get(kind, (0, 0))
    stream.kinds[kind] = at_ns, size
    if again or not before_ns or at_ns - before_ns > HOUR_NS:
        zh, en = words(kind, size)
        number = {"number": size} if size else {}
        yield Event(at_ns, stream.id, "stream_kind", {"what": kind, **number, **detail, "zh": zh, "en": en})
