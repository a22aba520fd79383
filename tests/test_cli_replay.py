"""hncors replay: the files, the same to the byte however the bytes were cut."""

import csv
import gzip
import io
import json
import time
from pathlib import Path

import pytest
from cli_material import START_MS, TEXT, made, ran, tree
from live_material import kind, scan

from hncors.daemon import timetag
from hncors.gpstime import WEEK_MS
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.view import rinex_nav

# CONTRACT of the file, as it is documented.
COLUMNS = (
    "station,gps_week,tow_s,latitude_deg,longitude_deg,height_m,east_m,north_m,up_m,satellites_used,"
    "systems_used,pdop,hpl_m,vpl_m,status"
)
FILES = {"metrics.prom", "events.jsonl", "epochs.csv", "summary.json", "report.html"}


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *arguments: ran(monkeypatch, capsys, "replay", *arguments)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "epochs.csv").read_text(encoding="utf-8"))))


def damaged() -> bytes:
    """A silence, a repeated second, foreign bytes, a false leader, a frame whose check fails, a cut end."""
    data = bytearray(made(40, 11) + TEXT + made(3, 11) + b"\xd3\x03\xff" + made(45, 11)[len(made(40, 11)) :])
    data[-3000] ^= 0x10
    return bytes(data[:-7])


