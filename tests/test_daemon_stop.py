"""A daemon that is stopped for a while, and one that is told to end: as processes of their own."""

import asyncio
import contextlib
import os
import pty
import signal
import sys
import time

import pytest
from daemon_process import NOTHING, REFUSE, RUN, Manager, casting, configure, epochs, now_ms, running, times
from waiting import until
from wire import epoch

STOPPED_S = 6.0  # more than the five seconds that a tick may be late by
# getaddrinfo that hangs stands for a resolver that does: it runs in a thread, which nothing can interrupt.
SLOW_NAMES = (
    "import socket, time; asked = socket.getaddrinfo\n"
    "slow = lambda host, *a, **k: time.sleep(60) if host == 'slow.example' else asked(host, *a, **k)\n"
    "socket.getaddrinfo = slow\n"
)


async def test_t08_a_process_that_was_stopped_was_blind_and_no_station_was_away(tmp_path):
    """SIGSTOP: what came meanwhile is read afterwards; what was due and is lost is blind, not missing."""
    on = asyncio.Event()
    on.set()

    async def holding_its_breath(reader, writer):
        """Nothing is sent, and lost, while the daemon is stopped."""
        writer.write(b"ICY 200 OK\r\n")
        async for at_ms in times():
            if on.is_set():
                writer.write(b"".join(epoch(at_ms)))

    async with (
        casting(STEADY=epochs, BREATH=holding_its_breath) as caster,
        running(configure(tmp_path, caster.port, "STEADY", "BREATH")) as daemon,
    ):

        async def both_stream() -> bool:
            return set((await daemon.states()).values()) == {"streaming"}

        await until(both_stream)
        await asyncio.sleep(1.5)  # so that the interval is believed
        daemon.process.send_signal(signal.SIGSTOP)
        on.clear()
        await asyncio.sleep(STOPPED_S)
        on.set()
        daemon.process.send_signal(signal.SIGCONT)
        await until(lambda: any("monitor_blind" in line for line in daemon.log))
        names = [
            f'hncors_epochs_{count}_total{{station="{station}"}}'
            for station in ("STEADY", "BREATH")
            for count in ("expected", "received", "blind")
        ]

        async def accounted() -> bool:
            return (await daemon.metrics(names[-1]))[0] > 0

        await until(accounted)
        _, _, steady, expected, received, blind = await daemon.metrics(*names)
        assert 20 <= blind <= 32  # 5 Hz
        assert expected == received + blind
        assert not steady > 0
        assert await both_stream()
        (seconds,) = await daemon.metrics("hncors_monitor_blind_seconds_total")
        assert STOPPED_S - 0.5 <= seconds <= STOPPED_S + 3
        lag = await daemon.metrics(
            "hncors_loop_lag_max_seconds", 'hncors_tick_lag_seconds_bucket{le="5.0"}',
            'hncors_tick_lag_seconds_bucket{le="+Inf"}',
        )  # fmt: skip
        assert lag[0] > STOPPED_S - 0.5
        assert lag[2] > lag[1]
        told = [line for line in daemon.log if ": state: " in line or "missing" in line]
        assert len(told) == 2, told  # each came up once
        assert caster.begun == {"STEADY": 1, "BREATH": 1}


@pytest.mark.parametrize("slow_names", [False, True])
async def test_p03_sigterm_in_every_state_of_a_link(tmp_path, slow_names):
    """Connecting, asking, streaming, refused, reading a port, playing, resolving: status 0 within 5 s."""
    master, slave = pty.openpty()
    (tmp_path / "long.rtcm3").write_bytes(b"".join(epoch(now_ms())) * 100)
    async with casting(STREAM=epochs, SILENT=NOTHING, REFUSED=REFUSE) as caster:
        config = configure(tmp_path, caster.port, "STREAM", "SILENT", "REFUSED")
        links = {
            "TLS": f"ntrips://127.0.0.1:{caster.port}/STREAM",
            "PORT": f"serial://{os.ttyname(slave)}",
            "FILE": f"file://{tmp_path}/long.rtcm3",
            "NOWHERE": "tcp://127.0.0.1:1",
        }
        if slow_names:
            links["NAME"] = "tcp://slow.example:2101"
        for name, link in links.items():
            text = f'id = "{name}"\nlink = "{link}"\n'
            (tmp_path / f"stations/{name}.toml").write_text(text, encoding="utf-8")
        async with running(config, SLOW_NAMES + RUN if slow_names else RUN) as daemon:

            async def everywhere() -> bool:
                states = await daemon.states()
                return states["STREAM"] == "streaming" and states["REFUSED"] == "auth_failed"

            await until(everywhere)
            _, writer = await asyncio.open_connection(
                daemon.session._base_url.host, daemon.session._base_url.port
            )
            writer.write(b"GET /metrics HTTP/1.1\r\n")  # and never the rest
            async with daemon.session.get("/readyz") as response:
                assert response.status == 200
            begun_s = time.monotonic()
            daemon.process.send_signal(signal.SIGHUP)  # and while it reloads
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(daemon.process.wait(), 8)
            assert time.monotonic() - begun_s < 5
            assert daemon.process.returncode == 0
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        assert caster.ended["STREAM"] == 1
        assert "INFO ended\n" in daemon.log
        assert not any("Traceback" in line for line in daemon.log)
    os.close(master)
    os.close(slave)


async def test_p03_sigterm_at_any_moment_of_the_start(tmp_path):
    """From when the program's own first line runs on, the status is 0."""
    config = configure(tmp_path, 1, "A")
    code = (
        "import os, signal, sys; from hncors import cli; sys.argv[1:1] = ['run', '-c']; {imports}\n"
        "def kill(real):\n"
        "    def call(*a, **k):\n"
        "        os.kill(os.getpid(), signal.SIGTERM); return real(*a, **k)\n"
        "    return call\n"
        "setattr({where}, {what!r}, kill(getattr({where}, {what!r})))\n"
        "cli.main()"
    )
    for where, what in (
        ("cli", "plain_inspect"),
        ("configuration", "load"),
        ("service", "serve"),
        ("service.Links", "follow"),
    ):
        imports = "" if where == "cli" else "from hncors.daemon import configuration, service"
        command = code.format(where=where, what=what, imports=imports)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", command, str(config), stderr=asyncio.subprocess.PIPE
        )
        _, log = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0, (where, log)
        assert b"Traceback" not in log


HANGING = (
    "import time; from hncors.network import Network; real = Network.begin_tick\n"
    "def begin_tick(self, now_ns, **more):\n"
    "    if self.ticks > 20: time.sleep(60)\n"
    "    return real(self, now_ns, **more)\n"
    "Network.begin_tick = begin_tick\n"
)


async def test_a_tick_that_hangs_feeds_no_watchdog(tmp_path):
    """systemd would start the daemon again; here the socket falls silent."""
    manager = Manager(tmp_path)
    env = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"}
    async with running(configure(tmp_path, 1, "A"), HANGING + RUN, env):
        await until(lambda: manager.listen().count("WATCHDOG=1") >= 5)
        quiet = 0
        async with asyncio.timeout(15):
            while quiet < 10:  # a second is five times what the watchdog gives
                heard = len(manager.listen())
                await asyncio.sleep(0.1)
                quiet = quiet + 1 if len(manager.listen()) == heard else 0
    assert manager.heard[0] == "READY=1"
    manager.socket.close()
