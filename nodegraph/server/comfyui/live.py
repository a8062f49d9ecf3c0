"""ComfyUI's WebSocket: the events of a client's runs in its words."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiohttp import web

from ...document import read_document
from ...errors import InvalidGraph
from ...service.hub import Batch, Listener
from ...service.jobs import CLIENT
from ...service.records import Asset, Entry, mapping
from ..answers import STATE, Refused
from ..live import open_socket, serve_listener
from ..state import State
from .history import output_of

PREVIEW, PREVIEW_WITH_METADATA = 1, 4
IMAGE_FORMATS = {"image/jpeg": 1, "image/png": 2}
STATE_EVERY = 0.1  # seconds between messages about nodes that only begin
FEATURES = {"supports_preview_metadata": True, "max_upload_size": 32 << 20}
Message = dict[str, Any]


@dataclass
class Run:
    """What has been told of one job."""

    executed: list[str] = field(default_factory=list[str])
    cached: list[str] = field(default_factory=list[str])
    node: str | None = None
    node_type: str = ""
    told_cached: bool = False


@dataclass
class Translator:
    """Events of jobs as ComfyUI's messages. Only the node that runs is told of: not all of them, at each step."""

    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    _told_state: float = 0.0

    def messages(self, entry: Entry) -> Iterator[Message]:
        event = entry.event
        kind = event["event"]
        if kind == "job":
            yield from self._job(entry.job, event, entry.at)
            return
        run = self.runs.setdefault(entry.job, Run())
        if kind == "reused":
            run.cached.append(event["node"])
            if run.told_cached:
                yield _message("execution_cached", entry.job, nodes=[event["node"]], timestamp=_at(entry.at))
        elif kind in ("started", "completed", "failed"):
            if not run.told_cached:
                run.told_cached = True
                yield _message("execution_cached", entry.job, nodes=list(run.cached), timestamp=_at(entry.at))
            if kind == "started":
                yield from self._started(entry.job, run, event)
            elif kind == "failed":
                run.node, run.node_type = event["node"], event["type"]
        elif kind == "progressed":
            yield from self._progressed(entry.job, event)
        elif kind == "finished":
            run.executed.append(event["node"])
            if event.get("artifacts"):
                assets = [Asset.from_json(entry.job, each) for each in event["artifacts"]]
                node = event["node"]
                yield _message("executed", entry.job, node=node, display_node=node, output=output_of(assets))

    def _started(self, job: str, run: Run, event: Mapping[str, Any]) -> Iterator[Message]:
        run.node, run.node_type = event["node"], event["type"]
        # A graph of a thousand quick nodes is told in as many short messages, and not in twice as many.
        if monotonic() - self._told_state >= STATE_EVERY:
            yield self._state(job, event["node"], 0, 1)
        yield _message("executing", job, node=event["node"], display_node=event["node"])

    def _progressed(self, job: str, event: Mapping[str, Any]) -> Iterator[Message]:
        yield self._state(job, event["node"], event["done"], event["total"])
        yield _message("progress", job, value=event["done"], max=event["total"], node=event["node"])

    def _state(self, job: str, node: str, value: int, most: int) -> Message:
        self._told_state = monotonic()
        state = {"value": value, "max": most, "state": "running", "node_id": node, "prompt_id": job}
        shown = {"display_node_id": node, "parent_node_id": None, "real_node_id": node}
        return _message("progress_state", job, nodes={node: state | shown})

    def _job(self, job: str, event: Mapping[str, Any], at: float) -> Iterator[Message]:
        state = event["state"]
        if state == "running" and not event.get("cancelling"):
            self.runs[job] = Run()
            yield _message("execution_start", job, timestamp=_at(at))
        if state in ("queued", "running"):
            return
        run = self.runs.pop(job, None)
        if run is None:  # it never ran
            return
        about = {"node_id": run.node, "node_type": run.node_type, "executed": run.executed, "timestamp": _at(at)}
        if state == "done":
            yield _message("execution_success", job, timestamp=_at(at))
        elif state == "cancelled":
            yield _message("execution_interrupted", job, **about)
        else:
            yield _message("execution_error", job, **about, **_why(event))

    def binary(self, entry: Entry, with_metadata: bool) -> bytes | None:
        """A preview as a binary frame; None for a kind of picture that the protocol has no number for."""
        media_type, node = entry.event["media_type"], entry.event["node"]
        if media_type not in IMAGE_FORMATS:
            return None
        if not with_metadata:
            return struct.pack(">II", PREVIEW, IMAGE_FORMATS[media_type]) + entry.blob
        about = {"node_id": node, "display_node_id": node, "parent_node_id": None, "real_node_id": node}
        text = json.dumps({**about, "prompt_id": entry.job, "image_type": media_type}).encode()
        return struct.pack(">II", PREVIEW_WITH_METADATA, len(text)) + text + entry.blob


