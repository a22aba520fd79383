"""Where pushed streams come from: the table of regions, what recordings and streams keep of it."""

from __future__ import annotations

import json

import pytest
from watching import chunk, network

from hncors.daemon.record_reading import _told
from hncors.health import ORIGINS, Origin
from hncors.supervise.regions import read_regions

TABLE = "network,region\n192.0.2.0/24,湖南\n192.0.2.128/25,cloud\n2001:db8::/32,广东\n\n0.0.0.0/0,其他\n"


def test_the_smallest_network_tells():
    regions, problems = read_regions(TABLE, "r.csv")
    assert regions is not None and not problems
    for address, region in (
        ("192.0.2.1", "湖南"), ("192.0.2.200", "cloud"), ("203.0.113.1", "其他"), ("2001:db8::7", "广东"),
        ("::ffff:192.0.2.1", "湖南"), ("fe80::1%eth0", ""), ("no address", ""), ("", ""),
    ):  # fmt: skip
        assert regions.of(address) == region, address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n",
        "network,region\n192.0.2.1/24,x\n",
        "network,region\n1.2.3.4/32\n",
        "network,region\n::/0,\n",
    ],
)
def test_what_is_no_table_of_regions(text: str):
    regions, problems = read_regions(text, "r.csv")
    assert regions is None and len(problems) == 1 and problems[0].startswith("r.csv: ")


def test_a_stream_remembers_who_pushed_it_and_no_more_than_so_many():
    its = network("A")
    for n in range(ORIGINS + 5):
        its.feed(chunk(n * 1000, state="connected", origin=Origin(f"192.0.2.{n}", "x")))
    its.feed(chunk(10**6, origin=Origin("198.51.100.1", "y", refused=True)))
    (stream,) = its.streams
    assert len(stream.origins) == ORIGINS and stream.origins[-1].refused
    assert stream.link == "connected"  # who was refused changes nothing of the link
    assert stream.origins[-1].at_ns == chunk(10**6).arrival_ns


def test_recordings_keep_who_pushed():
    line = {"at": 5, "bytes": 0, "state": "connected", "why": "", "origin": ["192.0.2.1", "x\x1b[1m", False]}
    told = _told(json.dumps(line).encode())
    assert told is not None and told.origin == Origin("192.0.2.1", "x\\x1b[1m")
    for wrong in ([], ["a"], ["a", "b", 1], [1, "b", False], "a", None):
        told = _told(json.dumps({**line, "origin": wrong}).encode())
        assert told is not None and told.origin is None
