"""Scenario files: every error at once, what is documented is what there is, the shipped ones play."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hncors.gpstime import from_iso
from hncors.settings import keys
from hncors.signals import GNSS
from hncors.simulate.faults import KINDS
from hncors.simulate.observation_messages import epoch_raw
from hncors.simulate.province import Province
from hncors.simulate.scenario import Scenario, read_scenario, station_ids

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
SHIPPED = sorted((ROOT / "configs/scenarios").glob("*.toml"))
USUAL = 'name = "x"\nstart = "2026-03-01T18:00:00"\n'


def problems(text: str) -> list[str]:
    """Problems of a text; [F] and [S] are short for the beginnings of faults and stations."""
    text = text.replace("[F]", "[[faults]]\nkind =").replace("[S]", "[[stations]]\nid =")
    scenario, found = read_scenario(USUAL + text, "x.toml")
    assert (scenario is None) == bool(found)
    assert all(line.isprintable() and line.startswith("x.toml: ") for line in found)
    return [line.removeprefix("x.toml: ") for line in found]


def test_the_smallest_scenario() -> None:
    scenario, found = read_scenario(USUAL, "x.toml")
    assert found == []
    assert scenario is not None
    assert len(station_ids(scenario)) == 28


def test_every_error_at_once() -> None:
    found = problems("""
        seconds = 0
        [network]
        count = 3.5
        msm = 6
        systems = "GX"
        [[stations]]
        idd = "A"
        [[faults]]
        kind = "outtage"
        stations = ["CSHA", 7]
        [faults.parameters]
        status = "503"
    """)
    assert "seconds = 0: expected a number from 1 to 2678400" in found
    assert "network.count = 3.5: expected a whole number from 0 to 10000" in found
    assert "network.msm = 6: expected one of 4, 5, 7" in found
    assert 'network.systems = "GX": expected letters of "GREJC", each once' in found
    assert "stations.0.id: missing: expected 1 to 32 letters, digits, - and _" in found
    assert "stations.0.idd: unknown key: expected id?" in found
    assert any(line.startswith('faults.0.kind = "outtage": expected one of outage, drop') for line in found)
    assert "faults.0.stations.1 = 7: expected an array of station ids" in found
    assert 'faults.0.parameters.status = "503": expected a table of numbers' in found
    assert len(found) == 9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("faults = 3", "faults = 3: expected an array of tables"),
        ("faults = [3]", "faults.0 = 3: expected an array of tables"),
        ("[network]\ncount = 0", "network.count = 0: expected stations, here or in [[stations]]"),
        ('[S] "CSHA"\n[S] "CSHA"', 'stations.1.id = "CSHA": expected an id that no'),
        ('[S] "CSHA"\nmountpoint = "ZHZH"', 'stations.0.mountpoint = "ZHZH": expected a mountpoint'),
        ('[S] "CSHA"\ninterval_s = 1.5', "stations.0.interval_s = 1.5: expected a multiple of the"),
        (
            '[S] "NEW"\nlatitude_deg = 28\nheight_m = 3',
            "stations.0.longitude_deg: missing: expected a number, because the network has no NEW",
        ),
        ('[F] "stall"', "faults.0.stations: missing: expected at least one for stall"),
        ('[F] "satellite_lost"', "faults.0.satellites: missing: expected at least one for"),
        ('[F] "satellite_lost"\nsatellites = ["G64"]', 'faults.0.satellites = "G64": expected a sat'),
        ('[F] "satellite_lost"\nsatellites = ["I01"]', 'faults.0.satellites = "I01": expected a sat'),
        ('[F] "stall"\nstations = ["NONE"]', 'faults.0.stations = "NONE": expected the id of a'),
        ('[F] "unfiled"\nstations = ["CSHA"]', 'faults.0.kind = "unfiled": expected one of outage'),
        ('[F] "clone"\nstations = ["CSHA"]\nof = "CSHA"', 'faults.0.of = "CSHA": expected the id of'),
        ('[F] "clone"\nstations = ["CSHA"]', 'faults.0.of = "": expected the id of another station'),
        (
            '[F] "late_data"\nstations = ["CSHA"]',
            "faults.0.parameters.delay_s: missing: expected a number for late_data",
        ),
        (
            '[F] "late_data"\nstations = ["CSHA"]\nparameters = { delay_s = -1 }',
            "faults.0.parameters.delay_s = -1.0: expected a number from 0 to 3600",
        ),
        (
            '[F] "stall"\nstations = ["CSHA"]\nparameters = { delay_s = 1 }',
            "faults.0.parameters.delay_s: unknown key: expected the parameters of stall: none",
        ),
        (
            '[F] "drip"\nstations = ["CSHA"]\nparameters = { bytes = 1 }',
            "faults.0.parameters.bytes: unknown key: expected one of bytes_per_s",
        ),
        (
            '[F] "stall"\nstations = ["CSHA"]\nbegin_s = 5\nend_s = 5',
            "faults.0.end_s = 5.0: expected more than begin_s, 5",
        ),
    ],
)  # fmt: skip
def test_one_clear_line(text: str, expected: str) -> None:
    assert [line[: len(expected)] for line in problems(text)] == [expected]


def test_labels_are_unique() -> None:
    fault = '[[faults]]\nkind = "stall"\nstations = ["CSHA"]\nlabel = "a"\n'
    assert problems(fault * 2) == [
        f'faults.{number}.label = "a": expected a label of its own' for number in (0, 1)
    ]


def test_times() -> None:
    for start, gps_ms in (("2026-03-01T18:00:00", 0), ("2026-03-01T18:00:00Z", 18_000)):
        scenario, _ = read_scenario(f'name = "x"\nstart = "{start}"\n', "x.toml")
        assert scenario is not None
        assert scenario.start_ms == 1_456_423_200_000 + gps_ms  # 2408 weeks and 64,800 s
    assert read_scenario('name = "x"\nstart = "yesterday"\n', "x.toml")[1] == [
        'x.toml: start = "yesterday": expected ISO 8601 such as 2026-03-01T18:00:00 (GPS time; UTC with a Z)'
    ]


def table(heading: str, columns: int) -> list[tuple[str, ...]]:
    """Rows below a heading whose first cell is in code."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    row = r"^\| `([a-z0-9_.]+)` \| " + r"(.*?) \| " * (columns - 2) + r"(.*?) ?\|$"
    return [tuple(match) for match in re.findall(row, section, re.MULTILINE)]


