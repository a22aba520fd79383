"""Trials of rules about places and filings: E1 to E5, E7, E11 to E13."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from causes_trials import fault
from detection_case import (
    BEHIND_BORDER,
    ELSEWHERE,
    NEAR_BORDER,
    NIGHT,
    NOON,
    Case,
    Place,
    at,
    feed,
    row,
    station,
    the,
    wild,
)
from detection_changes import (
    physical_station,
    placed,
)

from hncors.frames import cgcs2000, motion, year_of
from hncors.geodesy import enu_axes, to_geodetic
from hncors.gpstime import from_iso
from hncors.registry_tables import Filing, Permit
from hncors.supervise.policy import Policy


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
