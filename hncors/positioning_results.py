"""What positions of a tick are: one row an epoch, and a row for each range; put together of solved blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hncors.measure.ephemeris_store import REASONS
from hncors.measure.exclusion import ALERT, EXCLUDED, NOT_POSSIBLE, OK
from hncors.measure.position import CLOCKS
from hncors.measure.ranges import Choice
from hncors.measure.residuals import Residuals
from hncors.measure.steps import Step
from hncors.observation import F64, I64, B
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU

STATUSES = (
    "ok",
    "no_ephemeris",
    "too_few_satellites",
    "no_solution",
    "no_ranges",
    "integrity_fault",
    "left_out",
)
SOLVED, NO_EPHEMERIS, TOO_FEW, NO_SOLUTION, NO_RANGES, INTEGRITY_FAULT, LEFT_OUT = range(7)
UNUSABLE = (*REASONS[1:], "no_group_delay")
"""Why a satellite that has ranges is not used."""


class Positions(NamedTuple):
    """One row an epoch, as in `Tick.epochs`; nan where there is no solution."""

    status: I64  # index into STATUSES
    trust: I64  # index into hncors.measure.exclusion.STATES
    place_m: F64  # (epochs, 3) ECEF, of the smoothed ranges
    snapshot_m: F64  # (epochs, 3) of the ranges as they came
    level_m: F64  # (epochs, 3) protection level of it east, north, up; inf where there is no bound
    covariance_m2: F64  # (epochs, 3, 3) of it
    pdop: F64
    used: I64
    systems: I64  # bit n: clock n
    clock_m: F64  # (epochs, CLOCKS): hncors.measure.position
    unusable: I64  # (epochs, 7, len(UNUSABLE)) satellites by system and reason
    step: Step  # since the epoch before, by carrier phases
    ranges: Residuals


def levels_m(found: Positions) -> F64:
    """Protection levels on the ground and of the height, (epochs, 2)."""
    east, north, up = found.level_m.T
    return np.stack((np.hypot(east, north), up), axis=1)


def usable_bds3(found: Positions) -> I64:
    """BeiDou-3 satellites with a range and an ephemeris, by epoch."""
    counts = np.zeros(len(found.status), np.int64)
    for part in found.ranges.parts:
        new = (part.gnss == BEIDOU) & (part.satellite >= BDS3_FIRST_SATELLITE)
        into = counts[part.first : part.first + part.there.shape[1]]
        into += np.count_nonzero(part.there[new, : len(into)], axis=0)
    return counts


def worse(one: I64, other: I64) -> I64:
    """The less trusted of two states."""
    either = [(one == state) | (other == state) for state in (ALERT, NOT_POSSIBLE, EXCLUDED)]
    return np.select(either, [ALERT, NOT_POSSIBLE, EXCLUDED], OK)


def counted(choice: Choice, hindered: B, why: I64) -> I64:
    """Satellites with ranges that are not used, (epochs, 7, reasons); those without a reason lack a delay."""
    epochs = hindered.shape[1]
    if not hindered.any():
        return np.zeros((epochs, 7, len(UNUSABLE)), np.int64)
    row, epoch = hindered.nonzero()
    reason = np.where(why[row] == 0, len(UNUSABLE), why[row])
    key = (epoch * 7 + choice.gnss[row]) * len(UNUSABLE) + reason - 1
    size = epochs * 7 * len(UNUSABLE)
    return np.bincount(key, minlength=size).reshape(epochs, 7, len(UNUSABLE))


def status_of(some: B, told: B, solved: B, few: B) -> I64:
    """Epochs with `some` ranges, `told` ephemerides for them, `few` of them, and solved or not."""
    status = np.where(few, TOO_FEW, NO_SOLUTION)
    status = np.where(told, status, NO_EPHEMERIS)
    status = np.where(some, status, NO_RANGES)
    return np.where(solved, SOLVED, status)


def joined(blocks: Sequence[Positions], epochs: int) -> Positions:
    """Blocks after each other, the first `epochs` of their rows."""
    if len(blocks) == 1 and len(blocks[0].status) == epochs:
        return blocks[0]
    columns = {
        name: np.concatenate([getattr(one, name) for one in blocks])[:epochs]
        for name in Positions._fields
        if name not in ("step", "ranges")
    }
    steps = [one.step for one in blocks]
    enu, sigma, elapsed = (np.concatenate(parts)[:epochs] for parts in zip(*steps, strict=True))
    residuals = Residuals([part for one in blocks for part in one.ranges.parts])
    return Positions(**columns, step=Step(enu, sigma, elapsed), ranges=residuals)


def no_step(epochs: int) -> Step:
    """Epochs without one."""
    return Step(np.full((epochs, 3), np.nan), np.full((epochs, 3), np.nan), np.zeros(epochs, np.int64))


_NO_I64 = np.empty(0, np.int64)


def unsolved(status: I64, unusable: I64) -> Positions:
    """Epochs none of which has a solution."""
    epochs = len(status)
    place, zero = np.full((epochs, 3), np.nan), np.zeros(epochs, np.int64)
    return Positions(
        status, zero + NOT_POSSIBLE, place, place, place, np.full((epochs, 3, 3), np.nan), place[:, 0],
        zero, zero,
        np.full((epochs, CLOCKS), np.nan), unusable, no_step(epochs), Residuals(),
    )  # fmt: skip


NO_POSITIONS = unsolved(_NO_I64, np.empty((0, 7, len(UNUSABLE)), np.int64))
