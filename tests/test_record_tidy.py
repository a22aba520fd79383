"""What is deleted of recordings: by age, by quota, by share, and never because a clock alone says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hncors.daemon import record_tidy
from hncors.daemon.record_folder import RecordFolder
from hncors.daemon.record_tidy import ages, hour_name
from hncors.daemon.recorder import Recorder
from hncors.network import Chunk

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
YEAR_NS = 365 * DAY_NS
START_NS = 1_795_462_847_250_000_000  # 2026-11-23 19:40:47.250 UTC


def hour(back: float) -> str:
    return f"{datetime.fromtimestamp(START_NS // SECOND_NS - 3600 * back, UTC):%Y%m%d%H}"


def fill(folder: Path, size: int, *stations: str, first: int = 1, last: int = 8) -> None:
    """So many bytes for each hour and station, in a recording and its tag; the hours count back from now."""
    for back in range(first, last + 1):
        for station in stations:
            (folder / f"{station}_{hour(back)}.rtcm3").write_bytes(bytes(size - size // 10))
            (folder / f"{station}_{hour(back)}.rtcm3.tag").write_bytes(bytes(size // 10))


def hours(folder: Path, station: str) -> list[str]:
    return sorted({path.name.split("_")[1].split(".")[0] for path in folder.glob(f"{station}_*")})


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Recorder]]:
    found: list[Recorder] = []
    yield found
    for one in found:
        one.close()


def recorder(folder: Path, made: list[Recorder], *, quota_bytes: float = 1e12, days: float = 30) -> Recorder:
    made.append(Recorder(RecordFolder(folder), quota_bytes=int(quota_bytes), retention_days=days))
    return made[-1]


def note(recorder: Recorder, size: int, station: str = "A", at_ns: int = START_NS) -> None:
    recorder.note(Chunk(station, bytes(size), at_ns))
    recorder.tick(at_ns)
    for _ in range(20):  # a part of what is to be deleted goes after each write
        recorder.flush()


# --- age -----------------------------------------------------------------------------------------


def test_hours_are_as_old_as_they_look_where_the_daemon_runs() -> None:
    """The hour from 12 to 13 o'clock is 6 h 40 min old at 19:40."""
    found = ages([hour(back) for back in range(10)], START_NS, round(6.5 * HOUR_NS))
    assert found == ([hour(9), hour(8), hour(7)], [], [])
    found = ages([hour(24 * back) for back in range(40)], START_NS, 30 * DAY_NS)  # an hour every day
    assert found == ([hour(24 * back) for back in range(39, 30, -1)], [], [])


