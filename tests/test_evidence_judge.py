"""The judge: what becomes of leads over time, what they make together, and a whole province replayed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from simulated import scenario
from test_evidence_rules import DAY_NS, FILED, HERE, HOME, NOW_NS, STRANGE, WATCHED, areas, at, off

from hncors.cli_simulated_files import station_file
from hncors.daemon.territory import default
from hncors.frames import year_of
from hncors.gpstime import to_unix_ns
from hncors.health import Event
from hncors.network import Chunk, Network
from hncors.registry import read_station
from hncors.simulate.province import Province
from hncors.supervise.findings import wrong
from hncors.supervise.judge import Found, Judge
from hncors.supervise.policy import Policy
from hncors.supervise.seen import Seen
from hncors.supervise.suspicion import Counted, standing
from hncors.view.evidence_metrics import evidence_families

MINUTE_NS = 60 * 10**9


def judge(policy: Policy | None = None) -> Judge:
    return Judge(2, [FILED, WATCHED], areas(), policy)


def looks(its: Judge, seen: Seen, minutes: range, *others: Seen) -> Iterator[tuple[int, Found]]:
    """What is found, and in which minute, where a stream is looked at each minute."""
    for minute in minutes:
        now_ns = NOW_NS + minute * MINUTE_NS
        for one in others:
            its._seen[one.subject] = one
        for found in its.consider(seen._replace(at_ns=now_ns), its.world(now_ns), now_ns):
            yield minute, found


def test_a_lead_is_told_once_when_it_has_lasted() -> None:
    its = judge()
    (found,) = looks(its, STRANGE, range(10))
    minute, one = found
    assert minute == 2  # policy.lasting_minutes
    assert one.finding.rule == "E2" and not wrong(one.finding)
    assert one.finding.policy == its.fingerprint and one.finding.county == "东"
    assert its.counts == {("E2", "strong"): 1}
    family, policy = evidence_families(its)
    assert list(family.labels) == [("E2", "strong")]
    assert list(policy.labels) == [(its.fingerprint,)]


def test_what_passes_is_no_lead() -> None:
    its = judge()
    assert not [*looks(its, STRANGE, range(2))]
    assert not [*looks(its, STRANGE._replace(live=False), range(2, 20))]
    assert not [*looks(its, STRANGE, range(20, 22))]  # two minutes again before it is one


def test_what_ends_and_comes_back_is_news_again() -> None:
    its = judge()
    moved = HERE._replace(arp_off=off(0.5, True))
    assert [minute for minute, _ in looks(its, moved, range(5))] == [0]  # at the first message
    assert not [*looks(its, HERE, range(5, 10))]
    assert not [*looks(its, moved, range(10, 12))]  # within ten minutes it is the same
    assert not [*looks(its, HERE, range(12, 30))]
    assert its.standing("ABCD").word == "lead" and its.leads("ABCD") == []
    assert [minute for minute, _ in looks(its, moved, range(30, 32))] == [30]


def test_what_grows_stronger_is_told_again() -> None:
    its = judge()
    near = STRANGE._replace(arp_m=at(*HOME), own_m=at(*HOME, 50.0))
    far = near._replace(own_m=at(*HOME, 500.0))
    told = [
        (m, f.finding.strength)
        for seen, m in ((near, range(4)), (far, range(4, 8)), (near, range(8, 12)))
        for m, f in looks(its, seen, m)
    ]
    assert told == [(2, "medium"), (4, "strong")]


def test_two_classes_make_a_suspicion() -> None:
    its = judge()
    original = HERE._replace(copies="WILD", recent_m=at(*HOME))
    copy = STRANGE._replace(copies="ABCD", recent_m=at(*HOME), own_m=at(*HOME))
    found = {one.finding.rule: one for _, one in looks(its, copy, range(5), original)}
    assert set(found) == {"E2", "E4", "E8"}
    assert its.standing("WILD").word == "suspected"
    assert "E8" in its.standing("WILD").en
    assert its.standing("ABCD").word == "lead"


def counted(*leads: str) -> list[Counted]:
    return [Counted(*lead.split()) for lead in leads]


@pytest.mark.parametrize(
    ("leads", "word"),
    [
        (["E2 G strong"], "lead"),
        (["E2 G strong", "E3 G strong", "E4 G medium"], "lead"),  # one class, however often
        (["E2 G strong", "E12 B medium"], "suspected"),
        (["E6 I medium", "E12 B medium"], "lead"),  # not of geometry or observation
        (["E2 G medium", "E12 B medium"], "lead"),  # not strong
        (["E1 D weak", "E7 I weak"], "suspected"),
        (["E1 D weak", "E20 D context"], "lead"),
        (["E12 B medium"], "lead"),
        ([], "lead"),
    ],
)
def test_what_leads_make_together(leads: list[str], word: str) -> None:
    assert standing(counted(*leads)).word == word


def days(its: Judge, present: dict[int, range], seen: Seen = STRANGE) -> list[tuple[int, str]]:
    """Days and rules of what is found, where a stream is there in some hours of some days."""
    found = []
    for day, hours in present.items():
        world = its.world(NOW_NS + day * DAY_NS)
        for minute in range(0, 24 * 60, 5):
            now_ns = NOW_NS + day * DAY_NS + minute * MINUTE_NS
            now = seen._replace(at_ns=now_ns, live=minute // 60 in hours)
            found += [(day, one.finding.rule) for one in its.consider(now, world, now_ns)]
    return found


ALL = range(24)


@pytest.mark.parametrize(
    ("present", "day"),
    [
        (dict.fromkeys(range(8), ALL), 6),  # the seventh day
        (dict.fromkeys(range(6), ALL), None),
        ({day: range(11) for day in range(9)}, None),  # less than twelve hours
        ({day: range(13) for day in range(9)}, 6),  # off at night
        ({0: ALL, 1: ALL, 2: ALL, 6: ALL, 7: ALL, 8: ALL, 9: ALL}, 9),  # gaps, seven of ten
        ({0: ALL, 1: ALL, 2: ALL, 9: ALL, 10: ALL, 11: ALL, 12: ALL}, None),  # seven of thirteen
    ],
)
def test_rule_e12_days_at_one_place(present: dict[int, range], day: int | None) -> None:
    its = judge()
    persistent = [at_day for at_day, rule in days(its, present) if rule == "E12"]
    assert persistent[:1] == ([] if day is None else [day])
    if day is not None:
        assert its.standing("WILD").word in ("suspected", "lead")


def test_rule_e12_begins_anew_at_another_place() -> None:
    its = judge()
    assert not [rule for _, rule in days(its, dict.fromkeys(range(4), ALL)) if rule == "E12"]
    moved = STRANGE._replace(arp_m=at(27.5, 113.0, 0.2))
    later = dict.fromkeys(range(4, 10), ALL)
    assert not [rule for _, rule in days(its, later, moved) if rule == "E12"]


def test_a_filed_station_that_is_as_filed_is_never_told_of() -> None:
    assert days(judge(), dict.fromkeys(range(12), ALL), HERE) == []


def test_where_nobody_filed_anything_nothing_is_unfiled() -> None:
    its = Judge(1, [WATCHED], areas())
    for minute in range(5):
        now_ns = NOW_NS + minute * MINUTE_NS
        assert not [*its.consider(STRANGE._replace(at_ns=now_ns), its.world(now_ns), now_ns)]


PROVINCE = """
seconds = 480
[network]
count = 3
interval_s = 10
station_s = 10
ephemeris_s = 10
[truth]
epochs_every_s = 3600
cells_every_s = 3600
[[stations]]
id = "WILD"
latitude_deg = 27.95
longitude_deg = 112.70
height_m = 90
systems = "GC"
signals = "dual"
filed = false
[[faults]]
kind = "clone"
stations = ["XTAN"]
of = "CSHA"
begin_s = 120
[[faults]]
kind = "wrong_reference_point"
stations = ["ZHZH"]
begin_s = 120
parameters = { east_m = 4.0 }
"""


@cache
def replayed() -> tuple[list[Event], Judge]:
    """Every lead of a province: one station not filed, one becomes a copy, one says another place."""
    province = Province(scenario(PROVINCE))
    year = year_of(province.start_ms)
    stations = []
    for one in province.stations:
        station, problems = read_station(station_file(one, "tcp://127.0.0.1:1", year), one.id)
        assert station is not None, problems
        stations.append(station)
    network = Network(stations)
    network.judge = its = Judge(len(stations), stations, *default())
    found = []
    for time_ms in province.times():
        for sent in province.epoch(time_ms).sent:
            at_ns = to_unix_ns(time_ms) + 200_000_000
            network.feed(Chunk(stations[sent.station].id, sent.data, at_ns))
        for second in range(10):
            found += network.tick(to_unix_ns(time_ms) + (second * 1000 + 500) * 1_000_000).events
    return [event for event in found if event.kind == "lead"], its


def test_the_truth_of_a_simulated_province_is_found_and_nothing_else() -> None:
    events, its = replayed()
    assert {(event.station, event.detail["rule"]) for event in events} == {
        ("WILD", "E2"),
        ("ZHZH", "E3"),
        ("XTAN", "E4"),
        ("XTAN", "E8"),
    }
    assert {one: its.standing(one).word for one in ("WILD", "ZHZH", "XTAN", "CSHA")} == {
        "WILD": "lead",  # one class; the days of E12 are to come
        "ZHZH": "lead",
        "XTAN": "suspected",
        "CSHA": "lead",
    }


def test_leads_come_in_their_time() -> None:
    events, _ = replayed()
    begin_ns = to_unix_ns(Province(scenario(PROVINCE)).start_ms)
    after_s = {event.detail["rule"]: (event.at_ns - begin_ns) / 1e9 for event in events}
    assert after_s["E2"] <= 60 + 120 + 60  # a look, two minutes, a look
    assert after_s["E3"] <= 120 + 10 + 60  # the next message, a look
    assert after_s["E4"] <= 120 + 60 + 60 + 120 + 60
    assert after_s["E8"] <= 120 + 60 + 60 + 120 + 60


def test_a_lead_tells_no_coordinate() -> None:
    events, _ = replayed()
    for station in Province(scenario(PROVINCE)).stations:
        for value in (*station.ecef_m, station.latitude_deg, station.longitude_deg):
            assert not any(f"{value:.1f}" in str(event) for event in events)
