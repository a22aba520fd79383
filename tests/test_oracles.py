"""Real recordings: RTKLIB's files of the same bytes, RTKLIB-EX's files, and pyrtcm's fields.

What RTKLIB has and we have otherwise would be listed in docs/differences.md; of values there is nothing.
"""

from __future__ import annotations

import gzip
import os
import subprocess
from collections import Counter
from functools import cache
from math import dist, sqrt
from pathlib import Path

import pytest
import wire
from conftest import RECORDINGS
from pyrtcm_cells import check
from rinex_tools import Observed, compare, convbin, read

from hncors.exporting import NothingToExport, rinex
from hncors.gpstime import from_iso, iso
from hncors.reading import date, parts
from hncors.rtcm3.station import ReferencePoint

# Days of the streams that hold no ephemeris: RTKLIB and we are given the same. Three are known (README of
# the recordings); the others are any day.
GIVEN = {
    "f9p-mixed-ubx-158s.bin": "2018-09-04T08:42:17",
    "f9t-mixed-ubx-26s.bin": "2018-09-06T08:13:47",
    "mixed-one-bad-crc.bin": "2018-09-04T08:42:17",
    "same-minute-three-times.rtcm3": "2018-09-07T00:00:23",
    "swift-beidou-invalid-fine-pseudorange.rtcm3": "2018-09-06T18:29:45",
    "swift-javad.rtcm3": "2018-09-04T19:35:51",
    "trio-finland-21s.rtcm3": "2026-07-05T16:38:21",
}
WITHOUT_OBSERVATIONS = {"igs-ssr-4076.rtcm3", "madoca-ssr.rtcm3", "swift-test-gal-eph.rtcm3"}
# What RTKLIB does not write although the frames are intact, by its cause in docs/differences.md.
NEW_SIGNALS = {  # B1C, B2a, B2b
    "alloy-bds3-33s.rtcm3": Counter(
        {f"C:{kind}{code}": 256 for code in ("1X", "5X", "7D") for kind in "CLDS"}
    ),
    "swift-beidou-invalid-fine-pseudorange.rtcm3": Counter({"C:C5P": 5, "C:L5P": 6, "C:D5P": 6, "C:S5P": 6}),
}
LAST_EPOCH = {  # seconds of the epoch whose last message never comes
    "one-of-each-35-types.rtcm3": "46.0000000",
    "swift-sept.rtcm3": "00.0000000",
    "trio-finland-21s.rtcm3": "42.0010000",
    "trio-poland-20s.rtcm3": "40.0000000",
}
NEW_STATION = {"swift-switch-legacy-msm-legacy-msm.rtcm3": {"13 49 15.0000000": 60, "13 49 27.0000000": 54}}

STREAMS = sorted(path.name for path in (RECORDINGS / "streams").glob("*"))
OBSERVED = [name for name in STREAMS if name not in WITHOUT_OBSERVATIONS]
REFERENCES = sorted(path.name.removesuffix(".obs.gz") for path in (RECORDINGS / "reference").glob("*.obs.gz"))
pytestmark = pytest.mark.usefixtures("recordings")
if not STREAMS:  # so that the tests are seen to be skipped
    STREAMS, OBSERVED, REFERENCES = ["none"], ["none"], ["none"]


@cache
def stream(name: str) -> bytes:
    return (RECORDINGS / "streams" / name).read_bytes()


@cache
def exported(name: str) -> dict[str, str]:
    return rinex(stream(name), name, from_iso(GIVEN[name]) if name in GIVEN else None)


@cache
def ours(name: str) -> Observed:
    return read(exported(name)[f"{name}.obs"])


def when(name: str) -> str:
    return GIVEN.get(name) or iso(date(stream(name)).reference_ms)[:19]


# --- RTKLIB --------------------------------------------------------------------------------------


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("name", OBSERVED)
def test_every_value_of_rtklib(name: str, tmp_path: Path) -> None:
    theirs = read(convbin(stream(name), tmp_path, when(name)))
    found = compare(theirs.values, ours(name).values)
    assert not found.missing
    assert not found.differ
    assert found.equal == len(theirs.values) > 0
    # Where the epoch before has the phase, too, a loss of lock that RTKLIB sees is one that we see.
    before = dict(zip(theirs.epochs[1:], theirs.epochs, strict=False))
    lost = {key for key, flag in theirs.indicators.items() if flag & 1 and key[0] in before}
    unseen = {key for key in lost if not ours(name).indicators.get(key, 0)}
    if name in NEW_STATION:  # where RTKLIB begins the third station, two epochs after us
        unseen = {key for key in unseen if not key[0].endswith("13 51 38.0000000")}
    assert not {key for key in unseen if (before[key[0]], *key[1:]) in theirs.values}


@pytest.mark.peer("convbin")
@pytest.mark.parametrize("name", OBSERVED)
def test_what_rtklib_lacks_is_explained(name: str, tmp_path: Path) -> None:
    # Only intact frames are given, because RTKLIB loses frames near foreign bytes and behind a cut one.
    frames = b"".join(wire.scan(stream(name)))
    theirs = read(convbin(frames, tmp_path, when(name)))
    extra = compare(theirs.values, ours(name).values).extra
    if name in NEW_SIGNALS:
        assert compare({}, {}).kinds(extra) == NEW_SIGNALS[name]
    elif name in LAST_EPOCH:
        assert {key[0] for key in extra} == {ours(name).epochs[-1]}
        assert ours(name).epochs[-1].endswith(LAST_EPOCH[name])
        assert ours(name).epochs[-1] not in theirs.epochs
    elif name in NEW_STATION:
        assert Counter(key[0][11:] for key in extra) == NEW_STATION[name]
    else:
        assert not extra


