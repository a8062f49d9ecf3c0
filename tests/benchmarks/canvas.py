"""The canvas in a real browser, with many nodes: how soon it shows them, and how long its frames take."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import importlib.util
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph.server.static import canvas
from tests.browser.driving import FLAGS, HEIGHT, WIDTH, program
from tests.server.serving import ROOT, Server

from .figure import Figure, show

if TYPE_CHECKING:  # without Playwright the other figures are still measured
    from playwright.async_api import Page

TITLE = "Canvas (median / 95th percentile / maximum)"
PART = ROOT / "workflows" / "text_to_image.json"
CELL = (1900, 920)
SCRIPT = Path(__file__).with_name("canvas_page.js")
OPENED = {500: 0.7, 2000: 2.5}
REPEATS = 5
STORAGE = "local_storage,indexeddb"
STILL, MOST = 400, 15_000
HERTZ = 60
KEYS = 40
SIZE = 190
COSTS = {"Script": "script", "RecalcStyle": "style", "Layout": "layout", "Task": "all"}


def workflow(count: int) -> dict[str, Any]:
    """So many nodes: the text-to-image workflow again and again, on a grid of about the screen's shape."""
    part = json.loads(PART.read_text())
    copies = math.ceil(count / len(part["nodes"]))
    columns = round(math.sqrt(copies * WIDTH / HEIGHT * CELL[1] / CELL[0]))
    nodes: dict[str, Any] = {}
    view: dict[str, Any] = {}
    for copy in range(copies):
        row, column = divmod(copy, columns)
        for name, node in list(part["nodes"].items())[: count - len(nodes)]:
            links = {entry: link.replace(".", f"_{count}_{copy}.") for entry, link in node.get("links", {}).items()}
            x, y = part["view"][name]["at"]
            nodes[f"{name}_{count}_{copy}"] = {**node, "links": links}
            view[f"{name}_{count}_{copy}"] = {"at": [x + column * CELL[0], y + row * CELL[1]]}
    return {"nodegraph": 1, "nodes": nodes, "view": view}


class NotOpened(Exception):
    """The canvas did not show the workflow that its address names."""


@dataclass
class Driver:
    """The page that is measured, and the tools of its browser."""

    page: Page
    tools: Any  # a CDPSession, whose types are not complete
    origin: str

    async def open(self, name: str) -> Any:
        """Open a saved workflow as at a first visit; gives when it was painted, and the marks of the canvas."""
        await self.page.goto("about:blank")
        await self.tools.send("Storage.clearDataForOrigin", {"origin": self.origin, "storageTypes": STORAGE})
        await self.page.goto(f"{self.origin}/#{name}")
        found = await self.page.evaluate(f"bench.opened('{name}', {STILL}, {MOST})")
        if found is None:
            raise NotOpened(f"/#{name} does not open it")
        return found

    async def costs(self) -> list[float]:
        """Milliseconds of a CPU that the page's main thread has taken, for each of `COSTS`."""
        told = (await self.tools.send("Performance.getMetrics"))["metrics"]
        found = {each["name"]: each["value"] * 1000 for each in told}
        return [found[f"{name}Duration"] for name in COSTS]

    async def scale(self) -> float:
        return await self.page.evaluate("bench.scale()")

    async def zoom_to(self, scale: float) -> None:
        """Turn the wheel in the middle until the canvas is drawn at that scale."""
        await self.page.mouse.move(WIDTH / 2, HEIGHT / 2)
        for _ in range(50):
            factor = scale / await self.scale()
            if abs(factor - 1) < 0.02:
                return
            await self.page.mouse.wheel(0, max(-200.0, min(200.0, -500 * math.log2(factor))))
            await asyncio.sleep(0.05)

    async def bare(self, x: float, y: float) -> tuple[float, float]:
        """Where the pane lies bare, near to a place."""
        return await self.page.evaluate(f"bench.bare({x}, {y})")


