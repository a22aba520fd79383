"""hncors rinex: recordings as RINEX 3.05 files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hncors.cli_output import DONE, Refused, console, document, given_time, note, staged
from hncors.cli_recordings import place
from hncors.daemon.recording import EXPECTED, Recording, RecordingError, open_recordings, shown
from hncors.exporting import NothingToExport, WeekUnknown, rinex
from hncors.gpstime import from_unix_ns
from hncors.reading import blocks
from hncors.text import printable


def command(source: str, out: Path, time: str | None, as_json: bool) -> int:
    """Export; the exit status. Every file is written, or none."""
    given_ms = given_time(time)
    created = datetime.now(UTC).strftime("%Y%m%d %H%M%S UTC")
    texts: dict[str, str] = {}
    problems: list[str] = []
    try:
        recordings = open_recordings([source])
        for recording in recordings:
            try:
                texts |= _exported(recording, given_ms, created)
            except (NothingToExport, WeekUnknown) as refused:
                problems.append(f"{place(recording)}: {str(refused).removeprefix(f'{_name(recording)}: ')}")
    except RecordingError as refused:
        problems += refused.problems
    if problems:
        raise Refused(*problems)
    for recording in recordings:
        for problem in recording.problems:
            note(problem)
    with staged(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    if as_json:
        document({"folder": str(out), "files": {name: len(text.encode()) for name, text in texts.items()}})
    else:
        for name, text in texts.items():
            lines = text.count("\n")
            console().print(
                f"written 已写入  {shown(out / name)}  {lines:,} lines", markup=False, soft_wrap=True
            )
    return DONE


def _exported(recording: Recording, given_ms: int | None, created: str) -> dict[str, str]:
    data = recording.data
    if next(blocks(data), None) is None:
        raise NothingToExport(f"no RTCM 3 frame found; {EXPECTED}")
    arrivals = recording.arrivals
    arrival_ms = None if arrivals is None else from_unix_ns(int(arrivals[1][0]))
    return rinex(data, _name(recording), given_ms, arrival_ms=arrival_ms, created=created)


def _name(recording: Recording) -> str:
    return printable(recording.name, 64).replace("/", "_")
