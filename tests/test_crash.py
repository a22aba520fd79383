"""kill -9 at random moments: what the daemon has recorded, and what it says when it is started again.

`make crash` kills it 200 times; HNCORS_KILLS says how often.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from crash import STATION, Connection, Run, crashed
from wire import scan

import hncors
from hncors.daemon.recording import Recording, open_recordings

KILLS = int(os.environ.get("HNCORS_KILLS", "5"))
LOST_S = 1.0  # of what was sent before a kill, at most
EARLY_S = 0.1  # of any time of the daemon: it follows its host's clock in steps that are no smaller
LATE_S = 0.5  # of an arrival after it was sent, on a busy machine
SOON_S = 1.5  # from when the daemon listens to when it says that it was blind


async def test_what_a_killed_daemon_leaves(tmp_path):
    """At most a second is lost, nothing is there twice, the next start says how long it was blind."""
    seed = int(os.environ.get("HNCORS_SEED", random.randrange(1 << 32)))
    print(f"HNCORS_SEED={seed} HNCORS_KILLS={KILLS}")  # shown when it fails
    runs, connections = await crashed(tmp_path, KILLS, random.Random(seed))
    assert len(runs) == len(connections) == KILLS  # each run connected once
    (recording,) = open_recordings([tmp_path / "recordings"])
    kept = only_what_was_sent(recording.data, connections)
    lost = [n for n, _ in enumerate(runs) if kept[n] < connections[n].until(runs[n].killed_s - LOST_S)]
    assert lost == []
    arrivals_are_of_their_bytes(recording, connections, kept)
    blind_time_is_told(runs)
    nothing_is_counted_twice(tmp_path / "recordings", recording.data)
    most_s = max(lost_s(run, one, size) for run, one, size in zip(runs, connections, kept, strict=True))
    print(f"{KILLS} kills: at most {most_s:.2f} s lost")


def only_what_was_sent(data: bytes, connections: Sequence[Connection]) -> list[int]:
    """Every byte is of one connection and in its order, without a gap; how much there is of each."""
    first = [one.data[: len(scan(one.data)[0])] for one in connections]  # numbered, so nowhere else
    begin = [data.find(frame) for frame in first]
    assert begin[0] == 0
    assert -1 not in begin
    assert begin == sorted(begin)
    assert [data.count(frame) for frame in first] == [1] * len(first)
    parts = [data[a:b] for a, b in zip(begin, [*begin[1:], len(data)], strict=True)]
    strange = [n for n, part in enumerate(parts) if not connections[n].data.startswith(part)]
    assert strange == []
    return [len(part) for part in parts]


def arrivals_are_of_their_bytes(
    recording: Recording, connections: Sequence[Connection], kept: Sequence[int]
) -> None:
    """No byte came before it was sent, nor long after."""
    assert recording.problems == () or all("beyond the end" in one for one in recording.problems)
    assert recording.arrivals is not None
    offset, arrival_ns = recording.arrivals
    begin = 0
    for one, size in zip(connections, kept, strict=True):
        end = [sent for _, sent in one.sent if sent <= size]
        sent_s = np.array([at for at, sent in one.sent if sent <= size])
        last_byte = begin + np.array(end) - 1
        last = np.searchsorted(offset, last_byte, side="right") - 1
        late_s = arrival_ns[last] / 1e9 - sent_s
        assert late_s.min(initial=0) > -EARLY_S and late_s.max(initial=0) < LATE_S
        begin += size


def blind_time_is_told(runs: Sequence[Run]) -> None:
    """From the last look that is on disk to the first one after; the very first run was never blind."""
    assert runs[0].blind_s is None
    for before, run in pairwise(runs):
        assert run.blind_s is not None
        assert run.begun_s - before.killed_s - EARLY_S <= run.blind_s
        assert run.blind_s <= run.listening_s - before.killed_s + LOST_S + SOON_S


def nothing_is_counted_twice(folder: Path, data: bytes) -> None:
    """A replay of all runs counts each byte, frame and epoch once."""
    values = dict(re.findall(r"^(hncors_\w+\{.*\}) (\S+)$", hncors.replay(folder).metrics(), re.MULTILINE))
    frames = scan(data)
    numbers = [int.from_bytes(frame[5:13], "big") for frame in frames if frame[3:5] == b"\xff\xf0"]
    assert numbers == sorted(set(numbers))
    label = f'station="{STATION}"'
    assert float(values[f"hncors_stream_received_bytes_total{{{label}}}"]) == len(data)
    assert float(values[f'hncors_rtcm_messages_total{{{label},type="4095"}}']) == len(numbers)
    times = {frame[6:10] for frame in frames if frame[3] << 4 | frame[4] >> 4 == 1074}  # DF004 and two bits
    received = float(values[f"hncors_epochs_received_total{{{label}}}"])
    assert len(times) - KILLS <= received <= len(times)  # an epoch that was cut off may have been one
    assert f'hncors_rtcm_errors_total{{kind="duplicate_epoch",{label}}}' not in values


def lost_s(run: Run, one: Connection, size: int) -> float:
    """How long before the kill that was sent which is not there."""
    return max((run.killed_s - at for at, sent in one.sent if sent > size and at < run.killed_s), default=0.0)
