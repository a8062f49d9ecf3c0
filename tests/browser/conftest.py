"""What the browser tests share: a browser and a server a module, a page a test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.driving import MILLISECONDS, blank_page, chromium, complaints, program
from tests.server.serving import Server

if TYPE_CHECKING:  # `make test` needs no Playwright
    from playwright.sync_api import Browser, Page


# Not for the whole session: later tests run event loops, which they could not beside Playwright's.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; the tests that ask for it are skipped where there is none."""
    if program() is None:
        pytest.skip("needs chromium: apt-get install chromium")
    from playwright.sync_api import expect

    expect.set_options(timeout=MILLISECONDS)
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with the real nodes."""
    with tempfile.TemporaryDirectory(prefix="nodegraph-") as folder:
        running = Server(Path(folder) / "data", ()).start()
        try:
            yield running
        finally:
            running.reap()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that may be killed."""
    running = Server(tmp_path / "data", ()).start()
    try:
        yield running
    finally:
        running.reap()


@pytest.fixture
def stray_page(browser: Browser) -> Iterator[Page]:
    """A new page that may complain."""
    with blank_page(browser) as page:
        yield page


@pytest.fixture
def page(stray_page: Page) -> Iterator[Page]:
    """A new page that, at the end of the test, has not complained."""
    said = complaints(stray_page)
    yield stray_page
    stray_page.evaluate("1")  # what it has said until now has come here, then
    assert said == []
