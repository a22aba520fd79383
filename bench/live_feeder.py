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
# A mask that leaves 40 satellites with 166 signals (35 to 46 in the course of a day) of 56 with 235.
FORTY_DEG, ALL_DEG = 24, 5
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


def of_a_province(mask_deg: float) -> Callable[[int], list[list[bytes]]]:
    """The same of simulated stations, for rising times."""
    scenario, problems = read_scenario(f"{PROVINCE}mask_deg = {mask_deg}\n", "bench")
    if scenario is None:
        raise ValueError(problems[0])
    province = Province(scenario, from_unix_ns(time.time_ns()))
    return lambda gps_ms: [frames(sent.data) for sent in province.epoch(gps_ms).sent]


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
        pieces = epochs if apart else [[b"".join(epoch)] for epoch in epochs]
        most = max(map(len, pieces))
        await asyncio.sleep((due_ns + AFTER_NS - time.time_ns()) / SECOND_NS)
        for turn in range(most):
            for number, name in enumerate(names):
                mine = pieces[number % len(pieces)]
                if turn < len(mine):
                    caster.publish(name, mine[turn])
                    if turn == len(mine) - 1:
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
    mask_deg = ALL_DEG if options.all_satellites else FORTY_DEG
    made = of_a_province(mask_deg) if options.solved else of_templates()
    feeding = asyncio.create_task(feed(caster, names, options.frames_apart, written, made))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait({feeding, asyncio.ensure_future(ended)}, return_when=asyncio.FIRST_COMPLETED)
    feeding.cancel()
    np.save(options.written, np.array(written, np.int64))
    cpu_s = time.process_time()
    print(f"{cpu_s:.2f} s of processor time; {dict(caster.counts)}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
