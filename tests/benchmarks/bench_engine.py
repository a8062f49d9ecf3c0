"""The engine's own cost: chains of trivial nodes, memory, and what importing it takes."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from nodegraph import Finished, MemoryCache, Registry, Runtime, node, results_of

from .figure import Figure

REPEATS = 7
HEAVY = ("torch", "transformers", "PIL", "aiohttp")
IMPORT = f"import nodegraph, sys, time; print(time.process_time(), *(set({HEAVY!r}) & set(sys.modules)))"


@node("Start")
def start(value: int = 0) -> int:
    """Begin a chain."""
    return value


@node("Increment")
def increment(value: int, by: int = 1) -> int:
    """Add to a value."""
    return value + by


REGISTRY = Registry.of(start, increment)


def chain(length: int) -> dict[str, Any]:
    """A workflow that adds one, again and again."""
    nodes: dict[str, Any] = {"n0": {"type": "Start", "values": {"value": 0}}}
    for index in range(1, length):
        # Each with a value of its own, so that no two have one key.
        nodes[f"n{index}"] = {
            "type": "Increment",
            "values": {"by": index},
            "links": {"value": f"n{index - 1}.int"},
        }
    return {"nodegraph": 1, "nodes": nodes}


def run(document: dict[str, Any], cache: MemoryCache) -> None:
    results_of(Runtime(REGISTRY, cache).run(document))


def cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median CPU time of some work; wall time would count what else the machine does."""
    taken: list[float] = []
    for _ in range(repeats):
        gc.collect()
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def microseconds_a_node(length: int, cached: bool, repeats: int = REPEATS) -> float:
    document = chain(length)
    warm = MemoryCache()
    run(document, warm)
    seconds = cpu_seconds(lambda: run(document, warm if cached else MemoryCache()), repeats)
    return seconds / length * 1e6


def bytes_a_node(length: int) -> float:
    """The peak of a first run, everything kept in the cache, without the document itself."""
    document = chain(length)
    gc.collect()
    tracemalloc.start()
    run(document, MemoryCache())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / length


def steps_after_a_change(length: int, before_the_end: int) -> int:
    """How many nodes run again after a value near the end has changed."""
    document = chain(length)
    runtime = Runtime(REGISTRY, MemoryCache())
    results_of(runtime.run(document))
    document["nodes"][f"n{length - before_the_end}"]["values"]["by"] = -1
    return sum(isinstance(event, Finished) for event in runtime.run(document))


def import_cost() -> tuple[float, list[str]]:
    """CPU seconds of a Python that imports nodegraph, and which heavy modules came along."""
    outputs = [subprocess.check_output([sys.executable, "-c", IMPORT], text=True).split() for _ in range(REPEATS)]
    return statistics.median(float(output[0]) for output in outputs), outputs[0][1:]


def figures() -> list[Figure]:
    """Everything measured here."""
    first, cached = microseconds_a_node(10_000, cached=False), microseconds_a_node(10_000, cached=True)
    growth = first / microseconds_a_node(1_000, cached=False)
    cached_growth = cached / microseconds_a_node(1_000, cached=True)
    deep = microseconds_a_node(100_000, cached=False, repeats=1)
    memory = bytes_a_node(10_000)
    again = steps_after_a_change(1_000, before_the_end=10)
    seconds, heavy = import_cost()
    return [
        Figure("chain of 10,000, first run", f"{first:.1f} µs a node", "≤ 60", first <= 60),
        Figure("chain of 10,000, fully cached", f"{cached:.1f} µs a node", "≤ 30", cached <= 30),
        Figure("cost a node at 10,000 over 1,000, first", f"{growth:.2f} ×", "≤ 1.5", growth <= 1.5),
        Figure("cost a node at 10,000 over 1,000, cached", f"{cached_growth:.2f} ×", "≤ 1.5", cached_growth <= 1.5),
        Figure("chain of 100,000, first run", f"{deep:.1f} µs a node", "works", True),
        Figure("peak memory, chain of 10,000", f"{memory:.0f} bytes a node", "≤ 4096", memory <= 4096),
        Figure("nodes run after a change 10 before the end", f"{again}", "10", again == 10),
        Figure("import nodegraph", f"{seconds:.2f} s CPU", "≤ 0.5", seconds <= 0.5),
        Figure("heavy modules imported with it", " ".join(heavy) or "none", "none", not heavy),
    ]
