"""N31-N33: sourcetables as casters send them, and worse. Rows are laid out by hand from RTCM 10410.1."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from hncors.ntrip import Dialogue, Verdict, sourcetable
from hncors.ntrip.mountpoint import Mountpoint
from hncors.ntrip.mountpoint import sourcetable as written
from hncors.ntrip.response import Body, Parser
from hncors.ntrip.sourcetable import MAX_BYTES, MAX_ROW, MAX_ROWS, Reading, is_plain, read, shared_names
from hncors.registry import parse_link

ROW = (
    "STR;HNCS;{0};RTCM 3.3;1077(1),1127(1),1005(10);2;GPS+BDS;HNCORS;CHN;28.2;113.0;0;0;gen;none;B;N;9600;{1}"
)
END = b"ENDSOURCETABLE\r\n"


def table(*rows: bytes, end: bytes = END, line: bytes = b"\r\n") -> sourcetable.Sourcetable:
    return read(line.join(rows) + line + end)


def row(**changed: str) -> bytes:
    """A good row but for the fields named by their place: f9="91"."""
    fields = ROW.format("Changsha", "none").split(";")
    for place, text in changed.items():
        fields[int(place[1:])] = text
    return ";".join(fields).encode()


GOOD = row()


@pytest.mark.parametrize(
    ("encoding", "identifier", "label"),
    [
        ("ascii", "Changsha", "utf-8"),
        ("utf-8", "长沙市", "utf-8"),
        ("gbk", "长沙市", "gb18030"),
        ("gb18030", "㐀𠀀", "gb18030"),
        ("latin-1", "Besançon ÿ", "latin-1"),
    ],
)
def test_n31_encodings(encoding: str, identifier: str, label: str) -> None:
    """Rows are read as UTF-8, else GB 18030, else Latin-1, which is told; their bytes are kept."""
    data = ROW.format(identifier, "none").encode(encoding)
    found = table(GOOD, data)
    assert [one.mountpoint for one in found.streams] == ["HNCS", "HNCS"]
    assert (found.streams[1].identifier, found.streams[1].encoding) == (identifier, label)
    assert found.streams[1].row == data
    assert found.encodings == ({} if encoding == "ascii" else {label: 1})
    assert found.faults == {}


@pytest.mark.parametrize("line", [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\n"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf", b"\r\n"])
@pytest.mark.parametrize(
    ("end", "ended"), [(END, True), (b"endsourcetable", True), (b"", False), (b"ENDSOU", False)]
)
def test_n31_line_ends(line: bytes, begin: bytes, end: bytes, ended: bool) -> None:
    """Any line end, a byte order mark and a missing ENDSOURCETABLE lose no row."""
    found = table(begin + GOOD, GOOD, end=end, line=line)
    assert len(found.streams) == 2
    assert found.ended == ended
    assert found.cut == ""
    assert sum(found.faults.values()) == (end == b"ENDSOU")


def test_n31_what_a_row_says() -> None:
    """Every field of a stream is read, and what stands in quotes may hold semicolons."""
    text = row(f2='"Chang;sha"', f18='a;b;"c"')
    (one,) = table(
        text, b"CAS;192.0.2.1;2101;Id;HN;0;CHN;28.2;113.0;;0;", b"NET;HNCORS;HN;B;N;;;;none"
    ).streams
    assert one[:8] == (
        "HNCS",
        "Chang;sha",
        "RTCM 3.3",
        "1077(1),1127(1),1005(10)",
        2,
        "GPS+BDS",
        "HNCORS",
        "CHN",
    )
    assert one[8:12] == (28.2, 113.0, False, False)
    assert one[12:18] == ("gen", "none", "B", False, 9600, 'a;b;"c"')
    assert one.messages() == {1077: 1.0, 1127: 1.0, 1005: 10.0}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (row(f9="NaN"), "odd_latitude"),
        (row(f9="999"), "odd_latitude"),
        (row(f9="1e1"), "odd_latitude"),
        (row(f10="inf"), "odd_longitude"),
        (row(f10="361"), "odd_longitude"),
        (row(f11="yes"), "odd_nmea"),
        (row(f17="-1"), "odd_bitrate"),
        (row(f17="9" * 400), "odd_bitrate"),
        (row(f5="٣"), "odd_carrier"),
        (b"STR;HNCS", "short_row"),
        (b"STR;HNCS;" + b";" * 12, "short_row"),
        (row(f2='"Changsha'), ""),
    ],
)
def test_n31_damaged_rows(data: bytes, fault: str) -> None:
    """What is wrong with a row is counted, absent, and no harm to what is right in it."""
    found = table(data, GOOD)
    assert [one.mountpoint for one in found.streams] == ["HNCS", "HNCS"]
    assert found.faults == ({fault: 1} if fault else {})
    if fault == "odd_latitude":
        assert found.streams[0][8:10] == (None, 113.0)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"# a comment", "unknown_row"),
        (b"\x00\x00\x00\x00", "unknown_row"),
        (b"STRING;HNCS", "unknown_row"),
        (b"STR;;Changsha" + b";" * 16, "no_name"),
        (b"STR;HNCS;" + b"x" * MAX_ROW, "long_row"),
        (b"STR;HNCS;" + b"x" * 100_000, "long_row"),
    ],
)
def test_n31_rows_that_are_none(data: bytes, fault: str) -> None:
    """They are counted, and the rows around them are used."""
    found = table(GOOD, data, GOOD)
    assert len(found.streams) == 2
    assert found.faults == {fault: 1}


def test_n31_longitudes_all_the_way_round() -> None:
    """Longitudes from 0 to 360 become those from -180 to 180."""
    found = table(row(f10="247.5"), row(f10="113,5"), row(f10="-112.5"), row(f10="180"))
    assert [one.longitude_deg for one in found.streams] == [-112.5, 113.5, -112.5, 180.0]
    assert found.faults == {}


def test_n31_a_million_rows() -> None:
    """Reading ends with 50,000 rows, or 16 MiB, and says so; memory does not grow after that."""
    reading = Reading()
    piece = b"STR;A\r\n" * 10_000
    for _ in range(100):
        reading.feed(piece)
        if reading.over:
            break
    found = reading.close()
    assert (len(found.streams), found.cut) == (MAX_ROWS, f"more than {MAX_ROWS} rows")


@pytest.mark.parametrize("piece", [b"x" * 65536, b"\n" * 65536, b"\r" * 65536, b"; \r" * 21000 + b"\n"])
def test_n31_a_table_without_end(piece: bytes) -> None:
    """A gigabyte of anything is cut at 16 MiB or 50,000 rows and kept nowhere."""
    reading = Reading()
    for _ in range(MAX_BYTES // len(piece) + 2):
        reading.feed(piece)
    assert reading.over
    assert reading.table.cut
    assert reading.table.streams == []
    assert len(reading._line) <= 2 * MAX_ROW


def test_n31_pieces_make_no_difference() -> None:
    """However a table is cut into pieces, and whatever is in it, it is read alike and never raises."""
    chance = Random(31)
    rows = [
        GOOD,
        row(f9="NaN"),
        b"\xff\xfe;",
        ROW.format("长沙", "").encode("gbk"),
        b"STR",
        b"\x85\x1c",
        b'STR;"',
    ]
    for _ in range(300):
        data = chance.choice([b"\r\n", b"\r", b"\n"]).join(chance.choices(rows, k=8))
        noisy = bytearray(data)
        for _ in range(chance.randrange(6)):
            noisy[chance.randrange(len(noisy))] = chance.randrange(256)
        whole, reading, at = read(bytes(noisy)), Reading(), 0
        while at < len(noisy):
            length = chance.choice([1, 2, 7, 100])
            reading.feed(bytes(noisy[at : at + length]))
            at += length
        assert reading.close() == whole


def test_n31_a_table_of_our_own() -> None:
    """What the simulated caster writes is read back, semicolons and Chinese included."""
    told = Mountpoint(
        "HN01", identifier="长沙;岳麓", latitude_deg=28.2, longitude_deg=113.0, needs_gga=True, fee=True
    )
    found = read(written([told], host="h", port=2101, operator="HN", secured=True))
    (one,) = found.streams
    assert (one.mountpoint, one.identifier, one.needs_gga, one.fee) == ("HN01", "长沙;岳麓", True, True)
    assert (one.latitude_deg, one.longitude_deg, one.authentication) == (28.2, 113.0, "B")
    assert (found.ended, dict(found.faults)) == (True, {})


THERE = "the caster sent its sourcetable, which has the mountpoint{}: it may have no source now"
MISSING = "the caster sent its sourcetable: it has no such mountpoint"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["HNCS", "HNYY"], THERE.format("")),
        (["HNCS", "HNCS"], THERE.format(" 2 times")),
        (["hncs", "HNCT"], f"{MISSING}, but hncs: capitals and small letters differ"),
        (["HNYY", "HNCS0", "HNC5"], f"{MISSING} among 3, did you mean HNCS0 or HNC5?"),
        (["ABCD", "LONG_NAME"], f"{MISSING} among 2, nor one like it"),
        ([], MISSING),
        (["HNC<S>"], f"{MISSING} among 1, did you mean HNC<S>?"),
        (["HNC\x1bS"], f"{MISSING} among 1, did you mean HNC\\x1bS?"),
    ],
)
def test_n32_the_table_in_place_of_a_stream(names: list[str], why: str) -> None:
    """It says whether the mountpoint is in it after all, and how often, or which names are like it."""
    rows = b"\r\n".join(row(f1=name) for name in names)
    body = rows + (b"\r\n" if rows else b"") + END
    for head in (
        b"SOURCETABLE 200 OK\r\nServer: x\r\n\r\n",
        b"SOURCETABLE 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: gnss/sourcetable\r\nContent-Length: %d\r\n\r\n" % len(body),
        b"ICY 200 OK\r\n\r\n",
    ):
        for step in (1, 50, 10_000):
            dialogue, verdicts = Dialogue("HNCS"), []
            answer = head + body
            for at in range(0, len(answer), step):
                verdicts += [one for one in dialogue.feed(answer[at : at + step]) if isinstance(one, Verdict)]
            assert verdicts[-1] == Verdict("mountpoint_missing", why)
            assert dialogue.over


def test_n32_a_table_that_goes_on_and_on() -> None:
    """A verdict is there at once, and given when asked for, by the rows that came; a huge table is cut."""
    dialogue = Dialogue("HNCS")
    assert dialogue.feed(b"SOURCETABLE 200 OK\r\n\r\n" + row(f1="HNCSX") + b"\r\nSTR;HNC") == []
    assert dialogue.reads_on
    (verdict,) = dialogue.conclude()
    assert verdict == Verdict("mountpoint_missing", f"{MISSING} among 2, did you mean HNCSX or HNC?")
    dialogue = Dialogue("HNCS")
    many = b"".join(row(f1=f"S{n:05}") + b"\n" for n in range(MAX_ROWS + 1))
    (verdict,) = dialogue.feed(b"SOURCETABLE 200 OK\r\n\r\n" + many)
    assert isinstance(verdict, Verdict)
    assert verdict.why == f"{MISSING} among {MAX_ROWS}, nor one like it"


@pytest.mark.parametrize("name", ["sapos-sourcetable-2017.txt", "orekit-sourcetable-products.igs-ip.net.txt"])
def test_n31_real_tables(recordings: Path, name: str) -> None:
    """Every STR row of real casters' tables is a stream with a place; counted apart by a plain search."""
    answer = re.sub(rb"^#.*\n", b"", (recordings / "ntrip" / name).read_bytes(), flags=re.MULTILINE)
    parser = Parser()
    body = b"".join(one.data for one in [*parser.feed(answer), *parser.close()] if isinstance(one, Body))
    found = read(body)
    assert len(found.streams) == len(re.findall(rb"^STR;", answer, re.MULTILINE)) > 0
    assert all(one.latitude_deg is not None and one.longitude_deg is not None for one in found.streams)
    assert found.ended


