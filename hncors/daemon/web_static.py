"""The files that pages are made with, read once: a table of names, so that no path leads anywhere else."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

from aiohttp import hdrs, web

from hncors.view.svg import SWITCHED_STYLE

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
NAMES = ("site.css", "site.js", "uplot.css", "uplot.js", "icon.svg")


class _File(NamedTuple):
    body: bytes
    kind: str
    etag: str


def _files() -> dict[str, _File]:
    folder = resources.files("hncors.daemon").joinpath("static")
    bodies = {name: folder.joinpath(name).read_bytes() for name in NAMES}
    bodies["colours.css"] = SWITCHED_STYLE.encode()
    return {
        name: _File(body, TYPES[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:32])
        for name, body in bodies.items()
    }


class Static:
    """Answers for /static/."""

    def __init__(self) -> None:
        self._files = _files()

    async def answer(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        headers = {hdrs.ETAG: f'"{file.etag}"', hdrs.CACHE_CONTROL: "no-cache"}
        if f'"{file.etag}"' in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        response = web.Response(body=file.body, content_type=file.kind, charset="utf-8", headers=headers)
        response.enable_compression()
        return response
