"""A caster's side of the protocol.  Requests are those of real clients; answers are read back by the words of
RTCM 10410.1 and RFC 9112, and by `Dialogue`, the client that real recorded casters are tested with."""

from base64 import b64encode

import pytest

from hncors.ntrip import Dialogue, request, server
from hncors.ntrip.mountpoint import Mountpoint, sourcetable
from hncors.ntrip.server import Asked, Positions, Refused, Request, Voice

VOICE = Voice("hncors/0", 784111777)  # RFC 9110, section 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT
TOKEN = b64encode("王:a:b".encode()).decode()
RTKLIB = (
    b"GET /HUN1 HTTP/1.0\r\nUser-Agent: NTRIP RTKLIB/2.4.3 b34\r\nAuthorization: Basic dXNlcjpwdzI=\r\n\r\n"
)
GGA = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"  # the textbook's example


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (RTKLIB, Asked("HUN1", 1, "user", "pw2", "NTRIP RTKLIB/2.4.3 b34")),
        (b"GET / HTTP/1.0\r\n\r\n", Asked("", 1)),
        (b"GET /A HTTP/1.1\r\nHost: x\r\nNtrip-Version: Ntrip/2.0\r\n\r\n", Asked("A", 2)),
        (b"GET /A HTTP/1.1\r\nHost: x\r\n\r\n", Asked("A", 1)),  # gpsd says 1.1 and cannot read chunks
        (b"GET /A?x=1 HTTP/1.0\r\n\r\n", Asked("A", 1)),
        (b"GET /A%20B HTTP/1.0\r\n\r\n", Asked("A B", 1)),
        (f"GET /A HTTP/1.0\r\nAuthorization: basic {TOKEN}\r\n\r\n".encode(), Asked("A", 1, "王", "a:b")),
        (b"GET /A HTTP/1.0\r\nAuthorization: Basic !!\r\n\r\n", Asked("A", 1)),
        (b"GET /A HTTP/1.0\r\nNtrip-GGA: $GPGGA\r\n\r\n", Asked("A", 1, gga=b"$GPGGA")),
    ],
)
def test_requests(text, asked):
    whole, bytewise = Request(), Request()
    assert whole.feed(text + b"rest") == asked
    assert whole.rest == b"rest"
    assert [bytewise.feed(text[at : at + 1]) for at in range(len(text))] == [None] * (len(text) - 1) + [asked]


def test_what_our_client_sends_is_understood():
    sent = request("h", 2101, "M", agent="x/1", version=2, user="u", password="p:w")
    assert Request().feed(sent) == Asked("M", 2, "u", "p:w", "NTRIP x/1")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"POST /A HTTP/1.0\r\n\r\n", 405),
        (b"SOURCE pw /A\r\n\r\n", 405),
        (b"hello\r\n\r\n", 400),
        (b"GET /A HTTP/1.0\r\nno field\r\n\r\n", 400),
        (b"GET /A HTTP/1.0\r\nA: \x00\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000, 431),
        (b"GET / HTTP/1.0\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.0\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431),
        (b"GET / HTTP/1.0\r\n" + b"A: b\r\n" * 9000, 431),
    ],
)
def test_requests_that_are_refused(text, status):
    answer = Request().feed(text)
    assert isinstance(answer, Refused)
    assert answer.status == status


def test_a_password_is_not_shown():
    assert "geheim" not in repr(Asked("A", 1, "u", "geheim"))


def test_the_head_of_a_stream():
    assert server.accepted(1, VOICE) == b"ICY 200 OK\r\n\r\n"
    lines = server.accepted(2, VOICE).decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {
        "Ntrip-Version: Ntrip/2.0",
        "Transfer-Encoding: chunked",
        "Content-Type: gnss/data",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Server: NTRIP hncors/0",
    } < set(lines)
    assert lines[-2:] == ["", ""]


def test_chunks():
    assert server.chunk(b"0123456789abcdefg") == b"11\r\n0123456789abcdefg\r\n"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (server.accepted, "connected"),
        (lambda v, voice: server.refusal(401, v, voice, realm='a"b\r\nX: y'), "auth_failed"),
        (lambda v, voice: server.refusal(404, v, voice), "mountpoint_missing"),
        (lambda v, voice: server.refusal(409, v, voice), "unavailable"),
        (lambda v, voice: server.refusal(503, v, voice, retry_after_s=7), "unavailable"),
        (lambda v, voice: server.redirect("http://x/y\r\nX: y", v, voice), "redirected"),
        (server.web_page, "not_ntrip"),
        (lambda v, voice: server.table(b"ENDSOURCETABLE\r\n", v, voice), "mountpoint_missing"),
    ],
)
def test_a_client_understands_each_answer(version, answer, state):
    said = answer(version, VOICE)
    assert b"\r\nX: y" not in said
    dialogue = Dialogue()
    verdicts = dialogue.feed(said) + dialogue.conclude()
    assert verdicts[0].state == state
    assert verdicts[0].retry_after_s == (7 if b"Retry-After" in said else None)


def test_a_chunked_stream_read_back():
    dialogue = Dialogue()
    pieces = dialogue.feed(server.accepted(2, VOICE) + server.chunk(b"abc") + server.chunk(b"d" * 300))
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == b"abc" + b"d" * 300
    assert dialogue.feed(server.LAST_CHUNK)[-1].state == "backoff"


def test_a_sourcetable():
    """Fields by their place: RTCM 10410.1, table of the STR record."""
    told = Mountpoint("CSHA", "Chang;sha\n", details="1077(1)", latitude_deg=28.2282, longitude_deg=112.9388)
    rows = sourcetable([told], host="h", port=2101, operator="me", secured=True).decode().split("\r\n")
    assert [row[:4] for row in rows] == ["CAS;", "STR;", "ENDS", ""]
    row = rows[1].replace("Chang;sha ", "Changsha").split(";")
    assert len(row) == 19
    assert row[1:4] == ["CSHA", '"Changsha"', "RTCM 3.3"]
    assert row[6] == "GPS+GLO+GAL+QZS+BDS"
    assert row[8:11] == ["CHN", "28.2", "112.9"]
    assert (row[11], row[15]) == ("0", "B")


@pytest.mark.parametrize(
    ("line", "good"),
    [
        (GGA, True),
        (GGA[:-2] + b"48", False),  # the checksum does not hold
        (b"$GPGGA,123519,4807.038,N,01131.000,E,0,08,0.9,545.4,M,46.9,M,,*46", False),  # no fix
        (b"$GPRMC,1*00", False),
        (b"x" * 100, False),
    ],
)
def test_positions(line, good):
    positions = Positions()
    for byte in line + b"\r\n":
        positions.feed(bytes([byte]))
    assert (positions.valid, positions.invalid) == (int(good), int(not good))


def test_positions_without_an_end_are_bounded():
    positions = Positions()
    for _ in range(100):
        positions.feed(b"x" * 1000)
    assert positions.invalid > 5
