"""What ComfyUI's front end keeps with the server, and what it asks about the machine."""

from __future__ import annotations

import json
import platform
import sys
from typing import Any

from aiohttp import web

from ...document import read_document
from ...service.process import total_memory
from ..answers import STATE, Refused, as_json, read_body, read_json

SETTINGS, USER = "settings/", "user/"
LARGEST = 4 << 20
LARGEST_SETTINGS = 256 << 10
# The server whose protocol this is; front ends ask for the version to know what they may use.
SPEAKS_LIKE = "0.33.0"


async def get_users(request: web.Request) -> web.StreamResponse:
    return as_json({"storage": "server", "migrated": True})


async def get_settings(request: web.Request) -> web.StreamResponse:
    """All settings, or the one that the path names (null if it is not set)."""
    shelf = request.app[STATE].shelf
    wanted = request.match_info.get("id")
    if wanted is not None:
        content = await shelf.get(SETTINGS + wanted)
        return as_json(None if content is None else read_document(content))
    names = [kept.name for kept in await shelf.names(SETTINGS)]
    found = {name.removeprefix(SETTINGS): await shelf.get(name) for name in names}
    return as_json({name: read_document(content) for name, content in found.items() if content is not None})


async def post_settings(request: web.Request) -> web.StreamResponse:
    shelf = request.app[STATE].shelf
    wanted = request.match_info.get("id")
    data: Any = await read_json(request, LARGEST_SETTINGS)
    if wanted is not None:
        data = {wanted: data}
    if not isinstance(data, dict):
        raise Refused(400, "bad_request", "expected a JSON object of settings")
    for name, value in data.items():  # pyright: ignore[reportUnknownVariableType] -- JSON is untyped
        await shelf.put(f"{SETTINGS}{name}", json.dumps(value).encode())
    return web.Response()


async def list_user_files(request: web.Request) -> web.StreamResponse:
    """The names below `dir`, with sizes and times if `full_info` asks for them; 404 if there are none."""
    query = request.query
    folder = query.get("dir", "").strip("/")
    start = f"{USER}{folder}/" if folder else USER
    recurse, full = query.get("recurse") == "true", query.get("full_info") == "true"
    found: list[Any] = []
    kept = await request.app[STATE].shelf.names(start)
    for each in kept:
        name = each.name.removeprefix(start)
        if "/" in name and not recurse:
            continue
        facts = {"path": name, "size": each.size, "modified": round(each.at * 1000), "created": round(each.at * 1000)}
        found.append(facts if full else name.split("/") if query.get("split") == "true" else name)
    if not kept:
        raise Refused(404, "not_found", "there is no such folder")
    return as_json(found)


def _name(request: web.Request, key: str = "file") -> str:
    name = request.match_info[key]
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise Refused(400, "bad_request", "expected a plain relative name")
    return USER + name


async def get_user_file(request: web.Request) -> web.StreamResponse:
    content = await request.app[STATE].shelf.get(_name(request))
    if content is None:
        raise Refused(404, "not_found", "there is no such file")
    # Whatever is in it, a browser shall not take it for a page.
    headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)


async def post_user_file(request: web.Request) -> web.StreamResponse:
    """Keep a file; with `overwrite=false` only if there is none of that name."""
    shelf, name = request.app[STATE].shelf, _name(request)
    content = await read_body(request, LARGEST)
    if request.query.get("overwrite") == "false" and await shelf.get(name) is not None:
        raise Refused(409, "conflict", "there is a file of this name")
    kept = await shelf.put(name, content)
    facts = {"path": name.removeprefix(USER), "size": kept.size, "modified": round(kept.at * 1000)}
    return as_json(facts if request.query.get("full_info") == "true" else facts["path"])


async def delete_user_file(request: web.Request) -> web.StreamResponse:
    if not await request.app[STATE].shelf.remove(_name(request)):
        raise Refused(404, "not_found", "there is no such file")
    return web.Response(status=204)


async def move_user_file(request: web.Request) -> web.StreamResponse:
    shelf, name, other = request.app[STATE].shelf, _name(request), _name(request, "other")
    if request.query.get("overwrite") == "false" and await shelf.get(other) is not None:
        raise Refused(409, "conflict", "there is a file of this name")
    if not await shelf.rename(name, other):
        raise Refused(404, "not_found", "there is no such file")
    return as_json(other.removeprefix(USER))


async def system_stats(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    total = total_memory()
    devices: list[dict[str, Any]] = []
    for index, lane in enumerate(state.supervisor.lanes.values()):
        memory = lane.memory
        size, free = memory.get("device_total", total), memory.get("device_free", total)
        kind = "cuda" if "device_total" in memory else "cpu"
        vram = {"vram_total": size, "vram_free": free, "torch_vram_total": size, "torch_vram_free": free}
        devices.append({"name": lane.device, "type": kind, "index": index, **vram})
    system: dict[str, Any] = {
        "os": sys.platform,
        "ram_total": total,
        "ram_free": total - sum(lane.memory.get("resident", 0) for lane in state.supervisor.lanes.values()),
        "comfyui_version": SPEAKS_LIKE,
        "python_version": platform.python_version(),
        "pytorch_version": "",
        "embedded_python": False,
        "argv": [],
    }
    return as_json({"system": system, "devices": devices})


async def nothing(request: web.Request) -> web.StreamResponse:
    return as_json({})


async def no_items(request: web.Request) -> web.StreamResponse:
    return as_json([])


ROUTES = (
    ("GET", "/users", get_users),
    ("GET", "/settings", get_settings),
    ("POST", "/settings", post_settings),
    ("GET", "/settings/{id}", get_settings),
    ("POST", "/settings/{id}", post_settings),
    ("GET", "/userdata", list_user_files),
    ("GET", "/userdata/{file}", get_user_file),
    ("POST", "/userdata/{file}", post_user_file),
    ("DELETE", "/userdata/{file}", delete_user_file),
    ("POST", "/userdata/{file}/move/{other}", move_user_file),
    ("GET", "/system_stats", system_stats),
    ("GET", "/features", nothing),
    ("GET", "/i18n", nothing),
    ("GET", "/workflow_templates", nothing),
    ("GET", "/global_subgraphs", nothing),
    ("GET", "/extensions", no_items),
)
