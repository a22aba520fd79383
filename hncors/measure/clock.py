"""When observation messages are of: full GPS time from what the wire cut to a week or a day.

Each stream's messages form a chain: every epoch is the one nearest to the stream's last (RTCM sends
no week, so half a week is the most a chain can bridge unaided); the first is nearest to a reference,
which comes from ephemerides, else from the arrival time, else from the user. What lies outside its
field's range is rejected: a receiver that sends BeiDou time as 2^30 - 14000 ms, say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime
from hncors.gpstime import DAY_MS, WEEK_MS
from hncors.observation import Messages
from hncors.signals import BEIDOU, GLONASS

I64 = NDArray[np.int64]
UNKNOWN = -1  # a time that is not known


def names_day(messages: Messages) -> NDArray[np.bool_]:
    """True for messages that tell the time of the week, not only that of the day (1009-1012, DF416 = 7)."""
    day_only = (messages.kind > 7) | (messages.epoch_raw >> 27 == gpstime.GLONASS_DAY_UNKNOWN)
    named: NDArray[np.bool_] = (messages.gnss != GLONASS) | ~day_only
    return named


def resolve(messages: Messages, stream: I64, reference_ms: I64) -> I64:
    """GPS milliseconds of each message's epoch, UNKNOWN where the field is out of range.

    `stream` is each message's stream; the rows of one stream follow each other in the order they
    came. `reference_ms`, by stream, is the stream's last epoch or a time near it.
    """
    legacy = messages.kind > 7
    glonass = messages.gnss == GLONASS
    raw = messages.epoch_raw
    day_sent = np.where(glonass & ~legacy, raw >> 27, gpstime.GLONASS_DAY_UNKNOWN)
    time_of_day = raw & (1 << 27) - 1
    by_day = glonass & (day_sent == gpstime.GLONASS_DAY_UNKNOWN)
    in_range = np.where(glonass, time_of_day < gpstime.GLONASS_TIME_OF_DAY_LIMIT_MS, raw < WEEK_MS)
    reference = reference_ms[stream]
    leap = _leap_seconds(reference)
    tow = np.where(
        glonass,
        gpstime.glonass_to_gps_ms(time_of_day, np.where(by_day, 0, day_sent), leap),
        raw + np.where(messages.gnss == BEIDOU, gpstime.BEIDOU_OFFSET_MS, 0),
    )
    modulus = np.where(by_day, DAY_MS, WEEK_MS)
    time = np.full(len(messages), UNKNOWN, np.int64)
    rows = np.flatnonzero(in_range)
    if len(rows):
        time[rows] = _chain(tow[rows], modulus[rows], stream[rows], reference[rows])
        moscow = rows[glonass[rows]]
        if len(moscow):  # a leap second may lie between the reference and the message
            time[moscow] += 1000 * (_leap_seconds(time[moscow]) - leap[moscow])
            _settle_leap_second(time, rows, moscow, stream, reference)
    return time


def _settle_leap_second(time: I64, rows: I64, moscow: I64, stream: I64, reference: I64) -> None:
    """23:59:60 and the second after it have one name in GLONASS time: the message before tells which."""
    at = time[moscow]
    for row in moscow[_leap_seconds(at + 1000) != _leap_seconds(at - 1000)].tolist():
        place = int(np.searchsorted(rows, row))
        follows = place > 0 and stream[rows[place - 1]] == stream[row]
        before = int(time[rows[place - 1]] if follows else reference[row])
        moment = int(time[row])
        if gpstime.leap_seconds(moment) == gpstime.leap_seconds(moment - 1000):
            moment += 1000  # the later of the two
        time[row] = moment - 1000 if abs(moment - 1000 - before) <= abs(moment - before) else moment


def _chain(tow: I64, modulus: I64, stream: I64, reference: I64) -> I64:
    """Each time nearest to the one before it in its stream, the first to the stream's reference."""
    first = np.ones(len(tow), bool)
    first[1:] = stream[1:] != stream[:-1]
    if (modulus != WEEK_MS).any():
        return _chain_of_days(tow, modulus, first, reference)
    before = np.empty_like(tow)
    before[1:] = tow[:-1]
    before[first] = reference[first]
    step = (tow - before + WEEK_MS // 2) % WEEK_MS - WEEK_MS // 2
    total = np.cumsum(step)
    starts = np.flatnonzero(first)
    base = reference[starts] - (total[starts] - step[starts])
    out: I64 = total + base.repeat(np.diff(np.append(starts, len(tow))))
    return out


def _chain_of_days(tow: I64, modulus: I64, first: NDArray[np.bool_], reference: I64) -> I64:
    """The same where some messages give the time of day only: rare (1009-1012, DF416 = 7), so one by one."""
    out = np.empty_like(tow)
    last = 0
    for i, (value, cut, new, near) in enumerate(
        zip(tow.tolist(), modulus.tolist(), first.tolist(), reference.tolist(), strict=True)
    ):
        last = gpstime.nearest(value, cut, near if new else last)
        out[i] = last
    return out


def _leap_seconds(reference: I64) -> I64:
    return (reference - gpstime.to_unix_ms(reference)) // 1000 + gpstime.GPS_EPOCH_UNIX_S
