"""Frames and motions against what IGN publishes, what PROJ has, and worked by hand."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from pyproj import Transformer

from hncors import frames
from hncors.geodesy import GRS80, enu_axes, to_ecef, to_enu, to_geodetic
from hncors.gpstime import from_iso
from hncors.identity import Places, known_place
from hncors.registry import read_station

HUNAN = to_ecef([np.radians(28.2), np.radians(112.95), 75.0], GRS80)
BEIJING = to_ecef([np.radians(39.9), np.radians(116.4), 50.0], GRS80)
MAS = np.pi / 180 / 3_600_000

# From ITRF2020 to past ones at 2015.0 (IGN, Transfo-ITRF2020_TRFs): T1 T2 T3 in mm, D in ppb, R1 R2 R3 in
# mas, and their rates a year.
IGN = {
    "ITRF2014": ((-1.4, -0.9, 1.4, -0.42, 0.0, 0.0, 0.0), (0.0, -0.1, 0.2, 0.0, 0.0, 0.0, 0.0)),
    "ITRF2008": ((0.2, 1.0, 3.3, -0.29, 0.0, 0.0, 0.0), (0.0, -0.1, 0.1, 0.03, 0.0, 0.0, 0.0)),
    "ITRF97": ((6.5, -3.9, -77.9, 3.98, 0.0, 0.0, 0.36), (0.1, -0.6, -3.1, 0.12, 0.0, 0.0, 0.02)),
}  # fmt: skip


def by_hand(place: np.ndarray, frame: str, year: float) -> np.ndarray:
    """ITRF2020 to a past frame: X + T + D X + R X (IERS Conventions 2010, equation 4.3)."""
    at, rate = (np.array(row) for row in IGN[frame])
    t1, t2, t3, d, r1, r2, r3 = at + rate * (year - 2015.0)
    turn = np.array([[0.0, -r3, r2], [r3, 0.0, -r1], [-r2, r1, 0.0]]) * MAS
    return place + np.array([t1, t2, t3]) / 1000 + d * 1e-9 * place + turn @ place


@pytest.mark.parametrize("frame", IGN)
@pytest.mark.parametrize("year", [2000.0, 2015.0, 2026.9])
def test_frames_are_those_that_ign_publishes(frame: str, year: float) -> None:
    there = by_hand(HUNAN, frame, year)
    assert np.abs(frames.carried(there, frame, "ITRF2020", year) - HUNAN).max() < 1e-4
    assert np.abs(there - HUNAN).max() > 1e-3  # a null operation would not do


@pytest.mark.parametrize("plate", frames.PLATES)
def test_plates_move_as_proj_has_them(plate: str) -> None:
    """PROJ's file ITRF2020 has the model with the origin's rate under names that end in _T."""
    name = f"{plate}_T"
    after = Transformer.from_pipeline(f"+proj=pipeline +step +init=ITRF2020:{name} +t_epoch=2000.0")
    moved = np.array(after.transform(*HUNAN.tolist(), 2010.0)[:3]) - HUNAN
    assert frames.plate_velocity_m_yr(plate, HUNAN) * 10 == pytest.approx(moved, abs=2e-5)


def test_cgcs2000_is_not_left_where_it_is() -> None:
    """What faults.md C52 wants of Beijing: 0.77 m with ITRF2014's plate, E 27 and N -10 mm a year."""
    moves = frames.motion(BEIJING.tolist(), "CGCS2000", 2000.0)
    assert moves.by == "EURA"
    east, north, up = to_enu(moves.at(2026.9) - BEIJING, to_geodetic(BEIJING))
    assert np.hypot(east, north) == pytest.approx(0.75, abs=0.03)
    assert abs(up) < 0.03
    a_year = to_enu(np.array(moves.velocity_m_yr), to_geodetic(BEIJING)) * 1000
    assert a_year[:2] == pytest.approx([27.0, -10.0], abs=1.5)


