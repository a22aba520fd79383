"""Observations made up for tests of encoders, and integers at the ends of their fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.rtcm3.encode import Header
from hncors.signals import GLONASS


def extremes(rng: np.random.Generator, low: int, high: int, count: int) -> np.ndarray[Any, Any]:
    """Integers of a range, half of them at or next to its ends and at 0."""
    special = np.array([low, low + 1, high - 1, high, max(low, -1), 0, min(high, 1)])
    return np.where(rng.random(count) < 0.5, rng.choice(special, count), rng.integers(low, high + 1, count))


def header_of(rng: np.random.Generator, epoch_bits: int) -> Header:
    low, high = (0, 1, 2), (2**epoch_bits - 1, 2**epoch_bits - 2)
    return Header(
        station_id=int(rng.choice([0, 1, 4095, rng.integers(4096)])),
        epoch_raw=int(rng.choice([*low, *high, rng.integers(2**epoch_bits)])),
        more=bool(rng.integers(2)),
        iods=int(rng.integers(8)),
        reserved=int(rng.integers(128)),
        clock_steering=int(rng.integers(4)),
        external_clock=int(rng.integers(4)),
        smoothing=bool(rng.integers(2)),
        smoothing_interval=int(rng.integers(8)),
    )


def observed(gnss: int, satellites: list[int], signals: list[int], seed: int) -> Observations:
    """Plausible cells of every satellite with every signal; GLONASS channels by satellite."""
    rng = np.random.default_rng(seed)
    satellite = np.repeat(satellites, len(signals))
    count = len(satellite)
    range_m = np.repeat(rng.uniform(19e6, 42e6, len(satellites)), len(signals)) + rng.uniform(-60, 60, count)
    rate = np.repeat(rng.uniform(-900, 900, len(satellites)), len(signals)) + rng.uniform(-0.5, 0.5, count)
    return Observations(
        message=np.zeros(count, np.int64),
        gnss=np.full(count, gnss, np.uint8),
        satellite=satellite.astype(np.uint8),
        signal=np.tile(signals, len(satellites)).astype(np.uint8),
        pseudorange_m=range_m,
        phase_range_m=range_m + rng.uniform(-90, 90, count),
        range_rate_m_s=rate,
        lock_ms=rng.choice([0.0, 31.0, 32.0, 1e4, 1e9], count),
        half_cycle=rng.random(count) < 0.3,
        cn0_dbhz=rng.uniform(20, 55, count),
        channel=(satellite % 14 - 7 if gnss == GLONASS else np.full(count, CHANNEL_UNKNOWN)).astype(np.int8),
    )


def changed(o: Observations, **columns: Any) -> Observations:
    return Observations(**{**o.named(), **{k: np.asarray(v) for k, v in columns.items()}})
