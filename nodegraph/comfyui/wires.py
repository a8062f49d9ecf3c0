"""The wires of a canvas: what an input gets, through reroutes, primitives and the borders of subgraphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..document import Mode
from ..report import Object
from .native import Place
from .shapes import NOTHING, Item, Point, listed, located, mapping, name_of, objects, point_of, text_of

# The nodes that stand for the inputs and the outputs of a subgraph in its own links.
INSIDE_INPUTS, INSIDE_OUTPUTS = "-10", "-20"
# More dots than these a wire does not keep, so that what is read is no larger than what was written.
MOST_DOTS = 100


class Wire(NamedTuple):
    """A link: from which output of which node to which input, and the dot on it that is nearest to the input."""

    origin: str
    slot: int
    target: str
    target_slot: int
    dot: str | None


class Scope:
    """The nodes and wires of the workflow, or of one use of a subgraph, whose node is `instance` in `outer`.

    `shift` is what is added to the positions in it. `inner` has the uses of subgraphs by node id.
    """

    def __init__(
        self, body: Object, place: Place, items: Mapping[str, Item], outer: Scope | None, instance: Item | None
    ) -> None:
        self.body, self.place, self.items, self.outer, self.instance = body, place, items, outer, instance
        self.prefix = f"{outer.prefix}{instance.id}:" if outer and instance else ""
        self.inner: dict[str, Scope] = {}
        self.wires = dict(_wires(body))
        self.dots = dict(_dots(body))
        self.ends = {wire.target_slot: link for link, wire in self.wires.items() if wire.target == INSIDE_OUTPUTS}
        self.shift = _shift(items, outer, instance)
        # What comes in by each of the subgraph's inputs.
        self.entries = list(_entries(body, outer, instance)) if outer and instance else []
        # What is in a muted subgraph is muted.
        self.muted = bool(outer and instance and outer.mode_of(instance) == "mute")

    def mode_of(self, item: Item) -> Mode | None:
        return "mute" if self.muted else item.mode

    def shifted(self, point: Point) -> list[float]:
        return [point[0] + self.shift[0], point[1] + self.shift[1]]

    def dots_of(self, wire: Wire) -> list[list[float]]:
        """The dots on a wire, from its origin on."""
        found: list[list[float]] = []
        at, seen = wire.dot, set[str]()
        while at is not None and at in self.dots and at not in seen and len(found) < MOST_DOTS:
            seen.add(at)
            point, before = self.dots[at]
            found.append(self.shifted(point))
            at = before
        return found[::-1]


class Source(NamedTuple):
    """An output of a node, by its place, and the dots on the way from it."""

    scope: Scope
    item: Item
    slot: int
    dots: tuple[list[float], ...] = ()


class Given(NamedTuple):
    """The value of a primitive or of a subgraph's own widget, and what happens to it after each run."""

    value: object
    control: object = None
    owner: str | None = None


End = Source | Given | None


class Onward(NamedTuple):
    """Another link to follow."""

    scope: Scope
    link: object


class Wires:
    """Follows wires back to where they come from; each is followed once."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], End] = {}

    def follow(self, scope: Scope, link: object) -> End:
        """What a link brings; None if it leads to nothing, as ComfyUI takes it too."""
        path: list[tuple[tuple[str, str], list[list[float]]]] = []
        found: End = None
        on_path: set[tuple[str, str]] = set()
        while (name := name_of(link)) is not None:
            key = (scope.prefix, name)
            if key in self.known or key in on_path:
                found = self.known.get(key)
                break
            on_path.add(key)
            dots, step = _step(scope, name)
            path.append((key, dots))
            if not isinstance(step, Onward):
                found = step
                break
            scope, link = step
        for key, dots in reversed(path):
            if isinstance(found, Source):
                found = found._replace(dots=(*found.dots, *dots)[-MOST_DOTS:])
            self.known[key] = found
        return found


def _step(scope: Scope, link: str) -> tuple[list[list[float]], Onward | End]:
    """The dots on a wire, and where it comes from: a link to go on with, or the end."""
    wire = scope.wires.get(link)
    if wire is None:
        return [], None
    dots = scope.dots_of(wire)
    if wire.origin == INSIDE_INPUTS and scope.outer:
        return dots, scope.entries[wire.slot] if 0 <= wire.slot < len(scope.entries) else None
    item = scope.items.get(wire.origin)
    if item is None:
        return dots, None
    if item.type == "Reroute":
        at = item.center
        return [*([scope.shifted(at)] if at else []), *dots], Onward(
            scope, next(iter(item.inputs), NOTHING).get("link")
        )
    if item.type == "PrimitiveNode":
        value, control = (*item.values[:2], None, None)[:2]
        return dots, Given(value, control, f"{scope.prefix}{item.id}") if item.values else None
    if item.id in scope.inner:
        return dots, Onward(scope.inner[item.id], scope.inner[item.id].ends.get(wire.slot))
    return dots, Source(scope, item, wire.slot)


def _entries(body: Object, outer: Scope, instance: Item) -> Iterator[Onward | End]:
    """What comes into a subgraph by each of its inputs: by a link, or from the widget of its node's."""
    links: dict[str, object] = {}
    widgets: dict[str, int] = {}
    place = 0
    for each in instance.inputs:
        name = text_of(each.get("name"))
        if name is not None:
            links.setdefault(name, each.get("link"))
        if "widget" in each:
            if name is not None:
                widgets.setdefault(name, place)
            place += 1
    for declared in objects(body.get("inputs")):
        name = text_of(declared.get("name")) or ""
        value = next(iter(instance.values[widgets[name] :][:1]), None) if name in widgets else None
        if links.get(name) is not None:
            yield Onward(outer, links[name])
        else:
            yield None if value is None else Given(value)


def _wires(body: Object) -> Iterator[tuple[str, Wire]]:
    """The links by id: lists in the older format, objects in the newer; those that are neither are passed over."""
    named = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    apart = {name_of(each.get("id")): each.get("parentId") for each in objects(_extra(body).get("linkExtensions"))}
    for link in listed(body.get("links")):
        row = listed(link)[:5] or [mapping(link).get(key) for key in named]
        if len(row) < len(named):
            continue
        name, origin, target = name_of(row[0]), name_of(row[1]), name_of(row[3])
        if name is not None and origin is not None and target is not None:
            dot = apart.get(name, mapping(link).get("parentId"))
            slot, target_slot = (each if isinstance(each, int) else -1 for each in (row[2], row[4]))
            yield name, Wire(origin, slot, target, target_slot, name_of(dot))


def _dots(body: Object) -> Iterator[tuple[str, tuple[Point, str | None]]]:
    """The dots by id: where each is, and the one before it."""
    for dot in (*objects(body.get("reroutes")), *objects(_extra(body).get("reroutes"))):
        name, at = name_of(dot.get("id")), point_of(dot.get("pos"))
        if name is not None and at is not None:
            yield name, (at, name_of(dot.get("parentId")))


def _extra(body: Object) -> Object:
    return mapping(body.get("extra"))


def _shift(items: Mapping[str, Item], outer: Scope | None, instance: Item | None) -> Point:
    """What puts the nodes of a subgraph where its own node is."""
    at = located(instance) if instance else None
    inside = [point for item in items.values() if (point := located(item))]
    if outer is None or at is None or not inside:
        return (0, 0)
    left, top = min(x for x, _ in inside), min(y for _, y in inside)
    return (outer.shift[0] + at[0] - left, outer.shift[1] + at[1] - top)
