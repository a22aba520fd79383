"""Stations, events and places as tables and GeoJSON, for programs and spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hncors.network import Network
from hncors.registry import Station
from hncors.view.positions import references_m
from hncors.view.sheet import csv_text
from hncors.view.site_map import coarse_deg

STATIONS = (
    *("id", "name", "name_en", "state", "since", "why", "last_epoch", "satellites", "bds3", "latency_s"),
    *("county", "operator"),
)
EVENTS = ("at", "station", "kind", "detail")


def stations_csv(lines: Iterable[Mapping[str, Any]]) -> str:
    """A line each."""
    return csv_text(STATIONS, (tuple(_cell(one.get(name)) for name in STATIONS) for one in lines))


def events_csv(lines: Iterable[Mapping[str, Any]]) -> str:
    """A line each, what an event says as JSON."""
    return csv_text(EVENTS, (tuple(_cell(one[name]) for name in EVENTS) for one in lines))


def geojson(
    network: Network,
    stations: Mapping[str, Station],
    shown: Sequence[int],
    lines: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Stations as points (RFC 7946) to a hundredth of a degree; no geometry where no place is known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        places = coarse_deg(references_m(network)[np.array(shown, np.int64)]).tolist() if len(shown) else []
    features = []
    for (longitude, latitude), line in zip(places, lines, strict=True):
        known = np.isfinite(longitude) and np.isfinite(latitude)
        point = {"type": "Point", "coordinates": [longitude, latitude]} if known else None
        features.append({"type": "Feature", "id": line["id"], "geometry": point, "properties": dict(line)})
    return {"type": "FeatureCollection", "features": features}


def _cell(value: object) -> object:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
