"""One golden run of the whole line: a made recording with faults, its metrics, events and epochs.

What is in the recording is written down beside each fault; the golden files are read by people when they
change (`make golden` shows the difference). The expectations below are laid by hand from those faults.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_streams import START_MS, epoch_raw
from observed import observed

from hncors.observation import Observations
from hncors.rtcm3 import encode_msm, encode_station
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.station import ReferencePoint, SystemParameters, Text
from hncors.signals import BEIDOU, GPS, NUMBER

SECONDS = 60
LOST = range(20, 33)  # thirteen epochs in a row
TORN = 40  # one bit of the BeiDou message flipped: the epoch has GPS only
JUNK = b"$GNGGA,021530.00,,,,,0,,,,,,,,*4D\r\n"
MOVED = 50  # the reference point is another from here on


def cells(gnss: int, satellites: list[int], codes: str, second: int) -> Observations:
    return observed(gnss, satellites, [NUMBER[gnss][code] for code in codes.split()], seed=second)


def epoch(second: int) -> bytes:
    time_ms = START_MS + 1000 * second
    out = b""
    if second % 10 == 0:
        east_m = 0.25 if second >= MOVED else 0.0
        out += frame(
            encode_station.encode(ReferencePoint(5, -2_223_410.0 + east_m, 5_213_570.0, 2_911_380.0))
        )
    gps = cells(GPS, [3, 17, 22, 31], "1C 2W 5X", second)
    out += frame(
        encode_msm.encode(1077, Header(station_id=5, epoch_raw=epoch_raw(GPS, time_ms), more=True), gps)
    )
    beidou = cells(BEIDOU, [6, 19, 27, 46], "2I 6I 1X 5X 7D", second)
    last = bytearray(
        frame(encode_msm.encode(1127, Header(5, epoch_raw(BEIDOU, time_ms), more=False), beidou))
    )
    if second == TORN:
        last[40] ^= 4
    return out + bytes(last)


def recording() -> bytes:
    monday_mjd = 61108  # 2026-03-09, by the Julian day of the US Naval Observatory's calendar
    out = JUNK + frame(encode_station.encode(SystemParameters(5, monday_mjd, 86382 - 86400 + 18, 18)))
    out += frame(encode_station.encode(Text(5, monday_mjd, 0, "维护 maintenance\x07")))
    for second in range(SECONDS):
        if second not in LOST:
            out += epoch(second)
    return out + epoch(SECONDS)[:100]  # cut off


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    (folder / "GOLD.rtcm3").write_bytes(recording())
    command = [sys.executable, "-m", "hncors", "replay", "GOLD.rtcm3", "--out", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return folder / "out"


@pytest.mark.parametrize("name", ["metrics.prom", "events.jsonl", "epochs.csv"])
def test_golden(replayed: Path, golden: Callable[[str, str], None], name: str) -> None:
    text = (replayed / name).read_bytes().decode()
    golden(f"replay-{name}", re.sub(r'version="[^"]*"', 'version=""', text))


def test_the_golden_run_says_what_was_done_to_it(replayed: Path) -> None:
    text = (replayed / "metrics.prom").read_text(encoding="utf-8")
    values = {key: float(value) for key, value in re.findall(r"^(\w+\{[^}]*\}) (\S+)$", text, re.MULTILINE)}
    station = 'station="GOLD"'
    received = SECONDS - len(LOST)
    assert values[f"hncors_epochs_received_total{{{station}}}"] == received
    assert values[f"hncors_epochs_expected_total{{{station}}}"] == SECONDS
    assert values[f"hncors_epoch_gaps_total{{{station}}}"] == 1
    assert values[f'hncors_rtcm_messages_total{{{station},type="1077"}}'] == received
    assert values[f'hncors_rtcm_messages_total{{{station},type="1127"}}'] == received - 1
    assert values[f'hncors_rtcm_errors_total{{kind="crc",{station}}}'] >= 1
    assert values[f'hncors_observations_total{{gnss="C",signal="7D",{station}}}'] == 4 * (received - 1)
    assert values[f'hncors_bds3_satellites_tracked{{signal="2I",{station}}}'] == 3  # C06 is BeiDou-2
    torn = len(epoch(TORN + 1)) - len(
        frame(encode_msm.encode(1077, Header(5, 0), cells(GPS, [3, 17, 22, 31], "1C 2W 5X", 0)))
    )
    assert values[f"hncors_stream_junk_bytes_total{{{station}}}"] == len(JUNK) + torn
    assert values[f"hncors_stream_pending_bytes{{{station}}}"] == 100 - 25  # a whole 1005 came before the cut
    events = [
        json.loads(line) for line in (replayed / "events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    moved = [event["detail"]["distance_m"] for event in events if event["kind"] == "arp_changed"]
    assert moved == [0.25]
    assert [event["detail"]["text"] for event in events if event["kind"] == "text"] == [
        "维护 maintenance\\x07"
    ]
    rows = list(csv.DictReader((replayed / "epochs.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["tow_s"]) for row in rows] == [86400.0 + s for s in range(SECONDS) if s not in LOST]
    assert {row["gps_week"] for row in rows} == {"2409"}
