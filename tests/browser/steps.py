"""What people do on the canvas, and where they look."""

from pathlib import Path
from typing import Literal

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Locator, Page, expect

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def opened(page: Page, server: Server, name: str = "") -> Page:
    """The canvas, once it shows a saved workflow, or the first template."""
    page.goto(f"{server.origin}/#{name}" if name else server.origin)
    expect(page.locator(".lamp.on")).to_be_visible()
    if name:
        expect(page.locator(".tab.active .name")).to_have_text(name.rpartition("/")[2])
    else:
        expect(page.locator(".node")).to_have_count(12)
    return page


def emptied(page: Page) -> Page:
    """An empty workflow in a new tab."""
    page.get_by_role("button", name="New workflow").click()
    expect(page.locator(".node")).to_have_count(0)
    return page


def middle(found: Locator) -> tuple[float, float]:
    """Where an element is."""
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=10)
    page.mouse.up()


def node(page: Page, name: str) -> Locator:
    return page.locator(f"[data-node='{name}']")


def title(page: Page, name: str) -> Locator:
    """A node's title, by which it is clicked and dragged."""
    return node(page, name).locator(".title")


def field(page: Page, name: str) -> Locator:
    """The field of an input, by "node.input"."""
    return page.locator(f"[id='{name}']")


def rewrite(page: Page, name: str, text: str) -> None:
    """Type into a field in the place of what is there, letter by letter."""
    at = field(page, name)
    at.focus()
    at.select_text()
    expect(at).to_be_focused()
    page.keyboard.type(text)


def output(page: Page, node: str, name: str) -> Locator:
    return page.locator(f"[data-nodeid='{node}'][data-handleid='{name}'].source")


def entry(page: Page, node: str, name: str) -> Locator:
    return page.locator(f"[data-nodeid='{node}'][data-handleid='{name}'].target")


def wire(page: Page, name: str) -> Locator:
    """The wire into an input, by "node.input"."""
    return page.locator(f".react-flow__edge[data-id='{name}']")


def along(page: Page, name: str, part: float = 0.5) -> tuple[float, float]:
    """A point of a wire, on the screen."""
    script = """(path, part) => {
        const at = path.getPointAtLength(path.getTotalLength() * part).matrixTransform(path.getScreenCTM());
        return [at.x, at.y];
    }"""
    x, y = wire(page, name).locator(".react-flow__edge-path").evaluate(script, part)
    return x, y


def connect(page: Page, source: str, target: str) -> None:
    """Draw a wire from "node.output" to "node.input"."""
    drag(page, middle(output(page, *source.split("."))), middle(entry(page, *target.split("."))))
    expect(wire(page, target)).to_have_count(1)


def add(page: Page, search: str, at: tuple[float, float]) -> None:
    """Put a node on the canvas by a double click and a few letters."""
    page.mouse.dblclick(*at)
    expect(page.locator(".palette")).to_be_visible()
    page.keyboard.type(search)
    page.keyboard.press("Enter")
    expect(page.locator(".palette")).to_have_count(0)


def picture(page: Page, name: str = "save") -> Locator:
    return node(page, name).locator(".picture img")


def saved(page: Page) -> None:
    """Wait until the server has the work."""
    expect(page.locator(".saving")).to_have_text("Saved")


def workflow(server: Server, name: str) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """A workflow as the server keeps it."""
    return server.get(f"/api/v1/workflows/{name.replace(' ', '%20')}").json["workflow"]


def pictured(page: Page, path: Path) -> None:
    """Screenshots for people, in both colour schemes."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=path.with_stem(f"{path.stem}-{scheme}"))
