"""Streams that are not one station that stands still get words for what they are: recorded and made.

What is in the recordings is told by whoever collected them; made ones say what they are by how they are made.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_arp import AT_NS, PLACE, SECOND_NS
from test_evidence_rules import HERE, HOME, STRANGE, at, look, off

import hncors
from hncors import kinds
from hncors.geodesy import enu_axes, to_ecef, to_geodetic
from hncors.health import Event, Stream, stream_of
from hncors.network import Chunk, Network
from hncors.registry import Station
from hncors.rtcm3.encode import frame
from hncors.rtcm3.encode_station import encode
from hncors.rtcm3.station import ReferencePoint

BASE = PLACE + np.array([3.3331, 1.7773, 2.2227])  # PLACE itself is in round numbers
AXES = enu_axes(to_geodetic(BASE))


def recorded(path: Path) -> list[dict[str, object]]:
    events = hncors.replay([path]).events
    rows = zip(events["kind"], events["detail"], strict=True)
    return [detail for kind, detail in rows if kind == "stream_kind"]


def test_four_stations_in_one_recording_are_told_as_they_come(recordings: Path) -> None:
    # Four stations' streams one after another: stations and positions change in mid-stream.
    told = recorded(recordings / "streams/swift-switch-legacy-msm-legacy-msm.rtcm3")
    assert [(one["what"], one["number"], one["in_turn"]) for one in told] == [
        ("several_stations", number, False) for number in (2, 3, 4)
    ]
    assert told[-1]["zh"] == "一路数据流中有 4 个站" and told[-1]["en"] == "4 stations in one stream"


def test_the_same_minute_three_times_is_told_each_time(recordings: Path) -> None:
    told = recorded(recordings / "streams/same-minute-three-times.rtcm3")
    assert [(one["what"], one["number"]) for one in told] == [("repeats", 2), ("repeats", 3)]
    assert told[-1]["zh"] == "同一段数据播发了 3 遍" and told[-1]["en"] == "the same data 3 times over"


@pytest.mark.parametrize(
    "name",
    [
        "alloy-bds3-33s.rtcm3",
        "hiroshima-7systems-60s.rtcm3",
        "f9p-mixed-ubx-158s.bin",
        "trio-poland-20s.rtcm3",
    ],
)
def test_a_station_that_stands_still_has_no_other_word(recordings: Path, name: str) -> None:
    assert recorded(recordings / "streams" / name) == []


class Line:
    """A stream of reference points."""

    def __init__(self, **filed: object) -> None:
        self.network = Network([Station("A", "tcp://h:1", 1.0, **filed)])
        self.second = 0

    def send(
        self, enu_m: tuple[float, float, float], *, virtual: bool = False, after_s: int = 10
    ) -> list[Event]:
        x, y, z = (BASE + np.array(enu_m) @ AXES).tolist()
        return self.at(x, y, z, virtual=virtual, after_s=after_s)

    def at(self, x: float, y: float, z: float, *, virtual: bool = False, after_s: int = 10) -> list[Event]:
        return self.hear(ReferencePoint(1, x, y, z, not_physical=virtual), after_s)

    def hear(self, record: ReferencePoint, after_s: int) -> list[Event]:
        self.second += after_s
        at_ns = AT_NS + self.second * SECOND_NS
        self.network.feed(Chunk("A", frame(encode(record)), at_ns))
        return [event for event in self.network.tick(at_ns).events if event.kind == "stream_kind"]


def whats(found: list[Event]) -> list[str]:
    return [str(event.detail["what"]) for event in found]


def test_a_moving_base_is_told_once() -> None:
    line = Line()
    found = [event for n in range(30) for event in line.send((7.0 * n, 3.0 * n, 0.1 * n), after_s=1)]
    assert whats(found) == ["moving_base"]
    assert found[0].detail["zh"] == "移动基准站" and found[0].detail["en"] == "a moving base"


def test_a_place_that_is_still_averaged_is_no_moving_base() -> None:
    line, rng = Line(), np.random.default_rng(2)
    found = [event for n in range(1, 60) for event in line.send(tuple(rng.normal(0, 2.0 / n, 3)), after_s=1)]
    assert whats(found) == ["place_not_settled"]


def test_an_antenna_that_was_moved_or_corrected_is_neither() -> None:
    line = Line()
    places = [(0, 0, 0)] * 5 + [(0.3, 0, 0)] * 5 + [(0.3, 0.1, 0)] * 5
    assert [event for place in places for event in line.send(place)] == []


def test_two_places_of_one_station_that_take_turns_are_no_stations() -> None:
    line = Line()
    assert [event for n in range(20) for event in line.send((200.0 * (n % 2), 0.0, 0.0))] == []


def test_stations_that_take_turns_are_told_so() -> None:
    line = Line()
    found = [event for n in range(12) for event in line.send((0.0, 40_000.0 * (n % 3), 0.0))]
    assert [(event.detail["number"], event.detail["in_turn"]) for event in found] == [(2, False), (3, False)]
    assert line.network.streams[0].kinds[kinds.SEVERAL][1] == 3


def test_computed_stations_go_where_they_are_told_to() -> None:
    line = Line()
    found = [event for n in range(12) for event in line.send((9000.0 * n, 0.3, 0.0), virtual=True)]
    assert whats(found)[:1] == ["virtual_station"] and set(whats(found)) == {"virtual_station"}


def test_what_was_gone_an_hour_is_told_again() -> None:
    line = Line()
    assert whats(line.send((0, 0, 0), virtual=True)) == ["virtual_station"]
    assert line.send((0, 0, 0), virtual=True, after_s=3500) == []
    assert line.send((0, 0, 0), virtual=True, after_s=3500) == []  # it never was gone
    assert kinds.shown(line.network.streams[0], AT_NS + line.second * SECOND_NS) == {"virtual_station": 0}
    assert line.send((5, 0, 0)) == []
    assert kinds.shown(line.network.streams[0], AT_NS + line.second * SECOND_NS) == {}


def geodetic(latitude_deg: float, longitude_deg: float, height_m: float) -> tuple[float, float, float]:
    x, y, z = to_ecef([np.radians(latitude_deg), np.radians(longitude_deg), height_m]).tolist()
    return round(x, 4), round(y, 4), round(z, 4)  # DF025


@pytest.mark.parametrize(
    ("point", "round_"),
    [
        (geodetic(28.2, 112.95, 77.123), True),
        (geodetic(28 + 12.345 / 60, 112 + 56.789 / 60, 0.0), True),  # GGA with three decimals
        (geodetic(28.2281, 112.9388, 63.4), True),
        (geodetic(28.22812, 112.93885, 63.4), False),  # five decimals of a degree are no round numbers
        ((-2191000.0, 5178000.0, 2996000.0), True),
        ((-2191000.0, 5178000.0, 2996000.5), False),
        ((0.0, 0.0, 0.0), False),  # no place
        ((0.0, 0.0, 6356752.3142), False),
        ((-3551876.8287, 3887786.8598, 3586946.3873), False),  # Hiroshima, from its stream
    ],
)
def test_round_numbers_are_told_from_measured_ones(point: tuple[float, float, float], round_: bool) -> None:
    assert kinds.is_round(point) is round_


def test_of_measured_places_hardly_one_is_round() -> None:
    rng = np.random.default_rng(9)
    places = np.round(BASE + rng.uniform(-3e5, 3e5, (3000, 3)), 4)
    assert not any(kinds.is_round(tuple(place)) for place in places.tolist())


def test_a_virtual_station_that_does_not_say_so_is_told_by_its_round_numbers() -> None:
    line = Line()
    found = line.at(*geodetic(28.2, 112.95, 77.0))
    assert whats(found) == ["round_coordinates"]
    assert "虚拟站" in found[0].detail["zh"] and "virtual" in found[0].detail["en"]
    assert not any(f"{value:.0f}" in str(found[0]) for value in geodetic(28.2, 112.95, 77.0))


def test_a_place_that_is_filed_in_round_numbers_is_as_filed() -> None:
    x, y, z = point = geodetic(28.2, 112.95, 77.0)
    line = Line(ecef_m=point)
    assert line.at(x, y, z) == []
    assert whats(line.at(x + 5000.0, y, z)) == ["several_stations"]


def again(stream: Stream, times_ms: list[int]) -> list[Event]:
    return [
        event
        for n, time_ms in enumerate(times_ms)
        for event in kinds.of_repeat(stream, time_ms, AT_NS + n * SECOND_NS)
    ]


def test_a_frame_that_a_link_sends_twice_is_no_repeat() -> None:
    stream = stream_of(Station("A", "tcp://h:1", 1.0))
    assert again(stream, [1000, 9000, 2000, 2000, 3000, 1000, 2000]) == []
    assert [event.detail["number"] for event in again(stream, [*range(0, 60_000, 1000)] * 2)] == [2, 3]


# --- What rules make of it --------------------------------------------------------------------------

MOVING = STRANGE._replace(kinds={kinds.MOVING: 0})


def test_rule_e2_a_moving_base_is_no_fixed_station() -> None:
    lead = look("E2", MOVING)
    assert lead is not None and lead.strength == "weak"
    assert lead.zh.endswith("；移动基准站") and lead.en.endswith("; a moving base")
    assert lead.inputs["kind"] == "moving_base"


def test_rule_e2_who_only_says_that_he_moves_is_one() -> None:
    # The place that is broadcast wanders, the observations are made where they always were.
    still = MOVING._replace(own_m=at(27.5, 113.0), recent_m=at(27.5, 113.0, 3.0))
    lead = look("E2", still)
    assert lead is not None and lead.strength == "strong"
    assert (
        look("E2", MOVING._replace(own_m=at(27.5, 113.0), recent_m=at(27.5, 113.0, 60.0))).strength == "weak"
    )


def test_rule_e2_round_numbers_may_be_of_a_virtual_station() -> None:
    rounded = STRANGE._replace(kinds={kinds.ROUND: 0})
    lead = look("E2", rounded)
    assert lead is not None and lead.strength == "medium"
    assert "虚拟站" in lead.zh and "round numbers" in lead.en
    # ADVNULLANTENNA is also that of physical stations whose observations were corrected for their antenna.
    lead = look("E2", rounded._replace(equipment={"antenna": "ADVNULLANTENNA"}))
    assert lead is not None and lead.strength == "medium"
    lead = look("E2", rounded._replace(equipment={"antenna": "EXAMPLE ANT    NONE"}))
    assert lead is not None and lead.strength == "strong" and "round numbers" in lead.en


def test_rule_e4_says_nothing_of_a_base_that_moves() -> None:
    away = STRANGE._replace(own_m=at(27.5, 113.0, 300.0), recent_m=at(27.5, 113.0, 400.0))
    assert look("E4", away) is not None
    assert look("E4", away._replace(kinds={kinds.MOVING: 0})) is None


def test_rule_e4_goes_by_the_last_minute_where_stations_changed() -> None:
    switched = STRANGE._replace(own_m=at(27.5, 113.0, 9000.0), recent_m=at(27.5, 113.0, 5.0))
    assert look("E4", switched) is not None
    assert look("E4", switched._replace(kinds={kinds.SEVERAL: 2})) is None
    assert look("E4", switched._replace(kinds={kinds.SEVERAL: 2}, recent_m=at(*HOME))) is not None


def test_rule_e3_says_how_many_stations_take_turns() -> None:
    turns = HERE._replace(alternating=7, arp_off=off(0.0, False))
    lead = look("E3", turns)
    assert lead is not None and lead.zh == "两个参考点交替出现"
    lead = look("E3", turns._replace(kinds={kinds.SEVERAL: 4}))
    assert lead is not None and "4 个站" in lead.zh and "of 4 stations" in lead.en


@pytest.mark.parametrize(("times", "found"), [(0, False), (2, False), (3, True), (40, True)])
def test_rule_e15_the_same_data_again_and_again(times: int, found: bool) -> None:
    lead = look("E15", STRANGE._replace(kinds={kinds.REPEATS: times} if times else {}))
    assert (lead is not None) == found
    if lead is not None:
        assert lead.strength == "strong" and lead.zh == f"同一段数据播发了 {times} 遍"
