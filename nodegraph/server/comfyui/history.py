"""What has ended, as ComfyUI's clients ask for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from ...errors import UnknownJob
from ...service.records import Asset, Job, Submitted
from ..answers import STATE, Refused, as_json, read_object
from ..state import State
from .prompt import entry_of, names_in, outputs_of

MOST = 200
LARGEST_PAGE = 1000
STATUS = {"queued": "pending", "running": "in_progress", "done": "completed", "crashed": "failed"}


def place(asset: Asset) -> dict[str, str]:
    """Where `/view` finds an output."""
    subfolder, _, name = asset.output.name.rpartition("/")
    return {"filename": name, "subfolder": subfolder, "type": asset.output.folder}


def output_of(assets: Iterable[Asset]) -> dict[str, list[dict[str, str]]]:
    """What one node wrote, by kind."""
    found: dict[str, list[dict[str, str]]] = {}
    for asset in assets:
        found.setdefault("images" if asset.output.kind == "image" else "files", []).append(place(asset))
    return found


def _outputs(job: Job) -> dict[str, Any]:
    nodes = dict.fromkeys(asset.output.node for asset in job.outputs)
    return {node: output_of(asset for asset in job.outputs if asset.output.node == node) for node in nodes}


def _status(job: Job) -> dict[str, Any]:
    about = {"prompt_id": job.id, "timestamp": round((job.ended_at or 0) * 1000)}
    began = {"prompt_id": job.id, "timestamp": round((job.started_at or 0) * 1000)}
    messages: list[Any] = [["execution_start", began]]
    reason = job.reason
    if job.state == "done":
        messages.append(["execution_success", about])
    elif job.state == "cancelled":
        messages.append(["execution_interrupted", {**about, "node_id": reason.node if reason else None}])
    else:
        said = {"node_id": reason.node if reason else None, "exception_message": reason.message if reason else ""}
        kind: dict[str, Any] = {"exception_type": reason.kind if reason else "", "traceback": []}
        messages.append(["execution_error", {**about, **said, **kind}])
    done = job.state == "done"
    return {"status_str": "success" if done else "error", "completed": done, "messages": messages}


def history_entry(state: State, job: Job, submitted: Submitted) -> dict[str, Any]:
    outputs = _outputs(job)
    meta = {
        node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node} for node in outputs
    }
    return {
        "prompt": entry_of(job, submitted, outputs_of(state, submitted)),
        "outputs": outputs,
        "status": _status(job),
        "meta": meta,
    }


async def get_history(request: web.Request) -> web.StreamResponse:
    """The jobs that ran and have ended, oldest first; the last 200 unless `max_items` says otherwise."""
    state = request.app[STATE]
    jobs = [job for job in await state.jobs.history(_count(request, "max_items", MOST)) if job.started_at is not None]
    documents = await state.jobs.documents([job.id for job in jobs])
    found = {job.id: history_entry(state, job, documents[job.id]) for job in reversed(jobs) if job.id in documents}
    return as_json(found)


async def get_history_of(request: web.Request) -> web.StreamResponse:
    """One job; one that is unknown, or has not ended, gives `{}`."""
    state, name = request.app[STATE], request.match_info["id"]
    try:
        job = await state.jobs.get(name)
        submitted = await state.jobs.submitted(name)
    except UnknownJob:
        return as_json({})
    if job.ended is None or job.started_at is None:
        return as_json({})
    return as_json({job.id: history_entry(state, job, submitted)})


async def post_history(request: web.Request) -> web.StreamResponse:
    """Forget all, or the jobs named; their pictures stay."""
    state = request.app[STATE]
    body = await read_object(request)
    names = names_in(body, "delete")
    if body.get("clear") is True:
        await state.jobs.forget()
    if names:
        await state.jobs.forget(names)
    return web.Response()


async def get_jobs(request: web.Request) -> web.StreamResponse:
    """What the new front end asks for, instead of the queue and the history."""
    state = request.app[STATE]
    limit, offset = _count(request, "limit", MOST), _count(request, "offset", 0, least=0)
    wanted = {each for each in request.query.get("status", "").split(",") if each}
    jobs = [*await state.jobs.live(LARGEST_PAGE), *await state.jobs.history(LARGEST_PAGE)]
    shown = [job for job in map(_job, jobs) if not wanted or job["status"] in wanted]
    page = shown[offset : offset + limit]
    has_more = offset + len(page) < len(shown)
    pagination = {"offset": offset, "limit": limit, "total": len(shown), "has_more": has_more}
    return as_json({"jobs": page, "pagination": pagination})


async def get_job(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    job = await state.jobs.get(request.match_info["id"])
    submitted = await state.jobs.submitted(job.id)
    entry = entry_of(job, submitted, [])
    workflow = {"prompt": entry[2], "extra_data": entry[3]}
    return as_json({**_job(job), "outputs": _outputs(job), "workflow": workflow, "execution_status": _status(job)})


def _job(job: Job) -> dict[str, Any]:
    pictures = [asset for asset in job.outputs if asset.output.kind == "image"]
    preview = {**place(pictures[0]), "nodeId": pictures[0].output.node, "mediaType": "images"} if pictures else None
    failed = job.state in ("failed", "crashed")
    error = {"node_id": job.reason.node, "exception_message": job.reason.message} if failed and job.reason else None
    return {
        "id": job.id,
        "status": STATUS.get(job.state, job.state),
        "priority": job.number,
        "create_time": round(job.created_at * 1000),
        "execution_start_time": job.started_at and round(job.started_at * 1000),
        "execution_end_time": job.ended_at and round(job.ended_at * 1000),
        "execution_error": error,
        "outputs_count": len(job.outputs),
        "preview_output": preview,
        "workflow_id": None,
    }


def _count(request: web.Request, name: str, default: int, least: int = 1) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 12):
        raise Refused(400, "bad_request", f"{name}: expected an integer")
    return min(max(int(text), least), LARGEST_PAGE)


ROUTES = (
    ("GET", "/history", get_history),
    ("POST", "/history", post_history),
    ("GET", "/history/{id}", get_history_of),
    ("GET", "/jobs", get_jobs),
    ("GET", "/jobs/{id}", get_job),
)
