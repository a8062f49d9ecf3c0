"""Workflows on disk: list, read, save with their history."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from ...document import read_document
from ...errors import MalformedDocument
from ..answers import Refused, as_json
from ..routes import COUNT, TEXT, Call, Route

OBJECT = {"type": "object"}
NAME = "{name:[^/].*?}"
SAVE = {
    "type": "object",
    "required": ["workflow"],
    "additionalProperties": False,
    "properties": {"workflow": OBJECT, "version": {"type": "string", "maxLength": 64}},
}
MOVE = {
    "type": "object",
    "required": ["to"],
    "additionalProperties": False,
    "properties": {"to": TEXT, "version": {"type": "string", "maxLength": 64}},
}
SAVED = {
    "type": "object",
    "required": ["name", "version", "size", "at"],
    "properties": {"name": TEXT, "version": TEXT, "size": COUNT, "at": {"type": "number"}},
}


async def list_workflows(call: Call) -> web.StreamResponse:
    found = await asyncio.to_thread(call.state.library.list)
    return as_json({"workflows": [each.to_json() for each in found]})


async def read(call: Call) -> web.StreamResponse:
    saved, content = await asyncio.to_thread(call.state.library.read, call.path["name"])
    return as_json({**saved.to_json(), "workflow": await asyncio.to_thread(document_in, content)})


async def save(call: Call) -> web.StreamResponse:
    """Save a workflow, finished or not. With `version`, only if nobody else has changed it since."""
    content = json.dumps(call.body["workflow"], ensure_ascii=False, indent=2).encode()
    saved = await asyncio.to_thread(call.state.library.save, call.path["name"], content, call.body.get("version"))
    return as_json(saved.to_json())


async def move(call: Call) -> web.StreamResponse:
    """Give a workflow another name, and its versions along; with `version`, only if nobody has changed it since."""
    name, body = call.path["name"], call.body
    saved = await asyncio.to_thread(call.state.library.move, name, body["to"], body.get("version"))
    return as_json(saved.to_json())


async def delete(call: Call) -> web.StreamResponse:
    await asyncio.to_thread(call.state.library.delete, call.path["name"])
    return as_json({"deleted": call.path["name"]})


async def versions(call: Call) -> web.StreamResponse:
    found = await asyncio.to_thread(call.state.library.versions, call.path["name"])
    return as_json({"versions": [each.to_json() for each in found]})


async def read_version(call: Call) -> web.StreamResponse:
    content = await asyncio.to_thread(call.state.library.read_version, call.path["name"], call.path["number"])
    return as_json({"workflow": await asyncio.to_thread(document_in, content)})


def document_in(content: bytes) -> Any:
    """What a file says, which somebody may have written by hand."""
    try:
        return read_document(content)
    except MalformedDocument as error:
        raise Refused(422, error.kind, str(error)) from error


ROUTES = (
    Route("GET", "/workflows", list_workflows, "The saved workflows.", gives=OBJECT),
    Route("GET", f"/workflows/{NAME}/versions", versions, "What a workflow was before.", gives=OBJECT,
          refuses=(404, 422)),
    Route("GET", f"/workflows/{NAME}/versions/{{number}}", read_version, "A workflow as it was.", gives=OBJECT,
          refuses=(404, 422)),
    Route("GET", f"/workflows/{NAME}", read, "A saved workflow.", gives=SAVED, refuses=(404, 422)),
    Route("PUT", f"/workflows/{NAME}", save, "Save a workflow at once and wholly.", body=SAVE, gives=SAVED,
          refuses=(404, 409, 413, 422, 507)),
    Route("POST", f"/workflows/{NAME}/move", move, "Give a workflow another name.", body=MOVE, gives=SAVED,
          refuses=(404, 409, 413, 422, 507)),
    Route("DELETE", f"/workflows/{NAME}", delete, "Remove a workflow; its versions stay.", gives=OBJECT,
          refuses=(404, 422, 507)),
)  # fmt: skip
