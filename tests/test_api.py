"""hncors.replay, hncors.decode and the fixture, against pyrtcm and against what was recorded."""

import importlib.metadata
import math
import subprocess
import sys
from pathlib import Path

import live_material
import numpy as np
import pytest
from cli_material import START_MS, made
from pyrtcm import RTCMReader

import hncors
from bench.made_recording import CITIES, recording
from hncors.gpstime import WEEK_MS

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[1]
C_KM_S = 299_792.458  # metres a millisecond
MHZ = {"C": {"2I": 1561.098, "6I": 1268.52, "1P": 1575.42, "5P": 1176.45, "7D": 1207.14, "7I": 1207.14}}
MHZ |= {"G": {"1C": 1575.42, "2W": 1227.6, "5X": 1176.45}, "E": {"1X": 1575.42, "5X": 1176.45, "7X": 1207.14}}


def by_pyrtcm(data):
    """Key, range in m, phase in cycles, Doppler in Hz and C/N0 of each cell of MSM7, by pyrtcm's fields."""
    rows = []
    for frame in live_material.scan(data):
        letter = live_material.system(frame)
        if letter not in MHZ:
            continue
        m = RTCMReader.parse(frame)
        places = {getattr(m, f"PRN_{n:02}"): n for n in range(1, m.NSat + 1)}
        for n in range(1, m.NCell + 1):
            name, code = getattr(m, f"CELLPRN_{n:02}"), getattr(m, f"CELLSIG_{n:02}")
            s = places[name]
            rough_ms = getattr(m, f"DF397_{s:02}") + getattr(m, f"DF398_{s:02}")
            rate = getattr(m, f"DF399_{s:02}") + getattr(m, f"DF404_{n:02}")
            hz = MHZ[letter][code] * 1e6
            rows.append(
                (
                    (letter, int(name), code),
                    (rough_ms + getattr(m, f"DF405_{n:02}")) * C_KM_S,
                    (rough_ms + getattr(m, f"DF406_{n:02}")) * 1e-3 * hz,
                    -rate * hz / (C_KM_S * 1e3),
                    getattr(m, f"DF408_{n:02}"),
                )
            )
    return rows


def test_decode_equals_pyrtcm():
    seen = hncors.decode(made(3))
    keys = list(zip(seen["gnss"].tolist(), seen["satellite"].tolist(), seen["signal"].tolist(), strict=True))
    expected = by_pyrtcm(made(3))
    rows = [row for row, key in enumerate(keys) if key[0] in MHZ]
    assert [keys[row] for row in rows] == [one[0] for one in expected]
    for column, (name, tolerance) in enumerate(
        {"pseudorange_m": 1e-4, "phase_cycles": 1e-4, "doppler_hz": 1e-3, "cn0_dbhz": 1e-6}.items(), 1
    ):
        assert np.allclose(seen[name][rows], [one[column] for one in expected], rtol=1e-12, atol=tolerance)
    assert np.unique(seen["gps_ms"]).tolist() == [START_MS, START_MS + 1000, START_MS + 2000]
    assert set(seen["message_type"].tolist()) == {1077, 1087, 1097, 1117, 1127}
    assert len({len(column) for column in seen.values()}) == 1


def test_decode_where_the_week_is_not_known():
    silent = b"".join(frame for frame in live_material.scan(made(3)) if live_material.kind(frame) != 1013)
    assert hncors.decode(silent)["gps_ms"][0] == START_MS % WEEK_MS
    assert hncors.decode(silent, time="2026-11-20")["gps_ms"][0] == START_MS
    with pytest.raises(ValueError, match="soon"):
        hncors.decode(silent, time="soon")


def test_decode_of_nothing():
    assert {name: len(column) for name, column in hncors.decode(b"").items()} == dict.fromkeys(
        hncors.decode(made(1)), 0
    )


def test_decode_keeps_what_is_sent_twice(recordings):
    """Poland sends 1004, MSM5 and MSM7 of the same data (recordings/README.md)."""
    path = recordings / "streams/trio-poland-20s.rtcm3"
    sent, once = hncors.decode(path.read_bytes()), hncors.replay(path).observations
    assert {1004, 1075, 1077} <= set(sent["message_type"].tolist())
    assert not {1004, 1075} & set(once["message_type"].tolist())
    msm = sum(
        RTCMReader.parse(frame).NCell
        for frame in live_material.scan(path.read_bytes())
        if live_material.kind(frame) in (1077, 1087, 1097, 1107, 1127)
    )
    assert len(once["gps_ms"]) == msm


