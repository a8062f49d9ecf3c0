"""The worst case: the server is killed, and then the browser too."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import expect, sync_playwright

from tests.browser.driving import FLAGS, MILLISECONDS, program
from tests.browser.steps import field, opened, rewrite, saved

pytestmark = pytest.mark.browser
LOSS = 2.0  # seconds of work that a crash may take


def test_a_kill_of_browser_and_server_together_loses_less_than_two_seconds(own: Server, tmp_path: Path) -> None:
    """The server is gone, so that only the copy in the browser is left; then the browser is killed as well."""
    if program() is None:
        pytest.skip("needs chromium: apt-get install chromium")
    profile = tmp_path / "profile"

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=program(), args=FLAGS)
        page = context.pages[0]
        page.set_default_timeout(MILLISECONDS)
        opened(page, own)
        saved(page)
        own.kill()
        rewrite(page, "prompt.text", "kept through all of it")
        time.sleep(LOSS)
        subprocess.run(["pkill", "-KILL", "-f", f"user-data-dir={profile}"], check=True)
    own.start()
    with sync_playwright() as playwright:
        for lock in profile.glob("Singleton*"):
            lock.unlink()
        context = playwright.chromium.launch_persistent_context(profile, executable_path=program(), args=FLAGS)
        page = context.pages[0]
        page.set_default_timeout(MILLISECONDS)
        page.goto(own.origin)
        expect(field(page, "prompt.text")).to_have_value("kept through all of it")
        saved(page)
        context.close()
