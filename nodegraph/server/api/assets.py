"""Assets: what jobs made and clients sent, by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from ...picture import BadPicture, workflow_in
from ..answers import Refused, as_json
from ..files import SHOWN, file_answer, input_path, keep_upload, output_path, read_upload, small_picture
from ..guard import PICTURES
from ..routes import ANYTHING, TEXT, Call, Route

OBJECT = {"type": "object"}
LARGEST_THUMBNAIL = 1024
SERVED = ("application/octet-stream", *sorted(SHOWN))


async def found(call: Call) -> tuple[dict[str, Any], Path, str]:
    """What an id stands for: its facts, its file, and its name."""
    state, identifier = call.state, call.path["id"]
    asset = await state.jobs.asset(identifier)
    if asset is not None:
        return {"job": asset.job, **asset.to_json()}, await output_path(state, asset), asset.output.name
    upload = await state.uploads.get(identifier)
    if upload is not None:
        return upload.to_json(), await input_path(state, upload.name), upload.name
    raise Refused(404, "unknown_asset", "there is no asset of this id")


async def view(call: Call) -> web.StreamResponse:
    facts, path, name = await found(call)
    return file_answer(path, facts["media_type"], name)


async def small(call: Call) -> web.StreamResponse:
    _, path, _ = await found(call)
    return await small_picture(path, call.query.get("size", 256))


async def metadata(call: Call) -> web.StreamResponse:
    """The facts of an asset, and the workflow that it carries."""
    import asyncio

    facts, path, _ = await found(call)

    def workflow() -> object:
        try:
            return workflow_in(path.read_bytes())
        except BadPicture:
            return None

    is_png = facts["media_type"] == "image/png"
    return as_json(facts | {"workflow": await asyncio.to_thread(workflow) if is_png else None})


async def upload(call: Call) -> web.StreamResponse:
    """A picture as the body itself: `Content-Type: image/png` or another; see `name` for what LoadImage takes."""
    content = await read_upload(call.request, call.state)
    kept = await keep_upload(call.state, content, call.query.get("name", "picture"))
    return as_json(kept.to_json())


SIZE = {"type": "integer", "minimum": 16, "maximum": LARGEST_THUMBNAIL}
ASSET = {"type": "object", "required": ["id", "name", "media_type"], "properties": {"id": TEXT, "name": TEXT}}
ROUTES = (
    Route("POST", "/assets", upload, "Send a picture: PNG, JPEG or WebP.", query={"name": TEXT}, gives=ASSET,
          raw=PICTURES, refuses=(409, 413, 422, 507)),
    Route("GET", "/assets/{id}", view, "The file.", gives=ANYTHING, files=SERVED, refuses=(404,)),
    Route("GET", "/assets/{id}/thumbnail", small, "A small JPEG of a picture.", query={"size": SIZE},
          files=("image/jpeg",), refuses=(404,)),
    Route("GET", "/assets/{id}/metadata", metadata, "What is known of it, and its workflow.", gives=ASSET,
          refuses=(404,)),
)  # fmt: skip
