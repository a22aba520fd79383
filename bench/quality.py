"""What following phases costs: slips, multipath and ionosphere of made observations, a tick a second.

    python bench/quality.py [--stations N] [--satellites S] [--signals K] [--epochs E]

Prints one JSON line: `us_per_station_epoch` and `cpu_fraction`, of one core at one epoch a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np

from hncors.measure.quality import Quality
from hncors.observation import CHANNEL_UNKNOWN, Messages, Observations
from hncors.rtcm3.columns import keep_memory
from hncors.signals import C_M_S, FREQUENCY_HZ, GNSS, NUMBER

SIGNALS = {"G": "1C 2W 5Q", "E": "1C 5Q 7Q", "C": "1P 5P 6I", "R": "1C 2P 1P"}
START_MS = 1_400_000_000_000 // 30_000 * 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stations", type=int, default=2000)
    parser.add_argument("--satellites", type=int, default=40)
    parser.add_argument("--signals", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    keep_memory()
    chance = np.random.default_rng(1)
    letters = [list(SIGNALS)[n % 4] for n in range(options.satellites)]
    sky = [
        (GNSS.index(letter), 1 + n // 4, code)
        for n, letter in sorted(enumerate(letters), key=lambda one: one[1])
        for code in SIGNALS[letter].split()[: options.signals]
    ]
    gnss = np.tile(np.array([g for g, _, _ in sky], np.uint8), options.stations)
    satellite = np.tile(np.array([s for _, s, _ in sky], np.uint8), options.stations)
    signal = np.tile(np.array([NUMBER[g][c] for g, _, c in sky], np.uint8), options.stations)
    station = np.repeat(np.arange(options.stations), len(sky))
    electrons_m = 40.308e16 / FREQUENCY_HZ[gnss, signal] ** 2
    count = len(gnss)
    wavelength_m = C_M_S / FREQUENCY_HZ[gnss, signal]
    messages = Messages(*(np.zeros(options.stations, np.int64) for _ in range(14)))  # one a station, of MSM7
    messages.kind[:] = 7
    quality = Quality(options.stations)
    spent = []
    for k in range(options.epochs):
        range_m = 2.2e7 + satellite * 1e4 + 300.0 * k
        tecu = 10 + 0.002 * k
        noise = chance.standard_normal((3, count))
        phase_m = range_m - electrons_m * tecu + 0.002 * noise[1]
        slipped = chance.random(count) < 1e-5
        phase_m += wavelength_m * np.where(slipped, 5, 0)
        observations = Observations(
            *(station, gnss, satellite, signal, range_m + electrons_m * tecu + 0.3 * noise[0], phase_m),
            *(np.full(count, np.nan), np.full(count, 600e3), np.zeros(count, bool), 45 + 0.5 * noise[2]),
            np.where(gnss == 1, 0, CHANNEL_UNKNOWN).astype(np.int8),
        )
        time_ms = np.full(options.stations, START_MS + 1000 * k)
        begun = time.process_time()
        quality.epochs(
            np.arange(options.stations), time_ms, np.zeros(options.stations, bool),
            np.arange(options.stations), messages, observations,
        )  # fmt: skip
        spent.append(time.process_time() - begun)
    steady = spent[2:]
    print(
        json.dumps(
            {
                "stations": options.stations,
                "cells": count,
                "epochs": options.epochs,
                "us_per_station_epoch": round(1e6 * float(np.mean(steady)) / options.stations, 2),
                "ns_per_cell": round(1e9 * float(np.median(steady)) / count, 1),
                "cpu_fraction": round(float(np.mean(steady)), 4),
                "slowest_s": round(max(steady), 4),
                "rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "slips": int(quality.slips.sum()),
            }
        )
    )


if __name__ == "__main__":
    main()
