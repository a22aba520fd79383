"""The daemon over HTTP: metrics, pages for people, /api/v1 for programs (docs/web.md)."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from hncors.daemon import handles, territory
from hncors.daemon.pulse import Pulse
from hncors.daemon.web_api import Api
from hncors.daemon.web_bundle import Bundles
from hncors.daemon.web_connections import MOST, Connections
from hncors.daemon.web_desk import Desk
from hncors.daemon.web_exporter import Basic, Exporter
from hncors.daemon.web_guard import Guard
from hncors.daemon.web_live import Live
from hncors.daemon.web_login import Login
from hncors.daemon.web_pages import Pages
from hncors.daemon.web_sessions import Sessions, Tries
from hncors.daemon.web_static import Static
from hncors.daemon.web_users import Users
from hncors.health import Event
from hncors.network import Network
from hncors.registry import Station
from hncors.settings import Web, is_loopback, parse_listen
from hncors.supervise.areas import Areas
from hncors.supervise.cases import OPERATOR
from hncors.view.exposition import Family, Packing, Writer
from hncors.view.kept import Kept
from hncors.view.metrics import families
from hncors.view.recorded import Recorded
from hncors.view.site_frame import Scene
from hncors.view.site_map import outline
from hncors.view.site_words import Words
from hncors.view.trend import Trend
from hncors.view.web_metrics import Served

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BEAT_WITHIN_S = 10.0  # a daemon whose last tick is older is not well
MAX_BODY = 64 << 10
TEXT_TURN_S = 0.02  # of making text; reading thousands of connections takes 40 ms, 5 ms a turn
LOOK_EVERY_S = 1.0  # at what becomes of stations


@dataclass
class Site:
    """What the pages are made of."""

    network: Network
    stations: Mapping[str, Station]
    pulse: Pulse
    version: str
    more: Callable[[], dict[str, Any]] = dict  # what else the process knows of itself
    settings: Web = field(default_factory=Web)
    areas: Areas | None = None
    users: Users | None = None
    exporter: Exporter = field(default_factory=Exporter)
    context: ssl.SSLContext | None = None
    desk: Desk | None = None  # None: no ledger is kept
    bundles: Bundles | None = None
    ending: bool = False
    _writer: Writer = field(default_factory=Writer)
    _one_scrape: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        now_ns = self.pulse.clock.now_ns
        self.trend = Trend(self.network)
        self.live = Live(now_ns)
        self.connections = Connections(handles.most_connections(MOST))
        self.pulse.guests = self.connections.__len__
        self.guard = Guard(
            self.settings, self.users, Sessions(time.monotonic, now_ns), secure=self.context is not None
        )
        self.login = Login(self.guard, Tries(time.monotonic), self.desk)
        self._basic = Basic(self.exporter.users)

    def app(self) -> web.Application:
        app = web.Application(
            middlewares=[self.connections.count, self.guard.harden], client_max_size=MAX_BODY
        )
        areas = self.areas or territory.default().areas
        pages = Pages(self.guard, self.scene, outline(areas), self.desk, self.live.note, self.bundles)
        api = Api(self.guard, self.scene, self.desk, self.live.note, self.version)
        app.add_routes(
            [
                web.get("/metrics", self.metrics),
                web.get("/healthz", self.healthz),
                web.get("/readyz", self.readyz),
                web.get("/static/{name}", Static().answer),
                web.get("/api/v1/live", self.answer_live),
                web.get("/login", self.login.form),
                web.post("/login", self.login.sign_in),
                web.post("/logout", self.login.sign_out),
                web.get("/language/{value}", self.login.language),
                web.get("/theme/{value}", self.login.theme),
                *pages.routes(),
                *api.routes(),
            ]
        )
        return app

    def scene(self) -> Scene:
        """What there is to show now."""
        more = self.more()
        kept = more.get("kept")
        cases = kept.cases if isinstance(kept, Kept) else {}
        return Scene(
            self.network, self.stations, self.pulse.clock.now_ns(), self.trend, list(self.pulse.events),
            self._warnings(more), cases, self.desk is not None, more,
        )  # fmt: skip

    async def watch(self) -> None:
        """Look at what becomes of stations, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.pulse.since_beat_s() is not None:
                self.trend.look(self.pulse.clock.now_ns())

    def note(self, event: Event) -> None:
        """An event: whoever looks at a page is told that there is news."""
        self.live.note(event)

    async def answer_live(self, request: web.Request) -> web.StreamResponse:
        self.guard.need(request)
        return await self.live.answer(request)

    async def metrics(self, request: web.Request) -> web.Response:
        await self._let_in(request)
        zipped = _accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        headers = {hdrs.CONTENT_TYPE: METRICS_TYPE, hdrs.VARY: hdrs.ACCEPT_ENCODING}
        if zipped:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        async with self._one_scrape:
            # The network is read here, in one go: it changes only between two steps of the loop.
            process = self.pulse.process()._replace(served=self.served(), **self.more())
            found = list(families(self.network, self.version, process=process))
            async with self.pulse.aside():
                body = await (self._text if self._writer.begun else self._first_text)(found, zipped)
        return web.Response(body=body, headers=headers)

    async def _first_text(self, found: list[Family], zipped: bool) -> bytes:
        """The text where all lines have to be made: in another thread, for that takes a while."""
        render = self._writer.render_gzip if zipped else self._writer.render
        return await asyncio.to_thread(render, found)

    async def _text(self, found: list[Family], zipped: bool) -> bytes:
        """The text in turns with whatever else there is to do: a thread would be waited for at each turn."""
        parts, packing, begun_s = list[bytes](), Packing(), time.perf_counter()
        add = packing.add if zipped else parts.append
        for text in self._writer.texts(found):
            add(text)
            if time.perf_counter() - begun_s >= TEXT_TURN_S:
                await asyncio.sleep(0)
                begun_s = time.perf_counter()
        return packing.all() if zipped else b"".join(parts)

    async def _let_in(self, request: web.Request) -> None:
        """To the metrics: by web_config_file where that has users, else this machine, and operators.

        Raises HTTPUnauthorized, HTTPForbidden.
        """
        if self.exporter.users:
            if not await self._basic.lets_in(request.headers.get(hdrs.AUTHORIZATION, "")):
                realm = 'Basic realm="hncors", charset="UTF-8"'
                raise web.HTTPUnauthorized(headers={hdrs.WWW_AUTHENTICATE: realm}, text="unauthorized")
        elif not is_loopback(parse_listen(self.settings.listen).host):
            self.guard.need(request, OPERATOR)

    async def healthz(self, request: web.Request) -> web.Response:
        age_s = self.pulse.since_beat_s()
        if age_s is None or age_s > BEAT_WITHIN_S:
            return web.Response(status=503, text="no tick within 10 s\n")
        more, words = self.more(), Words("en")
        lines = ["ok", *(words(name) for name in self._warnings(more))]
        kept = more.get("kept")
        if isinstance(kept, Kept) and kept.failing:
            lines.append(f"ledger: {kept.why}, {kept.waiting} entries wait")
        return web.Response(text="".join(f"{line}\n" for line in lines))

    async def readyz(self, request: web.Request) -> web.Response:
        if self.ending or self.pulse.since_beat_s() is None:
            return web.Response(status=503, text="ending\n" if self.ending else "starting\n")
        return web.Response(text="ok\n")

    def served(self) -> Served:
        """For the metrics."""
        return Served(
            connections=len(self.connections),
            accepted=self.connections.accepted,
            closed=self.connections.closed,
            live=len(self.live),
            live_dropped=self.live.dropped,
            live_refused=self.live.refused,
            sign_ins=dict(self.login.counts),
        )

    def _warnings(self, more: Mapping[str, Any]) -> list[str]:
        """What is wrong with the monitor itself, for whoever looks at a page: words of the table."""
        process = self.pulse.process()._replace(**more)
        age_s, kept, recorded = self.pulse.since_beat_s(), more.get("kept"), more.get("recorded")
        ledger = kept if isinstance(kept, Kept) else Kept()
        told = {
            "halted": age_s is None or age_s > BEAT_WITHIN_S,
            "overloaded": process.overload.lasts,
            "refused": not process.reload_successful,
            "restart": process.restart_needed,
            "clock": process.host_clock_offset_s != 0,
            "ledger": ledger.failing,
            "ledger_lost": ledger.dropped + ledger.refused > 0,
            "ledger_moved": ledger.damaged > 0,
            "recorder": isinstance(recorded, Recorded) and recorded.failing,
        }
        return [name for name, true in told.items() if true]


