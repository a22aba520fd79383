"""The two verbs under a virtual clock: what one station does, what it does to others, what is kept of it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from ephemeris_material import laid, possible
from hypothesis import given, settings
from hypothesis import strategies as st
from records import beidou, galileo, glonass, gps
from watching import MS, SECOND, T0, chunk, epochs, events, network, play
from wire import EVERY_SYSTEM, bits, epoch, epoch_field, framed, lay, legacy, msm

from hncors.gpstime import WEEK_MS, from_iso, to_unix_ns
from hncors.health import STATES
from hncors.measure.tally import LATENCY_BOUNDS_S, TYPE_LABELS
from hncors.network import NEWS_AN_HOUR, Chunk, Network, Tick
from hncors.rtcm3 import columns
from hncors.signals import GLONASS
from hncors.view.exposition import Writer
from hncors.view.metrics import families

HOUR = 3_600_000


def metrics(net: Network) -> str:
    return Writer().render(families(net, "1")).decode()


def stream(
    seconds: int, station: str = "A", *, latency_ms: int = 300, start: int = T0, **more: Any
) -> list[Chunk]:
    times = [start + 1000 * n for n in range(seconds)]
    return [chunk(time + latency_ms, b"".join(epoch(time, **more)), station) for time in times]


def reference_point(x: int, station: int = 7) -> bytes:
    """1005; coordinates in 0.1 mm (DF025)."""
    head = [(1005, 12), (station, 12), (0, 6), (1, 1), (1, 1), (0, 1), (0, 1)]
    return framed(
        bits(lay(*head, (x, 38), (0, 1), (0, 1), (46_000_000_000, 38), (0, 2), (42_910_000_000, 38)))
    )


def text(words: str) -> bytes:
    data = words.encode()
    head = [(1029, 12), (7, 12), (61_000, 16), (3600, 17), (len(words), 7), (len(data), 8)]
    return framed(bits(lay(*head, *((byte, 8) for byte in data))))


# --- chunks ------------------------------------------------------------------------------------------


def eventful() -> list[Chunk]:
    """Two stations with a bit of everything, in pieces that come at their own times."""
    r = Random(3)
    out = []
    for name in ("A", "B"):
        for n in range(40):
            if name == "A" and n in (20, 21):
                continue
            time = T0 + 1000 * n
            frames = epoch(time, EVERY_SYSTEM, station=5 + (name == "B" and n == 30))
            if n % 10 == 3:
                frames += [
                    gps(n, T0 - HOUR),
                    galileo(n, T0 - HOUR),
                    reference_point(10_000_000_000 + n * 1000),
                ]
                frames += [text(f"{name}{n}"), framed(msm(1124, 2**30 - 14_000)), framed(b"\xff\xf0")]
            if n % 7 == 2:
                frames.insert(
                    2, r.choice([b"\xd3\x00\x13", b"$GPGGA*00\r\n", b"\xd3\x03\xff", r.randbytes(9)])
                )
            if n % 9 == 4:
                frames[1] = frames[1][:-1] + b"\x00"
            out += [chunk(time + 200 + 35 * place, frame, name) for place, frame in enumerate(frames)]
    return out


def divided(chunks: list[Chunk], size: int) -> list[Chunk]:
    return [c._replace(data=c.data[at : at + size]) for c in chunks for at in range(0, len(c.data), size)]


def outcome(chunks: list[Chunk]) -> tuple[Any, ...]:
    net = network("A", "B", rate_hz=1.0)
    ticks = play(net, chunks, until=T0 + 45_000, end=True)
    return metrics(net), events(ticks), epochs(ticks), [s.bytes() for s in net.streams]


def test_the_size_of_chunks_leaves_no_trace() -> None:
    chunks = eventful()
    whole = outcome(chunks)
    assert 'hncors_rtcm_latency_seconds_count{station="A"}' in whole[0]
    assert {kind for _, kind, _ in whole[1]} >= {"state", "epochs_missing", "text", "arp_changed"}
    for size in (1, 7, 512):
        assert outcome(divided(chunks, size)) == whole


def test_a_station_that_is_not_watched() -> None:
    with pytest.raises(KeyError):
        network("A").feed(chunk(T0, b"", "B"))
    with pytest.raises(ValueError, match="one id"):
        network("A", "A")


# --- others ------------------------------------------------------------------------------------------


def garbage(r: Random) -> bytes:
    choice = r.randrange(6)
    if choice == 0:
        return r.randbytes(r.randrange(400))
    if choice == 1:
        return b"\xd3" * 500
    if choice == 2:
        return framed(bytes([r.choice((0x3E, 0x43, 0x46, 0x44))]) + r.randbytes(r.randrange(900)))
    if choice == 3:
        number = 1070 + 10 * r.randrange(7) + r.randrange(1, 8)
        payload = msm(
            number, r.getrandbits(30), satellites=sorted(r.sample(range(1, 65), 5)), station=r.getrandbits(12)
        )
        return framed(payload[: r.randrange(3, len(payload) + 1)], r.choice((0, 63)))
    if choice == 4:
        return framed(legacy(r.choice((1004, 1012)), r.getrandbits(27), [{"id": r.randrange(64)}] * 5))
    return framed(
        laid(
            1019,
            possible(1019, satellite=r.randrange(1, 33), week=r.getrandbits(10), toe_s=r.randrange(37_800)),
        )
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_garbage_of_one_station_does_not_reach_another(seed: int) -> None:
    r = Random(seed)
    good = stream(12, "A") + stream(12, "C", numbers=(1004, 1012), latency_ms=700)
    bad = [chunk(T0 + r.randrange(12_000), garbage(r), "B") for _ in range(60)]
    found = []
    for chunks in (good, good + bad):
        net = network("A", "B", "C", rate_hz=1.0)
        ticks = play(net, chunks, until=T0 + 13_000)
        lines = [
            line for line in metrics(net).splitlines() if 'station="B"' not in line and "station=" in line
        ]
        others = [event for event in events(ticks) if event[0] != "B"]
        found.append((lines, others, [one for one in epochs(ticks) if one[0] != 1]))
        fates = net.streams[1].bytes()
        assert fates["received"] == fates["in_frames"] + fates["junk"] + fates["pending"]
    assert sorted(found[0][2]) == sorted(found[1][2])
    assert found[0][:2] == found[1][:2]


def test_r22_hostile_streams_keep_everything_bounded() -> None:
    """R22: ids, satellites, message types, texts and places without end, day after day."""
    net = network("A")
    r = Random(1)
    ticks = []
    for n in range(800):
        time = T0 + n * 60_000
        frames = [
            framed(msm(1074, r.getrandbits(30), station=r.getrandbits(12), satellites=[r.randrange(1, 65)]))
        ]
        frames += [
            framed(lay_number(r.getrandbits(12)) + bytes(3)),
            text(str(n)),
            reference_point(r.getrandbits(37)),
        ]
        frames += [gps(r.randrange(1, 33), r.randrange(2**41)), b"\xd3" + r.randbytes(5)]
        net.feed(chunk(time, b"".join(frames)))
        ticks.append(net.tick(to_unix_ns(time) + 10 * MS))
    s = net.streams[0]
    assert len(s.id_seen) <= 64
    assert len(s.line.spans) <= 64
    assert len(s.account._absent) <= 64
    assert len(s.said) <= 20
    assert len(s.week_votes) <= 7 * 64
    assert len(s.errors) < 30
    assert len(s.told) < 15
    assert len(net._held.messages) < 50
    assert len(metrics(net)) < 60_000
    told = [kind for _, kind, _ in events(ticks) if kind not in ("state", "monitor_blind")]
    assert max(told.count(kind) for kind in told) <= NEWS_AN_HOUR * (800 / 60 + 1)
    fates = s.bytes()
    assert fates["received"] == fates["in_frames"] + fates["junk"] + fates["pending"]
    assert s.account.expected == s.account.received + s.account.missing + s.account.blind


def lay_number(number: int) -> bytes:
    return bits(lay((number, 12)))


def test_news_that_never_ends_is_told_some_and_counted_all() -> None:
    net = network()
    chunks = [chunk(T0 + 100 * n, text(f"{n}")) for n in range(300)]
    assert len(events(play(net, chunks), "text")) == NEWS_AN_HOUR
    assert net.streams[0].errors["events_withheld"] == 300 - NEWS_AN_HOUR
    later = [chunk(T0 + HOUR, text("still there"))]
    assert len(events(play(net, later, tick_ms=60_000), "text")) == 1


def test_r07_message_types() -> None:
    net = network()
    frames = [framed(lay_number(number) + bytes(2)) for number in (1074, 1999, 3000, 4076, 4076, 0, 63)]
    play(net, [chunk(T0 + 5, b"".join(frames) + framed(b"") + framed(b"\x43"))])
    counted = {label: int(n) for label, n in zip(TYPE_LABELS, net.tally.messages[0], strict=True) if n}
    assert counted == {"1074": 1, "63": 1, "4076": 2, "other": 5}
    assert net.streams[0].errors == {"short_message": 2, "unknown_type": 5, "no_message_number": 2}


# --- links -------------------------------------------------------------------------------------------


def test_n04_reconnecting_begins_afresh() -> None:
    """Half a frame of the old connection is junk; nothing of it joins the new one."""
    net = network(rate_hz=1.0)
    first, second = b"".join(epoch(T0)), b"".join(epoch(T0 + 2000))
    half = epoch(T0 + 1000)[0][:20]
    ticks = play(
        net,
        [
            chunk(T0 + 1, state="connected"),
            chunk(T0 + 100, first + half),
            chunk(T0 + 1200, state="unavailable", why="closed by the caster"),
            chunk(T0 + 1900, state="connected"),
            chunk(T0 + 2100, second),
        ],
        until=T0 + 3000,
    )
    assert [time for _, time, _, _ in epochs(ticks)] == [T0, T0 + 2000]
    s = net.streams[0]
    assert s.bytes() == {
        "received": len(first + half + second),
        "in_frames": len(first + second),
        "junk": 20,
        "pending": 0,
    }
    assert s.frames()["frames"] == 8
    assert dict(s.reconnects) == {"unavailable": 1}
    assert [detail["to"] for _, _, detail in events(ticks, "state")] == [
        "streaming",
        "unavailable",
        "connecting",
        "streaming",
    ]
    assert s.account.missing == 1


def test_n19_a_minute_of_valid_data_is_counted_from_epoch_to_epoch() -> None:
    """Silence, frames without epochs and the connection before add nothing to what proves it good."""
    net = network(rate_hz=1.0)
    one = net.streams[0]
    net.feed(chunk(T0, state="connected"))
    play(net, stream(60, latency_ms=0))  # the first epoch makes it streaming, the last comes 59 s later
    assert one.valid_s() == 59.0
    play(net, [chunk(T0 + 60_000, b"".join(epoch(T0 + 60_000)))])
    assert one.valid_s() == 60.0
    play(net, [], until=T0 + 300_000)
    assert one.state == "stalled"
    assert one.valid_s() == 60.0
    play(net, [chunk(T0 + 301_000, state="unavailable")])
    assert one.valid_s() == 0.0
    again = T0 + 400_000
    play(net, [chunk(again, state="connected")])
    assert one.valid_s() == 0.0
    texts = [chunk(again + 1000 * n, text(str(n))) for n in range(100)]
    play(net, texts)
    assert one.valid_s() == 0.0
    play(net, stream(11, start=again + 100_000, latency_ms=0))
    assert one.valid_s() == 10.0


def test_reconnecting_in_mid_epoch_loses_nothing_that_came() -> None:
    net = network(rate_hz=1.0)
    frames = epoch(T0)
    ticks = play(
        net,
        [
            chunk(T0 + 100, b"".join(frames[:2])),
            chunk(T0 + 200, state="connected"),
            chunk(T0 + 300, b"".join(frames[2:])),
        ],
        until=T0 + 2000,
    )
    assert epochs(ticks) == [(0, T0, 8, 8)]
    assert net.streams[0].errors == {}


def test_a_bit_that_was_not_trusted_is_given_another_chance_after_reconnecting() -> None:
    net = network(rate_hz=1.0)
    play(net, stream(3, clear=range(4)), until=T0 + 3500)
    assert net.streams[0].line.bit_untrusted
    play(net, [chunk(T0 + 3600, state="connected"), *stream(3, start=T0 + 4000)], until=T0 + 7500)
    assert net.tally.closed_by[0].tolist() == [4, 0, 2, 0]


def test_states_of_the_link_are_shown_as_they_are() -> None:
    net = network()
    for state in ("auth_failed", "mountpoint_missing", "tls_failed", "backoff", "disabled", "not_ntrip"):
        (tick,) = play(net, [chunk(T0, state=state, why="said so")])
        assert events([tick], "state")[-1][2] == {
            "from": events([tick])[-1][2]["from"],
            "to": state,
            "why": "said so",
        }
        assert net.streams[0].state == state
        assert f'hncors_stream_state{{state="{state}",station="A"}} 1' in metrics(net)
        assert state in STATES


# --- states ------------------------------------------------------------------------------------------


def states(ticks: list[Tick]) -> list[tuple[str, float]]:
    """States and when they began, seconds after T0."""
    found = [event for tick in ticks for event in tick.events if event.kind == "state"]
    return [(event.detail["to"], (event.at_ns - to_unix_ns(T0)) / SECOND) for event in found]


def test_n02_streaming_then_stalled_after_ten_seconds_without_bytes() -> None:
    net = network(rate_hz=1.0)
    ticks = play(net, stream(5), until=T0 + 20_000)
    assert states(ticks) == [("streaming", 0.5), ("stalled", 14.5)]
    assert 'hncors_stream_up{station="A"} 0' in metrics(net)
    ticks = play(net, stream(3, start=T0 + 21_000), until=T0 + 24_000)
    assert states(ticks) == [("streaming", 21.5)]
    assert 'hncors_stream_up{station="A"} 1' in metrics(net)


def test_a_slow_stream_is_given_three_intervals() -> None:
    net = network(rate_hz=1 / 30)
    chunks = [chunk(T0 + 30_000 * n + 200, b"".join(epoch(T0 + 30_000 * n))) for n in range(4)]
    ticks = play(net, chunks, until=T0 + 200_000)
    assert states(ticks) == [("streaming", 0.25), ("stalled", 180.25)]


def test_a_slow_stream_without_the_bit_is_not_stale_while_its_epoch_is_open() -> None:
    net = network(rate_hz=1 / 30)
    chunks = [chunk(T0 + 30_000 * n + 200, b"".join(epoch(T0 + 30_000 * n, clear=()))) for n in range(5)]
    assert [state for state, _ in states(play(net, chunks, until=T0 + 130_000))] == ["streaming"]


def test_connected_and_nothing_comes() -> None:
    net = network()
    ticks = play(net, [chunk(T0 + 10, state="connected")], until=T0 + 12_000)
    assert states(ticks) == [("connecting", 0.25), ("stalled", 10.25)] or states(ticks) == [
        ("stalled", 10.25)
    ]


def test_n04_bytes_without_frames() -> None:
    """N03, N04: what counts is progress, not bytes."""
    net = network()
    chunks = [chunk(T0 + 500 * n, b"$GPGGA,0*00\r\n") for n in range(60)]
    ticks = play(net, chunks)
    assert [one for one in states(ticks) if one[0] != "connecting"] == [("no_frames", 15.0)]
    ticks = play(net, stream(2, start=T0 + 30_000))
    assert states(ticks) == [("streaming", 30.5)]


def test_n04_frames_without_epochs() -> None:
    net = network()
    chunks = [chunk(T0 + 500 * n, text("hello")) for n in range(60)]
    assert [one for one in states(play(net, chunks)) if one[0] != "connecting"] == [("no_epochs", 15.0)]


@pytest.mark.parametrize(
    ("late_s", "state"), [(19, "streaming"), (22, "stale_data"), (3600, "stale_data"), (-30, "stale_data")]
)
def test_n35_data_that_are_not_of_now(late_s: int, state: str) -> None:
    """N35: delayed or replayed, or ahead of the host's clock."""
    net = network(rate_hz=1.0)
    chunks = stream(5, start=T0 - 1000 * late_s, latency_ms=1000 * late_s + 100)
    assert states(play(net, chunks, until=T0 + 5000))[-1][0] == state
    assert net.streams[0].account.expected == net.streams[0].account.received == 5
    net = network(rate_hz=1.0)
    play(net, [c._replace(timed=False) for c in chunks], until=T0 + 5000)
    assert net.streams[0].state == "streaming"


