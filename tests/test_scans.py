"""Sourcetables read on a schedule: polite, kept, compared, and bounded whatever a caster sends.

The rows are written by hand after RTCM 10410.1, section 3; one caster is RTKLIB's str2str.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from daemon_process import casting, configure, epochs, now_ms
from detection_case import row
from peers import free_port
from peers import running as peer_running
from waiting import until

from hncors.daemon import scans, table_keeping
from hncors.daemon.reconnect import Turns
from hncors.daemon.scans import Scanning
from hncors.daemon.table_keeping import keep, last
from hncors.daemon.territory import default
from hncors.health import Event
from hncors.ntrip.sourcetable import read
from hncors.registry import Link, Station, read_station
from hncors.supervise.judge import MOST_ROWS, Judge
from hncors.supervise.scan import MOST_LEADS, changes, first_rows, scan
from hncors.view.exposition import Writer
from hncors.view.scanned import Caster, scanned_families

NOW_NS = 1_795_000_000_000_000_000
HEAD = b"SOURCETABLE 200 OK\r\nContent-Type: text/plain\r\n\r\n"
END = "ENDSOURCETABLE\r\n"
LINK = Link("ntrip", "192.0.2.7", 2101)
FILED = """
id = "CSHA"
link = "ntrip://127.0.0.1:{port}/CSHA"
[coordinates]
latitude_deg = 28.2
longitude_deg = 112.95
height_m = 75
frame = "CGCS2000"
epoch = 2000.0
[filing]
number = "1"
"""
CSHA, WILD = row("CSHA", "28.20", "112.95"), row("WILD", "27.73", "112.00")


def station(port: int = 1) -> Station:
    made, problems = read_station(FILED.format(port=port), "CSHA.toml")
    assert made is not None, problems
    return made


def judge(*stations: Station) -> Judge:
    return Judge(0, list(stations), *default())


@contextlib.asynccontextmanager
async def caster(*tables: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A caster that gives these tables in turn, the last for ever, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(HEAD + tables[min(len(asked), len(tables)) - 1].encode())
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


@contextlib.asynccontextmanager
async def scanning(folder: Path | None, its: Judge, *stations: Station, more: str = "") -> AsyncIterator[Any]:
    told: list[Event] = []
    known = {one.id: one for one in stations}
    parts = folder, known, its, Turns(100.0), told.append, lambda: NOW_NS
    made = Scanning(1e-9, [more] if more else [], *parts)
    task = asyncio.create_task(made.run())
    try:
        yield made, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def looked(made: Scanning, port: int) -> Caster:
    return made.told().get(f"127.0.0.1:{port}", Caster({}, {}))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "FIRST_S", 0.0)
    monkeypatch.setattr(scans, "BETWEEN_S", 0.05)


@pytest.mark.usefixtures("soon")
async def test_what_differs_is_told_and_rows_are_judged(tmp_path: Path) -> None:
    other = row("CSHA", "28.20", "112.95").replace("1077(1)", "1074(1)")
    tables = CSHA + END, CSHA + WILD + END, other + WILD.replace("27.73", "27.93") + END, CSHA + END
    async with caster(*tables) as (port, asked):
        its = judge(station(port))
        async with scanning(tmp_path, its, station(port)) as (made, told):
            await until(lambda: len(asked) > 4)
    kinds = [(one.kind, {k: v for k, v in one.detail.items() if k != "caster"}) for one in told]
    changed = [detail for kind, detail in kinds if kind == "sourcetable_changed"]
    assert changed[:3] == [
        {"appeared": "WILD"},
        {"moved": "WILD", "changed": "CSHA"},
        {"vanished": "WILD", "changed": "CSHA"},
    ]
    leads = [one for one in told if one.kind == "lead"]
    assert [(one.station, one.detail["rule"]) for one in leads] == [(f"127.0.0.1:{port}/WILD", "E1")]
    assert its.leads(f"127.0.0.1:{port}/WILD") == []  # it went with its row
    assert b"Authorization" not in b"".join(asked) and all(one.startswith(b"GET / ") for one in asked)
    assert made.told()[f"127.0.0.1:{port}"].looks["read"] >= 4
    text = Writer().render(list(scanned_families(made.told()))).decode()
    assert f'hncors_sourcetable_changes_total{{caster="127.0.0.1:{port}",kind="appeared"}} 1.0' in text


@pytest.mark.usefixtures("soon")
async def test_a_table_is_kept_where_it_differs_and_every_look_has_its_line(tmp_path: Path) -> None:
    async with (
        caster(CSHA + END, CSHA + END, CSHA + WILD + END) as (port, asked),
        scanning(tmp_path, judge(), more=f"ntrip://127.0.0.1:{port}"),
    ):
        await until(lambda: len(asked) > 3)
    place = tmp_path / f"127.0.0.1_{port}"
    lines = [json.loads(line) for line in (place / "index.jsonl").read_text().splitlines()]
    assert len(lines) >= 3 and lines[0]["sha256"] == sha256((CSHA + END).encode()).hexdigest()
    assert lines[0]["file"] == lines[1]["file"] and lines[2]["sha256"] != lines[1]["sha256"]
    assert last(tmp_path, Link("ntrip", "127.0.0.1", port)) == (CSHA + WILD + END).encode()


@pytest.mark.usefixtures("soon")
async def test_a_start_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    async with caster(CSHA + WILD + END) as (port, asked):
        keep(tmp_path, Link("ntrip", "127.0.0.1", port), (CSHA + END).encode(), NOW_NS - 10**12)
        async with scanning(tmp_path, judge(), more=f"ntrip://127.0.0.1:{port}") as (_, told):
            await until(lambda: len(asked) > 2)
    assert [one.detail["appeared"] for one in told if one.kind == "sourcetable_changed"] == ["WILD"]


@pytest.mark.usefixtures("soon")
async def test_a_caster_that_is_away_is_told_of_once_and_again_when_it_is_back() -> None:
    port = free_port()
    async with scanning(None, judge(), more=f"ntrip://127.0.0.1:{port}") as (made, told):
        await until(lambda: sum(looked(made, port).looks.values()) > 2)
        assert [one.kind for one in told] == ["sourcetable_failed"]

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + (CSHA + END).encode())
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", port):
            await until(lambda: told[-1].kind == "sourcetable_read")
    assert told[-1].detail["rows"] == 1


@pytest.mark.usefixtures("soon")
async def test_the_table_of_a_real_caster(peer: Callable[[str], str], tmp_path: Path) -> None:
    port, feed = free_port(), free_port()
    command = (
        peer("str2str"),
        "-in",
        f"tcpsvr://:{feed}",
        "-out",
        f"ntripc://:@:{port}/REAL:{WILD.partition(';')[2].strip()}",
    )
    async with (
        peer_running(*command),
        scanning(tmp_path, judge(station()), more=f"ntrip://127.0.0.1:{port}") as (made, _),
    ):
        await until(lambda: looked(made, port).rows == 1)


async def test_the_daemon_scans_with_its_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the daemon itself: its metrics, its ledger's place, the host's turn."""
    from daemon_process import RUN, running

    async def table(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + (row("A", "28.20", "112.95") + END).encode())

    async with casting(A=epochs, **{"": table}) as its:
        more = '[supervision]\nscan_hours = 1\nsourcetables = "tables"\n'
        config = configure(tmp_path, its.port, "A", more=more)
        code = f"from hncors.daemon import scans; scans.FIRST_S = 0.0; {RUN}"
        async with running(config, code) as daemon:
            name = f'hncors_sourcetable_mountpoints{{caster="127.0.0.1:{its.port}"}}'
            await until(lambda: _is(daemon, name, "1.0"))
    assert now_ms() and list((tmp_path / "tables").glob("*/*.sourcetable"))


