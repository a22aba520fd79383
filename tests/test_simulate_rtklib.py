"""The simulator against RTKLIB: its decoder has the values of the truth, its positions are the true places.

A sparse version of `make simulate-check`: an epoch every half minute, a station of each kind of MSM.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pyrtcm import RTCMReader
from simulated import LIMIT_M, NAVSYS, RTKLIB_KNOWS, Simulated, compare, played, rinex, solve

from hncors.rtcm3.framing import Framer

HOUR = """
seconds = 3600
[network]
count = 3
interval_s = 30
[truth]
epochs_every_s = 600
cells_every_s = 300
[[stations]]
id = "ZHZH"
msm = 5
[[stations]]
id = "XTAN"
msm = 4
clock = "free"
"""


@pytest.fixture(scope="module")
def hour() -> Simulated:
    return played(HOUR)


@pytest.mark.peer("convbin", "rnx2rtkp")
def test_an_hour_of_a_calm_night(hour: Simulated, tmp_path: Path) -> None:
    equal: Counter[str] = Counter()
    for station in ("CSHA", "ZHZH", "XTAN"):
        found = compare(hour, station, rinex(hour, station, tmp_path))
        assert found.missing == []
        assert found.wrong == []
        equal += found.equal
        for systems in NAVSYS:
            solved = solve(hour, station, tmp_path, systems)
            # RTKLIB takes no Galileo set whose toe is not over, so the first epoch has none.
            assert solved.solved >= solved.epochs - (systems == "E"), (station, systems)
            assert solved.p95_m < LIMIT_M, (station, systems)
    assert set(equal) == {f"{gnss}:{code}" for gnss, codes in RTKLIB_KNOWS.items() for code in codes.split()}
    assert equal.total() > 20_000


def test_pyrtcm_reads_every_message(hour: Simulated) -> None:
    """Numbers, station, reference point and equipment as pyrtcm has them (its coordinates in 0.1 mm)."""
    one = hour.station("ZHZH")
    said = [RTCMReader.parse(frame) for frame in Framer().feed(hour.parts["ZHZH"][0][0])]
    numbers = Counter(int(message.identity) for message in said)
    assert set(numbers) == {
        1006, 1008, 1013, 1019, 1020, 1033, 1042, 1044, 1045, 1046, 1075, 1085, 1095, 1115, 1125, 1230,
    }  # fmt: skip
    assert numbers[1045] == numbers[1046] > 5
    assert numbers[1125] == 3  # 25 satellites of seven signals: three masks of at most 64 cells
    assert {message.DF003 for message in said if hasattr(message, "DF003")} == {one["number"]}
    point = next(message for message in said if message.identity == "1006")
    place = [point.DF025, point.DF026, point.DF027]
    assert place == pytest.approx(one["ecef_m"], abs=5.1e-5)
    cells = hour.records("cells", "ZHZH")[0]
    sent = sum(message.NCell for message in said if 1070 < int(message.identity) < 1130)
    assert sent == len(cells["signal"])
