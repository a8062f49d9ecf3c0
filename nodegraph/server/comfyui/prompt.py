"""Submitting a workflow in ComfyUI's way, and its queue."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from aiohttp import web

from ...comfyui import api_nodes, is_canvas_format, read
from ...errors import Conflict, InvalidGraph, NodegraphError, Problem
from ...graph import Graph
from ...service.jobs import CLIENT, IDENTIFIER
from ...service.records import Job, Submitted, mapping
from ..answers import MOST_TOLD, STATE, Refused, as_json, beneath, fault, read_object, status_of
from ..api.jobs import accept
from ..state import State

TYPES = {
    "missing_input": "required_input_missing",
    "wrong_type": "invalid_input_type",
    "not_a_choice": "value_not_in_list",
    "missing_file": "value_not_in_list",
    "incompatible": "return_type_mismatch",
    "bad_link": "bad_linked_input",
    "unknown_node": "bad_linked_input",
    "unknown_output": "bad_linked_input",
    "cycle": "dependency_cycle",
}


async def post_prompt(request: web.Request) -> web.StreamResponse:
    """Queue a workflow. What cannot be run is told node by node; the outputs that can be are run."""
    state = request.app[STATE]
    body: dict[str, Any] = {}
    try:
        body = await read_object(request, 2 * state.settings.bounds.body)
        document = await _readable(state, _prompt(body))
        targets, errors = await _checked(state, document, _wanted(body))
        receipt = await accept(
            state,
            document,
            job=_text(body, "prompt_id", IDENTIFIER.pattern) or None,
            client=_client(body),
            front=_front(body),
            extra={"extra_data": mapping(body.get("extra_data")), "targets": targets},
        )
    except NodegraphError as error:
        return _refusal(error, body)
    return as_json({"prompt_id": receipt.id, "number": receipt.number, "node_errors": errors})


def _prompt(body: dict[str, Any]) -> dict[str, Any]:
    document = body.get("prompt")
    if not isinstance(document, dict):
        pointer = "/prompt" if "prompt" in body else ""
        raise Refused(400, "no_prompt", "No prompt provided", pointer=pointer)
    return cast("dict[str, Any]", document)


async def _readable(state: State, document: dict[str, Any]) -> dict[str, Any]:
    """The document itself; as a native one if it is as the canvas saves it, which clients seldom send."""
    if not is_canvas_format(document):
        return document
    await _check(state, document)  # so that what is wrong is told where it stands on the canvas
    native = await asyncio.to_thread(read, document, (await state.nodes()).catalogue)
    return cast("dict[str, Any]", native.document)


def _text(body: dict[str, Any], name: str, pattern: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Refused(400, f"invalid_{name}", f"{name} must be short printable text", pointer=f"/{name}")
    return value


def _client(body: dict[str, Any]) -> str:
    return _text(body, "client_id", CLIENT.pattern)


def _front(body: dict[str, Any]) -> bool:
    """Whether a job goes first: by `front`, or by a `number` before all that ComfyUI gives."""
    number = body.get("number")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
        raise Refused(400, "invalid_number", "number must be a number", pointer="/number")
    return body.get("front") is True or (number is not None and number <= 0)


def _wanted(body: dict[str, Any]) -> set[str] | None:
    """The outputs that alone shall be run, if the client says so."""
    wanted = body.get("partial_execution_targets")
    if not isinstance(wanted, list) or not wanted:
        return None
    return {str(each) for each in cast("list[Any]", wanted)}


async def _checked(
    state: State, document: dict[str, Any], wanted: set[str] | None
) -> tuple[list[str] | None, dict[str, Any]]:
    """Which outputs to run (None for all), and what is wrong with the others; Refused if none can be run."""
    catalogue = (await state.nodes()).catalogue
    outputs = [node_id for node_id, kind in _types(document).items() if _is_output(catalogue.nodes.get(kind))]
    if wanted is not None:
        outputs = [node_id for node_id in outputs if node_id in wanted]
    if not outputs:
        await _check(state, document)  # or what is wrong is told
        raise Refused(400, "prompt_no_outputs", "Prompt has no outputs", pointer="/prompt")
    try:
        graph = await _check(state, document)
    except InvalidGraph as error:
        nodes = api_nodes(document)
        broken = {problem.node for problem in error.problems}
        sound = [] if nodes is None or None in broken else _sound(nodes, outputs, cast("set[str]", broken))
        if not sound:
            raise
        kept = {node_id: nodes[node_id] for node_id in _needed(nodes, sound)} if nodes else {}
        await _check(state, kept)
        document.clear()
        document.update(kept)
        return None, node_errors(error.problems[:MOST_TOLD], {**_types(kept), **_types_of(nodes or {})})
    running = [node_id for node_id in outputs if node_id not in graph.idle]
    if not running:
        raise Refused(400, "prompt_no_outputs", "Prompt has no outputs that run", pointer="/prompt")
    return (running if wanted is not None else None), {}


async def _check(state: State, document: dict[str, Any]) -> Graph:
    try:
        return await state.check(document)
    except InvalidGraph as error:
        raise beneath(error, "/prompt") from error


def _sound(nodes: dict[str, Any], outputs: Iterable[str], broken: set[str]) -> list[str]:
    """Those outputs that depend on nothing that is broken."""
    users: dict[str, list[str]] = {}
    for node_id, node in nodes.items():
        for source in _sources(node):
            users.setdefault(source, []).append(node_id)
    spoilt = _reached(broken, lambda node_id: users.get(node_id, ()))
    return [target for target in outputs if target not in spoilt]


def _needed(nodes: dict[str, Any], targets: Iterable[str]) -> set[str]:
    """Some nodes and all that they depend on."""
    return _reached(targets, lambda node_id: _sources(nodes.get(node_id))) & nodes.keys()


def _reached(starts: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    found = set(starts)
    waiting = list(found)
    while waiting:
        new = set(following(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def _sources(node: object) -> list[str]:
    """The nodes that one gets its inputs from, as far as it can be read."""
    given = mapping(mapping(node).get("inputs")).values()
    firsts = [cast("list[Any]", each)[:1] for each in given if isinstance(each, list)]
    return [source for first in firsts for source in first if isinstance(source, str)]


def _types(document: dict[str, Any]) -> dict[str, str]:
    """The node types by id, of a document in either format."""
    nodes = api_nodes(document)
    if nodes is None:
        return _types_of(mapping(document.get("nodes")), "type")
    return _types_of(nodes)


def _types_of(nodes: dict[str, Any], key: str = "class_type") -> dict[str, str]:
    return {node_id: str(mapping(node).get(key)) for node_id, node in nodes.items()}


def _is_output(description: Any) -> bool:
    return description is not None and description.effect


def node_errors(problems: Iterable[Problem], types: dict[str, str]) -> dict[str, Any]:
    """Problems by node, as ComfyUI's front end shows them on the canvas."""
    found: dict[str, Any] = {}
    for problem in problems:
        if problem.node is None:
            continue
        entry = found.setdefault(
            problem.node, {"errors": [], "dependent_outputs": [], "class_type": types.get(problem.node, "")}
        )
        entry["errors"].append(
            {
                "type": TYPES.get(problem.kind, problem.kind),
                "message": problem.message,
                "details": problem.hint or "",
                "extra_info": {"input_name": problem.socket, "pointer": problem.pointer},
            }
        )
    return found


