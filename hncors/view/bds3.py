"""BeiDou-3 over the network, as plain data: what stations deliver of it, and of the signals they promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hncors.network import Network
from hncors.observation import I64
from hncors.positioning_results import LEFT_OUT, UNUSABLE
from hncors.registry import Station
from hncors.signals import BDS2_CODES, BEIDOU, CODES, NUMBER

STATES = ("usable", "no_beidou", "no_bds3", "no_ranges", *UNUSABLE)


def promised(station: object) -> list[str]:
    """BeiDou signals that a station's file names and BeiDou-3 sends."""
    signals: Mapping[str, Sequence[str]] = getattr(station, "signals", {})
    return [code for code in signals.get("C", ()) if code not in BDS2_CODES]


class Promises:
    """BeiDou-3's signals that stations' files promise, in their order, kept while these are the stations."""

    def __init__(self) -> None:
        self._stations: Sequence[object] = ()
        self.rows = self.slots = np.empty(0, np.int64)

    def of(self, stations: Sequence[object]) -> tuple[I64, I64]:
        """Rows and slots of the signals."""
        if stations is not self._stations:
            every = [
                (row, NUMBER[BEIDOU][code]) for row, one in enumerate(stations) for code in promised(one)
            ]
            self.rows, self.slots = np.array(every, np.int64).reshape(-1, 2).T
            self._stations = stations
        return self.rows, self.slots


def states(network: Network, rows: I64) -> I64:
    """What becomes of BeiDou-3 in the newest epochs of streaming stations: index into STATES.

    -1: that was not looked at.
    """
    tally, its = network.tally, network.positioning
    hindered = its.unusable[rows, BEIDOU]
    why = STATES.index(UNUSABLE[0]) + hindered.argmax(axis=1)
    found = np.where(hindered.any(axis=1), why, STATES.index("no_ranges"))
    found[its.usable_bds3[rows] > 0] = STATES.index("usable")
    found[np.isin(its.status[rows], (-1, LEFT_OUT))] = -1
    found[~tally.bds3[rows].any(axis=1)] = STATES.index("no_bds3")
    found[tally.satellites[rows, BEIDOU] == 0] = STATES.index("no_beidou")
    return found


def state(network: Network, number: int) -> str | None:
    """The same of one station as a word; None: that was not looked at."""
    (found,) = states(network, np.array([number])).tolist()
    return None if found < 0 else STATES[found]


def bds3(network: Network, stations: Mapping[str, Station], shown: Sequence[int]) -> dict[str, Any]:
    """Of the newest epochs of the stations `shown`, numbers of the network, as far as they stream."""
    tally = network.tally
    told, streaming, delivering = [], 0, 0
    uses = [None if use < 0 else STATES[use] for use in states(network, np.array(shown, np.int64)).tolist()]
    for number, use in zip(shown, uses, strict=True):
        stream = network.streams[number]
        promises = promised(stations[stream.id])
        its: dict[str, Any] = {"id": stream.id, "state": stream.state, "promised": promises}
        if stream.state == "streaming":
            streaming += 1
            count = tally.bds3[number]
            by_signal = {CODES[BEIDOU][slot]: int(count[slot]) for slot in np.flatnonzero(count).tolist()}
            delivering += bool(by_signal)
            its |= {
                "satellites": int(count.max(initial=0)),
                "signals": by_signal,
                "missing": [code for code in promises if code not in by_signal],
                "use": use,
            }
        else:  # nothing is known of now
            its |= {"satellites": None, "signals": None, "missing": None, "use": None}
        told.append(its)
    return {"streaming": streaming, "delivering": delivering, "stations": told}
