"""The configuration file: every error at once, one line each, without secrets."""

import json
import re
from pathlib import Path

import pytest

from hncors.registry import StationFile
from hncors.settings import Settings, keys, parse_listen, read_settings

ROOT = Path(__file__).parents[1]


def problems(text: str) -> list[str]:
    settings, found = read_settings(text, "x.toml")
    assert (settings is None) == bool(found)
    assert all(line.isprintable() for line in found)
    return found


def test_the_smallest_configuration():
    settings, found = read_settings('stations = "stations"\n', "x.toml")
    assert found == []
    assert settings is not None
    assert (settings.stations, settings.tick_s, settings.web.listen) == ("stations", 0.25, "127.0.0.1:9816")


def test_every_error_at_once():
    text = """
        tick_s = "0.25"
        tick = 1
        [web]
        listen = "example.org:9816"
        [links]
        retry_first_s = 0
        starts_per_s = nan
    """
    found = problems(text)
    assert len(found) == 6
    assert "x.toml: stations: missing: expected the folder of station files, relative to this file" in found
    assert 'x.toml: tick_s = "0.25": expected a number from 0.05 to 5' in found
    assert "x.toml: tick: unknown key: expected tick_s?" in found
    assert "x.toml: links.retry_first_s = 0: expected a number from 1 to 300" in found
    assert "x.toml: links.starts_per_s = nan: expected a number from 0.1 to 1000" in found
    listen = next(line for line in found if "web.listen" in line)
    assert listen.startswith('x.toml: web.listen = "example.org:9816": expected an address of this')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stations =", "x.toml: not TOML: "),
        ("stations = 1", "x.toml: stations = 1: expected the folder"),
        ('stations = ""', 'x.toml: stations = "": expected the folder'),
        ("web = 3", "x.toml: web = 3: expected a table"),
        ("[[web]]", "x.toml: web = an array: expected a table"),
        ("tick_s = true", "x.toml: tick_s = true: expected a number from 0.05 to 5"),
        ("tick_s = {}", "x.toml: tick_s = a table: expected a number from 0.05 to 5"),
        (
            "[links]\nretry_first_s = 20\nretry_longest_s = 10",
            "x.toml: links.retry_longest_s = 10.0: expected no less",
        ),
        (
            "zzz = 1",
            "x.toml: zzz: unknown key: expected one of integrity, ledger, links, log_level, mqtt, pu",
        ),
        ("web.port = 1", "x.toml: web.port: unknown key: expected one of anonymous, listen"),
        ("a = " + "[" * 5000, "x.toml: not TOML"),
        ('"a\\u001b[31m\\n" = 1', "x.toml: a\\x1b[31m\\n: unknown key"),
    ],
)
def test_one_clear_line(text, expected):
    complete = text if "stations" in text or "not TOML" in expected else 'stations = "s"\n' + text
    assert [line[: len(expected)] for line in problems(complete)] == [expected]


def test_a_misplaced_secret_is_not_shown():
    found = problems('stations = "s"\npassword = "geheim"\nfoo = "geheim"\n')
    assert len(found) == 2
    assert not any("geheim" in line for line in found)
    assert any("password_file" in line for line in found)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9816", ("127.0.0.1", 9816)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9816", ("::1", 9816)),
        ("127.1.2.3:65535", ("127.1.2.3", 65535)),
    ],
)
def test_listen(text, address):
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text", ["", ":9816", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1", "127.0.0.1:٣"]
)
def test_listen_that_is_no_address(text):
    with pytest.raises(ValueError, match="address"):
        parse_listen(text)


@pytest.mark.parametrize("text", ["example.org:80", "*:80", "0.0.0:80"])
def test_listen_that_is_a_name(text):
    with pytest.raises(ValueError, match="an address of this machine"):
        parse_listen(text)


SAFE = """
    users_file = "users.toml"
    tls_cert_file = "cert.pem"
    tls_key_file = "key.pem"
"""


@pytest.mark.parametrize("listen", ["0.0.0.0:9816", "[::]:9816", "192.0.2.1:9816"])
@pytest.mark.parametrize("missing", ["users_file", "tls_cert_file", "tls_key_file", ""])
def test_others_reach_the_pages_by_tls_and_with_a_login_only(listen, missing):
    lines = [line for line in SAFE.splitlines() if not missing or missing not in line]
    found = problems(f'stations = "s"\n[web]\nlisten = "{listen}"\n' + "\n".join(lines))
    if missing:
        expected = f'x.toml: web.listen = "{listen}": expected a loopback address'
        alone = f"x.toml: web.{'tls_key_file' if missing == 'tls_cert_file' else 'tls_cert_file'} = "
        assert any(line.startswith((expected, alone)) for line in found)
    else:
        assert found == []


def test_others_do_not_see_what_operators_see():
    (line,) = problems(f'stations = "s"\n[web]\nlisten = "0.0.0.0:1"\nanonymous = "operator"{SAFE}')
    assert line.startswith('x.toml: web.anonymous = "operator": expected public or nothing')


@pytest.mark.parametrize(("text", "stranger"), [("", "operator"), ('users_file = "u"', "public"),
    ('users_file = "u"\nanonymous = "nothing"', "nothing")])  # fmt: skip
def test_what_strangers_see(text, stranger):
    settings, _ = read_settings(f'stations = "s"\n[web]\n{text}', "x.toml")
    assert settings.web.stranger == stranger


def test_the_example_is_a_configuration_with_its_defaults():
    file = ROOT / "configs/hncors.toml"
    settings, found = read_settings(file.read_text(encoding="utf-8"), str(file))
    assert found == []
    assert settings == Settings(stations="../stations")


@pytest.mark.parametrize(
    ("heading", "model"), [("The configuration file", Settings), ("A station file", StationFile)]
)
def test_every_key_is_documented_and_nothing_else(heading, model):
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Za-z_.]+)` \| (.*?) \| (.*?) ?\|$", section, re.MULTILINE)
    assert rows == [
        (key, expected, "" if default is ... else "unknown" if default is None else json.dumps(default))
        for key, expected, default in keys(model)
    ]
    words = "".join(line for line in section.splitlines() if not line.startswith("|"))
    for key, _, _ in rows:
        told = f"[{key.partition('.')[0]}]" if "." in key and model is StationFile else key
        assert f"`{told}`" in words, f"{key} has a row but no words"
