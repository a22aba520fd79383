"""The configuration on disk: every problem of every file at once, and passwords that stay in their files."""

from pathlib import Path

import pytest

from hncors.daemon.configuration import ConfigurationError, load, password
from hncors.registry import Station

STATION = 'id = "{id}"\nlink = "ntrip://127.0.0.1:2101/{id}"\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stations").mkdir()
    (tmp_path / "any.toml").write_text('stations = "stations"\n', encoding="utf-8")
    for name in ("ABCD", "EFGH"):
        (tmp_path / f"stations/{name}.toml").write_text(STATION.format(id=name), encoding="utf-8")
    return tmp_path


def problems(folder) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        load(folder / "any.toml")
    assert all(line.isprintable() for line in refused.value.problems)
    return [line.replace(f"{folder}/", "") for line in refused.value.problems]


def test_the_smallest_configuration(folder):
    settings, stations = load(folder / "any.toml")
    assert settings.tick_s == 0.25
    assert [station.id for station in stations] == ["ABCD", "EFGH"]
    assert stations[0].file == str(folder / "stations/ABCD.toml")


def test_problems_of_all_files_at_once(folder):
    (folder / "stations/A.toml").write_text('id = "A"\nrate_hz = -1', encoding="utf-8")
    (folder / "stations/B.toml").write_text(STATION.format(id="ABCD"), encoding="utf-8")
    (folder / "stations/C.toml").write_bytes(b'id = "\xff"')
    (folder / "stations/D.toml").mkdir()
    (folder / "stations/E.toml").write_text(
        STATION.format(id="E") + 'user = "u"\npassword_file = "none"', encoding="utf-8"
    )
    found = problems(folder)
    assert len(found) == 6
    assert "stations/A.toml: rate_hz = -1: expected a number from 0.01 to 100" in found
    assert any(line.startswith("stations/A.toml: link: missing") for line in found)
    assert 'stations/B.toml: id = "ABCD": expected an id of its own: stations/ABCD.toml has it too' in found
    assert "stations/C.toml: not UTF-8: expected TOML" in found
    assert any(line.startswith("stations/D.toml: Is a directory") for line in found)
    assert "stations/E.toml: password_file: expected a file that is there, not the password itself" in found


def test_a_bad_configuration_does_not_hide_bad_stations(folder):
    (folder / "any.toml").write_text('stations = "stations"\ntick_s = 0\nwebb = 1', encoding="utf-8")
    (folder / "stations/A.toml").write_text(STATION.format(id="A") + "rate_hz = -1", encoding="utf-8")
    assert problems(folder) == [
        "any.toml: tick_s = 0: expected a number from 0.05 to 5",
        "any.toml: webb: unknown key: expected web?",
        "stations/A.toml: rate_hz = -1: expected a number from 0.01 to 100",
    ]


def test_a_missing_file_and_an_empty_folder(folder):
    (folder / "any.toml").write_text('stations = "nowhere"\n', encoding="utf-8")
    assert problems(folder) == [
        'any.toml: stations = "nowhere": expected a folder with at least one station file, NAME.toml, in it'
    ]
    (folder / "any.toml").unlink()
    assert problems(folder) == ["any.toml: No such file or directory: expected a file that can be read"]


