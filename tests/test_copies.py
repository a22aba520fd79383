"""Copies under another name, however changed, and receivers on one antenna: in recordings and simulated.

Recordings are of other people's stations; what is done to them goes through hncors' own encoders, and what
those wrote is read by pyrtcm beside the original.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from clone_material import OTHER_ID, Disguise, Told, serve, simulated, watch
from pyrtcm import RTCMMessage
from pyrtcm_fields import read

from hncors.observation import Observations
from hncors.rtcm3.framing import Framer
from hncors.supervise.copies import ANTENNA, COPY, Copies
from hncors.supervise.fingerprints import CELL_M, Fingerprints
from hncors.supervise.judge import Judge
from hncors.supervise.policy import Policy

TRIO = ("trio-poland-20s", "trio-finland-21s", "trio-guinea-legacy-15s")


def path_of(recordings: Path, name: str) -> Path:
    return recordings / "streams" / f"{name}.rtcm3"


def seen_after(told: list[Told]) -> float | None:
    """When the copy was first told of, in seconds."""
    return next(
        (one.second for one in told if one.event.kind == "mirrored_stream" and one.event.station == "COPY"),
        None,
    )


DISGUISES = [
    ("alloy-bds3-33s", Disguise("as it came", moved_m=100.0), 12),
    ("alloy-bds3-33s", Disguise("MSM4", 4, moved_m=100.0), 14),
    ("alloy-bds3-33s", Disguise("another clock", 4, clock_m=1234.567), 14),
    (
        "hiroshima-7systems-60s",
        Disguise("MSM5 without systems, 30 s late", 5, without="GREJ", late_s=30.0),
        45,
    ),
    ("hiroshima-7systems-60s", Disguise("1004 and 1012, one in five", 14, every=5), 25),
    ("alloy-bds3-33s", Disguise("60 s late, the other is over", 4, late_s=60.0), 17),
    ("trio-poland-20s", Disguise("MSM4", 4), 14),
    ("trio-guinea-legacy-15s", Disguise("MSM4 of older messages", 4), 14),
]


@pytest.mark.parametrize(
    ("name", "how", "within_s"), DISGUISES, ids=lambda one: str(getattr(one, "name", one))
)
def test_rule_e8_a_recording_served_again_is_found(
    recordings: Path, name: str, how: Disguise, within_s: float
) -> None:
    path = path_of(recordings, name)
    judge, told = watch([serve("ORIG", path), serve("COPY", path, how)])
    after = seen_after(told)
    assert after is not None and after <= within_s
    relation = judge.kindred.copies.of(1, COPY)
    assert relation is not None and relation.other == 0
    assert relation.late_s == pytest.approx(how.late_s, abs=0.01)
    assert relation.changed_clock == bool(how.clock_m)


def test_rule_e8_all_at_once_becomes_a_lead(recordings: Path) -> None:
    # One epoch in thirty, none of which is at a whole ten seconds, as MSM4, a minute late, put elsewhere.
    path = path_of(recordings, "stromlo-polarx5-8min")
    how = Disguise("all", 4, every=30, first=14, late_s=60.0, moved_m=500.0, without="J")
    _, told = watch([serve("ORIG", path), serve("COPY", path, how)])
    after = seen_after(told)
    assert after is not None and after <= 300
    (lead,) = [one for one in told if one.event.kind == "lead" and one.event.detail["rule"] == "E8"]
    assert lead.event.station == "COPY"
    assert lead.second <= 480
    for words in ("one epoch in 30", "in coarser numbers", "without systems J", "60 s later"):
        assert words in lead.event.detail["en"]
    for words in ("每 30 个历元取一", "数值精度降低", "缺少系统 J", "晚到约 60 秒"):
        assert words in lead.event.detail["zh"]


def test_rule_e8_stations_of_the_same_seconds_are_never_confused(recordings: Path) -> None:
    sources = [serve(name, path_of(recordings, name)) for name in TRIO]
    times = [set(source.arrival_ns.tolist()) for source in sources]
    assert all(len(one & other) >= 14 for one, other in [(times[0], times[2])])
    judge, told = watch(sources)
    assert not [one for one in told if one.event.kind in ("mirrored_stream", "lead")]
    assert judge.kindred.copies._pairs == {}  # the index does not even name them


def test_the_disguise_is_what_pyrtcm_reads(recordings: Path) -> None:
    path = path_of(recordings, "alloy-bds3-33s")
    copy = serve("COPY", path, Disguise("MSM4", 4))
    ours = {message.DF004: message for message in messages(copy.data, 1074)}
    original = messages(path.read_bytes(), 1077)
    assert len(ours) == len(original) >= 30
    for fine in original:
        coarse = ours[fine.DF004]
        assert coarse.DF003 == OTHER_ID and coarse.NCell == fine.NCell
        cells = [(message, n) for n in range(1, fine.NCell + 1) for message in (fine, coarse)]
        for (a, n), (b, _) in zip(cells[::2], cells[1::2], strict=True):
            assert range_ms(b, n, "DF400") == pytest.approx(range_ms(a, n, "DF405"), abs=2**-25 + 2**-30)


def messages(data: bytes, number: int) -> list[RTCMMessage]:
    frames = Framer().feed(data)
    return [read(frame[3:-3]) for frame in frames if int.from_bytes(frame[3:5], "big") >> 4 == number]


def range_ms(message: RTCMMessage, cell: int, field: str) -> float:
    """A cell's pseudorange by pyrtcm's fields: DF397 + DF398 + DF400 or DF405, milliseconds."""
    satellites = [getattr(message, f"PRN_{n:02d}") for n in range(1, message.NSat + 1)]
    row = satellites.index(getattr(message, f"CELLPRN_{cell:02d}")) + 1
    whole, part = (getattr(message, f"{name}_{row:02d}") for name in ("DF397", "DF398"))
    return float(whole + part + getattr(message, f"{field}_{cell:02d}"))


# --- Simulated ------------------------------------------------------------------------------------

PAIRS = """
seconds = 300
seed = 5
[network]
count = 1
interval_s = 5
station_s = 10
ephemeris_s = 10
[[stations]]
id = "CSHA"
clock = "free"
[[stations]]
id = "TWIN"
latitude_deg = 28.20
longitude_deg = 112.95
height_m = 75
clock = "free"
filed = false
[[stations]]
id = "NEAR"
latitude_deg = 28.2001
longitude_deg = 112.95
height_m = 75
clock = "steered"
[[stations]]
id = "KMET"
latitude_deg = 28.209
longitude_deg = 112.95
height_m = 75
[[faults]]
kind = "wrong_reference_point"
stations = ["TWIN"]
parameters = { east_m = 30.0 }
"""


@cache
def province() -> tuple[Judge, list[Told], list[str]]:
    return simulated(PAIRS)


def test_rule_e9_a_second_receiver_on_the_antenna_is_found() -> None:
    judge, told, ids = province()
    relation = judge.kindred.copies.of(ids.index("TWIN"), ANTENNA)
    assert relation is not None and ids[relation.other] == "CSHA"
    assert relation.phase_mm < 3.0
    leads = [one for one in told if one.event.kind == "lead" and one.event.detail["rule"] == "E9"]
    assert [one.event.station for one in leads] == ["TWIN"]
    assert leads[0].second <= 260  # a minute of epochs, two that it lasts, a look
    assert "30 m apart" in leads[0].event.detail["en"] and "整周" in leads[0].event.detail["zh"]


def test_rule_e9_antennas_ten_metres_and_a_kilometre_away_are_not() -> None:
    judge, _, ids = province()
    copies = judge.kindred.copies
    assert all(copies.of(stream, COPY) is None for stream in range(len(ids)))
    assert [ids[n] for n in range(len(ids)) if copies.of(n, ANTENNA) is not None] == ["CSHA", "TWIN"]


def test_rule_e10_independent_clocks_are_not_alike() -> None:
    judge, _, ids = province()
    assert all(judge.kindred.clocks.of(stream) is None for stream in range(len(ids)))


# --- The index -------------------------------------------------------------------------------------

T0 = 1_460_000_000_000 // 60_000 * 60_000


def epochs(streams: int, seed: int = 1, satellites: int = 9) -> tuple[Observations, np.ndarray]:
    """One epoch of each of some streams, GPS and BeiDou, and which stream's each row is."""
    rng = np.random.default_rng(seed)
    row = np.repeat(np.arange(streams), 2 * satellites)
    count = len(row)
    nan = np.full(count, np.nan)
    code_m = rng.uniform(2e7, 2.5e7, count)
    return Observations(
        row, np.tile(np.repeat([0, 5], satellites), streams).astype(np.uint8),
        np.tile(np.arange(satellites), 2 * streams).astype(np.uint8) + 1, np.ones(count, np.uint8),
        code_m, code_m, nan, nan, np.zeros(count, bool), nan, np.full(count, -128, np.int8),
    ), row  # fmt: skip