async def _is(daemon: Any, name: str, value: str) -> bool:
    return await daemon.metric(name) == value


# --- hostile tables ---------------------------------------------------------------------------------


def test_p16_a_table_of_a_million_rows_costs_little() -> None:
    """What is read is bounded, and what is kept of it more so; another caster still has room."""
    every = row("H-------", "27.73", "112.00").encode()
    data = b"".join(every.replace(b"-------", b"%07d" % number) for number in range(1_000_000))
    its = judge(station())
    tracemalloc.start()
    try:
        made = read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    found = scan(LINK, made, [], its.world(NOW_NS))
    events = its.declared("192.0.2.7:2101", found.leads, {}, NOW_NS)
    assert made.cut and len(found.leads) == MOST_LEADS and found.unlooked > 40_000
    assert len(events) == MOST_LEADS and peak < 200e6
    assert changes(first_rows(read((CSHA + END).encode())), first_rows(made), cut=True).vanished == []
    for number in range(12):  # tables that give other names each time
        rows = "".join(row(f"X{number}_{n}", "27.73", "112.00") for n in range(600))
        found = scan(LINK, read((rows + END).encode()), [], its.world(NOW_NS))
        its.declared(f"caster{number}", found.leads, {}, NOW_NS + number)
    assert len(its._subjects) <= MOST_ROWS
    its.declared("192.0.2.7:2101", [], {}, NOW_NS)
    wild = scan(LINK, read((WILD + END).encode()), [], its.world(NOW_NS))
    for number in range(12):
        its.declared(f"caster{number}", [], {}, NOW_NS)
    assert its.declared("other", wild.leads, {}, NOW_NS) != [] and len(its._subjects) == 1


