"""Where satellites stand over a simulated station, against the simulator's truth and a formula of its own."""

from __future__ import annotations

from collections import Counter

import numpy as np
from watching import Watched as Station

from hncors import gpstime
from hncors.measure.cells import PLACES, SKY, sky_number
from hncors.network import Chunk, Network
from hncors.signals import GNSS
from hncors.simulate.province import Province
from hncors.simulate.scenario import read_scenario

SCENARIO = """
name = "overhead"
start = "2026-03-02T06:00:00"
seconds = 4
[network]
count = 1
[truth]
epochs_every_s = 1
"""


def test_satellites_above_ten_degrees_are_expected() -> None:
    scenario, problems = read_scenario(SCENARIO, "overhead")
    assert scenario is not None, problems
    province = Province(scenario)
    network = Network([Station(province.stations[0].id, 1.0)])
    place = np.array(province.stations[0].ecef_m)
    elevation: dict[str, float] = {}
    for time_ms in province.times():
        made = province.epoch(time_ms)
        at_ns = gpstime.to_unix_ns(time_ms)
        network.feed(Chunk(province.stations[0].id, made.sent[0].data, at_ns + 300_000_000))
        network.tick(at_ns + 900_000_000)
        for record in made.truth:
            if record["record"] == "satellites" and not elevation:
                # the ellipsoid's normal, and not a word of geodetic latitude
                up = place / np.array([6_378_137.0, 6_378_137.0, 6_356_752.314]) ** 2
                line = np.array(record["position_m"]) - place
                sine = line @ up / np.linalg.norm(line, axis=1) / np.linalg.norm(up)
                elevation = dict(zip(record["satellite"], np.degrees(np.arcsin(sine)).tolist(), strict=True))
    cells = network.quality.cells
    expected = Counter(name[0] for name, degrees in elevation.items() if degrees >= 10)
    edge = Counter(name[0] for name, degrees in elevation.items() if abs(degrees - 10) < 0.05)
    found = network.quality.completeness.expected[0].tolist()
    for letter in "GREJC":
        assert abs(found[GNSS.index(letter)] - expected[letter]) <= edge[letter]
    seen = 0
    for name, degrees in elevation.items():
        number = sky_number(np.array([GNSS.index(name[0])]), np.array([int(name[1:])], np.uint8))
        its = cells.table[0, number[0]]
        for cell in its[its >= 0].tolist():
            if not np.isnan(cells.elevation_deg[cell]):
                assert abs(cells.elevation_deg[cell] - degrees) < 0.05  # 4 s, and the way of the signal
                seen += 1
    assert seen > 50
    assert cells.key[: cells.count].max() < SKY * PLACES
