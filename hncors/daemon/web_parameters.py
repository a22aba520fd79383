"""Parameters of requests: taken as they should be, or refused with what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

LONGEST = 200


class Parameters:
    """The query of a request that may have only these names."""

    def __init__(self, request: web.Request, *names: str) -> None:
        """Raises HTTPBadRequest, as all of these."""
        query = request.query
        for name in query:
            if name not in names:
                raise _wrong(name, f"one of {', '.join(names)}" if names else "no parameters")
            if len(query.getall(name)) > 1 or len(query[name]) > LONGEST:
                raise _wrong(name, f"at most once, of at most {LONGEST} characters")
        self._query = query

    def text(self, name: str) -> str:
        return self._query.get(name, "")

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        text = self._query.get(name, str(default))
        if not re.fullmatch("-?[0-9]{1,15}", text) or not low <= int(text) <= high:
            raise _wrong(name, f"a whole number from {low} to {high}")
        return int(text)

    def one_of(self, name: str, known: tuple[str, ...] | Mapping[str, object], default: str = "") -> str:
        text = self._query.get(name, default)
        if text != default and text not in known:
            raise _wrong(name, f"one of {', '.join(one for one in known if one)}")
        return text


def whole_in_path(request: web.Request, name: str) -> int:
    """A number in the path. Raises HTTPNotFound: what is no number names nothing."""
    text = request.match_info[name]
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise web.HTTPNotFound(text="no such number")
    return int(text)


def _wrong(name: str, expected: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=f"{name[:60]!a}: expected {expected}")
