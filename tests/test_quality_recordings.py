"""Real recordings: multipath as the textbook has it, from the RINEX that convbin makes of the same bytes.

Independent of hncors but for the bytes: values are RTKLIB's, the formula is MP1 and MP2 of Estey and Meertens
1999 with L1 and L2 (Galileo: E1 and E5a, BeiDou: B1I and B3I), arcs end at RTKLIB's loss-of-lock flags.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rinex_tools import convbin, read

import hncors
from hncors.measure.quality import Quality

C_M_S = 299_792_458.0
MHZ = {"1": 1575.42, "2": 1227.60, "5": 1176.45}
BEIDOU_MHZ = {"2": 1561.098, "6": 1268.52}
LONG = 300  # epochs at 1 Hz


def textbook_rms(text: str, system: str, first: str, second: str) -> tuple[float, float]:
    """Root mean square of MP1 and MP2 about the means of arcs."""
    seen = read(text)
    mhz = BEIDOU_MHZ if system == "C" else MHZ
    f1, f2 = mhz[first[0]] * 1e6, mhz[second[0]] * 1e6
    a = (f1 / f2) ** 2
    squares, free = np.zeros(2), 0
    for satellite in sorted({s for _, s, _ in seen.values if s[0] == system}):
        arcs: list[list[tuple[float, float]]] = [[]]
        for epoch in seen.epochs:
            keys = [(epoch, satellite, kind + code) for kind in "CL" for code in (first, second)]
            if any(key not in seen.values for key in keys):
                continue
            if any(seen.indicators.get(key, 0) & 3 for key in keys[2:]):
                arcs.append([])
            p1, p2, l1, l2 = (seen.values[key] for key in keys)
            l1, l2 = l1 * C_M_S / f1, l2 * C_M_S / f2
            mp1 = p1 - (1 + 2 / (a - 1)) * l1 + 2 / (a - 1) * l2
            mp2 = p2 - 2 * a / (a - 1) * l1 + (2 * a / (a - 1) - 1) * l2
            arcs[-1].append((mp1, mp2))
        for arc in arcs:
            if len(arc) >= LONG:
                both = np.array(arc)
                squares += ((both - both.mean(axis=0)) ** 2).sum(axis=0)
                free += len(arc) - 1
    mp1, mp2 = np.sqrt(squares / free)
    return float(mp1), float(mp2)


@pytest.mark.peer("convbin")
def test_multipath_of_a_real_receiver_is_the_textbooks(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # RINEX tells no elevations, so here low satellites count on both sides: directions are left unknown.
    monkeypatch.setattr(Quality, "aim", lambda *_: None)
    path = recordings / "streams" / "stromlo-polarx5-8min.rtcm3"
    text = convbin(path.read_bytes(), tmp_path, "2018-07-17T03:00:00")
    result = hncors.replay(path)
    for system, first, second in (("G", "1C", "2W"), ("E", "1C", "5Q"), ("C", "2I", "6I")):
        for code, expected in zip((first, second), textbook_rms(text, system, first, second), strict=True):
            ours = result.metric("hncors_multipath_rms_meters", gnss=system, signal=code)
            # partners differ (L5 for L2), looks are every 5 s, old ones weigh less
            assert ours == pytest.approx(expected, rel=0.1), (system, code)
