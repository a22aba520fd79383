"""Station files: what is read from them, and every problem at once."""

import dataclasses
import math
import tomllib
from datetime import date
from pathlib import Path

import pytest

from hncors.registry import Link, doubts, parse_link, read_station, read_stations

ROOT = Path(__file__).parents[1]
SMALLEST = 'id = "ABCD"\nlink = "ntrip://127.0.0.1:2101/MOUNT"\n'


def problems(text: str) -> list[str]:
    station, found = read_station(text, "stations/ABCD.toml")
    assert (station is None) == bool(found)
    assert all(line.isprintable() and line.startswith("stations/ABCD.toml: ") for line in found)
    return found


def test_the_smallest_station():
    station, found = read_station(SMALLEST, "stations/ABCD.toml")
    assert found == []
    assert (station.id, station.link, station.file) == (
        "ABCD",
        "ntrip://127.0.0.1:2101/MOUNT",
        "stations/ABCD.toml",
    )
    assert station.rate_hz is None
    assert station.ecef_m is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        station.id = "EFGH"


def test_a_whole_station():
    text = SMALLEST + (
        'user = "monitor"\npassword_file = "caster.password"\nrate_hz = 1\nname = "长沙"\nsystems = "GREC"\n'
        "[coordinates]\nx_m = -2193480\ny_m = 5180078.9\nz_m = 2996094.7\n"
        'frame = "CGCS2000"\nepoch = 2000.0\n'
    )
    station, found = read_station(text, "s.toml")
    assert found == []
    assert (station.user, station.password_file, station.rate_hz) == ("monitor", "caster.password", 1.0)
    assert (station.name, station.systems, station.frame, station.epoch) == (
        "长沙",
        "GREC",
        "CGCS2000",
        2000.0,
    )
    assert station.ecef_m == (-2193480.0, 5180078.9, 2996094.7)


def test_every_error_at_once():
    text = """
        id = "A B"
        rate_hz = -1
        ratehz = 1
        ntrip_version = 3
        enabled = "yes"
        systems = "GG"
        name = 5
        [coordinates]
        x_m = "1"
        frame = "XYZ"
        epoch = 1066
    """
    assert sorted(line.removeprefix("stations/ABCD.toml: ") for line in problems(text)) == [
        "coordinates.epoch = 1066: expected a decimal year from 1980 to 2100",
        'coordinates.frame = "XYZ": expected one of CGCS2000, ITRF97, ITRF2008, ITRF2014, ITRF2020, WGS84',
        'coordinates.x_m = "1": expected metres from -6400000 to 6400000',
        "coordinates: has x_m: expected x_m, y_m, z_m, or latitude_deg, longitude_deg, height_m",
        'enabled = "yes": expected true or false',
        'id = "A B": expected 1 to 32 letters, digits, - and _',
        "link: missing: expected ntrip://, ntrips://, tcp://, push:///, serial:/// or file:///",
        "name = 5: expected text of at most 80 characters",
        "ntrip_version = 3: expected 1 or 2",
        "rate_hz = -1: expected a number from 0.01 to 100",
        "ratehz: unknown key: expected rate_hz?",
        'systems = "GG": expected letters of "GRESJCI", each once',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALLEST.replace("ABCD", ""), 'id = "": expected 1 to 32 letters'),
        (SMALLEST.replace("ABCD", "A\\n"), 'id = "A\\\\n": expected 1 to 32 letters'),
        (SMALLEST.replace("ABCD", "长沙"), 'id = "长沙": expected 1 to 32 letters'),
        (SMALLEST + 'password_file = "p"', "password_file: expected the key user beside it"),
        (
            'id = "A"\nlink = "tcp://h:1"\nuser = "u"',
            "user: expected no user: only casters ask for one",
        ),
        (SMALLEST + "coordinates = 3", "coordinates = 3: expected a table"),
        (
            SMALLEST + '[coordinates]\nx_m = 0\ny_m = 0\nz_m = 0\nframe = "WGS84"\nepoch = 2000',
            "coordinates = (0.0, 0.0, 0.0): expected a place on the Earth's surface",
        ),
    ],
)
def test_one_clear_line(text, expected):
    assert [line.removeprefix("stations/ABCD.toml: ")[: len(expected)] for line in problems(text)] == [
        expected
    ]


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("ntrip://caster.example:2102/CSHA", Link("ntrip", "caster.example", 2102, "CSHA")),
        ("ntrip://caster.example/CSHA0-1_x.y", Link("ntrip", "caster.example", 2101, "CSHA0-1_x.y")),
        ("ntrip://[2001:db8::1]:2101/A", Link("ntrip", "2001:db8::1", 2101, "A")),
        ("ntrips://caster.example:443/A", Link("ntrips", "caster.example", 443, "A")),
        ("tcp://192.0.2.7:5017", Link("tcp", "192.0.2.7", 5017)),
        ("serial:///dev/ttyUSB0?baud=9600", Link("serial", path="/dev/ttyUSB0", baud=9600)),
        ("serial:///dev/serial/by-id/x", Link("serial", path="/dev/serial/by-id/x", baud=115200)),
        ("file:///data/a%20b.rtcm3", Link("file", path="/data/a b.rtcm3")),
    ],
)
def test_links(text, link):
    assert parse_link(text) == link


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "begins with"),
        ("http://h/A", "begins with"),
        ("caster:2101/A", "begins with"),
        ("ntrip://h:2101", "MOUNTPOINT"),
        ("ntrip://h:2101/", "MOUNTPOINT"),
        ("ntrip://h:2101/A/B", "MOUNTPOINT"),
        ("ntrip://h:2101/%0d%0aX", "MOUNTPOINT"),
        ("ntrip:///A", "MOUNTPOINT"),
        ("ntrip://h:99999/A", "valid host and port"),
        ("ntrip://h:x/A", "valid host and port"),
        ("ntrip://[::1/A", "valid host and port"),
        ("ntrip://h/A?x=1", r"without \?"),
        ("ntrip://h/A B", "blanks"),
        ("ntrip://h/长沙", "ASCII"),
        ("ntrip://h/A\n", "printable"),
        ("ntrip://h/" + "A" * 3000, "2048"),
        ("ntrips://h/A", "no port of its own"),
        ("tcp://h", "tcp://HOST:PORT"),
        ("tcp://h:1/A", "tcp://HOST:PORT"),
        ("serial://dev/ttyS0", "serial:///dev/NAME"),
        ("serial:dev/ttyS0", "serial:///dev/NAME"),
        ("serial:///dev/ttyS0?baud=fast", "serial:///dev/NAME"),
        ("serial:///dev/ttyS0?baud=12345", "baud rate"),
        ("serial:///dev/ttyS0?parity=odd", "serial:///dev/NAME"),
        ("file://data/x", "whole path"),
        ("file:///", "whole path"),
    ],
)
def test_links_that_are_none(text, expected):
    with pytest.raises(ValueError, match=expected):
        parse_link(text)


