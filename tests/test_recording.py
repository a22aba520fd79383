"""Recordings and time tags: RTKLIB's str2str (2.4.3 b34) is the independent reader and writer."""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hncors.daemon import timetag
from hncors.daemon.recording import (
    Recording,
    RecordingError,
    hourly_path,
    open_recording,
    open_recordings,
    station_and_hour,
)
from hncors.daemon.recording_writer import RecordingWriter

# 2026-11-23 19:40:47.250 UTC; GPS time is 18 s ahead (IERS Bulletin C, none announced since 2017).
START_NS = 1_795_462_847_250_000_000
SECOND_NS = 1_000_000_000


def tag(*records: tuple[int, int], start: bytes = b"", wide: bool = False) -> bytes:
    """A tag file laid out by hand after RTKLIB's stream.c; starts at START_NS."""
    start = start or struct.pack("<Id", 1_795_462_865, 0.25)
    head = b"TIMETAG RTKLIB 2.4.3".ljust(60, b"\0") + struct.pack("<I", 0xF98B3) + start
    return head + b"".join(struct.pack("<IQ" if wide else "<II", *record) for record in records)


def noise(size: int) -> bytes:
    return np.random.default_rng(7).bytes(size)


def write(path: Path, data: bytes, tag_bytes: bytes | None = None) -> Path:
    path.write_bytes(data)
    if tag_bytes is not None:
        Path(f"{path}.tag").write_bytes(tag_bytes)
    return path


