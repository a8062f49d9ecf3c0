"""Journeys through the canvas, in a real browser, on a real server with the real nodes."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nodegraph.server.static import canvas
from tests.browser.chromium import Page, chromium
from tests.server.serving import Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(canvas() is None, reason="web/dist has not been built"),
]
PROMPT = "document.getElementById('prompt.text')"
STEPS = "document.getElementById('schedule.steps')"
PICTURE = "document.querySelector('[data-node=save] img')"
SAVED = "document.querySelector('.saving')?.textContent === 'Saved'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="nodegraph-") as folder:
        running = Server(Path(folder) / "data", ()).start()
        try:
            yield running
        finally:
            running.reap()


@asynccontextmanager
async def canvas_of(server: Server) -> AsyncGenerator[Page]:
    """The canvas in a new browser, once it shows the workflow that comes along; at the end, it has not complained."""
    async with chromium() as page:
        size: dict[str, Any] = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        await page.open(server.origin)
        await true(page, "document.querySelectorAll('.node').length === 12 && document.querySelector('.lamp.on')")
        yield page
        await page.evaluate("1")
        assert page.said == []


async def true(page: Page, script: str) -> None:
    """Wait until something is true; elements are."""
    await page.until(f"!!({script})", 20)


async def middle(page: Page, selector: str) -> tuple[float, float]:
    """Where an element is."""
    box = f"document.querySelector({selector!r}).getBoundingClientRect()"
    x, y = await page.evaluate(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({box})")
    return x, y


async def colours(page: Page, scheme: str) -> None:
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


async def rewrite(page: Page, field: str, text: str) -> None:
    """Type into a field in the place of what is there."""
    assert await page.evaluate(f"{field}.focus(), {field}.select(), document.activeElement === {field}")
    await page.type(text)


def output(node: str, name: str) -> str:
    return f"[data-nodeid={node}][data-handleid={name}].source"


def entry(node: str, name: str) -> str:
    return f"[data-nodeid={node}][data-handleid={name}].target"


def test_the_canvas_runs_the_default_workflow_and_shows_the_picture(server: Server, tmp_path: Path) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            await page.press("Enter", control=True)
            await true(page, f"{PICTURE}?.naturalWidth === 64")
            await true(page, "document.querySelector('.state.done')")
            assert await page.evaluate("document.querySelectorAll('.mark.good').length") == 12
            for scheme in ("light", "dark"):
                await colours(page, scheme)
                await page.screenshot(tmp_path / f"finished-{scheme}.png")
            await rewrite(page, "document.getElementById('save.filename_prefix')", "again")
            await page.press("Enter", control=True)
            await true(
                page, "document.querySelector('.state.done') && document.querySelectorAll('.mark').length === 12"
            )
            await true(page, "document.querySelectorAll('.mark.good').length === 1")  # the others are reused
            await page.screenshot(tmp_path / "reused.png")

    asyncio.run(journey())
    assert server.get("/").headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_broken_value_leads_to_its_input_and_undo_mends_it(server: Server, tmp_path: Path) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            await rewrite(page, STEPS, "fast")
            await page.press("Enter", control=True)
            await true(page, "document.querySelector('[data-node=schedule] .message')")
            await true(page, f"document.activeElement === {STEPS} && {STEPS}.ariaInvalid === 'true'")
            assert "fast" in await page.evaluate("document.querySelector('.problems').textContent")
            await asyncio.sleep(0.5)
            for scheme in ("light", "dark"):
                await colours(page, scheme)
                await page.screenshot(tmp_path / f"broken-{scheme}.png")
            await page.press("z", control=True)
            await true(page, f"{STEPS}.value === '20' && !document.querySelector('.problems, .message')")
            await page.press("z", control=True, shift=True)
            await true(page, f"{STEPS}.value === 'fast'")

    asyncio.run(journey())


def test_a_reload_keeps_the_work_and_the_server_has_it(server: Server) -> None:
    async def journey() -> str:
        async with canvas_of(server) as page:
            await rewrite(page, PROMPT, "a green <b>dragon</b>")
            await true(page, "document.querySelector('.saving').textContent !== 'Saved'")
            await true(page, SAVED)
            name = await page.evaluate("document.querySelector('.title').value")
            await rewrite(page, PROMPT, "a blue car")
            await page.call("Page.reload")
            await true(page, f"{PROMPT}?.value === 'a blue car'")
            await true(page, SAVED)
            return name

    name = asyncio.run(journey())
    saved = server.get(f"/api/v1/workflows/{name.replace(' ', '%20')}").json
    assert saved["workflow"]["nodes"]["prompt"]["values"]["text"] == "a blue car"


def test_each_typed_word_is_a_step_of_undo(server: Server) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            before = await page.evaluate(f"{PROMPT}.value")
            await rewrite(page, PROMPT, "one two three")
            for left in ("one two ", "one ", before):
                await page.press("z", control=True)
                found = await page.evaluate(f"{PROMPT}.value")
                assert found.strip() == left.strip()

    asyncio.run(journey())


def test_a_wire_dropped_in_the_void_offers_what_fits_and_wires_it(server: Server, tmp_path: Path) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            await page.drag(await middle(page, output("loader", "vae")), (700, 600))
            await true(page, "document.querySelector('.palette')")
            await page.screenshot(tmp_path / "palette.png")
            names = await page.evaluate("[...document.querySelectorAll('[role=option]')].map(each => each.textContent)")
            assert "VAEEncode" in names
            assert "EmptyLatent" not in names
            await page.type("vaeenc")
            await page.press("Enter")
            await true(page, "document.querySelector('[data-node=vaeencode]')")
            await true(page, "document.querySelector('[data-testid=\"rf__edge-vaeencode.vae\"]')")
            await page.press("z", control=True)
            await true(page, "!document.querySelector('[data-node=vaeencode]')")

    asyncio.run(journey())


def test_only_sockets_of_a_fitting_type_can_be_wired(server: Server) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            count = "document.querySelectorAll('.react-flow__edge').length"
            before = await page.evaluate(count)
            await page.drag(
                await middle(page, output("empty", "latent")), await middle(page, entry("guide", "positive"))
            )
            assert await page.evaluate(count) == before
            assert not await page.evaluate("document.querySelector('.palette')")
            await page.drag(
                await middle(page, output("empty", "latent")), await middle(page, entry("sampler", "latent"))
            )
            await true(page, "document.querySelector('[aria-label=\"Latent: empty.latent to sampler.latent\"]')")

    asyncio.run(journey())


def test_nodes_are_added_moved_and_deleted_each_as_one_step(server: Server) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            await page.click(1000, 600, clicks=2)
            await true(page, "document.querySelector('.palette')")
            await page.type("latentadd")
            await page.press("Enter")
            added = "document.querySelector('[data-id=latent_add]')"
            await true(page, added)
            place = f"{added}.style.transform"
            before = await page.evaluate(place)
            x, y = await middle(page, "[data-id=latent_add] .node-head strong")
            await page.drag((x, y), (x - 80, y - 80))
            assert await page.evaluate(place) != before
            await page.press("z", control=True)
            await true(page, f"{place} === {before!r}")
            await page.click(x, y)
            await page.press("Delete")
            await true(page, f"!{added}")
            await page.press("z", control=True)
            await true(page, added)

    asyncio.run(journey())


def test_nodes_are_as_tall_as_their_content(server: Server) -> None:
    async def journey() -> None:
        async with canvas_of(server) as page:
            heights = "[...document.querySelectorAll('.node')].map(each => [each.scrollHeight, each.offsetHeight])"
            assert all(inner == outer for inner, outer in await page.evaluate(heights))

    asyncio.run(journey())


def test_work_outlives_a_kill_of_the_server(tmp_path: Path) -> None:
    own = Server(tmp_path / "data", ()).start()

    async def journey() -> None:
        async with canvas_of(own) as page:
            own.kill()
            await true(page, "document.querySelector('.lamp.off')")
            await rewrite(page, PROMPT, "a yellow car")
            await asyncio.to_thread(own.start)
            await true(page, f"document.querySelector('.lamp.on') && {SAVED}")
            await page.press("Enter", control=True)
            await true(page, f"{PICTURE}?.naturalWidth === 64")

    try:
        asyncio.run(journey())
        saved = own.get("/api/v1/workflows/text_to_image").json
        assert saved["workflow"]["nodes"]["prompt"]["values"]["text"] == "a yellow car"
    finally:
        own.reap()