@pytest.mark.parametrize("ahead_ns", [2 * DAY_NS, 31 * DAY_NS, 10 * YEAR_NS])
def test_a_clock_that_is_ahead_makes_nothing_old(ahead_ns: int) -> None:
    """29 days are on disk, and nothing in between tells of the time that the clock says has passed."""
    kept = sorted(hour(back) for back in range(29 * 24))
    found = ages(kept, START_NS + ahead_ns, 30 * DAY_NS)
    assert len(found.old) <= 24 and found.ahead == []
    assert len(found.old) + len(found.overdue) == min(ahead_ns // HOUR_NS - 25, 29 * 24)
    later = [hour_name(START_NS + ahead_ns + n * HOUR_NS) for n in range(100)]
    found = ages(kept + later, START_NS + ahead_ns + 100 * HOUR_NS, 30 * DAY_NS)
    assert set(found.old) <= set(kept[:148])  # which the clock was right about: it went on for 100 hours
    put_right = ages(kept + later, START_NS + HOUR_NS, 30 * DAY_NS)
    assert put_right == ([], [], later)


def test_what_was_recorded_for_long_enough_with_a_wrong_clock_counts() -> None:
    kept = [hour(back) for back in range(24)]
    later = [hour_name(START_NS + 10 * YEAR_NS + n * HOUR_NS) for n in range(31 * 24)]
    found = ages(kept + later, START_NS + 10 * YEAR_NS + 31 * DAY_NS, 30 * DAY_NS)
    assert set(kept) <= set(found.old)


def test_a_day_that_is_none_is_nobodys() -> None:
    assert ages(["2026023012", hour(0)], START_NS, 30 * DAY_NS) == ([], [], [])


@pytest.mark.parametrize("years", [10, -50])
def test_a_host_whose_clock_is_wrong_at_its_start_loses_nothing(
    tmp_path: Path, made: list[Recorder], caplog: pytest.LogCaptureFixture, years: int
) -> None:
    fill(tmp_path, 1000, "A", "B", last=40)
    before = hours(tmp_path, "A")
    wrong = recorder(tmp_path, made, days=2)
    for second in range(5):
        wrong.tick(START_NS + years * YEAR_NS + second * SECOND_NS)
        note(wrong, 1000, at_ns=START_NS + years * YEAR_NS + second * SECOND_NS)
    told = wrong.told()
    assert told.deleted_files == {}
    assert (told.overdue_hours, told.ahead_hours) == ((40, 0) if years > 0 else (0, 40))
    assert ("too little was recorded" if years > 0 else "later than the host") in caplog.text
    note(wrong, 1000)  # the clock is put right
    wrong.disk._tidied_s = float("-inf")
    note(wrong, 1000)
    told = wrong.told()
    assert (told.overdue_hours, told.ahead_hours) == ((0, 1) if years > 0 else (1, 0))
    assert set(before) < set(hours(tmp_path, "A"))
    assert told.deleted_files == {}


# --- quota and share -----------------------------------------------------------------------------


def test_quota_and_retention_delete_the_oldest_first_and_nothing_else(
    tmp_path: Path, made: list[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_tidy, "FILES_AT_ONCE", 3)
    fill(tmp_path, 1000, "A", "B")
    foreign = [tmp_path / name for name in ("notes.txt", "A.rtcm3", f"A_{hour(8)}.rtcm3.gz")]
    for path in foreign:
        path.write_bytes(bytes(100_000))
    (tmp_path / f"C_{hour(8)}.rtcm3").symlink_to(foreign[0])
    one = recorder(tmp_path, made, quota_bytes=7000, days=6.5 / 24)
    note(one, 3000)
    told = one.told()
    assert told.deleted_files["retention"] == 2 * 4  # seven and eight hours old
    assert told.deleted_bytes["retention"] == 2 * 2000
    assert hours(tmp_path, "B") == [hour(2), hour(1)]
    assert told.folder_bytes <= 7000 < told.folder_bytes + 1100
    assert all(path.stat().st_size == 100_000 for path in foreign)
    assert (tmp_path / f"C_{hour(8)}.rtcm3").is_symlink()
    ours = [path for name in "AB" for path in tmp_path.glob(f"{name}_*.rtcm3*") if path not in foreign]
    ticks = (tmp_path / f"network_{hour(0)}.ticks").stat().st_size
    assert told.folder_bytes == sum(path.stat().st_size for path in ours) + ticks


def test_a_loud_station_pushes_out_its_own_hours(tmp_path: Path, made: list[Recorder]) -> None:
    """Ten times as much as the nine others: 1.5 of ten shares are its, the others keep all they have."""
    fill(tmp_path, 1000, *(f"S{n}" for n in range(9)), last=9)
    fill(tmp_path, 10_000, "LOUD", last=2)
    one = recorder(tmp_path, made, quota_bytes=100_000)
    note(one, 5000, "LOUD")
    assert hours(tmp_path, "LOUD") == [hour(1), hour(0)]
    assert one.told().deleted_files == {"share": 2}
    assert all(len(hours(tmp_path, f"S{n}")) == 9 for n in range(9))
    for _ in range(10):
        note(one, 5000, "LOUD")
        for n in range(9):
            note(one, 20, f"S{n}")
    assert hours(tmp_path, "LOUD") == [hour(0)]
    assert set(one.told().refused) == {"LOUD"} and one.told().dropped.keys() == {"LOUD"}
    assert one.told().written["S8"] == 200
    assert one.told().written["LOUD"] <= 1.5 * 10_000 + 5000
    assert all(len(hours(tmp_path, f"S{n}")) >= 9 for n in range(9))
    note(one, 1000, "LOUD", at_ns=START_NS + HOUR_NS)
    note(one, 1000, "LOUD", at_ns=START_NS + HOUR_NS)
    assert one.told().refused == {}  # the next hour has room again


def test_an_hour_that_takes_more_than_the_quota(tmp_path: Path, made: list[Recorder]) -> None:
    """Half of the quota is anybody's; of the other half each station has its part, and there is no more."""
    one = recorder(tmp_path, made, quota_bytes=10_000)
    for station in "ABCD":
        note(one, 1000, station)
    note(one, 3000, "A")
    assert set(one.told().refused) == {"A"}  # more than 10000 / 2 / 4
    for _ in range(3):
        for station in "ABCD":
            note(one, 1000, station)
    assert set(one.told().refused) == set("ABCD")
    told = one.told()
    assert told.dropped == {"A": 3000, "B": 2000, "C": 2000, "D": 2000}
    assert told.folder_bytes <= 10_000 + 1000 and told.failing
    note(one, 100, "A", at_ns=START_NS + HOUR_NS)
    assert one.told().dropped["A"] == 3100
    one.tick(START_NS + HOUR_NS)
    note(one, 100, "B", at_ns=START_NS + HOUR_NS)
    note(one, 100, "A", at_ns=START_NS + HOUR_NS)
    assert not one.told().failing
