"""What a caster says of its mountpoints: the sourcetable (RTCM 10410.1, section 3), written."""

from collections.abc import Iterable
from dataclasses import dataclass

DECIMALS = 1  # of latitude and longitude: about 10 km, which says where a station is, not where its antenna


@dataclass(frozen=True)
class Mountpoint:
    """One stream of a caster, as its STR row describes it."""

    name: str
    identifier: str = ""  # a place: the city
    format: str = "RTCM 3.3"
    details: str = ""  # message types with their intervals in seconds: 1077(1),1005(10)
    systems: str = "GPS+GLO+GAL+QZS+BDS"
    network: str = "HNCORS"
    country: str = "CHN"
    latitude_deg: float = 0.0
    longitude_deg: float = 0.0
    needs_gga: bool = False  # sends nothing before a client has told its position
    generator: str = "hncors"
    fee: bool = False
    bitrate_bps: int = 0

    def row(self, *, secured: bool) -> str:
        """The STR row; `secured`: with user and password (Basic)."""
        place = (f"{self.latitude_deg:.{DECIMALS}f}", f"{self.longitude_deg:.{DECIMALS}f}")
        named = (self.name, self.identifier, self.format, self.details, "2", self.systems, self.network)
        flags = (str(int(self.needs_gga)), "0", self.generator, "none", "B" if secured else "N")
        last = ("Y" if self.fee else "N", str(self.bitrate_bps), "none")
        return ";".join(map(_field, ("STR", *named, self.country, *place, *flags, *last)))


def sourcetable(
    mountpoints: Iterable[Mountpoint], *, host: str, port: int, operator: str, secured: bool
) -> bytes:
    """The rows of a table: the caster's own, a network's, its streams', the end."""
    rows = [
        ";".join(map(_field, ("CAS", host, str(port), operator, operator, "0", "CHN", "", "", "", "0", "")))
    ]
    rows += [mountpoint.row(secured=secured) for mountpoint in mountpoints]
    return ("\r\n".join(rows) + "\r\nENDSOURCETABLE\r\n").encode()


def _field(text: str) -> str:
    """A field of a row: on one line, in quotes where it holds a semicolon."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return '"' + text.replace('"', "'") + '"' if ";" in text or '"' in text else text
