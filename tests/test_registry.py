"""Station files: what is read from them, and every problem at once."""

import dataclasses
from pathlib import Path

import pytest

from hncors.registry import Link, parse_link, read_station, read_stations

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
        "coordinates.y_m: missing: expected metres from -6400000 to 6400000",
        "coordinates.z_m: missing: expected metres from -6400000 to 6400000",
        'enabled = "yes": expected true or false',
        'id = "A B": expected 1 to 32 letters, digits, - and _',
        "link: missing: expected ntrip://, ntrips://, tcp://, serial:/// or file:///",
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
        (SMALLEST + 'password_file = "p"', 'password_file = "p": expected the key user beside it'),
        (
            'id = "A"\nlink = "tcp://h:1"\nuser = "u"',
            'user = "u": expected no user: only casters ask for one',
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


def test_the_examples_are_stations_and_say_they_are_invented():
    files = {str(file): file.read_text(encoding="utf-8") for file in (ROOT / "stations").glob("*.toml")}
    stations, found = read_stations(files)
    assert found == []
    assert len(stations) >= 3
    for station in stations:
        assert "虚构" in station.name
        assert "invented" in station.name_en
        assert station.file.endswith(f"{station.id}.toml")
