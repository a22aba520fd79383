"""What inspect counts, against a brute-force scan, pyrtcm, and what was done to the bytes."""

import itertools
import tracemalloc

import live_material
import pytest
from cli_material import START_MS, TEXT, brute_force, made, streams

import hncors
from hncors.gpstime import WEEK_MS, iso
from hncors.view.inspection import inspect

real = pytest.mark.parametrize("path", streams() or [None], ids=lambda path: path.name if path else "none")


def balanced(found: dict) -> bool:
    size = found["bytes"]
    return size["total"] == size["in_frames"] + size["junk"] + size["pending"]


@real
def test_frames_are_those_of_a_brute_force_scan(path):
    scan = brute_force()
    data = path.read_bytes()
    found, expected = inspect(data), scan.summary(data)
    assert found["frames"] == expected["frames"]
    assert found["messages"] == expected["messages"]
    assert found["bytes"]["in_frames"] == expected["bytes_in_frames"]
    assert found["bytes"]["total"] == len(data)
    assert balanced(found)


@pytest.mark.parametrize("before", [b"", TEXT, b"\xd3\x03\xff", b"$GPGGA,,,,,,0*66\r\n"])
@pytest.mark.parametrize("cut", [0, 1, 50])
def test_frames_of_a_made_stream(before, cut):
    data = before + made(5)[: len(made(5)) - cut]
    found, frames = inspect(data), live_material.scan(data)
    assert found["messages"] == live_material.types(data)
    assert found["bytes"]["in_frames"] == sum(map(len, frames))
    assert found["bytes"]["total"] == len(data)
    assert balanced(found)
    assert (found["bytes"]["pending"] > 0) == (cut > 0)


def test_a_failed_check_is_counted_and_costs_one_frame():
    data = bytearray(made(5))
    first = live_material.scan(bytes(data))[0]
    data[len(first) - 1] ^= 1  # the last byte of its check
    found = inspect(bytes(data))
    assert found["frames"] == len(live_material.scan(made(5))) - 1
    assert found["crc_failures"] >= 1
    assert found["bytes"]["junk"] == len(first)


def test_observations_are_those_that_pyrtcm_reads():
    found = inspect(made(5))
    frames = live_material.scan(made(5))
    assert sum(sum(s["signals"].values()) for s in found["systems"].values()) == live_material.cells(frames)
    counts = {letter: len(s["satellites"]) for letter, s in found["systems"].items()}
    assert counts == live_material.satellites(frames)
    per_signal = live_material.bds3(frames)  # satellites; each of them is there in all five epochs
    assert found["bds3"]["signals"] == {code: 5 * n for code, n in per_signal.items()}


def test_alloy_against_pyrtcm(recordings):
    data = (recordings / "streams/alloy-bds3-33s.rtcm3").read_bytes()
    found, frames = inspect(data), live_material.scan(data)
    assert sum(sum(s["signals"].values()) for s in found["systems"].values()) == live_material.cells(frames)
    assert set(found["bds3"]["signals"]) == set(live_material.bds3(frames))
    assert len(found["bds3"]["satellites"]) == max(live_material.bds3(frames).values())
    # recordings/README.md: week 2328, 2024-08-18 21:14, 33 s at 1 Hz, 420 bytes of a cut frame before
    assert found["first_epoch"].startswith("2024-08-18T21:14:")
    assert (found["epochs"], found["interval_s"], found["gaps"]) == (33, 1.0, [])
    assert found["bytes"]["junk"] == 420
    assert found["receivers"] == ["TRIMBLE ALLOY"]
    assert found["ephemerides"] == {"G": 33, "R": 33, "E": 33, "C": 33}


@real
def test_a_replay_counts_the_same(path):
    if path is None:
        pytest.skip("no folder of real recordings beside the project")
    same_as_replay(path.read_bytes(), path)


def test_a_replay_of_a_made_stream_counts_the_same(tmp_path):
    seconds = [made(40, 11)[at : at + 997] for at in range(0, len(made(40, 11)), 997)]
    data = TEXT.join(seconds[:9]) + b"".join(seconds[9:]) + made(5, 11)  # the last five seconds come again
    (tmp_path / "x.rtcm3").write_bytes(data)
    same_as_replay(data, tmp_path / "x.rtcm3")


