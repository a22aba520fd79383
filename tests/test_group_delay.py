"""Group delays: by what the clocks and the terms are defined to be, not by the table itself."""

from __future__ import annotations

import numpy as np
import pytest
from ephemeris_material import laid, possible

from hncors.measure.group_delay import delays_s
from hncors.rtcm3.ephemeris import decode
from hncors.signals import CODES, FREQUENCY_HZ, GNSS

NS = 1e-9


def delays(message: int, **changes: int) -> tuple[dict[str, float], dict[str, float]]:
    """Delay in seconds and frequency in Hz by code, of a made set with some raw fields."""
    ephemeris = decode(message, laid(message, possible(message, **changes)))
    gnss = GNSS.index(ephemeris.gnss)
    row = delays_s([ephemeris])[0]
    known = {
        code: value for code, value in zip(CODES[gnss], row, strict=True) if code and not np.isnan(value)
    }
    return known, {code: FREQUENCY_HZ[gnss, CODES[gnss].index(code)] for code in known}


def ionosphere_free(values: dict[str, float], frequency: dict[str, float], one: str, two: str) -> float:
    a, b = frequency[one] ** 2, frequency[two] ** 2
    return (a * values[one] - b * values[two]) / (a - b)


@pytest.mark.parametrize(
    ("message", "raw", "one", "two"),
    [
        (1019, {"tgd_s": -24}, "1C", "2W"),  # IS-GPS-200, 20.3.3.3.3.1: of both P(Y), effective
        (1044, {"tgd_s": 11}, "1C", "2L"),
        (1045, {"bgd_e5a_s": -30}, "1C", "5Q"),  # OS SIS ICD 2.1, table 65: F/NAV (E1, E5a)
        (1046, {"bgd_e5b_s": 25, "bgd_e5a_s": 20}, "1B", "7I"),  # I/NAV (E1, E5b)
    ],
)
def test_the_combination_a_clock_is_made_for_has_no_delay(message, raw, one, two) -> None:
    values, frequency = delays(message, **raw)
    assert abs(values[one]) > NS
    assert ionosphere_free(values, frequency, one, two) == pytest.approx(0, abs=1e-17)


def test_terms_are_in_seconds_of_the_first_band() -> None:
    assert delays(1019, tgd_s=-24)[0]["1C"] == -24 * 2.0**-31  # DF101
    assert delays(1044, tgd_s=11)[0]["1C"] == 11 * 2.0**-31  # DF455
    assert delays(1045, bgd_e5a_s=-30)[0]["1X"] == -30 * 2.0**-32  # DF312
    assert delays(1046, bgd_e5b_s=25)[0]["1X"] == 25 * 2.0**-32  # DF313


def test_i_nav_leads_to_e5a_by_its_other_delay() -> None:
    """OS SIS ICD 2.1, 5.1.5: BGD(E1, f) is (delay of E1 - delay of f) / (1 - (fE1 / f)^2), for both."""
    values, frequency = delays(1046, bgd_e5b_s=25, bgd_e5a_s=-20)
    for code, raw in (("5Q", -20), ("7Q", 25)):
        ratio = (frequency["1C"] / frequency[code]) ** 2
        assert (values["1C"] - values[code]) / (1 - ratio) == pytest.approx(raw * 2.0**-32, abs=1e-18)


def test_beidou_counts_from_b3i() -> None:
    """BDS-SIS-ICD-B1I-3.0, 5.2.4.10: T_GD1 and T_GD2 are what B1I and B2I are behind B3I, in 0.1 ns."""
    for message in (1042, 63):
        values, _ = delays(message, tgd1_s=141, tgd2_s=-12)
        assert values == {
            **dict.fromkeys(("2I", "2Q", "2X"), pytest.approx(14.1 * NS, abs=1e-20)),
            **dict.fromkeys(("7I", "7Q", "7X"), pytest.approx(-1.2 * NS, abs=1e-20)),
            **dict.fromkeys(("6I", "6Q", "6X"), 0.0),
        }


def test_glonass_counts_from_l1() -> None:
    values, _ = delays(1020, delta_tau_s=-5)
    assert values == {"1C": 0.0, "1P": 0.0, "2C": -5 * 2.0**-30, "2P": -5 * 2.0**-30}


def test_navic() -> None:
    """IRNSS SIS ICD SPS 1.1, 6.2.1.5: T_GD is S's; L5 has (f of S / f of L5)^2 of it."""
    values, _ = delays(1041, tgd_s=10)
    assert values == {"5A": pytest.approx(10 * 2.0**-31 * (2492.028 / 1176.45) ** 2, rel=1e-12)}


@pytest.mark.parametrize(
    ("message", "codes"),
    [
        (1019, "5Q 1L"), (1044, "5Q 1L 6L"), (1045, "7Q 8Q 6C"), (1046, "8Q 6C"),
        (1042, "1P 5P 7D 8X"),  # B1C, B2a, B2b: B-CNAV has their terms, RTCM 1042 does not
    ],
)  # fmt: skip
def test_what_no_message_tells_is_unknown(message: int, codes: str) -> None:
    assert not set(codes.split()) & set(delays(message)[0])


def test_a_delay_that_is_not_sent_is_unknown() -> None:
    """QZSS: T_GD of -128 says that nothing is known (DF455)."""
    assert delays(1044, tgd_s=-128)[0] == {}


def test_rows_are_sets() -> None:
    sets = [decode(m, laid(m, possible(m))) for m in (1019, 1042, 1020)]
    assert delays_s(sets).shape == (3, 40) and delays_s([]).shape == (0, 40)
