"""The other end of bench/live.py, in a process of its own: a caster and what it sends.

Every second each mountpoint gets an epoch of MSM7 of five systems: one of a few epochs encoded beforehand,
its times put to now.  With --solved they are a simulated province's of now instead, with ephemerides and
station data, so that every station can be positioned.  Prints the port, ends when standard input does, and
leaves the times at which the last byte of each epoch was written, as rows (GPS ms, station, UTC ns), in the
file it was given.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_recording import CITIES, recording

from hncors.daemon.simulated_caster import Caster
from hncors.gpstime import WEEK_MS, from_iso, from_unix_ns
from hncors.ntrip.mountpoint import Mountpoint
from hncors.rtcm3.crc import crc24q
from hncors.simulate.province import Province
from hncors.simulate.scenario import read_scenario

DAY = "2026-03-09T00:00:00"
SYSTEMS = 5
PROVINCE = 'name = "bench"\nstart = "2026-03-02T06:00:00"\nseconds = 86400\n[network]\ncount = 20\n'
FORTY, ALL_DEG = 40, 5  # satellites a station
CELLS_AT = 169  # bits of an MSM before its cell mask: last the masks of satellites (64) and signals (32)
ROUGH_BITS, FINE_BITS = 36, 20  # of a satellite of MSM7; of a fine pseudorange, which come first (DF405)
SECOND_NS = 1_000_000_000
AFTER_NS = 100_000_000  # epochs are sent this long after their time
EPOCH_AT, EPOCH_BITS = 24, 30  # place and width of the epoch time in an MSM's payload (DF004 and its like)


def templates() -> list[list[bytes]]:
    """Frames of an epoch each, of different stations at hours when they see all five systems."""
    found = []
    for number, city in enumerate(CITIES):
        for hour in range(24):
            data = list(recording(city, number + 1, from_iso(DAY) + hour * 3_600_000, 2))[1]
            epoch = [frame for frame in frames(data) if 1071 <= kind(frame) <= 1137]
            if len({kind(frame) for frame in epoch}) >= SYSTEMS:
                found.append(epoch)
                break
    return found


def frames(data: bytes) -> list[bytes]:
    """What follows each other without gaps."""
    found, at = [], 0
    while at < len(data):
        end = at + 6 + (int.from_bytes(data[at + 1 : at + 3], "big") & 1023)
        found.append(data[at:end])
        at = end
    return found


def kind(frame: bytes) -> int:
    return int.from_bytes(frame[3:5], "big") >> 4


def at_time(frame: bytes, gps_ms: int) -> bytes:
    """The frame with another epoch time and the check that goes with it."""
    match kind(frame) // 10:
        case 108:  # GLONASS: day of the week and time of day in Moscow, 3 h before UTC, 18 s before GPS
            day, of_day = divmod((gps_ms - 18_000 + 3 * 3_600_000) % WEEK_MS, 86_400_000)
            field = day << 27 | of_day
        case 112:  # BeiDou
            field = (gps_ms - 14_000) % WEEK_MS
        case _:
            field = gps_ms % WEEK_MS
    payload = int.from_bytes(frame[3:-3], "big")
    shift = 8 * (len(frame) - 6) - EPOCH_AT - EPOCH_BITS
    payload = payload & ~((1 << EPOCH_BITS) - 1 << shift) | field << shift
    body = frame[:3] + payload.to_bytes(len(frame) - 6, "big")
    return body + crc24q(body).to_bytes(3, "big")


def of_templates() -> Callable[[int], list[list[bytes]]]:
    """Gives the frames of some stations' epochs at a GPS time, ms."""
    made = templates()
    return lambda gps_ms: [[at_time(frame, gps_ms) for frame in epoch] for epoch in made]


