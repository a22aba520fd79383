"""Frames and fields laid by hand, from the words of RTCM 10403.3; nothing here comes from hncors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CRC_POLYNOMIAL = 0x1864CFB  # x^24 + x^23 + x^18 + x^17 + x^14 + ... + 1, section 4.2
_TABLE = []
for _byte in range(256):
    _register = _byte << 16
    for _ in range(8):
        _register <<= 1
        if _register & 1 << 24:
            _register ^= CRC_POLYNOMIAL
    _TABLE.append(_register)


def crc24q(data: bytes) -> int:
    """The remainder, byte by byte."""
    register = 0
    for byte in data:
        register = (register << 8 & 0xFFFFFF) ^ _TABLE[register >> 16 ^ byte]
    return register


def framed(payload: bytes, reserved: int = 0) -> bytes:
    """Preamble, six reserved bits, ten bits of length, payload, check."""
    head = bytes([0xD3, reserved << 2 | len(payload) >> 8, len(payload) & 255])
    return head + payload + crc24q(head + payload).to_bytes(3, "big")


def scan(data: bytes) -> list[bytes]:
    """Every frame: try each byte as a leader, go on behind what holds, else at the next byte."""
    frames, at = [], 0
    while at < len(data):
        if data[at] == 0xD3 and at + 6 <= len(data):
            end = at + 6 + (data[at + 1] % 4 * 256 + data[at + 2])
            if end <= len(data) and crc24q(data[at:end]) == 0:
                frames.append(data[at:end])
                at = end
                continue
        at += 1
    return frames


def bits(text: str) -> bytes:
    """Zeros and ones (the rest only separates), padded to whole bytes."""
    digits = "".join(c for c in text if c in "01")
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big") if digits else b""


def lay(*fields: tuple[int, int]) -> str:
    """Fields (value, width) as zeros and ones; negative values as two's complement."""
    return " ".join(f"{value % (1 << width):0{width}b}" if width else "" for value, width in fields)


# Tables 3.5-80 to -82 and -83 to -89: what each kind of MSM sends for a satellite and for a cell, in order.
_ROUGH = {"ms": 8, "extended": 4, "mod": 10, "rate": 14}
_FINE = {"range": 15, "phase": 22, "lock": 4, "half": 1, "cn0": 6, "fine_rate": 15}
_FINER = {"range": 20, "phase": 24, "lock": 10, "half": 1, "cn0": 10, "fine_rate": 15}
_SENT = {
    1: ("mod", "range"),
    2: ("mod", "phase lock half"),
    3: ("mod", "range phase lock half"),
    4: ("ms mod", "range phase lock half cn0"),
    5: ("ms extended mod rate", "range phase lock half cn0 fine_rate"),
    6: ("ms mod", "range phase lock half cn0"),
    7: ("ms extended mod rate", "range phase lock half cn0 fine_rate"),
}
SATELLITE_FIELDS = {kind: {name: _ROUGH[name] for name in sent.split()} for kind, (sent, _) in _SENT.items()}
CELL_FIELDS = {
    kind: {name: (_FINE if kind < 6 else _FINER)[name] for name in sent.split()}
    for kind, (_, sent) in _SENT.items()
}
USUAL = {"ms": 75, "extended": 0, "mod": 512, "rate": 100, "cn0": 44, "lock": 9}