def tag(data: bytes) -> bytes:
    """Arrival times: every 500 bytes 40 ms after those before."""
    records = [
        timetag.record(START_MS, START_MS + at // 500 * 40, min(at + 500, len(data)))
        for at in range(0, len(data), 500)
    ]
    return timetag.header(START_MS) + b"".join(records)


@pytest.mark.parametrize("timed", [False, True], ids=["untimed", "timed"])
def test_chunk_sizes_leave_no_trace(run, tmp_path, timed):
    inputs = [write(tmp_path / "A.rtcm3", damaged()), write(tmp_path / "B.rtcm3", made(50))]
    if timed:
        write(tmp_path / "A.rtcm3.tag", tag(damaged()))
    results = {}
    for size in (1, 7, 512, 1_000_000):
        done = run(*inputs, "--out", tmp_path / str(size), "--chunk-size", size)
        assert done.status == 0
        results[size] = tree(tmp_path / str(size))
    assert set(results[1]) == FILES
    assert results[1] == results[7] == results[512] == results[1_000_000]
    assert len(results[1]["epochs.csv"].splitlines()) > 50
    assert (b"hncors_rtcm_latency_seconds_count" in results[1]["metrics.prom"]) == timed


@pytest.mark.parametrize("name", ["alloy-bds3-33s.rtcm3", "f9t-mixed-ubx-26s.bin", "trio-poland-20s.rtcm3"])
def test_chunk_sizes_leave_no_trace_in_real_recordings(run, tmp_path, recordings, name):
    results = []
    for size in (1, 512, 1_000_000):
        run(recordings / "streams" / name, "--out", tmp_path / str(size), "--chunk-size", size)
        results.append(tree(tmp_path / str(size)))
    assert results[0] == results[1] == results[2] != {}


def test_epochs(run, tmp_path):
    path = write(tmp_path / "HHUA.rtcm3", made(40, 11))
    assert run(path, "--out", tmp_path / "out").status == 0
    text = (tmp_path / "out/epochs.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == COLUMNS
    week, tow_s = divmod(START_MS / 1000, WEEK_MS // 1000)
    seconds = [*range(20), *range(30, 40)]  # ten were not sent
    assert [
        (row["station"], int(row["gps_week"]), float(row["tow_s"])) for row in rows(tmp_path / "out")
    ] == [("HHUA", week, tow_s + second) for second in seconds]
    between = COLUMNS.split(",")[3:-1]
    assert {row[name] for row in rows(tmp_path / "out") for name in between} == {""}
    assert {row["status"] for row in rows(tmp_path / "out")} == {"no_ephemeris"}


def test_events_and_summary(run, tmp_path):
    path = write(tmp_path / "HHUA.rtcm3", made(40, 11))
    done = run(path, "--out", tmp_path / "out", "--json")
    told = json.loads(done.out)
    assert json.loads((tmp_path / "out/summary.json").read_text()) == told
    station = told["stations"][0]
    assert station["epochs"] == {"expected": 40, "received": 30, "missing": 10, "blind": 0, "gaps": 1}
    assert station["availability"] == 0.75
    assert station["interval_s"] == 1.0
    assert told["inputs"] == [
        {
            "station": "HHUA",
            "files": ["HHUA.rtcm3"],
            "bytes": len(made(40, 11)),
            "arrival_times": False,
            "week_from": "ephemerides",
        }
    ]
    lines = [json.loads(line) for line in (tmp_path / "out/events.jsonl").read_text().splitlines()]
    assert all(set(line) == {"at", "station", "kind", "detail"} for line in lines)
    missing = [line["detail"]["missing"] for line in lines if line["kind"] == "epochs_missing"]
    assert missing == [10]
    assert told["events"]["epochs_missing"] == 1
    assert str(tmp_path) not in done.out


def test_a_person_reads_the_same(run, tmp_path):
    done = run(write(tmp_path / "HHUA.rtcm3", made(40, 11)), "--out", tmp_path / "out")
    assert "75.00" in done.out
    assert "HHUA" in done.out
    assert f"{tmp_path / 'out'}: metrics.prom events.jsonl epochs.csv summary.json" in done.out
    assert done.err == ""


def without_the_day(data: bytes) -> bytes:
    return b"".join(frame for frame in scan(data) if kind(frame) != 1013)


def test_the_week_is_left_empty_where_nothing_tells_it(run, tmp_path):
    path = write(tmp_path / "X.rtcm3", without_the_day(made(5)))
    done = run(path, "--out", tmp_path / "out")
    assert done.status == 0
    assert done.err == "note: X: nothing tells the week, so gps_week is empty: give --time or --nav\n"
    assert [row["gps_week"] for row in rows(tmp_path / "out")] == [""] * 5
    assert float(rows(tmp_path / "out")[0]["tow_s"]) == START_MS % WEEK_MS / 1000
    assert b"last_epoch_timestamp" not in b"".join(
        line for line in tree(tmp_path / "out")["metrics.prom"].splitlines() if not line.startswith(b"#")
    )
    run(path, "--out", tmp_path / "out", "--time", "2026-11-20")
    assert {int(row["gps_week"]) for row in rows(tmp_path / "out")} == {START_MS // WEEK_MS}


def gps(satellite: int, toe_ms: int) -> Ephemeris:
    """A plain GPS set; only its time matters here."""
    names = [
        field.name for field in ephemeris.ephemeris_fields.MESSAGES[1019][1] if field.name != "satellite"
    ]
    values = dict.fromkeys(names, 0.0) | {"sqrt_a_sqrt_m": 5153.6, "eccentricity": 0.01, "i0_rad": 0.96}
    values |= {"week": toe_ms // WEEK_MS % 1024, "toe_s": toe_ms % WEEK_MS / 1000}
    return Ephemeris("G", satellite, 1019, values | {"toc_s": values["toe_s"]})


@pytest.mark.parametrize("zipped", [False, True])
def test_navigation_files_tell_week_and_status(run, tmp_path, zipped):
    toe_ms = START_MS - START_MS % 7_200_000  # at most two hours before
    text = rinex_nav.write([(toe_ms, gps(satellite, toe_ms)) for satellite in range(1, 31)]).encode()
    nav = write(tmp_path / "brdc.rnx", gzip.compress(text) if zipped else text)
    path = write(tmp_path / "X.rtcm3", without_the_day(made(5)))
    done = run(path, "--nav", nav, "--out", tmp_path / "out", "--json")
    assert done.err == ""
    assert json.loads(done.out)["inputs"][0]["week_from"] == "navigation"
    assert {(int(row["gps_week"]), row["status"]) for row in rows(tmp_path / "out")} == {
        (START_MS // WEEK_MS, "no_solution")  # all the sets are of one orbit
    }


def test_status_follows_the_ephemerides(run, tmp_path):
    from hncors.rtcm3.encode import frame

    usable, old = START_MS + 3_600_000, START_MS - 7_300_000  # more than two hours before is too old
    sets = [[], [gps(s, old) for s in range(1, 31)], [gps(s, usable) for s in range(1, 31)]]
    seconds = list(made_seconds(6))
    data = b"".join(seconds[:2])
    data += b"".join(frame(ephemeris.encode(one)) for one in sets[1]) + b"".join(seconds[2:4])
    data += b"".join(frame(ephemeris.encode(one)) for one in sets[2]) + b"".join(seconds[4:])
    run(write(tmp_path / "X.rtcm3", data), "--out", tmp_path / "out")
    # Sets before an epoch's first observation come with the epoch before it.
    assert [row["status"] for row in rows(tmp_path / "out")] == ["no_solution"] * 6


def made_seconds(seconds: int) -> list[bytes]:
    whole = [made(n) for n in range(seconds + 1)]
    return [whole[n + 1][len(whole[n]) :] for n in range(seconds)]


def test_stations_are_named_after_files_and_configuration(run, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "stations").mkdir()
    same = [write(tmp_path / "AAAA.rtcm3", made(10)), write(tmp_path / "one/AAAA.rtcm3", made(10))]
    linked = write(tmp_path / "record-7.rtcm3", made(10))
    write(tmp_path / "stations/A.toml", b'id = "AAAA"\nlink = "tcp://127.0.0.1:9"\nrate_hz = 2.0\n')
    write(tmp_path / "stations/B.toml", f'id = "BBBB"\nlink = "file://{linked}"\n'.encode())
    config = write(tmp_path / "any.toml", b'stations = "stations"\n')
    told = json.loads(run(*same, linked, "--json").out)
    assert [one["station"] for one in told["stations"]] == ["AAAA", "AAAA-2", "record-7"]
    told = json.loads(run(*same, linked, "-c", config, "--json").out)
    assert [one["station"] for one in told["stations"]] == ["AAAA", "AAAA-2", "BBBB"]
    assert [one["interval_s"] for one in told["stations"]] == [0.5, 0.5, 1.0]  # as promised


def test_hours_of_one_station_are_one_recording(run, tmp_path):
    data = made(20)
    cut = len(made(9)) + 100
    paths = [
        write(tmp_path / "CSHA_2026111801.rtcm3", data[:cut]),
        write(tmp_path / "CSHA_2026111802.rtcm3", data[cut:]),
    ]
    for inputs in (paths, [tmp_path], list(reversed(paths))):
        told = json.loads(run(*inputs, "--json").out)
        assert [one["station"] for one in told["stations"]] == ["CSHA"]
        assert told["stations"][0]["bytes"]["received"] == len(data)
        assert told["stations"][0]["epochs"]["received"] == 20


def test_a_station_without_epochs_fails(run, tmp_path):
    only = [frame for frame in scan(made(10)) if kind(frame) == 1033]
    paths = [write(tmp_path / "MUTE.rtcm3", b"".join(only)), write(tmp_path / "GOOD.rtcm3", made(5))]
    done = run(*paths, "--out", tmp_path / "out")
    assert done.status == 1
    assert done.err == "note: MUTE: not one epoch\n"
    assert set(tree(tmp_path / "out")) == FILES


def test_files_of_an_earlier_replay_are_replaced_and_others_kept(run, tmp_path):
    out = tmp_path / "deep/out"
    out.mkdir(parents=True)
    write(out / "notes.txt", b"mine")
    write(out / "epochs.csv", b"old")
    run(write(tmp_path / "X.rtcm3", made(5)), "--out", out)
    assert set(tree(out)) == FILES | {"notes.txt"}
    assert tree(out)["notes.txt"] == b"mine"
    assert len(rows(out)) == 5


def test_speed(run, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    run(write(tmp_path / "X.rtcm3", made(21)), "--speed", 10)
    assert sum(slept) == pytest.approx(2.0, abs=0.2)


def test_recordings_of_other_times_are_played_apart(run, tmp_path):
    """Years of waiting between two recordings would neither end nor mean anything."""
    from bench.made_recording import CITIES, recording

    old = b"".join(recording(CITIES[1], 2, START_MS - 10 * 52 * WEEK_MS, 10))
    inputs = [write(tmp_path / "NEW.rtcm3", made(10)), write(tmp_path / "OLD.rtcm3", old)]
    inputs.append(write(tmp_path / "LOST.rtcm3", without_the_day(made(10, 2))))  # nothing dates it
    done = run(*inputs, "--out", tmp_path / "out", "--json")
    told = json.loads(done.out)
    assert [(one["station"], one["state"]) for one in told["stations"]] == [
        ("OLD", "streaming"),
        ("NEW", "streaming"),
        ("LOST", "streaming"),
    ]
    assert told["events"] == {"state": 3, "stream_kind": 3}  # the made recordings' places are round numbers
    metrics = (tmp_path / "out/metrics.prom").read_text()
    for station in ("OLD", "NEW", "LOST"):
        assert f'hncors_epochs_received_total{{station="{station}"}} 10.0' in metrics
    assert metrics.count("# TYPE hncors_stream_up gauge") == 1
    assert "\nhncors_monitor_blind_seconds_total 0.0\n" in metrics
    assert len(rows(tmp_path / "out")) == 30
    weeks = {row["station"]: row["gps_week"] for row in rows(tmp_path / "out")}
    week = START_MS // WEEK_MS
    assert weeks == {"OLD": str(week - 520), "NEW": str(week), "LOST": ""}


def test_a_time_given_after_the_first_observation(run, tmp_path):
    """It tells the week and nothing else: the bytes come when their epochs are."""
    path = write(tmp_path / "X.rtcm3", without_the_day(made(10)))
    outs = []
    for given in ("2026-11-16", "2026-11-18T01:20:00", "2026-11-20"):
        run(path, "--time", given, "--out", tmp_path / given)
        outs.append(tree(tmp_path / given))
    assert outs[0] == outs[1] == outs[2]