@pytest.mark.parametrize("name", REFERENCES)
def test_every_value_of_rtklib_ex(name: str) -> None:
    # Made by RTKLIB-EX 2.5.1, which knows BeiDou's new signals, but not C59 and C60.
    theirs = read(gzip.decompress((RECORDINGS / "reference" / f"{name}.obs.gz").read_bytes()).decode())
    found = compare(theirs.values, ours(f"{name}.rtcm3").values)
    assert not found.missing
    assert not found.differ
    assert found.equal == len(theirs.values) > 1000
    last = {LAST_EPOCH.get(f"{name}.rtcm3", "none")}
    rest = [key for key in found.extra if not key[0].endswith(tuple(last))]
    assert {key[1] for key in rest} == ({"C59", "C60"} if name.startswith("hiroshima") else set())


@pytest.mark.parametrize("name", sorted(WITHOUT_OBSERVATIONS & set(STREAMS)) or ["none"])
def test_streams_without_observations(name: str) -> None:
    if name == "swift-test-gal-eph.rtcm3":
        assert list(exported(name)) == [f"{name}.nav"]
    else:
        with pytest.raises(NothingToExport):
            exported(name)


# --- positions -----------------------------------------------------------------------------------

OPTIONS = """
pos1-posmode       =single
pos1-frequency     =l1+l2
pos1-elmask        =10
pos1-ionoopt       ={ionosphere}
pos1-tropopt       =saas
pos1-sateph        =brdc
pos1-navsys        =63
out-solformat      =xyz
out-timesys        =gpst
"""
# 3-D rms in metres against the stream's own reference point that RTKLIB gets from RTKLIB's own files (README
# of the recordings, Debian's version): broadcast ionosphere; epochs.
RMS_M = {
    "alloy-bds3-33s.rtcm3": (3.9, 33),
    "hiroshima-7systems-60s.rtcm3": (2.9, 60),
    "stromlo-netr9-22min.rtcm3": (3.2, 1312),
    "stromlo-polarx5-8min.rtcm3": (4.8, 502),
    "trio-poland-20s.rtcm3": (2.3, 19),
}


def positions(folder: Path, ionosphere: str = "brdc") -> dict[str, tuple[float, ...]]:
    """Solutions of rnx2rtkp by time."""
    (folder / "options.conf").write_text(OPTIONS.format(ionosphere=ionosphere))
    command = ["rnx2rtkp", "-k", "options.conf", "out.obs", "out.nav"]
    ran = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
    rows = [line.split() for line in ran.stdout.splitlines() if line and not line.startswith("%")]
    return {f"{row[0]} {row[1]}": tuple(map(float, row[2:5])) for row in rows}


@pytest.mark.peer("convbin", "rnx2rtkp")
@pytest.mark.parametrize("name", RMS_M)
def test_rtklib_solves_our_files(name: str, tmp_path: Path) -> None:
    data = stream(name)
    text = convbin(data, tmp_path, when(name))
    assert text
    theirs = positions(tmp_path)
    (tmp_path / "out.obs").write_text(exported(name)[f"{name}.obs"])
    (tmp_path / "out.nav").write_text(exported(name)[f"{name}.nav"])
    mine = positions(tmp_path)
    rms_m, epochs = RMS_M[name]
    assert len(mine) == epochs
    assert set(theirs) <= set(mine)
    assert max(dist(mine[at], theirs[at]) for at in theirs) < 0.001
    records = (record for part in parts(data, 0) for _, record in part.block.records)
    truth = next((r.x_m, r.y_m, r.z_m) for r in records if isinstance(r, ReferencePoint))
    assert sqrt(sum(dist(at, truth) ** 2 for at in mine.values()) / len(mine)) == pytest.approx(
        rms_m, abs=0.06
    )


# --- pyrtcm --------------------------------------------------------------------------------------

EVERY = 1 if os.environ.get("HNCORS_EVERY_CELL") else 7  # of all frames; epochs have four or five messages
OBSERVATION_TYPES = {1001, 1002, 1003, 1004, 1009, 1010, 1011, 1012} | {
    1070 + 10 * gnss + kind for gnss in range(7) for kind in range(1, 8)
}


def of_observations(data: bytes) -> list[bytes]:
    """Frames of observation messages, found by brute force."""
    return [
        one for one in wire.scan(data) if len(one) > 7 and (one[3] << 4 | one[4] >> 4) in OBSERVATION_TYPES
    ]


@pytest.mark.parametrize("name", OBSERVED)
def test_every_cell_as_pyrtcm_reads_it(name: str) -> None:
    checked = check(of_observations(stream(name))[::EVERY])
    assert sum(checked.cells.values()) > 0
    if name == "alloy-bds3-33s.rtcm3":
        assert {"C32", "C24", "C25"} <= set(checked.cells)  # B1C, B2a, B2b, which RTKLIB drops


def test_every_cell_of_one_frame_of_each_kind(recordings: Path) -> None:
    frames = [path.read_bytes() for path in sorted((recordings / "frames").glob("*.bin"))]
    checked = check([one for data in frames for one in of_observations(data)])
    assert set(checked.messages) >= {1001, 1002, 1003, 1004, 1009, 1010, 1011, 1012, *range(1071, 1078)}
