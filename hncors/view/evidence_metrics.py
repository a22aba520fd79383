"""What the rules of evidence found, as metric families."""

from __future__ import annotations

from collections.abc import Iterator

from hncors.supervise.judge import Judge
from hncors.view.exposition import Family


def evidence_families(judge: Judge) -> Iterator[Family]:
    """Findings since the start: which stream they are about is in the events, not here."""
    rows = sorted(judge.counts.items())
    text = "What rules of evidence found, by rule and strength (docs/evidence.md)"
    labels, values = [key for key, _ in rows], [value for _, value in rows]
    yield Family("hncors_evidence_findings_total", "counter", text, ("rule", "strength"), labels, values)
    text = "Always 1; the fingerprint of the limits that streams are judged by"
    yield Family("hncors_evidence_policy_info", "gauge", text, ("fingerprint",), [(judge.fingerprint,)], [1])
