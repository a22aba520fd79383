"""A case about who pushes a stream: the bundle holds what was recorded of it, and shows the finding again.

The truth is what the test wrote into the recording's news: one source, and 150 s later another.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from detection_changes import EQUIPPED, number_of
from test_bundle import LEDGER, main

from hncors.cli_bundle_parts import NOBODY, sources
from hncors.cli_bundle_replay import told_of_sources
from hncors.cli_output import Refused
from hncors.cli_recordings import configured, supervised
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import add_finding, cases, findings
from hncors.daemon.record_folder import RecordFolder
from hncors.daemon.recorder import Recorder
from hncors.daemon.recording import open_recordings
from hncors.network import Chunk, Network
from hncors.origins import Origin
from hncors.replaying import TICK_NS
from hncors.rtcm3.framing import Framer
from hncors.supervise.judge import Judge
from hncors.supervise.sources import Pushed

SCENARIO = """
name = "sources"
start = "2026-03-01T18:00:00"
seconds = 400
seed = 5
[network]
count = 3
interval_s = 5
station_s = 10
ephemeris_s = 60
"""
PUSHED = "CSHA"
AFTER_NS = 150_000_000_000
FIRST, SECOND = Origin("192.0.2.7", "NTRIP LeicaGR50/4.50"), Origin("198.51.100.9", "NTRIP str2str/2.4.3")
REGIONS = "network,region\n192.0.2.0/24,湖南\n198.51.100.0/24,广西\n"
SUPERVISED = '[supervision]\nregions = "regions.csv"\npolicy = "limits.toml"\n'


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a daemon leaves it: configuration, what its recorder wrote, and a ledger with the case."""
    folder = tmp_path_factory.mktemp("office")
    write(folder / "scenario.toml", SCENARIO)
    made = folder / "made"
    assert main(["simulate", str(folder / "scenario.toml"), "--out", str(made)]) == 0
    shutil.copytree(made / "stations", folder / "stations")
    for path in (folder / "stations").glob("*.toml"):
        link = f'link = "push:///{path.stem}"'
        text = re.sub(r"^link = .*$", link, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        write(path, 'push_from = ["203.0.113.0/24"]\n' + text)
    write(folder / "regions.csv", REGIONS)
    write(folder / "limits.toml", 'home_regions = ["湖南"]\n')
    write(folder / "hncors.toml", 'stations = "stations"\n' + LEDGER + SUPERVISED + NOBODY)
    stations = configured(folder / "hncors.toml")
    network = Network(stations)
    judge = network.judge = Judge(len(stations), stations, *supervised(folder / "hncors.toml"))
    recorder = Recorder(RecordFolder(folder / "recorded"), quota_bytes=10**9, retention_days=9000)
    for tick_ns, chunks in itertools.groupby(came(made), due_ns):
        for chunk in chunks:
            recorder.note(chunk)
            network.feed(chunk)
        recorder.tick(tick_ns)
        network.tick(tick_ns)
    recorder.close()
    with closing(Ledger(folder / "ledger.sqlite3")) as ledger, ledger.writing() as base:
        for found in judge.findings:
            add_finding(base, found.finding)
    return folder


def due_ns(chunk: Chunk) -> int:
    """The tick that is the first to see it."""
    return -(-chunk.arrival_ns // TICK_NS) * TICK_NS


def came(made: Path) -> Iterator[Chunk]:
    """What the simulated stations sent but of their equipment, in order, and who pushed one of them."""
    every: list[Chunk] = []
    for recording in open_recordings(sorted(made.glob("*.rtcm3"))):
        sources = deque([FIRST, SECOND] if recording.name == PUSHED else [])
        began_ns = 0
        for data, at_ns in recording.chunks(1 << 20):
            assert at_ns is not None
            began_ns = began_ns or at_ns
            if sources and at_ns - began_ns >= AFTER_NS * (2 - len(sources)):
                told = Chunk(recording.name, b"", at_ns, "connected", "pushed", origin=sources.popleft())
                every.append(told)
            whole = Framer().feed(data)
            kept = (one for one in whole if number_of(one) not in EQUIPPED)
            every.append(Chunk(recording.name, b"".join(kept), at_ns))
    yield from sorted(every, key=lambda chunk: (chunk.arrival_ns, chunk.station))


@pytest.fixture(scope="module")
def bundle(kept: Path) -> Path:
    with closing(Ledger(kept / "ledger.sqlite3")) as ledger:
        (number,) = [number for number, case in cases(ledger.base) if case.subject == PUSHED]
    out = kept / "case.zip"
    assert main(["cases", "bundle", str(number), "--out", str(out), "-c", str(kept / "hncors.toml")]) == 0
    return out


def verified(bundle: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = main(["cases", "verify", str(bundle), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_rules_e19_and_e20_are_shown_again_elsewhere(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = verified(Path(shutil.copy(bundle, tmp_path / "sent.zip")), capsys)
    rules = {one["rule"]: one["subject"] for one in told["same"]}
    assert status == 0 and told["wrong"] == told["differs"] == told["not_replayed"] == []
    assert rules == {"E19": PUSHED, "E20": PUSHED}


def test_who_pushed_is_told_of_that_stream_alone(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        told = json.loads(archive.read("sources.json"))
        stations = [archive.read(one).decode() for one in archive.namelist() if one.startswith("stations/")]
    assert [[one[1:] for one in its["origins"]] for its in told.values()] == [
        [[FIRST.address, FIRST.agent, False], [SECOND.address, SECOND.agent, False]]
    ]
    assert list(told) == [PUSHED] and told[PUSHED]["origins"][0][0] < told[PUSHED]["origins"][1][0]
    assert [PUSHED in text for text in stations if "push_from" in text] == [True]


def test_without_who_pushed_it_cannot_be_replayed(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(kept, tmp_path / "office")
    for path in (tmp_path / "office/recorded").glob("*.link.jsonl"):
        path.unlink()
    config = str(tmp_path / "office/hncors.toml")
    assert main(["cases", "bundle", "1", "--out", str(tmp_path / "none.zip"), "-c", config]) == 0
    status, told = verified(tmp_path / "none.zip", capsys)
    assert status == 0 and {one["rule"] for one in told["not_replayed"]} == {"E19", "E20"}


@pytest.mark.parametrize("text", ["[]", "{", '{"A": {}}', '{"A": {"origins": [[1]], "serials": {}}}', "null"])
def test_sources_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    write(tmp_path / "sources.json", text)
    with pytest.raises(Refused, match=r"sources.json"):
        list(told_of_sources(tmp_path))


def test_what_is_in_the_ledger_goes_before_what_was_recorded(kept: Path) -> None:
    with closing(Ledger(kept / "ledger.sqlite3")) as ledger:
        found = [one for one in findings(ledger.base, 1) if one.subject == PUSHED]
    earlier = Origin("203.0.113.9", "NTRIP old", 5)
    later = earlier._replace(at_ns=1 << 62)
    (made,) = sources(kept / "recorded", [Pushed(PUSHED, (earlier, later), {earlier.address: "77"})], found)
    assert [one.address for one in made.origins] == [earlier.address, FIRST.address, SECOND.address]
    assert made.serials == {earlier.address: "77"}
