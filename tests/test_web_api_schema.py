"""The API against its own description, by programs that read it: openapi-spec-validator and schemathesis."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from waiting import until
from web_world import PASSWORD, World, world


@pytest.fixture
async def its(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:

        async def streaming() -> bool:
            return (await made.daemon.states()).get("A") == "streaming"

        await until(streaming)
        yield made


async def signed_in(base: str, user: str) -> tuple[aiohttp.ClientSession, str]:
    """A session, and what it sends with requests that change something."""
    session = aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True))
    async with session.get("/login") as answer:
        (token,) = re.findall(r'name="csrf" value="([^"]+)"', await answer.text())
    fields = {"user": user, "password": PASSWORD, "csrf": token, "back": "/"}
    async with session.post("/login", data=fields, headers={"Origin": base}) as answer:
        assert answer.status == 200, await answer.text()
    async with session.get("/api/v1/me") as answer:
        return session, (await answer.json())["csrf"]


async def test_the_description_is_openapi_3_1(its: World) -> None:
    async with its.daemon.session.get("/api/v1/openapi.json") as answer:
        told: dict[str, Any] = await answer.json()
    assert told["openapi"].startswith("3.1")
    validate(told, cls=OpenAPIV31SpecValidator)


@pytest.mark.parametrize("user", ["", "liu"])
async def test_no_answer_is_a_fault_or_unlike_the_description(its: World, user: str, tmp_path: Path) -> None:
    """As a stranger and as a supervisor who takes steps: valid and invalid requests of each operation."""
    headers = []
    if user:
        session, csrf = await signed_in(its.base, user)
        cookies = "; ".join(f"{one.key}={one.value}" for one in session.cookie_jar)
        await session.close()
        headers = ["-H", f"Cookie: {cookies}", "-H", f"X-CSRF-Token: {csrf}", "-H", f"Origin: {its.base}"]
    program = Path(sys.executable).with_name("schemathesis")
    running = await asyncio.create_subprocess_exec(
        program, "run", f"{its.base}/api/v1/openapi.json", *headers,
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "1", "--no-color"),
        *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
        *("--checks", "response_schema_conformance,response_headers_conformance"),
        *("--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"),
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await running.communicate()
    assert running.returncode == 0, told.decode()[-6000:]
    assert re.search(r"Tested: *(\d+)", told.decode()) or b"passed" in told.lower(), told.decode()[-2000:]
    assert "ERROR" not in "".join(its.daemon.log), "".join(its.daemon.log)[-3000:]
