"""The daemon's pages, asked over HTTP; numbers are those the encoder was told to send."""

import contextlib
import gzip
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire import epoch

from hncors.daemon.pages import ROWS, STATE_WORDS, table
from hncors.daemon.pulse import EVENTS, Pulse
from hncors.daemon.web import METRICS_TYPE, Site, _accepts_gzip, serve
from hncors.gpstime import from_unix_ns
from hncors.health import STATES, Event
from hncors.network import Chunk, Network
from hncors.registry import Station

FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")  # 1005, the example of RTCM 10403
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
        async with aiohttp.ClientSession(address, auto_decompress=False) as session:
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
        async with session.get("/metrics", headers={"Accept-Encoding": "identity"}) as response:
            assert await response.read() == zipped


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


async def test_no_page_holds_coordinates_or_secrets():
    one = site()
    feed(one)
    async with served(one) as session:
        for path in ("/", "/metrics", "/api/v1/stations", "/api/v1/stations/CSHA", "/api/v1/events"):
            async with session.get(path, headers={"Accept-Encoding": "identity"}) as response:
                text = await response.text()
                assert response.status == 200
                assert "2193480" not in text
                assert "1114104" not in text  # DF025 of the frame: 1114104.5999 m
                assert "password" not in text


async def test_the_page_escapes_what_comes_from_outside():
    one = site()
    feed(one)
    async with served(one) as session, session.get("/") as response:
        text = await response.text()
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script" not in text
    assert "<img" not in text
    assert "长沙 &lt;script&gt;" in text
    assert "0 / 2 站正常 · stations streaming" in text
    assert '<td class="state auth_failed">认证失败 auth failed</td>' in text
    assert '<meta http-equiv="refresh" content="5">' in text


async def test_the_page_says_what_the_sky_is_like_and_what_is_wrong_with_the_monitor():
    one = site()
    now_ns = time.time_ns() // 10**9 * 10**9
    frames = epoch(from_unix_ns(now_ns), (1074, 1124), satellites=(7, 20, 24), signals=(2, 30))  # 2I, 1D
    one.network.feed(Chunk("YYNG", b"".join(frames), now_ns + 10**8))
    one.pulse.tick()
    one.more = lambda: {"reload_successful": False}
    async with served(one) as session:
        async with session.get("/") as response:
            text = await response.text()
        async with session.get("/api/v1/stations") as response:
            (_, line) = await response.json()
    row = next(row for row in text.splitlines() if row.startswith("<tr><td>YYNG"))
    assert '<td class="state streaming">正常 streaming</td>' in row
    assert '<td class="number">6</td><td>2 2I 1D</td>' in row  # C20 and C24 are BeiDou-3, C07 is not
    assert (line["satellites"], line["bds3"], line["bds3_signals"]) == (6, 2, ["2I", "1D"])
    assert "the last configuration was refused" in text
    assert "has not looked" not in text
    assert "coordinates" not in text


def test_every_state_has_words_and_a_long_table_says_what_it_leaves_out():
    assert set(STATE_WORDS) == set(STATES)
    many = [
        Station(id=f"S{number:04}", link="tcp://127.0.0.1:1", invented=True) for number in range(ROWS + 7)
    ]
    text = table(Network(many), {one.id: one for one in many}, 0)
    assert text.count("<tr><td>") == ROWS
    assert "7 more are not in this table" in text
    assert text.count("虚构 invented") == ROWS


async def test_style_has_both_schemes_and_scripts_are_forbidden():
    async with served(site()) as session, session.get("/style.css") as response:
        assert "color-scheme: light dark" in await response.text()
        assert response.headers["Content-Type"] == "text/css; charset=utf-8"
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


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


async def test_cases_are_those_of_the_ledger_and_without_one_there_are_none():
    one = site()
    async with served(one) as session:
        assert (await session.get("/api/v1/cases")).status == 404
        one.cases = lambda: [{"id": 1, "subject": "<b>"}]
        assert await (await session.get("/api/v1/cases")).json() == [{"id": 1, "subject": "<b>"}]