def same_as_replay(data, path):
    """The daemon's line over the same bytes ends in the same numbers."""
    found, played = inspect(data), hncors.replay(path)
    station = played.stations[0]
    for letter, system in found["systems"].items():
        for code, cells in system["signals"].items():
            seen = {"station": station, "gnss": letter, "signal": code}
            assert played.metric("hncors_observations_total", **seen) == cells
    seen = played.observations
    total = sum(sum(s["signals"].values()) for s in found["systems"].values())
    assert len(seen["gps_ms"]) == total
    named = {f"{g}{n:02}" for g, n in zip(seen["gnss"].tolist(), seen["satellite"].tolist(), strict=True)}
    assert named == {name for s in found["systems"].values() for name in s["satellites"]}
    assert len(played.epochs["gps_ms"]) == found["epochs"]
    for number, count in found["messages"].items():
        if number not in found["unknown_messages"]:
            assert played.metric("hncors_rtcm_messages_total", station=station, type=number) == count


def test_gaps():
    pieces = [b"".join(frames) for frames in epochs_of(made(30))]
    found = inspect(b"".join(pieces[:10] + pieces[13:20] + pieces[21:]))
    expected = [(9, 13, 3), (19, 21, 1)]
    assert found["gaps"] == [
        {"after": iso(START_MS + 1000 * a), "before": iso(START_MS + 1000 * b), "missing": n}
        for a, b, n in expected
    ]
    assert (found["epochs"], found["interval_s"]) == (26, 1.0)
    assert (found["first_epoch"], found["last_epoch"]) == (iso(START_MS), iso(START_MS + 29_000))


def epochs_of(data):
    """Frames parted after the last MSM of each second, found by the multiple message bit (DF393)."""
    return live_material.epochs(live_material.scan(data))


def without(data, *numbers):
    return b"".join(frame for frame in live_material.scan(data) if live_material.kind(frame) not in numbers)


def test_the_week():
    silent = without(made(10), 1013)
    found = inspect(silent)
    assert (found["first_epoch"], found["last_epoch"], found["week_from"]) == (None, None, None)
    assert found["first_tow_s"] == START_MS % WEEK_MS / 1000
    assert found["anomalies"] == {"week_unknown": 1}
    pieces = epochs_of(silent)
    gap = inspect(b"".join(itertools.chain(*pieces[:5], *pieces[7:])))["gaps"][0]
    assert (gap["after"], gap["after_tow_s"], gap["missing"]) == (None, found["first_tow_s"] + 4, 2)
    for near in ({"given_ms": START_MS - 3 * 86_400_000}, {"arrival_ms": START_MS + 5000}):
        found = inspect(silent, **near)
        assert found["first_epoch"] == iso(START_MS)
        assert found["week_from"] == ("given" if "given_ms" in near else "arrival")
        assert "first_tow_s" not in found
        assert found["anomalies"] == {}
    assert inspect(made(10))["first_epoch"] == iso(START_MS)  # 1013 tells the day


def test_what_comes_twice_counts_once():
    once, twice = inspect(made(10)), inspect(made(10) * 2)
    assert twice["systems"] == once["systems"]
    assert twice["epochs"] == once["epochs"] == 10
    assert twice["messages"] == {number: 2 * count for number, count in once["messages"].items()}
    assert twice["anomalies"] == {"duplicate_epoch": 10, "time_backwards": 1}


def test_the_station_and_its_equipment():
    found = inspect(made(5) + made(5, 1))
    assert found["station_ids"] == [1, 2]
    assert found["anomalies"]["station_id_changed"] == 1
    assert len(found["arps"]) == 2
    assert found["receivers"] == ["HNCORS DEMO"]
    assert found["antennas"] == ["HNCDEMO         NONE"]
    assert [one["receiver_serial"] for one in found["equipment"]] == ["1", "2"]


def test_text_from_the_wire_cannot_steer_a_terminal():
    from hncors.rtcm3 import encode_station
    from hncors.rtcm3.encode import frame
    from hncors.rtcm3.station import Equipment, Text

    said = [
        Equipment(1, "\x1b[2J", 0, "", "\x07receiver", "1", "2"),
        Text(1, 61_000, 0, "\x1b]0;owned\x07\u202e"),
    ]
    found = inspect(b"".join(frame(encode_station.encode(one)) for one in said))
    assert found["receivers"][0].isprintable()
    assert found["antennas"][0].isprintable()
    assert found["texts"] == [text for text in found["texts"] if text.isprintable()] != []


def test_nothing_to_inspect():
    found = inspect(TEXT)
    assert found["frames"] == found["epochs"] == 0
    assert found["bytes"]["total"] == len(TEXT)
    assert balanced(found)
    assert found["systems"] == {}
    assert found["interval_s"] is None


def test_memory_does_not_grow_with_the_recording():
    def peak(data):
        tracemalloc.start()
        inspect(data)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(made(30))  # what is loaded and cached once
    short, long = peak(made(30) * 20), peak(made(30) * 60)
    assert long < 1.3 * short
