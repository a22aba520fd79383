"""The recorder: what it was given is what is there to be read, whatever the disk does meanwhile."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import until

from hncors.daemon import record_disk
from hncors.daemon import recorder as module
from hncors.daemon.record_folder import FolderRefused, RecordFolder
from hncors.daemon.recorder import Recorder
from hncors.daemon.recording import open_recordings
from hncors.daemon.recording_writer import RecordingWriter
from hncors.network import Chunk

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
START_NS = 1_795_462_847_250_000_000  # 2026-11-23 19:40:47.250 UTC


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setattr(record_disk, "LOOK_EVERY_S", 0.0)
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


def test_two_do_not_record_in_one_folder(recorder: Recorder, tmp_path: Path) -> None:
    with pytest.raises(FolderRefused, match="another hncors records there"):
        RecordFolder(tmp_path)


async def test_a_disk_that_hangs_keeps_nobody_waiting(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes for ever, as over a network: the loop goes on, what comes waits in memory."""
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    hangs, goes_on = threading.Event(), threading.Event()
    real = os.write

    def write(number: int, data: bytes) -> int:
        hangs.set()
        goes_on.wait(20)
        return real(number, data)

    monkeypatch.setattr(os, "write", write)
    running = asyncio.create_task(recorder.run())
    recorder.note(chunk(b"first"))
    await until(hangs.is_set)
    for number in range(100):  # each round of the loop is one that it was not held up in
        recorder.note(chunk(b"more", number))
        await asyncio.sleep(0)
    assert recorder.told().written == {} and recorder.told().waiting_bytes > 400
    goes_on.set()
    await until(lambda: recorder.told().written == {"A": 405})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert read(tmp_path) == {"A": b"first" + b"more" * 100}


