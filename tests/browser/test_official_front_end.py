"""ComfyUI's own front end, as it is published: it boots from this server, runs a workflow and shows the picture."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import Server, wait_for

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page

PROMPT = "a purple frog on a black background"


def front_end() -> Path:
    spec = importlib.util.find_spec("comfyui_frontend_package")
    assert spec is not None
    assert spec.origin is not None, "pip install comfyui-frontend-package"
    return Path(spec.origin).parent / "static"


def default_workflow() -> dict[str, Any]:
    """The text-to-image graph that ComfyUI opens with, in canvas format, with the embedded checkpoint's sizes."""
    types: dict[int, tuple[str, list[str], list[str], list[Any]]] = {
        4: ("CheckpointLoaderSimple", [], ["MODEL", "CLIP", "VAE"], ["emoji-64.safetensors"]),
        5: ("EmptyLatentImage", [], ["LATENT"], [64, 64, 1]),
        6: ("CLIPTextEncode", ["clip"], ["CONDITIONING"], [PROMPT]),
        7: ("CLIPTextEncode", ["clip"], ["CONDITIONING"], [""]),
        3: ("KSampler", ["model", "positive", "negative", "latent_image"], ["LATENT"],
            [156680208700286, "fixed", 20, 3, "euler", "normal", 1]),
        8: ("VAEDecode", ["samples", "vae"], ["IMAGE"], []),
        9: ("SaveImage", ["images"], [], ["ComfyUI"]),
    }  # fmt: skip
    wires = [
        (4, 0, 3, 0, "MODEL"), (6, 0, 3, 1, "CONDITIONING"), (7, 0, 3, 2, "CONDITIONING"), (5, 0, 3, 3, "LATENT"),
        (4, 1, 6, 0, "CLIP"), (4, 1, 7, 0, "CLIP"), (3, 0, 8, 0, "LATENT"), (4, 2, 8, 1, "VAE"), (8, 0, 9, 0, "IMAGE"),
    ]  # fmt: skip
    links = [[number, *wire] for number, wire in enumerate(wires, 1)]
    nodes: list[dict[str, Any]] = []
    for order, (number, (kind, inputs, outputs, values)) in enumerate(types.items()):
        into: list[dict[str, Any]] = [{"name": name, "type": wires[0][4], "link": None} for name in inputs]
        for link in links:
            if link[3] == number:
                into[int(link[4])] |= {"link": link[0], "type": link[5]}
        out: list[dict[str, Any]] = [
            {"name": kind_of, "type": kind_of, "links": [li[0] for li in links if li[1] == number and li[2] == slot]}
            for slot, kind_of in enumerate(outputs)
        ]
        place = [30 + 330 * (order % 4), 100 + 360 * (order // 4)]
        shape: dict[str, Any] = {
            "pos": place,
            "size": [300, 260],
            "flags": {},
            "order": order,
            "mode": 0,
            "properties": {},
        }
        nodes.append({"id": number, "type": kind, **shape, "inputs": into, "outputs": out, "widgets_values": values})
    return {"last_node_id": 9, "last_link_id": 9, "nodes": nodes, "links": links, "groups": [], "version": 0.4}


def session(tab: Page, address: str, picture: Path) -> dict[str, Any]:
    """Open the workflow, run it and wait for its picture; gives what the front end was told of the outputs."""
    tab.goto(address)
    tab.wait_for_function("window.app && window.app.graph && window.app.extensionManager")
    tab.wait_for_timeout(1000)
    tab.evaluate("workflow => window.app.loadGraphData(workflow)", default_workflow())
    tab.wait_for_function("window.app.graph._nodes.length === 7")
    tab.evaluate("window.app.queuePrompt(0, 1)")
    tab.wait_for_function("Object.keys(window.app.nodeOutputs).length")
    outputs: dict[str, Any] = json.loads(tab.evaluate("JSON.stringify(window.app.nodeOutputs)"))
    tab.wait_for_function("window.app.graph.getNodeById(9).imgs?.[0]?.naturalWidth === 64")
    tab.wait_for_timeout(1000)
    tab.screenshot(path=picture)
    return outputs


@pytest.mark.browser
def test_the_official_front_end_runs_the_default_workflow_and_shows_the_picture(
    stray_page: Page, tmp_path: Path
) -> None:
    failed: list[str] = []

    def heard(status: int, url: str) -> None:
        if status >= 500 or (status >= 400 and "/api/prompt" in url):
            failed.append(url)

    stray_page.on("response", lambda answer: heard(answer.status, answer.url))
    server = Server(tmp_path / "data", ("--web-root", str(front_end()))).start()
    try:
        # What a new user is greeted with would cover the canvas.
        server.post("/api/settings/Comfy.TutorialCompleted", True)
        outputs = session(stray_page, server.origin, tmp_path / "front_end.png")
        assert failed == []
        (place,) = outputs["9"]["images"]
        answer = server.get(f"/view?filename={place['filename']}&type=output")
        assert (answer.status, answer.body[:4]) == (200, b"\x89PNG")
        wait_for(lambda: server.get("/api/v1/queue").json["running"] == 0)
    finally:
        server.reap()
