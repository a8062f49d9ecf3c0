"""The nodes as ComfyUI's clients know them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from ...catalogue import Description
from ...files import list_files
from ...folders import MODELS
from ...sockets import Input
from ...widgets import LARGEST_SEED, Choice, File, Multiline, Range, Seed, Text, Toggle
from ..answers import STATE, Refused, as_json

# Socket types that ComfyUI has too; others keep their name.
TYPES = {
    "Model": "MODEL", "TextEncoder": "CLIP", "Vae": "VAE", "Conditioning": "CONDITIONING", "Latent": "LATENT",
    "ControlNet": "CONTROL_NET", "Image": "IMAGE", "Mask": "MASK", "Sigmas": "SIGMAS", "int": "INT", "float": "FLOAT",
    "str": "STRING", "bool": "BOOLEAN", "Any": "*",
}  # fmt: skip
# ComfyUI calls an output of these by its type.
CARRIED = frozenset(TYPES.values()) - {"INT", "FLOAT", "STRING", "BOOLEAN", "*"}
Names = Callable[[str], Sequence[str]]


def type_of(name: str) -> str:
    """ComfyUI's name of a socket type; a union is its members with commas between."""
    members = [TYPES.get(part, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", part).upper()) for part in name.split(" | ")]
    return ",".join(members)


def object_info(node: Description, names: Names) -> dict[str, Any]:
    """A node as `/object_info` describes it; `names` gives the files in a folder."""
    required = {name: _input(socket, names) for name, socket in node.inputs.items() if not socket.nullable}
    optional = {name: _input(socket, names) for name, socket in node.inputs.items() if socket.nullable}
    types = [type_of(output.type) for output in node.outputs.values()]
    inputs: dict[str, Any] = {"required": required} | ({"optional": optional} if optional else {})
    if node.effect:
        inputs["hidden"] = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
    return {
        "input": inputs,
        "input_order": {kind: list(sockets) for kind, sockets in inputs.items()},
        "output": types,
        "output_is_list": [False] * len(types),
        "output_name": [
            kind if kind in CARRIED and types.count(kind) == 1 else name
            for name, kind in zip(node.outputs, types, strict=True)
        ],
        "name": node.name,
        "display_name": node.title,
        "description": node.docs,
        "python_module": "nodes" if node.pack == "nodes" else f"custom_nodes.{node.pack}",
        "category": node.category,
        "output_node": node.effect,
    }


def _input(socket: Input, names: Names) -> list[Any]:
    options: dict[str, Any] = {"tooltip": socket.help} if socket.help else {}
    if socket.default is not None:
        options["default"] = socket.default
    match socket.widget:
        case Choice():
            return [list(socket.widget.choices), options]
        case File():
            upload = {"image_upload": True} if socket.widget.folder == "input" else {}
            return [list(names(socket.widget.folder)), options | upload]
        case Seed():
            bounds = {"min": 0, "max": LARGEST_SEED, "control_after_generate": True}
            return ["INT", {"default": 0, **options, **bounds}]
        case Range():
            bounds = {"min": socket.widget.min, "max": socket.widget.max, "step": socket.widget.step}
            return ["INT" if socket.widget.whole else "FLOAT", options | _given(bounds)]
        case Toggle():
            return ["BOOLEAN", options]
        case Multiline():
            return ["STRING", options | {"multiline": True}]
        case Text():
            return ["STRING", options | {"multiline": False}]
        case None:
            return [type_of(socket.type), options]
        case _:
            return ["STRING", options]


def _given(bounds: dict[str, float | None]) -> dict[str, float]:
    return {name: bound for name, bound in bounds.items() if bound is not None}


async def get_objects(request: web.Request) -> web.StreamResponse:
    """All nodes, or the one that the path names; a name that is none gives `{}`."""
    state = request.app[STATE]
    nodes = (await state.nodes()).catalogue.nodes
    wanted = request.match_info.get("name")
    chosen = list(nodes.values()) if wanted is None else [nodes[wanted]] if wanted in nodes else []

    def describe() -> dict[str, Any]:
        listed: dict[str, Sequence[str]] = {}

        def names(folder: str) -> Sequence[str]:
            if folder not in listed:
                listed[folder] = list_files(folder, state.folders)
            return listed[folder]

        return {node.name: object_info(node, names) for node in chosen}

    return as_json(await asyncio.to_thread(describe))


async def get_models(request: web.Request) -> web.StreamResponse:
    """The folders of models, or the files in the one that the path names."""
    folder = request.match_info.get("folder")
    if folder is None:
        return as_json(list(MODELS))
    if folder not in MODELS:
        raise Refused(404, "unknown_folder", "there is no such folder of models")
    return as_json(await asyncio.to_thread(list_files, folder, request.app[STATE].folders))


async def get_embeddings(request: web.Request) -> web.StreamResponse:
    names = await asyncio.to_thread(list_files, "embeddings", request.app[STATE].folders)
    return as_json([name.rpartition(".")[0] or name for name in names])


ROUTES = (
    ("GET", "/object_info", get_objects),
    ("GET", "/object_info/{name}", get_objects),
    ("GET", "/models", get_models),
    ("GET", "/models/{folder}", get_models),
    ("GET", "/embeddings", get_embeddings),
)
