"""Where pushed streams come from: the table of regions, what recordings and streams keep of it."""

from __future__ import annotations

import json

import pytest
from watching import chunk, network

from hncors.daemon.record_reading import _told
from hncors.origins import ORIGINS, REFUSED_ORIGINS, Origin
from hncors.supervise import regions as regions_module
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


def test_a_table_of_too_many_networks_is_refused_whole(monkeypatch):
    monkeypatch.setattr(regions_module, "MOST_ROWS", 2)
    assert read_regions("network,region\n192.0.2.0/24,a\n::/0,b\n", "r.csv")[0] is not None
    regions, problems = read_regions("network,region\n192.0.2.0/24,a\n::/0,b\n10.0.0.0/8,c\n", "r.csv")
    assert regions is None and problems == ["r.csv: line 4: expected at most 2 networks"]


def test_a_stream_remembers_who_pushed_it_and_no_more_than_so_many():
    its = network("A")
    for n in range(ORIGINS + 5):
        its.feed(chunk(n * 1000, state="connected", origin=Origin(f"192.0.2.{n}", "x")))
    its.feed(chunk(10**6, origin=Origin("198.51.100.1", "y", refused=True)))
    (stream,) = its.streams
    assert len(stream.origins) == ORIGINS and stream.origins[-1].refused
    assert stream.link == "connected"  # who was refused changes nothing of the link
    assert stream.origins[-1].at_ns == chunk(10**6).arrival_ns


def test_who_comes_often_pushes_nobody_out():
    """A rival that tries each minute, and a source that took over and connects anew again and again."""
    its = network("A")
    first, other = Origin("192.0.2.1", "x"), Origin("198.51.100.1", "y")
    its.feed(chunk(0, state="connected", origin=first))
    for n in range(1, 100):
        its.feed(chunk(60_000 * n, origin=other._replace(refused=True)))
    for n in range(20):
        its.feed(chunk(60_000 * (100 + n), origin=Origin(f"203.0.113.{n}", "z", refused=True)))
    (stream,) = its.streams
    assert [one.address for one in stream.origins if not one.refused] == ["192.0.2.1"]
    refused = [one.address for one in stream.origins if one.refused]
    assert refused == [f"203.0.113.{n}" for n in range(20)][-REFUSED_ORIGINS:]
    for n in range(50):
        its.feed(chunk(60_000 * (200 + n), state="connected", origin=other))
    taken = [one for one in stream.origins if not one.refused]
    assert [one.address for one in taken] == ["192.0.2.1", "198.51.100.1"]
    assert taken[1].at_ns == chunk(60_000 * 200).arrival_ns  # since it took over


def test_a_rival_that_goes_on_for_hours_is_told_of_as_of_its_last_attempt():
    its = network("A")
    rival = Origin("198.51.100.1", "y", refused=True)
    its.feed(chunk(0, state="connected", origin=Origin("192.0.2.1", "x")))
    for minute in (1, 3000):
        its.feed(chunk(60_000 * minute, origin=rival))
    assert [one.at_ns for one in its.streams[0].origins][1:] == [chunk(60_000 * 3000).arrival_ns]


def test_recordings_keep_who_pushed():
    line = {"at": 5, "bytes": 0, "state": "connected", "why": "", "origin": ["192.0.2.1", "x\x1b[1m", False]}
    told = _told(json.dumps(line).encode())
    assert told is not None and told.origin == Origin("192.0.2.1", "x\\x1b[1m")
    for wrong in ([], ["a"], ["a", "b", 1], [1, "b", False], "a", None):
        told = _told(json.dumps({**line, "origin": wrong}).encode())
        assert told is not None and told.origin is None
