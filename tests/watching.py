"""A network under a virtual clock: chunks at their arrival times, ticks on a grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from hncors.gpstime import from_iso, to_unix_ns
from hncors.network import Chunk, Network, Tick

SECOND = 1_000_000_000
MS = 1_000_000
T0 = from_iso("2026-11-23T20:30:00")  # GPS time


class Watched(NamedTuple):
    id: str
    rate_hz: float | None = None


def network(*names: str, rate_hz: float | None = None, **more: Any) -> Network:
    return Network([Watched(name, rate_hz) for name in names or ("A",)], **more)


def chunk(gps_ms: float, data: bytes = b"", station: str = "A", **more: Any) -> Chunk:
    """Bytes that come at a GPS time."""
    return Chunk(station, data, to_unix_ns(int(gps_ms)) + round(gps_ms % 1 * MS), **more)


def play(
    net: Network, chunks: Iterable[Chunk], *, tick_ms: int = 250, until: int | None = None, end: bool = False
) -> list[Tick]:
    """Ticks at multiples of `tick_ms` after T0, each fed what has come by then; `until` is GPS time."""
    return list(_played(net, sorted(chunks, key=lambda c: c.arrival_ns), tick_ms, until, end))


def _played(
    net: Network, chunks: Sequence[Chunk], tick_ms: int, until: int | None, end: bool
) -> Iterator[Tick]:
    last_ns = to_unix_ns(until) if until is not None else max((c.arrival_ns for c in chunks), default=0)
    now_ns, fed = max(to_unix_ns(T0), net._last_tick_ns), 0
    while True:
        while fed < len(chunks) and chunks[fed].arrival_ns <= now_ns:
            net.feed(chunks[fed])
            fed += 1
        yield net.tick(now_ns)
        if now_ns >= last_ns and fed == len(chunks):
            break
        now_ns += tick_ms * MS
    if end:
        yield net.end(now_ns)


def events(ticks: Iterable[Tick], *kinds: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Station, kind and detail of events; all kinds if none is named."""
    found = [event for tick in ticks for event in tick.events]
    return [(e.station, e.kind, e.detail) for e in found if not kinds or e.kind in kinds]


def epochs(ticks: Iterable[Tick]) -> list[tuple[int, int, int, int]]:
    """Station, time, satellites and observations of every epoch, in their order."""
    return [
        (int(station), int(time), int(satellites.sum()), int(observations))
        for tick in ticks
        for station, time, satellites, observations in zip(*tick.epochs[:4], strict=True)
    ]
