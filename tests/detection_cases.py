"""Labelled trials of the rules of evidence: for each rule what it has to find, and what it must not.

A trial of a rule's risks has everything that could be taken for it, and nothing is wrong.  Places are of
towns of Hunan, stations are invented.  docs/detection.md is made of what comes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import radians
from types import MappingProxyType
from typing import Any, NamedTuple

from causes_trials import fault
from detection_changes import (
    EQUIPPED,
    WITHOUT_STATION,
    equipped,
    noisy,
    physical_station,
    placed,
    renumbered,
    strength,
    thinned,
    without,
)
from detection_line import Changed, Feed, Register

from hncors.frames import cgcs2000, motion, year_of
from hncors.geodesy import enu_axes, to_ecef, to_geodetic
from hncors.gpstime import from_iso
from hncors.health import Origin
from hncors.registry_tables import Antenna, Filing, Permit, Receiver
from hncors.supervise.policy import Policy

NOTHING: Mapping[Any, Any] = MappingProxyType({})
Place = tuple[float, float, float]
NOON, NIGHT = "2026-03-02T06:00:00", "2026-03-01T18:00:00"  # GPST; local time is eight hours later
WILD_AT = 27.95, 112.70, 90.0
BEHIND_BORDER = 27.80, 114.38, 95.0  # Yichun
NEAR_BORDER = 28.16, 113.97, 85.0


class Case(NamedTuple):
    """One trial, and what has to be said in it."""

    rule: str
    title: str
    feeds: Sequence[Feed]
    wants: frozenset[str] = frozenset()  # subjects that the rule has to speak of; none: a risk
    begin_s: float = 0.0  # when what it has to find begins
    within_s: float = 0.0  # the rule's declared time
    also: frozenset[str] = frozenset()  # "SUBJECT RULE": may be told besides
    suspected: frozenset[str] = frozenset()  # subjects that may be
    register: Register = NOTHING
    changed: Mapping[str, Sequence[Changed]] = NOTHING
    later: Mapping[float, Register] = NOTHING
    policy: Policy | None = None
    table: str = ""  # rows of a sourcetable
    rows: Mapping[str, str] = NOTHING  # of a sourcetable, of stations that are watched
    origins: Mapping[str, Sequence[tuple[float, Origin]]] = NOTHING  # who pushes, from when on
    regions: str = ""  # a table of networks
    beside: int = 0  # other stations in it that are risks
    quick: bool = False  # among the tests


def at(latitude_deg: float, longitude_deg: float, height_m: float = 60.0) -> Place:
    """ECEF metres."""
    x, y, z = to_ecef([radians(latitude_deg), radians(longitude_deg), height_m]).tolist()
    return x, y, z


def station(name: str, place: Place | None = None, **more: Any) -> str:
    """A table of a station, by itself where it has a place."""
    keys = dict(zip(("latitude_deg", "longitude_deg", "height_m"), place or (), strict=False)) | more
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for key, value in keys.items()
    ]
    return f'[[stations]]\nid = "{name}"\n' + "\n".join(lines).replace("'", '"') + "\n"


def feed(
    *tables: str,
    seconds: int = 420,
    count: int = 4,
    every_s: float = 10,
    start: str = NIGHT,
    seed: int = 1,
    sky: str = "",
    names: Mapping[str, str] = NOTHING,
    late_s: float = 0.0,
    clocks: Mapping[str, str] = NOTHING,
) -> Feed:
    """A province of so many towns, all filed."""
    text = f'start = "{start}"\nseconds = {seconds}\nseed = {seed}\n'
    text += f"[network]\ncount = {count}\ninterval_s = {every_s}\n"
    text += f"station_s = {max(every_s, 10)}\nephemeris_s = {max(every_s, 60)}\n"
    text += f"[sky]\n{sky}\n" if sky else ""
    text += "[truth]\nepochs_every_s = 3600\ncells_every_s = 86400\n"
    return Feed(text + "".join(tables), names, late_s, clocks)


def wild(place: Place = WILD_AT, **more: Any) -> str:
    """A station that nobody filed."""
    return station("WILD", place, filed=False, systems="GEC", signals="dual", **more)


def the(*names: str) -> frozenset[str]:
    return frozenset(names)


def row(name: str, latitude: str, longitude: str, nmea: int = 0, solution: int = 0) -> str:
    """A row of a sourcetable, by hand after RTCM 10410.1, section 3."""
    place = f"{latitude};{longitude};{nmea};{solution}"
    return f"STR;{name};Place;RTCM 3.2;1077(1);2;GPS;NET;CHN;{place};GEN;none;N;N;9600;\r\n"


ELSEWHERE = "192.0.2.7:2101/"  # RFC 5737: an address of nobody


def declared() -> Iterator[Case]:
    """E1, E7: rows of sourcetables; they are told at the look at the table."""
    calm = (feed(seconds=30),)
    yield Case(
        "E1",
        "a row in Loudi, where nothing is filed",
        calm,
        the(ELSEWHERE + "NEWB"),
        within_s=60,
        table=row("NEWB", "27.73", "112.00"),
        quick=True,
    )
    for title, told in (
        ("a row that waits for a position (VRS)", row("VRS1", "27.73", "112.00", 1, 1)),
        ("a row within a cell of the border", row("EDGE", "28.16", "113.97")),
        ("a filed place told with one decimal", row("ROUG", "28.2", "112.9")),
        ("a row in the neighbouring province", row("YICH", "27.80", "114.38")),
    ):
        yield Case("E1", title, calm, table=told)
    named = Policy(own_prefixes=["HNCORS"])
    yield Case(
        "E7",
        "a name with the network's prefix on another caster",
        calm,
        the(ELSEWHERE + "HNCORS_9"),
        within_s=60,
        table=row("HNCORS_9", "39.90", "116.40"),
        policy=named,
        quick=True,
    )
    yield Case(
        "E7",
        "the id of a filed station on another caster",
        calm,
        the(ELSEWHERE + "CSHA"),
        within_s=60,
        table=row("CSHA", "39.90", "116.40"),
    )
    for title, told in (
        ("another name", row("BJFS", "39.90", "116.40")),
        ("a name that ends like the network's", row("MY_HNCORS", "39.90", "116.40")),
        ("a name of the same letters in another order", row("CSAH", "39.90", "116.40")),
    ):
        yield Case("E7", title, calm, table=told, policy=named)


def mistold() -> Iterator[Case]:
    """E5: CSHA stands at 28.20, 112.95, and its caster's table says so, or not."""
    yield Case(
        "E5", "a row 40 km from the reference point", (feed(),), the("CSHA"), 0, 120,
        rows={"CSHA": row("CSHA", "27.83", "112.93")}, quick=True,
    )  # fmt: skip
    for title, told in (
        ("told with two decimals", row("CSHA", "28.20", "112.95")),
        ("told with one decimal, 8 km off", row("CSHA", "28.2", "112.9")),
        ("told in whole degrees", row("CSHA", "28", "113")),
        ("a row without a place", row("CSHA", "", "")),
    ):
        yield Case("E5", title, (feed(),), rows={"CSHA": told})
    moved = {"CSHA": (placed(computed=True),)}
    yield Case(
        "E5", "a computed station goes where it is asked to", (feed(),), changed=moved,
        rows={"CSHA": row("CSHA", "27.83", "112.93", 1, 1)},
    )  # fmt: skip