@pytest.mark.parametrize(
    "link",
    [
        "ntrip://me:geheim@h:2101/A",
        "ntrip://me:ge/heim@h:2101/A",
        "ntrip://me:ge?heim@h:2101/A",
        "ntrip://me:ge#heim@h:2101/A",
        "ntrip://me:99heim@h/A",
        "ntrip://h:2101/A?password=geheim",
        "ntrip://h:2101/A#geheim",
        "ntrip://:geheim@h/A B",
        "tcp://geheim@h:1",
    ],
)
def test_a_password_in_a_link_is_refused_and_not_shown(link):
    found = problems(f'id = "A"\nlink = "{link}"\n')
    assert len(found) == 1
    assert "heim" not in found[0]
    assert "***" in found[0]


def test_a_password_in_other_places_is_not_shown():
    found = problems(SMALLEST + 'user = "me:geheim"\npassword = "geheim"\n')
    assert len(found) == 2
    assert not any("geheim" in line for line in found)


def test_two_stations_with_one_id_name_both_files():
    stations, found = read_stations({"s/A.toml": SMALLEST, "s/B.toml": SMALLEST, "s/C.toml": "id = 1"})
    assert [station.file for station in stations] == ["s/A.toml"]
    assert found[0] == 's/B.toml: id = "ABCD": expected an id of its own: s/A.toml has it too'
    assert len(found) == 3  # the third file's two problems come as well


GEODETIC = "latitude_deg = 28.2\nlongitude_deg = 112.95\nheight_m = 75.0\n"
WHOLE = (
    SMALLEST
    + """
invented = true
systems = "GC"
[coordinates]
latitude_deg = 28.2
longitude_deg = 112.95
height_m = 75.0
frame = "CGCS2000"
epoch = 2000.0
[signals]
G = ["1C", "5Q"]
C = ["2I", "1P"]
[receiver]
type = "EXAMPLE RX"
serial = "0001"
firmware = "1.0"
[antenna]
type = "EXAMPLE ANT     NONE"
serial = "0002"
[filing]
number = "X-1"
filed_on = 2025-03-01
in_service_on = 2025-04-01
[permit]
number = "P-1"
begins = 2025-03-01
ends = 2028-02-29
"""
)


def test_a_station_with_everything_filed():
    station, found = read_station(WHOLE, "s.toml")
    assert found == []
    assert station.invented
    assert station.signals == {"G": ("1C", "5Q"), "C": ("2I", "1P")}
    assert (station.receiver.type, station.antenna.serial) == ("EXAMPLE RX", "0002")
    assert (station.filing.filed_on, station.permit.ends) == (date(2025, 3, 1), date(2028, 2, 29))


