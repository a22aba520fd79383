"""hncors cases: a case from its first lead to its end, who may do what, and what is shown to whom."""

import csv
import io
import json
import re

import pytest
from cli_material import ran

from hncors.cli_ledger import login, role_of
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import add_finding
from hncors.settings import Ledger as LedgerSettings
from hncors.supervise.findings import Finding
from hncors.supervise.secrecy import coarse
from hncors.view.sheet import csv_text

NOW_NS = 1_795_000_000_000_000_000
PLACE_M = [-2191234.567, 5181234.567, 2993210.123]  # invented, on the ground near Changsha


@pytest.fixture
def hncors(monkeypatch, capsys, tmp_path):
    """Run `hncors cases ...` with a configuration of its own; `.json(...)` gives what it printed."""
    config = tmp_path / "hncors.toml"
    config.write_text('stations = "stations"\n[ledger]\nfile = "ledger.sqlite3"\n')

    monkeypatch.setattr("hncors.cli_ledger.now_ns", lambda: NOW_NS + 8 * 86_400 * 10**9)  # 2026-11-26

    def run(*arguments, status=0):
        done = ran(monkeypatch, capsys, "cases", *arguments, "-c", config)
        assert done.status == status, done.out + done.err
        return done

    run.json = lambda *arguments, **more: json.loads(run(*arguments, "--json", **more).out)
    run.config = config
    run.ledger = tmp_path / "ledger.sqlite3"
    return run


def found(hncors, *findings):
    ledger = Ledger(hncors.ledger)
    with ledger.writing() as base:
        for one in findings:
            add_finding(base, one)
    ledger.close()


def lead(number=1, subject="caster.example/M1", **inputs):
    return Finding(f"k{number}", "E2", "strong", subject, NOW_NS + number, inputs, county="岳麓区")


def test_from_a_lead_to_its_end(hncors):
    found(hncors, lead(distance_m=120.5))
    assert hncors.json("examine", 1)["state"] == "verifying"
    assert hncors.json("assign", 1, "liu")["owner"] == "liu"
    assert hncors.json("dispatch", 1, "长沙县")["county"] == "长沙县"
    confirmed = hncors.json(
        "confirm", 1, "antenna on the roof", "--checked-on", "2026-11-20", "--by", "zhang"
    )
    assert (confirmed["standing"], confirmed["state"]) == ("confirmed", "dispatched")
    assert hncors.json("handle", 1, "switched off", "--by", "zhang")["handled"]
    assert hncors.json("note", 1, "fine")["state"] == "handled"
    closed = hncors.json("close", 1, "gone")
    assert (closed["state"], closed["overdue"]) == ("signed_off", "")
    assert hncors.json("reopen", 1, "live again")["state"] == "reopened"
    assert hncors.json("close", 1, "a typing error", "--rejected", "typing_error")["reason"] == "typing_error"
    whole = hncors.json("show", 1)
    actions = [step["action"] for step in whole["trail"]]
    assert actions == ["open", "examine", "assign", "dispatch", "confirm", "handle", "note", "sign_off",
                       "reopen", "reject"]  # fmt: skip
    assert [step["actor"] for step in whole["trail"]] == ["hncors"] + [login()] * 9
    assert whole["trail"][4]["detail"]["by"] == "zhang"
    assert whole["findings"][0]["inputs"] == {"distance_m": 120.5}
    assert hncors.json("audit")["wrong"] == []
    assert hncors.json("list") == []
    assert [case["id"] for case in hncors.json("list", "--all")] == [1]
    text = hncors("show", 1).out
    assert "已排除 rejected" in text
    assert "登记笔误" in text
    assert "实地核查属实" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sign-off", "1", "x"], "sign_off of a case that is discovered: expected handled"),
        (["note", "7", "x"], "case 7: expected the number of a case"),
        (["note", "1", ""], "note: expected text"),
        (["reject", "1", "because", "x"], "reject: reason because: expected one of authorised_relay, "),
        (
            ["confirm", "1", "x", "--checked-on", "20.11.2026"],
            '--checked-on "20.11.2026": expected a day such as',
        ),
        (["confirm", "1", "x", "--checked-on", "2999-01-01"], "expected a day that is not to come"),
        (["list", "--state", "lost"], '--state "lost": expected one of discovered, '),
        (["list", "--month", "2026-13"], '--month "2026-13": expected a month such as 2026-11'),
        (["export", "--out", "x.pdf"], "--out x.pdf: expected a name that ends in .csv or .json"),
        (["export", "--out", "x.csv", "--precise"], "--precise: expected --out NAME.json"),
        (["attach", "1", "nowhere.jpg"], "nowhere.jpg: No such file or directory: expected a file"),
        (["note", "1", "x" * 5000], "text: more than 4000 characters"),
    ],
)
def test_what_cannot_be_done(hncors, arguments, said):
    found(hncors, lead())
    done = hncors(*arguments, status=2)
    assert said in done.err
    assert done.out == ""
    assert len(hncors.json("show", 1)["trail"]) == 1


