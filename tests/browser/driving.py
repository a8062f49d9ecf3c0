"""A real Chromium without a window, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `make test` needs no Playwright
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP evil.test 127.0.0.1",
)  # fmt: skip
WIDTH, HEIGHT = 1280, 800
MILLISECONDS = 20_000
# A refused request may be what a test is about; whoever asked tells people, so the console's line adds nothing.
NETWORK = ("Failed to load resource", "WebSocket connection to")


def program() -> str | None:
    """Where the browser is; None if there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Generator[Browser]:
    """A browser of its own, gone afterwards; while it is there, its thread can run no other event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def blank_page(browser: Browser) -> Generator[Page]:
    """A page with storage of its own."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.set_default_timeout(MILLISECONDS)
    try:
        yield context.new_page()
    finally:
        context.close()


def complaints(page: Page) -> list[str]:
    """A list that gets every error and warning of the console, and every exception, from now on."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(f"{error}"))
    page.on(
        "console",
        lambda message: (
            said.append(message.text)
            if message.type in ("error", "warning") and not message.text.startswith(NETWORK)
            else None
        ),
    )
    return said
