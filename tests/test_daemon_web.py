"""The daemon's pages, asked over HTTP; numbers are those the encoder was told to send."""

import asyncio
import contextlib
import gzip
import json
import re
import time
from collections.abc import AsyncIterator
from urllib.parse import quote

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire import epoch
from yarl import URL

from hncors.daemon.pulse import EVENTS, Pulse
from hncors.daemon.web import METRICS_TYPE, Site, _accepts_gzip, serve
from hncors.gpstime import from_unix_ns
from hncors.health import STATES, Event
from hncors.network import Chunk, Network
from hncors.registry import Station
from hncors.view.site_states import STATE_WORDS
from hncors.view.site_words import Words, names

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")  # 1005, the example of RTCM 10403
PLAIN = {"Accept-Encoding": "identity"}
STATIONS = [
    Station(
        id="CSHA",
        link="ntrip://127.0.0.1:1/A",
        name="长沙 <script>alert(1)</script>",
        user="u",
        password_file="p",
        ecef_m=(-2193480.5, 5180078.9, 2996094.7),
    ),
    Station(id="YYNG", link="tcp://127.0.0.1:1"),
]


def site() -> Site:
    network = Network(STATIONS)
    pulse = Pulse(network, 0.25, lambda event: None)
    return Site(network, {station.id: station for station in STATIONS}, pulse, "1.2.3")


