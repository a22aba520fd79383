"""What solutions leave of each range, by row: made of the grids they were solved in when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.observation import F64, I64, B


class Part(NamedTuple):
    """Some epochs that were solved together; (satellites, epochs) but for what says otherwise."""

    first: int  # of the epochs
    there: B  # a range and an ephemeris
    gnss: I64  # (satellites,)
    satellite: I64  # (satellites,)
    pairing: I64
    use: B
    out: B
    snapshot_m: F64
    snapshot_use: B
    smoothed_m: F64
    snapshot_m2: F64
    smoothed_m2: F64
    smoothed_over: F64
    axes: F64  # (3, 3, epochs) east, north, up in ECEF
    enu: F64  # (3, satellites, epochs)
    # As it came, for whoever knows the place:
    above: B  # usable, and above the mask
    start_m: F64  # (3, epochs) where the solution began
    off_m: F64  # ranges less the way from there; free of the ionosphere where c1 is not 1
    phase_m: F64  # the same of phases
    noise_m2: F64  # of one code
    c1: F64  # of hncors.measure.ranges
    delay_m: F64  # of the ionosphere on the first signal by both codes, with what the receiver adds


class Residuals:
    """One row a satellite of an epoch that has a range and an ephemeris, by epoch, clock and satellite."""

    def __init__(self, parts: Sequence[Part] = ()) -> None:
        self.parts = parts
        self._where = [part.there.T.nonzero() for part in parts]

    @cached_property
    def epoch(self) -> I64:
        """Row of `Positions`."""
        made: I64 = self._made(np.int64, lambda part, epoch, row: epoch + part.first)
        return made

    @cached_property
    def gnss(self) -> I64:
        """Index into signals.GNSS."""
        made: I64 = self._made(np.int64, lambda part, epoch, row: part.gnss[row])
        return made

    @cached_property
    def satellite(self) -> I64:
        """RINEX number."""
        made: I64 = self._made(np.int64, lambda part, epoch, row: part.satellite[row])
        return made

    @cached_property
    def pairing(self) -> I64:
        """Of signals: hncors.measure.ranges."""
        made: I64 = self._made(np.int64, lambda part, epoch, row: part.pairing[row, epoch])
        return made

    @cached_property
    def use(self) -> B:
        """Part of the smoothed solution."""
        made: B = self._made(np.bool_, lambda part, epoch, row: part.use[row, epoch])
        return made

    @cached_property
    def out(self) -> B:
        """Left out as faulty."""
        made: B = self._made(np.bool_, lambda part, epoch, row: part.out[row, epoch])
        return made

    @cached_property
    def snapshot_m(self) -> F64:
        """Residual of the range as it came; nan where it is not used."""
        made: F64 = self._made(np.float64, _used("snapshot_m", "snapshot_use"))
        return made

    @cached_property
    def smoothed_m(self) -> F64:
        """The same of the smoothed range."""
        made: F64 = self._made(np.float64, _used("smoothed_m", "use"))
        return made

    @cached_property
    def snapshot_sigma_m(self) -> F64:
        """Sigma of the range as it came; nan of a satellite too low to be used."""
        out: F64 = np.sqrt(self._made(np.float64, lambda part, epoch, row: part.snapshot_m2[row, epoch]))
        return out

    @cached_property
    def smoothed_sigma_m(self) -> F64:
        """The same of the smoothed range."""
        out: F64 = np.sqrt(self._made(np.float64, lambda part, epoch, row: part.smoothed_m2[row, epoch]))
        return out

    @cached_property
    def smoothed_over(self) -> I64:
        """Epochs."""
        made: I64 = self._made(np.int64, lambda part, epoch, row: part.smoothed_over[row, epoch])
        return made

    @cached_property
    def elevation_rad(self) -> F64:
        """Over the horizon of where the solution began."""
        out: F64 = np.arcsin(self._made(np.float64, lambda part, epoch, row: part.enu[2, row, epoch]))
        return out

    @cached_property
    def azimuth_rad(self) -> F64:
        """From north over east, -pi to pi."""
        east = self._made(np.float64, lambda part, epoch, row: part.enu[0, row, epoch])
        north = self._made(np.float64, lambda part, epoch, row: part.enu[1, row, epoch])
        out: F64 = np.arctan2(east, north)
        return out

    @cached_property
    def direction(self) -> F64:
        """Unit vectors in ECEF, (3, n)."""
        return np.stack([self._made(np.float64, _along(axis)) for axis in range(3)])

    def _made(self, kind: type, column: Callable[[Part, I64, I64], NDArray[Any]]) -> Any:
        found = [column(part, *where) for part, where in zip(self.parts, self._where, strict=True)]
        return np.concatenate([np.empty(0, kind), *found], dtype=kind, casting="unsafe")


def _used(name: str, use: str) -> Callable[[Part, I64, I64], F64]:
    def residual(part: Part, epoch: I64, row: I64) -> F64:
        return np.where(getattr(part, use)[row, epoch], getattr(part, name)[row, epoch], np.nan)

    return residual


def _along(axis: int) -> Callable[[Part, I64, I64], F64]:
    def component(part: Part, epoch: I64, row: I64) -> F64:
        enu = part.enu[:, row, epoch]
        out: F64 = (enu * part.axes[:, axis, epoch]).sum(axis=0)
        return out

    return component
