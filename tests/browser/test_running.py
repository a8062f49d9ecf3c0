"""Journeys: workflows are run, watched and mended."""

from pathlib import Path

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, expect

from tests.browser.steps import along, field, node, opened, output, picture, pictured, rewrite, title

pytestmark = pytest.mark.browser


@pytest.fixture
def work(page: Page, server: Server) -> Page:
    return opened(page, server)


def test_a_run_shows_times_previews_and_the_picture_and_the_next_one_reuses_them(
    work: Page, server: Server, tmp_path: Path
) -> None:
    work.keyboard.press("Control+Enter")
    expect(picture(work)).to_have_js_property("naturalWidth", 64)
    expect(work.locator(".state.done")).to_be_visible()
    assert work.locator(".mark.good").count() == 12
    expect(picture(work, "sampler")).to_be_visible()  # the preview
    pictured(work, tmp_path / "finished.png")
    rewrite(work, "save.filename_prefix", "again")
    work.keyboard.press("Control+Enter")
    expect(work.locator(".mark.good")).to_have_count(1)  # the others are reused
    expect(work.locator(".mark")).to_have_count(12)
    expect(work.locator(".state.done")).to_be_visible()
    assert server.get("/").headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_broken_value_leads_to_its_input_and_undo_mends_it(work: Page, tmp_path: Path) -> None:
    rewrite(work, "schedule.steps", "fast")
    work.keyboard.press("Control+Enter")
    expect(node(work, "schedule").locator(".message")).to_be_visible()
    steps = field(work, "schedule.steps")
    expect(steps).to_be_focused()
    expect(steps).to_have_attribute("aria-invalid", "true")
    expect(work.locator(".problems")).to_contain_text("fast")
    pictured(work, tmp_path / "broken.png")
    work.keyboard.press("Control+z")
    expect(steps).to_have_value("20")
    expect(work.locator(".problems, .message")).to_have_count(0)
    work.keyboard.press("Control+Shift+z")
    expect(steps).to_have_value("fast")


def test_only_what_follows_a_change_is_marked_and_run_again(work: Page) -> None:
    work.keyboard.press("Control+Enter")
    expect(work.locator(".state.done")).to_be_visible()
    rewrite(work, "guide.scale", "4")
    expect(work.locator(".node.stale")).to_have_count(4)  # guide, sampler, decode, save
    work.keyboard.press("Control+Enter")
    expect(work.locator(".mark.good")).to_have_count(4)
    expect(work.locator(".node.stale")).to_have_count(0)


def test_run_to_here_runs_no_more_than_that_needs(work: Page) -> None:
    title(work, "noise").click()
    work.keyboard.press("Control+Shift+Enter")
    expect(work.locator(".state.done")).to_be_visible()
    assert work.locator(".mark.good, .mark:text('reused')").count() == 4  # loader, schedule, empty, noise
    expect(picture(work)).to_have_count(0)


def test_a_wire_tells_what_went_through_it(work: Page, tmp_path: Path) -> None:
    work.mouse.move(*along(work, "decode.samples"))
    card = work.locator(".wire-tip")
    expect(card).to_contain_text("Latent")
    work.keyboard.press("Control+Enter")
    expect(work.locator(".state.done")).to_be_visible()
    work.mouse.move(640, 700)
    work.mouse.move(*along(work, "decode.samples"))
    expect(card).to_contain_text("1 × 4 × 8 × 8")
    expect(card.locator("img")).to_be_visible()
    pictured(work, tmp_path / "latent.png")
    work.mouse.move(640, 700)
    work.mouse.move(*along(work, "sampler.sigmas", 0.3))
    expect(card.locator("svg")).to_be_visible()
    work.screenshot(path=tmp_path / "schedule.png")
    output(work, "empty", "latent").focus()
    expect(card).to_contain_text("Latent")


def test_the_queue_shows_cancels_and_reorders_jobs(work: Page, server: Server, tmp_path: Path) -> None:
    server.post("/api/v1/queue/pause", {})
    try:
        work.keyboard.press("q")
        rewrite(work, "noise.seed", "101")
        work.keyboard.press("Control+Enter")
        expect(work.locator(".job.queued")).to_have_count(1)
        rewrite(work, "noise.seed", "102")
        work.keyboard.press("Control+Enter")
        waiting = work.locator(".job.queued")
        expect(waiting).to_have_count(2)
        before = [each.get_attribute("data-job") for each in waiting.all()]
        waiting.last.locator("[data-act=up], [data-act=first]").first.click()
        expect(waiting.first).to_have_attribute("data-job", str(before[1]))
        waiting.last.locator("[data-act=cancel]").click()
        expect(waiting).to_have_count(1)
        pictured(work, tmp_path / "queue.png")
    finally:
        server.post("/api/v1/queue/resume", {})
    ended = work.locator(f".job.done[data-job='{before[1]}']")
    expect(ended).to_be_visible()
    ended.locator("[data-act=open]").click()
    expect(work.locator(".tab")).to_have_count(2)
    expect(field(work, "noise.seed")).to_have_value("102")


def test_a_run_is_cancelled(work: Page) -> None:
    rewrite(work, "schedule.steps", "1000")
    work.keyboard.press("Control+Enter")
    expect(node(work, "sampler").locator(".mark.active")).to_be_visible()
    work.get_by_role("button", name="Cancel", exact=True).click()
    expect(work.locator(".state.cancelled")).to_be_visible()


def test_two_pictures_are_compared_with_a_slider_and_one_opens_its_workflow(work: Page, tmp_path: Path) -> None:
    for seed in ("201", "202"):
        rewrite(work, "noise.seed", seed)
        work.keyboard.press("Control+Enter")
        expect(work.locator(".state.done")).to_be_visible()
        expect(node(work, "save").locator(".mark.good")).to_be_visible()
    work.keyboard.press("Escape")
    work.locator(".react-flow__pane").click(position={"x": 640, "y": 660})
    work.keyboard.press("p")
    cells = work.locator(".gallery .cell")
    expect(cells.nth(1)).to_be_visible()
    pictured(work, tmp_path / "gallery.png")
    for index in (0, 1):
        cells.nth(index).get_by_role("checkbox").check()
    work.get_by_role("button", name="Compare", exact=True).click()
    slider = work.locator(".viewer input[type=range]")
    expect(slider).to_be_visible()
    before = slider.input_value()
    slider.focus()
    work.keyboard.press("ArrowRight")
    assert slider.input_value() != before
    pictured(work, tmp_path / "compared.png")
    work.keyboard.press("Escape")
    expect(work.locator(".viewer")).to_have_count(0)


def test_a_random_seed_is_another_one_at_each_run(work: Page) -> None:
    node(work, "noise").locator("[data-mode=fixed]").click()
    seeds: set[str] = set()
    for _ in range(2):
        work.keyboard.press("Control+Enter")
        expect(work.locator(".state.done")).to_be_visible()
        seeds.add(field(work, "noise.seed").input_value())
    assert len(seeds - {"1"}) == 2
