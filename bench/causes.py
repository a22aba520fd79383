"""What the network's view costs: made ranges of stations in Hunan in four ticks a second.

    python bench/causes.py [--stations N] [--satellites S] [--epochs E] [--fault]

Prints one JSON line. `us_per_station_epoch` is what a second's four ticks and the look at the network take
for each station, CPU time, the median of all epochs but the first two; `positions_us_per_station_epoch` is
what the positions of the same ticks take in the same run. With --fault one satellite's clock is 40 m ahead.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from position import START_MS, Sky, messages

from hncors.causes import Causes
from hncors.gpstime import to_unix_ns
from hncors.identity import Places
from hncors.measure.quality import Quality
from hncors.network_values import whole
from hncors.observation import Observations
from hncors.rtcm3.columns import keep_memory

QUARTERS = 4


def faulty(made: Observations) -> Observations:
    """The satellite most stations see, 40 m off."""
    slot = made.gnss.astype(np.int64) * 64 + made.satellite
    made.pseudorange_m[slot == np.bincount(slot).argmax()] -= 40.0
    return made


def spent(sky: Sky, stations: int, epochs: int, fault: bool) -> dict[str, float]:
    """CPU time of positions and of causes."""
    causes = Causes([f"S{n}" for n in range(stations)], Places(), lambda time_ms: sky.place_m)
    quality, took = Quality(stations), []
    for k in range(epochs):
        time_ms = START_MS + 1000 * k
        made = sky.epoch(time_ms, stations)
        made = faulty(made) if fault and k > 2 else made
        positions_s = causes_s = 0.0
        for rows in np.array_split(np.arange(stations), QUARTERS):
            if not len(rows):
                continue
            mine = made.select((made.message >= rows[0]) & (made.message <= rows[-1]))
            late, times = np.zeros(len(rows), bool), np.full(len(rows), time_ms)
            of = messages(len(rows))
            mine.message[:] -= rows[0]
            begun = time.process_time()
            found, _ = whole(sky.positioning.epochs_of(rows, times, late, np.arange(len(rows)), of, mine))
            middle = time.process_time()
            causes.add(rows, times, late, found)
            causes.judge(to_unix_ns(time_ms), quality)
            positions_s += middle - begun
            causes_s += time.process_time() - middle
        took.append((positions_s, causes_s))
    positions, view = 1e6 * np.median(took[2:], axis=0) / stations
    return {
        "us_per_station_epoch": round(float(view), 2),
        "positions_us_per_station_epoch": round(float(positions), 2),
        "satellites_judged": int(causes.judged.satellites.sum()),
        "faults": sum(causes.active()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stations", type=int, default=2000)
    parser.add_argument("--satellites", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--fault", action="store_true")
    options = parser.parse_args()
    keep_memory()
    sky = Sky(options.stations, options.satellites)
    told = {"stations": options.stations, "satellites": options.satellites, "epochs": options.epochs}
    print(json.dumps(told | spent(sky, options.stations, max(options.epochs, 5), options.fault)))


if __name__ == "__main__":
    main()
