"""Signing in and out, and the switches of language and looks."""

from __future__ import annotations

import asyncio
import logging
import secrets

from aiohttp import web

from hncors.daemon.web_desk import Desk, DeskClosed
from hncors.daemon.web_guard import Guard
from hncors.daemon.web_sessions import Tries, same
from hncors.daemon.web_users import verify
from hncors.text import printable
from hncors.view.roles import Who
from hncors.view.site_frame import THEMES
from hncors.view.site_people import login
from hncors.view.site_words import LANGUAGES

YEAR_S = 365 * 86_400
FORM_S = 1800
HASHED_AT_ONCE = 2  # each takes memory and a core

log = logging.getLogger("hncors")


class Login:
    """Answers for /login, /logout, /language/ and /theme/."""

    def __init__(self, guard: Guard, tries: Tries, desk: Desk | None) -> None:
        self._guard, self._tries, self._desk = guard, tries, desk
        self._hashing = asyncio.Semaphore(HASHED_AT_ONCE)
        self.counts = {"signed_in": 0, "refused": 0, "held_off": 0}

    async def form(self, request: web.Request) -> web.Response:
        return self._form(request, local(request.query.get("back", "/")))

    async def sign_in(self, request: web.Request) -> web.Response:
        guard = self._guard
        fields = await guard.fields(request)
        back = local(fields.get("back", "/"))
        token = request.cookies.get(self._cookie, "")
        if not token or not same(token, fields.get("csrf", "")):
            return self._form(request, back, "form_stale", 403)
        name, address = fields.get("user", "")[:64], request.remote or ""
        if self._tries.too_many(name, address):
            self.counts["held_off"] += 1
            return self._form(request, back, "too_often", 429)
        users = guard.users.all() if guard.users is not None else {}
        self._tries.failed(name, address)  # until it is known better: many at once count, too
        async with self._hashing:
            right = await asyncio.to_thread(verify, users.get(name), fields.get("password", ""))
        if not right:
            self.counts["refused"] += 1
            await self._record(Who(name, "nothing"), f"sign-in refused, from {address}")
            return self._form(request, back, "wrong", 403)
        self._tries.succeeded(name, address)
        self.counts["signed_in"] += 1
        user = users[name]
        await self._record(Who(name, user.role), f"signed in, from {address}")
        response = web.Response(status=303, headers={"Location": back})
        begun = guard.sessions.begin(name, user)
        response.set_cookie(
            guard.cookie, begun, httponly=True, samesite="Strict", secure=guard.secure, path="/"
        )
        response.del_cookie(self._cookie, path="/")
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        guard = self._guard
        await guard.form(request)
        guard.sessions.end(request.cookies.get(guard.cookie, ""))
        response = web.Response(status=303, headers={"Location": "/"})
        response.del_cookie(guard.cookie, path="/", secure=guard.secure, httponly=True, samesite="Strict")
        return response

    async def language(self, request: web.Request) -> web.Response:
        return self._chosen(request, "language", LANGUAGES)

    async def theme(self, request: web.Request) -> web.Response:
        return self._chosen(request, "theme", THEMES)

    def _chosen(self, request: web.Request, name: str, known: tuple[str, ...]) -> web.Response:
        value = request.match_info["value"]
        if value not in known:
            raise web.HTTPNotFound
        response = web.Response(status=303, headers={"Location": local(request.query.get("back", "/"))})
        response.set_cookie(name, value, max_age=YEAR_S, samesite="Lax", secure=self._guard.secure, path="/")
        return response

    def _form(self, request: web.Request, back: str, wrong: str = "", status: int = 200) -> web.Response:
        asked = self._guard.asked(request)
        if self._guard.users is None:
            wrong = "no_users"
        token = secrets.token_urlsafe(24)
        text = login(asked, token, back, wrong=wrong)
        response = web.Response(status=status, text=text, content_type="text/html")
        response.set_cookie(
            self._cookie,
            token,
            max_age=FORM_S,
            httponly=True,
            samesite="Strict",
            secure=self._guard.secure,
            path="/",
        )
        return response

    @property
    def _cookie(self) -> str:
        return "__Host-hncors-login" if self._guard.secure else "hncors_login"

    async def _record(self, who: Who, what: str) -> None:
        """In the log, and in the ledger where there is one; signing in does not wait for a broken one."""
        name = printable(who.name, 64)
        log.info("pages: %s: %s", name, what)
        if self._desk is not None:
            try:
                await self._desk.note(who, what, name)
            except DeskClosed as fault:
                log.warning("pages: not put on record: %s", fault)


def local(back: str) -> str:
    """A place on this site to go back to; never one elsewhere."""
    good = back.startswith("/") and not back.startswith(("//", "/\\", "/login")) and back.isprintable()
    return back if good and back.isascii() and len(back) < 500 else "/"
