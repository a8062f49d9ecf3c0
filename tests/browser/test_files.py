"""Journeys: workflows come from templates, files, pictures and ComfyUI, and are kept with their history."""

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.server.serving import ROOT, Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, Route, expect

from tests.browser.steps import emptied, field, node, opened, picture, pictured, rewrite, saved, title

pytestmark = pytest.mark.browser
API = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 2, "cfg": 3, "sampler_name": "euler",
          "scheduler": "normal", "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
          "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "emoji-64.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red heart", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
}  # fmt: skip


@pytest.fixture
def work(page: Page, server: Server) -> Page:
    return opened(page, server)


def drop(page: Page, name: str, kind: str, content: bytes, *others: tuple[str, str, bytes]) -> None:
    """Let go of a file, or of several, over the canvas."""
    script = """files => {
        const transfer = new DataTransfer();
        for (const [name, type, text] of files) {
            const bytes = Uint8Array.from(atob(text), each => each.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type }));
        }
        return transfer;
    }"""
    files = [(each, type_, base64.b64encode(data).decode()) for each, type_, data in ((name, kind, content), *others)]
    transfer = page.evaluate_handle(script, files)
    page.dispatch_event(".react-flow__pane", "drop", {"dataTransfer": transfer, "clientX": 640, "clientY": 400})


def test_a_dropped_picture_brings_the_workflow_that_made_it(work: Page, server: Server) -> None:
    rewrite(work, "prompt.text", "a blue star on a yellow background")
    work.keyboard.press("Control+Enter")
    expect(work.locator(".state.done")).to_be_visible()
    address = picture(work).get_attribute("src")
    assert address is not None
    emptied(work)
    drop(work, "star.png", "image/png", server.get(address).body)
    expect(work.locator(".tab.active .name")).to_have_text("star")
    expect(field(work, "prompt.text")).to_have_value("a blue star on a yellow background")
    work.keyboard.press("Control+Enter")
    expect(picture(work)).to_have_js_property("naturalWidth", 64)


def test_a_dropped_picture_without_a_workflow_becomes_an_input(work: Page) -> None:
    emptied(work)
    drop(work, "plain.png", "image/png", (ROOT / "workflows" / "pictures" / "text_to_image.png").read_bytes())
    expect(node(work, "load_image").locator(".thumb img")).to_be_visible()


def test_several_files_are_each_taken_for_what_they_are(work: Page) -> None:
    emptied(work)
    plain = (ROOT / "workflows" / "pictures" / "text_to_image.png").read_bytes()
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    workflow = b'{"nodegraph": 1, "nodes": {"empty": {"type": "EmptyLatent"}}}'
    others = (("two.jpg", "image/jpeg", buffer.getvalue()), ("all (2).json", "application/json", workflow))
    drop(work, "one.png", "image/png", plain, *others)
    expect(work.locator(".tab.active .name")).to_have_text("all 2")
    saved(work)
    work.locator(".tab .name").nth(1).click()
    for name, file in (("load_image", "one.png"), ("load_image_2", "two.jpg")):
        expect(node(work, name).locator(".thumb img")).to_be_visible()
        expect(node(work, name)).to_contain_text(file)


def test_a_workflow_of_comfyui_opens_and_runs(work: Page) -> None:
    drop(work, "theirs.json", "application/json", json.dumps(API).encode())
    expect(work.locator(".tab.active .name")).to_have_text("theirs")
    expect(field(work, "6.text")).to_have_value("a red heart")
    work.keyboard.press("Control+Enter")
    expect(picture(work, "9")).to_have_js_property("naturalWidth", 64)


def test_a_file_that_is_no_workflow_is_refused_with_a_reason(work: Page) -> None:
    drop(work, "broken.json", "application/json", b'{"nodes": [')
    expect(work.locator(".notice")).to_contain_text("JSON")
    expect(work.locator(".tab")).to_have_count(1)