def test_t08_the_monitor_was_suspended() -> None:
    """T08: ten minutes without a tick are blind, not missing."""
    net = network(rate_hz=1.0)
    play(net, stream(20), until=T0 + 20_000)
    back = stream(30, start=T0 + 620_000)
    net.tick(to_unix_ns(T0 + 620_000))
    ticks = play(net, back, until=T0 + 650_000)
    account = net.streams[0].account
    assert (account.expected, account.received, account.missing, account.blind) == (650, 50, 0, 600)
    assert net.blind_ns == 600 * SECOND
    assert events(ticks, "epochs_missing") == []
    assert 'hncors_epochs_blind_total{station="A"} 600' in metrics(net)


def test_expected_epochs_add_up_while_a_stream_is_silent() -> None:
    net = network(rate_hz=1.0)
    play(net, stream(10), until=T0 + 60_000)
    account = net.streams[0].account
    assert (account.received, account.missing) == (10, 40)  # ten seconds of grace
    play(net, stream(1, start=T0 + 61_000), until=T0 + 62_000)
    assert (account.expected, account.received) == (62, 11)


# --- latency -----------------------------------------------------------------------------------------


def histogram(net: Network) -> dict[float, int]:
    bounds = (*LATENCY_BOUNDS_S, float("inf"))
    return {bound: int(n) for bound, n in zip(bounds, net.tally.latency[0], strict=True) if n}


