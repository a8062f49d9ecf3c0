"""ComfyUI's way to look at files and to send them: by type, subfolder and name, all looked up as strings."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from ...document import read_document
from ...errors import InvalidGraph, MissingFile, NodegraphError
from ...service.records import Asset, mapping
from ..answers import STATE, Refused, as_json
from ..files import file_answer, input_path, input_type, keep_upload, output_path, small_picture
from ..pictures import BadPicture, masked
from ..state import State

MOST_PARTS = 16
LONGEST_FIELD = 4096
PREVIEW_SIZE = 512


async def view(request: web.Request) -> web.StreamResponse:
    """A file that a job made or a client sent. `preview` asks for a small JPEG of it."""
    state, query = request.app[STATE], request.query
    path, media_type, name = await _found(state, query)
    if query.get("preview"):
        return await small_picture(path, PREVIEW_SIZE)
    return file_answer(path, media_type, name)


async def _found(state: State, query: Any) -> tuple[Any, str, str]:
    name = "/".join(part for part in (query.get("subfolder", ""), query.get("filename", "")) if part)
    kind = query.get("type", "output")
    if kind == "input":
        return await input_path(state, name), await input_type(state, name), name
    assets: list[Asset] = await state.jobs.assets_named(kind, name)
    if not assets:
        raise MissingFile("there is no such file")
    return await output_path(state, assets[0]), assets[0].output.media_type, name


async def upload(request: web.Request) -> web.StreamResponse:
    """A picture, kept in the input folder under a name like its own."""
    content, name, fields = await _form(request)
    state = request.app[STATE]
    kept = await keep_upload(state, content, name, fields.get("subfolder", ""), _yes(fields))
    return _kept(kept.name)


async def upload_mask(request: web.Request) -> web.StreamResponse:
    """A mask for a picture that is here: the picture is kept once more, with the mask's alpha."""
    content, name, fields = await _form(request)
    state = request.app[STATE]
    try:
        original = mapping(read_document(fields.get("original_ref", "")))
    except InvalidGraph as error:
        raise Refused(400, "bad_request", "original_ref must be a JSON object") from error
    query = {key: str(value) for key, value in original.items()}
    path, _, _ = await _found(state, query)
    under = await asyncio.to_thread(path.read_bytes)
    try:
        content = await masked(under, content, state.settings.bounds.upload_pixels)
    except BadPicture as error:
        raise Refused(422, "bad_picture", str(error)) from error
    kept = await keep_upload(state, content, name, fields.get("subfolder", ""), _yes(fields))
    return _kept(kept.name)


def _yes(fields: dict[str, str]) -> bool:
    return fields.get("overwrite", "").lower() in ("true", "1")


def _kept(name: str) -> web.Response:
    subfolder, _, plain = name.rpartition("/")
    return as_json({"name": plain, "subfolder": subfolder, "type": "input"})


async def _form(request: web.Request) -> tuple[bytes, str, dict[str, str]]:
    """The picture in a form, its name, and the other fields; Refused for one that is too large or has none."""
    bounds = request.app[STATE].settings.bounds
    if request.content_type != "multipart/form-data":
        raise Refused(415, "unsupported_media_type", "expected multipart/form-data")
    if (request.content_length or 0) > bounds.upload + MOST_PARTS * LONGEST_FIELD:
        raise Refused(413, "too_large", f"a form of {request.content_length} bytes; at most {bounds.upload} are taken")
    content, name = b"", ""
    fields: dict[str, str] = {}
    try:
        reader = await request.multipart()
        for _ in range(MOST_PARTS + 1):
            part = await reader.next()
            if part is None:
                break
            if not isinstance(part, BodyPartReader) or len(fields) == MOST_PARTS:
                raise Refused(400, "bad_request", "expected a plain form of a few fields")
            if part.name == "image":
                name, content = part.filename or "picture.png", await _read(part, bounds.upload)
            elif part.name:
                fields[part.name] = (await _read(part, LONGEST_FIELD)).decode("utf-8", "replace")
        else:
            raise Refused(400, "bad_request", f"a form of more than {MOST_PARTS} fields")
    except NodegraphError:
        raise
    except (HttpProcessingError, ValueError, AssertionError, RuntimeError, KeyError) as error:
        raise Refused(400, "bad_request", "the form cannot be read") from error
    if not content:
        raise Refused(400, "bad_request", "expected a picture in the field 'image'")
    if fields.get("type", "input") not in ("input", "temp", "output"):
        raise Refused(400, "bad_request", "type: expected input")
    return content, name, fields


async def _read(part: BodyPartReader, most: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await part.read_chunk(1 << 16):
        size += len(piece)
        if size > most:
            raise Refused(413, "too_large", f"a field of more than {most} bytes")
        pieces.append(piece)
    return b"".join(pieces)


ROUTES = (
    ("GET", "/view", view),
    ("POST", "/upload/image", upload),
    ("POST", "/upload/mask", upload_mask),
)
