"""What positions cost: made ranges of stations in Hunan, from ephemerides to the solution, an epoch a second.

    python bench/position.py [--stations N] [--satellites S] [--epochs E] [--rtklib] [--pntpos PROGRAM]

Prints one JSON line; processor time, medians of all epochs but the first two.

    us_per_station_epoch          all that a tick does for positions and integrity: choice and combination
                                  of ranges, satellites' states, the snapshot and the smoothed solution, their
                                  tests, exclusions and protection levels
    quality_us_per_station_epoch  slips, multipath, ionosphere and C/N0 of the same observations
    both_us_per_station_epoch

With --rtklib the first station's epochs also go to `rnx2rtkp` as RINEX, before and after ours:
`rnx2rtkp_us_per_epoch` is how much longer it takes for ten times the epochs, start-up left out, reading in.
PROGRAM is bench/pntpos.c, built with RTKLIB: `pntpos` alone, without reading. Neither computes protection
levels, a smoothed solution or quality.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from hncors.geodesy import EARTH_ROTATION_RAD_S, azimuth_elevation, to_ecef
from hncors.measure.exclusion import EXCLUDED
from hncors.measure.quality import Quality
from hncors.network_values import whole
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
SETTINGS = """
pos1-posmode=single
pos1-frequency=l1+l2
pos1-elmask=10
pos1-ionoopt=brdc
pos1-tropopt=saas
pos1-navsys=45
"""


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
        """Ranges and phases of one epoch of the first stations, half a metre and 2 mm of noise, 10 TECU."""
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
        sine = np.sin(np.take_along_axis(elevation, np.sort(order, axis=1), axis=1)).ravel()
        air_m = 2.4 * 1.001 / np.sqrt(0.002001 + sine * sine)  # straight up, and along the line of sight
        cells = []
        for n in range(2):
            signal = np.array(
                [NUMBER[GNSS.index(g)][SIGNALS[g].split()[n]] if g in SIGNALS else 0 for g in GNSS]
            )
            its = signal[self.gnss[row]]
            delay = table.delay_m[known, its]
            electrons = 10 * 40.308e16 / FREQUENCY_HZ[self.gnss[row], its] ** 2
            cells.append((its, distance - C_M_S * clock_s + delay + air_m, electrons))
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
    spent, looked, solved, excluded = [], [], [], []
    rows, quality = np.arange(stations), Quality(stations)
    for k in range(epochs):
        time_ms = START_MS + 1000 * k
        observations, of = sky.epoch(time_ms, stations), messages(stations)
        given = rows, np.full(stations, time_ms), np.zeros(stations, bool), rows, of, observations
        begun = time.process_time()
        found, _ = whole(sky.positioning.epochs_of(*given))
        spent.append(time.process_time() - begun)
        begun = time.process_time()
        quality.epochs(*given)
        looked.append(time.process_time() - begun)
        solved.append(float(np.mean(~np.isnan(found.place_m[:, 0]))))
        excluded.append(float(np.mean(found.trust == EXCLUDED)))
    position, more = (1e6 * statistics.median(times[2:]) / stations for times in (spent, looked))
    return {
        "us_per_station_epoch": round(position, 2),
        "quality_us_per_station_epoch": round(more, 2),
        "both_us_per_station_epoch": round(position + more, 2),
        "slowest_s": round(max(spent[2:]), 4),
        "solved": statistics.mean(solved),
        "excluded": round(statistics.mean(excluded[2:]), 4),
    }


def write(sky: Sky, epochs: int, folder: Path) -> tuple[Path, Path]:
    """RINEX of the first station, and of all ephemerides."""
    nav, obs = folder / "x.nav", folder / f"{epochs}.obs"
    nav.write_text(rinex_nav.write([(START_MS, one) for one in sky.sets]))
    parts = [sky.epoch(START_MS + 1000 * k, 1) for k in range(epochs)]
    columns = Observations.join(parts)
    time_ms = np.repeat(START_MS + 1000 * np.arange(epochs), [len(part) for part in parts])
    header = Header(Site("0001"), dict.fromkeys(range(1, 25), 0), None, [], "", "")
    obs.write_text(rinex_obs.write(header, time_ms, np.full(len(columns), 7), columns, []))
    return obs, nav


def rnx2rtkp(folder: Path, nav: Path) -> float:
    """Microseconds of processor time an epoch, by the difference of two files."""
    program = shutil.which("rnx2rtkp")
    if program is None:
        raise SystemExit("rnx2rtkp is not installed: `make peers`")
    settings = folder / "rnx2rtkp.conf"
    settings.write_text(SETTINGS)
    times = []
    for epochs in (RINEX_EPOCHS, 11 * RINEX_EPOCHS):
        command = [program, "-k", settings, "-o", "/dev/null", folder / f"{epochs}.obs", nav]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return 1e6 * (times[1] - times[0]) / (10 * RINEX_EPOCHS)


def pntpos(program: str, folder: Path, nav: Path) -> dict[str, float]:
    """What bench/pntpos.c prints."""
    command = [program, folder / f"{11 * RINEX_EPOCHS}.obs", nav]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--satellites", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rtklib", action="store_true", help="also time rnx2rtkp (RTKLIB)")
    parser.add_argument("--pntpos", metavar="PROGRAM", help="also time pntpos: bench/pntpos.c, built")
    options = parser.parse_args()
    keep_memory()
    sky = Sky(options.stations, options.satellites)
    told: dict[str, float] = {"stations": options.stations, "satellites": options.satellites}
    told["epochs"] = epochs = max(options.epochs, 3)
    with tempfile.TemporaryDirectory() as name:
        folder, nav, whole, alone = Path(name), Path(), [], []

        def theirs() -> None:
            if options.rtklib:
                whole.append(rnx2rtkp(folder, nav))
            if options.pntpos:
                alone.append(pntpos(options.pntpos, folder, nav))

        if options.rtklib or options.pntpos:
            write(sky, RINEX_EPOCHS, folder)
            _, nav = write(sky, 11 * RINEX_EPOCHS, folder)
        theirs()
        told |= ours(sky, options.stations, epochs)
        theirs()
    if whole:
        told["rnx2rtkp_us_per_epoch"] = round(statistics.mean(whole), 1)
        told["times_rnx2rtkp"] = round(statistics.mean(whole) / told["us_per_station_epoch"], 2)
        told["both_times_rnx2rtkp"] = round(statistics.mean(whole) / told["both_us_per_station_epoch"], 2)
    if alone:
        us = statistics.mean(one["us_per_epoch"] for one in alone)
        told |= {"pntpos_us_per_epoch": round(us, 1), "pntpos_satellites": alone[0]["satellites"]}
        told["times_pntpos"] = round(us / told["us_per_station_epoch"], 2)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
