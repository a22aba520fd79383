"""What a caster says of its streams, read: the sourcetable (RTCM 10410.1, section 3).

    STR;mountpoint;identifier;format;details;carrier;systems;network;country;latitude;longitude;nmea;...
    CAS;host;port;...
    NET;identifier;operator;...
    ENDSOURCETABLE

A table is written by many hands, and any of it may be wrong: what cannot be used of a row is counted under a
name, and the rest is used. What stands in it is what somebody says, no more: its hosts are not connected to,
its names are no file names, its places are hints. `row` keeps a stream's bytes as they came, for evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hncors.text import printable

MAX_BYTES = 16 * 2**20
MAX_ROWS = 50_000
MAX_ROW = 4096  # bytes
FIELDS = {b"STR": 19, b"CAS": 12, b"NET": 9}  # with the type and the last, `misc`, which may hold semicolons
ENCODINGS = ("utf-8", "gb18030")  # in this order; what is neither is latin-1, which anything is
END = b"ENDSOURCETABLE"
_LINE_END = re.compile(rb"[\r\n]+")  # CR LF, LF, or CR alone; empty lines are no rows
_PLAIN = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_MESSAGE = re.compile(r"\s*(\d{1,4})(?:\.\d)?\s*(?:\(\s*(\d{1,5}(?:\.\d{1,3})?)\s*\))?\s*")


class Stream(NamedTuple):
    """A mountpoint as its row tells it; text is as it came, and `shown` is how it may be printed."""

    mountpoint: str
    identifier: str  # a place
    format: str
    details: str  # of the format: message types with their intervals
    carrier: int | None  # 0: no phases, 1: L1, 2: L1 and L2
    systems: str
    network: str
    country: str
    latitude_deg: float | None  # often rounded to a kilometre or ten
    longitude_deg: float | None  # from -180 to 180
    needs_gga: bool | None
    from_network: bool | None  # computed from several stations
    generator: str
    compression: str
    authentication: str  # N, B or D
    fee: bool | None
    bitrate_bps: int | None
    misc: str
    encoding: str  # that the text was read in
    row: bytes  # as it came, without its line end

    @property
    def shown(self) -> str:
        """The mountpoint's name, safe in a line of output."""
        return printable(self.mountpoint, 100)

    def messages(self) -> dict[int, float | None]:
        """Message types in `details` with their intervals in seconds, None where none is told."""
        found = (_MESSAGE.fullmatch(part) for part in re.split("[,/]", self.details))
        return {int(one[1]): float(one[2]) if one[2] else None for one in found if one}


class Caster(NamedTuple):
    """Another caster, or this one, as its row tells it: not to be connected to for that."""

    host: str
    port: int | None
    identifier: str
    operator: str


@dataclass
class Sourcetable:
    """What could be read."""

    streams: list[Stream] = field(default_factory=list)  # all, those of one name too
    casters: list[Caster] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)  # their identifiers
    faults: Counter[str] = field(default_factory=Counter)  # what was wrong with rows, by name
    encodings: Counter[str] = field(default_factory=Counter)  # of rows that are more than ASCII
    rows: int = 0
    ended: bool = False  # with ENDSOURCETABLE
    cut: str = ""  # why not all of it was read, "" where it was

    def duplicates(self) -> dict[str, int]:
        """Mountpoints that have more than one row, and how many."""
        names = Counter(stream.mountpoint for stream in self.streams)
        return {name: number for name, number in names.items() if number > 1}


def shared_names(tables: Mapping[str, Sourcetable]) -> dict[str, list[str]]:
    """Mountpoints that several casters have, with those casters: one stream or two, the name does not say."""
    at: dict[str, list[str]] = {}
    for caster, table in tables.items():
        for name in {stream.mountpoint: None for stream in table.streams}:
            at.setdefault(name, []).append(caster)
    return {name: casters for name, casters in at.items() if len(casters) > 1}


class Reading:
    """Reads a table as its bytes come, in any pieces. Nothing more is wanted once `over` is true."""

    def __init__(self) -> None:
        self.table = Sourcetable()
        self.over = False
        self._bytes = 0
        self._line = bytearray()
        self._too_long = False
        self._first = True

    def feed(self, data: bytes) -> None:
        room = MAX_BYTES - self._bytes
        self._bytes += len(data)
        at, end = 0, min(len(data), room)
        while at < end and not self.over:
            found = _LINE_END.search(data, at, end)
            self._add(data[at : found.start() if found else end])
            at = found.end() if found else end
            if found:
                self._row()
        if len(data) > room and not self.over:
            self._cut(f"more than {MAX_BYTES} bytes")

    def close(self) -> Sourcetable:
        """Nothing more comes: the table."""
        if not self.over:
            self._row()
        self.over = True
        return self.table

    def _add(self, piece: bytes) -> None:
        if len(self._line) + len(piece) > MAX_ROW + len(END):
            self._too_long = True
        else:
            self._line += piece

    def _row(self) -> None:
        line, self._too_long, long = bytes(self._line), False, self._too_long
        self._line.clear()
        if self._first and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        if not line.strip() and not long:
            return
        self._first = False
        if line.strip().upper() == END:
            self.table.ended = self.over = True
        elif self.table.rows == MAX_ROWS:
            self._cut(f"more than {MAX_ROWS} rows")
        else:
            self.table.rows += 1
            if long or len(line) > MAX_ROW:
                self.table.faults["long_row"] += 1
            else:
                _read(line, self.table)

    def _cut(self, why: str) -> None:
        self.table.cut, self.over = why, True
        self._line.clear()


