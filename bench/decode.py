"""Speed of the hot loop: framing, CRC and decoding into columns, start-up left out.

    python bench/decode.py FILE [--repeat N] [--block FRAMES] [--against-pyrtcm]

Prints one JSON line. `cpu_s` is processor time of this process for `frames` frames (all repeats);
the fastest repeat gives `best_frames_per_s`. With --against-pyrtcm the same frames are parsed by
pyrtcm in turn (a sample of them: it is slow), and `pyrtcm_ratio` is the ratio of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: threads that wait take time, too

from hncors.rtcm3.block import decode
from hncors.rtcm3.framing import Framer

PIECE = 1 << 16
SAMPLE = 400  # frames pyrtcm parses in a round


def once(data: bytes, block: int) -> tuple[int, int, float]:
    """Frames, cells and processor seconds of one pass."""
    started = time.process_time()
    framer = Framer()
    waiting: list[bytes] = []
    frames = cells = 0
    for at in range(0, len(data), PIECE):
        waiting += framer.feed(data[at : at + PIECE])
        while len(waiting) >= block:
            cells += len(decode(waiting[:block]).observations)
            frames += block
            del waiting[:block]
    if waiting:
        cells += len(decode(waiting).observations)
        frames += len(waiting)
    return frames, cells, time.process_time() - started


def pyrtcm_seconds_per_frame(frames: list[bytes]) -> float:
    """Processor seconds pyrtcm takes for one of these frames."""
    from pyrtcm import RTCMReader

    started = time.process_time()
    for frame in frames:
        RTCMReader.parse(frame)
    return (time.process_time() - started) / len(frames)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--block", type=int, default=1536)
    parser.add_argument("--against-pyrtcm", action="store_true")
    options = parser.parse_args()
    data = options.file.read_bytes()
    sample = Framer().feed(data)
    sample = sample[:: max(1, len(sample) // SAMPLE)]
    once(data, options.block)  # tables and caches are part of the start-up
    rounds: list[tuple[int, int, float]] = []
    others: list[float] = []
    for number in range(options.repeat):
        rounds.append(once(data, options.block))
        if options.against_pyrtcm and number % max(1, options.repeat // 5) == 0:
            others.append(pyrtcm_seconds_per_frame(sample))
    frames, cells, cpu_s = (sum(column) for column in zip(*rounds, strict=True))
    result = {
        "frames": frames,
        "cells": cells,
        "cpu_s": round(cpu_s, 6),
        "frames_per_s": round(frames / cpu_s),
        "best_frames_per_s": round(max(n / t for n, _, t in rounds)),
        "block": options.block,
    }
    if others:
        ours = statistics.median(t / n for n, _, t in rounds)
        result["pyrtcm_frames_per_s"] = round(1 / statistics.median(others))
        result["pyrtcm_ratio"] = round(statistics.median(others) / ours, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
