"""Where the values of an ephemeris stand in a RINEX 3 or 4 navigation record; for writer and reader.

A row is a line of the record; `-` is a blank. Names are those of `hncors.rtcm3.ephemeris_fields`,
but for the ones with an @, which RINEX gives another form: `outgoing` and `incoming` translate them.

RINEX 3.05, tables A6 (GPS), A8 (Galileo), A10 (GLONASS), A12 (QZSS), A14 (BeiDou), A18 (NavIC).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan

from hncors.rtcm3.accuracy import accuracy_index, accuracy_m, index_name
from hncors.rtcm3.ephemeris import Ephemeris

UNKNOWN_TIME_S = 0.9999e9  # transmission time that is not known

_ORBIT = """
    crs_m delta_n_rad_s m0_rad
    cuc_rad eccentricity cus_rad sqrt_a_sqrt_m
    toe_s cic_rad omega0_rad cis_rad
    i0_rad crc_m omega_rad omega_dot_rad_s
"""


def _layout(first: str, rest: str) -> tuple[tuple[str, ...], ...]:
    text = f"af0_s af1_s_s af2_s_s2\n{first} {_ORBIT.strip()}\n{rest.strip()}"
    return tuple(tuple(line.split()) for line in text.splitlines())


_GPS, _QZSS = (
    _layout(
        "iode",
        f"""
        i_dot_rad_s l2_codes @week {l2p_off}
        @accuracy health tgd_s iodc
        @sent @fit
        """,
    )
    for l2p_off in ("l2p_off", "@l2p_off")
)
_GALILEO = _layout(
    "iodnav",
    """
    i_dot_rad_s @sources @week -
    @accuracy @health bgd_e5a_s @bgd_e5b
    @sent
    """,
)
_BEIDOU = _layout(
    "aode",
    """
    i_dot_rad_s - @week -
    @accuracy health tgd1_s tgd2_s
    @sent aodc
    """,
)
_NAVIC = _layout(
    "iodec",
    """
    i_dot_rad_s - @week -
    @accuracy @health tgd_s -
    @sent
    """,
)
_GLONASS = (
    ("@minus_tau", "gamma", "@frame"),
    ("@x", "@vx", "@ax", "bn"),
    ("@y", "@vy", "@ay", "channel"),
    ("@z", "@vz", "@az", "age_days"),
    ("@status", "delta_tau_s", "accuracy_index", "@health"),
)
_UNITS = {"": "m", "v": "m_s", "a": "m_s2"}
_KILOMETRES = {f"@{kind}{axis}": f"{kind}{axis}_{unit}" for kind, unit in _UNITS.items() for axis in "xyz"}

LAYOUT = {
    1019: _GPS,
    1020: _GLONASS,
    1041: _NAVIC,
    1042: _BEIDOU,
    1044: _QZSS,
    1045: _GALILEO,
    1046: _GALILEO,
}
"""Rows of value names, by the RTCM message that carries the same set."""

# Bits of composite integers, lowest first: name and width. RINEX 3.05, tables A8 and A10 (the order of the
# three health flags is that of the merged broadcast files of DLR and of RTKLIB-EX: C, A_C, l).
BITS: dict[tuple[int, str], tuple[tuple[str, int], ...]] = {
    (1020, "@status"): (("p", 2), ("p1", 2), ("p2", 1), ("p3", 1), ("p4", 1), ("model", 2)),
    (1020, "@health"): (("almanac_health", 1), ("almanac_known", 1), ("ln", 1)),
    (1041, "@health"): (("s_unhealthy", 1), ("l5_unhealthy", 1)),
    (1045, "@health"): (("", 3), ("e5a_invalid", 1), ("e5a_health", 2)),
    (1046, "@health"): (("e1_invalid", 1), ("e1_health", 2), ("", 3), ("e5b_invalid", 1), ("e5b_health", 2)),
}

# Galileo data sources: bit 0 I/NAV of E1-B, 1 F/NAV of E5a, 2 I/NAV of E5b; 8 clock for E5a/E1, 9 for E5b/E1.
# 1046 carries the health of both E1-B and E5b, so it is of a set merged from both.
SOURCES = {1045: 1 << 1 | 1 << 8, 1046: 1 << 0 | 1 << 2 | 1 << 9}


def fit_interval_h(iodc: int, fit_flag: int) -> int:
    """Hours that a GPS set is fitted to: IS-GPS-200, 20.3.4.4 and table 20-XII."""
    if not fit_flag:
        return 4
    table = (
        (8, range(240, 248)),
        (14, range(248, 256)),
        (14, range(496, 497)),
        (26, range(497, 504)),
        (26, range(1021, 1024)),
        (50, range(504, 511)),
        (74, range(511, 512)),
        (74, range(752, 757)),
        (98, range(757, 758)),
    )
    return next((hours for hours, iodcs in table if iodc in iodcs), 6)


def outgoing(ephemeris: Ephemeris) -> dict[str, float]:
    """The values as RINEX has them, but for @week, @sent and @frame, which depend on the time."""
    values = dict(ephemeris.values)
    message = ephemeris.message
    if ephemeris.gnss == "R":
        values["@minus_tau"] = -values["tau_s"]
        values |= {name: values[ours] / 1000 for name, ours in _KILOMETRES.items()}
    else:
        metres = accuracy_m(ephemeris)
        values["@accuracy"] = (-1.0 if ephemeris.gnss == "E" else 8192.0) if isnan(metres) else metres
    if ephemeris.gnss == "E":
        values["@sources"] = SOURCES[message]
        values["@bgd_e5b"] = values.get("bgd_e5b_s", 0.0)
    elif ephemeris.gnss == "G":
        values["@fit"] = fit_interval_h(int(values["iodc"]), int(values["fit_flag"]))
    elif ephemeris.gnss == "J":
        values["@fit"] = values["fit_flag"]  # RINEX 3.05, table A12: the flag, not hours
        values["@l2p_off"] = 1  # the same table: always 1, as there is no L2P
    for (of, name), bits in BITS.items():
        if of == message:
            values[name] = _joined(bits, values)
    return values


def incoming(message: int, gnss: str, values: Mapping[str, float]) -> dict[str, float]:
    """The values as ephemerides have them, of a record's by name; nan or absent is what was blank."""
    ours = {name: value for name, value in values.items() if not name.startswith("@")}
    if gnss == "R":
        ours["tau_s"] = -values["@minus_tau"]
        ours["bn"] = int(values["bn"] != 0)  # some files have all three bits
        ours |= {name: values[theirs] * 1000 for theirs, name in _KILOMETRES.items()}
    else:
        ours[index_name(gnss)] = accuracy_index(gnss, values.get("@accuracy", nan))
    if message == 1046:
        ours["bgd_e5b_s"] = values.get("@bgd_e5b", nan)
    elif gnss == "G":
        ours["fit_flag"] = int(values.get("@fit", nan) > 4)
    elif gnss == "J":
        ours["fit_flag"] = int(values.get("@fit", nan) == 1)
    for (of, name), bits in BITS.items():
        if of == message:
            ours |= _divided(bits, values.get(name, nan))
    return ours


def _joined(bits: tuple[tuple[str, int], ...], values: Mapping[str, float]) -> int:
    total = shift = 0
    for name, width in bits:
        total |= int(values[name]) << shift if name else 0
        shift += width
    return total


def _divided(bits: tuple[tuple[str, int], ...], value: float) -> dict[str, float]:
    whole = 0 if isnan(value) else int(value)
    shift, out = 0, dict[str, float]()
    for name, width in bits:
        if name:
            out[name] = whole >> shift & (1 << width) - 1
        shift += width
    return out