def msm(
    number: int,
    epoch: int,
    *,
    satellites: Sequence[int] = (3, 9),
    signals: Sequence[int] = (2,),
    cells: Sequence[tuple[int, int]] | None = None,
    values: Mapping[str, Sequence[int]] | None = None,
    station: int = 7,
    more: bool = False,
    iods: int = 0,
    reserved: int = 0,
    clock: int = 0,
    external: int = 0,
    smoothing: int = 0,
) -> bytes:
    """Payload of an MSM. Satellites and signals are counted from 1 as in the tables; default: all cells."""
    kind = number % 10
    cells = [(s, g) for s in satellites for g in signals] if cells is None else cells
    values = values or {}
    out = [lay((number, 12), (station, 12), (epoch, 30), (more, 1), (iods, 3), (reserved, 7))]
    out.append(lay((clock, 2), (external, 2), (smoothing, 4)))
    out.append("".join("1" if n in satellites else "0" for n in range(1, 65)))
    out.append("".join("1" if n in signals else "0" for n in range(1, 33)))
    out += ["1" if (s, g) in cells else "0" for s in sorted(satellites) for g in sorted(signals)]
    for fields, count in ((SATELLITE_FIELDS[kind], len(satellites)), (CELL_FIELDS[kind], len(cells))):
        for name, width in fields.items():
            column = values.get(name, [USUAL.get(name, 0)] * count)
            assert len(column) == count, name
            out += [lay((value, width)) for value in column]
    return bits("".join(out))


def legacy(
    number: int, epoch: int, rows: Sequence[Mapping[str, int]], *, station: int = 7, more: bool = False
) -> bytes:
    """Payload of 1001-1004 or 1009-1012; a row holds what differs from a plain satellite."""
    glonass, second, full = number > 1008, number % 8 in (3, 4), number % 2 == 0
    out = [
        lay((number, 12), (station, 12), (epoch, 27 if glonass else 30), (more, 1), (len(rows), 5), (0, 4))
    ]
    for row in rows:
        f = {"id": 5, "range": 10_000_000, "lock": 100, "ambiguity": 70, "cn0": 180, "channel": 7, **row}
        out.append(lay((f["id"], 6), (f.get("code", 0), 1)))
        out.append(lay((f["channel"], 5), (f["range"], 25)) if glonass else lay((f["range"], 24)))
        out.append(lay((f.get("phase", 0), 20), (f["lock"], 7)))
        if full:
            out.append(lay((f["ambiguity"], 7 if glonass else 8), (f["cn0"], 8)))
        if second:
            out.append(lay((f.get("code2", 0), 2), (f.get("range2", 0), 14), (f.get("phase2", 0), 20)))
            out.append(lay((f.get("lock2", 100), 7)))
            if full:
                out.append(lay((f.get("cn02", 160), 8)))
    return bits("".join(out))


DAY_MS = 86_400_000
EVERY_SYSTEM = (1074, 1084, 1094, 1104, 1114, 1124, 1134)


def epoch_field(number: int, gps_ms: int) -> int:
    """DF004, DF416 and DF034, DF427 of a GPS time since 2017 (18 leap seconds, GLONASS 3 h ahead of UTC)."""
    of_week = gps_ms % (7 * DAY_MS)
    if number in range(1081, 1088) or number in range(1009, 1013):
        moscow = (of_week - 18_000 + 3 * 3_600_000) % (7 * DAY_MS)
        day, of_day = divmod(moscow, DAY_MS)
        return day << 27 | of_day if number > 1012 else of_day
    return (of_week - 14_000) % (7 * DAY_MS) if number in range(1121, 1128) else of_week


def epoch(
    gps_ms: int,
    numbers: Sequence[int] = (1074, 1084, 1094, 1124),
    *,
    clear: Sequence[int] = (-1,),
    station: int = 7,
    satellites: Sequence[int] = (3, 9),
    signals: Sequence[int] = (2,),
) -> list[bytes]:
    """Frames of one epoch; the multiple-message bit is clear at the places in `clear`."""
    frames = []
    for place, number in enumerate(numbers):
        more = not {place, place - len(numbers)} & set(clear)
        field = epoch_field(number, gps_ms)
        if number < 1013:
            payload = legacy(number, field, [{"id": n} for n in satellites], station=station, more=more)
        else:
            payload = msm(number, field, satellites=satellites, signals=signals, station=station, more=more)
        frames.append(framed(payload))
    return frames
