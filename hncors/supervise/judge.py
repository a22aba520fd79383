"""The judge: looks at every stream once a minute, by every rule, and tells what is new.

A pure function of what the network holds and of its own past; a replay finds what the daemon found. Streams
take turns within the minute, so that no tick has to look at all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hncors.gpstime import from_unix_ns
from hncors.health import SECOND_NS, Event, Watched, most_replay
from hncors.identity import Places
from hncors.network import Network, Tick
from hncors.ntrip.sourcetable import Stream as Row
from hncors.observation import I64
from hncors.patrol import Patrol
from hncors.registry import Station
from hncors.supervise.areas import Areas
from hncors.supervise.clock_breaks import ClockBreaks
from hncors.supervise.findings import STRENGTHS, Finding
from hncors.supervise.foreign_air import ForeignAir
from hncors.supervise.kindred import Kindred
from hncors.supervise.lead import Lead
from hncors.supervise.own_place import OwnPlaces
from hncors.supervise.plausibility import Plausibility, Plausible
from hncors.supervise.policy import Policy, fingerprint
from hncors.supervise.presence import Kept, Presence
from hncors.supervise.regions import Regions
from hncors.supervise.rules import RULES, Rule
from hncors.supervise.scan import Lead as RowLead
from hncors.supervise.seen import Seen, World, degrees, placed_deg, seen_of, serials_of
from hncors.supervise.sources import MOST_SUBJECTS, Sources
from hncors.supervise.suspicion import PERSISTENT, Counted, Standing, standing

EVERY_NS = 60 * SECOND_NS  # a stream is looked at so often
HEARD_NS = 120 * SECOND_NS  # a base heard within this is on the air
AGAIN_NS = 600 * SECOND_NS  # what was not seen for so long has ended; seen again it is news again
MOST_ROWS = 5_000  # of sourcetables, over all casters, that leads are kept of
MOST_KEPT = 10_000


class Found(NamedTuple):
    """A finding and the words for it."""

    finding: Finding
    zh: str
    en: str
    standing: Standing


@dataclass(slots=True)
class _Held:
    """A rule's lead about a subject, while it lasts."""

    rule: Rule
    first_ns: int
    last_ns: int
    lead: Lead
    told: str = ""  # the strength it was told with; "" while it only may become a lead


@dataclass(slots=True)
class _Subject:
    presence: Presence = field(default_factory=Presence)
    leads: dict[str, _Held] = field(default_factory=dict)
    suspected: bool = False


