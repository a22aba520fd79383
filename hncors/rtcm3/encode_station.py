"""Payloads of station data: what `hncors.rtcm3.station` decodes, field by field in the same order."""

from __future__ import annotations

from math import isnan

from hncors.rtcm3.bits import BitWriter
from hncors.rtcm3.station import (
    BIAS_UNKNOWN,
    DESCRIPTORS,
    LEAP_UNKNOWN,
    Equipment,
    GlonassBiases,
    PhysicalReference,
    ReferencePoint,
    StationMessage,
    SystemParameters,
    Text,
)


def encode(message: StationMessage) -> bytes:
    """The payload of a message; its number follows from what it holds.

    A reference point without antenna height is 1005; equipment is 1007 without serial number, 1008
    without receiver, else 1033. Raises ValueError for a value that does not fit its field.
    """
    w = BitWriter()
    match message:
        case ReferencePoint():
            _put_reference_point(w, message)
        case Equipment():
            _put_equipment(w, message)
        case SystemParameters():
            _put_system_parameters(w, message)
        case Text():
            _put_text(w, message)
        case PhysicalReference():
            _put_physical_reference(w, message)
        case GlonassBiases():
            _put_glonass_biases(w, message)
    return w.to_bytes()


def _put_coordinate(w: BitWriter, value_m: float) -> None:
    w.signed(round(value_m * 10_000), 38)


def _put_reference_point(w: BitWriter, m: ReferencePoint) -> None:
    w.unsigned(1005 if isnan(m.antenna_height_m) else 1006, 12)
    w.unsigned(m.station_id, 12).unsigned(m.itrf_year, 6)
    w.unsigned(m.gps, 1).unsigned(m.glonass, 1).unsigned(m.galileo, 1).unsigned(m.not_physical, 1)
    _put_coordinate(w, m.x_m)
    w.unsigned(m.single_oscillator << 1, 2)
    _put_coordinate(w, m.y_m)
    w.unsigned(m.quarter_cycle, 2)
    _put_coordinate(w, m.z_m)
    if not isnan(m.antenna_height_m):
        w.unsigned(round(m.antenna_height_m * 10_000), 16)


def _put_equipment(w: BitWriter, m: Equipment) -> None:
    number = 1033 if m.receiver is not None else 1007 if m.antenna_serial is None else 1008
    texts = (m.antenna, m.antenna_serial, m.receiver, m.firmware, m.receiver_serial)
    w.unsigned(number, 12).unsigned(m.station_id, 12)
    w.unsigned(len(m.antenna), 8).text(m.antenna).unsigned(m.antenna_setup, 8)
    for text in texts[1 : DESCRIPTORS[number]]:
        w.unsigned(len(text or ""), 8).text(text or "")


def _put_system_parameters(w: BitWriter, m: SystemParameters) -> None:
    w.unsigned(1013, 12).unsigned(m.station_id, 12).unsigned(m.mjd, 16).unsigned(m.second_of_day, 17)
    leap = LEAP_UNKNOWN if m.leap_seconds is None else m.leap_seconds
    w.unsigned(len(m.announcements), 5).unsigned(leap, 8)
    for a in m.announcements:
        w.unsigned(a.message_type, 12).unsigned(a.synchronous, 1).unsigned(round(a.interval_s * 10), 16)


def _put_text(w: BitWriter, m: Text) -> None:
    data = m.text.encode()
    w.unsigned(1029, 12).unsigned(m.station_id, 12).unsigned(m.mjd, 16).unsigned(m.second_of_day, 17)
    w.unsigned(len(m.text), 7).unsigned(len(data), 8).unsigned(int.from_bytes(data, "big"), 8 * len(data))


def _put_physical_reference(w: BitWriter, m: PhysicalReference) -> None:
    w.unsigned(1032, 12).unsigned(m.station_id, 12)
    w.unsigned(m.physical_station_id, 12).unsigned(m.itrf_year, 6)
    for value_m in (m.x_m, m.y_m, m.z_m):
        _put_coordinate(w, value_m)


def _put_glonass_biases(w: BitWriter, m: GlonassBiases) -> None:
    biases_m = (m.l1_ca_m, m.l1_p_m, m.l2_ca_m, m.l2_p_m)
    w.unsigned(1230, 12).unsigned(m.station_id, 12).unsigned(m.aligned, 1).unsigned(0, 3)
    for bias_m in biases_m:
        w.unsigned(not isnan(bias_m), 1)
    for bias_m in biases_m:
        if not isnan(bias_m):
            raw = round(bias_m * 50)  # 0.02 m
            if raw == BIAS_UNKNOWN:
                raise ValueError(f"{bias_m} m is the code for an unknown bias")
            w.signed(raw, 16)
