"""The lessons in the browser: found at once, in their order, and one leads to the next."""

from pathlib import Path

import pytest

from nodegraph.cli.lessons import every_lesson
from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, expect

from nodegraph.about import About
from tests.browser.steps import SCHEMES, emptied, opened

pytestmark = pytest.mark.browser
NAMES = [f"lessons/{lesson.name}" for lesson in every_lesson()]
TITLES: list[About] = [lesson.about for lesson in every_lesson()]


def tab(number: int) -> str:
    """The title of a lesson as the name of a tab."""
    return TITLES[number].title


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_lessons_are_shown_in_order_with_a_sentence_and_nothing_else(
    page: Page, server: Server, tmp_path: Path, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    opened(page, server).get_by_role("button", name="Learn", exact=True).click()
    dialog = page.get_by_role("dialog", name="Learn")
    expect(dialog.locator("[data-template]")).to_have_count(len(NAMES))
    shown = dialog.locator("[data-template]").evaluate_all("all => all.map(each => each.dataset.template)")
    assert shown == NAMES
    expect(dialog.locator("[data-template]").first).to_contain_text(TITLES[0].text)
    page.wait_for_timeout(500)
    page.screenshot(path=tmp_path / f"learn-{scheme}.png")


def test_they_are_offered_on_an_empty_canvas_in_the_menu_and_by_a_key(page: Page, server: Server) -> None:
    emptied(opened(page, server))
    page.locator(".hints").get_by_role("button", name="Learn").click()
    dialog = page.get_by_role("dialog", name="Learn")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("menuitem", name="Learn").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+l")
    expect(dialog).to_be_visible()


def test_a_lesson_leads_to_the_next_and_the_last_to_all_of_them(page: Page, server: Server, tmp_path: Path) -> None:
    opened(page, server).get_by_role("button", name="Learn", exact=True).click()
    page.locator(f"[data-template='{NAMES[-2]}']").click()
    expect(page.locator(".tab.active .name")).to_have_text(tab(-2))
    page.get_by_role("button", name="Next lesson").click()
    expect(page.locator(".tab.active .name")).to_have_text(tab(-1))
    page.screenshot(path=tmp_path / "lesson.png")
    page.get_by_role("button", name="Next lesson").click()
    expect(page.get_by_role("dialog", name="Learn")).to_be_visible()


def test_an_address_opens_a_lesson_once(page: Page, server: Server) -> None:
    page.goto(f"{server.origin}/?template={NAMES[0]}")
    expect(page.locator(".tab.active .name")).to_have_text(tab(0))
    assert page.url == f"{server.origin}/"


def test_an_address_of_no_lesson_says_so(page: Page, server: Server) -> None:
    page.goto(f"{server.origin}/?template=lessons/none")
    expect(page.locator(".notice")).to_contain_text("lessons/none")
