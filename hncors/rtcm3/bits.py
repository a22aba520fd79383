"""Bits in and out, one field at a time, for messages that are rare. The frequent ones go by columns.

bit 0 is the most significant bit of the first byte; fields follow each other without padding
"""

from __future__ import annotations


class Short(Exception):
    """The payload ends before the field does."""


class Impossible(Exception):
    """A field holds what cannot be; the text is a short name of the field."""


class BitReader:
    """Reads the fields of a payload in order."""

    def __init__(self, payload: bytes, position: int = 0) -> None:
        self.position = position
        self._bits = len(payload) * 8
        self._value = int.from_bytes(payload, "big")

    @property
    def remaining(self) -> int:
        """Bits not read yet."""
        return self._bits - self.position

    def unsigned(self, width: int) -> int:
        """Next field as an unsigned integer. Raises Short past the end."""
        end = self.position + width
        if end > self._bits:
            raise Short(f"{width} bits at bit {self.position} of {self._bits}")
        self.position = end
        return self._value >> (self._bits - end) & (1 << width) - 1

    def signed(self, width: int) -> int:
        """Next field as two's complement."""
        value = self.unsigned(width)
        return value - (1 << width) if value >> (width - 1) else value

    def sign_magnitude(self, width: int) -> int:
        """Next field as a sign bit and a magnitude (GLONASS, RTCM 10403.3 data type intS)."""
        value = self.unsigned(width)
        magnitude = value & (1 << width - 1) - 1
        return -magnitude if value >> (width - 1) else magnitude

    def text(self, characters: int) -> str:
        """Next field as characters of ISO 8859-1 (RTCM 10403.3 data type char8)."""
        return self.unsigned(8 * characters).to_bytes(characters, "big").decode("latin-1")


class BitWriter:
    """Puts fields after each other. Raises ValueError for a value that does not fit its field."""

    def __init__(self) -> None:
        self._value = 0
        self.bits = 0

    def unsigned(self, value: int, width: int) -> BitWriter:
        """Append an unsigned field."""
        if not 0 <= value < 1 << width:
            raise ValueError(f"{value} does not fit {width} unsigned bits")
        self._value = self._value << width | value
        self.bits += width
        return self

    def signed(self, value: int, width: int) -> BitWriter:
        """Append a two's complement field."""
        if not -(1 << width - 1) <= value < 1 << width - 1:
            raise ValueError(f"{value} does not fit {width} signed bits")
        return self.unsigned(value & (1 << width) - 1, width)

    def sign_magnitude(self, value: int, width: int) -> BitWriter:
        """Append a sign bit and a magnitude."""
        if not abs(value) < 1 << width - 1:
            raise ValueError(f"{value} does not fit a sign and {width - 1} bits")
        return self.unsigned((1 << width - 1 if value < 0 else 0) | abs(value), width)

    def text(self, text: str) -> BitWriter:
        """Append characters of ISO 8859-1."""
        for byte in text.encode("latin-1"):
            self.unsigned(byte, 8)
        return self

    def to_bytes(self) -> bytes:
        """What was written, padded with zero bits to whole bytes."""
        padding = -self.bits % 8
        return (self._value << padding).to_bytes((self.bits + padding) // 8, "big")
