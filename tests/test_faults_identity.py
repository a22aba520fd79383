"""N32, N34, N35: whose stream it is, whether another brings the same, and whether it is of now.

Places and distances are laid out by hand; reference points and observations by tests/wire.py.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_caster import ICY, ScriptedCaster, Step, virtual
from virtual_daemon import epochs, monitored
from watching import SECOND, T0, chunk, events, play
from wire import epoch, framed, lay, msm

from hncors.gpstime import to_unix_ns
from hncors.identity import Places
from hncors.network import Chunk, Network
from hncors.network_changes import watch
from hncors.registry import Station
from hncors.view.exposition import Writer
from hncors.view.metrics import families
from hncors.view.replay_files import event_lines
from hncors.view.roles import Who
from hncors.view.site_frame import Asked, Scene
from hncors.view.site_stations import stations as page
from hncors.view.site_words import Words
from hncors.view.station_plain import detail
from hncors.view.trend import Trend

# Two places on the surface 90 km apart along a meridian, as a sphere's arc over the Earth's axis has it.
RADIUS_M = 6_371_000.0
HERE = (-2_000_000.0, 4_900_000.0, 3_500_000.0)


def moved(metres: float) -> tuple[float, float, float]:
    """HERE, turned about the Earth's axis by a chord of so many metres."""
    x, y, z = HERE
    angle = 2 * math.asin(metres / 2 / math.hypot(x, y))
    return (
        x * math.cos(angle) - y * math.sin(angle),
        x * math.sin(angle) + y * math.cos(angle),
        z,
    )


THERE = moved(87_654.0)


def point(place: tuple[float, float, float]) -> bytes:
    """A 1005 (RTCM 10403.3, table 3.5-6): DF025 to DF027 in 0.1 mm."""
    x, y, z = (round(axis * 10_000) for axis in place)
    said = lay((1005, 12), (7, 12), (0, 6), (1, 4), (x, 38), (0, 2), (y, 38), (0, 2), (z, 38))
    digits = said.replace(" ", "")
    return framed(int(digits, 2).to_bytes(19, "big"))


def station(name: str, place: tuple[float, float, float] | None = HERE, **more: object) -> Station:
    frame = "CGCS2000" if place else None
    return Station(id=name, link=f"ntrip://h/{name}", rate_hz=1.0, ecef_m=place, frame=frame, **more)


def stream(
    name: str,
    place: tuple[float, float, float] | None,
    first: int = 0,
    until: int = 30,
    satellites: tuple[int, ...] = (3, 9),
) -> Iterator[Chunk]:
    """Seconds of epochs after T0, each with a reference point."""
    for second in range(first, until):
        at = T0 + 1000 * second
        data = b"".join(epoch(at, satellites=satellites))
        yield chunk(at + 100, data + (point(place) if place else b""), station=name)


def told(net: Network, name: str) -> tuple[str, str]:
    one = net.streams[net.index[name]]
    return one.state, one.state_why


@pytest.mark.parametrize(
    ("metres", "state"),
    [
        (0.02, "streaming"),
        (1, "streaming"),
        (90, "streaming"),
        (900, "streaming"),
        (1100, "identity_mismatch"),
    ],
)
def test_n34_how_far_is_another_station(metres: float, state: str) -> None:
    """A moved antenna, another frame or a wrong digit of metres is the same station; a kilometre is not."""
    net = Network([station("A")])
    play(net, stream("A", moved(metres)))
    assert told(net, "A")[0] == state


def test_n34_two_mountpoints_are_swapped() -> None:
    """identity_mismatch, with the name of the station it is and the distance in one digit; never up."""
    net = Network([station("A"), station("B", THERE), station("C", moved(-40_000))])
    ticks = play(
        net, [*stream("A", THERE), *stream("B", HERE, satellites=(4,)), *stream("C", moved(-40_000))]
    )
    why = "the reference point in the stream is that of {}, about 90 km from the registered place"
    assert told(net, "A") == ("identity_mismatch", why.format("B"))
    assert told(net, "B") == ("identity_mismatch", why.format("A"))
    assert told(net, "C") == ("streaming", "")
    assert [(who, told["like"]) for who, _, told in events(ticks, "identity_mismatch")] == [
        ("A", "B"),
        ("B", "A"),
    ]
    up = [line for line in metrics(net).splitlines() if line.startswith("hncors_stream_up")]
    assert up == [f'hncors_stream_up{{station="{name}"}} {n}.0' for name, n in (("A", 0), ("B", 0), ("C", 1))]


