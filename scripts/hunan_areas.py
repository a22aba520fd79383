"""Write hncors/supervise/hunan.geojson: Hunan's fourteen prefectures, schematic.

    python scripts/hunan_areas.py hunan.js hncors/supervise/hunan.geojson

`hunan.js` is in the source archive of echarts-china-provinces-pypkg 0.0.3 on PyPI (MIT licence), folder
`resources/echarts-china-provinces-js`. Its rings are differences of 1/1024 degree, two letters a point, each
zigzag-coded and 64 up, as Apache ECharts writes compressed maps. They are put on a grid of 0.02 degrees, so
neighbours keep the borders they share, and points in line are left out: good to about 2 km, for a picture and
for a first look, not for a decision at the border. Whoever has the official polygons puts them in its place.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

GRID = 50  # points a degree
_NAMES = {
    "430100": "Changsha",
    "430200": "Zhuzhou",
    "430300": "Xiangtan",
    "430400": "Hengyang",
    "430500": "Shaoyang",
    "430600": "Yueyang",
    "430700": "Changde",
    "430800": "Zhangjiajie",
    "430900": "Yiyang",
    "431000": "Chenzhou",
    "431100": "Yongzhou",
    "431200": "Huaihua",
    "431300": "Loudi",
    "433100": "Xiangxi",
}
_FEATURE = re.compile(
    r'\{id:"(?P<id>\d{6})",type:"Feature",geometry:\{type:"(?P<type>\w+)",coordinates:(?P<coordinates>\[.*?\])'
    r',encodeOffsets:(?P<offsets>\[.*?\])\},properties:\{cp:\[[^]]*\],name:"(?P<name>[^"]+)"',
    re.DOTALL,
)
Point = tuple[float, float]


def ring(text: str, offset: list[int]) -> list[Point]:
    """Longitude and latitude in degrees, on the grid."""
    at, points = list(offset), []
    for pair in zip(text[::2], text[1::2], strict=True):
        for axis, letter in enumerate(pair):
            code = ord(letter) - 64
            at[axis] += (code >> 1) ^ -(code & 1)
        points.append((round(at[0] / 1024 * GRID) / GRID, round(at[1] / 1024 * GRID) / GRID))
    return thinned(points)


def thinned(points: list[Point]) -> list[Point]:
    """Without repeated points, points in line, and ways there and back; closed."""
    kept: list[Point] = []
    for point in points:
        while len(kept) >= 2 and _in_line(kept[-2], kept[-1], point):
            kept.pop()
        if not kept or kept[-1] != point:
            kept.append(point)
    return kept if kept[0] == kept[-1] else [*kept, kept[0]]


def _in_line(a: Point, b: Point, c: Point) -> bool:
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) < 1e-9


def feature(found: re.Match[str]) -> dict[str, Any]:
    """One prefecture as a GeoJSON feature (RFC 7946)."""
    coordinates, offsets = json.loads(found["coordinates"]), json.loads(found["offsets"])
    if found["type"] == "Polygon":
        coordinates, offsets = [coordinates], [offsets]
    polygons = [
        [ring(*pair) for pair in zip(*both, strict=True)] for both in zip(coordinates, offsets, strict=True)
    ]
    polygons = [rings for rings in polygons if len(rings[0]) >= 4]
    return {
        "type": "Feature",
        "id": found["id"],
        "properties": {"name": found["name"], "name_en": _NAMES[found["id"]], "province": "湖南省"},
        "geometry": {"type": "MultiPolygon", "coordinates": polygons},
    }


def main() -> None:
    """Read the one, write the other."""
    source, target = map(Path, sys.argv[1:])
    features = [feature(found) for found in _FEATURE.finditer(source.read_text(encoding="utf-8"))]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in features)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{target}: {len(features)} areas")


if __name__ == "__main__":
    main()
