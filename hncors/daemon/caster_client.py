"""Streams over the network: NTRIP casters and plain TCP, followed for ever."""

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hncors.daemon import tls
from hncors.daemon.connection import Stage, connect, why
from hncors.daemon.names import Names
from hncors.daemon.reconnect import Pace, Sessions, Turns
from hncors.daemon.stream_reader import Deliver, Position, Reader
from hncors.daemon.sweep import Sweep
from hncors.geodesy import to_geodetic
from hncors.network import Chunk
from hncors.ntrip import Verdict, request
from hncors.ntrip.gga import gga
from hncors.registry import Link, Station, parse_link

ANSWER_S = 15.0  # from the request to a verdict
SLOW_S = 5.0  # after this long, what an attempt waits for is told, and waited for on
QUIET_S = 10.0  # no byte for this long, or for three epochs if that is longer, ends a connection
QUIET_UNKNOWN_S = 60.0  # the same where the rate is not known
LOOK_S = 10.0  # between two looks at what a connection has brought
OFTEN = 3  # connections in a row that a caster has ended
WAITS_FOR_POSITION = "a mountpoint that computes its data for a place waits for gga = true"
FRUITLESS = {
    "no_frames": "bytes without a valid RTCM 3 frame",
    "no_epochs": "frames without observations or ephemerides",
}


@dataclass(frozen=True)
class Surroundings:
    """What the streams of one daemon share."""

    deliver: Deliver
    agent: str  # goes into the User-Agent: name/version
    password: Callable[[Station], str]  # read when a connection is made; raises OSError or ValueError
    good: Callable[[str], bool]  # whether a station's connection has brought valid data for long enough
    fruitless: Callable[[str], str]  # the state its data have left it in for too long; "" where they are good
    turns: Turns
    retry_first_s: float
    retry_longest_s: float
    chance: random.Random = field(default_factory=random.Random)
    interval_s: Callable[[str], float | None] = lambda station: None  # between its epochs, once that shows
    own_casters: frozenset[str] = frozenset()  # hosts
    sessions: Sessions = field(default_factory=Sessions)
    names: Names = field(default_factory=Names)
    certificates: dict[str, float] = field(default_factory=dict)  # until when (UTC, s), by station
    sweep: Sweep = field(default_factory=Sweep)


async def follow(station: Station, shared: Surroundings) -> None:
    """Keep a stream connected until cancelled, telling its state and its bytes through `shared.deliver`.

    While it waits to try again the state stays the reason why there is no stream.
    """
    link = parse_link(station.link)
    own = link.host in shared.own_casters
    pace = Pace(shared.retry_first_s, shared.retry_longest_s, shared.chance, own=own)
    account = link.host, link.port, station.user
    shared.deliver(
        Chunk(station.id, b"", time.time_ns(), "connecting", f"{link.scheme} to {link.host}:{link.port}")
    )
    while True:
        await turn(shared.turns, link.host)
        pace.begin(_now_s())
        shared.sessions.begun(account, station.id, _now_s())
        ended, rival = Verdict("backoff", ""), ""
        try:
            ended = await attempt(station, link, shared)
        finally:
            rival = shared.sessions.over(
                account, station.id, _now_s(), by_caster=ended.state == "backoff" and bool(ended.why)
            )
        if rival:
            ended = Verdict(
                "unavailable", f"the caster ends a session of the account when {rival} begins one"
            )
        elif ended.state == "backoff" and pace.failures >= OFTEN and station.user is not None:
            ended = ended._replace(why=f"{ended.why}, again and again: does another use the account?")
        if shared.good(station.id):
            pace.proved()
        shared.deliver(Chunk(station.id, b"", time.time_ns(), ended.state, ended.why))
        await asyncio.sleep(pace.wait_s(_now_s(), ended.state, ended.retry_after_s, slow=bool(rival)))


async def turn(turns: Turns, host: str) -> None:
    """Wait until a connection to a host may begin."""
    wait_s = turns.take(host, _now_s())
    while True:
        await asyncio.sleep(wait_s)
        if not (wait_s := turns.begin(host, _now_s())):
            return


