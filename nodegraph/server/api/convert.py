"""Whatever is a workflow, native or of ComfyUI, in a file or in a picture, as a native document to go on with."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...catalogue import Catalogue
from ...comfyui import read
from ...document import FORMAT
from ...errors import InvalidGraph, Problem
from ...parser import SHAPES, Drawn, Parser
from ...picture import AS_DRAWN, workflow_in
from ..answers import MOST_TOLD, as_json, beneath
from ..files import read_upload
from ..guard import PICTURES
from ..quota import check_count
from ..routes import ANYTHING, Call, Route


async def convert(call: Call) -> web.StreamResponse:
    """The native document, and what keeps it from being run: pointers are into what was sent."""
    state, place = call.state, "/workflow"
    if call.request.content_type in PICTURES:
        picture, place = await read_upload(call.request, state), ""
        document: object = await asyncio.to_thread(workflow_in, picture, AS_DRAWN)
    else:
        document = call.body["workflow"]
    catalogue = (await state.nodes()).catalogue

    def native() -> dict[str, Any]:
        check_count(document, state.settings.bounds)
        return openable(read(document, catalogue).document, catalogue)

    problems: tuple[Problem, ...] = ()
    try:
        workflow = await asyncio.to_thread(native)
    except InvalidGraph as error:
        raise beneath(error, place) from error
    try:
        await state.check(document)
    except InvalidGraph as error:
        problems = beneath(error, place).problems
    return as_json({"workflow": workflow, "problems": [problem.to_json() for problem in problems[:MOST_TOLD]]})


def openable(document: object, catalogue: Catalogue) -> dict[str, Any]:
    """A native document without what is not of the shape of a node; InvalidGraph if it has none of a workflow."""
    parser = Parser(catalogue, {})
    drawn, extras = parser.read(document)
    unreadable = [problem for problem in parser.problems if problem.pointer in ("", "/nodegraph")]
    if unreadable:
        raise InvalidGraph(unreadable)
    nodes = {node.id: _shape(node) for node in drawn.values() if isinstance(node.body.get("type"), str)}
    shaped = {key: extras[key] for key, kind, _ in SHAPES if isinstance(extras.get(key), kind)}
    return {"nodegraph": FORMAT, "nodes": nodes, **shaped}


def _shape(node: Drawn) -> dict[str, Any]:
    links = {name: f"{link.node}.{link.output}" for name, link in node.links.items()}
    parts = {"type": node.body["type"], "mode": node.mode, "values": dict(node.literals), "links": links}
    return {key: part for key, part in parts.items() if part or key == "type"}


BODY = {"type": "object", "required": ["workflow"], "additionalProperties": False, "properties": {"workflow": ANYTHING}}
CONVERTED = {
    "type": "object",
    "required": ["workflow", "problems"],
    "properties": {"workflow": {"type": "object"}, "problems": {"type": "array", "items": {"type": "object"}}},
}
ROUTES = (
    Route("POST", "/convert", convert, "Any workflow, or the picture that carries it, as a native document.",
          body=BODY, raw=PICTURES, gives=CONVERTED, refuses=(413, 422)),
)  # fmt: skip
