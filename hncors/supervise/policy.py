"""The limits that streams are judged by, as a file: whoever reads a case can see them, by their fingerprint.

Defaults and their reasons are in docs/evidence.md.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

from pydantic import AfterValidator, Field

from hncors.settings import Expected, Table

PLACEHOLDERS = ("0", "00000", "000000", "123456", "N/A", "NA", "NONE", "NULL", "UNKNOWN", "-")
NEUTRAL = ("cloud", "cdn", "vpn")
_NAMES = "an array of names"


def _pairs(pairs: list[list[str]]) -> list[list[str]]:
    if not all(len(pair) == 2 for pair in pairs):
        raise ValueError(_PAIRS)
    return pairs


_PAIRS = 'an array of pairs such as ["ABCD", "EFGH"]'
_Metres = Annotated[float, Field(ge=0.01, le=1e5), Expected("metres from 0.01 to 100000")]
_Hours = Annotated[float, Field(ge=0.01, le=24), Expected("hours from 0.01 to 24")]
_Minutes = Annotated[float, Field(ge=0.5, le=1440), Expected("minutes from 0.5 to 1440")]
_Days = Annotated[int, Field(ge=1, le=60), Expected("days from 1 to 60")]
_Names = Annotated[list[str], Expected(_NAMES)]


class Policy(Table):
    """What the rules of hncors.supervise.rules compare with."""

    filed_within_m: _Metres = 50.0
    border_km: Annotated[float, Field(ge=0, le=100), Expected("kilometres from 0 to 100")] = 3.0
    arp_moved_m: _Metres = 0.1
    own_differs_m: _Metres = 15.0
    own_far_m: _Metres = 100.0
    own_minutes: _Minutes = 10.0
    own_satellites: Annotated[int, Field(ge=4, le=60), Expected("a number from 4 to 60")] = 8
    own_pdop: Annotated[float, Field(ge=1, le=50), Expected("a number from 1 to 50")] = 4.0
    declared_differs_km: Annotated[float, Field(ge=0.1, le=1000), Expected("kilometres from 0.1 to 1000")] = (
        1.0
    )
    relay_minutes: _Minutes = 1.0
    copy_share: Annotated[float, Field(ge=0.5, le=1), Expected("a share from 0.5 to 1")] = 0.9
    antenna_within_mm: Annotated[float, Field(ge=0.1, le=20), Expected("millimetres from 0.1 to 20")] = 5.0
    antenna_share: Annotated[float, Field(ge=0.5, le=1), Expected("a share from 0.5 to 1")] = 0.8
    antenna_minutes: _Minutes = 1.0
    antenna_differs_m: _Metres = 2.0
    clock_minutes: Annotated[float, Field(ge=5, le=20), Expected("minutes from 5 to 20")] = 15.0
    lasting_minutes: _Minutes = 2.0
    silent_hours: Annotated[float, Field(ge=0.1, le=8760), Expected("hours from 0.1 to 8760")] = 24.0
    present_days: _Days = 7
    present_of_days: _Days = 10
    present_hours: _Hours = 12.0
    present_within_m: _Metres = 0.1
    contradicts_minutes: _Minutes = 10.0
    code_noise_m: Annotated[float, Field(ge=0, le=1), Expected("metres from 0 to 1")] = 0.03
    strength_spread_db: Annotated[float, Field(ge=0, le=10), Expected("decibels from 0 to 10")] = 1.0
    foreign_air_tecu: Annotated[float, Field(ge=0.05, le=100), Expected("TECU from 0.05 to 100")] = 1.0
    clock_break_m_s: Annotated[float, Field(ge=0.01, le=1000), Expected("m/s from 0.01 to 1000")] = 0.3
    spoofing_minutes: _Minutes = 20.0
    radio_km: Annotated[float, Field(ge=1, le=500), Expected("kilometres from 1 to 500")] = 40.0
    radio_times: Annotated[int, Field(ge=1, le=1000), Expected("a number from 1 to 1000")] = 5
    takeover_hours: _Hours = 24.0
    home_regions: _Names = Field(default_factory=list)
    neutral_regions: _Names = Field(default_factory=lambda: list(NEUTRAL))
    placeholders: _Names = Field(default_factory=lambda: list(PLACEHOLDERS))
    allowed_relays: Annotated[list[list[str]], AfterValidator(_pairs), Expected(_PAIRS)] = Field(
        default_factory=list
    )
    one_antenna: Annotated[list[list[str]], AfterValidator(_pairs), Expected(_PAIRS)] = Field(
        default_factory=list
    )
    network_products: _Names = Field(default_factory=list)
    own_prefixes: _Names = Field(default_factory=list)


def fingerprint(policy: Policy) -> str:
    """The first 16 digits of the SHA-256 of all limits: equal policies have equal ones."""
    return sha256(policy.model_dump_json().encode()).hexdigest()[:16]
