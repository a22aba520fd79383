"""Fields out of bits, one at a time and in columns, against bits written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import bits, lay

from hncors.rtcm3 import columns
from hncors.rtcm3.bits import BitReader, BitWriter, Short


def test_fields_follow_each_other_without_padding() -> None:
    reader = BitReader(bits("00000000 001 | 11111111 1 | 0101 | 1010101"))
    assert reader.unsigned(11) == 1
    assert reader.unsigned(9) == 511
    assert reader.unsigned(4) == 5
    assert reader.remaining == 8
    assert reader.unsigned(7) == 0b1010101
    assert reader.position == 31


@pytest.mark.parametrize(
    ("sent", "twos_complement", "sign_and_magnitude"),
    [
        ("0000", 0, 0),
        ("0111", 7, 7),
        ("1000", -8, 0),  # "minus nothing" of the GLONASS fields is 0
        ("1001", -7, -1),
        ("1111", -1, -7),
    ],
)
def test_signed_fields(sent: str, twos_complement: int, sign_and_magnitude: int) -> None:
    assert BitReader(bits(sent)).signed(4) == twos_complement
    assert BitReader(bits(sent)).sign_magnitude(4) == sign_and_magnitude


def test_one_bit_fields() -> None:
    reader = BitReader(b"\xa0")
    assert [reader.unsigned(1), reader.unsigned(1)] == [1, 0]
    assert reader.signed(1) == -1
    assert reader.sign_magnitude(1) == 0


def test_fields_of_any_width_and_place() -> None:
    assert BitReader(b"\x01" + b"\x80" * 40, 7).unsigned(100) == int("1" + ("10000000" * 13)[:99], 2)
    assert BitReader(b"\xff" * 8).unsigned(64) == 2**64 - 1
    assert BitReader(b"").remaining == 0
    assert BitReader(b"").unsigned(0) == 0


def test_text_is_iso_8859_1() -> None:
    assert BitReader(bits("1") + b"", 1).remaining == 7
    shifted = bits("0" + lay((0x54, 8), (0xE9, 8)))
    assert BitReader(shifted, 1).text(2) == "T\u00e9"


@pytest.mark.parametrize("width", [1, 8, 12, 38])
def test_short_past_the_end_and_nothing_is_taken(width: int) -> None:
    reader = BitReader(b"\xff" * 4, 33 - width if width < 33 else 0)
    at = reader.position
    with pytest.raises(Short):
        reader.unsigned(width)
    assert reader.position == at
    with pytest.raises(Short):
        reader.text(5)


def test_written_fields_are_the_bits_by_hand() -> None:
    writer = BitWriter().unsigned(1005, 12).signed(-1, 3).sign_magnitude(-2, 4).text("A").unsigned(1, 1)
    assert writer.bits == 28
    assert writer.to_bytes() == bits("001111101101 | 111 | 1010 | 01000001 | 1")
    assert BitWriter().to_bytes() == b""


@pytest.mark.parametrize(
    ("kind", "value", "width"),
    [
        ("unsigned", 16, 4),
        ("unsigned", -1, 4),
        ("signed", 8, 4),
        ("signed", -9, 4),
        ("sign_magnitude", 8, 4),
        ("sign_magnitude", -8, 4),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, value: int, width: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        getattr(BitWriter(), kind)(value, width)


@given(
    st.binary(min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 33)), min_size=1, max_size=20),
)
def test_columns_are_what_the_digits_say(data: bytes, places: list[tuple[int, int]]) -> None:
    digits = "".join(f"{byte:08b}" for byte in data)
    padded = data + bytes(columns.PADDING + -len(data) % 4)
    window = columns.windows(padded)
    for place, width in places:
        if place + width > len(digits):
            continue
        sent = int(digits[place : place + width], 2)
        at = np.array([place, place], np.int64)
        assert columns.unsigned(window, at, width).tolist() == [sent] * 2
        minus = sent - (1 << width) if digits[place] == "1" else sent
        assert columns.signed(window, at, width).tolist() == [minus] * 2
        assert at.tolist() == [place] * 2


def test_columns_past_the_end_stay_inside() -> None:
    window = columns.windows(bytes(columns.PADDING))
    assert columns.unsigned(window, np.array([10**6, 8 * columns.PADDING - 1]), 33).tolist() == [0, 0]
