"""Bit fields of many messages at once: a buffer as overlapping 64-bit windows, a field as one gather.

    window w starts at byte 4w; a field of up to 33 bits at bit p lies whole in window p // 32
    value = (window << p % 32) >> (64 - width)          arithmetic shift for signed fields

One gather per field beats unpacking bits; overlapping windows save the second gather that a field
across a word boundary would need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

PADDING = 99  # zero bytes behind the buffer, so that gathers past a short payload stay inside
_KEPT = 1 << 15  # multiples kept for each width
_WIDE = 8000  # rows up to which all fields are read in one pass, because calls cost more than the cache
_HIGH, _LOW = (1, 0) if sys.byteorder == "little" else (0, 1)


def keep_memory() -> None:
    """Make the allocator keep freed arrays for the next block instead of giving them back.

    glibc returns the top of the heap when 128 KiB of it are free, and every block then pays a page fault
    for every 4 KiB of its arrays: half the time of decoding. Freeing one large allocation raises its
    thresholds for good (mallopt(3), M_MMAP_THRESHOLD: "dynamic"). Elsewhere this does nothing.
    """
    np.empty(24 << 20, np.uint8)


def windows(buffer: bytes) -> I64:
    """64-bit windows at every fourth byte; up to three bytes at the buffer's end are in none."""
    words = np.frombuffer(buffer, ">u4", len(buffer) // 4).astype(np.uint32)
    out = np.empty((len(words), 2), np.uint32)
    out[:, _HIGH] = words
    out[:-1, _LOW] = words[1:]
    out[-1:, _LOW] = 0
    return out.view(np.int64).ravel()


def every_pair(buffer: U8) -> NDArray[np.uint16]:
    """The 16 bits that begin at each byte; to be indexed, since take() would copy them all first."""
    return np.ndarray((len(buffer) - 1,), ">u2", buffer, 0, (1,))


@lru_cache(maxsize=64)
def _many_multiples(width: int) -> I64:
    return np.arange(_KEPT) * width


def multiples(width: int, count: int) -> I64:
    """0, width, 2 width, ...: bit offsets of equal fields in a row. Read only: it is kept and shared."""
    return _many_multiples(width)[:count] if count <= _KEPT else np.arange(count) * width


def before(count: I64) -> I64:
    """How many there are in all the rows before each row. np.cumsum takes three times as long for few."""
    total: I64 = np.add.accumulate(count) - count
    return total


def some(mask: NDArray[np.bool_]) -> bool:
    """Whether any is true; mask.any() takes four times as long for few."""
    return bool(np.count_nonzero(mask))


def signed(window: I64, position: I64, width: int | I64) -> I64:
    """Two's complement fields of `width` <= 33 bits at bit positions; shape of `position`."""
    value = window.take(position >> 5, mode="clip")
    value <<= position & 31
    value >>= 64 - width
    return value


def unsigned(window: I64, position: I64, width: int) -> I64:
    """Unsigned fields of `width` <= 33 bits at bit positions; shape of `position`."""
    value = window.take(position >> 5, mode="clip")
    value <<= position & 31
    view = value.view(np.uint64)
    view >>= np.uint64(64 - width)
    return value


def flags(buffer: U8, first_bit: I64, count: I64, first: I64, rows: int) -> NDArray[np.bool_]:
    """Fields of one bit, at most 64 a message, in a third of the time of a gather for each.

    `first_bit` is each message's first, `count` its rows, `first` its first row, `rows` the number of all.
    """
    spans = np.ndarray((len(buffer) - 9, 9), np.uint8, buffer, 0, (1, 1))
    bits = np.unpackbits(spans[first_bit >> 3], axis=1).view(np.bool_).ravel()
    position = (multiples(72, len(count)) + (first_bit & 7) - first).repeat(count)
    position += multiples(1, rows)
    return bits.take(position, mode="clip")


class Plan(NamedTuple):
    """Blocks of fields that follow each other: each field for all rows of a message, then the next field."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    width: I64  # bits of each field, shape (fields, 1)
    before: I64  # bits of the fields before it, a row
    mask: I64  # keeps an unsigned field, -1 for a signed one
    bits: int  # of all fields, a row
    bits_before: dict[str, int]  # by name

    @classmethod
    def of(cls, widths: dict[str, int], negative: frozenset[str]) -> Plan:
        """A plan of fields by name, in wire order; those in `negative` are two's complement."""
        width = np.array(list(widths.values()), np.int64)
        mask = np.array(
            [-1 if name in negative else (1 << bits) - 1 for name, bits in widths.items()], np.int64
        )
        before = np.cumsum(width) - width
        return cls(
            tuple(widths),
            tuple(widths.values()),
            width[:, None],
            before[:, None],
            mask[:, None],
            int(width.sum()),
            dict(zip(widths, before.tolist(), strict=True)),
        )

    def read(self, window: I64, block: I64, count: I64, first: I64, rows: int) -> Callable[[str], I64]:
        """The fields of many messages by name: `block` is each one's first bit, `count` its rows.

        `first` is each one's first row, `rows` the number of all.

        Few rows are read all in one pass. Of many a field is read when it is asked for, so that what is done
        with it next finds it in the cache: ask once.
        """
        base = block + count * self.before - first * self.width
        if rows > _WIDE:
            return lambda name: self._one(window, base, count, self.names.index(name), rows)
        position = base.repeat(count, axis=1)
        position += multiples(1, rows) * self.width
        value = signed(window, position, self.width)
        value &= self.mask
        return dict(zip(self.names, value, strict=True)).__getitem__

    def _one(self, window: I64, base: I64, count: I64, number: int, rows: int) -> I64:
        width = self.widths[number]
        position = base[number].repeat(count)
        position += multiples(width, rows)
        return (signed if self.mask[number, 0] < 0 else unsigned)(window, position, width)
