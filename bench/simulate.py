"""How fast the simulator is: seconds of CPU for an epoch of many stations, and of that the encoding of MSM7.

    python bench/simulate.py [--stations N] [--epochs N]

One JSON line. The first epochs, which carry every ephemeris, are left out; medians of the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from hncors.rtcm3 import encode_bulk
from hncors.simulate.province import Province
from hncors.simulate.scenario import read_scenario

WARM = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=12)
    asked = parser.parse_args()
    text = f'name = "bench"\nstart = "2026-03-02T05:00:00"\n[network]\ncount = {asked.stations}\n'
    scenario, problems = read_scenario(text + "[truth]\nepochs_every_s = 3600\n", "bench")
    if scenario is None:
        raise SystemExit("\n".join(problems))
    province = Province(scenario)
    encoding: list[float] = []
    plain = encode_bulk.frames

    def timed(*given: Any) -> list[bytes]:
        begun = time.process_time()
        made = plain(*given)
        encoding[-1] += time.process_time() - begun
        return made

    encode_bulk.frames = timed
    whole, sizes = [], []
    for time_ms in province.times()[: asked.epochs + WARM]:
        encoding.append(0.0)
        begun = time.process_time()
        epoch = province.epoch(time_ms)
        whole.append(time.process_time() - begun)
        sizes.append(sum(len(one.data) for one in epoch.sent))
    seconds = statistics.median(whole[WARM:])
    line = {
        "stations": asked.stations,
        "bytes_per_station": round(statistics.median(sizes[WARM:]) / asked.stations),
        "epoch_s": round(seconds, 4),
        "encoding_s": round(statistics.median(encoding[WARM:]), 4),
        "stations_in_real_time": round(asked.stations / seconds),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
