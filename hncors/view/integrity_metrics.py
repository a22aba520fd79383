"""How far positions are to be trusted, as metric families."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hncors.measure.exclusion import OK, STATES
from hncors.network import Network
from hncors.observation import B
from hncors.positioning import SOLVED
from hncors.view.exposition import Family

SHOWN = (*STATES, "unavailable")
_UNAVAILABLE = len(STATES)
_COMPONENTS = ("horizontal", "vertical")


def integrity_families(network: Network) -> Iterator[Family]:
    """Gauges of the newest epoch, while it is streaming; counters of all there were."""
    its, counts = network.positioning, network.misleading
    ids = [stream.id for stream in network.streams]
    now = np.array([stream.state == "streaming" for stream in network.streams], bool) & (its.status >= 0)
    bounded = now & (its.status == SOLVED) & np.isfinite(its.level_m).all(axis=1)
    rows = np.flatnonzero(bounded)
    labels = [(ids[r], component) for r in rows.tolist() for component in _COMPONENTS]
    text = "What the error of the newest epoch's position stays below, by its own observations"
    levels = np.round(its.level_m[rows].ravel(), 2)
    yield Family("hncors_protection_level_meters", "gauge", text, ("station", "component"), labels, levels)
    yield _limits(network)
    state = np.where((its.trust == OK) & ~_useful(bounded, network), _UNAVAILABLE, its.trust)
    some = np.flatnonzero(now)
    shown = [(ids[r], name) for r in some.tolist() for name in SHOWN]
    values = (state[some, None] == np.arange(len(SHOWN))).astype(np.int64).ravel()
    text = "1 for what the tests of the newest epoch say"
    yield Family("hncors_integrity_state", "gauge", text, ("station", "state"), shown, values)
    rows, states = np.nonzero(counts.states)
    labels = [(ids[r], STATES[n]) for r, n in zip(rows.tolist(), states.tolist(), strict=True)]
    text = "Complete epochs by what their tests said"
    of = counts.states[rows, states]
    yield Family("hncors_integrity_epochs_total", "counter", text, ("station", "state"), labels, of)
    known = np.flatnonzero(counts.judged)
    names = [(ids[r],) for r in known.tolist()]
    text = "Epochs whose position could be held against a registered place"
    yield Family(
        "hncors_integrity_judged_epochs_total", "counter", text, ("station",), names, counts.judged[known]
    )
    yield _independent(network)
    text = "Of those, epochs off by more than their protection level and without an alert"
    yield Family(
        "hncors_integrity_misleading_epochs_total", "counter", text, ("station",), names, counts.epochs[known]
    )


def _independent(network: Network) -> Family:
    samples = network.misleading.hours.independent()
    known = np.flatnonzero(~np.isnan(samples))
    names = [(network.streams[r].id,) for r in known.tolist()]
    text = "How many independent samples the judged epochs of whole hours are worth"
    values = np.round(samples[known], 1)
    return Family("hncors_integrity_independent_epochs", "gauge", text, ("station",), names, values)


def _limits(network: Network) -> Family:
    streams, tiers = network.streams, network.tiers
    labels = [
        (stream.id, tier, component)
        for stream, tier in zip(streams, tiers.names, strict=True)
        for component in _COMPONENTS
    ]
    text = "Alert limits of the station's tier: with a protection level above them it is unavailable"
    names = ("station", "tier", "component")
    return Family("hncors_integrity_alert_limit_meters", "gauge", text, names, labels, tiers.limit_m.ravel())


def _useful(bounded: B, network: Network) -> B:
    useful: B = bounded & (network.positioning.level_m <= network.tiers.limit_m).all(axis=1)
    return useful
