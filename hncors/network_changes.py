"""What may change under a network while it runs: which stations it watches, and the clock it is told.

Both are rare, so they are written the simple way, and both happen between two ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from hncors.dating import renumbered
from hncors.gpstime import BEIDOU_OFFSET_MS, WEEK_MS, from_unix_ns, to_unix_ns
from hncors.health import Event, Watched, promised_ms, stream_of, together
from hncors.hearing import hold, identify
from hncors.identity import Places
from hncors.network import Network
from hncors.network_measuring import known_places
from hncors.tiers import tiers_of

LOOKED_AT = 64  # frames


def watch(network: Network, stations: Sequence[Watched]) -> None:
    """Watch exactly `stations` from now on, in their order.

    A station that stays keeps all that is known and counted of it, and the bytes not decoded yet; one that
    goes takes them with it, so that it begins anew should it come back. Rows in columns made before are of
    the old order. Raises ValueError, and changes nothing, when two stations have one id.
    """
    index = {station.id: number for number, station in enumerate(stations)}
    if len(index) != len(stations):
        raise ValueError("two stations have one id")
    before = np.array([network.index.get(station.id, -1) for station in stations], np.int64)
    network.finish_tick()
    after = np.array([index.get(stream.id, -1) for stream in network.streams], np.int64)
    streams = []
    for station, number in zip(stations, before.tolist(), strict=True):
        stream = network.streams[number] if number >= 0 else stream_of(station)
        if (stream.patrol is not None) != bool(getattr(station, "patrol", False)):
            stream.patrol = stream_of(station).patrol
        stream.account.promise(promised_ms(station))
        streams.append(stream)
    network.streams[:] = streams
    network.places = Places(stations)
    for stream in streams:  # a place may have been filed anew
        stream.stranger_ns, stream.arp_off = 0, None
        network._tell(stream, hold(stream, network.places, network._last_tick_ns))
        network._tell(stream, identify(stream, network.places, network._last_tick_ns))
    network.index.clear()
    network.index.update(index)
    network.tables = together(streams)
    network.tally = network.tally.rearranged(before)
    network.mirrors = network.mirrors.rearranged(before)
    network.quality = network.quality.rearranged(before)
    network.positioning = network.positioning.rearranged(before, after)
    network.stations = tuple(stations)
    network.tiers = tiers_of(stations)
    network.registered = network.places.motions_of([stream.id for stream in streams])
    ids = [stream.id for stream in streams]
    network.coordinates = network.coordinates.rearranged(before, network.places, ids)
    network.misleading = network.misleading.rearranged(before, network.places, ids)
    known = known_places(network.registered, network.streams)
    network.causes = network.causes.rearranged(before, ids, network.places, known)
    if network.judge is not None:
        network.judge.rearrange(before, stations)
    network._held = renumbered(network._held, after)
    network._waiting = {number for number, stream in enumerate(streams) if stream.framer.pending}
    moved = [one._replace(number=int(after[one.number])) for one in network._came]
    network._came = [one for one in moved if one.number >= 0]


def resume(network: Network, before_ns: int, now_ns: int) -> Event:
    """A run begins that somebody last looked before at `before_ns`: nobody did since then."""
    network.blind_ns += now_ns - before_ns
    network._blind.append((from_unix_ns(before_ns), from_unix_ns(now_ns)))
    seconds = round((now_ns - before_ns) / 1e9, 3)
    return Event(now_ns, "", "monitor_blind", {"why": "not running", "seconds": seconds})


def begin_again(network: Network, before_ns: int, now_ns: int) -> Event | None:
    """A run begins in a replay, perhaps after another one: no link of that goes on.

    What was counted and is known of the stations stays. `before_ns` is when somebody last looked, 0 where
    that is not known: then nobody is told.
    """
    if network._last_tick_ns:
        network._last_tick_ns = now_ns
        for stream in network.streams:
            if stream.link != "connecting":
                stream.link, stream.why, stream.review_ns = "connecting", "", 0
                stream.enter("connecting", now_ns)
            stream.woke_ns = now_ns
    return resume(network, before_ns, now_ns) if before_ns else None


def ages_ns(network: Network) -> list[int]:
    """How long after its time the newest epoch of each station arrived, whenever that was."""
    return [
        stream.epoch_ns - to_unix_ns(stream.closed_ms)
        for stream in network.streams
        if stream.timed and stream.closed_ms >= 0
    ]


def fresh_ages_ns(network: Network) -> list[int]:
    """The same of the newest frames that wait for the next tick, as far as a look at them tells.

    Within half a week: they say the time of the week only (RTCM 10403, DF004, DF248; DF427 is 14 s behind).
    """
    ages = []
    newest = ((one, frame) for one in reversed(network._came) for frame in reversed(one.frames))
    for one, frame in islice(newest, LOOKED_AT):
        number, behind_ms = int.from_bytes(frame[3:5], "big") >> 4, 0
        if number in range(1121, 1128):
            behind_ms = BEIDOU_OFFSET_MS
        elif number not in (*range(1001, 1005), *range(1071, 1078), *range(1091, 1118)):
            continue
        if len(frame) >= 3 + 7 and network.streams[one.number].timed:
            time_ms = (int.from_bytes(frame[6:10], "big") >> 2) + behind_ms
            late_ms = (from_unix_ns(one.arrival_ns) - time_ms + WEEK_MS // 2) % WEEK_MS - WEEK_MS // 2
            ages.append(late_ms * 1_000_000)
    return ages


def let_time_pass(network: Network, by_ns: int) -> None:
    """The clock stood still for `by_ns` since the last tick: what came since then came after that.

    The next tick finds that nobody looked meanwhile.
    """
    network._came = [one._replace(arrival_ns=one.arrival_ns + by_ns) for one in network._came]
    for stream in network.streams:
        for name in ("byte_ns", "frame_ns", "connected_ns"):
            if getattr(stream, name) > network._last_tick_ns:
                setattr(stream, name, getattr(stream, name) + by_ns)


def put_clock_right(network: Network, by_ns: int, now_ns: int) -> Event:
    """The clock that arrivals and ticks are told by was wrong, and is `by_ns` ahead of itself from now on.

    Everything that waits keeps waiting for as long as it would have: what is remembered in the old time is
    told in the new one. `now_ns` is in the new time.
    """
    for stream in network.streams:
        stream.shift(by_ns)
    network._last_tick_ns += by_ns if network._last_tick_ns else 0
    network._came = [one._replace(arrival_ns=one.arrival_ns + by_ns) for one in network._came]
    network._held = network._held._replace(arrival_ns=network._held.arrival_ns + by_ns)
    by_ms = by_ns // 1_000_000
    for _ in range(len(network._blind)):
        begin, end = network._blind.popleft()
        network._blind.append((begin + by_ms, end + by_ms))
    return Event(now_ns, "", "clock_put_right", {"seconds": round(by_ns / 1e9, 3)})
