"""hncors watches networks of GNSS reference stations, and replays recordings of them.

Two doors for programs: `replay` takes recordings along the daemon's own line, `decode` gives the
observations in some bytes. Importing this module is cheap; what they need is loaded when they are called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from hncors.version import VERSION as __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hncors.network import Watched
    from hncors.view.results import Result

__all__ = ["__version__", "decode", "replay"]
_Path = str | PathLike[str]


def replay(
    inputs: _Path | Iterable[_Path],
    stations: _Path | Sequence[Watched] | None = None,
    nav: _Path | Iterable[_Path] | None = None,
    *,
    time: str | None = None,
) -> Result:
    """Replay recordings as the daemon would have seen them live.

    `inputs` are RTCM 3 files (also mixed with other bytes) or folders of recordings; `stations` is a
    configuration file or a sequence of anything with `id` and `rate_hz`, by which recordings are named
    and their epochs expected; `nav` are RINEX 3 or 4 navigation files. `time` is an ISO 8601 time within
    half a week of the first observations, for recordings that do not tell their week.

    The result has `observations`, `epochs`, `positions` and `events`, each a dict of numpy arrays of one
    length, and `metrics()` and `metric(name, **labels)`: see hncors.view.results.Result.
    Raises ValueError with a line for each input that cannot be used.
    """
    from hncors.cli_play import replayed

    return replayed(_several(inputs), stations, _several(nav or ()), time)


def decode(data: bytes, *, time: str | None = None) -> dict[str, NDArray[Any]]:
    """Every observation in some bytes, a row per satellite and signal in the order in which they were sent.

    Nothing is left out as repeated: a stream that sends the same data in two messages has two rows. Columns,
    arrays of one length: `gps_ms` GPS time in milliseconds since 1980-01-06; `gnss` RINEX letter;
    `satellite` RINEX number; `signal` RINEX code such as "1C"; `pseudorange_m`; `phase_cycles`;
    `doppler_hz`; `cn0_dbhz`; `lock_ms`, the least time of continuous lock; `half_cycle`, ambiguity
    unresolved; `ambiguous`, the range lacks whole milliseconds; `smoothed`, the station smooths
    its ranges; `message_type`; `station_id`. Floats that are not available are nan. Without ephemerides in
    the bytes and without `time` (ISO 8601) the week is not known: `gps_ms` then counts from the start of the
    first observation's week.
    """
    from hncors.gpstime import from_iso
    from hncors.view.columns import decoded

    return decoded(bytes(data), None if time is None else from_iso(time))


def _several(paths: _Path | Iterable[_Path]) -> list[_Path]:
    return [paths] if isinstance(paths, str | PathLike) else list(paths)
