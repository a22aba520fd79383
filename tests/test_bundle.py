"""A case's bundle: made from what was recorded, shown again elsewhere, and found out when it was changed.

The truth is the simulator's: one station that nobody filed, one whose reference point is wrong.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hncors.cli_bundle_parts import involved, windows
from hncors.cli_commands import app
from hncors.cli_recordings import configured, prepare, supervised
from hncors.daemon.bundle_making import BundleMaker, BundleRefused
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import add_finding, cases
from hncors.supervise.findings import Finding
from hncors.view.bundle import Found, compared, is_name, listed, wrong_manifest

SCENARIO = """
name = "bundle"
start = "2026-03-01T18:00:00"
seconds = 400
seed = 5
[network]
count = 4
interval_s = 5
station_s = 10
ephemeris_s = 60
[[stations]]
id = "WILD"
latitude_deg = 27.95
longitude_deg = 112.70
height_m = 90
filed = false
"""
LEDGER = '[ledger]\nfile = "ledger.sqlite3"\n[record]\nfolder = "recorded"\n'


def main(arguments: Sequence[str]) -> int:
    """A command as the console script runs it; its exit status."""
    with pytest.raises(SystemExit) as end:
        app(arguments, prog_name="hncors")
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, what was recorded, and a ledger with the case that came of it."""
    folder = tmp_path_factory.mktemp("office")
    scenario = folder / "scenario.toml"
    scenario.write_text(SCENARIO)
    made = folder / "made"
    assert main(["simulate", str(scenario), "--out", str(made)]) == 0
    recorded = folder / "recorded"
    recorded.mkdir()
    for path in [*made.glob("*.rtcm3"), *made.glob("*.tag")]:
        shutil.copy(path, recorded)
    shutil.copytree(made / "stations", folder / "stations")
    for path in (folder / "stations").glob("*.toml"):
        path.write_text(
            path.read_text().replace("rate_hz", 'user = "hncors"\npassword_file = "p"\nrate_hz', 1)
        )
    (folder / "stations/p").write_text("secret-horse\n")
    config = folder / "hncors.toml"
    config.write_text('stations = "stations"\n' + LEDGER)
    inputs = sorted(str(path) for path in recorded.glob("*.rtcm3"))
    plan = prepare(inputs, configured(config), (), None, supervised(config))
    with closing(Ledger(folder / "ledger.sqlite3")) as ledger:
        for era in plan.eras():
            for _ in era.play():
                pass
            judge: Any = era.network.judge
            with ledger.writing() as base:
                for found in judge.findings:
                    add_finding(base, found.finding)
        assert [case.subject for _, case in cases(ledger.base)] == ["WILD"]
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    def run(*arguments: object) -> tuple[int, Any]:
        capsys.readouterr()
        status = main([*map(str, arguments), "--json"])
        out = capsys.readouterr()
        return status, json.loads(out.out) if out.out else out.err

    return run


@pytest.fixture(scope="module")
def bundle(kept: Path) -> Path:
    out = kept / "case-1.zip"
    assert main(["cases", "bundle", "1", "--out", str(out), "-c", str(kept / "hncors.toml")]) == 0
    return out


