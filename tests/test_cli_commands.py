"""Every command and option is documented, nothing else is; run, check, rinex and demo as programs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from cli_material import made, ran
from typer.main import get_command

from hncors.cli_commands import app

ROOT = Path(__file__).parents[1]
DOCUMENTED = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands
GROUPS = {name: command.commands for name, command in COMMANDS.items() if hasattr(command, "commands")}
MEMBERS = [(group, name) for group, members in GROUPS.items() for name in members]
HELP = {"-h", "--help"}


def section(name: str) -> str:
    """The part of the page below a command's heading; of a group, until that of its first member."""
    found = re.search(
        rf"^##+ hncors {name}(?![\w-]| [a-z])[^\n]*\n(.*?)(?=^##|\Z)", DOCUMENTED, flags=re.M | re.S
    )
    return found[1] if found else ""


def options(parameters) -> set[str]:
    named = (
        parameter
        for parameter in parameters
        if parameter.param_type_name == "option" and not parameter.hidden
    )
    return {name for parameter in named for name in parameter.opts} - HELP


def shown(text: str) -> set[str]:
    """Options that have a row in a section's table."""
    rows = re.findall(r"^\| (`-.*?)\|", text, flags=re.M)
    return {name for row in rows for name in re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", row)}


def test_every_command_has_a_section_and_no_other_has():
    assert set(re.findall(r"^## hncors ([a-z]+)", DOCUMENTED, flags=re.M)) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented_and_no_other(name):
    common = [options(member.params) for member in GROUPS.get(name, {}).values()]
    told = shown(section(name))
    assert told - set().union(*common) == options(COMMANDS[name].params)


def test_every_member_of_a_group_has_a_section_and_no_other_has():
    told = set(re.findall(r"^### hncors ([a-z]+) ([a-z][a-z0-9-]*)", DOCUMENTED, flags=re.M))
    assert told == set(MEMBERS)


@pytest.mark.parametrize(("group", "name"), MEMBERS)
def test_every_option_of_a_member_is_documented_and_no_other(group, name):
    found, own = options(GROUPS[group][name].params), shown(section(f"{group} {name}"))
    assert own == found - shown(section(group))


@pytest.mark.parametrize(("group", "name"), MEMBERS)
def test_the_example_of_a_member_is_the_documented_one(monkeypatch, capsys, group, name):
    done = ran(monkeypatch, capsys, group, name, "--help")
    assert done.status == 0
    example = " ".join(done.out.partition("Example: ")[2].split())
    assert example.startswith(f"hncors {group} {name}")
    assert f"    {example}\n" in section(f"{group} {name}")


def test_what_all_commands_share_is_documented():
    found = re.search(r"^## hncors\n(.*?)(?=^## )", DOCUMENTED, flags=re.M | re.S)
    assert shown(found[1]) == options(get_command(app).params)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_example_of_the_help_is_the_documented_one(monkeypatch, capsys, name):
    done = ran(monkeypatch, capsys, name, "--help")
    assert done.status == 0
    example = " ".join(done.out.partition("Example: ")[2].split())
    assert example.startswith(f"hncors {name} ")
    assert f"    {example}\n" in section(name)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_names_commands_that_are_there(page):
    named = re.findall(r"hncors ([a-z]+) ", (ROOT / page).read_text(encoding="utf-8"))
    assert {word for word in named if word in section(word) or f"## hncors {word}" in DOCUMENTED} >= {
        "check",
        "run",
    }
    fenced = re.findall(r"bin/hncors ([a-z]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert set(fenced) <= set(COMMANDS)


def test_version(monkeypatch, capsys):
    import hncors

    done = ran(monkeypatch, capsys, "--version")
    assert (done.status, done.out) == (0, f"hncors {hncors.__version__}\n")
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert hncors.__version__ in (stated, "unknown")  # not installed


def test_check(monkeypatch, capsys):
    done = ran(monkeypatch, capsys, "check", "-c", ROOT / "configs/hncors.toml")
    assert (done.status, done.err) == (0, "")
    assert "CSHA" in done.out
    done = ran(monkeypatch, capsys, "check", "-c", ROOT / "configs/hncors.toml", "--json")
    told = json.loads(done.out)
    assert told["problems"] == []
    assert "CSHA" in [one["id"] for one in told["stations"]]
    assert "112.95" not in done.out and "2996094" not in done.out  # no coordinates, in neither form
    assert "75.0" not in done.out
    assert told["warnings"] == []


def test_rinex(monkeypatch, capsys, tmp_path):
    (tmp_path / "X.rtcm3").write_bytes(made(5))
    done = ran(monkeypatch, capsys, "rinex", tmp_path / "X.rtcm3", "--out", tmp_path / "out", "--json")
    assert done.status == 0
    told = json.loads(done.out)
    assert told["files"] == {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    lines = (tmp_path / "out/X.obs").read_text().splitlines()
    assert lines[0].startswith("     3.05           OBSERVATION DATA    M")
    assert sum(line.startswith("> ") for line in lines) == 5


@pytest.mark.peer("convbin")
def test_a_made_recording_is_one_that_rtklib_reads(peer, monkeypatch, capsys, tmp_path):
    """Same satellites, same pseudoranges and phases (its RINEX has three decimals)."""
    (tmp_path / "X.rtcm3").write_bytes(made(10))
    theirs = tmp_path / "theirs.obs"
    command = [peer("convbin"), "-r", "rtcm3", "-v", "3.05", "-od", "-os", "-tr", "2026/11/18", "01:20:00"]
    subprocess.run(
        [*command, "-o", theirs, "-n", tmp_path / "nav", tmp_path / "X.rtcm3"],
        check=True,
        capture_output=True,
    )
    ran(monkeypatch, capsys, "rinex", tmp_path / "X.rtcm3", "--out", tmp_path / "out")
    ours = gps_l1(tmp_path / "out/X.obs")
    assert len(ours) == 10
    assert gps_l1(theirs) == ours


def gps_l1(path: Path) -> dict[str, dict[str, str]]:
    """Epoch -> satellite -> C1C and L1C of GPS as they are written."""
    epochs: dict[str, dict[str, str]] = {}
    for line in path.read_text().split("END OF HEADER")[1].splitlines():
        if line.startswith(">"):
            now = epochs.setdefault(line[2:29], {})
        elif line.startswith("G"):
            now[line[:3]] = line[3:17] + line[19:33]
    return epochs


def start(*arguments: object, **settings: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hncors", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Tests in several processes ignore Ctrl-C (execnet), and a program would inherit that.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, cwd=ROOT, preexec_fn=heeds, **pipes, **settings)


def test_demo_serves_metrics_and_ends_by_itself(tmp_path):
    with start("demo", "--seconds", "6", "--json", env=os.environ | {"TMPDIR": str(tmp_path)}) as process:
        told = json.loads("".join(process.stdout.readline() for _ in range(6)))
        assert told["stations"] == 14
        assert any("CSHA: state: from connecting, to streaming" in line for line in process.stderr)
        with urllib.request.urlopen(told["metrics"], timeout=5) as answer:
            metrics = answer.read().decode()
        assert metrics.count("hncors_stream_up{") == 15
        assert 'hncors_bds3_satellites_tracked{signal="1P",station="CSHA"}' in metrics
        assert 'hncors_stream_up{station="WILD"}' in metrics  # watched, and filed by nobody
        assert process.wait(15) == 0
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_ends_when_told_to(number, tmp_path):
    with start("demo", "--seconds", "60", "--json", env=os.environ | {"TMPDIR": str(tmp_path)}) as process:
        assert any("to streaming" in line for line in process.stderr)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_demo_leaves_nothing_when_it_is_ended_early(number, status, tmp_path):
    with start("demo", env=os.environ | {"TMPDIR": str(tmp_path)}) as process:
        assert process.stderr.readline().startswith("simulating")
        process.send_signal(number)
        assert process.wait(10) in (0, status)  # 0: the daemon was there already
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_run_says_where_it_listens_and_ends_when_told_to(tmp_path):
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations/A.toml").write_text('id = "A"\nlink = "tcp://127.0.0.1:9"\n')
    (tmp_path / "a.toml").write_text('stations = "stations"\n[web]\nlisten = "127.0.0.1:0"\n')
    with start("run", "-c", tmp_path / "a.toml", "--json") as process:
        told = json.loads("".join(process.stdout.readline() for _ in range(3)))
        with urllib.request.urlopen(told["address"] + "/healthz", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_ctrl_c_ends_a_replay_quietly_and_writes_nothing(tmp_path):
    (tmp_path / "X.rtcm3").write_bytes(made(60))
    with start("replay", tmp_path / "X.rtcm3", "--speed", "1", "--out", tmp_path / "deep/out") as process:
        deadline = time.monotonic() + 15
        while not list(tmp_path.glob(".hncors-*/epochs.csv")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["X.rtcm3"]
