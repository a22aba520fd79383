"""RTCM bytes as if they were of now, and what is in them, found without any code of the project.

Counts come from a brute-force scan with a bitwise CRC, satellites from pyrtcm.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from pyrtcm import RTCMReader

EXAMPLE_1005 = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")  # of RTCM 10403
GPS_EPOCH_UNIX_S = 315_964_800
LEAP_S = 18  # GPST - UTC since 2017
DAY_MS = 86_400_000
SYSTEMS = {107: "G", 108: "R", 109: "E", 110: "S", 111: "J", 112: "C", 113: "I"}


def crc24q(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc


def scan(data: bytes) -> list[bytes]:
    """Every frame whose check holds; after a candidate that fails, the search goes on at the next byte."""
    frames, at = [], 0
    while (at := data.find(b"\xd3", at)) >= 0:
        length = int.from_bytes(data[at + 1 : at + 3], "big") % 1024 + 6
        if at + length <= len(data) and crc24q(data[at : at + length]) == 0:
            frames.append(data[at : at + length])
            at += length
        else:
            at += 1
    return frames


def kind(frame: bytes) -> int:
    return int.from_bytes(frame[3:5], "big") >> 4


def types(data: bytes) -> dict[str, int]:
    """Frames by message number."""
    return dict(Counter(str(kind(frame)) for frame in scan(data)))


def system(frame: bytes) -> str | None:
    return SYSTEMS.get(kind(frame) // 10) if 1071 <= kind(frame) <= 1137 else None


def epochs(frames: Sequence[bytes]) -> list[list[bytes]]:
    """Frames parted after each MSM that says nothing more of its epoch follows (DF393, bit 54)."""
    parted: list[list[bytes]] = [[]]
    for frame in frames:
        parted[-1].append(frame)
        if system(frame) and not frame[3 + 6] >> 1 & 1:
            parted.append([])
    return parted[:-1]


def with_bits(frame: bytes, at: int, width: int, value: int) -> bytes:
    """The frame with `width` bits of its payload from bit `at` on replaced, and its check put right."""
    payload = int.from_bytes(frame[3:-3], "big")
    shift = 8 * (len(frame) - 6) - at - width
    payload = payload & ~(((1 << width) - 1) << shift) | value << shift
    body = frame[:3] + payload.to_bytes(len(frame) - 6, "big")
    return body + crc24q(body).to_bytes(3, "big")


def at_time(frame: bytes, unix_ms: int) -> bytes:
    """The frame, its epoch moved to a UTC time if it is an MSM (DF004, DF248; DF416 and DF034; DF427)."""
    gps_ms = unix_ms - 1000 * GPS_EPOCH_UNIX_S + 1000 * LEAP_S
    tow_ms = gps_ms % (7 * DAY_MS)
    match system(frame):
        case None:
            return frame
        case "R":
            moscow_ms = (gps_ms - 1000 * LEAP_S + 3 * 3_600_000) % (7 * DAY_MS)
            return with_bits(frame, 24, 30, moscow_ms // DAY_MS << 27 | moscow_ms % DAY_MS)
        case "C":
            return with_bits(frame, 24, 30, (tow_ms - 14_000) % (7 * DAY_MS))
    return with_bits(frame, 24, 30, tow_ms)


def _messages(frames: Sequence[bytes]) -> Iterator[tuple[str, object]]:
    for frame in frames:
        letter = system(frame)
        if letter:
            yield letter, RTCMReader.parse(frame)


def satellites(frames: Sequence[bytes]) -> dict[str, int]:
    """Satellites by system."""
    found = defaultdict(set)
    for letter, message in _messages(frames):
        found[letter] |= {getattr(message, f"PRN_{n:02}") for n in range(1, message.NSat + 1)}
    return {letter: len(which) for letter, which in found.items()}


def bds3(frames: Sequence[bytes]) -> dict[str, int]:
    """BeiDou-3 satellites, C19 and above, by RINEX signal code."""
    found = defaultdict(set)
    for letter, message in _messages(frames):
        for n in range(1, message.NCell + 1):
            satellite = getattr(message, f"CELLPRN_{n:02}")
            if letter == "C" and int(satellite) >= 19:
                found[getattr(message, f"CELLSIG_{n:02}")].add(satellite)
    return {signal: len(which) for signal, which in found.items()}


def cells(frames: Sequence[bytes]) -> int:
    """Satellites times signals that are there."""
    return sum(message.NCell for _, message in _messages(frames))
