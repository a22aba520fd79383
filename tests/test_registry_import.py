"""Filing tables of others against station files: headings, encodings, workbooks, mistakes, comments kept.

Tables are written by openpyxl, or by hand as bytes; station files are read again by the standard library's
tomllib.
"""

import io
import json
import re
import tomllib
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from cli_material import ran
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hncors.cli_ledger import login
from hncors.daemon import sheets
from hncors.daemon.ledger import Ledger, first_broken
from hncors.daemon.sheets import SheetRefused, read_table, rows_of_csv, rows_of_workbook
from hncors.registry import read_station
from hncors.supervise.cells import day, degrees, number, word, words, yes
from hncors.supervise.headings import COLUMNS, HEADINGS, plain
from hncors.supervise.station_text import NotEditable, edited, flat, value_text

HEADS = (
    "站号",
    "名称",
    "链路",
    "纬度（°）",
    "经度(°)*",
    "大地高(m)",
    "坐标系",
    "历元",
    "运营单位",
    "备案号",
    "备案日期",
)
FILED_ON = datetime(2025, 3, 1, 12)  # noqa: DTZ001  days of a workbook have no zone
ROW = ("ABCD", "长沙", "ntrip://127.0.0.1:2101/ABCD", 28.2, 112.95, 75.0, "CGCS2000", 2000.0, "甲单位", "F-1",
       FILED_ON)  # fmt: skip
EXISTING = """\
# a station / 站点
id = "ABCD"            # 站号
link = "ntrip://127.0.0.1:2101/ABCD"
name = "old # name"    # 名称
user = "monitor"
password_file = "secret"

[coordinates]          # 坐标
latitude_deg = 28.2
longitude_deg = 112.95
height_m = 75.0        # 大地高
frame = "CGCS2000"
epoch = 2000.0

# equipment
[receiver]
type = "RX"
"""


@pytest.fixture
def registry(monkeypatch, capsys, tmp_path):
    """Run `hncors registry ...`; `.json(...)` is what it printed."""
    config = tmp_path / "hncors.toml"
    config.write_text('stations = "stations"\n[ledger]\nfile = "ledger.sqlite3"\n')
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations/secret").write_text("x\n")

    def run(*arguments, status=0):
        done = ran(monkeypatch, capsys, "registry", *arguments, "-c", config)
        assert done.status == status, done.out + done.err
        return done

    run.json = lambda *arguments, **more: json.loads(run(*arguments, "--json", **more).out)
    run.folder = tmp_path
    run.stations = tmp_path / "stations"
    run.station = lambda id: tomllib.loads((run.stations / f"{id}.toml").read_text(encoding="utf-8"))
    run.ledger = tmp_path / "ledger.sqlite3"
    return run


def workbook(path: Path, *rows: tuple, title: str = "Sheet") -> Path:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def text_table(*rows: tuple, delimiter: str = ",") -> str:
    plain_rows = [
        [f"{cell:%Y-%m-%d}" if isinstance(cell, datetime) else str(cell) for cell in row] for row in rows
    ]
    return "\r\n".join(delimiter.join(row) for row in plain_rows) + "\r\n"


def wanted(station: dict) -> tuple:
    place, filing = station["coordinates"], station["filing"]
    return (station["id"], station["name"], station["link"], place["latitude_deg"], place["longitude_deg"],
            place["height_m"], place["frame"], place["epoch"], station["operator"], filing["number"],
            filing["filed_on"])  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("utf8.csv", text_table(HEADS, ROW).encode()),
        ("bom.csv", text_table(HEADS, ROW).encode("utf-8-sig")),
        ("gbk.csv", text_table(HEADS, ROW).encode("gbk")),
        ("semicolon.csv", text_table(HEADS, ROW, delimiter=";").encode("gb18030")),
        ("tab.csv", text_table(HEADS, ROW, delimiter="\t").encode()),
        ("title.csv", ("湖南省备案表\r\n\r\n" + text_table(HEADS, ROW)).encode("gbk")),
        ("quoted.csv", text_table(HEADS, ROW).replace("甲单位", '"甲单位"').encode()),
        ("book.xlsx", None),
    ],
)
def test_a_table_becomes_station_files(registry, name, data):
    file = registry.folder / name
    if data is None:
        workbook(file, ("湖南省备案表",), HEADS, ROW)
    else:
        file.write_bytes(data)
    told = registry.json("import", file)
    assert (told["added"], told["applied"], told["notes"]) == (["ABCD"], False, [])
    assert not (registry.stations / "ABCD.toml").exists()
    assert registry.json("import", file, "--apply")["applied"] is True
    assert wanted(registry.station("ABCD")) == (*ROW[:-1], date(2025, 3, 1))
    assert registry.json("import", file)["unchanged"] == ["ABCD"]
    assert registry.json("list")[0]["filing"]["filed_on"] == "2025-03-01"


