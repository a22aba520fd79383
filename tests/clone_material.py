"""Recordings served again under another name, as somebody who relays them would, and watched together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from simulated import scenario

from hncors.cli_simulated_files import station_file
from hncors.daemon.territory import default
from hncors.frames import year_of
from hncors.gpstime import to_unix_ns
from hncors.health import Event
from hncors.measure.epoch import without_repeats
from hncors.measure.likeness import Moment, moment_of
from hncors.network import Chunk, Network
from hncors.observation import CHANNEL_UNKNOWN, Messages, Observations
from hncors.reading import date, parts
from hncors.registry import read_station
from hncors.replaying import Source, play
from hncors.rtcm3 import encode_legacy, encode_msm
from hncors.rtcm3.block import decode
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.encode_station import encode as encode_record
from hncors.rtcm3.framing import Framer
from hncors.rtcm3.station import ReferencePoint
from hncors.signals import CODES, GLONASS, GNSS, GPS
from hncors.simulate.province import Province
from hncors.supervise.judge import Judge

OTHER_ID = 777
_REACH_M = 160.0  # DF017: L2 less L1
ARRIVES_MS = 200  # after its epoch
_L1, _L2 = ("1C", "1P", "1W"), ("2W", "2C", "2X", "2P", "2L", "2S")


class Disguise(NamedTuple):
    """How a relay changes what it passes on."""

    name: str
    kind: int = 0  # of MSM; 0: as it came; 14: 1004 and 1012
    every: int = 1  # epochs, in whole seconds of GPS time
    first: int = 0  # of them, the remainder
    late_s: float = 0.0
    moved_m: float = 0.0  # of the reference point, each axis
    without: str = ""  # systems
    clock_m: float = 0.0  # added to all ranges

    @property
    def as_it_came(self) -> bool:
        """Whether observations are passed on byte by byte, but for the station's number."""
        return not (self.kind or self.without or self.clock_m)


class _Epoch(NamedTuple):
    time_ms: int
    messages: Messages
    observations: Observations
    said: list[bytes]  # frames of other kinds before it
    records: list[object]


def serve(station: str, path: Path, disguise: Disguise | None = None) -> Source:
    """A recording as a station sends it, a fifth of a second after each epoch; or as a relay does."""
    data = path.read_bytes()
    out, offsets, arrivals, at = [], [], [], 0
    for epoch in _epochs(data):
        sent = b"".join(epoch.said) if disguise is None else _relayed(epoch, disguise)
        if not sent:
            continue
        late_ms = 0 if disguise is None else round(disguise.late_s * 1000)
        out.append(sent)
        offsets.append(at)
        arrivals.append(to_unix_ns(epoch.time_ms + ARRIVES_MS + late_ms))
        at += len(sent)
    return Source(station, b"".join(out), np.array(offsets), np.array(arrivals), timed=True)


class Watched(NamedTuple):
    """A station file, as much of it as is needed."""

    id: str
    rate_hz: float | None = None


class Told(NamedTuple):
    """An event of a stream, and how long after the first epoch of the later stream it came."""

    second: float
    event: Event


def watch(sources: Sequence[Source], *, go_on_s: int = 0) -> tuple[Judge, list[Told]]:
    """Streams together through the network and the judge, as `hncors replay` does it; what was told.

    Seconds count from when all streams have begun; `go_on_s` is how long ticks go on after the last byte.
    """
    stations = [Watched(source.station) for source in sources]
    network = Network(stations)
    network.judge = judge = Judge(len(stations), stations, *default())
    begin_ns = max(int(source.arrival_ns[0]) for source in sources)
    told = []
    for tick in play(network, sources):
        told += [Told((event.at_ns - begin_ns) / 1e9, event) for event in tick.events]
    for second in range(1, go_on_s + 1):
        found = network.tick(network.last_tick_ns + second * 1_000_000_000).events
        told += [Told((event.at_ns - begin_ns) / 1e9, event) for event in found]
    return judge, told


