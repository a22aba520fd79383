"""Nominal constellations: sets that their messages carry, orbits of the right size, no steps between sets."""

from __future__ import annotations

import numpy as np
import pytest

from hncors.geodesy import to_geodetic
from hncors.gpstime import from_iso
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.framing import Framer
from hncors.signals import C_M_S
from hncors.simulate import constellation
from hncors.simulate.broadcast import Broadcast

# A Saturday night: the GPS week ends at 24:00 GPST, BeiDou's 14 s later, GLONASS' day at 21:00:18.
EVENING = from_iso("2026-03-07T20:00:00")


def broadcast(start_ms: int = EVENING, systems: str = "GREJC") -> Broadcast:
    made = Broadcast(systems, start_ms, 1)
    made.advance(start_ms)
    return made


def rows(made: Broadcast, first: str, orbit: str = "") -> list[int]:
    return [
        row for row, one in enumerate(made.satellites) if one.name[0] == first and orbit in ("", one.orbit)
    ]


def test_what_is_in_the_sky() -> None:
    """Counts of the nominal constellations: IS-GPS-200 and the systems' interface documents of 2020 on."""
    made = broadcast()
    assert {(s, o): len(rows(made, s, o)) for s in "GREJC" for o in ("MEO", "IGSO", "GEO")} == {
        ("G", "MEO"): 30, ("G", "IGSO"): 0, ("G", "GEO"): 0,
        ("R", "MEO"): 24, ("R", "IGSO"): 0, ("R", "GEO"): 0,
        ("E", "MEO"): 24, ("E", "IGSO"): 0, ("E", "GEO"): 0,
        ("J", "MEO"): 0, ("J", "IGSO"): 3, ("J", "GEO"): 2,
        ("C", "MEO"): 27, ("C", "IGSO"): 10, ("C", "GEO"): 8,
    }  # fmt: skip
    assert sum(one.name > "C18" and one.name[0] == "C" for one in made.satellites) == 24 + 3 + 3


@pytest.mark.parametrize(
    ("system", "orbit", "radius_km", "inclination_deg", "eccentricity"),
    [
        ("G", "MEO", 26_560, 55.0, 0.012),
        ("R", "MEO", 25_508, 64.8, 0.002),
        ("E", "MEO", 29_600, 56.0, 0.001),
        ("J", "IGSO", 42_164, 41.0, 0.075),
        ("C", "MEO", 27_906, 55.0, 0.003),
        ("C", "IGSO", 42_164, 55.0, 0.005),
        ("C", "GEO", 42_164, 0.0, 0.001),
    ],
)
def test_orbits_have_their_size(system, orbit, radius_km, inclination_deg, eccentricity) -> None:
    """Radii and inclinations as published; a satellite's highest latitude in a day is its inclination."""
    made = broadcast(systems=system)
    wanted = rows(made, system, orbit)
    places = []
    for minutes in range(0, 24 * 60, 20):
        made.advance(EVENING + 60_000 * minutes)
        places.append(made.states(EVENING + 60_000 * minutes).position_m[wanted])
    radius = np.linalg.norm(places, axis=2)
    assert np.abs(radius / (1000 * radius_km) - 1).max() < eccentricity + 0.001
    # Geocentric: geodetic latitude is up to 0.19 degrees more.
    latitude = np.degrees(np.arcsin(np.array(places)[..., 2] / radius)).max(axis=0)
    assert latitude == pytest.approx(inclination_deg, abs=0.6)


def test_geostationary_satellites_stand_still() -> None:
    """BDS-SIS-ICD-B1I-3.0, section 3.1: 58.75, 80, 110.5, 140 and 160 degrees east."""
    made = broadcast()
    for hours in (0, 5, 11, 30):
        time_ms = EVENING + 3_600_000 * hours
        made.advance(time_ms)
        position = made.states(time_ms).position_m
        for name, east in (("C01", 140), ("C02", 80), ("C03", 110.5), ("C04", 160), ("C05", 58.75)):
            latitude, longitude, _ = to_geodetic(position[made.row(name)])
            assert np.degrees(longitude) == pytest.approx(east, abs=0.15)
            assert abs(np.degrees(latitude)) < 0.02


