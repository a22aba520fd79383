"""Who makes a receiver or an antenna, by the name that its station sends (1007, 1008, 1033).

Names are those of the IGS table of receivers and antennas (rcvr_ant.tab): an antenna begins with three
letters of its maker, a receiver with a word. Makers that the table does not have name themselves. The country
is that of the maker's seat. It says nothing of whose boards are inside: docs/equipment.md.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

DOMESTIC, FOREIGN, UNKNOWN = ORIGINS = ("domestic", "foreign", "unknown")


class Maker(NamedTuple):
    """A company; `country` by ISO 3166, "" where it is not known."""

    name: str
    zh: str
    country: str

    @property
    def origin(self) -> str:
        if not self.country:
            return UNKNOWN
        return DOMESTIC if self.country == "CN" else FOREIGN


NOBODY = Maker("unknown", "未知", "")

#   name, Chinese, country, words receivers begin with, codes antennas begin with
_MAKERS = (
    ("CHCNAV", "华测导航", "CN", "CHC CHCNAV", "CHC"),
    ("Hi-Target", "中海达", "CN", "HITARGET HI-TARGET HI_TARGET ZHD", "HIT"),
    ("South", "南方测绘", "CN", "SOUTH STH", "STH"),
    ("ComNav", "司南导航", "CN", "COMNAV SINOGNSS SINO CNT", "CNT"),
    ("Unicore", "和芯星通", "CN", "UNICORE UM980 UM982 UB4B0 UB482 UB380 UR4B0", ""),
    ("UniStrong", "合众思壮", "CN", "UNISTRONG", ""),
    ("Bynav", "北云科技", "CN", "BYNAV", ""),
    ("Tersus", "天硕导航", "CN", "TERSUS", "TER"),
    ("Harxon", "华信天线", "CN", "HARXON", "HXC"),
    ("FOIF", "苏一光", "CN", "FOIF", "FOI"),
    ("Sanding", "三鼎", "CN", "SANDING", "SOI"),
    ("Ruide", "瑞得", "CN", "RUIDE", "RSI"),
    ("Kolida", "科力达", "CN", "KOLIDA", "KLD"),
    ("eSurvey", "易测", "CN", "ESURVEY E-SURVEY", ""),
    ("Allystar", "华大北斗", "CN", "ALLYSTAR", ""),
    ("Trimble", "天宝", "US", "TRIMBLE", "TRM"),
    ("Spectra", "Spectra", "US", "SPECTRA SP90M", "SPP"),
    ("Ashtech", "Ashtech", "US", "ASHTECH", "ASH"),
    ("Allen Osborne", "Allen Osborne", "US", "AOA ROGUE", "AOA"),
    ("Aero Antenna", "Aero Antenna", "US", "", "AER"),
    ("Topcon", "拓普康", "JP", "TPS TOPCON", "TPS"),
    ("Sokkia", "索佳", "JP", "SOKKIA", "SOK"),
    ("Javad", "Javad", "US", "JAVAD JPS", "JAV JPS"),
    ("Leica", "徕卡", "CH", "LEICA", "LEI"),
    ("GeoMax", "GeoMax", "CH", "GEOMAX", "GMX"),
    ("u-blox", "u-blox", "CH", "UBLOX U-BLOX ZED-F9P", "UBX"),
    ("Septentrio", "Septentrio", "BE", "SEPT SEPTENTRIO", "SEP"),
    ("NovAtel", "诺瓦泰", "CA", "NOV NOVATEL", "NOV"),
    ("Tallysman", "Tallysman", "CA", "TALLYSMAN", "TWI"),
    ("Hemisphere", "Hemisphere", "CA", "HEMISPHERE", "HEM"),
    ("Stonex", "Stonex", "IT", "STONEX", "STX"),
)
MAKERS = tuple(Maker(*row[:3]) for row in _MAKERS)
_RECEIVERS = {word: maker for maker, row in zip(MAKERS, _MAKERS, strict=True) for word in row[3].split()}
_ANTENNAS = {code: maker for maker, row in zip(MAKERS, _MAKERS, strict=True) for code in row[4].split()}
_WORD = re.compile(r"[A-Z0-9][A-Z0-9_-]*")


@lru_cache(maxsize=10_000)  # streams may send names without end
def receiver_maker(name: str) -> Maker:
    """Of a receiver's descriptor (DF228), by its first word."""
    word = _WORD.match(name.upper().strip())
    return _RECEIVERS.get(word[0], NOBODY) if word else NOBODY


@lru_cache(maxsize=10_000)
def antenna_maker(name: str) -> Maker:
    """Of an antenna's descriptor (DF030): its IGS code, or a maker's whole name."""
    text = name.upper().strip()
    word = _WORD.match(text)
    if word and word[0] in _RECEIVERS:
        return _RECEIVERS[word[0]]
    return _ANTENNAS.get(text[:3], NOBODY)
