"""Everyone can use it: axe finds nothing on any panel, texts are large enough, fingers will do, less motion is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import ROOT, Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import SCHEMES, add, emptied, field, middle, node, opened, output, picture, rewrite, title

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not AXE.is_file(), reason="needs axe: make web"),
]
SMALLEST = 12


def ran(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.locator(".state.done")).to_be_visible()


def broken(page: Page) -> None:
    rewrite(page, "schedule.steps", "fast")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".problems")).to_be_visible()


def menu(page: Page) -> None:
    page.get_by_role("button", name="Menu").click()


def node_menu(page: Page) -> None:
    title(page, "guide").click(button="right")


def palette(page: Page) -> None:
    title(page, "guide").click()
    page.keyboard.press("/")


def key(name: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        title(page, "guide").click()
        page.keyboard.press(name)

    return press


def queue(page: Page) -> None:
    ran(page)
    key("q")(page)
    expect(page.locator(".job").first).to_be_visible()


def gallery(page: Page) -> None:
    ran(page)
    key("p")(page)
    expect(page.locator(".gallery .cell").first).to_be_visible()


def viewer(page: Page) -> None:
    ran(page)
    node(page, "save").locator(".picture button").first.click()
    expect(page.locator(".viewer")).to_be_visible()


def furniture(page: Page) -> None:
    for press in ("b", "c", "g", "n"):
        key(press)(page)


def wire_tip(page: Page) -> None:
    ran(page)
    output(page, "sampler", "latent").focus()
    expect(page.locator(".wire-tip")).to_be_visible()


def empty(page: Page) -> None:
    emptied(page)


PANELS: dict[str, Callable[[Page], None]] = {
    "finished": ran, "broken": broken, "menu": menu, "node menu": node_menu, "palette": palette, "queue": queue,
    "gallery": gallery, "viewer": viewer, "json": key("j"), "versions": key("h"), "shortcuts": key("?"),
    "find": key("Control+f"), "open": key("Control+o"), "save as": key("Control+Shift+S"), "templates": key("Alt+t"),
    "learn": key("Alt+l"), "furniture": furniture, "wire": wire_tip, "empty": empty,
}  # fmt: skip


@pytest.mark.parametrize("panel", PANELS)
def test_axe_finds_nothing(page: Page, server: Server, panel: str, tmp_path: Path) -> None:
    opened(page, server)
    PANELS[panel](page)
    page.mouse.move(5, 400)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=tmp_path / f"{scheme}.png")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run()")
        assert [
            (each["id"], [one["html"][:200] + one["failureSummary"] for one in each["nodes"][:3]])
            for each in found["violations"]
        ] == []


def test_no_text_is_smaller_than_twelve_pixels(page: Page, server: Server) -> None:
    opened(page, server)
    broken(page)
    page.keyboard.press("Escape")
    small = page.evaluate(
        """least => [...document.querySelectorAll('body *')]
            .filter(each => [...each.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()))
            .filter(each => parseFloat(getComputedStyle(each).fontSize) < least)
            .map(each => each.outerHTML.slice(0, 80))""",
        SMALLEST,
    )
    assert small == []


def test_nothing_is_animated_where_people_want_less_motion(page: Page, server: Server) -> None:
    page.emulate_media(reduced_motion="reduce")
    opened(page, server)
    page.keyboard.press("Control+Enter")
    moving = "document.getAnimations().filter(each => each.playState === 'running').length"
    for _ in range(10):
        assert page.evaluate(moving) == 0
    page.keyboard.press("f")
    assert page.evaluate(moving) == 0


def test_fingers_move_nodes_and_open_their_menu_on_a_tablet(browser: Browser, server: Server, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True)
    try:
        page = opened(context.new_page(), server)
        tools: Any = context.new_cdp_session(page)  # its types are not complete
        x, y = middle(title(page, "save"))
        before = node(page, "save").bounding_box()

        def touch(kind: str, *at: float) -> None:
            points = [{"x": at[0], "y": at[1]}] if at else []
            tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", x, y)
        for step in range(1, 11):
            touch("touchMove", x - 10 * step, y + 20 * step)
        touch("touchEnd")
        after = node(page, "save").bounding_box()
        assert before is not None
        assert after is not None
        assert after["y"] - before["y"] > 100
        touch("touchStart", *middle(title(page, "guide")))
        expect(page.get_by_role("menuitem", name="Bypass")).to_be_visible()
        touch("touchEnd")
        page.keyboard.press("Escape")
        page.locator(".button.primary").tap()
        expect(picture(page)).to_have_js_property("naturalWidth", 64)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=tmp_path / f"tablet-{scheme}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finally:
        context.close()


def test_shortcuts_are_listed_and_can_be_changed(page: Page, server: Server) -> None:
    opened(page, server)
    key("?")(page)
    row = page.locator("[data-command=tidy]")
    expect(row).to_contain_text("T")
    row.get_by_role("button").first.click()
    page.keyboard.press("Alt+u")
    expect(row).to_contain_text("U")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    x, y = middle(title(page, "save"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 200, y + 300, steps=5)
    page.mouse.up()
    moved = node(page, "save").bounding_box()
    page.keyboard.press("Alt+u")
    expect(field(page, "prompt.text")).to_be_visible()
    assert node(page, "save").bounding_box() != moved
    page.reload()
    key("?")(page)
    expect(row).to_contain_text("U")


def test_a_favourite_stands_first_in_the_palette(page: Page, server: Server) -> None:
    emptied(opened(page, server))
    page.keyboard.press("/")
    page.keyboard.type("vaedecode")
    page.keyboard.press("Control+d")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator(".palette [role=option]").first).to_contain_text("VAEDecode")
    page.keyboard.press("Escape")
    add(page, "vaedecode", (300, 300))
    expect(node(page, "vaedecode")).to_be_visible()
