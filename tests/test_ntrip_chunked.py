"""Chunked bodies: cases laid out by hand from RFC 9112, section 7.1, and real casters' bodies."""

import http.client
import importlib.util
import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hncors.ntrip.chunked import MAX_LINE, MAX_TRAILER, Dechunker, Part

SHARED = Path(__file__).parents[2] / "shared"
RECORDINGS = SHARED / "recordings/ntrip"

#   name               coded                                              body           what comes next
CASES = {
    "two chunks": (b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", b"abcdefg", Part.DONE),
    "no end yet": (b"3\r\nabc\r\n4\r\nde", b"abcde", Part.DATA),
    "hex of both cases": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n", b"0123456789" * 2, Part.SIZE),
    "leading zeros": (b"0000000000000003\r\nabc\r\n000\r\n\r\n", b"abc", Part.DONE),
    "extensions": (b'3;a=1;b="x y;z"\r\nabc\r\n0;last\r\n\r\n', b"abc", Part.DONE),
    "blanks before an extension": (b"3 \t;a\r\nabc\r\n3 \r\nabc\r\n", b"abcabc", Part.SIZE),
    "trailers": (b"1\r\na\r\n0\r\nExpires: never\r\nX: y\r\n\r\n", b"a", Part.DONE),
    "bytes after the end": (b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n", b"a", Part.DONE),
    "line ends as data": (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", Part.DONE),
    "data like a size": (b"5\r\n0\r\n\r\n\r\n", b"0\r\n\r\n", Part.SIZE),
    "trailer to come": (b"1\r\na\r\n0\r\n", b"a", Part.TRAILER),
    # faults
    "no size": (b"1\r\na\r\n\r\n", b"a", Part.BROKEN),
    "no line end after data": (b"1\r\nabc\r\n", b"a", Part.BROKEN),
    "half a line end after data": (b"1\r\na\rb", b"a", Part.BROKEN),
    "sign": (b"-1\r\na\r\n", b"", Part.BROKEN),
    "0x": (b"0x1\r\na\r\n", b"", Part.BROKEN),
    "underscore": (b"1_0\r\n", b"", Part.BROKEN),
    "17 digits": (b"00000000000000001\r\na\r\n", b"", Part.BROKEN),
    "2^31": (b"80000000\r\na\r\n", b"", Part.BROKEN),
    "size without CR": (b"1\na\r\n", b"", Part.BROKEN),
    "NUL in an extension": (b"1;\0\r\na\r\n", b"", Part.BROKEN),
    "a frame where a size should be": (b"\xd3\x00\x13\x3e\xd0\r\n", b"", Part.BROKEN),
}


@pytest.fixture
def brute_force_scan():
    if not RECORDINGS.is_dir():
        pytest.skip("no ../shared/recordings here")
    spec = importlib.util.spec_from_file_location("rtcmscan", SHARED / "tools/rtcmscan.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool.scan


def read(pieces: list[bytes]) -> tuple[bytes, Part, str]:
    dechunker = Dechunker()
    body = b"".join(dechunker.feed(piece) for piece in pieces)
    return body, dechunker.part, dechunker.fault


@pytest.mark.parametrize("name", CASES)
def test_whole_byte_by_byte_and_cut_anywhere(name):
    coded, body, part = CASES[name]
    whole = read([coded])
    assert whole[:2] == (body, part)
    assert bool(whole[2]) == (part is Part.BROKEN)
    assert read([coded[i : i + 1] for i in range(len(coded))]) == whole
    for cut in range(len(coded) + 1):
        assert read([coded[:cut], coded[cut:]]) == whole


@pytest.mark.parametrize("name", CASES)
def test_whole_chunks_are_what_they_would_be_piece_by_piece(name):
    """What `plain` says of a read is what `feed` would have; where it says nothing, nothing has changed."""
    coded = CASES[name][0]
    for first in range(len(coded)):
        for last in range(first, len(coded) + 1):
            quick, slow = Dechunker(), Dechunker()
            assert quick.feed(coded[:first]) == slow.feed(coded[:first])
            found, expected = quick.plain(coded[first:last]), slow.feed(coded[first:last])
            if found is None:
                found = quick.feed(coded[first:last])
            assert (found, quick.part, quick.fault) == (expected, slow.part, slow.fault)
    assert Dechunker().plain(b"4\r\n\r\n\r\n\r\n") == b"\r\n\r\n"
    assert Dechunker().plain(b"0\r\n\r\n") is None


def test_n11_lines_and_trailers_have_caps():
    assert read([b"1;" + b"x" * MAX_LINE])[1] is Part.BROKEN
    assert read([b"1;" + b"x" * (MAX_LINE - 4) + b"\r\nab"])[1] is Part.BROKEN
    assert read([b"1;" + b"x" * (MAX_LINE - 4) + b"\r\na\r\n"])[:2] == (b"a", Part.SIZE)
    line = b"X: " + b"y" * 1000 + b"\r\n"
    assert read([b"0\r\n", line * (MAX_TRAILER // len(line)), b"\r\n"])[1] is Part.DONE
    assert read([b"0\r\n"] + [line] * (MAX_TRAILER // len(line) + 1))[1] is Part.BROKEN


def test_n15_a_line_without_an_end_is_not_kept():
    dechunker = Dechunker()
    for _ in range(10_000):
        dechunker.feed(b"1" * 100)
    assert len(dechunker._line) <= MAX_LINE


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=8),
    extension=st.text('abc=;" \t', max_size=10),
    cuts=st.lists(st.integers(0, 600), max_size=10),
)
def test_n10_what_was_chunked_comes_back(pieces, extension, cuts):
    coded = b"".join(b"%x;%s\r\n%s\r\n" % (len(p), extension.encode(), p) for p in pieces) + b"0\r\n\r\n"
    places = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
    cut = [coded[a:b] for a, b in pairwise(places)]
    assert read(cut)[:2] == (b"".join(pieces), Part.DONE)


class Bytes:
    """Just enough of a socket for http.client."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def dechunked_by_http_client(coded: bytes) -> bytes:
    response = http.client.HTTPResponse(
        Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded)
    )
    response.begin()
    body = bytearray()
    try:
        while piece := response.read1(4096):
            body += piece
    except http.client.IncompleteRead as cut:
        body += cut.partial
    return bytes(body)


#   file                               chunks' bytes and frames in them as a brute-force scan found them
REAL = {
    "alloy-chunked.bin": (62960, 292),
    "alloy-chunks-inside-frames.bin": (22469, 109),
    "bkg-ephemeris-http-chunked.bin": (30018, 470),
}


@pytest.mark.parametrize("name", REAL)
def test_n10_real_bodies_as_http_client_reads_them(name, brute_force_scan):
    coded = (RECORDINGS / name).read_bytes()
    if name.startswith("bkg"):
        coded = coded.partition(b"\r\n\r\n")[2]
    expected = dechunked_by_http_client(coded)
    size, frames = REAL[name]
    assert len(expected) == size
    assert len(brute_force_scan(expected)) == frames
    whole = read([coded])
    assert whole[0] == expected
    for step in (1, 7, 512):
        assert read([coded[i : i + step] for i in range(0, len(coded), step)]) == whole
