"""Quality of what stations observe as metric families; hncors.view.metrics has the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hncors.measure.slips import TESTS
from hncors.network import Network
from hncors.observation import F64, B
from hncors.signals import CODES, GNSS, SLOTS
from hncors.view.exposition import Family, Kind
from hncors.view.labels import each_with, labels_of, places, singly

_SIGNALS = [(GNSS[g], CODES[g][s]) for g in range(7) for s in range(SLOTS)]
_TESTS, _SYSTEMS = singly(TESTS), singly(GNSS)


def quality_families(network: Network) -> Iterator[Family]:
    """Counters of all signals a station ever sent; gauges only of what is known while it is streaming.

    With no more digits than mean something: those of noise take longer to write and to pack than all others.
    """
    quality = network.quality
    ids = [stream.id for stream in network.streams]
    now = network.tables.streams.streaming
    sent = network.tally.seen

    def signals(name: str, kind: Kind, text: str, values: NDArray[Any], there: NDArray[Any]) -> Family:
        rows, numbers = places(there)
        labels = labels_of(name, ids, rows, numbers, _SIGNALS)
        return Family(name, kind, text, ("station", "gnss", "signal"), labels, values[rows, numbers])

    text = "Cycle slips of phases, whatever test found them"
    yield signals("hncors_cycle_slips_total", "counter", text, quality.slips, sent)
    any_sent: B = np.asarray(sent.any(axis=1))
    heard = np.flatnonzero(any_sent)
    name = "hncors_cycle_slip_tests_total"
    labels = labels_of(name, ids, *each_with(heard, _TESTS), _TESTS)
    text = "Tests that found a cycle slip; several may find the same"
    tests = quality.slip_tests[any_sent].ravel()
    yield Family(name, "counter", text, ("station", "test"), labels, tests)
    text = "Phases whose half cycle was not resolved"
    half = quality.half_cycles
    yield signals("hncors_half_cycle_observations_total", "counter", text, half, half > 0)
    text = "Jumps of the receiver's clock"
    jumps = quality.clock_jumps[any_sent]
    name = "hncors_receiver_clock_jumps_total"
    yield Family(name, "counter", text, ("station",), labels_of(name, ids, heard), jumps)
    rms, _ = quality.multipath_rms_m()
    text = "Code multipath and noise about the mean of each arc, of all satellites"
    there = ~np.isnan(rms) & now[:, None]
    yield signals("hncors_multipath_rms_meters", "gauge", text, np.round(rms, 3), there)
    fall = quality.cn0_fall_db()
    text = "Mean C/N0 below what is expected of the station and elevation"
    there = ~np.isnan(fall) & now[:, None]
    yield signals("hncors_signal_cn0_fall_decibels", "gauge", text, np.round(fall, 2) + 0.0, there)
    causes = {(ids[r], cause): 1.0 for r, cause in enumerate(quality.strength.cause) if cause and now[r]}
    text = "1 while many signals of a station have fallen at once, by what that looks like"
    yield Family(
        "hncors_cn0_fall_active", "gauge", text, ("station", "cause"), list(causes), list(causes.values())
    )
    done = quality.completeness
    rows, systems = places((done.expected > 0) & now[:, None])
    name = "hncors_satellites_expected"
    labels = labels_of(name, ids, rows, systems, _SYSTEMS)
    text = "Healthy satellites above 10 degrees, at the last look"
    expected = done.expected[rows, systems]
    yield Family(name, "gauge", text, ("station", "gnss"), labels, expected)
    text = "Observations that should have been there at the looks every half minute"
    yield signals("hncors_observations_owed_total", "counter", text, done.owed, done.owed > 0)
    text = "... and were, with pseudorange and phase"
    yield signals("hncors_observations_complete_total", "counter", text, done.found, done.owed > 0)
    text = "Rate of TEC index over five minutes: median and largest of the satellites"
    median, most = quality.roti_tecu_min()
    yield _stat("hncors_ionosphere_roti_tecu_per_minute", text, ids, now, {"median": median, "max": most})
    ppm = quality.disturbance.ppm()
    text = "How unevenly the ionosphere changes between stations, 95 % percentile of an hour"
    values = [] if np.isnan(ppm) else [ppm]
    yield Family("hncors_ionosphere_disturbance_ppm", "gauge", text, (), [()] * len(values), values)


def _stat(name: str, text: str, ids: list[str], now: NDArray[np.bool_], stats: dict[str, F64]) -> Family:
    values = np.round(np.stack(list(stats.values()), axis=1), 4)
    rows, numbers = places(now[:, None] & ~np.isnan(values))
    labels = labels_of(name, ids, rows, numbers, singly([*stats]))
    return Family(name, "gauge", text, ("station", "stat"), labels, values[rows, numbers])
