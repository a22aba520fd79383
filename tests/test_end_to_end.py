"""The whole way with real programs: str2str's caster, the daemon as a process, Prometheus, PromQL.

Two stations: one sends a recording as it is, the other the same epochs as if they were of now, so that it
streams.  Expected numbers are counted in the bytes that were sent, by code of which the daemon has none.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from live_material import EXAMPLE_1005, at_time, bds3, cells, epochs, kind, satellites, scan, types
from waiting import until

from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.encode_msm import RawCells, RawSatellites, encode_raw

PASSWORD = "canary-geheim"
STEP_S = 0.2  # between epochs of the station that is of now
EPOCHS = 15
DAEMON = (sys.executable, "-m", "hncors", "run", "-c")
EPHEMERIDES = {1019, 1020, 1042, 1044, 1045, 1046, 1013}  # these tell the day: not to be put off to now


@pytest.fixture(scope="module")
def recording() -> bytes:
    """A real recording where there is one, else generated: GPS L1 C/A and BeiDou B1I, B1C, B2a."""
    real = Path(__file__).resolve().parents[2] / "shared/recordings/streams/alloy-bds3-33s.rtcm3"
    return real.read_bytes() if real.is_file() else generated()


def generated() -> bytes:
    chance = np.random.default_rng(2026)
    out = [EXAMPLE_1005]
    for number in range(EPOCHS):
        for message_type, first, signals, more in ((1077, 0, [1], True), (1127, 15, [1, 21, 29], False)):
            bit = np.arange(first, first + 9)
            none = np.zeros_like(bit)
            sky = RawSatellites(bit, none + 75, none, chance.integers(0, 1024, 9), none)
            where, which = np.repeat(bit, len(signals)), np.tile(signals, 9)
            none = np.zeros_like(where)
            noise = chance.integers(-1000, 1000, len(where))
            what = RawCells(where, which, noise, noise, none + 600, none, none + 700, none)
            header = Header(station_id=1, epoch_raw=432_000_000 + 1000 * number, more=more)
            out.append(frame(encode_raw(message_type, header, sky, what)))
    return b"".join(out)


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def program(*command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that is ended when the block is left, whatever happens."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 8)
            except TimeoutError:
                process.kill()
                await process.wait()


class Feeder:
    """A TCP server that str2str reads from; it sends what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.sent = b""
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._task = asyncio.current_task()
        self._writer = writer
        self._ready.set()
        await self._over.wait()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(self._ready.wait(), 20)
        self._writer.write(data)
        await self._writer.drain()
        self.sent += data

    async def end(self) -> None:
        self._over.set()
        if self._task is not None:
            await self._task


@contextlib.asynccontextmanager
async def caster(str2str: str, mountpoint: str, port: int, log: Path) -> AsyncIterator[Feeder]:
    """str2str as an NTRIP caster of one mountpoint, fed by the Feeder."""
    feeder = Feeder()
    server = await asyncio.start_server(feeder, "127.0.0.1", 0)
    source = f"tcpcli://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sink = f"ntripc://monitor:{PASSWORD}@:{port}/{mountpoint}:{mountpoint};{mountpoint};RTCM 3.2"
    try:
        async with program(str2str, "-in", source, "-out", sink, log=log):
            try:
                yield feeder
            finally:
                await feeder.end()
    finally:
        server.close()
        await server.wait_closed()


def configure(folder: Path, ports: dict[str, int], web: int) -> tuple[Path, Path]:
    """Configuration of the daemon and of Prometheus."""
    (folder / "stations").mkdir()
    (folder / "stations/caster.password").write_text(PASSWORD + "\n", encoding="utf-8")
    for station, port in ports.items():
        (folder / f"stations/{station}.toml").write_text(
            f'id = "{station}"\nlink = "ntrip://127.0.0.1:{port}/{station}"\n'
            'user = "monitor"\npassword_file = "caster.password"\n',
            encoding="utf-8",
        )
    config = folder / "any.toml"
    config.write_text(f'stations = "stations"\n[web]\nlisten = "127.0.0.1:{web}"\n', encoding="utf-8")
    scrape = folder / "prometheus.yml"
    scrape.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        f"- {{job_name: hncors, static_configs: [{{targets: ['127.0.0.1:{web}']}}]}}\n",
        encoding="utf-8",
    )
    return config, scrape