def broadcast() -> Iterator[Case]:
    """E2: a lead after two minutes of looks that are a minute apart."""
    yield Case("E2", "an unfiled base near Xiangtan", (feed(wild()),), the("WILD"), within_s=240, quick=True)
    yield Case(
        "E2",
        "an unfiled base 60 m from a filed one",
        (feed(wild((28.2006, 112.95, 75.0))),),
        the("WILD"),
        within_s=240,
    )
    yield Case(
        "E2", "a computed station (DF141)", (feed(wild()),), changed={"WILD": (placed(computed=True),)}
    )
    base = Permit(number="P-1", begins=date(2026, 2, 20), ends=date(2026, 3, 20), temporary=True)
    yield Case(
        "E2",
        "a temporary base within its permit",
        (feed(wild()),),
        register={"WILD": {"permit": base}},
        quick=True,
    )
    within = base.model_copy(update={"areas": ["湘潭市", "长沙市"]})
    yield Case("E2", "... in an area that it names", (feed(wild()),), register={"WILD": {"permit": within}})
    without_it = base.model_copy(update={"areas": ["岳阳市"]})
    yield Case(
        "E2",
        "a temporary base outside the areas of its permit",
        (feed(wild()),),
        the("WILD"),
        within_s=240,
        register={"WILD": {"permit": without_it}},
        quick=True,
    )
    yield Case("E2", "a base of the neighbouring province", (feed(wild(BEHIND_BORDER)),))
    yield Case(
        "E2", "45 m from a filed station, whose place is masked", (feed(wild((28.2004, 112.95, 75.0))),)
    )
    yield Case(
        "E2",
        "a base a kilometre or two from the border: a weak lead and no more",
        (feed(wild(NEAR_BORDER)),),
        also=the("WILD E2"),
    )


