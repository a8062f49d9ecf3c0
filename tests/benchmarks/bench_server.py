"""The server: what it costs to start, how soon a job is done, how much it tells, and whether it stays awake."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.server.filling import SETTINGS, fill
from tests.server.listening import Heard, hear, listening
from tests.server.serving import ROOT, Server, of, serving, workflow

from .figure import Figure, Scale

TICK = os.sysconf("SC_CLK_TCK")
JOBS = 200
CHAIN = 1000
MANY = 10_000
LOOKS = 4000
# A head of four bytes goes before each message of more than 125 bytes, one of two before the others.
HEAD = 4
PICTURE = ROOT / "workflows" / "text_to_image_ksampler.json"


def cost(pid: int) -> tuple[float, float]:
    """CPU seconds and megabytes that a process has taken."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(times[11]) + int(times[12])) / TICK, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_cost() -> tuple[float, float]:
    """CPU seconds and megabytes of a server with the real nodes, once `/live` has answered."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), words=("--device", "cpu"))
        try:
            server.start(until_ready=False)
            assert server.get("/live").status == 200
            return cost(server.process.pid)
        finally:
            server.reap()


async def job_seconds(server: Server, document: dict[str, Any], targets: list[str] | None) -> list[float]:
    """From the request to the event that the job is done, for one job after the other."""
    taken: list[float] = []
    async with listening(server) as connection, aiohttp.ClientSession() as session:
        for number in range(JOBS):
            name, heard = f"{len(document['nodes'])}-{targets}-{number}", Heard()
            body = {"workflow": document, "id": name} | ({"targets": targets} if targets else {})
            began = time.perf_counter()
            async with session.post(f"{server.origin}/api/v1/jobs", json=body) as answer:
                assert answer.status == 200, await answer.text()
            await hear(connection, heard, {name})
            taken.append(time.perf_counter() - began)
    return taken[10:]


def latency() -> Iterator[Figure]:
    two = workflow(a=of("Number", value=1), b=of("Add", {"a": "a.int"}))
    saved = workflow(a=of("Number", value=1), save=of("Save", {"value": "a.int"}))
    with serving() as server:
        cached = sorted(asyncio.run(job_seconds(server, two, ["b"])))
        saving = sorted(asyncio.run(job_seconds(server, saved, None)))
    middle = statistics.median(cached) * 1000
    yield Figure("2-node cached job, submit to done event, median", f"{middle:.1f} ms", "≤ 10 ms", middle <= 10)
    yield Figure("  its p99", f"{cached[int(len(cached) * 0.99)] * 1000:.1f} ms", "-", None)
    yield Figure("  the same with a picture saved, median", f"{statistics.median(saving) * 1000:.1f} ms", "-", None)


def chain(length: int) -> dict[str, Any]:
    nodes = {f"n{index}": of("Add", {"a": f"n{index - 1}.int"}, b=index) for index in range(1, length - 1)}
    return workflow(n0=of("Number"), **nodes, last=of("Keep", {"value": f"n{length - 2}.int"}))


async def told_bytes(server: Server, path: str) -> float:
    """Kilobytes that a client is sent while a long chain of nodes runs once."""
    query = {"clientId": "me"} if path == "/ws" else {"client": "me"}
    async with listening(server, path=path, query=query) as connection:
        name = await asyncio.to_thread(server.submit, chain(CHAIN), client="me")
        size = 0
        async with asyncio.timeout(60):
            while True:
                text = (await connection.receive()).data
                size += len(text.encode()) + HEAD
                if ('"state":"done"' in text) if path != "/ws" else ('"execution_success"' in text):
                    break
    assert len(server.job(name)["outputs"]) == 0
    return size / 1000


def sizes() -> Iterator[Figure]:
    for path, whose in (("/api/v1/events", "native"), ("/ws", "ComfyUI's")):
        with serving() as server:
            size = asyncio.run(told_bytes(server, path))
        yield Figure(f"{CHAIN:,}-node graph, sent to a listener, {whose}", f"{size:.0f} KB", "≤ 250 KB", size <= 250)


def looks(port: int, count: int) -> list[float]:
    """How long `/live` takes to answer, asked again and again: no less than the event loop lags behind."""
    taken: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET", "/live")
        connection.getresponse().read()
        taken.append(time.perf_counter() - began)
        time.sleep(0.002)
    connection.close()
    return sorted(taken)


def loop() -> Iterator[Figure]:
    """While the embedded checkpoint paints, which takes all the cores that there are."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), words=("--device", "cpu"))
        try:
            server.start()
            document = picture(steps=1000)
            name = server.submit(document)
            server.running(name, 120)
            taken = looks(server.port, LOOKS)
            assert server.job(name)["state"] == "running"
        finally:
            server.reap()
    p99, most = taken[int(LOOKS * 0.99)] * 1000, taken[-1] * 1000
    yield Figure("event loop while a job runs: /live p99, and so its lag", f"{p99:.1f} ms", "≤ 20 ms", p99 <= 20)
    yield Figure("  the longest", f"{most:.1f} ms", "≤ 100 ms", most <= 100)


def picture(**values: Any) -> dict[str, Any]:
    """The workflow of a picture by the embedded checkpoint."""
    document: dict[str, Any] = json.loads(PICTURE.read_text())
    document["nodes"]["sampler"]["values"] |= values
    return document


def restart(repeats: int) -> Iterator[Figure]:
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), settings=SETTINGS)
        try:
            server.start()
            server.stop()
            fill(server.data / "jobs.sqlite", queued=MANY, history=MANY)
            for _ in range(repeats):
                began = time.perf_counter()
                server.start()
                taken.append(time.perf_counter() - began)
                server.stop()
        finally:
            server.reap()
    slowest = max(taken)
    yield Figure(f"restart with {MANY:,} queued, {MANY:,} ended, to /ready", f"{slowest:.2f} s", "≤ 3 s", slowest <= 3)


def figures(scale: Scale) -> Iterator[Figure]:
    """The server's own cost."""
    costs = [start_cost() for _ in range(scale.repeats)]
    seconds, megabytes = (statistics.median(each[index] for each in costs) for index in (0, 1))
    yield Figure("process start to /live", f"{seconds:.2f} s CPU", "≤ 1.2", seconds <= 1.2)
    yield Figure("  its memory then", f"{megabytes:.0f} MB", "≤ 90 MB", megabytes <= 90)
    yield from latency()
    yield from sizes()
    yield from loop()
    yield from restart(scale.repeats)
