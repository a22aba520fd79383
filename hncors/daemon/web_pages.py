"""The pages: what is asked for, found and given to hncors.view to be written down."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aiohttp import web

from hncors.daemon.ledger_cases import NoSuchCase
from hncors.daemon.web_bundle import Bundles
from hncors.daemon.web_desk import Desk, DeskClosed
from hncors.daemon.web_guard import Guard
from hncors.daemon.web_parameters import Parameters, whole_in_path
from hncors.daemon.web_steps import detail_of
from hncors.geodesy import GRS80, to_geodetic
from hncors.health import STATES
from hncors.registry import Station
from hncors.supervise.cases import OPERATOR, SUPERVISOR, StepRefused
from hncors.supervise.cases import STATES as CASE_STATES
from hncors.view import site_cases, site_station
from hncors.view.html import tag
from hncors.view.recorded import Recorded
from hncors.view.roles import ADMINISTRATOR, Who
from hncors.view.site_cases import ROWS as CASE_ROWS
from hncors.view.site_frame import Asked, Scene, part
from hncors.view.site_map import Outline
from hncors.view.site_overview import overview, screen
from hncors.view.site_people import administration
from hncors.view.site_states import EVENT_WORDS
from hncors.view.site_station import Precise
from hncors.view.site_stations import UNWELL, events, stations

FRESH_S = 0.5  # a page that somebody else with the same rights was given is given again for so long
MOST_KEPT = 64
HIGHEST = 1_000_000


@dataclass
class Pages:
    """Answers for people."""

    guard: Guard
    scene: Callable[[], Scene]
    outline: Outline
    desk: Desk | None
    changed: Callable[[], None]  # told when a case has changed
    bundles: Bundles | None = None  # None: there are no recordings that one could be made of
    _made: OrderedDict[object, tuple[float, str]] = field(default_factory=OrderedDict)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/", self.overview),
            web.get("/screen", self.screen),
            web.get("/stations", self.stations),
            web.get("/stations/{id}", self.station),
            web.post("/stations/{id}/precise", self.precise),
            web.get("/events", self.events),
            web.get("/cases", self.cases),
            web.post("/cases", self.open_case),
            web.get("/cases/{number}", self.case),
            web.post("/cases/{number}/bundle", self.bundle),
            web.post("/cases/{number}/{action}", self.step),
            web.get("/admin", self.admin),
        ]

    async def overview(self, request: web.Request) -> web.Response:
        return self._same(request, lambda asked: overview(asked, self.scene(), self.outline))

    async def screen(self, request: web.Request) -> web.Response:
        return self._same(request, lambda asked: screen(asked, self.scene(), self.outline))

    async def stations(self, request: web.Request) -> web.Response:
        query = Parameters(request, "state", "search", "first")
        state = query.one_of("state", (*STATES, UNWELL))
        first = query.whole("first", 0, 0, HIGHEST)
        search = query.text("search")
        return self._same(
            request, lambda asked: stations(asked, self.scene(), state=state, search=search, first=first)
        )

    async def events(self, request: web.Request) -> web.Response:
        kind = Parameters(request, "kind").one_of("kind", EVENT_WORDS)

        def made(asked: Asked) -> str:
            scene = self.scene()
            chosen = [one for one in scene.events if kind in ("", one.kind)]
            return events(asked, replace(scene, events=chosen), kind=kind)

        return self._same(request, made)

    async def station(self, request: web.Request) -> web.Response:
        Parameters(request)
        who = self.guard.need(request)
        number, its = self._station(request, who)
        standing, of_station = "", None
        if self.desk is not None and who.may(OPERATOR):
            try:
                standing = await self.desk.standing(its.id)
                found, _ = await self.desk.cases("all", 0, 20, its.id)
            except DeskClosed:
                found = []
            asked = self.guard.asked(request)
            if found:
                listed = site_cases.table_of(asked, found, self.scene().now_ns)
                of_station = part("its-cases", tag("h2", asked.words("its_cases")), listed)
        recorded = self._recorded(its.id) if who.may(OPERATOR) else None
        return self._same(
            request,
            lambda asked: site_station.station(
                asked, self.scene(), number, standing=standing, recorded=recorded, cases=of_station
            ),
        )

    async def precise(self, request: web.Request) -> web.Response:
        """The registered place of a station; put on record first, and shown once."""
        await self.guard.form(request)
        who = self.guard.need(request, SUPERVISOR)
        number, its = self._station(request, who)
        if its.ecef_m is None:
            raise web.HTTPNotFound(text="no registered place")
        if self.desk is None:
            raise web.HTTPForbidden(text="precise coordinates need a ledger, which keeps who saw them")
        await self.desk.note(who, f"station {its.id}, precise")
        latitude, longitude, height_m = to_geodetic(its.ecef_m, GRS80).tolist()
        place = Precise(math.degrees(latitude), math.degrees(longitude), height_m, its.frame or "", its.epoch)
        return _html(site_station.station(self._asked(request), self.scene(), number, precise=place))

    async def cases(self, request: web.Request) -> web.Response:
        query = Parameters(request, "state", "first")
        self.guard.need(request, OPERATOR)
        desk = self._desk()
        state = query.one_of("state", (*CASE_STATES, "all"))
        first = query.whole("first", 0, 0, HIGHEST)
        found, count = await desk.cases(state, first, CASE_ROWS)
        asked = self._asked(request)
        return _html(site_cases.cases(asked, self.scene(), found, count, state=state, first=first))

    async def case(self, request: web.Request) -> web.Response:
        Parameters(request)
        self.guard.need(request, OPERATOR)
        return await self._case(request, whole_in_path(request, "number"))

    async def open_case(self, request: web.Request) -> web.Response:
        fields = await self.guard.form(request)
        who = self.guard.need(request, OPERATOR)
        desk = self._desk()
        try:
            detail = detail_of("open", fields, self.scene().now_ns)
            number = await desk.step(who, "open", detail)
        except StepRefused as refused:
            raise web.HTTPBadRequest(text=str(refused)) from None
        self.changed()
        raise web.HTTPSeeOther(f"/cases/{number}")

    async def step(self, request: web.Request) -> web.Response:
        fields = await self.guard.form(request)
        who = self.guard.need(request, OPERATOR)
        desk, number = self._desk(), whole_in_path(request, "number")
        action = request.match_info["action"]
        try:
            detail = detail_of(action, fields, self.scene().now_ns)
            await desk.step(who, action, detail, number, fields.get("state", ""))
        except NoSuchCase:
            raise web.HTTPNotFound(text="no such case") from None
        except StepRefused as refused:
            return await self._case(request, number, str(refused))
        self.changed()
        raise web.HTTPSeeOther(f"/cases/{number}")

    async def bundle(self, request: web.Request) -> web.Response:
        """A case with what shows it again. That it was asked for is put on record by who makes it."""
        await self.guard.form(request)
        who = self.guard.need(request, SUPERVISOR)
        number = whole_in_path(request, "number")
        if self.bundles is None:
            raise web.HTTPNotFound(text="no bundles without recordings and a ledger")
        try:
            return await self.bundles.answer(number, who.name)
        except StepRefused as refused:
            return await self._case(request, number, str(refused))

    async def admin(self, request: web.Request) -> web.Response:
        Parameters(request)
        self.guard.need(request, ADMINISTRATOR)
        users = self.guard.users.all() if self.guard.users is not None else {}
        accesses = [] if self.desk is None else await self.desk.accesses()
        people = [(name, one.role) for name, one in sorted(users.items())]
        return _html(administration(self._asked(request), people, self.guard.sessions.shown(), accesses))

    async def _case(self, request: web.Request, number: int, refused: str = "") -> web.Response:
        try:
            whole = await self._desk().case(number)
        except NoSuchCase:
            raise web.HTTPNotFound(text="no such case") from None
        asked = self._asked(request)
        if refused:
            asked = Asked(asked.who, asked.words, asked.theme, f"/cases/{number}", {}, asked.can_sign_in)
            refused = f"{asked.words('refused_step')}: {refused}"
        shown = site_cases.case(asked, self.scene(), whole, refused=refused, bundles=self.bundles is not None)
        return _html(shown, 409 if refused else 200)

    def _asked(self, request: web.Request) -> Asked:
        asked = self.guard.asked(request)
        # After a form, the switches of language and looks lead to the page that it was on.
        return (
            asked
            if request.method == "GET"
            else Asked(asked.who, asked.words, asked.theme, "/", {}, asked.can_sign_in)
        )

    def _desk(self) -> Desk:
        if self.desk is None:
            raise web.HTTPNotFound(text="no ledger is kept")
        return self.desk

    def _station(self, request: web.Request, who: Who) -> tuple[int, Station]:
        """A station that somebody may know of. Raises HTTPNotFound, also where he may not."""
        scene = self.scene()
        number = scene.network.index.get(request.match_info["id"])
        if number is None or not who.sees(scene.stations[scene.network.streams[number].id]):
            raise web.HTTPNotFound(text="no such station")
        return number, scene.stations[scene.network.streams[number].id]

    def _recorded(self, station: str) -> dict[str, int] | None:
        recorded = self.scene().more.get("recorded")
        if not isinstance(recorded, Recorded):
            return None
        return {"written": recorded.written.get(station, 0), "dropped": recorded.dropped.get(station, 0)}

    def _same(self, request: web.Request, made: Callable[[Asked], str]) -> web.Response:
        """A page, made once for all who ask for the same within half a second."""
        who = self.guard.need(request)
        asked = self.guard.asked(request)
        now_s = asyncio.get_running_loop().time()
        key = request.path_qs, who, asked.words, asked.theme
        at_s, text = self._made.get(key, (0.0, ""))
        if not text or now_s - at_s > FRESH_S:
            text = made(asked)
            self._made[key] = now_s, text
            self._made.move_to_end(key)
            while len(self._made) > MOST_KEPT:
                self._made.popitem(last=False)
        response = _html(text)
        if not who.csrf and len(text) > 4000:  # with a secret in it, its length would tell something (BREACH)
            response.enable_compression()
        return response


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
