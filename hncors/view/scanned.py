"""How the looks at sourcetables go, as metric families; without scheduled scans there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hncors.view.exposition import Family


class Caster(NamedTuple):
    """What came of the looks at one caster's table; counts by name."""

    looks: Mapping[str, int]  # "read", or the state of a link that failed
    changes: Mapping[str, int]
    rows: int = 0  # mountpoints
    missing: int = 0  # filed ones that are not in it
    leads: int = 0
    read_unix_s: float = 0.0


Scans = Mapping[str, Caster]  # by host:port, as configured


def scanned_families(scans: Scans) -> Iterator[Family]:
    """The metrics of docs/metrics.md that scheduled scans fill."""
    order = sorted(scans.items())
    for name, text, label, of in (
        ("scans_total", "Looks at sourcetables", "result", "looks"),
        ("sourcetable_changes_total", "Mountpoints that differ from the look before", "kind", "changes"),
    ):
        rows = [(caster, key, n) for caster, its in order for key, n in sorted(getattr(its, of).items())]
        labels = [(caster, key) for caster, key, _ in rows]
        yield Family(
            f"hncors_{name}", "counter", text, ("caster", label), labels, [float(n) for *_, n in rows]
        )
    for name, text, of in (
        ("sourcetable_mountpoints", "Mountpoints in the table read last", "rows"),
        ("sourcetable_missing_stations", "Filed stations whose mountpoint is not in it", "missing"),
        ("sourcetable_leads", "What rules see in its rows", "leads"),
        ("sourcetable_read_timestamp_seconds", "When it was read", "read_unix_s"),
    ):
        known = [(caster, its) for caster, its in order if its.read_unix_s]
        values = [float(getattr(its, of)) for _, its in known]
        yield Family(f"hncors_{name}", "gauge", text, ("caster",), [(caster,) for caster, _ in known], values)
