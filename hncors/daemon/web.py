"""The daemon over HTTP: metrics, state as JSON, one plain page.  Read-only, on loopback."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from hncors.daemon import pages
from hncors.daemon.pulse import Pulse
from hncors.network import Network
from hncors.registry import Station
from hncors.settings import parse_listen
from hncors.view.exposition import Writer
from hncors.view.metrics import families

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BEAT_WITHIN_S = 10.0  # a daemon whose last tick is older is not well
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass
class Site:
    """What the pages are made of."""

    network: Network
    stations: Mapping[str, Station]
    pulse: Pulse
    version: str
    more: Callable[[], dict[str, Any]] = dict  # what else the process knows of itself
    cases: Callable[[], list[dict[str, Any]]] | None = None  # open ones; None: no ledger is kept
    ending: bool = False
    _writer: Writer = field(default_factory=Writer)
    _one_scrape: asyncio.Lock = field(default_factory=asyncio.Lock)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_harden])
        app.add_routes(
            [
                web.get("/", self.page),
                web.get("/style.css", self.style),
                web.get("/metrics", self.metrics),
                web.get("/healthz", self.healthz),
                web.get("/readyz", self.readyz),
                web.get("/api/v1/stations", self.list_stations),
                web.get("/api/v1/stations/{id}", self.one_station),
                web.get("/api/v1/events", self.list_events),
                web.get("/api/v1/cases", self.list_cases),
            ]
        )
        return app

    async def page(self, request: web.Request) -> web.Response:
        text = pages.table(self.network, self.stations, self.pulse.clock.now_ns(), self._warnings())
        return web.Response(text=text, content_type="text/html")

    async def style(self, request: web.Request) -> web.Response:
        return web.Response(text=pages.STYLE, content_type="text/css")

    async def metrics(self, request: web.Request) -> web.Response:
        zipped = _accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        headers = {hdrs.CONTENT_TYPE: METRICS_TYPE, hdrs.VARY: hdrs.ACCEPT_ENCODING}
        if zipped:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        async with self._one_scrape:
            # The network is read here, in one go: it changes only between two steps of the loop.  The text is
            # made in another thread, for a large one takes a while.
            process = self.pulse.process()._replace(**self.more())
            found = list(families(self.network, self.version, process=process))
            render = self._writer.render_gzip if zipped else self._writer.render
            body = await asyncio.to_thread(render, found)
        return web.Response(body=body, headers=headers)

    async def healthz(self, request: web.Request) -> web.Response:
        age_s = self.pulse.since_beat_s()
        if age_s is None or age_s > BEAT_WITHIN_S:
            return web.Response(status=503, text="no tick within 10 s\n")
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        if self.ending or self.pulse.since_beat_s() is None:
            return web.Response(status=503, text="ending\n" if self.ending else "starting\n")
        return web.Response(text="ok\n")

    async def list_stations(self, request: web.Request) -> web.Response:
        numbered = enumerate(self.network.streams)
        return web.json_response([pages.summary(self.network, n, self.stations[s.id]) for n, s in numbered])

    async def one_station(self, request: web.Request) -> web.Response:
        number = self.network.index.get(request.match_info["id"])
        if number is None:
            return web.json_response({"error": "no such station"}, status=404)
        station = self.stations[self.network.streams[number].id]
        return web.json_response(pages.detail(self.network, number, station))

    async def list_events(self, request: web.Request) -> web.Response:
        return web.json_response([pages.event(one) for one in self.pulse.events])

    async def list_cases(self, request: web.Request) -> web.Response:
        if self.cases is None:
            return web.json_response({"error": "no ledger is kept"}, status=404)
        return web.json_response(self.cases())

    def _warnings(self) -> list[str]:
        """What is wrong with the monitor itself, for whoever looks at the page."""
        process = self.pulse.process()._replace(**self.more())
        age_s = self.pulse.since_beat_s()
        told = {
            "监测处理已停顿 · the monitor has not looked for 10 s": age_s is None or age_s > BEAT_WITHIN_S,
            "处理能力不足，部分内容已略去 · there is more to do than time for it; some of it is left out": (
                process.overload.lasts
            ),
            "最近一次配置有误，仍用旧配置 · the last configuration was refused; see the log": (
                not process.reload_successful
            ),
            "部分配置须重启生效 · some of the configuration waits for a restart": process.restart_needed,
            f"主机时钟可能有误 · the host's clock may be {process.host_clock_offset_s:.0f} s off": (
                process.host_clock_offset_s != 0
            ),
        }
        return [text for text, true in told.items() if true]


@web.middleware
async def _harden(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        refused.headers.update(HEADERS)
        raise
    response.headers.update(HEADERS)
    return response


def _accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding takes gzip; a weight of 0 is a no (RFC 9110, section 12.5.3)."""
    for part in header.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        if coding in ("gzip", "*"):
            return weight.strip("0.") != "" or not weight
    return False


async def serve(site: Site, listen: str) -> tuple[web.AppRunner, str]:
    """Start serving; the runner to clean up and the address it serves.  Raises OSError where it cannot."""
    address = parse_listen(listen)
    runner = web.AppRunner(site.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, address.host, address.port).start()
    except OSError:
        await runner.cleanup()
        raise
    host, port = runner.addresses[0][:2]
    return runner, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