def test_a_disk_that_does_not_keep_up_is_told_once_and_when_it_does_again(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is dropped is never silent: the log, hncors_record_up, and the count."""
    monkeypatch.setattr(module, "WAITING_BYTES", 50_000)
    monkeypatch.setattr(module, "WAITING_EACH_BYTES", 0)
    caplog.set_level("INFO", "hncors")
    for number in range(100):
        recorder.note(chunk(bytes(1000), number))
    told = recorder.told()
    assert told.failing
    assert told.waiting_bytes <= 50_000 < told.waiting_bytes + told.dropped["A"]
    recorder.flush()
    recorder.note(chunk(b"again", 101))
    recorder.flush()
    assert not recorder.told().failing
    lines = [one.getMessage() for one in caplog.records if "keep up" in one.msg or "all that" in one.msg]
    waited = told.waiting_bytes
    assert lines == [
        f"recordings: the disk does not keep up: {waited} bytes wait for it, and more is dropped",
        f"recordings: all that waited is written; {told.dropped['A']} bytes were dropped",
    ]
    assert len(read(tmp_path)["A"]) == 100 * 1000 - told.dropped["A"] + len(b"again")


def test_news_of_links_are_kept_where_bytes_are_dropped(recorder: Recorder, tmp_path: Path) -> None:
    """Memory is full, and so is the quota: the news are small, and kept; too many of them are counted."""
    recorder.note(chunk(bytes(module.WAITING_STATION_BYTES + 1), 0, state="connected"))
    recorder.note(chunk(b"", 1, state="backoff", why="closed"))
    recorder.flush()
    recorder.disk.refused = None
    recorder.note(chunk(b"lost", 2))
    for number in range(module.WAITING_STATION_NEWS + 7):
        recorder.note(chunk(b"", 3, state="unreachable", why=str(number)))
    recorder.note(chunk(b"", 3, "B", state="unreachable"))
    recorder.flush()
    recorder.disk.refused = frozenset()
    recorder.note(chunk(b"came", 4))
    recorder.flush()
    assert recorder.told().dropped == {"A": module.WAITING_STATION_BYTES + 5}
    assert recorder.told().dropped_news == {"A": 7}
    assert read(tmp_path) == {"A": b"came"}
    lines = [json.loads(line) for line in (tmp_path / "A_2026112319.link.jsonl").read_text().splitlines()]
    at_ms = START_NS // 1_000_000
    assert lines[:3] == [
        {
            "at": at_ms,
            "bytes": 0,
            "state": "connected",
            "why": "",
            "dropped": module.WAITING_STATION_BYTES + 1,
        },
        {"at": at_ms + 1000, "bytes": 0, "state": "backoff", "why": "closed"},
        {"at": at_ms + 3000, "bytes": 0, "state": "unreachable", "why": "0", "dropped": 4},
    ]
    assert len(lines) == 2 + module.WAITING_STATION_NEWS + 1
    assert lines[-1] == {"at": at_ms + 4000, "bytes": 0, "dropped_news": 7}
    (line,) = (tmp_path / "B_2026112319.link.jsonl").read_text().splitlines()
    assert json.loads(line) == {"at": at_ms + 3000, "bytes": 0, "state": "unreachable", "why": ""}


def test_ticks_that_cannot_wait_any_longer_are_counted(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_TICKS", 2)
    for number in range(5):
        recorder.tick(START_NS + number * SECOND_NS)
    recorder.flush()
    recorder.tick(START_NS + 5 * SECOND_NS)
    recorder.flush()
    at_ms = START_NS // 1_000_000
    expected = f"{at_ms}\n{at_ms + 1000}\nlost 3\n{at_ms + 5000}\n"
    assert (tmp_path / "network_2026112319.ticks").read_text() == expected
    assert recorder.told().dropped_ticks == 3


def test_a_folder_that_is_removed_is_made_again(recorder: Recorder, tmp_path: Path) -> None:
    recorder.watch({"A": 1.0, "B": None}, START_NS)
    recorder.note(chunk(b"before"))
    recorder.tick(START_NS)
    recorder.flush()
    shutil.rmtree(tmp_path)
    recorder.note(chunk(b"after", 1))
    recorder.note(chunk(b"", 1, "B", state="unreachable"))
    recorder.flush()
    assert recorder.told().failing and recorder.told().errors["ENOENT"]
    recorder.note(chunk(b"wards", 2))
    recorder.tick(START_NS + 2 * SECOND_NS)
    recorder.flush()
    told = (tmp_path / "network_2026112319.ticks").read_text().splitlines()
    assert told == ['watch {"A": 1.0, "B": null}', f"{START_NS // 1_000_000 + 2000}"]
    assert not recorder.told().failing
    assert read(tmp_path) == {"A": b"afterwards"}
    assert (tmp_path / "B_2026112319.link.jsonl").exists()
    assert recorder.told().folder_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".rtcm3", ".rtcm3.tag"])
@pytest.mark.parametrize("held", [0, 10])
def test_a_file_that_somebody_removes_or_changes_is_begun_again(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, held: int
) -> None:
    """Bytes written to a file without a name would be lost, and nobody would know."""
    monkeypatch.setattr(record_disk, "OPEN_STATIONS", held)
    path = tmp_path / f"A_2026112319{ending}"
    for number, act in enumerate((lambda: None, path.unlink, lambda: path.write_bytes(b"x"), lambda: None)):
        act()
        recorder.note(chunk(b"%d" % number * 100, number))
        recorder.note(chunk(b"other", number, "B"))
        recorder.flush()
    assert not recorder.told().failing and recorder.told().errors["changed"]
    begun = [b"x"] if ending == ".rtcm3" else [b"0" * 100, b"1" * 100]
    assert read(tmp_path) == {"A": b"".join([*begun, b"2" * 100, b"3" * 100]), "B": b"other" * 4}


def test_no_more_files_are_held_open_than_meant(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_disk, "OPEN_STATIONS", 3)

    def are_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = are_open()
    sent: Counter[str] = Counter()
    for number in range(30):
        for station in range(10):
            if (number + station) % 3:
                recorder.note(chunk(b"%d," % number, 200 * number, f"S{station}"))
                sent[f"S{station}"] += 1
        recorder.flush()
        assert are_open() <= before + 2 * 3
    found = {one.name: one for one in open_recordings([tmp_path])}
    assert {name: one.data.count(b",") for name, one in found.items()} == sent
    for one in found.values():
        assert one.problems == () and one.arrivals is not None
        told = [int(n) for n in one.data.decode().split(",")[:-1]]
        assert one.arrivals[1].tolist() == [START_NS + 200 * n * SECOND_NS for n in told]
    assert recorder.told().folder_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_permission_that_is_taken_away_and_given_back(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """open(2): EACCES. A few stations are named in the log, once each, however long it lasts."""
    real = os.open

    def refuse(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    for number in range(3):
        for station in range(50):
            recorder.note(chunk(b"%d" % number, number, f"S{station}"))
        recorder.flush()
    assert recorder.told().failing and recorder.told().errors == {"EACCES": 150}
    assert len(caplog.records) == record_disk.TOLD
    monkeypatch.setattr(os, "open", real)
    recorder.flush()
    assert not recorder.told().failing and recorder.told().waiting_bytes == 0
    assert read(tmp_path) == {f"S{station}": b"012" for station in range(50)}


async def test_a_fault_of_the_recorder_ends_nothing_else(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a station's bytes, in ticks or in deleting: it is counted and told once, the rest goes on."""
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    real = RecordingWriter.write_all

    def write_all(self: RecordingWriter, pieces: list[tuple[int, bytes]]) -> None:
        if pieces[0][1].startswith(b"poison"):
            raise ValueError("poison")
        real(self, pieces)

    def fail(*_: object) -> None:
        raise KeyError("tick")

    monkeypatch.setattr(RecordingWriter, "write_all", write_all)
    monkeypatch.setattr(recorder.disk, "_ticks", fail)
    monkeypatch.setattr(recorder.disk.tidier, "tidy", fail)
    running = asyncio.create_task(recorder.run())
    for number in range(3):
        recorder.note(chunk(b"poison", number))
        recorder.note(chunk(b"good", number, "B"))
        recorder.tick(START_NS)
        await until(lambda number=number: recorder.told().written.get("B") == 4 * number + 4)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    told = recorder.told()
    assert told.failing and told.errors["fault"] >= 6 and told.dropped == {"A": 18}
    assert read(tmp_path) == {"B": b"good" * 3}
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"] * 3


def test_files_of_hours_that_are_over_are_closed(recorder: Recorder, tmp_path: Path) -> None:
    """A deleted file that is open goes on taking room."""
    for station in ("A", "B"):
        recorder.note(chunk(b"1", 0, station))
    recorder.flush()
    recorder.disk._tidied_s = float("-inf")
    recorder.note(chunk(b"2", 3600, "A"))
    recorder.flush()
    held = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert sorted(name for name in map(os.path.basename, held) if "_2026" in name) == [
        "A_2026112320.rtcm3",
        "A_2026112320.rtcm3.tag",
    ]