def test_latency_is_from_the_epoch_to_its_last_message() -> None:
    """`le` includes the bound itself."""
    net = network(rate_hz=1.0)
    chunks = []
    for n, late_ms in enumerate((100, 101, 500, 999, 1000, 1001, 9000, 65_000)):
        time = T0 + 100_000 * n
        frames = epoch(time)
        chunks += [chunk(time + late_ms - 50, frames[0]), chunk(time + late_ms, b"".join(frames[1:]))]
    play(net, chunks, tick_ms=1000)
    assert histogram(net) == {0.1: 1, 0.25: 1, 0.5: 1, 1.0: 2, 1.5: 1, 10.0: 1, float("inf"): 1}
    assert net.tally.latency_sum_s[0] == pytest.approx(77.701)


def test_t06_latency_through_a_leap_second() -> None:
    """Seconds of UTC repeat, the time a message takes does not: 0.4 s before and after 2017 began."""
    last = from_iso("2016-12-31T23:59:59Z")  # 23:59:60 is a second later
    net = network(rate_hz=1.0)
    for time in (*range(last - 3000, last + 1000, 1000), *range(last + 2000, last + 6000, 1000)):
        frames = [framed(msm(1074, time % WEEK_MS, more=False))]
        net.feed(Chunk("A", b"".join(frames), to_unix_ns(time) + 400 * MS))
        net.tick(to_unix_ns(time) + 500 * MS)
    assert histogram(net) == {0.5: 8}
    assert net.tally.latency_sum_s[0] == pytest.approx(8 * 0.4)


