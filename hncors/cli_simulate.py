"""hncors simulate: recordings of a simulated province, its station files, and what is true of it."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from hncors import gpstime
from hncors.cli_output import DONE, Refused, console, document, progress, staged
from hncors.cli_simulated_files import TRUTH, write_stations, write_truth
from hncors.daemon import timetag
from hncors.daemon.recording import shown, tag_path
from hncors.simulate.province import Province
from hncors.simulate.scenario import Scenario, read_scenario
from hncors.text import printable

MAX_SCENARIO_BYTES = 1 << 20
HELD_BYTES = 32 << 20  # written together, because thousands of files cannot all be open
CASTER = "ntrip://127.0.0.1:2101"  # of the links in station files


def command(
    scenario: Path,
    out: Path | None,
    serve: str | None,
    users: Path | None,
    tls: tuple[Path | None, Path | None],
    seed: int | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Simulate into files, or on the air; the exit status."""
    asked = given(scenario, seed, seconds)
    if serve is not None:
        from hncors import cli_simulate_live

        return cli_simulate_live.command(asked, cli_simulate_live.Asked(serve, users, *tls), out, as_json)
    if users is not None:
        raise Refused("--users: expected --serve, because only a caster asks who listens")
    if any(tls):
        raise Refused("--tls-cert, --tls-key: expected --serve, because only a caster speaks TLS")
    if out is None:
        raise Refused("expected --out DIR for recordings, or --serve HOST:PORT for a caster")
    return _recordings(asked, out, as_json)


def _recordings(scenario: Scenario, out: Path, as_json: bool) -> int:
    """Every file is written, or none."""
    province = Province(scenario)
    begun = time.monotonic()
    with staged(out) as folder:
        epochs = _write(province, folder)
        write_stations(folder, province, CASTER)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    took_s = time.monotonic() - begun
    told = {
        "folder": str(out),
        "scenario": province.scenario.name,
        "seed": province.scenario.seed,
        "begin": gpstime.iso(province.start_ms),
        "end": gpstime.iso(province.end_ms),
        "stations": len(province.stations),
        "unfiled": sum(not one.filed for one in province.stations),
        "faults": [fault.label for fault in province.faults],
        "epochs": epochs,
        "files": sizes,
    }
    if as_json:
        document(told)
        return DONE
    megabytes = sum(sizes.values()) / 1e6
    lasting_s = (province.end_ms - province.start_ms) / 1000
    console().print(
        f"simulated 已模拟  {len(province.stations)} stations, {lasting_s:g} s from {told['begin']} (GPST), "
        f"{len(province.faults)} faults\n"
        f"written 已写入  {shown(out)}  {len(sizes)} files, {megabytes:,.1f} MB, "
        f"{lasting_s / max(took_s, 1e-3):,.0f} times real time",
        markup=False,
        soft_wrap=True,
    )
    return DONE


def given(path: Path, seed: int | None = None, seconds: float | None = None) -> Scenario:
    """The scenario of a file, with what the command line puts in its place. Raises Refused."""
    name = printable(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SCENARIO_BYTES + 1)
        text = data.decode()
    except OSError as fault:
        raise Refused(f"{name}: {fault.strerror}; expected a scenario file") from fault
    except UnicodeDecodeError:
        raise Refused(f"{name}: not UTF-8; expected a scenario file") from None
    if len(data) > MAX_SCENARIO_BYTES:
        raise Refused(f"{name}: longer than {MAX_SCENARIO_BYTES} bytes; expected a scenario file")
    scenario, problems = read_scenario(text, name)
    if scenario is None:
        raise Refused(*problems)
    instead: dict[str, object] = {} if seed is None else {"seed": seed}
    return scenario.model_copy(update=instead | ({} if seconds is None else {"seconds": seconds}))


def _write(province: Province, folder: Path) -> int:
    """Recordings and the truth; how many epochs there are."""
    times = province.times()
    recordings = _Recordings(folder, province)
    with (folder / TRUTH).open("w", encoding="utf-8") as truth, _told_to_end() as ends:
        write_truth(truth, province.head())
        with progress("simulating", len(times), long=True) as told:
            for number, time_ms in enumerate(times, 1):
                epoch = province.epoch(time_ms)
                for sent in epoch.sent:
                    if sent.data:
                        recordings.add(sent.station, sent.data, time_ms + round(1000 * sent.delay_s))
                write_truth(truth, epoch.truth)
                if ends:
                    raise SystemExit(128 + ends[0])
                if told is not None:
                    told(number)
    recordings.flush()
    return len(times)


@contextlib.contextmanager
def _told_to_end() -> Iterator[list[int]]:
    """A list that SIGTERM goes into, looked at between epochs; the unfinished folder goes, too."""
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


class _Recordings:
    """The recordings of all stations with their time tags; arrival times are GPS milliseconds."""

    def __init__(self, folder: Path, province: Province) -> None:
        self._paths = [folder / f"{one.id}.rtcm3" for one in province.stations]
        self._start_ms = province.start_ms
        self._data = [bytearray() for _ in self._paths]
        self._tags = [bytearray(timetag.header(self._start_ms)) for _ in self._paths]
        self._ends = [0] * len(self._paths)
        self._held = 0

    def add(self, row: int, data: bytes, arrival_ms: int) -> None:
        """What a station sent, and when the last of it came."""
        self._data[row] += data
        self._ends[row] += len(data)
        if self._ends[row] < timetag.POSITION_LIMIT:
            self._tags[row] += timetag.record(self._start_ms, arrival_ms, self._ends[row])
        self._held += len(data)
        if self._held > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Append to the files; every station has both, also where nothing came."""
        for path, data, tag in zip(self._paths, self._data, self._tags, strict=True):
            for file, held in ((path, data), (tag_path(path), tag)):
                with file.open("ab") as opened:
                    opened.write(held)
                held.clear()
        self._held = 0
