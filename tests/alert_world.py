"""A province on the air with labelled faults, the daemon, Prometheus, Alertmanager and who is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from alert_scaling import scaled
from peers import free_port
from waiting import until

ROOT = Path(__file__).parents[1]
HNCORS = (sys.executable, "-m", "hncors")
MORE = """
[signals]
C = ["2I", "6I", "1P", "5P", "7D"]

[permit]
number = "ended"
begins = 2020-01-01
ends = 2021-01-01
"""
"""Of a station's file: what it promises of BeiDou-3, and a permit that is over, a lead of rule E13."""
RULES = ("hncors.recording.yml", "hncors.alerts.yml")


class Told:
    """Whoever Alertmanager tells: webhooks and e-mails, in the order they came."""

    def __init__(self) -> None:
        self.webhooks: list[dict[str, Any]] = []
        self.mails: list[EmailMessage] = []

    async def webhook(self, request: web.Request) -> web.Response:
        self.webhooks.append(await request.json())
        return web.Response()

    async def mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As little of RFC 5321 as it takes to be handed a message."""
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                mail = message_from_string(text.decode(), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                self.mails.append(mail)
            writer.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
        writer.close()

    def groups(self, status: str) -> dict[tuple[str, str], list[list[tuple[str, str]]]]:
        """Notifications of a status by cause and county: alert and station of each alert in them."""
        found: dict[tuple[str, str], list[list[tuple[str, str]]]] = {}
        for one in self.webhooks:
            if one["status"] == status:
                labels = one["groupLabels"]
                key = labels.get("cause", ""), labels.get("county", "")
                alerts = [
                    (alert["labels"]["alertname"], alert["labels"].get("station", ""))
                    for alert in one["alerts"]
                    if alert["status"] == status
                ]
                found.setdefault(key, []).append(sorted(alerts))
        return found


async def ask(
    session: aiohttp.ClientSession, address: str, expression: str, at_s: float | None = None
) -> list[dict[str, Any]]:
    """What Prometheus answers to an instant query; nothing while it does not listen yet."""
    asked = {"query": expression} | ({} if at_s is None else {"time": f"{at_s:.3f}"})
    try:
        async with session.get(f"{address}/api/v1/query", params=asked) as response:
            answer = await response.json()
    except (aiohttp.ClientConnectionError, aiohttp.ContentTypeError):
        return []
    assert answer["status"] == "success", (expression, answer)
    found = answer["data"]["result"]
    assert isinstance(found, list)
    return found


class World(NamedTuple):
    """What runs, and where to ask it."""

    told: Told
    session: aiohttp.ClientSession
    prometheus: str
    alertmanager: str
    daemon: asyncio.subprocess.Process
    folder: Path

    async def query(self, expression: str) -> list[dict[str, Any]]:
        return await ask(self.session, self.prometheus, expression)

    async def ready(self) -> bool:
        """Prometheus has seen the daemon, and Alertmanager answers."""
        try:
            await self.alerts()
            return bool(await self.query('up{job="hncors"} == 1'))
        except (aiohttp.ClientConnectionError, aiohttp.ContentTypeError):
            return False

    async def firing(self) -> set[tuple[str, str]]:
        """Alert and station (or "") of what fires."""
        rows = await self.query('ALERTS{alertstate="firing"}')
        return {(row["metric"]["alertname"], row["metric"].get("station", "")) for row in rows}

    async def silence(self, alertname: str, station: str) -> str:
        """The id of a silence for a station's alert, of an hour."""
        matchers = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in (("alertname", alertname), ("station", station))
        ]
        times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2120-01-01T00:00:00Z"}
        body = {"matchers": matchers, **times, "createdBy": "test", "comment": "known"}
        async with self.session.post(f"{self.alertmanager}/api/v2/silences", json=body) as response:
            assert response.status == 200, await response.text()
            return str((await response.json())["silenceID"])

    async def alerts(self) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.alertmanager}/api/v2/alerts") as response:
            found: list[dict[str, Any]] = await response.json()
            return found


@contextlib.asynccontextmanager
async def program(
    *command: object, log: Path, stdout: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that is ended when the block is left, whatever happens."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *map(str, command), stdin=asyncio.subprocess.DEVNULL, stderr=out,
            stdout=asyncio.subprocess.PIPE if stdout else out,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 8)
            except TimeoutError:
                process.kill()
                await process.wait()


def write_rules(folder: Path, factor: float) -> None:
    """The product's rules, made fast."""
    for name in RULES:
        text = (ROOT / "configs/prometheus" / name).read_text(encoding="utf-8")
        (folder / name).write_text(scaled(text, factor), encoding="utf-8")


