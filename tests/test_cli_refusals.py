"""What cannot be done is said in one line a problem, with status 2, and leaves nothing behind."""

import json

import pytest
from cli_material import TEXT, made, ran, tree

CONFIG = 'stations = "stations"\n'
STATION = 'id = "{}"\nlink = "ntrip://127.0.0.1:2101/MOUNT"\n'


def missing(folder):
    return folder / "none.rtcm3"


def empty(folder):
    (folder / "empty.rtcm3").touch()
    return folder / "empty.rtcm3"


def bare_folder(folder):
    (folder / "bare").mkdir()
    (folder / "bare/readme.txt").write_text("nothing to see")
    return folder / "bare"


def text_file(folder):
    (folder / "notes.txt").write_bytes(TEXT)
    return folder / "notes.txt"


def unknown_key(folder):
    (folder / "stations").mkdir()
    (folder / "stations/A.toml").write_text(STATION.format("A"))
    (folder / "a.toml").write_text(CONFIG + "tick_seconds = 1\n")
    return folder / "a.toml"


def one_id_twice(folder):
    (folder / "stations").mkdir()
    (folder / "a.toml").write_text(CONFIG)
    for name in "AB":
        (folder / f"stations/{name}.toml").write_text(STATION.format("SAME"))
    return folder / "a.toml"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def refused(command, given):
        """Runs a command; every file that was there is still there, and no other."""
        before = tree(tmp_path)
        done = ran(monkeypatch, capsys, *(word.format(given=given, tmp=tmp_path) for word in command.split()))
        assert tree(tmp_path) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted({n.split("/")[0] for n in before})
        assert (done.status, done.out) == (2, "")
        return done.err

    return refused


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (missing, "no such file; expected an RTCM3 file, a folder of recordings, or - for standard input"),
        (empty, "the file is empty; expected an RTCM3 file, a folder of recordings, or -"),
        (bare_folder, "no recordings in the folder; expected files .rtcm3"),
        (text_file, "no RTCM 3 frame found; expected an RTCM3 file, a folder of recordings, or -"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        "inspect {given}",
        "inspect --json {given}",
        "replay {given}",
        "replay --out {tmp}/out --json {given}",
        "rinex {given} --out {tmp}/deep/out",
    ],
)
def test_what_is_no_recording(run, tmp_path, command, make, expected):
    given = make(tmp_path)
    told = run(command, given)
    assert told.count("\n") == 1
    assert told.startswith(f"{given}: {expected}")


@pytest.mark.parametrize(
    ("make", "where", "expected"),
    [
        (missing, "none.rtcm3", "expected a file that can be read"),
        (unknown_key, "a.toml", "tick_seconds: unknown key: expected tick_s?"),
        (one_id_twice, "stations/B.toml", 'id = "SAME": expected an id of its own'),
        (text_file, "notes.txt", "expected TOML"),
    ],
)
@pytest.mark.parametrize(
    "command",
    ["check -c {given}", "run -c {given}", "run --json -c {given}", "replay -c {given} {tmp}/r.rtcm3"],
)
def test_what_is_no_configuration(run, tmp_path, command, make, where, expected):
    (tmp_path / "r.rtcm3").write_bytes(made(5))
    told = run(command, make(tmp_path))
    assert told.count("\n") == 1
    assert told.startswith(f"{tmp_path}/{where}: ")
    assert expected in told


def test_check_says_it_in_json_as_well(monkeypatch, capsys, tmp_path):
    done = ran(monkeypatch, capsys, "check", "--json", "-c", unknown_key(tmp_path))
    assert done.status == 2
    assert done.err.splitlines() == json.loads(done.out)["problems"]


def test_every_wrong_input_at_once(run, tmp_path):
    (tmp_path / "good.rtcm3").write_bytes(made(5))
    told = run(
        "replay {tmp}/good.rtcm3 {tmp}/none.rtcm3 {given} --nav {tmp}/none.nav --out {tmp}/o", empty(tmp_path)
    )
    assert [line.split(": ")[0].removeprefix(f"{tmp_path}/") for line in told.splitlines()] == [
        "none.rtcm3",
        "empty.rtcm3",
        "none.nav",
    ]


@pytest.mark.parametrize("content", [b"", b"no RINEX\n", b"\x1f\x8b damaged", b"\xff\xfe" * 100])
def test_what_is_no_navigation_file(run, tmp_path, content):
    (tmp_path / "good.rtcm3").write_bytes(made(5))
    (tmp_path / "x.nav").write_bytes(content)
    told = run("replay {tmp}/good.rtcm3 --nav {given}", tmp_path / "x.nav")
    assert told.count("\n") == 1
    assert told.startswith(f"{tmp_path}/x.nav: ")
    assert told.endswith("expected a RINEX 3 or 4 navigation file\n")


@pytest.mark.parametrize(
    "command", ["replay {tmp}/good.rtcm3 --out {given}", "rinex {tmp}/good.rtcm3 --out {given}"]
)
def test_where_nothing_can_be_written(run, tmp_path, command):
    (tmp_path / "good.rtcm3").write_bytes(made(5))
    (tmp_path / "file").write_text("in the way")
    for given in (tmp_path / "file", tmp_path / "file/deeper"):
        told = run(command, given)
        assert told.count("\n") == 1
        assert f"{tmp_path}/file" in told
        assert "--out expects" in told


def test_rinex_without_a_week(run, tmp_path):
    from live_material import kind, scan

    (tmp_path / "x.rtcm3").write_bytes(b"".join(one for one in scan(made(5)) if kind(one) != 1013))
    told = run("rinex {given} --out {tmp}/out", tmp_path / "x.rtcm3")
    assert told.count("\n") == 1
    assert "--time" in told


@pytest.mark.parametrize(
    "command",
    ["inspect", "replay", "rinex {given}", "nothing", "replay {given} --speed 0", "demo --seconds -1"],
)
def test_what_is_not_asked_rightly(run, tmp_path, command):
    (tmp_path / "x.rtcm3").write_bytes(made(5))
    assert "Error: " in run(command, tmp_path / "x.rtcm3")
