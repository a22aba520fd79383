"""hncors scan: tables of scripted casters and of a real one, against the register and the last time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any

import pytest
from cli_material import ran
from peers import free_port, running, source

from hncors.daemon.names import Names
from hncors.daemon.simulated_caster import Caster
from hncors.daemon.table_fetch import Fetched, fetch
from hncors.ntrip.mountpoint import Mountpoint
from hncors.ntrip.sourcetable import Sourcetable, read
from hncors.registry import Link
from hncors.supervise.scan import changes, first_rows

# By hand after RTCM 10410.1, section 3: a filed mountpoint, one of nobody at Loudi, a computed one, one off.
ROW = "STR;{name};Place;RTCM 3.2;1077(1);2;GPS;NET;CHN;{lat};{lon};{nmea};{solution};GEN;none;N;N;9600;"
TABLE = "\r\n".join(
    (
        ROW.format(name="ABCD", lat="28.20", lon="112.97", nmea=0, solution=0),
        ROW.format(name="WILD", lat="27.73", lon="112.00", nmea=0, solution=0),
        ROW.format(name="VRS", lat="27.73", lon="112.00", nmea=1, solution=1),
        ROW.format(name="FAR", lat="39.90", lon="116.40", nmea=0, solution=0),
        "ENDSOURCETABLE",
        "",
    )
)
V1 = "SOURCETABLE 200 OK\r\nContent-Type: text/plain\r\n\r\n"
V2 = "HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\nContent-Type: gnss/sourcetable\r\n\r\n"
CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: gnss/sourcetable\r\nTransfer-Encoding: chunked\r\n\r\n"
STATION = """
id = "{id}"
link = "ntrip://127.0.0.1:{port}/{mount}"
[coordinates]
latitude_deg = 28.2
longitude_deg = 112.97
height_m = 75
frame = "CGCS2000"
epoch = 2000.0
[filing]
number = "1"
"""


@contextmanager
def caster(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A caster that gives these answers, one to each connection, and the requests it got."""
    asked: list[bytes] = []
    server = create_server(("127.0.0.1", 0))
    server.settimeout(10)

    def serve() -> None:
        for answer in answers:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                asked.append(connection.recv(4096))
                with suppress(ConnectionError):  # who has heard enough goes
                    connection.sendall(answer)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1], asked
    finally:
        thread.join(10)
        server.close()


def configuration(folder: Path, port: int, **mounts: str) -> Path:
    (folder / "stations").mkdir()
    for name, mount in (mounts or {"ABCD": "ABCD"}).items():
        text = STATION.format(id=name, port=port, mount=mount)
        (folder / "stations" / f"{name}.toml").write_text(text)
    (folder / "hncors.toml").write_text('stations = "stations"\n')
    return folder / "hncors.toml"


