"""Station data against pyrtcm, against bits laid by hand, and against what the wire may do to it."""

from __future__ import annotations

from math import isnan, nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrtcm import RTCMMessage
from pyrtcm_fields import read, sent, text

from hncors.gpstime import from_iso
from hncors.rtcm3 import block, encode_station, station
from hncors.rtcm3.bits import Short
from hncors.rtcm3.encode import frame
from hncors.rtcm3.framing import Framer
from hncors.rtcm3.station import (
    Announcement,
    Equipment,
    GlonassBiases,
    Impossible,
    PhysicalReference,
    ReferencePoint,
    StationMessage,
    SystemParameters,
    Text,
    printable,
)


def laid(bits: str) -> bytes:
    """Bytes from lines that begin with the bits of a field; zero bits fill the last byte."""
    joined = "".join(line.split()[0] for line in bits.strip().splitlines())
    joined += "0" * (-len(joined) % 8)
    return int(joined, 2).to_bytes(len(joined) // 8, "big")


def same(one: StationMessage, other: StationMessage) -> bool:
    """Equal, where nan equals nan (which is why the representations are compared)."""
    return repr(one) == repr(other)


def by_pyrtcm(payload: bytes) -> StationMessage:
    """The message as pyrtcm's fields tell it."""
    p: RTCMMessage = read(payload)
    number = int(p.identity)
    if number in (1005, 1006):
        return ReferencePoint(
            station_id=p.DF003,
            x_m=sent(p, "DF025") / 10_000,
            y_m=sent(p, "DF026") / 10_000,
            z_m=sent(p, "DF027") / 10_000,
            antenna_height_m=sent(p, "DF028") / 10_000 if number == 1006 else nan,
            itrf_year=p.DF021,
            gps=p.DF022 == 1,
            glonass=p.DF023 == 1,
            galileo=p.DF024 == 1,
            not_physical=p.DF141 == 1,
            single_oscillator=p.DF142 == 1,
            quarter_cycle=p.DF364,
        )
    if number in (1007, 1008, 1033):
        return Equipment(
            station_id=p.DF003,
            antenna=text(p, "DF030", p.DF029),
            antenna_setup=p.DF031,
            antenna_serial=text(p, "DF033", p.DF032) if number != 1007 else None,
            receiver=text(p, "DF228", p.DF227) if number == 1033 else None,
            firmware=text(p, "DF230", p.DF229) if number == 1033 else None,
            receiver_serial=text(p, "DF232", p.DF231) if number == 1033 else None,
        )
    if number == 1013:
        announced = (
            Announcement(
                sent(p, f"DF055_{n:02d}"), sent(p, f"DF056_{n:02d}") == 1, sent(p, f"DF057_{n:02d}") / 10
            )
            for n in range(1, p.DF053 + 1)
        )
        leap_seconds = None if p.DF054 == 255 else p.DF054
        return SystemParameters(p.DF003, p.DF051, p.DF052, leap_seconds, tuple(announced))
    if number == 1029:
        # pyrtcm gives bytes as characters; it leaves zero bytes out, so the caller does as well.
        decoded = getattr(p, "DF140", "").encode("latin-1").decode()
        return Text(p.DF003, p.DF051, p.DF052, decoded)
    if number == 1032:
        x_m, y_m, z_m = (sent(p, name) / 10_000 for name in ("DF025", "DF026", "DF027"))
        return PhysicalReference(p.DF003, p.DF226, x_m, y_m, z_m, p.DF021)
    assert number == 1230
    biases_m = (sent(p, f"DF{n}") / 50 if hasattr(p, f"DF{n}") else nan for n in range(423, 427))
    return GlonassBiases(p.DF003, p.DF421 == 1, *biases_m)


def test_every_recorded_message_reads_as_pyrtcm_reads_it(recordings: Path) -> None:
    payloads: set[tuple[int, bytes]] = set()
    for path in sorted([*recordings.glob("streams/*"), *recordings.glob("frames/*")]):
        framer = Framer()
        for one in (*framer.feed(path.read_bytes()), *framer.idle()):
            number = one[3] << 4 | one[4] >> 4 if len(one) > 7 else -1
            if number in station.DECODERS:
                payloads.add((number, one[3:-3]))
    assert {number for number, _ in payloads} == set(station.DECODERS)
    for number, payload in payloads:
        ours, theirs = station.decode(number, payload), by_pyrtcm(payload)
        if isinstance(ours, Text) and isinstance(theirs, Text):
            ours = Text(ours.station_id, ours.mjd, ours.second_of_day, ours.text.replace("\0", ""))
        assert same(ours, theirs), payload.hex()


# --- published and hand-laid payloads ------------------------------------------------------------

# RTCM 10403.3, section 4.2, the standard's own example of a frame.
PUBLISHED_1005 = bytes.fromhex("D300133ED7D30202980EDEEF34B4BD62AC0941986F33360B98")


def test_the_standards_example_of_1005() -> None:
    point = station.decode(1005, PUBLISHED_1005[3:-3])
    assert isinstance(point, ReferencePoint)
    assert (point.station_id, point.itrf_year, point.gps, point.glonass) == (2003, 0, True, False)
    assert (point.x_m, point.y_m, point.z_m) == (1114104.5999, -4850729.7108, 3975521.4643)
    assert isnan(point.antenna_height_m) and point.anomalies == ()
    assert frame(encode_station.encode(point)) == PUBLISHED_1005


# Layouts: RTCM 10403.3, tables of the messages named; each line is a field, its bits and its DF.
HAND_LAID: dict[int, tuple[str, StationMessage]] = {
    1005: (
        """
        001111101101 DF002 1005
        111111111110 DF003 4094
        010100 DF021 20
        0 DF022
        1 DF023
        0 DF024
        1 DF141
        11111111111111111111111111111111111111 DF025 -1
        1 DF142
        0 DF001 reserved
        00000000000000000000000010011100010000 DF026 10000
        10 DF364 2
        01111111111111111111111111111111111111 DF027 2^37 - 1
        """,
        ReferencePoint(4094, -0.0001, 1.0, 13743895.3471, nan, 20, False, True, False, True, True, 2),
    ),
    1006: (
        """
        001111101110 DF002 1006
        000000000001 DF003 1
        000000 DF021
        1 DF022
        0 DF023
        1 DF024
        0 DF141
        10000000000000000000000000000000000000 DF025 -2^37
        0 DF142
        1 DF001 reserved, here set
        00000000000000000000000000000000000001 DF026
        01 DF364
        00000000000000000000000000000000000000 DF027
        1111111111111111 DF028 65535
        """,
        ReferencePoint(1, -13743895.3472, 0.0001, 0.0, 6.5535, 0, True, False, True, False, False, 1),
    ),
    1033: (
        """
        010000001001 DF002 1033
        100000000000 DF003 2048
        00000011 DF029 3
        010000010100001001000011 DF030 ABC
        00000111 DF031 7
        00000000 DF032 0
        00000001 DF227 1
        01011010 DF228 Z
        00000010 DF229 2
        0011000110110000 DF230 1, then the degree sign of ISO 8859-1
        00000001 DF231 1
        00000111 DF232 the bell
        """,
        Equipment(2048, "ABC", 7, "", "Z", "1\xb0", "\x07"),
    ),
    1013: (
        """
        001111110101 DF002 1013
        000000001010 DF003 10
        1110110001111100 DF051 60540
        01111111111111111 DF052 65535
        00010 DF053 2
        00010010 DF054 18
        010000110101 DF055 1077
        1 DF056
        0000000000001010 DF057 10
        001111101101 DF055 1005
        0 DF056
        1111111111111111 DF057 65535
        """,
        SystemParameters(
            10, 60540, 65535, 18, (Announcement(1077, True, 1.0), Announcement(1005, False, 6553.5))
        ),
    ),
    1029: (
        """
        010000000101 DF002 1029
        000000010111 DF003 23
        1110010101110011 DF051 58739
        01010010110111010 DF052 42426
        0000011 DF138 3 characters
        00000101 DF139 5 bytes
        01001000 H
        111001101011000010011000 U+6C18 in three bytes of UTF-8
        00100001 !
        """,
        Text(23, 58739, 42426, "H\u6c18!"),
    ),
    1032: (
        """
        010000001000 DF002 1032
        000000000101 DF003 5
        000000000110 DF226 6
        111111 DF021 63
        00000000000000000000000010011100010000 DF025 10000
        11111111111111111111111101100011110000 DF026 -10000
        00000000000000000000000000000000000010 DF027 2
        """,
        PhysicalReference(5, 6, 1.0, -1.0, 0.0002, 63),
    ),
    1230: (
        """
        010011001110 DF002 1230
        000110010011 DF003 403
        1 DF421
        000 DF001
        1011 DF422 L1 C/A, L2 C/A, L2 P
        0000000000110010 DF423 50
        1000000000000000 DF425 unknown
        1111111111111111 DF426 -1
        """,
        GlonassBiases(403, True, 1.0, nan, nan, -0.02),
    ),
}


@pytest.mark.parametrize("number", HAND_LAID)
def test_bits_laid_by_hand(number: int) -> None:
    bits, expected = HAND_LAID[number]
    assert same(station.decode(number, laid(bits)), expected)


# --- what the wire may do ------------------------------------------------------------------------

SAMPLES: dict[int, StationMessage] = {
    1005: ReferencePoint(1, 3811965.6701, -175800.0708, 5093615.5606),
    1006: ReferencePoint(1, 3811965.6701, -175800.0708, 5093615.5606, 0.1),
    1007: Equipment(2, "TRM57971.00     NONE", 0),
    1008: Equipment(2, "TRM57971.00     NONE", 0, "12345"),
    1013: SystemParameters(
        3, 60540, 86400, None, tuple(Announcement(n, True, 1.0) for n in range(1071, 1102))
    ),
    1029: Text(4, 44244, 0, "\u6e56\u5357 CORS"),
    1032: PhysicalReference(5, 6, 3811965.6701, -175800.0708, 5093615.5606),
    1033: Equipment(7, "A" * 255, 255, "B" * 255, "C" * 255, "D" * 6, ""),
    1230: GlonassBiases(8, False, -655.34, 655.34, 0.02, -0.02),
}


@pytest.mark.parametrize("number", SAMPLES)
def test_r05_a_payload_cut_anywhere_is_short_and_a_longer_one_is_read(number: int) -> None:
    payload = encode_station.encode(SAMPLES[number])
    assert payload[0] << 4 | payload[1] >> 4 == number
    for size in range(len(payload)):
        with pytest.raises(Short):
            station.decode(number, payload[:size])
    assert same(station.decode(number, payload + b"\xff\xff\xff"), SAMPLES[number])


@settings(max_examples=300)
@given(st.sampled_from(sorted(station.DECODERS)), st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_by_name(number: int, data: bytes) -> None:
    outcome = ""
    try:
        station.decode(number, data)
    except Short:
        pass
    except Impossible as fault:
        outcome = str(fault)
    assert outcome in ("", "mjd", "second_of_day")


@pytest.mark.parametrize(
    ("mjd", "second_of_day", "name"), [(44243, 0, "mjd"), (0, 0, "mjd"), (60540, 86_401, "second_of_day")]
)
@pytest.mark.parametrize("number", [1013, 1029])
def test_times_that_cannot_be_are_refused(number: int, mjd: int, second_of_day: int, name: str) -> None:
    message = (
        Text(1, mjd, second_of_day, "x") if number == 1029 else SystemParameters(1, mjd, second_of_day, 18)
    )
    with pytest.raises(Impossible, match=name):
        station.decode(number, encode_station.encode(message))


def test_time_of_day_becomes_gps_time() -> None:
    # IERS Bulletin C 52: 2016-12-31 23:59:60 UTC was a leap second, the 18th since 1980.
    assert SystemParameters(1, 57753, 86_399, 17).gps_ms == from_iso("2017-01-01T00:00:16")
    assert SystemParameters(1, 57753, 86_400, 17).gps_ms == from_iso("2017-01-01T00:00:17")
    assert Text(1, 57754, 0, "").gps_ms == from_iso("2017-01-01T00:00:18")
    assert Text(1, 44244, 0, "").gps_ms == 0


def test_r07_text_that_is_not_utf8_is_kept_as_far_as_it_goes() -> None:
    payload = bytearray(encode_station.encode(Text(1, 60000, 0, "ab")))
    payload[-1] = 0xFF
    message = station.decode(1029, bytes(payload))
    assert isinstance(message, Text)
    assert (message.text, message.anomalies) == ("a\ufffd", ("invalid_utf8",))


def test_a_wrong_count_of_characters_is_an_anomaly() -> None:
    payload = bytearray(encode_station.encode(Text(1, 60000, 0, "abc")))
    payload[7] ^= 0b00001000  # a bit of DF138, which is bits 57 to 63
    message = station.decode(1029, bytes(payload))
    assert isinstance(message, Text)
    assert (message.text, message.anomalies) == ("abc", ("character_count",))


def test_r19_descriptors_longer_than_the_standard_allows_are_an_anomaly() -> None:
    assert Equipment(1, "A" * 31, 0).anomalies == ()
    assert Equipment(1, "A", 0, "1", "R", "F" * 32).anomalies == ("long_descriptor",)


@pytest.mark.parametrize(
    ("xyz_m", "anomalies"),
    [
        ((6378137.0, 0.0, 0.0), ()),
        ((0.0, 0.0, 0.0), ("arp_off_earth",)),
        ((7e6, 7e6, 7e6), ("arp_off_earth",)),
    ],
)
def test_r20_a_reference_point_that_is_not_on_earth_is_an_anomaly(
    xyz_m: tuple[float, float, float], anomalies: tuple[str, ...]
) -> None:
    assert ReferencePoint(1, *xyz_m).anomalies == anomalies
    assert PhysicalReference(1, 2, *xyz_m).anomalies == anomalies


def test_r19_printable_text_shows_what_could_do_harm() -> None:
    assert printable("LEIAR25.R3 LEIT \u6e56\u5357") == "LEIAR25.R3 LEIT \u6e56\u5357"
    assert printable("a\x00\x1b[2J\n\x9b\u202e\\") == "a\\x00\\x1b[2J\\n\\x9b\\u202e\\\\"


# --- encoders against pyrtcm ---------------------------------------------------------------------

twelve = st.integers(0, 4095)
coordinate_m = st.integers(-(2**37), 2**37 - 1).map(lambda raw: raw / 10_000)
mjd = st.integers(44244, 65535)
second_of_day = st.integers(0, 86_400)
descriptor = st.text(st.characters(max_codepoint=255), max_size=60)
bias_m = st.one_of(st.just(nan), st.integers(-32767, 32767).map(lambda raw: raw / 50))
equipment = st.one_of(
    st.builds(Equipment, twelve, descriptor, st.integers(0, 255)),
    st.builds(Equipment, twelve, descriptor, st.integers(0, 255), descriptor),
    st.builds(
        Equipment, twelve, descriptor, st.integers(0, 255), descriptor, descriptor, descriptor, descriptor
    ),
)
announcement = st.builds(
    Announcement, twelve, st.booleans(), st.integers(0, 65535).map(lambda tenths: tenths / 10)
)
messages = st.one_of(
    st.builds(
        ReferencePoint,
        station_id=twelve,
        x_m=coordinate_m,
        y_m=coordinate_m,
        z_m=coordinate_m,
        antenna_height_m=st.one_of(st.just(nan), st.integers(0, 65535).map(lambda raw: raw / 10_000)),
        itrf_year=st.integers(0, 63),
        gps=st.booleans(),
        glonass=st.booleans(),
        galileo=st.booleans(),
        not_physical=st.booleans(),
        single_oscillator=st.booleans(),
        quarter_cycle=st.integers(0, 3),
    ),
    equipment,
    st.builds(
        SystemParameters,
        twelve,
        mjd,
        second_of_day,
        st.one_of(st.none(), st.integers(0, 254)),
        st.lists(announcement, max_size=31).map(tuple),
    ),
    # No U+0000: pyrtcm leaves it out.
    st.builds(
        Text, twelve, mjd, second_of_day, st.text(st.characters(min_codepoint=1, codec="utf-8"), max_size=60)
    ),
    st.builds(
        PhysicalReference, twelve, twelve, coordinate_m, coordinate_m, coordinate_m, st.integers(0, 63)
    ),
    st.builds(GlonassBiases, twelve, st.booleans(), bias_m, bias_m, bias_m, bias_m),
)


@settings(max_examples=400, deadline=None)
@given(messages)
def test_pyrtcm_reads_what_is_encoded(message: StationMessage) -> None:
    assert same(by_pyrtcm(encode_station.encode(message)), message)


@pytest.mark.parametrize(
    "message",
    [
        ReferencePoint(4096, 0.0, 0.0, 0.0),
        ReferencePoint(1, 14e6, 0.0, 0.0),
        ReferencePoint(1, nan, 0.0, 0.0),
        ReferencePoint(1, 0.0, 0.0, 0.0, 6.6),
        Equipment(1, "A" * 256, 0),
        Equipment(1, "\u6e56", 0),
        SystemParameters(1, 60000, 0, 18, (Announcement(1005, True, 1.0),) * 32),
        Text(1, 60000, 0, "x" * 128),
        GlonassBiases(1, False, -655.36),
    ],
)
def test_values_that_do_not_fit_are_refused(message: StationMessage) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_station.encode(message)


def test_system_parameters_are_read_whatever_the_time_and_remembered_without_it() -> None:
    made = [
        SystemParameters(7, mjd, second, leap, (Announcement(1077, True, 1.0),) * count)
        for mjd in (44244, 60000, 65535)
        for second in (0, 1, 43211, 86399, 86400)
        for leap in (18, None)
        for count in (0, 3)
    ]
    payloads = [encode_station.encode(one) for one in made]
    found = block.decode([frame(payload) for payload in payloads * 2])
    assert [record for _, record in found.records] == made * 2
    for payload in payloads[:4]:
        for size in range(2, len(payload)):
            cut = block.decode([frame(payload[:size])])
            assert [block.OUTCOMES[outcome] for outcome in cut.outcome] == ["short_message"], size
    before = bytearray(payloads[0])
    before[3:5] = (44243).to_bytes(2, "big")
    late = bytearray(payloads[0])
    late[5:8] = (86401 << 7 | late[7] & 0x7F).to_bytes(3, "big")
    for bad, name in ((before, "impossible_mjd"), (late, "impossible_second_of_day")):
        odd = block.decode([frame(bytes(bad))])
        assert [anomaly for anomaly, _, _ in odd.anomalies] == [name] and not odd.records
