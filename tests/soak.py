"""A network under random faults, and a daemon's links, network and heartbeat that have to be right about it.

    python tests/soak.py --minutes 10 --seed 7          in virtual time: an hour takes some minutes
    python tests/soak.py --hours 2 --seed 7 --real      in real time

What is true is the plan that the faults are carried out by (soak_faults, soak_world), never what the daemon
says. `Judge` holds every state at every tick against it; the rest is counted and compared at the end. Exit
status 1 where anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from shutil import which
from typing import Any, NamedTuple

from scripted_caster import EPOCH_NS, VirtualLoop
from soak_faults import BRIEF_S, CALM_S, FINE_S, GAP_S, KINDS, RECOVERED_S, Fault, plan
from soak_world import Immediate, World

from hncors.daemon import caster_client
from hncors.daemon.clock import Clock
from hncors.daemon.links import Links
from hncors.daemon.names import Names
from hncors.daemon.pulse import Pulse
from hncors.daemon.secrets import Secrets
from hncors.health import Event, Stream
from hncors.network import Network
from hncors.settings import Links as Waits
from hncors.settings import Settings
from hncors.view.exposition import Writer
from hncors.view.metrics import families

TICK_S = 0.25
UP = "streaming"
BETWEEN = ("connecting",)  # also while a fault lasts: each attempt begins anew
ATTEMPTS, ATTEMPTS_S, STARTS = 6, 60.0, 10
ATTEMPT_EVERY_S = 12.0  # on own casters: docs/links.md
EPOCH_BYTES = 2500  # at most
WARM_S = 120.0  # after which, or a third of the time, memory must not grow ...
GROWTH_MB = 8.0  # ... by more than pools and rings that are not full yet take, ...
GROWTH_OBJECTS = 10_000  # ... in Python's objects too, which a library's pools do not blur
LOOK_EVERY_S = 10.0


@dataclass
class Seen:
    """What came of a kind of fault."""

    number: int = 0
    unnamed: int = 0  # brief ones, which are over before they have to be named
    named_s: float = 0.0  # the worst
    recovered_s: float = 0.0  # the worst


@dataclass
class Judge:
    """Holds what the daemon says against the plan."""

    world: World
    network: Network
    wrong: list[str] = field(default_factory=list)
    kinds: dict[str, Seen] = field(default_factory=lambda: defaultdict(Seen))
    on: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    changed_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    over: dict[str, list[tuple[Fault, float]]] = field(default_factory=lambda: defaultdict(list))
    named: set[tuple[str, Fault]] = field(default_factory=set)
    errors: dict[tuple[str, Fault], int] = field(default_factory=dict)
    shaken: set[tuple[str, Fault]] = field(default_factory=set)  # not well when it began
    inexact: set[str] = field(default_factory=set)
    said: set[tuple[str, float, str]] = field(default_factory=set)

    def begins(self, fault: Fault, now_s: float) -> None:
        self.kinds[fault.kind].number += 1
        for name in self._of(fault):
            if self.on[name] or self._stream(name).state != UP or now_s - self.changed_s[name] < GAP_S[0]:
                self.shaken.add((name, fault))
            self.on[name].append(fault)
            self.changed_s[name] = now_s
            self.errors[name, fault] = self._stream(name).frames()["crc_failures"]
            self.over[name].clear()
            if not KINDS[fault.kind].exact:
                self.inexact.add(name)

    def ends(self, fault: Fault, now_s: float) -> None:
        for name in self._of(fault):
            self.on[name].remove(fault)
            self.shaken |= {(name, one) for one in self.on[name]}  # what was hidden has to show now
            self.named -= {(name, one) for one in self.on[name]}
            self.changed_s[name] = now_s
            if not self.on[name]:
                self.over[name].append((fault, now_s))
            if (name, fault) not in self.named:
                self.kinds[fault.kind].unnamed += 1

    def look(self, now_s: float) -> None:
        """Judge every station; called after each tick."""
        for name in self.world.host_of:
            faults = self.on[name]
            since_s = now_s - self.changed_s[name]
            if faults:
                self._in_fault(name, faults, now_s, since_s)
            elif now_s > CALM_S / 2:
                self._well(name, now_s, since_s)

    def _in_fault(self, name: str, faults: list[Fault], now_s: float, since_s: float) -> None:
        of_host = [one for one in faults if one.target == self.world.host_of[name]]
        fault = (of_host or faults)[0]  # a host that is gone hides what else is wrong
        kind, stream = KINDS[fault.kind], self._stream(name)
        counted = stream.frames()["crc_failures"] > self.errors[name, fault] if kind.count else True
        right = stream.state in (kind.states or (UP,)) and counted
        # Who is not well when something new goes wrong finds out by the next attempt, of six a minute.
        waits_s = since_s - ATTEMPT_EVERY_S if (name, fault) in self.shaken else since_s
        if right and (name, fault) not in self.named:
            self.named.add((name, fault))
            if (name, fault) not in self.shaken:
                seen = self.kinds[fault.kind]
                seen.named_s = max(seen.named_s, since_s)
        within_s = kind.within_s + FINE_S
        if not kind.states and stream.state != UP and waits_s == since_s:
            self._say(now_s, name, f"{stream.state} in a fault that leaves it up: {fault.kind}")
        elif waits_s > within_s and (name, fault) not in self.named:
            self._say(now_s, name, f"{stream.state} {since_s:.1f} s after {fault.kind} began")
        elif waits_s > within_s and stream.state not in (*kind.states, *BETWEEN) and kind.states:
            self._say(now_s, name, f"{stream.state} while {fault.kind} lasts")
        elif fault.kind == "silence" and since_s <= BRIEF_S and stream.state != UP and waits_s == since_s:
            self._say(now_s, name, f"{stream.state} after {since_s:.1f} s of silence")

    def _well(self, name: str, now_s: float, since_s: float) -> None:
        state = self._stream(name).state
        if state == UP:
            for fault, over_s in self.over[name]:
                seen = self.kinds[fault.kind]
                seen.recovered_s = max(seen.recovered_s, now_s - over_s)
            self.over[name].clear()
        elif since_s > RECOVERED_S + FINE_S:
            last = ", ".join(fault.kind for fault, _ in self.over[name]) or "nothing"
            self._say(now_s, name, f"{state} {since_s:.1f} s after the end of {last}")

    def account(self, now_s: float) -> None:
        """Every byte and epoch is in its place, in the middle of everything."""
        text = Writer().render(families(self.network, "soak")).decode()
        up = text.count("hncors_stream_up{") - text.count('"} 0.0\n', 0, 0)
        if up != len(self.network.streams):
            self._say(now_s, "", f"{up} of {len(self.network.streams)} stations in the metrics")
        for stream in self.network.streams:
            fates = stream.bytes()
            if fates["received"] != fates["in_frames"] + fates["junk"] + fates["pending"]:
                self._say(now_s, stream.id, f"bytes do not add up: {fates}")
            account = stream.account
            if account.expected != account.received + account.missing + account.blind or account.blind:
                self._say(now_s, stream.id, f"epochs do not add up: {account}")

    def total(self, now_s: float) -> None:
        """What was received in the end, against what was sent."""
        for name, letter in self.world.host_of.items():
            stream, caster = self._stream(name), self.world.casters[letter]
            sent = caster.sent[self.world.mountpoint(name)]
            received, account = stream.bytes()["received"], stream.account
            # Who ends a connection that brings noise may end it while some comes.
            most = sent - received - EPOCH_BYTES * stream.reconnects["no_frames"]
            if received > sent or (name not in self.inexact and most > 0):
                self._say(now_s, name, f"{received} bytes received of {sent} sent")
            if name in self.inexact:
                continue
            if account.received != self.world.delivered[name]:
                self._say(now_s, name, f"{account.received} epochs of {self.world.delivered[name]} delivered")
            first_ms = self.world.first_ms[name]
            owed = ((account.newest or 0) - first_ms) // 1000 + 1
            if account.expected != owed:
                self._say(now_s, name, f"{account.expected} epochs expected, {owed} were due")

    def attempts(self, begun: dict[str, list[float]]) -> dict[str, int]:
        """The most attempts of a stream in a minute and of a host in a second, in any such span."""
        by_host = {
            letter: sorted(at for name in names for at in begun[name])
            for letter, names in self.world.hosts.items()
        }
        worst = max((most_within(times, ATTEMPTS_S), name) for name, times in begun.items())
        if worst[0] > ATTEMPTS:
            self.wrong.append(f"{worst[1]}: {worst[0]} attempts in a minute")
        starts = max((most_within(times, 1.0), letter) for letter, times in by_host.items())
        if starts[0] > STARTS:
            self.wrong.append(f"host {starts[1]}: {starts[0]} starts in a second")
        return {"a minute, of a stream": worst[0], "a second, on a host": starts[0]}

    def _stream(self, name: str) -> Stream:
        return self.network.streams[self.network.index[name]]

    def _of(self, fault: Fault) -> Sequence[str]:
        return self.world.hosts.get(fault.target) or [one for one in (fault.target, fault.with_) if one]

    def _say(self, now_s: float, name: str, what: str) -> None:
        once = name, self.changed_s[name], self._stream(name).state if name else what
        if once in self.said:  # not at every tick
            return
        self.said.add(once)
        why = self._stream(name).state_why if name else ""
        self.wrong.append(f"{now_s:8.1f} s  {name}: {what}" + (f" ({why})" if why else ""))


def most_within(times: Sequence[float], seconds: float) -> int:
    """How many of the sorted times fall into any one span of so many seconds, its end left out."""
    most, first = 0, 0
    for number, at in enumerate(times):
        while times[first] <= at - seconds + 1e-6:
            first += 1
        most = max(most, number - first + 1)
    return most


class Memory(NamedTuple):
    """What this process, the world included, holds."""

    at_s: float
    mb: float  # resident
    objects: int


@dataclass
class Outcome:
    """What a soak found."""

    seed: int
    length_s: float
    stations: int
    wrong: list[str]
    kinds: dict[str, Seen]
    attempts: dict[str, int]
    memory: tuple[Memory, Memory]  # after the warm-up, at the end
    took_s: float
    events: Counter[str]

    def table(self) -> str:
        """For people."""
        lines = [f"{'fault':28} {'times':>6} {'too brief':>10} {'named within':>13} {'recovered within':>17}"]
        for kind in KINDS:
            if seen := self.kinds.get(kind):
                limit_s = f"/ {KINDS[kind].within_s:.0f} s"
                lines.append(
                    f"{kind:28} {seen.number:6} {seen.unnamed:10} {seen.named_s:7.2f} {limit_s:>6}"
                    f" {seen.recovered_s:9.2f} / {RECOVERED_S:.0f} s"
                )
        lines.append("attempts: " + ", ".join(f"{most} in {span}" for span, most in self.attempts.items()))
        before, after = self.memory
        lines.append(
            f"memory: {before.mb:.1f} MB and {before.objects:,} objects after {before.at_s:.0f} s,"
            f" {after.mb:.1f} MB and {after.objects:,} at the end"
        )
        lines.append("events: " + ", ".join(f"{kind} {n}" for kind, n in sorted(self.events.items())))
        lines.append(
            f"seed {self.seed}: {self.length_s / 60:.0f} minutes of {self.stations} stations"
            f" in {self.took_s:.0f} s, {len(self.wrong)} wrong"
        )
        return "\n".join(lines)


async def soak(folder: Path, length_s: float, seed: int, *, real: bool) -> Outcome:
    """Run it. In a `VirtualLoop`, unless `real`."""
    loop = asyncio.get_running_loop()
    begun_s, took_s = loop.time(), time.monotonic()

    def virtual_ns() -> int:
        return EPOCH_NS + round(loop.time() * 1e9)

    def now_s() -> float:
        return loop.time() - begun_s

    clock = Clock() if real else Clock(virtual_ns, virtual_ns, virtual_ns)
    world = World(folder, which("openssl"), seed, clock.now_ns)
    await world.open()
    stations = world.stations()
    network = Network(stations)
    judge = Judge(world, network)
    events: Counter[str] = Counter()
    memory: list[Memory] = []
    warm_s = max(WARM_S, length_s / 3)

    def tell(event: Event) -> None:
        events[event.kind] += 1
        if event.kind in ("mirrored_stream", "monitor_blind", "monitor_fault") and not real:
            judge.wrong.append(f"{now_s():8.1f} s  {event.station}: {event.kind} {event.detail}")

    pulse = Pulse(network, TICK_S, tell, clock=clock, beat=lambda: judge.look(now_s()))
    hosts = [f"{letter}.soak" for letter in world.hosts]
    settings = Settings(stations="none", links=Waits(own_casters=hosts))
    links = Links(settings, stations, network, clock=clock, secrets=Secrets(), report=tell)
    names = Names(world.lookup) if real else Immediate(world.lookup)
    links._shared = replace(links._shared, names=names, chance=Random(seed))
    begun: dict[str, list[float]] = {one.id: [] for one in stations}

    async def carry_out(fault: Fault) -> None:
        await asyncio.sleep(fault.begin_s - now_s())
        judge.begins(fault, now_s())
        await world.begin(fault)
        await asyncio.sleep(fault.end_s - now_s())
        await world.end(fault)
        judge.ends(fault, now_s())

    async def looks() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            judge.account(now_s())
            if not memory and now_s() >= warm_s:
                memory.append(_memory(now_s()))

    faults = plan(world.hosts, length_s, seed, tls="b" in world.hosts)
    with _attempts_counted(begun):
        async with asyncio.TaskGroup() as group:
            links.group = group
            await links.follow(stations)
            tasks = [group.create_task(one) for one in (world.supply(), pulse.run(), looks())]
            tasks += [group.create_task(carry_out(fault)) for fault in faults]
            await asyncio.sleep(length_s)
            for task in tasks:
                task.cancel()
            links.stop()
    pulse.tick()
    judge.account(length_s)
    judge.total(length_s)
    await world.close()
    await asyncio.sleep(0.5)
    memory.append(_memory(now_s()))
    before, after = memory[0], memory[-1]
    if after.mb - before.mb > GROWTH_MB or after.objects - before.objects > GROWTH_OBJECTS:
        judge.wrong.append(f"memory grew from {before} to {after}")
    return Outcome(
        seed,
        length_s,
        len(stations),
        judge.wrong,
        dict(judge.kinds),
        judge.attempts(begun),
        (before, after),
        time.monotonic() - took_s,
        events,
    )


@contextlib.contextmanager
def _attempts_counted(begun: dict[str, list[float]]) -> Any:
    """Keep when each stream's attempts begin."""
    attempt = caster_client.attempt

    def counted(station: Any, *rest: Any) -> Any:
        begun[station.id].append(asyncio.get_running_loop().time())
        return attempt(station, *rest)

    caster_client.attempt = counted
    try:
        yield
    finally:
        caster_client.attempt = attempt


def _memory(at_s: float) -> Memory:
    gc.collect()
    with open("/proc/self/statm") as file:
        return Memory(at_s, int(file.read().split()[1]) * 4096 / 1e6, len(gc.get_objects()))


def run(length_s: float, seed: int, *, real: bool = False) -> Outcome:
    """A soak from beginning to end."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # handshakes that fail are what is tried here
    with tempfile.TemporaryDirectory(prefix="hncors-soak-") as folder:
        factory = asyncio.new_event_loop if real else VirtualLoop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(soak(Path(folder), length_s, seed, real=real))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0, help="10 where neither is given")
    parser.add_argument("--seed", type=int, help="by chance where none is given")
    parser.add_argument("--real", action="store_true", help="in real time")
    options = parser.parse_args()
    length_s = 3600 * options.hours + 60 * options.minutes or 600.0
    seed = Random().randrange(1 << 31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    outcome = run(length_s, seed, real=options.real)
    print("\n".join(outcome.wrong[:50]))
    print(outcome.table())
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
