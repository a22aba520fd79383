"""hncors simulate as a command: what it writes, that it repeats itself, what it refuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_material import ran, tree

from hncors.daemon import timetag
from hncors.rtcm3.framing import Framer

SCENARIO = """
name = "small"
start = "2026-03-01T18:00:00"
seconds = 20
[network]
count = 3
[truth]
cells_every_s = 10
[[stations]]
id = "WILD"
latitude_deg = 27.9
longitude_deg = 112.7
height_m = 90
filed = false
[[faults]]
kind = "stall"
stations = ["ZHZH"]
begin_s = 5
end_s = 10
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO)
    return path


def test_what_is_written(scenario, monkeypatch, capsys, tmp_path):
    done = ran(monkeypatch, capsys, "simulate", scenario, "--out", tmp_path / "out", "--json")
    assert (done.status, done.err) == (0, "")
    told = json.loads(done.out)
    files = tree(tmp_path / "out")
    assert told["files"] == {name: len(data) for name, data in files.items()}
    recordings = {f"{name}.rtcm3{tag}" for name in ("CSHA", "ZHZH", "XTAN", "WILD") for tag in ("", ".tag")}
    stations = {f"stations/{name}.toml" for name in ("CSHA", "ZHZH", "XTAN", "WILD")}
    assert set(files) == recordings | stations | {"hncors.toml", "truth.jsonl"}
    assert (told["stations"], told["unfiled"], told["epochs"]) == (4, 1, 20)
    assert told["faults"] == ["stall-1", "unfiled"]
    assert b"filing" in files["stations/CSHA.toml"] and b"filing" not in files["stations/WILD.toml"]
    records = [json.loads(line) for line in files["truth.jsonl"].splitlines()]
    assert [one["record"] for one in records[:7]] == ["scenario"] + ["station"] * 4 + ["fault"] * 2
    assert sum(one["record"] == "epoch" for one in records) == 20
    assert sum(one["record"] == "cells" for one in records) == 8
    framer = Framer()
    framer.feed(files["CSHA.rtcm3"])
    assert (framer.junk, framer.pending, framer.crc_failures) == (0, 0, 0)


def test_arrival_times_are_those_of_the_truth(scenario, monkeypatch, capsys, tmp_path):
    ran(monkeypatch, capsys, "simulate", scenario, "--out", tmp_path / "out")
    data, tag = ((tmp_path / "out" / f"ZHZH.rtcm3{end}").read_bytes() for end in ("", ".tag"))
    read = timetag.read(tag, len(data))
    assert read.problems == ()
    assert len(read.offset) == 15  # five seconds it stalls
    records = [json.loads(line) for line in (tmp_path / "out/truth.jsonl").read_text().splitlines()]
    epochs = [one for one in records if one["record"] == "epoch"]
    # GPS time is 18 s ahead of UTC, and counts from 315,964,800 s after 1970.
    arrived = [
        one["gps_ms"] + 1000 * one["delay_s"][1] + (315_964_800 - 18) * 1000
        for one in epochs
        if one["bytes"][1]
    ]
    assert read.arrival_ns / 1e6 == pytest.approx(arrived, abs=1.01)
    assert sum(one["bytes"][1] for one in epochs) == len(data)


def test_the_same_seed_gives_the_same_bytes(scenario, monkeypatch, capsys, tmp_path):
    for name, *more in (("a",), ("b",), ("c", "--seed", 2), ("d", "--seconds", 10)):
        assert ran(monkeypatch, capsys, "simulate", scenario, "--out", tmp_path / name, *more).status == 0
    a, b, c, d = (tree(tmp_path / name) for name in "abcd")
    assert a == b
    assert all(a[name] != c[name] for name in a if name.endswith(".rtcm3"))
    assert all(a[name].startswith(d[name]) for name in a if name.endswith(".rtcm3"))


def test_it_replays_with_its_stations(scenario, monkeypatch, capsys, tmp_path):
    out = tmp_path / "out"
    ran(monkeypatch, capsys, "simulate", scenario, "--out", out)
    done = ran(monkeypatch, capsys, "check", "-c", out / "hncors.toml", "--json")
    assert done.status == 0
    assert json.loads(done.out)["problems"] == []
    done = ran(monkeypatch, capsys, "inspect", out / "XTAN.rtcm3", "--json")
    told = json.loads(done.out)
    assert (told["epochs"], told["first_epoch"], told["last_epoch"]) == (
        20, "2026-03-01T18:00:00", "2026-03-01T18:00:19",
    )  # fmt: skip
    assert set(told["systems"]) == set("GREJC")
    assert {"1P", "5P", "7D", "6I", "2I"} <= set(told["bds3"]["signals"])
    done = ran(
        monkeypatch,
        capsys,
        "replay",
        "-c",
        out / "hncors.toml",
        out / "ZHZH.rtcm3",
        "--out",
        tmp_path / "r",
        "--json",
    )
    assert done.status == 0
    metrics = (tmp_path / "r/metrics.prom").read_text()
    assert 'hncors_epochs_received_total{station="ZHZH"} 15' in metrics


def test_the_registered_place_is_the_true_one(scenario, monkeypatch, capsys, tmp_path):
    from hncors.registry import read_station

    ran(monkeypatch, capsys, "simulate", scenario, "--out", tmp_path / "out")
    station, problems = read_station((tmp_path / "out/stations/CSHA.toml").read_text(), "CSHA.toml")
    assert problems == []
    # Changsha, 28.20 north, 112.95 east, 75 m: pyproj's cct (WGS 84 geodetic to geocentric) gives this.
    assert np.array(station.ecef_m) == pytest.approx([-2193478.3128, 5180074.8021, 2996092.3565], abs=2e-4)
    assert (station.link, station.systems, station.rate_hz) == ("ntrip://127.0.0.1:2101/CSHA", "GREJC", 1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file or directory; expected a scenario file"),
        (b"\xff", "not UTF-8; expected a scenario file"),
        (b"name = 3", "name = 3: expected 1 to 32 letters, digits, - and _"),
        (b" " * ((1 << 20) + 1), "longer than 1048576 bytes"),
    ],
)
def test_what_is_refused(content, words, monkeypatch, capsys, tmp_path):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    done = ran(monkeypatch, capsys, "simulate", path, "--out", tmp_path / "out")
    assert done.status == 2
    assert words in done.err
    assert str(path) in done.err
    assert done.out == ""
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_when_the_folder_cannot_be(scenario, monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = ran(monkeypatch, capsys, "simulate", scenario, "--out", tmp_path / "file")
    assert done.status == 2
    assert (tmp_path / "file").read_text() == "in the way"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "small.toml"]


def test_nothing_is_left_by_a_run_that_is_told_to_end(tmp_path):
    (tmp_path / "long.toml").write_text('name = "long"\nstart = "2026-03-01T18:00:00"\nseconds = 86400\n')
    command = [sys.executable, "-m", "hncors", "simulate", "long.toml", "--out", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while not any(tmp_path.glob(".hncors-*/truth.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.02)
        begun = sorted(path.name for path in tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert begun[0].startswith(".hncors-")
    assert [path.name for path in tmp_path.iterdir()] == ["long.toml"]
