"""Ephemeris messages against pyrtcm's fields, hand-laid dates and everything a field can hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import isnan
from pathlib import Path

import pytest
from ephemeris_material import ephemeris_payloads, fields_of, laid, number, possible, received
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrtcm_fields import read, sent

from hncors import gpstime
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.accuracy import accuracy_index, accuracy_m
from hncors.rtcm3.bits import Short
from hncors.rtcm3.ephemeris import Ephemeris, Impossible, clock_time_ms, reference_time_ms, week
from hncors.rtcm3.ephemeris_fields import MESSAGES, Field

HOUR_MS = 3_600_000
TOLD_BY_PYRTCM = (1019, 1020, 1041, 1042, 1044, 1045, 1046)
BITS = {63: 511, 1019: 488, 1020: 360, 1041: 482, 1042: 511, 1044: 485, 1045: 496, 1046: 504}
"""Length of each message: RTCM 10403.3 names them; those of 1019 to 1046 are also pyrtcm's sums."""


def told(payload: bytes) -> dict[str, int]:
    """The integers that pyrtcm reads, under our names."""
    message = number(payload)
    if message == 63:  # the draft has the layout of 1042, which pyrtcm knows
        payload = (1042 << 4 | payload[1] & 15).to_bytes(2, "big") + payload[2:]
    other = read(payload)
    out = {}
    for field in fields_of(message):
        if field.df == "DF107":  # tk, which pyrtcm leaves in one piece
            shift = {"tk_hour": 7, "tk_minute": 1, "tk_half_minute": 0}[field.name]
            out[field.name] = other.DF107 >> shift & (1 << field.width) - 1
        else:
            df = f"DF001_{field.width}" if field.df == "DF001" else field.df
            out[field.name] = sent(other, df)
    return out


def test_lengths_are_those_of_the_standard() -> None:
    assert {message: 12 + sum(f.width for f in fields_of(message)) for message in MESSAGES} == BITS


def test_every_recorded_ephemeris_has_the_integers_pyrtcm_reads(recordings: Path) -> None:
    seen, rejected = Counter[int](), Counter[str]()
    for name, payload in ephemeris_payloads(recordings):
        message = number(payload)
        seen[message] += 1
        try:
            decoded = ephemeris.decode(message, payload)
        except Impossible as fault:
            rejected[f"{name} {message} {fault}"] += 1
            continue
        assert ephemeris.raw(decoded) == told(payload)
        assert ephemeris.encode(decoded) == payload
    # Counted by the folder's brute-force scanner (rtcmscan.py) and, inside HTTP, by the file's description.
    assert seen == {63: 13, 1019: 600, 1020: 412, 1041: 3, 1042: 248, 1044: 33, 1045: 332, 1046: 286}
    # I04 sends 1010... in most fields of one set: half the radius of any navigation satellite.
    assert rejected == {"hiroshima-7systems-60s.rtcm3 1041 sqrt_a_sqrt_m": 1}


def raws(message: int) -> st.SearchStrategy[dict[str, int]]:
    def values(field: Field) -> st.SearchStrategy[int]:
        top = 1 << field.width - 1
        if field.kind in ("u", "ch"):
            return st.integers(0, 2 * top - 1)
        return st.integers(1 - top if field.kind == "sm" else -top, top - 1)

    return st.fixed_dictionaries({field.name: values(field) for field in fields_of(message)})


