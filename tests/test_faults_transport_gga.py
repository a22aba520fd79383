"""N17 and N18: mountpoints that wait for a position. Sentences are read by pynmeagps and our own caster."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from pynmeagps import NMEAReader
from test_daemon_caster_client import FRAME, Caster, following

from hncors.daemon import caster_client
from hncors.ntrip.gga import gga
from hncors.ntrip.server import valid_gga
from hncors.registry import read_station

# Published by its owner for the antenna of the recording hiroshima-7systems (see the recordings' README).
LATITUDE_DEG, LONGITUDE_DEG, HEIGHT_M = 34.4401061, 132.4147804, 233.362
ECEF_M = (-3551862.0, 3888213.0, 3586860.0)  # about there


def parsed(sentence: bytes) -> SimpleNamespace:
    """As pynmeagps reads it; it refuses a wrong checksum."""
    message = NMEAReader.parse(sentence, validate=1)
    return SimpleNamespace(
        **{name: value for name, value in vars(message).items() if not name.startswith("_")}
    )


@pytest.mark.parametrize(
    ("latitude", "longitude", "decimals"),
    [
        (LATITUDE_DEG, LONGITUDE_DEG, 4),
        (LATITUDE_DEG, LONGITUDE_DEG, 2),
        (-33.99999, -0.004, 2),
        (-0.5, -179.99, 3),
        (28.0, 113.0, 0),
    ],
)
def test_n18_positions_that_a_caster_accepts(latitude: float, longitude: float, decimals: int) -> None:
    """Quality 1, twelve satellites, a checksum that holds, and no more decimals than are asked for."""
    sentence = gga(latitude, longitude, HEIGHT_M, 1_795_465_800.25, decimals)
    assert valid_gga(sentence.strip())
    told = parsed(sentence)
    assert told.lat == pytest.approx(round(latitude, decimals), abs=2e-6)  # four decimals of a minute
    assert told.lon == pytest.approx(round(longitude, decimals), abs=2e-6)
    assert (told.quality, told.numSV, told.HDOP, told.alt) == (1, 12, 1.0, 230.0)
    assert told.time.isoformat() == "20:30:00.250000"


@pytest.mark.parametrize("unix_s", [0.0, 59.999, 86_399.999, 1_795_465_859.996])
def test_n18_no_second_is_the_sixtieth(unix_s: float) -> None:
    """The time of day is one, to the end of every minute."""
    assert parsed(gga(1.0, 1.0, 0.0, unix_s)).time is not None


class Waits(Caster):
    """A caster that sends its stream once it has been told a position; keeps the sentences."""

    def __init__(self, answer: bytes) -> None:
        super().__init__((answer, "hold"))
        self.sentences: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.current_task())
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answers[0][0])
        try:
            while line := await reader.readline():
                self.sentences.append(line)
                writer.write(FRAME)
        except OSError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.mark.parametrize(
    ("version", "answer"),
    [(1, b"ICY 200 OK\r\n"), (2, b"HTTP/1.1 200 OK\r\nContent-Type: gnss/data\r\n\r\n")],
)
async def test_n17_a_mountpoint_that_waits_for_a_position(version: int, answer: bytes) -> None:
    """The position is told when connected and again and again, in both versions, rounded."""
    caster = Waits(answer)
    async with following(caster, ntrip_version=version, gga=True, gga_every_s=0.05, ecef_m=ECEF_M) as heard:
        await heard.until(lambda heard: len(heard.data) >= 3 * len(FRAME))
    assert all(valid_gga(line.strip()) for line in caster.sentences)
    told = parsed(caster.sentences[0])
    assert (told.lat, told.lon) == (pytest.approx(34.44, abs=2e-6), pytest.approx(132.41, abs=2e-6))
    header = [line for line in caster.requests[0].split(b"\r\n") if line.startswith(b"Ntrip-GGA: ")]
    assert [valid_gga(line[11:]) for line in header] == [True] * (version == 2)


async def test_n17_without_a_position_the_reason_has_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is told unless asked for, and a stream that never began says what it may wait for."""
    monkeypatch.setattr(caster_client, "QUIET_UNKNOWN_S", 0.1)
    caster = Waits(b"ICY 200 OK\r\n")
    async with following(caster, ecef_m=ECEF_M) as heard:
        await heard.until(lambda heard: "stalled" in heard.states)
    assert caster.sentences == []
    (why,) = {chunk.why for chunk in heard.chunks if chunk.state == "stalled"}
    assert "gga = true" in why


def test_n17_a_position_that_is_not_known_cannot_be_told() -> None:
    """`check` says so."""
    _, problems = read_station('id = "A"\nlink = "ntrip://h/M"\ngga = true\n', "A.toml")
    assert problems == ["A.toml: gga = true: expected the table coordinates beside it: what should be told?"]
