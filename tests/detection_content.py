"""Trials of rules about what streams hold: E6, E8 to E10, E15 to E18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from causes_trials import fault
from detection_case import (
    NOON,
    WILD_AT,
    Case,
    at,
    feed,
    from_night,
    station,
    the,
    wild,
)
from detection_changes import (
    EQUIPPED,
    WITHOUT_STATION,
    equipped,
    placed,
    renumbered,
    strength,
    thinned,
    without,
)
from detection_line import Feed

from hncors.registry_tables import Antenna, Receiver
from hncors.supervise.policy import Policy


def equipment() -> Iterator[Case]:
    """E6."""
    other = {"CSHA": (equipped(receiver="LEICA GR50"),)}
    yield Case(
        "E6", "another receiver than the filed one", (feed(),), the("CSHA"), 0, 240, changed=other, quick=True
    )
    same = {
        "CSHA": (equipped(receiver_serial="5712K00812", receiver="TRIMBLE ALLOY", antenna="X"),),
        "WILD": (equipped(receiver_serial="5712K00812", receiver="TRIMBLE ALLOY", antenna="X"),),
    }
    alike = {"CSHA": {"receiver": Receiver(type="TRIMBLE ALLOY", serial="5712K00812"), "antenna": Antenna()}}
    yield Case(
        "E6",
        "one serial number in two places",
        (feed(wild()),),
        the("WILD"),
        0,
        240,
        the("WILD E2"),
        the("WILD"),
        alike,
        same,
    )
    blank = {
        one: (equipped(receiver_serial="00000", antenna_serial="123456"),) for one in ("CSHA", "ZHZH", "XTAN")
    }
    yield Case("E6", "numbers that software writes for none", (feed(),), changed=blank, quick=True)
    none = {one: (equipped(receiver_serial="", receiver="", antenna_serial=""),) for one in ("CSHA", "ZHZH")}
    yield Case("E6", "software that leaves the fields empty", (feed(),), changed=none)
    makers = {"CSHA": (equipped(receiver_serial="1001"),), "ZHZH": (equipped(receiver_serial="1001"),)}
    yield Case("E6", "one number of two makers", (feed(),), changed=makers)
    at_ms = 180_000
    swap = {"CSHA": (from_night(at_ms, receiver="SEPT POLARX5"),)}
    yield Case(
        "E6",
        "a receiver swapped, the register told within a minute",
        (feed(seconds=900),),
        changed=swap,
        later={240.0: {"CSHA": {"receiver": Receiver(type="SEPT POLARX5")}}},
    )


def copies() -> Iterator[Case]:
    """E8: exact copies; changed ones are E9's and E10's."""
    clone = '[[faults]]\nkind = "clone"\nbegin_s = 120\nstations = ["XTAN"]\nof = "CSHA"\n'
    yield Case(
        "E8",
        "the observations of another station",
        (feed(clone, seconds=600),),
        the("XTAN"),
        120,
        300,
        the("XTAN E4"),
        the("XTAN"),
        quick=True,
    )
    yield Case(
        "E8",
        "renumbered, thinned, without ephemerides",
        (feed(clone, seconds=600),),
        the("XTAN"),
        120,
        360,
        the("XTAN E4"),
        the("XTAN"),
        changed={"XTAN": (renumbered(99), thinned(20), without(1019, 1020, 1042, 1044, 1045, 1046))},
    )
    yield Case(
        "E8",
        "a relay that is allowed",
        (feed(clone, seconds=600),),
        also=the("XTAN E4"),
        policy=Policy(allowed_relays=[["CSHA", "XTAN"]]),
    )
    beside = station("BESI", (28.2000271, 112.95, 75.0))
    yield Case("E8", "two receivers 3 m apart", (feed(beside, seconds=600),), quick=True)
    yield Case(
        "E8",
        "two receivers on one mast, clocks steered",
        (
            feed(
                station("BESI", (28.2, 112.95, 75.0), clock="steered"),
                station("CSHA", clock="steered"),
                seconds=600,
            ),
        ),
    )
    yield Case(
        "E8",
        "a hundred kilometres of stations without noise",
        (feed(seconds=600, sky="noise = 0.0\nmultipath = 0.0"),),
        also=the(*(f"{one} E16" for one in ("CSHA", "ZHZH", "XTAN", "HYNG"))),
    )


def antennas() -> Iterator[Case]:
    """E9: BESI's receiver is on CSHA's antenna unless it says otherwise."""
    lat, lon, height = 28.20, 112.95, 75.0

    def beside(north_m: float = 0.0) -> Feed:
        there = station("BESI", (lat + north_m / 110_900, lon, height), filed=False, systems="GEC")
        return feed(there, seconds=600)

    off = at(lat + 30 / 110_900, lon, height)
    yield Case(
        "E9", "a second receiver, said to be 30 m off", (beside(),), the("BESI"), 0, 300, the("BESI E4"),
        the("BESI"), changed={"BESI": (placed(off),)}, quick=True,
    )  # fmt: skip
    yield Case(
        "E9", "a second receiver, said to be at Xiangtan", (beside(),), the("BESI"), 0, 300,
        the("BESI E2", "BESI E4"), the("BESI"), changed={"BESI": (placed(at(*WILD_AT)), renumbered(77))},
    )  # fmt: skip
    yield Case("E9", "a second receiver that tells the true place", (beside(),))
    yield Case(
        "E9", "a second receiver that is known", (beside(),), also=the("BESI E4"), suspected=the("BESI"),
        changed={"BESI": (placed(off),)}, policy=Policy(one_antenna=[["CSHA", "BESI"]]),
    )  # fmt: skip
    near = at(lat + 6 / 110_900, lon, height)
    yield Case(
        "E9", "an antenna a metre away, mistyped by 5 m", (beside(1.0),), changed={"BESI": (placed(near),)}
    )
    shown = placed(off, computed=True)
    yield Case("E9", "a computed station", (beside(),), changed={"BESI": (shown,)})


def clocks() -> Iterator[Case]:
    """E10: ranges that were moved elsewhere keep the clock of the receiver that they are of."""
    free = "".join(station(name, clock="free") for name in ("CSHA", "ZHZH", "XTAN", "HYNG"))
    fake = station("FAKE", (28.40, 113.05, 75.0), clock="free", filed=False)
    seen = the("FAKE E2")
    moved = (feed(free, fake, seconds=1200, clocks={"FAKE": "CSHA"}),)
    yield Case(
        "E10", "a station that is not there has another's clock", moved, the("FAKE"), 0, 1200, seen,
        the("FAKE"), quick=True,
    )  # fmt: skip
    yield Case("E10", "five free clocks for forty minutes", (feed(free, fake, seconds=2400),), also=seen)
    steered = (free + fake).replace("free", "steered")
    yield Case("E10", "steered clocks", (feed(steered, seconds=1200),), also=seen)
    yield Case(
        "E10", "two receivers on one oscillator that is known", moved, also=seen,
        policy=Policy(one_antenna=[["CSHA", "FAKE"]]),
    )  # fmt: skip


def replays() -> Iterator[Case]:
    """E15."""
    hour = fault("replay", 3900, stations=["CSHA"], ago_s=3600)
    yield Case("E15", "an hour old", (feed(hour, seconds=4800, every_s=30),), the("CSHA"), 3900, 300)
    old = feed(seconds=600, start="2026-02-28T18:00:00", names={"CSHA": "CSHA"}, late_s=86_400)
    yield Case("E15", "a day old", (feed(seconds=600), old), the("CSHA"), 0, 300, quick=True)
    sidereal = feed(seconds=600, start="2026-02-28T18:03:56", names={"CSHA": "CSHA"}, late_s=86_164)
    yield Case("E15", "a sidereal day old", (feed(seconds=600), sidereal), the("CSHA"), 0, 300)
    slow = fault("late_data", 60, stations=["CSHA"], delay_s=120)
    yield Case(
        "E15", "a link that stores and forwards, two minutes late", (feed(slow, seconds=900),), quick=True
    )
    yield Case("E15", "this machine's clock an hour off", (feed(seconds=600, late_s=3600),))
    leap = feed(seconds=600, names={"CSHA": "CSHA"}, late_s=18)
    yield Case("E15", "a receiver that takes UTC for GPS time", (feed(seconds=600), leap))


def impossible() -> Iterator[Case]:
    """E16."""
    here = at(*WILD_AT)
    also = the("WILD E2", "WILD E4")
    base = feed(wild(), seconds=900)
    abroad = feed(
        station("FAR", (50.0, 10.0, 300.0), systems="GEC"), count=0, seconds=900, names={"FAR": "WILD"}
    )
    placed_here = {"WILD": (placed(here), without(*EQUIPPED))}
    yield Case(
        "E16", "observed in Europe, said to be at Xiangtan", (base, abroad), the("WILD"), 0, 300, also,
        the("WILD"), changed=placed_here, quick=True,
    )  # fmt: skip
    other_sky = feed(wild(), count=0, seconds=1200, seed=2, names={"WILD": "WILD"})
    made_up = {"WILD": (without(*WITHOUT_STATION, *EQUIPPED),)}
    yield Case(
        "E16", "ranges of another sky", (feed(wild(), seconds=1200), other_sky), the("WILD"), 0, 900, also,
        the("WILD"), changed=made_up,
    )  # fmt: skip
    silent = feed(wild(), count=0, seconds=900, sky="noise = 0.0\nmultipath = 0.0", names={"WILD": "WILD"})
    yield Case(
        "E16",
        "codes without noise",
        (base, silent),
        the("WILD"),
        0,
        900,
        also,
        the("WILD"),
        changed={"WILD": (without(*EQUIPPED),)},
    )
    yield Case(
        "E16", "one C/N0 for all satellites", (feed(wild()),), the("WILD"), 0, 300, also, the("WILD"),
        changed={"WILD": (strength(45.0),)}, quick=True,
    )  # fmt: skip
    yield Case("E16", "C/N0 in whole decibels (MSM4)", (feed(station("CSHA", msm=4), seconds=900),))
    for size in (0.3, 0.5):
        sky = f"noise = {size}\nmultipath = {size}"
        yield Case("E16", f"a receiver with {size} of the usual noise", (feed(seconds=900, sky=sky),))
    jam = fault("jamming", 60, stations=["CSHA"], loss_db=15)
    yield Case("E16", "interference at one station", (feed(jam, seconds=900),))
    x, y, z = at(28.20 + 2.7, 112.95, 75.0)
    yield Case(
        "E16", "a place mistyped by 300 km", (feed(seconds=900),), also=the("CSHA E3", "CSHA E4"),
        changed={"CSHA": (placed((x, y, z)),)},
    )  # fmt: skip
    wrong = fault("satellite_ephemeris", 60, satellites=["C24", "G09", "E05"], along_m=20_000)
    yield Case("E16", "three wrong ephemerides", (feed(wrong, seconds=900),))


def air() -> Iterator[Case]:
    """E17: an hour of phases, by day."""
    usual: dict[str, Any] = {"seconds": 4800, "every_s": 30, "count": 16}
    for title, way in (("100 km to the north", {"north_m": 1e5}), ("60 km to the south", {"south_m": 6e4})):
        offset = {"north_m": way.get("north_m", 0.0) - way.get("south_m", 0.0)}
        made = fault("foreign_air", 0, stations=["XTAN"], **offset)
        yield Case(
            "E17", f"observed {title}, carried to the place by geometry",
            (feed(made, start=NOON, **usual),),
            the("XTAN"), 0, 3600,
        )  # fmt: skip
    high = station("XTAN", height_m=1400.0)
    yield Case("E17", "a station 1,300 m above its neighbours", (feed(high, start=NOON, **usual),))
    storm = fault("ionospheric_storm", 600, factor=3.0, gradient_mm_km=150, front_m_s=100, s4=0.6)
    yield Case("E17", "an ionospheric storm", (feed(storm, start=NOON, **usual),))
    yield Case("E17", "dusk, when electrons go", (feed(start="2026-03-02T10:00:00", **usual),))
    slips = fault("cycle_slips", 300, stations=["XTAN", "CSHA"], per_hour=600)
    yield Case("E17", "phases that slip at two stations", (feed(slips, start=NOON, **usual),))


def forged() -> Iterator[Case]:
    """E18."""

    def five(*faults: str, **more: Any) -> tuple[Feed, ...]:
        return (feed(*faults, seconds=900, every_s=5, count=5, **more),)

    for speed, clock, within in ((0.1, 0.5, 420), (1.0, 1.0, 300), (10.0, 20.0, 300)):
        made = fault("spoofing", 360, stations=["CSHA"], east_m_s=speed, north_m_s=speed / 2, clock_m_s=clock)
        yield Case(
            "E18", f"forged signals that pull off by {speed} m/s", five(made), the("CSHA"), 360, within,
            the("CSHA E4"), the("CSHA"), quick=speed == 1.0,
        )  # fmt: skip
    restart = fault("receiver_restart", 360, 450, stations=["CSHA", "XTAN"])
    yield Case("E18", "a receiver restarted", five(restart), quick=True)
    for size in (1.0, 0.2):
        reset = fault("clock_jump", 360, stations=["CSHA"], jump_ms=size)
        yield Case("E18", f"a clock put back by {size} ms", five(reset))
    swap = fault("receiver_restart", 360, 480, stations=["CSHA"])
    swap += fault("moved_antenna", 480, stations=["CSHA"], east_m=8, north_m=6)
    yield Case("E18", "antenna and receiver exchanged, two minutes of silence", five(swap))
    moved = fault("moved_antenna", 360, stations=["CSHA"], east_m=8, north_m=6)
    yield Case("E18", "an antenna moved by 10 m", five(moved))
    storm = fault("ionospheric_storm", 300, factor=3.0, gradient_mm_km=150, front_m_s=200, s4=0.6)
    yield Case("E18", "an ionospheric storm", (feed(storm, seconds=1200, every_s=5, count=8, start=NOON),))
    wrong = fault("satellite_clock", 360, satellites=["C24", "E05"], drift_m_s=2)
    yield Case("E18", "two satellites' clocks drift", five(wrong))
    jam = fault("jamming", 360, stations=["CSHA"], loss_db=15)
    yield Case("E18", "interference", five(jam))