def filed() -> Iterator[Case]:
    """E3 and E4: places that are not the filed ones, and observations made elsewhere."""
    step = fault("wrong_reference_point", 120, stations=["CSHA"], east_m=0.5)
    yield Case("E3", "the reference point steps by 0.5 m", (feed(step),), the("CSHA"), 120, 90, quick=True)
    x, y, z = at(28.20, 112.95, 75.0)
    yield Case(
        "E3",
        "two reference points 2 m apart take turns",
        (feed(seconds=600),),
        the("CSHA"),
        0,
        300,
        changed={"CSHA": (placed((x, y, z), (x, y, z + 2.0), every_s=60),)},
    )
    small = fault("wrong_reference_point", 120, stations=["CSHA"], east_m=0.05)
    yield Case("E3", "0.05 m, as between two adjustments", (feed(small),))
    # The plate has carried the place from where CGCS2000 has it at 2000.0 (docs/coordinates.md).
    yield Case(
        "E3",
        "filed in CGCS2000, broadcast in today's frame",
        (feed(),),
        register={"CSHA": {"frame": "CGCS2000", "epoch": 2000.0, "ecef_m": _cgcs2000((x, y, z))}},
        quick=True,
    )
    ex, ey, ez = _east((x, y, z), 0.5)
    yield Case(
        "E3",
        "resurveyed: broadcast and filed anew together",
        (feed(step, seconds=600),),
        later={120.0: {"CSHA": {"ecef_m": (ex, ey, ez)}}},
    )
    yield Case(
        "E3",
        "a computed station follows its users",
        (feed(seconds=600),),
        changed={"CSHA": (placed((x, y, z), (x, y, z + 900.0), every_s=60, computed=True),)},
        register={"CSHA": {"gga": True}},
        also=the("CSHA E4"),
    )
    far = fault("wrong_reference_point", 120, stations=["CSHA"], east_m=250, north_m=40)
    yield Case(
        "E4",
        "observations 250 m from the reference point",
        (feed(far),),
        the("CSHA"),
        120,
        300,
        the("CSHA E3"),
        quick=True,
    )
    near = fault("moved_antenna", 0, stations=["CSHA"], east_m=30)
    yield Case(
        "E4", "observations 30 m from the reference point", (feed(near, seconds=1080),), the("CSHA"), 0, 900
    )
    storm = fault("ionospheric_storm", 100, factor=3.0, gradient_mm_km=150, front_m_s=100, s4=0.6)
    yield Case("E4", "an ionospheric storm", (feed(storm, seconds=1200, start=NOON, count=8),))
    yield Case("E4", "threefold multipath", (feed(seconds=1200, sky="multipath = 3.0"),))
    wrong = fault("satellite_ephemeris", 100, satellites=["C24", "G09"], along_m=3000)
    yield Case("E4", "wrong ephemerides", (feed(wrong, seconds=1200),))
    yield Case(
        "E4",
        "noisy receivers of one frequency",
        (
            feed(
                *[station(one, signals="single") for one in ("CSHA", "ZHZH")],
                seconds=1200,
                start=NOON,
                sky="noise = 3.0",
            ),
        ),
    )


def _east(point_m: Place, metres: float) -> Place:
    x, y, z = (enu_axes(to_geodetic(point_m))[0] * metres + point_m).tolist()
    return x, y, z


def _cgcs2000(now_m: Place) -> Place:
    """What was filed of a place that is there now."""
    x, y, z = cgcs2000(motion(now_m, "ITRF2020", year_of(from_iso(NIGHT)))).tolist()
    return x, y, z


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
    swap = {"CSHA": (_from(at_ms, receiver="SEPT POLARX5"),)}
    yield Case(
        "E6",
        "a receiver swapped, the register told within a minute",
        (feed(seconds=900),),
        changed=swap,
        later={240.0: {"CSHA": {"receiver": Receiver(type="SEPT POLARX5")}}},
    )


