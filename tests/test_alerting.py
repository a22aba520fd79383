"""Faults on the air, and who is told of them: the daemon, Prometheus and Alertmanager as they are installed.

A simulated province goes wrong in several ways at known seconds. The product's own rules, routes and words
are used, with their waits divided (alert_scaling.py); what fires is to be exactly what was broken.
"""

import asyncio
import json
import re
import subprocess
import time

import aiohttp
import alert_hours
import pytest
from alert_scaling import scaled
from alert_world import ROOT, Told, World, ask, program, world
from peers import free_port
from waiting import until

from hncors.view.notices import BODIES, body, notice

FACTOR = 30
BEGIN_S, END_S = 34, 49  # by then each station was looked at for what it owes, every half minute
ON_S = {"begin_s": BEGIN_S, "end_s": END_S}
DASHBOARDS = sorted((ROOT / "configs/grafana/dashboards").glob("*.json"))
COUNTIES = {
    **dict.fromkeys(("CSHA", "ZHZH", "XTAN"), "岳麓区"), "HYNG": "雁峰区", "SHYG": "大祥区", "YIYG": "大祥区",
    "YYNG": "岳阳楼区", "CHDE": "武陵区", "ZJJE": "永定区", "YZHO": "零陵区",
}  # fmt: skip


def fault(kind: str, **more: object) -> str:
    """A table of the scenario's faults."""
    rows = {"kind": kind, **ON_S, **more}
    written = (
        f"{key} = {{ {', '.join(f'{k} = {v}' for k, v in value.items())} }}"
        if isinstance(value, dict)
        else f"{key} = {json.dumps(value)}"
        for key, value in rows.items()
    )
    return "\n[[faults]]\n" + "\n".join(written) + "\n"


SCENARIO = (
    """
name = "alerts"
start = "2026-03-02T06:00:00"
seconds = 120
seed = 8
[network]
count = 14
station_s = 2
[truth]
epochs_every_s = 60
cells_every_s = 600
[[stations]]
id = "ZJJE"
bds3 = false
[[stations]]
id = "WILD"
latitude_deg = 27.95
longitude_deg = 112.70
height_m = 90
filed = false
"""
    + fault("outage", stations=["CSHA", "ZHZH"])
    + fault("refuse", stations=["HYNG"], parameters={"status": 401})
    + fault("wrong_reference_point", stations=["SHYG", "YIYG"], parameters={"east_m": 3})
    + fault("missing_constellation", stations=["CHDE"], systems="E")
    + fault("jamming", stations=["YYNG"], parameters={"loss_db": 18})
    + fault("satellite_clock", satellites=["C61"], parameters={"step_m": 150})
    + fault("corruption", stations=["YZHO"], parameters={"probability": 0.0001}, begin_s=0, end_s=120)
    + fault("satellite_unhealthy", satellites=["C60"], begin_s=0, end_s=120)  # no alarm: it says so itself
)

NOW = {
    ("HncorsSatelliteFault", ""), ("HncorsReferencePoint", "SHYG"), ("HncorsReferencePoint", "YIYG"),
    ("HncorsSystemMissing", "CHDE"), ("HncorsStationRefused", "CSHA"), ("HncorsStationRefused", "ZHZH"),
    ("HncorsStationRefused", "HYNG"), ("HncorsInterference", "YYNG"),
}  # fmt: skip
"""What fires of the faults that begin and end."""
LASTING = {
    ("HncorsBds3Missing", "ZJJE"), ("HncorsFrameErrors", "YZHO"), ("HncorsRegisterDeviates", ""),
    ("HncorsLead", ""),
}  # fmt: skip
"""What comes of an old receiver, a line with errors, an unfiled station and permits that are over."""
AFTERWARDS = {("HncorsAvailabilityBurnFast", ""), ("HncorsAvailabilityBurnSlow", "")}
AFTERWARDS |= {("HncorsStationAvailability", station) for station in ("CSHA", "ZHZH", "HYNG")}
"""Three of fifteen stations were away for a part of the run that is no small part of the windows: 15 s of 90,
where 3 % are enough. All but the first wait for a quarter of an hour, here half a minute, of a long run."""
SILENCED = ("HncorsReferencePoint", "YIYG")
GROUPS = {
    ("satellite", ""): [("HncorsSatelliteFault", "")],
    ("position", "大祥区"): [("HncorsReferencePoint", "SHYG")],
    ("equipment", "武陵区"): [("HncorsSystemMissing", "CHDE")],
    ("link", "岳麓区"): [("HncorsStationRefused", "CSHA"), ("HncorsStationRefused", "ZHZH")],
    ("link", "雁峰区"): [("HncorsStationRefused", "HYNG")],
    ("interference", "岳阳楼区"): [("HncorsInterference", "YYNG")],
}
"""One notification for each cause and county, of what is not silenced."""
HOURS = {
    "ROTI：中位数与最差站", "相邻站间电离层变化差异", "多路径", "ROTI", "日均位置偏移",
}  # fmt: skip
"""Panels whose data take minutes or hours."""
LEADS = {"线索，按规则", "线索，按强度", "本次运行的发现"}
"""Panels of findings: the judge looks at each station once a minute."""


