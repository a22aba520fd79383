"""Small recordings for benchmarks and tests: invented stations under a sky of circular orbits, as RTCM 3.

The sky is the nominal one of each system (planes, inclination, period), so that ranges, Doppler, elevations
and signal strengths are of the right size; it is not that of any day. Noise is repeatable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hncors.gpstime import DAY_MS, WEEK_MS, leap_seconds, to_unix_ns
from hncors.observation import CHANNEL_UNKNOWN, F64, I64, Observations
from hncors.rtcm3 import encode_msm, encode_station
from hncors.rtcm3.encode import Header, frame
from hncors.rtcm3.station import Equipment, ReferencePoint, SystemParameters
from hncors.signals import BDS3_FIRST_SATELLITE, C_M_S, FREQUENCY_HZ, GNSS, NUMBER

GM_M3_S2 = 3.986004418e14  # WGS 84
EARTH_RAD_S = 7.2921151467e-5
SEMI_MAJOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563
MASK_RAD = np.radians(10)
TAIL_S = 2  # seconds behind the end that are reckoned, too


class City(NamedTuple):
    """Where an invented station stands."""

    id: str
    name: str
    name_en: str
    latitude_deg: float
    longitude_deg: float
    height_m: float


CITIES = (
    City("CSHA", "长沙（虚构）", "Changsha (invented)", 28.20, 112.95, 75),
    City("ZHZH", "株洲（虚构）", "Zhuzhou (invented)", 27.83, 113.15, 62),
    City("XTAN", "湘潭（虚构）", "Xiangtan (invented)", 27.83, 112.92, 58),
    City("HYNG", "衡阳（虚构）", "Hengyang (invented)", 26.90, 112.60, 82),
    City("SHYG", "邵阳（虚构）", "Shaoyang (invented)", 27.24, 111.47, 255),
    City("YYNG", "岳阳（虚构）", "Yueyang (invented)", 29.37, 113.10, 50),
    City("CHDE", "常德（虚构）", "Changde (invented)", 29.03, 111.69, 40),
    City("ZJJE", "张家界（虚构）", "Zhangjiajie (invented)", 29.12, 110.48, 190),
    City("YIYG", "益阳（虚构）", "Yiyang (invented)", 28.57, 112.35, 45),
    City("CHZH", "郴州（虚构）", "Chenzhou (invented)", 25.78, 113.02, 185),
    City("YZHO", "永州（虚构）", "Yongzhou (invented)", 26.42, 111.61, 120),
    City("HHUA", "怀化（虚构）", "Huaihua (invented)", 27.56, 110.00, 270),
)
WITHOUT_BDS3 = {"CHZH"}  # an old receiver, so that the metrics have something to show
SILENT = {"HHUA": (20, 30)}  # seconds in which nothing was sent


class Walker(NamedTuple):
    """Satellites in evenly spaced circular orbits (a Walker constellation)."""

    system: str
    first: int  # RINEX number
    planes: int
    per_plane: int
    phasing: int
    radius_m: float
    inclination_deg: float
    node_deg: float  # of the first plane, longitude at time 0
    signals: str


# Radii and inclinations: the systems' interface documents, nominal constellations.
SKY = (
    Walker("G", 1, 6, 5, 2, 26.56e6, 55.0, 10, "1C 2W 5X"),
    Walker("R", 1, 3, 8, 1, 25.51e6, 64.8, 40, "1C 2C"),
    Walker("E", 1, 3, 8, 1, 29.60e6, 56.0, 80, "1X 5X 7X"),
    Walker("J", 1, 3, 1, 1, 42.16e6, 41.0, 135, "1C 2X 5X"),
    Walker("C", 6, 3, 1, 1, 42.16e6, 55.0, 118, "2I 6I 7I"),
    Walker("C", 19, 3, 8, 1, 27.91e6, 55.0, 20, "2I 6I 1P 5P 7D"),
)


def recording(city: City, station_id: int, start_ms: int, seconds: int) -> Iterator[bytes]:
    """The station's bytes, an epoch at a time, one a second from a GPS time on."""
    chance = np.random.default_rng([2026, station_id])
    x_m = place(city)
    systems = list(_systems(city, x_m, start_ms, seconds + TAIL_S, chance))
    x, y, z = x_m.tolist()
    point = ReferencePoint(station_id, x, y, z, antenna_height_m=0.0, itrf_year=14)
    antenna = Equipment(station_id, "HNCDEMO         NONE", 0, "0", "HNCORS DEMO", "0.1", str(station_id))
    silent = range(*SILENT.get(city.id, (0, 0)))
    for second in range(seconds):
        time_ms = start_ms + 1000 * second
        said = []
        if second % 10 == station_id % 10 or not second:
            said = [encode_station.encode(one) for one in (point, antenna, _parameters(station_id, time_ms))]
        for last, system in zip([False] * (len(systems) - 1) + [True], systems, strict=True):
            said += system.payloads(station_id, time_ms, second, last=last)
        yield b"" if second in silent else b"".join(map(frame, said))


def place(city: City) -> F64:
    """Earth-centred coordinates, metres, shape (3,)."""
    latitude, longitude = np.radians([city.latitude_deg, city.longitude_deg])
    squared = FLATTENING * (2 - FLATTENING)
    normal_m = SEMI_MAJOR_M / np.sqrt(1 - squared * np.sin(latitude) ** 2)
    level_m = (normal_m + city.height_m) * np.cos(latitude)
    up_m = (normal_m * (1 - squared) + city.height_m) * np.sin(latitude)
    out: F64 = np.array([level_m * np.cos(longitude), level_m * np.sin(longitude), up_m])
    return out


