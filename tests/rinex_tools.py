"""RINEX 3 observation files read and compared: for tests only, and on purpose unlike the writer."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

Key = tuple[str, str, str]  # epoch as written, satellite, observation code
EVENTS = "2345"


class Observed(NamedTuple):
    """What a file holds; a value of 0 is one that is missing (RINEX 3.05, section 5.7)."""

    header: dict[str, list[str]]  # label -> lines without their label
    values: dict[Key, float]
    indicators: dict[Key, int]  # loss of lock, where one is written
    epochs: list[str]
    events: list[tuple[str, list[str]]]  # flag, lines


class Comparison(NamedTuple):
    """How the values of a reference are found in another file."""

    equal: int
    missing: dict[Key, float]
    differ: dict[Key, tuple[float, float]]  # reference, other
    extra: dict[Key, float]  # in the other only

    def kinds(self, keys: Iterable[Key]) -> Counter[str]:
        """Values by system and code ("C:L1X")."""
        return Counter(f"{satellite[0]}:{code}" for _, satellite, code in keys)


def read(text: str) -> Observed:
    """A whole file. RTKLIB b34 begins the lines of events with a blank instead of `>`."""
    lines = iter(text.splitlines())
    header: dict[str, list[str]] = {}
    for line in lines:
        label = line[60:].strip()
        header.setdefault(label, []).append(line[:60])
        if label == "END OF HEADER":
            break
    codes: dict[str, list[str]] = {}
    system = ""
    for line in header.get("SYS / # / OBS TYPES", []):
        system = line[0] if line[0] != " " else system
        codes.setdefault(system, []).extend(line[6:60].split())
    out = Observed(header, {}, {}, [], [])
    epoch = ""
    for line in lines:
        if line[31:32] in EVENTS and line[:1] in "> " and line[32:35].strip().isdigit():
            out.events.append((line[31], [next(lines) for _ in range(int(line[32:35]))]))
        elif line.startswith(">"):
            epoch = line[2:29]
            out.epochs.append(epoch)
        else:
            satellite = line[:3].replace(" ", "0")
            for n, code in enumerate(codes[satellite[0]]):
                field = line[3 + 16 * n : 19 + 16 * n]
                if field[:14].strip() and float(field[:14]) != 0:
                    out.values[epoch, satellite, code] = float(field[:14])
                    if field[14:15].strip():
                        out.indicators[epoch, satellite, code] = int(field[14])
    return out


def compare(reference: dict[Key, float], other: dict[Key, float], tolerance: float = 0.002) -> Comparison:
    """Metres, cycles, Hz, dB-Hz alike: 0.002 is two units of the last digit."""
    missing, differ = {}, {}
    for key, value in reference.items():
        if key not in other:
            missing[key] = value
        elif abs(other[key] - value) > tolerance + 1e-9:
            differ[key] = (value, other[key])
    extra = {key: value for key, value in other.items() if key not in reference}
    return Comparison(len(reference) - len(missing) - len(differ), missing, differ, extra)


def convbin(stream: bytes, folder: Path, date: str, *options: str) -> str:
    """RTKLIB's observation file of a stream ("" when it writes none); `date` is "2026-03-09T00:00:00"."""
    (folder / "in.rtcm3").write_bytes(stream)
    day, time = date.replace("-", "/").split("T")
    command = ["convbin", "-r", "rtcm3", "-v", "3.05", "-od", "-os", "-f", "5", "-tr", day, time, *options]
    command += ["-o", "out.obs", "-n", "out.nav", "in.rtcm3"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    out = folder / "out.obs"
    return out.read_text() if out.exists() else ""
