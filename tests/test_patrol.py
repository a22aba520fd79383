"""What a patrol hears: NMEA sentences of published examples, bases told apart, two pseudo-terminals."""

from __future__ import annotations

import asyncio
import math
import os
import pty
import random
import tty
from contextlib import closing
from dataclasses import replace
from importlib import resources

import pytest
from detection_changes import gga
from test_evidence_rules import FILED
from waiting import until
from watching import chunk

from hncors.daemon import patrol_port
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import cases, findings
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.serial_port import listen
from hncors.geodesy import to_ecef
from hncors.health import SECOND_NS
from hncors.network import Chunk, Network
from hncors.nmea import MOST, Reader
from hncors.patrol import MOST_HEARD, Patrol
from hncors.registry import Station, read_station
from hncors.rtcm3 import encode_station
from hncors.rtcm3.encode import frame
from hncors.rtcm3.station import ReferencePoint
from hncors.supervise.areas import read_areas
from hncors.supervise.judge import Judge
from hncors.supervise.months import Clearance

# GGA and RMC as in NMEA Revealed (E. S. Raymond); their checksums are those of the text.
GGA = b"$GNGGA,001043.00,4404.14036,N,12118.85961,W,1,12,0.98,1113.0,M,-21.3,M,,*47\r\n"
RMC = b"$GNRMC,001031.00,A,4404.13993,N,12118.86023,W,0.146,,100117,,,A*7B\r\n"
PLACE = 44.0690060, -121.3143268


def test_sentences_in_pieces_and_among_other_bytes():
    reader = Reader()
    data = b"\xd3\x00\x04$$GN" + GGA + b"\xff*" + RMC + b"$GPGGA,trunc"
    found = [fix for at in range(len(data)) for fix in reader.feed(data[at : at + 1])]
    assert [(round(fix.latitude_deg, 5), round(fix.longitude_deg, 5)) for fix in found] == [
        (44.06901, -121.31433),
        (44.069, -121.31434),
    ]
    assert [fix.height_m for fix in found] == [pytest.approx(1091.7), None]


@pytest.mark.parametrize(
    "sentence",
    [
        GGA.replace(b"*47", b"*48"),
        b"$GNGGA,001043.00,4404.14036,N,12118.85961,W,0,12,0.98,1113.0,M,-21.3,M,,*46\r\n",  # no fix
        b"$GNGGA,001043.00,4404.14036,N,12118.85961,W,8,12,0.98,1113.0,M,-21.3,M,,*4E\r\n",  # a simulator's
        b"$GNRMC,001031.00,V,4404.13993,N,12118.86023,W,0.146,,100117,,,A*6C\r\n",  # a warning
        b"$GPGSV,3,1,11,03,03,111,00,04,15,270,00,06,01,010,00,13,06,292,00*74\r\n",
        b"$" * 1000,
        b"$GPGGA," + b"9" * 5000,
    ],
)
def test_what_is_no_position(sentence: bytes):
    reader = Reader()
    assert reader.feed(sentence) == [] and len(reader._held) <= MOST
    assert len(reader.feed(GGA)) == 1  # the next one is heard


def base(number: int, metres: float = 0.0) -> ReferencePoint:
    x, y, z = to_ecef([math.radians(27.95), math.radians(112.70), 90.0]).tolist()
    return ReferencePoint(station_id=number, x_m=x + metres, y_m=y, z_m=z)


def test_bases_are_told_apart_and_their_number_is_bounded():
    patrol = Patrol()
    patrol.read(gga(27.95, 112.80), 10**9)
    for second in range(3):
        patrol.hear(base(7), (2 + second) * 10**9)
        patrol.hear(base(8, 5000.0), (2 + second) * 10**9)
    first, second = patrol.heard.values()
    assert (first.times, second.times, first.placed) == (3, 3, 3)
    assert first.near_m == pytest.approx(9835, abs=50)  # 0.1 degree of longitude at 27.95 degrees north
    patrol.hear(base(7), 100 * 10**9)  # where the patrol is by now nobody knows
    assert [one.placed for one in patrol.heard.values()] == [3, 3]
    for number in range(100):
        patrol.hear(base(number, 100.0), 200 * 10**9)
    assert len(patrol.heard) == MOST_HEARD