def added(
    index: Fingerprints, streams: list[int], at_ms: int, o: Observations, row: np.ndarray, late_ms: int = 0
) -> list[list[int]]:
    kind = np.full(len(o), 7, np.uint8)
    times = np.full(len(streams), at_ms)
    return [
        [shared.one, shared.other, shared.second]
        for shared in index.add(np.array(streams), times, row, o, kind, at_ms + 500 + late_ms)
    ]


def test_the_index_names_who_shares_numbers_and_nobody_else() -> None:
    o, row = epochs(50)
    index = Fingerprints(52)
    assert added(index, [*range(50)], T0, o, row) == []
    mine = np.flatnonzero(row == 7)
    moved = o.select(mine)
    moved = type(o)(**{**moved.named(), "pseudorange_m": moved.pseudorange_m + 1e4 + 0.01})
    assert added(index, [50], T0, moved, row[mine] - 7, late_ms=60_000) == [[7, 50, T0 // 1000]]


@pytest.mark.parametrize(("noise_m", "equal"), [(0.005, True), (0.3, False)])
def test_the_index_tells_late_copies_from_late_receivers(noise_m: float, equal: bool) -> None:
    o, row = epochs(2, satellites=20)
    index = Fingerprints(3)
    added(index, [0, 1], T0, o, row)
    mine = o.select(np.flatnonzero(row == 1))
    code_m = mine.pseudorange_m + np.random.default_rng(4).normal(0, noise_m, len(mine))
    late = type(o)(**{**mine.named(), "pseudorange_m": code_m})
    none = np.zeros(len(mine), np.int64)
    (shared,) = index.add(
        np.array([2]), np.array([T0]), none, late, np.full(len(mine), 7, np.uint8), T0 + 40_500
    )
    assert (shared.one, shared.other, shared.late_ms) == (1, 2, 40_000)
    assert shared.numbers >= 10
    assert (shared.equal >= 0.9 * shared.numbers) == equal


@pytest.mark.parametrize(
    ("late_ms", "at_s", "found"), [(0, 10, 1), (150_000, 10, 1), (300_000, 10, 0), (3_000_000, 60, 1)]
)
def test_the_index_keeps_minutes_and_whole_minutes_an_hour(late_ms: int, at_s: int, found: int) -> None:
    o, row = epochs(2, satellites=20)
    index = Fingerprints(3)
    at_ms = T0 + 1000 * at_s
    added(index, [0, 1], at_ms, o, row)
    mine = np.flatnonzero(row == 1)
    for later in range(10_000, late_ms, 10_000):  # time goes on
        index._prune(at_ms + later)
    assert len(added(index, [2], at_ms, o.select(mine), row[mine] - 1, late_ms=late_ms)) == found


@pytest.mark.parametrize(("every_s", "first_s"), [(5, 3), (30, 14), (7, 1)])
def test_epochs_that_begin_anywhere_become_everybodys(every_s: int, first_s: int) -> None:
    index, met = Fingerprints(2), 0
    for second in range(150):
        o, row = epochs(1, seed=second)
        met += len(added(index, [0], T0 + 1000 * second, o, row))
        if second % every_s == first_s:
            met += len(added(index, [1], T0 + 1000 * second, o, row))
    assert met >= 2


def test_a_station_that_is_back_makes_no_second_everybodys() -> None:
    index = Fingerprints(1)
    before = index._wanted_ms.copy()
    for second in [*range(40), *range(233, 260), *range(1234, 1250)]:
        o, row = epochs(1, seed=second)
        added(index, [0], T0 + 1000 * second, o, row)
    assert (index._wanted_ms == before).all()


def test_times_of_another_hour_are_not_kept() -> None:
    index = Fingerprints(2)
    o, row = epochs(1)
    kind = np.full(len(o), 7, np.uint8)
    for away_ms in (-7_200_000, 7_200_000, 10**11):
        assert not len(index.add(np.zeros(1, np.int64), np.array([T0 + away_ms]), row, o, kind, T0))
    assert index._slots == {}


def test_cells_are_wider_than_what_encoders_change() -> None:
    assert CELL_M > 10 * 4 * 0.02  # of 1004, four roundings in the difference of two differences


def test_streams_that_come_and_go_take_what_is_known_with_them(recordings: Path) -> None:
    path = path_of(recordings, "alloy-bds3-33s")
    judge, _ = watch([serve("ORIG", path), serve("COPY", path, Disguise("MSM4", 4, late_s=7.0))])
    copies = judge.kindred.copies
    swapped = copies.rearranged(np.array([1, -1, 0]), Policy())
    relation = swapped.of(0, COPY)
    assert relation is not None and relation.other == 2
    assert relation.late_s == pytest.approx(7.0, abs=0.01)
    assert relation.coarser
    gone = copies_of_three_hours_later(swapped)
    assert gone.of(0, COPY) is None and gone._pairs == {}


def copies_of_three_hours_later(copies: Copies) -> Copies:
    (pair,) = copies._pairs.values()
    copies._end(pair.last_ms + 3 * 3_600_000)
    return copies