def test_no_latency_without_arrival_times() -> None:
    net = network(rate_hz=1.0)
    play(net, [c._replace(timed=False) for c in stream(5)])
    assert histogram(net) == {}
    assert "hncors_rtcm_latency_seconds_count" not in metrics(net)


# --- weeks -------------------------------------------------------------------------------------------


def week_votes(real: int, *, make: Any = galileo, satellites: int = 5) -> bytes:
    return b"".join(make(n, real - HOUR) for n in range(1, satellites + 1))


@pytest.mark.parametrize(
    ("make", "off"),
    [(make, off) for make in (galileo, beidou, gps) for off in (-200, -3, 2)]
    + [(glonass, -3), (glonass, 52)],
)
def test_t01_ephemerides_outvote_a_clock_that_is_weeks_off(make: Any, off: int) -> None:
    """T01: three satellites that agree. The data are dated by themselves, and are stale by this clock."""
    net = network(rate_hz=1.0)
    real = T0 + off * WEEK_MS
    chunks = [chunk(T0 + 1000 * n + 300, b"".join(epoch(real + 1000 * n))) for n in range(10)]
    chunks.append(chunk(T0 + 2100, week_votes(real, make=make)))
    ticks = play(net, chunks, until=T0 + 10_000)
    assert [detail["weeks"] for _, _, detail in events(ticks, "week_corrected")] == [off]
    assert [time for _, time, _, _ in epochs(ticks)][-1] == real + 9000
    assert net.streams[0].errors["host_clock_suspect"] == 1
    assert net.streams[0].state == "stale_data"
    assert net.streams[0].account.missing == 0


