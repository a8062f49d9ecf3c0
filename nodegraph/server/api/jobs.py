"""Jobs: submit, look, cancel, reorder; the queue as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from ...errors import InvalidGraph, QueueFull, did_you_mean
from ...graph import Graph
from ...service.failpoints import failpoint
from ...service.records import Job, Receipt
from ..answers import Refused, as_json, beneath
from ..routes import COUNT, FLAG, TEXT, Call, Route
from ..state import NotReady, State

OBJECT = {"type": "object"}
MOST_TARGETS = 1000
SUBMIT = {
    "type": "object",
    "required": ["workflow"],
    "additionalProperties": False,
    "properties": {
        "workflow": OBJECT,
        "id": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "client": {"type": "string", "pattern": "^[ -~]{0,128}$"},
        "priority": {"type": "integer", "minimum": -(2**31), "maximum": 2**31},
        "front": FLAG,
        "targets": {"type": "array", "items": TEXT, "maxItems": MOST_TARGETS},
    },
}
JOB = {
    "type": "object",
    "required": ["id", "number", "state", "outputs"],
    "properties": {
        "id": TEXT,
        "number": COUNT,
        "state": {"enum": ["queued", "running", "done", "failed", "cancelled", "crashed"]},
        "outputs": {"type": "array", "items": OBJECT},
    },
}
RECEIPT = {"type": "object", "required": ["id", "number"], "properties": {"id": TEXT, "number": COUNT}}
PAGE = {"limit": {"type": "integer", "minimum": 1, "maximum": 1000}}


async def accept(
    state: State,
    document: dict[str, Any],
    *,
    job: str | None = None,
    client: str = "",
    priority: int = 0,
    front: bool = False,
    extra: dict[str, Any] | None = None,
) -> Receipt:
    """Store a job for good, whose document has been checked."""
    if state.draining:
        raise NotReady("the server is going down")
    wait = state.admit()
    if wait is not None:
        raise QueueFull("too many jobs at once", wait)
    receipt = await state.jobs.submit(
        document, job=job, client=client, priority=priority, front=front, extra=extra or {}
    )
    failpoint("after_accept")
    return receipt


def check_targets(graph: Graph, targets: list[str] | None, place: str) -> None:
    for index, target in enumerate(targets or ()):
        if target in graph.idle:
            raise Refused(422, "idle_node", f"{target} does not run: {graph.idle[target]}", pointer=f"{place}/{index}")
        if target not in graph.nodes:
            hint = did_you_mean(target, graph.nodes)
            raise Refused(422, "unknown_node", "there is no such node to run", pointer=f"{place}/{index}", hint=hint)


async def submit(call: Call) -> web.StreamResponse:
    body = call.body
    try:
        graph = await call.state.check(body["workflow"])
    except InvalidGraph as error:
        raise beneath(error, "/workflow") from error
    check_targets(graph, body.get("targets"), "/targets")
    receipt = await accept(
        call.state,
        body["workflow"],
        job=body.get("id"),
        client=body.get("client", ""),
        priority=int(body.get("priority", 0)),
        front=body.get("front", False),
        extra={"targets": body["targets"]} if "targets" in body else None,
    )
    return as_json(asdict(receipt))


async def list_jobs(call: Call) -> web.StreamResponse:
    """The live jobs, then those that have ended; `before` goes on in the history."""
    state, limit = call.query.get("state"), call.query.get("limit", 100)
    jobs: list[Job] = []
    if "before" not in call.query and state in (None, "queued", "running"):
        jobs += await call.state.jobs.live(limit)
    if state not in ("queued", "running"):
        jobs += await call.state.jobs.history(limit, call.query.get("before"))
    found = [job.to_json() for job in jobs if state in (None, job.state)][:limit]
    return as_json({"jobs": found})


async def get_job(call: Call) -> web.StreamResponse:
    return as_json((await call.state.jobs.get(call.path["id"])).to_json())


async def get_workflow(call: Call) -> web.StreamResponse:
    return as_json((await call.state.jobs.submitted(call.path["id"])).document)


async def get_events(call: Call) -> web.StreamResponse:
    await call.state.jobs.get(call.path["id"])  # or UnknownJob
    entries = await call.state.jobs.events(
        call.query.get("after", 0), job=call.path["id"], most=call.query.get("limit", 1000)
    )
    return as_json({"events": [{"number": entry.number, "at": entry.at, **entry.event} for entry in entries]})


async def cancel(call: Call) -> web.StreamResponse:
    return as_json((await call.state.jobs.cancel(call.path["id"])).to_json())


async def move(call: Call) -> web.StreamResponse:
    return as_json((await call.state.jobs.move(call.path["id"], call.body.get("before"))).to_json())


async def forget(call: Call) -> web.StreamResponse:
    await call.state.jobs.get(call.path["id"])  # or UnknownJob
    gone = await call.state.jobs.forget([call.path["id"]])
    if not gone:
        raise Refused(409, "conflict", "the job has not ended; cancel it first")
    return as_json({"forgotten": gone})


async def get_queue(call: Call) -> web.StreamResponse:
    return as_json(asdict(await call.state.jobs.counts()))


async def pause(call: Call) -> web.StreamResponse:
    await call.state.jobs.pause()
    return await get_queue(call)


async def resume(call: Call) -> web.StreamResponse:
    await call.state.jobs.resume()
    call.state.supervisor.wake()
    return await get_queue(call)


async def clear(call: Call) -> web.StreamResponse:
    return as_json({"cancelled": await call.state.jobs.clear(call.body.get("client"))})


QUEUE = {
    "type": "object",
    "required": ["queued", "running", "history", "paused"],
    "properties": {"queued": COUNT, "running": COUNT, "history": COUNT, "paused": FLAG},
}
CLEAR = {"type": "object", "additionalProperties": False, "properties": {"client": TEXT}}
MOVE = {"type": "object", "additionalProperties": False, "properties": {"before": TEXT}}
STATES = {"enum": ["queued", "running", "done", "failed", "cancelled", "crashed"]}
ROUTES = (
    Route("POST", "/jobs", submit, "Queue a workflow; 200 means that it is stored for good.", body=SUBMIT,
          gives=RECEIPT, refuses=(409, 413, 422, 429, 507)),
    Route("GET", "/jobs", list_jobs, "Jobs: those that run, wait and have ended, in this order.",
          query={"state": {"type": "string", **STATES}, "before": COUNT, **PAGE}, gives=OBJECT),
    Route("GET", "/jobs/{id}", get_job, "One job.", gives=JOB, refuses=(404,)),
    Route("DELETE", "/jobs/{id}", forget, "Remove a job that has ended from the history.", gives=OBJECT,
          refuses=(404, 409, 507)),
    Route("GET", "/jobs/{id}/workflow", get_workflow, "The workflow of a job.", gives=OBJECT, refuses=(404,)),
    Route("GET", "/jobs/{id}/events", get_events, "What a job said.", query={"after": COUNT, **PAGE}, gives=OBJECT,
          refuses=(404,)),
    Route("POST", "/jobs/{id}/cancel", cancel, "Cancel a job.", gives=JOB, refuses=(404, 507)),
    Route("POST", "/jobs/{id}/move", move, "Put a waiting job before another, or last.", body=MOVE, gives=JOB,
          refuses=(404, 409, 413, 507)),
    Route("GET", "/queue", get_queue, "The queue at a glance.", gives=QUEUE),
    Route("POST", "/queue/pause", pause, "Start no more jobs until `resume`.", gives=QUEUE, refuses=(507,)),
    Route("POST", "/queue/resume", resume, "Go on.", gives=QUEUE, refuses=(507,)),
    Route("POST", "/queue/clear", clear, "Cancel all that waits, or all of one client.", body=CLEAR, gives=OBJECT,
          refuses=(413, 507)),
)  # fmt: skip