def test_every_key_is_documented() -> None:
    assert table("The scenario file", 3) == [
        (key, expected, "" if default is ... else "none" if default is None else json.dumps(default))
        for key, expected, default in keys(Scenario)
    ]


def test_every_kind_of_fault_is_documented() -> None:
    expected = []
    for name, kind in KINDS.items():
        takes = [
            f"`{key}` {one.low:g} to {one.high:g}" + ("" if one.default is None else f" ({one.default:g})")
            for key, one in kind.parameters.items()
        ]
        expected.append((name, kind.acts, kind.about, ", ".join(takes)))
    assert table("Faults", 4) == expected


def test_every_shipped_scenario_is_documented() -> None:
    assert set(re.findall(r"^\| `([a-z]+\.toml)` \|", PAGE, re.MULTILINE)) == {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_play(path: Path) -> None:
    scenario, found = read_scenario(path.read_text(encoding="utf-8"), path.name)
    assert found == []
    assert scenario is not None
    assert scenario.name == path.stem
    province = Province(
        scenario.model_copy(update={"network": scenario.network.model_copy(update={"count": 20})})
    )
    epoch = province.epoch(province.start_ms)
    assert len(epoch.sent) == len(province.stations)
    assert all(sent.data and sent.delay_s > 0 for sent in epoch.sent)
    for fault in province.faults:  # satellites that are to fail stand over the province
        for name in fault.satellites:
            row = province.broadcast.row(name)
            cells = next(one for one in epoch.truth if one["record"] == "cells")
            assert row is not None
            assert name in cells["satellite"]


def test_a_scenario_moves_to_another_start() -> None:
    scenario, _ = read_scenario(
        USUAL + '[network]\ncount = 1\n[[faults]]\nkind = "drop"\nstations = ["CSHA"]\n', "x"
    )
    assert scenario is not None
    province = Province(scenario, 1_500_000_000_001)
    assert province.start_ms == 1_500_000_001_000
    assert province.actions[0].begin_ms == province.start_ms
    assert province.times()[0] == province.start_ms


def test_times_as_messages_have_them() -> None:
    """The last second of a GPS week, a Saturday: GLONASS is in Sunday (UTC 23:59:41 and three hours)."""
    last_ms = from_iso("2026-03-07T23:59:59")
    assert [epoch_raw(GNSS.index(letter), last_ms) for letter in "GEJ"] == [604_799_000] * 3
    assert epoch_raw(GNSS.index("C"), last_ms) == 604_785_000
    assert epoch_raw(GNSS.index("R"), last_ms) == 10_781_000
    assert [epoch_raw(GNSS.index(letter), last_ms + 1000) for letter in "GC"] == [0, 604_786_000]
    saturday_ms = from_iso("2026-03-07T12:00:18")
    assert epoch_raw(GNSS.index("R"), saturday_ms) == 6 << 27 | 15 * 3_600_000
