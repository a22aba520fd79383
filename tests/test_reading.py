"""Finding the week of a recording, and reading it in blocks; calendars are Python's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from ephemeris_material import laid, possible
from records import beidou, day_of_1013, day_of_1029, galileo, glonass, gps
from wire import epoch, framed, legacy, msm, scan

from hncors.gpstime import DAY_MS, WEEK_MS, from_iso, iso
from hncors.reading import blocks, date, parts
from hncors.rtcm3.framing import Framer

NOW = from_iso("2026-11-23T20:30:00")  # recordings are of this time
HOUR = 3_600_000
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)


def recording(
    *records: bytes, start: int = NOW, seconds: int = 20, numbers: tuple[int, ...] = (1074, 1124)
) -> bytes:
    """Epochs each second, the records behind the third."""
    frames = [epoch(start + 1000 * n, numbers) for n in range(seconds)]
    return b"".join(
        [b"".join(one) for one in frames[:3]] + [*records] + [b"".join(one) for one in frames[3:]]
    )


# --- whose word counts -------------------------------------------------------------------------------


def test_ephemerides_before_arrival_before_given() -> None:
    data = recording(*(galileo(n, NOW - HOUR) for n in range(1, 5)))
    wrong = NOW - 30 * WEEK_MS
    assert date(data, arrival_ms=wrong, given_ms=wrong)[:] == (NOW, "ephemerides")
    assert date(data)[:] == (NOW, "ephemerides")
    bare = recording()
    assert date(bare, arrival_ms=NOW + 5000, given_ms=wrong)[:] == (NOW + 5000, "arrival")
    assert date(bare, given_ms=NOW - HOUR)[:] == (NOW - HOUR, "given")


def test_nothing_tells_the_week() -> None:
    reference, source = date(recording())
    assert source == ""
    assert reference % WEEK_MS == NOW % WEEK_MS
    assert date(b"")[1] == ""
    assert date(b"nothing but text")[1] == ""


@pytest.mark.parametrize("year", [2016, 2018, 2021, 2024, 2026, 2027])
@pytest.mark.parametrize("make", [gps, galileo, beidou])
def test_each_system_alone(make, year: int) -> None:  # type: ignore[no-untyped-def]
    """GPS sends 10 bits of the week: of the 1,024 weeks that RTCM 3 has lived through."""
    start = from_iso(f"{year}-03-09T12:00:00")
    data = recording(*(make(n, start - HOUR) for n in range(1, 6)), start=start)
    assert date(data)[:] == (start, "ephemerides")


@pytest.mark.parametrize("year", [2018, 2022, 2026])
@pytest.mark.parametrize(("gps_count", "glonass_count"), [(5, 8), (8, 5), (3, 20)])
def test_glonass_tells_the_day_of_four_years_only(year: int, gps_count: int, glonass_count: int) -> None:
    start = from_iso(f"{year}-11-23T12:10:00")
    records = [gps(n, start - HOUR) for n in range(1, gps_count + 1)]
    records += [glonass(n, start - 600_000) for n in range(1, glonass_count + 1)]
    assert date(recording(*records, start=start))[:] == (start, "ephemerides")


def test_glonass_alone_with_a_time_near_it() -> None:
    start = from_iso("2022-11-23T12:10:00")
    data = recording(*(glonass(n, start - 600_000) for n in range(1, 9)), start=start)
    assert date(data, given_ms=from_iso("2022-01-01"))[:] == (start, "ephemerides")
    assert date(data, arrival_ms=from_iso("2023-10-01"))[:] == (start, "ephemerides")


def test_glonass_alone_is_of_the_last_four_years() -> None:
    start = from_iso("2026-11-23T12:10:00")
    data = recording(*(glonass(n, start - 600_000) for n in range(1, 9)), start=start)
    assert date(data)[:] == (start, "ephemerides")


def test_gps_weeks_follow_the_era_of_the_others() -> None:
    """A recording of 2046: Galileo and BeiDou know, GPS alone would say 2026."""
    start = from_iso("2046-03-09T12:00:00")
    records = [gps(n, start - HOUR) for n in range(1, 9)] + [beidou(n, start - HOUR) for n in (21, 22)]
    assert date(recording(*records, start=start))[:] == (start, "ephemerides")


def test_sets_that_are_weeks_old_do_not_vote() -> None:
    """A receiver goes on sending sets of satellites that left; their toe is anywhere in the week."""
    stale = [gps(n, NOW - 3 * WEEK_MS - (6 + n) * HOUR) for n in range(1, 13)]
    fresh = [gps(n, NOW - HOUR) for n in range(20, 23)]
    assert date(recording(*stale, *fresh))[:] == (NOW, "ephemerides")
    assert date(recording(*stale), arrival_ms=NOW)[:] == (NOW, "arrival")
    assert date(recording(*stale))[1] == ""


def test_the_majority_of_satellites_decides() -> None:
    wrong = [galileo(n, NOW - 5 * WEEK_MS - HOUR) for n in range(1, 4)]
    right = [galileo(n, NOW - HOUR) for n in range(4, 9)]
    assert date(recording(*wrong, *right))[:] == (NOW, "ephemerides")
    again = [galileo(1, NOW - 5 * WEEK_MS - HOUR)] * 50  # one satellite has one vote
    assert date(recording(*again, *right))[:] == (NOW, "ephemerides")


def test_week_of_the_transmission_instead_of_toe() -> None:
    """Just before Saturday midnight toe is in the next week; some send this one's number with it.

    Arrival times tell that it is so; without them the number is taken at its word.
    """
    start = from_iso("2026-11-21T23:30:00")
    toe = from_iso("2026-11-22T00:00:00")
    records = []
    for n in range(1, 6):
        raw = possible(1019, satellite=n, week=start // WEEK_MS % 1024, toe_s=0, toc_s=0)
        records.append(framed(laid(1019, raw)))
    assert date(recording(*records, start=start), arrival_ms=start + 400)[:] == (start, "ephemerides")
    assert date(recording(*(gps(n, toe) for n in range(1, 6)), start=start))[:] == (start, "ephemerides")


@pytest.mark.parametrize("make", [day_of_1013, day_of_1029])
def test_day_numbers_tell_the_week(make) -> None:  # type: ignore[no-untyped-def]
    assert date(recording(make(NOW + 3000)))[:] == (NOW, "ephemerides")
    assert date(recording(make(NOW + 3000)), arrival_ms=NOW - 40 * WEEK_MS)[:] == (NOW, "ephemerides")


@pytest.mark.parametrize("before", [1, 5])
def test_records_before_the_first_observation(before: int) -> None:
    head = b"".join(galileo(n, NOW - HOUR) for n in range(1, before + 1))
    assert date(head + recording(), arrival_ms=NOW - 7 * WEEK_MS)[:] == (NOW, "ephemerides")


def test_first_observations_of_glonass_days() -> None:
    """1012 sends no day: the ephemerides' time tells it."""
    start = from_iso("2026-11-24T01:00:00")
    records = [galileo(n, start - HOUR) for n in range(1, 5)]
    data = recording(*records, start=start, numbers=(1012, 1094))
    reference, source = date(data)
    assert source == "ephemerides"
    first = next(parts(data, reference))
    assert first.time_ms[0] == start


