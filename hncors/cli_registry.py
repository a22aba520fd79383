"""hncors registry: the filed stations, what was changed of them, and how they stand."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hncors.cli_ledger import Where, allow_precise, found_config, office, settings_of
from hncors.cli_output import DONE, WRONG, Refused, console, document, note, shown, stacked, table
from hncors.daemon.configuration import ConfigurationError, station_texts
from hncors.daemon.ledger_registry import history, standings
from hncors.registry import Station, read_stations
from hncors.settings import read_toml
from hncors.supervise import words
from hncors.supervise.cases import ROLES
from hncors.supervise.months import minute_of
from hncors.supervise.secrecy import coarse
from hncors.supervise.standing import STANDINGS, WORDS
from hncors.supervise.words import both
from hncors.view.replay_files import utc

GOOD = ("filed_live", "permitted", "withdrawn", "filed")  # nothing that somebody has to look after


def stations_of(where: Where) -> list[Station]:
    """The station files.  Raises Refused."""
    config = found_config(where.config)
    try:
        texts = station_texts(config, settings_of(config))
    except ConfigurationError as wrong:
        raise Refused(*wrong.problems) from None
    stations, problems = read_stations({str(file): text for file, text in texts.items()})
    if problems:
        raise Refused(*problems)
    return stations


def list_command(where: Where, operator: str, status: str, as_json: bool) -> int:
    """The stations with their filings and how they stand."""
    if status and status not in STANDINGS:
        raise Refused(f'--status "{status}": expected one of {", ".join(STANDINGS)}')
    stations = [one for one in stations_of(where) if not operator or one.operator == operator]
    with office(where) as here:
        stands = standings(here.ledger.base)
    rows = [(one, *stands.get(one.id, ("", 0, 0))) for one in stations]
    rows = [row for row in rows if not status or row[1] == status]
    if as_json:
        document([{**_plain(one), **_stands(found, since, looked)} for one, found, since, looked in rows])
        return DONE
    columns = (
        "id 站号",
        "name 名称",
        "operator 单位",
        "county 区县",
        "filing 备案号",
        "permit 许可至",
        "status 状况",
    )
    made = table("stations 站点", *columns)
    for column in made.columns:
        column.overflow = "fold"
    for one, found, _, _ in rows:
        permit = str(one.permit.ends or "") if one.permit else ""
        filing = one.filing.number if one.filing else ""
        texts = (one.id, one.name or one.name_en, one.operator, one.county, filing, permit)
        made.add_row(*map(shown, texts), stacked(both(found, WORDS) if found else ""))
    shell = console()
    shell.print(made)
    shell.print(f"{len(rows)} stations 站", markup=False)
    return DONE


def show_command(where: Where, id: str, precise: bool, as_json: bool) -> int:
    """Everything that is filed of one station; its place precisely for supervisors only."""
    station = next((one for one in stations_of(where) if one.id == id), None)
    if station is None:
        raise Refused(f"STATION {id}: expected the id of a station file; hncors registry list has them")
    with office(where) as here:
        if precise:
            allow_precise(here, f"station {station.id}")
        stands = standings(here.ledger.base).get(station.id, ("", 0, 0))
    whole = _plain(station) | _equipment(station) | {"precise": precise}
    place = {"frame": station.frame, "epoch": station.epoch, **_place(station)}
    whole["place"] = place if precise else coarse(place)
    whole |= _stands(*stands)
    if as_json:
        document(whole)
        return DONE
    made = table(f"station 站点 {station.id}", "", "")
    for key, value in whole.items():
        if value not in (None, "", {}, []):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            made.add_row(key, shown(text))
    console().print(made)
    if not precise:
        note("the place is shown to 0.01 degree; a supervisor sees it with --precise, which is put down "
             "坐标仅精确到 0.01 度；监管员可用 --precise 查看，并留痕")  # fmt: skip
    return DONE


def history_command(where: Where, id: str, precise: bool, as_json: bool) -> int:
    """What was changed of a station, or of all, by whom and when."""
    with office(where) as here:
        if precise:
            allow_precise(here, f"history of {id or 'all stations'}")
        changes = history(here.ledger.base, id or None)
    told = [
        {
            "station": one.station, "at": utc(one.at_ns), "actor": one.actor, "role": one.role,
            "action": one.action, "detail": dict(one.detail) if precise else _coarse(one.detail),
        }
        for one in changes
    ]  # fmt: skip
    if as_json:
        document(told)
        return DONE
    made = table("history 变更历史", "at 时间", "station 站号", "who 何人", "what 变更", "detail 内容")
    for one, plain in zip(changes, told, strict=True):
        who = f"{one.actor} ({both(one.role, words.ROLE)})" if one.role in ROLES else one.actor
        detail = json.dumps(plain["detail"], ensure_ascii=False)
        made.add_row(minute_of(one.at_ns), *map(shown, (one.station, who, one.action, detail)))
    console().print(made)
    return DONE


def status_command(where: Where, as_json: bool) -> int:
    """How many stations stand how, by operator; 1 where somebody has to look after one."""
    stations = stations_of(where)
    with office(where) as here:
        stands, now_ns = standings(here.ledger.base), here.now_ns
    operators: dict[str, Counter[str]] = {}
    for one in stations:
        operators.setdefault(one.operator, Counter())[stands.get(one.id, ("", 0, 0))[0] or "filed"] += 1
    total = sum(operators.values(), Counter[str]())
    looked_ns = max((looked for _, _, looked in stands.values()), default=0)
    bad = sum(count for name, count in total.items() if name not in GOOD)
    age_s = (now_ns - looked_ns) / 1e9 if looked_ns else None
    if as_json:
        document(
            {
                "looked": utc(looked_ns),
                "looked_age_s": None if age_s is None else round(age_s, 1),
                "total": dict(total),
                "operators": {name: dict(counts) for name, counts in sorted(operators.items())},
            }
        )
        return WRONG if bad else DONE
    made = table("register 备案状况", "operator 单位", "status 状况", ">stations 站数")
    for name, counts in sorted(operators.items()):
        for status in STANDINGS:
            if counts[status]:
                made.add_row(shown(name or "-"), both(status, WORDS), str(counts[status]))
    shell = console()
    shell.print(made)
    when = "nobody has looked 尚未监测" if age_s is None else f"looked 查看于 {minute_of(looked_ns)}"
    shell.print(f"{len(stations)} stations 站, {bad} to look after 待查; {when}", markup=False)
    return WRONG if bad else DONE


def _plain(station: Station) -> dict[str, Any]:
    """What everybody may see."""
    permit, filing = station.permit, station.filing
    return {
        "id": station.id,
        "name": station.name,
        "name_en": station.name_en,
        "operator": station.operator,
        "county": station.county,
        "invented": station.invented,
        "enabled": station.enabled,
        "filing": filing.model_dump(mode="json") if filing else None,
        "permit": permit.model_dump(mode="json") if permit else None,
        "has_place": station.ecef_m is not None,
    }


def _equipment(station: Station) -> dict[str, Any]:
    """For show: what the equipment is, and what should be sent."""
    receiver, antenna = station.receiver, station.antenna
    return {
        "receiver": receiver.model_dump() if receiver else None,
        "antenna": antenna.model_dump() if antenna else None,
        "systems": station.systems,
        "signals": {system: list(codes) for system, codes in station.signals.items()},
    }


def _place(station: Station) -> dict[str, Any]:
    """The registered place as it was filed, in either form."""
    with open(station.file, encoding="utf-8") as file:
        filed = read_toml(file.read()).get("coordinates", {})
    return {key: value for key, value in filed.items() if key not in ("frame", "epoch")}


def _stands(status: str, since_ns: int, looked_ns: int) -> dict[str, Any]:
    return {"status": status or None, "since": utc(since_ns), "looked": utc(looked_ns)}


def _coarse(detail: Any) -> Any:
    """Of a change: each key with both values, places not nearer than everybody may know."""
    keys = detail.get("keys")
    if not isinstance(keys, dict):
        return coarse(detail)
    told = {key: [coarse(value, key.rpartition(".")[2]) for value in values] for key, values in keys.items()}
    return {**detail, "keys": told}
