"""The signal table against pyrtcm's, RTKLIB's and RINEX 3.05's own words."""

from __future__ import annotations

import numpy as np
import pytest
from pyrtcm import rtcmtables

from hncors import signals
from hncors.observation import CHANNEL_UNKNOWN, doppler_hz, frequency_hz, phase_cycles
from hncors.signals import BEIDOU, CODES, FREQUENCY_HZ, GLONASS, GNSS, GPS, KNOWN, MSM_SIGNALS, NUMBER

# What pyrtcm 1.2.1 lacks of the amendments to RTCM 10403.3 for BeiDou: B2b (26, 27), B2a+b (18 to 20).
AMENDED = {5: {18: "8D", 19: "8P", 20: "8X", 26: "7P", 27: "7Z"}}


@pytest.mark.parametrize("gnss", range(7))
def test_msm_signals_are_pyrtcms(gnss: int) -> None:
    _, theirs = rtcmtables.PRNSIGMAP[str(107 + gnss)]
    listed = {number: code for number, (_, code) in theirs.items()} | AMENDED.get(gnss, {})
    ours = {n + 1: CODES[gnss][n] for n in range(MSM_SIGNALS) if CODES[gnss][n]}
    assert ours == listed


@pytest.mark.parametrize("gnss", range(7))
def test_satellites_are_pyrtcms(gnss: int) -> None:
    theirs, _ = rtcmtables.PRNSIGMAP[str(107 + gnss)]
    first = {"S": 100, "J": 192}.get(GNSS[gnss], 0)  # RINEX 3.05, 3.5: S20 is PRN 120, J01 is PRN 193
    for bit, name in theirs.items():
        number = bit if name.startswith("GIOVE") else int(name) - first
        assert signals.SATELLITE[gnss, bit - 1] == number
    beyond = signals.SATELLITE[gnss, len(theirs) :]
    more = {"R": 8}.get(GNSS[gnss], 0)  # R25 to R32, which the table of 2016 does not have
    assert np.count_nonzero(beyond) == more
    assert not beyond[more:].any()


def test_no_code_twice_and_numbers_find_them() -> None:
    for gnss in range(7):
        codes = [code for code in CODES[gnss] if code]
        assert len(codes) == len(set(codes))
        assert {CODES[gnss][signal]: signal for signal in NUMBER[gnss].values()} == NUMBER[gnss]
        assert KNOWN[gnss].sum() == len(codes)
    assert NUMBER[GPS]["2D"] >= MSM_SIGNALS


@pytest.mark.parametrize(
    ("satellite_system", "code", "mhz"),
    [
        ("G", "1C", 1575.42),
        ("G", "2W", 1227.60),
        ("G", "2D", 1227.60),
        ("G", "5X", 1176.45),
        ("R", "1C", 1602.0),
        ("R", "2P", 1246.0),
        ("E", "6X", 1278.75),
        ("E", "7Q", 1207.14),
        ("E", "8X", 1191.795),
        ("S", "5I", 1176.45),
        ("J", "6L", 1278.75),
        ("C", "2I", 1561.098),
        ("C", "1P", 1575.42),
        ("C", "5P", 1176.45),
        ("C", "6I", 1268.52),
        ("C", "7I", 1207.14),
        ("C", "7D", 1207.14),
        ("C", "8X", 1191.795),
        ("I", "5A", 1176.45),
    ],
)
def test_frequencies_of_rinex_tables_4_to_10(satellite_system: str, code: str, mhz: float) -> None:
    gnss = GNSS.index(satellite_system)
    assert FREQUENCY_HZ[gnss, NUMBER[gnss][code]] == mhz * 1e6


def test_every_signal_has_a_frequency_and_nothing_else_has() -> None:
    assert (np.isnan(FREQUENCY_HZ) == ~KNOWN).all()


def test_glonass_channels() -> None:
    """GLONASS ICD 5.1, table 3.1: channel -7 is 1598.0625 and 1242.9375 MHz, +6 1605.3750 and 1248.6250."""
    signal = [NUMBER[GLONASS][code] for code in ("1C", "2C", "1C", "2C", "1C", "1C", "1C")]
    channel = np.array([-7, -7, 6, 6, CHANNEL_UNKNOWN, 7, -8], np.int8)
    gnss = np.full(7, GLONASS, np.uint8)
    found = frequency_hz(gnss, np.array(signal, np.uint8), channel)
    assert found[:4].tolist() == [1598.0625e6, 1242.9375e6, 1605.375e6, 1248.625e6]
    assert np.isnan(found[4:]).all()
    assert FREQUENCY_HZ[GLONASS, signal[0]] == 1602e6  # the table itself is not touched


def test_cycles_and_doppler_have_rinex_signs() -> None:
    frequency = frequency_hz(np.array([BEIDOU], np.uint8), np.array([1], np.uint8), np.array([-128], np.int8))
    wavelength_m = 299_792_458 / 1_561_098_000
    assert phase_cycles(np.array([wavelength_m * 10]), frequency)[0] == pytest.approx(10, abs=1e-12)
    # RINEX 3.05, 5.1: Doppler is positive for approaching satellites.
    assert doppler_hz(np.array([-wavelength_m * 10]), frequency)[0] == pytest.approx(10, abs=1e-12)
    nothing = np.array([np.nan])
    assert np.isnan(phase_cycles(nothing, frequency)).all()
    assert np.isnan(doppler_hz(np.array([1.0]), nothing)).all()


def test_satellite_names() -> None:
    assert signals.satellite_name(BEIDOU, 5) == "C05"
    assert signals.satellite_name(3, 58) == "S58"