def test_n34_a_neighbour_in_the_same_town() -> None:
    """Two registered places 300 m apart: the nearer one is whose stream it is."""
    net = Network([station("A"), station("B", moved(300))])
    play(net, stream("A", moved(300.5)))
    assert told(net, "A")[1].startswith("the reference point in the stream is that of B, about 300 m")


@pytest.mark.parametrize("case", ["no place filed", "no reference point", "computed for a place", "nowhere"])
def test_n34_what_cannot_be_told_is_no_mismatch(case: str) -> None:
    """Without a filed place, a broadcast one, or where the caster computes it, nothing is said either way."""
    filed = station("A", None if case == "no place filed" else HERE, gga=case == "computed for a place")
    net = Network([filed])
    place = {"no reference point": None, "nowhere": (0.0, 0.0, 0.0)}.get(case, THERE)
    ticks = play(net, stream("A", place))
    assert told(net, "A") == ("streaming", "")
    assert events(ticks, "identity_mismatch") == []
    identity = {"no place filed": "not_filed", "computed for a place": "not_filed"}.get(case, "not_told")
    assert detail(net, 0, filed)["identity"] == identity


def test_n34_over_when_its_own_reference_point_is_back() -> None:
    """At once on a new connection, after ten seconds on the same; two that take turns are strange."""
    net = Network([station("A")])
    play(net, stream("A", THERE))
    play(net, stream("A", HERE, 30, 38))
    assert told(net, "A")[0] == "identity_mismatch"
    play(net, stream("A", HERE, 38, 65))
    assert told(net, "A")[0] == "streaming"
    assert detail(net, 0, station("A"))["identity"] == "as_filed"
    play(net, stream("A", THERE, 65, 70))
    back = chunk(T0 + 70_050, state="connected", why="", station="A")
    play(net, [back, *stream("A", HERE, 71, 74)])
    assert told(net, "A")[0] == "streaming"
    ticks = play(net, [c for n in range(74, 200) for c in stream("A", THERE if n % 2 else HERE, n, n + 1)])
    assert len(events(ticks, "identity_mismatch")) == 1
    assert [one["to"] for _, _, one in events(ticks, "state")] == ["identity_mismatch"]


def test_n34_a_place_that_is_filed_anew_counts_at_once() -> None:
    """A reload that puts a registered place right ends it without a new connection."""
    net = Network([station("A")])
    play(net, stream("A", THERE))
    watch(net, [replace(station("A"), ecef_m=THERE)])
    play(net, stream("A", None, 30, 32))
    assert told(net, "A")[0] == "streaming"
    watch(net, [station("A")])
    ticks = play(net, stream("A", None, 32, 34))
    assert told(net, "A")[0] == "identity_mismatch"
    assert len(events(ticks, "identity_mismatch")) == 1


def test_n34_no_coordinate_is_told_anywhere() -> None:
    """Metrics, events, pages: none has six digits of either place in a row, nor the distance in metres."""
    stations = [station("A"), station("B", THERE)]
    net = Network(stations)
    ticks = play(net, [*stream("A", THERE), *stream("B", HERE)])
    said = metrics(net) + "".join(event_lines(event for tick in ticks for event in tick.events))
    said += json.dumps([detail(net, n, one) for n, one in enumerate(stations)])
    scene = Scene(net, {one.id: one for one in stations}, 0, Trend(net))
    said += page(Asked(Who("", "operator"), Words("zh")), scene, state="", search="", first=0)
    assert "about 90 km" in said
    digits = [str(abs(round(axis)))[:6] for place in (HERE, THERE) for axis in place] + [
        "8765",
        "87.65",
        "87.7",
    ]
    numbers = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+|\d{10,}", "", said)
    assert [one for one in digits if one in numbers] == []


def test_n34_every_place_is_compared_with_all_of_a_large_registry() -> None:
    """Eight thousand places; the one that is meant is found."""
    many = [station(f"S{n}", moved(20_000.0 + 500 * n)) for n in range(8000)]
    found = Places([station("A"), *many]).judge("A", moved(20_000.0 + 500 * 4321))
    assert found is not None
    assert found.like == "S4321"