def test_what_others_wrote_into_a_station_file_stays(registry):
    path = registry.stations / "changsha.toml"
    path.write_text(EXISTING, encoding="utf-8")
    heads = ("station", "name", "X", "Y", "Z", "frame", "epoch", "天线型号", "备案号", "remarks")
    station, _ = read_station(EXISTING, "s.toml")
    same = (*station.ecef_m, "CGCS2000", 2000)
    file = workbook(registry.folder / "a.xlsx", heads, ("ABCD", "new", *same, "ANT NONE", 17, "?"))
    told = registry.json("import", file)
    assert told["changed"] == {
        "ABCD": {
            "name": ["old # name", "new"], "antenna.type": ["", "ANT NONE"], "filing.number": ["", "17"],
            "place 位置": ["", "moves by 移动 0.000 m"],
        }
    }  # fmt: skip
    assert told["notes"] == [f"{file}: column remarks: not used"]
    registry("import", file, "--apply")
    assert (
        path.read_text(encoding="utf-8")
        == EXISTING.replace('name = "old # name"    # 名称', 'name = "new"  # 名称')
        + '\n[antenna]\ntype = "ANT NONE"\n\n[filing]\nnumber = "17"\n'
    )
    assert list(registry.stations.glob("*.toml")) == [path]


def test_a_place_in_another_form_replaces_the_old_one(registry):
    path = registry.stations / "ABCD.toml"
    path.write_text(EXISTING, encoding="utf-8")
    station, _ = read_station(EXISTING, "s.toml")
    x_m, y_m, z_m = station.ecef_m
    heads = ("站号", "X(m)", "Y(m)", "Z(m)", "坐标系", "历元")
    file = workbook(
        registry.folder / "a.xlsx", heads, ("ABCD", x_m + 3.0, y_m + 4.0, z_m, "2000国家大地坐标系", 2000)
    )
    told = registry("import", file).out
    assert "5.000 m" in told
    assert "28.20" not in told.replace("28.2 ", "")
    registry("import", file, "--apply")
    place = registry.station("ABCD")["coordinates"]
    assert place == {"x_m": x_m + 3.0, "y_m": y_m + 4.0, "z_m": z_m, "frame": "CGCS2000", "epoch": 2000.0}
    assert "[coordinates]          # 坐标" in path.read_text(encoding="utf-8")


