"""What is written of a simulated network beside its recordings: station files, a configuration, the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from hncors.frames import year_of
from hncors.simulate.province import Province
from hncors.simulate.stations import Station

TRUTH = "truth.jsonl"
CERTIFICATES = "caster.pem"


def write_stations(folder: Path, province: Province, caster: str, certificates: str | None = None) -> None:
    """The station files of all stations, and a configuration that names them; who is not filed is watched.

    `caster` is what their links begin with, up to the mountpoint; `certificates` what they trust it by.
    """
    if certificates is not None:
        (folder / CERTIFICATES).write_text(certificates, encoding="ascii")
    (folder / "stations").mkdir()
    year = year_of(province.start_ms)
    for one in province.stations:
        trusted = None if certificates is None else f"../{CERTIFICATES}"
        text = station_file(one, f"{caster}/{one.mountpoint}", year, trusted)
        (folder / "stations" / f"{one.id}.toml").write_text(text, encoding="utf-8")
    (folder / "hncors.toml").write_text('stations = "stations"\n', encoding="utf-8")


def station_file(station: Station, link: str, year: float, tls_ca_file: str | None = None) -> str:
    """A station as its registry file has it, its place that of `year`, the simulation's."""

    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    rows: list[tuple[str, str]] = [("id", quoted(station.id)), ("link", quoted(link))]
    rows += [("tls_ca_file", quoted(tls_ca_file))] if tls_ca_file else []
    rows += [(key, quoted(value)) for key in ("name", "name_en") if (value := getattr(station, key))]
    rows += [
        ("invented", "true"),
        ("rate_hz", repr(station.rate_hz)),
        ("systems", quoted(station.systems)),
    ]
    if not station.filed:  # nothing is known of it but its stream
        return "\n".join(f"{key} = {value}" for key, value in rows[: 3 if tls_ca_file else 2]) + "\n"
    x, y, z = station.ecef_m
    place = [("x_m", f"{x:.4f}"), ("y_m", f"{y:.4f}"), ("z_m", f"{z:.4f}")]
    place += [("frame", '"ITRF2020"'), ("epoch", f"{year:.4f}")]
    lines = [f"{key} = {value}" for key, value in rows]
    lines += ["", "[coordinates]", *(f"{key} = {value}" for key, value in place)]
    for table, pairs in (
        ("receiver", (("type", station.receiver), ("firmware", station.firmware))),
        ("antenna", (("type", station.antenna),)),
        ("filing", (("number", f"simulated-{station.number:04d}"),)),
    ):
        lines += ["", f"[{table}]", *(f"{key} = {quoted(value)}" for key, value in pairs)]
    return "\n".join(lines) + "\n"


def write_truth(file: TextIO, records: list[dict[str, Any]]) -> None:
    """Records as lines of truth.jsonl."""
    for record in records:
        file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
