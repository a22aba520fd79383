"""What must hold for any frames whatever: no exception, every byte and frame accounted, values in bounds.

Outcomes are foretold by `foretold`, a few lines of arithmetic on the payload as one integer, which
share nothing with the decoders but the widths of the standard.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from itertools import islice
from math import isfinite, isinf
from random import Random
from typing import Any

import fuzzing
import numpy as np

from hncors.observation import CHANNEL_UNKNOWN, ambiguous
from hncors.rtcm3 import block
from hncors.rtcm3.block import Block
from hncors.rtcm3.framing import Framer
from hncors.signals import C_M_S, CODES, GLONASS, SATELLITE

BLOCK = 500  # frames
M_PER_MS = C_M_S / 1000

# Bits of a satellite and of a cell by kind of MSM: RTCM 10403.3, tables 3.5-80 to -89.
_SATELLITE_BITS = {1: 10, 2: 10, 3: 10, 4: 18, 5: 36, 6: 18, 7: 36}
_CELL_BITS = {1: 15, 2: 27, 3: 42, 4: 48, 5: 63, 6: 65, 7: 80}
# Bits of the header and of a satellite: tables 3.5-1 to -5 and 3.5-9 to -13.
_LEGACY_BITS = {1001: (64, 58), 1002: (64, 74), 1003: (64, 101), 1004: (64, 125)}
_LEGACY_BITS |= {1009: (61, 64), 1010: (61, 79), 1011: (61, 107), 1012: (61, 130)}
# Bits of messages of one length; DF422 of 1230 says how many of its four biases follow.
_FIXED_BITS = {1005: 152, 1006: 168, 1032: 156, 1019: 488, 1020: 360, 1041: 482, 1042: 511, 63: 511}
_FIXED_BITS |= {1044: 485, 1045: 496, 1046: 504}
_TEXTS = {1007: 1, 1008: 2, 1033: 5}


def foretold(payload: bytes) -> tuple[str, ...]:
    """Outcomes a payload may have."""
    size = 8 * len(payload)
    if size < 12:
        return ("no_message_number",)
    number = payload[0] << 4 | payload[1] >> 4
    whole = ("decoded", "impossible_value")
    gnss, kind = divmod(number - 1070, 10)
    if 0 <= gnss < 7 and 1 <= kind <= 7:
        if size < 169:
            return ("short_message",)
        masks = int.from_bytes(payload[9:22], "big") >> 7 & (1 << 96) - 1
        satellites, signals = (masks >> 32).bit_count(), (masks & 0xFFFFFFFF).bit_count()
        mask = satellites * signals
        if mask > 64:
            return ("too_many_cells",)
        cells = (int.from_bytes(payload[21:30].ljust(9, b"\0"), "big") << 1 & (1 << 72) - 1) >> 72 - mask
        needed = 169 + mask + satellites * _SATELLITE_BITS[kind] + cells.bit_count() * _CELL_BITS[kind]
        return ("decoded",) if needed <= size else ("short_message",)
    if number in _LEGACY_BITS:
        header, row = _LEGACY_BITS[number]
        if size < header:
            return ("short_message",)
        count = int.from_bytes(payload[:8], "big") >> 64 - header + 4 & 31
        return ("decoded",) if header + count * row <= size else ("short_message",)
    if number in _FIXED_BITS:
        return whole if size >= _FIXED_BITS[number] else ("short_message",)
    if number == 1230:
        return (
            ("decoded",)
            if size >= 32 and size >= 32 + 16 * (payload[3] & 15).bit_count()
            else ("short_message",)
        )
    if number in (1013, 1029):
        if size < 70:
            return ("short_message", "impossible_value")
        count = int.from_bytes(payload[7:9].ljust(2, b"\0"), "big") >> 10 & 31  # DF053, bits 57 to 61
        needed = 70 + 29 * count if number == 1013 else 72 + 8 * (payload[8] if size >= 72 else 255)
        return whole if size >= needed else ("short_message", "impossible_value")
    if number in _TEXTS:
        at = 3
        for n in range(_TEXTS[number]):
            at += 1 + (payload[at] if at < len(payload) else len(payload)) + (n == 0)
        return ("decoded",) if at <= len(payload) else ("short_message",)
    return ("unknown_type",)


def run(frames: Iterable[bytes], seed: int, progress: Callable[[int], None] = lambda _: None) -> Counter[str]:
    """Send frames through a Framer in pieces, junk between them, decode them in blocks and check it all.

    Returns how many frames had each outcome. Raises AssertionError for whatever does not hold.
    """
    r = Random(seed)
    census: Counter[str] = Counter()
    framer = Framer()
    sent = 0
    expected: deque[bytes] = deque()

    def take(found: list[bytes]) -> None:
        assert framer.received == sent == framer.in_frames + framer.junk + framer.pending
        assert found == [expected.popleft() for _ in found]
        if found:
            census.update(check(found, block.decode(found)))

    source = iter(frames)
    while batch := list(islice(source, BLOCK)):
        expected.extend(batch)
        stream = b"".join(junk_or_frame for one in batch for junk_or_frame in (fuzzing.junk(r), one))
        cuts = sorted(r.randrange(len(stream) + 1) for _ in range(r.getrandbits(2)))
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            sent += end - start
            take(framer.feed(stream[start:end]))
        progress(len(batch))
    take(framer.idle())
    framer.reset()
    take([])
    assert not expected
    return census


def check(frames: list[bytes], found: Block) -> Counter[str]:
    """Check a block against its frames; returns how many frames had each outcome."""
    count = len(frames)
    assert len(found.type) == len(found.outcome) == count
    outcomes = [block.OUTCOMES[n] for n in found.outcome.tolist()]
    for one, outcome in zip(frames, outcomes, strict=True):
        assert outcome in foretold(one[3:-3]), (outcome, one.hex())
    _check_shape(found, np.array([outcome == "decoded" for outcome in outcomes]))
    _check_bounds(found)
    for row, record in found.records:
        _check_record(record, frames[row])
    for name, row, number in found.anomalies:
        assert name.isidentifier() and 0 <= row < count and number > 0
    return Counter(outcomes)


def _check_shape(found: Block, decoded: np.ndarray[Any, Any]) -> None:
    """Each decoded frame gave one message or one record, and no other frame gave any."""
    gave = np.bincount(found.messages.frame, minlength=len(decoded))
    gave += np.bincount(np.array([row for row, _ in found.records], int), minlength=len(decoded))
    assert (gave == decoded).all()
    assert (np.diff(found.messages.frame) > 0).all()
    messages, o = found.messages, found.observations
    assert (messages.type == found.type[messages.frame]).all()
    assert (np.diff(o.message) >= 0).all()
    assert (messages.cells == np.bincount(o.message, minlength=len(messages))).all()


def _check_bounds(found: Block) -> None:
    m, o = found.messages, found.observations
    assert ((m.station_id >= 0) & (m.station_id < 4096) & (m.epoch_raw >= 0) & (m.epoch_raw < 1 << 30)).all()
    assert (m.gnss < 7).all() and (m.iods < 8).all() and (m.smoothing_interval < 8).all()
    assert (m.clock_steering < 4).all() and (m.external_clock < 4).all()
    assert ((m.satellites >= 0) & (m.satellites <= 64)).all()
    known = np.array([[code != "" for code in codes] for codes in CODES])
    assert known[o.gnss, o.signal].all()
    legacy = m.kind[o.message] > 10
    last = SATELLITE.max(axis=1)
    assert (o.satellite > 0).all() and (o.satellite <= last[o.gnss]).all()
    short = ambiguous(m.kind)[o.message]
    # The rough range ends below 256 ms (MSM1-3: 1 ms), a fine part adds 2^-10 ms to a pseudorange and
    # 2^-8 ms to a phase range. Older messages: 127 or 255 ambiguities, 2^25 x 0.02 m, 262.144 m.
    farthest = np.where(short, 1.0, 256.0) * M_PER_MS
    farthest = np.where(legacy, np.where(short, 0.0, 128 * 599_584.916) + 2**25 * 0.02, farthest)
    for values, fine_m in ((o.pseudorange_m, 2**-10 * M_PER_MS), (o.phase_range_m, 2**-8 * M_PER_MS)):
        assert not (values < -fine_m).any() and not (values > farthest + fine_m).any()
    assert not (np.abs(o.range_rate_m_s) > 8191 + 1.6384).any()
    assert not (o.lock_ms < 0).any() and not (o.lock_ms > 67_108_864).any()
    assert not (o.cn0_dbhz <= 0).any() and not (o.cn0_dbhz >= 64).any()
    channel = o.channel[o.channel != CHANNEL_UNKNOWN]
    assert ((channel >= -7) & (channel <= 6)).all()
    assert (o.gnss[o.channel != CHANNEL_UNKNOWN] == GLONASS).all()


def _check_record(record: Any, one: bytes) -> None:
    """Every number of station data and ephemerides is finite, or nan where it is not known."""
    names = [field.name for field in fields(record)] if is_dataclass(record) else record._fields
    for name in names:
        value = getattr(record, name)
        numbers = value.values() if hasattr(value, "values") else [value]
        for number in numbers:
            if isinstance(number, float):
                assert not isinf(number), (name, one.hex())
                if name in ("x_m", "y_m", "z_m"):
                    assert isfinite(number) and abs(number) <= 2**37 / 10_000
