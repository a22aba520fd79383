"""What the daemon knows of itself, as metric families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.network_overload import MEASURES, Overload
from hncors.view.exposition import Family, Kind
from hncors.view.kept import Kept, kept_families
from hncors.view.published import Published, published_families
from hncors.view.pushed import Pushed, pushed_families
from hncors.view.recorded import Recorded, recorded_families
from hncors.view.scanned import Scans, scanned_families
from hncors.view.web_metrics import Served, served_families

TICK_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LAG_BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Process(NamedTuple):
    """What the daemon knows of itself; a replay has none. Times are UTC seconds since 1970; 0 is never."""

    tick_counts: NDArray[np.int64]  # cumulative, by TICK_BOUNDS_S and +Inf
    tick_sum_s: float
    loop_lag_s: float
    last_beat_unix_s: float
    lag_counts: NDArray[np.int64] | Sequence[int] = (0,) * (len(LAG_BOUNDS_S) + 1)  # cumulative
    lag_sum_s: float = 0.0
    lag_max_s: float = 0.0  # of the last minutes
    tick_faults: int = 0
    suspended_s: float = 0.0
    clock_steps: int = 0
    host_clock_offset_s: float = 0.0
    reload_successful: bool = True
    reload_unix_s: float = 0.0  # when the configuration in use was read
    restart_needed: bool = False
    link_faults: Mapping[str, int] = {}  # by station
    certificates_expire_unix_s: Mapping[str, float] = {}  # by station
    insecure: Sequence[str] = ()  # stations
    recorded: Recorded | None = None  # of the recorder, where there is one
    kept: Kept | None = None  # of the ledger, where there is one
    scans: Scans | None = None  # of sourcetables, where they are read now and then
    pushed: Pushed | None = None  # of stations that push, where they may
    published: Published | None = None  # of the MQTT broker, where there is one
    overload_lag_s: float = 0.0  # how much longer than the time between ticks the last one took
    overload: Overload = Overload()
    accept_failures: int = 0
    log_left_out: int = 0  # lines
    served: Served = Served()


def process_families(process: Process) -> Iterator[Family]:
    """The metrics of docs/metrics.md that only a daemon has."""
    p = process
    yield _histogram("hncors_tick_seconds", "Time a tick took", TICK_BOUNDS_S, p.tick_counts, p.tick_sum_s)
    text = "How late ticks began"
    yield _histogram("hncors_tick_lag_seconds", text, LAG_BOUNDS_S, p.lag_counts, p.lag_sum_s)
    single: tuple[tuple[str, Kind, str, float], ...] = (
        ("loop_lag_seconds", "gauge", "How late the last tick began", p.loop_lag_s),
        ("loop_lag_max_seconds", "gauge", "How late a tick of the last five minutes began", p.lag_max_s),
        ("tick_faults_total", "counter", "Ticks that a fault of the monitor ended", p.tick_faults),
        ("watchdog_last_beat_timestamp_seconds", "gauge", "When the last tick ended", p.last_beat_unix_s),
        ("monitor_suspended_seconds_total", "counter", "Time the machine slept", p.suspended_s),
        ("host_clock_steps_total", "counter", "Steps of the host's clock", p.clock_steps),
        (
            "host_clock_offset_seconds",
            "gauge",
            "Host's clock less the time in use; not 0 where the data say that the host is wrong",
            p.host_clock_offset_s,
        ),
        ("overloaded", "gauge", "1 if a tick of the last minute left something out", p.overload.lasts),
        ("overload_lag_seconds", "gauge", "Time the last tick took beyond its turn", p.overload_lag_s),
        (
            "overload_left_out_epochs_total",
            "counter",
            "Epochs whose positions and quality were left out for want of time",
            p.overload.epochs,
        ),
        (
            "overload_given_up_frames_total",
            "counter",
            "Frames that had waited too long and were not decoded",
            p.overload.frames,
        ),
        (
            "config_last_reload_successful",
            "gauge",
            "1 if the configuration last read could be used, else 0",
            p.reload_successful,
        ),
        (
            "config_last_reload_success_timestamp_seconds",
            "gauge",
            "When the configuration in use was read",
            p.reload_unix_s,
        ),
        (
            "config_restart_needed",
            "gauge",
            "1 if the file says what only a restart will apply",
            p.restart_needed,
        ),
        (
            "accept_failures_total",
            "counter",
            "Times that connections had to wait because no file handle was left",
            p.accept_failures,
        ),
        (
            "log_left_out_lines_total",
            "counter",
            "Lines of the log left out, too many of one kind having come",
            p.log_left_out,
        ),
    )
    for name, kind, text, value in single:
        yield Family(f"hncors_{name}", kind, text, (), [()], [float(value)])
    yield Family(
        "hncors_overload_ticks_total",
        "counter",
        "Ticks that left something out for want of time",
        ("left_out",),
        [("measures",), ("frames",)],
        [float(number) for number in p.overload.ticks[MEASURES:]],
    )
    expire = sorted(p.certificates_expire_unix_s.items())
    yield Family(
        "hncors_tls_certificate_expires_timestamp_seconds",
        "gauge",
        "Until when the certificate that the caster last showed is valid",
        ("station",),
        [(station,) for station, _ in expire],
        [until_s for _, until_s in expire],
    )
    yield Family(
        "hncors_stream_insecure_transport",
        "gauge",
        "1 where credentials are sent in the clear, or to a caster whose certificate is not verified",
        ("station",),
        [(station,) for station in sorted(p.insecure)],
        [1.0] * len(p.insecure),
    )
    faults = sorted((station, number) for station, number in p.link_faults.items() if number)
    yield Family(
        "hncors_link_faults_total",
        "counter",
        "Faults of the monitor in a station's link",
        ("station",),
        [(station,) for station, _ in faults],
        [number for _, number in faults],
    )
    if p.recorded is not None:
        yield from recorded_families(p.recorded)
    if p.kept is not None:
        yield from kept_families(p.kept)
    if p.scans is not None:
        yield from scanned_families(p.scans)
    if p.pushed is not None:
        yield from pushed_families(p.pushed)
    if p.published is not None:
        yield from published_families(p.published)
    yield from served_families(p.served)


def _histogram(
    name: str, text: str, bounds: tuple[float, ...], counts: NDArray[np.int64] | Sequence[int], sum_s: float
) -> Family:
    return Family(name, "histogram", text, (), [()], [sum_s], bounds, [list(counts)])
