"""How stations stand with the register: by a table of its own, and as a daemon watches them."""

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from hncors.daemon.configuration import ConfigurationError, load
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.ledger_registry import history, standings
from hncors.daemon.ledger_service import LedgerService, open_place
from hncors.daemon.register_watch import RegisterWatch
from hncors.daemon.territory import default
from hncors.network import Network
from hncors.registry import read_station
from hncors.settings import Ledger as LedgerSettings
from hncors.supervise.judge import Judge
from hncors.supervise.months import Clearance
from hncors.supervise.standing import STANDINGS, WORDS, Seen, differing, seen, standing

NOW_NS = 1_795_000_000_000_000_000  # 2026-11-18
HOUR_NS = 3600 * 1_000_000_000
TODAY = date(2026, 11, 18)
FILED = '[filing]\nnumber = "F-1"\n'
EQUIPMENT = '[receiver]\ntype = "RX"\nserial = "17"\n[antenna]\ntype = "ANT NONE"\n'


def station(more: str = "", id: str = "ABCD"):
    made, problems = read_station(f'id = "{id}"\nlink = "tcp://127.0.0.1:1"\n{more}', "s.toml")
    assert problems == []
    return made


LIVE, QUIET, UNKNOWN = Seen(True), Seen(False, 7200.0), Seen(None)


@pytest.mark.parametrize(
    ("more", "shown", "expected"),
    [
        (FILED, LIVE, "filed_live"),
        (FILED, QUIET, "silent"),
        (FILED, Seen(False, 60.0), "filed"),
        (FILED, UNKNOWN, "filed"),
        ("enabled = false\n" + FILED, QUIET, "filed"),
        (FILED, LIVE._replace(moved=True), "moved"),
        (FILED, QUIET._replace(moved=True), "silent"),
        (FILED + EQUIPMENT, LIVE._replace(equipment={"receiver_serial": "18"}), "other_equipment"),
        (
            FILED + EQUIPMENT,
            LIVE._replace(equipment={"receiver_serial": "17", "receiver": "rx"}),
            "filed_live",
        ),
        (FILED + EQUIPMENT, LIVE._replace(equipment={"receiver_serial": "0", "antenna": None}), "filed_live"),
        (FILED + EQUIPMENT, LIVE._replace(equipment={"antenna": "ANT  NONE"}), "filed_live"),
        (FILED, LIVE._replace(equipment={"receiver_serial": "18"}), "filed_live"),
        (FILED + "withdrawn_on = 2026-11-18\n", LIVE, "withdrawn_live"),
        (FILED + "withdrawn_on = 2026-11-18\n", QUIET, "withdrawn"),
        (FILED + "withdrawn_on = 2026-11-19\n", LIVE, "filed_live"),
        ("", LIVE, "unfiled"),
        ("", QUIET, "unfiled"),
        ("[permit]\nnumber = 'P'\n", LIVE, "unfiled"),
        ("[permit]\ntemporary = true\nbegins = 2026-11-01\nends = 2026-11-18\n", LIVE, "permitted"),
        ("[permit]\ntemporary = true\nends = 2026-11-17\n", LIVE, "permit_over_live"),
        ("[permit]\ntemporary = true\nbegins = 2026-11-19\n", LIVE, "permit_over_live"),
        ("[permit]\ntemporary = true\nends = 2026-11-17\n", QUIET, "permitted"),
    ],
)
def test_where_a_station_stands(more, shown, expected):
    assert standing(station(more), shown, TODAY) == expected
    assert expected in STANDINGS
    assert set(WORDS) == set(STANDINGS)


def test_what_differs_is_named():
    filed = station(FILED + EQUIPMENT)
    shown = {"receiver": "OTHER", "receiver_serial": "18", "antenna": "ANT NONE", "antenna_serial": "5"}
    assert differing(filed, shown) == ["receiver", "receiver_serial"]


@pytest.fixture
def watched(tmp_path):
    """A network of three stations, the clock it is watched by, and how they stand in the ledger."""
    stations = {one.id: one for one in (station(FILED, "A"), station("", "B"), station(FILED, "C"))}
    network = Network(list(stations.values()))
    clock = [NOW_NS]
    path = tmp_path / "ledger.sqlite3"
    queue = LedgerQueue(path, lambda: clock[0], Clearance())
    watch = RegisterWatch(network, stations, queue, lambda: clock[0])

    def look(after_ns: int = 0) -> dict[str, str]:
        clock[0] += after_ns
        watch.look()
        assert queue.flush()
        with closing(Ledger(path)) as ledger:
            return {name: row[0] for name, row in standings(ledger.base).items()}

    yield network, stations, look, path
    queue.close()


