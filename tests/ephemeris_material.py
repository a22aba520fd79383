"""Ephemeris frames: those of the real recordings with the times they came, and hand-made ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hncors import gpstime
from hncors.rtcm3.bits import BitWriter
from hncors.rtcm3.crc import crc24q
from hncors.rtcm3.ephemeris_fields import MESSAGES, Field
from hncors.rtcm3.framing import Framer

# Messages with a time of week in the 30 bits after the station's number: MSM of GPS, Galileo, QZSS; 1004.
_TIMED = {1004, *(base + kind for base in (1070, 1090, 1110) for kind in range(1, 8))}


def number(payload: bytes) -> int:
    """Message number."""
    return payload[0] << 4 | payload[1] >> 4


def body(data: bytes) -> bytes:
    """What a whole HTTP/1.1 response with a chunked body carries."""
    rest, out = data.split(b"\r\n\r\n", 1)[1], b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not size.strip() or int(size, 16) == 0:
            return out
        out += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]


def content(path: Path) -> bytes:
    """A recording's RTCM bytes, taken out of HTTP where they are inside."""
    data = path.read_bytes()
    return body(data) if path.parent.name == "ntrip" else data


@cache
def payloads(path: Path) -> tuple[bytes, ...]:
    """The payloads of every valid frame that has a message number."""
    framer = Framer()
    return tuple(frame[3:-3] for frame in framer.feed(content(path)) + framer.idle() if len(frame) >= 8)


def ephemeris_payloads(recordings: Path) -> Iterator[tuple[str, bytes]]:
    """File name and payload of every ephemeris in the folder."""
    files = [*recordings.glob("streams/*"), *recordings.glob("frames/*"), *recordings.glob("ntrip/bkg*")]
    for path in sorted(files):
        for payload in payloads(path):
            if number(payload) in MESSAGES:
                yield path.name, payload


def received(path: Path, start_gps_ms: int) -> Iterator[tuple[int, bytes]]:
    """Every ephemeris payload of a file with the stream's last epoch, `start_gps_ms` before the first."""
    now = start_gps_ms
    for payload in payloads(path):
        if number(payload) in _TIMED:
            tow = int.from_bytes(payload[3:7], "big") >> 2
            now = gpstime.nearest(tow, gpstime.WEEK_MS, now)
        elif number(payload) in MESSAGES:
            yield now, payload


def fields_of(message: int) -> tuple[Field, ...]:
    return MESSAGES[message][1]


def laid(message: int, raw: dict[str, int]) -> bytes:
    """A payload of raw integers, by the project's bit writer but without its tables' scales."""
    writer = BitWriter().unsigned(message, 12)
    for field in fields_of(message):
        value = raw[field.name]
        if field.kind == "sm":
            writer.sign_magnitude(value, field.width)
        else:
            writer.unsigned(value & (1 << field.width) - 1, field.width)
    return writer.to_bytes()


# One possible set of each system, as raw integers: orbits of the right size, everything else 1.
ORBIT = {"sqrt_a_sqrt_m": 5153 << 19, "eccentricity": 1 << 26, "toe_s": 100, "toc_s": 100}
GLONASS = {"x_m": 25_500 << 11, "vy_m_s": 3 << 20, "tb_s": 30, "day": 0}


def possible(message: int, **changes: int) -> dict[str, int]:
    raw = {field.name: 1 for field in fields_of(message)}
    return raw | (GLONASS if message == 1020 else ORBIT) | changes


def framed(payload: bytes) -> bytes:
    """The payload as a whole frame."""
    head = b"\xd3" + len(payload).to_bytes(2, "big") + payload
    return head + crc24q(head).to_bytes(3, "big")