def test_every_mistake_at_once(registry):
    rows = [
        ("ABCD", "长沙", "ntrip://h/A", "28.2N", 112.95, 75, "CGCS2000", 2000, "", "", "2025-02-30"),
        ("A B", "长沙", "ntrip://h/B", 28.2, 182.95, 75, "XYZ", 2000, "", "", ""),
        ("EFGH", "长沙", "http://h", 28.2, 112.95, "高", "", "", "", "", "yesterday"),
        ("EFGH", "", "ntrip://h/D", "", "", "", "", "", "", "", ""),
        ("", "nobody", "", "", "", "", "", "", "", "", ""),
        ("IJKL", "长沙", "", 28.2, 112.95, 75, "CGCS2000", 2000, "", "", ""),
        ("MNOP", "长沙", "ntrip://user:geheim@h/A", 28.2, 112.95, 75, "CGCS2000", 2000, "", "", ""),
    ]
    file = workbook(registry.folder / "bad.xlsx", HEADS, *rows)
    done = registry("import", file, "--apply", status=2)
    found = [line.removeprefix(f"{file}: ") for line in done.err.splitlines()]
    assert not list(registry.stations.glob("*.toml"))
    assert not registry.ledger.exists()
    assert "geheim" not in done.err
    for expected in (
        'row 2, column 纬度（°） = "28.2N": expected degrees such as 112.9512',
        'row 2, column 备案日期 = "2025-02-30": expected a day such as',
        'row 3: column 站号 (id) = "A B": expected 1 to 32 letters, digits, - and _',
        "row 3: column 经度(°)* (coordinates.longitude_deg) = 182.95: expected degrees from -180 to 180",
        'row 3: column 坐标系 (coordinates.frame) = "XYZ": expected one of CGCS2000',
        'row 4, column 大地高(m) = "高": expected a number such as 75.1',
        'row 4, column 备案日期 = "yesterday": expected a day',
        "row 4: coordinates.frame: missing: expected a column 坐标系 (frame), or --frame",
        "row 4: coordinates.epoch: missing: expected a column 历元 (epoch), or --epoch",
        'row 5: id = "EFGH": expected each station once: ',
        "row 6: id: missing: expected 站号 (id)",
        "row 7: link: missing: expected ntrip://",
        "row 8: column 链路 (link)",
    ):
        assert [line for line in found if line.replace(": column", ", column").startswith(
            expected.replace(": column", ", column"))], (expected, found)  # fmt: skip


def test_frame_epoch_and_link_for_the_whole_table(registry):
    file = workbook(
        registry.folder / "a.xlsx", ("站号", "B", "L", "H"), ("ABCD", "28°12'00\"", "112°57′", 75)
    )
    told = registry("import", file, status=2).err
    assert "--frame" in told and "--epoch" in told
    given = ("--frame", "CGCS2000", "--epoch", 2000, "--link", "ntrip://caster.example:2101/{id}")
    registry("import", file, *given, "--apply")
    station = registry.station("ABCD")
    assert station["link"] == "ntrip://caster.example:2101/ABCD"
    assert station["coordinates"] == {
        "latitude_deg": 28.2, "longitude_deg": 112.95, "height_m": 75.0, "frame": "CGCS2000", "epoch": 2000.0,
    }  # fmt: skip
    other = ("--frame", "CGCS2000", "--epoch", 2000, "--link", "ntrip://other.example/{id}")
    assert registry.json("import", file, *other)["unchanged"] == ["ABCD"]  # it has a link


def test_a_table_in_toml(registry):
    file = registry.folder / "all.toml"
    file.write_text(
        '[[station]]\nid = "A"\nlink = "tcp://127.0.0.1:1"\n[station.permit]\ntemporary = true\n'
        'begins = 2026-11-01\nends = 2026-11-30\nareas = ["岳麓区", "长沙县"]\n'
        '[[station]]\nid = "B"\nlink = "tcp://127.0.0.1:2"\n[station.signals]\nC = ["2I", "1P"]\n'
    )
    registry("import", file, "--apply")
    assert registry.station("A")["permit"]["areas"] == ["岳麓区", "长沙县"]
    assert registry.station("B")["signals"] == {"C": ["2I", "1P"]}
    assert registry.json("import", file)["unchanged"] == ["A", "B"]
    file.write_text('[[station]]\nid = "A"\nlnk = "tcp://127.0.0.1:1"\nx = 1\n')
    assert "station 1: lnk: unknown key: expected link?" in registry("import", file, status=2).err
    file.write_text("x = 1\n")
    assert "expected [[station]] tables" in registry("import", file, status=2).err