def test_an_operation_of_unknown_accuracy_is_refused() -> None:
    """The trap: PROJ's way to CGCS2000 (EPSG 4479) gives back what it was given, and says accuracy -1."""
    trap = Transformer.from_crs(9988, 4479)
    assert trap.transform(*HUNAN.tolist())[:3] == pytest.approx(HUNAN.tolist(), abs=1e-9)
    with pytest.raises(frames.NoWay, match="Ballpark"):
        frames.checked(trap)


def test_no_grid_is_looked_for_elsewhere() -> None:
    frames.motion(HUNAN.tolist(), "CGCS2000", 2000.0)
    assert not pyproj.network.is_network_enabled()


def test_an_own_velocity_is_of_the_frame_it_is_filed_in() -> None:
    """Moved in ITRF97 to 2026.9 and turned there, by hand; the plate has no part."""
    own = (0.033, -0.012, 0.002)
    moves = frames.motion(HUNAN.tolist(), "CGCS2000", 2000.0, own)
    geodetic = to_geodetic(HUNAN, GRS80)
    at = np.array([0.033, -0.012, 0.002]) * 26.9
    there = HUNAN + at @ enu_axes(geodetic)
    expected = there - (by_hand(there, "ITRF97", 2026.9) - there)  # the way back, to 1e-6 of a few cm
    assert moves.by == "own"
    assert moves.at(2026.9) == pytest.approx(expected, abs=1e-4)


def test_a_place_of_no_frame_is_one_of_today() -> None:
    assert frames.motion((1.0, 2.0, 3.0), None, None).at(2026.0).tolist() == [1.0, 2.0, 3.0]


def test_outside_china_no_plate_is_assumed() -> None:
    sydney = to_ecef([np.radians(-33.9), np.radians(151.2), 50.0], GRS80)
    moves = frames.motion(sydney.tolist(), "ITRF2014", 2010.0)
    assert moves.by == "none" and moves.velocity_m_yr == (0.0, 0.0, 0.0)
    assert moves.sigma_m(2020.0) > 0.9  # and that is said
    told = frames.motion(sydney.tolist(), "ITRF2014", 2010.0, plate="AUST")
    # SYDN of the IGS moves 55 mm a year north and 18 east.
    assert np.linalg.norm(told.velocity_m_yr) == pytest.approx(0.058, abs=0.004)


def test_years_are_julian() -> None:
    assert frames.year_of(from_iso("2000-01-01T12:00:00")) == 2000.0
    assert frames.year_of(from_iso("2026-01-01T00:00:00")) == pytest.approx(2026.0, abs=0.002)


FILE = """
id = "HN01"
link = "tcp://h:1"
[coordinates]
latitude_deg = 28.2
longitude_deg = 112.95
height_m = 75.0
frame = "CGCS2000"
epoch = 2000.0
"""


def test_known_places_of_the_registry() -> None:
    station, problems = read_station(FILE, "HN01.toml")
    assert station is not None and problems == []
    at = from_iso("2026-11-26T00:00:00")
    place = known_place(station, at)
    assert place is not None
    assert np.linalg.norm(place - HUNAN) == pytest.approx(0.745, abs=0.01)
    both = Places([station]).today_m(["HN01", "HN02"], at)
    assert both[0].tolist() == place.tolist()
    assert np.isnan(both[1]).all()


def test_the_antenna_stands_above_a_marker_once() -> None:
    station, _ = read_station(FILE + "antenna_height_m = 1.5\n", "HN01.toml")
    assert station is not None and station.ecef_m is not None
    above = to_enu(np.array(station.ecef_m) - HUNAN, to_geodetic(HUNAN))
    assert above == pytest.approx([0, 0, 1.5], abs=1e-6)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('plate = "EU"', 'plate = "EU": expected one of AMUR'),
        ("velocity_enu_m_yr = [33.0, -11.0, 0.0]", "at most 0.2"),
        ("velocity_enu_m_yr = [0.03, -0.01]", "an array of three"),
        ('velocity_enu_m_yr = [0.03, -0.01, 0.0]\nplate = "EURA"', "expected none: velocity_enu_m_yr tells"),
    ],
)
def test_what_cannot_be_is_refused(more: str, said: str) -> None:
    station, problems = read_station(FILE + more, "HN01.toml")
    assert station is None
    assert said in " ".join(problems)
