"""What the recorder tells of itself, as metric families; a daemon that does not record has none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hncors.view.exposition import Family, Kind


class Recorded(NamedTuple):
    """Bytes by station, files by reason, errors by name; times are UTC seconds since 1970, 0 is never."""

    written: Mapping[str, int]
    dropped: Mapping[str, int]
    dropped_news: Mapping[str, int]
    dropped_ticks: int
    errors: Mapping[str, int]
    deleted_files: Mapping[str, int]
    deleted_bytes: Mapping[str, int]
    waiting_bytes: int
    folder_bytes: int
    quota_bytes: int
    last_write_unix_s: float
    overdue_hours: int
    ahead_hours: int
    refused: Mapping[str, int]  # 1 for each station
    failing: bool


def recorded_families(recorded: Recorded) -> Iterator[Family]:
    """The metrics of docs/metrics.md whose names begin with hncors_record_."""
    r = recorded
    single: tuple[tuple[str, str, float], ...] = (
        ("up", "1 while everything that comes is written, else 0", not r.failing),
        ("waiting_bytes", "Memory held by what is not written yet", r.waiting_bytes),
        ("folder_bytes", "Size of all recordings", r.folder_bytes),
        ("quota_bytes", "What all recordings may take", r.quota_bytes),
        ("last_write_timestamp_seconds", "When a write last went well", r.last_write_unix_s),
        ("overdue_hours", "Hours kept though the clock says that they are too old", r.overdue_hours),
        ("ahead_hours", "Hours recorded later than the clock says it is", r.ahead_hours),
    )
    for name, text, value in single:
        yield Family(f"hncors_record_{name}", "gauge", text, (), [()], [float(value)])
    text = "Times of ticks not recorded"
    yield Family("hncors_record_dropped_ticks_total", "counter", text, (), [()], [r.dropped_ticks])
    counted: tuple[tuple[str, str, str, Mapping[str, int]], ...] = (
        ("refused", "station", "1 while the quota has no room for the station", r.refused),
        ("written_bytes_total", "station", "Bytes of streams written", r.written),
        ("dropped_bytes_total", "station", "Bytes of streams not recorded", r.dropped),
        ("dropped_news_total", "station", "News of links not recorded", r.dropped_news),
        ("errors_total", "error", "Writes that failed", r.errors),
        ("deleted_files_total", "reason", "Files deleted", r.deleted_files),
        ("deleted_bytes_total", "reason", "Bytes deleted", r.deleted_bytes),
    )
    for name, label, text, values in counted:
        rows = sorted(item for item in values.items() if item[1])
        labels, numbers = [(key,) for key, _ in rows], [value for _, value in rows]
        kind: Kind = "counter" if name.endswith("_total") else "gauge"
        yield Family(f"hncors_record_{name}", kind, text, (label,), labels, numbers)
