"""What requests work with: the queue, the workers, the listeners, the folders and the catalogue."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
import shutil
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from ..catalogue import Catalogue
from ..errors import NodegraphError, StorageFailed
from ..files import Folders, list_files, write_whole
from ..graph import Graph
from ..packs import source_fingerprint
from ..service.attempts import Attempts
from ..service.hub import Hub
from ..service.jobs import Jobs
from ..service.library import Library
from ..service.records import Entry
from ..service.shelf import Shelf
from ..service.staging import Staging
from ..service.store import Store
from ..service.supervisor import Supervisor
from ..service.uploads import Uploads
from .quota import check_count, check_size
from .settings import Settings

LONGEST_LOGGED = 300
FIRST_WORKER = 25.0  # seconds that a request waits for the catalogue

log = logging.getLogger(__name__)


class NotReady(NodegraphError):
    """The server cannot answer this yet, or not any more."""

    kind = "not_ready"


@dataclass(frozen=True)
class Known:
    """The catalogue, and a tag that changes when it does."""

    catalogue: Catalogue
    tag: str

    @cached_property
    def text(self) -> str:
        return json.dumps(self.catalogue.to_json(), ensure_ascii=False, separators=(",", ":"))


def _news(event: Mapping[str, Any]) -> str:
    """A change of a job's state, as the log tells it."""
    reason: dict[str, Any] = event.get("reason") or {}
    state = "cancelling" if event.get("cancelling") else str(event["state"])
    return f"{state}: {reason['message']}"[:LONGEST_LOGGED] if reason else state


@dataclass
class State:
    """Everything that lives as long as the server does."""

    settings: Settings
    hub: Hub = field(default_factory=Hub)
    known: Known | None = None
    draining: bool = False
    sockets: set[Any] = field(default_factory=set[Any])
    counters: dict[str, int] = field(default_factory=dict[str, int])
    recent: deque[float] = field(default_factory=deque[float])
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        settings = self.settings
        self.token = settings.token()
        self.folders: Folders = settings.folders()
        for folder in (settings.data, settings.output_folder, *(self.folders[name][0] for name in ("input", "temp"))):
            folder.mkdir(parents=True, exist_ok=True)
        self.library = Library(settings.data / "workflows")
        self.staging = Staging({"output": settings.output_folder.resolve(), "temp": self.folders["temp"][0].resolve()})
        self._workers = [settings.worker(device) for device in settings.device]
        self._recall()

    async def open(self) -> None:
        """Open the queue and make it whole: what ran when the last process died waits again, its files taken back."""
        self._loop, self._learnt = asyncio.get_running_loop(), asyncio.Event()
        self.store = await asyncio.to_thread(
            Store, self.settings.data / "jobs.sqlite", self.settings.limits, listener=self._listen
        )
        self.jobs, self.attempts = Jobs(self.store), Attempts(self.store)
        self.uploads, self.shelf = Uploads(self.store), Shelf(self.store)
        self.supervisor = Supervisor(self.attempts, self._workers, self.staging, self.learn, self.settings.patience)
        recovered = await self.attempts.recover()
        if recovered:
            log.info("%d jobs were running when the server died", len(recovered))
        for attempt in await asyncio.to_thread(self.staging.left):
            await self.supervisor.clean(attempt)
        await self._sweep_temp()

    async def _sweep_temp(self) -> None:
        """Previews whose jobs have been forgotten; in the output folder every file stays, since it is the user's."""
        known = await self.jobs.known_files("temp")
        root = self.folders["temp"][0]

        def sweep() -> None:
            for name in list_files("temp", self.folders):
                if name not in known:
                    with suppress(OSError):
                        (root / name).unlink()

        await asyncio.to_thread(sweep)

    async def close(self) -> None:
        await asyncio.to_thread(self.store.close)

    def _listen(self, entries: tuple[Entry, ...]) -> None:
        # On the store's thread: hand over and return. When the loop is closed nobody listens any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, entries)

    def _tell(self, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            if entry.event["event"] == "job":
                self.count(f"jobs_{entry.event['state']}")
                log.info("job %s %s", entry.job, _news(entry.event))
        self.hub.publish(entries)
        self.supervisor.hear(entries)

    def count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1

    # The catalogue, which a worker sent: this process never imports the packs.

    @cached_property
    def _fingerprint(self) -> str:
        modules = {point.name: point.module for point in entry_points(group="nodegraph.packs")}
        names = [modules.get(pack, pack).partition(".")[0] for pack in self.settings.pack]
        parts = [version("nodegraph"), *(f"{name} {source_fingerprint(name)}" for name in ("nodegraph", *names))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def _kept(self) -> Path:
        return self.settings.data / "catalogue.json"

    def _recall(self) -> None:
        try:
            kept = json.loads(self._kept.read_text("utf-8"))
            if kept["fingerprint"] == self._fingerprint:
                self.known = Known(Catalogue.from_json(kept["catalogue"]), kept["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # a worker will send it

    def learn(self, catalogue: Mapping[str, Any]) -> None:
        """Take the catalogue that a worker sent, and keep it for the next start; called in a thread."""
        self.known = Known(Catalogue.from_json(catalogue), self._fingerprint)
        # Not from this thread: only the loop may wake who waits on it.
        self._loop.call_soon_threadsafe(self._learnt.set)
        kept = json.dumps({"fingerprint": self._fingerprint, "catalogue": catalogue})
        try:
            write_whole(self._kept, kept.encode())
        except OSError as error:
            log.warning("the catalogue cannot be kept: %s", error.strerror)

    async def nodes(self) -> Known:
        """The catalogue; at the very first start it comes with the first worker, which some seconds are waited for."""
        if self.known is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._learnt.wait(), FIRST_WORKER)
        if self.known is None:
            raise NotReady("the nodes are not known yet: the first worker is starting")
        return self.known

    async def check(self, document: object) -> Graph:
        """The graph of a document, within the server's bounds; InvalidGraph with every problem."""
        catalogue = (await self.nodes()).catalogue

        def parse() -> Graph:
            check_count(document, self.settings.bounds)
            graph = Graph.parse(document, catalogue, self.folders)
            check_size(graph, document, self.settings.bounds)
            return graph

        return await asyncio.to_thread(parse)

    def admit(self) -> float | None:
        """Whether one more job may be submitted now; else in how many seconds."""
        now, bounds = time.monotonic(), self.settings.bounds
        window = bounds.submits_at_once / bounds.submits_per_second
        while self.recent and self.recent[0] < now - window:
            self.recent.popleft()
        if len(self.recent) >= bounds.submits_at_once:
            return self.recent[0] + window - now
        self.recent.append(now)
        return None

    async def not_ready(self) -> str | None:
        """Why no job would be run now, or None."""
        if self.draining:
            return "the server is going down"
        if self.known is None:
            return "the nodes are not known yet"
        if not self.supervisor.alive:
            return "a worker is down"
        try:
            await self.jobs.probe()
        except StorageFailed as error:
            return str(error)
        free = await asyncio.to_thread(shutil.disk_usage, self.settings.data)
        if free.free < self.settings.bounds.disk_reserve:
            return "the disk is almost full"
        return None
