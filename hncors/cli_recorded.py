"""A folder that a daemon recorded, as commands play it: with the news of its links, and when it looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hncors.daemon.record_reading import Told, emptied, read_news, read_ticks, stations_told_of
from hncors.daemon.recording import STDIN, Recording, RecordingError, folder_recordings, shown
from hncors.replaying import Script, Source


class Recorded(NamedTuple):
    """What a daemon recorded."""

    recordings: list[Recording]
    script: Script
    watched: dict[str, float | None]  # stations, and the epochs a second that they promised
    news: dict[str, Told]  # by station
    problems: tuple[str, ...]

    def all_problems(self, sources: Iterable[Source]) -> list[str]:
        """Lines worth showing, also of bytes that nobody looked at."""
        if not len(self.script.tick_ns):
            return [*self.problems, "when the daemon looked is not known: played as any recordings are"]
        last_ns = int(self.script.tick_ns[-1])
        after = [source for source in sources if len(source.offset) and source.arrival_ns[-1] > last_ns]
        if not after:
            return list(self.problems)
        late_s = (max(int(source.arrival_ns[-1]) for source in after) - last_ns) / 1e9
        told = f"{len(after)} stations have bytes from up to {late_s:.3f} s after the daemon looked last"
        return [*self.problems, told]

    def with_news(self, sources: Iterable[Source]) -> list[Source]:
        """The sources with the news of their links; stations of which only news came have sources, too."""
        found = {source.station: source for source in sources}
        none = np.empty(0, np.int64)
        for station, told in self.news.items():
            source = found.get(station, Source(station, b"", none, none, timed=True))
            found[station] = source._replace(news=told.news, timed=source.timed and told.timed)
        return list(found.values())


def read_recorded(inputs: Sequence[str | Path], problems: list[str]) -> Recorded | None:
    """What a daemon recorded in a folder, if that is the only input and one; else None."""
    if len(inputs) != 1 or str(inputs[0]) == STDIN or not Path(inputs[0]).is_dir():
        return None
    folder = Path(inputs[0])
    try:
        ticks = read_ticks(folder)
        if ticks is None:
            return None
        recordings = folder_recordings(folder)
        if not recordings and not len(ticks.script.tick_ns):
            return None
        by_name = {recording.name: recording for recording in recordings}
        news = {name: read_news(folder, name, by_name.get(name)) for name in stations_told_of(folder)}
    except OSError as fault:
        problems.append(f"{shown(folder)}: {fault.strerror}; expected a folder of recordings")
        return None
    except RecordingError as refused:
        problems += refused.problems
        return None
    found = [
        *ticks.problems,
        *emptied(folder),
        *(problem for told in news.values() for problem in told.problems),
    ]
    return Recorded(recordings, ticks.script, ticks.watched, news, tuple(found))
