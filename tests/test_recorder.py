"""The recorder: what it was given is what is there to be read, whatever the disk does meanwhile."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hncors.daemon import recorder as module
from hncors.daemon.record_folder import FolderRefused, RecordFolder
from hncors.daemon.recorder import Recorder
from hncors.daemon.recording import open_recordings
from hncors.network import Chunk

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
START_NS = 1_795_462_847_250_000_000  # 2026-11-23 19:40:47.250 UTC


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(RecordFolder(tmp_path), quota_bytes=10**9, retention_days=1000)
    yield made
    made.close()


def chunk(data: bytes, at_s: float = 0, station: str = "A", **more: object) -> Chunk:
    return Chunk(station, data, START_NS + round(at_s * SECOND_NS), **more)


def read(folder: Path) -> dict[str, bytes]:
    return {recording.name: recording.data for recording in open_recordings([folder])}


def test_hours_of_stations_and_when_their_bytes_came(recorder: Recorder, tmp_path: Path) -> None:
    for number in range(4):  # at 19:40, 20:10, 20:40, 21:10
        for station in ("A", "B"):
            recorder.note(chunk(f"{station}{number}".encode() * 100, 1800 * number, station))
        recorder.note(chunk(b"later", 1800 * number + 0.4))
        if number % 2:
            recorder.flush()
    names = [
        f"{name}_20261123{hour}.rtcm3{end}" for name in "AB" for hour in (19, 20, 21) for end in ("", ".tag")
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    found = {one.name: one for one in open_recordings([tmp_path])}
    assert found["A"].data == b"".join(b"A%d" % n * 100 + b"later" for n in range(4))
    assert found["B"].data == b"".join(b"B%d" % n * 100 for n in range(4))
    assert found["A"].arrivals is not None and found["A"].problems == ()
    assert found["A"].arrivals[0].tolist() == [n * 205 + at for n in range(4) for at in (0, 200)]
    expected = [START_NS + (1800 * n * 1000 + ms) * 1_000_000 for n in range(4) for ms in (0, 400)]
    assert found["A"].arrivals[1].tolist() == expected
    assert recorder.told().written == {"A": 820, "B": 800}
    assert recorder.told().waiting_bytes == 0
    on_disk = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert recorder.told().folder_bytes == pytest.approx(on_disk, abs=76 * 6)  # but for headers of tags


def test_news_of_a_link_have_their_place_among_its_bytes(recorder: Recorder, tmp_path: Path) -> None:
    recorder.note(chunk(b"", 0, state="unreachable", why="no route 无路由"))
    recorder.note(chunk(b"1234", 1, state="connected"))
    recorder.note(chunk(b"567", 2))
    recorder.flush()
    recorder.note(chunk(b"", 3, state="backoff", why="closed", timed=False))
    recorder.flush()
    lines = (tmp_path / "A_2026112319.link.jsonl").read_text(encoding="utf-8").splitlines()
    at_ms = START_NS // 1_000_000
    assert [json.loads(line) for line in lines] == [
        {"at": at_ms, "bytes": 0, "state": "unreachable", "why": "no route 无路由"},
        {"at": at_ms + 1000, "bytes": 0, "state": "connected", "why": ""},
        {"at": at_ms + 3000, "bytes": 7, "state": "backoff", "why": "closed", "timed": False},
    ]


def test_the_next_run_knows_when_somebody_last_looked(tmp_path: Path) -> None:
    for run in range(3):
        made = Recorder(RecordFolder(tmp_path), quota_bytes=10**9, retention_days=1000)
        begin_ns = START_NS + run * HOUR_NS
        assert made.begin(begin_ns) == (begin_ns - HOUR_NS + SECOND_NS if run else 0)
        made.tick(begin_ns + SECOND_NS)
        made.close()
    with (tmp_path / "network_2026112321.ticks").open("a") as file:
        file.write("17954")  # cut off
    made = Recorder(RecordFolder(tmp_path), quota_bytes=10**9, retention_days=1000)
    assert made.begin(START_NS + 5 * HOUR_NS) == START_NS + 2 * HOUR_NS + SECOND_NS
    assert made.begin(START_NS) == 0  # a clock that was put back knows nothing
    made.close()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr(module, "WAITING_STATION_BYTES", 50_000)
    real = os.write

    def refuse(number: int, data: bytes) -> int:
        raise OSError(error, os.strerror(error))

    recorder.note(chunk(b"before", 0))
    recorder.flush()
    assert recorder.told().failing is False
    monkeypatch.setattr(os, "write", refuse)
    sent = [bytes([65 + n]) * 9000 for n in range(9)]
    for number, data in enumerate(sent):
        recorder.note(chunk(data, 1 + number))
        recorder.note(chunk(b"other", 1 + number, "B"))
        recorder.flush()
        assert recorder.told().waiting_bytes <= 60_000
    told = recorder.told()
    assert told.failing and set(told.errors) == {errno.errorcode[error]}
    assert told.dropped == {"A": 4 * 9000}
    monkeypatch.setattr(os, "write", real)
    recorder.note(chunk(b"after", 20))
    recorder.flush()
    assert recorder.told().failing is False
    assert read(tmp_path) == {"A": b"before" + b"".join(sent[:5]) + b"after", "B": b"other" * 9}
    (line,) = (tmp_path / "A_2026112319.link.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "at": START_NS // 1_000_000 + 20_000,
        "bytes": 6 + 5 * 9000,
        "dropped": 4 * 9000,
    }


def test_a_write_that_was_taken_in_part_goes_on_where_it_ended(recorder: Recorder, tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the system takes bytes up to the limit, then refuses (setrlimit(2))."""
    pieces = [os.urandom(1000) for _ in range(9)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for number, limit in enumerate((1500, 1500, 4700, 4700)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            for piece in range(2 * number, 2 * number + 2):
                recorder.note(chunk(pieces[piece], piece))
            recorder.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        size = (tmp_path / "A_2026112319.rtcm3").stat().st_size
        assert size == min(limit, 2000 * number + 2000)
    assert recorder.told().errors == {"EFBIG": 4}
    recorder.note(chunk(pieces[8], 8))
    recorder.flush()
    (recording,) = open_recordings([tmp_path])
    assert recording.data == b"".join(pieces)
    assert recording.arrivals is not None
    at_s = {int(o): (int(t) - START_NS) / SECOND_NS for o, t in zip(*recording.arrivals, strict=True)}
    assert {at: at_s[at] for at in range(0, 9000, 1000)} == {1000 * n: n for n in range(9)}
    assert recorder.told().written == {"A": 9000}


def test_quota_and_retention_delete_the_oldest_first_and_nothing_else(tmp_path: Path) -> None:
    def hour(back: int) -> str:
        return f"{datetime.fromtimestamp(START_NS // SECOND_NS - 3600 * back, UTC):%Y%m%d%H}"

    for back in range(1, 9):
        for name in ("A", "B"):
            (tmp_path / f"{name}_{hour(back)}.rtcm3").write_bytes(bytes(1000))
            (tmp_path / f"{name}_{hour(back)}.rtcm3.tag").write_bytes(bytes(100))
    foreign = [tmp_path / name for name in ("notes.txt", "A.rtcm3", f"A_{hour(8)}.rtcm3.gz")]
    for path in foreign:
        path.write_bytes(bytes(100_000))
    (tmp_path / f"C_{hour(8)}.rtcm3").symlink_to(foreign[0])
    made = Recorder(RecordFolder(tmp_path), quota_bytes=7000, retention_days=6.5 / 24)
    made.note(chunk(bytes(3000)))
    made.flush()
    left = sorted(path.name for path in tmp_path.glob("[AB]_*.rtcm3") if path not in foreign)
    told = made.told()
    assert told.deleted_files["retention"] == 2 * 4  # seven and eight hours old
    assert told.deleted_bytes["retention"] == 2 * 2200
    assert f"A_{hour(0)}.rtcm3" in left and f"B_{hour(1)}.rtcm3" in left
    assert not any(hour(back) in name for back in (3, 4, 5, 6) for name in left)
    assert told.folder_bytes <= 7000 < told.folder_bytes + 1100
    assert all(path.stat().st_size == 100_000 for path in foreign)
    made.note(chunk(bytes(6000)))  # with the hour that is being written the quota is full
    made.flush()
    made.note(chunk(b"too much"))
    made.flush()
    assert [path.name for path in tmp_path.glob("A_*.rtcm3")] == [f"A_{hour(0)}.rtcm3"]
    assert made.told().dropped == {"A": 8} and made.told().failing
    made.close()


def test_two_do_not_record_in_one_folder(recorder: Recorder, tmp_path: Path) -> None:
    with pytest.raises(FolderRefused, match="another hncors records there"):
        RecordFolder(tmp_path)