def panels() -> dict[tuple[str, str], list[str]]:
    """Queries of every panel by dashboard and Chinese title, with Grafana's variables put in."""
    found = {}
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            queries = [query["expr"] for query in panel.get("targets", [])]
            filled = [
                re.sub(r"\$(station|county)", ".*", query.replace("$__rate_interval", "5m"))
                for query in queries
            ]
            if filled:
                found[path.stem, panel["title"].split(" ")[0]] = filled
    return found


async def empty(
    told: World, which: set[str], *, others: bool, factor: float = FACTOR
) -> list[tuple[str, str]]:
    """Panels named, or all `others`, of which a query has no number."""
    missing = []
    for (dashboard, title), queries in panels().items():
        if (title in which) != others:
            for query in queries:
                rows = await told.query(scaled(query, factor))
                if not [row for row in rows if row["value"][1] != "NaN"]:
                    missing.append((dashboard, title))
    return missing


@pytest.mark.peer("prometheus", "prometheus-alertmanager")
async def test_who_is_told_of_what_when_a_province_goes_wrong(peer, tmp_path):
    async with world(SCENARIO, tmp_path, peer, COUNTIES, FACTOR) as it:
        seen: set[tuple[str, str]] = set()

        async def firing() -> set[tuple[str, str]]:
            now = await it.firing()
            seen.update(now)
            return now

        async def all_fire() -> bool:
            return await firing() >= NOW

        await it.silence(*SILENCED)
        assert await firing() == set()
        await until(all_fire, 60)
        assert await empty(it, HOURS | LEADS, others=True) == []

        async def told() -> bool:
            await firing()
            return set(GROUPS) <= set(it.told.groups("firing"))

        await until(told, 15)
        first = {key: all_of[0] for key, all_of in it.told.groups("firing").items()}
        assert {key: first[key] for key in GROUPS} == GROUPS
        assert {key for key in first if key not in GROUPS} <= {
            ("supervision", ""),
            ("equipment", "永定区"),
            ("link", "零陵区"),
        }
        (silenced,) = [one for one in await it.alerts() if one["labels"].get("station") == "YIYG"]
        assert silenced["status"]["state"] == "suppressed"
        assert len(silenced["status"]["silencedBy"]) == 1

        async def over() -> bool:
            return not await firing() & (NOW - {("HncorsInterference", "YYNG")})

        async def all_clear() -> bool:
            await firing()
            return set(GROUPS) - {("interference", "岳阳楼区")} <= set(it.told.groups("resolved"))

        await until(over, 25)
        await until(all_clear, 15)
        for key, notes in it.told.groups("firing").items():  # one a cause, however often it was looked at
            assert len([alerts for alerts in notes if alerts == GROUPS.get(key)]) <= 1
        assert not any(SILENCED in alerts for notes in it.told.groups("firing").values() for alerts in notes)

        async def lead() -> bool:
            return bool(await it.query("hncors_ledger_findings")) and ("HncorsLead", "") in await firing()

        await until(lead, 60)
        assert await empty(it, LEADS, others=False) == []
        assert NOW <= seen <= NOW | LASTING | AFTERWARDS
        mails_are_readable(it.told)
        for one in it.told.webhooks:  # what a chat would be told of each of them
            assert json.loads(body(BODIES["wecom"], notice(one)))["markdown"]["content"].startswith("### ")
    assert it.daemon.returncode == 0
    assert "Traceback" not in (tmp_path / "daemon.log").read_text(encoding="utf-8")


def mails_are_readable(told: Told) -> None:
    """The words of e-mails, by the template: Chinese, English, the runbook, in text and HTML."""
    by_subject = {str(mail["subject"]): mail for mail in told.mails}
    subject = next(one for one in by_subject if one.startswith("[告警") and "link 岳麓区" in one)
    mail = by_subject[subject]
    plain, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for text in (plain, page):
        assert "连接被拒或配置有误" in text
        assert "the caster refuses, or the link is configured wrongly" in text
        assert "runbooks/HncorsStationRefused.md" in text
    assert any(one.startswith("[恢复") for one in by_subject)


@pytest.mark.peer("prometheus", "promtool")
async def test_panels_of_minutes_and_hours_have_data(peer, tmp_path):
    end_s = time.time() - 5
    made = tmp_path / "hours.txt"
    made.write_text(alert_hours.openmetrics(end_s), encoding="utf-8")
    command = [peer("promtool"), "tsdb", "create-blocks-from", "openmetrics", made, tmp_path / "tsdb"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    (tmp_path / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    port = free_port()
    async with (
        program(
            peer("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
            log=tmp_path / "prometheus.log",
        ),
        aiohttp.ClientSession() as session,
    ):  # fmt: skip
        address = f"http://127.0.0.1:{port}"

        async def ready() -> bool:
            return bool(await ask(session, address, "hncors_station_info", end_s))

        await until(ready, 20)
        for (dashboard, title), queries in panels().items():
            for query in queries if title in HOURS else ():
                rows = await ask(session, address, query, end_s)
                assert [row for row in rows if row["value"][1] != "NaN"], (dashboard, title, query)
    names = {title for _, title in panels()}
    assert names >= HOURS | LEADS
