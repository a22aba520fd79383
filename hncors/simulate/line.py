"""The way from a station to whoever listens: what happens to its bytes there."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from hncors.observation import F64
from hncors.simulate.faults import Fault
from hncors.simulate.stations import Station

MAX_WAITING = 64 << 10  # bytes; what does not fit behind a slow line is lost


class Wire:
    """Delays, and the faults that act on bytes."""

    def __init__(self, stations: Sequence[Station], faults: Sequence[Fault], seed: int) -> None:
        self._chance = np.random.default_rng([seed, 3])
        self._stations = stations
        self._usual_s = np.array([one.delay_s for one in stations])
        self._latest_ms = np.zeros(len(stations))
        self._waiting: dict[int, bytearray] = {}
        self._past: dict[str, deque[tuple[int, bytes]]] = {}
        for fault in faults:
            if fault.kind == "replay":
                for name in fault.stations:
                    self._past[name] = deque()
        self._longest_ms = 1000 * max((int(f["ago_s"]) for f in faults if f.kind == "replay"), default=0)

    def delays_s(self) -> F64:
        """Seconds from epoch to arrival of each station: its usual ones, and some more now and then."""
        out: F64 = self._usual_s * (0.9 + 0.1 * self._chance.standard_exponential(len(self._usual_s)))
        return out

    def send(
        self, row: int, time_ms: int, data: bytes, delay_s: float, faults: Sequence[Fault]
    ) -> tuple[bytes, float]:
        """What arrives of a station's bytes, and seconds from the epoch to then: `delay_s`, or more."""
        one = self._stations[row]
        past = self._past.get(one.id)
        if past is not None:
            past.append((time_ms, data))
            while past[0][0] < time_ms - self._longest_ms:
                past.popleft()
        slow = False
        for fault in faults:
            if one.id not in fault.stations:
                continue
            match fault.kind:
                case "stall":
                    data = b""
                case "garbage":
                    data = self._garbage(round(fault["bytes_per_s"] * one.interval_s))
                case "corruption":
                    data = self._corrupted(data, fault["probability"])
                case "drip":
                    slow = True
                    data = self._dripped(row, data, max(1, round(fault["bytes_per_s"] * one.interval_s)))
                case "late_data":
                    delay_s += fault["delay_s"]
                case "replay":
                    wanted = time_ms - round(1000 * fault["ago_s"])
                    data = next((old for when, old in past or () if when == wanted), b"")
                case _ if fault.acts == "link":
                    data = b""
        if not slow:
            self._waiting.pop(row, None)  # a new connection begins with new data
        # Nothing overtakes what was sent before it.
        self._latest_ms[row] = max(self._latest_ms[row], time_ms + 1000 * delay_s)
        return data, (float(self._latest_ms[row]) - time_ms) / 1000

    def _garbage(self, count: int) -> bytes:
        """Bytes among which no frame begins."""
        data = self._chance.integers(0, 255, count, np.uint8)
        data[data == 0xD3] = 0xFF
        return data.tobytes()

    def _corrupted(self, data: bytes, probability: float) -> bytes:
        out = np.frombuffer(data, np.uint8).copy()
        hit = np.flatnonzero(self._chance.random(len(out)) < probability)
        out[hit] ^= self._chance.integers(1, 256, len(hit)).astype(np.uint8)
        return out.tobytes()

    def _dripped(self, row: int, data: bytes, count: int) -> bytes:
        waiting = self._waiting.setdefault(row, bytearray())
        if len(waiting) + len(data) <= MAX_WAITING:
            waiting += data
        out = bytes(waiting[:count])
        del waiting[:count]
        return out
