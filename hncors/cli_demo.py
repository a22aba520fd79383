"""hncors demo: generated recordings of twelve stations, played through the daemon on this machine."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hncors import gpstime
from hncors.cli_demo_recording import CITIES, City, recording
from hncors.cli_output import DONE, Refused, document, progress
from hncors.daemon import service
from hncors.registry import Station
from hncors.settings import Settings, Web

PLAYED_S = 180  # recordings last this long, unless the demo is told how long it lasts
LONGEST_S = 900
USUAL, ANY_PORT = "127.0.0.1:9816", "127.0.0.1:0"


def command(seconds: float | None, as_json: bool) -> int:
    """Play until Ctrl-C, or for some seconds; the exit status."""
    asked: list[int] = []  # signals that came before the daemon took over
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda came, _: asked.append(came))
    played_s = PLAYED_S if seconds is None else min(math.ceil(seconds) + 5, LONGEST_S)
    with tempfile.TemporaryDirectory(prefix="hncors-demo-") as folder:
        stations = _generate(Path(folder), played_s, asked, quiet=as_json)
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")

        def ready(address: str) -> None:
            if as_json:
                document({"address": address, "metrics": f"{address}/metrics", "stations": len(stations)})
            else:
                print(f"page     网页  {address}/")
                print(f"metrics  指标  {address}/metrics")
                until = "Ctrl-C ends it" if seconds is None else f"ends after {seconds:g} s, or by Ctrl-C"
                print(f"{len(stations)} generated stations play for {played_s} s; {until}")
            sys.stdout.flush()
            if asked:  # between the last look and the daemon's own handlers, which are there now
                signal.raise_signal(asked[0])

        for listen in (USUAL, ANY_PORT):
            settings = Settings(stations=folder, web=Web(listen=listen))
            try:
                asyncio.run(_run(settings, stations, ready, seconds))
            except service.CannotListen as refused:
                if listen == ANY_PORT:
                    raise Refused(str(refused)) from refused
                continue
            break
    return DONE


async def _run(
    settings: Settings, stations: list[Station], ready: Callable[[str], None], seconds: float | None
) -> None:
    try:
        async with asyncio.timeout(seconds):
            await service.run(settings, stations, ready=ready)
    except TimeoutError:
        return


def _generate(folder: Path, seconds: int, asked: list[int], *, quiet: bool) -> list[Station]:
    """Write a recording for each city; the stations that play them.

    `asked` fills with the signals that come. They are looked at between epochs: an exception out of a
    signal handler may fall into code that swallows it.
    """
    start_ms = gpstime.from_unix_ns(time.time_ns()) // 1000 * 1000
    stations = []
    if not quiet:
        print(f"generating {seconds} s of {len(CITIES)} stations", file=sys.stderr)
    with progress("generating", seconds * len(CITIES), long=not quiet) as told:
        for number, city in enumerate(CITIES):
            path = folder / f"{city.id}.rtcm3"
            with path.open("wb") as file:
                for second, data in enumerate(recording(city, number + 1, start_ms, seconds)):
                    file.write(data)
                    if asked:
                        raise SystemExit(128 + asked[0])
                    if told is not None:
                        told(number * seconds + second)
            stations.append(_station(city, path))
    return sorted(stations, key=lambda station: station.id)


def _station(city: City, path: Path) -> Station:
    return Station(city.id, f"file://{path}", rate_hz=1.0, name=city.name, name_en=city.name_en)