def _epochs(data: bytes) -> Iterator[_Epoch]:
    """Epochs in order, with all frames since the one before."""
    for part in parts(data, date(data).reference_ms):
        records = dict(part.block.records)
        times = np.full(len(part.frames), -1, np.int64)
        times[part.messages.frame] = part.time_ms
        rows = np.arange(len(part.messages))
        before, time_ms = 0, -1
        ends = [*np.flatnonzero(np.diff(part.time_ms)).tolist(), len(rows) - 1] if len(rows) else []
        first = 0
        for last in ends:
            some = rows[first : last + 1]
            until = len(part.frames) if last == len(rows) - 1 else int(part.messages.frame[last]) + 1
            time_ms = int(part.time_ms[last])
            its = np.flatnonzero(np.isin(part.observations.message, some))
            yield _Epoch(
                time_ms, part.messages.select(some), _renumbered(part.observations.select(its), first),
                part.frames[before:until], [records[n] for n in range(before, until) if n in records],
            )  # fmt: skip
            before, first = until, last + 1


def _renumbered(o: Observations, first: int) -> Observations:
    return replace(o, message=o.message - first)


def _relayed(epoch: _Epoch, how: Disguise) -> bytes:
    """What a relay sends of an epoch; b"" where it is left out."""
    if round(epoch.time_ms / 1000) % how.every != how.first:
        return b""
    out = []
    for record in epoch.records:
        if isinstance(record, ReferencePoint):
            x, y, z = (value + how.moved_m for value in (record.x_m, record.y_m, record.z_m))
            out.append(frame(encode_record(replace(record, station_id=OTHER_ID, x_m=x, y_m=y, z_m=z))))
    out += [one for one in epoch.said if _number(one) in _EPHEMERIDES]
    payloads = [*_observations(epoch, how)]
    return b"".join([*out, *map(frame, payloads)])


_EPHEMERIDES = (1019, 1020, 1041, 1042, 1044, 1045, 1046)


def _number(one: bytes) -> int:
    return int.from_bytes(one[3:5], "big") >> 4


def _observations(epoch: _Epoch, how: Disguise) -> Iterator[bytes]:
    messages, o = epoch.messages, epoch.observations
    msm = messages.kind < 8
    rows = [
        n
        for n in range(len(messages))
        if GNSS[messages.gnss[n]] not in how.without
        and messages.kind[n] == messages.kind[(messages.gnss == messages.gnss[n]) & (msm == msm.any())].max()
        and msm[n] == msm.any()
    ]
    if how.kind == 14:
        rows = [n for n in rows if messages.gnss[n] in (GPS, GLONASS)]
    for n in rows:
        gnss = int(messages.gnss[n])
        kind = how.kind or int(messages.kind[n])
        its = o.select(np.flatnonzero(o.message == n))
        its = replace(
            its,
            message=np.zeros(len(its), np.int64),
            pseudorange_m=its.pseudorange_m + how.clock_m,
            phase_range_m=its.phase_range_m + how.clock_m,
        )
        header = Header(
            OTHER_ID,
            int(messages.epoch_raw[n]),
            more=n != rows[-1],
            clock_steering=int(messages.clock_steering[n]),
            external_clock=int(messages.external_clock[n]),
        )
        if kind > 10:
            yield encode_legacy.encode(1004 if gnss == GPS else 1012, _of_day(header, gnss), _older(its))
        else:
            yield encode_msm.encode(1070 + 10 * gnss + kind, header, its)


def _of_day(header: Header, gnss: int) -> Header:
    """GLONASS: MSM tells the day of the week before the time (DF416), 1012 does not."""
    return replace(header, epoch_raw=header.epoch_raw & (1 << 27) - 1) if gnss == GLONASS else header


def _older(o: Observations) -> Observations:
    """What 1004 and 1012 have room for: a signal of L1 and one of L2 of a satellite."""
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for row, (gnss, satellite, signal) in enumerate(
        zip(o.gnss.tolist(), o.satellite.tolist(), o.signal.tolist(), strict=True)
    ):
        code = CODES[gnss][signal]
        for band, codes in enumerate((_L1, _L2)):
            if code not in codes or np.isnan(o.pseudorange_m[row]):
                continue
            if gnss == GLONASS and (
                o.channel[row] == CHANNEL_UNKNOWN or code not in ("1C", "1P", "2C", "2P")
            ):
                continue
            rank = codes.index(code)
            if (satellite, band) not in best or best[satellite, band][0] > rank:
                best[satellite, band] = rank, row
    first = {satellite: row for (satellite, band), (_, row) in best.items() if band == 0}
    rows = sorted(
        row
        for (satellite, band), (_, row) in best.items()
        if satellite in first
        and (band == 0 or abs(o.pseudorange_m[row] - o.pseudorange_m[first[satellite]]) < _REACH_M)
    )
    return o.select(np.array(rows, np.int64))


