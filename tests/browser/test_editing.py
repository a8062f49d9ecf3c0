"""Journeys: a workflow is changed, and every change can be taken back."""

from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import Server

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    add,
    along,
    drag,
    entry,
    field,
    middle,
    node,
    opened,
    output,
    picture,
    rewrite,
    saved,
    title,
    wire,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def work(page: Page, server: Server) -> Page:
    return opened(page, server)


def kept(page: Page, server: Server) -> dict[str, Any]:
    """The workflow as the server has it, once all is saved."""
    saved(page)
    name = page.locator(".tab.active .name").inner_text()
    return server.get(f"/api/v1/workflows/{name.replace(' ', '%20')}").json["workflow"]


def choose(page: Page, *names: str) -> None:
    """Select some nodes."""
    for index, name in enumerate(names):
        title(page, name).click(modifiers=["Shift"] if index else [])


def command(page: Page, name: str) -> None:
    page.get_by_role("menuitem", name=name).click()


def test_each_typed_word_is_a_step_of_undo(work: Page) -> None:
    before = field(work, "prompt.text").input_value()
    rewrite(work, "prompt.text", "one two three")
    for left in ("one two", "one", before):
        work.keyboard.press("Control+z")
        assert field(work, "prompt.text").input_value().strip() == left.strip()


def test_only_sockets_of_a_fitting_type_can_be_wired(work: Page) -> None:
    before = work.locator(".react-flow__edge").count()
    drag(work, middle(output(work, "empty", "latent")), middle(entry(work, "guide", "positive")))
    expect(work.locator(".react-flow__edge")).to_have_count(before)
    drag(work, middle(output(work, "empty", "latent")), middle(entry(work, "sampler", "latent")))
    expect(wire(work, "sampler.latent")).to_have_attribute("aria-label", "Latent: empty.latent to sampler.latent")


def test_nodes_are_copied_with_the_wires_between_them(work: Page, server: Server) -> None:
    choose(work, "decode", "save")
    work.keyboard.press("Control+c")
    work.mouse.move(640, 600)
    work.keyboard.press("Control+v")
    nodes = kept(work, server)["nodes"]
    assert nodes["save_2"]["links"] == {"images": "decode_2.image"}
    assert "links" not in nodes["decode_2"]
    work.keyboard.press("Control+z")
    expect(title(work, "save_2")).to_have_count(0)
    choose(work, "decode", "save")
    work.keyboard.press("Control+d")
    assert kept(work, server)["nodes"]["decode_2"]["links"] == {"samples": "sampler.latent", "vae": "loader.vae"}


def test_a_frame_takes_along_what_lies_in_it(work: Page, server: Server) -> None:
    before = kept(work, server)["view"]["prompt"]["at"]
    choose(work, "prompt", "negative")
    work.keyboard.press("g")
    heading = work.locator(".frame .title")
    expect(heading).to_have_text("Frame")
    x, y = middle(heading)
    work.mouse.click(640, 700)
    drag(work, (x, y), (x + 60, y - 40))
    view = kept(work, server)["view"]
    assert view["prompt"]["at"] != before
    assert view["prompt"]["at"][0] - before[0] == view["negative"]["at"][0] - before[0]
    work.keyboard.press("Control+z")
    work.keyboard.press("Control+z")
    view = kept(work, server)["view"]
    assert ".frames" not in view
    assert view["prompt"]["at"] == before


def test_a_bypassed_node_is_left_out_and_a_muted_one_stops_what_follows(work: Page, server: Server) -> None:
    choose(work, "guide")
    work.keyboard.press("b")
    expect(node(work, "guide").locator(".mark")).to_have_text("bypassed")
    work.keyboard.press("Control+Enter")
    expect(picture(work)).to_have_js_property("naturalWidth", 64)
    expect(work.locator(".mark.good, .mark:text('reused')")).to_have_count(9)  # not guide, nor what only it needs
    assert kept(work, server)["nodes"]["guide"]["mode"] == "bypass"
    work.keyboard.press("b")
    choose(work, "decode")
    work.keyboard.press("m")
    assert "mode" not in kept(work, server)["nodes"]["guide"]
    assert kept(work, server)["nodes"]["decode"]["mode"] == "mute"


def test_a_folded_node_keeps_its_wires(work: Page, server: Server) -> None:
    wires = work.locator(".react-flow__edge").count()
    node(work, "sampler").get_by_role("button", name="Fold").click()
    expect(field(work, "sampler.seed")).to_have_count(0)
    expect(work.locator(".react-flow__edge")).to_have_count(wires)
    assert kept(work, server)["view"]["sampler"]["collapsed"] is True
    node(work, "sampler").get_by_role("button", name="Unfold").click()
    expect(field(work, "sampler.seed")).to_be_visible()


