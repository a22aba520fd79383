"""Frames for fuzzing: always with a valid check, otherwise as odd as a wire can make them.

`payload(r)` makes one from a source of random bits: `random.Random` (fast, by seed) or hypothesis'
(`payloads`, which shrinks what fails). It follows the structure of every message that is decoded, so
that most get past the first test of length; fields like their extremes. Every fourth is then damaged.

    python -m tests.fuzzing --frames 2000000 --seed 1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from hncors.rtcm3.encode import frame
from hncors.rtcm3.ephemeris_fields import MESSAGES as EPHEMERIDES
from hncors.rtcm3.legacy import LAYOUTS as LEGACY
from hncors.rtcm3.msm import LAYOUTS as MSM
from hncors.signals import CODES, SATELLITES

MAX_PAYLOAD = 1023
POOL = 64  # masks of each kind to choose from


def frames(seed: int) -> Iterator[bytes]:
    """Frames without end; the same for the same seed."""
    r = Random(seed)
    while True:
        # 1 in 64 has reserved bits set, which the standard forbids and receivers do not look at.
        yield frame(payload(r), 0 if r.getrandbits(6) else r.getrandbits(6))


def payload(r: Random) -> bytes:
    """A payload of any message, of 0 to 1,023 bytes."""
    choice = r.getrandbits(4)
    if choice < 9:
        data = _msm(r)
    elif choice < 11:
        data = _legacy(r)
    elif choice < 13:
        data = _station(r)
    elif choice < 15:
        data = _ephemeris(r)
    else:
        data = _unknown(r)
    if not r.getrandbits(2):
        data = _DAMAGE[r.getrandbits(3)](r, data)
    return data[:MAX_PAYLOAD]


payloads = st.randoms(use_true_random=False).map(payload)
"""The same as a strategy of hypothesis."""


def junk(r: Random) -> bytes:
    """Bytes between frames: none most of the time, else what mixed streams have, or a false leader."""
    choice = r.getrandbits(5)
    if choice > 5:
        return b""
    if choice == 0:
        return r.randbytes(r.getrandbits(6))
    return (
        b"\xd3",
        b"\xd3\x00\x13",
        b"\xd3\x03\xff",
        b"$GNGGA,,,,,,0,,,,,,,,*78\r\n",
        b"\xb5b\x01\x07\x02\x00\x00\x00",
    )[choice - 1]


# --- observations ----------------------------------------------------------------------------------


@cache
def _repeated(width: int, count: int) -> int:
    """A one at the end of each of `count` fields."""
    return sum(1 << width * n for n in range(count))


def _column(r: Random, width: int, count: int) -> int:
    """Fields of one kind: random, all at one extreme, or a mixture of both."""
    random = r.getrandbits(width * count)
    choice = r.getrandbits(3)
    if choice > 4 or not count:
        return random
    extreme = (0, (1 << width) - 1, 1 << width - 1, (1 << width - 1) - 1)[choice & 3] * _repeated(
        width, count
    )
    if choice < 4:
        return extreme
    fields = (r.getrandbits(width * count) & _repeated(width, count)) * ((1 << width) - 1)
    return random & fields | extreme & ~fields


@cache
def _masks(width: int, ones: int, gnss: int) -> tuple[int, ...]:
    """Masks with so many ones: of satellites (64 bits) or signals (32), every second of known ones."""
    r = Random(f"{width} {ones} {gnss}")
    known = range(SATELLITES["GRESJCI"[gnss]]) if width == 64 else [s for s in range(32) if CODES[gnss][s]]
    masks = []
    for n in range(POOL):
        places = known if n % 2 and ones <= len(known) else range(width)
        masks.append(sum(1 << width - 1 - place for place in r.sample(places, ones)))
    return tuple(masks)


_FULL = [
    (64, 1),
    (1, 32),
    (2, 32),
    (16, 4),
    (32, 2),
    (21, 3),
    (13, 5),
    (5, 12),
    (65, 33),
    (64, 32),
    (33, 2),
    (13, 6),
]
_EMPTY = [(0, 0), (0, 3), (5, 0), (64, 0)]


def _msm(r: Random) -> bytes:
    gnss, kind = r.randrange(7), 1 + r.randrange(7)
    layout = MSM[kind]
    choice = r.getrandbits(5)
    if choice == 0:
        satellites, signals = _FULL[r.randrange(len(_FULL))]
    elif choice == 1:
        satellites, signals = _EMPTY[r.randrange(len(_EMPTY))]
    else:
        satellites, signals = 1 + r.randrange(14), 1 + r.randrange(4)
    satellites, signals = min(satellites, 64), min(signals, 32)
    size = min(satellites * signals, 900)
    pick = r.getrandbits(12)
    value = (1070 + 10 * gnss + kind) << 61 | r.getrandbits(61)
    value = value << 64 | _masks(64, satellites, gnss)[pick % POOL]
    value = value << 32 | _masks(32, signals, gnss)[pick // POOL]
    cell_mask = (r.getrandbits(size) | r.getrandbits(size)) if r.getrandbits(3) else (1 << size) - 1
    value = value << size | cell_mask
    bits = 169 + size
    cells = cell_mask.bit_count()
    for width, count in (
        (layout.rough_ms, satellites),
        (layout.extended, satellites),
        (layout.rough_mod, satellites),
        (layout.rough_rate, satellites),
        (layout.fine_range, cells),
        (layout.fine_phase, cells),
        (layout.lock, cells),
        (layout.half_cycle, cells),
        (layout.cn0, cells),
        (layout.fine_rate, cells),
    ):
        if width and count:
            value = value << width * count | _column(r, width, count)
            bits += width * count
    return _bytes(value, bits)


def _bytes(value: int, bits: int) -> bytes:
    size = (bits + 7) // 8
    return (value << 8 * size - bits).to_bytes(size, "big")


def _legacy(r: Random) -> bytes:
    number = _LEGACY[r.getrandbits(3)]
    layout = LEGACY[number]
    count, width = r.getrandbits(5), layout.row_bits
    rows = r.getrandbits(width * count)
    for _ in range(r.getrandbits(2)):  # a few fields of all satellites at an extreme
        size, end = (1, 7, 8, 14, 20, 24)[r.randrange(6)], r.randrange(width - 24)
        one = ((0, (1 << size) - 1, 1 << size - 1)[r.randrange(3)], (1 << size) - 1)
        extreme, cleared = (_repeated(width, count) * (part << end) for part in one)
        rows = rows & ~cleared | extreme
    header = layout.header_bits
    value = (number << header - 12 | r.getrandbits(header - 12)) >> 9 << 9 | count << 4 | r.getrandbits(4)
    return _bytes(value << width * count | rows, header + width * count)


_LEGACY = sorted(LEGACY)


# --- station data, ephemerides, others -------------------------------------------------------------


def _station(r: Random) -> bytes:
    number = (1005, 1006, 1007, 1008, 1013, 1029, 1032, 1033, 1230)[r.randrange(9)]
    head = number << 12 | r.getrandbits(12)
    fixed = {1005: 152, 1006: 168, 1032: 156, 1230: 32}.get(number)
    if fixed:
        more = 64 if number == 1230 else 0
        return _bytes(head << fixed + more - 24 | r.getrandbits(fixed + more - 24), fixed + more)
    if number in (1013, 1029):
        mjd = 44244 + r.randrange(65536 - 44244) if r.getrandbits(3) else r.getrandbits(16)
        second = r.randrange(86_401) if r.getrandbits(3) else r.getrandbits(17)
        head = (head << 16 | mjd) << 17 | second
        if number == 1013:
            count = r.getrandbits(5)
            value = (head << 5 | count) << 8 | r.getrandbits(8)
            return _bytes(value << 29 * count | r.getrandbits(29 * count), 70 + 29 * count)
        text = (
            r.randbytes(r.getrandbits(8))
            if r.getrandbits(1)
            else ("\u6e56\u5357" * r.getrandbits(5)).encode()
        )
        return _bytes((head << 7 | r.getrandbits(7)) << 8 | len(text), 72) + text
    data = b""
    for n in range({1007: 1, 1008: 2, 1033: 5}[number]):
        size = r.getrandbits(8) if not r.getrandbits(3) else r.getrandbits(5)
        data += bytes([size]) + r.randbytes(size) + (r.randbytes(1) if n == 0 else b"")
    return _bytes(head, 24) + data


@cache
def _constraints(number: int) -> tuple[int, list[tuple[int, int, int, int]]]:
    """Bits of an ephemeris, and of the fields that must make sense: position from the end, width, range."""
    gnss, fields = EPHEMERIDES[number]
    limits = {
        "satellite": (1, SATELLITES[gnss]),
        "eccentricity": (0, 0.03),
        "sqrt_a_sqrt_m": (5100.0, 6600.0),
        "toe_s": (0, 604_784),
        "toc_s": (0, 604_784),
        "tb_s": (0, 86_399),
        "channel": (0, 13),
        **dict.fromkeys(("x_m", "y_m", "z_m"), (10000000.0, 16000000.0)),
        **dict.fromkeys(("vx_m_s", "vy_m_s", "vz_m_s"), (1000.0, 3000.0)),
    }
    end = sum(field.width for field in fields)
    bits, out = 12 + end, []
    for field in fields:
        end -= field.width
        if field.name in limits:
            low, high = (int(limit / (field.scale or 1)) for limit in limits[field.name])
            out.append((end, field.width, low, high))
    return bits, out


_EPHEMERIDES = sorted(EPHEMERIDES)


def _ephemeris(r: Random) -> bytes:
    number = _EPHEMERIDES[r.randrange(len(_EPHEMERIDES))]
    bits, constraints = _constraints(number)
    value = number << bits - 12 | r.getrandbits(bits - 12)
    skipped = r.getrandbits(5)  # sometimes one of them may be anything
    for n, (end, width, low, high) in enumerate(constraints):
        if n != skipped:
            value = value & ~((1 << width) - 1 << end) | low + r.randrange(high - low + 1) << end
    return _bytes(value, bits)


def _unknown(r: Random) -> bytes:
    return r.randbytes(r.getrandbits(10) if not r.getrandbits(2) else r.getrandbits(4))


# --- damage ----------------------------------------------------------------------------------------


def _cut(r: Random, data: bytes) -> bytes:
    # Half of the cuts take only a byte or two, which is where bounds are off by one.
    return data[: r.randrange(len(data) + 1)] if r.getrandbits(1) else data[: -1 - r.getrandbits(1)]


def _extend(r: Random, data: bytes) -> bytes:
    return data + r.randbytes(1 + r.getrandbits(6))


def _flip(r: Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(1 + r.getrandbits(3) if data else 0):
        # Half of the flips go to the first 32 bytes, where the masks and counts are.
        end = len(damaged) if r.getrandbits(1) else min(len(damaged), 32)
        damaged[r.randrange(end)] ^= 1 << r.getrandbits(3)
    return bytes(damaged)


def _overwrite(r: Random, data: bytes) -> bytes:
    at = r.randrange(len(data) + 1)
    return data[:at] + (b"\x00", b"\xff")[r.getrandbits(1)] * (len(data) - at)


def _renumber(r: Random, data: bytes) -> bytes:
    number = r.choice(_NUMBERS)
    return bytes([number >> 4, (number & 15) << 4 | data[1] & 15]) + data[2:] if len(data) > 1 else data


_NUMBERS = [1070 + 10 * g + k for g in range(7) for k in range(8)] + _LEGACY + _EPHEMERIDES
_NUMBERS += [1005, 1006, 1007, 1008, 1013, 1029, 1032, 1033, 1230, 1057, 4072, 4095, 0]
_DAMAGE: list[Callable[[Random, bytes], bytes]] = [
    _cut,
    _cut,
    _cut,
    _extend,
    _flip,
    _flip,
    _overwrite,
    _renumber,
]


def main() -> None:
    """Run the checks of tests/test_fuzz.py over many frames, with a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    sys.path.insert(0, str(Path(__file__).parent))
    import fuzz_checks

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--frames", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with Progress("frames", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("", total=wanted.frames)
        source = islice(frames(wanted.seed), wanted.frames)
        census = fuzz_checks.run(source, wanted.seed, lambda done: progress.update(task, advance=done))
    for name, count in sorted(census.items()):
        print(f"{count:>9} {name}")


if __name__ == "__main__":
    main()
