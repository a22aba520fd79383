"""Tiers of service: from the files to the state of a station, its metric and its report."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from cli_material import made, ran

from hncors.daemon.configuration import load
from hncors.measure.exclusion import ALERT, OK
from hncors.network import Network
from hncors.network_changes import watch
from hncors.positioning import SOLVED
from hncors.registry import read_station
from hncors.settings import read_settings
from hncors.tiers import TIERS, Limits
from hncors.view.integrity_metrics import integrity_families

LINK = 'link = "tcp://127.0.0.1:5000"\n'


class Station(NamedTuple):
    id: str
    rate_hz: float | None = 1.0
    tier: str = "metre"
    alert_limit_m: Limits = TIERS["metre"]


def families(network: Network) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: dict(zip(family.labels, np.asarray(family.values).tolist(), strict=True))
        for family in integrity_families(network)
    }


def states(network: Network, level_m: tuple[float, float], trust: int = OK) -> dict[str, str]:
    """The state of each station, all with these protection levels."""
    its = network.positioning
    for stream in network.streams:
        stream.enter("streaming", 1)
    its.status[:], its.trust[:], its.level_m[:] = SOLVED, trust, level_m
    shown = families(network)["hncors_integrity_state"]
    return {station: state for (station, state), value in shown.items() if value}


def stations() -> list[Station]:
    fine = [Station(name, 1.0, name, TIERS[name]) for name in ("decimetre", "millimetre")]
    return [Station("metre"), *fine, Station("own", 1.0, "metre", Limits(20.0, 9.0))]


def test_a_station_is_unavailable_above_the_limits_of_its_tier():
    network = Network(stations())
    others = dict.fromkeys(("decimetre", "millimetre"), "unavailable")
    assert states(network, (12.0, 8.0)) == {"metre": "ok", "own": "ok", **others}
    assert states(network, (12.0, 9.1)) == {"metre": "ok", "own": "unavailable", **others}
    assert states(network, (40.1, 9.0)) == dict.fromkeys(("metre", "own", *others), "unavailable")
    assert states(network, (0.5, 1.2))["decimetre"] == "ok"  # within 0.57 and 1.3
    assert states(network, (0.5, 1.2))["millimetre"] == "unavailable"
    assert set(states(network, (99.0, 99.0), ALERT).values()) == {"alert"}  # which is said first


def test_limits_are_exported_and_follow_a_change_of_stations():
    network = Network([Station("A")])
    name = "hncors_integrity_alert_limit_meters"
    assert families(network)[name] == {("A", "metre", "horizontal"): 40.0, ("A", "metre", "vertical"): 35.0}
    watch(network, [Station("B", 1.0, "centimetre", Limits(0.3, 0.6)), Station("A")])
    assert families(network)[name] == {
        ("B", "centimetre", "horizontal"): 0.3, ("B", "centimetre", "vertical"): 0.6,
        ("A", "metre", "horizontal"): 40.0, ("A", "metre", "vertical"): 35.0,
    }  # fmt: skip


def test_tiers_and_limits_come_from_the_files(tmp_path: Path):
    (tmp_path / "stations").mkdir()
    for id, tier in (("A", ""), ("B", 'tier = "decimetre"\n'), ("C", 'tier = "millimetre"\n')):
        (tmp_path / f"stations/{id}.toml").write_text(f'id = "{id}"\n{LINK}{tier}')
    text = 'stations = "stations"\n[integrity]\ndecimetre_m = [1.5, 3]\n'
    (tmp_path / "x.toml").write_text(text)
    found = {one.id: (one.tier, *one.alert_limit_m) for one in load(tmp_path / "x.toml")[1]}
    assert found == {
        "A": ("metre", 40.0, 35.0), "B": ("decimetre", 1.5, 3.0), "C": ("millimetre", 0.05, 0.1),
    }  # fmt: skip


@pytest.mark.parametrize("value", ["[40.0]", "[40, 35, 30]", "[0, 35.0]", "[40.0, -1]", "[2000, 1]", '"40"'])
def test_wrong_limits_are_refused(value):
    found = read_settings(f'stations = "s"\n[integrity]\nmetre_m = {value}\n', "x.toml")[1]
    assert len(found) == 1 and found[0].startswith("x.toml: integrity.metre_m = ")
    assert found[0].endswith("expected an array of two: horizontal and vertical, metres above 0 to 1000")


def test_a_wrong_tier_is_refused():
    station, found = read_station(f'id = "A"\n{LINK}tier = "meter"\n', "A.toml")
    assert station is None
    assert found == [
        'A.toml: tier = "meter": expected one of metre, decimetre, centimetre, millimetre',
    ]


def test_a_replay_knows_the_tier_of_its_station(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations/HHUA.toml").write_text(f'id = "HHUA"\n{LINK}tier = "centimetre"\n')
    (tmp_path / "x.toml").write_text('stations = "stations"\n[integrity]\ncentimetre_m = [0.3, 0.5]\n')
    (tmp_path / "HHUA.rtcm3").write_bytes(made(10, 11))
    config, recording = tmp_path / "x.toml", tmp_path / "HHUA.rtcm3"
    told = json.loads(ran(monkeypatch, capsys, "replay", "-c", config, recording, "--json").out)
    quality = told["stations"][0]["quality"]
    assert quality["tier"] == "centimetre"
    assert quality["alert_limit_m"] == {"horizontal": 0.3, "vertical": 0.5}
