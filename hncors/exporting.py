"""A recording as RINEX 3.05 texts: observations and navigation sets.

`NAME.obs` holds every observation that the recording dates and ranges in full, `NAME.nav` every set of
ephemerides. A recording that goes from one station to another stays one file (RINEX's event "new site");
stations whose times overlap, which one file cannot hold, get `NAME-<station id>.obs` each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median_low
from textwrap import wrap
from typing import NamedTuple

import numpy as np

from hncors.gpstime import LEAP_TABLE_EXPIRES_GPS_MS, WEEK_MS
from hncors.measure.epoch import without_repeats
from hncors.observation import (
    CHANNEL_UNKNOWN,
    I64,
    NO_MESSAGES,
    NO_OBSERVATIONS,
    Messages,
    Observations,
    ambiguous,
    subset,
)
from hncors.reading import date, parts
from hncors.rtcm3.block import Record
from hncors.rtcm3.ephemeris import Ephemeris, reference_time_ms
from hncors.rtcm3.legacy_phase import continuous
from hncors.rtcm3.station import Equipment, GlonassBiases, ReferencePoint
from hncors.signals import CHANNELS, GLONASS, satellite_name
from hncors.view import rinex_nav, rinex_obs
from hncors.view.rinex_obs import Event
from hncors.view.rinex_obs_header import Header, Site

_RECENT_MS = LEAP_TABLE_EXPIRES_GPS_MS - 400 * WEEK_MS  # RTCM 3 is younger than one era of 10-bit weeks
_COMMENT_WIDTH = 60
_ANY_CHANNEL = 128  # makes a channel an index
STATION_IDS = 4096  # DF003
_DATED_BY = {
    "ephemerides": "ITS EPHEMERIDES",
    "arrival": "ARRIVAL TIMES",
    "given": "THE TIME GIVEN",
    "": "NOTHING",
}


class NothingToExport(ValueError):
    """The recording holds no observation and no ephemeris."""


class WeekUnknown(ValueError):
    """Nothing tells in which week the recording was made."""


class _Came(NamedTuple):
    """Station data or an ephemeris, and when."""

    after_ms: int  # GPS time of the observation message before it, at the start of the one after it
    before_ms: int | None  # of the observation message after it
    record: Record


class _Recording(NamedTuple):
    """Everything of a recording that RINEX has a place for."""

    dated_by: str
    messages: Messages  # as they came, without those whose ranges are ambiguous
    observations: Observations
    time_ms: I64  # of each message
    came: list[_Came]
    ambiguous: int  # messages left out because their ranges lack the whole milliseconds
    undated: int  # messages left out because their time is impossible


def rinex(
    data: bytes,
    name: str,
    given_ms: int | None = None,
    *,
    arrival_ms: int | None = None,
    created: str = "",
    run_by: str = "",
) -> dict[str, str]:
    """Texts by file name of a recording called `name`.

    `given_ms` is a GPS time within half a week of the recording's first observation, `arrival_ms` the
    same from arrival times; they are needed where no ephemeris in the recording tells the week. `created`
    is the headers' date as RINEX writes it ("20261123 194641 UTC"). Raises NothingToExport, WeekUnknown.
    """
    recording = _read(data, name, given_ms, arrival_ms)
    channels = _channels(recording)
    recording = _once(recording._replace(observations=_with_channels(recording.observations, channels)))
    said = _by_station(recording.came)
    texts = {}
    for suffix, rows in _files(recording):
        messages, observations = subset(recording.messages, recording.observations, rows)
        time_ms = recording.time_ms[rows]
        stations = np.unique(messages.station_id).tolist()
        sites = {station: _History.of(station, said.get(station, [])) for station in stations}
        first = sites[int(messages.station_id[time_ms.argmin()])]
        header = Header(first.start, channels, first.biases, _comments(recording), created, run_by)
        text = rinex_obs.write(
            header,
            time_ms[observations.message],
            messages.kind[observations.message],
            observations,
            _events(sites, messages.station_id, time_ms),
        )
        if text:
            texts[f"{name}{suffix}.obs"] = text
    sets = [(one.after_ms, one.record) for one in recording.came if isinstance(one.record, Ephemeris)]
    if sets:
        texts[f"{name}.nav"] = rinex_nav.write(sets, created=created, run_by=run_by)
    if not texts:
        left_out = f": {recording.ambiguous} messages of ranges without whole milliseconds"
        raise NothingToExport(
            f"{name}: no observation and no ephemeris to export{left_out if recording.ambiguous else ''}"
        )
    return texts


def _read(data: bytes, name: str, given_ms: int | None, arrival_ms: int | None) -> _Recording:
    dating = date(data, arrival_ms=arrival_ms, given_ms=given_ms)
    messages, observations, times, whole = [NO_MESSAGES], [NO_OBSERVATIONS], list[I64](), list[I64]()
    records: list[tuple[int, Record]] = []  # observation messages before it, record
    seen = kept = undated = 0
    for part in parts(data, dating.reference_ms):
        records += [
            (seen + int(part.messages.frame.searchsorted(row)), record) for row, record in part.block.records
        ]
        undated += part.undated
        rows = np.flatnonzero(~ambiguous(part.messages.kind))
        some, theirs = subset(part.messages, part.observations, rows)
        messages.append(some)
        observations.append(Observations(**{**theirs.named(), "message": theirs.message + kept}))
        times.append(part.time_ms)
        whole.append(rows + seen)
        seen += len(part.messages)
        kept += len(some)
    if seen and not dating.source:
        raise WeekUnknown(
            f"{name}: no ephemeris tells the week: give --time, a time within half a week of the recording"
        )
    time_ms = np.concatenate([*times, np.empty(0, np.int64)])
    rows = np.concatenate([*whole, np.empty(0, np.int64)])
    return _Recording(
        dating.source,
        Messages.join(messages),
        Observations.join(observations),
        time_ms[rows],
        _dated(records, time_ms.tolist(), given_ms),
        seen - kept,
        undated,
    )


def _dated(records: list[tuple[int, Record]], time_ms: list[int], given_ms: int | None) -> list[_Came]:
    if time_ms:
        return [
            _Came(time_ms[max(at - 1, 0)], time_ms[at] if at < len(time_ms) else None, record)
            for at, record in records
        ]
    near = _RECENT_MS if given_ms is None else given_ms
    # GLONASS sends the day only within four years, so it follows the others.
    sets = [record for _, record in records if isinstance(record, Ephemeris)]
    told = [reference_time_ms(one, near) for one in sets if one.gnss != "R"]
    when = median_low(told) if told and given_ms is None else near
    return [_Came(when, None, record) for _, record in records]


# --- GLONASS frequency channels ------------------------------------------------------------------


def _channels(recording: _Recording) -> dict[int, int]:
    """Channel of each satellite of which one is told anywhere: by 1020, else by MSM5, MSM7, 1010, 1012."""
    o = recording.observations
    told = np.flatnonzero((o.gnss == GLONASS) & (o.channel != CHANNEL_UNKNOWN))
    pairs = np.unique(o.satellite[told].astype(np.int64) * 256 + o.channel[told] + _ANY_CHANNEL).tolist()
    channels = {pair // 256: pair % 256 - _ANY_CHANNEL for pair in pairs}
    for one in recording.came:
        if isinstance(one.record, Ephemeris) and one.record.gnss == "R":
            channel = int(one.record["channel"])
            if channel in CHANNELS:
                channels[one.record.satellite] = channel
    return channels


def _with_channels(o: Observations, channels: dict[int, int]) -> Observations:
    rows = np.flatnonzero((o.gnss == GLONASS) & (o.channel == CHANNEL_UNKNOWN))
    if not len(rows) or not channels:
        return o
    table = np.full(256, CHANNEL_UNKNOWN, np.int8)
    table[list(channels)] = list(channels.values())
    channel = o.channel.copy()
    channel[rows] = table[o.satellite[rows]]
    return Observations(**{**o.named(), "channel": channel})


# --- epochs and stations -------------------------------------------------------------------------


def _once(recording: _Recording) -> _Recording:
    """Each observation of a station and epoch once, phases of the older messages continuous."""
    messages, o = recording.messages, recording.observations
    if not len(messages):
        return recording
    o = Observations(**{**o.named(), "phase_range_m": continuous(messages, o, messages.station_id)})
    of_time = np.unique(recording.time_ms, return_inverse=True)[1]
    epoch = np.unique(of_time * STATION_IDS + messages.station_id, return_inverse=True)[1]
    keep = without_repeats(epoch, messages, o)
    return recording._replace(observations=o if keep.all() else o.select(keep))


def _files(recording: _Recording) -> Iterator[tuple[str, I64]]:
    """Suffix and messages of each file: one for all stations, or one each where their times overlap."""
    ids, time_ms = recording.messages.station_id, recording.time_ms
    stations = np.unique(ids).tolist()
    if not stations:
        return
    spans = sorted((int(time_ms[ids == one].min()), int(time_ms[ids == one].max())) for one in stations)
    if all(end < start for (_, end), (start, _) in pairwise(spans)):
        yield "", np.arange(len(ids))
    else:
        yield from ((f"-{one:04d}", np.flatnonzero(ids == one)) for one in stations)


def _by_station(came: Sequence[_Came]) -> dict[int, list[_Came]]:
    out: dict[int, list[_Came]] = {}
    for one in came:
        if isinstance(one.record, ReferencePoint | Equipment | GlonassBiases):
            out.setdefault(one.record.station_id, []).append(one)
    return out


class _History(NamedTuple):
    """What a station said about itself."""

    start: Site  # with what it said first of everything, whenever that came
    changes: list[tuple[int, Site]]  # from an epoch on
    biases: GlonassBiases | None

    @classmethod
    def of(cls, station: int, told: Sequence[_Came]) -> _History:
        """From the records of the station, in the order they came."""
        start = Site(f"{station:04d}")
        for one in told:
            start = _site(one.record).updated(start)
        now, changes = start, []
        for one in told:
            new = now.updated(_site(one.record))
            if new != now and one.before_ms is not None:
                changes.append((one.before_ms, new))
            now = new
        biases = [one.record for one in told if isinstance(one.record, GlonassBiases)]
        return cls(start, changes, biases[0] if biases else None)


def _site(record: Record) -> Site:
    match record:
        case ReferencePoint(station_id=station):
            point = (record.x_m, record.y_m, record.z_m)
            height_m = record.antenna_height_m
            known = None if height_m != height_m else height_m
            return Site(
                f"{station:04d}",
                physical=not record.not_physical,
                reference_point_m=point,
                antenna_height_m=known,
            )
        case Equipment(station_id=station):
            receiver = (record.receiver_serial or "", record.receiver or "", record.firmware or "")
            antenna = (record.antenna_serial or "", record.antenna)
            return Site(f"{station:04d}", receiver=receiver, antenna=antenna)
    return Site("")


def _events(sites: dict[int, _History], ids: I64, time_ms: I64) -> list[Event]:
    events = []
    for number, station in enumerate(sorted(sites, key=lambda one: int(time_ms[ids == one].min()))):
        start_ms = int(time_ms[ids == station].min())
        if number:
            events.append(Event(start_ms, True, sites[station].start))
        events += [Event(max(at_ms, start_ms), False, site) for at_ms, site in sites[station].changes]
    return events


def _comments(recording: _Recording) -> list[str]:
    said = [f"RTCM 3 DATED BY {_DATED_BY[recording.dated_by]}"]
    o = recording.observations
    unknown = np.unique(o.satellite[(o.gnss == GLONASS) & (o.channel == CHANNEL_UNKNOWN)]).tolist()
    if unknown:
        names = " ".join(satellite_name(GLONASS, satellite) for satellite in unknown)
        said.append(f"CHANNEL NOT KNOWN, PHASE AND DOPPLER LEFT OUT: {names}")
    if recording.ambiguous:
        said.append(f"LEFT OUT: {recording.ambiguous} MESSAGES OF RANGES WITHOUT WHOLE MILLISECONDS")
    if recording.undated:
        said.append(f"LEFT OUT: {recording.undated} MESSAGES OF AN IMPOSSIBLE TIME")
    return [line for text in said for line in wrap(text, _COMMENT_WIDTH)]