async def attempt(station: Station, link: Link, shared: Surroundings) -> Verdict:
    """One connection from its beginning to its end."""
    try:
        asked = b"" if link.scheme == "tcp" else _request(station, link, shared)
    except (OSError, ValueError) as fault:
        return Verdict("auth_failed", f"no password: {why(fault)}")
    try:
        context = tls.context(station) if link.scheme == "ntrips" else None
    except OSError as fault:
        return Verdict("tls_failed", f"tls_ca_file: {why(fault)}")
    reader = Reader(
        station.id,
        shared.deliver,
        asked,
        _position(station),
        station.gga_every_s,
        link.mountpoint,
        shared.sweep,
    )
    stage = Stage()

    def slow() -> None:
        if not (reader.connected or reader.over.done()):
            why = f"{stage.wants} for {SLOW_S:.0f} s"
            shared.deliver(Chunk(station.id, b"", time.time_ns(), stage.state, why))

    waits = asyncio.get_running_loop().call_later(SLOW_S, slow)
    transport = None
    try:
        connected = await connect(reader, link, shared.names, context, stage)
        if isinstance(connected, Verdict):
            return connected
        transport = connected
        if until_s := tls.expires_unix_s(transport):
            shared.certificates[station.id] = until_s
        ended = await _until_over(reader, station, shared)
        if ended.state == "stalled" and not reader.bytes_came and asked and not station.gga:
            ended = ended._replace(why=f"{ended.why} since connecting; {WAITS_FOR_POSITION}")
        return ended
    finally:
        waits.cancel()
        if transport is not None:
            transport.abort()  # nothing is left to send, and close() could wait for a peer that is gone


def _now_s() -> float:
    """By the loop's own clock, which its timers go by too."""
    return asyncio.get_running_loop().time()


async def _until_over(reader: Reader, station: Station, shared: Surroundings) -> Verdict:
    """The verdict that ends a connection; silence is one too, and so is noise.

    A timer of the loop looks at it: thousands of tasks that wake every few seconds cost ten times as much.
    """
    loop = asyncio.get_running_loop()
    begun_s = _now_s()
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if reader.over.done():
            return
        try:
            wait_s = _look(reader, station, shared, begun_s)
        except Exception as fault:  # noqa: BLE001  ours, raised in a timer: the link's task has to tell it
            reader.over.set_exception(fault)
        else:
            timer = loop.call_later(wait_s, look)

    look()
    try:
        return await reader.over
    finally:
        if timer is not None:
            timer.cancel()


def _look(reader: Reader, station: Station, shared: Surroundings, begun_s: float) -> float:
    """End a connection that brings nothing, or nothing of use; else the seconds until the next look."""
    quiet = quiet_s(station.rate_hz, shared.interval_s(station.id))
    left_s = (reader.heard_s + quiet if reader.connected else begun_s + ANSWER_S) - _now_s()
    if left_s > 0 and reader.connected and (state := shared.fruitless(station.id)):
        reader.end(Verdict(state, f"{FRUITLESS[state]} for long: connected afresh"))
    elif left_s <= 0 and reader.connected:
        reader.end(Verdict("stalled", f"no bytes for {quiet:.0f} s"))
    elif left_s <= 0:
        reader.conclude()
        reader.end(Verdict("unavailable", f"no answer within {ANSWER_S:.0f} s"))
    return min(max(left_s, 0.0), quiet, LOOK_S)


def quiet_s(rate_hz: float | None, interval_s: float | None = None) -> float:
    """How long a connection may bring nothing: by what shows, else by what was promised."""
    interval_s = interval_s or (1 / rate_hz if rate_hz else None)
    return QUIET_UNKNOWN_S if interval_s is None else max(QUIET_S, 3 * interval_s)


def _position(station: Station) -> Position | None:
    """What makes the sentence that tells a station's registered place, rounded; None where none is told."""
    if not station.gga or station.ecef_m is None:
        return None
    latitude, longitude, height_m = to_geodetic(station.ecef_m).tolist()
    degrees = math.degrees(latitude), math.degrees(longitude)
    return lambda: gga(*degrees, height_m, time.time(), station.gga_decimals)


def _request(station: Station, link: Link, shared: Surroundings) -> bytes:
    password = "" if station.password_file is None else shared.password(station)
    position = _position(station)
    told = {"Ntrip-GGA": position().decode().strip()} if position and station.ntrip_version == 2 else {}
    return request(
        link.host,
        link.port,
        link.mountpoint,
        agent=shared.agent,
        version=station.ntrip_version,
        user=station.user,
        password=password,
        headers={**told, **station.headers},
    )