def simulated(
    toml: str, change: Callable[[Province], None] | None = None
) -> tuple[Judge, list[Told], list[str]]:
    """A simulated province through the network and the judge: what was told, and ids of its streams.

    `change` may do to the province what no scenario can.
    """
    province = Province(scenario(toml))
    if change is not None:
        change(province)
    year = year_of(province.start_ms)
    stations = []
    for one in province.stations:
        station, problems = read_station(station_file(one, "tcp://127.0.0.1:1", year), one.id)
        if station is None:
            raise ValueError(problems)
        stations.append(station)
    network = Network(stations)
    network.judge = judge = Judge(len(stations), stations, *default())
    told, times = [], [*province.times()]
    step_ms = times[1] - times[0]
    begin_ns = to_unix_ns(times[0])
    for time_ms in times:
        for sent in province.epoch(time_ms).sent:
            network.feed(Chunk(stations[sent.station].id, sent.data, to_unix_ns(time_ms + ARRIVES_MS)))
        for later_ms in range(0, step_ms, 1000):
            found = network.tick(to_unix_ns(time_ms + later_ms + 500)).events
            told += [Told((event.at_ns - begin_ns) / 1e9, event) for event in found]
    return judge, told, [station.id for station in stations]


def share_clock(province: Province, copy: int, source: int, off_s: float = 1.7e-5) -> None:
    """The ranges of a station hold the clock of another, put off, as if they had been moved from there."""
    clocks = province.clocks
    clocks._offset[copy], clocks._drift[copy] = clocks._offset[source] + off_s, clocks._drift[source]
    for name in ("_wave", "_period", "_phase"):
        getattr(clocks, name)[:, copy] = getattr(clocks, name)[:, source]


def moments(path: Path) -> dict[int, Moment]:
    """What a recording has of each epoch, by GPS milliseconds."""
    out = {}
    for epoch in _epochs(path.read_bytes()):
        keep = without_repeats(np.zeros(len(epoch.messages), np.int64), epoch.messages, epoch.observations)
        o = epoch.observations.select(keep)
        out[epoch.time_ms] = moment_of(epoch.time_ms, 0, o, epoch.messages.kind[o.message])
    return out


_BESIDE = """
seconds = 600
seed = {seed}
[network]
count = 1
interval_s = 10
msm = {msm}
[sky]
noise = {noise}
multipath = {noise}
[[stations]]
id = "CSHA"
clock = "free"
[[stations]]
id = "SIDE"
latitude_deg = {latitude_deg}
longitude_deg = 112.95
height_m = 75
clock = "free"
"""


def pair_moments(
    apart_m: float, noise: float, seed: int, *, msm: int = 7, copy: bool = False
) -> Iterator[tuple[Moment, Moment]]:
    """Epochs of two simulated receivers whose antennas are so far apart, 0 m being one antenna.

    Noise and multipath of each are its own, on one antenna too, where real multipath is the same.
    `copy`: the second is the first, sent as MSM4.
    """
    latitude_deg = 28.20 + apart_m / 110_800.0
    province = Province(
        scenario(_BESIDE.format(seed=seed, msm=msm, noise=noise, latitude_deg=round(latitude_deg, 9)))
    )
    how = Disguise("MSM4", 4)
    for time_ms in province.times():
        made = [_moment_of(sent.data, time_ms) for sent in province.epoch(time_ms).sent]
        if copy:
            yield made[0][0], _moment_of(b"".join(map(frame, _observations(made[0][1], how))), time_ms)[0]
        else:
            yield made[0][0], made[1][0]


def _moment_of(data: bytes, time_ms: int) -> tuple[Moment, _Epoch]:
    block = decode(Framer().feed(data))
    m, o = block.messages, block.observations
    return moment_of(time_ms, 0, o, m.kind[o.message]), _Epoch(time_ms, m, o, [], [])
