"""Run simulated provinces with faults and write what was named into docs/integrity.md: `make causes`.

    python scripts/causes_table.py [--runs N] [--calm SECONDS] [--only WORDS]

Provinces, faults and what is true of them are the simulator's (tests/causes_trials.py), seeds stand in the
table. With --only, the rows whose names hold the words are printed and nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from causes_trials import Run, Told, fault, high, run  # noqa: E402  (found by the line before)

PAGE = ROOT / "docs/integrity.md"
BEGIN, END = "<!-- made by make causes: begin -->", "<!-- end of causes -->"
STATIONS, AT = 12, 40  # the fault's begin, seconds
MOVED, OTHER = "CSHA", "HYNG"
NIGHT, AFTERNOON = "2026-03-01T18:00:00", "2026-03-02T06:00:00"
Name = tuple[str, ...]


class Case(NamedTuple):
    """One row: what is wrong, and what has to be said of it."""

    title: str
    size: str
    faults: str  # {E}, {C}: a satellite that stands high over all stations
    names: tuple[Name, ...]  # of what is at fault, all of them
    also: tuple[Name, ...] = ()  # what may be said before or besides, and is not wrong
    at: int = AT
    seconds: int = 30  # from the fault on
    start: str = NIGHT


def cases() -> Iterator[Case]:
    """All rows."""
    satellite = (("satellite_fault", "{C}"),)
    for size in (5, 10, 30, 100, 1000):
        made = fault("satellite_clock", AT, satellites=["{C}"], step_m=size)
        yield Case("satellite clock, step", f"{size} m", made, satellite)
    for rate, seconds in ((0.1, 150), (1, 40), (5, 30)):
        made = fault("satellite_clock", AT, satellites=["{C}"], drift_m_s=rate)
        yield Case("satellite clock, ramp", f"{rate} m/s", made, satellite, seconds=seconds)
    for size in (500, 2000, 20_000):
        made = fault("satellite_ephemeris", AT, satellites=["{E}"], along_m=size)
        yield Case("ephemeris, along the orbit", f"{size} m", made, (("satellite_fault", "{E}"),))
    for code, band in (("C2I", "B1I"), ("C6I", "B3I")):
        for size in (4, 20):
            made = fault("signal_bias", AT, signals=[code], satellites=["{C}"], step_m=size)
            yield Case(f"{band} of one satellite", f"{size} m", made, (("signal_fault", "{C}", band),))
    for code, band in (("E1C", "E1"), ("E5Q", "E5a"), ("C6I", "B3I")):
        for size in (3, 10):
            made = fault("signal_bias", AT, signals=[code], step_m=size)
            yield Case(f"{band} of a whole system", f"{size} m", made, (("signal_fault", code[0], band),))
    for size in (3, 10, 100):
        made = fault("moved_antenna", AT, stations=[MOVED], east_m=size)
        yield Case("station moved", f"{size} m", made, (("station_fault", MOVED, "moved"),))
    made = fault("moved_antenna", AT, stations=[MOVED], north_m=5000)
    yield Case("station elsewhere", "5 km", made, (("station_fault", MOVED, "elsewhere"),))
    for size in (0.1, 1):
        made = fault("clock_jump", AT, stations=[MOVED], jump_ms=size)
        yield Case("receiver clock, jump", f"{size} ms", made, (("station_fault", MOVED, "clock"),))
    made = fault("signal_bias", AT, signals=["C6I"], stations=[MOVED], step_m=10)
    yield Case("B3I at one station", "10 m", made, (("station_fault", MOVED, "signal"),))
    for size in (8, 20):
        made = fault("jamming", AT, stations=[MOVED], loss_db=size)
        yield Case("jamming at one station", f"{size} dB", made, (("station_fault", MOVED, "interference"),))
    walks = (("station_fault", MOVED, "walks_off"),)
    for rate in (0.5, 5):
        made = fault("spoofing", AT, stations=[MOVED], east_m_s=rate, gain_db=3)
        yield Case("pull-off, 3 dB stronger", f"{rate} m/s", made, walks, seconds=40)
    made = fault("spoofing", AT, stations=[MOVED], east_m_s=1, gain_db=0)
    before = (("station_fault", MOVED, "moved"),)
    yield Case("pull-off, no stronger", "1 m/s", made, walks, before, seconds=60)
    sky = (("disturbed_sky",),)
    for title, gradient, speed in (("storm", 120, 250), ("storm", 40, 100)):
        made = fault("ionospheric_storm", 280, factor=2.5, gradient_mm_km=gradient, front_m_s=speed, s4=0.5)
        yield Case(title, f"{gradient} mm/km", made, sky, at=280, seconds=150, start=AFTERNOON)
    step = fault("satellite_clock", AT, satellites=["{C}"], step_m=60)
    moved = fault("moved_antenna", AT, stations=[OTHER], east_m=15)
    both = (*satellite, ("station_fault", OTHER, "moved"))
    yield Case("satellite clock and station moved", "60 m, 15 m", step + moved, both)
    second = fault("satellite_clock", AT, satellites=["{E}"], step_m=-25)
    yield Case(
        "two satellites' clocks", "60 m, -25 m", step + second, (*satellite, ("satellite_fault", "{E}"))
    )
    jam = fault("jamming", AT, stations=[OTHER], loss_db=20)
    jammed = (*satellite, ("station_fault", OTHER, "interference"))
    yield Case("satellite clock and jamming", "60 m, 20 dB", step + jam, jammed)


def name(one: Told) -> Name:
    """What an event names."""
    kind, detail = one.kind, one.detail
    if kind == "station_fault":
        return kind, one.station, detail["cause"]
    if kind == "disturbed_sky":
        return (kind,)
    subject = detail.get("satellite") or detail["gnss"]
    return (kind, subject, detail["signal"]) if "signal" in detail else (kind, subject)


def head(seed: int, seconds: int, start: str, stations: int) -> str:
    """A scenario without faults."""
    usual = f'start = "{start}"\nseconds = {seconds}\nseed = {seed}\n'
    usual += f"[network]\ncount = {stations}\nephemeris_s = 2\n"
    return usual + "[truth]\nepochs_every_s = 3600\ncells_every_s = 3600\n"


class Result(NamedTuple):
    """Of one run."""

    found: int  # of what has to be named
    after_s: list[int]
    wrong: list[Name]
    alarms: int  # seconds of stations in alert or with exclusions, once all is named
    inhibited: int
    what: str


def result(case: Case, made: Run, chosen: dict[str, str]) -> Result:
    """Hold what was told against what is true."""
    wanted = [tuple(part.format(**chosen) for part in one) for one in case.names]
    begins = [(name(one), one) for one in made.told if not one.kind.endswith("_over")]
    after = [min((one.second for which, one in begins if which == want), default=-1) for want in wanted]
    wrong = [which for which, _ in begins if which not in wanted and which not in case.also]
    named = all(second >= 0 for second in after)
    later = [second for second in made.alarms if named and second > max(after)]
    what = {str(one.detail.get("what", "")) for _, one in begins} - {""}
    return Result(
        sum(second >= 0 for second in after),
        [second - case.at for second in after if second >= 0],
        wrong,
        sum(made.alarms[second] for second in later),
        sum(made.inhibited[second] for second in later),
        ", ".join(sorted(what)),
    )


def row(case: Case, runs: int, seed: int) -> tuple[str, bool]:
    """A line of the table, and whether all was named and nothing else."""
    results = []
    for number in range(runs):
        text = head(seed + number, case.at + case.seconds, case.start, STATIONS)
        chosen = high(head(seed + number, 6, case.start, STATIONS))
        faults = case.faults
        for letter, satellite in chosen.items():
            faults = faults.replace(f"{{{letter}}}", satellite)
        results.append(result(case, run(text + faults), chosen))
    found, wanted = sum(one.found for one in results), runs * len(case.names)
    after = [second for one in results for second in one.after_s]
    wrong = [" ".join(which) for one in results for which in one.wrong]
    alarms, held = (sum(getattr(one, field) for one in results) for field in ("alarms", "inhibited"))
    share = f"{held} of {alarms}" if alarms else "none"
    what = ", ".join(sorted({one.what for one in results} - {""}))
    delay = f"{np.median(after):.0f} s (most {max(after)} s)" if after else ""
    line = f"| {case.title} | {case.size} | {runs} | {found} of {wanted} | {delay} | {what} "
    return f"{line}| {'; '.join(wrong) or 'none'} | {share} | {seed} |", found == wanted and not wrong


def calm(seconds: int, start: str, seed: int) -> str:
    """A line of the table of calm time."""
    made = run(head(seed, seconds, start, 15))
    told = [" ".join(name(one)) for one in made.told if not one.kind.endswith("_over")]
    judged = int(made.network.causes.judged.satellites.sum())
    return f"| {start} | 15 | {15 * seconds:,} | {judged} | {'; '.join(told) or 'none'} | {seed} |"


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2, help="of each row")
    parser.add_argument("--calm", type=int, default=1800, help="seconds without a fault, at night and at day")
    parser.add_argument("--only", default="", help="rows whose names hold this; nothing is written")
    options = parser.parse_args()
    started = time.monotonic()
    titles = ("fault", "size", "runs", "named", "after", "told as", "other names", "alarms inhibited", "seed")
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for number, case in enumerate(cases()):
        if options.only in f"{case.title}, {case.size}":
            line, _ = row(case, options.runs, 100 * (number + 1))
            lines.append(line)
            print(line, f"{time.monotonic() - started:.0f} s", flush=True)
    if options.only:
        return
    titles = ("without a fault from", "stations", "epochs", "satellites judged", "names", "seed")
    lines += ["", f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for seed, start in ((7001, NIGHT), (7002, AFTERNOON)):
        lines.append(calm(options.calm, start, seed))
        print(lines[-1], f"{time.monotonic() - started:.0f} s", flush=True)
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)[0], page.split(END, maxsplit=1)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{rest}", "utf-8")


if __name__ == "__main__":
    main()
