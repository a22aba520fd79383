"""What a recorder wrote beside the bytes, read again: news of links, and when the daemon looked.

Files may be cut off anywhere, by a kill or a loss of power; what is whole is used, the rest is told of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hncors.daemon.record_folder import TICKS, TICKS_ENDING, hour_of
from hncors.daemon.recording import Recording, shown, tag_path
from hncors.daemon.timetag import HEADER_BYTES, RECORD_BYTES
from hncors.health import CONNECTED, STATES
from hncors.network_overload import LeftOut
from hncors.origins import Origin
from hncors.replaying import Begin, News, Script
from hncors.text import printable

MS = 1_000_000
WHY_CHARACTERS = 4000
NEWS_ENDING = ".link.jsonl"
BROKEN = "lines cannot be read"
BACKWARD = "ticks go backwards, as the clock did; they are not used"
LOST = "ticks were not recorded"
BEYOND = "lines tell of bytes that are not in the recording"
DROPPED = "bytes were not recorded"

_LINE = re.compile(
    rb"([0-9]{13})|begin ([0-9]{13}) ([0-9]{1,13})|watch (\{.*\})|lost ([0-9]{1,9})"
    rb"|overload ([12]) ([0-9]{1,9})"
)


class Ticks(NamedTuple):
    """What files of ticks say: the script, and stations with the epochs they promised a second."""

    script: Script
    watched: dict[str, float | None]
    problems: tuple[str, ...]


class Told(NamedTuple):
    """The news of one station's link."""

    news: tuple[News, ...]
    timed: bool  # False: arrival times were made up
    problems: tuple[str, ...]


def read_ticks(folder: Path) -> Ticks | None:
    """The ticks of a recorded folder; None where there are none. Raises OSError."""
    files = [path for path in folder.glob(f"{TICKS}_*{TICKS_ENDING}") if hour_of(path.name)]
    if not files:
        return None
    ticks: list[int] = []
    begins: list[Begin] = []
    left_out: dict[int, LeftOut] = {}
    watched: dict[str, float | None] = {}
    problems: list[str] = []
    for path in sorted(files):
        lost = backward = broken = 0
        for line in _lines(path):
            match = _LINE.fullmatch(line)
            if match is None:
                broken += 1
            elif match[1] is not None:
                at_ns = int(match[1]) * MS
                if ticks and at_ns <= ticks[-1]:
                    backward += 1
                else:
                    ticks.append(at_ns)
            elif match[2] is not None:
                begins.append(Begin(len(ticks), int(match[2]) * MS, int(match[3]) * MS))
            elif match[4] is not None:
                rates = _watched(match[4])
                broken += rates is None
                watched |= rates or {}
            elif match[6] is not None:
                left_out[len(ticks)] = LeftOut(int(match[6]), int(match[7]))
            else:
                lost += int(match[5])
        found = {BROKEN: broken, BACKWARD: backward, LOST: lost}
        problems += [f"{shown(path)}: {number} {what}" for what, number in found.items() if number]
    return Ticks(Script(np.array(ticks, np.int64), tuple(begins), left_out), watched, tuple(problems))


def stations_told_of(folder: Path) -> list[str]:
    """Stations whose links have told anything in a recorded folder."""
    names = (path.name for path in folder.glob(f"*{NEWS_ENDING}"))
    return sorted({name.rpartition("_")[0] for name in names if hour_of(name)})


def emptied(folder: Path) -> Iterator[str]:
    """A line for each recording that is empty, though its tag tells of bytes. Raises OSError."""
    for path in sorted(folder.glob("*.rtcm3")):
        tag = tag_path(path)
        if not path.stat().st_size and tag.exists() and tag.stat().st_size >= HEADER_BYTES + RECORD_BYTES:
            yield f"{shown(path)}: empty, though its tag tells of bytes"


def read_news(folder: Path, station: str, recording: Recording | None) -> Told:
    """The news of a station's link, at their places in its recording. Raises OSError."""
    parts = () if recording is None else recording.parts
    sizes = {part.path.stem: part.size for part in parts if part.path is not None}
    files = [path for path in folder.glob(f"{station}_*{NEWS_ENDING}") if hour_of(path.name)]
    hours = {path.name[: -len(NEWS_ENDING)] for path in files if path.name.rpartition("_")[0] == station}
    news: list[News] = []
    problems: list[str] = []
    timed, begin = True, 0
    for hour in sorted({*sizes, *hours}):
        size = sizes.get(hour, 0)
        if hour in hours:
            path = folder / f"{hour}{NEWS_ENDING}"
            broken = beyond = dropped = 0
            for line in _lines(path):
                told = _told(line)
                if told is None:
                    broken += 1
                    continue
                dropped += told.dropped
                beyond += told.offset > size
                timed = timed and told.timed
                if told.state or told.origin is not None:
                    at = begin + min(told.offset, size)
                    before = news[-1].offset if news else 0
                    news.append(News(max(at, before), told.at_ns, told.state, told.why, told.origin))
            found = {BROKEN: broken, BEYOND: beyond, DROPPED: dropped}
            problems += [f"{shown(path)}: {number} {what}" for what, number in found.items() if number]
        begin += size
    return Told(tuple(news), timed, tuple(problems))


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file; the last also where it does not end."""
    lines = path.read_bytes().split(b"\n")
    yield from lines[:-1]
    if lines[-1]:
        yield lines[-1] + b"..."  # cut off: must not be taken for a shorter whole one


def _watched(text: bytes) -> dict[str, float | None] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(found, dict) and all(
        rate is None or (isinstance(rate, float | int) and not isinstance(rate, bool) and 0 < rate <= 1000)
        for rate in found.values()
    )
    return found if whole else None


class _NewsLine(NamedTuple):
    at_ns: int
    offset: int  # in the file of its hour
    state: str  # "": it only tells of what was dropped
    why: str
    timed: bool
    dropped: int
    origin: Origin | None


def _told(line: bytes) -> _NewsLine | None:
    """What a line of a link's news says; None where it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    at_ms, offset, dropped = found.get("at", -1), found.get("bytes", -1), found.get("dropped", 0)
    numbers = all(type(number) is int and 0 <= number < 1 << 43 for number in (at_ms, offset, dropped))
    state, why = found.get("state", ""), found.get("why", "")
    if not numbers or state not in ("", CONNECTED, *STATES) or not isinstance(why, str):
        return None
    timed = found.get("timed") is not False
    why = printable(why, WHY_CHARACTERS)
    return _NewsLine(at_ms * MS, offset, state, why, timed, dropped, _origin(found.get("origin")))


def _origin(told: object) -> Origin | None:
    match told:
        case [str(address), str(agent), bool(refused)]:
            address, agent = (printable(text, WHY_CHARACTERS) for text in (address, agent))
            return Origin(address, agent, refused=refused)
    return None