@pytest.mark.parametrize(
    ("name", "first", "week"),
    [
        ("alloy-bds3-33s.rtcm3", "2024-08-18T21:14", 2328),
        ("hiroshima-7systems-60s.rtcm3", "2022-12-13T01:09", 2240),
        ("stromlo-polarx5-8min.rtcm3", None, 2010),
        ("trio-poland-20s.rtcm3", "2026-07-05T16:38", 2426),
    ],
)
def test_recordings_whose_week_is_known(recordings: Path, name: str, first: str | None, week: int) -> None:
    """Weeks as the list beside the recordings has them, from RTKLIB and the files' own dates."""
    data = (recordings / "streams" / name).read_bytes()[:150_000]
    found = date(data)
    assert found.source == "ephemerides"
    time = int(next(parts(data, found.reference_ms)).time_ms[0])
    assert time // WEEK_MS == week
    if first:
        assert iso(time).startswith(first)


# --- reading -----------------------------------------------------------------------------------------


def test_blocks_hold_every_frame_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = (
        b"".join(b"$GPGGA*00\r\n" + b"".join(epoch(NOW + 1000 * n)) for n in range(60))
        + b"\xd3\x03\xff"
        + b"".join(epoch(NOW + 60_000))
    )
    for piece, size in ((1 << 18, 1024), (100, 7), (1000, 1), (64, 100_000)):
        monkeypatch.setattr("hncors.reading.PIECE", piece)
        monkeypatch.setattr("hncors.reading.BLOCK_FRAMES", size)
        framer = Framer()
        found = list(blocks(data, framer))
        assert [frame for block in found for frame in block] == scan(data)
        assert all(len(block) <= size for block in found[:-1])
        assert framer.received == len(data) == framer.in_frames + framer.junk + framer.pending


def test_parts_are_dated_across_blocks_and_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hncors.reading.BLOCK_FRAMES", 5)
    start = from_iso("2026-11-21T23:59:50")
    bad = framed(msm(1124, 2**30 - 14_000))
    data = b"".join(b"".join([*epoch(start + 1000 * n), bad]) for n in range(20))
    found = list(parts(data, start - HOUR))
    times = np.concatenate([part.time_ms for part in found])
    assert times.tolist() == [start + 1000 * n for n in range(20) for _ in range(4)]
    assert sum(part.undated for part in found) == 20
    assert [part.first_frame for part in found] == list(range(0, 100, 5))
    for part in found:
        assert len(part.messages) == len(part.time_ms)
        assert (
            part.messages.cells == np.bincount(part.observations.message, minlength=len(part.messages))
        ).all()


def test_older_messages_across_midnight_in_moscow() -> None:
    start = from_iso("2026-11-23T20:59:58")
    payloads = []
    for n in range(40):
        moscow = (start + 1000 * n - 18_000 + 3 * HOUR) % DAY_MS
        payloads.append(framed(legacy(1012, moscow, [{"id": 3}])))
    (part,) = parts(b"".join(payloads), start - 10 * HOUR)
    assert part.time_ms.tolist() == [start + 1000 * n for n in range(40)]
