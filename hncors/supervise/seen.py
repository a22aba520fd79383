"""What a stream shows of itself at one moment, and what it is held against: all that a rule may look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hncors import kinds
from hncors.arp import Off
from hncors.geodesy import to_geodetic
from hncors.health import SECOND_NS, WITH_EPOCHS, Stream, replayed_s
from hncors.hearing import ALTERNATE_NS
from hncors.network import Network
from hncors.ntrip.sourcetable import Stream as Row
from hncors.observation import F64
from hncors.origins import Origin
from hncors.patrol import Heard
from hncors.registry import Station
from hncors.rtcm3.station import Equipment
from hncors.supervise.areas import Areas
from hncors.supervise.foreign_air import Excess
from hncors.supervise.kindred import NO_KIN, Kin
from hncors.supervise.plausibility import Plausible
from hncors.supervise.policy import Policy

Place = tuple[float, float, float]  # ECEF metres
EQUIPMENT = ("receiver", "receiver_serial", "firmware", "antenna", "antenna_serial")
SERIALS = ("receiver_serial", "antenna_serial")
_TOLD_IN = (1007, 1008, 1033)  # later ones say more
_PLACED_IN = (1005, 1006)


class Seen(NamedTuple):
    """A stream, or a row of a sourcetable (then there is little but `row`)."""

    subject: str  # a station's id, or caster/mountpoint
    at_ns: int
    station: Station | None = None  # as in its file, filed or only watched
    live: bool = False  # epochs come
    quiet_s: float = 0.0  # since the last epoch, or since the watch began
    arp_m: Place | None = None  # broadcast (1005, 1006)
    computed: bool = False  # it says that it is no physical station (DF141), or is told where to be (GGA)
    arp_off: Off | None = None  # of a filed station's reference point
    alternating: int = 0  # times its reference point was one of two that take turns
    physical_m: Place | None = None  # of the station a computed one is made from (1032)
    own_m: Place | None = None  # where its observations put it, over some minutes
    recent_m: Place | None = None  # the same, over the last minute
    equipment: Mapping[str, str] = {}
    copies: str = ""  # the station whose observations it brings, too
    kinds: Mapping[str, int] = {}  # hncors.kinds, of the last hour
    kin: Kin = NO_KIN  # whose observations, antenna and clock they are, and how that is known
    copying_s: float = 0.0  # how long `kin.copy` has been so
    interval_s: float | None = None  # between epochs
    ago_s: float | None = None  # how far from now its epochs are where no delay explains it
    row: Row | None = None
    plausible: Plausible | None = None  # whether anybody can have observed it
    air: Excess | None = None  # electrons overhead that its neighbours do not have
    departs_m: float = 0.0  # from its registered place, where it does and for no wider cause
    clock_broke_s: float | None = None  # since its receiver's clock changed its rate
    origins: Sequence[Origin] = ()  # who pushed it, the last of them pushes it now
    equipped_ns: int = 0  # when it last told its equipment
    serials: Mapping[str, str] = {}  # of the receiver, by the address it was told from
    heard: Heard | None = None  # a base that a patrol heard by radio; then there is little besides
    region: str = ""  # of the address that pushes it

    @property
    def filed(self) -> bool:
        return self.station is not None and self.station.filed

    @property
    def permitted(self) -> bool:
        """Whether a permit says that it may work on this day, without being filed: a base of a survey."""
        return self.station is not None and in_force(self.station, self.at_ns)


def in_force(station: Station, at_ns: int) -> bool:
    """Whether a station that is not filed has a temporary permit for that day."""
    permit = None if station.filed else station.permit
    if permit is None or not permit.temporary:
        return False
    day = (np.datetime64(0, "s") + at_ns // SECOND_NS).astype("datetime64[D]").item()
    return (permit.begins is None or permit.begins <= day) and (permit.ends is None or day <= permit.ends)


class World(NamedTuple):
    """What all are held against."""

    policy: Policy
    areas: Areas
    filed: Sequence[Station]
    places_m: F64  # (filed, 3) in the frame of broadcast orbits; nan where none is filed
    seen: Mapping[str, Seen]  # of this moment, by subject
    serials: Mapping[
        tuple[str, str], Sequence[str]
    ] = {}  # subjects by what it is of and the number: serials_of
    placed_deg: F64 = np.empty((0, 2))  # latitude and longitude of the filed stations that have a place
    disturbed: bool = False  # the ionosphere over the network is
    clock_off: bool = False  # of this machine, as far as streams tell
    temporary: Sequence[Station] = ()  # with a permit, whether it is in force or not

    @property
    def unplaced(self) -> int:
        """Filed stations of which nobody filed where they are."""
        return int(np.count_nonzero(np.isnan(self.places_m[:, 0]))) if self.filed else 0

    def nearest(self, point_m: Place) -> tuple[str, float]:
        """The filed station nearest to a place, and how far it is in metres; ("", inf) for none."""
        if self.unplaced == len(self.filed):
            return "", math.inf
        distance_m = np.linalg.norm(self.places_m - np.array(point_m), axis=1)
        row = int(np.nanargmin(distance_m))
        return self.filed[row].id, float(distance_m[row])


def serials_of(seen: Iterable[Seen]) -> dict[tuple[str, str], list[str]]:
    """Subjects by their serial numbers, so that a number in two places is found without trying all pairs."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in seen:
        for name in SERIALS:
            if serial := one.equipment.get(name):
                found.setdefault((name, serial), []).append(one.subject)
    return found


