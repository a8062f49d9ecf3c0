"""One client that never reads, and fifty that do: what the one costs the others, and the server."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.server.listening import listening, metric
from tests.server.serving import ROOT, Server, of, wait_for, workflow

from .bench_server import cost
from .figure import Figure, Scale

READERS = 50
DEVICES = ("a", "b", "c", "d")  # workers, since each shows a preview every 0.15 s at most
SIZE = 100_000
LOOKS = 5  # in a second
WARM = 5.0  # seconds of frames, until what fifty readers take is taken
SETTINGS = "[bounds]\nsockets = 256\nsockets_per_peer = 256\nsteps = 1000000\n"
FILM = str(Path(__file__).with_name("film_nodes.py"))


def never_read(server: Server, over: threading.Event) -> None:
    """Connect and read nothing; when that is cut off, connect again."""

    async def story() -> None:
        while not over.is_set():
            async with listening(server):
                for _ in range(120):
                    if over.is_set():
                        return
                    await asyncio.sleep(0.1)

    asyncio.run(story())


def watch(server: Server, over: threading.Event, seen: dict[str, float]) -> None:
    """The most that the server holds for a second, and its memory.

    For a moment it holds a frame for each of those who read, too: all of them the same bytes.
    """
    latest: deque[float] = deque(maxlen=LOOKS)
    while not over.wait(1 / LOOKS):
        latest.append(metric(server, "listener_bytes"))
        if len(latest) == LOOKS:
            seen["held"] = max(seen.get("held", 0), min(latest))
        seen["memory"] = max(seen.get("memory", 0), cost(server.process.pid)[1])


def films(frames: int) -> list[dict[str, Any]]:
    each = math.ceil(frames / len(DEVICES))
    return [workflow(film=of("Film", frames=each, size=SIZE, number=number)) for number in range(len(DEVICES))]


def play(server: Server, frames: int) -> tuple[dict[str, Any], dict[str, float], float]:
    """What the readers measured, what the server held, and its memory when the one that never reads came."""
    words = [sys.executable, "-m", "tests.benchmarks.readers", f"ws://127.0.0.1:{server.port}/api/v1/events"]
    readers = subprocess.Popen([*words, str(READERS), str(len(DEVICES))], cwd=ROOT, stdout=subprocess.PIPE)
    over, seen = threading.Event(), dict[str, float]()
    wait_for(lambda: metric(server, "websockets") == READERS)
    threads = [threading.Thread(target=never_read, args=(server, over))]
    threads += [threading.Thread(target=watch, args=(server, over, seen))]
    try:
        for film in films(frames):
            server.submit(film, targets=["film"])
        time.sleep(WARM)
        before = cost(server.process.pid)[1]
        for thread in threads:
            thread.start()
        said, _ = readers.communicate(timeout=frames * 0.2 + 60)
    finally:
        over.set()
        readers.kill()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return json.loads(said), seen, before


def figures(scale: Scale) -> Iterator[Figure]:
    """Frames of 100 KB, as quickly as four workers show them."""
    with tempfile.TemporaryDirectory() as folder:
        devices = [word for device in DEVICES for word in ("--device", device)]
        server = Server(Path(folder), ("--pack", FILM, *devices), SETTINGS)
        try:
            server.start()
            found, seen, before = play(server, scale.frames)
        finally:
            server.reap()
    p99, held = found["p99"] * 1000, seen["held"] / 1e6
    got = found["frames"] / READERS
    what = f"{READERS} read {scale.frames:,} frames of 100 KB, one never reads"
    yield Figure(f"{what}: p99", f"{p99:.0f} ms", "≤ 50 ms", p99 <= 50)
    yield Figure("  median, and how many frames each got", f"{found['p50'] * 1000:.0f} ms, {got:,.0f}", "-", None)
    yield Figure("  buffered for those that do not read, at most", f"{held:.2f} MB", "≤ 4 MB", held <= 4)
    grown = seen["memory"] - before
    yield Figure("  the server's memory grew, once it had come, by", f"{grown:.1f} MB", "≤ 8 MB", grown <= 8)