def metrics(net: Network) -> str:
    return Writer().render(families(net, "1")).decode()


# --- N32 ---------------------------------------------------------------------------------------


def cells(at: int, noise: int, number: int = 1074, station: int = 7) -> bytes:
    """An epoch of six GPS and BeiDou cells each, whose fine ranges depend on `noise`."""
    fine = [(noise * 97 + n * 13) % 8000 for n in range(6)]
    out = b""
    for kind, field in ((number, at % 604_800_000), (number + 50, (at - 14_000) % 604_800_000)):
        payload = msm(
            kind,
            field,
            satellites=(3, 9, 20),
            signals=(2, 8),
            values={"range": fine},
            station=station,
            more=kind == number,
        )
        out += framed(payload)
    return out


def pair(seconds: Iterable[int], *, same: bool, late_ms: int = 900) -> list[Chunk]:
    """Two stations whose observations are, or are not, the same; B comes later, under another number."""
    out = []
    for second in seconds:
        at = T0 + 1000 * second
        out.append(chunk(at + 100, cells(at, second), station="A"))
        out.append(chunk(at + late_ms, cells(at, second + (0 if same else 1), station=9), station="B"))
    return out


def test_n32_one_station_under_two_names() -> None:
    """Each is told to bring the other's observations, once; and counted every ten seconds while it lasts."""
    net = Network([station("A", None), station("B", None), station("C", None)])
    apart = [chunk(T0 + 1000 * n + 200, cells(T0 + 1000 * n, n + 500), station="C") for n in range(61)]
    ticks = play(net, [*pair(range(61), same=True), *apart])
    found = events(ticks, "mirrored_stream")
    assert sorted((who, told["like"]) for who, _, told in found) == [("A", "B"), ("B", "A")]
    counted = [stream.errors["mirrored_epoch"] for stream in net.streams]
    assert counted == [7, 7, 0]
    assert [detail(net, n, station("x"))["mirrors"] for n in range(3)] == ["B", "A", None]
    assert 'hncors_rtcm_errors_total{kind="mirrored_epoch",station="A"} 7' in metrics(net)


def test_n32_over_when_they_differ_and_told_again_when_it_begins_again() -> None:
    """A copy is one as long as it is."""
    net = Network([station("A", None), station("B", None)])
    play(net, pair(range(31), same=True))
    play(net, pair(range(31, 61), same=False))
    assert net.mirrors.of.tolist() == [-1, -1]
    ticks = play(net, pair(range(61, 81), same=True))
    assert len(events(ticks, "mirrored_stream")) == 2


@pytest.mark.parametrize("what", ["other noise", "too few cells", "other times"])
def test_n32_what_is_no_copy(what: str) -> None:
    """Other noise, epochs of other times, or so few cells that they may be alike."""
    net = Network([station("A", None), station("B", None)])
    chunks = pair(range(41), same=what != "other noise")
    if what == "too few cells":
        chunks = [
            chunk(T0 + 1000 * n + 100, b"".join(epoch(T0 + 1000 * n, (1074,))), station=name)
            for n in range(41)
            for name in "AB"
        ]
    if what == "other times":
        late = [chunk(T0 + 1000 * n + 100, cells(T0 + 1000 * n, n + 10), station="B") for n in range(41)]
        chunks = [one for one in chunks if one.station == "A"] + late
    assert events(play(net, chunks), "mirrored_stream") == []


def test_n32_stations_that_come_and_go_keep_their_copies() -> None:
    """What is known of copies stays with their names when the list of stations changes."""
    net = Network([station("A", None), station("B", None)])
    play(net, pair(range(31), same=True))
    watch(net, [station("X", None), station("B", None), station("A", None)])
    assert net.mirrors.of.tolist() == [-1, 2, 1]
    watch(net, [station("B", None), station("X", None)])
    assert net.mirrors.of.tolist() == [-1, -1]


# --- N35 ---------------------------------------------------------------------------------------


def old(ago_s: int, first: int, until: int, name: str = "A") -> Iterator[Chunk]:
    """Epochs of another time that come now."""
    for second in range(first, until):
        at = T0 + 1000 * second
        yield chunk(at + 100, b"".join(epoch(at - 1000 * ago_s)), station=name)