def test_the_history_holds_every_change(registry):
    file = registry.folder / "a.csv"
    file.write_bytes(text_table(HEADS, ROW).encode("gbk"))
    registry("import", file, "--apply")
    file.write_bytes(text_table(HEADS, ("ABCD", "株洲", *ROW[2:3], 28.25, *ROW[4:])).encode("gbk"))
    registry("import", file, "--apply")
    first, second = registry.json("history", "ABCD")
    assert (first["action"], second["action"]) == ("added", "changed")
    assert (second["actor"], second["role"], second["detail"]["source"]) == (login(), "supervisor", "a.csv")
    assert second["detail"]["keys"] == {"name": ["长沙", "株洲"], "coordinates.latitude_deg": [28.2, 28.25]}
    assert registry.json("history", "EFGH") == []
    assert "株洲" in registry("history").out
    ledger = Ledger(registry.ledger)
    assert first_broken(ledger.base, "registry_history") is None
    payloads = [row[0] for row in ledger.base.execute("SELECT payload FROM outbox")]
    assert payloads and not any("28." in text or "112." in text for text in payloads)
    ledger.close()


def test_places_are_coarse_unless_a_supervisor_asks(registry):
    path = registry.stations / "ABCD.toml"
    path.write_text(EXISTING.replace("28.2\n", "28.212345\n"), encoding="utf-8")
    file = workbook(
        registry.folder / "a.xlsx", ("站号", "纬度", "坐标系", "历元"), ("ABCD", 28.298765, "CGCS2000", 2000)
    )
    told = registry("import", file, "--apply").out
    told += registry("history").out + registry("show", "ABCD").out + json.dumps(registry.json("show", "ABCD"))
    assert not re.search(r"28\.2123|28\.2987", told)
    assert "28.3" in told
    assert registry.json("show", "ABCD", "--precise")["place"]["latitude_deg"] == 28.298765
    assert "28.298765" in registry("history", "--precise").out
    ledger = Ledger(registry.ledger)
    rows = ledger.base.execute("SELECT what FROM accesses ORDER BY number").fetchall()
    assert rows == [("station ABCD, precise",), ("history of all stations, precise",)]
    ledger.close()
    config = registry.folder / "hncors.toml"
    config.write_text(config.read_text() + f'operators = ["{login()}"]\n')
    assert "expected a supervisor" in registry("show", "ABCD", "--precise", status=2).err
    file = workbook(registry.folder / "a.xlsx", ("站号", "名称"), ("ABCD", "x"))
    assert "expected a supervisor" in registry("import", file, "--apply", status=2).err
    assert registry.station("ABCD")["name"] == "old # name"


def test_status_counts_by_operator(registry):
    for id, operator in (("A", "甲"), ("B", "甲"), ("C", "乙")):
        text = f'id = "{id}"\nlink = "tcp://127.0.0.1:{ord(id)}"\noperator = "{operator}"\n'
        (registry.stations / f"{id}.toml").write_text(text + '[filing]\nnumber = "1"\n')
    told = registry.json("status")
    assert (told["looked"], told["operators"]) == (None, {"甲": {"filed": 2}, "乙": {"filed": 1}})
    from hncors.daemon.ledger_registry import Stands, note_standing

    ledger = Ledger(registry.ledger)
    with ledger.writing() as base:
        note_standing(base, Stands("A", "filed_live", 1_795_000_000_000_000_000))
        note_standing(base, Stands("C", "moved", 1_795_000_000_000_000_000))
    ledger.close()
    told = registry.json("status", status=1)
    assert told["operators"] == {"甲": {"filed_live": 1, "filed": 1}, "乙": {"moved": 1}}
    assert [one["id"] for one in registry.json("list", "--status", "moved")] == ["C"]
    assert [one["id"] for one in registry.json("list", "--operator", "甲")] == ["A", "B"]
    assert "位置变动" in registry("list").out
    assert "expected one of filed," in registry("list", "--status", "lost", status=2).err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,link\nx,y\n", "no headings: expected a row of headings"),
        ("站号,id,名称\nA,A,x\n", "row 1: id has two columns: expected one"),
        ("", "no headings"),
        ("站号，名称\nA，B\n", "full-width commas between the headings"),
        ('站号,名称\n"A,B\n', "not CSV"),
        ("站号,名称\nA,\0\n", "not a table"),
    ],
)
def test_tables_that_are_none(registry, text, expected):
    file = registry.folder / "a.csv"
    file.write_text(text, encoding="utf-8")
    assert expected in registry("import", file, status=2).err


