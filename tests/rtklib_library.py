"""RTKLIB's own functions, called in Debian's libRTKLib: satellite positions and clocks of single sets.

Structures are laid by hand after rtklib.h of 2.4.3 b34. Values come from the fields of the message, as
RTKLIB's decoder and ours both read them (see test_rinex_nav.py); toe and toc are given by the caller.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_double, c_int, c_long
from datetime import UTC, datetime
from typing import NamedTuple

from conftest import peer_path

from hncors.rtcm3.ephemeris import Ephemeris

LIBRARY = "libRTKLib.so.1"
GPS_EPOCH_S = int(datetime(1980, 1, 6, tzinfo=UTC).timestamp())
_SYSTEMS = {"G": (0x01, 0), "R": (0x04, 0), "E": (0x08, 0), "J": (0x10, 192), "C": (0x20, 0), "I": (0x40, 0)}


class Time(Structure):
    """gtime_t: whole seconds of a count like Unix', in GPS time, and the rest."""

    _fields_ = (("time", c_long), ("sec", c_double))

    @classmethod
    def of(cls, gps_ms: int, fraction_s: float = 0.0) -> Time:
        whole, ms = divmod(gps_ms, 1000)
        return cls(GPS_EPOCH_S + whole, ms / 1000.0 + fraction_s)


class Kepler(Structure):
    """eph_t, with room to spare behind what positions need."""

    _fields_ = (
        *((name, c_int) for name in "sat iode iodc sva svh week code flag".split()),
        *((name, Time) for name in "toe toc ttr".split()),
        *((name, c_double) for name in "A e i0 OMG0 omg M0 deln OMGd idot crc crs cuc cus cic cis".split()),
        *((name, c_double) for name in "toes fit f0 f1 f2".split()),
        ("rest", c_double * 16),
    )


class Cartesian(Structure):
    """geph_t."""

    _fields_ = (
        *((name, c_int) for name in "sat iode frq svh sva age".split()),
        *((name, Time) for name in "toe tof".split()),
        *((name, c_double * 3) for name in "pos vel acc".split()),
        *((name, c_double) for name in "taun gamn dtaun".split()),
    )


_FIELDS = {
    "e": "eccentricity", "i0": "i0_rad", "OMG0": "omega0_rad", "omg": "omega_rad", "M0": "m0_rad",
    "deln": "delta_n_rad_s", "OMGd": "omega_dot_rad_s", "idot": "i_dot_rad_s", "crc": "crc_m", "crs": "crs_m",
    "cuc": "cuc_rad", "cus": "cus_rad", "cic": "cic_rad", "cis": "cis_rad", "toes": "toe_s",
    "f0": "af0_s", "f1": "af1_s_s", "f2": "af2_s_s2",
}  # fmt: skip


class Rtklib(NamedTuple):
    """The library, loaded."""

    library: ctypes.CDLL

    @classmethod
    def load(cls) -> Rtklib:
        # It expects functions of the program around it (showmsg, settspan) that nothing here calls, so
        # symbols must be bound late; ctypes itself binds at once.
        path = peer_path(LIBRARY)
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, c_int), ctypes.c_void_p
        handle = dlopen(path.encode(), os.RTLD_LAZY)
        assert handle, f"{path} cannot be loaded"
        library = ctypes.CDLL(path, handle=handle)
        for name in ("eph2pos", "geph2pos"):
            kind = Kepler if name == "eph2pos" else Cartesian
            function = getattr(library, name)
            function.argtypes = (Time, POINTER(kind), *[POINTER(c_double)] * 3)
            function.restype = None
        return cls(library)

    def state(
        self, ephemeris: Ephemeris, toe: int, toc: int, gps_ms: int, fraction_s: float
    ) -> tuple[list[float], float]:
        """Position in metres and clock in seconds; toe (GLONASS: tb), toc and time are GPS milliseconds."""
        system, offset = _SYSTEMS[ephemeris.gnss]
        # b34 has no number for R28; geph2pos does not look at it.
        satellite = self.library.satno(system, 1 if ephemeris.gnss == "R" else ephemeris.satellite + offset)
        assert satellite > 0, f"this RTKLIB has no {ephemeris.gnss}{ephemeris.satellite}"
        position, clock, variance = (c_double * 3)(), c_double(), c_double()
        at, v = Time.of(gps_ms, fraction_s), ephemeris.values
        if ephemeris.gnss == "R":
            cartesian = Cartesian(sat=satellite, toe=Time.of(toe), taun=v["tau_s"], gamn=v["gamma"])
            for name, field in (("pos", "{}_m"), ("vel", "v{}_m_s"), ("acc", "a{}_m_s2")):
                setattr(cartesian, name, (c_double * 3)(*(v[field.format(axis)] for axis in "xyz")))
            self.library.geph2pos(at, byref(cartesian), position, byref(clock), byref(variance))
        else:
            kepler = Kepler(sat=satellite, toe=Time.of(toe), toc=Time.of(toc), A=v["sqrt_a_sqrt_m"] ** 2)
            for name, field in _FIELDS.items():
                setattr(kepler, name, v[field])
            self.library.eph2pos(at, byref(kepler), position, byref(clock), byref(variance))
        return list(position), clock.value
