"""The simulator against RTKLIB: its decoder has the values of the truth, its positions are the true places.

A sparse version of `make simulate-check`: an epoch every half minute, a station of each kind of MSM.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pyrtcm import RTCMReader
from pyrtcm_cells import lock_10
from simulated import C_M_S, LIMIT_M, NAVSYS, RTKLIB_KNOWS, Simulated, compare, played, rinex, solve
from test_simulate_faults import cells

from hncors.rtcm3.framing import Framer
from hncors.simulate.plan import CHANNELS

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


def test_pyrtcm_has_the_values_of_every_signal() -> None:
    """Also of BeiDou-3's own, which RTKLIB does not know; by the formulas of RTCM 10403.3, section 3.5.16."""
    made = played("seconds = 2\n[network]\ncount = 1\n[truth]\ncells_every_s = 1\n")
    truth = cells(made, "CSHA", 0)
    signals = set()
    for frame in Framer().feed(made.parts["CSHA"][0][0]):
        message = RTCMReader.parse(frame)
        if message.identity[0] != "1" or message.identity[2:] not in ("77", "87", "97", "17", "27"):
            continue
        system = {"1077": "G", "1087": "R", "1097": "E", "1117": "J", "1127": "C"}[message.identity]
        rough = {}
        for n in range(1, message.NSat + 1):
            sent = [getattr(message, f"{name}_{n:02d}") for name in ("PRN", "DF397", "DF398", "DF399")]
            rough[sent[0]] = sent[1:]
            if system == "R":
                assert getattr(message, f"DF419_{n:02d}") - 7 == CHANNELS[int(sent[0]) - 1]
        for n in range(1, message.NCell + 1):
            names = ("CELLPRN", "CELLSIG", "DF404", "DF405", "DF406", "DF407", "DF408", "DF420")
            prn, code, rate, fine, phase, lock, cn0, half = (getattr(message, f"{x}_{n:02d}") for x in names)
            number = int(prn) - 192 if system == "J" and int(prn) > 192 else int(prn)
            code = "8P" if system == "C" and code == "/" else code  # pyrtcm has no name for B2a+b
            true = truth.pop((f"{system}{number:02d}", code))
            ms, modulo, rough_rate = rough[prn]
            light = C_M_S / 1000
            assert (ms + modulo + fine) * light == pytest.approx(true["pseudorange_m"], abs=3e-4)
            assert (ms + modulo + phase) * light == pytest.approx(true["phase_range_m"], abs=8e-5)
            assert rough_rate + rate == pytest.approx(true["range_rate_m_s"], abs=6e-5)
            assert cn0 == pytest.approx(true["cn0_dbhz"], abs=1 / 32 + 1e-4)
            assert lock_10(lock) <= true["lock_ms"] < lock_10(lock + 1)
            assert half == true["half_cycle"]
            signals.add((system, code))
    assert truth == {}
    assert {code for system, code in signals if system == "C"} == {"2I", "6I", "7I", "1P", "5P", "7D", "8P"}
    assert len(signals) == 26
