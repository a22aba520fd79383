"""The benchmarks that CONTRACT names run, and print what they promise; how fast is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cli_material import made

ROOT = Path(__file__).parents[1]


def line(script: str, *arguments: object) -> dict[str, object]:
    command = [sys.executable, ROOT / "bench" / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    (only,) = done.stdout.splitlines()
    told: dict[str, object] = json.loads(only)
    return told


def test_decode(tmp_path: Path) -> None:
    (tmp_path / "X.rtcm3").write_bytes(made(20))
    told = line("decode.py", tmp_path / "X.rtcm3", "--repeat", 2, "--block", 50)
    assert {"frames", "cells", "cpu_s", "frames_per_s"} <= told.keys()
    assert told["frames"] > 200


def test_scrape() -> None:
    told = line("scrape.py", "--series", 600)
    assert {"ours_s", "generate_latest_s", "identical"} <= told.keys()
    assert told["identical"] is True


def test_position() -> None:
    told = line("position.py", "--stations", 3, "--epochs", 4)
    assert {"us_per_station_epoch", "solved"} <= told.keys()
    assert told["solved"] == 1.0


def test_live() -> None:
    told = line("live.py", "--stations", 5, "--seconds", 2, "--frames-apart")
    assert {"cpu_fraction", "loop_lag_p99_s", "arrival_to_metric_p99_s", "rss_bytes"} <= told.keys()
    assert told["streams_up"] == 5
