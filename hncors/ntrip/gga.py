"""The position a client tells a caster that computes its data for a place (NMEA 0183, sentence GGA).

    $GPGGA,hhmmss.ss,ddmm.mmmm,N,dddmm.mmmm,E,1,12,1.0,hhh.h,M,0.0,M,,*cc

Quality 1 (a fix), 12 satellites and an HDOP of 1.0: what casters accept of any rover. The place is
rounded by the caller's choice, for where a station stands exactly is nobody's business on the way.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

HEIGHT_STEP_M = 10


def gga(
    latitude_deg: float, longitude_deg: float, height_m: float, unix_s: float, decimals: int = 2
) -> bytes:
    """The sentence with its line end.

    Degrees are rounded to `decimals` (2: about a kilometre), height above the ellipsoid to 10 m; the time
    of day is UTC's.
    """
    second = unix_s % 86_400
    time = f"{int(second) // 3600:02d}{int(second) // 60 % 60:02d}{second % 60:05.2f}"
    if time.endswith("60.00"):
        time = time[:4] + "59.99"
    latitude = _minutes(latitude_deg, decimals, 2, "NS")
    longitude = _minutes(longitude_deg, decimals, 3, "EW")
    height = round(height_m / HEIGHT_STEP_M) * HEIGHT_STEP_M
    body = f"GPGGA,{time},{latitude},{longitude},1,12,1.0,{height:.1f},M,0.0,M,,"
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


def _minutes(degrees: float, decimals: int, digits: int, signs: str) -> str:
    """Degrees and minutes to four decimals, then the hemisphere."""
    rounded = round(degrees, decimals)
    whole, part = divmod(round(abs(rounded) * 600_000), 600_000)
    return f"{whole:0{digits}d}{part / 10_000:07.4f},{signs[rounded < 0]}"