@contextlib.asynccontextmanager
async def served(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    runner, address = await serve(site, "127.0.0.1:0")
    try:
        async with aiohttp.ClientSession(address, auto_decompress=False, headers=PLAIN) as session:
            yield session
    finally:
        await runner.cleanup()


def feed(site: Site) -> None:
    now_ns = time.time_ns()
    site.network.feed(Chunk("CSHA", b"", now_ns, "connected", "200 OK"))
    site.network.feed(Chunk("CSHA", FRAME + b"junk" + FRAME, now_ns))
    site.network.feed(Chunk("YYNG", b"", now_ns, "auth_failed", '401 "><img src=x onerror=alert(1)>'))
    site.pulse.tick()


async def test_metrics_as_prometheus_reads_them():
    one = site()
    feed(one)
    async with (
        served(one) as session,
        session.get("/metrics", headers={"Accept-Encoding": "identity"}) as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Type"] == METRICS_TYPE
        assert "Content-Encoding" not in response.headers
        text = await response.text()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["hncors_rtcm_messages_total", ("station", "CSHA"), ("type", "1005")] == 2
    assert samples["hncors_stream_received_bytes_total", ("station", "CSHA")] == 54
    assert samples["hncors_stream_junk_bytes_total", ("station", "CSHA")] == 4
    assert samples["hncors_stream_state", ("state", "auth_failed"), ("station", "YYNG")] == 1
    assert samples["hncors_build_info", ("version", "1.2.3")] == 1
    assert samples["hncors_tick_seconds_count",] == 1
    assert samples["hncors_watchdog_last_beat_timestamp_seconds",] == pytest.approx(time.time(), abs=60)


async def test_metrics_zipped_are_the_same():
    one = site()
    feed(one)
    async with served(one) as session:
        async with session.get("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.headers["Content-Type"] == METRICS_TYPE
            zipped = gzip.decompress(await response.read())
        for _ in range(2):  # the first is made in a thread, the others in turns
            async with session.get("/metrics", headers={"Accept-Encoding": "identity"}) as response:
                assert await response.read() == zipped
            async with session.get("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
                assert gzip.decompress(await response.read()) == zipped


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP", True),
        ("*", True),
        ("gzip;q=0.5", True),
        ("gzip; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("xgzip", False),
    ],
)
def test_who_takes_gzip(header, takes):
    assert _accepts_gzip(header) == takes


async def test_stations_as_json():
    one = site()
    feed(one)
    async with served(one) as session:
        async with session.get("/api/v1/stations") as response:
            stations = {line["id"]: line for line in await response.json()}
        async with session.get("/api/v1/stations/CSHA") as response:
            detail = await response.json()
        async with session.get("/api/v1/stations/NONE") as response:
            assert response.status == 404
    assert set(stations) == {"CSHA", "YYNG"}
    assert stations["YYNG"]["state"] == "auth_failed"
    assert stations["YYNG"]["why"].startswith("401")
    assert stations["YYNG"]["since"].endswith("Z")
    assert stations["YYNG"]["last_epoch"] is None
    assert detail["messages"] == {"1005": 2}
    assert detail["bytes"] == {"received": 54, "in_frames": 50, "junk": 4, "pending": 0}


PATHS = (
    *(
        "/",
        "/screen",
        "/stations",
        "/stations/CSHA",
        "/events",
        "/metrics",
        "/api/v1/stations",
        "/api/v1/bds3",
    ),
    *("/api/v1/stations/CSHA", "/api/v1/stations/CSHA/sky", "/api/v1/stations/CSHA/series", "/api/v1/events"),
    *("/api/v1/stations.csv", "/api/v1/stations.geojson", "/api/v1/events.csv"),
)


async def test_no_page_holds_coordinates_or_secrets():
    one = site()
    feed(one)
    async with served(one) as session:
        for path in PATHS:
            async with session.get(path, headers={"Accept-Encoding": "identity"}) as response:
                text = await response.text()
                assert response.status == 200
                assert "2193480" not in text
                assert "1114104" not in text  # DF025 of the frame: 1114104.5999 m
                assert "password" not in text


async def test_pages_escape_what_comes_from_outside():
    one = site()
    feed(one)
    async with served(one) as session:
        for path in ("/", "/stations", "/stations/CSHA", "/stations/YYNG", "/events", "/screen"):
            async with session.get(path) as response:
                text = await response.text()
                assert response.headers["Content-Type"] == "text/html; charset=utf-8"
                policy = response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'; script-src 'self';" in policy and "unsafe" not in policy
            assert text.count("<script") == text.count('<script src="/static/') == 2
            assert "<img" not in text
            assert " style=" not in text
    assert "长沙 &lt;script&gt;" in text  # on the map
    assert "0 / 2 站在播" in text


async def test_the_table_says_what_the_sky_is_like_and_what_is_wrong_with_the_monitor():
    one = site()
    now_ns = time.time_ns() // 10**9 * 10**9
    frames = epoch(from_unix_ns(now_ns), (1074, 1124), satellites=(7, 20, 24), signals=(2, 30))  # 2I, 1D
    one.network.feed(Chunk("YYNG", b"".join(frames), now_ns + 10**8))
    one.pulse.tick()
    one.more = lambda: {"reload_successful": False}
    async with served(one) as session:
        async with session.get("/stations", headers={"Accept-Encoding": "identity"}) as response:
            text = await response.text()
        async with session.get("/api/v1/stations") as response:
            (_, line) = await response.json()
        async with session.get("/api/v1/bds3") as response:
            told = await response.json()
    (row,) = re.findall(r'<tr data-station="YYNG">.*?</tr>', text)
    assert '<span class="state good">正常</span>' in row
    assert '<td class="number">6</td><td>2 2I 1D</td>' in row  # C20 and C24 are BeiDou-3, C07 is not
    assert (line["satellites"], line["bds3"], line["bds3_signals"]) == (6, 2, ["2I", "1D"])
    assert told["delivering"] == told["streaming"] == 1
    assert told["stations"][1]["signals"] == {"2I": 2, "1D": 2}
    assert told["stations"][0]["signals"] is None  # nothing is known of one that does not stream
    assert "最近一次配置有误" in text
    assert "监测处理已停顿" not in text


async def test_a_table_is_turned_page_by_page_and_searched():
    many = [Station(id=f"S{number:04}", link="tcp://127.0.0.1:1", invented=True) for number in range(250)]
    network = Network(many)
    one = Site(network, {it.id: it for it in many}, Pulse(network, 0.25, lambda event: None), "1")
    async with served(one) as session:
        seen = []
        for first in (0, 100, 200):
            async with session.get(f"/stations?first={first}") as response:
                text = await response.text()
            seen += re.findall(r'data-station="(S\d+)"', text)
        async with session.get("/stations?search=s012") as response:
            assert len(re.findall("data-station=", await response.text())) == 10
        for wrong in ("first=-1", "state=good", "x=1", "first=1&first=2"):
            assert (await session.get(f"/stations?{wrong}")).status == 400
        async with session.get("/api/v1/stations?limit=100&offset=200") as response:
            assert len(await response.json()) == 50
            assert response.headers["X-Total-Count"] == "250"
            assert "Link" not in response.headers
        async with session.get("/api/v1/stations?limit=100&offset=100") as response:
            assert response.headers["Link"] == '</api/v1/stations?limit=100&offset=200>; rel="next"'
    assert seen == [it.id for it in many]


async def test_every_state_and_event_has_words_in_both_languages():
    assert set(STATE_WORDS) == set(STATES)
    zh, en = Words("zh"), Words("en")
    assert all(zh(name) and en(name) for name in names())
    assert not [name for name in names() if re.search("[\u4e00-\u9fff]", en(name))]
    assert zh.of("streaming", STATE_WORDS) == "正常" and en.of("streaming", STATE_WORDS) == "streaming"


async def test_the_language_and_the_looks_are_chosen_by_links():
    async with served(site()) as session:
        async with session.get("/language/en?back=/stations", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/stations")
            assert response.cookies["language"].value == "en"
        async with session.get("/stations", headers={"Cookie": "language=en; theme=dark"}) as response:
            text = await response.text()
        assert '<html lang="en" data-theme="dark">' in text and "Reference station monitor" in text
        for back in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
            query = quote(back, safe="")
            async with session.get(f"/language/zh?back={query}", allow_redirects=False) as response:
                assert response.headers["Location"] == "/"
        assert (await session.get("/language/xx")).status == 404


async def test_static_files_are_the_packages_own_and_no_others():
    async with served(site()) as session:
        for name, kind in (("site.js", "javascript"), ("site.css", "css"), ("uplot.js", "javascript")):
            async with session.get(f"/static/{name}") as response:
                assert kind in response.headers["Content-Type"]
                etag, origin = response.headers["ETag"], response.url.origin()
            async with session.get(f"/static/{name}", headers={"If-None-Match": etag}) as response:
                assert response.status == 304
        for path in (
            "../web.py",
            "..%2fweb.py",
            "%2e%2e/web.py",
            "....//web.py",
            "/etc/passwd",
            "site.js%00",
        ):
            where = URL(f"{origin}/static/{path}", encoded=True)
            async with session.get(where) as response:
                assert response.status in (400, 404)
                assert b"import" not in await response.read()
        async with session.get("/static/colours.css") as response:
            text = await response.text()
    assert "prefers-color-scheme:dark" in text and "[data-theme=dark]" in text


async def test_refusals_are_hardened_too():
    async with served(site()) as session:
        async with session.get("/nowhere") as response:
            assert response.status == 404
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with session.post("/metrics") as response:
            assert response.status == 405


async def test_health_and_readiness():
    one = site()
    async with served(one) as session:
        for path, status in (("/healthz", 503), ("/readyz", 503)):
            async with session.get(path) as response:
                assert response.status == status
        one.pulse.tick()
        for path in ("/healthz", "/readyz"):
            async with session.get(path) as response:
                assert response.status == 200
        one.pulse._beat_s -= 60
        async with session.get("/healthz") as response:
            assert response.status == 503


async def test_the_last_thousand_events():
    one = site()
    feed(one)
    for number in range(EVENTS):
        one.pulse.events.append(Event(1_700_000_000_123_456_789, "CSHA", "state", {"to": str(number)}))
    async with served(one) as session, session.get("/api/v1/events") as response:
        events = await response.json()
    assert len(events) == EVENTS
    at = "2023-11-14T22:13:20.123Z"  # date -u -d @1700000000
    assert events[-1] == {"at": at, "station": "CSHA", "kind": "state", "detail": {"to": "999"}}


async def test_without_a_ledger_there_are_no_cases():
    async with served(site()) as session:
        async with session.get("/api/v1/cases") as response:
            assert response.status == 404
            assert response.content_type == "application/problem+json"
            told = await response.json()
        assert told["detail"] == "no ledger is kept"
        assert (await session.get("/cases")).status == 404


async def test_answers_that_one_has_are_not_sent_again():
    one = site()
    feed(one)
    async with served(one) as session:
        async with session.get("/api/v1/stations") as response:
            etag, body = response.headers["ETag"], await response.read()
        async with session.get("/api/v1/stations", headers={"If-None-Match": etag}) as response:
            assert (response.status, await response.read()) == (304, b"")
        one.network.streams[0].state_why = "another"
        async with session.get("/api/v1/stations", headers={"If-None-Match": etag}) as response:
            assert response.status == 200 and await response.read() != body


async def test_a_name_that_is_not_known_reads_nothing():
    async with served(site()) as session:
        for host, status in (("localhost", 200), ("[::1]:9816", 200), ("evil.example", 421), ("a:b:c", 421)):
            for path in ("/", "/api/v1/stations"):
                async with session.get(path, headers={"Host": host}) as response:
                    assert response.status == status
        for path in ("/metrics", "/readyz"):  # programs may know the machine by any name
            async with session.get(path, headers={"Host": "monitor.example"}) as response:
                assert response.status != 421


async def test_p02_pages_are_told_of_news_and_who_does_not_listen_is_dropped():
    one = site()
    async with served(one) as session:
        async with session.get("/api/v1/live", headers={"Accept": "text/event-stream"}) as response:
            assert response.content_type == "text/event-stream"
            first = await response.content.readuntil(b"\n\n")
            assert first == b"retry: 2000\n\n"
            before = json.loads((await response.content.readuntil(b"\n\n"))[6:])
            one.note(Event(1, "CSHA", "state", {}))
            async with asyncio.timeout(2):
                after = json.loads((await response.content.readuntil(b"\n\n"))[6:])
        assert after["n"] == before["n"] + 1
        queue = asyncio.Queue(1)
        queue.put_nowait(b"")
        one.live._clients.add(queue)  # one that takes nothing
        one.live._tell(b"news")
        assert one.served().live_dropped == 1
        assert await queue.get() is None
