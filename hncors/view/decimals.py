"""Columns of numbers as text, the way Go (and so Prometheus) prints them.

The text is that of `prometheus_client.utils.floatToGoString`: the shortest decimal that reads back
as the same double (what `repr` gives), with an exponent from 1e6 on. A `repr` of 17 digits takes most
of the time of a line; in a column the same digits cost a third of that (bench/scrape.py).

    double  a                    = 0.1 + 0.2
    times   10**p                = 30000000000000004.4409...   17 digits before the point, in two doubles
    digits  17, or fewer where the shorter decimal lies within half a unit in the last place of a
    text    0.30000000000000004

Numbers for which this cannot be decided safely (ties, powers of two, the very small and the very
large, nan) go through `repr` one by one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

FEW = 48  # below this a column costs more than its numbers one by one,
FEW_WITH_DIGITS = 384  # and below this unless they are small counts
BLOCK = 8192  # temporaries of one block stay in the second-level cache
DIGITS = 17  # decimal digits that always tell two doubles apart (IEEE 754-2008, 5.12.2)
WIDTH = 24  # sign, "0.000" and 17 digits make 23
DOUBTFUL = 1e-6  # far above the error of the comparisons below (1e-14), far below their values

# Powers of ten are exact in a double up to 10**22; the smallest number taken needs 10**20.
_LOWEST, _HIGHEST = -4, 15
_EDGES = np.array([float(f"1e{k}") for k in range(_LOWEST, _HIGHEST)])
_TEN = np.array([10.0**k for k in range(DIGITS - _LOWEST)])
_TEN_INT = 10 ** np.arange(DIGITS, dtype=np.int64)
_VELTKAMP = float(2**27 + 1)

_SMALL = np.array([b"%d.0" % k for k in range(10_000)], object)
# Four digits at a time, first with trailing zeros as NUL, then in full.
_FULL = [b"%04d" % k for k in range(10_000)]
_FOUR = np.array([text.rstrip(b"0") for text in _FULL] + _FULL, "S4").view(np.uint32)


def go_text(value: float) -> str:
    """Text of one number."""
    text = repr(value)
    if -math.inf < value < 1e6:
        return text
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    before, point, after = text.partition(".")
    if not point or len(before) < 7:  # repr has its own exponent from 1e16 on
        return text
    mantissa = f"{before[0]}.{before[1:]}{after}".rstrip("0").rstrip(".")
    return f"{mantissa}e+{len(before) - 1:02d}"


def go_texts(values: Floats) -> list[bytes]:
    """Text of each of `values`, shape (N,)."""
    if len(values) < FEW:
        return _one_by_one(values)
    texts: list[bytes] = []
    with np.errstate(invalid="ignore"):  # signalling nan
        for start in range(0, len(values), BLOCK):
            texts += _block(values[start : start + BLOCK])
    return texts


def _block(values: Floats) -> list[bytes]:
    size = np.abs(values)
    whole = bool((values == np.floor(values)).all() and not np.signbit(values).any())
    if whole and size.max() < len(_SMALL):
        small: list[bytes] = _SMALL.take(size.astype(np.int64)).tolist()
        return small
    if len(values) < FEW_WITH_DIGITS:
        return _one_by_one(values)
    usable = (size >= _EDGES[0]) & (size < 10.0**_HIGHEST) | (size == 0)
    size = np.where(usable & (size > 0), size, 1.0)
    exponent = np.searchsorted(_EDGES, size, "right") - 1 + _LOWEST
    if whole:
        digits = size.astype(np.int64) * _TEN_INT[DIGITS - 1 - exponent]
    else:
        digits, safe = _shortest(size, exponent)
        usable &= safe
    digits[values == 0] = 0
    return _laid_out(values, usable, exponent, digits)


def _one_by_one(values: Floats) -> list[bytes]:
    return [go_text(value).encode() for value in values.tolist()]


def _shortest(size: Floats, exponent: Ints) -> tuple[Ints, Mask]:
    """Digits of the shortest decimals, as 17-digit integers, and where they are certain."""
    power: Floats = _TEN[DIGITS - 1 - exponent]
    # T. J. Dekker (1971): the product of two doubles as an exact sum of two.
    high, size_high, power_high = size * power, _upper(size), _upper(power)
    size_low, power_low = size - size_high, power - power_high
    low = size_high * power_high - high + size_high * power_low + size_low * power_high + size_low * power_low
    nearest = np.rint(low)
    fraction = low - nearest
    digits = high.astype(np.int64) + nearest.astype(np.int64)
    half_ulp = np.spacing(size) * (0.5 * power)

    # A decimal of 15 or 16 digits reads back as the same double when it is nearer than half_ulp.
    last_two = digits % 100
    last = last_two % 10
    up_15 = last_two + fraction > 50
    up_16 = last + fraction > 5
    off_15 = np.abs(last_two + fraction - 100 * up_15)
    off_16 = np.abs(last + fraction - 10 * up_16)
    shortest = np.where(off_16 < half_ulp, digits - last + 10 * up_16, digits)
    shortest = np.where(off_15 < half_ulp, digits - last_two + 100 * up_15, shortest)

    doubt = (np.abs(off_15 - half_ulp) < DOUBTFUL) | (np.abs(off_16 - half_ulp) < DOUBTFUL)
    doubt |= (np.abs(off_16 - 5) < DOUBTFUL) | (np.abs(np.abs(fraction) - 0.5) < DOUBTFUL)
    # Below a power of two doubles lie twice as dense.
    doubt |= (size.view(np.int64) & (2**52 - 1) == 0) & (off_15 != 0)
    doubt |= shortest >= 10**DIGITS
    return shortest, ~doubt


def _upper(value: Floats) -> Floats:
    """The upper 26 bits of each double."""
    scaled = value * _VELTKAMP
    return scaled - (scaled - value)


def _laid_out(values: Floats, usable: Mask, exponent: Ints, digits: Ints) -> list[bytes]:
    characters = _characters(digits)
    out = np.zeros((len(values), WIDTH), np.uint8)
    # Numbers with the point in one place and one sign are written together.
    group = np.where(usable, 2 * (exponent - _LOWEST) + np.signbit(values), -1) + 1
    for number in np.flatnonzero(np.bincount(group))[int(not usable.all()) :].tolist():
        place, negative = divmod(number - 1, 2)
        rows = np.flatnonzero(group == number)
        if len(rows) == len(values):
            _place(out, characters, place + _LOWEST, negative)
        else:
            part = np.zeros((len(rows), WIDTH), np.uint8)
            _place(part, characters[rows], place + _LOWEST, negative)
            out[rows] = part
    texts: list[bytes] = out.reshape(-1).view(f"S{WIDTH}").tolist()
    rest = np.flatnonzero(~usable)
    for row, text in zip(rest.tolist(), _one_by_one(values[rest]), strict=True):
        texts[row] = text
    return texts


def _characters(digits: Ints) -> Bytes:
    """ASCII digits, shape (N, 17), of 17-digit integers, NUL instead of trailing zeros."""
    upper = digits // 10**8
    lower = (digits - upper * 10**8).astype(np.uint32)
    first = upper // 10**8
    middle = (upper - first * 10**8).astype(np.uint32)
    fours = np.empty((len(digits), 5), np.uint32)
    fours[:, 0] = _FOUR[first + len(_FULL)]
    later = np.zeros(len(digits), bool)
    for column, pair in ((4, lower), (2, middle)):
        left = pair // 10**4
        for at, four in ((column, pair - left * 10**4), (column - 1, left)):
            fours[:, at] = _FOUR[four + later * np.uint32(len(_FULL))]
            later |= four != 0
    return fours.view(np.uint8)[:, -DIGITS:]


def _place(out: Bytes, characters: Bytes, exponent: int, negative: int) -> None:
    """Write sign, point and exponent around the digits of numbers from 10**exponent on."""
    out[:, 0] = ord("-")
    if exponent < 0:
        zeros = b"0." + b"0" * (-exponent - 1)
        start = negative + len(zeros)
        out[:, negative:start] = np.frombuffer(zeros, np.uint8)
        out[:, start : start + DIGITS] = characters
    elif exponent < 6 or negative:  # Go's exponents are for numbers above zero only, says the library
        point = negative + exponent + 1
        np.maximum(characters[:, : exponent + 1], ord("0"), out=out[:, negative:point])
        out[:, point] = ord(".")
        np.maximum(characters[:, exponent + 1], ord("0"), out=out[:, point + 1])
        out[:, point + 2 : point + DIGITS - exponent] = characters[:, exponent + 2 :]
    else:
        out[:, 0] = characters[:, 0]
        out[:, 1] = ord(".")
        out[:, 2 : DIGITS + 1] = characters[:, 1:]
        length = np.count_nonzero(characters, axis=1)
        end = np.where(length == 1, 1, length + 1)
        for offset, character in enumerate(b"e+%02d" % exponent):
            out[np.arange(len(out)), end + offset] = character
