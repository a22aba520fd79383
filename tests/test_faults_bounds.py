"""What could grow with what comes from outside: memory, and series of metrics."""

from __future__ import annotations

import gc
import math
import re
import tracemalloc
from random import Random

from test_network import metrics, reference_point, text
from test_scans import END, LINK, NOW_NS, row, station
from watching import T0, Watched, chunk, network, play
from wire import EVERY_SYSTEM, bits, epoch, framed, lay

from hncors.daemon.territory import default
from hncors.measure.tally import TYPE_LABELS
from hncors.network import Network
from hncors.network_changes import watch
from hncors.ntrip.sourcetable import read
from hncors.rtcm3 import block, encode_station
from hncors.rtcm3.crc import crc24q_repeated
from hncors.rtcm3.encode import frame
from hncors.rtcm3.station import Equipment
from hncors.supervise.judge import Judge
from hncors.supervise.scan import scan

LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SERIES = re.compile(r"^(hncors_\w+)(\{.*\})? (\S+)$", re.MULTILINE)
HOSTILE = 'x"} 1\nhncors_up 0', "<script>", "=cmd|'/C calc'!A0", "中文"


def hours(net: Network, first: int, last: int) -> None:
    """Two streams at 30 s with what there is in a stream: losses, texts, places, other ids, junk."""
    r, out = Random(first), []
    for n in range(first * 120, last * 120):
        time = T0 + 30_000 * n
        for name in "AB":
            if r.random() < 0.05:
                continue
            frames = epoch(time, EVERY_SYSTEM, station=r.choice([5] * 50 + [r.randrange(4096)]))
            if n % 4 == 0:
                frames += [text(f"{name}{n}"), reference_point(10_000_000_000 + r.randrange(30))]
            if n % 7 == 0:
                frames.append(r.randbytes(20))
            out.append(chunk(time + 200, b"".join(frames), name))
    play(net, out, tick_ms=15_000)


def test_p10_hours_that_are_like_those_before_need_no_more_memory() -> None:
    """What a network keeps is as large after six hours as after three: windows, not history."""
    net = network("A", "B", rate_hz=1 / 30)
    tracemalloc.start()
    try:
        sizes = []
        for first in (0, 3):
            hours(net, first, first + 3)
            metrics(net)
            for kept in (block._one, block._but_the_time, crc24q_repeated):
                assert kept.cache_parameters()["maxsize"] == 8192
                kept.cache_clear()  # has a bound of its own, which takes days to reach
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 40_000, sizes  # bytes; 1,400 epochs


def test_p16_labels_are_of_the_register_and_of_lists() -> None:
    """Whatever numbers, ids, texts and sourcetables bring: no series more for it, none with a word of it."""
    net, counted = network("A", rate_hz=1.0), []
    net.judge = its = Judge(1, [station()], *default())
    r = Random(16)
    for hour in range(3):
        frames = [framed(bits(lay((number, 12), (r.randrange(4096), 12)))) for number in range(4096)]
        frames += [
            frame(encode_station.encode(Equipment(n, HOSTILE[n % 2], 0, str(n), HOSTILE[2], str(n))))
            for n in range(200)
        ]
        frames += [text(f"{word}{hour}") for word in HOSTILE]
        frames += [reference_point(r.getrandbits(37)) for _ in range(200)]
        time = T0 + 3_600_000 * hour
        play(net, [chunk(time + 1000 * n, b"".join(frames[n::60])) for n in range(60)])
        rows = "".join(row(f"{hour}_{n}{HOSTILE[n % 4][:5]}", "27.73", "112.00") for n in range(2000))
        found = scan(LINK, read((rows + END).encode()), [], its.world(NOW_NS))
        its.declared(f"caster{hour}", found.leads, {}, NOW_NS)
        counted.append(SERIES.findall(metrics(net)))
    assert sum(value != "0.0" for name, _, value in counted[0] if name == "hncors_rtcm_messages_total") > 50
    assert [len(series) for series in counted[1:]] == [len(counted[0])] * 2
    assert len(counted[0]) < 2000
    labels = [pair for _, its_labels, _ in counted[2] for pair in LABEL.findall(its_labels)]
    assert {value for name, value in labels if name == "station"} == {"A"}
    assert {value for name, value in labels if name == "type"} <= set(TYPE_LABELS)
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]*", value) for _, value in labels)


def test_p17_a_station_that_is_gone_and_what_is_not_known() -> None:
    """Its series go with it; an unknown is no series, and no NaN is ever written."""
    net = network("A", "B", rate_hz=1.0)
    play(net, [chunk(T0 + 1000 * n + 100, b"".join(epoch(T0 + 1000 * n)), "A") for n in range(20)])
    both = metrics(net)
    assert 'hncors_stream_last_epoch_timestamp_seconds{station="A"}' in both
    assert 'hncors_stream_last_epoch_timestamp_seconds{station="B"}' not in both  # it brought none
    assert all(not math.isnan(float(value)) for _, _, value in SERIES.findall(both))
    watch(net, [Watched("B", 1.0)])
    left = metrics(net)
    assert 'station="A"' not in left and 'hncors_stream_up{station="B"}' in left
