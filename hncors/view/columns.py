"""Observations as the columns that programs outside see: names instead of numbers, cycles and hertz."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hncors.gpstime import WEEK_MS
from hncors.observation import (
    CHANNEL_UNKNOWN,
    I64,
    NO_MESSAGES,
    NO_OBSERVATIONS,
    U8,
    Messages,
    Observations,
    ambiguous,
    doppler_hz,
    frequency_hz,
    phase_cycles,
)
from hncors.reading import date, parts
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.rtcm3.legacy_phase import continuous
from hncors.signals import CHANNELS, CODES, GLONASS, GNSS

Table = dict[str, NDArray[Any]]

_LETTERS = np.array(list(GNSS))
_CODES = np.array(CODES)


def table(messages: Messages, observations: Observations, time_ms: I64, stream: I64) -> Table:
    """One row per satellite and signal. `time_ms` and `stream` are of each message."""
    o = observations
    frequency = frequency_hz(o.gnss, o.signal, o.channel)
    return {
        "gps_ms": time_ms[o.message],
        "gnss": _LETTERS[o.gnss],
        "satellite": o.satellite.astype(np.int64),
        "signal": codes(o.gnss, o.signal),
        "pseudorange_m": o.pseudorange_m,
        "phase_cycles": phase_cycles(continuous(messages, o, stream), frequency),
        "doppler_hz": doppler_hz(o.range_rate_m_s, frequency),
        "cn0_dbhz": o.cn0_dbhz,
        "lock_ms": o.lock_ms,
        "half_cycle": o.half_cycle,
        "ambiguous": ambiguous(messages.kind)[o.message],
        "smoothed": messages.smoothing[o.message],
        "message_type": messages.type[o.message],
        "station_id": messages.station_id[o.message],
    }


def codes(gnss: U8, signal: U8) -> NDArray[np.str_]:
    """RINEX codes such as "1C"."""
    named: NDArray[np.str_] = _CODES[gnss, signal]
    return named


def channels(records: Iterable[Ephemeris]) -> NDArray[np.int8]:
    """GLONASS frequency channels by satellite, shape (64,), as the last of its ephemerides says."""
    told = np.full(64, CHANNEL_UNKNOWN, np.int8)
    for one in records:
        if one.gnss == "R" and one["channel"] in CHANNELS:
            told[one.satellite] = int(one["channel"])
    return told


def with_channels(observations: Observations, told: NDArray[np.int8]) -> Observations:
    """GLONASS rows without a channel get it from `told`; shape (64,), or (rows, 64) one a row."""
    rows = np.flatnonzero((observations.gnss == GLONASS) & (observations.channel == CHANNEL_UNKNOWN))
    if not len(rows):
        return observations
    channel = observations.channel.copy()
    satellite = observations.satellite[rows]
    channel[rows] = told[satellite] if told.ndim == 1 else told[rows, satellite]
    return Observations(**{**observations.named(), "channel": channel})


def from_first_week(time_ms: I64) -> I64:
    """Times of an unknown week, counted from the start of the first one's."""
    return time_ms - time_ms[:1] // WEEK_MS * WEEK_MS if len(time_ms) else time_ms


def decoded(data: bytes, given_ms: int | None = None) -> Table:
    """Every observation in some bytes, as it was sent: see hncors.decode."""
    dating = date(data, given_ms=given_ms)
    pairs = [(NO_MESSAGES, NO_OBSERVATIONS)]
    times = [np.empty(0, np.int64)]
    told = np.full(64, CHANNEL_UNKNOWN, np.int8)
    for part in parts(data, dating.reference_ms):
        pairs.append((part.messages, part.observations))
        times.append(part.time_ms)
        new = channels(record for _, record in part.block.records if isinstance(record, Ephemeris))
        told = np.where(new == CHANNEL_UNKNOWN, told, new).astype(np.int8)
    messages, observations = joined(pairs)
    sent = observations.select(observations.channel != CHANNEL_UNKNOWN)
    sent = sent.select(sent.gnss == GLONASS)
    told[sent.satellite] = sent.channel
    time_ms = np.concatenate(times)
    if not dating.source:
        time_ms = from_first_week(time_ms)
    return table(messages, with_channels(observations, told), time_ms, np.zeros(len(messages), np.int64))


def joined(pairs: list[tuple[Messages, Observations]]) -> tuple[Messages, Observations]:
    """Messages of several blocks with their observations, one after the other."""
    if not pairs:
        return NO_MESSAGES, NO_OBSERVATIONS
    offsets = np.cumsum([0] + [len(messages) for messages, _ in pairs[:-1]])
    named = Observations.join([observations for _, observations in pairs]).named()
    named["message"] = named["message"] + offsets.repeat([len(observations) for _, observations in pairs])
    return Messages.join([messages for messages, _ in pairs]), Observations(**named)
