"""Labelled trials of the rules of evidence: for each rule what it has to find, and what it must not.

A trial of a rule's risks has everything that could be taken for it, and nothing is wrong.  Places are of
towns of Hunan, stations are invented.  docs/detection.md is made of what comes of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from detection_case import Case
from detection_content import air, antennas, clocks, copies, equipment, forged, impossible, replays
from detection_places import broadcast, computed, declared, filed, filing, mistold
from detection_sources import elsewhere, heard, taken_over


def cases() -> Iterator[Case]:
    """All trials."""
    for part in (
        declared,
        mistold,
        broadcast,
        filed,
        equipment,
        copies,
        antennas,
        clocks,
        computed,
        filing,
        replays,
        impossible,
        air,
        forged,
        taken_over,
        elsewhere,
        heard,
    ):
        yield from part()
