"""Decoded columns turned back into the integers that were sent, against pyrtcm's fields, cell by cell.

What a cell's columns must be is worked out here from the fields by the formulas of RTCM 10403.3 (section
3.5.16; DF012, DF017, DF042, DF047 for the older messages), apart from the code that decodes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyrtcm_fields import read, sent

from hncors.observation import Messages, Observations
from hncors.rtcm3.block import decode
from hncors.signals import GNSS

LIGHT_MS_M = 299_792.458
# kind: fine range (field, bits, its unit is 2^-n ms), fine phase, lock time, C/N0 (unit in dB-Hz), fine rate
FIELDS: dict[int, tuple[Any, Any, Any, Any, Any]] = {
    1: (("DF400", 15, 24), None, None, None, None),
    2: (None, ("DF401", 22, 29), "DF402", None, None),
    3: (("DF400", 15, 24), ("DF401", 22, 29), "DF402", None, None),
    4: (("DF400", 15, 24), ("DF401", 22, 29), "DF402", ("DF403", 1), None),
    5: (("DF400", 15, 24), ("DF401", 22, 29), "DF402", ("DF403", 1), "DF404"),
    6: (("DF405", 20, 29), ("DF406", 24, 31), "DF407", ("DF408", 1 / 16), None),
    7: (("DF405", 20, 29), ("DF406", 24, 31), "DF407", ("DF408", 1 / 16), "DF404"),
}
# Mask bit 1 (table 3.5-90 and its like) is this RINEX number, and how many bits name a satellite.
FIRST = dict.fromkeys(GNSS, 1) | {"S": 20}
LAST_BIT = {"G": 63, "R": 27, "E": 52, "S": 39, "J": 10, "C": 63, "I": 14}
# Signal ids that RTCM 10403.3 and its amendments name.
SIGNALS = {
    "G": {2, 3, 4, 8, 9, 10, 15, 16, 17, 22, 23, 24, 30, 31, 32},
    "R": {2, 3, 8, 9},
    "E": {2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15, 16, 18, 19, 20, 22, 23, 24},
    "S": {2, 22, 23, 24},
    "J": {2, 9, 10, 11, 15, 16, 17, 22, 23, 24, 30, 31, 32},
    "C": {2, 3, 4, 8, 9, 10, 14, 15, 16, 18, 19, 20, 22, 23, 24, 25, 26, 27, 30, 31, 32},
    "I": {22},
}


class Checked(NamedTuple):
    """How much was compared."""

    messages: Counter[int]
    cells: Counter[str]  # by system and signal id
    values: int
    missing: int  # fields whose raw value says "not available"


def lock_4(indicator: int) -> float:
    """Table 3.5-74, in ms."""
    return 0.0 if indicator == 0 else 2.0 ** (indicator + 4)


def lock_10(indicator: int) -> float:
    """Table 3.5-75, in ms: range n from 64 + 32 (n - 1) on counts 2^n ms; 705 and above are reserved."""
    if indicator > 704:
        return np.nan
    n = 0 if indicator < 64 else (indicator - 64) // 32 + 1
    return indicator if n == 0 else 2.0**n * (indicator - 32 * n)


def lock_7(indicator: int) -> float:
    """Table 3.4-2, in ms."""
    for end, step, offset in (
        (24, 1, 0),
        (48, 2, 24),
        (72, 4, 120),
        (96, 8, 408),
        (120, 16, 1176),
        (127, 32, 3096),
    ):
        if indicator < end:
            return (step * indicator - offset) * 1000.0
    return 937_000.0


def check(frames: list[bytes]) -> Checked:
    """Compare whole valid frames; messages of other kinds are passed over."""
    block = decode(frames)
    assert (np.diff(block.observations.message) >= 0).all()
    bounds = np.searchsorted(block.observations.message, np.arange(len(block.messages) + 1))
    messages, cells, values, missing = Counter[int](), Counter[str](), 0, 0
    for row in range(len(block.messages)):
        number = int(block.messages.type[row])
        rows = block.observations.select(slice(bounds[row], bounds[row + 1]))
        fields = read(frames[int(block.messages.frame[row])][3:-3])
        one = _msm if 1071 <= number <= 1137 else _legacy
        these, count, gone = one(number, fields, block.messages.select([row]), rows)
        messages[number] += 1
        cells.update(these)
        values += count
        missing += gone
    return Checked(messages, cells, values, missing)


def _bits(mask: int, width: int) -> list[int]:
    """Numbers from 1 of the bits that are set, most significant first."""
    return [n + 1 for n in range(width) if mask >> (width - 1 - n) & 1]


def _msm(number: int, fields: Any, header: Messages, o: Observations) -> tuple[list[str], int, int]:
    letter, kind = GNSS[(number - 1070) // 10], number % 10
    satellites, signals = _bits(fields.DF394, 64), _bits(fields.DF395, 32)
    held = _bits(fields.DF396, len(satellites) * len(signals))
    all_cells = [(satellites[(n - 1) // len(signals)], signals[(n - 1) % len(signals)]) for n in held]
    known = [
        n
        for n, (satellite, signal) in enumerate(all_cells)
        if satellite <= LAST_BIT[letter] and signal in SIGNALS[letter]
    ]
    names = [(all_cells[n][0] + FIRST[letter] - 1, all_cells[n][1] - 1) for n in known]
    assert list(zip(o.satellite.tolist(), o.signal.tolist(), strict=True)) == names
    assert (header.station_id[0], header.more[0]) == (fields.DF003, bool(fields.DF393))

    def cell(name: str) -> NDArray[np.int64]:
        return np.array([sent(fields, f"{name}_{n + 1:02d}") for n in known], np.int64)

    def satellite_field(name: str) -> NDArray[np.int64]:
        of = [satellites.index(all_cells[n][0]) + 1 for n in known]
        return np.array([sent(fields, f"{name}_{n:02d}") for n in of], np.int64)

    rough_ms = satellite_field("DF397") if kind >= 4 else np.zeros(len(known), np.int64)
    rough = rough_ms * 1024 + satellite_field("DF398")
    lost = (rough_ms == 255) & (kind >= 4)
    count = gone = 0
    fine_range, fine_phase, lock, cn0, fine_rate = FIELDS[kind]
    for column, spec in ((o.pseudorange_m, fine_range), (o.phase_range_m, fine_phase)):
        if spec is None:
            assert np.isnan(column).all()
            continue
        name, width, unit = spec
        raw = cell(name)
        gone += _same(
            column / (LIGHT_MS_M * 2.0**-unit),
            (rough << (unit - 10)) + raw,
            lost | (raw == -(1 << width - 1)),
        )
        count += len(raw)
    if lock is None:
        assert np.isnan(o.lock_ms).all() and not o.half_cycle.any()
    else:
        table = {"DF402": lock_4, "DF407": lock_10}[lock]
        np.testing.assert_array_equal(o.lock_ms, [table(n) for n in cell(lock).tolist()])
        np.testing.assert_array_equal(o.half_cycle, cell("DF420"))
        count += 2 * len(known)
    if cn0 is None:
        assert np.isnan(o.cn0_dbhz).all()
    else:
        raw = cell(cn0[0])
        gone += _same(o.cn0_dbhz / cn0[1], raw, raw == 0)
        count += len(raw)
    if fine_rate is None:
        assert np.isnan(o.range_rate_m_s).all()
    else:
        raw, rough_rate = cell(fine_rate), satellite_field("DF399")
        gone += _same(
            o.range_rate_m_s * 1e4, rough_rate * 10_000 + raw, (raw == -16384) | (rough_rate == -8192)
        )
        count += len(raw)
    if kind in (5, 7) and letter == "R":
        extended = satellite_field("DF419")
        np.testing.assert_array_equal(o.channel, np.where(extended <= 13, extended - 7, -128))
        count += len(extended)
    else:
        assert (o.channel == -128).all()
    return [f"{letter}{all_cells[n][1]}" for n in known], count, gone


def _same(found: NDArray[np.float64], integers: NDArray[np.int64], missing: NDArray[np.bool_]) -> int:
    """Integers equal where there are any, nan exactly where there are none."""
    np.testing.assert_array_equal(np.isnan(found), missing)
    whole = np.rint(found[~missing])
    np.testing.assert_array_equal(whole, integers[~missing])
    assert np.abs(found[~missing] - whole).max(initial=0) < 0.01  # the rest is floating point
    return int(missing.sum())


def _legacy(number: int, fields: Any, header: Messages, o: Observations) -> tuple[list[str], int, int]:
    gps = number < 1009
    full, second = number % 2 == 0, number % 8 in (3, 4)
    first = {
        "id": "DF009",
        "code": "DF010",
        "range": "DF011",
        "phase": "DF012",
        "lock": "DF013",
        "ms": "DF014",
        "cn0": "DF015",
    }
    other = {"code": "DF016", "range": "DF017", "phase": "DF018", "lock": "DF019", "cn0": "DF020"}
    if not gps:
        first = {
            "id": "DF038",
            "code": "DF039",
            "range": "DF041",
            "phase": "DF042",
            "lock": "DF043",
            "ms": "DF044",
            "cn0": "DF045",
        }
        other = {"code": "DF046", "range": "DF047", "phase": "DF048", "lock": "DF049", "cn0": "DF050"}
    satellites = fields.DF006 if gps else fields.DF035
    modulus_m = 299_792.458 if gps else 599_584.916
    expected = []
    for n in range(1, satellites + 1):
        f = {
            key: sent(fields, f"{name}_{n:02d}")
            for key, name in first.items()
            if hasattr(fields, f"{name}_{n:02d}")
        }
        letter, satellite = ("G" if gps else "R"), f["id"]
        if gps and satellite >= 40:
            letter, satellite = "S", satellite - 20  # PRN 120 is 40 (DF009) and S20
        channel = -128 if gps else sent(fields, f"DF040_{n:02d}") - 7
        range_m = f["range"] * 0.02 + f.get("ms", 0) * modulus_m
        bands = [(f, 0, ("1C", "1P")[f["code"]], range_m)]
        if second:
            g = {
                key: sent(fields, f"{name}_{n:02d}")
                for key, name in other.items()
                if hasattr(fields, f"{name}_{n:02d}")
            }
            code = (("2X", "2P", "2D", "2W") if gps else ("2C", "2P", "2P", "2P"))[g["code"]]
            bands.append((g, 1, code, np.nan if g["range"] == -8192 else range_m + g["range"] * 0.02))
        for h, band, code, value_m in bands:
            phase_m = np.nan if h["phase"] == -524288 else range_m + h["phase"] * 0.0005
            cn0 = h["cn0"] / 4 if full and h["cn0"] else np.nan
            if not np.isnan((value_m, phase_m, cn0)).all():
                expected.append(
                    (letter, band, satellite, code, value_m, phase_m, lock_7(h["lock"]), cn0, channel)
                )
    from hncors.signals import CODES

    key = {
        (GNSS[g], int(CODES[g][s][0]) - 1, n): row
        for row, (g, s, n) in enumerate(
            zip(o.gnss.tolist(), o.signal.tolist(), o.satellite.tolist(), strict=True)
        )
    }
    assert len(key) == len(o) == len(expected)
    gone = 0
    for letter, band, satellite, code, value_m, phase_m, lock_ms, cn0, channel in expected:
        row = key[letter, band, satellite]
        assert CODES[o.gnss[row]][o.signal[row]] == code
        np.testing.assert_allclose(
            (o.pseudorange_m[row], o.phase_range_m[row], o.lock_ms[row], o.cn0_dbhz[row], o.channel[row]),
            (value_m, phase_m, lock_ms, cn0, channel),
            rtol=0,
            atol=1e-6,
        )
        gone += sum(map(np.isnan, (value_m, phase_m, cn0)))
    return [f"{one[0]}{one[3]}" for one in expected], 5 * len(expected), gone
