"""Trials of rules about where streams come from: E14 by radio, E19 and E20 pushed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from detection_case import (
    BEHIND_BORDER,
    WILD_AT,
    Case,
    Place,
    feed,
    from_night,
    station,
    the,
)
from detection_changes import (
    EQUIPPED,
    equipped,
    noisy,
    renumbered,
    without,
)

from hncors.origins import Origin
from hncors.registry_tables import Permit, Receiver
from hncors.supervise.policy import Policy

HOME, OTHER, NEAR = "192.0.2.7", "198.51.100.9", "192.0.2.201"
LEICA, TOOL = "NTRIP LeicaGR50/4.50", "NTRIP str2str/2.4.3"
REGIONS = "network,region\n192.0.2.0/24,湖南\n198.51.100.0/24,广西\n203.0.113.0/24,cloud\n"
AT_HOME = Policy(home_regions=["湖南"])


def taken_over() -> Iterator[Case]:
    """E19."""
    first = (0.0, Origin(HOME, LEICA))

    def pushed(*more: tuple[float, Origin]) -> dict[str, Any]:
        return {"origins": {"CSHA": (first, *more)}}

    line = (feed(seconds=900),)
    told = (equipped(receiver_serial="1830001"),)
    other = (*told, from_night(300_000, receiver_serial="777"))
    silent = {"changed": {"CSHA": (without(*EQUIPPED),)}}
    another = (300.0, Origin(OTHER, TOOL))
    yield Case(
        "E19", "another source, other software", line, the("CSHA"), 300, 240, **pushed(another), **silent,
        quick=True,
    )  # fmt: skip
    yield Case(
        "E19", "another source, other receiver", line, the("CSHA"), 300, 240, changed={"CSHA": other},
        **pushed((300.0, Origin(OTHER, LEICA))), also=the("CSHA E6"),
    )  # fmt: skip
    turns = [
        (at_s, Origin(*((OTHER, TOOL), (HOME, LEICA))[n % 2])) for n, at_s in enumerate((300.0, 360.0, 420.0))
    ]
    yield Case("E19", "two sources that take turns", line, the("CSHA"), 300, 240, **pushed(*turns), **silent)
    rival = (300.0, Origin(OTHER, TOOL, refused=True))
    yield Case("E19", "a second source beside the first", line, the("CSHA"), 300, 240, **pushed(rival))
    failover = {"register": {"CSHA": {"push_from": ("198.51.100.0/24",)}}}
    yield Case("E19", "a second line, as registered", line, **pushed(another), **failover, quick=True)
    nat = [(60.0 * n, Origin(f"198.51.100.{n}", LEICA)) for n in range(1, 9)]
    yield Case("E19", "a carrier that translates addresses", line, changed={"CSHA": told}, **pushed(*nat))
    swap = {"register": {"CSHA": {"receiver": Receiver(serial="777")}}}
    yield Case(
        "E19", "a receiver swapped, with the register changed", line,
        changed={"CSHA": (equipped(receiver_serial="777"),)},
        **pushed((300.0, Origin(OTHER, TOOL))), **swap,
    )  # fmt: skip
    yield Case("E19", "the station restarts at its address", line, **pushed((300.0, Origin(HOME, TOOL))))


def elsewhere() -> Iterator[Case]:
    """E20."""
    line, table = (feed(seconds=600),), {"regions": REGIONS, "policy": AT_HOME}

    def pushed(address: str) -> dict[str, Any]:
        return {"origins": {"CSHA": ((0.0, Origin(address, LEICA)),)}}

    yield Case(
        "E20",
        "an address of another province",
        line,
        the("CSHA"),
        0,
        240,
        **pushed(OTHER),
        **table,
        quick=True,
    )
    yield Case("E20", "a machine in a cloud", line, **pushed("203.0.113.5"), **table, quick=True)
    yield Case("E20", "an address that no table has", line, **pushed("2001:db8::1"), **table)
    registered = {"register": {"CSHA": {"push_from": ("198.51.100.0/24",)}}}
    yield Case(
        "E20", "a line over the neighbours, as registered", line, **pushed(OTHER), **table, **registered
    )


def heard() -> Iterator[Case]:
    """E14: what a patrol hears on the radio goes through noise, and its own sentences are between."""
    near, on_tour = ((27.99, 112.72),), ((27.99, 112.72), (27.93, 112.66), (27.96, 112.75))
    nobody = {"PATROL": {"patrol": True, "filing": None}}

    def by_radio(
        base: Place, *track: tuple[float, float], errors: float = 1e-4, seconds: int = 900
    ) -> dict[str, Any]:
        others = (
            station("PATROL", (27.99, 112.72, 60.0), filed=False),
            station("LICN", BEHIND_BORDER, filed=False),
        )
        line = feed(*others, seconds=seconds)
        radio = feed(station("BASE", base, filed=False), seconds=seconds, names={"BASE": "PATROL"}, seed=3)
        changed = {"PATROL": (renumbered(77), noisy(errors, track))}
        return {"feeds": (line, radio), "changed": changed, "register": nobody}

    found = {"wants": the("PATROL/77"), "within_s": 300}
    yield Case("E14", "a base at Xiangtan", **by_radio(WILD_AT, *near), **found, quick=True)
    yield Case("E14", "a bit of a thousand wrong", **by_radio(WILD_AT, *on_tour, errors=1e-3), **found)
    worst = by_radio(WILD_AT, *on_tour, errors=1e-2, seconds=1800)
    yield Case("E14", "a bit of a hundred wrong", **worst, **{**found, "within_s": 1800})
    yield Case("E14", "without the patrol's position", **by_radio(WILD_AT), **found)
    until = Permit(temporary=True, ends=date(2026, 12, 31), areas=["湘潭市", "长沙市"])
    over = until.model_copy(update={"ends": date(2026, 2, 1)})
    for title, permit, wants in (
        ("licensed in that county for the year", until, {}),
        ("licensed, until last month", over, found),
        ("licensed in another county", until.model_copy(update={"areas": ["岳阳市"]}), found),
    ):
        its = by_radio(WILD_AT, *near)
        its["register"] = {**nobody, "LICN": {"permit": permit}}
        yield Case("E14", title, **its, **wants)
    yield Case("E14", "of the province beyond the border", **by_radio(BEHIND_BORDER, *near))
    its = by_radio(WILD_AT, *near)
    its["feeds"] = (its["feeds"][0], feed(seconds=900, names={"CSHA": "PATROL"}))
    yield Case("E14", "a repeater of a filed station", **its, quick=True)