def of_a_province(every: bool) -> Callable[[int], list[list[bytes]]]:
    """The same of simulated stations, for rising times; `every`: all satellites, not forty."""
    now_ms = from_unix_ns(time.time_ns())
    for mask_deg in range(ALL_DEG, 60):  # the one that leaves forty now
        scenario, problems = read_scenario(f"{PROVINCE}mask_deg = {mask_deg}\n", "bench")
        if scenario is None:
            raise ValueError(problems[0])
        epochs = [frames(sent.data) for sent in Province(scenario, now_ms).epoch(now_ms).sent]
        if every or sum(named(frame)[0] for epoch in epochs for frame in epoch) <= FORTY * len(epochs):
            break
    province = Province(scenario, now_ms)
    return lambda gps_ms: [frames(sent.data) for sent in province.epoch(gps_ms).sent]


def named(frame: bytes) -> tuple[int, int]:
    """How many satellites and signals an MSM names; none of other messages."""
    if not 1071 <= kind(frame) <= 1137:
        return 0, 0
    bits = int.from_bytes(frame[3:-3], "big") >> 8 * (len(frame) - 6) - CELLS_AT
    return (bits >> 32 & (1 << 64) - 1).bit_count(), (bits & (1 << 32) - 1).bit_count()


def own(epoch: list[bytes], number: int) -> list[bytes]:
    """The epoch with another fraction of one pseudorange: no two stations bring the same observations."""
    at, frame = next(((at, one) for at, one in enumerate(epoch) if kind(one) == 1077), (0, b""))
    if not frame:
        return epoch
    satellites, signals = named(frame)
    bit = 24 + CELLS_AT + satellites * (signals + ROUGH_BITS) + FINE_BITS  # the one after the field
    changed = int.from_bytes(frame[:-3], "big") ^ number << 8 * (len(frame) - 3) - bit
    body = changed.to_bytes(len(frame) - 3, "big")
    return [*epoch[:at], body + crc24q(body).to_bytes(3, "big"), *epoch[at + 1 :]]


async def feed(
    caster: Caster,
    names: list[str],
    apart: bool,
    written: list[tuple[int, int, int]],
    made: Callable[[int], list[list[bytes]]],
) -> None:
    """Send an epoch a second to everybody, for ever."""
    while True:
        due_ns = time.time_ns() // SECOND_NS * SECOND_NS + SECOND_NS
        gps_ms = from_unix_ns(due_ns)
        epochs = made(gps_ms)
        mine = [own(epochs[number % len(epochs)], number // len(epochs)) for number in range(len(names))]
        pieces = mine if apart else [[b"".join(epoch)] for epoch in mine]
        most = max(map(len, pieces))
        await asyncio.sleep((due_ns + AFTER_NS - time.time_ns()) / SECOND_NS)
        for turn in range(most):
            for number, name in enumerate(names):
                its = pieces[number]
                if turn < len(its):
                    caster.publish(name, its[turn])
                    if turn == len(its) - 1:
                        written.append((gps_ms, number, time.time_ns()))
                if not number % 500:
                    await asyncio.sleep(0)


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stations", type=int, required=True)
    parser.add_argument("--frames-apart", action="store_true")
    parser.add_argument("--solved", action="store_true")
    parser.add_argument("--all-satellites", action="store_true")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--written", type=Path, required=True)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = [f"S{number:05}" for number in range(options.stations)]
    caster = Caster([Mountpoint(name) for name in names])
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*options.tls)
    _, port = await caster.listen("127.0.0.1", 0, tls)
    print(port, flush=True)
    written: list[tuple[int, int, int]] = []
    made = of_a_province(options.all_satellites) if options.solved else of_templates()
    feeding = asyncio.create_task(feed(caster, names, options.frames_apart, written, made))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait({feeding, asyncio.ensure_future(ended)}, return_when=asyncio.FIRST_COMPLETED)
    feeding.cancel()
    np.save(options.written, np.array(written, np.int64))
    cpu_s = time.process_time()
    print(f"{cpu_s:.2f} s of processor time; {dict(caster.counts)}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
