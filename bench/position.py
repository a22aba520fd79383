"""What positions cost: made ranges of stations in Hunan, from ephemerides to the solution, an epoch a second.

    python bench/position.py [--stations N] [--satellites S] [--epochs E] [--rtklib]

Prints one JSON line. `us_per_station_epoch` is everything that a tick does for positions: choice and
combination of ranges, satellites' states, the snapshot and the smoothed solution; CPU time, the mean of all
epochs but the first two. With --rtklib the first station's epochs also go to `rnx2rtkp -p 0` as RINEX:
`rnx2rtkp_us_per_epoch` is how much longer it takes for ten times the epochs, start-up left out, reading in.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from hncors.geodesy import EARTH_ROTATION_RAD_S, azimuth_elevation, to_ecef
from hncors.observation import CHANNEL_UNKNOWN, F64, I64, Messages, Observations
from hncors.positioning import Positioning
from hncors.rtcm3.columns import keep_memory
from hncors.signals import C_M_S, FREQUENCY_HZ, GNSS, NUMBER
from hncors.simulate.broadcast import Broadcast
from hncors.view import rinex_nav, rinex_obs
from hncors.view.rinex_obs_header import Header, Site

SIGNALS = {"G": "1C 2W", "R": "1P 2P", "E": "1C 5Q", "C": "2I 6I"}
START_MS = 1_457_136_000_000 + 3_600_000  # 2026-03-10 01:00
RINEX_EPOCHS = 60


class Sky:
    """What stations see."""

    def __init__(self, stations: int, satellites: int) -> None:
        self.chance = np.random.default_rng(1)
        self.broadcast = Broadcast("".join(SIGNALS), START_MS, 1)
        self.broadcast.advance(START_MS)
        self.positioning = Positioning(stations)
        sets = [one for several in self.broadcast.sets for one in several]
        self.positioning.expect([(one, START_MS) for one in sets])
        self.positioning.store.update(START_MS)
        self.sets = sets
        latitude, longitude = self.chance.uniform((25, 109), (30, 114), (stations, 2)).T
        place = np.stack((np.radians(latitude), np.radians(longitude), np.full(stations, 80.0)), axis=1)
        self.place_m = to_ecef(place)
        self.gnss = np.array([one.gnss for one in self.broadcast.satellites], np.int64)
        self.number = np.array([one.number for one in self.broadcast.satellites], np.int64)
        self.satellites = satellites

    def epoch(self, time_ms: int, stations: int) -> Observations:
        """Ranges and phases of one epoch of the first stations, 2 m and 2 mm of noise, no air, 10 TECU."""
        states = self.broadcast.states(time_ms)
        _, elevation = azimuth_elevation(self.place_m[:stations, None], states.position_m)
        order = np.argsort(-elevation, axis=1)[:, : self.satellites]
        station = np.repeat(np.arange(stations), order.shape[1])
        row = np.sort(order, axis=1).ravel()  # by system and number, as they are listed
        way_s = np.full(len(row), 0.08)
        for _ in range(3):
            position = states.position_m[row] - way_s[:, None] * states.velocity_m_s[row]
            position += 0.5 * way_s[:, None] ** 2 * states.acceleration_m_s2[row]
            place = self.place_m[station]
            turn = position[:, 0] * place[:, 1] - position[:, 1] * place[:, 0]
            distance = np.linalg.norm(position - place, axis=1) + EARTH_ROTATION_RAD_S / C_M_S * turn
            way_s = distance / C_M_S
        clock_s = states.clock_s[row] - way_s * states.clock_rate[row]
        table = self.positioning.store.table
        known = table.row[self.gnss[row], self.number[row]]
        known = np.where((known[:, 1] >= 0) & (self.gnss[row] == GNSS.index("E")), known[:, 1], known[:, 0])
        cells = []
        for n in range(2):
            signal = np.array(
                [NUMBER[GNSS.index(g)][SIGNALS[g].split()[n]] if g in SIGNALS else 0 for g in GNSS]
            )
            its = signal[self.gnss[row]]
            delay = table.delay_m[known, its]
            electrons = 10 * 40.308e16 / FREQUENCY_HZ[self.gnss[row], its] ** 2
            cells.append((its, distance - C_M_S * clock_s + delay, electrons))
        return self._columns(station, row, cells)

    def _columns(self, station: I64, row: I64, cells: list[tuple[I64, F64, F64]]) -> Observations:
        both = [np.concatenate(column) for column in zip(*cells, strict=True)]
        order = np.argsort(np.tile(station, 2) * 1000 + np.tile(row, 2), kind="stable")
        signal, range_m, electrons = (column[order] for column in both)
        station, row = np.tile(station, 2)[order], np.tile(row, 2)[order]
        count = len(row)
        noise = self.chance.standard_normal((2, count))
        return Observations(
            station, self.gnss[row].astype(np.uint8), self.number[row].astype(np.uint8),
            signal.astype(np.uint8), range_m + electrons + 0.5 * noise[0],
            range_m - electrons + 0.002 * noise[1], np.full(count, np.nan), np.full(count, 600e3),
            np.zeros(count, bool), np.full(count, 45.0),
            np.where(self.gnss[row] == 1, 0, CHANNEL_UNKNOWN).astype(np.int8),
        )  # fmt: skip


def messages(stations: int) -> Messages:
    """One of each station, of MSM7."""
    made = Messages(*(np.zeros(stations, np.int64) for _ in range(14)))
    made.kind[:] = 7
    return made


def ours(sky: Sky, stations: int, epochs: int) -> dict[str, float]:
    """CPU time and errors of our solutions."""
    spent, away = [], []
    rows = np.arange(stations)
    for k in range(epochs):
        time_ms = START_MS + 1000 * k
        observations, of = sky.epoch(time_ms, stations), messages(stations)
        begun = time.process_time()
        found, _ = sky.positioning.epochs_of(
            rows, np.full(stations, time_ms), np.zeros(stations, bool), rows, of, observations
        )
        spent.append(time.process_time() - begun)
        away.append(np.linalg.norm(found.place_m - sky.place_m, axis=1))
    return {
        "us_per_station_epoch": round(1e6 * float(np.mean(spent[2:])) / stations, 2),
        "slowest_s": round(max(spent[2:]), 4),
        "solved": float(np.mean(~np.isnan(away))),
    }


def rtklib(sky: Sky) -> dict[str, float]:
    """The CPU time of rnx2rtkp an epoch, by the difference of two files."""
    program = shutil.which("rnx2rtkp")
    if program is None:
        raise SystemExit("rnx2rtkp is not installed: `make peers`")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        nav = Path(folder) / "x.nav"
        nav.write_text(rinex_nav.write([(START_MS, one) for one in sky.sets]))
        for epochs in (RINEX_EPOCHS, 11 * RINEX_EPOCHS):
            parts = [sky.epoch(START_MS + 1000 * k, 1) for k in range(epochs)]
            columns = Observations.join(parts)
            time_ms = np.repeat(START_MS + 1000 * np.arange(epochs), [len(part) for part in parts])
            header = Header(Site("0001"), dict.fromkeys(range(1, 25), 0), None, [], "", "")
            obs = Path(folder) / f"{epochs}.obs"
            obs.write_text(rinex_obs.write(header, time_ms, np.full(len(columns), 7), columns, []))
            command = [
                program,
                "-p",
                "0",
                "-sys",
                "G,R,E,C",
                "-f",
                "2",
                "-m",
                "10",
                "-o",
                "/dev/null",
                obs,
                nav,
            ]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return {"rnx2rtkp_us_per_epoch": round(1e6 * (times[1] - times[0]) / (10 * RINEX_EPOCHS), 1)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--satellites", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rtklib", action="store_true", help="also time rnx2rtkp (RTKLIB)")
    options = parser.parse_args()
    keep_memory()
    sky = Sky(options.stations, options.satellites)
    told = {"stations": options.stations, "satellites": options.satellites, "epochs": options.epochs}
    told |= ours(sky, options.stations, max(options.epochs, 3))
    if options.rtklib:
        told |= rtklib(sky)
        told["times_rnx2rtkp"] = round(told["rnx2rtkp_us_per_epoch"] / told["us_per_station_epoch"], 2)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