@pytest.mark.parametrize(
    ("push", "station", "told"),
    [
        (None, "", 'A.toml: link = "push:///A": expected a table [push] in any.toml: nothing listens'),
        ("127.0.0.1:2102", "", None),
        ("0.0.0.0:2102", 'password_file = "p"\n', None),
        ("0.0.0.0:2102", "", "A.toml: password_file: missing: expected one: push.listen is reached by"),
        ("[::1]:2102", 'push_from = ["192.0.2.1/24"]\n', "A.toml: push_from"),
        ("127.0.0.1:0:1", "", 'any.toml: push.listen = "127.0.0.1:0:1": expected an address of'),
    ],
)
def test_stations_that_push(folder, push, station, told):
    with (folder / "any.toml").open("a", encoding="utf-8") as file:
        file.write("" if push is None else f'[push]\nlisten = "{push}"\n')
    (folder / "stations/p").write_text("geheim", encoding="utf-8")
    (folder / "stations/A.toml").write_text(f'id = "A"\nlink = "push:///A"\n{station}', encoding="utf-8")
    found = problems(folder) if told else load(folder / "any.toml") and []
    assert [line.removeprefix("stations/").startswith(told) for line in found] == [True] * bool(told), found


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('tls_cert_file = "c"', "push.tls_key_file"),
        ('tls_key_file = "k"', "push.tls_cert_file"),
        ('tls_cert_file = "c"\ntls_key_file = "k"', "push.tls_cert_file"),  # neither is there
    ],
)
def test_where_stations_push_to_by_tls(folder, keys, told):
    with (folder / "any.toml").open("a", encoding="utf-8") as file:
        file.write(f'[push]\nlisten = "127.0.0.1:2102"\n{keys}\n')
    (found,) = problems(folder)
    assert found.startswith("any.toml: ") and told in found


def test_a_mountpoint_is_pushed_by_one_station(folder):
    with (folder / "any.toml").open("a", encoding="utf-8") as file:
        file.write('[push]\nlisten = "127.0.0.1:2102"\n')
    for name in "AB":
        text = f'id = "{name}"\nlink = "push:///M"\n'
        (folder / f"stations/{name}.toml").write_text(text, encoding="utf-8")
    (found,) = problems(folder)
    assert found == (
        'stations/B.toml: link = "push:///M": expected a mountpoint of its own: stations/A.toml has it too'
    )


def test_a_file_too_large(folder):
    (folder / "any.toml").write_bytes(b"#" * (5 << 20))
    assert problems(folder) == ["any.toml: more than 4194304 bytes: expected a configuration file"]


@pytest.mark.parametrize("content", ["geheim", "geheim\n", "geheim\r\nsecond line\n"])
def test_the_password_is_the_first_line(tmp_path, content):
    (tmp_path / "p").write_bytes(content.encode())
    station = Station(id="A", link="ntrip://h/A", user="u", password_file="p", file=str(tmp_path / "A.toml"))
    assert password(station) == "geheim"
    assert "geheim" not in repr(station)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "empty"), (b"\nx", "empty"), (b"geheim\xff", "UTF-8"), (b"geheim" * 1000, "bytes")],
)
def test_a_password_file_without_a_password(tmp_path, content, told):
    (tmp_path / "p").write_bytes(content)
    station = Station(id="A", link="ntrip://h/A", user="u", password_file="p", file=str(tmp_path / "A.toml"))
    with pytest.raises(ValueError, match=told) as refused:
        password(station)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("name", ["caster.password", "passwords_caster.password"])
def test_credentials_of_the_unit_come_first(folder, monkeypatch, name):
    """LoadCredential=caster.password:PATH, or LoadCredential=passwords:FOLDER (systemd.exec(5))."""
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / name).write_text("geheim\n", encoding="utf-8")
    text = STATION.format(id="E") + 'user = "u"\npassword_file = "../passwords/caster.password"\n'
    (folder / "stations/E.toml").write_text(text, encoding="utf-8")
    assert len(problems(folder)) == 1  # neither file nor credential
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    station = load(folder / "any.toml")[1][1]
    assert password(station) == "geheim"
    (folder / "passwords").mkdir()
    (folder / "passwords/caster.password").write_text("beside\n", encoding="utf-8")
    assert password(station) == "geheim"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert password(station) == "beside"


def test_a_password_that_may_not_be_looked_at_is_not_there(folder, monkeypatch):
    """The daemon's user has no right to the folder of passwords."""
    text = STATION.format(id="E") + 'user = "u"\npassword_file = "p"\n'
    (folder / "stations/E.toml").write_text(text, encoding="utf-8")

    real = Path.stat

    def forbidding(path, **more):
        if path.name == "p":
            raise PermissionError(13, "Permission denied")
        return real(path, **more)

    monkeypatch.setattr(Path, "stat", forbidding)
    (found,) = problems(folder)
    assert found.startswith("stations/E.toml: password_file: expected a file that is there")