@pytest.mark.parametrize("message", TOLD_BY_PYRTCM)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_pyrtcm_reads_what_we_encode(message: int, data: st.DataObject) -> None:
    raw = data.draw(raws(message))
    values: dict[str, float] = {}
    for field in fields_of(message):
        value = raw[field.name] - (7 if field.kind == "ch" else 0)
        unknown = field.kind == "sn" and value == -(1 << field.width - 1)
        scaled = value if field.scale is None else value * field.scale
        values[field.name] = float("nan") if unknown else scaled
    made = Ephemeris(MESSAGES[message][0], int(values.pop("satellite")), message, values)
    payload = ephemeris.encode(made)
    assert told(payload) == raw
    assert ephemeris.raw(made) == raw


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_r05_a_payload_cut_anywhere_is_short_and_a_longer_one_is_fine(message: int) -> None:
    payload = laid(message, possible(message))
    assert len(payload) == -(-BITS[message] // 8)
    whole = ephemeris.decode(message, payload)
    for length in range(2, len(payload)):
        with pytest.raises(Short):
            ephemeris.decode(message, payload[:length])
    assert ephemeris.decode(message, payload + b"\xff" * 9) == whole


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_every_field_at_its_extremes_has_an_outcome_with_a_name(message: int) -> None:
    outcomes = Counter[tuple[str, str]]()
    for field in fields_of(message):
        top = 1 << field.width - 1
        extremes = (0, 2 * top - 1, top, top - 1) if field.kind != "sm" else (0, 1 - top, top - 1)
        for extreme in extremes:
            payload = laid(message, possible(message, **{field.name: extreme}))
            try:
                assert ephemeris.encode(ephemeris.decode(message, payload)) == payload
            except Impossible as fault:
                outcomes[field.name, str(fault)] += 1
    assert outcomes["satellite", "satellite"] >= 1
    assert {name for field, name in outcomes if field != name} <= {"position", "velocity"}
    for value in (0, (1 << BITS[message] - 12) - 1):  # all fields at once
        bits = (message << BITS[message] - 12 | value) << -BITS[message] % 8
        with pytest.raises(Impossible):
            ephemeris.decode(message, bits.to_bytes(-(-BITS[message] // 8), "big"))


@pytest.mark.parametrize(
    ("message", "changes", "name"),
    [
        (1019, {"satellite": 0}, "satellite"),
        (1045, {"satellite": 53}, "satellite"),
        (1042, {"eccentricity": (1 << 32) - 1}, "eccentricity"),
        (1046, {"sqrt_a_sqrt_m": 0}, "sqrt_a_sqrt_m"),
        (1046, {"sqrt_a_sqrt_m": 8191 << 19}, "sqrt_a_sqrt_m"),
        (1019, {"toe_s": 37800}, "toe_s"),  # 604800 s
        (1042, {"toc_s": 75600}, "toc_s"),
        (1045, {"toc_s": 10080}, "toc_s"),
        (1020, {"tb_s": 96}, "tb_s"),
        (1020, {"channel": 21}, "channel"),
        (1020, {"x_m": 0}, "position"),
        (1020, {"vy_m_s": 7 << 20}, "velocity"),
    ],
)
def test_r21_what_cannot_be_is_rejected_by_name(message: int, changes: dict[str, int], name: str) -> None:
    with pytest.raises(Impossible, match=name):
        ephemeris.decode(message, laid(message, possible(message, **changes)))


def test_negative_zero_of_glonass_keeps_its_bit() -> None:
    payload = laid(1020, possible(1020, ax_m_s2=0))
    position = 12 + 6 + 5 + 1 + 1 + 2 + 12 + 1 + 1 + 7 + 24 + 27  # of the sign of DF113
    signed = int.from_bytes(payload, "big") | 1 << 8 * len(payload) - 1 - position
    payload = signed.to_bytes(len(payload), "big")
    decoded = ephemeris.decode(1020, payload)
    assert decoded["ax_m_s2"] == 0
    assert ephemeris.encode(decoded) == payload


def test_qzss_can_say_that_its_group_delay_is_unknown() -> None:
    decoded = ephemeris.decode(1044, laid(1044, possible(1044, tgd_s=-128)))
    assert isnan(decoded["tgd_s"])
    assert ephemeris.raw(decoded)["tgd_s"] == -128
    assert ephemeris.decode(1019, laid(1019, possible(1019, tgd_s=-128)))["tgd_s"] == -128 * 2**-31


@pytest.mark.parametrize("value", [1e9, float("nan"), float("inf")])
def test_what_does_not_fit_is_refused_by_name(value: float) -> None:
    decoded = ephemeris.decode(1019, laid(1019, possible(1019)))
    with pytest.raises(ValueError, match=r"crs_m \(DF086\) of 1019"):
        ephemeris.encode(replace(decoded, values={**decoded.values, "crs_m": value}))
    with pytest.raises(ValueError, match=r"iode \(DF071\)"):
        ephemeris.encode(replace(decoded, values={n: v for n, v in decoded.values.items() if n != "iode"}))


def test_values_are_in_si_units() -> None:
    """GPS week 2328 of the ALLOY: what the field's own tools print of this set (RTKLIB 2.4.3 b34)."""
    raw = possible(1019, m0_rad=-(1 << 30), omega_dot_rad_s=-1 << 20, tgd_s=11, crs_m=-1)
    decoded = ephemeris.decode(1019, laid(1019, raw))
    assert decoded["m0_rad"] == pytest.approx(-1.570796326794897, abs=1e-15)  # half a semicircle
    assert decoded["omega_dot_rad_s"] == pytest.approx(-3.745_070_282_923_4e-7, rel=1e-12)  # pi 2^-23
    assert decoded["tgd_s"] == 11 / 2**31
    assert decoded["crs_m"] == -0.03125
    assert decoded["toe_s"] == 1600
    glonass = ephemeris.decode(1020, laid(1020, possible(1020, x_m=-(25_500 << 11), channel=0)))
    assert glonass["x_m"] == -25_500_000.0
    assert glonass["vy_m_s"] == 3000.0
    assert glonass["channel"] == -7
    assert glonass["tb_s"] == 27_000


# --- time --------------------------------------------------------------------------------------


def gps_set(week_sent: int, toe_s: int, toc_s: int | None = None) -> Ephemeris:
    raw = possible(1019, week=week_sent, toe_s=toe_s // 16, toc_s=(toe_s if toc_s is None else toc_s) // 16)
    return ephemeris.decode(1019, laid(1019, raw))


def at(text: str) -> int:
    return gpstime.from_iso(text)


@pytest.mark.parametrize(
    ("message", "sent_week", "toe_raw", "near", "expected"),
    [
        # GPS week 2328 is 2024-08-18; sent as 280 of 1,024.
        (1019, 280, 79_200 // 16, "2024-08-18T21:14:00", "2024-08-18T22:00:00"),
        (1019, 280, 79_200 // 16, "2030-01-01", "2024-08-18T22:00:00"),  # still the nearest era
        (1044, 280, 79_200 // 16, "2024-08-18T21:14:00", "2024-08-18T22:00:00"),
        (1041, 280, 79_200 // 16, "2024-08-18T21:14:00", "2024-08-18T22:00:00"),
        # Galileo week 1304 and BeiDou week 972 are the same week.
        (1046, 1304, 72_000 // 60, "2024-08-18T21:14:00", "2024-08-18T20:00:00"),
        (1042, 972, 75_600 // 8, "2024-08-18T21:14:00", "2024-08-18T21:00:14"),
        # 2038-11-21, the third roll-over of ten bits: week 3071 is sent as 1023, 3072 as 0.
        (1019, 1023, 597_600 // 16, "2038-11-20T23:00:00", "2038-11-20T22:00:00"),
        (1019, 0, 0, "2038-11-20T23:00:00", "2038-11-21T00:00:00"),
    ],
)
def test_weeks_come_back_in_the_nearest_era(
    message: int, sent_week: int, toe_raw: int, near: str, expected: str
) -> None:
    raw = possible(message, week=sent_week, toe_s=toe_raw, toc_s=toe_raw)
    decoded = ephemeris.decode(message, laid(message, raw))
    assert reference_time_ms(decoded, at(near)) == at(expected)
    assert clock_time_ms(decoded, at(near)) == at(expected)


def test_week_is_the_number_in_full() -> None:
    assert week(gps_set(280, 0), at("2024-08-18T21:14:00")) == 2328
    assert week(gps_set(280, 0), at("2004-12-31T00:00:00")) == 1304


@pytest.mark.parametrize("sent_week", [280, 281])
def test_a_toe_of_the_next_week_is_found_whichever_week_the_sender_names(sent_week: int) -> None:
    """Saturday night: the set on the air is of Sunday 00:00, the week still that of the transmission."""
    near = at("2024-08-24T23:10:00")
    assert reference_time_ms(gps_set(sent_week, 0), near) == at("2024-08-25T00:00:00")


def test_a_set_of_the_week_before_is_found_just_after_midnight() -> None:
    near = at("2024-08-25T00:05:00")
    for sent_week in (280, 281):
        assert reference_time_ms(gps_set(sent_week, 604_784), near) == at("2024-08-24T23:59:44")
    # Clock and orbit of one set may lie on either side.
    straddling = gps_set(281, 0, 604_784)
    assert clock_time_ms(straddling, near) == at("2024-08-24T23:59:44")


def test_a_stale_set_stays_stale() -> None:
    near = at("2024-08-22T12:00:00")
    assert reference_time_ms(gps_set(279, 4 * 86_400), near) == at("2024-08-15T00:00:00")
    assert reference_time_ms(gps_set(280, 0), near) == at("2024-08-18T00:00:00")
    assert reference_time_ms(gps_set(270, 4 * 86_400 + 43_200), near) == at("2024-06-13T12:00:00")


def glonass_set(hour: float, day: int = 0, four_years: int = 0) -> Ephemeris:
    raw = possible(1020, tb_s=round(hour * 4), day=day, four_years=four_years)
    return ephemeris.decode(1020, laid(1020, raw))


@pytest.mark.parametrize(
    ("hour", "day", "four_years", "near", "expected"),
    [
        # 2024-08-18 21:15 UTC is 00:15 of the 19th in Moscow, day 232 of its four years; GPS is 18 s ahead.
        (0.25, 232, 8, "2024-08-18T21:14:00", "2024-08-18T21:15:18"),
        (0.25, 232, 0, "2024-08-18T21:14:00", "2024-08-18T21:15:18"),  # ALLOY sends no four years
        (0.25, 232, 3, "2024-08-18T21:14:00", "2024-08-18T21:15:18"),  # and some send wrong ones
        (0.25, 0, 0, "2024-08-18T21:14:00", "2024-08-18T21:15:18"),
        (0.25, 2047, 8, "2024-08-18T21:14:00", "2024-08-18T21:15:18"),
        # The day is that of the transmission, before midnight in Moscow (21:00 UTC) and after it.
        (0.25, 231, 8, "2024-08-18T20:58:00", "2024-08-18T21:15:18"),
        (23.75, 232, 8, "2024-08-18T21:02:00", "2024-08-18T20:45:18"),
        # Half a day off: noon sets of a stream that is at midnight, by the day or else the nearer side.
        (12.0, 231, 8, "2024-08-18T21:01:00", "2024-08-18T09:00:18"),
        (12.0, 232, 8, "2024-08-18T21:01:00", "2024-08-19T09:00:18"),
        (11.75, 0, 0, "2024-08-18T21:00:00", "2024-08-19T08:45:18"),
        (12.25, 0, 0, "2024-08-18T21:00:00", "2024-08-18T09:15:18"),
        # Stale by three days, as the day tells.
        (0.25, 229, 8, "2024-08-18T21:14:00", "2024-08-15T21:15:18"),
        # Leap second at the end of 2016-12-31 UTC, which is 03:00 in Moscow: 17 s before, 18 s after.
        (2.75, 367, 6, "2016-12-31T23:30:00", "2016-12-31T23:45:17"),
        (3.25, 367, 6, "2016-12-31T23:59:00", "2017-01-01T00:15:18"),
        (3.25, 0, 0, "2016-12-31T23:59:00", "2017-01-01T00:15:18"),
        (2.75, 0, 0, "2017-01-01T00:10:00", "2016-12-31T23:45:17"),
        # Day 1461 is the last of four years, day 1 the first of the next: 2027-12-31 and 2028-01-01.
        (23.75, 1461, 8, "2027-12-31T20:50:00", "2027-12-31T20:45:18"),
        (0.25, 1461, 8, "2027-12-31T20:50:00", "2027-12-31T21:15:18"),
        (0.25, 1, 9, "2027-12-31T20:50:00", "2027-12-31T21:15:18"),
    ],
)
def test_glonass_dates(hour: float, day: int, four_years: int, near: str, expected: str) -> None:
    decoded = glonass_set(hour, day, four_years)
    assert gpstime.iso(reference_time_ms(decoded, at(near))) == expected
    assert clock_time_ms(decoded, at(near)) == at(expected)


@pytest.mark.parametrize(
    ("file", "start", "oldest_h", "newest_h"),
    [
        ("streams/alloy-bds3-33s.rtcm3", "2024-08-18T21:14:00", -2, 1),
        ("streams/hiroshima-7systems-60s.rtcm3", "2022-12-13T01:09:00", -2, 1),
        ("streams/javad-2016-23s.bin", "2016-04-06T20:38:00", -31, 2),  # with Galileo sets of the day before
        ("ntrip/bkg-ephemeris-http-chunked.bin", "2019-02-06T16:55:00Z", -6, 2.1),
    ],
)
def test_recorded_sets_are_of_the_time_they_came(
    recordings: Path, file: str, start: str, oldest_h: float, newest_h: float
) -> None:
    ages = []
    for now, payload in received(recordings / file, at(start)):
        try:
            decoded = ephemeris.decode(number(payload), payload)
        except Impossible:
            continue
        ages.append((reference_time_ms(decoded, now) - now) / HOUR_MS)
        assert abs(clock_time_ms(decoded, now) - reference_time_ms(decoded, now)) <= 4 * HOUR_MS
    assert oldest_h <= min(ages) <= max(ages) <= newest_h


# --- what a set says of itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "name", "index", "metres"),
    [
        (1019, "ura_index", 0, 2.0),  # IS-GPS-200, 20.3.3.3.1.3
        (1019, "ura_index", 1, 2.8),
        (1044, "ura_index", 5, 11.3),
        (1042, "ura_index", 6, 16.0),
        (1041, "ura_index", 14, 4096.0),
        (1046, "sisa_index", 49, 0.49),  # Galileo OS SIS ICD, SISA index values
        (1046, "sisa_index", 74, 0.98),
        (1045, "sisa_index", 99, 1.96),
        (1045, "sisa_index", 107, 3.12),
        (1045, "sisa_index", 125, 6.0),
        (1020, "accuracy_index", 2, 2.5),  # GLONASS ICD 5.1, table 4.4
        (1020, "accuracy_index", 14, 512.0),
    ],
)
def test_accuracy(message: int, name: str, index: int, metres: float) -> None:
    decoded = ephemeris.decode(message, laid(message, possible(message, **{name: index})))
    assert accuracy_m(decoded) == metres
    assert accuracy_index(decoded.gnss, metres) == index


@pytest.mark.parametrize(
    ("message", "name", "index"),
    [
        (1019, "ura_index", 15),
        (1046, "sisa_index", 255),
        (1046, "sisa_index", 126),
        (1020, "accuracy_index", 15),
    ],
)
def test_no_accuracy_is_no_number(message: int, name: str, index: int) -> None:
    decoded = ephemeris.decode(message, laid(message, possible(message, **{name: index})))
    assert isnan(accuracy_m(decoded))
    assert accuracy_index(decoded.gnss, float("nan")) == (255 if decoded.gnss == "E" else 15)


def test_issue_tells_sets_apart() -> None:
    one = ephemeris.decode(1019, laid(1019, possible(1019)))
    assert ephemeris.issue(one) == ephemeris.issue(
        ephemeris.decode(1019, laid(1019, possible(1019, crs_m=2)))
    )
    for name in ("iode", "iodc", "toe_s", "toc_s", "health"):
        assert ephemeris.issue(one) != ephemeris.issue(
            ephemeris.decode(1019, laid(1019, possible(1019, **{name: 9})))
        )
    inav = ephemeris.decode(1046, laid(1046, possible(1046)))
    assert ephemeris.issue(inav) != ephemeris.issue(ephemeris.decode(1045, laid(1045, possible(1045))))
    draft = ephemeris.decode(63, laid(63, possible(63)))
    assert ephemeris.issue(draft) == ephemeris.issue(ephemeris.decode(1042, laid(1042, possible(1042))))
