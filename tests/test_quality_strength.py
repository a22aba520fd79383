"""Falls of C/N0 with a cause that is put in: an antenna's sector, a band, an amplifier, one satellite.

Strengths are made here, by elevation; directions are given as a station would have them from ephemerides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from quality_material import START_MS, Signals, Truth, made, sky
from test_quality_means import message

from hncors.measure.quality import News, Quality
from hncors.signals import NUMBER, SLOTS

SATELLITES = 10
Loss = Callable[[float, Signals], Any]
ELEVATION_DEG = np.array([15.0, 20, 25, 30, 35, 40, 50, 60, 70, 80])
AZIMUTH_DEG = np.array([340.0, 20, 60, 100, 130, 160, 200, 240, 270, 310])


def base(signals: Signals) -> Any:
    return 35 + 15 * np.sin(np.radians(ELEVATION_DEG[signals.number - 1])) - 5 * (signals.name == "G2W")


def run(
    loss: Loss, seconds: int, *, directions: bool, gone: Loss | None = None, names: str = "G1C G2W G5Q"
) -> tuple[Quality, list[tuple[int, News]]]:
    """`loss` in dB; `gone` are signals that are not there at all."""
    quality, chance = Quality(1), np.random.default_rng(2)
    signals = sky(names, SATELLITES)
    told = []
    one, none = np.zeros(1, np.int64), np.zeros(1, bool)
    truth = Truth(cn0_dbhz=lambda t, s: base(s) - loss(t, s))
    for t in range(0, seconds, 2):
        o = made(truth, signals, float(t), chance)
        o.cn0_dbhz[:] += chance.normal(0, 0.5, len(o))
        if gone is not None:
            o = o.select(~(np.asarray(gone(t, signals)) & np.ones(len(o), bool)))
        news = quality.epochs(one, np.array([START_MS + 1000 * t]), none, one, message(), o)
        told += [(t, thing) for thing in news]
        if directions and t % 30 == 0:
            who = np.zeros(SATELLITES, np.int64)
            number = np.arange(1, SATELLITES + 1).astype(np.uint8)
            quality.directions(who, who.astype(np.uint8), number, ELEVATION_DEG, AZIMUTH_DEG)
    return quality, told


def during(t: float) -> bool:
    return 600 <= t < 660


@pytest.mark.parametrize("directions", [True, False])
def test_one_band_is_interference_and_its_end_is_told(directions: bool) -> None:
    quality, told = run(lambda t, s: 12.0 * during(t) * (s.name == "G1C"), 700, directions=directions)
    assert [(t, thing.kind) for t, thing in told] == [
        (606, "cn0_fall"),
        (668, "cn0_recovered"),
    ]  # last seen at 658
    assert told[0][1].detail["cause"] == "interference"
    assert told[0][1].detail["signals"] == ["G1C"]
    assert told[0][1].detail["fall_db"] == pytest.approx(12, abs=0.6)
    assert quality.strength.cause == [""]


def test_all_bands_unlike_are_interference_and_all_alike_an_amplifier() -> None:
    by = {"G1C": 20.0, "G2W": 8.0, "G5Q": 6.0}
    unlike = run(
        lambda t, s: during(t) * np.array([by[name] for name in s.name.tolist()]), 640, directions=True
    )
    assert [thing.detail["cause"] for _, thing in unlike[1]] == ["interference"]
    alike = run(lambda t, s: 9.0 * during(t), 640, directions=True)
    assert [thing.detail["cause"] for _, thing in alike[1]] == ["amplifier"]
    assert alike[0].strength.cause == ["amplifier"]


@pytest.mark.parametrize("lost", [True, False])
def test_a_sector_of_the_sky_is_an_obstruction(lost: bool) -> None:
    east = np.array([30 <= azimuth <= 170 for azimuth in AZIMUTH_DEG])  # satellites 3 to 6

    def hidden(t: float, s: Signals) -> Any:
        return during(t) & east[s.number - 1]

    loss: Loss = (lambda t, s: 0.0) if lost else (lambda t, s: 10.0 * hidden(t, s))
    _, told = run(loss, 640, directions=True, gone=hidden if lost else None)
    assert [thing.detail["cause"] for _, thing in told] == ["obstruction"]
    assert (told[0][1].detail["from_deg"], told[0][1].detail["to_deg"]) == (60, 160)
    _, told = run(loss, 640, directions=False, gone=hidden if lost else None)
    assert [thing.detail["cause"] for _, thing in told] == ["some_satellites"]


def test_one_satellite_is_nothing_and_nothing_is_nothing() -> None:
    _, told = run(lambda t, s: 15.0 * during(t) * (s.number == 4), 700, directions=True)
    assert told == []


def test_nothing_tracked_any_more_is_all_lost() -> None:
    _, told = run(lambda t, s: 0.0, 640, directions=True, gone=lambda t, s: during(t))
    assert [thing.detail["cause"] for _, thing in told] == ["all_lost"]


def test_a_system_that_is_not_sent_any_more_is_not_jammed() -> None:
    """E1 is on L1's carrier: what jams the one jams the other."""

    def galileo(t: float, s: Signals) -> Any:
        return during(t) & np.char.startswith(s.name, "E")

    names = "G1C G2W E1C E5Q"
    _, told = run(lambda t, s: 0.0, 640, directions=False, gone=galileo, names=names)
    assert [(thing.detail["cause"], thing.detail["systems"]) for _, thing in told] == [("system_lost", "E")]
    jammed: tuple[Loss] = (lambda t, s: 12.0 * during(t) * (s.name == "G1C"),)
    _, told = run(*jammed, 640, directions=False, gone=galileo, names=names)
    assert [thing.detail["cause"] for _, thing in told] == ["interference"]
    assert told[0][1].detail["signals"] == ["G1C"]