@pytest.mark.parametrize(
    ("ago_s", "replay"), [(30, False), (300, False), (3600, True), (86_400, True), (-7200, True)]
)
def test_n35_late_data_and_yesterdays(ago_s: int, replay: bool) -> None:
    """Both are stale_data and never up; an age that no delay explains is told as a replay, with its epoch."""
    net = Network([station("A")])
    ticks = play(net, old(ago_s, 0, 30))
    state, why = told(net, "A")
    assert state == "stale_data"
    assert [kind for _, kind, _ in events(ticks, "replay")] == ["replay"] * replay
    assert ("a recording" in why) == replay
    assert why.startswith("epochs of 20" if replay else f"epochs arrive {ago_s} s after")
    assert {one["to"] for _, _, one in events(ticks, "state")} == {"stale_data"}


def test_n35_a_recording_in_place_of_a_live_stream() -> None:
    """A stream that was good and turns into yesterday's is told within a second, and so is its end."""
    net = Network([station("A"), station("B")])
    live = [c for name in "AB" for c in stream(name, None, 0, 20)]
    ticks = play(net, live)
    ticks += play(net, [*old(86_400, 20, 40), *stream("B", None, 20, 40)])
    ticks += play(net, [c for name in "AB" for c in stream(name, None, 40, 60)])
    changes = [one for tick in ticks for one in tick.events if one.kind in ("state", "replay")]
    seen = [
        ((one.at_ns - to_unix_ns(T0)) / SECOND, one.detail.get("to", "replay"))
        for one in changes
        if one.station == "A"
    ]
    assert [what for _, what in seen] == ["streaming", "replay", "stale_data", "streaming"]
    assert [at for at, _ in seen][2:] == pytest.approx([20.5, 40.5], abs=0.5)
    assert {one.detail["to"] for one in changes if one.station == "B"} == {"streaming"}


def test_n35_when_most_are_of_another_time_it_is_our_clock() -> None:
    """Three stations of yesterday are no replays by themselves: the reason asks for this machine's clock."""
    names = "ABCD"
    net = Network([station(name) for name in names])
    play(net, [c for name in "ABC" for c in old(86_400, 0, 20, name)] + list(stream("D", None, 0, 20)))
    assert told(net, "D")[0] == "streaming"
    for name in "ABC":
        assert told(net, name) == (
            "stale_data",
            "the epochs of most stations are of another time: is this machine's clock right?",
        )


@virtual
async def test_n35_the_last_minute_again_and_again() -> None:
    """Epochs that were there before are no epochs of now: stale_data after ten seconds of nothing newer."""

    def script(n: int) -> Iterator[Step]:
        yield ICY
        yield from epochs(40)
        yield from epochs(30, late_s=35)

    async with ScriptedCaster(script) as caster, monitored(caster, rate_hz=1.0) as seen:
        await seen.until(lambda: len(seen.changes()) == 2, within_s=60)
        assert len(caster.sessions) == 1
        assert seen.stream.state_why == "epochs that came before, again"
    (_, (at_s, state)) = seen.changes()
    assert state == "stale_data"
    assert at_s == pytest.approx(50.0, abs=0.6)


@virtual
async def test_n35_from_a_caster() -> None:
    """The same over a connection: late by 30 s, then of an hour ago; the connection stays, and is not up."""

    def script(n: int) -> Iterator[Step]:
        yield ICY
        yield from epochs(30, late_s=30)
        yield from epochs(30, late_s=3600)
        yield from epochs(20)

    async with ScriptedCaster(script) as caster, monitored(caster, rate_hz=1.0) as seen:
        await seen.until(lambda: len(seen.changes()) == 2, within_s=110)
        assert len(caster.sessions) == 1
    assert [state for _, state in seen.changes()] == ["stale_data", "streaming"]
    assert len(seen.kinds("replay")) == 1


def test_the_page_of_states_names_the_limits() -> None:
    """docs/links.md has the numbers that the code has."""
    page = (Path(__file__).parents[1] / "docs" / "links.md").read_text(encoding="utf-8")
    assert "more than a kilometre" in page
    assert "More than ten minutes" in page
