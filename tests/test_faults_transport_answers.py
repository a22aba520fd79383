"""Faults of casters' answers, by their numbers; the answers and what they mean are in test_ntrip_response."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest
from scripted_caster import HOLD, ICY, ScriptedCaster, Step, followed, virtual
from test_ntrip_chunked import CASES
from test_ntrip_chunked import read as read_chunks
from test_ntrip_response import FRAME, STREAMS, check, read

from hncors.daemon.secrets import Secrets
from hncors.ntrip import Verdict
from hncors.ntrip.request import request
from hncors.ntrip.response import MAX_HEAD, MAX_HEADERS, MAX_LINE
from hncors.registry import read_station


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


def sent(**more: object) -> list[str]:
    return request("h", 2101, "M", agent="hncors/0", **more).decode().split("\r\n")


def test_n09_headers() -> None:
    """Host, version and Accept are sent; a station's own headers go along, replace one, or leave it out."""
    assert sent()[1:-2] == [
        *("Host: h:2101", "Ntrip-Version: Ntrip/2.0", "User-Agent: NTRIP hncors/0"),
        *("Accept: */*", "Accept-Encoding: identity", "Connection: close"),
    ]
    assert "X-Account: 7" in sent(headers={"X-Account": "7"})
    assert sent(headers={"accept": "", "USER-AGENT": "NTRIP other/1", "Accept-Encoding": ""})[1:-2] == [
        *("Host: h:2101", "Ntrip-Version: Ntrip/2.0", "User-Agent: NTRIP other/1", "Connection: close")
    ]
    with pytest.raises(ValueError, match="not printable"):
        sent(headers={"X": "a\r\nAuthorization: b"})


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('Authorization = "Basic x"', "no secret here"),
        ('cookie = "canary"', "no secret here"),
        ('"X Y" = "1"', "names of letters"),
        ('X = "a\\r\\nY: b"', "printable ASCII"),
        ('Content-Length = "1"', "a request has none"),
        ('X = "1"\nx = "2"', "each once"),
        ("X = 1", "a table of names and texts"),
    ],
)
def test_n09_headers_of_a_station_file(table: str, expected: str) -> None:
    """What cannot be a header is named by `check`, without the value."""
    file = 'id = "A"\nlink = "ntrip://h/M"\n[headers]\n'
    station, problems = read_station(file + 'Accept = ""\nX-Account = "7"\n', "A.toml")
    assert problems == []
    assert station is not None
    assert station.headers == {"Accept": "", "X-Account": "7"}
    _, problems = read_station(file + table + "\n", "A.toml")
    assert len(problems) == 1
    assert problems[0].startswith("A.toml: headers")
    assert expected in problems[0]
    assert "canary" not in problems[0]


@pytest.mark.parametrize("refuses", ["Accept", "Ntrip-Version"])
@virtual
async def test_n09_a_caster_that_refuses_what_it_does_not_know(refuses: str) -> None:
    """A header that is set to nothing is not sent, and the stream comes."""
    strict = Strict(refuses.encode())
    async with strict as caster, followed(caster) as heard:
        await heard.until(lambda: len(heard.states) == 2)
        assert heard.states[1] == "protocol_error"
    async with strict as caster, followed(caster, headers={refuses: ""}) as heard:
        await heard.until(lambda: heard.data)


class Strict(ScriptedCaster):
    """Refuses a request that has a certain header."""

    def __init__(self, refuses: bytes) -> None:
        super().__init__(self._script)
        self._refuses = refuses

    def _script(self, n: int) -> Iterator[Step]:
        bad = b"\r\n" + self._refuses + b":" in self.sessions[n].request
        yield b"HTTP/1.1 400 Bad Request\r\n\r\n" if bad else ICY + FRAME


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


PAGE = "<!DOCTYPE html>\n<title>登录 Login</title>" + "x" * 300


@pytest.mark.parametrize("head", [b"Content-Type: text/html\r\n", b""])
def test_n13_the_beginning_of_a_page_is_kept(head: bytes) -> None:
    """256 bytes of it, on one harmless line, wherever segments end; the rest is kept nowhere."""
    page = PAGE.encode().replace(b"title", b"ti\x1btle", 1)
    for step in (1, 7, 4096):
        answer = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + page
        verdicts, stream = read([answer[at : at + step] for at in range(0, len(answer), step)])
        assert verdicts[-1].state == "not_ntrip"
        why = verdicts[-1].why
        assert why.startswith(
            "the answer is a web page; it begins: <!DOCTYPE html>\\n<ti\\x1btle>登录 Login<"
        )
        assert why.isprintable()
        assert why.endswith("x" * 100)
        assert why.partition("begins: ")[2].count("x") == page[:256].count(b"x") + 1  # that of \\x1b
        assert stream == b""


@pytest.mark.parametrize(
    ("answer", "begins"),
    [
        (bytes.fromhex("15030100020246"), "\\x15\\x03\\x01\\x00\\x02\\x02F"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2\\r\\n"),
        (b"\xff\xfe login", "\\xff\\xfe login"),
    ],
)
def test_n13_the_beginning_of_what_is_no_answer(answer: bytes, begins: str) -> None:
    """The same of a program that speaks something else."""
    for pieces in ([answer], [answer[i : i + 1] for i in range(len(answer))]):
        (verdict,), _ = read(pieces, close=True)
        assert verdict == Verdict("not_ntrip", f"the answer is none that a caster gives; it begins: {begins}")


@virtual
async def test_n13_a_page_that_shows_the_password() -> None:
    """What is kept of it goes through what hides secrets, whole or cut off."""
    basic = b64encode(b"monitor:canary-geheim")

    def script(n: int) -> Iterator[Step]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>canary-geheim " + basic + b"</p>"
        yield b" " * (256 - 18 - len(basic) - 4 - 9) + b"canary-geheim" + b"." * 100

    secrets = Secrets()
    secrets.remember("canary-geheim", "monitor")
    async with ScriptedCaster(script) as caster, followed(caster) as heard:
        await heard.until(lambda: "not_ntrip" in heard.states)
    hidden = secrets.hide(heard.why("not_ntrip"))
    assert "begins: <p>*** ***</p>" in hidden
    assert hidden.rstrip().endswith("***")


@virtual
async def test_n13_a_page_without_an_end() -> None:
    """Its beginning is waited for three seconds, no longer."""
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"
    async with ScriptedCaster([page, HOLD]) as caster, followed(caster) as heard:
        await heard.until(lambda: "not_ntrip" in heard.states)
        assert heard.when("not_ntrip") == pytest.approx(3.0, abs=0.1)
    assert heard.why("not_ntrip") == "the answer is a web page; it begins: <html>"


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
