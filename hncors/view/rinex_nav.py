"""Ephemerides as a RINEX 3.05 mixed navigation file: a pure function, text out.

A set that comes again is written once. Every record carries the time at which the set was received
as its transmission time, because RTCM does not tell when a set was transmitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hncors import gpstime
from hncors.gpstime import BEIDOU_FIRST_WEEK, BEIDOU_OFFSET_MS, GPS_EPOCH, WEEK_MS
from hncors.rinex_nav_layout import LAYOUT, outgoing
from hncors.rtcm3.ephemeris import Ephemeris, clock_time_ms, issue, moscow_to_gps_ms, reference_time_ms

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write(
    received: Iterable[tuple[int, Ephemeris]],
    *,
    created: str = "",
    run_by: str = "",
    comments: Sequence[str] = (),
) -> str:
    """The text of a navigation file.

    `received` holds GPS milliseconds at which a set came, and the set, in the order they came;
    `created` is the header's date as RINEX wants it ("20261123 194641 UTC").
    """
    seen = set[tuple[object, ...]]()
    records: list[str] = []
    leap_s = None
    for gps_ms, ephemeris in received:
        if leap_s is None:
            leap_s = gpstime.leap_seconds(gps_ms)
        identity = (
            ephemeris.gnss,
            ephemeris.satellite,
            reference_time_ms(ephemeris, gps_ms),
            *issue(ephemeris),
        )
        if identity not in seen:
            seen.add(identity)
            records.append(record(ephemeris, gps_ms))
    return _header(leap_s, created, run_by, comments) + "".join(records)


def record(ephemeris: Ephemeris, received_gps_ms: int) -> str:
    """The lines of one set, each ended by a line feed."""
    toe_ms = reference_time_ms(ephemeris, received_gps_ms)
    toc_ms = clock_time_ms(ephemeris, received_gps_ms)
    values = outgoing(ephemeris)
    if ephemeris.gnss == "R":
        epoch = _utc(toc_ms)
        tk_s = 3600 * values["tk_hour"] + 60 * values["tk_minute"] + 30 * values["tk_half_minute"]
        sent = _utc(moscow_to_gps_ms(tk_s, received_gps_ms))
        values["@frame"] = (sent - GPS_EPOCH).total_seconds() % 604_800
    else:
        beidou = ephemeris.gnss == "C"
        offset = BEIDOU_OFFSET_MS if beidou else 0
        week = (toe_ms - offset) // WEEK_MS
        epoch = GPS_EPOCH + timedelta(milliseconds=toc_ms - offset)
        values["@week"] = week - (BEIDOU_FIRST_WEEK if beidou else 0)
        values["@sent"] = (received_gps_ms - offset - week * WEEK_MS) / 1000
    rows = LAYOUT[1042 if ephemeris.gnss == "C" else ephemeris.message]
    satellite = f"{ephemeris.gnss}{ephemeris.satellite:02d}"
    heads = [f"{satellite} {epoch:%Y %m %d %H %M %S}"] + ["    "] * (len(rows) - 1)
    return "".join(
        head + "".join(_number(values.get(name)) for name in row).rstrip() + "\n"
        for head, row in zip(heads, rows, strict=True)
    )


def _utc(gps_ms: int) -> datetime:
    return _UNIX_EPOCH + timedelta(microseconds=gpstime.to_unix_ns(gps_ms) // 1000)


def _number(value: float | None) -> str:
    """D19.12 of RINEX; blank for what is absent or not known."""
    if value is None or value != value:
        return " " * 19
    if abs(value) < 1e-99:  # an exponent of three digits has no room
        value = 0.0
    return f"{value:19.12E}"


def _header(leap_s: int | None, created: str, run_by: str, comments: Sequence[str]) -> str:
    rows = [
        (f"{3.05:9.2f}           {'N: GNSS NAV DATA':20}{'M: Mixed':20}", "RINEX VERSION / TYPE"),
        (f"{'hncors':20}{_printable(run_by, 20):20}{_printable(created, 20):20}", "PGM / RUN BY / DATE"),
        *((_printable(comment, 60), "COMMENT") for comment in comments),
    ]
    if leap_s is not None:
        rows.append((f"{leap_s:6d}", "LEAP SECONDS"))
    rows.append(("", "END OF HEADER"))
    return "".join(f"{text:60}{label:20}".rstrip() + "\n" for text, label in rows)


def _printable(text: str, width: int) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:width]
