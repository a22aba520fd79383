"""One station's observations made from a truth that is written down here, for tests of quality.

Nothing of hncors.measure is used. A satellite's range, its ionosphere (TECU), noise, multipath and
ambiguities are given; pseudorange and phase of each signal follow (RINEX 3.05 section 5, phases as ranges).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.observation import CHANNEL_UNKNOWN, I64, Observations
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


class Signals(NamedTuple):
    """Some signals, arrays of one length: satellite (of R on channel 0) and a name such as "G1C"."""

    number: I64
    name: NDArray[np.str_]


Of = Callable[[float, Signals], Any]


class Truth(NamedTuple):
    """What is so, each a function of seconds and signals, in metres or TECU."""

    tecu: Of = lambda t, s: 10.0
    multipath_m: Of = lambda t, s: 0.0
    cycles: Of = lambda t, s: 0.0
    clock_m: Callable[[float], float] = lambda t: 0.0
    code_clock_m: Callable[[float], float] = lambda t: 0.0  # of pseudoranges alone
    lock_ms: Of = lambda t, s: np.nan
    half_cycle: Of = lambda t, s: False
    cn0_dbhz: Of = lambda t, s: 45.0
    code_noise_m: float = 0.0
    phase_noise_m: float = 0.0


def made(truth: Truth, signals: Signals, t: float, chance: np.random.Generator) -> Observations:
    """The observations of one epoch, `t` seconds after START_MS."""
    number, count = signals.number, len(signals.number)
    metres_a_tecu = np.array([METRES_A_TECU[name] for name in signals.name.tolist()])
    wavelength_m = np.array([WAVELENGTH_M[name] for name in signals.name.tolist()])
    gnss = [GNSS.index(name[0]) for name in signals.name.tolist()]
    geometry = 2.2e7 + 1e5 * number + 400 * np.sin(number) * t + 0.04 * t * t + truth.clock_m(t)
    electrons = metres_a_tecu * truth.tecu(t, signals)
    noise = chance.standard_normal((2, count))
    code = geometry + electrons + truth.multipath_m(t, signals) + truth.code_clock_m(t)
    phase = geometry - electrons + truth.cycles(t, signals) * wavelength_m
    whole = np.ones(count)
    return Observations(
        message=np.zeros(count, np.int64),
        gnss=np.array(gnss, np.uint8),
        satellite=number.astype(np.uint8),
        signal=np.array(
            [NUMBER[g][name[1:]] for g, name in zip(gnss, signals.name.tolist(), strict=True)], np.uint8
        ),
        pseudorange_m=code + truth.code_noise_m * noise[0],
        phase_range_m=phase + truth.phase_noise_m * noise[1],
        range_rate_m_s=np.full(count, np.nan),
        lock_ms=truth.lock_ms(t, signals) * whole,
        half_cycle=truth.half_cycle(t, signals) & (whole > 0),
        cn0_dbhz=truth.cn0_dbhz(t, signals) * whole,
        channel=np.where(np.array(gnss) == 1, 0, CHANNEL_UNKNOWN).astype(np.int8),
    )


def sky(names: str, satellites: int = 8) -> Signals:
    """Some satellites of one system, each with all signals of `names` such as "G1C G2W"."""
    codes = names.split()
    number = np.repeat(np.arange(1, satellites + 1), len(codes))
    return Signals(number, np.array(codes * satellites))
