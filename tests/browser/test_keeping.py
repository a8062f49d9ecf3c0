"""Journeys: neither a reload nor a crash of the server or of the browser loses work."""

import time

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, expect

from tests.browser.steps import drag, emptied, field, middle, opened, picture, rewrite, saved, title, workflow

pytestmark = pytest.mark.browser
LOSS = 2.0  # seconds of work that a crash may take


def test_undo_goes_back_to_before_a_reload(page: Page, server: Server) -> None:
    opened(page, server)
    before = field(page, "prompt.text").input_value()
    rewrite(page, "prompt.text", "a green <b>dragon</b>")
    x, y = middle(title(page, "save"))
    drag(page, (x, y), (x - 80, y + 160))
    saved(page)
    page.reload()
    expect(field(page, "prompt.text")).to_have_value("a green <b>dragon</b>")
    for _ in range(4):  # the drag, and three words
        page.keyboard.press("Control+z")
    expect(field(page, "prompt.text")).to_have_value(before)
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    expect(field(page, "prompt.text")).to_have_value("a green <b>dragon</b>")
    saved(page)
    name = page.locator(".tab.active .name").inner_text()
    assert workflow(server, name)["nodes"]["prompt"]["values"]["text"] == "a green <b>dragon</b>"


def test_work_outlives_a_kill_of_the_server(page: Page, own: Server) -> None:
    opened(page, own)
    saved(page)
    own.kill()
    expect(page.locator(".lamp.off")).to_be_visible()
    rewrite(page, "prompt.text", "a yellow car")
    expect(page.locator(".saving")).to_contain_text("kept in this browser")
    own.start()
    expect(page.locator(".lamp.on")).to_be_visible()
    saved(page)
    page.keyboard.press("Control+Enter")
    expect(picture(page)).to_have_js_property("naturalWidth", 64)
    name = page.locator(".tab.active .name").inner_text()
    assert workflow(own, name)["nodes"]["prompt"]["values"]["text"] == "a yellow car"


def test_typing_without_a_pause_is_saved_on_the_way(page: Page, server: Server) -> None:
    opened(page, server)
    rewrite(page, "prompt.text", "a")  # from here on it has a name of its own
    saved(page)
    name = page.locator(".tab.active .name").inner_text()
    end = time.monotonic() + 2 * LOSS
    while time.monotonic() < end:
        page.keyboard.type("x")
    assert str(workflow(server, name)["nodes"]["prompt"]["values"]["text"]).count("x") > 2


def test_several_workflows_stand_in_tabs_each_with_its_own_undo(page: Page, server: Server) -> None:
    opened(page, server)
    rewrite(page, "prompt.text", "first")
    emptied(page)
    page.keyboard.press("n")
    page.keyboard.type("second")
    page.locator(".tab .name").first.click()
    expect(field(page, "prompt.text")).to_have_value("first")
    page.keyboard.press("Alt+PageDown")
    expect(page.locator(".note textarea")).to_have_value("second")
    page.locator(".note textarea").blur()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator(".note")).to_have_count(0)
    page.keyboard.press("Alt+w")
    expect(page.locator(".tab")).to_have_count(1)
    expect(field(page, "prompt.text")).to_have_value("first")


def test_two_windows_on_one_workflow_warn_and_the_second_to_save_is_asked(page: Page, server: Server) -> None:
    opened(page, server)
    rewrite(page, "prompt.text", "from the first")
    saved(page)
    name = page.locator(".tab.active .name").inner_text()
    other = page.context.new_page()
    opened(other, server, name)
    for window in (page, other):
        expect(window.locator(".elsewhere")).to_be_visible()
    rewrite(other, "prompt.text", "from the second")
    saved(other)
    rewrite(page, "prompt.text", "from the first again")
    expect(page.locator(".saving")).to_have_text("Changed elsewhere")
    assert workflow(server, name)["nodes"]["prompt"]["values"]["text"] == "from the second"
    page.get_by_role("button", name="Keep mine").click()
    saved(page)
    assert workflow(server, name)["nodes"]["prompt"]["values"]["text"] == "from the first again"
    other.close()
    expect(page.locator(".elsewhere")).to_have_count(0)


def test_another_name_moves_what_is_saved(page: Page, server: Server) -> None:
    opened(page, server)
    rewrite(page, "prompt.text", "renamed")
    saved(page)
    before = page.locator(".tab.active .name").inner_text()
    page.locator(".tab.active .name").dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type("folder/other-again")
    page.keyboard.press("Enter")
    expect(page.locator(".tab.active .name")).to_have_text("other-again")
    saved(page)
    names = [each["name"] for each in server.get("/api/v1/workflows").json["workflows"]]
    assert "folder/other-again" in names
    assert before not in names


def test_ten_thousand_characters_are_a_prompt_too(page: Page, server: Server) -> None:
    opened(page, server)
    long = "a red heart, " * 800
    field(page, "prompt.text").fill(long)
    page.keyboard.type("end")
    saved(page)
    name = page.locator(".tab.active .name").inner_text()
    assert len(str(workflow(server, name)["nodes"]["prompt"]["values"]["text"])) >= len(long)
    page.reload()
    expect(field(page, "prompt.text")).to_have_value(f"{long}end")