def _message(kind: str, job: str, **data: Any) -> Message:
    return {"type": kind, "data": {"prompt_id": job, **data}}


def _at(seconds: float) -> int:
    return round(seconds * 1000)


def _why(event: Mapping[str, Any]) -> dict[str, Any]:
    reason: dict[str, Any] = event.get("reason") or {}
    message = reason.get("message", "")
    hint = f"\n{reason['hint']}" if reason.get("hint") else ""
    return {
        "exception_message": f"{message}{hint}",
        "exception_type": reason.get("kind", "error"),
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
    }


@dataclass
class Client:
    """One connected client."""

    state: State
    socket: web.WebSocketResponse
    sid: str
    translator: Translator = field(default_factory=Translator)
    with_metadata: bool = False
    first: bool = True

    def wants(self, batch: Batch) -> bool:
        return self.own(batch) or any(entry.event["event"] == "job" for entry in batch.entries)

    def own(self, batch: Batch) -> bool:
        """Whether a run is this client's; one that names no client is everybody's."""
        return batch.client in (self.sid, "")

    async def greet(self) -> None:
        await self.status(with_sid=True)
        for job in await self.state.jobs.live(0):
            if job.client == self.sid:
                events = await self.state.jobs.events(job=job.id, most=10_000)
                started = [entry for entry in events if entry.event["event"] == "started"]
                self.translator.runs[job.id] = Run(told_cached=True)
                for entry in started[-1:]:
                    for message in self.translator.messages(entry):
                        await self.socket.send_json(message)

    async def status(self, *, with_sid: bool = False) -> None:
        remaining = await self.state.jobs.remaining()
        data: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": remaining}}}
        await self.socket.send_json({"type": "status", "data": data | ({"sid": self.sid} if with_sid else {})})

    async def send(self, batch: Batch) -> None:
        about_queue = False
        for entry in batch.entries:
            job_event = entry.event["event"] == "job"
            ended = job_event and entry.event["state"] not in ("queued", "running")
            ran = entry.job in self.translator.runs
            if self.own(batch):
                await self._tell(entry)
            if ended and self.own(batch) and ran:
                await self.status()
                await self.socket.send_json(_message("executing", entry.job, node=None, display_node=None))
            elif job_event:
                about_queue = True
        if about_queue:
            await self.status()

    async def _tell(self, entry: Entry) -> None:
        if entry.event["event"] == "preview":
            frame = self.translator.binary(entry, self.with_metadata)
            if frame is not None:
                await self.socket.send_bytes(frame)
            return
        for message in self.translator.messages(entry):
            await self.socket.send_str(json.dumps(message, separators=(",", ":")))

    async def receive(self, data: object) -> None:
        """The first message may say what the client can do; what it says besides changes nothing."""
        if not self.first or not isinstance(data, str):
            return
        self.first = False
        try:
            said = mapping(read_document(data))
        except InvalidGraph:
            return
        if said.get("type") == "feature_flags":
            self.with_metadata = mapping(said.get("data")).get("supports_preview_metadata") is True
            await self.socket.send_json({"type": "feature_flags", "data": FEATURES})


async def websocket(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    sid = request.query.get("clientId") or uuid.uuid4().hex
    if not CLIENT.fullmatch(sid):
        raise Refused(400, "bad_request", "clientId must be short printable text")
    socket = await open_socket(request, state)
    client = Client(state, socket, sid)
    listener = state.hub.listen(Listener(client.wants))
    return await serve_listener(request, state, socket, listener, client.send, client.receive, client.greet)


ROUTES = (("GET", "/ws", websocket),)