def test_a_short_outage_is_no_silence(watched):
    network, _, look, path = watched
    a = network.streams[0]
    assert look() == {"A": "filed", "B": "unfiled", "C": "filed"}
    a.state, a.epoch_ns = "streaming", NOW_NS + 60
    assert look()["A"] == "filed_live"
    a.state = "unreachable"
    assert look(HOUR_NS // 2)["A"] == "filed_live"
    assert look(HOUR_NS // 2 + 120) == {"A": "silent", "B": "unfiled", "C": "silent"}
    a.state = "streaming"
    assert look()["A"] == "filed_live"
    with closing(Ledger(path)) as ledger:
        changes = [change.detail["to"] for change in history(ledger.base, "A")]
    assert changes == ["filed", "filed_live", "silent", "filed_live"]


def test_a_start_of_the_daemon_changes_nothing(watched, tmp_path):
    network, stations, look, path = watched
    network.streams[0].state = "streaming"
    assert look()["A"] == "filed_live"
    again = LedgerQueue(path, lambda: NOW_NS, Clearance())
    RegisterWatch(Network(list(stations.values())), stations, again, lambda: NOW_NS).look()
    again.close()
    with closing(Ledger(path)) as ledger:
        assert standings(ledger.base)["A"][0] == "filed_live"


def test_a_station_that_leaves_the_register_stands_nowhere(watched):
    _, stations, look, path = watched
    look()
    del stations["C"]
    assert set(look()) == {"A", "B"}
    with closing(Ledger(path)) as ledger:
        assert [change.detail["to"] for change in history(ledger.base, "C")] == ["filed", ""]


def test_what_a_stream_shows():
    network = Network([station(FILED)])
    stream = network.streams[0]
    assert seen(stream, NOW_NS, NOW_NS - 5_000_000_000) == Seen(False, 5.0, None, {})
    stream.state = "streaming"
    assert seen(stream, NOW_NS).live is True
    assert seen(stream, NOW_NS, elsewhere=True).moved is True
    assert not network.causes.stations.stand_elsewhere().any()


def test_a_ledger_without_a_folder_is_a_mistake_of_the_configuration(tmp_path):
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations/A.toml").write_text('id = "A"\nlink = "tcp://127.0.0.1:1"\n')
    config = tmp_path / "hncors.toml"
    config.write_text('stations = "stations"\n[ledger]\nfile = "nowhere/ledger.sqlite3"\n')
    with pytest.raises(ConfigurationError, match="expected a file in a folder that is there"):
        load(config)
    (tmp_path / "nowhere").mkdir()
    settings, _ = load(config)
    assert settings.ledger.file == "nowhere/ledger.sqlite3"


async def test_a_daemon_keeps_its_ledger(tmp_path):
    """With its own lock; the metrics tell what is in it."""
    config = tmp_path / "hncors.toml"
    settings = LedgerSettings(file="ledger.sqlite3")
    place = open_place(settings, config)
    with pytest.raises(ConfigurationError, match="another daemon keeps this one"):
        open_place(settings, config)
    with pytest.raises(ConfigurationError, match="expected a file in a folder that is there"):
        open_place(LedgerSettings(file="nowhere/ledger.sqlite3"), config)
    stations = {"A": station(FILED, "A")}
    judge = Judge(1, list(stations.values()), default().areas)
    service = LedgerService(place, Network(list(stations.values())), judge, stations, lambda: NOW_NS)
    async with asyncio.TaskGroup() as group:
        tasks = service.begin(group)
        for _ in range(1000):
            await asyncio.sleep(0.005)
            if service.queue.told().standings:
                break
        for task in tasks:
            task.cancel()
    service.close()
    told = service.queue.told()
    assert (told.standings, told.failing, told.read) == ({"filed": 1}, False, True)
    open_place(settings, config).lock.release()


def test_the_ledger_is_part_of_a_running_daemon(tmp_path):
    """As a program: its metrics are there, and its file is whole after it has ended."""
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations/A.toml").write_text('id = "A"\nlink = "tcp://127.0.0.1:1"\n' + FILED)
    config = tmp_path / "hncors.toml"
    config.write_text(
        'stations = "stations"\n[web]\nlisten = "127.0.0.1:0"\n[ledger]\nfile = "ledger.sqlite3"\n'
    )
    command = [sys.executable, "-m", "hncors", "run", "-c", str(config)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True)
    with process:
        line = next(text for text in process.stderr if "metrics at" in text)
        address = line.split("metrics at ")[1].strip()
        text = metrics_with(address, 'hncors_registry_stations{status="filed"} 1')
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/v1/cases", timeout=5) as answer:
            assert json.load(answer) == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert "hncors_ledger_up 1" in text
    assert 'hncors_cases{state="discovered"} 0' in text
    with closing(Ledger(tmp_path / "ledger.sqlite3")) as ledger:
        assert list(standings(ledger.base)) == ["A"]


def metrics_with(address: str, wanted: str) -> str:
    """The metrics once they hold a line."""
    for _ in range(100):
        with urllib.request.urlopen(f"{address.rstrip('/')}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        if wanted in text:
            return text
        time.sleep(0.1)
    raise AssertionError(f"no {wanted} in the metrics")
