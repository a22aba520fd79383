"""The pictures of docs/screens: the demo's pages in a real browser, after some minutes: `make screens`.

    python scripts/screens.py [--minutes N] [--chromium PROGRAM]

Chinese characters need a font (Debian: fonts-noto-cjk). pngquant makes the pictures small where it is there.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
SCREENS = ROOT / "docs/screens"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
)
PICTURES = (  # file, page, language, colours, width, height, all of it
    ("overview-zh", "/", "zh", "light", 1280, 900, False),
    ("overview-en", "/", "en", "light", 1280, 900, False),
    ("overview-dark", "/", "en", "dark", 1280, 900, False),
    ("station", "/stations/CSHA", "zh", "light", 1280, 900, True),
    ("events", "/events", "en", "light", 1280, 800, False),
    ("cases", "/cases", "zh", "light", 1280, 700, False),
    ("case", "/cases/{case}", "zh", "light", 1280, 900, True),
    ("screen", "/screen", "zh", "dark", 1920, 1080, False),
    ("phone", "/", "zh", "light", 390, 844, False),
)


def take(browser: Browser, base: str, picture: tuple[str, str, str, str, int, int, bool]) -> None:
    """One picture."""
    name, path, language, colours, width, height, whole = picture
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=colours)
    context.add_cookies([{"name": "language", "value": language, "url": base}])
    page = context.new_page()
    page.goto(base + path.format(case=first_case(base)))
    page.wait_for_timeout(1500)  # for plots that a script draws
    file = SCREENS / f"{name}.png"
    page.screenshot(path=str(file), full_page=whole)
    context.close()
    if program := shutil.which("pngquant"):
        subprocess.run([program, "--force", "--strip", "--output", str(file), "64", str(file)], check=True)
    print(f"{file.relative_to(ROOT)} {file.stat().st_size // 1000} kB", flush=True)


def pictures(chromium: str, base: str) -> None:
    """All of them."""
    with sync_playwright() as made:
        browser = made.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for picture in PICTURES:
            take(browser, base, picture)
        browser.close()


def first_case(base: str) -> int:
    """The case of the unfiled station, else the first there is."""
    with urllib.request.urlopen(f"{base}/api/v1/cases") as answer:
        cases = json.load(answer)
    return next((case["id"] for case in cases if "WILD" in case["subject"]), 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="before the pictures are taken")
    parser.add_argument("--base", default="", help="of a demo that runs already, http://127.0.0.1:9816")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    options = parser.parse_args()
    SCREENS.mkdir(exist_ok=True)
    if options.base:
        pictures(options.chromium, options.base)
        return
    command = [
        Path(sys.executable).parent / "hncors",
        "demo",
        "--seconds",
        str(int(options.minutes * 60 + 300)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            base = ""
            while not base and demo.stdout is not None:
                found = re.search(r"pages and metrics at (http://\S+)", demo.stdout.readline())
                base = found[1] if found else ""
            # It must not wait for whoever reads what it says.
            threading.Thread(target=lambda: demo.stdout and demo.stdout.read(), daemon=True).start()
            time.sleep(60 * options.minutes)
            pictures(options.chromium, base)
        finally:
            demo.terminate()


if __name__ == "__main__":
    main()
