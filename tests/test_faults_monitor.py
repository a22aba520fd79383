"""The monitor itself under stress: no file handles, bad reloads, a second daemon, an odd host."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
from daemon_process import RUN, casting, configure, epochs, running
from waiting import until
from watching import T0
from wire import epoch

HANDLES = 64
FEW = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({HANDLES}, {HANDLES}));" + RUN
RECEIVED = 'hncors_epochs_received_total{station="A"}'
MIB = 1 << 20


async def test_p09_no_file_handles_left(tmp_path: Path) -> None:
    """Streams keep their connections, pages answer again at once, and it is counted and said once."""
    async with casting(A=epochs) as caster:
        config = configure(tmp_path, caster.port, "A", more='[ledger]\nfile = "ledger.sqlite3"\n')
        async with running(config, code=FEW) as daemon:
            await until(lambda: _streaming(daemon))
            (before,) = await daemon.metrics(RECEIVED)
            host, port = str(daemon.session._base_url).removeprefix("http://").strip("/").split(":")
            held = []
            try:
                daemon.process.send_signal(signal.SIGSTOP)  # so that all are there when it looks
                for _ in range(400):
                    one = socket.socket()
                    one.setblocking(False)
                    held.append(one)
                    one.connect_ex((host, int(port)))
                await asyncio.sleep(0.2)
                daemon.process.send_signal(signal.SIGCONT)
                await until(lambda: any("connections wait" in line for line in daemon.log))
                fresh = aiohttp.ClientSession(f"http://{host}:{port}")
                async with asyncio.timeout(10), fresh, fresh.get("/healthz") as told:
                    assert told.status == 200
            finally:
                for one in held:
                    one.close()
            failures, after = await daemon.metrics("hncors_accept_failures_total", RECEIVED)
            assert 1 <= failures <= 12
            assert after > before
            assert await daemon.states() == {"A": "streaming"}
            assert caster.begun == {"A": 1}
            said = [line for line in daemon.log if "connections wait" in line]
            assert said == [
                "ERROR connections wait: Too many open files (LimitNOFILE=); streams that there are go on\n"
            ]
            assert not any("Traceback" in line for line in daemon.log)


async def _streaming(daemon: object) -> bool:
    return set((await daemon.states()).values()) == {"streaming"}  # type: ignore[attr-defined]


async def test_p04_reloads_of_what_cannot_be_used(tmp_path: Path) -> None:
    """Each is refused as a whole: streams keep their connections, the metric says so, the old one stays."""
    async with casting(A=epochs) as caster:
        config = configure(tmp_path, caster.port, "A")
        good, station = config.read_bytes(), tmp_path / "stations/A.toml"
        kept = station.read_bytes()
        async with running(config) as daemon:
            await until(lambda: _streaming(daemon))
            bad = {
                config: (b"", b"\x00" * MIB, b"\xff\xfe", b"[" * MIB, good + b"x = 1\n" * 100_000),
                station: (b"", b'id = "A"\n', kept + b"#" + b"x" * 20 * MIB + b"\nrate_hz = 1\n"),
            }
            refused = 0
            for file, texts in bad.items():
                before = file.read_bytes()
                for text in texts:
                    file.write_bytes(text)
                    daemon.process.send_signal(signal.SIGHUP)
                    refused += 1
                    await until(lambda n=refused: len(_refusals(daemon.log)) == n, 20)
                    assert await daemon.metrics("hncors_config_last_reload_successful") == [0]
                file.write_bytes(before)
            (tmp_path / "stations").rename(tmp_path / "gone")
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: len(_refusals(daemon.log)) == refused + 1)
            (tmp_path / "gone").rename(tmp_path / "stations")
            assert await daemon.states() == {"A": "streaming"}
            assert caster.begun == {"A": 1}
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: any("configuration_reloaded" in line for line in daemon.log))
            assert await daemon.metrics("hncors_config_last_reload_successful") == [1]
            assert caster.begun == {"A": 1}
            assert not any("Traceback" in line for line in daemon.log)


def _refusals(log: list[str]) -> list[str]:
    return [line for line in log if "nothing is changed" in line]


async def test_p19_a_second_daemon_on_the_same_ledger(tmp_path: Path) -> None:
    """It ends with status 2 and says why; the first does not notice, and one after its end may."""
    async with casting(A=epochs) as caster:
        config = configure(tmp_path, caster.port, "A", more='[ledger]\nfile = "ledger.sqlite3"\n')

        async def another() -> tuple[int | None, str]:
            second = await asyncio.create_subprocess_exec(
                sys.executable, "-c", RUN, str(config), stderr=subprocess.PIPE
            )
            _, said = await asyncio.wait_for(second.communicate(), 20)
            return second.returncode, said.decode()

        async with running(config) as daemon:
            await until(lambda: _streaming(daemon))
            status, said = await another()
            assert status == 2
            (line,) = said.splitlines()
            assert line.startswith(f"{config}: ledger.file = ") and "another daemon keeps this one" in line
            assert await daemon.metrics("hncors_ledger_up") == [1]
            assert await daemon.states() == {"A": "streaming"}
            daemon.process.kill()  # its lock does not outlive it
            await daemon.process.wait()
        async with running(config) as daemon:
            assert await daemon.metrics("hncors_ledger_up") == [1]


def test_p20_an_odd_time_zone_language_and_encoding(tmp_path: Path) -> None:
    """A replay of the same bytes is the same to the byte, words of stations in Chinese with it."""
    (tmp_path / "stations").mkdir()
    text = 'id = "A"\nname = "长沙岳麓"\nlink = "tcp://127.0.0.1:1"\nrate_hz = 1.0\n'
    (tmp_path / "stations/A.toml").write_text(text, encoding="utf-8")
    (tmp_path / "any.toml").write_text('stations = "stations"\n', encoding="utf-8")
    data = b"".join(b"".join(epoch(T0 + 1000 * n)) for n in range(30))
    (tmp_path / "A.rtcm3").write_bytes(data)
    odd = (
        {"TZ": "UTC", "LC_ALL": "C.UTF-8"},
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"TZ": "America/St_Johns", "LC_ALL": "zh_CN.GBK", "PYTHONIOENCODING": "gbk"},
        {"TZ": "Asia/Shanghai", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    plain = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    came = []
    for number, host in enumerate(odd):
        out = tmp_path / f"out{number}"
        done = subprocess.run(
            [
                sys.executable, "-m", "hncors", "replay", "A.rtcm3", "-c", "any.toml",
                "--out", str(out), "--json",
            ],
            cwd=tmp_path, env={**plain, **host}, capture_output=True, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr and done.returncode == 0, done.stderr
        came.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert {"metrics.prom", "events.jsonl", "epochs.csv", "summary.json"} <= set(came[0])
    for other in came[1:]:
        assert other == came[0]


def test_p20_lines_of_the_log_wherever_the_host_writes_them(tmp_path: Path) -> None:
    """Chinese in the log of a daemon in a C locale is no fault of it."""
    config = tmp_path / "any.toml"
    config.write_text('stations = "站点"\n', encoding="utf-8")
    for host in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(config)],
            env={**os.environ, **host},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr and done.stderr.count(b"\n") == 1
