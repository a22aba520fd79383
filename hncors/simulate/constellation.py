"""Nominal constellations as ephemerides that their messages can carry.

Every satellite follows one orbit of mean elements with the usual secular rates, so that consecutive sets
agree but for their rounding. GLONASS' orbits are integrated: `hncors.simulate.glonass`.

Node longitudes count from the turning earth: node(t) = node(anchor) + (node rate - earth rate)(t - anchor).
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt
from typing import NamedTuple

import numpy as np

from hncors import gpstime
from hncors.gpstime import BEIDOU_OFFSET_MS, WEEK_MS
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import C_M_S, GNSS
from hncors.simulate.plan import Satellite


class System(NamedTuple):
    """Constants of a system's orbits and messages."""

    gm_m3_s2: float
    earth_rad_s: float
    period_s: int  # between sets
    lead: int  # toe is that many periods after a set comes into use
    offset_ms: int  # of its time to GPS time
    clock_s: float  # clocks are within plus and minus that
    af1_unit_s_s: float


# Constants: IS-GPS-200 20.3.3.4.3, Galileo OS SIS ICD 5.1.1, BDS-SIS-ICD 5.2.4.12, IS-QZSS-PNT 5.4.
SYSTEMS = {
    "G": System(3.986005e14, 7.2921151467e-5, 7200, 1, 0, 4e-4, 2.0**-43),
    "E": System(3.986004418e14, 7.2921151467e-5, 1800, 0, 0, 5e-4, 2.0**-46),
    "J": System(3.986005e14, 7.2921151467e-5, 3600, 0, 0, 1e-4, 2.0**-43),
    "C": System(3.986004418e14, 7.292115e-5, 3600, 0, BEIDOU_OFFSET_MS, 5e-4, 2.0**-50),
}
GEO_TILT = np.radians(
    5.0
)  # BDS-SIS-ICD-B1I-3.0, table 5-11: elements of GEO satellites are in a tilted frame


class Group(NamedTuple):
    """Satellites of a kind; orbits are spread evenly, or stand over a meridian where `longitude_deg` says."""

    gnss: str
    orbit: str
    numbers: tuple[int, ...]
    planes: int
    phasing: int
    semi_major_m: float  # 0: as the earth turns
    inclination_deg: float
    eccentricity: float  # at most
    node_rate_rad_s: float
    delta_n_rad_s: float
    longitude_deg: tuple[float, ...] = ()  # mean longitude of satellites in synchrony with the earth
    perigee_deg: float | None = None


def _numbers(text: str) -> tuple[int, ...]:
    spans = ([int(end) for end in part.split("-")] for part in text.split(","))
    return tuple(n for span in spans for n in range(span[0], span[-1] + 1))


GROUPS = (
    Group("G", "MEO", _numbers("1-30"), 6, 2, 26_559_800.0, 55.0, 0.012, -8.0e-9, 4.5e-9),
    Group("R", "MEO", _numbers("1-24"), 3, 1, 25_508_200.0, 64.8, 0.001, -6.6e-9, 0.0),
    Group("E", "MEO", _numbers("1-15,18,19,21-27"), 3, 1, 29_600_318.0, 56.0, 0.0004, -5.5e-9, 3.0e-9),
    Group("J", "IGSO", (2, 3, 4), 3, 0, 0.0, 41.0, 0.075, -2.5e-9, 2.0e-9, (136.0, 136.0, 136.0), 270.0),
    Group("J", "GEO", (7, 8), 1, 0, 0.0, 0.05, 0.0003, 0.0, 2.0e-9, (127.0, 90.5), 0.0),
    Group(
        "C", "GEO", (1, 2, 3, 4, 5), 1, 0, 0.0, 5.0, 0.0004, 0.0, 1.0e-9, (140.0, 80.0, 110.5, 160.0, 58.75)
    ),
    Group(
        "C", "IGSO", (6, 7, 8, 9, 10, 13, 16), 7, 0, 0.0, 55.0, 0.004, -1.9e-9, 1.0e-9,
        (118.0, 118.0, 118.0, 95.0, 95.0, 95.0, 118.0),
    ),
    Group("C", "MEO", (11, 12, 14), 3, 0, 27_906_100.0, 55.0, 0.002, -6.9e-9, 3.8e-9),
    Group("C", "MEO", _numbers("19-30,32-37,41-46"), 3, 1, 27_906_100.0, 55.0, 0.001, -6.9e-9, 3.8e-9),
    Group("C", "IGSO", (38, 39, 40), 3, 0, 0.0, 55.0, 0.002, -1.9e-9, 1.0e-9, (118.0, 118.0, 118.0)),
    Group("C", "GEO", (59, 60, 61), 1, 0, 0.0, 5.0, 0.0004, 0.0, 1.0e-9, (140.5, 80.3, 111.0)),
)  # fmt: skip
# Nodes of the first planes, earth-fixed longitude at the anchor; any would do.
_FIRST_NODE_DEG = {"G": 10.0, "R": 40.0, "E": 80.0, "C": 20.0, "J": 90.0}


