"""Simulated streams held against RTKLIB: values as convbin decodes them, positions as rnx2rtkp solves them.

`python tests/simulated.py DIR`, DIR being what `hncors simulate` wrote, checks all of it and prints
the figures (make simulate-check).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rinex_tools import Observed, convbin, read

from hncors.gpstime import iso
from hncors.simulate.plan import CHANNELS
from hncors.simulate.province import Province
from hncors.simulate.scenario import Scenario, read_scenario

C_M_S = 299_792_458.0
# Carriers as RINEX 3.05 lists them, by first character of a code; GLONASS' with the step of its channels.
CARRIERS_MHZ = {
    "G": {"1": 1575.42, "2": 1227.60, "5": 1176.45},
    "R": {"1": (1602.0, 0.5625), "2": (1246.0, 0.4375)},
    "E": {"1": 1575.42, "5": 1176.45, "6": 1278.75, "7": 1207.14, "8": 1191.795},
    "J": {"1": 1575.42, "2": 1227.60, "5": 1176.45, "6": 1278.75},
    "C": {"2": 1561.098, "6": 1268.52, "7": 1207.14},
}
RTKLIB_KNOWS = {
    "G": "1C 1L 2W 2L 5Q", "R": "1C 1P 2C 2P", "E": "1C 5Q 6C 7Q 8Q", "J": "1C 1L 2L 5Q 6L", "C": "2I 6I 7I",
}  # fmt: skip
"""Signals sent here that 2.4.3 b34 names in its table of MSM signals; of BeiDou not those of BeiDou-3."""
# Half a unit of MSM and half a unit of RINEX' last digit (0.001): metres, cycles, Hz, dB-Hz.
HALF_RINEX = 0.0005
HALF_UNIT = {
    4: (2.0**-25, 2.0**-30, None, 0.5),
    5: (2.0**-25, 2.0**-30, 0.00005, 0.5),
    7: (2.0**-30, 2.0**-32, 0.00005, 1 / 32),
}
NAVSYS = {"all": 1 + 4 + 8 + 16 + 32, "G": 1, "R": 4, "E": 8, "J": 16, "C": 32}
LIMIT_M = 5.0
EVERY_S = 10  # of the epochs that the whole check solves

CONFIGURATION = """
pos1-posmode   =single
pos1-elmask    =10
pos1-ionoopt   =brdc
pos1-tropopt   =saas
pos1-navsys    ={navsys}
out-solformat  =xyz
out-timesys    =gpst
out-timeform   =tow
"""


class Simulated(NamedTuple):
    """A scenario played to its end."""

    stream: Callable[[str], bytes]  # station id -> all it sent
    truth: list[dict[str, Any]]
    parts: dict[str, list[tuple[bytes, float]]]  # station id -> data and delay of each epoch

    def records(self, kind: str, station: str = "") -> list[dict[str, Any]]:
        """Records of the truth of a kind (and a station)."""
        return [one for one in self.truth if one["record"] == kind and station in ("", one.get("station"))]

    def station(self, name: str) -> dict[str, Any]:
        """The record of a station."""
        return next(one for one in self.records("station") if one["id"] == name)

    @property
    def begin_ms(self) -> int:
        """GPS milliseconds of the first epoch."""
        return int(self.records("scenario")[0]["begin_gps_ms"])

    def epochs(self, name: str) -> int:
        """How many epochs a station has."""
        length_ms = self.records("scenario")[0]["end_gps_ms"] - self.begin_ms
        return len(range(0, length_ms, round(1000 * self.station(name)["interval_s"])))


def scenario(text: str) -> Scenario:
    """The scenario of a text without problems, by default an hour at night."""
    usual = 'name = "test"\n' + ("" if "start = " in text else 'start = "2026-03-01T18:00:00"\n')
    made, problems = read_scenario(usual + text, "test.toml")
    assert problems == [], problems
    assert made is not None
    return made


def played(text: str) -> Simulated:
    """A scenario's streams and truth."""
    province = Province(scenario(text))
    parts: dict[str, list[tuple[bytes, float]]] = {one.id: [] for one in province.stations}
    truth = province.head()
    for time_ms in province.times():
        epoch = province.epoch(time_ms)
        for sent in epoch.sent:
            parts[province.stations[sent.station].id].append((sent.data, sent.delay_s))
        truth += epoch.truth
    return Simulated(lambda name: b"".join(data for data, _ in parts[name]), truth, parts)


def written(folder: Path) -> Simulated:
    """What `hncors simulate` has written."""
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return Simulated(
        lambda name: (folder / f"{name}.rtcm3").read_bytes(), [json.loads(line) for line in lines], {}
    )


def rinex(made: Simulated, station: str, folder: Path, *options: str) -> Observed:
    """RTKLIB's RINEX of a stream. Of Galileo only I/NAV: RTKLIB takes two sets with one IODnav for one."""
    return read(convbin(made.stream(station), folder, iso(made.begin_ms), "-ro", "-GALINAV", *options))


