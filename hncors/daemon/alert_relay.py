"""Alertmanager's notifications handed on to robots of chats, which want bodies that it cannot make.

What a robot does not take is answered with 502, so that Alertmanager tries again. Addresses and secrets of
robots are read anew for each message, are told to nobody, and are in no line of the log.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import web

from hncors.daemon.configuration import ConfigurationError, first_line
from hncors.settings import parse_listen, problem, read_table
from hncors.settings_relay import Relay, Robot
from hncors.text import printable
from hncors.view.notices import BODIES, Notice, body, notice

WITHIN_S = 10.0
MOST_BYTES = 4 << 20  # of a notification
MOST_ANSWER = 4096

log = logging.getLogger("hncors")


class Told(NamedTuple):
    """A robot and the template of its bodies."""

    robot: Robot
    template: str


def load(path: Path) -> tuple[Relay, dict[str, Told]]:
    """Raises ConfigurationError with every problem."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigurationError([f"{path}: {fault}: expected the relay's configuration"]) from None
    relay, problems = read_table(Relay, text, str(path))
    if relay is None:
        raise ConfigurationError(problems)
    found: dict[str, Told] = {}
    for number, robot in enumerate(relay.robots):
        key = f"robots.{number}"
        template = BODIES.get(robot.kind, "")
        if robot.receiver in found:
            problems.append(problem(str(path), f"{key}.receiver", robot.receiver, "each receiver once"))
        if robot.kind == "template" and robot.template_file is None:
            problems.append(f"{path}: {key}.template_file: missing: expected a file with a body's template")
        if robot.template_file is not None:
            try:
                template = (path.parent / robot.template_file).read_text(encoding="utf-8")
                body(template, Notice("t", "m", "firing"))
            except (OSError, ValueError, KeyError) as fault:
                expected = "a body in JSON with $title, $markdown and $status"
                told = problem(str(path), f"{key}.template_file", robot.template_file, expected)
                problems.append(f"{told}: {printable(str(fault), 100)}")
        found[robot.receiver] = Told(robot, template)
    if problems:
        raise ConfigurationError(problems)
    return relay, found


def signed(url: str, secret: str, now_ms: int) -> str:
    """A DingTalk address with its signature: HMAC-SHA256 of time and secret (custom robots, security)."""
    text = f"{now_ms}\n{secret}".encode()
    made = quote(base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()), safe="")
    return f"{url}{'&' if urlsplit(url).query else '?'}timestamp={now_ms}&sign={made}"


class Relaying:
    """The web server that Alertmanager posts to."""

    def __init__(self, folder: Path, robots: dict[str, Told]) -> None:
        self._folder, self._robots = folder, robots

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/{receiver}", self.hand_on)
        app.router.add_get("/healthz", self.healthz)
        return app

    async def healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def hand_on(self, request: web.Request) -> web.Response:
        told = self._robots.get(request.match_info["receiver"])
        if told is None:
            return web.Response(status=404, text="no such receiver\n")
        try:
            made = body(told.template, notice(await request.json()))
        except (ValueError, AttributeError, TypeError, KeyError):
            return web.Response(status=400, text="no notification of Alertmanager\n")
        failed = await self._post(told.robot, made)
        if failed:
            log.warning("relay: %s: %s", told.robot.receiver, printable(failed, 200))
            return web.Response(status=502, text="the robot did not take it\n")
        return web.Response(text="ok\n")

    async def _post(self, robot: Robot, made: bytes) -> str:
        """Why it failed, "" where it did not; never an address."""
        try:
            url = first_line(self._folder / robot.url_file)
            if robot.secret_file is not None:
                secret = first_line(self._folder / robot.secret_file)
                url = signed(url, secret, time.time_ns() // 1_000_000)
        except (OSError, ValueError) as fault:
            return f"url_file or secret_file cannot be read: {getattr(fault, 'strerror', None) or fault}"
        limit = aiohttp.ClientTimeout(total=WITHIN_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(
                    url, data=made, headers={"Content-Type": "application/json"}, allow_redirects=False
                ) as response,
            ):
                answer = await response.content.read(MOST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            return type(fault).__name__
        if response.status != 200:
            return f"status {response.status}"
        try:  # both robots answer 200 and say in the body what was wrong
            code = json.loads(answer).get("errcode", 0)
        except (ValueError, AttributeError):
            code = 0
        return f"errcode {code}" if code else ""


async def run(path: Path, ready: Callable[[str], None]) -> None:
    """Hand on until SIGTERM or SIGINT.  Raises ConfigurationError."""
    relay, robots = load(path)
    at = parse_listen(relay.listen)
    runner = web.AppRunner(Relaying(path.parent, robots).app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, at.host, at.port).start()
        except OSError as fault:
            expected = f"an address that is free ({fault.strerror})"
            raise ConfigurationError([problem(str(path), "listen", relay.listen, expected)]) from None
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        host, port = runner.addresses[0][:2]
        ready(f"http://{host}:{port}")
        await stop.wait()
    finally:
        await runner.cleanup()
