"""A block of frames decoded together: observations into columns, everything rare field by field.

Every frame gets exactly one outcome by name. Pure: the same frames give the same block, and the
blocks of a divided list of frames hold together what the block of the whole list holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hncors.observation import NO_MESSAGES, NO_OBSERVATIONS, Messages, Observations
from hncors.rtcm3 import ephemeris, legacy, msm, station
from hncors.rtcm3.bits import Impossible, Short
from hncors.rtcm3.columns import I64, PADDING, U8, before, every_pair, keep_memory, windows
from hncors.rtcm3.msm import Decoded
from hncors.signals import GNSS

OUTCOMES = (
    "decoded",
    "unknown_type",
    "short_message",
    "too_many_cells",
    "impossible_value",
    "no_message_number",
)
DECODED, UNKNOWN_TYPE, _SHORT, _TOO_MANY, IMPOSSIBLE, NO_NUMBER = range(len(OUTCOMES))

# How a message number is decoded: 0 not at all, 1-7 MSM, 11-14 legacy, 20 one by one, 21 so and by its time.
_RARE, _TIMED = 20, 21
_SOME_TIME = (60_000 << 16).to_bytes(4, "big")  # of 1013: DF051 and all of DF052 but its last bit
_KIND = np.zeros(4097, np.uint8)  # index -1, a frame without a number, falls on the last
_GNSS = np.zeros(4097, np.int64)
for _gnss in range(len(GNSS)):
    for _kind in msm.LAYOUTS:
        _KIND[1070 + 10 * _gnss + _kind] = _kind
        _GNSS[1070 + 10 * _gnss + _kind] = _gnss
for _number in legacy.LAYOUTS:
    _KIND[_number] = legacy.KIND[_number]
for _number in (*station.DECODERS, *ephemeris.MESSAGES):
    _KIND[_number] = _RARE
_KIND[1013] = _TIMED

_OUTCOME = np.where(_KIND > 0, DECODED, UNKNOWN_TYPE).astype(np.uint8)
_OUTCOME[-1] = NO_NUMBER

Record = station.StationMessage | ephemeris.Ephemeris

keep_memory()


@dataclass(frozen=True, slots=True)
class Block:
    """What the frames of a block held."""

    type: I64  # message number of each frame, -1 for a payload without one
    outcome: U8  # index into OUTCOMES, of each frame
    messages: Messages
    observations: Observations
    records: list[tuple[int, Record]]  # frame, station data or ephemeris
    anomalies: list[tuple[str, int, int]]  # name, frame, how often


def decode(frames: Sequence[bytes]) -> Block:
    """Decode whole valid frames as `hncors.rtcm3.framing.Framer` gives them.

    Blocks of some hundred frames are fastest: bench/decode.py, docs/speed.md.
    """
    count = len(frames)
    data = b"".join([*frames, bytes(PADDING)])
    buffer = np.frombuffer(data, np.uint8)
    length = np.fromiter(map(len, frames), np.int64, count)
    start = before(length) + 3
    size = length - 6
    number = np.where(size >= 2, every_pair(buffer)[start].astype(np.int64) >> 4, -1)
    kind = _KIND.take(number, mode="wrap")
    outcome = _OUTCOME.take(number, mode="wrap")
    anomalies: list[tuple[str, int, int]] = []
    parts: list[Decoded] = []
    present = np.bincount(kind, minlength=_RARE + 1)[1:_RARE].nonzero()[0] + 1
    if len(present):
        window = windows(data)
        for which in present.tolist():
            rows = (kind == which).nonzero()[0]
            if which <= 7:
                numbers = number[rows]
                parts.append(
                    msm.decode(
                        window, buffer, start[rows], size[rows], rows, which, numbers, _GNSS.take(numbers)
                    )
                )
                _account(parts[-1], rows, outcome, anomalies)
                continue
            for one in np.unique(number[rows]).tolist():
                these = rows[number[rows] == one]
                parts.append(legacy.decode(window, start[these], size[these], these, one))
                _account(parts[-1], these, outcome, anomalies)
    records = _rare(frames, (kind >= _RARE).nonzero()[0].tolist(), kind, outcome, anomalies)
    messages, observations = _in_order(parts)
    return Block(number, outcome, messages, observations, records, anomalies)


def _rare(
    frames: Sequence[bytes], rows: list[int], kind: U8, outcome: U8, anomalies: list[tuple[str, int, int]]
) -> list[tuple[int, Record]]:
    readers = map(_READ.__getitem__, (kind[rows] == _TIMED).tolist())
    records: list[tuple[int, Record]] = []
    for row, read in zip(rows, readers, strict=True):
        one = read(frames[row])
        if not isinstance(one, _Odd):
            records.append((row, one))
            continue
        outcome[row] = one.outcome
        anomalies.extend((name, row, 1) for name in one.anomalies)
        if one.record is not None:
            records.append((row, one.record))
    return records


def _account(part: Decoded, rows: I64, outcome: U8, anomalies: list[tuple[str, int, int]]) -> None:
    for name, where in part.rejected:
        outcome[rows[where]] = OUTCOMES.index(name)
    for name, where, number in part.counts:
        anomalies.extend(zip([name] * len(where), rows[where].tolist(), number.tolist(), strict=True))


class _Odd(NamedTuple):
    """A frame that is no whole and ordinary record."""

    outcome: int
    anomalies: tuple[str, ...]
    record: Record | None = None


@lru_cache(maxsize=8192)  # stations repeat themselves; decoding is pure, so a repeat is a look-up
def _one(frame: bytes) -> Record | _Odd:
    payload = frame[3:-3]
    number = payload[0] << 4 | payload[1] >> 4
    try:
        if number in station.DECODERS:
            record: Record = station.decode(number, payload)
        else:
            record = ephemeris.decode(number, payload)
    except Short:
        return _Odd(_SHORT, ())
    except Impossible as fault:
        return _Odd(IMPOSSIBLE, (f"impossible_{fault}",))
    anomalies = getattr(record, "anomalies", ())
    return _Odd(DECODED, anomalies, record) if anomalies else record


@lru_cache(maxsize=8192)
def _but_the_time(rest: bytes) -> Record | _Odd:
    """A 1013 at some time; `rest` is its frame without DF051, all but the last bit of DF052, and check."""
    return _one.__wrapped__(b"".join((rest[:6], _SOME_TIME, rest[6:], bytes(3))))


def _timed(frame: bytes) -> Record | _Odd:
    """1013, every second in some streams: all but the time (DF051, DF052: bits 24 to 56) repeats itself."""
    usual = _but_the_time(frame[:6] + frame[10:-3]) if len(frame) >= 3 + 9 + 3 else None
    time = int.from_bytes(frame[6:11], "big")
    mjd, second_of_day = time >> 24, time >> 7 & 0x1FFFF
    if not isinstance(usual, station.SystemParameters) or not station.is_utc(mjd, second_of_day):
        return _one(frame)
    return station.SystemParameters(usual[0], mjd, second_of_day, usual[3], usual[4])


_READ = (_one, _timed)


def _in_order(parts: list[Decoded]) -> tuple[Messages, Observations]:
    """Join groups; rows in the order of their frames, so that dividing into groups leaves no trace."""
    if not parts:
        return NO_MESSAGES, NO_OBSERVATIONS
    if len(parts) == 1:
        return parts[0].messages, parts[0].observations
    messages = Messages.join([p.messages for p in parts])
    offsets = np.cumsum([0] + [len(p.messages) for p in parts[:-1]])
    order = np.argsort(messages.frame, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    named = Observations.join([p.observations for p in parts]).named()
    lengths = [len(p.observations) for p in parts]
    named["message"] = place[named["message"] + offsets.repeat(lengths)]
    observations = Observations(**named)
    by_message = np.argsort(observations.message, kind="stable")
    return messages.select(order), observations.select(by_message)