def test_either_form_of_coordinates_is_the_same_place():
    """Expected: EPSG method 9602 (geographic to geocentric), written out."""
    station, _ = read_station(WHOLE, "s.toml")
    sine, cosine = math.sin(28.2 * math.pi / 180), math.cos(28.2 * math.pi / 180)
    squared = 2 / 298.257222101 - 1 / 298.257222101**2
    normal_m = 6378137 / math.sqrt(1 - squared * sine**2)
    east = 112.95 * math.pi / 180
    out_m = (normal_m + 75) * cosine
    expected = (out_m * math.cos(east), out_m * math.sin(east), (normal_m * (1 - squared) + 75) * sine)
    assert math.dist(station.ecef_m, expected) < 1e-6
    x_m, y_m, z_m = expected
    cartesian = f"x_m = {x_m}\ny_m = {y_m}\nz_m = {z_m}\n"
    text = WHOLE.replace(GEODETIC, cartesian)
    other, found = read_station(text, "s.toml")
    assert found == []
    assert math.dist(other.ecef_m, station.ecef_m) < 1e-6


@pytest.mark.parametrize(
    ("change", "to", "expected"),
    [
        ("height_m = 75.0\n", "", "coordinates: has latitude_deg, longitude_deg: expected x_m, y_m,"),
        ("height_m = 75.0", "x_m = 1", "coordinates: has x_m, latitude_deg, longitude_deg: expected"),
        (GEODETIC, "", "coordinates: has neither: expected"),
        ("28.2", "91", "coordinates.latitude_deg = 91: expected degrees from -90 to 90"),
        ('"5Q"', '"5P"', "signals.G = an array: expected RINEX codes, each once, out of 1C 1L"),
        ('"1C", "5Q"', '"1C", "1C"', "signals.G = an array: expected RINEX codes, each once"),
        ('"GC"', '"G"', 'systems = "G": expected also "C", whose signals are listed'),
        ("2025-03-01\nin_", '"today"\nin_', 'filing.filed_on = "today": expected a date such as 2025-03-01'),
        ("2028-02-29", "2024-02-29", "permit.ends = 2024-02-29: expected no day before permit.begins"),
        ("[permit]", "[permits]", "permits: unknown key: expected permit?"),
    ],
)  # fmt: skip
def test_what_is_filed_is_checked(change, to, expected):
    (found,) = problems(WHOLE.replace(change, to, 1))
    assert found.removeprefix("stations/ABCD.toml: ")[: len(expected)] == expected


def test_two_stations_on_one_stream_and_a_permit_that_is_over_are_doubtful():
    texts = {
        "a": 'id = "A"\nlink = "ntrip://h:2101/X"\n[permit]\nends = 2026-01-01',
        "b": 'id = "B"\nlink = "ntrips://h:2101/X"',
        "c": 'id = "C"\nlink = "ntrip://h:2101/Y"',
        "d": 'id = "D"\nlink = "ntrip://h:2101/X"\nenabled = false',
        "e": 'id = "E"\nlink = "serial:///dev/ttyS0"',
        "f": 'id = "F"\nlink = "serial:///dev/ttyS0?baud=9600"',
    }
    stations, found = read_stations(texts)
    assert found == []
    assert list(doubts(stations, date(2026, 1, 1))) == [
        'b: link = "ntrips://h:2101/X": expected a stream of its own: A has it too',
        'f: link = "serial:///dev/ttyS0?baud=9600": expected a stream of its own: E has it too',
    ]
    assert list(doubts(stations[:1], date(2026, 1, 2))) == [
        "a: permit.ends = 2026-01-01: expected a day that is not past"
    ]


PREFECTURES = "长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 湘西"


def test_the_examples_are_stations_and_say_they_are_invented():
    files = {str(file): file.read_text(encoding="utf-8") for file in (ROOT / "stations").glob("*.toml")}
    stations, found = read_stations(files)
    assert found == []
    assert len(stations) >= 20
    assert list(doubts(stations, date(2026, 1, 1))) == []
    assert all(any(station.county.startswith(name) for station in stations) for name in PREFECTURES.split())
    assert all(station.county.startswith(tuple(PREFECTURES.split())) for station in stations)
    for station in stations:
        assert station.invented
        assert "Invented" in files[station.file].splitlines()[0]
        assert "虚构" in files[station.file].splitlines()[1]
        assert "invented" in station.filing.number and "invented" in station.permit.number
        place = tomllib.loads(files[station.file])["coordinates"]  # a city's, to a hundredth of a degree
        assert 24.6 < place["latitude_deg"] < 30.2 and 108.7 < place["longitude_deg"] < 114.3  # Hunan
        assert place["latitude_deg"] == round(place["latitude_deg"], 2)
        assert place["longitude_deg"] == round(place["longitude_deg"], 2)
        assert place["height_m"] % 5 == 0
        assert "虚构" in station.name
        assert "invented" in station.name_en
        assert station.file.endswith(f"{station.id}.toml")
