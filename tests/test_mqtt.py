"""Events by MQTT: a real broker (mosquitto) that is killed, refuses, or is not who it should be.

What arrives is told by mosquitto_sub, which is no program of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import certificates
import pytest
from daemon_process import casting, configure, epochs, running
from peers import free_port
from waiting import until

from hncors.daemon import mqtt
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_outbox import Message, post, waiting
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.mqtt import Broker
from hncors.daemon.secrets import Secrets
from hncors.health import Event, Stream, stream_of
from hncors.registry import Station
from hncors.settings import Mqtt, parse_broker, read_settings
from hncors.supervise.months import Clearance
from hncors.view import published

NOW_NS = 1_795_000_000_123_000_000
Peer = Callable[[str], str]


class Mosquitto:
    """A broker on one port, that can be killed and come back."""

    def __init__(self, program: str, folder: Path, more: str = "allow_anonymous true\n") -> None:
        self.port = free_port()
        self._program = program
        self._config = folder / "mosquitto.conf"
        # What it knows is on the disk after each change: a subscription outlives a kill -9.
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{more}persistence true\npersistence_location {folder}/\n"
            "autosave_interval 1\nautosave_on_changes true\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._begin()
        await until(self._listens)

    def _begin(self) -> None:
        nothing = subprocess.DEVNULL
        self._process = subprocess.Popen([self._program, "-c", self._config], stdout=nothing, stderr=nothing)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


@contextlib.asynccontextmanager
async def broker(peer: Peer, folder: Path, **more: str) -> AsyncIterator[Mosquitto]:
    made = Mosquitto(peer("mosquitto"), folder, **more)
    await made.start()
    try:
        yield made
    finally:
        made.kill()


def _begun(command: list[str], out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)


def ran(*command: object) -> bytes:
    done = subprocess.run([*map(str, command)], check=True, capture_output=True, timeout=20)
    return done.stdout


@contextlib.asynccontextmanager
async def subscribed(
    peer: Peer, port: int, folder: Path, *more: str
) -> AsyncIterator[Callable[[], list[Any]]]:
    """mosquitto_sub with a session that lasts: gives what came, as (topic, retained, payload)."""
    out = folder / "heard"
    command = [peer("mosquitto_sub"), "-p", str(port), "-h", "127.0.0.1", "-i", "listener", "-c", "-q", "1"]
    listening = _begun([*command, "-t", "hncors/#", "-F", "%t %r %p", *more], out)

    def heard() -> list[Any]:
        lines = out.read_text(encoding="utf-8").splitlines()
        parts = [line.split(" ", 2) for line in lines]
        return [
            (topic, retained == "1", json.loads(told) if told else None) for topic, retained, told in parts
        ]

    try:
        yield heard
    finally:
        listening.kill()
        listening.wait()


@contextlib.asynccontextmanager
async def sending(settings: Mqtt, folder: Path, *stations: str) -> AsyncIterator[tuple[Broker, list[Stream]]]:
    """Our end, over the ledger in the folder."""
    streams = [stream_of(Station(name, "tcp://127.0.0.1:1")) for name in stations]
    path = folder / "ledger.sqlite3"
    made = Broker(settings, folder, path, lambda: streams, lambda: NOW_NS, Secrets())
    task = asyncio.create_task(made.run())
    try:
        yield made, streams
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def put(folder: Path, *messages: Message) -> None:
    with contextlib.closing(Ledger(folder / "ledger.sqlite3")) as ledger, ledger.writing() as base:
        for message in messages:
            post(base, message)


def left(folder: Path) -> int:
    with contextlib.closing(Ledger(folder / "ledger.sqlite3")) as ledger:
        return len(waiting(ledger.base, 10_000))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "AGAIN_S", (0.1, 0.3))
    monkeypatch.setattr(mqtt, "REFUSED_S", 0.1)
    monkeypatch.setattr(mqtt, "LOOK_S", 0.02)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.usefixtures("soon")
async def test_p11_a_broker_killed_in_a_storm_of_events_loses_none(
    peer: Peer, tmp_path: Path, protocol: str
) -> None:
    """Each arrives at least once with its id, those of a station in order."""
    chance, storm = random.Random(7), 400
    names = [f"S{n}" for n in range(8)]
    keys: dict[str, list[str]] = {name: [] for name in names}
    settings = Mqtt(broker="mqtt://127.0.0.1:1", protocol=protocol)
    async with broker(peer, tmp_path) as its, subscribed(peer, its.port, tmp_path) as heard:
        settings = settings.model_copy(update={"broker": f"mqtt://127.0.0.1:{its.port}"})
        await asyncio.sleep(1.2)  # mosquitto keeps the subscription
        async with sending(settings, tmp_path, *names) as (made, _):
            for number in range(storm):
                name = chance.choice(names)
                keys[name].append(f"state/{name}/{number}")
                put(tmp_path, Message(keys[name][-1], "state", name, NOW_NS + number, {"to": "stalled"}))
                if number in (100, 250):
                    await until(lambda at=number: made.told(0).sent["state"] > at - 60)
                    its.kill()
                if number in (160, 300):
                    await its.start()
                await asyncio.sleep(0.002)
            await until(lambda: not left(tmp_path), 20)
            await until(lambda: len({told["id"] for _, _, told in heard() if told and "id" in told}) == storm)
            assert sum(made.told(0).failures.values()) >= 2
    for name in names:
        came = [told["id"] for topic, _, told in heard() if topic == f"hncors/events/state/{name}"]
        assert list(dict.fromkeys(came)) == keys[name]
        assert [key for key in came if came.count(key) > 1] == [] or len(came) < len(keys[name]) + 10


@pytest.mark.usefixtures("soon")
async def test_p11_a_broker_that_was_away_gets_each_event_once(peer: Peer, tmp_path: Path) -> None:
    async with broker(peer, tmp_path) as its, subscribed(peer, its.port, tmp_path) as heard:
        await asyncio.sleep(1.2)
        settings = Mqtt(broker=f"mqtt://127.0.0.1:{its.port}")
        async with sending(settings, tmp_path, "S1") as (made, streams):
            await until(lambda: made.told(0).connected)
            its.kill()
            await until(lambda: not made.told(0).connected)
            put(
                tmp_path,
                *(Message(f"finding/{n}", "finding", "S1", NOW_NS, {"rule": "E2"}) for n in range(70)),
            )
            streams[0].state, streams[0].state_why = "stalled", "no bytes for 10 s"
            made.note(Event(NOW_NS, "S1", "state", {"to": "stalled"}))
            await asyncio.sleep(0.5)
            assert left(tmp_path) == 70
            await its.start()
            await until(lambda: not left(tmp_path))
            await until(lambda: sum("/events/" in topic for topic, _, _ in heard()) == 70)
    ids = [told["id"] for topic, _, told in heard() if "/events/" in topic]
    assert ids == [f"finding/{n}" for n in range(70)]
    states = [told for topic, _, told in heard() if topic == "hncors/stations/S1/state"]
    assert states[-1] == {"station": "S1", "state": "stalled", "why": "no bytes for 10 s", "since": None}
    # Ended in order: a goodbye, and not the last will.
    online = [told["online"] for topic, _, told in heard() if topic == "hncors/status"]
    assert online[-2:] == [True, False]
    assert "since" in [told for topic, _, told in heard() if topic == "hncors/status"][-1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a socket behind
@pytest.mark.usefixtures("soon")
async def test_p11_tls_and_passwords(peer: Peer, tmp_path: Path) -> None:
    cert, key = certificates.made(tmp_path, peer("openssl"))
    (tmp_path / "other").mkdir()
    other, _ = certificates.made(tmp_path / "other", peer("openssl"))
    users = tmp_path / "users"
    ran(peer("mosquitto_passwd"), "-b", "-c", users, "hncors", "right-horse")
    more = f"allow_anonymous false\npassword_file {users}\ncertfile {cert}\nkeyfile {key}\n"
    (tmp_path / "right").write_text("right-horse\n")
    (tmp_path / "wrong").write_text("wrong-horse\n")
    async with broker(peer, tmp_path, more=more) as its:
        secure: dict[str, Any] = {
            "broker": f"mqtts://localhost:{its.port}",
            "user": "hncors",
            "ca_file": str(cert),
        }
        async with sending(Mqtt(**secure, password_file="right"), tmp_path) as (made, _):
            await until(lambda: made.told(0).connected)
        for changed, reason in (
            ({"password_file": "wrong"}, "not_authorised"),
            ({"password_file": "right", "ca_file": str(other)}, "certificate"),
            ({"password_file": "none"}, "password_file"),
            ({"broker": f"mqtt://localhost:{free_port()}"}, "unreachable"),
        ):
            async with sending(Mqtt(**secure | changed), tmp_path) as (made, _):
                await until(lambda made=made: made.told(0).failures)
                assert set(made.told(0).failures) == {reason}, changed
                assert not made.told(0).connected


async def test_the_daemon_tells_states_and_a_killed_one_is_told_of_by_the_broker(
    peer: Peer, tmp_path: Path
) -> None:
    async with (
        broker(peer, tmp_path) as its,
        subscribed(peer, its.port, tmp_path) as heard,
        casting(A=epochs) as caster,
    ):
        more = f'[ledger]\nfile = "ledger.sqlite3"\n[mqtt]\nbroker = "mqtt://127.0.0.1:{its.port}"\n'
        config = configure(tmp_path, caster.port, "A", more=more)

        def last(topic: str) -> Any:
            return next((told for at, _, told in reversed(heard()) if at == topic), {})

        async with running(config) as daemon:
            await until(lambda: last("hncors/stations/A/state").get("state") == "streaming")
            await until(lambda: last("hncors/events/state/A").get("to") == "streaming")
            sent, connected = await daemon.metrics(
                'hncors_mqtt_sent_total{kind="state"}', "hncors_mqtt_connected"
            )
            assert sent >= 1 and connected == 1
            assert last("hncors/status")["online"] is True
            daemon.process.kill()
            await until(lambda: last("hncors/status")["online"] is False)
        retained = "hncors/stations/+/state", "-C", 1, "-W", 5
        told = ran(peer("mosquitto_sub"), "-p", its.port, "-t", *retained)
        assert json.loads(told)["station"] == "A"  # retained: whoever comes later hears it, too


def test_names_from_outside_are_one_level_of_a_topic() -> None:
    for name in ("a/b", "+", "#", "$SYS", "\0", "a\nb", "站", "x" * 5000, ""):
        topic = published.event_topic("hncors", "finding", name)
        assert topic.count("/") == 3 and not set("+#\0\n") & set(topic) and len(topic) < 240
        assert not topic.startswith("$")
    assert published.level("192.0.2.7:2101/NEWB") == "192.0.2.7%3A2101%2FNEWB"


def test_p11_an_outbox_that_nobody_empties_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hncors.daemon import ledger_queue

    monkeypatch.setattr(ledger_queue, "STATES", 20)
    monkeypatch.setattr(ledger_queue, "UNSENT", 10)
    queue = LedgerQueue(tmp_path / "ledger.sqlite3", lambda: NOW_NS, Clearance())
    queue.sending = True
    for number in range(50):
        queue.put(Message(f"state/{number}", "state", "S1", NOW_NS, {}))
        queue.put(Message(f"finding/{number}", "finding", "S1", NOW_NS, {}))
    queue.flush()
    with contextlib.closing(Ledger(queue.path)) as ledger:
        kept = [(row.kind, row.key) for row in waiting(ledger.base, 200)]
    assert [key for kind, key in kept if kind == "state"] == [f"state/{n}" for n in range(30, 50)]
    assert sum(kind == "finding" for kind, _ in kept) == 50 and queue.unsent == 30
    queue.sending = False
    queue.put(Message("state/50", "state", "S1", NOW_NS, {}))
    queue.flush()
    with contextlib.closing(Ledger(queue.path)) as ledger:
        assert len(waiting(ledger.base, 200)) == 10
    assert queue.unsent == 30
    queue.close()


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("mqtt://broker", ("broker", 1883, False)),
        ("mqtts://b.example.org", ("b.example.org", 8883, True)),
        ("mqtt://[::1]:1884/", ("::1", 1884, False)),
    ],
)
def test_brokers_by_their_links(link: str, address: tuple[str, int, bool]) -> None:
    assert parse_broker(link) == address


@pytest.mark.parametrize(
    "link", ["http://b", "mqtt://b:0", "mqtt://b:99999", "mqtt://u:p@b", "mqtt://", "b:1883"]
)
def test_what_is_no_broker_is_refused(link: str) -> None:
    text = f'stations = "s"\n[ledger]\nfile = "l"\n[mqtt]\nbroker = "{link}"\n'
    settings, problems = read_settings(text, "any.toml")
    assert settings is None and "mqtt.broker" in problems[0] and "mqtts://broker" in problems[0]
    assert "u:p" not in problems[0]


def test_a_broker_needs_a_ledger() -> None:
    settings, problems = read_settings('stations = "s"\n[mqtt]\nbroker = "mqtt://b"\n', "any.toml")
    assert settings is None and "[ledger]" in problems[0]
    settings, problems = read_settings(
        'stations = "s"\n[ledger]\nfile = "l"\n[mqtt]\nbroker = "mqtt://b"\ntopic = "a/#"\nuser = ""\n',
        "any.toml",
    )
    assert settings is None and len(problems) == 2


@pytest.mark.parametrize("there", [True, False])
def test_the_password_is_never_shown(tmp_path: Path, there: bool) -> None:
    from hncors.daemon import configuration

    (tmp_path / "s").mkdir()
    (tmp_path / "s/A.toml").write_text('id = "A"\nlink = "tcp://127.0.0.1:1"\n')
    (tmp_path / "hidden").write_text("pass-phrase\n")
    named = "hidden" if there else "pass-phrase"
    text = 'stations = "s"\n[ledger]\nfile = "l"\n[mqtt]\nbroker = "mqtt://b"\npassword_file = '
    (tmp_path / "any.toml").write_text(f'{text}"{named}"\n')
    if there:
        settings, _ = configuration.load(tmp_path / "any.toml")
        assert settings.mqtt is not None and os.sep not in str(settings.mqtt.password_file)
        return
    with pytest.raises(configuration.ConfigurationError) as refused:
        configuration.load(tmp_path / "any.toml")
    assert "pass-phrase" not in str(refused.value.problems) and "mqtt.password_file" in str(
        refused.value.problems
    )
