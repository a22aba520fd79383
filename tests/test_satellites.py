"""Satellites at the time they sent: against RTKLIB then, BeiDou GEO and the turn of a week included."""

from __future__ import annotations

import numpy as np
import pytest
from rtklib_library import LIBRARY, Rtklib
from test_orbit import made

from hncors import gpstime
from hncors.gpstime import BEIDOU_OFFSET_MS, WEEK_MS
from hncors.measure import satellites
from hncors.measure.ephemeris_store import Store
from hncors.measure.ranges import choose, combined
from hncors.observation import CHANNEL_UNKNOWN, Messages, Observations
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import C_M_S, GNSS, NUMBER

SIGNALS = {
    "G": ("1C", "2W"),
    "R": ("1C", "2C"),
    "E": ("1C", "5Q"),
    "J": ("1C", "2L"),
    "C": ("2I", "6I"),
    "I": ("5A",),
}
# By message; of BeiDou a GEO of each generation, a MEO and an IGSO.
SETS = [(1041, 9), (1019, 9), (1020, 9), (1044, 3), (1045, 14), (1042, 3), (1042, 60), (1042, 27), (1042, 8)]
PLACE_M, CLOCK_S = 0.01, 1e-10  # the goal; what is left out of the expansion is 4e-6 m


def observed(sets: list[Ephemeris], range_m: np.ndarray) -> Observations:
    """Two ranges of each satellite, equal, so that every combination is that range."""
    order = sorted(range(len(sets)), key=lambda n: (GNSS.index(sets[n].gnss), sets[n].satellite))
    cells = [(n, code) for n in order for code in SIGNALS[sets[n].gnss]]
    gnss = np.array([GNSS.index(sets[n].gnss) for n, _ in cells], np.uint8)
    count = len(cells)
    ranges = np.array([range_m[n] for n, _ in cells])
    return Observations(
        np.zeros(count, np.int64), gnss, np.array([sets[n].satellite for n, _ in cells], np.uint8),
        np.array([NUMBER[g][code] for g, (_, code) in zip(gnss, cells, strict=True)], np.uint8),
        ranges, ranges, np.full(count, np.nan), np.full(count, 6e5), np.zeros(count, bool),
        np.full(count, 45.0), np.where(gnss == 1, -4, CHANNEL_UNKNOWN).astype(np.int8),
    )  # fmt: skip


@pytest.mark.peer(LIBRARY)
@pytest.mark.parametrize("from_turn_s", [-901.0, -0.05, 0.03, 600.0, 86_400.0])
def test_states_when_sent_are_rtklibs_on_both_sides_of_a_week(from_turn_s: float) -> None:
    turn = 2409 * WEEK_MS  # 2026-03-08
    time_ms = turn + round(from_turn_s * 1000)
    near = turn if abs(from_turn_s) < 1000 else time_ms
    sets = [made(message, number, near, seed) for seed, (message, number) in enumerate(SETS)]
    range_m = np.linspace(21e6, 41e6, len(sets))
    store = Store()
    for one in sets:
        store.add(one, time_ms, 0)
    store.update(time_ms)
    messages = Messages(*(np.full(1, 7) for _ in range(14)))
    o = observed(sets, range_m)
    choice = choose(np.zeros(1, np.int64), 1, messages, o)
    sky = satellites.Sky(satellites.Motion(), store.table, np.array([time_ms]))
    found = sky.sent(choice, combined(choice, o), slice(0, 1))
    assert len(choice.gnss) == len(sets) and found.usable.all()
    library = Rtklib.load()
    for row, (gnss, satellite) in enumerate(
        zip(choice.gnss.tolist(), choice.satellite.tolist(), strict=True)
    ):
        one = next(e for e in sets if (GNSS.index(e.gnss), e.satellite) == (gnss, satellite))
        own = range_m[sets.index(one)]
        offset = BEIDOU_OFFSET_MS if one.gnss == "C" else 0
        if one.gnss == "R":
            day_ms = (one["tb_s"] - 3 * 3600 + 18) * 1000  # GPS - UTC has been 18 s since 2017
            toe = toc = gpstime.nearest(round(day_ms), gpstime.DAY_MS, near)
        else:
            toe = gpstime.nearest(round(one["toe_s"] * 1000) + offset, WEEK_MS, near)
            toc = gpstime.nearest(round(one["toc_s"] * 1000) + offset, WEEK_MS, near)
        # As RTKLIB's satposs: sent at the epoch less range over c, less what the satellite's clock is ahead.
        sent_s = -own / C_M_S
        for _ in range(3):
            _, clock = library.state(one, toe, toc, time_ms, sent_s)
            sent_s = -own / C_M_S - clock
        place, clock = library.state(one, toe, toc, time_ms, sent_s)
        assert np.linalg.norm(found.place_m[:, row, 0] - place) < PLACE_M
        ours = (found.range_m[row, 0] - own) / C_M_S  # group delays of made sets are 0
        assert abs(ours - clock) < CLOCK_S
