"""How large a graph may be: looked at before a job is accepted."""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Any, cast

from ..comfyui import api_nodes, canvas_of, in_original
from ..errors import InvalidGraph, Problem
from ..graph import Graph, Node
from ..report import Object, pointer
from .settings import Bounds

BATCHES = ("batch_size", "amount", "length")


def check_count(document: object, bounds: Bounds) -> None:
    """InvalidGraph for a document of too many nodes or links, before it is looked at any closer."""
    canvas: Any = canvas_of(document) or document
    top: Object = cast("Object", canvas) if isinstance(canvas, dict) else {}
    parts = (
        ("nodes", api_nodes(document) or top.get("nodes"), bounds.nodes),
        ("links", top.get("links"), bounds.links),
    )
    for noun, part, most in parts:
        count = len(cast("Sized", part)) if isinstance(part, dict | list) else 0
        if count > most:
            raise InvalidGraph(in_original([_too_many(count, most, noun)], document))


def check_size(graph: Graph, document: object, bounds: Bounds) -> None:
    """InvalidGraph with every literal that asks for too much; a pack's own defaults are taken to be sound.

    `document` is what the graph was parsed from, where the problems' pointers resolve.
    """
    problems: list[Problem] = []
    if len(graph.nodes) > bounds.nodes:  # a subgraph of ComfyUI's may be used many times
        problems.append(_too_many(len(graph.nodes), bounds.nodes, "nodes"))
    links = sum(len(node.links) for node in graph.nodes.values())
    if links > bounds.links:
        problems.append(_too_many(links, bounds.links, "links"))
    for node in graph.nodes.values():
        problems += _of_node(node, bounds)
    if problems:
        raise InvalidGraph(in_original(problems, document))


def _of_node(node: Node, bounds: Bounds) -> list[Problem]:
    found: list[Problem] = []

    def beyond(name: str, most: float, unit: str) -> None:
        value = node.literals.get(name)
        if _number(value) and value > most:  # pyright: ignore[reportOperatorIssue, reportOptionalOperand] -- a number
            found.append(_problem(node, name, f"at most {most:g} {unit}", f"{value}"))

    for name in ("width", "height"):
        beyond(name, bounds.side, "pixels")
    for name in BATCHES:
        beyond(name, bounds.batch, "at once")
    beyond("steps", bounds.steps, "steps")
    sizes = [node.values[name] for name in ("width", "height", "batch_size") if _number(node.values.get(name))]
    if "width" in node.literals and math.prod(sizes) > bounds.pixels:
        found.append(_problem(node, "width", f"at most {bounds.pixels:,} pixels in all", f"{math.prod(sizes):,}"))
    for name, value in node.literals.items():
        if isinstance(value, str) and len(value) > bounds.text:
            found.append(_problem(node, name, f"at most {bounds.text} characters", f"{len(value)}"))
    return found


def _too_many(count: int, most: int, noun: str) -> Problem:
    return Problem(None, None, f"{count} {noun}; at most {most} are run", kind="out_of_range")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _problem(node: Node, name: str, expected: str, got: str) -> Problem:
    message = f"expected {expected}, got {got}; the server's limit"
    return Problem(
        node.id, name, message, pointer("nodes", node.id, "values", name), expected, got, kind="out_of_range"
    )