def test_templates_are_shown_with_pictures_and_open(work: Page, tmp_path: Path) -> None:
    work.keyboard.press("Alt+t")
    shown = work.locator("[data-template]")
    expect(shown.first).to_be_visible()
    assert shown.count() >= 14
    expect(shown.first.locator("img")).to_have_js_property("naturalWidth", 256)
    pictured(work, tmp_path / "templates.png")
    work.locator("[data-template=inpaint]").click()
    expect(work.locator(".tab.active .name")).to_have_text("Inpaint")
    work.keyboard.press("Control+Enter")
    expect(work.locator(".state.done")).to_be_visible(timeout=60_000)
    work.screenshot(path=tmp_path / "inpaint.png")


def test_a_template_whose_title_is_no_file_name_can_be_saved(work: Page, server: Server) -> None:
    work.keyboard.press("Alt+t")
    work.locator("[data-template=three_steps_unrolled]").click()
    expect(work.locator(".tab.active .name")).to_have_text("Three steps unrolled")
    work.keyboard.press("n")
    expect(work.locator(".tab.active .unsaved")).to_have_count(1)
    saved(work)
    assert "Three steps unrolled" in {each["name"] for each in server.get("/api/v1/workflows").json["workflows"]}
    expect(work.locator(".notice")).to_have_count(0)


def test_an_older_version_is_compared_and_restored(work: Page, tmp_path: Path) -> None:
    rewrite(work, "prompt.text", "the first version of it")
    saved(work)
    work.wait_for_timeout(1000)
    rewrite(work, "prompt.text", "the second version of it")
    rewrite(work, "schedule.steps", "8")
    saved(work)
    title(work, "save").click()
    work.keyboard.press("h")
    versions = work.locator(".versions button")
    changes = work.locator(".changes")
    expect(versions.first).to_be_visible()
    for index in range(versions.count()):
        versions.nth(index).click()
        expect(changes.locator("select")).to_be_visible()
        work.wait_for_timeout(300)
        if "first" in changes.inner_text():
            break
    expect(changes).to_contain_text("second")
    pictured(work, tmp_path / "versions.png")
    work.get_by_role("button", name="Restore").click()
    expect(field(work, "prompt.text")).to_have_value("the first version of it")
    work.keyboard.press("Control+z")
    expect(field(work, "prompt.text")).to_have_value("the second version of it")


def test_workflows_are_found_renamed_removed_and_brought_back(work: Page, server: Server, tmp_path: Path) -> None:
    body: dict[str, object] = {"workflow": {"nodegraph": 1, "nodes": {}}}
    for name in ("shelf/one", "shelf/two"):
        server.post(f"/api/v1/workflows/{name}", body, "PUT")
    work.keyboard.press("Control+o")
    work.locator("dialog").get_by_role("button", name="shelf").click()
    row = work.locator("[data-workflow='shelf/one']")
    expect(row).to_be_visible()
    pictured(work, tmp_path / "open.png")
    row.get_by_role("button", name="Rename").click()
    work.keyboard.press("Control+a")
    work.keyboard.type("shelf/three")
    work.keyboard.press("Enter")
    expect(work.locator("[data-workflow='shelf/three']")).to_be_visible()
    work.locator("[data-workflow='shelf/two']").get_by_role("button", name="Remove").click()
    work.get_by_role("button", name="Remove it").click()
    expect(work.locator("[data-workflow='shelf/two']")).to_have_count(0)
    work.get_by_role("button", name="Undo", exact=True).last.click()
    expect(work.locator("[data-workflow='shelf/two']")).to_be_visible()
    work.locator("[data-workflow='shelf/three'] .entry").click()
    expect(work.locator(".tab.active .name")).to_have_text("three")


def test_what_is_renamed_or_removed_while_it_is_open_can_be_worked_on(work: Page, server: Server) -> None:
    server.post("/api/v1/workflows/busy", {"workflow": {"nodegraph": 1, "nodes": {}}}, "PUT")
    work.keyboard.press("Control+o")
    work.keyboard.type("busy")
    work.keyboard.press("Enter")
    expect(work.locator(".tab.active .name")).to_have_text("busy")
    work.keyboard.press("Control+o")
    work.locator("[data-workflow='busy']").get_by_role("button", name="Rename").click()
    work.keyboard.press("Control+a")
    work.keyboard.type("moved/work")
    work.keyboard.press("Enter")
    expect(work.locator(".tab.active .name")).to_have_text("work")
    expect(work.get_by_role("searchbox")).to_be_focused()
    work.keyboard.type("moved")
    work.keyboard.press("ArrowDown")
    expect(work.locator("[data-workflow='moved/work'] .entry")).to_be_focused()
    work.get_by_role("button", name="Remove moved/work").click()
    work.keyboard.press("Enter")
    expect(work.get_by_role("button", name="Undo", exact=True).last).to_be_focused()
    work.keyboard.press("Escape")
    work.keyboard.press("n")
    expect(work.locator(".tab.active .unsaved")).to_have_count(1)
    saved(work)
    assert "moved/work" in {each["name"] for each in server.get("/api/v1/workflows").json["workflows"]}


