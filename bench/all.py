"""Every benchmark in one run, on the same bytes: `make bench`.

    python bench/all.py [FILE]

Without a file a recording is made. What is compared with what, and why ratios: docs/speed.md. Prints one
JSON line a benchmark, with the ratio its goal is about.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from made_recording import CITIES, recording

from hncors.gpstime import from_iso
from hncors.rtcm3.block import decode
from hncors.rtcm3.framing import Framer

HERE = Path(__file__).parent
BLOCKS = (1, 10, 100, 700)
LIVE = (
    "--stations 200 --plain",
    "--stations 2000 --plain",
    "--stations 2000 --plain --frames-apart",
    "--stations 2000",
    "--stations 8000 --plain",
    "--stations 1000 --tls",
)
MADE_FROM, MADE_EPOCHS = "2026-03-09T00:00:00", 600


def by_block(data: bytes) -> dict[str, float]:
    """Microseconds a frame for decoding alone, by frames a block; medians of five rounds in turn."""
    frames = Framer().feed(data)
    rounds: dict[int, list[float]] = {block: [] for block in BLOCKS}
    for _ in range(5):
        for block, times in rounds.items():
            some = frames[: min(len(frames), max(300, 6 * block))]
            started = time.process_time()
            for at in range(0, len(some), block):
                decode(some[at : at + block])
            times.append((time.process_time() - started) / len(some) * 1e6)
    return {
        f"block_{block}_us_per_frame": round(statistics.median(times), 2) for block, times in rounds.items()
    }


def run(name: str, *arguments: str) -> None:
    """Run another benchmark and pass its line on."""
    done = subprocess.run(
        [sys.executable, str(HERE / name), *arguments], check=False, capture_output=True, text=True
    )
    print(
        json.dumps({"benchmark": name, **json.loads(done.stdout)}) if done.returncode == 0 else done.stderr,
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "made.rtcm3"
        if len(sys.argv) == 1:
            path.write_bytes(b"".join(recording(CITIES[0], 1, from_iso(MADE_FROM), MADE_EPOCHS)))
        run("decode.py", str(path), "--against-pyrtcm")
        print(json.dumps({"benchmark": "blocks", **by_block(path.read_bytes())}), flush=True)
        run("inspecting.py", str(path))
        run("scrape.py", "--series", "120000")
        for stations in ("10", "200", "2000", "8000"):
            run("position.py", "--stations", stations, "--rtklib")
        run("simulate.py", "--stations", "1000")
        for options in LIVE:
            run("live.py", *options.split())


if __name__ == "__main__":
    main()