class Orbit(NamedTuple):
    """Mean elements of a satellite at the anchor, and its clock."""

    satellite: Satellite
    semi_major_m: float
    eccentricity: float
    inclination_rad: float
    node_rad: float  # earth-fixed longitude
    node_rate_rad_s: float  # in inertial space
    perigee_rad: float
    mean_anomaly_rad: float
    delta_n_rad_s: float
    harmonic: tuple[float, ...]  # cuc, cus, cic, cis (rad), crc, crs (m)
    clock_s: float
    clock_rate: float
    delay_m: tuple[float, float]  # group delays as the message sends them: TGD; BGD E5a, E5b; TGD1, TGD2


def orbits(systems: str, anchor_ms: int, chance: np.random.Generator) -> list[Orbit]:
    """Orbits of all satellites of some systems, by system and number."""
    made = [one for group in GROUPS for one in _group(group, chance)]  # all, so that each is always the same
    wanted = [one for one in made if GNSS[one.satellite.gnss] in systems]
    return sorted(wanted, key=lambda one: (one.satellite.gnss, one.satellite.number))


def _group(group: Group, chance: np.random.Generator) -> list[Orbit]:
    per_plane = len(group.numbers) // group.planes
    out = []
    for row, number in enumerate(group.numbers):
        plane, place = divmod(row, per_plane)
        system = SYSTEMS.get(group.gnss, SYSTEMS["G"])
        eccentricity = group.eccentricity * (
            1.0 if group.perigee_deg is not None else float(chance.uniform(0.1, 1))
        )
        perigee = np.radians(
            float(chance.uniform(0, 360)) if group.perigee_deg is None else group.perigee_deg
        )
        node = np.radians(_FIRST_NODE_DEG.get(group.gnss, 0.0) + 360.0 * plane / group.planes)
        along = 2 * pi * (place / per_plane + group.phasing * plane / len(group.numbers))
        semi_major = group.semi_major_m
        if group.longitude_deg:
            # In synchrony with the earth: argument of latitude and node make the mean longitude together.
            turning = system.earth_rad_s - group.node_rate_rad_s - group.delta_n_rad_s
            semi_major = (system.gm_m3_s2 / turning**2) ** (1 / 3)
            node = np.radians(180.0) if group.orbit == "GEO" and group.gnss == "C" else node
            along = np.radians(group.longitude_deg[row]) - node
        small = chance.uniform(-1, 1, 6) * (4e-6, 8e-6, 1.5e-7, 1.5e-7, 250.0, 80.0)
        if group.orbit == "GEO":
            small *= (0.1, 0.1, 0.0, 0.0, 0.1, 0.1)
        unit = system.af1_unit_s_s
        out.append(
            Orbit(
                Satellite(GNSS.index(group.gnss), number, group.orbit),
                semi_major,
                eccentricity,
                float(np.radians(group.inclination_deg)),
                float(node),
                group.node_rate_rad_s,
                float(perigee),
                float(along - perigee),
                group.delta_n_rad_s,
                tuple(small.tolist()),
                float(chance.uniform(-1, 1)) * system.clock_s,
                round(float(chance.normal(0, 3e-12)) / unit) * unit,
                (float(chance.uniform(-3, 3)), float(chance.uniform(-3, 3))),
            )
        )
    return out


def turn_number(gnss: str, time_ms: int) -> int:
    """Number of the set that is in use at a GPS time."""
    system = SYSTEMS[gnss]
    return (time_ms - system.offset_ms) // (1000 * system.period_s)