def test_glonass_has_cycles_where_its_channels_are_known(recordings):
    """MSM4 does not say the channels; 1020 does."""
    path = recordings / "streams/stromlo-netr9-22min.rtcm3"
    for seen in (hncors.decode(path.read_bytes()), hncors.replay(path).observations):
        glonass = seen["gnss"] == "R"
        known = ~np.isnan(seen["pseudorange_m"][glonass])
        assert np.isnan(seen["phase_cycles"][glonass][known]).mean() < 0.2
        ratio = seen["phase_cycles"][glonass] / seen["pseudorange_m"][glonass] * C_KM_S / 1e3
        assert set(np.round(ratio[~np.isnan(ratio)]).tolist()) <= {
            1598,
            1599,
            *range(1600, 1606),
            1243,
            1244,
            1245,
            1246,
            1247,
            1248,
            1249,
        }


@pytest.fixture
def hhua(tmp_path):
    """Forty seconds of which ten were not sent."""
    path = tmp_path / "HHUA.rtcm3"
    path.write_bytes(made(40, 11))
    return path


def test_replay(hhua):
    result = hncors.replay(hhua)
    assert result.stations == ("HHUA",)
    assert result.week_known == {"HHUA": True}
    seconds = [*range(20), *range(30, 40)]
    assert result.epochs["gps_ms"].tolist() == [START_MS + 1000 * second for second in seconds]
    frames = live_material.scan(made(40, 11))
    per_system = live_material.satellites(frames)
    for letter in "GRESJCI":
        assert set(result.epochs[f"satellites_{letter}"].tolist()) == {per_system.get(letter, 0)}
    assert set(result.epochs["satellites"].tolist()) == {sum(per_system.values())}
    assert (
        result.epochs["observations"].sum()
        == len(result.observations["gps_ms"])
        == live_material.cells(frames)
    )
    assert np.isnan(result.epochs["latency_s"]).all()
    seen, sent = result.observations, hncors.decode(made(40, 11))
    for name in sent:
        assert np.array_equal(
            seen[name], sent[name], equal_nan=name.endswith(("_m", "_hz", "cycles", "dbhz"))
        )
    assert set(seen["station"].tolist()) == {"HHUA"}
    assert result.positions["status"].tolist() == ["no_ephemeris"] * 30
    assert np.isnan(result.positions["latitude_deg"]).all()
    assert "epochs_missing" in result.events["kind"].tolist()
    missing = result.events["detail"][result.events["kind"].tolist().index("epochs_missing")]
    assert missing["missing"] == 10


def test_metrics(hhua):
    result = hncors.replay([hhua, hhua])
    text = result.metrics()
    assert 'hncors_epochs_expected_total{station="HHUA"} 40.0' in text
    assert result.metric("hncors_epochs_expected_total", station="HHUA-2") == 40
    assert result.metric("hncors_stream_state", station="HHUA") == 1
    assert result.metric("hncors_monitor_blind_seconds_total") == 0
    with pytest.raises(KeyError, match="2 series fit"):
        result.metric("hncors_stream_up")
    with pytest.raises(KeyError, match="0 series fit"):
        result.metric("hncors_stream_up", station="NOBODY")
    with pytest.raises(KeyError):
        result.metric("hncors_nothing")


def test_latency_where_arrival_times_are_known(hhua):
    from hncors.daemon import timetag

    size = hhua.stat().st_size
    late = [timetag.record(START_MS, START_MS + 39_750, size)]
    hhua.with_name(hhua.name + ".tag").write_bytes(timetag.header(START_MS) + b"".join(late))
    result = hncors.replay(hhua)
    assert result.epochs["latency_s"].tolist() == [39.75 - second for second in (*range(20), *range(30, 40))]
    assert result.metric("hncors_rtcm_latency_seconds_count", station="HHUA") == 30
    assert math.isclose(
        result.metric("hncors_rtcm_latency_seconds_sum", station="HHUA"), result.epochs["latency_s"].sum()
    )


