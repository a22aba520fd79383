"""A province on the air: what is published when, faults of links, and what happens when time runs away."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time

import certificates
import pytest
from cli_material import ran
from simulated import scenario
from wire import scan

from hncors import gpstime
from hncors.daemon import tls
from hncors.daemon.link_faults import Fault
from hncors.daemon.simulated_network import BEHIND_NS, Playing, link_fault, mountpoint
from hncors.registry import read_station
from hncors.rtcm3.framing import Framer
from hncors.simulate.province import Province

TEXT = """
seconds = 1.4
[network]
count = 2
interval_s = 0.2
[[stations]]
id = "CSHA"
delay_s = 0.05
[[stations]]
id = "ZHZH"
mountpoint = "ZHZH0"
delay_s = 0.3
[[faults]]
kind = "refuse"
stations = ["ZHZH"]
begin_s = 0.4
end_s = 0.8
parameters = { status = 401 }
[[faults]]
kind = "outage"
stations = ["ZHZH"]
begin_s = 1.0
end_s = 9.0
"""


class Recorder:
    """A caster that only notes what it is told, and when."""

    def __init__(self) -> None:
        self.published: list[tuple[int, str, bytes]] = []
        self.acted: list[tuple[int, str, Fault | None]] = []

    def publish(self, name: str, data: bytes) -> None:
        self.published.append((time.time_ns(), name, data))

    def act(self, name: str, fault: Fault | None) -> None:
        self.acted.append((time.time_ns(), name, fault))


async def test_every_byte_at_its_time() -> None:
    start_ms = gpstime.from_unix_ns(time.time_ns()) + 1000
    province, same = (Province(scenario(TEXT), start_ms) for _ in range(2))
    caster, truth = Recorder(), []
    playing = Playing(province, caster, truth.extend)
    async with asyncio.timeout(20):
        await playing.run()
    epochs = [same.epoch(time_ms) for time_ms in same.times()]
    assert truth == [record for epoch in epochs for record in epoch.truth]
    for row, name in ((0, "CSHA"), (1, "ZHZH0")):
        sent = [(e.time_ms, one) for e in epochs for one in e.sent if one.station == row and one.data]
        got = [(at, data) for at, mount, data in caster.published if mount == name]
        assert [data for _, data in got] == [one.data for _, one in sent]
        for (at, _), (time_ms, one) in zip(got, sent, strict=True):
            assert at >= gpstime.to_unix_ns(time_ms) + one.delay_s * 1e9 - 1e6
    assert len(got) == 7 - 2 - 2  # the faults' epochs are not sent
    assert [(name, fault) for _, name, fault in caster.acted] == [
        ("ZHZH0", Fault("refuse", status=401)), ("ZHZH0", None), ("ZHZH0", Fault("table")),
    ]  # fmt: skip
    for (at, _, _), begin_ms in zip(caster.acted, (400, 800, 1000), strict=True):
        assert at >= gpstime.to_unix_ns(province.start_ms + begin_ms)
    assert playing.counts["epochs"] == 7
    assert playing.counts["bytes"] == sum(len(data) for _, _, data in caster.published)


async def test_what_is_long_past_is_left_out_and_counted() -> None:
    province = Province(scenario(TEXT), gpstime.from_unix_ns(time.time_ns() - BEHIND_NS) - 10_000)
    caster = Recorder()
    playing = Playing(province, caster)
    async with asyncio.timeout(5):
        await playing.run()
    assert playing.counts == {"skipped": 7}
    assert caster.published == []
    assert [fault.kind if fault else None for _, _, fault in caster.acted] == ["refuse", None, "table"]


async def test_what_would_come_long_after_the_end_is_not_waited_for() -> None:
    late = '[[faults]]\nkind = "late_data"\nstations = ["CSHA"]\nparameters = { delay_s = 3000 }\n'
    province = Province(
        scenario("seconds = 1\n[network]\ncount = 1\n" + late), gpstime.from_unix_ns(time.time_ns())
    )
    playing = Playing(province, Recorder())
    async with asyncio.timeout(5):
        await playing.run()
    assert playing.counts["unsent"] == 1


def test_the_sourcetable_tells_what_is_sent() -> None:
    one = Province(scenario("[network]\ncount = 1\nmsm = 5\n")).stations[0]
    row = mountpoint(one, 10).row(secured=False)
    assert row == (
        "STR;CSHA;Changsha (invented);RTCM 3.3;1075(1),1085(1),1095(1),1115(1),1125(1),1005(10),1006(10),"
        "1007(10),1008(10),1013(10),1033(10),1230(10);2;GPS+GLO+GAL+QZS+BDS;HNCORS;CHN;28.2;113.0;0;0;hncors;"
        "none;N;N;0;none"
    )
    actions = Province(scenario(TEXT)).actions
    assert [link_fault(action) for action in actions] == [Fault("refuse", status=401), Fault("table")]


def serve(tmp_path, *more: str) -> subprocess.Popen:
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\nstart = "2026-03-01T18:00:00"\nseconds = 60\n[network]\ncount = 2\n')
    command = [
        sys.executable,
        "-m",
        "hncors",
        "simulate",
        str(path),
        "--serve",
        "127.0.0.1:0",
        "--json",
        *more,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def document(process: subprocess.Popen) -> dict:
    text = ""
    while not text.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        text += line
    return json.loads(text)


def test_the_command_serves_until_it_is_told_to_end(tmp_path) -> None:
    with serve(tmp_path, "--out", str(tmp_path / "out")) as process:
        told = document(process)
        assert told["mountpoints"] == ["CSHA", "ZHZH"]
        host, port = told["caster"].split(":")
        framer, frames = Framer(), []
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"GET /CSHA HTTP/1.0\r\nUser-Agent: NTRIP test\r\n\r\n")
            got = client.recv(12)
            assert got == b"ICY 200 OK\r\n"
            while len(frames) < 30:
                frames += framer.feed(client.recv(65_536))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    numbers = {int.from_bytes(frame[3:5], "big") >> 4 for frame in frames}
    assert {1077, 1087, 1097, 1117, 1127, 1005, 1019} <= numbers
    station = (tmp_path / "out/stations/CSHA.toml").read_text()
    assert f'link = "ntrip://{told["caster"]}/CSHA"' in station
    records = [json.loads(line)["record"] for line in (tmp_path / "out/truth.jsonl").read_text().splitlines()]
    assert records[:3] == ["scenario", "station", "station"]
    assert "epoch" in records


def test_tls_with_the_certificate_that_was_named(peer, tmp_path) -> None:
    """OpenSSL's own client verifies it and gets the stream; station files trust it and lack the key."""
    cert, key = certificates.made(tmp_path, peer("openssl"))
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    with serve(
        tmp_path, "--out", str(tmp_path / "out"), "--tls-cert", str(both), "--tls-key", str(key)
    ) as process:
        told = document(process)
        assert told["tls"] is True
        command = f"s_client -quiet -verify_return_error -verify_hostname localhost -connect {told['caster']}"
        client = subprocess.Popen(
            [peer("openssl"), *command.split(), "-CAfile", str(cert)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        client.stdin.write(b"GET /ZHZH HTTP/1.0\r\nUser-Agent: NTRIP test\r\n\r\n")
        client.stdin.flush()
        got = b""
        while len(scan(got)) < 20:
            read = client.stdout.read1(65_536)
            assert read, "the connection ended"
            got += read
        client.kill()
        client.communicate()
        path = tmp_path / "out/stations/CSHA.toml"
        station, problems = read_station(path.read_text(), str(path))
        assert problems == []
        host, _, port = told["caster"].partition(":")
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            tls.context(station).wrap_socket(plain, server_hostname="localhost") as trusted,
        ):
            assert trusted.version() >= "TLSv1.2"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert got.startswith(b"ICY 200 OK\r\n")
    assert station.link == f"ntrips://{told['caster']}/CSHA"
    assert (tmp_path / "out/caster.pem").read_text() == cert.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "expected --out DIR for recordings, or --serve HOST:PORT for a caster"),
        (("--out", "x", "--users", "u"), "--users: expected --serve"),
        (("--serve", "2101"), '--serve "2101": expected HOST:PORT such as 127.0.0.1:2101'),
        (("--serve", "127.0.0.1:70000"), "expected HOST:PORT"),
        (("--serve", "192.0.2.1:2101"), '--serve "192.0.2.1:2101": '),  # RFC 5737: nobody's address
        (("--serve", "127.0.0.1:0", "--users", "/nowhere"), "/nowhere: No such file or directory"),
        (("--out", "x", "--tls-cert", "c", "--tls-key", "k"), "--tls-cert, --tls-key: expected --serve"),
        (("--serve", "127.0.0.1:0", "--tls-cert", "c"), "expected --tls-cert and --tls-key together"),
        (
            ("--serve", "127.0.0.1:0", "--tls-cert", "s.toml", "--tls-key", "/nowhere"),
            "/nowhere: No such file or directory; --tls-key expects a file in PEM",
        ),
        (
            ("--serve", "127.0.0.1:0", "--tls-cert", "s.toml", "--tls-key", "s.toml"),
            "s.toml, s.toml: expected a certificate and its key in PEM",
        ),
    ],
)
def test_what_cannot_be_served(options, words, monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text('name = "s"\nstart = "2026-03-01T18:00:00"\n[network]\ncount = 1\n')
    done = ran(monkeypatch, capsys, "simulate", "s.toml", *options)
    assert done.status == 2
    assert words in done.err
    assert not (tmp_path / "x").exists()
