"""Workflows in ComfyUI's formats become native documents: one file a format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from ..catalogue import Catalogue
from ..errors import Problem
from ..report import Object
from . import api
from .api import ApiReader, is_api
from .canvas import CanvasReader, Originals, is_canvas
from .native import Native, Place

__all__ = ["Native", "api_nodes", "canvas_of", "in_original", "is_canvas_format", "is_comfyui", "read"]


def read(document: object, catalogue: Catalogue) -> Native:
    """A workflow of ComfyUI's as a native document; anything else as it is, for the parser to judge."""
    for place, workflow in _candidates(document):
        if is_api(workflow):
            return ApiReader(workflow, catalogue, place).read()
        if is_canvas(workflow):
            return CanvasReader(workflow, catalogue, place).read()
    return Native(document)


def in_original(problems: Iterable[Problem], document: object) -> list[Problem]:
    """Problems found in the graph of a document, with pointers into the document whatever its format."""
    for place, workflow in _candidates(document):
        if is_api(workflow):
            return [replace(each, pointer=api.original(place, each.pointer)) for each in problems]
        if is_canvas(workflow):
            places = Originals(workflow, place)
            return [replace(each, pointer=places.original(each.pointer)) for each in problems]
    return list(problems)


def is_comfyui(document: object) -> bool:
    """Whether a document is a workflow of ComfyUI's, in whichever format."""
    return any(is_api(workflow) or is_canvas(workflow) for _, workflow in _candidates(document))


def canvas_of(document: object) -> Object | None:
    """A workflow as ComfyUI's canvas saves it; None if the document is none."""
    found = (workflow for _, workflow in _candidates(document) if not is_api(workflow) and is_canvas(workflow))
    return next(found, None)


def is_canvas_format(document: object) -> bool:
    return canvas_of(document) is not None


def api_nodes(document: object) -> dict[str, Any] | None:
    """The nodes of a workflow in API format by id, the very objects of the document; None if it is not in that."""
    return next((dict(workflow) for _, workflow in _candidates(document) if is_api(workflow)), None)


def _candidates(document: object) -> Iterator[tuple[Place, Object]]:
    """The objects that may be a workflow of ComfyUI's: clients post it under "prompt"."""
    if not isinstance(document, dict):
        return
    top = cast("Object", document)
    if type(top.get("nodegraph")) is int:
        return
    yield (), top
    if isinstance(top.get("prompt"), dict):
        yield ("prompt",), top["prompt"]