def test_a_wire_is_led_round_by_a_dot_and_goes_with_it(work: Page, server: Server) -> None:
    work.mouse.click(*along(work, "sampler.sigmas", 0.3), button="right")
    command(work, "Put a dot on it")
    dot = work.locator(".dot")
    expect(dot).to_have_count(1)
    x, y = middle(dot)
    drag(work, (x, y), (x + 80, y + 80))
    [place] = kept(work, server)["view"]["sampler"]["via"]["sigmas"]
    assert work.locator(".dot").count() == 1
    work.keyboard.press("Delete")
    expect(dot).to_have_count(0)
    assert "via" not in kept(work, server)["view"]["sampler"]
    work.keyboard.press("Control+z")
    assert kept(work, server)["view"]["sampler"]["via"]["sigmas"] == [place]


def test_a_node_is_put_into_a_wire(work: Page, server: Server, tmp_path: Path) -> None:
    work.mouse.dblclick(*along(work, "sampler.sigmas", 0.3))
    expect(work.locator(".palette")).to_be_visible()
    work.keyboard.type("split")
    work.screenshot(path=tmp_path / "palette.png")
    work.keyboard.press("Enter")
    nodes = kept(work, server)["nodes"]
    name, socket = nodes["sampler"]["links"]["sigmas"].split(".")
    assert name not in ("schedule", "sampler")
    assert "schedule.sigmas" in nodes[name]["links"].values()
    assert socket


def test_a_node_that_is_dropped_on_a_wire_goes_into_it(work: Page, server: Server) -> None:
    add(work, "splitsigmas", (900, 600))
    drag(work, middle(title(work, "split_sigmas")), along(work, "sampler.sigmas", 0.3))
    nodes = kept(work, server)["nodes"]
    assert "schedule.sigmas" in nodes["split_sigmas"]["links"].values()
    assert nodes["sampler"]["links"]["sigmas"].startswith("split_sigmas.")
    work.keyboard.press("Control+z")
    work.keyboard.press("Control+z")
    assert kept(work, server)["nodes"]["sampler"]["links"]["sigmas"] == "schedule.sigmas"


def test_a_number_is_dragged_in_one_step_of_undo(work: Page) -> None:
    steps = field(work, "schedule.steps")
    x, y = middle(steps)
    drag(work, (x, y), (x + 60, y))
    assert int(steps.input_value()) > 20
    work.keyboard.press("Control+z")
    expect(steps).to_have_value("20")


def test_a_long_list_of_choices_is_searched(work: Page) -> None:
    field(work, "schedule.scheduler").click()
    work.keyboard.type("kar")
    work.keyboard.press("Enter")
    expect(field(work, "schedule.scheduler")).to_contain_text("karras")
    work.keyboard.press("Control+z")
    expect(field(work, "schedule.scheduler")).to_contain_text("normal")


def test_a_title_is_written_and_a_node_is_removed_with_its_wires(work: Page, server: Server) -> None:
    title(work, "prompt").dblclick()
    work.keyboard.press("Control+a")
    work.keyboard.type("<b>What</b> it shows")
    work.keyboard.press("Enter")
    expect(title(work, "prompt")).to_have_text("<b>What</b> it shows")
    choose(work, "loader")
    work.keyboard.press("Delete")
    assert "clip" not in kept(work, server)["nodes"]["prompt"].get("links", {})
    work.keyboard.press("Control+z")
    assert kept(work, server)["nodes"]["prompt"]["links"]["clip"] == "loader.clip"
    assert kept(work, server)["view"]["prompt"]["title"] == "<b>What</b> it shows"


def test_what_is_selected_is_lined_up(work: Page, server: Server) -> None:
    choose(work, "prompt", "with_text", "guide")
    title(work, "guide").click(button="right")
    command(work, "Align left edges")
    view = kept(work, server)["view"]
    assert view["prompt"]["at"][0] == view["with_text"]["at"][0] == view["guide"]["at"][0]


def test_a_note_is_written_on_the_canvas(work: Page, server: Server) -> None:
    work.mouse.click(640, 700)
    work.keyboard.press("n")
    work.keyboard.type("Turn the scale")
    assert kept(work, server)["view"][".notes"]["note"]["text"] == "Turn the scale"


def test_nodes_are_as_tall_as_their_content(work: Page, tmp_path: Path) -> None:
    heights = work.evaluate(
        "[...document.querySelectorAll('.node')].map(each => [each.scrollHeight, each.offsetHeight])"
    )
    assert len(heights) == 12
    assert all(inner == outer for inner, outer in heights)
