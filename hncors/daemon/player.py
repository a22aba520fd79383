"""A recording as a live link: its bytes at the pace at which they came, or at that of their epochs."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hncors.daemon.recording import Recording, RecordingError, open_recording
from hncors.network import Chunk
from hncors.reading import date
from hncors.registry import Station, parse_link
from hncors.replaying import untimed
from hncors.text import printable

CHUNK = 4096
REST_S = 0.02  # a pause not worth sleeping for


async def play(station: Station, deliver: Callable[[Chunk], None]) -> None:
    """Play the recording a station links to, once; the stream then stays in `backoff`.

    Its bytes are told to be without arrival times: they arrive when the player sends them.
    """

    def tell(state: str, why: str) -> None:
        deliver(Chunk(station.id, b"", time.time_ns(), state, why, timed=False))

    tell("connecting", "opening the recording")
    try:
        recording = open_recording(Path(parse_link(station.link).path))
        pieces = await asyncio.to_thread(_dated, station.id, recording)
        tell("connected", "playing a recording")
        begun_s, first_ns = time.monotonic(), None
        for data, at_ns in pieces:
            first_ns = at_ns if first_ns is None else first_ns
            rest_s = begun_s + (at_ns - first_ns) / 1e9 - time.monotonic()
            if rest_s > REST_S:
                await asyncio.sleep(rest_s)
            deliver(Chunk(station.id, data, time.time_ns(), timed=False))
        tell("backoff", "the recording has ended")
    except RecordingError as refused:
        tell("unreachable", printable(str(refused)))


def _dated(station: str, recording: Recording) -> Iterator[tuple[bytes, int]]:
    """The recording's pieces with the times they are due at, relative to each other."""
    pieces = recording.chunks(CHUNK)
    first = next(pieces, None)
    if first is None:
        return iter(())
    data, at_ns = first
    if at_ns is not None:
        return _timed(data, at_ns, pieces)
    data += b"".join(piece for piece, _ in pieces)
    source = untimed(station, data, date(data))
    ends = [*source.offset.tolist()[1:], len(data)]
    spans = zip(source.offset.tolist(), ends, source.arrival_ns.tolist(), strict=True)
    return ((data[first:last], at_ns) for first, last, at_ns in spans)


def _timed(
    data: bytes, at_ns: int, pieces: Iterator[tuple[bytes, int | None]]
) -> Iterator[tuple[bytes, int]]:
    yield data, at_ns
    for data, later_ns in pieces:
        at_ns = at_ns if later_ns is None else later_ns
        yield data, at_ns
