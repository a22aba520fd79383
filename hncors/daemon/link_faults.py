"""What can be wrong between a caster and its clients, on command."""

from typing import NamedTuple

import numpy as np

from hncors.ntrip import server
from hncors.ntrip.server import Voice

KINDS = {
    "refuse": "answers with a status: 503, or 401, 403, 404, 409, 429, 500",
    "drop": "closes streams; a client that comes back gets its 200 and is closed at once",
    "reset": "the same with a TCP reset, before the answer",
    "table": "answers with the sourcetable, as for an unknown mountpoint",
    "html": "answers 200 with a web page",
    "redirect": "answers 302",
    "stall": "accepts, stays connected and sends nothing",
    "half_open": "neither reads nor writes any more, and answers nothing",
    "drip": "one byte every few seconds",
    "garbage": "as many bytes as there should be, none of them a frame",
}
REFUSING = frozenset({"refuse", "drop", "reset", "table", "html", "redirect"})
"""Faults that end the streams there are."""
SILENT = frozenset({"half_open"})
GARBLED = frozenset({"garbage"})
PREAMBLE = 0xD3


class Fault(NamedTuple):
    """One fault of a mountpoint's link."""

    kind: str  # of KINDS
    status: int = 503  # of refuse
    retry_after_s: int | None = None  # of refuse
    interval_s: float = 9.0  # of drip, between two bytes
    location: str = "http://localhost/"  # of redirect

    def answer(self, version: int, voice: Voice) -> bytes | None:
        """What a client is told that comes while this fault lasts, before its end; None: nothing at all."""
        match self.kind:
            case "refuse":
                after_s = self.retry_after_s
                return server.refusal(self.status, version, voice, realm="simulated", retry_after_s=after_s)
            case "html":
                return server.web_page(version, voice)
            case "redirect":
                return server.redirect(self.location, version, voice)
            case "drop":
                return server.accepted(version, voice)
        return None

    @property
    def answers(self) -> int:
        """The status of that answer; 0: none."""
        return {"refuse": self.status, "html": 200, "redirect": 302, "drop": 200}.get(self.kind, 0)


def garbage(length: int, seed: int) -> bytes:
    """Bytes without a leader of a frame; the same for the same seed."""
    data = np.random.default_rng(seed).integers(0, 255, length, np.uint8)
    data[data == PREAMBLE] = 255
    return data.tobytes()
