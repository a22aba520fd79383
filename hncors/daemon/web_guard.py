"""What every request goes through: who asks, whether he may, how answers and refusals are sent."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from hncors.daemon.web_desk import DeskClosed
from hncors.daemon.web_sessions import Sessions, same
from hncors.daemon.web_users import Users
from hncors.settings import Web
from hncors.view.roles import NOTHING, PUBLIC, Who
from hncors.view.site_frame import THEMES, Asked, message
from hncors.view.site_words import LANGUAGES, Words

WITHIN_S = 30.0  # for an answer; live events have none
BODY_S = 10.0  # for the body of a request to come
OPEN = ("/metrics", "/healthz", "/readyz")  # asked by programs, whatever name they know the machine by
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none, forms of our own come from "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
WHO: web.RequestKey[Who] = web.RequestKey("who", Who)

log = logging.getLogger("hncors")


class Guard:
    """Stands before all pages."""

    def __init__(self, settings: Web, users: Users | None, sessions: Sessions, *, secure: bool) -> None:
        self.settings, self.users, self.sessions, self.secure = settings, users, sessions, secure
        self.cookie = "__Host-hncors" if secure else "hncors_session"

    @web.middleware
    async def harden(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers with the headers of all answers; refusals and faults in the form that was asked for."""
        try:
            if not self._is_called(request):
                text = "not a name of this monitor: web.names has those it may be called by"
                raise web.HTTPMisdirectedRequest(text=text)
            request[WHO] = self.who(request)
            self._same_site(request)
            if request.path == "/api/v1/live":
                response = await handler(request)
            else:
                async with asyncio.timeout(WITHIN_S):
                    response = await handler(request)
        except web.HTTPException as refused:
            response = self._refusal(request, refused)
        except DeskClosed as fault:
            why = web.HTTPServiceUnavailable(text=f"the ledger cannot be worked on now: {fault}")
            response = self._refusal(request, why)
        except TimeoutError:
            response = self._refusal(request, web.HTTPServiceUnavailable(text="took too long"))
        except ConnectionError:
            raise
        except Exception:
            log.exception("fault in a page")
            response = self._refusal(request, web.HTTPInternalServerError(text="a fault of the monitor's"))
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
            if self.secure:
                response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    def who(self, request: web.Request) -> Who:
        """Who asks: by his session, else whatever those may see who have not signed in."""
        token = request.cookies.get(self.cookie, "")
        if token and self.users is not None:
            found = self.sessions.who(token, self.users.all())
            if found is not None:
                return found
        return Who("", self.settings.stranger)

    def need(self, request: web.Request, role: str = PUBLIC) -> Who:
        """Who asks, if he may what is for `role`.  Raises HTTPException: he has to sign in, or may not."""
        who = request[WHO]
        if who.may(role):
            return who
        if not who.name and self.users is not None:
            if is_api(request):
                raise web.HTTPUnauthorized(text="sign in first")
            raise web.HTTPSeeOther(f"/login?back={quote(request.path_qs, safe='')}")
        raise web.HTTPForbidden(text=f"for the role {role} and above")

    async def form(self, request: web.Request) -> dict[str, str]:
        """The fields of a form that came with the token of the session.  Raises HTTPException."""
        who = request[WHO]
        fields = await self.fields(request)
        token = fields.pop("csrf", "") or request.headers.get("X-CSRF-Token", "")
        if not who.csrf:
            raise web.HTTPUnauthorized(text="sign in first")
        if not same(token, who.csrf):
            raise web.HTTPForbidden(text="the token of the form is not that of the session")
        return fields

    async def fields(self, request: web.Request) -> dict[str, str]:
        """Texts of a form, or of a JSON object."""
        try:
            async with asyncio.timeout(BODY_S):
                if request.content_type == "application/json":
                    content: Any = await request.json()
                    if not isinstance(content, dict) or not all(
                        isinstance(one, str) for one in content.values()
                    ):
                        raise web.HTTPBadRequest(text="expected an object whose values are texts")
                    return content
                if request.content_type != "application/x-www-form-urlencoded" and request.can_read_body:
                    raise web.HTTPUnsupportedMediaType(text="expected a form or application/json")
                posted = await request.post()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body did not come in time") from None
        except (ValueError, UnicodeDecodeError, LookupError, RecursionError):
            raise web.HTTPBadRequest(text="not a form, or not JSON") from None
        return {key: value for key, value in posted.items() if isinstance(value, str)}

    def give(self, response: web.Response, name: str, value: str, lasts_s: int | None = None) -> None:
        """A cookie that scripts do not see and that other sites do not send."""
        response.set_cookie(
            name, value, max_age=lasts_s, httponly=True, samesite="Strict", secure=self.secure, path="/"
        )

    def asked(self, request: web.Request) -> Asked:
        """What a page is asked with."""
        language, theme = request.cookies.get("language", ""), request.cookies.get("theme", "")
        return Asked(
            request.get(WHO) or Who("", NOTHING),
            Words(language if language in LANGUAGES else LANGUAGES[0]),
            theme if theme in THEMES else THEMES[0],
            request.path,
            dict(request.query),
            self.users is not None,
        )

    def _same_site(self, request: web.Request) -> None:
        """What changes something comes from these pages, or from a program, never from another site."""
        if request.method in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS):
            return
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
            raise web.HTTPForbidden(text="from another site")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise web.HTTPForbidden(text="from another site")

    def _is_called(self, request: web.Request) -> bool:
        """Whether the host is an address or a name that is known.

        A page elsewhere whose name was made to lead here (DNS rebinding) reads nothing.
        """
        if request.path in OPEN:
            return True
        host = re.sub(r":[0-9]*$", "", request.host.lower()).strip("[]")
        if host == "localhost" or host in self.settings.names:
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True

    def _refusal(self, request: web.Request, refused: web.HTTPException) -> web.Response:
        headers = {
            name: value
            for name, value in refused.headers.items()
            if name.lower() in ("location", "allow", "retry-after", "www-authenticate")
        }
        status = refused.status
        if status in (301, 302, 303, 304):
            return web.Response(status=status, headers=headers)
        text = refused.text or refused.reason
        if text.startswith(f"{status}:"):
            text = refused.reason
        if is_api(request):
            said = {"type": "about:blank", "title": refused.reason, "status": status, "detail": text}
            body = json.dumps(said, ensure_ascii=False)
            return web.Response(
                status=status, headers=headers, text=body, content_type="application/problem+json"
            )
        if request.path in OPEN or not request.headers.get(hdrs.ACCEPT, "").count("html"):
            return web.Response(status=status, headers=headers, text=f"{text}\n")
        asked = self.asked(request)
        known = {404: "not_found", 403: "not_allowed", 429: "busy", 503: "busy", 500: "failed"}
        title = asked.words(known[status]) if status in known else refused.reason
        page = message(asked, title, text)
        return web.Response(status=status, headers=headers, text=page, content_type="text/html")


def is_api(request: web.Request) -> bool:
    """Whether a program asks."""
    return request.path.startswith("/api/")
