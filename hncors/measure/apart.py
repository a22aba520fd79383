"""Ranges of all stations against their known places, taken apart: what is a station's, what a satellite's.

A reference station stands still at a known place, so that its range to a satellite, free of the ionosphere,
less the way from there leaves the station's clock of the system and what is wrong. Clocks are the medians
over a station's satellites of a system; what many stations see of a satellite beyond that is the
satellite's. A satellite that is suspect takes no part in the clocks the second time, so that nothing of it
is left in them. Medians, because they stay where they are for anything one satellite or station does.

What the limits rest on: the orbits, clocks and air that `range_noise` takes for usual, to 4.42 sigma. That
factor is the one by which a GPS range error becomes a service failure (GPS SPS Performance Standard, 5th
edition 2020, section 3.5: 4.42 times the URA); normal errors exceed it once in 100,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hncors.measure.position import CLOCKS
from hncors.measure.range_noise import URE_M, common_m2
from hncors.observation import F64, I64, B, Columns
from hncors.signals import BEIDOU, GNSS

FACTOR = 4.42
SLOTS = len(GNSS) * 64  # of satellites: system times 64 and number
FEWEST_STATIONS = 3  # that see a satellite, for a word about it
FEWEST_SATELLITES = 3  # of a system, for a station's clock of it: of two nobody knows which one is wrong
AGREE = 2 / 3  # of the stations must see at least half of what is said of a satellite or a system
_MEDIAN = np.pi / 2  # how much more than a mean's a median's variance is
_CLIP_M = 2e7  # no range is off by more and still a range
_SPAN_M = 8e7
SYSTEM = np.append(np.arange(len(GNSS)), BEIDOU)
"""By clock (hncors.measure.position): its system."""


@dataclass(frozen=True, slots=True)
class Rows(Columns):
    """One row a range of two frequencies; those of a station and clock follow each other."""

    station: I64
    clock: I64
    slot: I64
    off_m: F64  # range less the way from the known place
    noise_m2: F64  # variance of the code's part of it
    sine: F64  # of the elevation


class View(NamedTuple):
    """Ranges taken apart."""

    clock_m: F64  # (stations, CLOCKS), nan where too few satellites tell
    clock_m2: F64  # variance of each by the code's noise alone
    clock_count: I64  # (stations, CLOCKS) satellites
    left_m: F64  # of each row: less the clock, nan where there is none
    effect_m: F64  # (SLOTS,) what stations see of each satellite in the middle, nan where too few do
    limit_m: F64
    stations: I64  # that have a range to it and a clock
    seeing: I64  # of those, that see at least half of the effect
    suspect: B  # beyond the limit


def medians(group: I64, value: F64, groups: int) -> tuple[F64, I64]:
    """Median and count of the values of each group, nan where there are none; by one sort of all."""
    count = np.bincount(group, minlength=groups)
    key = np.sort(group * _SPAN_M + np.clip(value, -_CLIP_M, _CLIP_M))
    end = np.cumsum(count)
    some = np.flatnonzero(count)
    begin, number = (end - count)[some], count[some]
    out = np.full(groups, np.nan)
    middle = key[begin + (number - 1) // 2] + key[begin + number // 2]
    out[some] = middle / 2 - some * _SPAN_M
    return out, count


def take_apart(rows: Rows, stations: int) -> View:
    """Clocks of stations and effects of satellites; see the head of this module."""
    suspect = np.zeros(SLOTS, bool)
    view = _taken_apart(rows, stations, suspect)
    if view.suspect.any():
        view = _taken_apart(rows, stations, view.suspect)
    return view


def _taken_apart(rows: Rows, stations: int, without: B) -> View:
    group = rows.station * CLOCKS + rows.clock
    size = stations * CLOCKS
    new = np.ones(len(group), bool)
    new[1:] = group[1:] != group[:-1]
    number: I64 = np.cumsum(new) - 1  # groups that there are, so that the keys of the sort stay small
    start = np.flatnonzero(new)
    base_m = rows.off_m[start]  # anything near: a clock may be 300 km
    near_m = rows.off_m - base_m.take(number)
    if without.any():
        used = np.flatnonzero(~without[rows.slot])
        middle, count = medians(number[used], near_m[used], len(start))
        noise = np.bincount(number[used], rows.noise_m2[used], len(start))
    else:
        middle, count = medians(number, near_m, len(start))
        noise = np.bincount(number, rows.noise_m2, len(start))
    middle[count < FEWEST_SATELLITES] = np.nan
    left_m = near_m - middle.take(number)
    clock_m, clock_m2, clock_count = np.full(size, np.nan), np.full(size, np.nan), np.zeros(size, np.int64)
    of = group[start]
    clock_m[of], clock_count[of] = middle + base_m, count
    clock_m2[of] = _MEDIAN * noise / np.maximum(count, 1) ** 2
    good = np.flatnonzero(~np.isnan(left_m))
    slot, left = rows.slot[good], left_m[good]
    effect, seen = medians(slot, left, SLOTS)
    limit = _limits_m(rows, good, seen, count.take(number[good]))
    effect[seen < FEWEST_STATIONS] = np.nan
    toward = left * np.sign(effect.take(slot))
    seeing = np.bincount(slot, toward > np.abs(effect.take(slot)) / 2, SLOTS).astype(np.int64)
    with np.errstate(invalid="ignore"):
        suspect = (np.abs(effect) > limit) & (seeing >= AGREE * seen)
    shape = (stations, CLOCKS)
    return View(
        clock_m.reshape(shape), clock_m2.reshape(shape), clock_count.reshape(shape),
        left_m, effect, limit, seen, seeing, suspect,
    )  # fmt: skip


def _limits_m(rows: Rows, good: I64, seen: I64, together: I64) -> F64:
    """What the effect of a satellite stays below: what all stations share of it, and of their clocks.

    The orbits and clocks of the others in the system are in the stations' clocks, as their median; `together`
    is how many they are, by good row.
    """
    slot, many = rows.slot[good], np.maximum(seen, 1)
    sine = np.bincount(slot, rows.sine[good], SLOTS) / many
    noise = np.bincount(slot, rows.noise_m2[good], SLOTS) / many
    common = common_m2(np.arange(SLOTS) // 64, sine[:, None])[:, 0]
    others = np.maximum(np.bincount(slot, together, SLOTS) / many, 1.0)
    out: F64 = FACTOR * np.sqrt(common * (1.0 + _MEDIAN / others) + _MEDIAN * noise / many)
    return out


def system_limits_m(view: View, judged: B) -> F64:
    """What the middle of such clocks over the stations stays below, (CLOCKS,); `judged` says of which."""
    stations = np.maximum(judged.sum(axis=0), 1)
    satellites = np.maximum((view.clock_count * judged).sum(axis=0) / stations, 1.0)
    noise = np.where(judged, view.clock_m2, 0.0).sum(axis=0) / stations
    shared = _MEDIAN * np.square(URE_M[SYSTEM]) / satellites
    out: F64 = FACTOR * np.sqrt(shared + _MEDIAN * noise / stations)
    return out


def clock_limits_m(view: View) -> F64:
    """What a station's clock of a system, against its others, stays below, (stations, CLOCKS).

    In it are the errors of as many satellites as there are; those shared by all stations are not taken off,
    since a satellite that comes or goes moves the median of all alike.
    """
    satellites = np.maximum(view.clock_count, 1)
    shared = _MEDIAN * np.square(URE_M[SYSTEM]) / satellites
    out: F64 = FACTOR * np.sqrt(shared + view.clock_m2)
    return out
