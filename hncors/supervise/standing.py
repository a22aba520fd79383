"""How a station stands with the register: filed and live, silent, moved, unfiled and so on.

A state is of one station and of now, from what its stream shows.  "Filed" alone means that nobody has looked:
unknown is not good.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from hncors.health import SECOND_NS, WITH_EPOCHS, Stream
from hncors.registry import Station

STANDINGS = (
    *("filed", "filed_live", "silent", "moved", "other_equipment"),
    *("withdrawn", "withdrawn_live", "permitted", "permit_over_live", "unfiled"),
)

WORDS: Mapping[str, str] = {
    "filed": "已备案，未监测",
    "filed_live": "已备案，在播",
    "silent": "已备案，无数据",
    "moved": "已备案，位置变动",
    "other_equipment": "已备案，设备不符",
    "withdrawn": "已注销",
    "withdrawn_live": "已注销，仍在播",
    "permitted": "临时许可有效期内",
    "permit_over_live": "临时许可已过期，仍在播",
    "unfiled": "未备案",
}

SILENT_S = 3600.0  # without data for so long a station is silent, not only late (research of galmon: 1 h)
NO_SERIAL = {"", "0", "00000000", "NONE", "UNKNOWN", "N/A", "NULL"}  # what software sends for want of one


class Seen(NamedTuple):
    """What a stream shows of its station; None: not known."""

    live: bool | None
    silent_s: float = 0.0
    moved: bool | None = None
    equipment: Mapping[str, str | None] = {}  # as in 1033: receiver, receiver_serial, antenna, antenna_serial


def seen(stream: Stream, now_ns: int, begun_ns: int = 0, *, elsewhere: bool = False) -> Seen:
    """What has been seen of one stream from `begun_ns` to `now_ns`, UTC nanoseconds since 1970.

    `elsewhere`: its own ranges put it away from its registered place (hncors.causes_stations).
    """
    live = stream.state in WITH_EPOCHS
    heard_ns = max(stream.epoch_ns, stream.woke_ns, begun_ns)
    silent_s = 0.0 if live else max(now_ns - heard_ns, 0) / SECOND_NS
    told_elsewhere = stream.stranger is not None or (stream.arp_off is not None and stream.arp_off.wrong)
    known = stream.arp_off is not None or told_elsewhere or elsewhere
    moved = (told_elsewhere or elsewhere) if known else None
    said = stream.said.get(1033)
    names = ("receiver", "receiver_serial", "antenna", "antenna_serial")
    equipment = {} if said is None else {name: getattr(said.record, name) for name in names}
    return Seen(live, silent_s, moved, equipment)


def standing(station: Station, shown: Seen, today: date) -> str:
    """One of STANDINGS."""
    filing, permit = station.filing, station.permit
    live = shown.live is True
    if filing is None or not station.filed:
        if permit is None or not permit.temporary:
            return "unfiled"
        over = (permit.ends and permit.ends < today) or (permit.begins and today < permit.begins)
        return "permit_over_live" if over and live else "permitted"
    if filing.withdrawn_on is not None and filing.withdrawn_on <= today:
        return "withdrawn_live" if live else "withdrawn"
    if not live:
        return "silent" if station.enabled and shown.live is False and shown.silent_s >= SILENT_S else "filed"
    if shown.moved:
        return "moved"
    return "other_equipment" if differing(station, shown.equipment) else "filed_live"


def differing(station: Station, equipment: Mapping[str, str | None]) -> list[str]:
    """Which of receiver, antenna and their serial numbers are another's than filed; both have to be told."""
    receiver, antenna = station.receiver, station.antenna
    filed = {
        "receiver": receiver.type if receiver else "",
        "receiver_serial": receiver.serial if receiver else "",
        "antenna": antenna.type if antenna else "",
        "antenna_serial": antenna.serial if antenna else "",
    }
    return [
        name
        for name, text in filed.items()
        if _comparable(text)
        and _comparable(equipment.get(name))
        and _same(text) != _same(equipment.get(name))
    ]


def _comparable(text: str | None) -> bool:
    return _same(text) not in NO_SERIAL


def _same(text: str | None) -> str:
    """Without what only differs in print: blanks, small letters."""
    return " ".join((text or "").upper().split())
