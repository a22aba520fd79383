"""Recordings through the network: a clock that is the data's, and no trace of how they were cut."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from watching import MS, SECOND, T0, epochs, events, network
from wire import epoch, framed, scan

from hncors.gpstime import to_unix_ns
from hncors.network import Network
from hncors.reading import Dating, date
from hncors.replaying import IDLE_TICK_NS, TICK_NS, Source, play, untimed
from hncors.view.exposition import Writer
from hncors.view.metrics import families


def recording(seconds: int, start: int = T0, **more: Any) -> bytes:
    return b"".join(b"".join(epoch(start + 1000 * n, **more)) for n in range(seconds))


def timed(station: str, chunks: list[tuple[int, bytes]]) -> Source:
    """GPS milliseconds at which bytes came, and the bytes."""
    lengths = np.array([len(data) for _, data in chunks])
    arrival = np.array([to_unix_ns(time) for time, _ in chunks], np.int64)
    return Source(station, b"".join(data for _, data in chunks), np.cumsum(lengths) - lengths, arrival, True)


def result(net: Network, sources: list[Source], **more: Any) -> tuple[Any, ...]:
    ticks = list(play(net, sources, **more))
    told = [(event.at_ns, *event[1:3], str(event.detail)) for tick in ticks for event in tick.events]
    return epochs(ticks), told, Writer().render(families(net, "1"))


def damaged(seconds: int) -> list[tuple[int, bytes]]:
    """Bytes as they came, among them other bytes, false leaders, a bad frame, an epoch lost."""
    r = Random(7)
    out = []
    for n in range(seconds):
        frames = epoch(T0 + 1000 * n)
        if n % 5 == 2:
            frames.insert(r.randrange(5), r.choice([b"\xd3\x03\xff", b"$GPGGA*00\r\n", r.randbytes(8)]))
        if n % 7 == 3:
            frames[2] = frames[2][:-1] + b"?"
        if n != 11:
            out += [(T0 + 1000 * n + 150 + 90 * place, frame) for place, frame in enumerate(frames)]
    return out


def test_bytes_without_arrival_times_come_with_their_epochs() -> None:
    data = b"junk" + recording(5) + framed(b"\xff\xf0")
    source = untimed("A", data, Dating(T0 - 60_000, "given"))
    assert not source.timed
    frames = scan(data)
    starts = [0, *(data.index(frame) for frame in frames[:-1:4])]
    assert source.offset.tolist() == starts
    times = [T0 - 60_000, *(T0 + 1000 * n for n in range(5))]
    assert source.arrival_ns.tolist() == [to_unix_ns(time) for time in times]


def test_made_up_arrivals_never_go_back() -> None:
    data = recording(5) + recording(5) + recording(3, T0 - 100_000) + recording(2, T0 + 9000)
    source = untimed("A", data, Dating(T0, "given"))
    assert (np.diff(source.arrival_ns) > 0).all()
    assert (np.diff(source.offset) >= 0).all()
    net = network(rate_hz=1.0, reference_ms=T0)
    found = epochs(play(net, [source]))
    assert [time for _, time, _, _ in found] == [
        *(T0 + 1000 * n for n in range(5)),
        *(T0 - 100_000 + 1000 * n for n in range(3)),
        T0 + 9000,
        T0 + 10_000,
    ]
    assert net.streams[0].errors == {"time_backwards": 2, "duplicate_epoch": 5, "time_jump": 1}


@pytest.mark.parametrize("with_times", [True, False])
def test_the_size_of_chunks_leaves_no_trace(with_times: bool) -> None:
    came = damaged(30)
    data = b"".join(piece for _, piece in came)
    if with_times:
        sources = [timed("A", came), timed("B", [(time + 30, piece) for time, piece in damaged(10)])]
    else:
        sources = [untimed("A", data, Dating(T0, "given")), untimed("B", recording(10), Dating(T0, "given"))]
    reference = None if with_times else T0
    found = [
        result(network("A", "B", reference_ms=reference), sources, chunk_size=size)
        for size in (1, 7, 512, 10**6)
    ]
    assert found[0] == found[1] == found[2] == found[3]
    assert len([one for one in found[0][0] if one[0] == 0]) == 29


def test_ticks_are_on_one_grid_and_wait_for_silence_in_seconds() -> None:
    net = network(rate_hz=1.0)
    moments: list[int] = []
    source = timed(
        "A",
        [
            (T0 + 130, recording(1)),
            (T0 + 1130, recording(1, T0 + 1000)),
            (T0 + 7130, recording(1, T0 + 7000)),
        ],
    )
    ticks = list(play(net, [source], until=moments.append))
    assert len(ticks) == len(moments) + 1
    assert all(moment % TICK_NS == 0 for moment in moments)
    steps = np.diff(moments)
    assert steps.min() >= TICK_NS
    assert steps.max() <= IDLE_TICK_NS < 5 * SECOND
    assert moments[0] == to_unix_ns(T0) + TICK_NS
    assert events(ticks, "monitor_blind") == []


def test_an_outage_in_a_recording_is_missed_and_not_blind() -> None:
    net = network(rate_hz=1.0)
    came = [(T0 + 1000 * n + 100, recording(1, T0 + 1000 * n)) for n in (*range(10), *range(130, 140))]
    ticks = list(play(net, [timed("A", came)]))
    account = net.streams[0].account
    assert (account.expected, account.received, account.missing, account.blind) == (140, 20, 120, 0)
    named = [(detail["from"], detail["to"]) for _, _, detail in events(ticks, "state")]
    assert named == [("connecting", "streaming"), ("streaming", "stalled"), ("stalled", "streaming")]


def test_sources_take_turns_by_arrival() -> None:
    net = network("A", "B")
    one = timed("A", [(T0 + 2000 * n + 100, recording(1, T0 + 2000 * n)) for n in range(5)])
    other = timed("B", [(T0 + 2000 * n + 1100, recording(1, T0 + 2000 * n + 1000)) for n in range(5)])
    found = epochs(play(net, [other, one]))
    assert [station for station, *_ in found] == [0, 1] * 5
    assert [time for _, time, _, _ in found] == [T0 + 1000 * n for n in range(10)]


def test_what_is_open_at_the_end_is_closed() -> None:
    """Bits never clear, and the last frames stand behind a false leader."""
    data = recording(3, clear=()) + b"\xd3\x03\xff" + b"".join(epoch(T0 + 3000, clear=()))
    net = network(reference_ms=T0)
    found = epochs(play(net, [untimed("A", data, Dating(T0, "given"))]))
    assert [time for _, time, _, _ in found] == [T0 + 1000 * n for n in range(4)]
    fates = net.streams[0].bytes()
    assert fates == {"received": len(data), "in_frames": len(data) - 3, "junk": 3, "pending": 0}


def test_nothing_to_play() -> None:
    net = network()
    assert list(play(net, [])) == []
    empty = untimed("A", b"", Dating(T0, ""))
    assert epochs(play(net, [empty])) == []
    assert epochs(play(network(), [untimed("A", b"only text", Dating(T0, ""))])) == []


def test_arrival_times_are_kept_to_the_millisecond() -> None:
    """Recordings keep no more, and live must not know more than its replay."""
    found = []
    for nanoseconds in (0, 1, 999_999):
        source = timed("A", damaged(10))
        late = source._replace(arrival_ns=source.arrival_ns + nanoseconds)
        found.append(result(network(), [late]))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", ["alloy-bds3-33s.rtcm3", "f9t-mixed-ubx-26s.bin", "trio-poland-20s.rtcm3"])
def test_real_recordings_in_any_chunks(name: str, recordings: Path) -> None:
    data = (recordings / "streams" / name).read_bytes()
    dating = date(data)
    source = untimed("A", data, dating)
    found = [
        result(network(reference_ms=dating.reference_ms), [source], chunk_size=size) for size in (7, 10**6)
    ]
    assert found[0] == found[1]
    net = network(reference_ms=dating.reference_ms)
    list(play(net, [source]))
    frames = scan(data)
    assert net.streams[0].frames()["frames"] == len(frames)
    assert net.streams[0].bytes()["in_frames"] == sum(map(len, frames))
    assert net.streams[0].errors.get("late_epoch", 0) == 0


def test_a_grid_of_another_width_gives_the_same_epochs() -> None:
    came = damaged(30)
    found = [result(network(rate_hz=1.0), [timed("A", came)], tick_ns=ms * MS)[0] for ms in (50, 250, 1000)]
    assert found[0] == found[1] == found[2]


def test_days_of_silence_cost_no_ticks_and_are_missing_not_blind() -> None:
    day_ms = 86_400_000
    seconds = [*range(20), *range(3 * 86_400, 3 * 86_400 + 20)]
    source = timed("A", [(T0 + 1000 * n, b"".join(epoch(T0 + 1000 * n))) for n in seconds])
    net = network()
    ticks = list(play(net, [source]))
    account = net.streams[0].account
    assert len(ticks) < 1500  # three days are 259,200 s
    assert net.blind_ns == 0 and account.blind == 0
    assert account.received == 40
    assert account.expected == 3 * day_ms // 1000 + 20
    states = [event.detail["to"] for tick in ticks for event in tick.events if event.kind == "state"]
    assert states == ["streaming", "stalled", "streaming"]