def test_two_satellites_do_not_outvote_a_clock() -> None:
    net = network(rate_hz=1.0)
    chunks = [*stream(5), chunk(T0 + 1500, week_votes(T0 - 3 * WEEK_MS, satellites=2))]
    ticks = play(net, chunks)
    assert events(ticks, "week_corrected") == []
    assert [time for _, time, _, _ in epochs(ticks)][-1] == T0 + 4000


def test_one_old_set_among_many_is_not_heard() -> None:
    net = network(rate_hz=1.0)
    stale = b"".join(gps(n, T0 - 3 * WEEK_MS - (6 + n) * HOUR) for n in range(1, 10))
    chunks = [*stream(5), chunk(T0 + 1500, stale + week_votes(T0))]
    assert events(play(net, chunks), "week_corrected") == []
    assert net.streams[0].state == "streaming"


def test_times_that_wander_come_back_to_the_clock() -> None:
    """A receiver that restarts with some time of week or other, twice: each step is to the nearest week."""
    net = network(rate_hz=1.0)
    chunks = stream(3)
    for n, days in enumerate((3, 6)):
        chunks += [chunk(T0 + 4000 + 1000 * n, b"".join(epoch(T0 + days * 86_400_000)))]
    chunks += stream(10, start=T0 + 10_000)
    ticks = play(net, chunks, until=T0 + 21_000)
    assert [time for _, time, _, _ in epochs(ticks)][-1] == T0 + 19_000
    assert net.streams[0].state == "streaming"