def placed_deg(places_m: F64) -> F64:
    """Latitude and longitude, (n, 2), of the places that are known."""
    known = places_m[~np.isnan(places_m[:, 0])] if len(places_m) else np.empty((0, 3))
    found: F64 = np.degrees(to_geodetic(known)[:, :2]) if len(known) else np.empty((0, 2))
    return found


def degrees(point_m: Place) -> tuple[float, float]:
    """Latitude and longitude."""
    latitude, longitude, _ = to_geodetic(np.array(point_m)).tolist()
    return math.degrees(latitude), math.degrees(longitude)


def seen_of(
    network: Network,
    number: int,
    station: Station | None,
    own_m: Place | None,
    recent_m: Place | None,
    now_ns: int,
    began_ns: int,
    kin: Kin = NO_KIN,
) -> Seen:
    """A stream of the network as it stands."""
    stream = network.streams[number]
    records = [stream.said[kind].record for kind in _PLACED_IN if kind in stream.said]
    other = int(network.mirrors.of[number])
    reference = stream.said.get(1032)
    return Seen(
        stream.id,
        now_ns,
        station,
        live=stream.state in WITH_EPOCHS,
        quiet_s=(now_ns - max(stream.epoch_ns, began_ns)) / SECOND_NS,
        arp_m=stream.arp_m,
        computed=any(record.not_physical for record in records) or (station is not None and station.gga),
        arp_off=stream.arp_off,
        alternating=stream.errors["arp_alternating"] if now_ns - stream.arp_left[1] <= ALTERNATE_NS else 0,
        physical_m=None
        if reference is None
        else (reference.record.x_m, reference.record.y_m, reference.record.z_m),
        own_m=own_m,
        recent_m=recent_m,
        equipment=equipment_of(stream),
        copies=kin.copy[0] if kin.copy is not None else network.streams[other].id if other >= 0 else "",
        kinds=kinds.shown(stream, now_ns),
        kin=kin,
        copying_s=(stream.closed_ms - kin.copy[1].since_ms) / 1000 if kin.copy is not None else 0.0,
        interval_s=stream.account.best_interval_ms() / 1000 or None,
        ago_s=replayed_s(stream),
        origins=tuple(stream.origins),
        equipped_ns=max((stream.said[kind].at_ns for kind in _TOLD_IN if kind in stream.said), default=0),
    )


def equipment_of(stream: Stream) -> dict[str, str]:
    """What a stream says of receiver and antenna; what it does not say is not there."""
    told: dict[str, str] = {}
    for kind in _TOLD_IN:
        record = stream.said[kind].record if kind in stream.said else None
        if isinstance(record, Equipment):
            told |= {
                name: text.strip() for name in EQUIPMENT if (text := getattr(record, name) or "").strip()
            }
    return told
