"""Faults of RTCM messages, by their numbers, that no test of a module stands for; bytes are laid by hand."""

from __future__ import annotations

import numpy as np
import pytest
from test_network import metrics, reference_point, text
from watching import T0, chunk, epochs, events, network, play
from wire import bits, epoch, epoch_field, framed, lay, msm

from hncors.network import NEWS_AN_HOUR
from hncors.observation import ambiguous, frequency_hz, phase_cycles
from hncors.rtcm3.block import decode
from hncors.rtcm3.station import Equipment, printable


def test_r07_messages_nobody_knows() -> None:
    """Counted by type as far as the labels go, the rest as `other`; the stream goes on."""
    net = network(rate_hz=1.0)
    unknown = [framed(bits(lay((number, 12), (0, 12)))) for number in (4076, 1057, 1230, 2000, 77)]
    chunks = [chunk(T0 + 1000 * n, b"".join([*unknown, *epoch(T0 + 1000 * n)])) for n in range(3)]
    assert len(epochs(play(net, chunks))) == 3
    lines = [line for line in metrics(net).splitlines() if line.startswith("hncors_rtcm_messages_total")]
    assert 'hncors_rtcm_messages_total{station="A",type="other"} 6.0' in lines  # 2000 and 77, three times
    assert net.streams[0].errors["unknown_type"] >= 3


#                field, width of the two kinds, the integer that says "not available", column
MISSING = [
    ("ms", 255, "pseudorange_m"),  # DF397
    ("range", -(1 << 19), "pseudorange_m"),  # DF405
    ("phase", -(1 << 23), "phase_range_m"),  # DF406
    ("cn0", 0, "cn0_dbhz"),  # DF408
    ("rate", -8192, "range_rate_m_s"),  # DF399
    ("fine_rate", -(1 << 14), "range_rate_m_s"),  # DF404
]


@pytest.mark.parametrize(("field", "value", "column"), MISSING)
def test_r15_what_is_not_available_is_no_number(field: str, value: int, column: str) -> None:
    """The value is nan and its neighbours are not; codes of RTCM 10403.3, tables of the fields."""
    usual = {"ms": 75, "range": 5, "phase": 5, "cn0": 700, "rate": 100, "fine_rate": 5}
    values = {field: [value, usual[field]]}
    found = decode([framed(msm(1077, 1000, values=values))]).observations
    assert np.isnan(getattr(found, column)).tolist() == [True, False]
    others = {name for _, _, name in MISSING} - {column, "phase_range_m" if field == "ms" else ""}
    assert not any(np.isnan(getattr(found, name)).any() for name in others)


@pytest.mark.parametrize(("number", "extended"), [(1084, None), (1087, 14), (1087, 15)])
def test_r16_glonass_without_channel(number: int, extended: int | None) -> None:
    """Phase stays a range in metres; cycles and Doppler are nan until a channel is told."""
    values = {} if extended is None else {"extended": [extended] * 2}
    found = decode([framed(msm(number, epoch_field(number, T0), values=values))]).observations
    frequency = frequency_hz(found.gnss, found.signal, found.channel)
    assert np.isfinite(found.phase_range_m).all()
    assert np.isnan(phase_cycles(found.phase_range_m, frequency)).all()


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_r17_ranges_without_whole_milliseconds(kind: int) -> None:
    """They are told apart by their kind, and count for availability all the same."""
    net = network(rate_hz=1.0)
    chunks = [
        chunk(T0 + 1000 * n, framed(msm(1070 + kind, epoch_field(1074, T0 + 1000 * n)))) for n in range(5)
    ]
    ticks = play(net, chunks)
    assert [cells for _, _, _, cells in epochs(ticks)] == [2] * 5
    kinds = np.concatenate([tick.messages.kind for tick in ticks])
    assert ambiguous(kinds).all()
    assert not ambiguous(np.array([4, 5, 6, 7, 12, 14], np.uint8)).any()


def test_r18_smoothing_and_clocks_are_kept() -> None:
    """DF411, DF412, DF417 and DF418 stand in columns beside the ranges they are about."""
    found = decode([framed(msm(1077, 1000, clock=2, external=1, smoothing=0b1101)), framed(msm(1077, 2000))])
    sent = found.messages
    assert (sent.clock_steering.tolist(), sent.external_clock.tolist()) == ([2, 0], [1, 0])
    assert (sent.smoothing.tolist(), sent.smoothing_interval.tolist()) == ([True, False], [5, 0])


def test_r19_descriptors_are_bounded_and_harmless() -> None:
    """255 characters and control characters are read whole, counted as odd, and shown as one plain line."""
    wild = ("\x1b[31m<script>\r\n" * 18)[:255]
    station = [(1033, 12), (7, 12)]
    texts = [wild, "0", "R", "F", "S"]
    fields = [*station]
    for place, words in enumerate(texts):
        fields += [(len(words), 8), *((ord(letter), 8) for letter in words)]
        if place == 0:
            fields.append((0, 8))
    (_, record), *_ = decode([framed(bits(lay(*fields)))]).records
    assert isinstance(record, Equipment)
    assert record.antenna == wild
    assert record.anomalies == ("long_descriptor",)
    shown = printable(record.antenna)
    assert shown.isprintable()


def test_r20_reference_points_that_are_nowhere_jump_or_alternate() -> None:
    """A place that is none is counted and nobody's; a jump is told, one that alternates not each time."""
    net = network(rate_hz=1.0)
    nowhere = framed(bits(lay((1005, 12), (7, 12), (0, 10), (0, 38), (0, 2), (0, 38), (0, 2), (0, 38))))
    play(net, [chunk(T0, nowhere)])
    stream = net.streams[0]
    assert stream.arp_m is None
    assert stream.errors["arp_off_earth"] == 1
    places = [reference_point(10_000_000_000 + 10_000 * (n % 2)) for n in range(300)]
    ticks = play(net, [chunk(T0 + 1000 * n, place) for n, place in enumerate(places, 1)])
    told = [detail for _, _, detail in events(ticks, "arp_changed")]
    assert stream.arp_changes == 299
    assert told[0] == {"distance_m": 1.0, "changes": 1}
    assert len(told) == 12  # the first ten, then each hundredth
    play(net, [chunk(T0 + 400_000, nowhere)])
    assert stream.arp_changes == 299
    assert stream.arp_m is not None


def test_r22_texts_without_end() -> None:
    """What a stream says too often is counted, not kept."""
    net = network()
    play(net, [chunk(T0 + 20 * n, text(f"{n}")) for n in range(2000)])
    stream = net.streams[0]
    assert len(stream.said) == 1
    assert stream.errors["events_withheld"] == 2000 - NEWS_AN_HOUR