class Judge:
    """What the rules saw of each stream, and what they saw before."""

    def __init__(
        self,
        streams: int,
        stations: Sequence[Watched],
        areas: Areas,
        policy: Policy | None = None,
        regions: Regions | None = None,
    ) -> None:
        """For a network of so many streams. `stations` are those of the registry."""
        self.policy = policy or Policy()
        self.fingerprint = fingerprint(self.policy)
        self.counts: Counter[tuple[str, str]] = Counter()  # findings by rule and strength
        self.looks = 0  # at streams and rows
        self.findings: deque[Found] = deque(maxlen=MOST_KEPT)  # the last, for whoever keeps them for good
        self._areas = areas
        self.sources = Sources(regions or Regions({}))
        self._own = OwnPlaces(streams, self.policy)
        self.kindred = Kindred(streams, self.policy)
        self._plausibility = Plausibility(streams)
        self._clocks = ClockBreaks(streams, self.policy)
        self._air = ForeignAir(streams)
        self._subjects: dict[str, _Subject] = {}
        self._seen: dict[str, Seen] = {}
        self._rows: dict[str, tuple[str, Row]] = {}  # of watched stations: whose table, and the row
        self._declared: dict[str, set[str]] = {}  # other rows that there are leads about, by caster
        self._began_ns = 0
        self._turn = -1  # the second of the minute that was last looked at
        self._know(stations)

    def _know(self, stations: Sequence[Watched]) -> None:
        self._stations = {station.id: station for station in stations if isinstance(station, Station)}
        self._filed = [station for station in self._stations.values() if station.filed]
        known = self._stations.values()
        self._temporary = [one for one in known if one.permit is not None and one.permit.temporary]
        self._motions = Places(self._filed).motions_of([station.id for station in self._filed])

    def rearrange(self, before: I64, stations: Sequence[Watched]) -> None:
        """See hncors.network.Judging."""
        self._own = self._own.rearranged(before, self.policy)
        self.kindred = self.kindred.rearranged(before, self.policy)
        self._plausibility = self._plausibility.rearranged(before)
        self._clocks = self._clocks.rearranged(before, self.policy)
        self._air = self._air.rearranged(before)
        self._know(stations)
        here = {station.id for station in stations}
        for gone in [subject for subject in self._seen if subject not in here]:
            del self._seen[gone]
            self._subjects.pop(gone, None)
            self.sources.forget(gone)

    def look(self, network: Network, tick: Tick, now_ns: int) -> list[Event]:
        """Take in a tick of the network; what came to light by it."""
        self._began_ns = self._began_ns or now_ns
        self._own.add(tick.epochs.station, tick.epochs.time_ms, tick.positions)
        events = self.kindred.add(network, tick, now_ns)
        self._plausibility.add(tick)
        self._clocks.add(tick.epochs.station, tick.epochs.time_ms, tick.positions)
        turn = now_ns // SECOND_NS
        if turn == self._turn:
            return events
        seconds = range(max(self._turn + 1, turn - 59), turn + 1)
        self._turn = turn
        count = len(network.streams)
        due = [number for second in seconds for number in range(second % 60, count, 60)]
        if not due:
            return events
        disturbed = network.causes.sky.disturbed
        self._air.look(network, disturbed=disturbed)
        world = self.world(now_ns, disturbed=disturbed, clock_off=most_replay(network.streams))
        shown = self._plausibility.look(network, due, from_unix_ns(now_ns))
        found = [one for n in due for one in self._judge(network, n, world, now_ns, shown.get(n))]
        self.findings.extend(found)
        return [*events, *(_event(one) for one in found)]

    def leads(self, subject: str) -> list[tuple[str, Lead]]:
        """What was told of a subject and lasts: rule and lead."""
        its = self._subjects.get(subject)
        return [(rule, held.lead) for rule, held in its.leads.items() if held.told] if its else []

    def standing(self, subject: str) -> Standing:
        """What the leads about a subject make together."""
        its = self._subjects.get(subject)
        return standing(_counted(its) if its else [])

    def presences(self) -> list[Kept]:
        """How long each subject was where it is: what E12 counts, to be kept over a restart."""
        every = ((subject, its.presence) for subject, its in self._subjects.items())
        return [
            Kept(subject, one.place_m, dict(one.days)) for subject, one in every if one.place_m and one.days
        ]

    def recall(self, kept: Iterable[Kept]) -> None:
        """Take up what was counted before this run, once."""
        for one in kept:
            its = self._subject(one.subject)
            if its is not None:
                its.presence.recall(one, self.policy)

    def _subject(self, name: str) -> _Subject | None:
        its = self._subjects.get(name)
        if its is None and len(self._subjects) < MOST_SUBJECTS:
            its = self._subjects[name] = _Subject()
        return its

    def _judge(
        self, network: Network, number: int, world: World, now_ns: int, shown: Plausible | None
    ) -> Iterator[Found]:
        now_ms = from_unix_ns(now_ns)
        own_m, recent_m = self._own.of(number, now_ms), self._own.recent(number, now_ms)
        station = self._stations.get(network.streams[number].id)
        if (patrol := network.streams[number].patrol) is not None:
            yield from self._heard(network.streams[number].id, patrol, world, now_ns)
            return
        kin = self.kindred.of(network, number)
        seen = seen_of(network, number, station, own_m, recent_m, now_ns, self._began_ns, kin)
        seen = seen._replace(
            plausible=shown,
            air=self._air.of(number),
            departs_m=network.causes.departs_m(number),
            clock_broke_s=self._clocks.since_s(number, now_ms),
            row=self._rows.get(network.streams[number].id, ("", None))[1],
        )
        seen = self.sources.of(seen)
        self._seen[seen.subject] = seen
        yield from self.consider(seen, world, now_ns)

    def _heard(self, name: str, patrol: Patrol, world: World, now_ns: int) -> Iterator[Found]:
        """What a patrol heard of late, one base after the other; the stream itself is nobody's station."""
        for base in list(patrol.heard.values()):
            if now_ns - base.last_ns <= AGAIN_NS:
                live = now_ns - base.last_ns <= HEARD_NS
                subject = f"{name}/{base.station_id}"
                seen = Seen(subject, now_ns, live=live, arp_m=base.arp_m, computed=base.computed, heard=base)
                yield from self.consider(seen, world, now_ns)

    def consider(self, seen: Seen, world: World, now_ns: int) -> Iterator[Found]:
        """Look at one stream, or at one row of a sourcetable, by every rule."""
        its = self._subject(seen.subject)
        if its is None:
            return
        self.looks += 1
        its.presence.look(seen, self.policy)
        for rule in RULES:
            lead = rule.look(seen, world)
            if lead is not None:
                yield from self._hold(seen, its, rule, lead, now_ns)
        yield from self._lasting(seen, its, now_ns)
        for rule_id in [one for one, held in its.leads.items() if now_ns - held.last_ns > AGAIN_NS]:
            del its.leads[rule_id]
        its.suspected = its.suspected and standing(_counted(its)).word == "suspected"

    def declared(
        self, caster: str, leads: Sequence[RowLead], rows: Mapping[str, Row], now_ns: int
    ) -> list[Event]:
        """What rules say of the rows of a caster's table, all of it; what is not among them has ended.

        `rows` are those of watched stations by id: rules look at them with their streams (E5).
        """
        for station in [one for one, (whose, _) in self._rows.items() if whose == caster]:
            del self._rows[station]
        self._rows.update((station, (caster, row)) for station, row in rows.items())
        named = dict.fromkeys(one.subject for one in leads)
        for gone in self._declared.get(caster, set()) - named.keys():
            self._subjects.pop(gone, None)
        others = sum(len(its) for whose, its in self._declared.items() if whose != caster)
        kept = set(list(named)[: max(MOST_ROWS - others, 0)])
        self._declared[caster] = kept
        found: list[Found] = []
        for one in leads:
            its = self._subject(one.subject) if one.subject in kept else None
            if its is not None:
                self.looks += 1
                lead = Lead(one.strength, one.zh, one.en, one.inputs)
                rule = next(rule for rule in RULES if rule.id == one.rule)
                found += self._hold(Seen(one.subject, now_ns), its, rule, lead, now_ns)
        lasting = {(one.subject, one.rule) for one in leads}
        for subject in kept & self._subjects.keys():
            its = self._subjects[subject]
            its.leads = {rule: held for rule, held in its.leads.items() if (subject, rule) in lasting}
        self.findings.extend(found)
        return [_event(one) for one in found]

    def world(self, now_ns: int, *, disturbed: bool = False, clock_off: bool = False) -> World:
        """What streams are held against now."""
        places_m = self._motions.at(from_unix_ns(now_ns))
        held = self.policy, self._areas, self._filed, places_m, self._seen, serials_of(self._seen.values())
        return World(
            *held,
            placed_deg(places_m),
            disturbed=disturbed,
            clock_off=clock_off,
            temporary=self._temporary,
        )

    def _hold(self, seen: Seen, its: _Subject, rule: Rule, lead: Lead, now_ns: int) -> Iterator[Found]:
        held = its.leads.get(rule.id)
        if held is None:
            held = its.leads[rule.id] = _Held(rule, now_ns, now_ns, lead)
        held.last_ns, held.lead = now_ns, lead
        if rule.lasting and now_ns - held.first_ns < self.policy.lasting_minutes * 60 * SECOND_NS:
            return
        if held.told and STRENGTHS.index(held.told) >= STRENGTHS.index(lead.strength):
            return
        held.told = lead.strength
        yield self._found(seen, its, held, now_ns)

    def _lasting(self, seen: Seen, its: _Subject, now_ns: int) -> Iterator[Found]:
        """E12, of streams that there is another lead about: it makes nothing of what is as filed."""
        days = its.presence.days_present(now_ns, self.policy)
        if days < self.policy.present_days or not any(held.told for held in its.leads.values()):
            return
        lead = Lead(
            "medium",
            f"近 {self.policy.present_of_days} 天中有 {days} 天在同一位置连续播发",
            f"at one place on {days} of the last {self.policy.present_of_days} days",
            {"days": days, "of_days": self.policy.present_of_days},
        )
        yield from self._hold(seen, its, _PERSISTENCE, lead, now_ns)

    def _found(self, seen: Seen, its: _Subject, held: _Held, now_ns: int) -> Found:
        its_standing = standing(_counted(its))
        self.counts[held.rule.id, held.lead.strength] += 1
        finding = Finding(
            key=f"{held.rule.id}:{seen.subject}:{held.first_ns}:{held.lead.strength}",
            rule=held.rule.id,
            strength=held.lead.strength,
            subject=seen.subject,
            at_ns=now_ns,
            inputs=held.lead.inputs,
            version=held.rule.version,
            policy=self.fingerprint,
            county=self._county(seen),
            standing=its_standing.word,
        )
        return Found(finding, held.lead.zh, held.lead.en, its_standing)

    def _county(self, seen: Seen) -> str:
        if seen.station is not None and seen.station.county:
            return seen.station.county
        if seen.arp_m is None:
            return ""
        area = self._areas.of(*degrees(seen.arp_m))
        return area.name if area else ""


_PERSISTENCE = Rule(
    PERSISTENT,
    "B",
    "1",
    "长期连续在同一位置播发",
    "at one place for days",
    lambda seen, world: None,
    lasting=False,
)


def _counted(its: _Subject) -> list[Counted]:
    return [Counted(held.rule.id, held.rule.kind, held.told) for held in its.leads.values() if held.told]


def _event(found: Found) -> Event:
    """As the operator sees it: rule, strength and words, nothing that tells where."""
    its = found.finding
    detail = {
        "rule": its.rule,
        "strength": its.strength,
        "standing": its.standing,
        "zh": found.zh,
        "en": found.en,
    }
    return Event(its.at_ns, its.subject, "lead", detail)