def wavelength_m(satellite: str, signal: str) -> float:
    carrier = CARRIERS_MHZ[satellite[0]][signal[0]]
    if satellite[0] == "R":
        carrier = carrier[0] + carrier[1] * CHANNELS[int(satellite[1:]) - 1]
    return C_M_S / (carrier * 1e6)


class Compared(NamedTuple):
    """Values of the truth in RTKLIB's file."""

    equal: Counter[str]  # "C:2I" -> values
    wrong: list[tuple[str, str, str, float, float]]  # station, satellite, code, truth, RTKLIB's
    missing: list[tuple[str, str, str]]


def compare(made: Simulated, station: str, observed: Observed) -> Compared:
    """Every value of the records "cells" of a station that RTKLIB can know."""
    range_ms, phase_ms, rate_m_s, cn0 = HALF_UNIT[made.station(station)["msm"]]
    out = Compared(Counter(), [], [])
    for record in made.records("cells", station):
        when = iso(record["gps_ms"]).replace("T", " ").replace("-", " ").replace(":", " ")
        epoch = next(one for one in observed.epochs if seconds(one) == seconds(when))
        rows = zip(
            record["satellite"], record["signal"], record["pseudorange_m"], record["phase_range_m"],
            record["range_rate_m_s"], record["cn0_dbhz"], strict=True,
        )  # fmt: skip
        for satellite, signal, pseudorange_m, phase_m, rate, strength in rows:
            if signal not in RTKLIB_KNOWS[satellite[0]].split():
                continue
            length = wavelength_m(satellite, signal)
            expected = {
                "C": (pseudorange_m, range_ms * C_M_S / 1000),
                "L": (phase_m / length, phase_ms * C_M_S / 1000 / length),
                "S": (strength, cn0),
            }
            if rate_m_s is not None:
                single = abs(rate / length) * 2.0**-24  # RTKLIB keeps Doppler as a float of 32 bits
                expected["D"] = (-rate / length, rate_m_s / length + single)
            for kind, (value, half) in expected.items():
                theirs = observed.values.get((epoch, satellite, kind + signal))
                if theirs is None:
                    out.missing.append((station, satellite, kind + signal))
                # The truth has five decimals, of metres.
                elif abs(theirs - value) > half + HALF_RINEX + 1.1e-5 / min(1.0, length):
                    out.wrong.append((station, satellite, kind + signal, value, theirs))
                else:
                    out.equal[f"{satellite[0]}:{signal}"] += 1
    return out


def seconds(epoch: str) -> tuple[float, ...]:
    """The fields of an epoch of RINEX as numbers."""
    return tuple(float(field) for field in epoch.split())


class Solved(NamedTuple):
    """Single-point solutions of a station with some systems."""

    epochs: int
    solved: int
    p95_m: float  # of the distance to the true place; nan where nothing was solved
    worst_m: float


def solve(made: Simulated, station: str, folder: Path, systems: str, program: str = "rnx2rtkp") -> Solved:
    """Positions of the files that `rinex` has left in the folder."""
    (folder / "spp.conf").write_text(CONFIGURATION.format(navsys=NAVSYS[systems]))
    command = [program, "-k", "spp.conf", "-o", "out.pos", "out.obs", "out.nav"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=600)
    rows = [line.split() for line in (folder / "out.pos").read_text().splitlines() if line[:1] != "%"]
    epochs = made.epochs(station)
    if not rows:
        return Solved(epochs, 0, np.nan, np.nan)
    place = np.array([[float(value) for value in row[2:5]] for row in rows])
    distance = np.linalg.norm(place - np.array(made.station(station)["ecef_m"]), axis=1)
    return Solved(epochs, len(rows), float(np.percentile(distance, 95)), float(distance.max()))


def main() -> int:
    """Check every station of a folder, with all systems and with each alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    made = written(parser.parse_args().folder)
    equal: Counter[str] = Counter()
    bad, table = 0, dict[str, list[Solved]]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for station in (one["id"] for one in made.records("station")):
            observed = rinex(made, station, folder, "-ti", str(EVERY_S))
            found = compare(made, station, observed)
            equal += found.equal
            bad += len(found.wrong) + len(found.missing)
            for systems in NAVSYS:
                solved = solve(made, station, folder, systems)
                table.setdefault(systems, []).append(solved._replace(epochs=len(observed.epochs)))
            print(station, *(f"{key} {rows[-1].p95_m:.2f}" for key, rows in table.items()), flush=True)
    print(f"values: {equal.total():,} equal, {bad} wrong or missing;", dict(sorted(equal.items())))
    for systems, rows in table.items():
        share = sum(row.solved for row in rows) / sum(row.epochs for row in rows)
        worst = max(row.p95_m for row in rows)
        bad += not worst <= LIMIT_M
        print(f"{systems:>4}: 95 % within {worst:.2f} m at the worst station, {share:.2%} of epochs solved")
    return min(1, bad)


if __name__ == "__main__":
    sys.exit(main())
