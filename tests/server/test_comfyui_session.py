"""A whole session of a ComfyUI client with the embedded checkpoint: it must not notice that this is not ComfyUI."""

import asyncio
import io
import json
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from nodegraph.picture import text_chunks
from tests.server.comfy_client import ComfyClient, kinds, preview_of
from tests.server.serving import Server

Session = Callable[[ComfyClient], Awaitable[None]]


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the real nodes."""
    server = Server(tmp_path_factory.mktemp("comfy"), ()).start()
    yield server
    server.reap()


def play(server: Server, session: Session, prefix: str = "") -> None:
    async def played() -> None:
        async with ComfyClient(server.origin, prefix) as client:
            await session(client)

    asyncio.run(played())


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def text_to_image(seed: int, steps: int = 8) -> dict[str, Any]:
    return {
        "4": node("CheckpointLoaderSimple", ckpt_name="emoji-64.safetensors"),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "6": node("CLIPTextEncode", text="a purple frog on a black background", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="", clip=["4", 1]),
        "3": node(
            "KSampler", seed=seed, steps=steps, cfg=3.0, sampler_name="euler", scheduler="normal", denoise=1.0,
            model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
        ),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }  # fmt: skip


def from_picture(name: str, seed: int) -> dict[str, Any]:
    prompt = text_to_image(seed)
    prompt["1"] = node("LoadImage", image=name, upload="image")
    prompt["2"] = node("VAEEncode", pixels=["1", 0], vae=["4", 2])
    prompt["3"]["inputs"] |= {"latent_image": ["2", 0], "denoise": 0.5}
    return prompt


def picture(color: str = "red", size: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), color).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_text_to_image_from_the_prompt_to_the_picture(comfy: Server, prefix: str) -> None:
    async def session(client: ComfyClient) -> None:
        status = await client.until("status")
        assert status == {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client.sid}
        drawn: dict[str, Any] = {"nodes": [], "links": [], "version": 0.4}
        prompt = text_to_image(seed=1 + len(prefix))
        name = await client.queue(prompt, extra_data={"extra_pnginfo": {"workflow": drawn}})
        said = await client.finish(name)
        assert kinds(said)[:2] == ["execution_start", "execution_cached"]
        assert kinds(said)[-3:] == ["executed", "execution_success", "executing"]
        nodes = [message["data"]["node"] for message in said if message["type"] == "executing"]
        assert nodes[-4:] == ["3", "8", "9", None]
        steps = [m["data"] for m in said if m["type"] == "progress" and m["data"]["node"] == "3"]
        assert (steps[-1]["value"], steps[-1]["max"]) == (8, 8)
        assert client.previews
        assert Image.open(io.BytesIO(preview_of(client.previews[0]))).size == (64, 64)

        history = await client.get(f"/history/{name}")
        entry = history[name]
        assert entry["prompt"][1:3] == [name, prompt]
        assert entry["status"]["status_str"] == "success"
        (place,) = entry["outputs"]["9"]["images"]
        executed = next(message["data"] for message in said if message["type"] == "executed")
        assert executed["output"]["images"] == [place]
        kind, content = await client.view(place)
        found = Image.open(io.BytesIO(content))
        assert (kind, found.size) == ("image/png", (64, 64))
        texts = dict(text_chunks(io.BytesIO(content)))
        assert json.loads(texts["prompt"]) == prompt
        assert json.loads(texts["workflow"]) == drawn
        small_kind, small = await client.view(place, preview="webp;90")
        assert (small_kind, Image.open(io.BytesIO(small)).size) == ("image/jpeg", (64, 64))

    play(comfy, session, prefix)


def test_a_run_whose_results_are_known_tells_so_and_still_gives_its_picture(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        await client.finish(await client.queue(text_to_image(seed=9)))
        said = await client.finish(await client.queue(text_to_image(seed=9)))
        cached = [node for m in said if m["type"] == "execution_cached" for node in m["data"]["nodes"]]
        assert sorted(cached) == ["3", "4", "5", "6", "7", "8"]
        assert [m["data"]["node"] for m in said if m["type"] == "executed"] == ["9"]

    play(comfy, session)


def test_previews_carry_what_they_are_of_for_clients_that_can_read_it(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        await client.socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        await client.until("feature_flags")
        name = await client.queue(text_to_image(seed=21, steps=30))
        await client.finish(name)
        kind, length = struct.unpack(">II", client.previews[0][:8])
        about = json.loads(client.previews[0][8 : 8 + length])
        assert (kind, about["node_id"], about["prompt_id"]) == (4, "3", name)
        assert Image.open(io.BytesIO(client.previews[0][8 + length :])).format == "JPEG"

    play(comfy, session)


def test_image_to_image_from_an_upload(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        first = await client.upload(picture("red"), "my photo.png")
        again = await client.upload(picture("red"), "my photo.png")
        other = await client.upload(picture("blue"), "my photo.png")
        assert first == again == {"name": "my photo.png", "subfolder": "", "type": "input"}
        assert other["name"] == "my photo (1).png"
        prompt = from_picture(first["name"], seed=5)
        said = await client.finish(await client.queue(prompt))
        assert "executed" in kinds(said)
        kind, content = await client.view({"filename": first["name"], "type": "input"})
        assert (kind, Image.open(io.BytesIO(content)).getpixel((0, 0))) == ("image/png", (255, 0, 0))

    play(comfy, session)


def test_an_interrupted_run_says_so_and_the_next_one_is_unharmed(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        long = text_to_image(seed=31, steps=1000)
        name, after = await client.queue(long), await client.queue(text_to_image(seed=32))
        await client.until("progress", node="3", prompt_id=name)
        assert (await client.post("/interrupt", {"prompt_id": "another"}))[0] == 200
        assert (await client.post("/interrupt"))[0] == 200
        told = await client.until("execution_interrupted", prompt_id=name)
        assert (told["node_id"], told["node_type"]) == ("3", "KSampler")
        assert (await client.until("execution_success", prompt_id=after)) is not None
        assert (await client.get(f"/history/{name}"))[name]["status"]["completed"] is False

    play(comfy, session)


def test_a_failing_node_is_told_with_its_place(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        await client.upload(picture("red", 4), "tiny.png")
        name = await client.queue(from_picture("tiny.png", seed=41))
        told = await client.until("execution_error", prompt_id=name)
        assert (told["node_id"], told["node_type"], told["traceback"]) == ("2", "VAEEncode", [])
        assert "too small" in told["exception_message"]

    play(comfy, session)


def test_the_queue_can_be_looked_at_and_emptied(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        running = await client.queue(text_to_image(seed=51, steps=1000))
        await client.until("progress", node="3", prompt_id=running)
        waiting = [await client.queue(text_to_image(seed=seed)) for seed in (52, 53, 54)]
        first = await client.queue(text_to_image(seed=55), front=True)
        queue = await client.get("/queue")
        assert [entry[1] for entry in queue["queue_running"]] == [running]
        assert [entry[1] for entry in queue["queue_pending"]] == [first, *waiting]
        assert queue["queue_pending"][0][4] == ["9"]
        assert (await client.get("/prompt"))["exec_info"]["queue_remaining"] == 5
        await client.post("/queue", {"delete": [waiting[0], running]})
        assert len((await client.get("/queue"))["queue_pending"]) == 3
        await client.post("/queue", {"clear": True})
        assert (await client.get("/queue"))["queue_pending"] == []
        await client.post("/interrupt", {"prompt_id": running})
        await client.until("execution_interrupted", prompt_id=running)

    play(comfy, session)


def test_what_is_wrong_with_a_prompt_is_told_node_by_node(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        prompt = text_to_image(seed=61)
        prompt["3"]["inputs"]["steps"] = "many"
        del prompt["8"]["inputs"]["vae"]
        status, said = await client.post("/prompt", {"prompt": prompt, "client_id": client.sid})
        assert (status, said["error"]["type"]) == (400, "prompt_outputs_failed_validation")
        assert {node: entry["class_type"] for node, entry in said["node_errors"].items()} == {
            "3": "KSampler", "8": "VAEDecode",
        }  # fmt: skip
        (error,) = said["node_errors"]["8"]["errors"]
        assert (error["type"], error["extra_info"]["input_name"]) == ("required_input_missing", "vae")
        assert (await client.post("/prompt", {"prompt": {}}))[0] == 400
        assert (await client.get("/history/unknown")) == {}

    play(comfy, session)


def test_outputs_that_can_be_run_are_run_and_the_others_told(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        prompt = text_to_image(seed=71)
        prompt["10"] = {"class_type": "SaveImage", "inputs": {"images": ["8", 7]}}
        status, said = await client.post("/prompt", {"prompt": prompt, "client_id": client.sid})
        assert (status, list(said["node_errors"])) == (200, ["10"])
        executed = await client.until("executed", prompt_id=said["prompt_id"])
        assert executed["node"] == "9"
        await client.until("execution_success", prompt_id=said["prompt_id"])

    play(comfy, session)


def test_the_messages_of_a_run_go_to_the_client_that_sent_it(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        async with ComfyClient(comfy.origin) as other:
            name = await client.queue(text_to_image(seed=81))
            await client.finish(name)
            await other.until("status", status={"exec_info": {"queue_remaining": 0}})
            await other.until("status", status={"exec_info": {"queue_remaining": 0}})
            assert {message["type"] for message in other.heard} == {"status"}

    play(comfy, session)


def test_an_own_id_makes_submitting_repeatable(comfy: Server) -> None:
    async def session(client: ComfyClient) -> None:
        body = {"prompt": text_to_image(seed=91), "prompt_id": "mine-1", "client_id": client.sid}
        first, again = await client.post("/prompt", body), await client.post("/prompt", body)
        assert first == again
        assert first[1]["prompt_id"] == "mine-1"
        await client.finish("mine-1")
        assert (await client.post("/history", {"delete": ["mine-1"]}))[0] == 200
        assert await client.get("/history/mine-1") == {}

    play(comfy, session)