def test_a_list_is_wrong_where_a_case_is_overdue(hncors):
    found(hncors, lead(1), lead(2, "S2")._replace(at_ns=NOW_NS - 90 * 86_400 * 10**9))
    late = hncors.json("list", "--overdue", status=1)
    assert [(case["id"], case["overdue"]) for case in late] == [(2, "clear")]
    assert hncors.json("list", "--month", "2026-11")[0]["id"] == 1
    assert hncors.json("list", "--county", "nowhere") == []
    told = hncors("list", status=1).out
    assert "逾期未清零" in told and "clear" in told and "discovered" in told


def test_roles_are_those_of_the_configuration(hncors, monkeypatch):
    found(hncors, lead())
    settings = LedgerSettings(file="x", supervisors=["wang"], operators=["liu"], counties=["zhao"])
    assert [role_of(name, settings) for name in ("wang", "liu", "zhao", "li")] == [
        "supervisor", "operator", "county", "",
    ]  # fmt: skip
    assert role_of("anybody", LedgerSettings(file="x")) == "supervisor"
    hncors.config.write_text(hncors.config.read_text() + f'operators = ["{login()}"]\n')
    assert hncors.json("examine", 1)["state"] == "verifying"
    done = hncors("dispatch", 1, "长沙县", status=2)
    assert f"dispatch by {login()} (operator): expected supervisor" in done.err
    hncors.config.write_text(hncors.config.read_text().replace("operators", "counties"))
    assert f"examine by {login()} (county)" in hncors("examine", 1, status=2).err
    assert "expected a supervisor" in hncors("show", 1, "--precise", status=2).err


def test_precise_places_are_for_supervisors_and_that_is_put_down(hncors, tmp_path):
    found(hncors, lead(arp_m=PLACE_M, latitude_deg=28.123456, x_m=PLACE_M[0], height_m=75.123))
    out = tmp_path / "cases.json"
    for told in (hncors("show", 1).out, json.dumps(hncors.json("show", 1))):
        assert not re.search(r"2191234|5181234|28\.1234|75\.123", told)
        assert "28.12" in told
    hncors("export", "--out", out)
    assert not re.search(r"2191234|5181234|28\.1234|75\.123", out.read_text())
    ledger = Ledger(hncors.ledger)
    assert ledger.base.execute("SELECT count(*) FROM accesses").fetchone() == (0,)
    assert hncors.json("show", 1, "--precise")["findings"][0]["inputs"]["arp_m"] == PLACE_M
    hncors("export", "--out", out, "--precise")
    assert "28.123456" in out.read_text()
    rows = ledger.base.execute("SELECT actor, role, what FROM accesses ORDER BY number").fetchall()
    assert rows == [
        (login(), "supervisor", "case 1, precise"),
        (login(), "supervisor", "export of 1 cases, precise"),
    ]
    ledger.close()


def test_what_is_coarse():
    assert coarse({"a_deg": 1.23456, "height_m": 3.0, "arp_height_m": 2, "offset_m": 1.5, "n": [1, 2]}) == {
        "a_deg": 1.23, "height_m": "withheld", "arp_height_m": "withheld", "offset_m": 1.5, "n": [1, 2],
    }  # fmt: skip
    assert coarse({"arps": [PLACE_M, PLACE_M], "text": "x"}) == {"arps": ["withheld"] * 2, "text": "x"}


HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    "a\nb",
    'a"b',
    "长沙",
    "\x1b[31m",
    "a,b",
]


def test_a_table_for_excel(hncors, tmp_path):
    """Read again by the standard library's csv, which is not what wrote the escapes."""
    found(hncors, *(lead(number, subject) for number, subject in enumerate(HOSTILE)))
    out = tmp_path / "cases.csv"
    assert hncors.json("export", "--out", out) == {"file": str(out), "cases": len(HOSTILE), "precise": False}
    data = out.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows[0][:4] == ["编号 id", "对象 subject", "区县 county", "状态 state"]
    assert len(rows) == len(HOSTILE) + 1
    for row in rows:
        for text in row:
            assert text.isprintable()
            assert not text.lstrip().startswith(tuple("=+-@＝＋－＠"))
    assert rows[1][1] == "'=1+1"
    assert rows[11][1:4] == ["长沙", "岳麓区", "已发现 discovered"]


def test_numbers_stay_numbers():
    assert csv_text(["a"], [[-1.5], [None], ["-1.5"]]) == "\ufeffa\r\n-1.5\r\n\r\n'-1.5\r\n".replace(
        "\r\n\r\n'", '\r\n""\r\n\''
    )


def test_attachments_are_kept_under_their_hash(hncors, tmp_path):
    """The hash of the empty file and of "abc" as FIPS 180-2 and NIST give them."""
    found(hncors, lead())
    (tmp_path / "=x.txt").write_bytes(b"abc")
    told = hncors.json("attach", 1, tmp_path / "=x.txt")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert told == {"case": 1, "name": "=x.txt", "size": 3, "sha256": sha256}
    assert hncors.json("show", 1)["attachments"] == [{"name": "=x.txt", "size": 3, "sha256": sha256}]
    (kept,) = (path for path in tmp_path.glob("ledger.sqlite3.files/*/*"))
    assert kept.read_bytes() == b"abc"
    assert hncors.json("audit")["wrong"] == []
    kept.write_bytes(b"abd")
    assert hncors.json("audit", status=1)["wrong"] == [
        "case 1: attachment =x.txt: missing, or not what was attached"
    ]


def test_an_audit_finds_what_was_changed(hncors):
    found(hncors, lead(1), lead(2))
    assert hncors.json("audit")["steps"] == 2
    ledger = Ledger(hncors.ledger)
    ledger.base.execute("UPDATE cases SET state = 'signed_off'")
    ledger.base.execute("DROP TRIGGER case_events_no_DELETE")
    ledger.base.execute("DELETE FROM case_events WHERE number = 1")
    ledger.close()
    wrong = hncors.json("audit", status=1)["wrong"]
    assert wrong[0].startswith("case_events: entry 1 is not what was written")
    assert wrong[1] == "case 1: is not what its steps make of it"


def test_the_ledger_has_to_be_named_and_whole(monkeypatch, capsys, hncors, tmp_path):
    hncors.config.write_text('stations = "stations"\n')
    assert "ledger: missing: expected a table [ledger] with file" in hncors("list", status=2).err
    monkeypatch.chdir(tmp_path)
    assert ran(monkeypatch, capsys, "cases", "list", "--ledger", "new.sqlite3", "--json").out == "[]\n"
    (tmp_path / "new.sqlite3").write_bytes(b"not a database" * 1000)
    done = ran(monkeypatch, capsys, "cases", "list", "--ledger", "new.sqlite3")
    assert (done.status, "damaged" in done.err) == (2, True)
    assert (tmp_path / "new.sqlite3").read_bytes() == b"not a database" * 1000
    hncors.config.unlink()
    done = ran(monkeypatch, capsys, "cases", "list")
    assert (done.status, "no configuration: expected -c FILE" in done.err) == (2, True)


def test_the_software_never_says_that_anything_is_illegal(hncors):
    found(hncors, lead())
    texts = hncors("list").out + hncors("show", 1).out + hncors("show", 1, "--json").out
    assert not re.search("illegal|非法|违法|unlawful", texts, re.IGNORECASE)
