"""Faults of RTCM messages, by their numbers, that no test of a module stands for; bytes are laid by hand."""

from __future__ import annotations

import numpy as np
import pytest
from test_network import metrics, reference_point, text
from watching import T0, chunk, epochs, events, network, play
from wire import bits, epoch, epoch_field, framed, lay, legacy, msm

from hncors.network import NEWS_AN_HOUR
from hncors.observation import ambiguous, frequency_hz, phase_cycles
from hncors.rtcm3.block import decode
from hncors.rtcm3.station import Equipment, printable
from hncors.signals import NUMBER
from hncors.view.columns import decoded


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


@pytest.mark.parametrize(
    ("field", "value", "column"),
    [
        ("ms", 255, "pseudorange_m"),  # DF397
        ("range", -(1 << 14), "pseudorange_m"),  # DF400
        ("phase", -(1 << 21), "phase_range_m"),  # DF401
        ("cn0", 0, "cn0_dbhz"),  # DF403
        ("fine_rate", -(1 << 14), "range_rate_m_s"),  # DF404
    ],
)
@pytest.mark.parametrize("number", [1085, 1125])
def test_r15_what_is_not_available_in_less_precise_kinds(
    number: int, field: str, value: int, column: str
) -> None:
    """The same of MSM5, whose fields are shorter."""
    usual = {"ms": 75, "range": 5, "phase": 5, "cn0": 44, "fine_rate": 5}
    field_of_epoch = epoch_field(number, T0)
    found = decode([framed(msm(number, field_of_epoch, values={field: [value, usual[field]]}))]).observations
    assert np.isnan(getattr(found, column)).tolist() == [True, False]


def test_r15_what_is_not_available_in_older_messages() -> None:
    """DF012 and DF018 80000h, DF017 2000h, DF015 0: RTCM 10403.3, table 3.4-1."""
    rows = [{"phase": -(1 << 19), "phase2": -(1 << 19), "range2": -(1 << 13), "cn0": 0, "id": 3}, {"id": 9}]
    found = decode([framed(legacy(1004, epoch_field(1004, T0), rows))]).observations
    first = found.select((found.satellite == 3) & (found.signal == NUMBER[0]["1C"]))
    assert np.isfinite(first.pseudorange_m).all()
    assert np.isnan(first.phase_range_m).all() and np.isnan(first.cn0_dbhz).all()
    second = found.select((found.satellite == 3) & (found.signal != NUMBER[0]["1C"]))
    assert np.isnan(second.pseudorange_m).all() and np.isnan(second.phase_range_m).all()
    others = found.select(found.satellite == 9)
    assert len(others) == 2
    assert np.isfinite(others.phase_range_m).all() and np.isfinite(others.cn0_dbhz).all()


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


def test_r18_smoothing_is_told() -> None:
    """Who reads a figure of pseudoranges sees by system whether the station smooths them, as it says last."""
    net = network(rate_hz=1.0)

    def both(n: int, smooth: bool) -> bytes:
        gps = msm(1077, epoch_field(1077, T0 + 1000 * n), smoothing=8 * smooth, more=True)
        return framed(gps) + framed(msm(1097, epoch_field(1097, T0 + 1000 * n)))

    def told() -> list[str]:
        lines = metrics(net).splitlines()
        return [line for line in lines if line.startswith("hncors_pseudoranges_smoothed{")]

    play(net, [chunk(T0 + 1000 * n + 100, both(n, True)) for n in range(3)])
    assert told() == [
        'hncors_pseudoranges_smoothed{gnss="G",station="A"} 1.0',
        'hncors_pseudoranges_smoothed{gnss="E",station="A"} 0.0',
    ]
    play(net, [chunk(T0 + 1000 * n + 100, both(n, False)) for n in range(3, 5)])
    assert [line[-3:] for line in told()] == ["0.0", "0.0"]
    columns = decoded(both(0, True))
    assert dict(zip(columns["gnss"].tolist(), columns["smoothed"].tolist(), strict=True)) == {
        "G": True,
        "E": False,
    }


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


def test_r20_reference_points_that_are_nowhere_or_jump() -> None:
    """A place that is none is counted and nobody's; a jump is told at its first message, with distance."""
    net = network(rate_hz=1.0)
    nowhere = framed(bits(lay((1005, 12), (7, 12), (0, 10), (0, 38), (0, 2), (0, 38), (0, 2), (0, 38))))
    play(net, [chunk(T0, nowhere)])
    stream = net.streams[0]
    assert stream.arp_m is None
    assert stream.errors["arp_off_earth"] == 1
    far = [reference_point(x) for x in (10_000_000_000, 10_000_000_000, 9_000_000_000)]
    ticks = play(net, [chunk(T0 + 1000 * n, place) for n, place in enumerate(far, 1)])
    assert events(ticks, "arp_changed") == [("A", "arp_changed", {"distance_m": 100_000.0, "changes": 1})]
    play(net, [chunk(T0 + 400_000, nowhere)])
    assert stream.arp_changes == 1
    assert stream.arp_m is not None


def test_r20_reference_points_that_alternate() -> None:
    """Two places that take turns are a change, an alternation, then counted; a third place is news."""
    net = network(rate_hz=1.0)
    places = [reference_point(10_000_000_000 + 10_000 * (n % 2)) for n in range(100)]
    ticks = play(net, [chunk(T0 + 5000 * n, place) for n, place in enumerate(places)], tick_ms=5000)
    told = [
        (kind, detail["distance_m"]) for _, kind, detail in events(ticks, "arp_changed", "arp_alternating")
    ]
    assert told == [("arp_changed", 1.0), ("arp_alternating", 1.0)]
    stream = net.streams[0]
    assert (stream.arp_changes, stream.errors["arp_alternating"]) == (99, 98)
    third = play(net, [chunk(T0 + 600_000, reference_point(10_000_030_000))])
    assert [kind for _, kind, _ in events(third, "arp_changed", "arp_alternating")] == ["arp_changed"]


def test_r20_what_is_said_of_a_reference_point() -> None:
    """Another antenna height (or one that wraps at 6.5536 m), ITRF year or flag is told, and what it was."""

    def described(height: int, year: int, gps: int) -> bytes:
        head = [
            (1006, 12),
            (7, 12),
            (year, 6),
            (gps, 1),
            (1, 1),
            (0, 1),
            (0, 1),
            (10_000_000_000, 38),
            (0, 2),
        ]
        return framed(bits(lay(*head, (46_000_000_000, 38), (0, 2), (42_910_000_000, 38), (height, 16))))

    net = network(rate_hz=1.0)
    sent = [(65_535, 20, 1), (65_535, 20, 1), (0, 20, 1), (0, 14, 0)]
    ticks = play(net, [chunk(T0 + 1000 * n, described(*one)) for n, one in enumerate(sent)])
    assert [detail for _, _, detail in events(ticks, "reference_point_described_anew")] == [
        {"message": 1006, "antenna_height_m": 0.0, "antenna_height_m_before": 6.5535},
        {"message": 1006, "itrf_year": 14, "itrf_year_before": 20, "gps": False, "gps_before": True},
    ]
    assert net.streams[0].arp_changes == 0


def test_r22_texts_without_end() -> None:
    """What a stream says too often is counted, not kept."""
    net = network()
    play(net, [chunk(T0 + 20 * n, text(f"{n}")) for n in range(2000)])
    stream = net.streams[0]
    assert len(stream.said) == 1
    assert stream.errors["events_withheld"] == 2000 - NEWS_AN_HOUR
