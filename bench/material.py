"""A recording to measure on where there is none: one station, five systems, MSM7 at 1 Hz, all signals.

Made by the project's own encoder, so it says something of speed and nothing of correctness.
"""

from __future__ import annotations

import numpy as np

from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.rtcm3 import encode_msm, encode_station
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.station import Equipment, ReferencePoint
from hncors.signals import BEIDOU, GLONASS, GNSS, NUMBER

SKY = {  # satellites and signals of a present-day receiver
    "G": (range(1, 11), "1C 2W 2X 5X"),
    "R": (range(1, 9), "1C 2C"),
    "E": (range(1, 10), "1X 5X 7X 8X"),
    "J": (range(1, 5), "1C 2X 5X"),
    "C": ((6, 9, 11, 13, 14), "2I 6I 7I"),  # BeiDou-2
    "C3": (range(20, 31), "2I 6I 1X 5X 7D"),  # BeiDou-3: a message holds at most 64 cells
}
START_MS = 345_600_000  # time of week
DAY_MS = 86_400_000


def recording(epochs: int, *, seed: int = 1) -> bytes:
    """`epochs` seconds of one station's stream, a message a system, station data every ten seconds."""
    rng = np.random.default_rng(seed)
    sky = [_first_sight(rng, name[0], satellites, codes) for name, (satellites, codes) in SKY.items()]
    station = frame(encode_station.encode(ReferencePoint(7, -2_200_000.0, 5_200_000.0, 2_980_000.0)))
    station += frame(
        encode_station.encode(Equipment(7, "TRM159900.00    SCIS", 0, "1", "ALLOY", "6.20", "2"))
    )
    out = bytearray()
    for second in range(epochs):
        if second % 10 == 0:
            out += station
        for number, seen in enumerate(sky):
            gnss = int(seen.gnss[0])
            header = Header(
                station_id=7, epoch_raw=_epoch(gnss, START_MS + 1000 * second), more=number < len(sky) - 1
            )
            out += frame(encode_msm.encode(1077 + 10 * gnss, header, _after(seen, second, rng)))
    return bytes(out)


def _first_sight(rng: np.random.Generator, letter: str, satellites: range, codes: str) -> Observations:
    gnss = GNSS.index(letter)
    signals = [NUMBER[gnss][code] for code in codes.split()]
    satellite = np.repeat(list(satellites), len(signals))
    count = len(satellite)
    range_m = np.repeat(rng.uniform(20e6, 26e6, len(satellites)), len(signals)) + rng.uniform(-8, 8, count)
    channel = satellite % 13 - 7 if gnss == GLONASS else np.full(count, CHANNEL_UNKNOWN)
    return Observations(
        message=np.zeros(count, np.int64),
        gnss=np.full(count, gnss, np.uint8),
        satellite=satellite.astype(np.uint8),
        signal=np.tile(signals, len(satellites)).astype(np.uint8),
        pseudorange_m=range_m,
        phase_range_m=range_m + rng.uniform(-5, 5, count),
        range_rate_m_s=np.repeat(rng.uniform(-700, 700, len(satellites)), len(signals)),
        lock_ms=np.full(count, 60_000.0),
        half_cycle=np.zeros(count, np.bool_),
        cn0_dbhz=rng.uniform(33, 52, count),
        channel=channel.astype(np.int8),
    )


def _after(seen: Observations, seconds: int, rng: np.random.Generator) -> Observations:
    moved = seen.range_rate_m_s * seconds
    changes = {
        "pseudorange_m": seen.pseudorange_m + moved + rng.normal(0, 0.3, len(seen)),
        "phase_range_m": seen.phase_range_m + moved + rng.normal(0, 0.002, len(seen)),
        "lock_ms": seen.lock_ms + 1000.0 * seconds,
    }
    return Observations(**{**seen.named(), **changes})


def _epoch(gnss: int, tow_ms: int) -> int:
    """Epoch time as the system's messages carry it."""
    if gnss == BEIDOU:
        return tow_ms - 14_000
    if gnss == GLONASS:
        day, time = divmod(tow_ms + 3 * 3_600_000 - 18_000, DAY_MS)
        return day % 7 << 27 | time
    return tow_ms
