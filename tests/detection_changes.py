"""What becomes of a station's frames on their way, for trials of detection: other names, other equipment."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from detection_line import Changed

from hncors.rtcm3 import encode_station
from hncors.rtcm3.encode import frame
from hncors.rtcm3.station import Equipment, PhysicalReference, ReferencePoint, decode

PLACED, EQUIPPED = (1005, 1006), (1007, 1008, 1033)
WITHOUT_STATION = (1019, 1020, 1041, 1042, 1043, 1044, 1045, 1046)  # ephemerides have no DF003
Metres = tuple[float, float, float]


def number_of(one: bytes) -> int:
    """DF002 of a frame."""
    return int.from_bytes(one[3:5], "big") >> 4


def renumbered(station: int) -> Changed:
    """Another DF003 in every message that has one."""

    def change(frames: list[bytes], time_ms: int) -> list[bytes]:
        out = []
        for one in frames:
            if number_of(one) not in WITHOUT_STATION:
                head = (number_of(one) << 12 | station).to_bytes(3, "big")
                one = frame(head + one[6:-3])
            out.append(one)
        return out

    return change


def without(*types: int) -> Changed:
    """Messages of these types are left out."""
    return lambda frames, time_ms: [one for one in frames if number_of(one) not in types]


def thinned(every_s: int) -> Changed:
    """Only epochs of whole multiples."""
    return lambda frames, time_ms: frames if time_ms % (1000 * every_s) == 0 else []


def placed(*places_m: Metres, computed: bool = False, every_s: int = 60) -> Changed:
    """The reference point is each of these in turn, for so long; or none but as it was, and only computed."""

    def change(frames: list[bytes], time_ms: int) -> list[bytes]:
        out = []
        for one in frames:
            if number_of(one) in PLACED:
                said = decode(number_of(one), one[3:-3])
                assert isinstance(said, ReferencePoint)
                said = replace(said, not_physical=computed)
                if places_m:
                    x, y, z = places_m[time_ms // (1000 * every_s) % len(places_m)]
                    said = replace(said, x_m=x, y_m=y, z_m=z)
                one = frame(encode_station.encode(said))
            out.append(one)
        return out

    return change


def equipped(after_ms: int = 0, **other: str) -> Changed:
    """1033 says otherwise, from a GPS time on: receiver, receiver_serial and so on."""

    def change(frames: list[bytes], time_ms: int) -> list[bytes]:
        if time_ms < after_ms:
            return frames
        out = []
        for one in frames:
            if number_of(one) in EQUIPPED:
                said = decode(number_of(one), one[3:-3])
                assert isinstance(said, Equipment)
                has = {name: text for name, text in other.items() if getattr(said, name) is not None}
                one = frame(encode_station.encode(replace(said, **has)))
            out.append(one)
        return out

    return change


def physical_station(point_m: Metres, station: int = 7) -> Changed:
    """1032 after each reference point."""
    x, y, z = point_m
    said = frame(encode_station.encode(PhysicalReference(station, station, x, y, z)))

    def change(frames: list[bytes], time_ms: int) -> list[bytes]:
        return [*frames, *([said] if any(number_of(one) in PLACED for one in frames) else [])]

    return change


def strength(cn0_dbhz: float) -> Changed:
    """One C/N0 (DF408) for all cells of MSM7; fields by hand after RTCM 10403.3, section 3.5.16."""

    def change(frames: list[bytes], time_ms: int) -> list[bytes]:
        return [_with_cn0(one, round(cn0_dbhz * 16)) if number_of(one) % 10 == 7 else one for one in frames]

    return change


def _with_cn0(one: bytes, raw: int) -> bytes:
    if not 1071 <= number_of(one) <= 1137:
        return one
    payload = one[3:-3]
    size = 8 * len(payload)
    bits = f"{int.from_bytes(payload, 'big'):0{size}b}"
    satellites, signals = bits[73:137].count("1"), bits[137:169].count("1")
    cells = bits[169 : 169 + satellites * signals].count("1")
    at = 169 + satellites * signals + 36 * satellites + (20 + 24 + 10 + 1) * cells
    bits = bits[:at] + f"{raw:010b}" * cells + bits[at + 10 * cells :]
    return frame(int(bits, 2).to_bytes(len(payload), "big"))


def noisy(errors: float, track: Sequence[tuple[float, float]] = (), every_s: int = 10) -> Changed:
    """A radio's bits, so many of them wrong, with sentences of a patrol that goes along a track between."""
    chance = random.Random(round(errors * 1e6))

    def change(frames: list[bytes], time_ms: int) -> list[bytes]:
        out = []
        for one in frames:
            bits = bytearray(one)
            for bit in range(8 * len(bits)):
                if chance.random() < errors:
                    bits[bit >> 3] ^= 128 >> (bit & 7)
            out.append(bytes(bits))
        if track:
            latitude, longitude = track[time_ms // 1000 // (6 * every_s) % len(track)]
            out.append(gga(latitude, longitude))
        return out

    return change


def gga(latitude_deg: float, longitude_deg: float) -> bytes:
    """A sentence of a receiver with a fix, north and east."""
    north = f"{int(latitude_deg):02}{latitude_deg % 1 * 60:07.4f}"
    east = f"{int(longitude_deg):03}{longitude_deg % 1 * 60:07.4f}"
    text = f"GPGGA,060000.00,{north},N,{east},E,4,12,0.8,60.0,M,-15.0,M,1.0,0001"
    check = 0
    for character in text.encode():
        check ^= character
    return f"${text}*{check:02X}\r\n".encode()