def test_every_set_is_what_its_message_carries() -> None:
    made = broadcast()
    for row, sets in enumerate(made.sets):
        frames = made.frames(row)
        for one, sent in zip(sets, frames, strict=True):
            assert Framer().feed(sent) == [sent]
            assert sent[3:-3] == ephemeris.encode(one)
            assert ephemeris.decode(one.message, ephemeris.encode(one)) == one


@pytest.mark.parametrize("system", "GREJC")
def test_sets_follow_each_other_with_small_steps(system: str) -> None:
    """Over the end of a week and of GLONASS' day. Kepler sets are rounded to centimetres, GLONASS' to
    0.25 m and 0.5 mm/s: over 15 minutes before or after tb half a metre more on each side.
    """
    made = broadcast(systems=system)
    changes, largest_m = 0, 0.0
    before = made.changes
    for seconds in range(0, 6 * 3600, 14 if system == "C" else 18):
        time_ms = EVENING + 1000 * seconds
        old = made.states(time_ms)
        made.advance(time_ms)
        if made.changes > before:
            before = made.changes
            changes += 1
            raw = made._raw(time_ms)  # of the new sets, without what fades
            step = np.linalg.norm(raw.position_m - old.position_m, axis=1)
            clock_m = np.abs(raw.clock_s - old.clock_s) * C_M_S
            largest_m = max(largest_m, float(step.max()))
            assert clock_m.max() < 0.6
            # What stations see goes on without a step.
            now = made.states(time_ms)
            assert np.abs(now.position_m - old.position_m).max() < 1e-6
            assert np.abs(now.clock_s - old.clock_s).max() * C_M_S < 1e-6
    assert changes == {"G": 3, "R": 12, "E": 12, "J": 6, "C": 6}[system] - (system in "GEJ")
    assert 0 < largest_m < (3.0 if system == "R" else 0.3)


def test_velocity_is_the_change_of_the_place_while_a_step_fades() -> None:
    made = broadcast()
    time_ms = EVENING + 3_720_000  # all systems' sets changed within the last ten minutes or so
    for minutes in range(63):
        made.advance(time_ms - 60_000 * (62 - minutes))
    before, now, after = (made.states(time_ms + ms) for ms in (-500, 0, 500))
    assert np.abs(after.position_m - before.position_m - now.velocity_m_s).max() < 1e-3
    assert made._step.any()


def test_galileo_clocks_differ_by_what_their_group_delays_do() -> None:
    """OS SIS ICD 5.1.5: E1 is late by BGD(E1, E5a) to the F/NAV clock, by BGD(E1, E5b) to the I/NAV one."""
    made = broadcast(systems="E")
    for fnav, inav in made.sets:
        assert (fnav.message, inav.message) == (1045, 1046)
        apart = (fnav["af0_s"] - fnav["bgd_e5a_s"]) - (inav["af0_s"] - inav["bgd_e5b_s"])
        assert abs(apart) < 2.0**-33 + 2.0**-34 + 2.0**-32  # half a unit of each rounded value


def test_sets_are_of_the_hours_that_systems_use() -> None:
    made = broadcast()
    toe = {one[0].gnss: one[0].values.get("toe_s", one[0].values.get("tb_s")) for one in made.sets}
    day_s = 6 * 86_400 + 20 * 3600  # 20:00:00 GPST is 19:59:42 UTC, 22:59:42 in Moscow
    assert toe == {"G": day_s + 7200, "E": day_s, "J": day_s, "C": day_s - 3600, "R": 22 * 3600 + 45 * 60}
    assert constellation.turn_number("C", EVENING + 13_999) + 1 == constellation.turn_number(
        "C", EVENING + 14_000
    )
