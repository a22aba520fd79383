"""Whole programs on one recording: `hncors inspect --json`, RTKLIB's convbin, gpsd's gpsdecode.

    python bench/inspecting.py FILE [--repeat N]

Each is started N times in turn with the others, so that whatever else the machine does falls on all; prints
one JSON line with the medians of processor and wall time, start-up included. `vs_...` is the other's
processor time by ours. Programs that are not installed are left out.

Not called inspect.py: that would hide the standard library's module of this name from every script beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def once(command: list[str], source: Path) -> tuple[float, float]:
    """Processor and wall seconds of one run; the recording is on its standard input, too."""
    with source.open("rb") as stream:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        # Wrong or missing output would make the comparison worthless, so a failure ends the benchmark.
        subprocess.run(
            command, stdin=stream, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )
        wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = ["-o", f"{folder}/x.obs", "-n", f"{folder}/x.nav"]
        commands = {
            "hncors": [sys.executable, "-m", "hncors", "inspect", "--json", str(options.file)],
            "convbin": ["convbin", "-r", "rtcm3", "-v", "3.05", "-od", "-os", *out, str(options.file)],
            "gpsdecode": ["gpsdecode"],
        }
        commands = {name: words for name, words in commands.items() if shutil.which(words[0])}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for words in commands.values():
            once(words, options.file)  # warms the caches
        for _ in range(options.repeat):
            for name, words in commands.items():
                times[name].append(once(words, options.file))
    line: dict[str, object] = {"bytes": options.file.stat().st_size, "repeat": options.repeat}
    cpu_s = {name: statistics.median(cpu for cpu, _ in rounds) for name, rounds in times.items()}
    for name, rounds in times.items():
        line[f"{name}_cpu_s"] = round(cpu_s[name], 4)
        line[f"{name}_wall_s"] = round(statistics.median(wall for _, wall in rounds), 4)
        if name != "hncors":
            line[f"vs_{name}"] = round(cpu_s[name] / cpu_s["hncors"], 2)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