def read(data: bytes) -> Sourcetable:
    """The table in `data`, the body of a caster's answer."""
    reading = Reading()
    reading.feed(data)
    return reading.close()


def is_plain(name: str) -> bool:
    """Whether a mountpoint's name is one that every part of every system can carry."""
    return _PLAIN.fullmatch(name) is not None


def _read(line: bytes, table: Sourcetable) -> None:
    kind = line[:3].upper()
    if kind not in FIELDS or line[3:4] != b";":
        table.faults["unknown_row"] += 1
        return
    text, encoding = _decode(line)
    if not line.isascii():
        table.encodings[encoding] += 1
    if any(not (c.isprintable() or c == "\t") for c in text):
        table.faults["odd_character"] += 1
    fields = _split(text, FIELDS[kind])
    if len(fields) < FIELDS[kind]:
        table.faults["short_row"] += 1
        fields += [""] * (FIELDS[kind] - len(fields))
    if not fields[1]:
        table.faults["no_name"] += 1
    elif kind == b"STR":
        table.streams.append(_stream(fields, encoding, line, table.faults))
    elif kind == b"CAS":
        port = _number(fields[2], 65535, "port", table.faults)
        table.casters.append(Caster(fields[1], port, fields[3], fields[4]))
    else:
        table.networks.append(fields[1])


def _decode(line: bytes) -> tuple[str, str]:
    for encoding in ENCODINGS:
        try:
            return line.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1"), "latin-1"


def _split(text: str, at_most: int) -> list[str]:
    """The fields of a row. One in quotes may hold semicolons; a quote without its end is a character."""
    fields: list[str] = []
    at = 0
    while len(fields) < at_most - 1:
        close = text.find('";', at + 1) if text[at : at + 1] == '"' else -1
        if close >= 0:
            fields.append(text[at + 1 : close].strip())
            at = close + 2
            continue
        stop = text.find(";", at)
        if stop < 0:
            break
        fields.append(text[at:stop].strip())
        at = stop + 1
    last = text[at:].strip()
    return [*fields, last[1:-1] if len(last) > 1 and last[0] == last[-1] == '"' else last]


def _stream(fields: list[str], encoding: str, row: bytes, faults: Counter[str]) -> Stream:
    if not is_plain(fields[1]):
        faults["odd_name"] += 1
    latitude = _degrees(fields[9], -90, 90, "latitude", faults)
    longitude = _degrees(fields[10], -180, 360, "longitude", faults)
    if longitude is not None and longitude > 180:  # eastwards all the way round
        longitude -= 360
    return Stream(
        mountpoint=fields[1],
        identifier=fields[2],
        format=fields[3],
        details=fields[4],
        carrier=_number(fields[5], 2, "carrier", faults),
        systems=fields[6],
        network=fields[7],
        country=fields[8],
        latitude_deg=latitude,
        longitude_deg=longitude,
        needs_gga=_choice(fields[11], "01", "nmea", faults),
        from_network=_choice(fields[12], "01", "solution", faults),
        generator=fields[13],
        compression=fields[14],
        authentication=fields[15],
        fee=_choice(fields[16], "NY", "fee", faults),
        bitrate_bps=_number(fields[17], 10**9, "bitrate", faults),
        misc=fields[18],
        encoding=encoding,
        row=row,
    )


def _degrees(text: str, low: float, high: float, name: str, faults: Counter[str]) -> float | None:
    """An angle, None where it is none; with a comma for a point it is one, too."""
    found = re.fullmatch(r"[+-]?\d{1,3}(?:[.,]\d{0,15})?", text, re.ASCII)
    value = float(text.replace(",", ".")) if found else None
    if value is not None and low <= value <= high:
        return value
    if text:
        faults[f"odd_{name}"] += 1
    return None


def _number(text: str, most: int, name: str, faults: Counter[str]) -> int | None:
    if re.fullmatch(r"\d{1,10}", text, re.ASCII) and int(text) <= most:
        return int(text)
    if text:
        faults[f"odd_{name}"] += 1
    return None


def _choice(text: str, choices: str, name: str, faults: Counter[str]) -> bool | None:
    """Whether the second of two characters stands there; None where neither does."""
    if text.upper() in [*choices]:
        return text.upper() == choices[1]
    if text:
        faults[f"odd_{name}"] += 1
    return None