def test_a_patrols_stream_is_nobodys_station():
    station, problems = read_station(
        'id = "A"\nlink = "serial:///dev/radio?baud=9600"\npatrol = true\n'
        'patrol_position = "serial:///dev/gnss?baud=9600"\n',
        "a.toml",
    )
    assert station is not None and not problems
    network = Network([station])
    data = frame(encode_station.encode(base(7)))
    network.feed(chunk(0, gga(27.95, 112.80) + data))
    network.tick(chunk(250).arrival_ns)
    (stream,) = network.streams
    assert stream.arp_m is None and stream.patrol is not None
    (heard,) = stream.patrol.heard.values()
    assert (heard.station_id, heard.placed) == (7, 1)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('link = "tcp://h:1"\npatrol_position = "serial:///dev/x"', "patrol = true and a link serial:///"),
        ('link = "serial:///dev/r"\npatrol = true\npatrol_position = "tcp://h:1"', "serial:///dev/NAME"),
        ('link = "serial:///dev/r"\npatrol = true\n[filing]\nnumber = "1"', "no table filing"),
    ],
)
def test_what_a_patrols_file_cannot_say(lines: str, problem: str):
    station, problems = read_station(f'id = "A"\n{lines}\n', "a.toml")
    assert station is None and any(problem in one for one in problems), problems


async def test_two_ports_become_one_stream(monkeypatch):
    monkeypatch.setattr(patrol_port, "QUIET_S", 0.05)
    ports = [pty.openpty() for _ in range(2)]
    for _, slave in ports:
        tty.setraw(slave)
    (radio, radio_end), (gnss, gnss_end) = ports
    station = Station("A", f"serial://{os.ttyname(radio_end)}", patrol=True)
    station = replace(station, patrol_position=f"serial://{os.ttyname(gnss_end)}")
    told: list[Chunk] = []
    following = asyncio.create_task(patrol_port.follow(station, told.append, 0.1, 0.1, random.Random()))
    data = frame(encode_station.encode(base(7)))
    try:
        await until(lambda: sum(one.state == "connected" for one in told) == 1)  # the radio's
        os.write(gnss, GGA[:20])
        os.write(radio, data[:10])
        os.write(gnss, GGA[20:] + RMC + GGA)
        os.write(radio, data[10:])
        whole = data + GGA + RMC
        await until(lambda: len(b"".join(one.data for one in told)) >= len(whole))
        assert b"".join(one.data for one in told) == whole  # no sentence within the frame, the newest of each
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        for ends in ports:
            for end in ends:
                os.close(end)


async def test_rule_e14_from_the_line_to_a_case(tmp_path):
    """A base in the city of Xiangtan; what is written to the pty is all it says, on a told clock."""
    line, line_end = pty.openpty()
    tty.setraw(line_end)
    station = Station("PATROL", f"serial://{os.ttyname(line_end)}", patrol=True)
    text = resources.files("hncors.supervise").joinpath("hunan.geojson").read_text(encoding="utf-8")
    areas, _ = read_areas(text, "hunan.geojson")
    assert areas is not None
    network = Network([station])
    network.judge = judge = Judge(1, [station, FILED], areas)
    came: asyncio.Queue[Chunk] = asyncio.Queue()
    following = asyncio.create_task(listen(station, came.put_nowait, 1, 1, random.Random(1)))
    ledger = tmp_path / "ledger.sqlite3"
    queue = LedgerQueue(ledger, lambda: network.last_tick_ns, Clearance())
    x_m, y_m, z_m = to_ecef([math.radians(27.83), math.radians(112.94), 60.0]).tolist()
    record = ReferencePoint(station_id=7, x_m=x_m, y_m=y_m, z_m=z_m)
    said = gga(27.85, 112.95) + frame(encode_station.encode(record))
    try:
        while (await came.get()).state != "connected":
            pass
        for second in range(0, 300, 20):
            os.write(line, said)
            heard = b""
            while len(heard) < len(said):
                one = await came.get()
                heard += one.data
                network.feed(one._replace(arrival_ns=chunk(1000 * second).arrival_ns))
            assert heard == said
            for at_s in range(second, second + 20):
                network.tick(chunk(1000 * at_s + 250).arrival_ns)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        for end in (line, line_end):
            os.close(end)
    while judge.findings:
        assert queue.put(judge.findings.popleft().finding)
    queue.close()
    with closing(Ledger(ledger)) as kept:
        ((number, case),) = cases(kept.base)
        (found,) = findings(kept.base, number)
    assert (case.subject, case.state, case.county) == ("PATROL/7", "discovered", "湘潭市")
    assert (found.rule, found.strength, found.inputs["station_number"]) == ("E14", "strong", 7)
    assert found.inputs["times"] >= 5 and found.at_ns - chunk(0).arrival_ns <= 300 * SECOND_NS