def kepler_sets(orbit: Orbit, turn: int, anchor_ms: int) -> list[Ephemeris]:
    """What a satellite sends while set number `turn` is in use: one message, of Galileo two; rounded."""
    letter = GNSS[orbit.satellite.gnss]
    system = SYSTEMS[letter]
    toe_ms = (turn + system.lead) * 1000 * system.period_s  # in the system's time
    later_s = (toe_ms + system.offset_ms - anchor_ms) / 1000
    week, toe_s = toe_ms // WEEK_MS, toe_ms % WEEK_MS / 1000
    mean_motion = sqrt(system.gm_m3_s2 / orbit.semi_major_m**3) + orbit.delta_n_rad_s
    perigee = orbit.perigee_rad
    cuc, cus, cic, cis, crc, crs = orbit.harmonic
    if letter == "C" and orbit.satellite.orbit == "GEO":
        # The frame stands still while tk runs, but starts from the turned earth at every toe: there the
        # plane keeps its node, and what is counted along the orbit moves back.
        node = orbit.node_rad
        turned_by = system.earth_rad_s * later_s
        perigee -= turned_by
        cuc, cus = _moved_back(cuc, cus, 2 * turned_by)
        crc, crs = _moved_back(crc, crs, 2 * turned_by)
    else:
        node = orbit.node_rad + (orbit.node_rate_rad_s - system.earth_rad_s) * later_s
    common = {
        "toe_s": toe_s,
        "toc_s": toe_s,
        "af0_s": orbit.clock_s + orbit.clock_rate * later_s,
        "af1_s_s": orbit.clock_rate,
        "af2_s_s2": 0.0,
        "sqrt_a_sqrt_m": sqrt(orbit.semi_major_m),
        "eccentricity": orbit.eccentricity,
        "i0_rad": orbit.inclination_rad,
        "i_dot_rad_s": 0.0,
        "omega0_rad": turned(node + system.earth_rad_s * toe_s),
        "omega_dot_rad_s": orbit.node_rate_rad_s,
        "omega_rad": turned(perigee),
        "m0_rad": turned(orbit.mean_anomaly_rad + mean_motion * later_s),
        "delta_n_rad_s": orbit.delta_n_rad_s,
        "cuc_rad": cuc,
        "cus_rad": cus,
        "cic_rad": cic,
        "cis_rad": cis,
        "crc_m": crc,
        "crs_m": crs,
    }  # fmt: skip
    return [
        rounded(Ephemeris(letter, orbit.satellite.number, message, common | more))
        for message, more in _own(letter, orbit, turn, week, common["af0_s"])
    ]


def _own(letter: str, orbit: Orbit, turn: int, week: int, af0_s: float) -> list[tuple[int, dict[str, float]]]:
    """Message numbers with the fields that only they have."""
    first_s, second_s = (delay / C_M_S for delay in orbit.delay_m)
    own: dict[str, float]
    match letter:
        case "G":
            own = {"week": week % 1024, "ura_index": 0, "l2_codes": 1, "iode": turn % 256, "iodc": turn % 256}
            return [(1019, own | {"tgd_s": first_s, "health": 0, "l2p_off": 0, "fit_flag": 0})]
        case "J":
            own = {"week": week % 1024, "ura_index": 0, "l2_codes": 2, "iode": turn % 256, "iodc": turn % 256}
            return [(1044, own | {"tgd_s": first_s, "health": 0, "fit_flag": 0})]
        case "C":
            own = {
                "week": week - gpstime.BEIDOU_FIRST_WEEK,
                "ura_index": 0,
                "aode": 1,
                "aodc": 1,
                "health": 0,
            }
            return [(1042, own | {"tgd1_s": first_s * 2, "tgd2_s": second_s})]
        case _:
            own = {"week": week - gpstime.GALILEO_FIRST_WEEK, "iodnav": turn % 1024, "sisa_index": 107}
            own |= {"bgd_e5a_s": first_s}
            # Both clocks are of the same oscillator: each is without ionosphere for its own pair of signals,
            # so they differ by what their group delays differ on E1.
            fnav = {"af0_s": af0_s + first_s - second_s, "e5a_health": 0, "e5a_invalid": 0, "reserved": 0}
            inav = {"bgd_e5b_s": second_s, "e5b_health": 0, "e5b_invalid": 0, "e1_health": 0}
            return [(1045, own | fnav), (1046, own | inav | {"e1_invalid": 0, "reserved": 0})]


def _moved_back(cosine: float, sine: float, angle: float) -> tuple[float, float]:
    """The amplitudes of a wave whose phase is counted from an angle further on."""
    c, s = cos(angle), sin(angle)
    return cosine * c + sine * s, sine * c - cosine * s


def rounded(one: Ephemeris) -> Ephemeris:
    """The set as whoever decodes its message has it."""
    return ephemeris.decode(one.message, ephemeris.encode(one))


def turned(angle: float) -> float:
    """An angle from -pi to below pi, by more than the messages' rounding."""
    turned = (angle + pi) % (2 * pi) - pi
    return turned if turned < pi * (1 - 2.0**-31) else -pi
