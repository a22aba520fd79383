"""In which region an address is, by a table that the operator keeps: none comes with the program.

    network,region
    192.0.2.0/24,湖南
    198.51.100.0/24,cloud

Where several networks hold an address, the smallest tells. Such tables are made of registries' records: they
say where somebody has the address registered, not where the machine stands.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from hncors.settings import problem
from hncors.text import printable

MOST_ROWS = 1_000_000
MOST_PROBLEMS = 20
MOST_CHARACTERS = 40
HEAD = ["network", "region"]
_EXPECTED = "lines such as 192.0.2.0/24,湖南 below a line network,region"
_Network = IPv4Network | IPv6Network


class Regions:
    """Networks by version, length of the prefix and prefix."""

    def __init__(self, regions: Mapping[_Network, str]) -> None:
        self._by_length: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        for network, region in regions.items():
            bits = network.max_prefixlen - network.prefixlen
            its = self._by_length[network.version].setdefault(bits, {})
            its[int(network.network_address) >> bits] = region
        self._order = {version: sorted(lengths) for version, lengths in self._by_length.items()}

    def of(self, address: str) -> str:
        """The region of an address, "" where the table has none or it is no address."""
        try:
            its = ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        mapped = getattr(its, "ipv4_mapped", None)
        its = mapped or its
        number, lengths = int(its), self._by_length[its.version]
        for bits in self._order[its.version]:
            if region := lengths[bits].get(number >> bits):
                return region
        return ""


def read_regions(text: str, file: str) -> tuple[Regions | None, list[str]]:
    """The table in `text`, or None and its problems; `file` is the name the problems give."""
    rows = csv.reader(text.splitlines())
    try:
        if next(rows, None) != HEAD:
            return None, [f"{file}: expected {_EXPECTED}"]
        found: dict[_Network, str] = {}
        problems: list[str] = []
        for number, row in enumerate(rows, 2):
            if not row:
                continue
            if len(found) == MOST_ROWS:
                return None, [f"{file}: line {number}: expected at most {MOST_ROWS} networks"]
            network, region = _row(row)
            if network is None:
                problems.append(problem(file, f"line {number}", ",".join(row), _EXPECTED))
            else:
                found[network] = region
            if len(problems) == MOST_PROBLEMS:
                break
    except csv.Error:
        return None, [f"{file}: expected {_EXPECTED}"]
    return (None, problems) if problems else (Regions(found), [])


def _row(row: list[str]) -> tuple[_Network | None, str]:
    if len(row) != len(HEAD):
        return None, ""
    region = printable(row[1].strip(), MOST_CHARACTERS)
    try:
        return (ip_network(row[0].strip()) if region else None), region
    except ValueError:
        return None, ""