def _from(after_ms: int, **other: str) -> Changed:
    """Equipment that says otherwise from a time of a feed that begins at NIGHT."""
    return equipped(from_iso(NIGHT) + after_ms, **other)


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


def computed() -> Iterator[Case]:
    """E11."""
    inside, there = at(27.73, 112.00), at(28.20, 112.95, 75.0)
    shown = (placed(computed=True), physical_station(inside))
    yield Case(
        "E11",
        "1032 tells of a station at Loudi",
        (feed(wild()),),
        the("WILD"),
        0,
        240,
        changed={"WILD": shown},
        quick=True,
    )
    yield Case(
        "E11",
        "a licensed network's product",
        (feed(wild()),),
        changed={"WILD": shown},
        register={"WILD": {"operator": "Licensed"}},
        policy=Policy(network_products=["Licensed"]),
    )
    yield Case(
        "E11",
        "1032 tells of a filed station",
        (feed(wild()),),
        changed={"WILD": (placed(computed=True), physical_station(there))},
    )
    yield Case(
        "E11",
        "1032 tells of a station of another province",
        (feed(wild()),),
        changed={"WILD": (placed(computed=True), physical_station(at(27.80, 114.38)))},
    )


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


def filing() -> Iterator[Case]:
    """E12 and E13: days; half the stations' epochs come every minute."""
    day = 86_400
    silent = fault("stall", 600, stations=["CSHA"])
    out = fault("stall", 600, 600 + 20 * 3600, stations=["ZHZH"])
    long = feed(
        silent,
        out,
        fault("stall", 300, stations=["XTAN"]),
        fault("stall", 0, stations=["HYNG"]),
        seconds=26 * 3600,
        every_s=60,
    )
    gone = Filing(number="9", withdrawn_on=date(2026, 2, 1))
    yield Case(
        "E13",
        "silent for a day; others for 20 hours, out of service, withdrawn",
        (long,),
        the("CSHA"),
        600,
        day + 300,
        register={"XTAN": {"enabled": False}, "HYNG": {"filing": gone}},
        beside=3,
    )
    yield Case(
        "E13",
        "live, though withdrawn",
        (feed(),),
        the("CSHA"),
        0,
        120,
        register={"CSHA": {"filing": gone}},
        quick=True,
    )
    over = Permit(number="P", ends=date(2026, 2, 27))
    yield Case(
        "E13",
        "live beyond the end of its permit",
        (feed(),),
        the("CSHA"),
        0,
        120,
        register={"CSHA": {"permit": over}},
    )
    yield Case(
        "E13",
        "an outage of an hour",
        (feed(fault("outage", 600, 4200, stations=["CSHA"]), seconds=5400, every_s=60),),
    )
    last = Permit(number="P", ends=date(2026, 3, 2))
    yield Case("E13", "the last day of a permit", (feed(),), register={"CSHA": {"permit": last}}, quick=True)
    coming = Filing(number="9", withdrawn_on=date(2026, 4, 1))
    yield Case("E13", "a withdrawal that is to come", (feed(),), register={"CSHA": {"filing": coming}})
    bases = [
        station(name, (lat, 112.70, 90.0), filed=False, systems="GC", signals="single")
        for name, lat in (("STAY", 27.95), ("ONCE", 27.55), ("SIXD", 27.35), ("NGHT", 27.15))
    ]
    quiet = [fault("stall", day, stations=["ONCE"]), fault("stall", 6 * day, stations=["SIXD"])]
    quiet += [fault("stall", n * day + 10 * 3600, (n + 1) * day, stations=["NGHT"]) for n in range(9)]
    days = feed(*bases, *quiet, seconds=9 * day, every_s=60, count=1, start="2026-03-01T00:00:00")
    yield Case(
        "E12",
        "at one place for eight days; others a day, six days, ten hours of each day",
        (days,),
        the("STAY"),
        0,
        7 * day,
        the("STAY E2", "ONCE E2", "SIXD E2", "NGHT E2"),
        the("STAY"),
        beside=3,
    )


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
    other = (*told, _from(300_000, receiver_serial="777"))
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


def cases() -> Iterator[Case]:
    """All trials."""
    for part in (
        declared,
        mistold,
        broadcast,
        filed,
        equipment,
        copies,
        antennas,
        clocks,
        computed,
        filing,
        replays,
        impossible,
        air,
        forged,
        taken_over,
        elsewhere,
        heard,
    ):
        yield from part()
