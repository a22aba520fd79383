"""docs/metrics.md names what the program exports, and nothing else; a real promtool reads the text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from hncors.daemon.territory import default
from hncors.network import Chunk, Network
from hncors.rtcm3.encode import frame
from hncors.supervise.judge import Judge
from hncors.view.exposition import Family, Writer
from hncors.view.kept import Kept
from hncors.view.metrics import families
from hncors.view.process import TICK_BOUNDS_S, Process
from hncors.view.published import Published
from hncors.view.pushed import Pushed
from hncors.view.recorded import Recorded

DOCUMENT = Path(__file__).parents[1] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(hncors_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
START_NS = 1_700_000_000_000_000_000


class Station(NamedTuple):
    id: str
    rate_hz: float | None = None


def everything() -> dict[str, Family]:
    recorded = Recorded({}, {}, {}, 0, {}, {}, {}, 0, 0, 0, 0.0, 0, 0, {}, failing=False)
    process = Process(np.zeros(len(TICK_BOUNDS_S) + 1, np.int64), 0.0, 0.0, 0.0, recorded=recorded)
    process = process._replace(kept=Kept(), published=Published(), pushed=Pushed(0, {}), scans={})
    network = Network([Station("A"), Station("B")])
    network.judge = Judge(2, [], *default())
    return {family.name: family for family in families(network, "1.2.3", process=process)}


def test_every_metric_is_documented_and_nothing_else() -> None:
    rows = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    exported = {name: (family.kind, set(family.label_names)) for name, family in everything().items()}
    assert exported == documented


def test_names_of_the_contract_are_there() -> None:
    # names others rely on, as far as this release fills them
    contract = """
        hncors_build_info hncors_stream_up hncors_stream_state hncors_stream_last_epoch_timestamp_seconds
        hncors_stream_reconnects_total hncors_stream_received_bytes_total hncors_stream_junk_bytes_total
        hncors_rtcm_messages_total hncors_rtcm_errors_total hncors_rtcm_latency_seconds
        hncors_epochs_expected_total hncors_epochs_received_total hncors_epochs_blind_total
        hncors_satellites_tracked hncors_satellites_expected hncors_bds3_satellites_tracked
        hncors_signal_cn0_dbhz
        hncors_observations_total hncors_arp_changes_total hncors_arp_offset_meters
        hncors_tick_seconds hncors_loop_lag_seconds
        hncors_watchdog_last_beat_timestamp_seconds hncors_cycle_slips_total
        hncors_multipath_rms_meters hncors_ionosphere_roti_tecu_per_minute hncors_position_offset_meters
        hncors_protection_level_meters hncors_integrity_state hncors_integrity_misleading_epochs_total
        hncors_cases hncors_case_oldest_open_seconds hncors_registry_stations hncors_evidence_findings_total
    """
    assert set(contract.split()) <= set(everything())


def test_p17_what_is_not_known_is_absent_and_the_bytes_add_up() -> None:
    network = Network([Station("A"), Station("B")])
    junk = b"$GPGGA,nothing*00\r\n"
    good = frame(bytes.fromhex("FF0" + "0" * 17))  # message 4080: no number this version decodes
    network.feed(Chunk("A", junk + good + b"\xd3\x00", START_NS))
    network.tick(START_NS)
    text = Writer().render(families(network, "1.2.3")).decode()
    values = dict(re.findall(r'^(hncors_\w+\{[^}]*station="A"[^}]*\}) (\S+)$', text, re.MULTILINE))
    assert float(values['hncors_stream_received_bytes_total{station="A"}']) == len(junk) + len(good) + 2
    assert float(values['hncors_stream_junk_bytes_total{station="A"}']) == len(junk)
    assert float(values['hncors_stream_in_frames_bytes_total{station="A"}']) == len(good)
    assert float(values['hncors_stream_pending_bytes{station="A"}']) == 2
    assert float(values['hncors_rtcm_messages_total{station="A",type="4080"}']) == 1
    assert float(values['hncors_rtcm_errors_total{kind="unknown_type",station="A"}']) == 1
    for absent in (
        "last_epoch_timestamp_seconds{",
        "satellites_tracked{",
        "epochs_expected_total{",
        "_count{",
        "cn0_dbhz{",
    ):
        assert absent not in text
    assert 'hncors_stream_up{station="B"} 0.0' in text


@pytest.mark.peer("promtool")
def test_promtool_accepts_the_text() -> None:
    network = Network([Station("A")])
    network.feed(Chunk("A", frame(b"\x3e\xd0\x00"), START_NS))
    network.tick(START_NS)
    process = Process(np.arange(len(TICK_BOUNDS_S) + 1), 1.0, 0.001, 1.7e9)
    text = Writer().render(families(network, "1.2.3", process=process))
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert not checked.stderr.strip()
