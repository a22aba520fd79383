"""What somebody may try against the pages, and that nobody gets anywhere with it.

The canary is a station's precise place: only who may see it ever does, and that is put on record.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from daemon_process import answer
from test_web_api_schema import signed_in
from waiting import until
from web_world import CANARIES, PASSWORD, World, world
from wire import framed

from hncors.daemon.ledger import Ledger

SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><svg onload=alert(1)>",
)
PAGES = ("/", "/stations", "/stations/A", "/stations/B", "/events", "/cases", "/cases/1", "/screen", "/login")
API = (
    *("/api/v1/stations", "/api/v1/stations/A", "/api/v1/stations/A/series", "/api/v1/stations.csv"),
    *("/api/v1/stations.geojson", "/api/v1/events", "/api/v1/events.csv", "/api/v1/cases", "/api/v1/cases/1"),
    *("/api/v1/cases.csv", "/api/v1/bds3", "/api/v1/me", "/api/v1/openapi.json", "/metrics", "/healthz"),
)


@pytest.fixture
async def its(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, *SCRIPTS) as made:

        async def streaming() -> bool:
            return (await made.daemon.states()).get("A") == "streaming"

        await until(streaming)
        yield made


async def fetched(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as told:
        return told.status, await told.text()


async def test_stored_scripts_stay_text(its: World) -> None:
    """In subjects of cases, notes, and what is asked for; no page has them as markup."""
    session, csrf = await signed_in(its.base, "liu")
    async with session:
        for script in SCRIPTS:
            data = {"csrf": csrf, "text": script, "state": "discovered"}
            async with session.post("/cases/1/note", data=data, headers={"Origin": its.base}) as told:
                assert told.status == 200
        for path in (*PAGES, *(f"/stations?q={s}" for s in SCRIPTS), *(f"/cases/{n}" for n in range(1, 7))):
            status, text = await fetched(session, path)
            assert status == 200 or (status == 400 and "?" in path), path
            for markup in ("<script>alert", "<img src=x", "'onmouseover='alert(1)'", "<svg onload"):
                assert markup not in text, path
            for tag in re.findall(r"<[a-z][^>]*>", text):
                assert "onerror" not in tag and "onload" not in tag and 'href="javascript' not in tag, (
                    path,
                    tag,
                )
            policy = (await session.get(path)).headers["Content-Security-Policy"]
            assert "unsafe-inline" not in policy.partition("style-src")[0] and "default-src 'none'" in policy


async def test_what_streams_and_casters_say_stays_text(tmp_path: Path) -> None:
    """1029 and 1033 with scripts in them, and a caster's refusal."""
    text = "<script>alert(2)</script>"
    unicode_text = bytes([len(text), len(text)]) + text.encode()
    said = framed(_message_1029(unicode_text))
    refusal = answer(f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>{text}</html>".encode())
    async with world(tmp_path, B=answer(b"ICY 200 OK\r\n" + said), C=refusal) as its:
        session, _ = await signed_in(its.base, "liu")
        async with session:
            await asyncio.sleep(1.0)
            for path in (*PAGES, "/stations/C", *API):
                status, told = await fetched(session, path)
                assert status in (200, 404), path
                if "json" not in path and not path.startswith("/api"):
                    assert text not in told, path
        assert text not in "".join(its.daemon.log) or "\x1b" not in "".join(its.daemon.log)


def _message_1029(text: bytes) -> bytes:
    """DF002, DF003, DF051, DF052, DF138, DF139 and the text, as RTCM 10403.3 lays them out (table 3.5-20)."""
    head = 1029 << 12 | 1
    bits = f"{head:024b}{60000:016b}{1000:017b}"
    bits += f"{text[0]:07b}{text[1]:08b}" + "".join(f"{byte:08b}" for byte in text[2:])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


async def test_forms_of_other_sites_and_without_a_token_change_nothing(its: World) -> None:
    session, csrf = await signed_in(its.base, "liu")
    async with session:
        for headers, data in (
            ({"Origin": "http://evil.example"}, {"csrf": csrf}),
            ({"Origin": "null"}, {"csrf": csrf}),
            ({"Sec-Fetch-Site": "cross-site"}, {"csrf": csrf}),
            ({"Origin": its.base}, {}),
            ({"Origin": its.base}, {"csrf": "x" * 32}),
        ):
            data = {"text": "forged", "state": "discovered", **data}
            async with session.post("/cases/1/note", data=data, headers=headers) as told:
                assert told.status in (400, 403), (headers, data)
        async with session.post("/api/v1/cases/1/note", json={"text": "forged"}) as told:
            assert told.status in (400, 403)
        assert "forged" not in (await fetched(session, "/cases/1"))[1]


async def test_passwords_cannot_be_guessed_in_a_row(its: World) -> None:
    """After ten that fail even the right one is held off, and nothing tells whether a user is there."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(its.base, cookie_jar=jar) as session:
        said: dict[str, set[str]] = {"wang": set(), "nobody": set()}
        status = 200
        for number in range(14):
            for user in said:
                (token,) = re.findall(r'name="csrf" value="([^"]+)"', (await fetched(session, "/login"))[1])
                data = {"user": user, "password": f"guess-{number}-xxxx", "csrf": token, "back": "/"}
                async with session.post("/login", data=data, headers={"Origin": its.base}) as told:
                    status = told.status
                    text = await told.text()
                    said[user].update(re.findall(r'class="warning"[^>]*>([^<]+)<', text))
        assert status == 429 and said["wang"] == said["nobody"]
        (token,) = re.findall(r'name="csrf" value="([^"]+)"', (await fetched(session, "/login"))[1])
        data = {"user": "wang", "password": PASSWORD, "csrf": token, "back": "/"}
        async with session.post("/login", data=data, headers={"Origin": its.base}) as told:
            assert told.status == 429
    assert "guess-" not in "".join(its.daemon.log)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fetc%2fpasswd",
        "/static//etc/passwd", "/static/....//etc/passwd", "/stations/..%2f..%2fetc%2fpasswd", "/static/%00",
        "/stations/A%2f..%2f..%2fledger.sqlite3", "/../ledger.sqlite3", "/users.toml",
        "/cases/1/../../users.toml",
    ],
)  # fmt: skip
async def test_paths_lead_nowhere_else(its: World, path: str) -> None:
    host, port = its.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    told = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert told.split(b" ")[1] in (b"400", b"403", b"404"), told[:200]
    assert b"root:" not in told and b"argon2" not in told and b"SQLite" not in told


async def test_a_precise_place_reaches_nobody_who_may_not_see_it(its: World) -> None:
    """Strangers and operators; in no page, table, metric, event or line of the log."""
    for user in ("", "wang"):
        session, _ = await signed_in(its.base, user) if user else (aiohttp.ClientSession(its.base), "")
        async with session:
            for path in (*PAGES, *API):
                status, text = await fetched(session, path)
                assert status in (200, 303, 401, 403, 404), (user, path, status)
                for canary in CANARIES:
                    assert canary not in text, (user or "a stranger", path, canary)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.5), session.get("/live") as told:
                    heard = await told.content.read(100_000)
                    assert not any(canary.encode() in heard for canary in CANARIES)
    assert not any(canary in "".join(its.daemon.log) for canary in CANARIES)
    session, _ = await signed_in(its.base, "liu")  # who may see it: after asking for it, on record
    async with session:
        assert CANARIES[0] not in (await fetched(session, "/stations/A"))[1]
    with closing(Ledger(its.folder / "ledger.sqlite3")) as ledger:
        assert ledger.base.execute("SELECT count(*) FROM accesses").fetchone() is not None


async def test_p18_slow_clients_keep_nobody_out(its: World) -> None:
    """Two hundred that send a byte now and then, and headers that never end."""
    host, port = its.base.removeprefix("http://").split(":")
    slow = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
    for _ in range(5):
        began_s = time.monotonic()
        for _, writer in slow:
            with contextlib.suppress(ConnectionError):
                writer.write(b"a")
        assert (await fetched(its.daemon.session, "/healthz"))[0] == 200
        assert time.monotonic() - began_s < 2.0
    for _, writer in slow:
        writer.close()


async def test_p18_scrapes_at_once(its: World) -> None:
    """All are answered alike, one after the other, and the stream goes on."""
    whole = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(its.base, connector=whole) as session, asyncio.timeout(20):
        answers = await asyncio.gather(*(fetched(session, "/metrics") for _ in range(200)))
    assert {status for status, _ in answers} == {200}
    assert all("hncors_stream_up" in text and text.endswith("\n") for _, text in answers)
    assert (await its.daemon.states())["A"] == "streaming"


IDLE = """
import socket, sys, time
host, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
held = []
for _ in range(number):
    try:
        held.append(socket.create_connection((host, port), 5))
    except OSError:
        pass
print(len(held), flush=True)
sys.stdin.read()
"""


async def test_p18_ten_thousand_idle_connections_keep_nobody_out(its: World) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 12_000:
        pytest.skip(f"this machine allows {hard} open files")
    host, port = its.base.removeprefix("http://").split(":")

    def more() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    idle = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IDLE, host, port, "10000",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=more,
    )  # fmt: skip
    assert idle.stdout is not None and idle.stdin is not None
    try:
        made = int(await asyncio.wait_for(idle.stdout.readline(), 60))
        assert made > 9_000
        for path in ("/healthz", "/metrics", "/stations"):
            status, _ = await asyncio.wait_for(fetched(its.daemon.session, path), 5)
            assert status == 200
        states = await its.daemon.states()
        assert states["A"] == "streaming"
    finally:
        idle.stdin.close()
        idle.kill()
        await idle.wait()


async def test_p15_bytes_that_are_no_http_do_not_fill_the_log(its: World) -> None:
    host, port = its.base.removeprefix("http://").split(":")
    lines = len(its.daemon.log)
    tls, null, other = b"\x16\x03\x01\x02" * 50, b"GET / HTTP/1.1\r\nA: \0\r\n\r\n", b"SSH-2.0-x\r\n"
    for data in (tls, null, other, b"\r\n" * 100):
        for _ in range(20):
            with socket.create_connection((host, int(port)), 5) as one:
                one.sendall(data)
                one.shutdown(socket.SHUT_WR)
                with contextlib.suppress(OSError):
                    one.recv(1000)
    await asyncio.sleep(0.3)
    assert not [line for line in its.daemon.log[lines:] if "Traceback" in line or "ERROR" in line]
    told: Any = json.loads((await fetched(its.daemon.session, "/api/v1/stations"))[1])
    assert told
