"""The dashboards for Grafana: as their tables have them, whole, and made of metrics that there are."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GRAFANA = ROOT / "configs/grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
RECORDED = re.compile(r"\b[a-z0-9]+:hncors_\w+:\w+")


def dashboard(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def panels(path: Path) -> list[dict]:
    return [one for one in dashboard(path)["panels"] if one["type"] != "row"]


def expressions(path: Path) -> list[str]:
    return [query["expr"] for panel in panels(path) for query in panel["targets"]]


def test_there_are_six() -> None:
    names = "bds3 integrity monitor overview station supervision".split()
    assert [path.stem for path in FILES] == [f"hncors-{name}" for name in names]


def test_they_are_what_their_tables_say(tmp_path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts/dashboards.py", "--out", tmp_path], check=True)
    for path in FILES:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), f"{path.name}: make dashboards"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path) -> None:
    whole = dashboard(path)
    assert whole["uid"] == path.stem
    ids = [one["id"] for one in whole["panels"]]
    assert len(set(ids)) == len(ids)
    for one in whole["panels"]:
        assert re.search("[\u4e00-\u9fff]", one["title"]) or one["title"].isascii()
        assert re.search("[A-Za-z]", one["title"])
    boxes = [one["gridPos"] for one in whole["panels"]]
    assert all(box["x"] + box["w"] <= 24 for box in boxes)
    for a, b in combinations(boxes, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    variables = {one["name"] for one in whole["templating"]["list"]}
    for query in expressions(path):
        assert set(re.findall(r"\$(?!__)(\w+)", query)) <= variables
    for panel in panels(path):
        assert panel["datasource"]["uid"] == "$datasource"
        assert all(query["datasource"]["uid"] == "$datasource" for query in panel["targets"])


def test_panels_are_made_of_documented_and_recorded_series() -> None:
    document = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    kinds = dict(re.findall(r"^\| `(hncors_\w+)` \| (\w+) \|", document, flags=re.M))
    histograms = {name for name, kind in kinds.items() if kind == "histogram"}
    known = set(kinds) | {name + end for name in histograms for end in ("_bucket", "_sum", "_count")}
    rules = yaml.safe_load((ROOT / "configs/prometheus/hncors.recording.yml").read_text(encoding="utf-8"))
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"]}
    for path in FILES:
        for query in expressions(path):
            assert set(RECORDED.findall(query)) <= recorded
            assert set(re.findall(r"\bhncors_\w+", RECORDED.sub("", query))) <= known


def test_what_is_provided_to_grafana_fits_together() -> None:
    def provided(name: str) -> dict:
        return yaml.safe_load((GRAFANA / f"provisioning/{name}/hncors.yml").read_text(encoding="utf-8"))

    prometheus = yaml.safe_load((ROOT / "configs/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    (source,) = provided("datasources")["datasources"]
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    (provider,) = provided("dashboards")["providers"]
    assert provider["options"]["path"].endswith("/share/examples/configs/grafana/dashboards")