def packed(parts: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return data.getvalue()


def with_part(path: Path, name: str, change) -> bytes:
    """A workbook of openpyxl's with one part changed."""
    with zipfile.ZipFile(path) as book:
        parts = {part: book.read(part) for part in book.namelist()}
    parts[name] = change(parts[name])
    return packed(parts)


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>'


def test_hostile_workbooks(tmp_path):
    book = workbook(tmp_path / "a.xlsx", HEADS, ROW)
    sheet = "xl/worksheets/sheet1.xml"
    for data, expected in (
        (packed({"a.xml": bytes(sheets.MAX_UNPACKED + 1)}), "unpacks to more than"),
        (packed({f"{n}.xml": b"" for n in range(sheets.MAX_PARTS + 1)}), "unpacks to more than"),
        (with_part(book, sheet, lambda part: LAUGHS + part.partition(b"?>")[2]), "a document type"),
        (with_part(book, sheet, lambda part: part.decode().encode("utf-16")), "a document type"),
        (with_part(book, sheet, lambda part: part[:200]), "cannot be read"),
        (with_part(book, "xl/workbook.xml", lambda part: b"<x/>"), "expected .xlsx"),
        (packed({"hello.txt": b"x"}), "not a workbook"),
        (b"PK\x03\x04" + b"\xff" * 100, "not a workbook"),
    ):
        with pytest.raises(SheetRefused, match=expected):
            rows_of_workbook(data)
    with pytest.raises(SheetRefused, match='no sheet "x": expected one of Sheet'):
        rows_of_workbook(book.read_bytes(), "x")


def test_what_a_sheet_says_of_its_size_is_not_believed(tmp_path):
    book = workbook(tmp_path / "a.xlsx", HEADS, ROW)

    def far(part: bytes) -> bytes:
        return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', part).replace(
            b'r="2"', b'r="1048576"'
        )

    with pytest.raises(SheetRefused, match="more than 20000 rows"):
        rows_of_workbook(with_part(book, "xl/worksheets/sheet1.xml", far))
    with pytest.raises(SheetRefused, match="more than 200 columns"):
        rows_of_workbook(workbook(tmp_path / "b.xlsx", tuple(range(300))).read_bytes())


def test_formulas_are_not_worked_out(tmp_path):
    (_, row) = rows_of_workbook(workbook(tmp_path / "a.xlsx", ("id", "name"), ("A", "=1+1")).read_bytes())
    assert row.cells == ("A",)  # a formula that nobody has worked out has no value


def test_bounds_of_csv(monkeypatch, tmp_path):
    with pytest.raises(SheetRefused, match="not CSV: field larger than field limit"):
        rows_of_csv(b"id,name\nA," + b"x" * 5000 + b"\n")
    monkeypatch.setattr(sheets, "MAX_ROWS", 10)
    assert len(rows_of_csv(b"a\n" * 11)) == 11
    with pytest.raises(SheetRefused, match="more than 10 rows"):
        rows_of_csv(b"a\n" * 12)
    monkeypatch.setattr(sheets, "MAX_BYTES", 10)
    (tmp_path / "a.csv").write_bytes(b"x" * 11)
    with pytest.raises(SheetRefused, match="more than 0 MiB"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(SheetRefused, match="neither UTF-8 nor GBK"):
        rows_of_csv(b"\xff\xff\xff")
    with pytest.raises(SheetRefused, match='encoding "nonsense"'):
        rows_of_csv(b"x", "nonsense")


def test_hostile_cells_stay_text(registry):
    hostile = [
        "=cmd|' /C calc'!A0",
        '"; rm -rf /',
        "a\nb",
        "</td><script>",
        "\x1b[31mred",
        "\u202eevil",
        "[bold]x",
    ]
    rows = [(f"S{n}", text, f"tcp://127.0.0.1:{n + 1}") for n, text in enumerate(hostile)]
    csv_text = "站号,名称,链路\n" + "".join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows
    )
    file = registry.folder / "a.csv"
    file.write_text(csv_text, encoding="utf-8", newline="")
    told = registry("import", file, "--apply").out
    assert all(line.isprintable() for line in told.splitlines())
    for n, text in enumerate(hostile):
        assert registry.station(f"S{n}")["name"] == text.strip()
    assert all(line.isprintable() for line in registry("list").out.splitlines())


