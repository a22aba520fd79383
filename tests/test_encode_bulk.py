"""The bulk encoder has the bytes of the encoder of single messages, which is held to RTKLIB and pyrtcm."""

from __future__ import annotations

import numpy as np
import pytest

from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.rtcm3 import encode_bulk, encode_msm
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.encode_bulk import Cells, Headers
from hncors.signals import FIRST_SATELLITE, GLONASS, GNSS, KNOWN, SATELLITES

KINDS = (4, 5, 6, 7)


def message(gnss: int, chance: np.random.Generator, *, holes: bool = False) -> Observations:
    """Observations of a system that fit one message, in order, ragged, with half-empty satellites."""
    first = FIRST_SATELLITE.get(GNSS[gnss], 1)
    satellites = (
        np.sort(chance.choice(SATELLITES[GNSS[gnss]], min(10, SATELLITES[GNSS[gnss]]), False)) + first
    )
    codes = np.flatnonzero(KNOWN[gnss, :32])
    signals = np.sort(chance.choice(codes, min(6, len(codes)), False))
    satellite, signal = (grid.ravel() for grid in np.meshgrid(satellites, signals, indexing="ij"))
    kept = chance.random(len(satellite)) < 0.7
    satellite, signal = satellite[kept], signal[kept]
    count = len(satellite)
    ranges = dict(zip(satellites.tolist(), chance.uniform(1.9e7, 4.2e7, len(satellites)), strict=True))
    rates = dict(zip(satellites.tolist(), chance.uniform(-900, 900, len(satellites)), strict=True))
    range_m = np.array([ranges[one] for one in satellite.tolist()])
    values = {
        "pseudorange_m": range_m + chance.uniform(-50, 50, count),
        "phase_range_m": range_m + chance.uniform(-500, 500, count),
        "range_rate_m_s": np.array([rates[one] for one in satellite.tolist()]) + chance.uniform(-1, 1, count),
        "cn0_dbhz": chance.uniform(20, 55, count),
    }
    if holes:
        for column in values.values():
            column[chance.random(count) < 0.3] = np.nan
    channel = (satellite * 5 % 14 - 7).astype(np.int8)
    return Observations(
        message=np.zeros(count, np.int64),
        gnss=np.full(count, gnss, np.uint8),
        satellite=satellite.astype(np.uint8),
        signal=signal.astype(np.uint8),
        lock_ms=chance.choice([0.0, 5.0, 700.0, 1e5, 1e8], count),
        half_cycle=chance.random(count) < 0.2,
        channel=channel if gnss == GLONASS else np.full(count, CHANNEL_UNKNOWN, np.int8),
        **values,
    )


def both(kind: int, made: list[tuple[int, Observations]]) -> tuple[list[bytes], list[bytes]]:
    """Frames of the messages (system, observations) one by one, and all at once."""
    headers = [
        Header(
            station_id=7 * n % 4096,
            epoch_raw=(123_456_789 + n) % (1 << 30),
            more=n % 3 > 0,
            clock_steering=n % 3,
        )
        for n in range(len(made))
    ]
    types = [1070 + 10 * gnss + kind for gnss, _ in made]
    single = [
        frame(encode_msm.encode(number, header, observations))
        for number, header, (_, observations) in zip(types, headers, made, strict=True)
    ]
    columns = Headers(
        np.array(types),
        np.array([one.station_id for one in headers]),
        np.array([one.epoch_raw for one in headers]),
        np.array([one.more for one in headers]),
        np.array([one.clock_steering for one in headers]),
    )
    rows = Observations.join([observations for _, observations in made])
    first = np.array([FIRST_SATELLITE.get(GNSS[gnss], 1) for gnss in rows.gnss])
    cells = Cells(
        np.repeat(np.arange(len(made)), [len(one) for _, one in made]), rows.satellite - first,
        rows.signal.astype(np.int64), rows.pseudorange_m, rows.phase_range_m, rows.range_rate_m_s,
        rows.lock_ms, rows.half_cycle, rows.cn0_dbhz, rows.channel,
    )  # fmt: skip
    return single, encode_bulk.frames(kind, columns, cells)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("holes", [False, True])
def test_the_same_bytes(kind: int, holes: bool) -> None:
    chance = np.random.default_rng([kind, holes])
    made = [(n % 7, message(n % 7, chance, holes=holes)) for n in range(70)]
    single, bulk = both(kind, made)
    assert bulk == single
    assert len({len(one) for one in bulk}) > 10


def test_nothing_to_encode() -> None:
    none = np.empty(0, np.int64)
    headers = Headers(none, none, none, none.astype(bool), none)
    cells = Cells(
        none,
        none,
        none,
        *([none.astype(float)] * 4),
        none.astype(bool),
        none.astype(float),
        none.astype(np.int8),
    )
    assert encode_bulk.frames(7, headers, cells) == []


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("pseudorange_m", 8e7, "rough range"),
        ("phase_range_m", 2e7, "fine phase range"),
        ("range_rate_m_s", 9000.0, "rough range rate"),
        ("cn0_dbhz", 70.0, "C/N0"),
        ("lock_ms", -1.0, "lock time"),
    ],
)
def test_what_does_not_fit_is_refused(column: str, value: float, words: str) -> None:
    one = message(0, np.random.default_rng(1))
    getattr(one, column)[:] = value
    with pytest.raises(ValueError, match=words):
        both(7, [(0, one)])
    cells = Cells(
        np.zeros(len(one), np.int64), one.satellite - 1, one.signal.astype(np.int64), one.pseudorange_m,
        one.phase_range_m, one.range_rate_m_s, one.lock_ms, one.half_cycle, one.cn0_dbhz, one.channel,
    )  # fmt: skip
    none = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=words):
        encode_bulk.frames(7, Headers(none + 1077, none, none, none > 0, none), cells)


def test_a_mask_of_more_than_64_cells_is_refused() -> None:
    satellite, signal = (grid.ravel() for grid in np.meshgrid(np.arange(13), [1, 2, 3, 7, 8], indexing="ij"))
    count, none = len(satellite), np.zeros(1, np.int64)
    range_m = np.full(count, 2.2e7)
    cells = Cells(
        np.zeros(count, np.int64), satellite, signal, range_m, range_m, range_m * 0, range_m * 0,
        np.zeros(count, bool), range_m * 0 + 40, np.zeros(count, np.int8),
    )  # fmt: skip
    with pytest.raises(ValueError, match="64 cells"):
        encode_bulk.frames(7, Headers(none + 1077, none, none, none > 0, none), cells)
