"""What a canvas looks like: places, titles, frames and notes, as the view of a native document has them."""

from __future__ import annotations

from typing import Any

from .shapes import Item, located, mapping, numbers, objects, point_of, text_of
from .wires import Scope

NOTE_SIZE = [210.0, 100.0]


def view_of(scope: Scope, item: Item) -> dict[str, Any]:
    """How a node is shown. Sizes are left out: ours are others."""
    at, title, color = located(item), text_of(item.body.get("title")), text_of(item.body.get("color"))
    collapsed = mapping(item.body.get("flags")).get("collapsed") is True
    parts = {
        "at": scope.shifted(at) if at else None,
        "title": title if title != item.type else None,
        "collapsed": collapsed or None,
        "color": color,
    }
    return {name: part for name, part in parts.items() if part is not None}


def note_of(scope: Scope, item: Item) -> dict[str, Any]:
    """A note on the canvas."""
    at, size = located(item), point_of(item.body.get("size"))
    texts = [*item.values, mapping(item.body.get("properties")).get("text")]
    text = next((each for each in texts if isinstance(each, str)), "")
    color = text_of(item.body.get("color"))
    note = {"text": text, "at": scope.shifted(at or (0, 0)), "size": list(size) if size else NOTE_SIZE}
    return note | ({"color": color} if color else {})


def frames_of(scope: Scope) -> dict[str, Any]:
    """The groups of a canvas, by number."""
    frames: dict[str, Any] = {}
    for index, group in enumerate(objects(scope.body.get("groups")), 1):
        box = numbers(group.get("bounding"), 4)
        if box is None:
            continue
        title, color = group.get("title"), text_of(group.get("color"))
        frame = {"title": title if isinstance(title, str) else "", "at": scope.shifted((box[0], box[1]))}
        frame |= {"size": box[2:], "color": color} if color else {"size": box[2:]}
        frames[f"{scope.prefix}{index}"] = frame
    return frames
