"""BeiDou-3 over the network, as plain data: what stations deliver of it, and of the signals they promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hncors.network import Network
from hncors.registry import Station
from hncors.signals import BEIDOU, CODES


def bds3(network: Network, stations: Mapping[str, Station], shown: Sequence[int]) -> dict[str, Any]:
    """Of the newest epochs of the stations `shown`, numbers of the network, as far as they stream."""
    tally = network.tally
    told, streaming, delivering = [], 0, 0
    for number in shown:
        stream = network.streams[number]
        promised = list(stations[stream.id].signals.get("C", ()))
        its: dict[str, Any] = {"id": stream.id, "state": stream.state, "promised": promised}
        if stream.state == "streaming":
            streaming += 1
            count = tally.bds3[number]
            by_signal = {CODES[BEIDOU][slot]: int(count[slot]) for slot in np.flatnonzero(count).tolist()}
            delivering += bool(by_signal)
            its |= {
                "satellites": int(count.max(initial=0)),
                "signals": by_signal,
                "missing": [code for code in promised if code not in by_signal],
            }
        else:  # nothing is known of now
            its |= {"satellites": None, "signals": None, "missing": None}
        told.append(its)
    return {"streaming": streaming, "delivering": delivering, "stations": told}
