"""Reference points against the registry: through the network, message by message."""

from __future__ import annotations

import numpy as np
import pytest

from hncors.frames import motion
from hncors.geodesy import GRS80, enu_axes, to_ecef, to_geodetic
from hncors.gpstime import from_iso, to_unix_ns
from hncors.health import Event
from hncors.network import Chunk, Network
from hncors.registry import Station
from hncors.rtcm3.encode import frame
from hncors.rtcm3.encode_station import encode
from hncors.rtcm3.station import ReferencePoint

PLACE = to_ecef([np.radians(28.2), np.radians(112.95), 75.0], GRS80)
AXES = enu_axes(to_geodetic(PLACE, GRS80))
AT_NS = to_unix_ns(from_iso("2026-11-26T00:00:00"))
SECOND_NS = 1_000_000_000


def station(frame_name: str | None = "CGCS2000", epoch: float = 2000.0, **more: object) -> Station:
    x, y, z = PLACE.tolist()
    return Station("A", "tcp://h:1", 1.0, ecef_m=(x, y, z), frame=frame_name, epoch=epoch, **more)


def told(
    net: Network, enu_m: tuple[float, float, float], second: int = 0, height_m: float = 0.0
) -> list[Event]:
    """Events of one 1006 whose point is so far from the registered numbers."""
    x, y, z = (PLACE + np.array(enu_m) @ AXES).tolist()
    data = frame(encode(ReferencePoint(1, x, y, z, height_m)))
    at_ns = AT_NS + second * SECOND_NS
    net.feed(Chunk("A", data, at_ns))
    return [event for event in net.tick(at_ns).events if event.kind.startswith("arp")]


def test_a_wrong_reference_point_is_told_at_the_first_message() -> None:
    [event] = told(Network([station()]), (0.3, 0.0, 0.0))
    assert event.kind == "arp_off_registry" and event.at_ns == AT_NS
    assert event.detail["east_m"] == pytest.approx(0.3, abs=0.001)  # nearer than today's, 0.72 m east
    assert event.detail["frame"] == "as filed"


@pytest.mark.parametrize("enu_m", [(0, 0, 0), (0.03, 0, 0.02), (0.718, -0.189, 0.011)])
def test_the_place_as_filed_and_that_of_today_are_right(enu_m: tuple[float, float, float]) -> None:
    """Eurasia moves Hunan by 0.718 m east and 0.189 m south from 2000.0 to 2026.9: test_frames."""
    net = Network([station()])
    assert told(net, enu_m) == []
    assert net.streams[0].arp_off is not None and net.streams[0].arp_off.distance_m < 0.05


def test_cgcs2000_is_announced_of_a_place_filed_in_todays_frame() -> None:
    net = Network([station("ITRF2020", 2026.9)])
    assert told(net, (-0.718, 0.189, -0.011)) == []
    assert net.streams[0].arp_off is not None and net.streams[0].arp_off.frame == "CGCS2000"


@pytest.mark.parametrize(("up_m", "why"), [(-1.5, "marker"), (1.5, "twice")])
def test_an_antenna_height_is_counted_once(up_m: float, why: str) -> None:
    [event] = told(Network([station(antenna_height_m=1.5)]), (0.0, 0.0, up_m))
    assert why in event.detail["why"]
    [event] = told(Network([station()]), (0.0, 0.0, up_m), height_m=1.5)  # as 1006 says
    assert why in event.detail["why"]


def test_a_change_is_told_at_once_and_so_is_the_end() -> None:
    net = Network([station()])
    assert told(net, (0.0, 0.0, 0.0)) == []
    kinds = [event.kind for event in told(net, (0.0, 0.0, 0.1), 10)]
    assert kinds == ["arp_changed", "arp_off_registry"]
    assert told(net, (0.0, 0.0, 0.1), 20) == []
    assert [event.kind for event in told(net, (0.0, 0.0, 0.3), 30)] == ["arp_changed", "arp_off_registry"]
    assert [event.kind for event in told(net, (0.0, 0.0, 0.0), 700)] == ["arp_changed", "arp_as_registered"]


def test_no_coordinate_is_in_an_event() -> None:
    [event] = told(Network([station()]), (30.0, 0.0, 0.0))
    numbers = [value for value in event.detail.values() if isinstance(value, float)]
    assert len(numbers) == 4 and max(map(abs, numbers)) < 31


def test_farther_than_a_site_only_a_digit_is_told() -> None:
    assert told(Network([station()]), (300.0, 0.0, 0.0)) == []


def test_without_a_plate_or_velocity_only_the_place_as_filed_counts() -> None:
    moves = motion((-4_646_000.0, 2_553_000.0, -3_534_000.0), "ITRF2014", 2010.0)  # Sydney
    assert moves.by == "none"
