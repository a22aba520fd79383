"""hncors check: the configuration and the folder of stations, every mistake at once."""

from __future__ import annotations

from pathlib import Path

from hncors.cli_output import DONE, console, document, refuse, table
from hncors.daemon.configuration import ConfigurationError, load
from hncors.registry import Station, parse_link
from hncors.text import printable


def command(config: Path, as_json: bool) -> int:
    """Check; the exit status."""
    try:
        settings, stations = load(config)
    except ConfigurationError as wrong:
        if as_json:
            document({"problems": wrong.problems, "stations": []})
        return refuse(wrong.problems)
    if as_json:
        document({"problems": [], "stations": [_plain(station) for station in stations]})
        return DONE
    made = table("stations 站点", "id", "name", "link", ">rate Hz", "systems", "enabled")
    for station in stations:
        rate = "" if station.rate_hz is None else f"{station.rate_hz:g}"
        enabled = "yes" if station.enabled else "no"
        made.add_row(station.id, _name(station), _link(station), rate, station.systems or "", enabled)
    shell = console()
    shell.print(made)
    line = f"{config}: {len(stations)} stations, pages at {settings.web.listen}; no mistakes 配置正确"
    shell.print(printable(line, 500), markup=False, soft_wrap=True)
    return DONE


def _plain(station: Station) -> dict[str, str | float | bool | None]:
    """A station without what is not to be shown: coordinates, user."""
    return {
        "id": station.id,
        "name": _name(station),
        "link": _link(station),
        "rate_hz": station.rate_hz,
        "systems": station.systems,
        "enabled": station.enabled,
    }


def _name(station: Station) -> str:
    return printable(station.name or station.name_en)


def _link(station: Station) -> str:
    link = parse_link(station.link)
    place = f"{link.host}:{link.port}/{link.mountpoint}" if link.host else link.path
    return printable(f"{link.scheme} {place}")
