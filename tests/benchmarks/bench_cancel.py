"""How soon a job stops that is cancelled: while it waits, samples, loads a large checkpoint, or never returns."""

from __future__ import annotations

import asyncio
import json
import math
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from aiohttp import ClientWebSocketResponse
from torch import nn

from nodes.diffusion.layouts import SD1, UNET_PLACES, VAE_PLACES
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.unet import UNet, UNetConfig
from nodes.diffusion.vae import Autoencoder, VaeConfig
from tests.server.listening import Heard, hear, listening
from tests.server.serving import ENDED, NUMBER, Server, saving, serving

from .bench_server import picture
from .figure import Figure, Scale

STEPS = 400


@dataclass
class Stopped:
    """How long cancelled jobs went on, and how the jobs after them ended."""

    seconds: list[float] = field(default_factory=list[float])
    after: set[str] = field(default_factory=set[str])

    @property
    def unharmed(self) -> str:
        return "the next job is done" if self.after == {"done"} else f"the next job is {self.after}"


async def until_ended(connection: ClientWebSocketResponse, name: str, heard: Heard) -> str:
    async with asyncio.timeout(60):
        while True:
            assert heard.take(await connection.receive())
            for job, event in heard.events[-20:]:
                if job == name and event["event"] == "job" and event["state"] in ENDED:
                    return event["state"]


async def cancelled(server: Server, document: Mapping[str, Any], wait: float, stopped: Stopped, **how: Any) -> Heard:
    """Cancel a job some time after its first node has started; if it had ended before, that does not count."""
    async with listening(server) as connection:
        heard = Heard()
        name = await asyncio.to_thread(server.submit, document, **how)
        async with asyncio.timeout(120):
            while not any(event["event"] == "started" for _, event in heard.events):
                heard.take(await connection.receive())
        pulling = asyncio.create_task(until_ended(connection, name, heard))
        await asyncio.sleep(wait)
        began = time.perf_counter()
        await asyncio.to_thread(server.post, f"/api/v1/jobs/{name}/cancel")
        if await pulling == "cancelled":
            stopped.seconds.append(time.perf_counter() - began)
        return heard


async def next_job(server: Server, document: Mapping[str, Any], stopped: Stopped, **how: Any) -> None:
    async with listening(server) as connection:
        name = await asyncio.to_thread(server.submit, document, **how)
        await hear(connection, Heard(), {name}, 120)
    stopped.after.add((await asyncio.to_thread(server.job, name))["state"])


def queued(server: Server, count: int) -> Iterator[Figure]:
    server.post("/api/v1/queue/pause")
    names = [server.submit(NUMBER) for _ in range(count)]
    taken: list[float] = []
    for name in names:
        began = time.perf_counter()
        assert server.post(f"/api/v1/jobs/{name}/cancel").json["state"] == "cancelled"
        taken.append(time.perf_counter() - began)
    server.post("/api/v1/queue/resume")
    worst = max(taken) * 1000
    yield Figure(f"cancel while it waits, the slowest of {count}", f"{worst:.0f} ms", "≤ 50 ms", worst <= 50)


def hanging(server: Server) -> Iterator[Figure]:
    stopped = Stopped()
    asyncio.run(cancelled(server, saving("Hang"), 0.5, stopped))
    asyncio.run(next_job(server, NUMBER, stopped))
    worst = max(stopped.seconds)
    yield Figure("cancel a node that never returns", f"{worst:.1f} s, {stopped.unharmed}", "≤ 10 s", worst <= 10)


def sampling(server: Server, count: int) -> Iterator[Figure]:
    """The embedded checkpoint, at a size that makes its steps as long as a larger one's."""
    stopped, steps = Stopped(), list[float]()
    document = picture(steps=STEPS)
    document["nodes"]["empty"]["values"] |= {"width": 256, "height": 256}

    async def story() -> None:
        for number in range(count):
            document["nodes"]["sampler"]["values"]["seed"] = number
            heard = await cancelled(server, document, 0.5 + random.random(), stopped)
            done = [event["done"] for _, event in heard.events if event["event"] == "progressed"]
            steps.append(done[-1] if done else 0)
        await next_job(server, picture(seed=99), stopped)

    asyncio.run(story())
    step = step_seconds(server, document)
    worst = max(stopped.seconds)
    said = f"{worst * 1000:.0f} ms, a step {step * 1000:.0f} ms, {stopped.unharmed}"
    reached = worst <= step + 0.1 and stopped.after == {"done"}
    yield Figure(f"cancel while it samples, slowest of {len(stopped.seconds)}", said, "step + 100 ms", reached)


def step_seconds(server: Server, document: dict[str, Any]) -> float:
    """The median length of a sampling step."""
    document["nodes"]["sampler"]["values"] |= {"steps": 20, "seed": 1000}
    name = server.submit(document)
    server.ended(name, 120)
    events = server.events(name)
    (sampled,) = [event["seconds"] for event in events if event["event"] == "finished" and event["node"] == "sampler"]
    return sampled / 20


def loading(server: Server, count: int) -> Iterator[Figure]:
    stopped = Stopped()
    path = server.data / "models" / "checkpoints" / "large.safetensors"
    write_empty(path)
    document = picture(seed=97)
    document["nodes"]["loader"]["values"]["name"] = path.name

    async def story() -> None:
        for _ in range(count):
            # Weights are read when they are first computed with. One that was loaded is cached, and not loaded again.
            await asyncio.to_thread(server.post, "/api/v1/devices/free")
            await cancelled(server, document, random.uniform(0.05, 2.0), stopped, targets=["sampler"])
        await next_job(server, picture(seed=98), stopped)

    asyncio.run(story())
    worst = max(stopped.seconds, default=math.inf)
    said = f"{worst * 1000:.0f} ms, {stopped.unharmed}"
    size = f"{path.stat().st_size / 1e9:.1f} GB"
    reached = worst <= 1 and stopped.after == {"done"}
    what = f"cancel while it loads {size} and begins to sample, slowest of {len(stopped.seconds)}"
    yield Figure(what, said, "≤ 1 s", reached)


def write_empty(path: Path) -> None:
    """A checkpoint as large as SD1.5, of zeros in float16, that takes no space on the disk."""
    with torch.device("meta"):
        parts: dict[str, nn.Module] = {
            UNET_PLACES[0]: UNet(UNetConfig()), VAE_PLACES[0]: Autoencoder(VaeConfig()),
            SD1.places[0][0]: TextTower(TextConfig()),
        }  # fmt: skip
    entries: dict[str, Any] = {}
    end = 0
    for prefix, module in parts.items():
        for name, tensor in module.state_dict().items():
            start, end = end, end + 2 * tensor.numel()
            entries[prefix + name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [start, end]}
    header = json.dumps(entries).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)


def figures(scale: Scale) -> Iterator[Figure]:
    """Every kind of cancel, and the job after it."""
    with serving() as server:
        yield from queued(server, 10 * scale.repeats)
        yield from hanging(server)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), words=("--device", "cpu"))
        try:
            server.start()
            yield from sampling(server, 4 * scale.repeats)
            yield from loading(server, 3 * scale.repeats)
        finally:
            server.reap()
