"""Areas: which place is in which, at borders too, and files that are not what they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_evidence_rules import SQUARES, areas

from hncors.daemon.territory import default, read_territory
from hncors.settings import read_settings
from hncors.supervise.areas import INSIDE, OUTSIDE, UNDETERMINED, read_areas
from hncors.supervise.policy import Policy

# Places of cities as any atlas has them, degrees: of Hunan with their prefecture, and beyond its borders.
CITIES = {
    "长沙市": (28.20, 112.97),
    "株洲市": (27.83, 113.13),
    "湘潭市": (27.83, 112.92),
    "衡阳市": (26.90, 112.57),
    "邵阳市": (27.24, 111.47),
    "岳阳市": (29.37, 113.09),
    "常德市": (29.04, 111.69),
    "张家界市": (29.12, 110.48),
    "益阳市": (28.57, 112.35),
    "郴州市": (25.79, 113.03),
    "永州市": (26.43, 111.61),
    "怀化市": (27.55, 109.97),
    "娄底市": (27.73, 112.00),
    "湘西土家族苗族自治州": (28.31, 109.73),
}
BEYOND = {
    "Wuhan": (30.59, 114.30),
    "Nanchang": (28.68, 115.86),
    "Guilin": (25.27, 110.29),
    "Shaoguan": (24.81, 113.60),
    "Tongren": (27.72, 109.19),
    "Pingxiang": (27.62, 113.85),
    "Yichang": (30.69, 111.29),
}


@pytest.mark.parametrize("name", CITIES)
def test_the_cities_of_hunan_are_in_their_prefectures(name: str) -> None:
    area = default().areas.of(*CITIES[name])
    assert area is not None and area.name == name and area.province == "湖南省"
    assert default().areas.where(*CITIES[name], 3.0) == INSIDE


@pytest.mark.parametrize("name", BEYOND)
def test_cities_beyond_the_border_are_not(name: str) -> None:
    assert default().areas.of(*BEYOND[name]) is None
    assert default().areas.where(*BEYOND[name], 3.0) == OUTSIDE


@pytest.mark.parametrize(
    ("longitude_deg", "within_km", "where"),
    [
        (114.02, 1.0, OUTSIDE),  # 2 km
        (114.02, 3.0, UNDETERMINED),
        (113.98, 3.0, UNDETERMINED),
        (113.98, 1.0, INSIDE),
        (112.0, 3.0, INSIDE),  # a border between two areas is none of the territory
    ],
)
def test_near_a_border(longitude_deg: float, within_km: float, where: str) -> None:
    assert areas().where(27.0, longitude_deg, within_km) == where


def test_a_hole_is_not_in_the_area() -> None:
    ring = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
    hole = [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]
    geometry = {"type": "Polygon", "coordinates": [ring, hole]}
    feature = {"type": "Feature", "properties": {"name": "ring"}, "geometry": geometry}
    read, problems = read_areas(json.dumps({"type": "FeatureCollection", "features": [feature]}), "x")
    assert read is not None and not problems
    assert read.of(5.0, 5.0) is None and read.of(2.0, 2.0) is not None


def spoilt(**change: Any) -> str:
    content = json.loads(SQUARES)
    content["features"][0] |= change
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type": "FeatureCollection", "features": []}',
        "[" * 100_000,
        spoilt(geometry={"type": "Point", "coordinates": [1, 2]}),
        spoilt(geometry={"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}),
        spoilt(geometry={"type": "Polygon", "coordinates": [[[0, 0], [999, 1], [1, 1], [0, 0]]]}),
        spoilt(geometry={"type": "Polygon", "coordinates": [[[0, 0], ["a", 1], [1, 1], [0, 0]]]}),
        spoilt(geometry=None),
        spoilt(properties={"name": ""}),
        spoilt(properties={}),
    ],
)
def test_what_is_no_file_of_areas_is_said_to_be_none(text: str) -> None:
    read, problems = read_areas(text, "areas.geojson")
    assert read is None
    assert len(problems) == 1 and problems[0].startswith("areas.geojson: ") and "expected" in problems[0]


@pytest.mark.parametrize(
    ("named", "content", "expected"),
    [
        ('areas = "none.geojson"', "", 'hncors.toml: supervision.areas = "none.geojson": expected a file'),
        ('areas = "it"', "{}", "it: not GeoJSON of areas"),
        ('policy = "it"', "filed_with_m = 3", "it: filed_with_m: unknown key: expected filed_within_m?"),
        ('policy = "it"', "own_pdop = 0", "it: own_pdop = 0: expected a number from 1 to 50"),
        (
            'policy = "it"',
            'allowed_relays = [["A"]]',
            "it: allowed_relays = an array: expected an array of pairs",
        ),
        ('policy = "it"', "\xff", 'hncors.toml: supervision.policy = "it": expected a file in UTF-8'),
    ],
)
def test_a_wrong_file_is_named_with_what_was_expected(
    tmp_path: Path, named: str, content: str, expected: str
) -> None:
    (tmp_path / "it").write_text(content, encoding="latin-1")
    settings, problems = read_settings(f'stations = "s"\n[supervision]\n{named}\n', "hncors.toml")
    assert settings is not None and not problems
    _, problems = read_territory(settings, tmp_path / "hncors.toml")
    assert len(problems) == 1 and problems[0].removeprefix(f"{tmp_path}/").startswith(expected)


def test_limits_are_those_of_the_policy_file(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("filed_within_m = 80\n")
    settings, _ = read_settings('stations = "s"\n[supervision]\npolicy = "policy.toml"\n', "hncors.toml")
    assert settings is not None
    territory, problems = read_territory(settings, tmp_path / "hncors.toml")
    assert not problems and territory.policy == Policy(filed_within_m=80.0)
