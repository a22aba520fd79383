"""The network's state as metric families: a view, made anew at each scrape, without a state of its own.

Names, labels and meaning are in docs/metrics.md, which a test holds to this module. What is not known is
absent: gauges of the sky are there only while the stream is streaming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hncors import gpstime
from hncors.health import SECOND_NS, Stream
from hncors.measure.epoch import CLOSED_BY
from hncors.measure.tally import LATENCY_BOUNDS_S, TYPE_LABELS
from hncors.network import Network
from hncors.signals import CODES, GNSS, SLOTS
from hncors.supervise.judge import Judge
from hncors.view.cause_metrics import cause_families
from hncors.view.coordinate_metrics import coordinate_families
from hncors.view.evidence_metrics import evidence_families
from hncors.view.exposition import Family, Kind
from hncors.view.integrity_metrics import integrity_families
from hncors.view.position_metrics import position_families
from hncors.view.process import Process, process_families
from hncors.view.quality_metrics import quality_families
from hncors.view.station_metrics import station_families

_CELL_LABELS = [(GNSS[g], CODES[g][s]) for g in range(7) for s in range(SLOTS)]


def families(
    network: Network, version: str, *, dated: bool = True, process: Process | None = None
) -> Iterator[Family]:
    """Every metric family of a network. `dated` is False when the week of its data is not known."""
    info = {(version,): 1}
    yield _of(info, "hncors_build_info", "gauge", "Version of hncors; always 1", ("version",))
    yield from station_families(network)
    yield from _streams(network, dated)
    yield from _messages(network)
    yield from _epochs(network)
    yield from _sky(network)
    yield from quality_families(network)
    yield from position_families(network)
    yield from coordinate_families(network)
    yield from integrity_families(network)
    yield from cause_families(network)
    if isinstance(network.judge, Judge):
        yield from evidence_families(network.judge)
    yield _one(
        "hncors_monitor_blind_seconds_total",
        "counter",
        "Time the monitor was not looking",
        network.blind_ns / SECOND_NS,
    )
    yield _one(
        "hncors_leap_second_table_expires_timestamp_seconds",
        "gauge",
        "Until when the built-in leap seconds are known to be right",
        gpstime.to_unix_ns(gpstime.LEAP_TABLE_EXPIRES_GPS_MS) / SECOND_NS,
    )
    if process is not None:
        yield from process_families(process)


def _streams(network: Network, dated: bool) -> Iterator[Family]:
    streams = network.streams
    names = [(s.id,) for s in streams]

    def each(name: str, kind: Kind, text: str, values: list[float]) -> Family:
        return Family(name, kind, text, ("station",), names, values)

    yield each(
        "hncors_stream_up",
        "gauge",
        "1 while epochs of now arrive (state streaming), else 0",
        [float(s.state == "streaming") for s in streams],
    )
    states: Mapping[Any, float] = {(s.id, s.state): 1.0 for s in streams}
    yield _of(
        states, "hncors_stream_state", "gauge", "1 for the state the stream is in", ("station", "state")
    )
    yield each(
        "hncors_stream_state_since_timestamp_seconds",
        "gauge",
        "When the stream came into its state",
        [s.since_ns / SECOND_NS for s in streams],
    )
    epochs = {
        (s.id,): gpstime.to_unix_ns(s.epoch_ms) / SECOND_NS for s in streams if s.epoch_ms >= 0 and dated
    }
    yield _of(
        epochs,
        "hncors_stream_last_epoch_timestamp_seconds",
        "gauge",
        "Time of the newest epoch, by its own clock",
        ("station",),
    )
    reconnects = {(s.id, reason): n for s in streams for reason, n in s.reconnects.items()}
    yield _of(
        reconnects,
        "hncors_stream_reconnects_total",
        "counter",
        "Connections lost, by reason",
        ("station", "reason"),
    )
    fates = [s.bytes() for s in streams]
    for fate, text in (
        ("received", "Bytes received: in frames + junk + pending"),
        ("in_frames", "Bytes in frames whose check holds"),
        ("junk", "Bytes in no valid frame"),
    ):
        yield each(f"hncors_stream_{fate}_bytes_total", "counter", text, [f[fate] for f in fates])
    yield each(
        "hncors_stream_pending_bytes",
        "gauge",
        "Bytes of a candidate frame not complete yet",
        [f["pending"] for f in fates],
    )
    arp = {(s.id,): s.arp_changes for s in streams if s.arp_m is not None}
    yield _of(
        arp, "hncors_arp_changes_total", "counter", "Changes of the broadcast reference point", ("station",)
    )

    off = {
        (s.id,): round(s.arp_off.distance_m, 2)
        for s in streams
        if s.arp_off is not None and s.state == "streaming"
    }
    text = "The broadcast reference point from the registered place"
    yield _of(off, "hncors_arp_offset_meters", "gauge", text, ("station",))


def _messages(network: Network) -> Iterator[Family]:
    streams = network.streams
    rows, types = np.nonzero(network.tally.messages)
    labels = [(streams[r].id, TYPE_LABELS[t]) for r, t in zip(rows.tolist(), types.tolist(), strict=True)]
    counts = network.tally.messages[rows, types]
    yield Family(
        "hncors_rtcm_messages_total",
        "counter",
        "Valid frames by message number",
        ("station", "type"),
        labels,
        counts,
    )
    errors = {(s.id, kind): n for s in streams for kind, n in _errors(s).items() if n}
    yield _of(
        errors,
        "hncors_rtcm_errors_total",
        "counter",
        "What was wrong with bytes, frames and messages",
        ("station", "kind"),
    )
    ephemerides = {(s.id, gnss): n for s in streams for gnss, n in sorted(s.ephemerides.items())}
    yield _of(
        ephemerides, "hncors_rtcm_ephemerides_total", "counter", "Ephemerides received", ("station", "gnss")
    )


def _errors(stream: Stream) -> dict[str, int]:
    frames = stream.frames()
    own = {"crc": frames["crc_failures"], "reserved_bits": frames["reserved_bits"]}
    return own | dict(sorted(stream.errors.items()))


def _epochs(network: Network) -> Iterator[Family]:
    streams, tally = network.streams, network.tally
    owed = [s for s in streams if s.account.expected]
    names = [(s.id,) for s in owed]
    for name, text, values in (
        ("expected", "Epochs owed: received + missing + blind", [s.account.expected for s in owed]),
        ("received", "Epochs received, each once", [s.account.received for s in owed]),
        ("blind", "Epochs owed while the monitor was not looking", [s.account.blind for s in owed]),
    ):
        yield Family(f"hncors_epochs_{name}_total", "counter", text, ("station",), names, values)
    gaps = [s.account.gaps for s in owed]
    yield Family("hncors_epoch_gaps_total", "counter", "Runs of missing epochs", ("station",), names, gaps)
    interval = {(s.id,): s.account.best_interval_ms() / 1000 for s in streams if s.account.best_interval_ms()}
    yield _of(
        interval, "hncors_epoch_interval_seconds", "gauge", "Interval epochs are expected at", ("station",)
    )
    closed = {
        (s.id, CLOSED_BY[by]): n
        for s, row in zip(streams, tally.closed_by.tolist(), strict=True)
        for by, n in enumerate(row)
        if n
    }
    yield _of(closed, "hncors_epochs_closed_total", "counter", "What completed the epochs", ("station", "by"))
    counts = np.cumsum(tally.latency, axis=1)
    rows = np.flatnonzero(counts[:, -1])
    yield Family(
        "hncors_rtcm_latency_seconds",
        "histogram",
        "Arrival of an epoch's last message after the epoch's time",
        ("station",),
        [(streams[r].id,) for r in rows.tolist()],
        tally.latency_sum_s[rows],
        LATENCY_BOUNDS_S,
        counts[rows],
    )


def _sky(network: Network) -> Iterator[Family]:
    streams, tally = network.streams, network.tally
    now = np.array([s.state == "streaming" for s in streams], bool)
    delivers = tally.seen.reshape(len(streams), 7, SLOTS)
    rows, systems = np.nonzero(delivers.any(axis=2) & now[:, None])
    labels = [(streams[r].id, GNSS[g]) for r, g in zip(rows.tolist(), systems.tolist(), strict=True)]
    values = tally.satellites[rows, systems]
    yield Family(
        "hncors_satellites_tracked",
        "gauge",
        "Satellites in the newest epoch",
        ("station", "gnss"),
        labels,
        values,
    )
    rows, systems = np.nonzero((tally.smoothed >= 0) & now[:, None])
    labels = [(streams[r].id, GNSS[g]) for r, g in zip(rows.tolist(), systems.tolist(), strict=True)]
    text = "1 if the station smooths its pseudoranges, which then look better than they are, else 0"
    smoothed = tally.smoothed[rows, systems]
    yield Family("hncors_pseudoranges_smoothed", "gauge", text, ("station", "gnss"), labels, smoothed)
    beidou = GNSS.index("C")
    rows, signals = np.nonzero(tally.seen_bds3 & now[:, None])
    labels = [(streams[r].id, CODES[beidou][s]) for r, s in zip(rows.tolist(), signals.tolist(), strict=True)]
    values = tally.bds3[rows, signals]
    text = "BeiDou-3 satellites (C19 and above) in the newest epoch, by signal"
    yield Family("hncors_bds3_satellites_tracked", "gauge", text, ("station", "signal"), labels, values)
    rows, cells = np.nonzero((tally.cn0_count > 0) & now[:, None])
    triples = [(streams[r].id, *_CELL_LABELS[c]) for r, c in zip(rows.tolist(), cells.tolist(), strict=True)]
    mean = tally.cn0_sum_dbhz[rows, cells] / tally.cn0_count[rows, cells]
    text = "Mean carrier-to-noise density in the newest epoch"
    yield Family("hncors_signal_cn0_dbhz", "gauge", text, ("station", "gnss", "signal"), triples, mean)
    rows, cells = np.nonzero(tally.observations)
    triples = [(streams[r].id, *_CELL_LABELS[c]) for r, c in zip(rows.tolist(), cells.tolist(), strict=True)]
    text = "Observations (satellite and signal) in complete epochs"
    counts = tally.observations[rows, cells]
    yield Family("hncors_observations_total", "counter", text, ("station", "gnss", "signal"), triples, counts)


def _one(name: str, kind: Kind, text: str, value: float) -> Family:
    return Family(name, kind, text, (), [()], [value])


def _of(rows: Mapping[Any, float], name: str, kind: Kind, text: str, label_names: tuple[str, ...]) -> Family:
    return Family(name, kind, text, label_names, list(rows), list(rows.values()))
