"""hncors record: raw streams to disk, with arrival times, news of links and ticks."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hncors.cli_output import DONE, WRONG, Refused, console, document, note, table
from hncors.daemon import configuration
from hncors.daemon.configuration import ConfigurationError
from hncors.daemon.record_folder import FolderRefused, RecordFolder
from hncors.daemon.record_only import record
from hncors.daemon.recorder import Recorder
from hncors.daemon.recording import shown
from hncors.daemon.web_files import read_push_files
from hncors.health import Event
from hncors.network import Network
from hncors.registry import Station, parse_link
from hncors.settings import Settings
from hncors.text import printable
from hncors.view.recorded import Recorded

COMMAND_LINE = "command line"
KEPT_DAYS = 36_525.0  # what is recorded by hand is not deleted for its age


def command(
    link: str | None,
    *,
    config: Path | None,
    names: Sequence[str],
    user: str | None,
    password_file: Path | None,
    out: Path,
    seconds: float | None,
    quota_gb: float,
    as_json: bool,
) -> int:
    """Record; the exit status: WRONG when a station brought no frame, or bytes were dropped."""
    try:
        if link is not None:
            if config is not None:
                raise Refused("-c and a LINK: expected one of them")
            settings, stations = Settings(stations="none"), [_station(link, names, user, password_file)]
        elif config is not None:
            if user is not None or password_file is not None:
                raise Refused("--user, --password-file: expected beside a LINK; station files have theirs")
            settings, stations = configuration.load(config)
            stations = _named(stations, names)
        else:
            raise Refused("expected -c FILE or a LINK such as ntrip://caster.example:2101/MOUNT")
        folder = RecordFolder(out)
    except ConfigurationError as refused:
        raise Refused(*refused.problems) from refused
    except FolderRefused as refused:
        raise Refused(f"--out {shown(out)}: {refused}") from refused
    recorder = Recorder(folder, quota_bytes=int(quota_gb * 1e9), retention_days=KEPT_DAYS)
    shows = sys.stderr.isatty() and not as_json

    def told_now(since_s: float, network: Network) -> None:
        if shows:
            _told(since_s, network, recorder)

    push_tls = None if config is None else read_push_files(settings.push, config)[0]
    try:
        network = asyncio.run(record(settings, stations, recorder, seconds, _tell, told_now, push_tls))
    except ConfigurationError as refused:
        raise Refused(*(f"{config}: {problem}" for problem in refused.problems)) from refused
    if shows:
        print("\r\033[K", end="", file=sys.stderr)
    recorded = recorder.told()
    told = [_told_of(station, network, recorded) for station in stations]
    if as_json:
        document({"folder": shown(out), "stations": told})
    else:
        _report(told, out)
    silent = [str(one["station"]) for one in told if not one["frames"]]
    for name in silent:
        note(f"{name}: not one frame")
    dropped = sum(recorded.dropped.values())
    if dropped:
        note(f"{dropped} bytes were not recorded")
    return WRONG if silent or dropped or recorded.failing else DONE


def _station(link: str, names: Sequence[str], user: str | None, password_file: Path | None) -> Station:
    """The station of a link given by hand. Raises ConfigurationError, Refused."""
    if len(names) > 1:
        raise Refused("--station: expected one name for one LINK")
    try:
        parsed = parse_link(link)
    except ValueError as wrong:  # the link itself is not shown: some write a password in it
        raise Refused(f"LINK: expected {wrong}") from wrong
    if parsed.scheme == "push":
        raise Refused("LINK: push:/// needs -c FILE with a table [push], which says where to listen")
    place = parsed.mountpoint or parsed.host or Path(parsed.path).stem
    name = names[0] if names else re.sub(r"[^A-Za-z0-9_-]+", "-", place).strip("-_")[:32] or "STREAM"
    keys: dict[str, str | None] = {"id": name, "link": link, "user": user}
    keys["password_file"] = None if password_file is None else str(password_file.absolute())
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]
    return configuration.one_station("\n".join(lines), COMMAND_LINE)


def _named(stations: Sequence[Station], names: Sequence[str]) -> list[Station]:
    known = {station.id: station for station in stations}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refused(*(f'--station "{printable(name, 64)}": no such station' for name in unknown))
    asked = [known[name] for name in dict.fromkeys(names)] if names else stations
    return [replace(station, record=True) for station in asked if station.enabled or names]


def _tell(event: Event) -> None:
    detail = event.detail
    if event.kind == "state":
        why = f": {detail['why']}" if detail["why"] else ""
        note(f"{event.station}: {detail['to']}{why}")


def _told(since_s: float, network: Network, recorder: Recorder) -> None:
    """One line on a terminal that says how it goes."""
    up = sum(stream.state == "streaming" for stream in network.streams)
    size = sum(recorder.told().written.values())
    line = f"{since_s:.0f} s, {up} of {len(network.streams)} stations streaming 站在线, {size:,} bytes 字节"
    print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _told_of(station: Station, network: Network, recorded: Recorded) -> dict[str, object]:
    stream = network.streams[network.index[station.id]]
    return {
        "station": station.id,
        "state": stream.state,
        "why": stream.state_why,
        "bytes": recorded.written.get(station.id, 0),
        "dropped_bytes": recorded.dropped.get(station.id, 0),
        "frames": stream.frames()["frames"],
        "epochs": stream.account.received,
    }


def _report(told: Sequence[dict[str, object]], out: Path) -> None:
    made = table("stations 站点", "station", "state 状态", ">bytes 字节", ">frames", ">epochs", "why 原因")
    for one in told:
        counts = (f"{one[name]:,}" for name in ("bytes", "frames", "epochs"))
        made.add_row(str(one["station"]), str(one["state"]), *counts, printable(str(one["why"])))
    shell = console()
    shell.print(made)
    shell.print(f"recorded 已记录  {shown(out)}", markup=False, soft_wrap=True)