def _refusal(error: NodegraphError, body: dict[str, Any]) -> web.Response:
    """What is wrong, in ComfyUI's shape, and in ours beside it."""
    problems = error.problems if isinstance(error, InvalidGraph) else ()
    kind, status = error.kind, status_of(error)
    if isinstance(error, InvalidGraph):
        unknown = all(problem.kind == "unknown_type" for problem in problems)
        kind = "missing_node_type" if unknown else "prompt_outputs_failed_validation" if status == 422 else kind
        status = 400
    elif status in (422, 409) and not isinstance(error, Conflict):
        status = 400
    pointer = problems[0].pointer if problems else getattr(error, "pointer", "")
    message = str(problems[0]) if problems else str(error)
    said: dict[str, Any] = {"type": kind, "message": message, "pointer": pointer}
    said |= {"details": error.hint or "", "extra_info": {}}
    types = _types(mapping(body.get("prompt")))
    answer: dict[str, Any] = {"error": said, "node_errors": node_errors(problems[:MOST_TOLD], types)}
    wait = getattr(error, "retry_after", None)
    headers = {"Retry-After": str(max(1, round(wait)))} if wait is not None else {}
    return as_json(fault(kind, message, pointer, error.hint, problems) | answer, status, headers)


async def get_prompt(request: web.Request) -> web.StreamResponse:
    return as_json({"exec_info": {"queue_remaining": await request.app[STATE].jobs.remaining()}})


def entry_of(job: Job, submitted: Submitted, outputs: list[str]) -> list[Any]:
    """A job as the queue and the history list it."""
    return [job.number, job.id, submitted.document, {**submitted.extra_data, "client_id": job.client}, outputs]


def outputs_of(state: State, submitted: Submitted) -> list[str]:
    """The ids of the nodes whose outputs a job is run for."""
    if submitted.targets or state.known is None:
        return submitted.targets or []
    nodes = state.known.catalogue.nodes
    return [node_id for node_id, kind in _types(submitted.document).items() if _is_output(nodes.get(kind))]


async def get_queue(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    jobs = await state.jobs.live(1000)
    documents = await state.jobs.documents([job.id for job in jobs])
    lists: dict[str, list[Any]] = {"queue_running": [], "queue_pending": []}
    for job in jobs:
        if submitted := documents.get(job.id):
            kind = "queue_running" if job.state == "running" else "queue_pending"
            lists[kind].append(entry_of(job, submitted, outputs_of(state, submitted)))
    return as_json(lists)


async def post_queue(request: web.Request) -> web.StreamResponse:
    """Take jobs out of the queue: all that wait, or those named."""
    state = request.app[STATE]
    body = await read_object(request)
    if body.get("clear") is True:
        await state.jobs.clear()
    for job in names_in(body, "delete"):
        await state.jobs.withdraw(job)
    return web.Response()


def names_in(body: dict[str, Any], key: str) -> list[str]:
    names = body.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in cast("list[Any]", names)):
        raise Refused(400, "bad_request", f"expected a list of ids under {key!r}", pointer=f"/{key}")
    return cast("list[str]", names)


async def interrupt(request: web.Request) -> web.StreamResponse:
    """Cancel the job of an id, if it runs, or all that run."""
    state = request.app[STATE]
    wanted = (await read_object(request)).get("prompt_id")
    for job in await state.jobs.live(0):
        if wanted in (None, job.id):
            await state.jobs.cancel(job.id)
    return web.Response()


async def free(request: web.Request) -> web.StreamResponse:
    request.app[STATE].supervisor.free()
    return web.Response()


ROUTES = (
    ("POST", "/prompt", post_prompt),
    ("GET", "/prompt", get_prompt),
    ("GET", "/queue", get_queue),
    ("POST", "/queue", post_queue),
    ("POST", "/interrupt", interrupt),
    ("POST", "/free", free),
)
