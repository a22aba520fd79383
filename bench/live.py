"""The daemon under load: its own links, network and heartbeat against a caster in another process.

    python bench/live.py --stations N [--seconds S] [--frames-apart] [--solved [--all-satellites]] [--tls]
                         [--record] [--pages]

Prints one JSON line.

    cpu_fraction            of one core, this process, all threads; `us_per_epoch` the same by epochs counted
    loop_lag_p99_s          how late the event loop does what is due, asked 100 times a second
    arrival_to_metric_p99_s from the moment the caster has written an epoch's last byte to the end of the step
                            of a tick that counted and measured it: from then on every scrape shows it
    rss_bytes               resident memory of this process, `per_station_bytes` the growth over the start

Every station sends MSM7 of five systems once a second, all at the same moment, an epoch in one write, with
--frames-apart each frame in its own. With --record all of it is recorded, too: `files_open` is what the
recorder holds open, `written_bytes_per_s` what it writes. With --solved the streams are those of a simulated
province, ephemerides among them, 40 satellites a station; `stations_solved` counts the stations that have a
position, `satellites` is how many those use.
With --pages somebody in a third process (bench/live_asker.py) looks at pages and scrapes meanwhile: `asked`
says how long that took.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

import numpy as np

from hncors.daemon import memory
from hncors.daemon.clock import Clock
from hncors.daemon.links import Links
from hncors.daemon.pulse import Pulse
from hncors.daemon.record_folder import RecordFolder
from hncors.daemon.recorder import Recorder
from hncors.daemon.secrets import Secrets
from hncors.daemon.web import Site, serve
from hncors.dating import Dated
from hncors.health import Event
from hncors.network import Network, Tick
from hncors.network_overload import MEASURES, LeftOut
from hncors.positioning import SOLVED
from hncors.registry import Station
from hncors.settings import Links as Waits
from hncors.settings import Settings
from hncors.version import VERSION
from hncors.view.exposition import Writer
from hncors.view.metrics import families

HERE = Path(__file__).parent
LAG_STEP_S = 0.01
SETTLE_S = 3.0  # after the last stream is up, before measuring begins
CALM_PER_S = 100  # stations: of many, what the start has put off is caught up with first
UP_WITHIN_S, LOOK_EVERY_S = 90.0, 0.5


class Watched(Network):
    """A network that notes when each epoch was counted."""

    counted: list[tuple[int, Tick]] | None = None
    plain = False

    def begin_tick(self, now_ns: int, **more: Any) -> None:
        super().begin_tick(now_ns, **more | ({"left_out": LeftOut(MEASURES)} if self.plain else {}))

    def _complete(self, held: Dated, now_ns: int, **more: Any) -> Generator[None, None, Tick]:
        done = yield from super()._complete(held, now_ns, **more)
        if self.counted is not None and len(done.epochs.station):
            kept = done._replace(messages=None, observations=None, positions=None)
            self.counted.append((time.time_ns(), kept))
        return done


async def lags(found: list[float]) -> None:
    """How late each moment of an even grid was served; the moments a long step covers count each."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        due_s += LAG_STEP_S
        await asyncio.sleep(due_s - loop.time())
        now_s = loop.time()
        found.append(now_s - due_s)
        while due_s + LAG_STEP_S < now_s:
            due_s += LAG_STEP_S
            found.append(now_s - due_s)


@contextlib.asynccontextmanager
async def following(
    network: Network, settings: Settings, stations: list[Station], recorder: Recorder | None
) -> AsyncIterator[Site]:
    """The daemon's links, heartbeat and recorder, as its service runs them, and its pages."""
    clock = Clock()
    ticking = (lambda at_ns, leave_out: None) if recorder is None else recorder.tick
    pulse = Pulse(network, settings.tick_s, told, clock=clock, ticking=ticking)
    secrets = Secrets()
    links = Links(settings, stations, network, clock=clock, secrets=secrets, report=told, recorder=recorder)
    async with asyncio.TaskGroup() as group:
        links.group = group
        await links.follow(stations)
        memory.settle()
        running = [group.create_task(pulse.run())]
        if recorder is not None:
            running.append(group.create_task(recorder.run()))
        try:
            yield Site(network, links.stations, pulse, VERSION)
        finally:
            links.stop()
            for task in running:
                task.cancel()


async def look(options: argparse.Namespace, site: Site, station: str) -> dict[str, object]:
    """Serve the pages, and have somebody look at them for as long as is measured."""
    serving, address = await serve(site, "127.0.0.1:0")
    command = [str(HERE / "live_asker.py"), address.rpartition(":")[2], str(options.seconds), station]
    asker = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE)
    out, _ = await asker.communicate()
    await serving.cleanup()
    found: dict[str, object] = json.loads(out)
    return found


def told(event: Event) -> None:
    """What the network says is counted elsewhere; thousands of lines would be load, too."""


def up(network: Network) -> int:
    return sum(stream.state == "streaming" for stream in network.streams)


def rss() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def files_open(folder: Path | None) -> int:
    links = [] if folder is None else Path("/proc/self/fd").iterdir()
    found = 0
    for link in links:
        with contextlib.suppress(OSError):  # it was the one that lists them
            found += os.readlink(link).startswith(str(folder))
    return found