class _System(NamedTuple):
    """What a station sees of one system: rows are satellites times signals, columns of F64 are seconds."""

    gnss: int
    rows: Observations  # one epoch's; what changes is replaced
    range_m: F64  # shape (seconds, rows)
    phase_m: F64
    rate_m_s: F64
    parts: list[I64]  # rows of each message

    def payloads(self, station_id: int, time_ms: int, second: int, *, last: bool) -> Iterator[bytes]:
        number = 1077 + 10 * self.gnss
        named = self.rows.named() | {
            "pseudorange_m": self.range_m[second],
            "phase_range_m": self.phase_m[second],
            "range_rate_m_s": self.rate_m_s[second],
            "lock_ms": self.rows.lock_ms + 1000 * second,
        }
        whole = Observations(**named)
        for part in self.parts:
            more = not last or part is not self.parts[-1]
            header = Header(station_id, _epoch_raw(GNSS[self.gnss], time_ms), more=more)
            yield encode_msm.encode(number, header, whole.select(part))


def _systems(
    city: City, x_m: F64, start_ms: int, seconds: int, chance: np.random.Generator
) -> Iterator[_System]:
    clock_m = chance.uniform(-3e4, 3e4)
    time_s = start_ms % DAY_MS / 1000 + np.arange(-1.0, seconds)
    up = x_m / np.linalg.norm(x_m)
    for letter in "GREJC":
        gnss, seen = GNSS.index(letter), list[tuple[int, int, F64, float]]()
        for walker in SKY:
            if walker.system != letter:
                continue
            if walker.first >= BDS3_FIRST_SATELLITE and letter == "C" and city.id in WITHOUT_BDS3:
                continue
            position_m = _orbits(walker, time_s)  # (satellites, seconds, 3)
            line_m = position_m - x_m
            range_m = np.linalg.norm(line_m, axis=2)
            sine = (line_m[:, 1] @ up) / range_m[:, 1]
            seen += [
                (walker.first + row, NUMBER[gnss][code], range_m[row], sine[row])
                for row in np.flatnonzero(sine > np.sin(MASK_RAD)).tolist()
                for code in walker.signals.split()
            ]
        if seen:
            yield _seen(gnss, seen, clock_m, chance)


def _seen(
    gnss: int, seen: list[tuple[int, int, F64, float]], clock_m: float, chance: np.random.Generator
) -> _System:
    satellite = np.array([one[0] for one in seen], np.uint8)
    signal = np.array([one[1] for one in seen], np.uint8)
    range_m = np.array([one[2] for one in seen]).T + clock_m
    sine = np.array([one[3] for one in seen])
    count = len(seen)
    glonass = GNSS[gnss] == "R"
    channel = (satellite.astype(np.int64) % 14 - 7 if glonass else np.full(count, CHANNEL_UNKNOWN)).astype(
        np.int8
    )
    wavelength_m = C_M_S / FREQUENCY_HZ[gnss, signal]
    bias_m = chance.normal(0, 3, count)
    cycles = chance.integers(-200, 200, count) * wavelength_m
    noise_m = chance.normal(0, 0.3, (len(range_m) - 1, count)) / (0.3 + sine)
    rows = Observations(
        message=np.zeros(count, np.int64),
        gnss=np.full(count, gnss, np.uint8),
        satellite=satellite,
        signal=signal,
        pseudorange_m=np.empty(count),
        phase_range_m=np.empty(count),
        range_rate_m_s=np.empty(count),
        lock_ms=chance.uniform(6e4, 6e5, count),
        half_cycle=np.zeros(count, bool),
        cn0_dbhz=np.round(32 + 18 * sine + chance.normal(0, 1, count), 1),
        channel=channel,
    )
    return _System(
        gnss,
        rows,
        range_m[1:] + bias_m + noise_m,
        range_m[1:] + cycles,
        np.diff(range_m, axis=0),
        encode_msm.split_satellites(satellite, signal),
    )


def _orbits(walker: Walker, time_s: F64) -> F64:
    """Positions that turn with the earth, metres, shape (satellites, times, 3)."""
    plane, place = np.divmod(np.arange(walker.planes * walker.per_plane), walker.per_plane)
    total = walker.planes * walker.per_plane
    node = np.radians(walker.node_deg + 360 * plane / walker.planes)[:, None] - EARTH_RAD_S * time_s
    along = 2 * np.pi * (place / walker.per_plane + walker.phasing * plane / total)[:, None]
    along = along + np.sqrt(GM_M3_S2 / walker.radius_m**3) * time_s
    inclination = np.radians(walker.inclination_deg)
    x, y = np.cos(along), np.sin(along) * np.cos(inclination)
    return walker.radius_m * np.stack(
        [
            x * np.cos(node) - y * np.sin(node),
            x * np.sin(node) + y * np.cos(node),
            np.sin(along) * np.sin(inclination),
        ],
        axis=2,
    )


def _parameters(station_id: int, time_ms: int) -> SystemParameters:
    day, second = divmod(to_unix_ns(time_ms) // 1_000_000_000, 86_400)
    return SystemParameters(station_id, 40_587 + day, second, leap_seconds(time_ms))


def _epoch_raw(letter: str, time_ms: int) -> int:
    """DF004, DF248, DF427, DF428, and DF416 with DF034."""
    if letter == "C":
        return (time_ms - 14_000) % WEEK_MS
    if letter != "R":
        return time_ms % WEEK_MS
    day, of_day_ms = divmod((time_ms - 1000 * leap_seconds(time_ms) + 3 * 3_600_000) % WEEK_MS, DAY_MS)
    return day << 27 | of_day_ms
