"""/api/v1: what pages show, for programs; described by hncors.view.openapi."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import hdrs, web

from hncors.daemon.ledger_cases import NoSuchCase
from hncors.daemon.web_desk import Desk, Stale
from hncors.daemon.web_guard import WHO, Guard
from hncors.daemon.web_parameters import Parameters, whole_in_path
from hncors.daemon.web_steps import detail_of
from hncors.health import STATES
from hncors.signals import GNSS
from hncors.supervise.cases import OPERATOR, StepRefused
from hncors.supervise.cases import STATES as CASE_STATES
from hncors.view.bds3 import bds3
from hncors.view.cases import finding_plain, plain, step_plain
from hncors.view.cases import table as cases_csv
from hncors.view.openapi import document
from hncors.view.roles import Who
from hncors.view.site_cases import Whole
from hncors.view.site_frame import Scene
from hncors.view.site_station import track
from hncors.view.sky_plot import is_bds3
from hncors.view.station_plain import availability, detail, event, events_for, public, signals, summary
from hncors.view.tables import events_csv, geojson, stations_csv
from hncors.view.trend import COLUMNS, WINDOWS_S

MOST = 10_000  # of a page of an answer
HIGHEST = 1_000_000
SERIES = ("1h", "24h")


@dataclass
class Api:
    """Answers for programs."""

    guard: Guard
    scene: Callable[[], Scene]
    desk: Desk | None
    changed: Callable[[], None]
    version: str

    def routes(self) -> list[web.AbstractRouteDef]:
        found = {
            "/stations": self.stations,
            "/stations.csv": self.stations_csv,
            "/stations.geojson": self.geojson,
            "/stations/{id}": self.station,
            "/stations/{id}/series": self.series,
            "/stations/{id}/sky": self.sky,
            "/stations/{id}/signals": self.signals,
            "/bds3": self.bds3,
            "/events": self.events,
            "/events.csv": self.events_csv,
            "/cases": self.cases,
            "/cases.csv": self.cases_csv,
            "/cases/{number}": self.case,
            "/me": self.me,
            "/openapi.json": self.openapi,
        }
        return [
            *(web.get(f"/api/v1{path}", answer) for path, answer in found.items()),
            web.post("/api/v1/cases", self.open_case),
            web.post("/api/v1/cases/{number}/{action}", self.step),
        ]

    async def stations(self, request: web.Request) -> web.Response:
        who = self.guard.need(request)
        query = Parameters(request, "limit", "offset", "state")
        return self._page(request, query, self._lines(who, query.one_of("state", STATES)))

    async def stations_csv(self, request: web.Request) -> web.Response:
        who = self.guard.need(request)
        query = Parameters(request, "state")
        return _csv(request, stations_csv(self._lines(who, query.one_of("state", STATES), describe=True)))

    async def geojson(self, request: web.Request) -> web.Response:
        who = self.guard.need(request)
        Parameters(request)
        scene = self.scene()
        shown = scene.shown(who)
        made = geojson(scene.network, scene.stations, shown, self._lines(who, ""))
        return _json(request, made, kind="application/geo+json")

    async def station(self, request: web.Request) -> web.Response:
        Parameters(request)
        who, scene, number = self._station(request)
        its = scene.stations[scene.network.streams[number].id]
        told = detail(scene.network, number, its) | {"availability": availability(scene.trend, number)}
        return _json(request, told if who.may(OPERATOR) else public(told))

    async def series(self, request: web.Request) -> web.Response:
        query = Parameters(request, "window", "since")
        _, scene, number = self._station(request)
        window = query.one_of("window", SERIES, "1h")
        at_s, values = scene.trend.series(number, WINDOWS_S[window], query.whole("since", 0, 0, 1 << 40))
        columns = {
            name: [None if value != value else round(value, 4) for value in values[:, n].tolist()]
            for n, name in enumerate(COLUMNS)
        }
        return _json(request, {"time": at_s.tolist(), "columns": columns})

    async def sky(self, request: web.Request) -> web.Response:
        Parameters(request)
        _, scene, number = self._station(request)
        its = track(scene.network, number)
        rows = zip(
            *(
                column.tolist()
                for column in (its.gnss, its.satellite, its.azimuth_rad, its.elevation_rad, its.value)
            ),
            strict=True,
        )
        return _json(request, [_satellite(*row) for row in rows])

    async def signals(self, request: web.Request) -> web.Response:
        Parameters(request)
        _, scene, number = self._station(request)
        return _json(request, signals(scene.network, number))

    async def bds3(self, request: web.Request) -> web.Response:
        who = self.guard.need(request)
        Parameters(request)
        scene = self.scene()
        return _json(request, bds3(scene.network, scene.stations, scene.shown(who)))

    async def events(self, request: web.Request) -> web.Response:
        query = Parameters(request, "limit", "offset", "kind", "station")
        return self._page(request, query, self._events(request, query))

    async def events_csv(self, request: web.Request) -> web.Response:
        return _csv(request, events_csv(self._events(request, Parameters(request, "kind", "station"))))

    async def cases(self, request: web.Request) -> web.Response:
        self.guard.need(request, OPERATOR)
        query = Parameters(request, "limit", "offset", "state")
        limit, offset = _limits(query)
        state = query.one_of("state", (*CASE_STATES, "all"))
        found, count = await self._desk().cases(state, offset, limit)
        now_ns = self.scene().now_ns
        lines = [plain(number, case, now_ns) for number, case in found]
        return _json(request, lines, _paging(request, count, limit, offset))

    async def cases_csv(self, request: web.Request) -> web.Response:
        self.guard.need(request, OPERATOR)
        state = Parameters(request, "state").one_of("state", (*CASE_STATES, "all"))
        found, _ = await self._desk().cases(state, 0, HIGHEST)
        return _csv(request, cases_csv(found, self.scene().now_ns))

    async def case(self, request: web.Request) -> web.Response:
        self.guard.need(request, OPERATOR)
        Parameters(request)
        return await self._case(request, whole_in_path(request, "number"))

    async def open_case(self, request: web.Request) -> web.Response:
        fields = await self.guard.form(request)
        who = self.guard.need(request, OPERATOR)
        Parameters(request)
        try:
            number = await self._desk().step(who, "open", detail_of("open", fields, self.scene().now_ns))
        except StepRefused as refused:
            raise web.HTTPUnprocessableEntity(text=str(refused)) from None
        self.changed()
        response = await self._case(request, number, 201)
        response.headers[hdrs.LOCATION] = f"/api/v1/cases/{number}"
        return response

    async def step(self, request: web.Request) -> web.Response:
        fields = await self.guard.form(request)
        who = self.guard.need(request, OPERATOR)
        Parameters(request)
        number, action = whole_in_path(request, "number"), request.match_info["action"]
        try:
            detail = detail_of(action, fields, self.scene().now_ns)
            await self._desk().step(who, action, detail, number, fields.get("state", ""))
        except NoSuchCase:
            raise web.HTTPNotFound(text="no such case") from None
        except Stale as refused:
            raise web.HTTPConflict(text=str(refused)) from None
        except StepRefused as refused:
            raise web.HTTPUnprocessableEntity(text=str(refused)) from None
        self.changed()
        return await self._case(request, number)

    async def me(self, request: web.Request) -> web.Response:
        Parameters(request)
        who = request[WHO]
        return _json(request, {"name": who.name or None, "role": who.role, "csrf": who.csrf or None})

    async def openapi(self, request: web.Request) -> web.Response:
        Parameters(request)
        return _json(request, document(self.version))

    async def _case(self, request: web.Request, number: int, status: int = 200) -> web.Response:
        try:
            its: Whole = await self._desk().case(number)
        except NoSuchCase:
            raise web.HTTPNotFound(text="no such case") from None
        told = {
            **plain(number, its.case, self.scene().now_ns),
            "trail": [step_plain(*one, precise=False) for one in its.trail],
            "findings": [finding_plain(one, precise=False) for one in its.findings],
            "attachments": [dict(one) for one in its.attachments],
        }
        return _json(request, told, status=status)

    def _events(self, request: web.Request, query: Parameters) -> list[dict[str, Any]]:
        who = self.guard.need(request)
        scene = self.scene()
        kind, station = query.text("kind"), query.text("station")
        found = events_for(list(scene.events), scene.stations, who)
        return [event(one) for one in found if kind in ("", one.kind) and station in ("", one.station)]

    def _lines(self, who: Who, state: str, *, describe: bool = False) -> list[dict[str, Any]]:
        scene = self.scene()
        lines = []
        for number in scene.shown(who):
            stream = scene.network.streams[number]
            if state and stream.state != state:
                continue
            its = scene.stations[stream.id]
            line = summary(scene.network, number, its)
            if describe:
                line |= {"county": its.county, "operator": its.operator}
            lines.append(line if who.may(OPERATOR) else public(line))
        return lines

    def _page(self, request: web.Request, query: Parameters, lines: Sequence[object]) -> web.Response:
        limit, offset = _limits(query)
        headers = _paging(request, len(lines), limit, offset)
        return _json(request, lines[offset : offset + limit], headers)

    def _desk(self) -> Desk:
        if self.desk is None:
            raise web.HTTPNotFound(text="no ledger is kept")
        return self.desk

    def _station(self, request: web.Request) -> tuple[Who, Scene, int]:
        """A station that somebody may know of. Raises HTTPNotFound, also where he may not."""
        who, scene = self.guard.need(request), self.scene()
        number = scene.network.index.get(request.match_info["id"])
        if number is None or not who.sees(scene.stations[scene.network.streams[number].id]):
            raise web.HTTPNotFound(text="no such station")
        return who, scene, number


def _satellite(
    gnss: int, satellite: int, azimuth_rad: float, elevation_rad: float, cn0_dbhz: float
) -> dict[str, Any]:
    return {
        "satellite": f"{GNSS[gnss]}{satellite:02d}",
        "azimuth_deg": round(math.degrees(azimuth_rad), 1),
        "elevation_deg": round(math.degrees(elevation_rad), 1),
        "cn0_dbhz": None if cn0_dbhz != cn0_dbhz else round(cn0_dbhz, 1),
        "bds3": is_bds3(gnss, satellite),
    }


def _limits(query: Parameters) -> tuple[int, int]:
    return query.whole("limit", MOST, 1, MOST), query.whole("offset", 0, 0, HIGHEST)


def _paging(request: web.Request, count: int, limit: int, offset: int) -> dict[str, str]:
    """How many there are in all, and where the next ones are (RFC 8288)."""
    headers = {"X-Total-Count": str(count)}
    if offset + limit < count:
        query = urlencode({**request.query, "limit": limit, "offset": offset + limit})
        headers[hdrs.LINK] = f'<{request.path}?{query}>; rel="next"'
    return headers


def _json(
    request: web.Request, told: object, headers: Mapping[str, str] | None = None, *, status: int = 200,
    kind: str = "application/json",
) -> web.Response:  # fmt: skip
    body = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return _answer(request, body, kind, dict(headers or {}), status)


def _csv(request: web.Request, text: str) -> web.Response:
    return _answer(request, text.encode(), "text/csv", {}, 200)


def _answer(
    request: web.Request, body: bytes, kind: str, headers: dict[str, str], status: int
) -> web.Response:
    """With a tag of what is in it; what the client has already is not sent again (RFC 9110, 13.1.2)."""
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers |= {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: "private, no-cache", hdrs.VARY: "Cookie"}
    if status == 200 and etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=body, status=status, headers=headers, content_type=kind, charset="utf-8")
    if len(body) > 2000 and not request[WHO].csrf:
        response.enable_compression()
    return response
