"""hncors demo: a simulated province, a caster it plays on and the daemon that watches it, on one machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from hncors import gpstime
from hncors.cli_output import DONE, Refused, document
from hncors.cli_simulated_files import write_stations
from hncors.daemon import configuration, service
from hncors.daemon.ledger_service import open_place
from hncors.daemon.simulated_caster import Caster
from hncors.daemon.simulated_network import Playing, mountpoint
from hncors.registry import Station
from hncors.settings import Ledger, Links, Settings, Web
from hncors.simulate.province import Province
from hncors.simulate.scenario import LONGEST_S, Scenario, read_scenario

START_MS = 1500  # from now to the first epoch
USUAL, ANY_PORT = "127.0.0.1:9816", "127.0.0.1:0"
LEDGER = "ledger.sqlite3"
LINKS = Links(own_casters=["127.0.0.1"])  # people watch it come back

Ready = Callable[[str, str, int], None]


def command(seconds: float | None, as_json: bool) -> int:
    """Play until Ctrl-C, or for some seconds; the exit status."""
    asked: list[int] = []  # signals that came before the daemon took over
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda came, _: asked.append(came))
    if not as_json:
        print("simulating a province 正在模拟站网", file=sys.stderr)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")

    config = Path()

    def ready(address: str, caster: str, stations: int) -> None:
        if as_json:
            told = {
                "address": address,
                "metrics": f"{address}/metrics",
                "caster": caster,
                "stations": stations,
            }
            document(told)
        else:
            print(f"page     网页    {address}/")
            print(f"metrics  指标    {address}/metrics")
            print(f"caster   播发    {caster}")
            print(f"{stations} filed stations 备案站")
            print("WILD is unfiled 未备案, HYNG was moved 移动, YIYG is a clone of CHDE 克隆")
            print("what the rules make of them becomes leads of cases 规则的发现以线索形式入案件台账:")
            print(f"hncors cases list -c {config}")
            print("Ctrl-C ends it 按 Ctrl-C 结束" + ("" if seconds is None else f", or {seconds:g} s"))
        sys.stdout.flush()
        if asked:  # between the last look and the daemon's own handlers, which are there now
            signal.raise_signal(asked[0])

    scenario = _scenario()
    with tempfile.TemporaryDirectory(prefix="hncors-demo-") as folder:
        if asked:
            raise SystemExit(128 + asked[0])
        config = Path(folder) / "hncors.toml"
        asyncio.run(_run(scenario, Path(folder), ready, seconds))
    return DONE


def _scenario() -> Scenario:
    """The scenario that comes with the program, as long as scenarios get."""
    text = resources.files("hncors.simulate").joinpath("demo.toml").read_text(encoding="utf-8")
    scenario, problems = read_scenario(text, "demo.toml")
    if scenario is None:
        raise Refused(*problems)
    return scenario.model_copy(update={"seconds": float(LONGEST_S)})


async def _run(scenario: Scenario, folder: Path, ready: Ready, seconds: float | None) -> None:
    province = Province(scenario, gpstime.from_unix_ns(time.time_ns()) + START_MS)
    rows = [mountpoint(one, scenario.network.station_s) for one in province.stations]
    caster = Caster(rows, operator="simulated")
    host, port = await caster.listen("127.0.0.1", 0)
    write_stations(folder, province, f"ntrip://{host}:{port}")
    with (folder / "hncors.toml").open("a", encoding="utf-8") as file:
        file.write(f'[ledger]\nfile = "{LEDGER}"\n')
    _, stations = configuration.load(folder / "hncors.toml")
    tasks = [
        asyncio.create_task(Playing(province, caster).run()),
        asyncio.create_task(_watch(folder, stations, f"ntrip://{host}:{port}", ready)),
    ]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in reversed(tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await caster.close()


async def _watch(folder: Path, stations: list[Station], caster: str, ready: Ready) -> None:
    """The daemon, at its usual address or at any."""
    filed = sum(station.filed for station in stations)
    kept = Ledger(file=LEDGER)
    place = open_place(kept, folder / "hncors.toml")
    for listen in (USUAL, ANY_PORT):
        settings = Settings(stations=str(folder), web=Web(listen=listen), links=LINKS, ledger=kept)
        try:
            await service.run(
                settings, stations, ready=lambda address: ready(address, caster, filed), ledger=place
            )
        except service.CannotListen as refused:
            if listen == ANY_PORT:
                raise Refused(str(refused)) from refused
        else:
            return
