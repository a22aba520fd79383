"""The sky over the network: disturbed where many stations see many satellites through restless air."""

from __future__ import annotations

from typing import Any

import numpy as np

from hncors import causes_words as words
from hncors.measure.apart import FEWEST_STATIONS
from hncors.measure.holding import Hold
from hncors.measure.quality import Quality
from hncors.observation import B

DISTURBED, UNSETTLED = 1.0, 0.5  # TECU a minute: the usual limits of ROTI (docs/quality.md)
SATELLITES = 3  # disturbed at once: one alone has a fault of its own, or a receiver has
MOST, SOME = 0.5, 0.25  # of the stations, with a disturbed line of sight; with an unsettled one, to go on
AWAY_MS = 300_000  # as long as the five minutes of a ROTI


class Sky:
    """One state."""

    def __init__(self) -> None:
        self.hold = Hold(1, sure=1, away_ms=AWAY_MS)

    @property
    def disturbed(self) -> bool:
        return bool(self.hold.on[0])

    def look(self, quality: Quality, current: B, now_ms: int) -> tuple[dict[str, Any] | None, bool]:
        """Detail of a disturbance that begins, and whether one ends; to be called once in 30 s."""
        station, satellite, roti = quality.ionosphere.by_satellite(quality.cells, quality.newest_ms)
        mine = current[station]
        station, satellite, roti = station[mine], satellite[mine], roti[mine]
        seen = len(np.unique(station))

        def hit(limit: float) -> tuple[int, int]:
            rows = roti >= limit
            return len(np.unique(station[rows])), len(np.unique(satellite[rows]))

        stations, satellites = hit(DISTURBED)
        unsettled, restless = hit(UNSETTLED)
        over = stations >= max(MOST * seen, FEWEST_STATIONS) and satellites >= SATELLITES
        still = unsettled >= SOME * seen and restless >= 2
        begins, ends = self.hold.look(
            np.array([over]), np.array([still]), np.array([seen >= FEWEST_STATIONS]), now_ms
        )
        if not len(begins):
            return None, bool(len(ends))
        detail: dict[str, Any] = {
            "roti_tecu_min": round(float(np.median(roti[roti >= DISTURBED])), 1),
            "satellites": satellites,
            "seen_by": stations,
            "of": seen,
        }
        index = quality.disturbance.ppm()
        if not np.isnan(index):
            detail["disturbance_ppm"] = round(index, 2)
        return words.sky(detail), False
