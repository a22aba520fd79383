"""How far positions are to be trusted, as metric families."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hncors.measure.exclusion import OK, STATES
from hncors.network import Network
from hncors.observation import B
from hncors.positioning import SOLVED
from hncors.view.exposition import Family
from hncors.view.labels import each_with, labels_of, places, singly

SHOWN = (*STATES, "unavailable")
_UNAVAILABLE = len(STATES)
_SHOWN, _COMPONENTS = singly(SHOWN), singly(("horizontal", "vertical"))


def integrity_families(network: Network) -> Iterator[Family]:
    """Gauges of the newest epoch, while it is streaming; counters of all there were."""
    its, counts = network.positioning, network.misleading
    ids = [stream.id for stream in network.streams]
    now = network.tables.streams.streaming & (its.status >= 0)
    bounded = now & (its.status == SOLVED) & np.isfinite(its.level_m).all(axis=1)
    rows = np.flatnonzero(bounded)
    name = "hncors_protection_level_meters"
    labels = labels_of(name, ids, *each_with(rows, _COMPONENTS), _COMPONENTS)
    text = "What the error of the newest epoch's position stays below, by its own observations"
    levels = np.round(its.level_m[rows].ravel(), 2)
    yield Family(name, "gauge", text, ("station", "component"), labels, levels)
    yield _limits(network)
    state = np.where((its.trust == OK) & ~_useful(bounded, network), _UNAVAILABLE, its.trust)
    some = np.flatnonzero(now)
    name = "hncors_integrity_state"
    shown = labels_of(name, ids, *each_with(some, _SHOWN), _SHOWN)
    values = (state[some, None] == np.arange(len(SHOWN))).astype(np.int64).ravel()
    text = "1 for what the tests of the newest epoch say"
    yield Family(name, "gauge", text, ("station", "state"), shown, values)
    rows, states = places(counts.states > 0)
    name = "hncors_integrity_epochs_total"
    labels = labels_of(name, ids, rows, states, _SHOWN)
    text = "Complete epochs by what their tests said"
    of = counts.states[rows, states]
    yield Family(name, "counter", text, ("station", "state"), labels, of)
    known = np.flatnonzero(counts.judged)
    names = labels_of("hncors_integrity_judged_epochs_total", ids, known)
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
    name = "hncors_integrity_independent_epochs"
    names = labels_of(name, [stream.id for stream in network.streams], known)
    text = "How many independent samples the judged epochs of whole hours are worth"
    values = np.round(samples[known], 1)
    return Family(name, "gauge", text, ("station",), names, values)


def _limits(network: Network) -> Family:
    tiers = network.tiers
    known = sorted(set(tiers.names))
    number = np.array([known.index(tier) for tier in tiers.names], np.int64)
    words = [(tier, *component) for tier in known for component in _COMPONENTS]
    rows, components = each_with(np.arange(len(number)), _COMPONENTS)
    name = "hncors_integrity_alert_limit_meters"
    ids = [stream.id for stream in network.streams]
    labels = labels_of(name, ids, rows, number[rows] * len(_COMPONENTS) + components, words)
    text = "Alert limits of the station's tier: with a protection level above them it is unavailable"
    names = ("station", "tier", "component")
    return Family(name, "gauge", text, names, labels, tiers.limit_m.ravel())


def _useful(bounded: B, network: Network) -> B:
    useful: B = bounded & (network.positioning.level_m <= network.tiers.limit_m).all(axis=1)
    return useful
