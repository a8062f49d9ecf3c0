"""Templates: the workflows that come along, to begin with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from ...about import about_file
from ...errors import MissingFile, did_you_mean, shown
from ...folders import shipped_workflows
from ..answers import as_json
from ..files import file_answer
from ..routes import ANYTHING, FLAG, TEXT, Call, Route
from .workflows import NAME, document_in

# Each one builds on those before it. What is not named here comes after the first ones, in the order of its name.
FIRST = (
    "text_to_image", "text_to_image_ksampler", "six_steps", "image_to_image", "inpaint", "hires_fix",
    "three_steps_unrolled", "kinds_of_noise",
)  # fmt: skip
TRAINING = ("pictures", "vae", "clip", "unet", "checkpoint", "clip_vision", "few_steps", "classifier", "evaluate")
LAST = tuple(f"training/{name}" for name in TRAINING)
TEMPLATE = {
    "type": "object",
    "required": ["name", "title", "about", "picture"],
    "properties": {"name": TEXT, "title": TEXT, "about": TEXT, "picture": FLAG},
}
TEMPLATES = {
    "type": "object",
    "required": ["templates"],
    "properties": {"templates": {"type": "array", "items": TEMPLATE}},
}


async def list_templates(call: Call) -> web.StreamResponse:
    return as_json({"templates": await asyncio.to_thread(described)})


async def read(call: Call) -> web.StreamResponse:
    name = call.path["name"]
    return as_json({"name": name, "workflow": await asyncio.to_thread(lambda: document_in(found(name).read_bytes()))})


async def picture(call: Call) -> web.StreamResponse:
    name = call.path["name"]
    path = await asyncio.to_thread(lambda: picture_of(name, found(name)))
    if path is None:
        raise MissingFile(f"the template {shown(name)} has no picture")
    return file_answer(path, "image/png", path.name)


def described() -> list[dict[str, Any]]:
    shipped = shipped_workflows()
    return [description(name, shipped[name]) for name in sorted(shipped, key=place)]


def description(name: str, path: Path) -> dict[str, Any]:
    title, text = about_file(path, name)
    return {"name": name, "title": title, "about": text, "picture": picture_of(name, path) is not None}


def place(name: str) -> tuple[int, int, str]:
    if name in FIRST:
        return 0, FIRST.index(name), name
    return (2, LAST.index(name), name) if name in LAST else (1, 0, name)


def found(name: str) -> Path:
    """Where a template is, looked up by its name and never joined from it; MissingFile."""
    shipped = shipped_workflows()
    if name not in shipped:
        raise MissingFile(f"there is no template {shown(name)}", hint=did_you_mean(name, shipped))
    return shipped[name]


def picture_of(name: str, path: Path) -> Path | None:
    """The picture of a template: `pictures/NAME.png` in the folder that has it as NAME.json."""
    picture = path.parents[name.count("/")] / "pictures" / f"{name}.png"
    return picture if picture.is_file() else None


ROUTES = (
    Route("GET", "/templates", list_templates, "The workflows that come along.", gives=TEMPLATES),
    Route("GET", f"/templates/{NAME}/picture", picture, "What a template makes.", files=("image/png",),
          gives=ANYTHING, refuses=(404,)),
    Route("GET", f"/templates/{NAME}", read, "A workflow that comes along.", refuses=(404, 422),
          gives={"type": "object", "required": ["name", "workflow"], "properties": {"name": TEXT}}),
)  # fmt: skip
