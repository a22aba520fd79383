"""The pages in a real browser (Debian's Chromium), and what axe-core finds in them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from daemon_process import REFUSE, epochs
from playwright.async_api import Browser, Page, async_playwright
from waiting import until
from web_world import PASSWORD, World, world

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
)
PAGES = ("/", "/stations", "/stations/A", "/stations/D", "/events", "/cases", "/cases/1", "/screen", "/login")
LOOKS = (
    ("zh", "light", 1280, 900),
    ("en", "dark", 1280, 900),
    ("zh", "dark", 390, 844),
    ("en", "light", 390, 844),
)
AXE = (Path(__file__).parent / "axe/axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")
Peer = Callable[[str], str]


@contextlib.asynccontextmanager
async def chromium(peer: Peer) -> AsyncIterator[Browser]:
    async with async_playwright() as made:
        browser = await made.chromium.launch(executable_path=peer("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Watch:
    """A page, and everything in it that should not be."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.odd = page, list[str]()
        page.on("request", lambda asked: self._asked(asked.url, base))
        page.on("console", lambda said: said.type in ("error", "warning") and self.odd.append(said.text))
        page.on("pageerror", lambda fault: self.odd.append(str(fault)))

    def _asked(self, url: str, base: str) -> None:
        if not url.startswith((base + "/", "data:")):
            self.odd.append(f"asked {url}")


@contextlib.asynccontextmanager
async def visit(
    browser: Browser, base: str, language: str, scheme: Any, width: int, height: int
) -> AsyncIterator[Watch]:
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    await context.add_cookies([{"name": "language", "value": language, "url": base}])
    try:
        yield Watch(await context.new_page(), base)
    finally:
        await context.close()


async def sign_in(page: Page, base: str, user: str) -> None:
    await page.goto(f"{base}/login")
    await page.fill("[name=user]", user)
    await page.fill("[name=password]", PASSWORD)
    await page.click("form.login button")
    await page.wait_for_url(f"{base}/")


async def ready(its: World) -> None:
    async def streaming() -> bool:
        states = await its.daemon.states()
        return states.get("A") == states.get("B") == "streaming"

    await until(streaming)


async def test_pages_render_alone_in_both_languages_schemes_and_widths(peer: Peer, tmp_path: Path) -> None:
    async with world(tmp_path) as its, chromium(peer) as browser:
        await ready(its)
        for language, scheme, width, height in LOOKS:
            async with visit(browser, its.base, language, scheme, width, height) as watch:
                page = watch.page
                await sign_in(page, its.base, "liu")
                for path in PAGES[:-1]:
                    where = f"{path} {language} {scheme} {width}"
                    answer = await page.goto(its.base + path)
                    assert answer is not None and answer.status == 200, where
                    assert (
                        await page.evaluate("document.documentElement.lang")
                        == {"zh": "zh-CN", "en": "en"}[language]
                    ), where
                    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    assert await page.evaluate(overflow) <= 0, f"{where}: wider than the window"
                    assert await page.locator("h1").count() >= 1 or path == "/screen", where
                    assert not watch.odd, f"{where}: {watch.odd}"
                    if (language, scheme, width) in (("zh", "light", 1280), ("en", "dark", 1280)):
                        await without_barriers(page, where)


async def without_barriers(page: Page, where: str) -> None:
    """axe-core 4.14.1 finds nothing serious."""
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    bad = [
        (one["id"], one["impact"], [node["html"][:160] for node in one["nodes"][:2]])
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]
    assert not bad, f"{where}: {bad}"


async def test_the_page_to_sign_in_and_what_strangers_see(peer: Peer, tmp_path: Path) -> None:
    async with (
        world(tmp_path) as its,
        chromium(peer) as browser,
        visit(browser, its.base, "zh", "light", 390, 844) as watch,
    ):
        for path in ("/", "/stations", "/stations/A", "/login"):
            await watch.page.goto(its.base + path)
            await without_barriers(watch.page, path)
            assert "WILD" not in await watch.page.content()
        assert not watch.odd


async def test_a_change_is_on_the_page_within_two_seconds(peer: Peer, tmp_path: Path) -> None:
    over = asyncio.Event()

    async def for_a_while(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if over.is_set():
            await REFUSE(reader, writer)
            return
        sending = asyncio.create_task(epochs(reader, writer))
        await over.wait()
        sending.cancel()

    async with world(tmp_path, B=for_a_while) as its, chromium(peer) as browser:
        await ready(its)
        async with visit(browser, its.base, "en", "light", 1280, 900) as watch:
            page = watch.page
            await sign_in(page, its.base, "wang")
            await page.goto(f"{its.base}/stations")
            row = page.locator("tr", has=page.locator("a[href='/stations/B']"))
            await row.get_by_text("streaming").first.wait_for()
            over.set()

            async def refused() -> bool:
                return (await its.daemon.states())["B"] not in ("streaming", "connecting")

            async def told() -> bool:
                return "streaming" not in await row.inner_text()

            await until(refused)
            began_s = time.monotonic()
            await until(told)
            assert time.monotonic() - began_s < 2.0
            assert not watch.odd


async def test_a_case_from_finding_to_sign_off_by_clicking(peer: Peer, tmp_path: Path) -> None:
    async with world(tmp_path) as its, chromium(peer) as browser:
        async with visit(browser, its.base, "en", "light", 1280, 900) as watch:
            page = watch.page
            await sign_in(page, its.base, "liu")
            await page.goto(f"{its.base}/cases")
            await page.click("main a[href='/cases/1']")
            steps: tuple[tuple[str, dict[str, str]], ...] = (
                ("examine", {"text": "looked at the stream"}),
                ("dispatch", {"county": "长沙市", "text": "to the county"}),
                ("confirm", {"checked_on": "2026-11-20", "text": "a base on the roof", "by": "Zhao"}),
                ("handle", {"text": "filed since", "by": "Zhao"}),
                ("sign_off", {"text": "checked"}),
            )
            for step, fields in steps:
                form = page.locator(f"details[data-step={step}]")
                await form.locator("summary").click()
                for name, value in fields.items():
                    await form.locator(f"[name={name}]").fill(value)
                async with page.expect_navigation():
                    await form.locator("button[type=submit]").click()
                assert await page.locator("[role=alert]").count() == 0, await page.locator(
                    "[role=alert]"
                ).all_inner_texts()
            assert await page.get_by_text("signed off").count() >= 1
            assert not watch.odd
        told = await its.daemon.session.get("/api/v1/cases")
        assert told.status in (200, 401, 403)
