"""Each rule of evidence: what it is for, and beside it what its description names as a risk of a false alarm.

Streams are laid by hand: where they are, what they say, what is filed. What is to be found follows from the
rules as they are written (docs/evidence.md), not from the program.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hncors.arp import Off
from hncors.geodesy import enu_axes, to_ecef
from hncors.ntrip.sourcetable import Stream as Row
from hncors.registry import Station
from hncors.registry_tables import Antenna, Filing, Permit, Receiver
from hncors.settings import keys
from hncors.supervise.areas import Areas, read_areas
from hncors.supervise.lead import Lead, about
from hncors.supervise.policy import Policy, fingerprint
from hncors.supervise.rules import BY_ID, RULES
from hncors.supervise.seen import Place, Seen, World, placed_deg, serials_of

# A square province of two prefectures, 110 to 114 degrees east, 26 to 28 degrees north.
SQUARES = """{"type": "FeatureCollection", "features": [
 {"type": "Feature", "properties": {"name": "西", "name_en": "West", "province": "方"}, "geometry":
  {"type": "Polygon", "coordinates": [[[110, 26], [112, 26], [112, 28], [110, 28], [110, 26]]]}},
 {"type": "Feature", "properties": {"name": "东", "name_en": "East", "province": "方"}, "geometry":
  {"type": "MultiPolygon", "coordinates": [[[[112, 26], [114, 26], [114, 28], [112, 28], [112, 26]]]]}}]}"""
DAY_NS = 86_400 * 10**9
NOW_NS = (date(2026, 11, 26) - date(1970, 1, 1)).days * DAY_NS


def areas() -> Areas:
    read, problems = read_areas(SQUARES, "squares.geojson")
    assert read is not None and not problems
    return read


def at(latitude_deg: float, longitude_deg: float, east_m: float = 0.0, up_m: float = 0.0) -> Place:
    """A place on the ground, and some metres to its east."""
    place = np.array([math.radians(latitude_deg), math.radians(longitude_deg), 100.0])
    x, y, z = (to_ecef(place) + np.array([east_m, 0.0, up_m]) @ enu_axes(place)).tolist()
    return x, y, z


HOME = (27.0, 111.0)
FILED = Station(
    "ABCD",
    "ntrip://127.0.0.1:2101/ABCD",
    ecef_m=at(*HOME),
    operator="Province",
    receiver=Receiver(type="EXAMPLE RX", serial="4711"),
    antenna=Antenna(type="EXAMPLE ANT    NONE", serial="0815"),
    filing=Filing(number="1"),
)
WATCHED = Station("WILD", "tcp://127.0.0.1:5000")
HERE = Seen("ABCD", NOW_NS, FILED, live=True, arp_m=at(*HOME))
STRANGE = Seen("WILD", NOW_NS, WATCHED, live=True, arp_m=at(27.5, 113.0))


def world(
    *seen: Seen, policy: Policy | None = None, filed: tuple[Station, ...] = (FILED,), **more: Any
) -> World:
    places = [station.ecef_m or (math.nan,) * 3 for station in filed]
    by_subject = {one.subject: one for one in seen}
    return World(
        policy or Policy(),
        areas(),
        filed,
        np.array(places),
        by_subject,
        serials_of(seen),
        placed_deg(np.array(places)),
        **more,
    )


def look(rule: str, seen: Seen, **more: Any) -> Lead | None:
    others = more.pop("others", ())
    return BY_ID[rule].look(seen, world(seen, *others, **more))


def row(**values: Any) -> Row:
    plain = dict.fromkeys(Row._fields, "")
    told = {"latitude_deg": None, "longitude_deg": None, "needs_gga": False, "from_network": False}
    return Row(**{**plain, **told, **values})


def test_nothing_is_said_of_a_station_that_is_as_filed() -> None:
    equipment = {"receiver": "EXAMPLE RX", "receiver_serial": "4711", "antenna": "EXAMPLE ANT NONE"}
    seen = HERE._replace(own_m=at(*HOME, 3.0), recent_m=at(*HOME, 5.0), equipment=equipment)
    assert [rule.id for rule in RULES if rule.look(seen, world(seen)) is not None] == []


# --- E2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("east_m", "found"), [(0, False), (49, False), (51, True), (1000, True)])
def test_rule_e2_needs_a_filed_station_within_50_m(east_m: float, found: bool) -> None:
    assert (look("E2", STRANGE._replace(arp_m=at(*HOME, east_m))) is not None) == found


def test_rule_e2_says_where_without_telling_a_coordinate() -> None:
    lead = look("E2", STRANGE)
    assert lead is not None and lead.strength == "strong"
    assert lead.inputs["county"] == "东" and lead.inputs["nearest_filed"] == "ABCD"
    assert (
        lead.inputs["distance"] == "210 km"
    )  # 2 degrees of longitude at 27.25 north, and half one of latitude
    assert not any(f"{number:.1f}" in str(lead) for number in (27.5, 113.0))


@pytest.mark.parametrize(
    ("longitude_deg", "strength"), [(114.01, "weak"), (113.99, "weak"), (113.9, "strong"), (114.1, None)]
)
def test_rule_e2_near_the_border_is_not_certain(longitude_deg: float, strength: str | None) -> None:
    lead = look("E2", STRANGE._replace(arp_m=at(27.0, longitude_deg)))  # 0.01 degrees are a kilometre
    assert (lead.strength if lead else None) == strength


def test_rule_e2_leaves_computed_streams_permits_and_the_filed_alone() -> None:
    assert look("E2", STRANGE._replace(computed=True)) is None
    permit = Permit(begins=date(2026, 11, 1), ends=date(2026, 11, 26), temporary=True)
    assert look("E2", STRANGE._replace(station=replace(WATCHED, permit=permit))) is None
    ended = Permit(begins=date(2026, 11, 1), ends=date(2026, 11, 25), temporary=True)
    assert look("E2", STRANGE._replace(station=replace(WATCHED, permit=ended))) is not None
    assert look("E2", HERE._replace(arp_m=at(27.5, 113.0))) is None  # it is E3's


def test_rule_e2_is_less_certain_where_filed_stations_have_no_place_and_silent_without_any() -> None:
    nowhere = replace(FILED, id="EFGH", ecef_m=None)
    lead = look("E2", STRANGE, filed=(FILED, nowhere))
    assert lead is not None and lead.strength == "medium"
    assert look("E2", STRANGE, filed=(nowhere,)) is None
    assert look("E2", STRANGE, filed=()) is None


# --- E1, E5 --------------------------------------------------------------------------------------


def test_rule_e1_a_row_in_the_territory_with_nothing_filed_in_its_cell() -> None:
    seen = Seen("caster/X", NOW_NS, row=row(latitude_deg=27.31, longitude_deg=113.0))
    lead = look("E1", seen)
    assert lead is not None and lead.strength == "weak" and lead.inputs["county"] == "东"


@pytest.mark.parametrize(
    "values",
    [
        {"latitude_deg": 27.0, "longitude_deg": 111.0},  # whole degrees: the cell has everything in it
        {"latitude_deg": 27.1, "longitude_deg": 111.1},  # a tenth: 15 km is within two cells
        {"latitude_deg": 27.01, "longitude_deg": 110.99},  # rounded the other way
        {"latitude_deg": 28.02, "longitude_deg": 111.0},  # outside, and the border is nearer than the cell
        {"latitude_deg": 27.99, "longitude_deg": 111.0},
        {"latitude_deg": 27.31, "longitude_deg": 113.0, "needs_gga": True},
        {"latitude_deg": 27.31, "longitude_deg": 113.0, "from_network": True},
        {"latitude_deg": None, "longitude_deg": 113.0},
    ],
)
def test_rule_e1_risks(values: dict[str, Any]) -> None:
    assert look("E1", Seen("caster/X", NOW_NS, row=row(**values))) is None


def test_rule_e5_one_of_two_places_is_wrong() -> None:
    seen = HERE._replace(row=row(latitude_deg=27.03, longitude_deg=111.0))  # 3.3 km: a slip of a digit
    lead = look("E5", seen)
    assert lead is not None and lead.strength == "weak" and lead.inputs["distance"] == "3.3 km"
    assert look("E5", seen._replace(row=row(latitude_deg=27.01, longitude_deg=111.0))) is None
    assert look("E5", seen._replace(computed=True)) is None


# --- E3, E4 --------------------------------------------------------------------------------------


def off(distance_m: float, wrong: bool) -> Off:
    return Off(at(*HOME, distance_m), 0, distance_m, (distance_m, 0.0, 0.0), "as filed", wrong, "")


def test_rule_e3_a_reference_point_that_is_not_the_filed_one() -> None:
    lead = look("E3", HERE._replace(arp_off=off(0.31, True)))
    assert lead is not None and lead.strength == "strong" and lead.inputs["distance"] == "0.31 m"
    assert look("E3", HERE._replace(arp_off=off(0.31, False))) is None  # explained by frames
    assert look("E3", HERE._replace(arp_off=off(0.06, True))) is None
    assert look("E3", STRANGE._replace(arp_off=off(0.31, True))) is None


def test_rule_e3_two_places_that_take_turns() -> None:
    lead = look("E3", HERE._replace(arp_off=off(0.0, False), alternating=7))
    assert lead is not None and lead.inputs == {"times": 7}


@pytest.mark.parametrize(
    ("east_m", "strength"), [(0, None), (14, None), (16, "medium"), (99, "medium"), (101, "strong")]
)
def test_rule_e4_observations_made_elsewhere(east_m: float, strength: str | None) -> None:
    lead = look("E4", STRANGE._replace(arp_m=at(*HOME), own_m=at(*HOME, east_m)))
    assert (lead.strength if lead else None) == strength


def test_rule_e4_a_minute_is_enough_for_what_is_far_and_for_nothing_else() -> None:
    far, near = at(27.2, 111.0), at(*HOME, 60.0)
    assert look("E4", HERE._replace(own_m=at(*HOME), recent_m=near)) is None
    lead = look("E4", HERE._replace(own_m=at(*HOME), recent_m=far))
    assert lead is not None and lead.inputs["distance"] == "22 km"


def test_rule_e4_a_storm_excuses_tens_of_metres_only() -> None:
    assert look("E4", HERE._replace(own_m=at(*HOME, 60.0)), disturbed=True) is None
    assert look("E4", HERE._replace(own_m=at(*HOME, 600.0)), disturbed=True) is not None


def test_rule_e4_says_at_which_filed_station_they_are_made() -> None:
    lead = look("E4", STRANGE._replace(own_m=at(*HOME, 4.0)))
    assert lead is not None and lead.inputs["at_filed"] == "ABCD"


# --- E6, E7 --------------------------------------------------------------------------------------


def test_rule_e6_equipment_that_is_not_the_filed_one() -> None:
    lead = look("E6", HERE._replace(equipment={"receiver_serial": "4712"}))
    assert lead is not None and lead.strength == "medium" and lead.inputs["what"] == "receiver_serial"
    assert look("E6", HERE._replace(equipment={"antenna": "OTHER NONE"})) is not None
    assert look("E6", STRANGE._replace(equipment={"receiver_serial": "4712"})) is None  # nothing was filed


@pytest.mark.parametrize("serial", ["", "0", "0000000", "unknown", "N/A", "------"])
def test_rule_e6_numbers_that_are_none(serial: str) -> None:
    assert look("E6", HERE._replace(equipment={"receiver_serial": serial})) is None


def test_rule_e6_one_serial_number_in_two_places() -> None:
    its = {"receiver": "EXAMPLE RX", "receiver_serial": "4711"}
    here, there = HERE._replace(equipment=its), STRANGE._replace(equipment=its)
    lead = look("E6", there, others=(here,))
    assert lead is not None and lead.strength == "strong" and lead.inputs["like"] == "ABCD"
    assert look("E6", here, others=(there,)) is None  # what is filed is where it belongs
    assert look("E6", there, others=(here._replace(live=False),)) is None  # moved, not doubled
    other_make = there._replace(equipment={**its, "receiver": "ANOTHER MAKE"})
    assert look("E6", other_make, others=(here,)) is None
    beside = there._replace(arp_m=at(*HOME, 10.0))  # another stream of the same receiver
    assert look("E6", beside, others=(here,)) is None


def test_rule_e7_names_like_the_own_networks() -> None:
    policy = Policy(own_prefixes=["HNC"])
    lead = look("E7", Seen("elsewhere:2101/HNC_17", NOW_NS), policy=policy)
    assert lead is not None and lead.strength == "weak"
    assert look("E7", Seen("elsewhere:2101/ABCD", NOW_NS), policy=policy) is not None
    assert look("E7", Seen("elsewhere:2101/XHNC", NOW_NS), policy=policy) is None
    assert look("E7", HERE, policy=policy) is None


# --- E8 ------------------------------------------------------------------------------------------


def test_rule_e8_the_copy_is_who_is_not_where_he_says() -> None:
    original = HERE._replace(copies="WILD", recent_m=at(*HOME, 3.0))
    copy = STRANGE._replace(copies="ABCD", recent_m=at(*HOME, 3.0))
    lead = look("E8", copy, others=(original,))
    assert lead is not None and lead.strength == "decisive" and lead.inputs["source_known"] is True
    assert look("E8", original, others=(copy,)) is None


def test_rule_e8_of_two_filed_stations_at_one_place_the_source_is_not_known() -> None:
    one = HERE._replace(copies="EFGH")
    two = HERE._replace(subject="EFGH", copies="ABCD")
    for seen, other in ((one, two), (two, one)):
        lead = look("E8", seen, others=(other,))
        assert lead is not None and lead.inputs["source_known"] is False


def test_rule_e8_authorised_relays() -> None:
    copy = STRANGE._replace(copies="ABCD", recent_m=at(*HOME))
    original = HERE._replace(copies="WILD", recent_m=at(*HOME))
    policy = Policy(allowed_relays=[["ABCD", "WILD"]])
    assert look("E8", copy, others=(original,), policy=policy) is None


# --- E11, E13, E15 -------------------------------------------------------------------------------


def test_rule_e11_the_station_behind_a_computed_stream() -> None:
    behind = STRANGE._replace(computed=True, physical_m=at(27.5, 113.2))
    lead = look("E11", behind)
    assert lead is not None and lead.strength == "medium"
    assert look("E11", behind._replace(physical_m=at(*HOME))) is None
    known = replace(WATCHED, operator="Licensed")
    policy = Policy(network_products=["Licensed"])
    assert look("E11", behind._replace(station=known), policy=policy) is None


def test_rule_e13_filed_and_silent() -> None:
    lead = look("E13", HERE._replace(live=False, quiet_s=25 * 3600.0))
    assert lead is not None and lead.inputs == {"hours": 25}
    assert look("E13", HERE._replace(live=False, quiet_s=23 * 3600.0)) is None
    off = replace(FILED, enabled=False)
    assert look("E13", HERE._replace(station=off, live=False, quiet_s=25 * 3600.0)) is None


@pytest.mark.parametrize(("ends", "found"), [(date(2026, 11, 25), True), (date(2026, 11, 26), False)])
def test_rule_e13_live_beyond_its_permit(ends: date, found: bool) -> None:
    station = replace(FILED, permit=Permit(ends=ends))
    assert (look("E13", HERE._replace(station=station)) is not None) == found  # it is 8 in the morning there


@pytest.mark.parametrize(("on", "found"), [(date(2026, 11, 25), True), (date(2026, 11, 26), False)])
def test_rule_e13_live_though_withdrawn(on: date, found: bool) -> None:
    station = replace(FILED, filing=Filing(number="1", withdrawn_on=on))
    assert (look("E13", HERE._replace(station=station)) is not None) == found
    silent = HERE._replace(station=station, live=False, quiet_s=25 * 3600.0)
    assert (look("E13", silent) is None) == found


@pytest.mark.parametrize(
    ("ago_s", "whole"), [(3600.0, ""), (86_401.0, "day"), (86_164.0, "sidereal day"), (172_800.0, "day")]
)
def test_rule_e15_replayed(ago_s: float, whole: str) -> None:
    lead = look("E15", STRANGE._replace(ago_s=ago_s))
    assert lead is not None and lead.strength == "strong" and lead.inputs["whole"] == whole


def test_rule_e15_not_by_a_clock_of_our_own_that_is_off() -> None:
    assert look("E15", STRANGE._replace(ago_s=3600.0), clock_off=True) is None
    assert look("E15", STRANGE) is None


# --- the table and the policy --------------------------------------------------------------------


def test_every_rule_has_words_in_two_languages_and_a_class() -> None:
    for rule in RULES:
        assert rule.zh and rule.en and rule.kind in "DGIOBR" and rule.version
    assert len(BY_ID) == len(RULES)


def test_the_fingerprint_tells_policies_apart() -> None:
    assert fingerprint(Policy()) == fingerprint(Policy())
    assert fingerprint(Policy()) != fingerprint(Policy(filed_within_m=51.0))


@pytest.mark.parametrize(
    ("length_m", "text"),
    [(0.314, "0.31 m"), (49.6, "50 m"), (994.0, "990 m"), (25_432.0, "25 km"), (1_240.0, "1.2 km")],
)
def test_lengths_have_two_digits(length_m: float, text: str) -> None:
    assert about(length_m) == text


def test_every_limit_is_documented_and_nothing_else() -> None:
    text = (Path(__file__).parents[1] / "docs/evidence.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    assert rows == [(key, expected, json.dumps(default)) for key, expected, default in keys(Policy)]


def test_every_rule_is_documented_with_its_words() -> None:
    text = (Path(__file__).parents[1] / "docs/evidence.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (E\d+) \| ([A-Z]) \| ", text, re.MULTILINE))
    assert rows == {**{rule.id: rule.kind for rule in RULES}, "E12": "B"}
