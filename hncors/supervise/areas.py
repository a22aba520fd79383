"""Provinces, prefectures, counties: polygons of a GeoJSON file, and which of them a place is in.

    {"type": "FeatureCollection", "features": [{"type": "Feature",
      "properties": {"name": "...", "name_en": "...", "province": "..."},
      "geometry": {"type": "MultiPolygon", "coordinates": [[[[lon, lat], ...]]]}}]}

RFC 7946; other members are allowed and not looked at. The file that comes with the program is schematic
(scripts/hunan_areas.py): good to 2 km. Near a border the answer is therefore "undetermined".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np

from hncors.observation import F64, I64
from hncors.settings import problem

MOST_POINTS = 1_000_000
KM_PER_DEG = 111.2  # of latitude; a sphere is good enough for borders that are good to a kilometre
INSIDE, OUTSIDE, UNDETERMINED = "inside", "outside", "undetermined"
_ROUND = np.radians(np.arange(0, 360, 45))
_EXPECTED = "a GeoJSON FeatureCollection of Polygons or MultiPolygons with names"


class Area(NamedTuple):
    """What an area is called."""

    name: str
    name_en: str
    province: str


class Areas:
    """Areas that together are the territory that is supervised."""

    def __init__(self, areas: Iterable[tuple[Area, F64]]) -> None:
        """Each with its edges, degrees: (edges, 4) longitude and latitude of both ends."""
        listed = list(areas)
        self.areas = [area for area, _ in listed]
        self._edges = np.concatenate([np.empty((0, 4)), *(edges for _, edges in listed)])
        self._area = np.arange(len(listed)).repeat([len(edges) for _, edges in listed])

        longitude, latitude = self._edges[:, ::2], self._edges[:, 1::2]
        corners = (longitude.min(), latitude.min(), longitude.max(), latitude.max()) if listed else ()
        self._box = tuple(map(float, corners)) or (np.inf, np.inf, -np.inf, -np.inf)

    def outlines(self) -> Iterable[tuple[Area, F64]]:
        """Each area with its edges, degrees: (edges, 4), longitude and latitude of both ends."""
        return ((area, self._edges[self._area == number]) for number, area in enumerate(self.areas))

    def of(self, latitude_deg: float, longitude_deg: float) -> Area | None:
        """The area a place is in, by the lines as they are; None: in none."""
        number = int(self._areas_of(np.array([[longitude_deg, latitude_deg]]))[0])
        return self.areas[number] if number >= 0 else None

    def where(self, latitude_deg: float, longitude_deg: float, within_km: float) -> str:
        """INSIDE, OUTSIDE or UNDETERMINED: a place that is known to `within_km`, and the territory."""
        reach = within_km / KM_PER_DEG
        wide = reach / max(np.cos(np.radians(latitude_deg)), 0.01)
        west, south, east, north = self._box
        if not (
            west - wide <= longitude_deg <= east + wide and south - reach <= latitude_deg <= north + reach
        ):
            return OUTSIDE  # as most rows of most casters are: nothing to look at closely
        inside = self._areas_of(_around(latitude_deg, longitude_deg, reach)) >= 0
        if inside.all():
            return INSIDE
        return UNDETERMINED if inside.any() else OUTSIDE

    def among(
        self, latitude_deg: float, longitude_deg: float, names: Collection[str], within_km: float
    ) -> bool:
        """Whether a place that is known to `within_km` may be in an area of one of these names."""
        points = _around(latitude_deg, longitude_deg, within_km / KM_PER_DEG)
        found = {self.areas[number] for number in self._areas_of(points).tolist() if number >= 0}
        return any(area.name in names or area.name_en in names for area in found)

    def _areas_of(self, points: F64) -> I64:
        """The area of each point, -1 for none: the one whose edges a ray to the east crosses an odd number of
        times (the even-odd rule)."""
        x1, y1, x2, y2 = self._edges.T
        x, y = points[:, :1], points[:, 1:]
        spans = (y1 > y) != (y2 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossed = spans & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
        found = np.full(len(points), -1, np.int64)
        for row in range(len(points)):
            odd = np.flatnonzero(np.bincount(self._area[crossed[row]], minlength=len(self.areas)) % 2)
            if len(odd):
                found[row] = odd[0]
        return found


def _around(latitude_deg: float, longitude_deg: float, reach_deg: float) -> F64:
    """A place and eight about it, longitude and latitude, (9, 2)."""
    ring = np.stack((np.cos(_ROUND) / np.cos(np.radians(latitude_deg)), np.sin(_ROUND)), axis=1) * reach_deg
    points: F64 = np.array([longitude_deg, latitude_deg]) + np.concatenate((np.zeros((1, 2)), ring))
    return points


def read_areas(text: str, file: str) -> tuple[Areas | None, list[str]]:
    """The areas of a GeoJSON text, or None and what is wrong with it; `file` is what the problems call it."""
    try:
        content = json.loads(text)
        features = content["features"]
        if content["type"] != "FeatureCollection" or not features:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, [f"{file}: not GeoJSON of areas: expected {_EXPECTED}"]
    found, problems, points = [], [], 0
    for number, feature in enumerate(features):
        try:
            area, edges = _area(feature)
        except (ValueError, KeyError, TypeError, OverflowError):
            problems.append(f"{file}: features.{number}: expected a Polygon or MultiPolygon with a name")
            continue
        found.append((area, edges))
        points += len(edges)
        if points > MOST_POINTS:
            return None, [problem(file, "features", f"more than {points} points", f"at most {MOST_POINTS}")]
    return (None, problems) if problems else (Areas(found), [])


def _area(feature: Any) -> tuple[Area, F64]:
    geometry, named = feature["geometry"], feature["properties"]
    polygons = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[
        geometry["type"]
    ]
    name = str(named["name"])[:80]
    if not name:
        raise ValueError
    area = Area(name, str(named.get("name_en") or name)[:80], str(named.get("province") or "")[:80])
    return area, np.concatenate([_edges(ring) for rings in polygons for ring in rings])


def _edges(ring: Any) -> F64:
    points = np.array([[float(point[0]), float(point[1])] for point in ring])
    longitude, latitude = points.T
    if len(points) < 4 or not ((np.abs(longitude) <= 180) & (np.abs(latitude) <= 90)).all():
        raise ValueError
    return np.concatenate((points[:-1], points[1:]), axis=1)
