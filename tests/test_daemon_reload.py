"""SIGHUP in a daemon that runs: what differs is changed, everything else does not notice."""

import os
import signal

from daemon_process import Manager, casting, configure, epochs, running
from waiting import until


async def test_n30_a_reload_applies_the_differences_and_a_bad_file_changes_nothing(tmp_path):
    manager = Manager(tmp_path, abstract=True)
    env = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "2000000"}
    names = ("KEEP", "MOVE", "GONE", "NEXT", "MOVED")
    async with casting(**dict.fromkeys(names, epochs)) as caster:
        config = configure(tmp_path, caster.port, "KEEP", "MOVE", "GONE")
        async with running(config, env=env) as daemon:

            async def streaming(*which: str) -> bool:
                return await daemon.states() == dict.fromkeys(which, "streaming")

            await until(lambda: streaming("KEEP", "MOVE", "GONE"))
            assert "READY=1" in manager.listen()
            received = 'hncors_epochs_received_total{station="%s"}'
            names = (received % "KEEP", received % "MOVE")
            began = await daemon.metric("hncors_config_last_reload_success_timestamp_seconds")
            before = await daemon.metrics(*names)

            configure(tmp_path, caster.port, "KEEP", "MOVE", "NEXT")
            move = tmp_path / "stations/MOVE.toml"
            text = move.read_text(encoding="utf-8").replace("/MOVE", "/MOVED")
            move.write_text(text, encoding="utf-8")
            keep = tmp_path / "stations/KEEP.toml"  # what is there to be read restarts nothing
            keep.write_text(keep.read_text(encoding="utf-8") + 'name = "长沙"\n', encoding="utf-8")
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: any("configuration_reloaded" in line for line in daemon.log))
            await until(lambda: streaming("KEEP", "MOVE", "NEXT"))
            assert dict(caster.begun) == {"KEEP": 1, "MOVE": 1, "GONE": 1, "NEXT": 1, "MOVED": 1}
            await until(lambda: caster.ended == {"MOVE": 1, "GONE": 1})  # N30
            assert 'station="GONE"' not in await daemon.get("/metrics")
            assert "长沙" in await daemon.get("/")
            after = await daemon.metrics(*names)
            assert after[0] >= before[0]  # untouched
            assert after[1] >= before[1]  # another link, the same station: its counts go on
            told = next(line for line in daemon.log if "configuration_reloaded" in line)
            assert "added 1, removed 1, restarted 1, untouched 1" in told
            reloaded = await daemon.metric("hncors_config_last_reload_success_timestamp_seconds")
            assert float(reloaded) > float(began)
            heard = manager.listen()
            at = next(place for place, message in enumerate(heard) if message.startswith("RELOADING=1"))
            assert "MONOTONIC_USEC=" in heard[at]
            assert "READY=1" in heard[at:]

            move.write_text('id = "MOVE"\nrate_hz = -1\n', encoding="utf-8")
            config.write_text('stations = "stations"\ntick_s = 0\n', encoding="utf-8")
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: any("nothing is changed" in line for line in daemon.log))
            refused = [line for line in daemon.log if line.startswith("ERROR configuration: ")]
            assert [line.partition(".toml: ")[2].split(":")[0] for line in refused] == [
                "tick_s = 0", "link", "rate_hz = -1", "",
            ]  # fmt: skip
            assert refused[-1] == "ERROR configuration: 3 mistakes, nothing is changed\n"
            assert await daemon.metrics("hncors_config_last_reload_successful") == [0]
            assert await daemon.metric("hncors_config_last_reload_success_timestamp_seconds") == reloaded
            assert await streaming("KEEP", "MOVE", "NEXT")

            configure(tmp_path, caster.port, "KEEP", more='log_level = "debug"\n[links]\nstarts_per_s = 5\n')
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: streaming("KEEP"))
            assert await daemon.metrics(
                "hncors_config_last_reload_successful", "hncors_config_restart_needed"
            ) == [1, 1]
            wait = "links.starts_per_s takes effect when the daemon is started again"
            assert any(wait in line for line in daemon.log)
            assert caster.begun["KEEP"] == 1
            assert manager.has("WATCHDOG=1")
            assert manager.has("STATUS=")

            daemon.process.send_signal(signal.SIGTERM)
            await daemon.process.wait()
            assert manager.has("STOPPING=1")
            assert daemon.process.returncode == 0
    manager.socket.close()
