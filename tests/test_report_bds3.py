"""hncors report bds3 over a simulated network: what is delivered, usable, promised, as the truth has it."""

import csv
import io
import json
import re

import pytest
from cli_material import ran
from simulated import written
from test_equipment import SCENARIO

from hncors.cli_report_bds3 import KEYS


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *arguments: ran(monkeypatch, capsys, *arguments)


@pytest.fixture
def simulated(run, tmp_path):
    """Recordings, with station files that promise BeiDou-3; OLD has a receiver without it, NONE no BeiDou."""
    (tmp_path / "scenario.toml").write_text('name = "bds3"\n' + SCENARIO, encoding="utf-8")
    folder = tmp_path / "made"
    assert run("simulate", tmp_path / "scenario.toml", "--out", folder).status == 0
    for path in (folder / "stations").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        county = re.sub("^id = .*$", r"\g<0>" + '\ncounty = "岳麓区"', text, count=1, flags=re.M)
        county = county.replace('systems = "GE"', 'systems = "GEC"')
        path.write_text(county + '\n[signals]\nC = ["2I", "6I", "7I", "1P", "5P", "7D"]\n', encoding="utf-8")
    return folder


def recordings(folder):
    return sorted(folder.glob("*.rtcm3"))


def test_the_report_says_what_the_truth_does(run, simulated, tmp_path):
    out, before = tmp_path / "out", tmp_path / "before.json"
    earlier = {"date": "2025-03-02", "delivering": 0.25, "usable": 0.2, "domestic_receivers": None}
    before.write_text(json.dumps(earlier | {"domestic_antennas": 0.5}), encoding="utf-8")
    arguments = (*recordings(simulated), "-c", simulated / "hncors.toml", "--out", out, "--earlier", before)
    done = run("report", "bds3", *arguments, "--json")
    assert done.status == 1, done.err  # OLD and NONE promise what they do not send
    told = json.loads(done.out)
    truth = {one["id"]: one for one in written(simulated).records("station")}
    assert (told["date"], told["stations"]) == ("2026-03-02", len(truth))
    whole = [name for name in truth if name not in ("OLD", "NONE")]
    by_id = {one["station"]: one for one in told["by_station"]}
    rows = {
        row[0]: row for row in csv.reader(io.StringIO((out / "bds3.csv").read_text(encoding="utf-8-sig")))
    }
    heads = rows.pop("站号 station")
    assert set(rows) == set(truth)
    column = {name.rpartition(" ")[2] if name.count(" ") == 1 else name: at for at, name in enumerate(heads)}
    for name in whole:
        assert rows[name][column["missing"]] == ""
        assert rows[name][column["usable"]] == "是 yes"
        assert rows[name][column["receiver"]] == truth[name]["receiver"]
        assert rows[name][column["antenna"]] == truth[name]["antenna"]
        assert rows[name][column["county"]] == "岳麓区"
    assert rows["OLD"][column["missing"]] == "2I 6I 1P 5P 7D"  # not B2I, which BeiDou-3 does not send
    assert "BeiDou-2 only" in rows["OLD"][heads.index("不可用原因 why not")]
    assert "no BeiDou" in rows["NONE"][heads.index("不可用原因 why not")]
    assert told["delivering"] == told["usable"] == round(len(whole) / len(truth), 4)
    assert told["promised_delivered"] == round(len(whole) / len(truth), 4)
    domestic = [name for name, one in truth.items() if one["receiver"].split()[0] not in ("TRIMBLE", "SEPT")]
    assert told["domestic_receivers"] == round(len(domestic) / len(truth), 4)
    assert json.loads((out / "bds3.json").read_text(encoding="utf-8")).keys() >= set(KEYS)
    page = (out / "bds3.html").read_text(encoding="utf-8")
    assert "2025-03-02" in page  # the progress since then
    assert "华测导航" in page
    assert "<script" not in page
    assert "http" not in re.sub(r'http-equiv|xmlns="[^"]*"', "", page)  # needs nothing from elsewhere
    for one in truth.values():  # no precise place
        assert not any(f"{value:.3f}" in page for value in one["ecef_m"])
    assert by_id["OLD"]["use"] == "no_bds3"
    assert by_id["OLD"]["missing"] == ["2I", "6I", "1P", "5P", "7D"]


def test_promises_kept_are_status_0_and_mistakes_are_2(run, simulated, tmp_path):
    good = [path for path in recordings(simulated) if path.stem not in ("OLD", "NONE")]
    done = run("report", "bds3", *good, "-c", simulated / "hncors.toml", "--out", tmp_path / "out")
    assert done.status == 0, done.err
    assert "已播发 delivered: 100.0%" in done.out
    bad = tmp_path / "bad.json"
    for text in ("[]", "{", '{"date": "x", "usable": 7}'):
        bad.write_text(text, encoding="utf-8")
        done = run("report", "bds3", good[0], "--out", tmp_path / "out", "--earlier", bad)
        assert done.status == 2
        assert "expected a bds3.json of an earlier report" in done.err


def test_what_a_station_says_of_itself_is_text(run, simulated, tmp_path):
    from hncors.equipment import receiver_maker
    from hncors.view.bds3_report import Line, figures, page, to_csv

    name = '=cmd()"><script>alert(1)</script>'
    one = Line(
        "S",
        name,
        name,
        name,
        1,
        0,
        None,
        None,
        ("1P",),
        (),
        name,
        name,
        name,
        {"receiver": receiver_maker(name)},
    )
    told = page([one], figures([one], "2026-01-01"), [])
    assert "<script>alert" not in told
    assert "'=cmd()" in to_csv([one])