async def send_as_of_now(feeder: Feeder, recording: bytes) -> list[bytes]:
    """Send epochs one after the other, each at the time it says; the last one's frames."""
    kept = [frame for frame in scan(recording) if kind(frame) not in EPHEMERIDES]
    material = epochs(kept)
    for number in range(EPOCHS):
        due_ms = (time.time_ns() // 1_000_000 // 200 + 1) * 200
        await asyncio.sleep(due_ms / 1000 - time.time())
        last = [at_time(frame, due_ms) for frame in material[number % len(material)]]
        await feeder.send(b"".join(last))
    return last


@pytest.mark.peer("str2str", "prometheus")
async def test_recording_to_promql(recording, peer, tmp_path):
    ports = {"RAW": free_port(), "LIVE": free_port()}
    web, query_port = free_port(), free_port()
    config, scrape = configure(tmp_path, ports, web)
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        raw = await enter(caster(peer("str2str"), "RAW", ports["RAW"], tmp_path / "raw.log"))
        live = await enter(caster(peer("str2str"), "LIVE", ports["LIVE"], tmp_path / "live.log"))
        await enter(
            program(
                peer("prometheus"),
                f"--config.file={scrape}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{query_port}",
                log=tmp_path / "prometheus.log",
            )
        )
        daemon = await enter(program(*DAEMON, str(config), log=tmp_path / "daemon.log"))
        session = await enter(aiohttp.ClientSession())

        async def get(url: str) -> object:
            try:
                async with session.get(url) as response:
                    return await response.json() if response.status == 200 else None
            except aiohttp.ClientConnectionError:
                return None

        async def connected() -> bool:
            assert daemon.returncode is None, (tmp_path / "daemon.log").read_text()
            stations = await get(f"http://127.0.0.1:{web}/api/v1/stations") or []
            return [line["why"] for line in stations] == ["connected, waiting for the first epoch"] * 2

        async def query(promql: str) -> dict[tuple[str, ...], float]:
            """Values by the labels other than job and instance."""
            async with session.get(
                f"http://127.0.0.1:{query_port}/api/v1/query", params={"query": promql}
            ) as response:
                answer = await response.json()
            assert answer["status"] == "success", answer
            return {
                tuple(
                    value for name, value in sorted(row["metric"].items()) if name not in ("job", "instance")
                ): float(row["value"][1])
                for row in answer["data"]["result"]
            }

        async def by(metric: str, station: str, label: str) -> dict[tuple[str, ...], float]:
            return await query(f'sum by ({label}) ({metric}{{station="{station}"}})')

        await until(connected, within_s=20)
        await raw.send(recording)
        last = await send_as_of_now(live, recording)

        async def scraped() -> bool:
            counts = {s: sum((await by("hncors_rtcm_messages_total", s, "type")).values()) for s in ports}
            return counts == {"RAW": len(scan(raw.sent)), "LIVE": len(scan(live.sent))}

        await until(scraped, within_s=15)
        for station, sent in (("RAW", raw.sent), ("LIVE", live.sent)):
            expected = {(number,): count for number, count in types(sent).items()}
            assert await by("hncors_rtcm_messages_total", station, "type") == expected
            received = await query(f'hncors_stream_received_bytes_total{{station="{station}"}}')
            assert list(received.values()) == [len(sent)]
            frames = sum(map(len, scan(sent)))
            junk = await by("hncors_stream_junk_bytes_total", station, "station")
            assert junk == {(station,): len(sent) - frames}
        assert await by("hncors_satellites_tracked", "LIVE", "gnss") == {
            (s,): n for s, n in satellites(last).items()
        }
        beidou = await query('sum by (signal) (hncors_bds3_satellites_tracked{station="LIVE"}) > 0')
        assert beidou == {(s,): n for s, n in bds3(last).items()}
        assert await query("hncors_stream_up == 1") == {("hncors_stream_up", "LIVE"): 1}
        assert await query('hncors_stream_state{station="RAW"} == 1') == {
            ("hncors_stream_state", "stale_data", "RAW"): 1
        }
        assert await by("hncors_epochs_received_total", "LIVE", "station") == {("LIVE",): EPOCHS}
        observations = await by("hncors_observations_total", "LIVE", "station")
        assert observations == {("LIVE",): cells(scan(live.sent))}
    assert daemon.returncode == 0
    log = (tmp_path / "daemon.log").read_text(encoding="utf-8")
    assert PASSWORD not in log
    assert "Traceback" not in log
