"""Who pushes a stream, and who would have: remembered with it, judged by hncors.supervise (E19, E20)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

ORIGINS = 16  # remembered of a stream
REFUSED_ORIGINS = 4  # of these, as many that were refused


class Origin(NamedTuple):
    """Who pushes a stream, as far as the connection shows."""

    address: str
    agent: str
    at_ns: int = 0  # since when
    refused: bool = False  # it would have, while another one did


def remember_origin(origins: deque[Origin], origin: Origin) -> None:
    """Add to those of a stream, so that nobody pushes others out by coming often.

    One that sends and comes again is the one it was, since when it was. Of those refused, each is there once,
    as of its last attempt, and the last `REFUSED_ORIGINS`.
    """
    same = [one for one in origins if one._replace(at_ns=origin.at_ns) == origin]
    if origin.refused:
        refused = [one for one in origins if one.refused]
        for one in same or refused[: 1 - REFUSED_ORIGINS]:
            origins.remove(one)
    elif same and same[-1] == next((one for one in reversed(origins) if not one.refused), None):
        return
    origins.append(origin)
