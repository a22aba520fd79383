"""What a daemon recorded, replayed: the same events and metrics, to the byte.

The daemon's own links, pulse and recorder in virtual time, against a caster that does as scripts say.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from scripted_caster import EPOCH_NS, HOLD, ICY, OK, RESET, Pieces, ScriptedCaster, Step, now_s, virtual
from virtual_daemon import epochs
from wire import epoch, framed

from hncors import cli_replay
from hncors.cli_recordings import prepare
from hncors.daemon.clock import Clock
from hncors.daemon.links import Links
from hncors.daemon.pulse import Pulse
from hncors.daemon.record_folder import RecordFolder
from hncors.daemon.recorder import Recorder
from hncors.daemon.secrets import Secrets
from hncors.gpstime import from_unix_ns
from hncors.health import Event
from hncors.network import Chunk, Network
from hncors.network_changes import resume
from hncors.registry import Station
from hncors.settings import Links as Waits
from hncors.settings import Settings
from hncors.version import VERSION
from hncors.view.exposition import Writer
from hncors.view.metrics import families
from hncors.view.replay_files import event_lines


class Run:
    """A run of the daemon that records, and what it told at its end."""

    def __init__(self, folder: Path, stations: list[Station]) -> None:
        self.events: list[Event] = []
        self.network = Network(stations)
        self.recorder = Recorder(RecordFolder(folder), quota_bytes=10**9, retention_days=1000)
        self.stations = stations

    @property
    def metrics(self) -> bytes:
        return Writer().render(families(self.network, VERSION))

    @property
    def lines(self) -> str:
        return "".join(event_lines(self.events))


@contextlib.asynccontextmanager
async def recording(folder: Path, *stations: Station) -> AsyncIterator[Run]:
    """As hncors.daemon.service runs its parts, in virtual time."""

    def now_ns() -> int:
        return EPOCH_NS + round(now_s() * 1e9)

    run = Run(folder, list(stations))
    clock = Clock(now_ns, now_ns, now_ns)
    pulse = Pulse(run.network, 0.25, run.events.append, clock=clock, ticking=run.recorder.tick)
    settings = Settings(stations="none", links=Waits(own_casters=["127.0.0.1"]))
    links = Links(
        settings,
        stations,
        run.network,
        clock=clock,
        secrets=Secrets(),
        report=pulse.report,
        recorder=run.recorder,
    )
    async with asyncio.TaskGroup() as group:
        begin_ns = clock.now_ns() // 1_000_000 * 1_000_000
        before_ns = run.recorder.begin(begin_ns)
        if before_ns:
            pulse.report(resume(run.network, before_ns, begin_ns))
        links.group = group
        await links.follow(stations)
        running = [group.create_task(pulse.run()), group.create_task(run.recorder.run())]
        try:
            yield run
        finally:
            for task in running:
                task.cancel()
            links.stop()
    pulse.tick()
    run.recorder.close()


def stormy(number: int) -> Iterator[Step]:
    """The n-th connection: frames among other bytes, damage, a rest that is cut off, then its end."""
    chance = random.Random(number)
    yield ICY if number % 2 else OK
    for _ in range(chance.randrange(5, 40)):
        yield 1.0 - now_s() % 1.0 + chance.uniform(0, 0.3)
        frames = epoch(round(from_unix_ns(EPOCH_NS) + now_s() // 1 * 1000))
        if chance.random() < 0.2:
            frames.insert(1, chance.choice([b"\xd3\x03\xff", b"$GPGGA*00\r\n", framed(b"\xff\xf0")]))
        if chance.random() < 0.1:
            frames[2] = frames[2][:-1] + b"?"
        for frame in frames:
            yield frame
            if chance.random() < 0.3:
                yield chance.uniform(0, 0.15)
    yield epoch(round(from_unix_ns(EPOCH_NS) + now_s() * 1000))[0][:17]
    if number % 3 == 0:
        yield RESET


def quiet() -> Iterator[Step]:
    """Goes silent for 40 s, and on."""
    yield ICY
    yield from epochs(60)
    yield 40.0
    yield from epochs(3000)


def province(caster: dict[str, ScriptedCaster]) -> list[Station]:
    return [
        Station(name, one.link(), rate_hz=None if name == "STORMY" else 1.0, gga=False)
        for name, one in caster.items()
    ]


SCRIPTS = {
    "QUIET": lambda number: quiet(),
    "STORMY": stormy,
    "WRONG": lambda number: [b"HTTP/1.1 401 Unauthorized\r\n\r\n"],
    "PORTAL": lambda number: [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"],
    "NOISE": lambda number: [ICY, *([b"no frame at all " * 40, 1.0] * 500)],
}


async def stormy_hours(folder: Path, seconds: float) -> Run:
    async with contextlib.AsyncExitStack() as stack:
        casters = {}
        for name, script in SCRIPTS.items():
            caster = ScriptedCaster(script)
            casters[name] = await stack.enter_async_context(caster)
        stations = [*province(casters), Station("OFF", "tcp://127.0.0.1:1", enabled=False)]
        stations.insert(2, Station("GONE", "tcp://127.0.0.1:1", rate_hz=1.0))
        async with recording(folder, *stations) as run:
            await asyncio.sleep(seconds)
    return run


def replay(folder: Path, out: Path, chunk_size: int = 1 << 20) -> tuple[list[str], list[str]]:
    """Events and metrics, as lines."""
    more = {"config": None, "speed": None, "nav": [], "time_text": None, "as_json": True}
    cli_replay.command([str(folder)], out=out, chunk_size=chunk_size, **more)
    return tuple((out / name).read_text().splitlines() for name in ("events.jsonl", "metrics.prom"))


def test_a_replay_tells_what_the_daemon_told(tmp_path: Path) -> None:
    """Across a full hour, with reconnections, silence, noise, a wrong password, a portal, nobody there."""
    lived: list[Run] = []
    folder = tmp_path / "recordings"

    @virtual
    async def live() -> None:
        await asyncio.sleep(1700)  # from half past on
        lived.append(await stormy_hours(folder, 170.0))

    live()
    (run,) = lived
    told = {(event.station, event.detail.get("to")) for event in run.events if event.kind == "state"}
    assert {("QUIET", "stalled"), ("STORMY", "backoff"), ("NOISE", "no_frames")} <= told
    assert {("WRONG", "auth_failed"), ("PORTAL", "not_ntrip"), ("GONE", "unreachable")} <= told
    assert {event.kind for event in run.events} >= {"state", "epochs_missing"}
    assert len(list(folder.glob("network_*.ticks"))) == 2
    for chunk_size in (1 << 20, 7):
        events, metrics = replay(folder, tmp_path / f"out{chunk_size}", chunk_size)
        assert events == run.lines.splitlines()
        assert metrics == run.metrics.decode().splitlines()


def test_a_replay_of_real_streams(recordings: Path, tmp_path: Path) -> None:
    """With observations, ephemerides and places of receivers, cut without regard to frames."""
    names = ("stromlo-netr9-22min.rtcm3", "hiroshima-7systems-60s.rtcm3")
    sent = [(recordings / "streams" / name).read_bytes()[:60_000] for name in names]
    folder, lived = tmp_path / "recordings", list[Run]()

    @virtual
    async def live() -> None:
        async with contextlib.AsyncExitStack() as stack:
            stations = []
            for number, data in enumerate(sent):
                caster = ScriptedCaster([ICY, Pieces(data, 1500 + 7 * number, 0.37), HOLD])
                await stack.enter_async_context(caster)
                stations.append(Station(f"REAL{number}", caster.link(), rate_hz=1.0))
            async with recording(folder, *stations) as run:
                await asyncio.sleep(20.0)
            lived.append(run)

    live()
    events, metrics = replay(folder, tmp_path / "out")
    assert len(events) > 5 and any(line.startswith("hncors_position") for line in metrics)
    assert events == lived[0].lines.splitlines()
    assert metrics == lived[0].metrics.decode().splitlines()


def test_a_replay_of_several_runs(tmp_path: Path) -> None:
    """Counts add up, links begin anew, and the time in between was blind."""
    runs: list[Run] = []
    folder = tmp_path / "recordings"

    @virtual
    async def live() -> None:
        async with ScriptedCaster(lambda number: itertools.chain([ICY], epochs(1000))) as caster:
            for _ in range(3):
                async with recording(folder, Station("A", caster.link(), rate_hz=1.0)) as run:
                    await asyncio.sleep(30.0)
                runs.append(run)
                await asyncio.sleep(100.0)

    live()
    events, metrics = replay(folder, tmp_path / "out")
    # Only a replay of all can know that an epoch which a run was ended in is missing.
    known = [line for line in events if '"epochs_missing"' not in line]
    assert known == [line for run in runs for line in run.lines.splitlines()]
    assert len(events) - len(known) == 2
    assert sum('"monitor_blind"' in line for line in events) == 2

    def total(name: str) -> float:
        return sum(
            float(line.rpartition(" ")[2])
            for run in runs
            for line in run.metrics.decode().splitlines()
            if line.startswith(f"{name}{{")
        )

    played = dict(line.rsplit(" ", 1) for line in metrics if not line.startswith("#"))
    for name in ("hncors_stream_received_bytes_total", "hncors_stream_junk_bytes_total"):
        assert float(played[f'{name}{{station="A"}}']) == total(name)
    assert float(played['hncors_epochs_received_total{station="A"}']) >= total("hncors_epochs_received_total")
    assert float(played["hncors_monitor_blind_seconds_total"]) == pytest.approx(200, abs=1)


# --- files that are cut off ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station with three epochs in three writes, news before, within and after, and ticks."""
    folder = tmp_path_factory.mktemp("small")
    recorder = Recorder(RecordFolder(folder), quota_bytes=10**9, retention_days=1000)
    recorder.begin(EPOCH_NS)
    recorder.watch({"A": 1.0}, EPOCH_NS)
    times = [from_unix_ns(EPOCH_NS) + 1000 * n for n in range(3)]
    for number, time_ms in enumerate(times):
        at_ns = EPOCH_NS + number * 1_000_000_000
        recorder.note(Chunk("A", b"", at_ns + 100_000_000, "backoff" if number % 2 else "connected", "a b c"))
        recorder.note(Chunk("A", b"".join(epoch(time_ms)[:1]), at_ns + 200_000_000))
        recorder.tick(at_ns + 250_000_000)
    recorder.close()
    return folder