@dataclass(frozen=True)
class Frames:
    """What was recorded: how long each picture of the moving view stayed, in milliseconds, and what that cost."""

    stayed: Sequence[float]
    frames: int
    late: int
    costs: Sequence[float]

    @classmethod
    def of(cls, parts: Sequence[Frames]) -> Frames:
        stayed = [each for part in parts for each in part.stayed]
        costs = [sum(each) for each in zip(*(part.costs for part in parts), strict=True)]
        return cls(stayed, sum(part.frames for part in parts), sum(part.late for part in parts), costs)


async def recorded(driver: Driver, moves: Iterator[Awaitable[None]]) -> Frames:
    """Record the frames while the mouse makes its moves, at 60 Hz."""
    before = await driver.costs()
    await driver.page.evaluate("bench.start()")
    clock = asyncio.get_running_loop().time
    began, sent = clock(), list[asyncio.Future[None]]()
    for count, move in enumerate(moves, 1):
        # A mouse does not wait for the page.
        sent.append(asyncio.ensure_future(move))
        await asyncio.sleep(began + count / HERTZ - clock())
    found = await driver.page.evaluate("bench.stop()")
    await asyncio.gather(*sent)
    costs = [after - old for after, old in zip(await driver.costs(), before, strict=True)]
    return Frames(found["stayed"], found["frames"], found["late"], costs)


async def drag(driver: Driver, right: int, down: int) -> Frames:
    """Drag the pane across the screen."""
    mouse = driver.page.mouse
    x, y = await driver.bare(WIDTH / 2 - 350 * right, HEIGHT / 2 - 200 * down)
    await mouse.move(x, y)
    await mouse.down()
    frames = await recorded(driver, (mouse.move(x + 10 * right * n, y + 6 * down * n) for n in range(1, HERTZ + 1)))
    await mouse.up()
    return frames


async def panned(driver: Driver) -> Frames:
    """Drag there and back, on both ways."""
    return Frames.of([await drag(driver, *way) for way in ((-1, 0), (-1, 0), (0, -1), (1, 0), (0, 1), (1, 0))])