def test_n32_one_mountpoint_twice() -> None:
    """All rows are kept and the name is told as double; casters with one name are told, and are two."""
    found = table(GOOD, row(f1="HNYY"), row(f2="Yueyang"))
    assert [one.identifier for one in found.streams] == ["Changsha", "Changsha", "Yueyang"]
    assert found.duplicates() == {"HNCS": 2}
    other = table(row(f1="HNYY"), row(f1="HNYY"), row(f1="HNZZ"))
    tables = {"a.example:2101": found, "b.example:2101": other}
    assert shared_names(tables) == {"HNYY": ["a.example:2101", "b.example:2101"]}


@pytest.mark.parametrize(
    "name",
    [
        'A"B',
        "A\x1b[31mB",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "A\u202eB\u200b",
        "A\x00B",
        "A\x85hncors_stream_up 1",
        "=cmd|' /C calc'!A0",
        "%2e%2e%2f",
        "A" * 4000,
    ],
)
def test_n33_hostile_names(name: str) -> None:
    """A hostile name is kept as evidence, counted, shown on one harmless line, and makes no link."""
    found = table(row(f1=name), GOOD)
    assert not is_plain(name)
    assert found.faults["odd_name"] + found.faults["long_row"] == 1
    for one in found.streams[:-1]:
        assert one.mountpoint == name
        assert one.shown.isprintable()
        assert len(one.shown) <= 103
    assert found.streams[-1].mountpoint == "HNCS"
    with pytest.raises(ValueError, match=r"link|HOST"):
        parse_link(f"ntrip://192.0.2.1/{name}")