def test_what_is_expected_is_the_history_of_the_elevation() -> None:
    # each bin of five degrees learns from the one satellite in it
    quality, _ = run(lambda t, s: 0.0, 1260, directions=True)
    cells = quality.cells
    at = int(cells.table[0, 5, 0])
    assert cells.expected_dbhz[at] == pytest.approx(35 + 15 * np.sin(np.radians(35)), abs=0.3)
    cells.elevation_deg[at] = 82.0  # had it risen: the bin of 80 degrees has a history
    one, none = np.zeros(1, np.int64), np.zeros(1, bool)
    truth = Truth(cn0_dbhz=lambda t, s: base(s))
    o = made(truth, sky("G1C G2W G5Q", SATELLITES), 1290.0, np.random.default_rng(1))
    quality.epochs(one, np.array([START_MS + 1_290_000]), none, one, message(), o)
    assert cells.expected_dbhz[at] == pytest.approx(35 + 15 * np.sin(np.radians(80)), abs=0.3)


def test_completeness_counts_what_should_be_there() -> None:
    # satellite 7 is never seen, satellite 8 sends no L5, satellite 1 has no L2 half of the time
    def gone(t: float, s: Signals) -> Any:
        return (
            (s.number == 7)
            | ((s.number == 8) & (s.name == "G5Q"))
            | ((s.number == 1) & (s.name == "G2W") & (t >= 300))
        )

    quality, _ = run(lambda t, s: 0.0, 600, directions=True, gone=gone)
    owed, found = quality.completeness.owed[0], quality.completeness.found[0]
    l1, l2, l5 = (NUMBER[0][code] for code in ("1C", "2W", "5Q"))
    looks = 20
    # of a satellite that nobody ever saw no signal is known: it is missing among the satellites
    assert (owed[l1], found[l1]) == (9 * looks, 9 * looks)
    assert (owed[l2], found[l2]) == (9 * looks, 9 * looks - 10)
    assert (owed[l5], found[l5]) == (8 * looks, 8 * looks)
    assert quality.completeness.expected[0].tolist() == [10, 0, 0, 0, 0, 0, 0]
    assert len(owed) == 7 * SLOTS


def test_completeness_of_nobody_is_nothing() -> None:
    """Where all satellites are below the mask there is nobody to look at, from the first look on."""
    quality = Quality(1)
    none = np.empty(0, np.int64)
    quality.completeness.look(
        quality.cells,
        quality.newest_ms,
        none,
        none.astype(np.uint8),
        none.astype(np.uint8),
        none.astype(float),
    )
    assert not quality.completeness.owed.any() and (quality.completeness.expected == -1).all()
