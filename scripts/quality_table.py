"""How many slips, clock jumps and jammings of known truth are found, and how much is found that is not there.

    python scripts/quality_table.py [--write] [--only slips|falls]

Stations are simulated (hncors.simulate), slips are put into what was decoded of their streams, and the lock
times are taken out, so that the combinations alone must find them. Prints the tables of docs/quality.md; with
--write they are put there.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime
from hncors.measure.cells import PLACES, SKY, sky_number
from hncors.measure.quality import Quality
from hncors.network import Chunk, Network
from hncors.observation import I64, Messages, Observations, frequency_hz
from hncors.signals import C_M_S, GNSS, NUMBER
from hncors.simulate.province import Province
from hncors.simulate.scenario import read_scenario

DOCUMENT = Path(__file__).parents[1] / "docs" / "quality.md"
MARKS = "<!-- made by scripts/quality_table.py -->", "<!-- end -->"
SEEDS = (11, 12)
QUIET = ""
STORM = """
[[faults]]
kind = "ionospheric_storm"
parameters = { factor = 2.5, gradient_mm_km = 120, front_km = 80, front_m_s = 250, s4 = 0.5 }
"""
SPACING = 40  # epochs between slips of a satellite
FIRST = 20  # epochs of an arc before the first
WITHIN_S = 6.0  # after it, and the next epoch at least: pseudoranges are looked at every five seconds

# Name, systems, cycles of the first and the second signal.
KINDS: tuple[tuple[str, str, float, float], ...] = (
    ("(1, 0)", "GREC", 1, 0),
    ("(0, 1)", "GREC", 0, 1),
    ("(1, 1)", "GREC", 1, 1),
    ("(½, 0)", "GREC", 0.5, 0),
    ("(5, 4) GPS", "G", 5, 4),
    ("(9, 7) GPS", "G", 9, 7),
    ("(77, 60) GPS", "G", 77, 60),
    ("(77, 59) Galileo E1, E5b", "E", 77, 59),
    ("(1, 1) Galileo E1, E5b", "E", 1, 1),
    ("(1, 1) BeiDou B1I, B2I", "C", 1, 1),
)
SIGNALS = {"G": ("1C", "2W"), "R": ("1C", "2C"), "E": ("1C", "7Q"), "C": ("2I", "7I")}
STRONG_DBHZ = 40.0


class Epoch(NamedTuple):
    """What a tick gave to Quality."""

    station: I64
    time_ms: I64
    late: NDArray[np.bool_]
    epoch: I64
    messages: Messages
    observations: Observations


class Recorder(Quality):
    """Keeps what it is given."""

    def __init__(self, stations: int) -> None:
        super().__init__(stations)
        self.kept: list[Epoch] = []

    def epochs(  # type: ignore[override]  # it has no news
        self, *given: object
    ) -> list[object]:
        self.kept.append(Epoch(*given))  # type: ignore[arg-type]  # what Network gives
        return []


class Day(NamedTuple):
    """A simulated run of some stations."""

    stations: int
    epochs: list[Epoch]
    clock_jumps: int  # whole milliseconds that clocks were put back by
    hours: float  # of all stations


def simulated(seed: int, interval_s: float, seconds: int, faults: str, kind: str, stations: int) -> Day:
    """Stations of one kind of receiver, all of whose clocks run free."""
    text = f'name = "table"\nstart = "2026-03-02T06:00:00"\nseconds = {seconds}\nseed = {seed}\n'
    text += f"[network]\ncount = {stations}\ninterval_s = {interval_s}\n"
    text += "[sky]\nslips_per_hour = 0\n[truth]\nepochs_every_s = 0.1\ncells_every_s = 86400\n"
    scenario, problems = read_scenario(text, "table")
    if scenario is None:
        raise SystemExit("\n".join(problems))
    ids = [one.id for one in Province(scenario).stations]
    for name in ids:
        text += f'[[stations]]\nid = "{name}"\nsignals = "{kind}"\nclock = "free"\n'
    scenario, problems = read_scenario(text + faults.replace("STATIONS", str(ids)), "table")
    if scenario is None:
        raise SystemExit("\n".join(problems))
    province = Province(scenario)
    network = Network([Watched(one.id) for one in province.stations], reference_ms=province.times()[0])
    recorder = Recorder(len(ids))
    network.quality = recorder
    clocks = []
    for time_ms in province.times():
        made = province.epoch(time_ms)
        at_ns = gpstime.to_unix_ns(time_ms)
        for sent in made.sent:
            name = province.stations[sent.station].id
            if sent.data:
                network.feed(Chunk(name, sent.data, at_ns + 300_000_000))
        network.tick(at_ns + 900_000_000)
        clocks += [record["clock_s"] for record in made.truth if record["record"] == "epoch"]
    network.end(at_ns + 2_000_000_000)
    jumps = np.abs(np.diff(np.array(clocks), axis=0)) > 5e-4
    return Day(len(ids), recorder.kept, int(jumps.sum()), len(ids) * seconds / 3600)


class Watched(NamedTuple):
    """A station to watch."""

    id: str
    rate_hz: float | None = None


class Count(NamedTuple):
    """What became of the slips that were put in."""

    made: int = 0
    found: int = 0
    strong: int = 0  # made on satellites of STRONG_DBHZ
    strong_found: int = 0
    false: int = 0  # told where none was
    satellites: int = 0  # epochs of satellites
    jumps: int = 0

    def __add__(self, other: object) -> Count:  # type: ignore[override]  # of two counts
        return Count(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[call-overload]


def judged(day: Day, systems: str, cycles: Sequence[float], seed: int) -> Count:
    """Put slips into a run and count what is found."""
    chance = np.random.default_rng(seed)
    quality = Quality(day.stations)
    told: list[tuple[int, int]] = []  # satellite of a station, epoch
    count = quality._count

    def note(seen: object) -> None:
        count(seen)  # type: ignore[arg-type]  # what Quality hands on
        told.extend((int(key) // PLACES, number) for key in quality.cells.key[seen.slips.cell])  # type: ignore[attr-defined]

    quality._count = note  # type: ignore[method-assign]  # to see which cells slipped
    offset = np.zeros((day.stations * SKY, 2))
    seen = np.zeros(day.stations * SKY, np.int64)
    wait = chance.integers(FIRST, FIRST + SPACING, day.stations * SKY)
    made: list[tuple[int, int, float]] = []
    satellites = 0
    for number, one in enumerate(day.epochs):
        o = one.observations
        station = one.station[one.epoch[o.message]]
        satellite = station * SKY + sky_number(o.gnss.astype(np.int64), o.satellite)
        present = np.unique(satellite)
        satellites += len(present)
        seen[present] += 1
        which = band(o, systems)
        both = np.isin(satellite, satellite[which == 0]) & np.isin(satellite, satellite[which == 1])
        slipping = np.unique(satellite[both & (which == 0)])
        slipping = slipping[seen[slipping] == wait[slipping]]
        if any(cycles) and len(slipping):
            offset[slipping] += cycles
            wait[slipping] += SPACING + chance.integers(0, SPACING, len(slipping))
            of, cn0 = satellite[which == 1].tolist(), o.cn0_dbhz[which == 1].tolist()
            strength = dict(zip(of, cn0, strict=True))
            made += [(s, number, strength[s]) for s in slipping.tolist()]
        hit = which >= 0
        wavelength_m = C_M_S / frequency_hz(o.gnss[hit], o.signal[hit], o.channel[hit])
        phase = o.phase_range_m.copy()
        phase[hit] += offset[satellite[hit], which[hit]] * wavelength_m
        blank = np.full(len(phase), np.nan)
        changed = Observations(**{**o.named(), "phase_range_m": phase, "lock_ms": blank})
        quality.epochs(*one[:5], changed)
    within = max(1, int(WITHIN_S / float(quality.interval_s[0])))
    return counted(made, told, satellites, int(quality.clock_jumps.sum()), within)


def band(o: Observations, systems: str) -> I64:
    """0 for the first, 1 for the second signal of satellites of `systems`, -1 for others."""
    out = np.full(len(o), -1)
    for letter in systems:
        gnss = GNSS.index(letter)
        for place, code in enumerate(SIGNALS[letter]):
            out[(o.gnss == gnss) & (o.signal == NUMBER[gnss][code])] = place
    return out


def counted(
    made: list[tuple[int, int, float]], told: list[tuple[int, int]], satellites: int, jumps: int, within: int
) -> Count:
    """Which of the slips made were told `within` epochs, and what else was told."""
    heard = set(told)
    found = [any((s, at + late) in heard for late in range(within + 1)) for s, at, _ in made]
    explained = {(s, at + late) for s, at, _ in made for late in range(within + 1)}
    strong = [c >= STRONG_DBHZ for _, _, c in made]
    both = sum(f and s for f, s in zip(found, strong, strict=True))
    return Count(len(made), sum(found), sum(strong), both, len(heard - explained), satellites, jumps)


def slip_rows() -> Iterator[str]:
    """The table of slips."""
    runs = {
        "quiet, 1 s": (1.0, 600, QUIET),
        "quiet, 30 s": (30.0, 7200, QUIET),
        "storm, 1 s": (1.0, 600, STORM),
        "storm, 30 s": (30.0, 7200, STORM),
    }
    days = {name: [simulated(seed, *run, "dual", 2) for seed in SEEDS] for name, run in runs.items()}
    yield "| cycles | " + " | ".join(f"{name}" for name in runs) + " |"
    yield "|---" * (1 + len(runs)) + "|"
    for kind, systems, first, second in KINDS:
        cells = []
        for name in runs:
            total = Count()
            for seed, day in zip(SEEDS, days[name], strict=True):
                total = total + judged(day, systems, (first, second), seed)
            cells.append(f"{_share(total.found, total.made)} ({_share(total.strong_found, total.strong)})")
        yield f"| {kind} | " + " | ".join(cells) + " |"
    cells, jumps = [], []
    for name in runs:
        total = Count()
        for seed, day in zip(SEEDS, days[name], strict=True):
            total = total + judged(day, "G", (0, 0), seed)
        rate = 1e5 * total.false / total.satellites
        cells.append(f"{total.false} in {total.satellites:,} ({rate:.1f} in 100,000)")
        jumps.append(f"{total.jumps} of {sum(day.clock_jumps for day in days[name])}")
    yield "| none put in: slips told, by epochs of satellites | " + " | ".join(cells) + " |"
    yield "| clock jumps of 1 ms told, none as slips | " + " | ".join(jumps) + " |"


def fall_rows() -> Iterator[str]:
    """The table of jamming."""
    yield "| noise | systems | stations that told it | delay | causes told |"
    yield "|---|---|---|---|---|"
    for systems, loss_db in [(s, d) for s in ("GEJC", "G", "") for d in (5, 8, 18)]:
        fault = '\n[[faults]]\nkind = "jamming"\nstations = STATIONS\nbegin_s = 150\nend_s = 200\n'
        fault += f'systems = "{systems}"\n' if systems else ""
        fault += f"parameters = {{ loss_db = {loss_db} }}\n"
        day = simulated(SEEDS[0], 1.0, 220, fault, "full", 3)
        begin_ms = int(day.epochs[0].time_ms[0]) + 150_000
        news = list(falls(day))
        who = {station: at_ms for station, at_ms, _ in reversed(news)}
        early = sum(at_ms < begin_ms for _, at_ms, _ in news)
        delays = sorted((at_ms - begin_ms) / 1000 for at_ms in who.values())
        delay = f"{delays[0]:.0f} to {delays[-1]:.0f} s" if delays else ""
        causes = ", ".join(sorted({cause for _, _, cause in news}))
        who_told = f"{len(who)} of {day.stations}" + (f" ({early} before it began)" if early else "")
        yield f"| {loss_db} dB | {systems or 'all'} | {who_told} | {delay} | {causes} |"
    for name, faults in (("quiet", QUIET), ("storm", STORM)):
        days = [simulated(seed, 1.0, 900, faults, "full", 3) for seed in SEEDS]
        told = sum(len(list(falls(day))) for day in days)
        yield f"| none, {name}, {sum(day.hours for day in days):.0f} station hours | | {told} | | |"


def falls(day: Day) -> Iterator[tuple[int, int, str]]:
    """Station, time and cause of falls told in a run."""
    quality = Quality(day.stations)
    for one in day.epochs:
        for news in quality.epochs(*one):
            if news.kind == "cn0_fall":
                yield int(one.station[news.row]), int(one.time_ms[news.row]), news.detail["cause"]


def rows(only: str | None) -> Iterator[str]:
    """Both tables, or one."""
    if only != "falls":
        yield from slip_rows()
    if only is None:
        yield ""
    if only != "slips":
        yield from fall_rows()


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=("slips", "falls"), help="one table; then --write has no effect")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/quality.md")
    options = parser.parse_args()
    lines = [MARKS[0], ""]
    for line in rows(options.only):
        print(line, flush=True)
        lines.append(line)
    text = "\n".join([*lines, "", MARKS[1]])
    if options.write and not options.only:
        old = DOCUMENT.read_text(encoding="utf-8")
        new = re.sub(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), lambda _: text, old, flags=re.DOTALL)
        DOCUMENT.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
