"""Journeys: a workflow is built from nothing and run, by pointer and by keyboard alone."""

import re
from pathlib import Path

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, expect

from tests.browser.steps import add, connect, emptied, middle, opened, output, picture, pictured, rewrite, title, wire

pytestmark = pytest.mark.browser
NODES = {
    "load_checkpoint": ("loadcheckpoint", (40, 80)),
    "cliptext_encode": ("prompt", (320, 80)),
    "cliptext_encode_2": ("prompt", (320, 280)),
    "empty_latent": ("emptylatent", (320, 480)),
    "ksampler": ("ksampler", (600, 120)),
    "vaedecode": ("vaedecode", (900, 120)),
    "save_image": ("saveimage", (900, 280)),
}
WIRES = {
    "cliptext_encode.clip": "load_checkpoint.clip",
    "cliptext_encode_2.clip": "load_checkpoint.clip",
    "ksampler.model": "load_checkpoint.model",
    "ksampler.positive": "cliptext_encode.conditioning",
    "ksampler.negative": "cliptext_encode_2.conditioning",
    "ksampler.latent_image": "empty_latent.latent",
    "vaedecode.samples": "ksampler.latent",
    "vaedecode.vae": "load_checkpoint.vae",
    "save_image.images": "vaedecode.image",
}
SMALL = {"empty_latent.width": "64", "empty_latent.height": "64", "ksampler.steps": "4"}


@pytest.fixture
def empty(page: Page, server: Server) -> Page:
    return emptied(opened(page, server))


def test_text_to_image_is_built_from_nothing_and_run(empty: Page, tmp_path: Path) -> None:
    for search, at in NODES.values():
        add(empty, search, at)
    for target, source in WIRES.items():
        connect(empty, source, target)
    rewrite(empty, "cliptext_encode.text", "a green dragon on a pink background")
    for name, value in SMALL.items():
        rewrite(empty, name, value)
    empty.keyboard.press("Control+Enter")
    expect(picture(empty, "save_image")).to_have_js_property("naturalWidth", 64)
    expect(empty.locator(".state.done")).to_be_visible()
    pictured(empty, tmp_path / "built.png")


def tab_to(page: Page, label: str) -> None:
    """Press Tab until the focus is on something of this name."""
    for _ in range(60):
        if re.match(label, page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {label}")


def find(page: Page, name: str) -> None:
    """Go to a node by its id."""
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator(f".react-flow__node[data-id='{name}']")).to_be_focused()


def test_text_to_image_is_built_and_run_by_keyboard_alone(empty: Page) -> None:
    empty.keyboard.press("Escape")
    for name, (search, _) in NODES.items():
        empty.keyboard.press("/")
        expect(empty.locator(".palette")).to_be_visible()
        empty.keyboard.type(search)
        empty.keyboard.press("Enter")
        expect(empty.locator(f".react-flow__node[data-id='{name}']")).to_be_focused()
    empty.keyboard.press("t")
    for target, source in WIRES.items():
        node, socket = target.split(".")
        find(empty, node)
        tab_to(empty, f"Input {socket},")
        empty.keyboard.press("Enter")
        expect(empty.locator(".palette")).to_be_visible()
        empty.keyboard.type(source.replace(".", " "))
        empty.keyboard.press("Enter")
        expect(wire(empty, target)).to_have_count(1)
    for name, value in {"cliptext_encode.text": "a red heart", **SMALL}.items():
        node, socket = name.split(".")
        find(empty, node)
        tab_to(empty, f"{socket}\\b")
        empty.keyboard.press("Control+a")
        empty.keyboard.type(value)
    empty.keyboard.press("Control+Enter")
    expect(picture(empty, "save_image")).to_have_js_property("naturalWidth", 64)


def test_a_wire_that_is_dropped_in_the_void_offers_what_fits(empty: Page, tmp_path: Path) -> None:
    add(empty, "loadcheckpoint", (80, 120))
    x, y = middle(output(empty, "load_checkpoint", "vae"))
    empty.mouse.move(x, y)
    empty.mouse.down()
    empty.mouse.move(500, 400, steps=8)
    empty.mouse.up()
    expect(empty.locator(".palette")).to_be_visible()
    empty.screenshot(path=tmp_path / "palette.png")
    empty.keyboard.type("vaeenc")
    empty.keyboard.press("Enter")
    expect(wire(empty, "vaeencode.vae")).to_have_count(1)
    empty.keyboard.press("Control+z")
    expect(title(empty, "vaeencode")).to_have_count(0)
