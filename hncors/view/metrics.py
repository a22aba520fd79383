"""The network's state as metric families: a view, made anew at each scrape.

Names, labels and meaning are in docs/metrics.md, which a test holds to this module. What is not known is
absent: gauges of the sky are there only while the stream is streaming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hncors import gpstime
from hncors.health import SECOND_NS, Stream
from hncors.measure.epoch import CLOSED_BY
from hncors.measure.tally import LATENCY_BOUNDS_S, TYPE_LABELS
from hncors.network import Network
from hncors.observation import B
from hncors.signals import BEIDOU, CODES, GNSS, SLOTS
from hncors.supervise.judge import Judge
from hncors.view.cause_metrics import cause_families
from hncors.view.coordinate_metrics import coordinate_families
from hncors.view.evidence_metrics import evidence_families
from hncors.view.exposition import Family, Kind
from hncors.view.integrity_metrics import integrity_families
from hncors.view.labels import Labels, labels_of, places, singly
from hncors.view.position_metrics import position_families
from hncors.view.process import Process, process_families
from hncors.view.quality_metrics import quality_families
from hncors.view.station_metrics import station_families

Numbers = NDArray[np.integer | np.floating]
Told = tuple[str, Kind, str]  # name, kind and help

_CELL_LABELS = [(GNSS[g], CODES[g][s]) for g in range(7) for s in range(SLOTS)]
_SYSTEMS, _BEIDOU, _TYPES = singly(GNSS), singly(CODES[BEIDOU]), singly(TYPE_LABELS)
_SORTED = sorted(GNSS)


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
    ids = [s.id for s in streams]
    names = labels_of("hncors_stream_up", ids, np.arange(len(ids)))

    def each(name: str, kind: Kind, text: str, values: Sequence[float] | Numbers) -> Family:
        return Family(name, kind, text, ("station",), names, values)

    yield each(
        "hncors_stream_up",
        "gauge",
        "1 while epochs of now arrive (state streaming), else 0",
        network.tables.streams.streaming.astype(np.int64),
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
    epoch_ms = network.tables.streams.epoch_ms
    some = np.flatnonzero((epoch_ms >= 0) & dated)
    newest = "hncors_stream_last_epoch_timestamp_seconds"
    text = "Time of the newest epoch, by its own clock"
    epochs_s = gpstime.to_unix_ms(epoch_ms[some]) / 1000
    yield Family(newest, "gauge", text, ("station",), labels_of(newest, ids, some), epochs_s)
    reconnects = {(s.id, reason): n for s in streams for reason, n in s.reconnects.items()}
    yield _of(
        reconnects,
        "hncors_stream_reconnects_total",
        "counter",
        "Connections lost, by reason",
        ("station", "reason"),
    )
    for fate, text in (
        ("received", "Bytes received: in frames + junk + pending"),
        ("in_frames", "Bytes in frames whose check holds"),
        ("junk", "Bytes in no valid frame"),
    ):
        yield each(f"hncors_stream_{fate}_bytes_total", "counter", text, [s.count(fate) for s in streams])
    yield each(
        "hncors_stream_pending_bytes",
        "gauge",
        "Bytes of a candidate frame not complete yet",
        [s.framer.pending for s in streams],
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
    ids = [s.id for s in streams]
    rows, types = places(network.tally.messages > 0)
    name = "hncors_rtcm_messages_total"
    labels = labels_of(name, ids, rows, types, _TYPES)
    counts = network.tally.messages[rows, types]
    yield Family(name, "counter", "Valid frames by message number", ("station", "type"), labels, counts)
    errors = {(s.id, kind): n for s in streams for kind, n in _errors(s)}
    yield _of(
        errors,
        "hncors_rtcm_errors_total",
        "counter",
        "What was wrong with bytes, frames and messages",
        ("station", "kind"),
    )
    counted = [s.ephemerides.get(gnss, 0) for s in streams for gnss in _SORTED]
    sets = np.array(counted, np.int64).reshape(-1, len(_SORTED))
    rows, systems = places(sets > 0)
    name = "hncors_rtcm_ephemerides_total"
    labels = labels_of(name, ids, rows, systems, singly(_SORTED))
    yield Family(name, "counter", "Ephemerides received", ("station", "gnss"), labels, sets[rows, systems])


def _errors(stream: Stream) -> list[tuple[str, int]]:
    framer = stream.framer
    if not (stream.errors or framer.crc_failures or framer.reserved_bits or stream.past):
        return []
    crc, reserved_bits = stream.count("crc_failures"), stream.count("reserved_bits")
    own = ("crc", crc), ("reserved_bits", reserved_bits)
    return [(kind, n) for kind, n in (*own, *sorted(stream.errors.items())) if n]


def _epochs(network: Network) -> Iterator[Family]:
    streams, tally = network.streams, network.tally
    ids, accounts = [s.id for s in streams], network.tables.accounts
    expected = accounts.received + accounts.missing + accounts.blind
    owed = np.flatnonzero(expected)
    names = labels_of("hncors_epochs_expected_total", ids, owed)
    for name, text, values in (
        ("epochs_expected", "Epochs owed: received + missing + blind", expected),
        ("epochs_received", "Epochs received, each once", accounts.received),
        ("epochs_blind", "Epochs owed while the monitor was not looking", accounts.blind),
        ("epoch_gaps", "Runs of missing epochs", accounts.gaps),
    ):
        yield Family(f"hncors_{name}_total", "counter", text, ("station",), names, values[owed])
    interval_ms = np.array([s.account.best_interval_ms() for s in streams], np.int64)
    rows = np.flatnonzero(interval_ms)
    name, text = "hncors_epoch_interval_seconds", "Interval epochs are expected at"
    yield Family(name, "gauge", text, ("station",), labels_of(name, ids, rows), interval_ms[rows] / 1000)
    rows, by = places(tally.closed_by > 0)
    name, text = "hncors_epochs_closed_total", "What completed the epochs"
    labels = labels_of(name, ids, rows, by, singly(CLOSED_BY))
    yield Family(name, "counter", text, ("station", "by"), labels, tally.closed_by[rows, by])
    counts = np.cumsum(tally.latency, axis=1)
    rows = np.flatnonzero(counts[:, -1])
    name = "hncors_rtcm_latency_seconds"
    yield Family(
        name,
        "histogram",
        "Arrival of an epoch's last message after the epoch's time",
        ("station",),
        labels_of(name, ids, rows),
        tally.latency_sum_s[rows],
        LATENCY_BOUNDS_S,
        counts[rows],
    )


def _sky(network: Network) -> Iterator[Family]:
    streams, tally = network.streams, network.tally
    ids, now = [s.id for s in streams], network.tables.streams.streaming

    def by(
        family: Told, label_names: tuple[str, ...], words: Sequence[Labels], there: B, of: Numbers
    ) -> Family:
        rows, numbers = places(there)
        name, kind, text = family
        labels = labels_of(name, ids, rows, numbers, words)
        return Family(name, kind, text, label_names, labels, of[rows, numbers])

    on, systems, cells = now[:, None], ("station", "gnss"), ("station", "gnss", "signal")
    delivers = tally.seen.reshape(len(streams), 7, SLOTS).any(axis=2)
    told: Told = "hncors_satellites_tracked", "gauge", "Satellites in the newest epoch"
    yield by(told, systems, _SYSTEMS, delivers & on, tally.satellites)
    text = "1 if the station smooths its pseudoranges, which then look better than they are, else 0"
    told = "hncors_pseudoranges_smoothed", "gauge", text
    yield by(told, systems, _SYSTEMS, (tally.smoothed >= 0) & on, tally.smoothed)
    text = "BeiDou-3 satellites (C19 and above) in the newest epoch, by signal"
    told = "hncors_bds3_satellites_tracked", "gauge", text
    yield by(told, ("station", "signal"), _BEIDOU, tally.seen_bds3 & on, tally.bds3)
    some = tally.cn0_count > 0
    mean_dbhz = np.round(tally.cn0_sum_dbhz / np.where(some, tally.cn0_count, 1), 2)
    told = "hncors_signal_cn0_dbhz", "gauge", "Mean carrier-to-noise density in the newest epoch"
    yield by(told, cells, _CELL_LABELS, some & on, mean_dbhz)
    text = "Observations (satellite and signal) in complete epochs"
    told = "hncors_observations_total", "counter", text
    yield by(told, cells, _CELL_LABELS, tally.observations > 0, tally.observations)


def _one(name: str, kind: Kind, text: str, value: float) -> Family:
    return Family(name, kind, text, (), [()], [value])


def _of(rows: Mapping[Any, float], name: str, kind: Kind, text: str, label_names: tuple[str, ...]) -> Family:
    return Family(name, kind, text, label_names, list(rows), list(rows.values()))