async def measure(
    options: argparse.Namespace, port: int, folder: Path | None
) -> tuple[dict[str, object], list[tuple[int, Tick]]]:
    """Connect everybody, let it settle, watch."""
    scheme = "ntrips" if options.tls else "ntrip"
    stations = [
        Station(f"S{n:05}", f"{scheme}://localhost:{port}/S{n:05}", rate_hz=1.0)
        for n in range(options.stations)
    ]
    settings = Settings(stations="none", links=Waits(retry_first_s=1.0, starts_per_s=options.starts))
    before = rss()
    network = Watched(stations)
    network.plain = options.plain
    recorder = None
    if folder is not None:
        recorder = Recorder(RecordFolder(folder), quota_bytes=10**12, retention_days=30)
    async with following(network, settings, stations, recorder) as site:
        began_s = time.monotonic()
        for _ in range(round(UP_WITHIN_S / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            if up(network) == len(stations):
                break
        up_s = time.monotonic() - began_s
        await asyncio.sleep(max(SETTLE_S, options.stations / CALM_PER_S))
        profile = cProfile.Profile() if options.profile else contextlib.nullcontext()
        late: list[float] = []
        lagging = asyncio.create_task(lags(late))
        frames = network.tally.messages.sum()
        missing = sum(stream.account.missing for stream in network.streams)
        network.counted = []
        bytes_before = recorder.told() if recorder is not None else None
        cpu_s, began_s = time.process_time(), time.monotonic()
        with profile:
            asked = await look(options, site, stations[0].id) if options.pages else None
            await asyncio.sleep(options.seconds - (time.monotonic() - began_s))
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        lagging.cancel()
        counted, network.counted = network.counted, None  # what the scrape below keeps waiting is none of it
        scrape_s = time.process_time()
        lines = Writer().render(list(families(network, VERSION))).count(b"\n")
        scrape_s = time.process_time() - scrape_s
        result: dict[str, object] = {
            "stations": options.stations,
            "frames_apart": options.frames_apart,
            "tls": options.tls,
            "plain": options.plain,
            "solved": options.solved,
            "satellites": round(float(network.positioning.used.mean()), 1),
            "stations_solved": int((network.positioning.status == SOLVED).sum()),
            "seconds": round(took_s, 2),
            "cpu_fraction": round(cpu_s / took_s, 4),
            "us_per_epoch": round(cpu_s / sum(len(t.epochs.station) for _, t in counted) * 1e6, 1),
            "loop_lag_p99_s": round(float(np.quantile(late or [took_s], 0.99)), 4),
            "loop_lag_max_s": round(max(late, default=took_s), 4),
            "rss_bytes": rss(),
            "per_station_bytes": (rss() - before) // max(1, options.stations),
            "streams_up": up(network),
            "up_after_s": round(up_s, 1),
            "frames_per_s": round((network.tally.messages.sum() - frames) / took_s),
            "missing_epochs": sum(stream.account.missing for stream in network.streams) - missing,
            "blind_s": network.blind_ns / 1e9,
            "first_scrape_cpu_s": round(scrape_s, 3),
            "scrape_lines": lines,
        }
        if asked is not None:
            result["asked"] = asked
        if recorder is not None and bytes_before is not None:
            recorded = recorder.told()
            grown = sum(recorded.written.values()) - sum(bytes_before.written.values())
            result |= {
                "files_open": files_open(folder),
                "written_bytes_per_s": round(grown / took_s),
                "waiting_bytes": recorded.waiting_bytes,
                "dropped_bytes": sum(recorded.dropped.values()),
            }
    if options.profile:
        profile.dump_stats(options.profile)
    return result, counted


def latencies(counted: list[tuple[int, Tick]], written: np.ndarray) -> np.ndarray:
    """Seconds from an epoch's last byte to its being counted."""
    when = {(gps_ms, station): ns for gps_ms, station, ns in written.tolist()}
    found = []
    for counted_ns, tick in counted:
        for station, gps_ms in zip(tick.epochs.station.tolist(), tick.epochs.time_ms.tolist(), strict=True):
            if (gps_ms, station) in when:
                found.append((counted_ns - when[gps_ms, station]) / 1e9)
    return np.array(found)


def certificate(folder: Path) -> list[str]:
    """A certificate for localhost, believed by this process."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split()
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    os.environ["SSL_CERT_FILE"] = str(cert)
    return ["--tls", str(cert), str(key)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--frames-apart", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument(
        "--solved",
        action="store_true",
        help="streams of a simulated province, with ephemerides, to be positioned",
    )
    parser.add_argument(
        "--all-satellites",
        action="store_true",
        help="with --solved: of a station all some 56 above 5 degrees, not 40",
    )
    parser.add_argument("--pages", action="store_true", help="somebody looks at pages and scrapes meanwhile")
    parser.add_argument("--plain", action="store_true", help="without positions and quality of signals")
    parser.add_argument("--starts", type=float, default=400.0, help="connections begun a second")
    parser.add_argument("--profile", metavar="FILE", help="write a profile of the time measured")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "written.npy"
        recordings = Path(folder) / "recordings" if options.record else None
        command = [sys.executable, str(HERE / "live_feeder.py"), "--stations", str(options.stations)]
        command += ["--written", str(written)]
        command += ["--frames-apart"] * options.frames_apart + ["--solved"] * options.solved
        command += ["--all-satellites"] * options.all_satellites
        command += certificate(Path(folder)) if options.tls else []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as feeder:
            try:
                result, counted = asyncio.run(measure(options, int(feeder.stdout.readline()), recordings))
            finally:
                feeder.stdin.close()
                feeder.wait(30)
        found = latencies(counted, np.load(written))
    result["epochs"] = len(found)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        result[f"arrival_to_metric_{name}_s"] = round(float(np.quantile(found, share)), 4)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
