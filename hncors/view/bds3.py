"""BeiDou-3 over the network, as plain data: what stations deliver of it, and of the signals they promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hncors.network import Network
from hncors.positioning_results import LEFT_OUT, UNUSABLE
from hncors.registry import Station
from hncors.signals import BDS2_CODES, BEIDOU, CODES

STATES = ("usable", "no_beidou", "no_bds3", "no_ranges", *UNUSABLE)


def promised(station: object) -> list[str]:
    """BeiDou signals that a station's file names and BeiDou-3 sends."""
    signals: Mapping[str, Sequence[str]] = getattr(station, "signals", {})
    return [code for code in signals.get("C", ()) if code not in BDS2_CODES]


def state(network: Network, number: int) -> str | None:
    """What becomes of BeiDou-3 in the newest epoch of a streaming station; None: that was not looked at."""
    tally, its = network.tally, network.positioning
    if not tally.satellites[number, BEIDOU]:
        return "no_beidou"
    if not tally.bds3[number].any():
        return "no_bds3"
    if its.status[number] in (-1, LEFT_OUT):
        return None
    if its.usable_bds3[number]:
        return "usable"
    hindered = its.unusable[number, BEIDOU]
    return UNUSABLE[int(hindered.argmax())] if hindered.any() else "no_ranges"


def bds3(network: Network, stations: Mapping[str, Station], shown: Sequence[int]) -> dict[str, Any]:
    """Of the newest epochs of the stations `shown`, numbers of the network, as far as they stream."""
    tally = network.tally
    told, streaming, delivering = [], 0, 0
    for number in shown:
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
                "use": state(network, number),
            }
        else:  # nothing is known of now
            its |= {"satellites": None, "signals": None, "missing": None, "use": None}
        told.append(its)
    return {"streaming": streaming, "delivering": delivering, "stations": told}
