"""What is in a stream: bytes by fate, census of messages, signals, equipment, epochs and gaps, as plain data.

Observations are counted as the daemon counts them: in epochs, each satellite and signal once, whatever
messages repeat it (`hncors.measure.epoch.without_repeats`). So a metric over a whole recording and an
inspection of the same recording say the same number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from hncors.gpstime import WEEK_MS, iso
from hncors.observation import I64
from hncors.reading import Dating, date, parts
from hncors.rtcm3.block import DECODED, OUTCOMES, UNKNOWN_TYPE, Block
from hncors.rtcm3.ephemeris import Ephemeris, issue
from hncors.rtcm3.framing import Framer
from hncors.rtcm3.station import Equipment, ReferencePoint, Text, printable
from hncors.signals import BEIDOU, CODES, GNSS, satellite_name
from hncors.view.inspection_epochs import Counted, Gap, gaps, interval_ms

MANY = 1000  # different things of one kind that are remembered; a stream may hold more, on purpose


def inspect(
    data: bytes,
    given_ms: int | None = None,
    *,
    arrival_ms: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """The contents of a recording; values are fit for JSON, their keys are in docs/commands.md.

    `given_ms` is a GPS time within half a week of the first observation, `arrival_ms` the same from
    arrival times: they are needed where nothing in the recording tells the week. `progress` is told how
    many bytes are done. Decoded data are not kept, so memory does not grow with the recording.
    """
    dating = date(data, arrival_ms=arrival_ms, given_ms=given_ms)
    framer, heard, counted = Framer(), _Heard(), Counted()
    for part in parts(data, dating.reference_ms, framer):
        heard.block(part.block)
        heard.anomalies["time_out_of_range"] += part.undated
        counted.add(part.messages, part.observations, part.time_ms)
        if progress is not None:
            progress(framer.received)
    counted.end()
    anomalies = heard.anomalies + counted.anomalies
    anomalies["reserved_bits"] += framer.reserved_bits
    times = counted.times()
    if len(times) and not dating.source:
        anomalies["week_unknown"] += 1
    return {
        "bytes": {
            "total": framer.received,
            "in_frames": framer.in_frames,
            "junk": framer.junk,
            "pending": framer.pending,
        },
        "frames": framer.frames,
        "crc_failures": framer.crc_failures,
        "messages": {str(number): heard.messages[number] for number in sorted(heard.messages)},
        "unknown_messages": {str(number): heard.unknown[number] for number in sorted(heard.unknown)},
        "station_ids": sorted(heard.station_ids | counted.station_ids),
        "arps": [list(arp) for arp in heard.arps],
        "receivers": _different(e.receiver for e in heard.equipment),
        "antennas": _different(e.antenna for e in heard.equipment),
        "equipment": [_equipment(e) for e in heard.equipment],
        "texts": list(heard.texts),
        **_time_line(times, dating, heard.messages),
        "systems": _systems(counted),
        "bds3": _bds3(counted),
        "ephemerides": {g: heard.ephemerides[g] for g in GNSS if heard.ephemerides[g]},
        "ephemeris_sets": {g: n for g in GNSS if (n := sum(key[0] == g for key in heard.sets))},
        "anomalies": {name: n for name, n in sorted(anomalies.items()) if n},
    }


class _Heard:
    """What frames said besides observations."""

    def __init__(self) -> None:
        self.messages: Counter[int] = Counter()
        self.unknown: Counter[int] = Counter()
        self.anomalies: Counter[str] = Counter()
        self.station_ids: set[int] = set()
        self.arps: dict[tuple[float, float, float], None] = {}
        self.equipment: dict[Equipment, None] = {}
        self.texts: dict[str, None] = {}
        self.ephemerides: Counter[str] = Counter()
        self.sets: set[tuple[Any, ...]] = set()

    def block(self, block: Block) -> None:
        numbers, counts = np.unique(block.type[block.type >= 0], return_counts=True)
        self.messages.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        strange = np.flatnonzero(block.outcome != DECODED)
        self.anomalies.update(OUTCOMES[code] for code in block.outcome[strange].tolist())
        self.unknown.update(block.type[strange[block.outcome[strange] == UNKNOWN_TYPE]].tolist())
        for name, _, number in block.anomalies:
            self.anomalies[name] += number
        for _, record in block.records:
            if isinstance(record, Ephemeris):
                self.ephemerides[record.gnss] += 1
                if len(self.sets) < 100 * MANY:
                    self.sets.add((record.gnss, record.satellite, record.message, *issue(record)))
                continue
            self.station_ids.add(record.station_id)
            if isinstance(record, ReferencePoint):
                _remember(self.arps, (record.x_m, record.y_m, record.z_m))
            elif isinstance(record, Equipment):
                _remember(self.equipment, record)
            elif isinstance(record, Text):
                _remember(self.texts, printable(record.text))


def _remember(things: dict[Any, None], thing: Any) -> None:
    if len(things) < MANY:
        things[thing] = None


def _different(texts: Any) -> list[str]:
    return list(dict.fromkeys(printable(text) for text in texts if text))


def _equipment(equipment: Equipment) -> dict[str, Any]:
    """An equipment message; what it does not carry is left out."""
    names = ("antenna", "antenna_setup", "antenna_serial", "receiver", "firmware", "receiver_serial")
    values = {name: getattr(equipment, name) for name in names}
    return {"station_id": equipment.station_id} | {
        name: printable(value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }


def _time_line(times: I64, dating: Dating, messages: Counter[int]) -> dict[str, Any]:
    """Epochs, first and last, interval, gaps, and the mean interval of each type of message."""
    known = bool(dating.source)
    step_ms = interval_ms(times)
    observed_s = len(times) * step_ms / 1000
    line: dict[str, Any] = {
        "epochs": len(times),
        "first_epoch": iso(int(times[0])) if known and len(times) else None,
        "last_epoch": iso(int(times[-1])) if known and len(times) else None,
        "week_from": dating.source or None,
        "interval_s": step_ms / 1000 if step_ms else None,
        "gaps": [_gap(gap, known) for gap in gaps(times, step_ms)],
    }
    if len(times) and not known:
        line["first_tow_s"] = int(times[0]) % WEEK_MS / 1000
    line["message_intervals_s"] = {
        str(number): round(observed_s / messages[number], 3) for number in sorted(messages) if observed_s
    }
    return line


def _gap(gap: Gap, known: bool) -> dict[str, Any]:
    if known:
        return {"after": iso(gap.after_ms), "before": iso(gap.before_ms), "missing": gap.missing}
    after_s, before_s = gap.after_ms % WEEK_MS / 1000, gap.before_ms % WEEK_MS / 1000
    tows = {"after_tow_s": after_s, "before_tow_s": before_s}
    return {"after": None, "before": None, "missing": gap.missing, **tows}


def _systems(counted: Counted) -> dict[str, Any]:
    systems: dict[str, Any] = {}
    for gnss, letter in enumerate(GNSS):
        signals = sorted(np.flatnonzero(counted.cells[gnss]).tolist(), key=CODES[gnss].__getitem__)
        if not signals:
            continue
        known = [s for s in signals if counted.cn0_count[gnss, s]]
        systems[letter] = {
            "satellites": [
                satellite_name(gnss, n) for n in np.flatnonzero(counted.satellites[gnss]).tolist()
            ],
            "signals": {CODES[gnss][s]: int(counted.cells[gnss, s]) for s in signals},
            "cn0_dbhz": {
                CODES[gnss][s]: round(float(counted.cn0_sum_dbhz[gnss, s] / counted.cn0_count[gnss, s]), 2)
                for s in known
            },
        }
    return systems


def _bds3(counted: Counted) -> dict[str, Any]:
    cells = {CODES[BEIDOU][s]: int(counted.bds3_cells[s]) for s in np.flatnonzero(counted.bds3_cells)}
    satellites = np.flatnonzero(counted.bds3_satellites).tolist()
    return {
        "satellites": [satellite_name(BEIDOU, n) for n in satellites],
        "signals": {code: cells[code] for code in sorted(cells)},
    }
