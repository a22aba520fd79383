"""The doors' replay: recordings played to the end, everything kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

from hncors.cli_output import Refused, given_time
from hncors.cli_recordings import prepare, supervised
from hncors.network import Watched
from hncors.version import VERSION
from hncors.view.positions import columns
from hncors.view.results import Played, Result


def replayed(
    inputs: Iterable[str | PathLike[str]],
    stations: str | PathLike[str] | Sequence[Watched] | None,
    nav: Iterable[str | PathLike[str]],
    time: str | None,
) -> Result:
    """See hncors.replay."""
    try:
        territory = supervised(Path(stations)) if isinstance(stations, str | PathLike) else None
        plan = prepare(map(Path, inputs), _watched(stations), map(Path, nav), given_time(time), territory)
    except Refused as refused:
        raise ValueError("\n".join(refused.problems)) from refused
    played = []
    for era in plan.eras():
        ticks, positions = [], []
        for tick in era.play():
            if len(tick.epochs.time_ms) or tick.events:
                ticks.append(tick)
                positions.append(columns(era.network, tick))
        played.append(Played(era.network, ticks, positions))
    return Result(played, version=VERSION, undated=plan.undated, channels=plan.channels)


def _watched(stations: str | PathLike[str] | Sequence[Watched] | None) -> Sequence[Watched]:
    if stations is None:
        return ()
    if not isinstance(stations, str | PathLike):
        return stations
    from hncors.cli_recordings import configured

    return configured(Path(stations))
