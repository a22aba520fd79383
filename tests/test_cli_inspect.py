"""hncors inspect: what it prints, and how it starts."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_material import START_MS, TEXT, made, ran
from typer.testing import CliRunner

from hncors import cli_inspect
from hncors.cli import Inspect, plain_inspect
from hncors.cli_commands import app
from hncors.gpstime import iso
from hncors.view.inspection import inspect

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *arguments: ran(monkeypatch, capsys, "inspect", *arguments)


@pytest.fixture
def made_file(tmp_path):
    path = tmp_path / "CSHA.rtcm3"
    path.write_bytes(TEXT + made())
    return path


def test_json_is_the_only_thing_on_standard_output(run, made_file):
    done = run("--json", made_file)
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out) == {"recording": "CSHA"} | inspect(TEXT + made())


def test_a_person_reads_the_same(run, made_file):
    done = run(made_file)
    assert (done.status, done.err) == (0, "")
    found = inspect(TEXT + made())
    for expected in (
        f"{found['bytes']['total']:,} = {found['bytes']['in_frames']:,} in frames",
        "30 every 1 s, 0 missing in 0 gaps",
        f"{found['first_epoch']} to {found['last_epoch']} GPST",
        "1127   BeiDou MSM7",
        "HNCORS DEMO",
        " ".join(found["bds3"]["satellites"]),
        "北斗三号",
    ):
        assert expected in done.out
    assert "\x1b" not in done.out


def test_a_person_reads_of_gaps_and_oddities(run, tmp_path):
    path = tmp_path / "HHUA.rtcm3"
    path.write_bytes(made(40, 11) + made(2, 11))  # ten seconds are silent, two come again
    done = run(path)
    assert f"{iso(START_MS + 19_000)}   {iso(START_MS + 30_000)}        10" in done.out
    assert "duplicate_epoch" in done.out


def test_standard_input(monkeypatch, run):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(made())))
    done = run("-", "--json")
    assert json.loads(done.out) == {"recording": "stdin"} | inspect(made())


def test_a_folder_of_one_station_and_of_two(run, tmp_path):
    (tmp_path / "A.rtcm3").write_bytes(made())
    assert json.loads(run(tmp_path, "--json").out)["recording"] == "A"
    (tmp_path / "B.rtcm3").write_bytes(made(30, 1))
    (tmp_path / "C.rtcm3").write_bytes(TEXT)
    done = run(tmp_path, "--json")
    both = json.loads(done.out)["recordings"]
    assert [one["recording"] for one in both] == ["A", "B"]
    assert [one["station_ids"] for one in both] == [[1], [2]]
    assert done.err == "note: C: no RTCM 3 frame found\n"


def test_a_time_near_the_recording(run, tmp_path):
    path = tmp_path / "f9p.rtcm3"
    path.write_bytes(made().replace(b"", b""))
    done = run("--time", "2030-01-01", path, "--json")
    assert json.loads(done.out)["first_epoch"] == iso(START_MS)  # 1013 in the recording knows better
    done = run("--time", "yesterday", path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith('--time "yesterday": expected ISO 8601')


ARGUMENTS = ["x", "--json x", "x --json", "--time T x", "x --time T --json", "-", "--json -- x"]
ARGUMENTS += ["", "x y", "--jsn x", "x --time", "--help", "--time=T x"]


@pytest.mark.parametrize("text", ARGUMENTS)
def test_the_short_way_understands_what_typer_does(monkeypatch, text):
    called = []
    monkeypatch.setattr(cli_inspect, "command", lambda *what: called.append(Inspect(*what)) or 0)
    done = CliRunner().invoke(app, ["inspect", *text.split()])
    plain = plain_inspect(["inspect", *text.split()])
    if plain is not None:
        assert called == [plain]
    else:
        assert done.exit_code == 2 or "--" in text


def test_other_commands_are_not_for_the_short_way():
    assert plain_inspect([]) is None
    assert plain_inspect(["replay", "x"]) is None


def test_nothing_heavy_is_loaded(made_file):
    program = (
        "import sys; sys.argv = ['hncors', 'inspect', '--json', sys.argv[1]]\n"
        "from hncors.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, made_file], cwd=ROOT, capture_output=True, text=True
    )
    heavy = {"typer", "rich", "pydantic", "aiohttp", "prometheus_client", "asyncio", "pyrtcm"}
    assert heavy & set(done.stderr.split()) == set()
    assert json.loads(done.stdout)["frames"]


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path):
    path = tmp_path / "long.rtcm3"
    path.write_bytes(b"".join(made(3, city) * 5 for city in range(12)))
    command = [sys.executable, "-m", "hncors", "inspect", "--json", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141