ENDINGS = ("A_*.rtcm3", "A_*.tag", "A_*.jsonl", "network_*.ticks")


@pytest.mark.parametrize("name", ENDINGS)
def test_a_file_that_is_cut_off_anywhere_replays_what_is_whole(
    small: Path, tmp_path: Path, name: str
) -> None:
    """At every byte: no exception, every byte that is there is counted once, and it is told what is not."""
    folder = Path(shutil.copytree(small, tmp_path / "cut"))
    (path,) = folder.glob(name)
    whole = path.read_bytes()
    (data,) = folder.glob("A_*.rtcm3")
    for size in range(len(whole) - 1, -1, -1):
        os.truncate(path, size)
        plan = prepare([folder])
        (era,) = plan.eras()
        ticks = list(era.play())
        (stream,) = era.network.streams
        there = size if path == data else data.stat().st_size
        assert stream.bytes()["received"] == there
        assert sum(tick.epochs.time_ms.size for tick in ticks) <= 3
        seen = whole[:size].count(b"\n")
        if path.suffix == ".jsonl":
            assert sum(len(source.news) for source in era.sources) == seen
        if path.suffix == ".ticks":
            assert era.network.ticks >= seen - 2
        if size and whole[size - 1 : size] != b"\n":
            assert plan.problems, size
