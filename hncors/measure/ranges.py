"""One range of each satellite an epoch: which signals, how combined, how good.

Two frequencies give a range free of the ionosphere, c1 P1 - c2 P2 with c1 = f1^2 / (f1^2 - f2^2). The
pairs are those whose group delays the ephemerides tell, so L1 and L2 of GPS and QZSS, E1 and E5a, else
E5b, B1I and B3I, else B2I, L1 and L2 of GLONASS. A station's system uses one pair at a time, because the
receiver's own delay, another for each pair, has to go into one offset. Where a system comes on one
frequency only, that one is taken and the ionosphere has to be modelled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.observation import F64, I64, B, Messages, Observations, ambiguous, frequency_hz
from hncors.signals import FREQUENCY_HZ, GLONASS, GNSS, NUMBER, SLOTS

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
_L1_HZ = 1575.42e6

_BAND = np.full((7, SLOTS), -1, np.int64)
_CHOICE = np.zeros((7, SLOTS), np.int8)  # which a stable sort takes in one pass
for _letter, _bands in _CODES.items():
    for _band, _names in enumerate(_bands):
        for _choice, _code in enumerate(_names.split()):
            _number = NUMBER[GNSS.index(_letter)][_code]
            _BAND[GNSS.index(_letter), _number] = _band
            _CHOICE[GNSS.index(_letter), _number] = _choice

# The order of systems in an epoch: QZSS follows GPS, with which it may share a clock.
_BY_TURN = np.array([GNSS.index(letter) for letter in "GJRESCI"])
_FIRST_KEY = (np.argsort(_BY_TURN) * 64).repeat(SLOTS)

SINGLE, SECOND, THIRD = range(3)
"""Pairings: the first band alone, with the second, with the third."""


# By system and two signals: what the first counts in a range free of the ionosphere. The ratio of GLONASS'
# two carriers is 9 to 7 whatever the channel, which need not be known.
with np.errstate(divide="ignore", invalid="ignore"):
    _SQUARE = np.square(FREQUENCY_HZ[:, :, None] / FREQUENCY_HZ[:, None, :])
    _SQUARE[GLONASS] = (9 / 7) ** 2
    _C1 = _SQUARE / (_SQUARE - 1.0)
    _BEND = np.square(_L1_HZ / FREQUENCY_HZ).ravel()
_C1[:, range(SLOTS), range(SLOTS)] = 1.0
_C1 = _C1.ravel()


class Choice(NamedTuple):
    """Which observations make the ranges: satellites, by clock and number, by epochs."""

    gnss: I64  # (satellites,)
    satellite: I64
    pairing: I64  # (satellites, epochs)
    first: I64  # row in the observations, -1 where there is no range
    second: I64  # the same; of the first again where there is no second

    def part(self, begin: int, end: int) -> Choice:
        """Some epochs, and of the satellites those that have ranges in them."""
        pairing, first, second = (column[:, begin:end] for column in self[2:])
        seen = (first >= 0).any(axis=1)
        if seen.all():
            return Choice(self.gnss, self.satellite, pairing, first, second)
        return Choice(self.gnss[seen], self.satellite[seen], pairing[seen], first[seen], second[seen])


class Ranges(NamedTuple):
    """Ranges in the shape of their choice; anything where `there` is false."""

    there: B
    pairing: I64
    first: I64  # row in the observations, of some other where there is none
    second: I64
    signal1: I64  # numbers of both signals in their system
    signal2: I64
    c1: F64  # what the first counts; the second counts 1 - c1
    range_m: F64  # pseudorange, group delays not taken off
    phase_m: F64  # the same of carrier phases, nan where one is missing
    delay_m: F64  # of the ionosphere on the first, by both codes, receiver's and group delays in it; 0 of one
    delay_phase_m: F64  # the same by both phases, their ambiguities in it
    cn0_dbhz: F64  # of the weaker signal
    bend: F64  # how much more than L1 the ionosphere delays the first


def choose(epoch: I64, epochs: int, messages: Messages, observations: Observations) -> Choice:
    """The ranges of some epochs; `epoch` is that of each message. None of those without milliseconds."""
    o = observations
    number = o.gnss * np.int64(SLOTS)
    number += o.signal
    good = _BAND.take(number) >= 0
    good &= o.pseudorange_m == o.pseudorange_m  # not nan
    good &= o.satellite < 64
    mixed = ambiguous(messages.kind)
    if mixed.any():
        good &= ~mixed[o.message]
    row = good.nonzero()[0]
    if len(row) < len(good):
        number = number.take(row)
    key = _FIRST_KEY.take(number)
    key += o.satellite.take(row)
    named = np.zeros(7 * 64, np.int64)
    named[key] = 1
    satellites = named.nonzero()[0]
    named[satellites] = np.arange(len(satellites))
    place = _BAND.take(number)
    place *= len(satellites)
    place += named.take(key)
    place *= epochs
    place += epoch.take(o.message.take(row))
    table = np.full(BANDS * len(satellites) * epochs, -1, np.int64)
    # What comes later takes the place: the better choice, of equals the first row.
    worst_first = np.argsort(_CHOICE.take(number), kind="stable")[::-1]
    table[place.take(worst_first)] = row.take(worst_first)
    return _paired(satellites, table.reshape(BANDS, len(satellites), epochs))


def _paired(named: I64, table: I64) -> Choice:
    """One pairing for all satellites of a system in an epoch: what most of them have."""
    has = table >= 0
    pairing = np.full(table.shape[1:], SECOND)
    second = table[1].copy()
    turn = named // 64
    # Where nothing lacks the second, the second it is.
    for one in np.unique(turn[(has[0] & ~has[1]).any(axis=1)]).tolist():
        begin, end = np.searchsorted(turn, (one, one + 1))
        its = has[:, begin:end]
        firsts = its[0].sum(axis=0)
        seconds, thirds = (its[0] & its[1:]).sum(axis=1)
        best = np.where(seconds >= thirds, SECOND, THIRD)
        best = np.where(2 * np.maximum(seconds, thirds) >= firsts, best, SINGLE)
        pairing[begin:end] = best
        second[begin:end] = np.choose(best, table[:, begin:end])
    first = np.where(has[0] & (second >= 0), table[0], -1)
    return Choice(_BY_TURN.take(turn), named % 64, pairing, first, second)


def combined(choice: Choice, o: Observations) -> Ranges:
    """The observations chosen, put together."""
    there = choice.first >= 0
    # Of places without a range any row will do.
    first, second = np.maximum(choice.first, 0), np.maximum(choice.second, 0)
    signal1, signal2 = o.signal.take(first).astype(np.int64), o.signal.take(second).astype(np.int64)
    number = signal1 + (choice.gnss * SLOTS)[:, None]
    bend = _BEND.take(number)
    number *= SLOTS
    number += signal2
    c1 = _C1.take(number)
    glonass = choice.gnss == GLONASS
    if glonass.any():
        its = first[glonass].ravel()
        own_hz = frequency_hz(o.gnss[its], o.signal[its], o.channel[its])
        ratio = np.square(_L1_HZ / np.where(np.isnan(own_hz), 1602.0e6, own_hz))
        bend[glonass] = ratio.reshape(-1, there.shape[1])
    c2 = c1 - 1.0
    code, phase = o.pseudorange_m.take(first), o.phase_range_m.take(first)
    apart = code - o.pseudorange_m.take(second)
    apart *= c2
    code += apart
    phase_apart = phase - o.phase_range_m.take(second)
    phase_apart *= c2
    phase += phase_apart
    return Ranges(
        there, choice.pairing, first, second, signal1, signal2, c1, code, phase,
        np.negative(apart, out=apart), phase_apart,
        np.fmin(o.cn0_dbhz.take(first), o.cn0_dbhz.take(second)), bend,
    )  # fmt: skip
