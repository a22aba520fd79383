"""The faults a network of stations has to be watched through, by number, and the tests named after them.

A test of a row begins with its number: `test_n05_...`, `test_l01_...`, `test_r13_...`, `test_p09_...`; the
first line of its docstring says what is expected. scripts/faults_table.py makes docs/faults.md of both.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
NAMED = re.compile(r"test_([elnprt]\d\d)_")

PARTS = {
    "N": "Transport, HTTP and NTRIP",
    "L": "Serial lines",
    "R": "RTCM frames and messages",
    "T": "Time",
    "E": "Ephemerides and solutions",
    "P": "The monitor itself",
}

FAULTS = {
    "N01": "the other end vanishes and TCP is not told",
    "N02": "a healthy stream falls silent after minutes",
    "N03": "a byte now and then keeps the socket alive",
    "N04": "bytes flow for ever and hold nothing usable",
    "N05": "ICY 200 OK with one line end and data behind it",
    "N06": "200 in every dialect: ICY with headers, HTTP/1.0, HTTP/1.1",
    "N07": "a sourcetable in answer to a missing mountpoint",
    "N08": "401, 403, 404, 409, 503 with Retry-After",
    "N09": "a caster that needs headers, or refuses those it does not know",
    "N10": "a chunked body",
    "N11": "chunks with extensions, trailers, odd or hostile sizes",
    "N12": "several encodings at once, or compression",
    "N13": "a captive portal or proxy page with status 200",
    "N14": "redirects",
    "N15": "an answer without end: lines, headers, NUL bytes",
    "N16": "headers that are not UTF-8",
    "N17": "a mountpoint that waits for a position (GGA)",
    "N18": "positions (GGA) that a caster would refuse",
    "N19": "a caster that bans who reconnects fast",
    "N20": "a caster with 200 mountpoints restarts",
    "N21": "a caster that ends the older session of an account",
    "N22": "no network at the start",
    "N23": "names that do not resolve, or hang, or change",
    "N24": "IPv6 alone, or broken beside IPv4",
    "N25": "TLS: expired, misnamed, self-signed, outdated, hanging",
    "N26": "TLS on a plain port, plain on a TLS port",
    "N27": "TLS handshakes that fail by the thousand",
    "N28": "the end of a stream, read again and again",
    "N29": "resets in mid-frame, tiny segments, late bursts",
    "N30": "stopping and reloading with sockets open",
    "N31": "sourcetables in any encoding, damaged or huge",
    "N32": "one mountpoint twice, one station under several names",
    "N33": "hostile mountpoint names",
    "N34": "a mountpoint that brings another station's stream",
    "N35": "yesterday's recording, or data half a minute late",
    "N36": "epochs twice, out of order, or of two sources interleaved",
    "L01": "the USB adapter is unplugged and plugged in again",
    "L02": "the port comes back under another name, is forbidden, or in use",
    "L03": "wrong speed or framing: noise",
    "L04": "NMEA, UBX, RTCM 2 and RTCM 3 on one line, and false leaders",
    "L05": "garbage that is not text first, then NMEA",
    "L06": "reads without bytes, in parts, after a break",
    "L07": "a line discipline or a device that adds line ends",
    "R01": "leader bytes (D3) in payloads and before frames",
    "R02": "a damaged length field",
    "R03": "reserved header bits set",
    "R04": "the shortest and the longest frames",
    "R05": "payloads cut short under a valid check",
    "R06": "payloads longer than their fields",
    "R07": "message numbers that are unknown, private, or text",
    "R08": "MSM of more than 64 cells",
    "R09": "MSM without satellites, signals or cells",
    "R10": "satellites with different signals",
    "R11": "signals and satellites without a name",
    "R12": "the multiple-message bit is never cleared",
    "R13": "an epoch in several messages, older and newer kinds together",
    "R14": "station ids that change, are 0, or differ",
    "R15": "values that say: not available",
    "R16": "GLONASS without frequency channels",
    "R17": "MSM without whole milliseconds",
    "R18": "smoothed pseudoranges, steered and external clocks",
    "R19": "descriptors of 255 characters and control characters",
    "R20": "reference points that jump, alternate, or are nowhere",
    "R21": "ephemerides that are garbage under a valid check",
    "R22": "new identities without end",
    "T01": "the host's clock is days or weeks off",
    "T02": "GPS weeks of ten bits",
    "T03": "weeks of each system's own length",
    "T04": "ends of weeks and days, halves of days",
    "T05": "the GPS week rollover of November 2038",
    "T06": "leap seconds, one not announced, one taken away",
    "T07": "the host's clock is stepped or slewed",
    "T08": "the monitor is suspended or stopped",
    "T09": "epochs off the full second, and many a second",
    "T10": "GLONASS messages without a day",
    "E01": "a new set says unhealthy, an old one does not",
    "E02": "sets that are too old",
    "E03": "Galileo's I/NAV and F/NAV taken for each other",
    "E04": "sets that promise no accuracy",
    "E05": "stations that tell different sets of one satellite",
    "E06": "streams without ephemerides",
    "E07": "too few satellites, or in a plane",
    "P01": "a fault of the monitor in one stream, a tick or a reload",
    "P02": "a consumer that is slow, or holds the loop up",
    "P03": "SIGTERM in every state",
    "P04": "SIGHUP with a configuration that is bad, huge or partly changed",
    "P05": "SIGKILL and loss of power",
    "P06": "a disk that is full, read-only or failing",
    "P07": "a ledger that others read or write for long",
    "P08": "a ledger that is damaged, of another version, or another program's",
    "P09": "no file handles left",
    "P10": "memory that grows over weeks",
    "P11": "an MQTT broker that is away, or refuses",
    "P12": "a robot of a chat that hangs, or refuses",
    "P13": "all streams lost with the uplink",
    "P14": "a stream that comes and goes",
    "P15": "a log that is flooded",
    "P16": "labels of metrics without end",
    "P17": "series of stations that are gone, and of what is not known",
    "P18": "scrapes at once, slow clients, idle connections",
    "P19": "two daemons with one ledger",
    "P20": "an odd time zone, language or encoding of the host",
}


class NamedTest(NamedTuple):
    """A test named after a fault."""

    row: str  # "N05"
    file: str  # "test_faults_serial.py"
    name: str
    expected: str  # first paragraph of its docstring, on one line


def found(folder: Path = TESTS) -> list[NamedTest]:
    """Tests named after faults, by row, file and place in it. Raises ValueError for an unlisted row."""
    tests = [test for path in sorted(folder.glob("test_*.py")) for test in _in_file(path)]
    unlisted = sorted({f"{test.file}: {test.name}" for test in tests if test.row not in FAULTS})
    if unlisted:
        raise ValueError(f"no such fault: {', '.join(unlisted)}")
    order = list(FAULTS)
    return sorted(tests, key=lambda test: order.index(test.row))


def _in_file(path: Path) -> Iterator[NamedTest]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (match := NAMED.match(node.name)):
            said = (ast.get_docstring(node) or node.name[len(match[0]) :].replace("_", " ")).split("\n\n")[0]
            yield NamedTest(match[1].upper(), path.name, node.name, " ".join(said.split()))
