"""A worker: the process that owns one device, its models and its cache, and runs one job at a time.

The server starts it as `python -m nodegraph.service.worker` and talks to it over its standard input and output, in
frames. It is told `settings` first, then any number of

    {"do": "run", "attempt": n, "job": id, "document": …, "targets": [ids] or null, "texts": {…}}
    {"do": "cancel", "attempt": n}      {"do": "free"}      {"do": "peek", "of": [job, node, output]}

and says

    {"say": "ready", "catalogue": …}    {"say": "beat", "memory": …} each second, from its first moment on
    {"say": "events", "attempt": n, "events": […]}      {"say": "preview", "attempt": n, "event": …} and the picture
    {"say": "ended", "attempt": n, "how": "done" | "failed" | "cancelled" | "lost", "reason": …}
    {"say": "peek", "of": [job, node, output], "type": …, "facts": …, "curve": …, "picture": …} or with "refused": kind

It ends when its standard input does. What it or a node prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, cast

from .. import files
from ..cache import MemoryCache
from ..errors import InvalidGraph, NodeFailed, NodegraphError, OutOfMemory
from ..events import Cancelled, Completed, Encodable, Event, Failed, Finished, Progressed, Started
from ..execute import execute
from ..graph import Graph
from ..node import Profile
from ..plan import Plan
from ..registry import Registry
from ..runtime import Runtime
from ..widgets import File, SaveName
from .frames import read_frame
from .mouth import Mouth
from .process import protect_worker
from .records import LONGEST_MESSAGE, Asset, Reason
from .staging import Staging
from .whereabouts import Whereabouts
from .wording import without_paths

PREVIEW_EVERY = 0.15  # seconds
MOST_HASHES = 10_000
MOST_PROGRESS = 1000  # events of one node; a node of more steps than these skips some
# After these the device answers nothing more in this process.
BROKEN_DEVICE = frozenset({"AcceleratorError"})


class Stopped(Exception):
    """The attempt was cancelled."""


class Worker:
    """Runs what it is told to; `settings` is what the supervisor sent."""

    def __init__(self, settings: Mapping[str, Any], mouth: Mouth) -> None:
        self.mouth = mouth
        self.cancelled: set[int] = set()
        self._shown, self._kept = 0.0, 0
        self.orders: queue.Queue[dict[str, Any]] = queue.Queue()
        self.questions: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self.hashes = Path(settings["hashes"])
        folders = {name: tuple(map(Path, roots)) for name, roots in settings["folders"].items()}
        self.staging = Staging({name: Path(root) for name, root in settings["staged"].items()})
        profile = Profile(settings["device"], settings["dtype"], memory=settings.get("memory") or None)
        self.runtime = Runtime(
            Registry.from_packs(settings["packs"]), MemoryCache(settings["cache_bytes"]), folders, profile
        )
        self.whereabouts = Whereabouts(self.runtime.cache)

    def listen(self, stream: BinaryIO) -> None:
        """Take orders, for ever; the end of the stream is the end of the server, and so of this process."""
        while frame := read_frame(stream):
            if frame.message["do"] == "cancel":
                self.cancelled.add(frame.message["attempt"])
                continue
            if frame.message["do"] == "peek":
                self.questions.put(frame.message["of"])
            self.orders.put(frame.message)  # a question too: it wakes a worker that has nothing to do
        os._exit(0)

    def serve(self) -> None:
        self.mouth.say({"say": "ready", "catalogue": self.runtime.catalogue.to_json()})
        while True:
            order = self.orders.get()
            if order["do"] == "free":
                self.free()
            elif order["do"] == "peek":
                self.answer()
            else:
                self.mouth.say({"say": "ended", "attempt": order["attempt"], **self.run(order)})
                self.keep_hashes()

    def run(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Run a job to its end; gives how it ended."""
        attempt: int = order["attempt"]
        running: str | None = None
        try:
            with closing(self.events(order)) as events:
                for event in events:
                    running = event.node if isinstance(event, Started) else running
                    self.report(order, event)
                    # What has been done is done: a cancel that comes after the last event is too late.
                    if not isinstance(event, Completed | Failed):
                        self.check(attempt)
        except Stopped:
            self.mouth.event(attempt, Cancelled(running).to_json())
            return {"how": "cancelled"}
        except NodegraphError as error:
            if isinstance(error, OutOfMemory):
                self.free()
            lost = isinstance(error, NodeFailed) and type(error.cause).__name__ in BROKEN_DEVICE
            return {"how": "lost" if lost else "failed", "reason": reason_of(error).to_json()}
        except OSError as error:  # a finished file could not be given its place
            return {"how": "failed", "reason": Reason("storage", f"a file cannot be saved: {error.strerror}").to_json()}
        finally:
            self.cancelled.discard(attempt)
        return {"how": "done"}

    def events(self, order: Mapping[str, Any]) -> Generator[Event]:
        graph = self.runtime.check(order["document"])
        graph = replace(graph, nodes=self.staged(graph, order["attempt"]), texts=order["texts"])
        for path in self.files(graph):
            for _ in files.hashing(path):
                self.check(order["attempt"])
        plan = Plan.of(graph, self.runtime.registry, self.runtime.profile, order["targets"])
        self.whereabouts.note(order["job"], plan)
        yield from execute(plan, self.runtime.cache)

    def check(self, attempt: int) -> None:
        """Between two events: answer what was asked, and stop if that is wished."""
        self.answer()
        if attempt in self.cancelled:
            raise Stopped

    def answer(self) -> None:
        """Tell of the results that somebody has asked about."""
        while not self.questions.empty():
            question = self.questions.get()
            self.mouth.say({"say": "peek", "of": question, **self.whereabouts.told(*question)})

    def report(self, order: Mapping[str, Any], event: Event) -> None:
        attempt: int = order["attempt"]
        if isinstance(event, Progressed):
            if event.done % max(1, event.total // MOST_PROGRESS) == 0 or event.done >= event.total:
                self.mouth.event(attempt, event.to_json())
            self.preview(attempt, event)
            return
        said = event.to_json()
        if isinstance(event, Failed):
            said |= {"error": without_paths(event.error)[:LONGEST_MESSAGE]}
            said |= {"hint": event.hint and without_paths(event.hint)[:LONGEST_MESSAGE]}
        if isinstance(event, Finished):
            placed = [self.staging.place(attempt, order["job"], event.node, each) for each in event.artifacts]
            said["artifacts"] = [Asset.to_json(each) for each in placed]
            if not placed:
                del said["artifacts"]
        self.mouth.event(attempt, said)

    def preview(self, attempt: int, event: Progressed) -> None:
        if not isinstance(event.preview, Encodable) or monotonic() - self._shown < PREVIEW_EVERY:
            return
        self._shown = monotonic()
        picture, media_type = event.preview.encode()
        said = {"event": "preview", "node": event.node, "media_type": media_type}
        self.mouth.say({"say": "preview", "attempt": attempt, "event": said}, picture)

    def staged(self, graph: Graph, attempt: int) -> dict[str, Any]:
        """The nodes, those that save writing aside. A training's state is no effect: it stays where it is."""
        nodes = dict(graph.nodes)
        for node in graph.nodes.values():
            description = self.runtime.catalogue.nodes[node.type]
            if description.effect:
                values = {
                    name: self.aside(value, description.inputs[name].widget, attempt)
                    for name, value in node.values.items()
                }
                nodes[node.id] = node._replace(values=values)
        return nodes

    def aside(self, value: Any, widget: object, attempt: int) -> Any:
        if not isinstance(widget, SaveName) or value is None or widget.folder not in self.staging.roots:
            return value
        root = self.staging.roots[widget.folder]
        path = self.staging.folder(attempt, widget.folder) / value.relative_to(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def files(self, graph: Graph) -> Iterator[Path]:
        """The files that the graph's nodes read."""
        for node in graph.nodes.values():
            inputs = self.runtime.catalogue.nodes[node.type].inputs
            for name, value in node.values.items():
                if isinstance(inputs[name].widget, File) and isinstance(value, Path):
                    yield value

    def free(self) -> None:
        """Let go of all results and models."""
        self.runtime.cache.clear()
        gc.collect()
        torch = cast("Any", sys.modules.get("torch"))
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def keep_hashes(self) -> None:
        """Remember on disk what is in the files, so that a large one is not read again by the next worker."""
        if len(files.known_contents) == self._kept:
            return
        latest = list(files.known_contents.items())[-MOST_HASHES:]
        with contextlib.suppress(OSError):  # a full disk costs time, and not the worker
            files.write_whole(self.hashes, json.dumps([[*key, digest] for key, digest in latest]).encode())
            self._kept = len(files.known_contents)

    def recall_hashes(self) -> None:
        try:
            for device, inode, size, modified, changed, digest in json.loads(self.hashes.read_text()):
                files.known_contents[device, inode, size, modified, changed] = digest
            self._kept = len(files.known_contents)
        except (OSError, ValueError):
            pass  # not there yet, or not whole: then the files are read


def reason_of(error: NodegraphError) -> Reason:
    """Why a job failed, in words that name no place on this machine."""
    node = error.node if isinstance(error, NodeFailed) else None
    if isinstance(error, InvalidGraph):
        node = next((problem.node for problem in error.problems), None)
    text = error.reason if isinstance(error, NodeFailed) else str(error)
    return Reason(error.kind, without_paths(text), node, error.hint and without_paths(error.hint))


def main() -> None:
    # The pipe is ours alone: what nodes print must not get between the frames.
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    protect_worker()
    first = read_frame(sys.stdin.buffer)
    if first is None:
        return
    mouth = Mouth(stdout)
    for task in (mouth.speak, mouth.beat):
        threading.Thread(target=task, daemon=True).start()
    sys.path += first.message["path"]
    try:
        worker = Worker(first.message, mouth)
    except NodegraphError as error:
        sys.exit(f"a worker cannot start: {error}")
    worker.recall_hashes()
    threading.Thread(target=worker.listen, args=(sys.stdin.buffer,), daemon=True).start()
    worker.serve()


if __name__ == "__main__":
    main()
