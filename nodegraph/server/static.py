"""The files of a front end."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from pathlib import Path

from aiohttp import web

from ..errors import Rejected
from ..files import find_file
from .answers import as_json

FOLDER = "web"
# What the system's table may lack, or have wrong.
TYPES = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".wasm": "application/wasm",
    ".svg": "image/svg+xml", ".json": "application/json", ".woff2": "font/woff2", ".html": "text/html",
}  # fmt: skip


def canvas() -> Path | None:
    """Where our own front end lies: within the package in a wheel, beside it in a checkout; None if nobody built it."""
    package = Path(__file__).parents[1]
    places = (package / "web", package.parent / "web" / "dist")
    return next((place for place in places if (place / "index.html").is_file()), None)


def add_front_end(app: web.Application, given: Path | None) -> None:
    """Serve the files below a folder at `/`, by default the canvas; without any, a short answer tells what this is."""
    root, names = given, ".+"
    if root is None and (root := canvas()) is not None:
        # Its few files are known, so that every other address stays what it is.
        names = "|".join(re.escape(path.relative_to(root).as_posix()) for path in root.rglob("*") if path.is_file())
    for ending, kind in TYPES.items():
        mimetypes.add_type(kind, ending)
    app.router.add_get("/api/{rest:.*}", unknown)  # or the files would answer, and not in JSON
    if root is None:
        app.router.add_get("/", hello, name="front_end")
        return
    folders = {FOLDER: (root,)}

    async def file(request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        if any(part.startswith(".") for part in name.split("/")):
            raise web.HTTPNotFound
        try:
            path = await asyncio.to_thread(find_file, name, FOLDER, folders)
        except Rejected as error:
            raise web.HTTPNotFound from error
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    app.router.add_get("/", file, name="front_end")
    app.router.add_get(f"/{{name:{names}}}", file, name="front_end_file")


async def unknown(request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


async def hello(request: web.Request) -> web.StreamResponse:
    return as_json({"nodegraph": "/api/v1/openapi.json"})
