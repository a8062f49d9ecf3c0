"""ComfyUI's own front end, as it is published: it boots from this server, runs a workflow and shows the picture."""

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Page, chromium
from tests.server.serving import Server, wait_for

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


async def session(server: Server, picture: Path) -> dict[str, Any]:
    async with chromium() as page:
        await page.open(server.origin)
        await page.until("!!(window.app && window.app.graph && window.app.extensionManager)")
        await asyncio.sleep(1.0)
        await page.evaluate(f"window.app.loadGraphData({json.dumps(default_workflow())})")
        await page.until("window.app.graph._nodes.length === 7")
        await page.evaluate("window.app.queuePrompt(0, 1)")
        outputs: dict[str, Any] = json.loads(
            await page.until("Object.keys(window.app.nodeOutputs).length && JSON.stringify(window.app.nodeOutputs)")
        )
        await page.until("window.app.graph.getNodeById(9).imgs?.[0]?.naturalWidth === 64")
        await asyncio.sleep(1.0)
        await page.screenshot(picture)
        await check_what_it_asked(page)
        return outputs


async def check_what_it_asked(page: Page) -> None:
    failed = [url for status, url in page.requests if status >= 500 or (status >= 400 and "/api/prompt" in url)]
    assert failed == []


@pytest.mark.browser
def test_the_official_front_end_runs_the_default_workflow_and_shows_the_picture(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", ("--web-root", str(front_end()))).start()
    try:
        # What a new user is greeted with would cover the canvas.
        server.post("/api/settings/Comfy.TutorialCompleted", True)
        outputs = asyncio.run(session(server, tmp_path / "front_end.png"))
        (place,) = outputs["9"]["images"]
        answer = server.get(f"/view?filename={place['filename']}&type=output")
        assert (answer.status, answer.body[:4]) == (200, b"\x89PNG")
        wait_for(lambda: server.get("/api/v1/queue").json["running"] == 0)
    finally:
        server.reap()