def test_enter_is_not_lost_while_the_list_is_on_its_way(work: Page, server: Server) -> None:
    server.post("/api/v1/workflows/prompt", {"workflow": {"nodegraph": 1, "nodes": {}}}, "PUT")
    held: list[Route] = []
    work.route("**/api/v1/workflows", lambda route: held.append(route))
    work.keyboard.press("Control+o")
    work.keyboard.type("prompt")
    work.keyboard.press("Enter")
    expect(work.get_by_role("searchbox")).to_have_value("prompt")
    assert held
    for route in held:
        route.continue_()
    expect(work.locator(".tab.active .name")).to_have_text("prompt")


def test_a_name_that_cannot_be_is_refused_where_it_was_written(work: Page, server: Server) -> None:
    server.post("/api/v1/workflows/plain", {"workflow": {"nodegraph": 1, "nodes": {}}}, "PUT")
    work.keyboard.press("Control+o")
    work.locator("[data-workflow=plain]").get_by_role("button", name="Rename").click()
    work.keyboard.press("Control+a")
    work.keyboard.type("<b>bold</b>")
    work.keyboard.press("Enter")
    notice = work.locator("dialog .notice")
    expect(notice).to_contain_text("expected a file name")
    notice.get_by_role("button", name="Close").click()
    expect(notice).to_have_count(0)
    expect(work.locator("[data-workflow=plain]")).to_be_visible()


def test_a_copy_is_saved_under_another_name(work: Page, server: Server) -> None:
    rewrite(work, "prompt.text", "the original")
    saved(work)
    before = work.locator(".tab.active .name").inner_text()
    work.keyboard.press("Control+Shift+S")
    work.keyboard.press("Control+a")
    work.keyboard.type("what?")
    work.keyboard.press("Enter")
    expect(work.locator("dialog .notice")).to_contain_text("expected a file name")
    expect(work.locator(".tab.active .name")).to_have_text(before)
    work.keyboard.press("Control+a")
    work.keyboard.type("copies/another")
    work.keyboard.press("Enter")
    expect(work.locator(".tab.active .name")).to_have_text("another")
    saved(work)
    names = {each["name"] for each in server.get("/api/v1/workflows").json["workflows"]}
    assert {before, "copies/another"} <= names


def test_the_json_beside_the_canvas_is_the_same_document(work: Page) -> None:
    title(work, "guide").click()
    work.keyboard.press("j")
    text = work.locator(".side textarea")
    expect(text).to_be_visible()
    rewrite(work, "guide.scale", "5")
    expect(text).to_have_value(re.compile(r'"scale": 5'))
    text.fill(text.input_value().replace('"scale": 5', '"scale": 6'))
    expect(field(work, "guide.scale")).to_have_value("6")
    text.fill(text.input_value() + "}")
    expect(work.locator(".side")).to_contain_text("ine")
    expect(field(work, "guide.scale")).to_have_value("6")
    text.blur()
    work.keyboard.press("Control+z")
    expect(field(work, "guide.scale")).to_have_value("5")


def test_a_pasted_workflow_opens_in_a_tab(work: Page) -> None:
    script = """text => {
        const clipboardData = new DataTransfer();
        clipboardData.setData('text/plain', text);
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }"""
    work.evaluate(script, json.dumps({"nodegraph": 1, "nodes": {"empty": {"type": "EmptyLatent"}}}))
    expect(work.locator(".tab")).to_have_count(2)
    expect(node(work, "empty")).to_be_visible()