def test_a_bundle_shows_its_findings_again_elsewhere(
    bundle: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    alone = Path(shutil.copy(bundle, tmp_path / "sent.zip"))
    status, told = run("cases", "verify", alone)
    assert status == 0 and told["wrong"] == [] and told["differs"] == []
    assert {"rule": "E2", "subject": "WILD", "strength": "strong"} in told["same"]
    names = zipfile.ZipFile(alone).namelist()
    assert {"map.svg", "report-1.html", "case.json", "policy.toml", "areas.geojson", "hncors.toml"} <= set(
        names
    )
    assert "recordings/1/WILD.rtcm3" in names and "recordings/1/WILD.rtcm3.tag" in names


def test_the_recordings_are_the_bytes_that_came(bundle: Path, kept: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        cut = archive.read("recordings/1/WILD.rtcm3")
    assert cut in (kept / "recorded/WILD.rtcm3").read_bytes() and len(cut) > 50_000


def test_no_secret_and_no_address_is_in_it(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            assert b"secret-horse" not in data and b"password_file" not in data, name
            assert b"127.0.0.1" not in data or name.endswith(".rtcm3"), name


def test_making_it_is_put_down(bundle: Path, kept: Path) -> None:
    with closing(Ledger(kept / "ledger.sqlite3")) as ledger:
        rows = ledger.base.execute("SELECT what FROM accesses").fetchall()
    assert ("bundle of case 1, precise",) in rows


async def test_the_daemon_makes_one_for_a_supervisor(kept: Path, tmp_path: Path) -> None:
    maker = BundleMaker(kept / "hncors.toml")
    made = await maker.make(1, tmp_path / "case.zip", "Zhang San")
    assert made.differs == 0 and made.same >= 1
    assert main(["cases", "verify", str(made.path)]) == 0
    with zipfile.ZipFile(made.path) as archive:
        text = archive.read("manifest.json")
    assert hashlib.sha256(text).hexdigest() == made.sha256
    assert json.loads(text)["by"] == "Zhang San"
    with closing(Ledger(kept / "ledger.sqlite3")) as ledger:
        rows = ledger.base.execute("SELECT actor, role, what FROM accesses ORDER BY number").fetchall()
    assert rows[-1] == ("Zhang San", "supervisor", "bundle of case 1, precise")
    with pytest.raises(BundleRefused, match="case 99"):
        await maker.make(99, tmp_path / "none.zip", "Zhang San")
    assert not (tmp_path / "none.zip").exists()


def test_nobody_but_the_ledgers_user_asks_for_others(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: (kept / "ledger.sqlite3").stat().st_uid + 4711)
    command = ["cases", "bundle", "1", "--out", str(tmp_path / "c.zip"), "-c", str(kept / "hncors.toml")]
    assert main([*command, "--asked-by", "Zhang San"]) == 2
    assert "--asked-by Zhang San: expected" in capsys.readouterr().err


def rewritten(bundle: Path, out: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out


def a_flipped_bit(files: dict[str, bytes]) -> None:
    data = bytearray(files["recordings/1/WILD.rtcm3"])
    data[len(data) // 2] ^= 1
    files["recordings/1/WILD.rtcm3"] = bytes(data)


def a_file_less(files: dict[str, bytes]) -> None:
    del files["map.svg"]


def a_file_more(files: dict[str, bytes]) -> None:
    files["more.txt"] = b"more"


def a_longer_file(files: dict[str, bytes]) -> None:
    files["map.svg"] += b"\0" * 1_000_000


def an_entry_changed(files: dict[str, bytes]) -> None:
    files["manifest.json"] = files["manifest.json"].replace(b'"size": ', b'"size": 1', 1)


def a_way_out(files: dict[str, bytes]) -> None:
    manifest = json.loads(files["manifest.json"])
    size, sha256 = 4, "0" * 64
    manifest["files"] = listed([("../../../tmp/out", size, sha256)])
    files["manifest.json"] = json.dumps(manifest).encode()
    files["../../../tmp/out"] = b"evil"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (a_flipped_bit, "recordings/1/WILD.rtcm3: not what was put in"),
        (a_file_less, "map.svg: missing"),
        (a_file_more, "more.txt: not in the manifest"),
        (a_longer_file, "map.svg: not what was put in"),
        (an_entry_changed, "its entry was changed"),
        (a_way_out, "expected names within the bundle"),
    ],
)
def test_what_was_changed_is_named(
    bundle: Path,
    tmp_path: Path,
    run: Callable[..., Any],
    change: Callable[[dict[str, bytes]], None],
    named: str,
) -> None:
    status, told = run("cases", "verify", rewritten(bundle, tmp_path / "changed.zip", change))
    assert status == 1 and len(told["wrong"]) == 1 and named in told["wrong"][0]
    assert told["same"] == []  # nothing of it is replayed
    assert not Path("/tmp/out").exists()


def test_a_finding_that_its_bytes_do_not_show_differs(
    bundle: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    """Sealed anew by whoever made it up: the chain holds, the replay does not."""

    def made_up(files: dict[str, bytes]) -> None:
        case = json.loads(files["case.json"])
        case["findings"].append(case["findings"][0] | {"rule": "E8", "strength": "decisive"})
        case["findings"].append(case["findings"][0] | {"rule": "E12", "strength": "medium"})
        files["case.json"] = json.dumps(case).encode()
        from hashlib import sha256

        manifest = json.loads(files["manifest.json"])
        names = [entry["name"] for entry in manifest["files"]]
        manifest["files"] = listed([(n, len(files[n]), sha256(files[n]).hexdigest()) for n in names])
        files["manifest.json"] = json.dumps(manifest).encode()

    status, told = run("cases", "verify", rewritten(bundle, tmp_path / "made-up.zip", made_up))
    assert status == 1 and told["wrong"] == []
    assert told["differs"] == [{"rule": "E8", "subject": "WILD", "strength": "decisive"}]
    assert told["not_replayed"] == [{"rule": "E12", "subject": "WILD", "strength": "medium"}]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"\0" * 100])
def test_what_is_no_bundle_is_refused(
    tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(data)
    assert main(["cases", "verify", str(path)]) == 2
    assert "expected a bundle made by hncors cases bundle" in capsys.readouterr().err


def test_an_archive_without_a_manifest_and_a_bomb_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"[" * 50_000_000)
    path = tmp_path / "bomb.zip"
    path.write_bytes(held.getvalue())
    assert path.stat().st_size < 100_000
    assert main(["cases", "verify", str(path)]) == 2
    assert "no manifest.json" in capsys.readouterr().err


def test_refusals_of_making(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["-c", str(kept / "hncors.toml")]
    for arguments, expected in (
        (["1", "--out", "a.tar"], "ends in .zip"),
        (["9", "--out", "a.zip"], "expected the number of a case"),
        (["1", "--out", str(tmp_path / "none/a.zip")], "expected a file to write"),
        (["1", "--out", "a.zip", "--recordings", str(tmp_path / "none")], "no recordings"),
    ):
        assert main(["cases", "bundle", *arguments, *config]) == 2
        assert expected in capsys.readouterr().err


def finding(rule: str, minutes: float, **more: Any) -> Finding:
    return Finding(f"{rule}{minutes}", rule, "strong", "A", int((1_000_000 + 60 * minutes) * 1e9), more)


def test_stretches_of_time_are_what_rules_have_to_see() -> None:
    spans = [
        (b / 6e10 - 1e6 / 60, e / 6e10 - 1e6 / 60)
        for b, e in windows([finding("E2", 100), finding("E4", 110)])
    ]
    assert [(round(b), round(e)) for b, e in spans] == [(80, 111)]
    spans = windows([finding("E2", 100), finding("E2", 500), finding("E17", 600)])
    assert [round((end - begin) / 6e10) for begin, end in spans] == [21, 76]  # of each rule the first


def test_stations_that_findings_name_are_in_it(kept: Path) -> None:
    stations: Any = configured(kept / "hncors.toml")
    names = [one.id for one in stations]
    found = [Finding("k", "E8", "decisive", "WILD", 1, {"like": {"station": names[0]}})]
    assert involved(found, stations)[:2] == ["WILD", names[0]]
    assert set(involved(found, stations)) == set(names)


def test_names_and_manifests_from_outside() -> None:
    assert is_name("recordings/1/A.rtcm3") and is_name("case.json")
    for name in (
        "../x",
        "/x",
        "a/../b",
        "a//b",
        "a\\b",
        "",
        ".hidden",
        "a/.b",
        "x" * 300,
        "a\0b",
        "con:",
        "站",
    ):
        assert not is_name(name), name
    good: dict[str, Any] = {"format": 1, "files": listed([("a", 1, "0" * 64)])}
    assert wrong_manifest(good) == ""
    entries = (
        good["files"],
        [1],
        [{}],
        good["files"] * 2,
        listed([("a", -1, "0")]),
        listed([("a", 1 << 40, "0")]),
    )
    for bad in (
        None,
        [],
        {},
        {"format": 1},
        good | {"format": 2},
        good | {"not_recorded": 1},
        *(good | {"files": its} for its in entries[1:]),
    ):
        assert wrong_manifest(bad)


def test_of_a_rule_every_strength_has_to_be_shown() -> None:
    kept = [Found("E4", "A", "medium"), Found("E4", "A", "strong"), Found("E1", "c/M", "weak")]
    made = compared(kept, [Found("E4", "A", "medium")], ())
    assert (made["same"], made["differs"], made["not_replayed"]) == ([kept[0]], [kept[1]], [kept[2]])
    made = compared(kept, [], (), ["A"])  # nothing is recorded of A
    assert (made["differs"], made["not_replayed"]) == ([], kept)
    pushed = [Found("E19", "A", "medium"), Found("E20", "B", "context")]
    made = compared(pushed, [], {"A"})  # who pushed B is not told
    assert (made["differs"], made["not_replayed"]) == ([pushed[0]], [pushed[1]])