@pytest.mark.parametrize(
    "answer",
    [V1 + TABLE, V2 + TABLE, CHUNKED + f"{len(TABLE):x}\r\n{TABLE}\r\n0\r\n\r\n"],
    ids=["version 1", "version 2", "chunked"],
)
def test_a_table_is_held_against_the_register(
    answer: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    with caster(answer.encode()) as (port, asked):
        done = ran(monkeypatch, capsys, "scan", "-c", configuration(tmp_path, port), "--json")
    (told,) = json.loads(done.out)["casters"]
    assert done.status == 1
    assert (told["rows"], told["complete"], told["filed"], told["missing"]) == (4, True, {"ABCD": "ABCD"}, [])
    assert told["others"] == 3
    assert [(lead["subject"], lead["rule"], lead["strength"]) for lead in told["leads"]] == [
        (f"127.0.0.1:{port}/WILD", "E1", "weak")
    ]
    assert asked[0].startswith(b"GET / HTTP/1.1\r\n") and b"Authorization" not in asked[0]


def test_a_station_that_is_not_in_the_table_is_missing(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    with caster((V1 + TABLE).encode()) as (port, _):
        config = configuration(tmp_path, port, ABCD="ABCD", EFGH="EFGH")
        done = ran(monkeypatch, capsys, "scan", "-c", config)
    assert done.status == 1
    assert "not in the table 源表中没有: EFGH" in done.err
    assert "E1 weak" in done.out and "WILD" in done.out and "娄底市" in done.out


def test_what_changed_since_the_last_time(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    later = TABLE.replace("STR;WILD", "STR;WILD2").replace("39.90;116.40", "39.80;116.40")
    with caster((V1 + TABLE).encode(), (V1 + later).encode()) as (port, _):
        config = configuration(tmp_path, port)
        first = ran(monkeypatch, capsys, "scan", "-c", config, "--out", tmp_path / "scans", "--json")
        # the second in the file's name is the resolution of what is kept
        kept = next((tmp_path / "scans").rglob("*.sourcetable"))
        kept.rename(kept.with_name("20000101T000000Z.sourcetable"))
        second = ran(monkeypatch, capsys, "scan", "-c", config, "--out", tmp_path / "scans", "--json")
    assert json.loads(first.out)["casters"][0]["changes"] is None
    changed = json.loads(second.out)["casters"][0]["changes"]
    assert changed == {"appeared": ["WILD2"], "vanished": ["WILD"], "moved": ["FAR"], "changed": []}
    assert len([*(tmp_path / "scans").rglob("*.sourcetable")]) == 2


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>portal</html>", "not_ntrip"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n", "redirected"),
        (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", "auth_failed"),
        (b"ICY 200 OK\r\n\r\n\xd3\x00\x00\x47\xea\x4b", "not_ntrip"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not_ntrip"),
        (b"", "protocol_error"),
    ],
)
def test_what_is_no_table_is_said_to_be_none(
    answer: bytes, state: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    with caster(answer) as (port, _):
        done = ran(monkeypatch, capsys, "scan", "-c", configuration(tmp_path, port), "--json")
    (told,) = json.loads(done.out)["casters"]
    assert (done.status, told["state"]) == (1, state) and told["why"]


def test_a_hostile_table_is_cut_and_its_names_are_harmless(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    row = ROW.format(name="\x1b[31m<script>=1+1\u202e", lat="27.73", lon="112.00", nmea=0, solution=0)
    many = (row + "\r\n" + "STR;A;" + "x" * 5000 + "\r\n") * 30_000
    with caster((V1 + many).encode()) as (port, _):
        done = ran(monkeypatch, capsys, "scan", "-c", configuration(tmp_path, port))
    assert done.status == 1
    assert "\x1b" not in done.out + done.err and "\u202e" not in done.out + done.err
    assert "more than" in done.out


def test_nobody_there(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    with create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = ran(monkeypatch, capsys, "scan", "-c", configuration(tmp_path, port), "--json")
    assert (done.status, json.loads(done.out)["casters"][0]["state"]) == (1, "unreachable")


def test_without_a_caster_there_is_nothing_to_scan(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations" / "A.toml").write_text('id = "A"\nlink = "tcp://127.0.0.1:1"\n')
    (tmp_path / "hncors.toml").write_text('stations = "stations"\n')
    done = ran(monkeypatch, capsys, "scan", "-c", tmp_path / "hncors.toml")
    assert done.status == 2 and "supervision.casters" in done.err


def test_rows_of_one_name_count_once() -> None:
    twice = read((ROW.format(name="A", lat="1", lon="2", nmea=0, solution=0) + "\r\n").encode() * 2)
    assert len(twice.streams) == 2 and list(first_rows(twice)) == ["A"]
    assert changes(first_rows(twice), first_rows(twice)) == ([], [], [], [])


async def test_the_table_of_str2str_and_of_our_own_caster(peer: Any) -> None:
    port, own = free_port(), Caster([Mountpoint("HUN2", "Place", latitude_deg=27.7, longitude_deg=112.0)])
    row = ROW.format(name="HUN1", lat="27.73", lon="112.00", nmea=0, solution=0).removeprefix("STR;HUN1;")
    async with source() as (_, fed):
        out = f"ntripc://:@:{port}/HUN1:{row}"
        async with running(peer("str2str"), "-in", f"tcpcli://127.0.0.1:{fed}", "-out", out):
            found = await _table(port)
    _, own_port = await own.listen("127.0.0.1", 0)
    try:
        ours = await _table(own_port)
    finally:
        await own.close()
    for table, name, latitude_deg in ((found, "HUN1", 27.73), (ours, "HUN2", 27.7)):
        (told,) = table.streams
        assert (told.mountpoint, told.latitude_deg, told.longitude_deg) == (name, latitude_deg, 112.0)
        assert table.ended


async def _table(port: int) -> Sourcetable:
    link = Link("ntrip", "127.0.0.1", port)
    for _ in range(50):
        found = await fetch(link, Names())
        if isinstance(found, Fetched):
            return found.table
        await asyncio.sleep(0.1)
    raise AssertionError(found)