class Serving:
    """Pages that are being served, until `cleanup`."""

    def __init__(self, site: Site, runner: web.AppRunner, watching: asyncio.Task[None]) -> None:
        self._site, self._runner, self._watching = site, runner, watching

    async def cleanup(self) -> None:
        """End: whoever looks is told, what is being answered is finished within a second."""
        self._watching.cancel()
        await self._site.live.close()
        await self._site.connections.close()
        await self._runner.cleanup()
        if self._site.desk is not None:
            await asyncio.to_thread(self._site.desk.close)


class _NoHttp(logging.Filter):
    """Bytes that are no HTTP are answered with 400: not a fault of ours, and no traceback each in the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return not isinstance(fault, HttpProcessingError)


async def serve(site: Site, listen: str) -> tuple[Serving, str]:
    """Start serving; what to clean up and the address it serves.  Raises OSError where it cannot."""
    address = parse_listen(listen)
    logger = logging.getLogger("aiohttp.server")
    if not any(isinstance(one, _NoHttp) for one in logger.filters):
        logger.addFilter(_NoHttp())
    runner = web.AppRunner(site.app(), access_log=None, shutdown_timeout=1, keepalive_timeout=75)
    await runner.setup()
    try:
        if runner.server is None:  # it is there after the set-up
            raise OSError(0, "no server")
        told = await site.connections.listen(runner.server, address.host, address.port, site.context)
    except OSError:
        await runner.cleanup()
        raise
    return Serving(site, runner, asyncio.create_task(site.watch(), name="trend")), told


def _accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding takes gzip; a weight of 0 is a no (RFC 9110, section 12.5.3)."""
    for part in header.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        if coding in ("gzip", "*"):
            return weight.strip("0.") != "" or not weight
    return False
