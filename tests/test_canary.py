"""A password that is planted where an operator may have put it, and looked for wherever anybody may look.

It is looked for by its core, which no quoting for URLs, HTML or JSON changes, and in base64 as it stands in
an Authorization header, by itself, and at every place within longer base64.
"""

import asyncio
import os
import signal
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from daemon_process import RUN, casting, configure, epochs, running
from waiting import until

from hncors.daemon.secrets import Secrets

CORE = "Kan4rienVogel"
PASSWORD = f"{CORE}/ö&= +%"
USER = "monitor"
PAGES = (
    "/",
    "/style.css",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/stations",
    "/api/v1/events",
    "/nowhere",
)


def within_base64(text: bytes) -> set[bytes]:
    """What base64 holds of `text` wherever in it that stands: without the characters that others share."""
    found = set()
    for before in range(3):
        coded = b64encode(b"\0" * before + text)
        found.add(coded[-(-before * 4 // 3) if before else 0 : len(coded) // 4 * 4 - 4])
    return found


NEEDLES = {CORE.encode(), *within_base64(PASSWORD.encode()), *within_base64(f"{USER}:{PASSWORD}".encode())}


def held(text: str | bytes) -> bool:
    data = text.encode() if isinstance(text, str) else text
    return any(needle in data for needle in NEEDLES)


def test_the_search_would_find_it():
    pair = f"{USER}:{PASSWORD}".encode()
    for text in (PASSWORD, quote(PASSWORD), b64encode(pair), b64encode(b"x" + pair), b64encode(b"xy" + pair)):
        assert held(text)
    assert not held(b64encode(b"monitor:another one that is as long"))


def authorised(asked: bytes) -> str:
    """The Authorization header of a request, which has to hold the password."""
    (line,) = [line for line in asked.decode().split("\r\n") if line.lower().startswith("authorization: ")]
    coded = line.split()[-1]
    assert b64decode(coded).decode() == f"{USER}:{PASSWORD}"
    return coded


def answering(make):
    """A mountpoint that answers with what `make` says of the Authorization it was given."""

    async def serve(reader, writer):
        writer.write(make(authorised(serve.caster.asked[-1])).encode())
        await writer.drain()
        await asyncio.sleep(0.2)

    return serve


SCRIPTS = {  # each gives back what it was asked with, one way or another
    "REASON": answering(lambda coded: f"HTTP/1.0 401 No {coded} here\r\n\r\n"),
    "PLAIN": answering(lambda coded: f"HTTP/1.1 403 {b64decode(coded).decode()}\r\n\r\n"),
    "PLACE": answering(
        lambda coded: f"HTTP/1.1 302 Found\r\nLocation: http://u:{quote(PASSWORD, safe='')}@h/\r\n\r\n"
    ),
    "HEADER": answering(lambda coded: f"HTTP/1.1 200 OK\r\n{coded} {coded}\r\n{PASSWORD}: x\r\n\r\n"),
    "PORTAL": answering(
        lambda coded: f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>{unquote(PASSWORD)}{coded}"
    ),
    "NONSENSE": answering(lambda coded: f"{coded}\r\n\r\n"),
    "STREAM": epochs,
    "FAULT": epochs,
}
# A fault of our own whose text holds the password, as that of a library might.
FAULTY = (
    "from hncors.daemon import caster_client; real = caster_client.attempt\n"
    "async def attempt(station, link, shared):\n"
    "    password = shared.password(station)\n"
    "    if station.id == 'FAULT': raise RuntimeError('cannot send ' + password)\n"
    "    return await real(station, link, shared)\n"
    "caster_client.attempt = attempt\n"
)
CRASHING = (
    "from hncors.daemon import service, links\n"
    "async def follow(self, stations):\n"
    "    raise RuntimeError('no ' + self._password(stations[0]), [self._password(one) for one in stations])\n"
    "links.Links.follow = follow\n"
)


def plant(folder: Path, port: int, *names: str) -> Path:
    config = configure(folder, port, *names, more='log_level = "debug"\n[record]\nfolder = "recordings"')
    for name in names:
        file = folder / f"stations/{name}.toml"
        login = f'user = "{USER}"\npassword_file = "../passwords/caster"\n'
        file.write_text(file.read_text(encoding="utf-8") + login, encoding="utf-8")
    (folder / "passwords").mkdir()
    (folder / "passwords/caster").write_text(PASSWORD + "\n", encoding="utf-8")
    return config


async def test_the_password_appears_nowhere_while_the_daemon_runs(tmp_path):
    env = {**os.environ, "PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}
    async with casting(**SCRIPTS) as caster:
        for script in SCRIPTS.values():
            script.caster = caster
        async with running(plant(tmp_path, caster.port, *SCRIPTS), FAULTY + RUN, env) as daemon:

            async def everything() -> bool:
                states = await daemon.states()
                busy = [name for name, state in states.items() if state == "connecting"]
                return states["STREAM"] == "streaming" and not busy and len(caster.begun) == len(SCRIPTS) - 1

            await until(everything)
            assert len(caster.asked) >= len(SCRIPTS) - 1
            for asked in caster.asked:
                authorised(asked)
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: any("configuration_reloaded" in line for line in daemon.log))
            found = {path: await daemon.get(path) for path in PAGES}
            for name in SCRIPTS:
                found[name] = await daemon.get(f"/api/v1/stations/{name}")
            process = Path(f"/proc/{daemon.process.pid}")
            for file in ("cmdline", "environ", "comm", "maps", "status"):
                found[file] = (process / file).read_bytes().decode("utf-8", "replace")
            found["files"] = " ".join(str(os.readlink(link)) for link in (process / "fd").iterdir())
            daemon.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(daemon.process.wait(), 5)
        found["log"] = "".join(daemon.log)
    assert [name for name, text in found.items() if held(text)] == []
    assert "***" in found["REASON"] and "***" in found["PLAIN"]  # hidden, not merely left out
    assert "RuntimeError: cannot send ***" in found["log"]
    assert "Traceback" in found["log"] and "DEBUG" in found["log"]
    (recorded,) = (tmp_path / "recordings").glob("STREAM_*.rtcm3")
    assert recorded.stat().st_size
    (news,) = (tmp_path / "recordings").glob("REASON_*.link.jsonl")
    assert "***" in news.read_text(encoding="utf-8")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and held(path.read_bytes())]
    assert written == [tmp_path / "passwords/caster"]


def test_the_password_is_not_in_what_a_crash_says(tmp_path):
    config = plant(tmp_path, 1, "A")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", CRASHING + RUN, config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: ('no ***', ['***'])" in done.stderr
    assert not held(done.stdout + done.stderr)


MISPLACED = (
    f'password = "{PASSWORD}"',
    f'user = "{USER}:{PASSWORD}"',
    f'user = ["{USER}", "{PASSWORD}"]',
    f'user = "{USER}"\npassword_file = "{PASSWORD}"',
    f'password_file = "{PASSWORD}"',
    f'password_file = ["{PASSWORD}"]',
    f"password_file = {PASSWORD}",
    f'user = "{USER}"\npassword_file = """{PASSWORD}',
    f'[login]\nuser = "{USER}"\nsecret = "{PASSWORD}"',
    f'passwort = "{PASSWORD}"',
)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("text", [*MISPLACED, "LINK", "QUERY"])
def test_check_and_run_do_not_repeat_a_password_in_the_wrong_place(
    tmp_path, text, as_json, monkeypatch, capsys
):
    from test_cli_commands import ran

    config = configure(tmp_path, 1, "A")
    link = "ntrip://h:2101/A"
    if text in ("LINK", "QUERY"):
        secret = quote(PASSWORD, safe="")
        link = (
            f"ntrip://{USER}:{secret}@h:2101/A" if text == "LINK" else f"ntrip://h:2101/A?password={secret}"
        )
        text = ""
    (tmp_path / "stations/A.toml").write_text(f'id = "A"\nlink = "{link}"\n{text}\n', encoding="utf-8")
    done = ran(monkeypatch, capsys, "check", "-c", config, *["--json"] * as_json)
    assert done.status == 2
    assert "A.toml" in done.out + done.err
    assert not held(done.out + done.err)
    config.write_text(config.read_text(encoding="utf-8") + f'password = "{PASSWORD}"\n', encoding="utf-8")
    done = ran(monkeypatch, capsys, "run", "-c", config)
    assert done.status == 2
    assert not held(done.out + done.err)


def test_secrets_are_hidden_in_every_form_and_nothing_else_is():
    secrets = Secrets()
    assert secrets.remember(PASSWORD, USER) == PASSWORD
    pair = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    quoted = quote(PASSWORD, safe="")
    latin = PASSWORD.encode().decode("iso-8859-1")
    for form in (
        PASSWORD,
        pair,
        pair.rstrip("="),
        quoted,
        quoted.lower().replace("kan4rienv", "Kan4rienV"),
        latin,
    ):
        assert secrets.hide(f"a {form} b") == "a *** b"
        assert secrets.hide(f"a {form[:9]}...") == "a ***..."  # cut off where it was too long to be shown
    assert secrets.hide("monitor: streaming") == "monitor: streaming"
    secrets.remember("abc", USER)  # three characters would be hidden in half of all words
    assert secrets.hide("abcde") == "abcde"