async def zoomed(driver: Driver) -> Frames:
    """Turn the wheel in and out, twice."""
    mouse = driver.page.mouse
    await mouse.move(*await driver.bare(WIDTH / 2, HEIGHT / 2))
    return await recorded(driver, (mouse.wheel(0, -25 if n // HERTZ % 2 == 0 else 25) for n in range(4 * HERTZ)))


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def spread(values: Sequence[float], unit: str = "ms", digits: int = 1) -> str:
    """Median, 95th percentile and maximum."""
    three = statistics.median(values), percentile(values, 0.95), max(values)
    return " / ".join(f"{each:.{digits}f}" for each in three) + f" {unit}"


def frame_figures(what: str, frames: Frames, median: float, p95: float | None) -> Iterator[Figure]:
    reach = f"≤ {median:g} / {p95:g} ms" if p95 else f"≤ {median:g} ms"
    good = statistics.median(frames.stayed) <= median and (p95 is None or percentile(frames.stayed, 0.95) <= p95)
    yield Figure(f"{what}, a frame", spread(frames.stayed), reach, good)
    each = ", ".join(f"{cost / len(frames.stayed):.1f}" for cost in frames.costs)
    yield Figure(f"  CPU of its main thread, a frame: {', '.join(COSTS.values())}", f"{each} ms", "-", None)
    said = f"{len(frames.stayed)} of {frames.frames}, {1000 / statistics.mean(frames.stayed):.0f} Hz, {frames.late}"
    yield Figure("  frames in which the view moved, tasks above 50 ms", said, "all, 60 Hz, 0", None)


async def opening(driver: Driver, count: int) -> list[Figure]:
    """Open a workflow again and again; the first time brings the scripts."""
    times = [await driver.open(str(count)) for _ in range(1 + REPEATS)][1:]
    drawn = await driver.page.locator(".react-flow__node").count()
    return [
        *marked(count, times),
        Figure("  nodes in the page, of all", f"{drawn:,} of {count:,}", "-", None),
    ]


def marked(count: int, times: Sequence[Any]) -> Iterator[Figure]:
    """What the canvas says about opening, what was seen of it, and the same with the start of the page."""
    what, most = f"open {count:,} nodes", OPENED[count]
    if any(each["shown"] is None or each["open"] is None for each in times):
        yield Figure(what, "no marks nodegraph:open, :shown", f"≤ {most:g} s", None)
    else:
        taken = [(each["shown"] - each["open"]) / 1000 for each in times]
        yield Figure(what, spread(taken, "s", 2), f"≤ {most:g} s", statistics.median(taken) <= most)
        last = [(each["painted"] - each["open"]) / 1000 for each in times]
        yield Figure("  until two frames after its last change", spread(last, "s", 2), "-", None)
    yield Figure(
        "  the same from the address on", spread([each["painted"] / 1000 for each in times], "s", 2), "-", None
    )


async def typing(driver: Driver) -> Figure:
    """Write into a prompt; a keystroke is painted at the latest in the second frame after it."""
    what = "keystroke in a prompt among 500 nodes"
    at = await driver.page.evaluate("bench.prompt()")
    if at is None:
        return Figure(what, "no textarea in sight", "≤ 50 ms", None)
    await driver.page.mouse.click(*at)
    for key in range(KEYS):
        await driver.page.keyboard.press("abcdefg "[key % 8])
        await asyncio.sleep(0.06)
    written = await driver.page.evaluate("document.activeElement.value ?? ''")
    assert "abcdefg " * 3 in written, f"the keys did not arrive: {written!r}"
    keys: list[float] = await driver.page.evaluate("bench.keys")
    return Figure(what, spread(keys), "≤ 50 ms", percentile(keys, 0.95) <= 50)


async def moving(driver: Driver, count: int) -> list[Figure]:
    """Pan as it was opened, which fits, and at zoom 1; zoom in between."""
    what = f"pan {count:,} nodes at zoom"
    figures = [*frame_figures(f"{what} {await driver.scale():.2f}", await panned(driver), 18, 35)]
    if count == 500:
        figures += frame_figures("wheel zoom at 500 nodes", await zoomed(driver), 25, None)
    await driver.zoom_to(1)
    return [*figures, *frame_figures(f"{what} {await driver.scale():.2f}", await panned(driver), 18, 35)]


async def measured(origin: str, count: int) -> list[Figure]:
    """Everything in a browser of its own, with so many nodes."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program(), args=FLAGS)
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        await page.add_init_script(path=SCRIPT)
        driver = Driver(page, await page.context.new_cdp_session(page), origin)
        await driver.tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        try:
            figures = [*await opening(driver, count), *await moving(driver, count)]
            return [*figures, await typing(driver)] if count == 500 else figures
        except NotOpened as error:
            return [Figure(f"open {count:,} nodes", f"{error}", f"≤ {OPENED[count]:g} s", False)]
        finally:
            await browser.close()


def bundle(folder: Path) -> Figure:
    """What a browser has to fetch."""
    files = [path for path in folder.iterdir() if path.suffix in (".js", ".css")]
    size = sum(len(gzip.compress(path.read_bytes(), 6)) for path in files) / 1024
    return Figure("JavaScript and CSS, gzipped", f"{size:.1f} KB", f"≤ {SIZE} KB", size <= SIZE)


def figures(front_end: Path | None = None) -> Iterator[Figure]:
    """All lines of this benchmark, of the canvas that comes along or of another build of it."""
    folder = front_end or canvas()
    if folder is None or program() is None or importlib.util.find_spec("playwright") is None:
        yield Figure("canvas", "needs web/dist, chromium, playwright", "-", None)
        return
    yield bundle(folder)
    words = () if front_end is None else ("--web-root", str(front_end.resolve()))
    with tempfile.TemporaryDirectory() as data:
        server = Server(Path(data), ("--device", "cpu", *words))
        try:
            server.start()
            for count in OPENED:
                saved = server.post(f"/api/v1/workflows/{count}", {"workflow": workflow(count)}, "PUT")
                assert saved.status in (200, 201), saved.body
                yield from asyncio.run(measured(server.origin, count))
        finally:
            server.reap()
    said = f"{len(os.sched_getaffinity(0))}, {os.getloadavg()[0]:.1f}"
    yield Figure("  cores, and processes that waited for them", said, "2, 1", None)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web-root", type=Path, help="measure this build in the place of web/dist")
    folder = parser.parse_args(words).web_root
    return min(show({TITLE: lambda: figures(folder)}), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
