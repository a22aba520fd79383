"""hncors check: the configuration and the folder of stations, every mistake at once."""

from __future__ import annotations

from pathlib import Path

from hncors.cli_output import DONE, console, document, note, refuse, table
from hncors.daemon.configuration import ConfigurationError, load, warnings
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
    doubts = warnings(stations)
    if as_json:
        document({"problems": [], "warnings": doubts, "stations": [_plain(station) for station in stations]})
        return DONE
    columns = ("id 站号", "name 名称", "county 区县", "link 链路", ">Hz", "systems 系统", "note 备注")
    made = table("stations 站点", *columns)
    for column in made.columns:
        column.overflow, column.no_wrap = "fold", column.header != "county 区县"
    for station in stations:
        rate = "" if station.rate_hz is None else f"{station.rate_hz:g}"
        names = (station.id, _name(station), printable(station.county), printable(station.link))
        made.add_row(*names, rate, station.systems or "", _note(station))
    shell = console()
    shell.print(made)
    for doubt in doubts:
        note(doubt)
    watched = sum(station.enabled for station in stations)
    counts = f"{watched} of {len(stations)} stations to watch 监测 {watched}/{len(stations)} 站"
    line = f"{config}: {counts}, pages 网页 {settings.web.listen}; no mistakes 配置正确"
    shell.print(printable(line, 500), markup=False, soft_wrap=True)
    return DONE


def _plain(station: Station) -> dict[str, object]:
    """A station without what is not to be shown: coordinates, user, serial numbers."""
    return {
        "id": station.id,
        "name": _name(station),
        "name_en": printable(station.name_en),
        "link": _link(station),
        "rate_hz": station.rate_hz,
        "systems": station.systems,
        "signals": station.signals,
        "operator": printable(station.operator),
        "county": printable(station.county),
        "filing": printable(station.filing.number) if station.filing else None,
        "coordinates": station.ecef_m is not None,
        "invented": station.invented,
        "enabled": station.enabled,
    }


def _note(station: Station) -> str:
    told = {
        "disabled 停用": not station.enabled,
        "no coordinates 无坐标": station.ecef_m is None,
        "invented 虚构": station.invented,
    }
    return ", ".join(text for text, true in told.items() if true)


def _name(station: Station) -> str:
    return printable(station.name or station.name_en)


def _link(station: Station) -> str:
    link = parse_link(station.link)
    place = f"{link.host}:{link.port}/{link.mountpoint}" if link.host else link.path
    return printable(f"{link.scheme} {place}")