def test_stations_by_configuration_or_as_they_are(hhua):
    class Filed:
        id = "HHUA"
        rate_hz = 2.0

    assert hncors.replay(hhua, [Filed()]).metric("hncors_epoch_interval_seconds") == 0.5
    (hhua.parent / "stations").mkdir()
    (hhua.parent / "stations/A.toml").write_text(f'id = "FILED"\nlink = "file://{hhua}"\n')
    (hhua.parent / "a.toml").write_text('stations = "stations"\n')
    assert hncors.replay(hhua, hhua.parent / "a.toml").stations == ("FILED",)


def test_recordings_of_other_times_in_one_result(hhua):
    old = hhua.with_name("OLD.rtcm3")
    old.write_bytes(b"".join(recording(CITIES[1], 2, START_MS - 10 * 52 * WEEK_MS, 10)))
    result = hncors.replay([hhua, old])
    assert result.stations == ("OLD", "HHUA")
    assert result.epochs["station"].tolist() == ["OLD"] * 10 + ["HHUA"] * 30
    assert np.array_equal(np.unique(result.observations["station"], return_index=True)[0], ["HHUA", "OLD"])
    assert (result.epochs["gps_ms"][:10] < START_MS - 9 * 52 * WEEK_MS).all()
    of_old = result.observations["station"] == "OLD"
    assert (result.observations["station_id"] == np.where(of_old, 2, 12)).all()
    assert result.metric("hncors_epochs_received_total", station="OLD") == 10
    assert result.metric("hncors_build_info") == 1


def test_unusable_inputs_are_all_named(hhua):
    (hhua.parent / "empty.nav").touch()
    with pytest.raises(ValueError, match=r"none.rtcm3: no such file.*\n.*empty.nav"):
        hncors.replay([hhua, hhua.parent / "none.rtcm3"], nav=hhua.parent / "empty.nav")


def test_a_replay_without_epochs_has_empty_columns(tmp_path):
    only = [frame for frame in live_material.scan(made(10)) if live_material.kind(frame) == 1033]
    (tmp_path / "X.rtcm3").write_bytes(b"".join(only))
    result = hncors.replay(tmp_path / "X.rtcm3")
    tables = (result.observations, result.epochs, result.positions, result.events)
    assert {len(column) for table in tables for column in table.values()} == {0}


def test_importing_it_is_cheap():
    program = "import hncors, sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pydantic", "typer", "aiohttp", "asyncio"} & set(done.stdout.split())


def test_there_is_nothing_else():
    with pytest.raises(AttributeError, match="nothing"):
        _ = hncors.nothing


# --- the fixture -------------------------------------------------------------------------------

EXAMPLE = """
def test_beidou_3_is_delivered(rtcm_replay):
    seen = rtcm_replay("recordings/ABCD.rtcm3").observations
    beidou_3 = (seen["gnss"] == "C") & (seen["satellite"] > 18)

    assert beidou_3.any()
    assert (seen["cn0_dbhz"][beidou_3] > 30).mean() > 0.9
"""


def test_the_example_is_that_of_the_readme():
    for page in ("README.md", "README.zh-CN.md"):
        assert EXAMPLE.strip() in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(("city", "passed"), [(0, True), (9, False)])  # CHZH's receiver has no BeiDou-3
@pytest.mark.parametrize("folder", ["recordings", "tests/recordings"])
def test_the_example_fails_where_beidou_3_is_lost(pytester, city, passed, folder):
    for name in {"recordings", folder}:
        (pytester.path / name).mkdir(parents=True)
    (pytester.path / folder / "ABCD.rtcm3").write_bytes(made(10, city))
    (pytester.path / "tests").mkdir(exist_ok=True)
    (pytester.path / "tests/test_example.py").write_text(EXAMPLE)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    known = importlib.metadata.entry_points(group="pytest11", name="hncors")
    result = pytester.runpytest(*() if known else ("-p", "hncors.pytest_plugin"), "-p", "no:cacheprovider")
    result.assert_outcomes(passed=int(passed), failed=int(not passed))