def test_a_clock_that_is_set_while_streams_run() -> None:
    """A host without a clock of its own starts years back, then hears the time."""
    net = network(rate_hz=1.0)
    years = 300 * WEEK_MS
    for n in range(5):
        net.feed(chunk(T0 - years + 1000 * n + 300, b"".join(epoch(T0 + 1000 * n))))
        net.tick(to_unix_ns(T0 - years + 1000 * n + 500))
    play(net, stream(10, start=T0 + 5000), until=T0 + 15_500)
    assert net.streams[0].epoch_ms == T0 + 14_000
    assert net.streams[0].state == "streaming"


# --- GLONASS -----------------------------------------------------------------------------------------


def test_r16_channels_told_by_another_message() -> None:
    """R16: MSM4 sends none; 1020 tells satellite 3's, MSM5 satellite 9's."""
    net = network(rate_hz=1.0)
    plain = framed(msm(1084, epoch_field(1084, T0), satellites=[3, 9], more=False))
    told = framed(
        msm(1085, epoch_field(1085, T0 + 1000), satellites=[9], values={"extended": [13]}, more=False)
    )
    again = framed(msm(1084, epoch_field(1084, T0 + 2000), satellites=[3, 9], more=False))
    raw = possible(1020, satellite=3, channel=4)
    ticks = play(
        net,
        [
            chunk(T0 + 5, plain),
            chunk(T0 + 900, framed(laid(1020, raw))),
            chunk(T0 + 1005, told),
            chunk(T0 + 2005, again),
        ],
    )
    channels = [t.observations.channel.tolist() for t in ticks if len(t.epochs.time_ms)]
    assert channels == [[-128, -128], [6], [-3, 6]]
    assert net.tally.channels[0, 3] == -3
    assert net.tally.satellites[0, GLONASS] == 2


def test_decoding_keeps_its_padding() -> None:
    """Gathers behind the last frame of a tick stay inside the buffer."""
    assert columns.PADDING >= 8 * 4
    net = network()
    play(net, [chunk(T0 + 1, framed(msm(1077, epoch_field(1077, T0))[:22]))])
    assert net.streams[0].errors == {"short_message": 1}
