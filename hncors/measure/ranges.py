"""One range of each satellite an epoch: which signals, how combined, how good.

Two frequencies give a range free of the ionosphere, c1 P1 - c2 P2 with c1 = f1^2 / (f1^2 - f2^2). The
pairs are those whose group delays the ephemerides tell, so L1 and L2 of GPS and QZSS, E1 and E5a, else
E5b, B1I and B3I, else B2I, L1 and L2 of GLONASS. A station's system uses one pair at a time, because the
receiver's own delay, another for each pair, has to go into one offset. Where a system comes on one
frequency only, that one is taken and the ionosphere has to be modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hncors.observation import F64, I64, B, Columns, Messages, Observations, ambiguous, frequency_hz
from hncors.signals import GNSS, NUMBER, SLOTS

BANDS = 3  # of a system that are looked at: the first, and two that may go with it
# By system and band, codes in the order of preference: what all its satellites send first, then the
# better tracked. Of L1 C/A and P(Y) the receiver's own C/A is less noisy than a P(Y) without the key.
_CODES: dict[str, tuple[str, ...]] = {
    "G": ("1C 1W 1P", "2W 2L 2X 2S 2C 2P 2D"),
    "R": ("1P 1C", "2P 2C"),
    "E": ("1C 1X 1B 1A 1Z", "5Q 5X 5I", "7Q 7X 7I"),
    "J": ("1C", "2L 2X 2S"),
    "C": ("2I 2X 2Q", "6I 6X 6Q", "7I 7X 7Q"),
    "I": ("5A",),
}
_CHOICES = 8

_BAND = np.full((7, SLOTS), -1, np.int64)
_CHOICE = np.zeros((7, SLOTS), np.int64)
for _letter, _bands in _CODES.items():
    for _band, _names in enumerate(_bands):
        for _choice, _code in enumerate(_names.split()):
            _number = NUMBER[GNSS.index(_letter)][_code]
            _BAND[GNSS.index(_letter), _number] = _band
            _CHOICE[GNSS.index(_letter), _number] = _choice

# The order of systems in an epoch: QZSS follows GPS, with which it may share a clock.
_BY_TURN = np.array([GNSS.index(letter) for letter in "GJRESCI"])
_TURN = np.argsort(_BY_TURN)

SINGLE, SECOND, THIRD = range(3)
"""Pairings: the first band alone, with the second, with the third."""


@dataclass(frozen=True, slots=True)
class Ranges(Columns):
    """One row per epoch and satellite, by epoch, clock, system and satellite."""

    epoch: I64  # row of the epoch
    gnss: I64
    satellite: I64
    pairing: I64
    first: I64  # row in the observations
    second: I64  # the same; of the first again where there is no second
    c1: F64  # what the first counts; the second counts 1 - c1
    range_m: F64  # pseudorange, group delays not taken off
    phase_m: F64  # the same of carrier phases, nan where one is missing
    delay_m: F64  # of the ionosphere on the first, by both codes, receiver's and group delays in it; else nan
    delay_phase_m: F64  # the same by both phases, their ambiguities in it
    cn0_dbhz: F64  # of the weaker signal
    frequency_hz: F64  # of the first


def choose(epoch: I64, messages: Messages, observations: Observations) -> Ranges:
    """The ranges of some epochs; `epoch` is that of each message. None of those without milliseconds."""
    o = observations
    gnss, signal = o.gnss.astype(np.int64), o.signal.astype(np.int64)
    number = gnss * SLOTS + signal
    band = _BAND.take(number)
    good: B = (band >= 0) & ~np.isnan(o.pseudorange_m) & (o.satellite < 64)
    mixed = ambiguous(messages.kind)
    if mixed.any():
        good &= ~mixed[o.message]
    rows = np.flatnonzero(good)
    cell = ((epoch.take(o.message) * 7 + _TURN.take(gnss)) * 64 + o.satellite) * BANDS + band
    key = (cell * _CHOICES + _CHOICE.take(number))[rows]
    order = np.argsort(key, kind="stable")
    key = key[order] // _CHOICES
    best = _begins(key)
    key, rows = key[best], rows[order[best]]
    satellite, band = key // BANDS, key % BANDS
    new = _begins(satellite)
    named = satellite[new]
    table = np.full((BANDS, len(named)), -1, np.int64)
    table[band, np.cumsum(new) - 1] = rows
    return _paired(named, table, o)


def _begins(ordered: I64) -> B:
    """True for each value that is not the one before it."""
    new = np.ones(len(ordered), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return new


def _paired(named: I64, table: I64, o: Observations) -> Ranges:
    if not len(named):
        return NONE
    has = (table >= 0).astype(np.int64)
    new = _begins(named // 64)
    start = np.flatnonzero(new)
    firsts, seconds, thirds = (
        np.add.reduceat(column, start) for column in (has[0], has[0] & has[1], has[0] & has[2])
    )
    pairing = np.where(seconds >= thirds, SECOND, THIRD)
    pairing = np.where(2 * np.maximum(seconds, thirds) >= firsts, pairing, SINGLE)
    pairing = pairing.take(np.cumsum(new) - 1)
    other = table[pairing, np.arange(len(named))]
    keep = (table[0] >= 0) & (other >= 0)
    first, second = table[0], other
    if not keep.all():
        named, pairing, first, second = named[keep], pairing[keep], first[keep], second[keep]
    f1 = frequency_hz(o.gnss[first], o.signal[first], o.channel[first])
    f2 = frequency_hz(o.gnss[second], o.signal[second], o.channel[second])
    # The ratio of GLONASS' two carriers is 9 to 7 whatever the channel, which need not be known.
    glonass = o.gnss[first] == GNSS.index("R")
    square = np.where(glonass, (9 / 7) ** 2, (f1 / f2) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        c1 = np.where(pairing == SINGLE, 1.0, square / (square - 1.0))
    phase1, phase2 = o.phase_range_m[first], o.phase_range_m[second]
    return Ranges(
        named // 448, _BY_TURN.take(named // 64 % 7), named % 64, pairing, first, second, c1,
        c1 * o.pseudorange_m[first] + (1.0 - c1) * o.pseudorange_m[second],
        c1 * phase1 + (1.0 - c1) * phase2,
        np.where(pairing == SINGLE, np.nan, (o.pseudorange_m[second] - o.pseudorange_m[first]) * (c1 - 1.0)),
        (phase1 - phase2) * (c1 - 1.0),
        np.fmin(o.cn0_dbhz[first], o.cn0_dbhz[second]),
        np.where(np.isnan(f1), 1602.0e6, f1),
    )  # fmt: skip


_I64, _F64 = np.empty(0, np.int64), np.empty(0)
NONE = Ranges(_I64, _I64, _I64, _I64, _I64, _I64, _F64, _F64, _F64, _F64, _F64, _F64, _F64)
