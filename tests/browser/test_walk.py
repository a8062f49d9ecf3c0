"""A random walk by hand: undoing all that people do leads back to the start, and redoing it to the end."""

import random
from typing import Any

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, expect

from tests.browser.steps import opened, saved

pytestmark = pytest.mark.browser
ACTIONS = 150
KEYS = ("b", "m", "c", "g", "n", "t", "Control+d", "Delete", "Control+a", "Control+z", "Control+Shift+z", "Escape")


def kept(page: Page, server: Server) -> dict[str, Any]:
    page.wait_for_timeout(1000)
    saved(page)
    name = page.locator(".tab.active .name").inner_text()
    return server.get(f"/api/v1/workflows/{name.replace(' ', '%20')}").json["workflow"]


def act(page: Page, chance: random.Random) -> None:
    x, y = chance.randrange(40, 1240), chance.randrange(80, 740)
    match chance.randrange(6):
        case 0:
            page.mouse.click(x, y, delay=0)
        case 1:
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(chance.randrange(40, 1240), chance.randrange(80, 740), steps=3)
            page.mouse.up()
        case 2:
            page.evaluate("document.activeElement?.blur()")
            page.keyboard.press("/")
            page.keyboard.type(chance.choice(("latent", "prompt", "sampler", "image", "noise")))
            page.keyboard.press("Enter")
        case 3:
            page.keyboard.type(chance.choice(("7", "12", "a word")))
        case _:
            page.evaluate("document.activeElement?.blur()")
            page.keyboard.press(chance.choice(KEYS))
    page.keyboard.press("Escape")


def until_none_is_left(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name, exact=True)
    page.evaluate("document.activeElement?.blur()")
    for _ in range(50 * ACTIONS):
        if button.is_disabled():
            return
        button.click()
    raise AssertionError("there is no end of it")


@pytest.mark.parametrize("seed", [1, 2])
def test_undoing_all_and_redoing_all_gives_the_same_documents(page: Page, server: Server, seed: int) -> None:
    opened(page, server)
    page.locator("[data-node=prompt] .title").click()
    page.keyboard.press("Control+d")
    page.keyboard.press("Control+z")
    first = kept(page, server)
    chance = random.Random(seed)
    for _ in range(ACTIONS):
        act(page, chance)
    for dialog in page.locator("dialog[open]").all():
        dialog.press("Escape")
    expect(page.locator("dialog[open], .palette")).to_have_count(0)
    until_none_is_left(page, "Redo")
    last = kept(page, server)
    assert last != first
    until_none_is_left(page, "Undo")
    assert str(kept(page, server)) == str(first)
    until_none_is_left(page, "Redo")
    assert str(kept(page, server)) == str(last)
