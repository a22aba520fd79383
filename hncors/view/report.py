"""The quality report of each station of a replay, as plain data: for summary.json, tables and pages.

Offsets are those of epochs.csv (hncors.view.positions). What could not be computed is listed with its reason;
nothing is left out in silence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hncors.measure.exclusion import NOT_POSSIBLE, STATES
from hncors.measure.independence import at_most, correlation_epochs
from hncors.network import Network
from hncors.observation import F64
from hncors.positioning import SOLVED, STATUSES, UNUSABLE
from hncors.signals import GNSS
from hncors.view import stanford_plot
from hncors.view.history import History, Record

COMPONENTS = ("horizontal", "vertical")


def quality(history: History, row: int, *, undated: bool = False) -> dict[str, Any]:
    """The part of a station's summary that its epochs give; see docs/commands.md for what is in it."""
    network, record = history.network, history.of(row)
    solved = ~np.isnan(record.offset_m[:, 0])
    error = errors_m(record)
    limit = alert_limits_m(network, row)
    found: dict[str, Any] = {
        "reference": reference(network, row),
        "solved": int((record.status == SOLVED).sum()),
        "offset_m": {
            name: spread(record.offset_m[solved, n]) for n, name in enumerate(("east", "north", "up"))
        }
        if solved.any()
        else None,
        "error_m": {name: size(error[:, n]) for n, name in enumerate(COMPONENTS)},
        "protection_level_m": {name: size(record.level_m[:, n]) for n, name in enumerate(COMPONENTS)},
        "tier": network.tiers.names[row],
        "alert_limit_m": dict(zip(COMPONENTS, limit.tolist(), strict=True)),
        "integrity": {
            STATES[n]: count for n, count in enumerate(np.bincount(record.trust).tolist()) if count
        },
        "stanford": {
            name: stanford_plot.counts(error[:, n], record.level_m[:, n], float(limit[n]))
            for n, name in enumerate(COMPONENTS)
        },
        "misleading": _misleading(record, error),
    }
    found["not_computed"] = not_computed(network, row, record, found["reference"], undated=undated)
    return found


def alert_limits_m(network: Network, row: int) -> F64:
    """Horizontal and vertical alert limit of a station."""
    out: F64 = network.tiers.limit_m[row]
    return out


def reference(network: Network, row: int) -> str | None:
    """What a station's offsets are from."""
    stream = network.streams[row]
    if not np.isnan(network.registered.at(np.array([stream.epoch_ms]), np.array([row]))).any():
        return "registered"
    return "stream" if stream.arp_m is not None else None


def errors_m(record: Record) -> F64:
    """Horizontal and vertical error of each epoch, (epochs, 2)."""
    east, north, up = record.offset_m.T
    return np.stack((np.hypot(east, north), np.abs(up)), axis=1)


def spread(values: F64) -> dict[str, float] | None:
    """Mean and root mean square."""
    if not len(values):
        return None
    return {
        "mean": round(float(values.mean()), 3),
        "rms": round(float(np.sqrt(np.square(values).mean())), 3),
    }


def size(values: F64) -> dict[str, float] | None:
    """Median, 95 % and largest of what is known and finite."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    middle, most = np.percentile(known, (50, 95)).tolist()
    return {
        "median": round(middle, 3),
        "p95": round(most, 3),
        "max": round(float(known.max()), 3),
        "rms": round(float(np.sqrt(np.square(known).mean())), 3),
    }


def _misleading(record: Record, error_m: F64) -> dict[str, Any] | None:
    """Epochs off by more than their level, and what their number can show; None where none was judged."""
    judged = ~np.isnan(error_m[:, 0])
    epochs = int(judged.sum())
    if not epochs:
        return None
    above = int((judged & (error_m > record.level_m).any(axis=1)).sum())
    lengths = [correlation_epochs(record.time_ms, record.offset_m[:, n]) for n in range(3)]
    longest = float(np.nanmax([*lengths, 1.0]))
    independent = epochs / longest
    apart = np.diff(record.time_ms[judged])
    usual_s = float(np.median(apart)) / 1000 if len(apart) else 0.0
    return {
        "epochs": above,
        "judged": epochs,
        "correlation_s": round(longest * usual_s, 1),
        "independent": round(independent, 1),
        "share_at_most": float(f"{at_most(above, epochs, independent):.3g}"),
    }


def not_computed(
    network: Network, row: int, record: Record, told: str | None, *, undated: bool
) -> list[dict[str, str]]:
    """What is missing from a report, and why: names for `hncors.view.words.MISSING`."""
    quality, stream = network.quality, network.streams[row]
    missing: list[tuple[str, str]] = []
    if undated:
        missing.append(("date", "no_week"))
    if not stream.timed:
        missing.append(("latency", "no_arrival_times"))
    if not len(record.time_ms):
        missing.append(("everything", "no_epochs"))
    else:
        failed = record.status[record.status != SOLVED]
        if len(failed):
            most = int(np.bincount(failed).argmax())
            part = "positions" if len(failed) == len(record.status) else "some_positions"
            missing.append((part, STATUSES[most]))
        if told is None:
            missing.append(("offsets", "no_reference"))
        if len(failed) < len(record.status) and not np.isfinite(record.level_m).all(axis=1).any():
            few = (record.trust == NOT_POSSIBLE).any()
            missing.append(("levels", "no_redundancy" if few else "unbounded"))
        if np.isnan(quality.multipath_rms_m()[0][row]).all():
            missing.append(("multipath", "arcs_too_short"))
        if np.isnan(quality.roti_tecu_min()[0][row]):
            missing.append(("roti", "less_than_five_minutes"))
    found = [{"what": what, "why": why} for what, why in missing]
    unusable = network.positioning.unusable[row]
    return found + [
        {"what": f"satellites_{GNSS[gnss]}", "why": UNUSABLE[reason], "count": str(unusable[gnss, reason])}
        for gnss, reason in np.argwhere(unusable > 0).tolist()
    ]
