"""Canvases as ComfyUI saves them, drawn by hand."""

from typing import Any

LONG_LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def box(number: int | str, kind: str, *values: Any, links: dict[str, int | None] | None = None, **more: Any) -> Any:
    """A node on the canvas, with its widgets' values and its inputs' links."""
    inputs = [{"name": name, "type": "*", "link": link} for name, link in (links or {}).items()]
    return {"id": number, "type": kind, "inputs": inputs, "widgets_values": list(values), "mode": 0, **more}


def canvas(nodes: list[Any], links: list[Any], **more: Any) -> dict[str, Any]:
    return {"last_node_id": 9, "nodes": nodes, "links": links, "version": 0.4, **more}


def long(*row: Any) -> dict[str, Any]:
    return dict(zip(LONG_LINK, row, strict=False))


def subgraph(name: str, nodes: list[Any], links: list[Any], inputs: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"id": name, "name": name, "nodes": nodes, "links": links, "inputs": [{"name": each} for each in inputs]}
