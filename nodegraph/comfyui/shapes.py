"""The shapes of what a canvas says, read leniently: what is not of its shape counts as not there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from ..document import Mode
from ..report import Object

Point = tuple[float, float]
NOTHING: Object = {}
FURTHEST = 1e6  # positions beyond are a mistake, or meant to be one
REROUTE_SIZE = (75, 26)
MODES: Mapping[int, Mode] = {2: "mute", 4: "bypass"}
CONTAINER = 100


@dataclass(frozen=True)
class Item:
    """A node as the canvas has it, and its place in the list of nodes."""

    id: str
    index: int
    type: str
    body: Object

    @property
    def mode(self) -> Mode | None:
        given = self.body.get("mode")
        return MODES.get(given) if isinstance(given, int) else None

    @cached_property
    def inputs(self) -> list[Object]:
        return objects(self.body.get("inputs"))

    @cached_property
    def outputs(self) -> list[str]:
        """The outputs' names, which are their places where the canvas has no name for them that can be written."""
        named = [text_of(output.get("name")) for output in objects(self.body.get("outputs"))]
        count = Counter(named)
        fine = (name if name and "." not in name and count[name] == 1 else None for name in named)
        return [name or f"{slot}" for slot, name in enumerate(fine)]

    @cached_property
    def values(self) -> list[object]:
        return listed(self.body.get("widgets_values"))

    @property
    def center(self) -> Point | None:
        at, size = located(self), point_of(self.body.get("size")) or REROUTE_SIZE
        return (at[0] + size[0] / 2, at[1] + size[1] / 2) if at else None


def mapping(value: object) -> Object:
    return cast("Object", value) if isinstance(value, dict) else NOTHING


def listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def objects(value: object) -> list[Object]:
    """The items of a list, each as an object, so that they keep their places."""
    return [mapping(each) for each in listed(value)]


def name_of(value: object) -> str | None:
    """An id, which is a number or text, as text."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def text_of(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def numbers(value: object, count: int) -> list[float] | None:
    """The first numbers of a list, or of an object whose keys are "0", "1", …, as older files have them."""
    keyed = mapping(value)
    found: list[Any] = [keyed.get(str(place)) for place in range(count)] if keyed else listed(value)[:count]
    if len(found) < count:
        return None
    fine = all(type(each) in (int, float) and math.isfinite(each) and abs(each) <= FURTHEST for each in found)
    return found if fine else None


def weight(value: object) -> int:
    """How much there is of a value: its letters, and far more for each object and list, which are dear to read."""
    total, pending = 0, [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            total += CONTAINER
            pending += cast("Object", part).keys()
            pending += cast("Object", part).values()
        elif isinstance(part, list):
            total += CONTAINER
            pending += cast("list[object]", part)
        else:
            total += len(part) if isinstance(part, str) else 1
    return total


def point_of(value: object) -> Point | None:
    found = numbers(value, 2)
    return (found[0], found[1]) if found else None


def located(item: Item) -> Point | None:
    """Where a node is."""
    return point_of(item.body.get("pos"))
