"""What a scrape costs: our text writer against prometheus_client's generate_latest, on the same families.

    python bench/scrape.py --series 120000 [--rounds 7]

The families are the daemon's own, 60 series a station: 21 counters (bytes, messages by type, epochs,
observations by signal), 29 gauges (22 of them measurements with all their digits) and a latency
histogram of 10 lines, as after a day or two of running. Between rounds every value changes, the way it
would between two scrapes: counters and histograms grow, measurements are new, satellite numbers are drawn
again. Values that stand still would flatter the writer, which does not format them again.

Each round times both in turn, in process CPU time, and compares their text byte by byte; the figures are
medians. `generate_latest_s` is for the text alone, from metric objects made beforehand; making them
(`collect_s`) would come on top. The writer's first round, in which it learns the labels, is `first_s`.
One JSON line on standard output; exit status 1 when a byte differs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hncors.view.exposition import Family, Kind, Labels, Writer, collector

SERIES_PER_STATION = 60
BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
SIGNALS: list[Labels] = [
    ("G", "1C"),
    ("G", "2W"),
    ("G", "5Q"),
    ("E", "1X"),
    ("E", "5X"),
    ("C", "2I"),
    ("C", "6I"),
    ("C", "1X"),
]
TYPES = ("1006", "1033", "1077", "1087", "1097", "1127")

A = TypeVar("A")
T = TypeVar("T")
Draw = Callable[[np.random.Generator, int], NDArray[Any]]


def counts(a_second: float) -> Draw:
    """Growth of counters over 15 s, a day and more at the start."""
    return lambda random, n: random.integers(round(a_second * 14) + 1, round(a_second * 16) + 3, n)


def normal(mean: float, deviation: float) -> Draw:
    return lambda random, n: random.normal(mean, deviation, n)


def lognormal(median: float) -> Draw:
    return lambda random, n: median * random.lognormal(0, 0.5, n)


def numbers(low: int, high: int) -> Draw:
    return lambda random, n: random.integers(low, high, n)


# name, kind, label names after the station, label values, values
FAMILIES: list[tuple[str, Labels, list[Labels], Draw]] = [
    ("hncors_stream_up", (), [()], numbers(0, 2)),
    ("hncors_stream_state", ("state",), [("streaming",)], numbers(0, 2)),
    (
        "hncors_stream_last_epoch_timestamp_seconds",
        (),
        [()],
        lambda random, n: random.integers(0, 3, n) + 0.001,
    ),
    ("hncors_stream_reconnects_total", ("reason",), [("backoff",)], counts(0.01)),
    ("hncors_stream_received_bytes_total", (), [()], counts(1500)),
    ("hncors_stream_junk_bytes_total", (), [()], counts(0.1)),
    ("hncors_rtcm_messages_total", ("type",), [(kind,) for kind in TYPES], counts(1)),
    ("hncors_rtcm_errors_total", ("kind",), [("crc",)], counts(0.01)),
    ("hncors_epochs_expected_total", (), [()], counts(1)),
    ("hncors_epochs_received_total", (), [()], counts(1)),
    ("hncors_epochs_blind_total", (), [()], counts(0.01)),
    ("hncors_satellites_tracked", ("gnss",), [(gnss,) for gnss in "GREC"], numbers(4, 15)),
    ("hncors_bds3_satellites_tracked", ("signal",), [("1X",)], numbers(4, 15)),
    ("hncors_signal_cn0_dbhz", ("gnss", "signal"), SIGNALS, normal(44, 3)),
    ("hncors_observations_total", ("gnss", "signal"), SIGNALS, counts(9)),
    ("hncors_multipath_rms_meters", ("gnss", "signal"), SIGNALS[:6], lognormal(0.3)),
    ("hncors_ionosphere_roti_tecu_per_minute", (), [()], lognormal(0.1)),
    ("hncors_position_offset_meters", ("component",), [("east",), ("north",), ("up",)], normal(0, 1)),
    ("hncors_protection_level_meters", ("component",), [("horizontal",), ("vertical",)], lognormal(8)),
    ("hncors_arp_offset_meters", (), [()], lognormal(0.01)),
]


class Network:
    """Stations whose every value changes when `families` is asked."""

    def __init__(self, stations: int) -> None:
        self.random = np.random.default_rng(20261123)
        self.stations = [f"S{number:04d}" for number in range(stations)]
        self.labels = [
            [(station, *rest) for station, rest in product(self.stations, labels)]
            for _, _, labels, _ in FAMILIES
        ]
        self.values: list[NDArray[Any]] = []
        for (name, _, _, draw), labels in zip(FAMILIES, self.labels, strict=True):
            start = np.zeros(len(labels))
            if name.endswith("_total"):
                start += np.floor(draw(self.random, len(labels)) * (100_000 / 15))
            elif name.endswith("_timestamp_seconds"):
                start += 1_795_000_000
            self.values.append(start)
        self.counts = np.zeros((stations, len(BOUNDS_S) + 1))
        self.sums = np.zeros(stations)

    def families(self) -> list[Family]:
        made = []
        for at, (name, label_names, _, draw) in enumerate(FAMILIES):
            drawn = draw(self.random, len(self.values[at]))
            grows = name.endswith(("_total", "_timestamp_seconds"))
            self.values[at] = self.values[at] + drawn if grows else drawn
            kind: Kind = "counter" if name.endswith("_total") else "gauge"
            text = f"{name.removeprefix('hncors_').replace('_', ' ')}, by station"
            made.append(Family(name, kind, text, ("station", *label_names), self.labels[at], self.values[at]))
        n = len(self.stations)
        self.counts += np.cumsum(self.random.integers(1, 5, self.counts.shape), axis=1)
        self.sums = self.sums + self.random.lognormal(1, 0.5, n)
        made.append(
            Family(
                "hncors_rtcm_latency_seconds",
                "histogram",
                "Seconds from epoch to arrival",
                ("station",),
                [(station,) for station in self.stations],
                self.sums,
                BOUNDS_S,
                self.counts,
            )
        )
        return made


class Made(CollectorRegistry):
    """Metric objects already made."""

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    network = Network(max(1, round(options.series / SERIES_PER_STATION)))
    writer = Writer()
    families = network.families()
    first_s, _ = timed(writer.render, families)
    times: dict[str, list[float]] = {"ours_s": [], "generate_latest_s": [], "gzip1_s": [], "collect_s": []}
    identical, lines, size = True, 0, 0
    for _ in range(options.rounds):
        families = network.families()
        ours_s, ours = timed(writer.render, families)
        collect_s, metrics = timed(list, collector(partial(iter, families)).collect())
        theirs_s, theirs = timed(generate_latest, Made(metrics))
        gzip_s, _ = timed(writer.render_gzip, families)  # rendered above, so this is compression alone
        for key, value in zip(times, (ours_s, theirs_s, gzip_s, collect_s), strict=True):
            times[key].append(value)
        identical &= ours == theirs
        size = len(ours)
        lines = sum(not line.startswith(b"#") for line in ours.splitlines())
    result: dict[str, object] = {
        "series": lines,
        "bytes": size,
        "rounds": options.rounds,
        "identical": identical,
    }
    result |= {key: round(statistics.median(values), 6) for key, values in times.items()}
    ratios = [b / a for a, b in zip(times["ours_s"], times["generate_latest_s"], strict=True)]
    result |= {"ratio": round(statistics.median(ratios), 2), "ratio_min": round(min(ratios), 2)}
    result |= {"first_s": round(first_s, 6)}
    print(json.dumps(result))
    return 0 if identical else 1


def timed(work: Callable[[A], T], argument: A) -> tuple[float, T]:
    start = time.process_time()
    result = work(argument)
    return time.process_time() - start, result


if __name__ == "__main__":
    sys.exit(main())
