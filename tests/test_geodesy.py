"""Places: against a published example, the ellipsoid's own definition, and at poles and date line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hncors.geodesy import GRS80, WGS84, azimuth_elevation, enu_axes, to_ecef, to_enu, to_geodetic

POLAR_RADIUS_M = 6_356_752.314245  # WGS84's semi-minor axis, NGA.STND.0036, table 3.3
B = 6_378_137.0 * (1 - 1 / 298.257223563)  # the same to all digits: its definition
GRS80_POLAR_RADIUS_M = 6_356_752.314140  # Moritz 2000, table 1

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
heights = st.floats(-10e3, 45_000e3)


def radians(latitude: float, longitude: float, height: float) -> np.ndarray:
    return np.array([np.radians(latitude), np.radians(longitude), height])


def test_a_published_example() -> None:
    """IOGP Guidance Note 373-7-2, geographic/geocentric conversions (EPSG method 9602)."""
    place = radians(53 + 48 / 60 + 33.820 / 3600, 2 + 7 / 60 + 46.380 / 3600, 73.0)
    xyz = [3_771_793.968, 140_253.342, 5_124_304.349]
    assert to_ecef(place) == pytest.approx(xyz, abs=6e-4)
    assert to_ecef(to_geodetic(xyz)) == pytest.approx(xyz, abs=1e-8)
    back = to_geodetic(xyz)
    assert back[:2] == pytest.approx(place[:2], abs=2e-10)
    assert back[2] == pytest.approx(73.0, abs=1e-3)


@pytest.mark.parametrize(("ellipsoid", "polar_m"), [(WGS84, POLAR_RADIUS_M), (GRS80, GRS80_POLAR_RADIUS_M)])
def test_ends_of_the_axes(ellipsoid, polar_m) -> None:
    for sign in (1, -1):
        assert to_geodetic([0, 0, sign * (polar_m + 5)], ellipsoid) == pytest.approx(
            [sign * np.pi / 2, 0, 5], abs=1e-6
        )
        assert to_ecef([sign * np.pi / 2, 1.0, 0], ellipsoid) == pytest.approx(
            [0, 0, sign * polar_m], abs=1e-6
        )
    assert to_geodetic([-6_378_137.0, 0.0, 0.0], ellipsoid) == pytest.approx([0, np.pi, 0], abs=1e-9)
    assert to_geodetic([-6_378_137.0, -0.0, 0.0], ellipsoid) == pytest.approx([0, -np.pi, 0], abs=1e-9)
    assert to_geodetic([0.0, -6_378_137.0, 0.0], ellipsoid) == pytest.approx([0, -np.pi / 2, 0], abs=1e-9)


@given(latitudes, longitudes, heights)
def test_there_and_back(latitude: float, longitude: float, height: float) -> None:
    xyz = to_ecef(radians(latitude, longitude, height))
    place = to_geodetic(xyz)
    assert place[0] == pytest.approx(np.radians(latitude), abs=1e-13)
    assert place[2] == pytest.approx(height, abs=2e-8 + 1e-15 * height)
    assert np.abs(to_ecef(place) - xyz).max() < 2e-8


@given(latitudes, longitudes, heights)
def test_a_point_lies_straight_above_its_foot(latitude: float, longitude: float, height: float) -> None:
    """The definition of geodetic height: along the gradient of (x2 + y2) / a2 + z2 / b2."""
    foot = to_ecef(radians(latitude, longitude, 0.0))
    assert (foot[:2] ** 2).sum() / 6_378_137.0**2 + foot[2] ** 2 / B**2 == pytest.approx(1, abs=1e-13)
    normal = foot / np.array([6_378_137.0**2, 6_378_137.0**2, B**2])
    normal /= np.linalg.norm(normal)
    above = to_ecef(radians(latitude, longitude, height))
    assert np.abs(above - foot - height * normal).max() < 1e-7
    assert enu_axes(radians(latitude, longitude, height))[2] == pytest.approx(normal, abs=1e-13)


@given(st.floats(-89.9, 89.9), longitudes)
def test_east_and_north_are_where_coordinates_grow(latitude: float, longitude: float) -> None:
    east, north, up = enu_axes(radians(latitude, longitude, 0.0))
    for axis, (d_latitude, d_longitude) in ((north, (1e-4, 0)), (east, (0, 1e-4))):
        ahead = to_ecef(radians(latitude + d_latitude, longitude + d_longitude, 0.0))
        behind = to_ecef(radians(latitude - d_latitude, longitude - d_longitude, 0.0))
        step = (ahead - behind) / np.linalg.norm(ahead - behind)
        assert step == pytest.approx(
            axis, abs=1e-6
        )  # the step's own rounding: 2e-9 m of 40 mm at 89.9 degrees
    assert np.cross(east, north) == pytest.approx(up, abs=1e-14)


def test_nothing_jumps_at_the_date_line() -> None:
    east, west = (to_ecef(radians(-17.0, longitude, 100.0)) for longitude in (180 - 1e-9, -180 + 1e-9))
    assert np.linalg.norm(east - west) == pytest.approx(2 * 1e-9 * np.pi / 180 * 6.1e6, rel=0.01)
    satellite = to_ecef(radians(0.0, 179.0, 20_200e3))
    azimuth, elevation = azimuth_elevation([east, west], satellite)
    assert (azimuth[0], elevation[0]) == pytest.approx(
        (azimuth[1], elevation[1]), abs=1e-9
    )  # two places 0.2 mm apart see the same but for 1e-10 rad


def test_the_sky() -> None:
    """Directions that need no formula: over the axes, over the pole, straight up."""
    station = to_ecef([0.0, 0.0, 0.0])
    lines = np.array([[1000.0, 0, 0], [0, 0, 5], [0, 5, 0], [0, -5, 5]])
    azimuth, elevation = azimuth_elevation(station, station + lines)
    assert azimuth == pytest.approx([0, 0, np.pi / 2, 7 * np.pi / 4], abs=1e-9)
    assert elevation == pytest.approx([np.pi / 2, 0, 0, 0], abs=1e-9)
    pole = np.array([0, 0, POLAR_RADIUS_M])
    sky = azimuth_elevation(pole, pole + np.array([-20.0, 0, 20.0]))  # longitude 0, so north is -x
    assert sky == pytest.approx((0, np.pi / 4), abs=1e-9)
    assert np.isnan(azimuth_elevation(station, station)).all()
    assert azimuth_elevation(station, -station)[1] == pytest.approx(-np.pi / 2)


def test_shapes_are_kept() -> None:
    places = np.random.default_rng(4).uniform(-1, 1, (4, 5, 3))
    assert to_ecef(places).shape == to_geodetic(places * 7e6).shape == (4, 5, 3)
    assert enu_axes(places).shape == (4, 5, 3, 3)
    assert to_enu(places, places[0]).shape == (4, 5, 3)
    assert azimuth_elevation(places[:, :1] * 7e6, places * 3e7)[0].shape == (4, 5)
    assert to_geodetic(np.empty((0, 3))).shape == (0, 3)


def test_what_is_not_known_is_nan() -> None:
    assert np.isnan(to_geodetic([np.nan, 0, 0])).all()
    assert np.isnan(to_geodetic([[0, 0, 0], [1.0, 2.0, 3.0]])).all()  # the centre has no latitude
    assert not np.isnan(to_geodetic([0, 0, 1e6])).any()
