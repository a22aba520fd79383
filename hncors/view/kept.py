"""What the ledger tells of itself and of its cases, as metric families; without a ledger there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hncors.view.exposition import Family, Kind


class Kept(NamedTuple):
    """Counts by name; times are UTC seconds since 1970, 0 is never."""

    cases: Mapping[str, int] = {}  # by state
    overdue: Mapping[str, int] = {}  # by deadline
    oldest_open_s: float = 0.0  # age
    findings: Mapping[tuple[str, str], int] = {}  # by rule and strength
    standings: Mapping[str, int] = {}  # stations by status
    waiting: int = 0
    dropped: int = 0
    refused: int = 0
    errors: Mapping[str, int] = {}
    damaged: int = 0
    outbox: int = 0
    size_bytes: int = 0
    failing: bool = False
    why: str = ""  # it fails: SQLite's name of the error
    last_write_unix_s: float = 0.0
    read: bool = False  # whether what is in the ledger could be looked at


def kept_families(kept: Kept) -> Iterator[Family]:
    """The metrics of docs/metrics.md that a ledger fills; of what is in it only once it could be read."""
    k = kept
    single: tuple[tuple[str, Kind, str, float], ...] = (
        ("ledger_up", "gauge", "1 while the ledger can be written, else 0", not k.failing),
        ("ledger_waiting", "gauge", "Entries that wait to be written", k.waiting),
        ("ledger_dropped_total", "counter", "Entries not written: too many waited", k.dropped),
        ("ledger_refused_total", "counter", "Entries that could not be written as they were", k.refused),
        ("ledger_damaged_total", "counter", "Times a damaged ledger was moved aside", k.damaged),
        ("ledger_bytes", "gauge", "Size of the ledger with its log", k.size_bytes),
        ("ledger_last_write_timestamp_seconds", "gauge", "When it was last written", k.last_write_unix_s),
    )
    for name, kind, text, value in single:
        yield Family(f"hncors_{name}", kind, text, (), [()], [float(value)])
    yield _by("hncors_ledger_errors_total", "counter", "Writes that failed", ("error",), k.errors)
    empty: Mapping[str, int] = {}
    yield _by("hncors_cases", "gauge", "Cases", ("state",), k.cases if k.read else empty)
    text = "Open cases past a deadline"
    yield _by("hncors_cases_overdue", "gauge", text, ("deadline",), k.overdue if k.read else empty)
    text = "Stations by how they stand with the register"
    yield _by("hncors_registry_stations", "gauge", text, ("status",), k.standings if k.read else empty)
    text = "Findings in the ledger"
    yield _by("hncors_ledger_findings", "gauge", text, ("rule", "strength"), k.findings)
    for name, text, value in (
        ("case_oldest_open_seconds", "Age of the oldest open case, 0 for none", k.oldest_open_s),
        ("ledger_outbox_messages", "Messages that wait to be sent", k.outbox),
    ):
        rows = [value] if k.read else []
        yield Family(f"hncors_{name}", "gauge", text, (), [()] * len(rows), rows)


def _by(
    name: str,
    kind: Kind,
    text: str,
    labels: tuple[str, ...],
    counts: Mapping[str, int] | Mapping[tuple[str, str], int],
) -> Family:
    rows = sorted((key if isinstance(key, tuple) else (key,), value) for key, value in counts.items())
    return Family(name, kind, text, labels, [key for key, _ in rows], [float(value) for _, value in rows])