def arrivals(recording: Recording) -> list[tuple[int, int]]:
    """Offsets and milliseconds after START_NS."""
    assert recording.arrivals is not None
    offset, arrival_ns = recording.arrivals
    return list(zip(offset.tolist(), ((arrival_ns - START_NS) // 1_000_000).tolist(), strict=True))


# --- the tag of RTKLIB ---------------------------------------------------------------------------


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("start", [b"", struct.pack("<qd", 1_795_462_865, 0.25)])
def test_every_layout_is_recognised(wide: bool, start: bytes) -> None:
    # A first write of nothing, as str2str really makes it.
    content = tag((103, 0), (304, 5282), (405, 10564), (811, 15846), start=start, wide=wide)
    read = timetag.read(content, 15846)
    assert read.offset.tolist() == [0, 5282, 10564]
    assert ((read.arrival_ns - START_NS) // 1_000_000).tolist() == [304, 405, 811]
    assert read.problems == ()


def test_our_header_and_records_are_rtklibs() -> None:
    start_gps_ms = (1_795_462_865 - 315_964_800) * 1000 + 250
    ours = timetag.header(start_gps_ms) + timetag.record(start_gps_ms, start_gps_ms + 304, 5282)
    theirs = tag((304, 5282))
    assert ours[:60] == theirs[:60]
    assert ours[64:] == theirs[64:]


CASES = {
    "wrong magic": (b"TIMETAG OF SOMETHING ELSE".ljust(200), (timetag.NO_MAGIC,), None),
    "empty": (b"", (timetag.TOO_SHORT,), None),
    "only the name": (b"TIMETAG RTKLIB 2.4.3", (timetag.TOO_SHORT,), None),
    "only the header": (tag(), (timetag.NO_RECORDS,), None),
    "nothing written": (tag((5, 0), (9, 0)), (timetag.TOO_EARLY,), None),
    "start in 1970": (tag((5, 9), start=struct.pack("<Id", 5, 0.0)), (timetag.NO_TIME,), None),
    "start is nan": (tag((5, 9), start=struct.pack("<Id", 2**31, float("nan"))), (timetag.NO_TIME,), None),
    "cut": (tag((5, 40_000), (9, 100_000))[:-3], (timetag.TOO_EARLY,), None),
    "cut in the last write": (
        tag((5, 80_000), (9, 100_000))[:-3],
        (timetag.CUT_RECORD, timetag.TAIL),
        [(0, 5)],
    ),
    "recording cut": (
        tag((5, 60_000), (9, 110_000), (11, 120_000)),
        (timetag.BEYOND,),
        [(0, 5), (60_000, 9)],
    ),
    "of another recording": (tag((5, 200_000), (9, 300_000)), (timetag.NO_FIT,), None),
    "one tick back": (
        tag((5000, 10), (9000, 20), (3000, 30), (9500, 100_000)),
        (timetag.BACKWARD,),
        [(0, 5000), (10, 9000), (20, 9000), (30, 9500)],
    ),
    "one tick far ahead": (
        tag((5000, 10), (9_000_000, 20), (6000, 30), (7000, 100_000)),
        (timetag.BACKWARD,),
        [(0, 5000), (10, 6000), (20, 6000), (30, 7000)],
    ),
    # Starts at a whole second and with the first byte: also legible as the older layout.
    "whole seconds": (
        tag((0, 40_000), (1000, 80_000), (2000, 100_000), start=struct.pack("<Id", 1_795_462_865, 0.0)),
        (),
        [(0, -250), (40_000, 750), (80_000, 1750)],
    ),
    "one position back": (
        tag((1, 10), (2, 20), (3, 15), (4, 30), (5, 100_000)),
        (timetag.BACKWARD,),
        [(0, 1), (10, 2), (20, 4), (30, 5)],
    ),
    "counter wraps": (tag((2**32 - 5, 10), (7, 100_000)), (), [(0, -5), (10, 7)]),
    # Recorded with str2str ::S=0.002 -f 1: it goes on in the old file with the ticks of the new one.
    "swapped": (
        tag((6821, 28530), (7212, 30115), (0, 31700), (397, 33285), (793, 100_000)),
        (timetag.RESTARTED,),
        [(0, 6821), (28530, 7212), (30115, 7212), (31700, 7609), (33285, 8005)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_damaged_tags_are_named_and_used_as_far_as_they_go(case: str, tmp_path: Path) -> None:
    content, problems, expected = CASES[case]
    path = write(tmp_path / "A.rtcm3", bytes(100_000), content)
    recording = open_recording(path)
    assert recording.problems == tuple(f"{path}.tag: {problem}" for problem in problems)
    if expected is None:
        assert recording.arrivals is None
        assert list(recording.chunks(1 << 20)) == [(bytes(100_000), None)]
    else:
        assert arrivals(recording) == expected


@given(
    st.binary(max_size=200)
    | st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 3000)), max_size=9).map(lambda r: tag(*r)),
    st.integers(0, 300),
    st.integers(0, 2000),
)
def test_no_tag_raises(content: bytes, cut: int, size: int) -> None:
    for part in (content, content[:cut], b"TIMETAG RTKLIB " + content):
        read = timetag.read(part, size)
        assert len(read.offset) == len(read.arrival_ns)
        assert len(read.offset) or read.problems
        if len(read.offset):
            assert read.offset[0] == 0 and read.offset[-1] < size
            assert (np.diff(read.offset) > 0).all() and (np.diff(read.arrival_ns) >= 0).all()


def test_a_leap_second_within_a_recording() -> None:
    """2016-12-31 23:59:60 UTC (IERS Bulletin C 52): GPS time counts on, UTC is 17, then 18 s behind."""
    before_unix_s = 1_483_228_795  # 23:59:55
    start = struct.pack("<Id", before_unix_s + 17, 0.0)
    read = timetag.read(tag((1000, 10), (10_000, 20), start=start), 20)
    assert read.arrival_ns.tolist() == [(before_unix_s + 1) * SECOND_NS, (before_unix_s + 9) * SECOND_NS]


# --- str2str -------------------------------------------------------------------------------------


class Feeder(threading.Thread):
    """A TCP server that sends pieces to the first who comes, at an interval, and notes when."""

    def __init__(self, pieces: list[bytes], interval_s: float) -> None:
        super().__init__()
        self.pieces, self.interval_s = pieces, interval_s
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(10)
        self.port = self.server.getsockname()[1]
        self.sent_ns: list[int] = []

    def run(self) -> None:
        connection, _ = self.server.accept()
        with connection, self.server:
            time.sleep(0.5)
            for piece in self.pieces:
                self.sent_ns.append(time.time_ns())
                connection.sendall(piece)
                time.sleep(self.interval_s)


def str2str(program: str, source: str, sink: str, done: Path, size: int) -> None:
    """Run str2str until `done` has `size` bytes."""
    command = [program, "-in", source, "-out", sink]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=done.parent)
    try:
        for _ in range(1000):
            if done.exists() and done.stat().st_size >= size:
                break
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
    assert done.stat().st_size == size


@pytest.mark.peer("str2str")
@pytest.mark.parametrize("option", ["", "::P=8"])
def test_a_recording_of_str2str(peer: object, tmp_path: Path, option: str) -> None:
    assert callable(peer)
    data = noise(6000)
    feeder = Feeder([data[at : at + 1000] for at in range(0, 6000, 1000)], 0.3)
    feeder.start()
    path = tmp_path / "STR2.rtcm3"
    str2str(peer("str2str"), f"tcpcli://127.0.0.1:{feeder.port}", f"file://{path}::T{option}", path, 6000)
    feeder.join()
    recording = open_recording(path)
    assert recording.data == data
    assert recording.problems == ()
    assert recording.arrivals is not None
    offset, arrival_ns = recording.arrivals
    assert offset.tolist() == list(range(0, 6000, 1000))
    late_s = (arrival_ns - np.array(feeder.sent_ns)) / 1e9
    assert (late_s > -0.02).all() and (late_s < 0.25).all()  # it looks every 10 ms; the machine may be busy


@pytest.mark.peer("str2str")
def test_str2str_plays_our_recording_at_its_pace(peer: object, tmp_path: Path) -> None:
    assert callable(peer)
    data = noise(16_000)
    path, played = tmp_path / "OURS.rtcm3", tmp_path / "played.rtcm3"
    with RecordingWriter(path, START_NS) as writer:
        for second in range(16):
            writer.write(data[second * 1000 : second * 1000 + 1000], START_NS + second * SECOND_NS)
    str2str(peer("str2str"), f"file://{path}::T::x10", f"file://{played}::T", played, 16_000)
    assert played.read_bytes() == data
    records = np.frombuffer(Path(f"{played}.tag").read_bytes(), "<u4", -1, 76).reshape(-1, 2)
    ticks = {int(position): int(tick) for tick, position in records}
    # Ten seconds of ours in one of its; it gives out each piece at the time of the piece before.
    assert ticks[15_000] - ticks[5_000] == pytest.approx(1000, abs=300)


# --- files and folders ---------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [1, 7, 512, 10**6])
def test_chunks_are_the_bytes_and_never_cross_an_arrival(tmp_path: Path, chunk_size: int) -> None:
    data = noise(5000)
    recording = open_recording(write(tmp_path / "A.rtcm3", data, tag((5, 10), (9, 3000), (1000, 5000))))
    pieces = list(recording.chunks(chunk_size))
    assert b"".join(piece for piece, _ in pieces) == data == recording.data
    assert max(len(piece) for piece, _ in pieces) <= chunk_size
    came: dict[int | None, int] = {}
    for piece, arrival_ns in pieces:
        came[arrival_ns] = came.get(arrival_ns, 0) + len(piece)
    assert came == {START_NS + ms * 1_000_000: size for ms, size in ((5, 10), (9, 2990), (1000, 2000))}


def test_chunks_of_a_recording_without_tag(tmp_path: Path) -> None:
    data = noise(2_500_000)  # more than is read at once
    recording = open_recording(write(tmp_path / "A.rtcm3", data))
    assert recording.name == "A" and recording.arrivals is None
    for chunk_size in (999_999, 2_000_000, 10**7):
        pieces = list(recording.chunks(chunk_size))
        assert b"".join(piece for piece, _ in pieces) == data
        assert {arrival_ns for _, arrival_ns in pieces} == {None}
        assert [len(piece) for piece, _ in pieces[:-1]] == [chunk_size] * (len(data) // chunk_size)


def test_real_recordings_open(recordings: Path) -> None:
    opened = open_recordings([recordings / "streams"])
    assert "alloy-bds3-33s" in {recording.name for recording in opened}
    for recording in opened:
        assert recording.size == len(recording.data) > 0


def test_hours_of_a_station_are_one_recording(tmp_path: Path) -> None:
    hour_ns = 3600 * SECOND_NS
    data = noise(900)
    for number, hour in enumerate((0, 1, 3)):
        start_ns = START_NS + hour * hour_ns
        with RecordingWriter(hourly_path(tmp_path, "HN_01", start_ns), start_ns) as writer:
            writer.write(data[300 * number : 300 * number + 200], start_ns)
            writer.write(data[300 * number + 200 : 300 * number + 300], start_ns + SECOND_NS)
    assert (tmp_path / "HN_01_2026112322.rtcm3").is_file()  # 19:40 and three hours
    write(tmp_path / "B.RTCM", b"other")
    write(tmp_path / "HN_01_2026112321.rtcm3", b"")  # silent for an hour
    write(tmp_path / "notes.txt", b"not a recording")
    by_name = {recording.name: recording for recording in open_recordings([tmp_path])}
    assert sorted(by_name) == ["B", "HN_01"]
    assert by_name["HN_01"].data == data
    expected = [
        (at, hour * 3_600_000 + ms)
        for at, hour, ms in (
            (0, 0, 0),
            (200, 0, 1000),
            (300, 1, 0),
            (500, 1, 1000),
            (600, 3, 0),
            (800, 3, 1000),
        )
    ]
    assert arrivals(by_name["HN_01"]) == expected
    assert b"".join(piece for piece, _ in by_name["HN_01"].chunks(77)) == data
    singly = open_recordings(
        sorted(tmp_path.glob("HN_01*22.rtcm3")) + sorted(tmp_path.glob("HN_01*19.rtcm3"))
    )
    assert singly[0].data == data[:300] + data[600:]


def test_what_str2str_writes_twice_around_a_swap_is_read_once(tmp_path: Path) -> None:
    data = noise(10_000)
    write(tmp_path / "A_2026112300.rtcm3", data[:6000], tag((100, 2000), (200, 4000), (0, 5000), (9, 6000)))
    second = struct.pack("<Id", 1_795_462_866, 0.25)
    write(tmp_path / "A_2026112301.rtcm3", data[4000:], tag((0, 1000), (9, 2000), (50, 6000), start=second))
    (recording,) = open_recordings([tmp_path])
    assert recording.data == data
    assert arrivals(recording) == [(0, 100), (2000, 200), (4000, 1000), (5000, 1009), (6000, 1050)]


def test_an_overlap_is_found_behind_something_that_begins_alike(tmp_path: Path) -> None:
    same, data = noise(300), noise(3000)[1000:]
    write(tmp_path / "A_2026112300.rtcm3", data + same + b"one" + same + b"two")
    write(tmp_path / "A_2026112301.rtcm3", same + b"two and more")
    (recording,) = open_recordings([tmp_path])
    assert recording.data == data + same + b"one" + same + b"two and more"
    write(tmp_path / "A_2026112301.rtcm3", same + b"three")
    (recording,) = open_recordings([tmp_path])
    assert recording.data == data + same + b"one" + same + b"two" + same + b"three"


def test_hours_with_and_without_tags_have_no_arrivals(tmp_path: Path) -> None:
    write(tmp_path / "A_2026112300.rtcm3", b"first", tag((1, 5)))
    write(tmp_path / "A_2026112301.rtcm3", b"second")
    (recording,) = open_recordings([tmp_path])
    assert recording.arrivals is None
    assert recording.problems == ("A: arrival times of 1 of 2 files only; none are used",)
    assert [piece for piece, _ in recording.chunks(100)] == [b"firstsecond"]


@pytest.mark.parametrize(
    ("name", "station", "hour"),
    [
        ("HN01_2026112319.rtcm3", "HN01", "2026-11-23T19:00:00+00:00"),
        ("A_B_2024022923.rtcm3", "A_B", "2024-02-29T23:00:00+00:00"),
        ("HN01_2026112324.rtcm3", "HN01_2026112324", None),
        ("HN01_20261123.rtcm3", "HN01_20261123", None),
        ("_2026112319.rtcm3", "_2026112319", None),
        ("HN01.2026.rtcm3", "HN01.2026", None),
        ("HN01", "HN01", None),
    ],
)
def test_names(name: str, station: str, hour: str | None) -> None:
    found, at = station_and_hour(Path(name))
    assert (found, at and at.isoformat()) == (station, hour)


def problems(*inputs: Path | str) -> list[str]:
    with pytest.raises(RecordingError) as caught:
        open_recordings(inputs)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return list(caught.value.problems)


def test_every_wrong_input_is_one_line_that_names_it(tmp_path: Path) -> None:
    expected = "expected an RTCM3 file, a folder of recordings, or - for standard input"
    empty = write(tmp_path / "empty.rtcm3", b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    suffixes = "expected files .rtcm3 .rtcm .rtc .bin .ubx .sbf .raw .dat"
    assert problems(tmp_path / "none.rtcm3", empty, folder, tmp_path) == [
        f"{tmp_path}/none.rtcm3: no such file; {expected}",
        f"{empty}: the file is empty; {expected}",
        f"{folder}: no recordings in the folder; {suffixes}",
        f"{tmp_path}: only empty recordings in the folder; {suffixes}",
    ]
    with pytest.raises(RecordingError, match="a folder; expected"):
        open_recording(folder)
    assert problems(tmp_path / "a\nb") == [f"{tmp_path}/a\\nb: no such file; {expected}"]
    assert "File name too long" in problems(tmp_path / ("x" * 300))[0]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.rtcm3"))
        assert problems(tmp_path / "socket.rtcm3") == [f"{tmp_path}/socket.rtcm3: no file; {expected}"]


def test_two_recordings_of_one_station_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "A.rtcm3", b"1")
    two = write(tmp_path / "A.bin", b"2")
    assert problems(tmp_path) == [f"{two}, {one}: all of station A; expected one, or one an hour"]
    same = write(tmp_path / "A_2026112300.rtcm3", b"3")
    assert problems(one, same) == [f"{one}, {same}: all of station A; expected one, or one an hour"]


def test_a_file_cut_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "A.rtcm3", b"12345")
    recording = open_recording(path)
    path.write_bytes(b"12")
    with pytest.raises(RecordingError, match="became shorter"):
        list(recording.chunks(2))
    path.unlink()
    with pytest.raises(RecordingError, match="No such file"):
        _ = recording.data


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xd3\x00")))
    (recording,) = open_recordings(["-"])
    assert (recording.name, recording.data, recording.arrivals) == ("stdin", b"\xd3\x00", None)
    assert list(recording.chunks(1)) == [(b"\xd3", None), (b"\x00", None)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert problems("-") == ["standard input: nothing came; expected RTCM3 bytes"]


def test_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe.rtcm3"
    os.mkfifo(path)
    sender = threading.Thread(target=path.write_bytes, args=(b"through a pipe",))
    sender.start()
    assert open_recording(path).data == b"through a pipe"
    sender.join()


# --- writing -------------------------------------------------------------------------------------


def test_a_recording_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "A.rtcm3"
    with RecordingWriter(path, START_NS) as writer:
        writer.write(b"abc", START_NS + 1_999_999)  # times are kept to the millisecond
        writer.write(b"", START_NS + SECOND_NS)
    with path.open("ab") as data, Path(f"{path}.tag").open("ab") as cut:  # and the power went away
        data.write(b"de")
        cut.write(b"\x01\x02")
    with RecordingWriter(path, START_NS + 5 * SECOND_NS) as writer:
        writer.write(b"fgh", START_NS + 6 * SECOND_NS)
    recording = open_recording(path)
    assert recording.data == b"abcdefgh"
    assert recording.problems == ()
    assert arrivals(recording) == [(0, 1), (3, 1), (5, 6000)]


@pytest.mark.parametrize("content", [None, b"not ours", tag((5, 3)), tag()])
def test_bytes_are_written_where_the_tag_cannot_be_continued(tmp_path: Path, content: bytes | None) -> None:
    path = write(tmp_path / "A.rtcm3", bytes(3), content)
    with RecordingWriter(path, START_NS) as writer:
        writer.write(b"abc", START_NS)
    assert path.read_bytes() == bytes(3) + b"abc"
    assert not content or Path(f"{path}.tag").read_bytes() == content
