"""The nodes, the devices, and whether a workflow is sound."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ...document import json_schema
from ...errors import InvalidGraph
from ...files import list_files
from ..answers import Refused, as_json, beneath
from ..guard import COOKIE, is_same
from ..routes import ANYTHING, COUNT, TEXT, Call, Route

OBJECT = {"type": "object"}


async def catalogue(call: Call) -> web.StreamResponse:
    found = await call.state.nodes()
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "no-cache"}
    if call.request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(text=found.text, content_type="application/json", headers=headers)


async def schema(call: Call) -> web.StreamResponse:
    return as_json(json_schema((await call.state.nodes()).catalogue))


async def files(call: Call) -> web.StreamResponse:
    """The names that a file input may take, by folder."""
    folders = [name for name in call.state.folders if name not in ("output", "temp")]
    names = await asyncio.to_thread(lambda: {name: list_files(name, call.state.folders) for name in folders})
    return as_json({"files": names})


async def check(call: Call) -> web.StreamResponse:
    try:
        graph = await call.state.check(call.body["workflow"])
    except InvalidGraph as error:
        raise beneath(error, "/workflow") from error
    return as_json({"ok": True, "nodes": len(graph.nodes)})


async def devices(call: Call) -> web.StreamResponse:
    return as_json({"devices": [lane.to_json() for lane in call.state.supervisor.lanes.values()]})


async def free(call: Call) -> web.StreamResponse:
    call.state.supervisor.free()
    return as_json({"ok": True})


async def log_in(call: Call) -> web.StreamResponse:
    """Change the token into a cookie, for pages: a picture's address cannot carry a header."""
    state = call.state
    if state.token is None or not is_same(call.body["token"], state.token):
        raise Refused(401, "unauthorized", "that is not the token", pointer="/token")
    answer = as_json({"ok": True})
    answer.set_cookie(COOKIE, state.session, httponly=True, samesite="Strict", secure=call.request.secure, path="/")
    return answer


ROUTES = (
    Route("GET", "/catalogue", catalogue, "The nodes, and which outputs fit which inputs.", gives=OBJECT),
    Route("GET", "/schema", schema, "The JSON Schema of workflows made of these nodes.", gives=ANYTHING),
    Route("GET", "/files", files, "The files that nodes can read, by folder.", gives=OBJECT),
    Route(
        "POST", "/check", check, "Every problem of a workflow, without running it.",
        body={"type": "object", "required": ["workflow"], "properties": {"workflow": OBJECT}},
        gives={"type": "object", "required": ["ok", "nodes"], "properties": {"nodes": COUNT}}, refuses=(413, 422),
    ),
    Route("GET", "/devices", devices, "The devices, what they do and their memory.", gives=OBJECT),
    Route("POST", "/devices/free", free, "Let go of models and results that are kept in memory.", gives=OBJECT),
    Route(
        "POST", "/session", log_in, "Change the token into a cookie, for pages.",
        body={"type": "object", "required": ["token"], "properties": {"token": TEXT}}, gives=OBJECT,
        refuses=(413,), most=4096,
    ),
)  # fmt: skip