@pytest.mark.parametrize(
    ("reader", "cell", "value"),
    [
        (word, 17.0, "17"),
        (word, " x ", "x"),
        (number, "１２．５", 12.5),
        (number, "−3", -3.0),
        (degrees, "112°57′4.3″", 112 + 57 / 60 + 4.3 / 3600),
        (degrees, "112度57分4.3秒", 112 + 57 / 60 + 4.3 / 3600),
        (degrees, "-28°30'", -28.5),
        (degrees, 28, 28.0),
        (day, "2025年3月1日", date(2025, 3, 1)),
        (day, "2025/3/1", date(2025, 3, 1)),
        (day, FILED_ON, date(2025, 3, 1)),
        (yes, "是", True),
        (yes, "No", False),
        (words, "甲、乙，丙;丁", ["甲", "乙", "丙", "丁"]),
    ],
)
def test_cells(reader, cell, value):
    found = reader(cell)
    assert found == pytest.approx(value, abs=1e-11) if isinstance(value, float) else found == value


@pytest.mark.parametrize(
    ("reader", "cell"),
    [
        (word, True), (number, "1e5"), (number, "1,5"), (number, "12m"), (number, float("nan")),
        (number, True), (degrees, "112°60'"), (degrees, "112°57'60\""), (degrees, "N28"), (day, 45000),
        (day, "2025-13-01"),         (day, "1.3.2025"), (yes, "maybe"),
    ],
)  # fmt: skip
def test_cells_that_are_wrong(reader, cell):
    with pytest.raises(ValueError, match=r"[a-z]"):
        reader(cell)


def test_every_heading_is_of_one_key():
    assert set(HEADINGS.values()) == set(COLUMNS)
    for key, (_, names) in COLUMNS.items():
        assert {HEADINGS[plain(name)] for name in (key, *names.split())} == {key}
    assert plain("纬度（°）*") == plain(" 纬 度 [deg]") == "纬度"


WORDS = st.text("aZ #\"'\\\n\t\r=[],中é\x7f\x00😀", max_size=12)
SCALAR = st.one_of(
    WORDS,
    st.booleans(),
    st.floats(-1e6, 1e6).map(lambda value: value + 0.0),
    st.dates(date(1980, 1, 1), date(2100, 1, 1)),
    st.lists(WORDS, max_size=3),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(sorted(COLUMNS)), SCALAR, max_size=8))
def test_whatever_is_written_is_read_again(values):
    """By tomllib, whatever the values; comments of the file stay."""
    made = edited(EXISTING, values)
    assert flat(tomllib.loads(made)) == flat(tomllib.loads(EXISTING)) | values
    for comment in re.findall("# .*", EXISTING.replace("old # name", "")):
        assert comment in made
    assert edited(made, {}) == made


@pytest.mark.parametrize(
    "text",
    ['id = "A"\ncoordinates = { x_m = 1.0 }\n', 'id = """\nA"""\n', 'id = "A"\ncoordinates.x_m = 1.0\n'],
)
def test_a_file_written_in_another_way_is_refused(text):
    with pytest.raises(NotEditable):
        edited(text, {"id": "B", "coordinates.x_m": 2.0})


def test_values_as_toml_has_them():
    assert value_text('a"\\\x7f\n') == '"a\\"\\\\\\u007f\\n"'
    assert value_text([1.5, True, date(2025, 3, 1)]) == "[1.5, true, 2025-03-01]"