def write_prometheus(folder: Path, factor: float, daemon: int, alertmanager: int) -> Path:
    """The product's configuration, made fast, with the ports of this run."""
    write_rules(folder, factor)
    text = scaled((ROOT / "configs/prometheus/prometheus.yml").read_text(encoding="utf-8"), factor)
    text = text.replace("127.0.0.1:9816", f"127.0.0.1:{daemon}")
    (folder / "prometheus.yml").write_text(
        text.replace("127.0.0.1:9093", f"127.0.0.1:{alertmanager}"), encoding="utf-8"
    )
    return folder / "prometheus.yml"


def write_alertmanager(folder: Path, factor: float, webhook: int, mail: int) -> Path:
    """The same of Alertmanager, its words untouched."""
    source = ROOT / "configs/alertmanager"
    (folder / "hncors.tmpl").write_bytes((source / "hncors.tmpl").read_bytes())
    # What belongs to one cause fires within a few evaluations, which are not made faster than twice a second.
    text = scaled((source / "alertmanager.yml").read_text(encoding="utf-8"), factor, shortest_s=3.0)
    text = text.replace("127.0.0.1:9095", f"127.0.0.1:{webhook}").replace("127.0.0.1:25", f"127.0.0.1:{mail}")
    (folder / "alertmanager.yml").write_text(text, encoding="utf-8")
    return folder / "alertmanager.yml"


def put_counties(stations: Path, counties: dict[str, str]) -> None:
    """Say in the simulated stations' files which county they are of, and MORE of those that have one."""
    for path in stations.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        county = counties.get(path.stem, "")
        text = re.sub("^id = .*$", rf'\g<0>\ncounty = "{county}"', text, flags=re.M)
        path.write_text(text + (MORE if county else ""), encoding="utf-8")


async def _ready(session: aiohttp.ClientSession, port: int) -> bool:
    with contextlib.suppress(aiohttp.ClientConnectionError):
        async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
            return response.status == 200
    return False


@contextlib.asynccontextmanager
async def world(
    scenario: str, folder: Path, peer: Callable[[str], str], counties: dict[str, str], factor: float
) -> AsyncIterator[World]:
    """Everything running, from when the daemon listens."""
    told, web_port, am_port, query_port = Told(), free_port(), free_port(), free_port()
    (folder / "scenario.toml").write_text(scenario, encoding="utf-8")
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        hooks = web.Application()
        hooks.router.add_post("/{receiver}", told.webhook)
        runner = web.AppRunner(hooks)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        mails = await asyncio.start_server(told.mail, "127.0.0.1", 0)
        stack.callback(mails.close)
        hook_port, mail_port = runner.addresses[0][1], mails.sockets[0].getsockname()[1]
        air = await enter(
            program(
                *HNCORS,
                "simulate",
                folder / "scenario.toml",
                "--serve",
                "127.0.0.1:0",
                "--out",
                folder / "air",
                "--json",
                log=folder / "air.log",
                stdout=True,
            )
        )
        assert air.stdout is not None
        json.loads(await asyncio.wait_for(air.stdout.readuntil(b"}"), 20))
        put_counties(folder / "air/stations", counties)
        with (folder / "air/hncors.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'[web]\nlisten = "127.0.0.1:{web_port}"\n[links]\nown_casters = ["127.0.0.1"]\n'
                '[ledger]\nfile = "ledger.sqlite3"\n[record]\nfolder = "recordings"\nquota_gb = 1\n'
            )
        manager = write_alertmanager(folder, factor, hook_port, mail_port)
        scrape = write_prometheus(folder, factor, web_port, am_port)
        daemon = await enter(
            program(*HNCORS, "run", "-c", folder / "air/hncors.toml", log=folder / "daemon.log")
        )
        session = await enter(aiohttp.ClientSession())
        await until(lambda: _ready(session, web_port), 20)
        await enter(
            program(
                peer("prometheus-alertmanager"),
                f"--config.file={manager}",
                f"--storage.path={folder / 'am'}",
                f"--web.listen-address=127.0.0.1:{am_port}",
                "--cluster.listen-address=",
                log=folder / "alertmanager.log",
            )
        )
        whole = scrape.read_text(encoding="utf-8")
        # It scrapes for the first time five seconds after its start: until then nobody is to be told.
        scrape.write_text(re.sub(r"^rule_files:\n(?: +- .*\n)+", "", whole, flags=re.M), encoding="utf-8")
        prometheus = await enter(
            program(
                peer("prometheus"),
                f"--config.file={scrape}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{query_port}",
                log=folder / "prometheus.log",
            )
        )
        addresses = (f"http://127.0.0.1:{query_port}", f"http://127.0.0.1:{am_port}")
        made = World(told, session, *addresses, daemon, folder)
        await until(made.ready, 20)
        scrape.write_text(whole, encoding="utf-8")
        prometheus.send_signal(signal.SIGHUP)
        yield made
