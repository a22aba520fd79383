"""The whole daemon in one process and as a process of its own, against a caster on loopback."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time

import aiohttp
import pytest
from waiting import until

from hncors.daemon import caster_client, links, service
from hncors.daemon.pulse import Pulse
from hncors.network import Network
from hncors.registry import Station
from hncors.settings import Settings

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")
PASSWORD = "canary-geheim"
SETTINGS = Settings.model_validate({"stations": "s", "tick_s": 0.05, "web": {"listen": "127.0.0.1:0"}})


@contextlib.asynccontextmanager
async def caster():
    """Sends frames to whoever gives the right password, and 401 to others."""
    tasks = []

    async def serve(reader, writer):
        tasks.append(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            if b"Authorization: Basic bW9uaXRvcjpjYW5hcnktZ2VoZWlt\r\n" in asked:  # printf ... | base64
                writer.write(b"ICY 200 OK\r\n" + FRAME * 3)
                await reader.read()
            else:
                writer.write(b"HTTP/1.0 401 Unauthorized\r\n\r\n")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)


def stations(folder, port: int) -> list[Station]:
    (folder / "right").write_text(PASSWORD + "\n", encoding="utf-8")
    (folder / "wrong").write_text("another\n", encoding="utf-8")
    link, file = f"ntrip://127.0.0.1:{port}/A", str(folder / "s.toml")
    return [
        Station(id="GOOD", link=link, user="monitor", password_file="right", file=file),
        Station(id="WRONG", link=link, user="monitor", password_file="wrong", file=file),
        Station(id="OFF", link=link, enabled=False),
        Station(id="FILE", link=f"file://{folder}/none.rtcm3"),
    ]


async def states(session: aiohttp.ClientSession) -> dict[str, str]:
    async with session.get("/api/v1/stations") as response:
        return {line["id"]: line["state"] for line in await response.json()}


@contextlib.asynccontextmanager
async def running(watched: list[Station]):
    """The daemon in this process; gives a session with its pages."""
    address = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(service.run(SETTINGS, watched, ready=address.set_result))
    try:
        await asyncio.wait({task, address}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        async with aiohttp.ClientSession(address.result()) as session:
            yield session
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_links_of_every_kind_feed_one_network(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    expected = {"GOOD": "connecting", "WRONG": "auth_failed", "OFF": "disabled", "FILE": "unreachable"}
    async with caster() as port, running(stations(tmp_path, port)) as session:

        async def as_expected() -> bool:
            return await states(session) == expected

        await until(as_expected)
        async with session.get("/api/v1/stations/GOOD") as response:
            good = await response.json()
        assert good["messages"] == {"1005": 3}
        assert "waiting for the first epoch" in good["why"]
        async with session.get("/metrics") as response:
            text = await response.text()
        assert 'hncors_rtcm_messages_total{station="GOOD",type="1005"} 3.0' in text
        assert 'hncors_stream_state{state="disabled",station="OFF"} 1.0' in text
    said = caplog.text + text
    assert PASSWORD not in said
    assert "Y2FuYXJ5" not in said  # the same in base64


async def test_p01_a_fault_in_one_link_leaves_the_others(tmp_path, monkeypatch):
    """It is tried again with growing waits, counted, and an event after three in a row."""
    real = caster_client.follow
    monkeypatch.setattr(links, "RESTART_FIRST_S", 0.02)

    async def follow(station, shared):
        if station.id == "WRONG":
            raise ZeroDivisionError(PASSWORD)
        await real(station, shared)

    monkeypatch.setattr(caster_client, "follow", follow)
    async with caster() as port, running(stations(tmp_path, port)) as session:

        async def broken() -> bool:
            return (await states(session))["WRONG"] == "protocol_error"

        await until(broken)
        async with session.get("/api/v1/stations/WRONG") as response:
            assert (await response.json())["why"] == "fault in the monitor: ZeroDivisionError"
        async with session.get("/healthz") as response:
            assert response.status == 200

        async def told() -> list[dict[str, object]]:
            async with session.get("/api/v1/events") as response:
                return [one for one in await response.json() if one["kind"] == "monitor_fault"]

        await until(told)
        (event,) = await told()
        assert (event["station"], event["detail"]) == (
            "WRONG",
            {"fault": "ZeroDivisionError", "times": 3},
        )
        assert (await states(session))["GOOD"] == "connecting"
        async with session.get("/metrics") as response:
            text = await response.text()
        assert 3 <= float(text.partition('link_faults_total{station="WRONG"} ')[2].split()[0]) <= 8
        assert 'link_faults_total{station="GOOD"}' not in text


async def test_p01_a_fault_in_a_tick_feeds_no_watchdog_and_ends_nothing(monkeypatch, caplog):
    network, events, beats = Network([]), [], []
    pulse = Pulse(network, 0.05, events.append, beat=lambda: beats.append(1))
    pulse.tick()
    real = network.begin_tick

    def broken(now_ns, **_):
        raise ZeroDivisionError

    monkeypatch.setattr(network, "begin_tick", broken)
    for _ in range(10):
        pulse.tick()
    assert len(beats) == 1
    assert [(event.kind, event.detail["times"]) for event in events] == [("monitor_fault", 3)]
    assert caplog.text.count("Traceback") == 3
    assert pulse.process().tick_faults == 10
    monkeypatch.setattr(network, "begin_tick", real)
    pulse.tick()
    assert len(beats) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_daemon_and_its_connections(tmp_path, number):
    async with caster() as port:
        config = tmp_path / "any.toml"
        config.write_text('stations = "stations"\nweb.listen = "127.0.0.1:0"\n', encoding="utf-8")
        (tmp_path / "stations").mkdir()
        (tmp_path / "stations/p").write_text(PASSWORD, encoding="utf-8")
        (tmp_path / "stations/A.toml").write_text(
            f'id = "A"\nlink = "ntrip://127.0.0.1:{port}/A"\nuser = "monitor"\npassword_file = "p"\n',
            encoding="utf-8",
        )
        code = (
            "import sys; from pathlib import Path; from hncors.daemon.service import main;"
            "sys.exit(main(Path(sys.argv[1])))"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            str(config),
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            log = b""
            async with asyncio.timeout(15):
                while b"pages and metrics at" not in log:
                    log += await process.stderr.readline()
            await asyncio.sleep(0.5)
            begun_s = time.monotonic()
            process.send_signal(number)
            out, rest = await asyncio.wait_for(process.communicate(), 5)
            assert time.monotonic() - begun_s < 5
            assert process.returncode == 0
            log += rest + out
            assert b"ended" in log
            assert b"Traceback" not in log
            assert PASSWORD.encode() not in log
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    # leaving the caster's block proves that the daemon closed its connection


def test_a_bad_configuration_is_status_2_with_every_problem(tmp_path, capsys):
    config = tmp_path / "any.toml"
    config.write_text("tick_s = 0\n", encoding="utf-8")
    assert service.main(config) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{config}: stations: missing: expected the folder of station files, relative to this file",
        f"{config}: tick_s = 0: expected a number from 0.05 to 5",
    ]


async def test_an_address_that_is_taken(tmp_path):
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings.model_validate({"stations": "s", "web": {"listen": f"127.0.0.1:{port}"}})
    try:
        with pytest.raises(service.CannotListen, match="expected an address that is free"):
            await service.run(settings, [])
    finally:
        server.close()
        await server.wait_closed()


async def test_p02_ticks_keep_their_distance_and_late_ones_are_not_made_up_for(monkeypatch):
    network = Network([])
    begun = []
    real = network.begin_tick
    monkeypatch.setattr(
        network, "begin_tick", lambda now_ns, **more: begun.append(now_ns) or real(now_ns, **more)
    )
    pulse = Pulse(network, 0.05, lambda event: None)
    task = asyncio.create_task(pulse.run())
    await asyncio.sleep(0.5)
    assert 5 <= len(begun) <= 11
    time.sleep(0.4)  # noqa: ASYNC251  holds the loop up on purpose
    await asyncio.sleep(0.01)
    assert pulse.lag_s > 0.3
    before = len(begun)
    await asyncio.sleep(0.2)
    assert len(begun) - before <= 5
    assert pulse.lag_s < 0.2
    process = pulse.process()
    assert process.tick_counts[-1] == len(begun)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_p01_a_fault_in_a_reload_is_told_and_ends_nothing(tmp_path, caplog):
    asked = []

    def load():
        asked.append(1)
        if len(asked) == 1:
            raise ZeroDivisionError
        return SETTINGS, []

    stop = asyncio.Event()
    task = asyncio.create_task(
        service.run(SETTINGS, stations(tmp_path, 1), load=load, ready=lambda address: stop.set())
    )
    await stop.wait()
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: "nothing is changed" in caplog.text)
    assert "ZeroDivisionError" in caplog.text
    caplog.set_level(logging.INFO)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: "removed 4" in caplog.text)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 5)
