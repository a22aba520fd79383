"""What can go wrong in a simulated province: kinds of faults, what each takes, and when each is on.

data   acts on the bytes a station sends: they are in the recordings, too
link   acts on the connection: `Province.actions` tells a caster, recordings hold what got through
sky    acts on what all stations see
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Parameter(NamedTuple):
    """A number a fault takes."""

    default: float | None  # None: it has to be given
    low: float
    high: float


class Kind(NamedTuple):
    """A kind of fault."""

    acts: str  # "data", "link" or "sky"
    about: str
    parameters: Mapping[str, Parameter] = {}
    needs: str = "stations"  # what it names: "stations", "satellites", "signals", or nothing


def _metres(default: float | None = 0.0, limit: float = 100_000.0) -> Parameter:
    return Parameter(default, -limit, limit)


_OFFSET = {"east_m": _metres(), "north_m": _metres(), "up_m": _metres()}

KINDS: dict[str, Kind] = {
    # What stations send.
    "outage": Kind("link", "the station is gone: the stream ends, and the mountpoint is missing"),
    "drop": Kind("link", "streams are closed as soon as they are opened"),
    "reset": Kind("link", "the same by a TCP reset"),
    "refuse": Kind(
        "link", "connections are answered with an HTTP status", {"status": Parameter(503, 400, 599)}
    ),
    "html": Kind("link", "connections are answered with a web page"),
    "redirect": Kind("link", "connections are sent elsewhere"),
    "half_open": Kind("link", "the connection stays, and nothing answers any more"),
    "garbage": Kind(
        "data", "random bytes instead of frames", {"bytes_per_s": Parameter(1000, 1, 100_000)}
    ),
    "stall": Kind("data", "connected, but nothing comes"),
    "drip": Kind(
        "data", "bytes come too slowly; what waits too long is lost", {"bytes_per_s": Parameter(50, 1, 1e5)}
    ),
    "corruption": Kind("data", "bytes are changed", {"probability": Parameter(0.001, 0, 1)}),
    "missing_constellation": Kind("data", "observations of systems are not sent"),
    "late_data": Kind("data", "everything comes later", {"delay_s": Parameter(None, 0, 3600)}),
    "moved_antenna": Kind("data", "the antenna stands elsewhere; the announced place stays", _OFFSET),
    "wrong_reference_point": Kind("data", "the announced place is wrong; the antenna stands still", _OFFSET),
    "clone": Kind("data", "sends the observations of station `of` as its own"),
    "foreign_air": Kind(
        "data",
        "made elsewhere and carried to the place by geometry alone: the air is that of there",
        {"east_m": _metres(0.0, 1e6), "north_m": _metres(0.0, 1e6), "up_m": _metres(0.0, 5000)},
    ),
    "replay": Kind("data", "sends again what it sent before", {"ago_s": Parameter(None, 1, 3600)}),
    "receiver_restart": Kind("data", "silent, then a new clock and all locks anew"),
    "clock_jump": Kind("data", "the receiver's clock jumps once", {"jump_ms": Parameter(1.0, -50, 50)}),
    "cycle_slips": Kind("data", "phases slip at a rate", {"per_hour": Parameter(60, 0, 36_000)}),
    "jamming": Kind(
        "data", "noise in the bands of `systems`: C/N0 falls, lock is lost", {"loss_db": Parameter(20, 0, 60)}
    ),
    "spoofing": Kind(
        "data",
        "all signals walk off together from the true place and clock; C/N0 rises",
        {
            "east_m_s": _metres(0.0, 100),
            "north_m_s": _metres(0.0, 100),
            "up_m_s": _metres(0.0, 100),
            "clock_m_s": _metres(0.0, 1000),
            "gain_db": Parameter(3, 0, 20),
        },
    ),
    # What all stations see.
    "satellite_clock": Kind(
        "sky",
        "the satellite's clock departs from its message",
        {"step_m": _metres(0.0, 3e6), "drift_m_s": _metres(0.0, 1e4)},
        "satellites",
    ),
    "satellite_ephemeris": Kind(
        "sky",
        "the message places the satellite wrongly along its orbit",
        {"along_m": _metres(None, 1e6)},
        "satellites",
    ),
    "signal_bias": Kind(
        "sky",
        "pseudoranges of `signals` are off: of all satellites and at all stations, or of those named",
        {"step_m": _metres(0.0, 200), "drift_m_s": _metres(0.0, 10)},
        "signals",
    ),
    "satellite_unhealthy": Kind("sky", "the message says unhealthy; the signals stay good", {}, "satellites"),
    "satellite_lost": Kind("sky", "the satellite is silent", {}, "satellites"),
    "ionospheric_storm": Kind(
        "sky",
        "more electrons, a front that wanders north, scintillation",
        {
            "factor": Parameter(3, 0.1, 5),
            "gradient_mm_km": Parameter(0, 0, 500),
            "front_km": Parameter(100, 1, 1000),
            "front_m_s": Parameter(100, 0, 2000),
            "s4": Parameter(0.4, 0, 1.2),
        },
        "",
    ),
    # What is there all the time.
    "unfiled": Kind("data", "a station that nobody filed: `filed = false`"),
}  # fmt: skip

WRITABLE = tuple(name for name in KINDS if name != "unfiled")
"""Kinds that a scenario lists; a station says by itself that it is not filed."""

# What the caster of hncors.daemon.link_faults is asked to do for a link fault of another name.
LINK_KINDS = {"outage": "table"}

PARAMETERS = sorted({name for kind in KINDS.values() for name in kind.parameters})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a run; times are GPS milliseconds, it is on from begin to before end."""

    label: str  # its own in the run
    kind: str
    begin_ms: int
    end_ms: int
    stations: tuple[str, ...] = ()  # ids
    satellites: tuple[str, ...] = ()  # RINEX names
    systems: str = ""
    signals: tuple[str, ...] = ()  # system and RINEX code, such as "C6I"
    of: str = ""  # the id of another station
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def acts(self) -> str:
        """On what: "data", "link" or "sky"."""
        return KINDS[self.kind].acts

    def on(self, time_ms: int) -> bool:
        """Whether it acts at a time."""
        return self.begin_ms <= time_ms < self.end_ms

    def __getitem__(self, name: str) -> float:
        return self.parameters[name]
