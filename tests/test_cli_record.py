"""hncors record: what a caster of other people sends is on disk, with its times, and no password is."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_material import made, ran
from daemon_process import REFUSE, casting, configure, epochs
from peers import free_port, running, source
from waiting import until

from hncors.daemon.recording import open_recordings

USER, PASSWORD = "user", "canary-geheim-7"
SENT = made(20)
PIECES = [SENT[at : at + 500] for at in range(0, len(SENT), 500)]  # cut without regard to frames


async def started(*arguments: object) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "hncors", "record", *map(str, arguments)]
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    return await asyncio.create_subprocess_exec(*command, **pipes)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.rtcm3"))


async def test_a_stream_of_str2strs_caster(peer, tmp_path):
    """Every byte, arrived when it was sent, ended with Ctrl-C; the password is in no file and no line."""
    port, out = free_port(), tmp_path / "recordings"
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    async with source() as (feed, fed):
        theirs = [peer("str2str"), "-in", f"tcpcli://127.0.0.1:{fed}"]
        theirs += ["-out", f"ntripc://{USER}:{PASSWORD}@:{port}/HUN1"]
        async with running(*theirs):
            await until(lambda: feed.writers)
            link = f"ntrip://127.0.0.1:{port}/HUN1"
            process = await started(link, "--user", USER, "--password-file", secret, "--out", out, "--json")
            try:
                await until(lambda: any(out.glob("*.link.jsonl")) and "connected" in told(out), 20)
                begun_ns = time.time_ns()
                await feed.send(PIECES)
                await until(lambda: size(out) == len(SENT), 20)
                sent_ns = time.time_ns()
            finally:
                process.send_signal(signal.SIGINT)
                output, errors = await process.communicate()
    assert process.returncode == 0, errors
    (one,) = json.loads(output)["stations"]
    assert (one["station"], one["bytes"], one["dropped_bytes"], one["epochs"]) == ("HUN1", len(SENT), 0, 20)
    (recording,) = open_recordings([out])
    assert (recording.name, recording.data, recording.problems) == ("HUN1", SENT, ())
    arrival_ns = recording.arrivals[1]
    assert begun_ns - 10**8 <= arrival_ns[0] and arrival_ns[-1] <= sent_ns + 10**8
    assert (np.diff(arrival_ns) > 0).all()
    everything = [output, errors, *(path.read_bytes() for path in out.iterdir())]
    assert not any(PASSWORD.encode() in text for text in everything)


def told(out: Path) -> str:
    return "".join(path.read_text() for path in out.glob("*.link.jsonl"))


async def test_the_stations_of_a_configuration_for_a_time(tmp_path):
    """One that is refused makes the status 1, and is in the news; a disabled one is left out."""
    async with casting(GOOD=epochs, BAD=REFUSE) as caster:
        config = configure(tmp_path, caster.port, "GOOD", "BAD", "OFF")
        with (tmp_path / "stations/OFF.toml").open("a") as file:
            file.write("enabled = false\n")
        process = await started("-c", config, "--out", tmp_path / "out", "--seconds", 3)
        output, errors = (text.decode() for text in await process.communicate())
    assert process.returncode == 1, errors
    assert "GOOD" in output and "streaming" in output and "OFF" not in output
    assert "note: BAD: not one frame" in errors and "note: BAD: auth_failed" in errors
    names = {path.name.split("_")[0] for path in (tmp_path / "out").iterdir()}
    assert names == {"GOOD", "BAD", "network"}
    (recording,) = open_recordings([tmp_path / "out"])
    assert recording.name == "GOOD" and recording.size > 1000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "expected -c FILE or a LINK"),
        (("ntrip://u:geheim@h/M",), "LINK: expected a link without user and password"),
        (("gopher://h/M",), "LINK: expected a link that begins with"),
        (("tcp://h:1", "-c", "x.toml"), "expected one of them"),
        (("-c", "x.toml", "--user", "u"), "expected beside a LINK"),
        (("ntrip://h/M", "--password-file", "f"), "password_file: expected the key user beside it"),
        (("ntrip://h/M", "--user", "u", "--password-file", "f"), "expected a file that is there"),
        (("tcp://h:1", "--station", "a b"), 'command line: id = "a b": expected 1 to 32'),
        (("tcp://h:1", "--station", "a", "--station", "b"), "expected one name"),
        (("tcp://h:1", "--out", "file"), "--out file: "),
    ],
)
def test_what_cannot_be_recorded(monkeypatch, capsys, tmp_path, arguments, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    out = () if "--out" in arguments else ("--out", "out")
    done = ran(monkeypatch, capsys, "record", *arguments, *out)
    assert done.status == 2
    assert expected in done.err and "geheim" not in done.err
    assert not (tmp_path / "out").exists()
