"""One station's observations made from a truth that is written down here, for tests of quality.

Nothing of hncors.measure is used. A satellite's range, its ionosphere (TECU), noise, multipath and
ambiguities are given; pseudorange and phase of each signal follow (RINEX 3.05 section 5, phases as ranges).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hncors.observation import CHANNEL_UNKNOWN, Observations
from hncors.signals import GNSS, NUMBER

C_M_S = 299_792_458.0
MHZ = {
    "G1C": 1575.42, "G2W": 1227.60, "G5Q": 1176.45, "E1C": 1575.42, "E5Q": 1176.45, "E7Q": 1207.14,
    "C2I": 1561.098, "C6I": 1268.52, "C7I": 1207.14, "C1P": 1575.42, "C5P": 1176.45, "R1C": 1602.0,
    "R2P": 1246.0,
}  # fmt: skip
METRES_A_TECU = {name: 40.308e16 / (mhz * 1e6) ** 2 for name, mhz in MHZ.items()}
WAVELENGTH_M = {name: C_M_S / (mhz * 1e6) for name, mhz in MHZ.items()}
START_MS = 1_400_000_000_000 // 30_000 * 30_000


class Signal(NamedTuple):
    """A signal of a satellite; `number` of R is a satellite on channel 0."""

    number: int
    name: str


class Truth(NamedTuple):
    """What is so, each a function of seconds and signal, in metres or TECU."""

    tecu: Callable[[float, Signal], float] = lambda t, s: 10.0
    multipath_m: Callable[[float, Signal], float] = lambda t, s: 0.0
    cycles: Callable[[float, Signal], float] = lambda t, s: 0.0
    clock_m: Callable[[float], float] = lambda t: 0.0
    code_clock_m: Callable[[float], float] = lambda t: 0.0  # of pseudoranges alone
    lock_ms: Callable[[float, Signal], float] = lambda t, s: float("nan")
    half_cycle: Callable[[float, Signal], bool] = lambda t, s: False
    cn0_dbhz: Callable[[float, Signal], float] = lambda t, s: 45.0
    code_noise_m: float = 0.0
    phase_noise_m: float = 0.0


def made(truth: Truth, signals: Sequence[Signal], t: float, chance: np.random.Generator) -> Observations:
    """The observations of one epoch, `t` seconds after START_MS."""
    rows = []
    for one in signals:
        geometry = 2.2e7 + 1e5 * one.number + 400 * np.sin(one.number) * t + 0.04 * t * t + truth.clock_m(t)
        electrons = METRES_A_TECU[one.name] * truth.tecu(t, one)
        code = geometry + electrons + truth.multipath_m(t, one) + truth.code_clock_m(t)
        phase = geometry - electrons + truth.cycles(t, one) * WAVELENGTH_M[one.name]
        noise = chance.standard_normal(2) * (truth.code_noise_m, truth.phase_noise_m)
        rows.append((code + noise[0], phase + noise[1]))
    gnss = [GNSS.index(one.name[0]) for one in signals]
    count = len(signals)
    return Observations(
        message=np.zeros(count, np.int64),
        gnss=np.array(gnss, np.uint8),
        satellite=np.array([one.number for one in signals], np.uint8),
        signal=np.array([NUMBER[g][one.name[1:]] for g, one in zip(gnss, signals, strict=True)], np.uint8),
        pseudorange_m=np.array([code for code, _ in rows]),
        phase_range_m=np.array([phase for _, phase in rows]),
        range_rate_m_s=np.full(count, np.nan),
        lock_ms=np.array([truth.lock_ms(t, one) for one in signals]),
        half_cycle=np.array([truth.half_cycle(t, one) for one in signals]),
        cn0_dbhz=np.array([truth.cn0_dbhz(t, one) for one in signals]),
        channel=np.where(np.array(gnss) == 1, 0, CHANNEL_UNKNOWN).astype(np.int8),
    )


def sky(names: str, satellites: int = 8) -> list[Signal]:
    """Some satellites of one system, each with all signals of `names` such as "G1C G2W"."""
    return [Signal(number, name) for number in range(1, satellites + 1) for name in names.split()]
