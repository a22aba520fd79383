"""Whole answers of casters, each read whole, byte by byte and cut in two anywhere.

The answers are written out from RTCM 10410.1, RFC 9110/9112 and what casters of the field send (str2str's
bare `ICY 200 OK`, a missing line end in pygnssutils' status line); the files are recorded answers.
"""

import http.client
import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hncors.ntrip import Dialogue, Verdict
from hncors.ntrip.response import MAX_HEAD, MAX_HEADERS, MAX_LINE

RECORDINGS = Path(__file__).parents[2] / "shared/recordings/ntrip"
FRAME = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")  # 1005, the example of RTCM 10403
ICY = b"ICY 200 OK\r\n"
OK = b"HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\nContent-Type: gnss/data\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\n\r\n"


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


#   name: (answer, states in order, stream)
STREAMS = {
    "ICY with nothing after it": (ICY, ["connected"], b""),
    "ICY and the stream at once": (ICY + FRAME, ["connected"], FRAME),
    "ICY and a blank line": (ICY + b"\r\n" + FRAME, ["connected"], FRAME),
    "ICY with LF only": (b"ICY 200 OK\n" + FRAME, ["connected"], FRAME),
    "ICY and headers": (ICY + b"Server: X/1.0\r\nDate: now\r\n\r\n" + FRAME, ["connected"], FRAME),
    "ICY and headers without a blank line": (ICY + b"Server: X/1.0\r\n" + FRAME, ["connected"], FRAME),
    "ICY and a stream cut in a frame": (ICY + FRAME[7:] + FRAME, ["connected"], FRAME[7:] + FRAME),
    "ICY and bytes like a header": (ICY + b"Ab:c\x00d\r\n" + FRAME, ["connected"], b"Ab:c\x00d\r\n" + FRAME),
    "ICY and letters": (ICY + b"ABC" + FRAME, ["connected"], b"ABC" + FRAME),
    "ICY and a CR": (ICY + b"\r" + FRAME, ["connected"], b"\r" + FRAME),
    "ICY and a LF": (ICY + b"\n" + FRAME, ["connected"], b"\n" + FRAME),
    "ICY and NMEA": (ICY + b"$GPGGA,1\r\n" + FRAME, ["connected"], b"$GPGGA,1\r\n" + FRAME),
    "ICY and chunks": (
        ICY + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(FRAME[:5], FRAME[5:]),
        ["connected"],
        FRAME,
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + FRAME, ["connected"], FRAME),
    "HTTP/1.1 until the close": (OK + b"\r\n" + FRAME, ["connected"], FRAME),
    "HTTP/1.1 with LF only": (OK.replace(b"\r", b"") + b"\n" + FRAME, ["connected"], FRAME),
    "status line without its end": (
        b"HTTP/1.1 200 OKNtrip-Version: Ntrip/2.0\r\nServer: x\r\n\r\n" + FRAME,
        ["connected"],
        FRAME,
    ),
    "no reason": (b"HTTP/1.1 200\r\n\r\n" + FRAME, ["connected"], FRAME),
    "an interim answer": (
        b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + OK + b"\r\n" + FRAME,
        ["connected"],
        FRAME,
    ),
    "ISO-8859-1 header": (OK + b"Date: Po, 5 z\xe1\xf8\xed 2026\r\n\r\n" + FRAME, ["connected"], FRAME),
    "folded header": (OK + b"X: a\r\n  b\r\n\r\n" + FRAME, ["connected"], FRAME),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(FRAME, FRAME), ["connected"], FRAME * 2),
    "chunks, the name in capitals": (
        OK + b"TRANSFER-ENCODING: Chunked\r\n\r\n" + chunked(FRAME),
        ["connected"],
        FRAME,
    ),
    "chunks and a length": (
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(FRAME),
        ["connected"],
        FRAME,
    ),
    "chunks cut inside header, payload and CRC": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(FRAME[:1], FRAME[1:9], FRAME[9:-1], FRAME[-1:]),
        ["connected"],
        FRAME,
    ),
    "chunks that end": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(FRAME) + b"0\r\n\r\n",
        ["connected", "backoff"],
        FRAME,
    ),
    "broken chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(FRAME) + FRAME + b"\n",
        ["connected", "protocol_error"],
        FRAME,
    ),
    "a length": (OK + b"Content-Length: 5\r\n\r\n" + FRAME, ["connected", "backoff"], FRAME[:5]),
    "a length of 0": (OK + b"Content-Length: 0\r\n\r\n", ["connected", "backoff"], b""),
    "identity": (
        OK + b"Transfer-Encoding: identity\r\nContent-Encoding: identity\r\n\r\nAB",
        ["connected"],
        b"AB",
    ),
    "a stream that begins like a table": (PLAIN + b"ST" + FRAME, ["connected"], b"ST" + FRAME),
    "a table in a stream": (OK + b"\r\nSTR;" + FRAME, ["connected"], b"STR;" + FRAME),
    # no stream
    "sourcetable of NTRIP 1": (
        b"SOURCETABLE 200 OK\r\nServer: x\r\n\r\nSTR;A;\r\nENDSOURCETABLE\r\n",
        ["mountpoint_missing"],
        b"",
    ),
    "sourcetable at once": (
        b"SOURCETABLE 200 OK\r\nSTR;A;\r\nENDSOURCETABLE\r\n",
        ["mountpoint_missing"],
        b"",
    ),
    "sourcetable of NTRIP 2": (
        b"HTTP/1.1 200 OK\r\nContent-Type: gnss/sourcetable; charset=x\r\nContent-Length: 7\r\n\r\nSTR;A;\n",
        ["mountpoint_missing"],
        b"",
    ),
    "sourcetable as it comes": (PLAIN + b"STR;A;\r\n", ["connected", "mountpoint_missing"], b""),
    "ICY and a sourcetable type": (
        ICY + b"Content-Type: gnss/sourcetable\r\n\r\nSTR;A\r\n",
        ["connected", "mountpoint_missing"],
        b"",
    ),
    "401": (b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="/A"\r\n\r\n', ["auth_failed"], b""),
    "401 of NTRIP 1": (b"HTTP/1.0 401 Unauthorized\r\n\r\n", ["auth_failed"], b""),
    "ICY 401": (b"ICY 401 Unauthorized\r\n", ["auth_failed"], b""),
    "ERROR, password": (b"ERROR - Bad Password\r\n", ["auth_failed"], b""),
    "ERROR, other": (b"ERROR - Too many users\r\n", ["unavailable"], b""),
    "403": (b"HTTP/1.1 403 Forbidden\r\n\r\n", ["auth_failed"], b""),
    "404": (b"HTTP/1.1 404 Not Found\r\n\r\n", ["mountpoint_missing"], b""),
    "410": (b"HTTP/1.1 410 Gone\r\n\r\n", ["mountpoint_missing"], b""),
    "302": (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", ["redirected"], b""),
    "409": (b"HTTP/1.1 409 Conflict\r\n\r\n", ["unavailable"], b""),
    "503": (b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n", ["unavailable"], b""),
    "400": (b"HTTP/1.1 400 Bad Request\r\n\r\n", ["protocol_error"], b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", ["protocol_error"], b""),
    "HTML by type": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", ["not_ntrip"], b""),
    "HTML as it comes": (PLAIN + b"<!DocType html>", ["connected", "not_ntrip"], b""),
    "HTML without a head": (b"<html>", ["not_ntrip"], b""),
    "gzip": (OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b", ["protocol_error"], b""),
    "gzip, chunked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\n", ["protocol_error"], b""),
    "frames without a head": (FRAME, ["not_ntrip"], b""),
    "TLS": (bytes.fromhex("15030100020246"), ["not_ntrip"], b""),
    "SSH": (b"SSH-2.0-x\r\n", ["not_ntrip"], b""),
    "HTTP/2": (b"HTTP/2 200\r\n\r\n", ["not_ntrip"], b""),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", ["protocol_error"], b""),
    "status in words": (b"HTTP/1.1 fine\r\n\r\n", ["protocol_error"], b""),
    "NUL in the status line": (b"HTTP/1.1 200 O\x00K\r\n\r\n", ["protocol_error"], b""),
    "NUL in a header": (OK + b"X: \x00\r\n\r\n", ["protocol_error"], b""),
    "a length that is none": (OK + b"Content-Length: -1\r\n\r\n", ["connected", "protocol_error"], b""),
    "an endless status line": (b"HTTP/1.1 200 " + b"x" * MAX_LINE, ["protocol_error"], b""),
    "an endless header": (OK + b"X: " + b"x" * MAX_LINE, ["protocol_error"], b""),
    "an endless header after ICY": (
        ICY + b"X: " + b"x" * MAX_LINE + b"\x00",
        ["connected", "protocol_error"],
        b"",
    ),
    "too many headers": (OK + b"X: y\r\n" * MAX_HEADERS + b"\r\n", ["protocol_error"], b""),
    "too many headers after ICY": (
        ICY + b"X: y\r\n" * (MAX_HEADERS + 1),
        ["connected", "protocol_error"],
        b"",
    ),
    "too much head": (
        OK + (b"X: " + b"y" * 8000 + b"\r\n") * (MAX_HEAD // 8000 + 1),
        ["protocol_error"],
        b"",
    ),
}


def read(pieces: list[bytes], close: bool = False) -> tuple[list[Verdict], bytes]:
    dialogue = Dialogue("HNCS")
    verdicts, stream = [], b""
    last = dialogue.close if close else dialogue.conclude  # as the client does after some seconds
    for out in [*(dialogue.feed(piece) for piece in pieces), last()]:
        for item in out:
            if isinstance(item, bytes):
                stream += item
            else:
                verdicts.append(item)
    return verdicts, stream


@pytest.mark.parametrize("name", STREAMS)
def test_whole_byte_by_byte_and_cut_anywhere(name):
    check(name)


def check(name: str) -> None:
    """An answer is read as STREAMS says, however it is cut."""
    answer, states, stream = STREAMS[name]
    whole = read([answer])
    assert [verdict.state for verdict in whole[0]] == states
    assert whole[1] == stream
    assert all(verdict.why and verdict.why.isprintable() for verdict in whole[0])
    assert read([answer[i : i + 1] for i in range(len(answer))]) == whole
    closed = read([answer], close=True)
    step = 1 if len(answer) < 1000 else 97
    for cut in range(0, len(answer) + 1, step):
        assert read([answer[:cut], answer[cut:]]) == whole
        assert read([answer[:cut], answer[cut:]], close=True) == closed


@pytest.mark.parametrize("name", [name for name, case in STREAMS.items() if case[1] == ["connected"]])
def test_n28_a_closed_connection_ends_a_stream_once(name):
    answer, _, stream = STREAMS[name]
    verdicts, got = read([answer], close=True)
    assert [verdict.state for verdict in verdicts] == ["connected", "backoff"]
    assert got == stream


@pytest.mark.parametrize("held", [b"\r", b"Ab", b"Ab:", b"Ab: c\r", b"S"])
def test_bytes_held_back_are_given_at_the_end(held):
    assert read([ICY + held], close=True)[1] == held
    assert read([PLAIN + b"<!d"], close=True)[1] == b"<!d"


@pytest.mark.parametrize(
    "answer", [b"", b"HT", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nServer: x\r\n", b"ICY 200"]
)
def test_a_connection_closed_before_the_answer(answer):
    verdicts, _ = read([answer], close=True)
    assert [verdict.state for verdict in verdicts] == ["protocol_error"]
    assert "closed" in verdicts[0].why


def test_a_refusal_needs_no_blank_line():
    assert read([b"HTTP/1.1 401 Unauthorized\r\nDate: x\r\n"], close=True)[0][0].state == "auth_failed"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (b"Retry-After: 120\r\n", 120.0),
        (b"Date: Mon, 23 Nov 2026 10:00:00 GMT\r\nRetry-After: Mon, 23 Nov 2026 10:01:30 GMT\r\n", 90.0),
        (b"Date: Mon, 23 Nov 2026 10:00:00 GMT\r\nRetry-After: Mon, 23 Nov 2026 09:00:00 GMT\r\n", 0.0),
        (b"Retry-After: Mon, 23 Nov 2026 10:01:30 GMT\r\n", None),
        (b"Retry-After: -5\r\n", None),
        (b"Retry-After: soon\r\n", None),
        (b"", None),
    ],
)
def test_n08_retry_after(fields, seconds):
    answer = b"HTTP/1.1 503 Service Unavailable\r\n" + fields + b"\r\n"
    assert read([answer])[0][0].retry_after_s == seconds


def test_n14_a_redirect_is_named_without_user_path_and_query():
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://me:geheim@portal.example/login?token=geheim\r\n\r\n"
    why = read([answer])[0][0].why
    assert "https://portal.example" in why and "geheim" not in why and "login" not in why


def test_words_from_outside_are_one_harmless_line():
    answer = "HTTP/1.1 500 a\x1b[31m\u009b\u00ad\r\n\r\n".encode("latin-1")
    assert read([answer])[0][0].state == "protocol_error"  # escape is a control character
    why = read([b"HTTP/1.1 500 a\x9b\xad\r\n\r\n"])[0][0].why
    assert why == "500 a\\x9b\\xad"


#   file                                       state
ANSWERS = {
    "orekit-sourcetable-products.igs-ip.net.txt": "mountpoint_missing",
    "orekit-dump-sourcetable-products.igs-ip.net.txt": "mountpoint_missing",
    "orekit-missing-flags.txt": "mountpoint_missing",
    "orekit-wrong-record-type.txt": "mountpoint_missing",
    "orekit-forbidden-request.txt": "auth_failed",
    "orekit-requires-basic-authentication.txt": "auth_failed",
    "orekit-gone.txt": "mountpoint_missing",
    "orekit-wrong-content-type.txt": "not_ntrip",
    "orekit-zero-length-response.txt": "protocol_error",  # the file ends before the blank line
}
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no ../shared/recordings here")


@needs_recordings
@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_answers(name):
    answer = (RECORDINGS / name).read_bytes()
    for pieces in ([answer], [answer[i : i + 1] for i in range(len(answer))]):
        verdicts, stream = read(pieces, close=True)
        assert verdicts[0].state == ANSWERS[name]
        assert stream == b""


class Bytes:
    """Just enough of a socket for http.client."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


@needs_recordings
def test_a_recorded_stream_is_what_http_client_reads():
    answer = (RECORDINGS / "bkg-ephemeris-http-chunked.bin").read_bytes()
    response = http.client.HTTPResponse(Bytes(answer))
    response.begin()
    body = response.read()
    for step in (1, 7, 512, len(answer)):
        verdicts, stream = read([answer[i : i + step] for i in range(0, len(answer), step)])
        assert [verdict.state for verdict in verdicts] == ["connected", "backoff"]
        assert stream == body


@given(
    start=st.sampled_from(
        [b"", ICY, OK, PLAIN, b"HTTP/1.1 ", OK + b"Transfer-Encoding: chunked\r\n\r\n", OK + b"\r\n"]
    ),
    rest=st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [b"\r\n", b"Server: x\r\n", b"5\r\n", b"0\r\n\r\n", b"Content-Length: 5\r\n", FRAME, b"STR;"]
            ),
        ),
        max_size=8,
    ),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_bytes_in_any_pieces(start, rest, cuts):
    answer = start + b"".join(rest)
    places = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(places)]
    for close in (False, True):
        assert read(pieces, close) == read([answer], close)
    verdicts, _ = read([answer], close=True)
    assert verdicts and verdicts[-1].state != "connected"
    assert all(verdict.why.isprintable() for verdict in verdicts)
