"""The bundle of a case, asked for on its page of a running daemon by one who may, and by others."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from daemon_process import Daemon, running
from test_bundle import kept, main
from test_web_api_schema import signed_in
from web_world import PASSWORD, USERS

from hncors.daemon.web_bundle import Bundles
from hncors.daemon.web_users import write_user
from hncors.supervise.cases import StepRefused

__all__ = ["kept"]


@pytest.fixture
async def daemon(kept: Path, tmp_path: Path) -> AsyncIterator[tuple[Daemon, str]]:
    """A daemon whose ledger has the case, and whose recordings the bytes."""
    folder = tmp_path / "office"
    shutil.copytree(kept, folder)
    config = folder / "hncors.toml"
    config.write_text(config.read_text() + '[web]\nlisten = "127.0.0.1:0"\nusers_file = "users.toml"\n')
    for name, role in USERS.items():
        write_user(folder / "users.toml", name, role, PASSWORD)
    async with running(config) as its:
        yield its, str(its.session._base_url).rstrip("/")


async def asked(session: aiohttp.ClientSession, csrf: str, number: int = 1) -> tuple[int, bytes, str]:
    async with session.post(f"/cases/{number}/bundle", data={"csrf": csrf}) as answer:
        return answer.status, await answer.read(), answer.headers.get("Content-Disposition", "")


async def test_a_supervisor_gets_a_bundle_that_shows_its_findings(
    daemon: tuple[Daemon, str], tmp_path: Path
) -> None:
    _, base = daemon
    session, csrf = await signed_in(base, "liu")
    async with session:
        async with session.get("/cases/1") as page:
            assert 'action="/cases/1/bundle"' in await page.text()
        status, data, name = await asked(session, csrf)
        assert (status, name) == (200, 'attachment; filename="case-1.zip"')
        status, told, _ = await asked(session, csrf, 99)
        assert status == 404 and not told.startswith(b"PK")
        async with session.get("/healthz") as answer:
            assert answer.status == 200
    (tmp_path / "got.zip").write_bytes(data)
    assert main(["cases", "verify", str(tmp_path / "got.zip")]) == 0
    admin, _ = await signed_in(base, "root")
    async with admin, admin.get("/admin") as page:
        assert "bundle of case 1, precise" in await page.text()


async def test_nobody_else_gets_one(daemon: tuple[Daemon, str]) -> None:
    _, base = daemon
    session, csrf = await signed_in(base, "wang")
    async with session:
        async with session.get("/cases/1") as page:
            assert "/cases/1/bundle" not in await page.text()
        status, data, _ = await asked(session, csrf)
        assert status == 403 and not data.startswith(b"PK")
    session, csrf = await signed_in(base, "liu")
    async with session:
        assert (await asked(session, "x" * 32))[0] == 403
    async with aiohttp.ClientSession(base) as stranger:
        assert (await asked(stranger, csrf))[0] in (401, 403)


async def test_what_cannot_be_made_is_told_on_the_page(daemon: tuple[Daemon, str], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "office/recorded")
    session, csrf = await signed_in(daemon[1], "liu")
    async with session:
        status, data, _ = await asked(session, csrf)
    assert status == 409 and b"expected recordings of WILD" in data


async def test_no_more_than_so_many_wait(tmp_path: Path) -> None:
    its = Bundles(tmp_path / "none.toml", None)
    its._asked = 4
    with pytest.raises(StepRefused, match="4 bundles are waited for"):
        await its.answer(1, "liu")
    its._asked = 0
    with pytest.raises(StepRefused, match=r"none\.toml"):
        await its.answer(1, "liu")
    assert its._asked == 0
