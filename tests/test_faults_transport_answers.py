"""Faults of casters' answers, by their numbers; the answers and what they mean are in test_ntrip_response."""

from __future__ import annotations

import pytest
from test_ntrip_chunked import CASES
from test_ntrip_chunked import read as read_chunks
from test_ntrip_response import FRAME, STREAMS, check, read

from hncors.ntrip.request import request
from hncors.ntrip.response import MAX_HEAD, MAX_HEADERS, MAX_LINE


def cases(*begin: str) -> pytest.MarkDecorator:
    """The answers whose names begin so; each must name some."""
    found = [[name for name in STREAMS if name.startswith(one)] for one in begin]
    assert all(found)
    return pytest.mark.parametrize("name", sorted({name for names in found for name in names}))


@cases("ICY and the stream at once", "ICY with", "ICY and bytes", "ICY and letters", "ICY and a stream cut")
def test_n05_icy_with_one_line_end(name: str) -> None:
    """Whatever stands behind the status line belongs to the stream, to the byte, wherever segments end."""
    check(name)


@cases(
    "ICY and headers",
    "ICY and a blank line",
    "HTTP/1.0",
    "HTTP/1.1 until",
    "HTTP/1.1 with LF",
    "status line without",
)
def test_n06_every_dialect_of_200(name: str) -> None:
    """All are a stream."""
    check(name)


@cases("sourcetable", "ICY and a sourcetable", "404", "410")
def test_n07_a_sourcetable_for_a_mountpoint(name: str) -> None:
    """mountpoint_missing, never a stream."""
    check(name)


@cases("401", "403", "ICY 401", "ERROR", "404", "409", "503")
def test_n08_refusals(name: str) -> None:
    """Each has its own state, and the words of the caster as its reason."""
    check(name)


def test_n09_headers() -> None:
    """Host, version and Accept are sent; headers a caster wants besides go along, and cannot break out."""
    sent = request("h", 2101, "M", agent="hncors/0", headers={"X-Account": "7"}).decode().split("\r\n")
    assert {"Host: h:2101", "Ntrip-Version: Ntrip/2.0", "Accept: */*", "X-Account: 7"} <= set(sent)
    with pytest.raises(ValueError, match="not printable"):
        request("h", 2101, "M", agent="hncors/0", headers={"X": "a\r\nAuthorization: b"})


@cases("chunks", "ICY and chunks")
def test_n10_chunked(name: str) -> None:
    """The stream is what is in the chunks, wherever they and the segments end."""
    check(name)


@pytest.mark.parametrize("name", CASES)
def test_n11_odd_chunks(name: str) -> None:
    """Sizes and extensions are read as RFC 9112 says; what could lose bytes ends the stream with a reason."""
    coded, body, part = CASES[name]
    for pieces in ([coded], [coded[i : i + 1] for i in range(len(coded))]):
        got, then, _ = read_chunks(pieces)
        assert (got, then) == (body, part)


@cases("chunks and a length", "gzip", "identity")
def test_n12_encodings(name: str) -> None:
    """Chunks win over a length; what would have to be inflated is refused."""
    check(name)


@cases("HTML", "TLS", "SSH", "frames without a head")
def test_n13_no_caster(name: str) -> None:
    """not_ntrip, with what the answer begins with."""
    check(name)


@cases("302")
def test_n14_redirects(name: str) -> None:
    """Named and not followed."""
    check(name)
    (verdict,), stream = read([STREAMS[name][0]])
    assert verdict.why == "302 Found to http://x: not followed"
    assert stream == b""


@cases("an endless", "too many headers", "too much head", "NUL in")
def test_n15_answers_without_end(name: str) -> None:
    """A line ends at 8 kB, a head at 64 fields or 32 kB; beyond is protocol_error."""
    assert (MAX_LINE, MAX_HEADERS, MAX_HEAD) == (8192, 64, 32768)
    check(name)


@cases("ISO-8859-1")
def test_n16_headers_that_are_not_utf_8(name: str) -> None:
    """They are read as ISO 8859-1, and the stream behind them to the byte."""
    check(name)
    assert read([STREAMS[name][0]])[1] == FRAME