HOSTILE = (
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[2J\x1b[31mred",
    "a\x00b\x07",
    "../../etc/passwd",
    "中文站名",
    'x"} 1\nhncors_up 0',
    "\u202egnp.exe",
    "A" * 3000,
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_hostile_names_stay_text(name: str, encoding: str, tmp_path: Path) -> None:
    from hncors.supervise.findings import Finding
    from hncors.view.cases import csv_text

    table = read((row(name, "27.73", "112.00") + END).encode(encoding, "replace"))
    its = judge(station())
    found = scan(LINK, table, [], its.world(NOW_NS))
    for event in its.declared("192.0.2.7:2101", found.leads, {}, NOW_NS):
        assert event.station.isprintable() and len(event.station) < 160
        assert "\n" not in event.detail["en"] and event.detail["en"].isprintable()
    for held in its.findings:
        finding: Finding = held.finding
        cell = csv_text(("subject",), [(finding.subject,)]).splitlines()[1]
        assert not cell.lstrip('"').startswith(("=", "+", "-", "@"))
    told = changes({}, first_rows(table))
    assert all(one.isprintable() for one in told.appeared)
    keep(tmp_path, LINK, table.streams[0].row if table.streams else b"x", NOW_NS)
    assert [path.name for path in tmp_path.iterdir()] == ["192.0.2.7_2101"]


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_keeping, "MOST_FILES", 5)
    monkeypatch.setattr(table_keeping, "MOST_BYTES", 3500)
    monkeypatch.setattr(table_keeping, "INDEX_BYTES", 1000)
    for number in range(40):
        keep(tmp_path, LINK, b"%04d" % number * 250, NOW_NS + number * 10**9)
    place = tmp_path / "192.0.2.7_2101"
    kept = sorted(place.glob("*.sourcetable"))
    assert len(kept) == 3 and kept[-1].read_bytes() == b"0039" * 250
    assert (place / "index.jsonl").stat().st_size < 1300 and (place / "index.jsonl.before").exists()
    keep(tmp_path, LINK, b"x" * 10_000, NOW_NS + 10**12)
    assert [path.stat().st_size for path in place.glob("*.sourcetable")] == [10_000]
